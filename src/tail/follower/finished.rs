//! The generations that were let go last: a copy of one is no new file.

use std::collections::VecDeque;

use crate::position::{Head, Position};
use crate::tail::rotated::Found;

/// See the module's documentation; the last is first.
#[derive(Default)]
pub(super) struct Finished(VecDeque<Generation>);

/// What is remembered of one.
struct Generation {
    head: Head,
    /// When it was written last.
    modified: i64,
}

/// How many are remembered.
const MAX: usize = 8;
/// A beginning of this length is nobody else's.
const TELLING_HEAD: u16 = 128;

impl Finished {
    /// One was let go that had been read up to `position`.
    pub(super) fn remember(&mut self, position: &Position) {
        self.0.truncate(MAX - 1);
        self.0.push_front(Generation { head: position.head, modified: position.modified });
    }

    /// Whether `found` is a copy of one. Many files begin with the same few words: where there are
    /// no more, it must be of the same time as well, as what gzip makes is.
    pub(super) fn has(&self, found: &mut Found) -> bool {
        self.0.iter().any(|known| {
            let is_telling =
                known.head.len >= TELLING_HEAD || known.modified == found.stat.modified;
            is_telling && found.begins_with(known.head)
        })
    }
}
