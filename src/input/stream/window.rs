//! What has come of a stream and is still needed: a stream is read once, and lines are looked at as often as it
//! takes. Pure.

use crate::pipeline::position::{Anchor, Head};

/// Less than this is not worth moving the rest for.
const WORTH_MOVING: usize = 64 << 10;

/// The end of a stream, and its first bytes. Offsets count from the beginning of the stream, in bytes.
#[derive(Debug, Default)]
pub(in crate::input) struct StreamWindow {
    bytes: Vec<u8>,
    /// Where in the stream `bytes` begin.
    start: u64,
    /// The first bytes of the stream, once those have been left out of `bytes`.
    head: Vec<u8>,
}

impl StreamWindow {
    /// Takes in what comes next.
    pub(in crate::input) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Where what has come so far ends.
    pub(in crate::input) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Copies to `buffer` what stands from `offset` on, as far as it has come. Returns how much that is.
    pub(in crate::input) fn read_at(&self, offset: u64, buffer: &mut [u8]) -> usize {
        let (held, from) = match offset.checked_sub(self.start) {
            Some(from) => (&self.bytes, from),
            // Only the first bytes are asked for again.
            None => (&self.head, offset),
        };
        let from = usize::try_from(from).unwrap_or(usize::MAX).min(held.len());
        let there = &held[from..];
        let count = there.len().min(buffer.len());
        buffer[..count].copy_from_slice(&there[..count]);
        count
    }

    /// Everything up to `offset` is done with. What tells a content and a place in it stays.
    pub(in crate::input) fn done_before(&mut self, offset: u64) {
        let keep_from = offset.saturating_sub(Anchor::MAX as u64).saturating_sub(self.start);
        let done = usize::try_from(keep_from).unwrap_or(usize::MAX).min(self.bytes.len());
        if done < WORTH_MOVING {
            return;
        }
        if self.start == 0 {
            self.head = self.bytes[..done.min(Head::MAX)].to_vec();
        }
        self.bytes.drain(..done);
        self.start += done as u64;
        // One long line is no reason to keep so much memory.
        if self.bytes.capacity() > 4 * WORTH_MOVING.max(self.bytes.len()) {
            self.bytes.shrink_to(2 * WORTH_MOVING.max(self.bytes.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_not_done_with_is_what_came(pieces in vec((1usize..200_000, 0.0f64..1.0), 1..12)) {
            let (mut window, mut whole, mut done) = (StreamWindow::default(), Vec::new(), 0);
            for (length, part) in pieces {
                let piece: Vec<u8> = (0..length).map(|at| ((whole.len() + at) % 251) as u8).collect();
                window.push(&piece);
                whole.extend_from_slice(&piece);
                done += ((whole.len() - done) as f64 * part) as usize;
                window.done_before(done as u64);
                prop_assert_eq!(window.end(), whole.len() as u64);
                let from = done.saturating_sub(Anchor::MAX);
                let mut there = vec![0; whole.len() - from + 1];
                prop_assert_eq!(window.read_at(from as u64, &mut there), whole.len() - from);
                prop_assert_eq!(&there[..whole.len() - from], &whole[from..]);
                let mut head = vec![0; done.min(Head::MAX)];
                prop_assert_eq!(window.read_at(0, &mut head), head.len());
                prop_assert_eq!(&head[..], &whole[..head.len()]);
                prop_assert!(window.bytes.len() <= whole.len() - done + Anchor::MAX + WORTH_MOVING);
            }
        }
    }
}
