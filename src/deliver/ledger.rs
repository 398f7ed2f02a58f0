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

use super::entry::Entry;
use crate::pipeline::batch::Batch;
use crate::pipeline::position::Update;

/// Batches with less in them are copied together instead of being kept as they are: a buffer of
/// 256 KiB that holds one line would cost a thousand times what it holds.
const SMALL: usize = 32 << 10;
/// No more than about this much is kept unconfirmed. A receiver with a very large window would
/// have us keep twice that; then the connection is ended in good order, the receiver's FIN
/// confirms everything, and a new one begins with a small window.
const MOST_KEPT: u64 = 16 << 20;
/// And no more marks than these, about 10 MiB. They come without bytes where patterns drop lines.
pub(super) const MOST_MARKS: usize = 128 << 10;

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
    /// Marks that are not confirmed.
    marks: usize,
    /// Where in the stream the connection began.
    origin: u64,
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

impl Ledger {
    /// Takes a batch to be sent behind all others.
    pub(super) fn push(&mut self, mut batch: Batch) {
        let (length, room) = (batch.bytes.len(), batch.bytes.capacity());
        if length >= SMALL && length >= room / 2 {
            if length < room / 8 * 7 {
                // Or else what is kept may take twice what it holds. It is not copied for that.
                batch.bytes.shrink_to_fit();
            }
            self.add(batch, false);
        } else {
            self.merge(batch);
        }
        self.end += length as u64;
        self.settle(self.confirmed);
    }

    fn add(&mut self, batch: Batch, merged: bool) {
        self.marks += batch.marks.len();
        self.entries.push_back(Entry::new(self.end, batch, merged));
    }

    /// Copies `batch` behind the last small ones and gives it back at once.
    fn merge(&mut self, mut batch: Batch) {
        if !self.entries.back().is_some_and(|entry| entry.has_room_for(&batch)) {
            self.add(Batch { framing: batch.framing, ..Batch::default() }, true);
        }
        if let Some(entry) = self.entries.back_mut() {
            let before = entry.marks();
            entry.append(&mut batch);
            self.marks = self.marks + entry.marks() - before;
        }
        batch.clear();
        self.done.spare.push(batch);
    }

    /// A new connection begins: everything unconfirmed is still to be written.
    pub(super) fn connected(&mut self) {
        self.tally.resent_messages += self.messages(self.confirmed, self.written);
        self.written = self.confirmed;
        self.origin = self.confirmed;
    }

    /// The next receiver wants its messages framed otherwise: `reframe` does that to what is not
    /// confirmed. To be called between two connections.
    pub(super) fn reframe(&mut self, reframe: impl Fn(&Batch) -> Batch) {
        let confirmed = self.confirmed;
        (self.written, self.end, self.marks) = (confirmed, confirmed, 0);
        for entry in std::mem::take(&mut self.entries) {
            self.push(reframe(&entry.rest(confirmed)));
        }
    }

    /// The next bytes to be written: of one batch, at most `max` of them, and if at least one
    /// frame ends among those, up to the end of the last one that does. Empty: nothing is left.
    pub(super) fn unwritten(&self, max: usize) -> &[u8] {
        self.next_entry().map_or(&[], |entry| entry.bytes(self.written, max))
    }

    /// The next frames to be written, of one batch. Frames must have been written whole so far.
    pub(super) fn unwritten_frames(&self) -> impl Iterator<Item = &[u8]> {
        self.next_entry().into_iter().flat_map(|entry| entry.frames(self.written))
    }

    /// How long the next frame is, where nothing of it was written.
    pub(super) fn whole_frame(&self) -> Option<usize> {
        let entry = self.next_entry()?;
        let is_whole = entry.frame_start(self.written) == self.written;
        entry.frames(self.written).next().filter(|_| is_whole).map(<[u8]>::len)
    }

    /// The same, each with where it ends, counted from where the connection began. What is written
    /// over a part of one must not be longer than that part.
    pub(super) fn frames_to_stamp(&mut self) -> impl Iterator<Item = (u64, &mut [u8])> {
        let (index, origin, written) = (self.next_index(), self.origin, self.written);
        let entry = self.entries.get_mut(index).into_iter();
        entry
            .flat_map(move |entry| entry.frames_mut(written))
            .map(move |(end, frame)| (end - origin, frame))
    }

    fn next_entry(&self) -> Option<&Entry> {
        self.entries.get(self.next_index())
    }

    fn next_index(&self) -> usize {
        self.entries.partition_point(|entry| entry.end() <= self.written)
    }

    /// The first `count` bytes of [`Self::unwritten`] are on their way.
    pub(super) fn wrote(&mut self, count: usize) {
        let before = self.written;
        self.written += count as u64;
        self.tally.written_bytes += count as u64;
        self.tally.written_messages += self.messages(before, self.written);
    }

    /// The first `count` bytes of this connection are proven to be read.
    pub(super) fn confirm_up_to(&mut self, count: u64) {
        self.settle((self.origin + count).min(self.written));
    }

    /// Confirms the frames that end at or before `limit`, and the marks at their ends.
    fn settle(&mut self, limit: u64) {
        while let Some(entry) = self.entries.front_mut() {
            if entry.start > limit {
                break;
            }
            let (before, end) = (self.confirmed, entry.end());
            self.confirmed = before.max(entry.frame_start(limit));
            self.tally.confirmed_messages += entry.messages(before, self.confirmed);
            self.tally.confirmed_bytes += self.confirmed - before;
            self.marks -= entry.release_marks(self.confirmed, &mut self.done.updates);
            if limit < end {
                break;
            }
            let Some(entry) = self.entries.pop_front() else { break };
            self.done.spare.extend(entry.into_spare());
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

    /// The offset in the stream up to which everything is written.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Bytes that were written and are not confirmed.
    pub(super) fn written_bytes(&self) -> u64 {
        self.written - self.confirmed
    }

    /// So much is kept that no more should be taken.
    pub(super) fn is_full(&self) -> bool {
        self.unconfirmed_bytes() >= MOST_KEPT || self.marks >= MOST_MARKS
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
}

#[cfg(test)]
#[path = "ledger_tests.rs"]
mod tests;
