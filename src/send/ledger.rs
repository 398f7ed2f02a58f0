//! The sent batches that are not confirmed yet, and what is proven of them. Pure: no I/O, and no
//! clock but the instants handed in.
//!
//! All batches form one stream; an offset into it never changes, whatever happens to
//! connections. Three offsets only grow, save that a broken connection takes `written` back:
//!
//! ```text
//!     confirmed        written          end
//! ────────┼────────────────┼─────────────┼──►
//!  freed  │ resend window  │ still to go │
//! ```
//!
//! `confirmed` always lies between two frames, and a new connection begins there: whole frames
//! are sent again, byte for byte the same.

use std::collections::VecDeque;
use std::time::Instant;

use super::evidence::{Evidence, Window};
use crate::batch::{Batch, Mark};
use crate::position::Update;

/// Batches with less in them are copied together instead of being kept as they are: a buffer of
/// 256 KiB that holds one line would cost a thousand times what it holds.
const SMALL: usize = 32 << 10;
/// Copied together up to this many bytes.
const MERGED: usize = 64 << 10;

/// What was confirmed since it was last asked for.
#[derive(Debug, Default)]
pub(super) struct Confirmed {
    /// Positions reached, in order.
    pub(super) updates: Vec<Update>,
    /// Emptied batches, for another use.
    pub(super) spare: Vec<Batch>,
}

/// See the module's documentation.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    entries: VecDeque<Entry>,
    confirmed: u64,
    written: u64,
    end: u64,
    /// Where in the stream the connection began.
    origin: u64,
    evidence: Evidence,
    done: Confirmed,
    tally: Tally,
}

/// What has gone through the ledger so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Tally {
    /// Messages written whole, repetitions included.
    pub(super) written_messages: u64,
    pub(super) written_bytes: u64,
    /// Messages that a new connection gets although an earlier one had them.
    pub(super) resent_messages: u64,
    pub(super) confirmed_messages: u64,
    pub(super) confirmed_bytes: u64,
}

#[derive(Debug)]
struct Entry {
    /// Offset of the batch's first byte in the stream.
    start: u64,
    batch: Batch,
    /// How many of the batch's marks are confirmed.
    marks_done: usize,
    /// Small batches may be added behind.
    merged: bool,
}

impl Entry {
    fn end(&self) -> u64 {
        self.start + self.batch.bytes.len() as u64
    }

    /// How many messages end behind the offset `from` and at or before `to`.
    fn messages(&self, from: u64, to: u64) -> u64 {
        let ended = |at: u64| {
            self.batch.frames.partition_point(|&end| self.start + u64::from(end) <= at) as u64
        };
        ended(to) - ended(from)
    }
}

impl Ledger {
    /// Takes a batch to be sent behind all others.
    pub(super) fn push(&mut self, batch: Batch) {
        let length = batch.bytes.len();
        if length >= SMALL && length >= batch.bytes.capacity() / 2 {
            self.add(batch, false);
        } else {
            self.merge(batch);
        }
        self.end += length as u64;
        self.settle(self.confirmed);
    }

    fn add(&mut self, batch: Batch, merged: bool) {
        self.entries.push_back(Entry { start: self.end, batch, marks_done: 0, merged });
    }

    /// Copies `batch` behind the last small ones and gives it back at once.
    fn merge(&mut self, mut batch: Batch) {
        let fits =
            |entry: &Entry| entry.merged && entry.batch.bytes.len() + batch.bytes.len() <= MERGED;
        if !self.entries.back().is_some_and(fits) {
            self.add(Batch::default(), true);
        }
        if let Some(Entry { batch: into, .. }) = self.entries.back_mut() {
            let shift = into.bytes.len() as u32;
            into.bytes.extend_from_slice(&batch.bytes);
            into.frames.extend(batch.frames.iter().map(|end| end + shift));
            let shifted = |mark: Mark| Mark { end: mark.end + shift, ..mark };
            into.marks.extend(batch.marks.drain(..).map(shifted));
        }
        batch.clear();
        self.done.spare.push(batch);
    }

    /// A new connection begins: everything unconfirmed is still to be written. `window` is what
    /// the peer advertised before anything was sent, when its buffer was surely empty.
    pub(super) fn connected(&mut self, window: Window, now: Instant) {
        self.tally.resent_messages += self.messages(self.confirmed, self.written);
        self.written = self.confirmed;
        self.origin = self.confirmed;
        self.evidence = Evidence::default();
        self.evidence.observe(0, window, now);
    }

    /// The next receiver wants its messages framed otherwise: `reframe` does that to what is not
    /// confirmed. To be called between two connections.
    pub(super) fn reframe(&mut self, reframe: impl Fn(&Batch) -> Batch) {
        let confirmed = self.confirmed;
        (self.written, self.end) = (confirmed, confirmed);
        for Entry { start, batch, marks_done, .. } in std::mem::take(&mut self.entries) {
            let done = confirmed.saturating_sub(start) as usize;
            self.push(reframe(&batch.behind(done, marks_done)));
        }
    }

    /// The next bytes to be written: of one batch, at most `max` of them, and if at least one
    /// frame ends among those, up to the end of the last one that does. Empty: nothing is left.
    pub(super) fn unwritten(&self, max: usize) -> &[u8] {
        let index = self.entries.partition_point(|entry| entry.end() <= self.written);
        let Some(entry) = self.entries.get(index) else { return &[] };
        let from = (self.written - entry.start) as usize;
        let bytes = &entry.batch.bytes;
        if bytes.len() - from <= max {
            return &bytes[from..];
        }
        match entry.batch.frame_start(from + max) {
            whole if whole > from => &bytes[from..whole],
            _ => &bytes[from..from + max],
        }
    }

