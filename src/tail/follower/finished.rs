//! The generations that were let go last: a copy of one is no new file.

use std::collections::VecDeque;

use crate::position::Position;
use crate::tail::rotated::Found;

/// See the module's documentation: where each ended; the last is first.
#[derive(Default)]
pub(super) struct Finished(VecDeque<Position>);

/// How many are remembered.
const MAX: usize = 8;

impl Finished {
    /// One was let go that had been read up to `position`.
    pub(super) fn remember(&mut self, position: &Position) {
        self.0.truncate(MAX - 1);
        self.0.push_front(*position);
    }

    /// Whether `found` is a copy of one. Many files begin alike: it must end alike, too.
    pub(super) fn has(&self, found: &mut Found) -> bool {
        self.0.iter().any(|end| found.is_all_before(end))
    }
}
