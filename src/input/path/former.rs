//! What a file held before it was truncated, and the copy of that.

use std::io;
use std::sync::Arc;

use super::generation::Generation;
use super::reading::Which;
use super::{Context, FollowedPath, Shared};
use crate::input::read::content::Stat;
use crate::input::rotation::archive;
use crate::input::rotation::directories::Sibling;
use crate::input::rotation::identity::Found;
use crate::input::rotation::judge::{Match, Relation};
use crate::input::rotation::names;
use crate::pipeline::position::{Inode, Position, Source};

/// What a file held before it was truncated, as far as that is known.
pub(super) struct Former {
    source: Arc<Source>,
    position: Position,
    /// The file it was read from.
    reads: Inode,
    size: u64,
}

/// How a file stands that has become shorter than it was seen to be, or holds something else.
pub(super) struct Present {
    pub(super) stat: Stat,
    /// It begins as it did.
    pub(super) begins_alike: bool,
}

impl FollowedPath {
    /// The copy beside the path of what a file held before; where there is one that no other path
    /// reads, and that is not of another generation: logs may begin alike. `which` is its own.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(super) fn copy_of(
        &mut self,
        former: &Former,
        which: Option<Which>,
        present: &Present,
        context: &mut Context<'_>,
    ) -> io::Result<Option<Found>> {
        let mut others = Vec::new();
        loop {
            let copy = former.copy(self.id, present, &others, context.shared)?;
            let Some(mut copy) = copy else { return Ok(None) };
            // What it is compared with last is what it holds the relation to.
            let relation = copy.relation;
            if relation != Relation::GoesOn(Match::Plausible)
                || !self.reads_elsewhere(which, &mut copy, context)?
            {
                copy.relation = relation;
                return Ok(Some(copy));
            }
            if others.contains(&copy.stat.inode) {
                // Its name and its descriptor tell different numbers: it would be found again without end.
                return Ok(None);
            }
            others.push(copy.stat.inode);
        }
    }
}

impl Former {
    pub(super) fn of(generation: &Generation) -> Self {
        Self {
            source: Arc::clone(&generation.source),
            position: generation.position,
            reads: generation.reads(),
            size: generation.size(),
        }
    }

    /// The copy beside its path of what its file has held before; where there is one that
    /// no other path reads, and that is none of `others`. `path` is the number of its own.
    ///
    /// # Errors
    /// It cannot be told for now.
    fn copy(
        &self,
        path: usize,
        present: &Present,
        others: &[Inode],
        shared: &Shared,
    ) -> io::Result<Option<Found>> {
        let stat = &present.stat;
        let is_taken = |it: &Sibling| {
            // What was written later is no copy of what was there before. An empty file has nothing else to be
            // copied, and its time may be that of the last write still: ext4 shows the new size first.
            let is_later = stat.size > 0
                && it.stat.modified > stat.modified
                && !names::is_compressed(&it.path);
            let inode = it.stat.inode;
            is_later
                || others.contains(&inode)
                || inode != self.reads && shared.ownership.is_taken(inode, path)
        };
        let (directories, position) = (&shared.directories, &self.position);
        let mut copy = archive::by_content(directories, &self.source, position, is_taken)?;
        // What holds no more than the file does is a copy of what that holds now.
        if let Some(copy) = copy.as_mut().filter(|copy| copy.relation.goes_on())
            && present.begins_alike
            && self.size > stat.size
            && !copy.reaches_beyond(stat.size)?
        {
            return Ok(None);
        }
        Ok(copy)
    }
}
