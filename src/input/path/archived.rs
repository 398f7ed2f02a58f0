//! Paths that name an archive though their names do not say so.

use std::fs::File;
use std::io;

use super::generation::Generation;
use super::{Context, FollowedPath, NotFollowed};
use crate::input::read::codec::{Codec, holds_archive};
use crate::input::read::content::{Stat, open};
use crate::input::rotation::judge::same_inode;
use crate::pipeline::checkpoint::CheckpointNow;
use crate::pipeline::position::Inode;

/// A file that holds compressed data, as it was when that was seen: it is looked into again once it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeenArchive {
    inode: Inode,
    size: u64,
    modified: i64,
}

impl SeenArchive {
    fn of(stat: &Stat) -> Self {
        let Stat { inode, size, modified, .. } = *stat;
        Self { inode, size, modified }
    }
}

impl FollowedPath {
    /// Whether the path names a file that is no text, whatever its name is: one that rotation has compressed under a
    /// name that does not say so. The log it was rotated away from finds it by what it holds, as it finds others.
    pub(super) fn is_archive(&mut self, stat: &Stat, opened: &io::Result<File>) -> bool {
        let is_it = opened.as_ref().is_ok_and(holds_archive);
        if is_it {
            self.report_not_followed(NotFollowed::Archive(SeenArchive::of(stat)));
        }
        is_it
    }

    /// Whether it was seen to name one, which has not changed since.
    pub(super) fn is_known_archive(&self, stat: &Stat) -> bool {
        self.not_followed == Some(NotFollowed::Archive(SeenArchive::of(stat)))
    }

    /// Whether the path names an archive by now: another file, or one that was empty when it was seen last. What is
    /// known of a file of which something was read stays. A path that is seen for the first time asks for itself.
    pub(super) fn has_become_archive(&mut self, stat: &Stat, context: &mut Context<'_>) -> bool {
        let is_known = |it: &Generation| {
            let is_begun = it.position.offset > 0 || usize::from(it.head().len) >= Codec::MAGIC;
            is_begun && same_inode(it.source.inode, stat.inode)
        };
        let ownership = &context.shared.ownership;
        if stat.size == 0
            || !self.has_generations()
            || self.generations().any(is_known)
            || ownership.owner(stat.inode).is_some_and(|owner| owner != self.id)
            || !self.is_archive(stat, &open(&self.path))
        {
            return false;
        }
        if self.current.as_ref().is_some_and(|it| same_inode(it.source.inode, stat.inode)) {
            let known_as = self.take_unread(context.shared).map(|(_, known_as)| known_as);
            context.effects.now.extend(known_as.map(CheckpointNow::forget));
        }
        true
    }

    /// Whether it was said of this file already, which has grown since.
    pub(super) fn is_reported(&self, archive: &SeenArchive) -> bool {
        matches!(&self.not_followed, Some(NotFollowed::Archive(it)) if it.inode == archive.inode)
    }
}
