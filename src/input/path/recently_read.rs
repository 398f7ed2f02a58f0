//! The generations of a path that were let go last: a copy of one is no new file.

use std::io;

use crate::input::rotation::identity::Found;
use crate::pipeline::position::Position;

/// Where each of them ended; the last is first. Most files have never rotated: it is as small as can
/// be.
#[derive(Default)]
pub(super) struct RecentlyRead(Box<[Position]>);

/// How many are remembered.
const MAX: usize = 8;

impl RecentlyRead {
    /// One was let go that had been read up to `position`.
    pub(super) fn remember(&mut self, position: &Position) {
        let before = self.0.iter().copied().take(MAX - 1);
        self.0 = std::iter::once(*position).chain(before).collect();
    }

    /// Whether one began like this, in as many bytes at least.
    pub(super) fn begins_like(&self, bytes: &[u8], least: usize) -> bool {
        let mut heads = self.0.iter().map(|position| position.head);
        heads.any(|head| usize::from(head.len) >= least && head.matches(bytes))
    }

    /// Whether `found` is a copy of one. Many files begin alike: it must end alike, too.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(super) fn has(&self, found: &mut Found) -> io::Result<bool> {
        found.is_all_before_any(self.0.iter())
    }
}
