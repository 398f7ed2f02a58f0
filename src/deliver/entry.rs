//! One batch in the ledger, or several small ones copied together. Pure.

use std::collections::HashSet;
use std::sync::Arc;

use crate::pipeline::batch::{Batch, Mark};
use crate::pipeline::position::Update;

/// Copied together up to this many bytes.
const MERGED: usize = 64 << 10;
/// From so many marks on it pays to look for those that say nothing new.
const MANY: usize = 256;

/// A part of the stream. Offsets handed in and out are those of the stream.
#[derive(Debug)]
pub(super) struct Entry {
    /// Offset of the batch's first byte in the stream.
    pub(super) start: u64,
    batch: Batch,
    /// How many of the batch's marks are confirmed.
    marks_done: usize,
    /// Small batches may be added behind.
    merged: bool,
    /// With so many marks they are gone through.
    thin_at: usize,
}

impl Entry {
    pub(super) fn new(start: u64, batch: Batch, merged: bool) -> Self {
        Self { start, batch, marks_done: 0, merged, thin_at: MANY }
    }

    pub(super) fn end(&self) -> u64 {
        self.start + self.batch.bytes.len() as u64
    }

    /// Whether `batch` may be copied behind what is here.
    pub(super) fn has_room_for(&self, batch: &Batch) -> bool {
        self.merged
            && self.batch.framing == batch.framing
            && self.batch.bytes.len() + batch.bytes.len() <= MERGED
    }

    /// Copies `batch` behind what is here, and takes its marks.
    pub(super) fn append(&mut self, batch: &mut Batch) {
        let into = &mut self.batch;
        let shift = into.bytes.len() as u32;
        into.bytes.extend_from_slice(&batch.bytes);
        into.frames.extend(batch.frames.iter().map(|end| end + shift));
        let shifted = |mark: Mark| Mark { end: mark.end + shift, ..mark };
        into.marks.extend(batch.marks.drain(..).map(shifted));
        if into.marks.len() >= self.thin_at {
            self.thin_marks();
        }
    }

    /// Where patterns drop lines, marks come without bytes: of those of one source at the same
    /// place the last says it all.
    fn thin_marks(&mut self) {
        let marks = &mut self.batch.marks;
        marks.drain(..std::mem::take(&mut self.marks_done));
        if !marks.is_sorted_by(|a, b| a.end < b.end) {
            let mut told = HashSet::new();
            let mut says_more: Vec<bool> = marks
                .iter()
                .rev()
                .map(|mark| match &mark.update {
                    Update::Reached(reached) => told.insert((mark.end, reached.source.id)),
                    Update::Forget(_) | Update::Followed(_) => true,
                })
                .collect();
            marks.retain(|_| says_more.pop().unwrap_or(true));
        }
        self.thin_at = MANY.max(2 * marks.len());
    }

    /// How many marks are not confirmed.
    pub(super) fn marks(&self) -> usize {
        self.batch.marks.len() - self.marks_done
    }

    /// How many messages end behind the offset `from` and at or before `to`.
    pub(super) fn messages(&self, from: u64, to: u64) -> u64 {
        let ended = |at: u64| {
            self.batch.frames.partition_point(|&end| self.start + u64::from(end) <= at) as u64
        };
        ended(to) - ended(from)
    }

    /// The bytes from the offset `from` on, at most `max` of them, and if at least one frame ends
    /// among those, up to the end of the last one that does.
    pub(super) fn bytes(&self, from: u64, max: usize) -> &[u8] {
        let from = (from - self.start) as usize;
        let bytes = &self.batch.bytes;
        if bytes.len() - from <= max {
            return &bytes[from..];
        }
        match self.batch.frame_start(from + max) {
            whole if whole > from => &bytes[from..whole],
            _ => &bytes[from..from + max],
        }
    }

    /// The frames from the offset `from` on, where one begins.
    pub(super) fn frames(&self, from: u64) -> impl Iterator<Item = &[u8]> {
        let from = (from - self.start) as u32;
        let Batch { bytes, frames, .. } = &self.batch;
        let first = frames.partition_point(|&end| end <= from);
        let starts = std::iter::once(from).chain(frames[first..].iter().copied());
        starts.zip(&frames[first..]).map(|(start, &end)| &bytes[start as usize..end as usize])
    }

    /// The same, each with the offset at which it ends.
    pub(super) fn frames_mut(&mut self, from: u64) -> impl Iterator<Item = (u64, &mut [u8])> {
        let (base, mut start) = (self.start, (from - self.start) as u32);
        let Batch { bytes, frames, .. } = &mut self.batch;
        let first = frames.partition_point(|&end| end <= start);
        let mut rest = &mut bytes[start as usize..];
        frames[first..].iter().map(move |&end| {
            let (frame, behind) = std::mem::take(&mut rest).split_at_mut((end - start) as usize);
            (rest, start) = (behind, end);
            (base + u64::from(end), frame)
        })
    }

    /// The start of the frame that holds `offset`, the end of all if it lies behind that.
    pub(super) fn frame_start(&self, offset: u64) -> u64 {
        if offset >= self.end() {
            return self.end();
        }
        self.start + self.batch.frame_start((offset - self.start) as usize) as u64
    }

    /// Moves the marks up to `confirmed` to `updates`, and returns how many. Of several in a row
    /// that concern the same source the last says it all.
    pub(super) fn release_marks(&mut self, confirmed: u64, updates: &mut Vec<Update>) -> usize {
        let before = self.marks_done;
        for mark in &self.batch.marks[before..] {
            if self.start + u64::from(mark.end) > confirmed {
                break;
            }
            self.marks_done += 1;
            match (updates.last_mut(), &mark.update) {
                (Some(Update::Reached(last)), Update::Reached(reached))
                    if last.source.id == reached.source.id =>
                {
                    *last = Arc::clone(reached);
                }
                (_, update) => updates.push(update.clone()),
            }
        }
        self.marks_done - before
    }

    /// The memory it takes, marks aside.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.batch.bytes.capacity()
    }

    /// What of it is not `confirmed`.
    pub(super) fn rest(&self, confirmed: u64) -> Batch {
        self.batch.behind(confirmed.saturating_sub(self.start) as usize, self.marks_done)
    }

    /// The batch, emptied for another use, unless it is one of small ones.
    pub(super) fn into_spare(self) -> Option<Batch> {
        let Self { mut batch, merged, .. } = self;
        batch.clear();
        (!merged).then_some(batch)
    }
}