    /// The next frames to be written, of one batch. Frames must have been written whole so far.
    pub(super) fn unwritten_frames(&self) -> impl Iterator<Item = &[u8]> {
        let index = self.entries.partition_point(|entry| entry.end() <= self.written);
        self.entries.get(index).into_iter().flat_map(|entry| {
            let from = (self.written - entry.start) as u32;
            let Batch { bytes, frames, .. } = &entry.batch;
            let first = frames.partition_point(|&end| end <= from);
            let starts = std::iter::once(from).chain(frames[first..].iter().copied());
            starts.zip(&frames[first..]).map(|(start, &end)| &bytes[start as usize..end as usize])
        })
    }

    /// The first `count` bytes of [`Self::unwritten`] are on their way.
    pub(super) fn wrote(&mut self, count: usize) {
        let before = self.written;
        self.written += count as u64;
        self.tally.written_bytes += count as u64;
        self.tally.written_messages += self.messages(before, self.written);
    }

    /// The peer's TCP has acknowledged the first `acked` bytes of this connection and last
    /// advertised `window`. Returns whether more is acknowledged than before.
    pub(super) fn acknowledged(&mut self, acked: u64, window: Window, now: Instant) -> bool {
        let before = self.evidence.acked();
        let read = self.evidence.observe(acked, window, now);
        self.settle(self.origin + read);
        acked > before
    }

    /// The peer closed the connection by FIN after it had acknowledged `acked` bytes: it has
    /// read them all.
    pub(super) fn closed_by_peer(&mut self, acked: u64) {
        self.settle((self.origin + acked).min(self.written));
    }

    /// Confirms the frames that end at or before `limit`, and the marks at their ends.
    fn settle(&mut self, limit: u64) {
        while let Some(entry) = self.entries.front_mut() {
            if entry.start > limit {
                break;
            }
            let before = self.confirmed;
            let end = entry.end();
            let reached = if limit < end {
                entry.start + entry.batch.frame_start((limit - entry.start) as usize) as u64
            } else {
                end
            };
            self.confirmed = before.max(reached);
            self.tally.confirmed_messages += entry.messages(before, self.confirmed);
            self.tally.confirmed_bytes += self.confirmed - before;
            release_marks(entry, self.confirmed, &mut self.done.updates);
            if limit < end {
                break;
            }
            let Some(Entry { mut batch, merged, .. }) = self.entries.pop_front() else { break };
            if !merged {
                batch.clear();
                self.done.spare.push(batch);
            }
        }
    }

    /// Positions have been reached since they were last taken.
    pub(super) fn has_confirmed(&self) -> bool {
        !self.done.updates.is_empty()
    }

    /// An emptied batch, if there is one, and a new one else.
    pub(super) fn reclaim(&mut self) -> Batch {
        self.done.spare.pop().unwrap_or_default()
    }

    /// What was confirmed since the last call.
    pub(super) fn take_confirmed(&mut self) -> Confirmed {
        std::mem::take(&mut self.done)
    }

    /// Bytes that are still to be written on this connection.
    pub(super) fn unwritten_bytes(&self) -> u64 {
        self.end - self.written
    }

    /// The offset in the stream up to which everything is confirmed.
    pub(super) fn confirmed(&self) -> u64 {
        self.confirmed
    }

    /// Bytes that were written and are not confirmed.
    pub(super) fn written_bytes(&self) -> u64 {
        self.written - self.confirmed
    }

    /// Bytes that are not confirmed.
    pub(super) fn unconfirmed_bytes(&self) -> u64 {
        self.end - self.confirmed
    }

    /// Messages that are not confirmed.
    pub(super) fn unconfirmed_messages(&self) -> u64 {
        self.messages(self.confirmed, self.end)
    }

    /// Messages that end behind the offset `from` and at or before `to`.
    fn messages(&self, from: u64, to: u64) -> u64 {
        let first = self.entries.partition_point(|entry| entry.end() <= from);
        let concerned = self.entries.range(first..).take_while(|entry| entry.start < to);
        concerned.map(|entry| entry.messages(from, to)).sum()
    }

    /// What has gone through so far.
    pub(super) fn tally(&self) -> Tally {
        self.tally
    }

    /// Nothing is left to be written or confirmed.
    pub(super) fn is_settled(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the receiver has visibly read something on this connection.
    pub(super) fn shows_reading(&self) -> bool {
        self.evidence.shows_reading()
    }

    /// Whether a narrow window will keep bytes from being confirmed by their age.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.evidence.is_in_doubt()
    }
}

/// Moves the marks of `entry` up to `confirmed` to `updates`. Of several in a row that concern
/// the same source the last says it all.
fn release_marks(entry: &mut Entry, confirmed: u64, updates: &mut Vec<Update>) {
    for mark in &entry.batch.marks[entry.marks_done..] {
        if entry.start + u64::from(mark.end) > confirmed {
            break;
        }
        entry.marks_done += 1;
        match (updates.last_mut(), &mark.update) {
            (Some(Update::Reached(last, at)), Update::Reached(source, position))
                if last.id == source.id =>
            {
                *at = *position;
            }
            (_, update) => updates.push(update.clone()),
        }
    }
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
