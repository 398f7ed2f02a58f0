//! What travels from [`crate::input`] to [`crate::deliver`]: many encoded messages at once.

use crate::pipeline::framing::Framing;
use crate::pipeline::position::Update;

/// Encoded messages, ready for the wire, and what is delivered once they have arrived.
///
/// A batch is immutable once it has left the tail: when a connection breaks, the very same
/// messages are sent again, so that a receiver can recognise a repeated one. Only the number that RELP
/// puts in front of each is written when it is sent.
#[derive(Debug, Default)]
pub struct Batch {
    /// The frames, one behind the other, each complete with its framing.
    pub bytes: Vec<u8>,
    /// Where each frame ends in `bytes`; ascending, the last equals `bytes.len()`.
    pub frames: Vec<u32>,
    /// Which positions are reached after which byte; ascending by [`Mark::end`].
    pub marks: Vec<Mark>,
    /// How the messages are framed.
    pub framing: Framing,
}

/// "When the bytes before `end` have arrived, this holds."
#[derive(Debug, Clone)]
pub struct Mark {
    /// An offset into [`Batch::bytes`], always the end of a frame (or 0: every line before this
    /// one was dropped by a pattern, there was nothing to send).
    pub end: u32,
    /// What is known from then on.
    pub update: Update,
}

impl Batch {
    /// True when there is nothing to send and nothing to confirm.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty() && self.marks.is_empty()
    }

    /// Number of messages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// The start of the frame that holds byte `at` (or `at` itself when a frame starts there).
    #[must_use]
    pub fn frame_start(&self, at: usize) -> usize {
        let ended = self.frames.partition_point(|&end| end as usize <= at);
        ended.checked_sub(1).map_or(0, |i| self.frames[i] as usize)
    }

    /// What is left when the first `bytes` (whole frames) and the first `marks` are done with.
    #[must_use]
    pub fn behind(&self, bytes: usize, marks: usize) -> Self {
        let shift = bytes as u32;
        let first = self.frames.partition_point(|&end| end <= shift);
        let shifted = |mark: &Mark| Mark { end: mark.end - shift, update: mark.update.clone() };
        Self {
            bytes: self.bytes[bytes..].to_vec(),
            frames: self.frames[first..].iter().map(|end| end - shift).collect(),
            marks: self.marks[marks..].iter().map(shifted).collect(),
            framing: self.framing,
        }
    }

    /// Empties the batch for another use and keeps its memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.frames.clear();
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_start_finds_the_frame_a_byte_lies_in() {
        let batch = Batch { bytes: vec![0; 30], frames: vec![10, 20, 30], ..Batch::default() };
        let starts: Vec<_> = [0, 9, 10, 19, 20, 29, 30].map(|at| batch.frame_start(at)).into();
        assert_eq!(starts, [0, 0, 10, 10, 20, 20, 30]);
    }
}
