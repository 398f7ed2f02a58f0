//! The generations of a path that were let go last: a copy of one is no new file.

use std::cmp::Reverse;
use std::io;

use super::generation::Generation;
use super::transitions::Medium;
use crate::input::rotation::identity::Found;
use crate::pipeline::position::Position;

/// The last is first. Most files have never rotated: it is as small as can be.
#[derive(Default)]
pub(super) struct RecentlyRead(Box<[LetGo]>);

/// A generation that was let go.
#[derive(Clone, Copy)]
struct LetGo {
    position: Position,
    /// Its file was deleted, or is not to be found any more. A copy of it may go on.
    was_deleted: bool,
}

/// How many are remembered.
const MAX: usize = 8;

impl RecentlyRead {
    /// One is let go where it was read to.
    pub(super) fn remember(&mut self, generation: &Generation) {
        self.add(generation, generation.medium_now() == Medium::Deleted);
    }

    /// One is let go that is not to be found any more.
    pub(super) fn remember_missing(&mut self, generation: &Generation) {
        self.add(generation, true);
    }

    /// Whether none was let go.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn add(&mut self, generation: &Generation, was_deleted: bool) {
        let let_go = LetGo { position: generation.position, was_deleted };
        let before = self.0.iter().copied().take(MAX - 1);
        self.0 = std::iter::once(let_go).chain(before).collect();
    }

    /// Whether one began like this, in as many bytes at least.
    pub(super) fn begins_like(&self, bytes: &[u8], least: usize) -> bool {
        let mut heads = self.0.iter().map(|let_go| let_go.position.head);
        heads.any(|head| usize::from(head.len) >= least && head.matches(bytes))
    }

    /// Whether `found` is a copy of one. Many files begin alike: it must end alike, too.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(super) fn has(&self, found: &mut Found) -> io::Result<bool> {
        found.is_all_before_any(self.0.iter().map(|let_go| &let_go.position))
    }

    /// Up to where the one was read that was deleted and goes on in `found`; of several, the one that was read
    /// furthest.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(super) fn deleted_before(&self, found: &mut Found) -> io::Result<Option<Position>> {
        let mut deleted: Vec<_> = self.0.iter().filter(|let_go| let_go.was_deleted).collect();
        deleted.sort_by_key(|let_go| Reverse(let_go.position.offset));
        for let_go in deleted {
            if found.goes_on_after(&let_go.position)? {
                return Ok(Some(let_go.position));
            }
        }
        Ok(None)
    }
}
