//! The generations that were let go last: a copy of one is no new file.

use crate::position::{Head, Position};
use crate::tail::rotated::Found;

/// See the module's documentation; the last is first. Most files have never rotated: it is as small
/// as can be.
#[derive(Default)]
pub(super) struct Finished(Box<[Generation]>);

/// What is remembered of one.
#[derive(Clone, Copy)]
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
        let new = Generation { head: position.head, modified: position.modified };
        let before = self.0.iter().copied().take(MAX - 1);
        self.0 = std::iter::once(new).chain(before).collect();
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
