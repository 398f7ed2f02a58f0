//! The same content under another identity: a file that was replaced by a copy of itself, or of its last lines.
//!
//! rsync and editors write a longer copy and rename it to the path. `sed -i` and `tail` into a new file write a
//! shorter one, without the first lines. overlayfs gives a file of a lower layer another time of birth as it is
//! first written to.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tracing::{debug, info};

use super::generation::{Generation, order_between};
use super::{Context, FollowedPath};
use crate::input::read::content::{Content, Stat};
use crate::input::read::cut_off::end_of_rest;
use crate::input::read::overwritten::position_at_end;
use crate::input::rotation::archive;
use crate::input::rotation::directories::Sibling;
use crate::input::rotation::judge::{Match, Relation, same_inode};
use crate::pipeline::checkpoint::CheckpointBehind;
use crate::pipeline::position::{Anchor, Inode, Position, Source};
use crate::shown::Show;

/// What another file at a path is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    /// A copy that took the place of the file. It is read on.
    Copy,
    /// Another log.
    Other,
    /// That cannot be told for now. It is looked at again.
    Unknown,
}

impl FollowedPath {
    /// The path names another file than the newest generation. Goes on in it where it holds what was read, or
    /// what is left of that, and takes the place of the old file.
    pub(super) fn continue_in_replacement(
        &mut self,
        stat: &Stat,
        context: &mut Context<'_>,
    ) -> Replacement {
        let path = Arc::clone(&self.path);
        let Some(newest) = self.newest_mut() else { return Replacement::Other };
        let places = match newest.is_replaced_by(stat, &path, context) {
            Ok(true) => Some((newest.position, newest.position)),
            Ok(false) => newest.places_in_rest(stat, &path, context),
            Err(error) if self.may_be_told_later(&error, context.now) => {
                debug!("{}: what is new there cannot be told: {error}", self.path.shown());
                return Replacement::Unknown;
            }
            // It counts as a rotation: lines come twice then, and none is lost.
            Err(_) => None,
        };
        if let Some(unsettled) = &mut self.unsettled {
            unsettled.replaced = None;
        }
        let Some((in_old, in_new)) = places else { return Replacement::Other };
        let Ok(Some(content)) = super::generation::open_as(&self.path, stat.inode) else {
            return Replacement::Other;
        };
        let Some(mut moved) = self.current.take().or_else(|| self.older.pop_back()) else {
            return Replacement::Other;
        };
        let old = moved.source.inode;
        self.keep_for_late_writer(&mut moved, in_old, stat, context);
        let real = context.shared.real(&self.path, context.now);
        let is_whole = in_new.offset == moved.position.offset;
        if !is_whole {
            moved.go_on_at(in_new);
        }
        moved.replaced_by(stat, real, Content::Plain(content));
        if !self.older.iter().any(|older| older.source.inode == old) {
            context.shared.ownership.release(old, self.id);
        }
        context.shared.ownership.claim(stat.inode, self.id);
        context.effects.behind.push(CheckpointBehind::reached(moved.reached()));
        let what = if is_whole { "a copy of itself" } else { "what is left of its last lines" };
        info!("{} was replaced by {what}; going on at byte {}", path.shown(), in_new.offset);
        self.make_current(moved);
        Replacement::Copy
    }

    /// A writer may have the old file open still, and go on with it at `from`: that is no part of the copy, of
    /// which the kernel says `copy`.
    fn keep_for_late_writer(
        &mut self,
        moved: &mut Generation,
        from: Position,
        copy: &Stat,
        context: &mut Context<'_>,
    ) {
        // One with the same number is the same file, on a file system that was mounted anew.
        let is_left = |stat: Stat| stat.links == 0 || stat.inode.number != copy.inode.number;
        let is_read = moved.unread() <= from.offset - moved.position.offset;
        if !moved.stat().is_some_and(is_left) || !is_read {
            return;
        }
        let order = moved.order();
        let source = Source { id: context.shared.new_id(), ..Source::clone(&moved.source) };
        // It is known to nobody else until something is read of it.
        let mut old =
            Generation::new(Arc::new(source), from, context.now).with_content(moved.take_content());
        old.saw_size(moved.size().max(from.offset));
        old.retire(context.now);
        moved.ordered(order_between(Some(order), None));
        self.older.push_back(old);
    }
}

impl Generation {
    /// Whether the file at `path`, of which the kernel says `stat`, took the place of this one's file and
    /// holds what was read of it.
    fn is_replaced_by(&self, stat: &Stat, path: &Path, context: &Context<'_>) -> io::Result<bool> {
        let (position, inode) = (&self.position, self.source.inode);
        if position.offset == 0 || stat.size < position.offset {
            return Ok(false);
        }
        let is_same_number = (inode.device, inode.number) == (stat.inode.device, stat.inode.number);
        let found = archive::at_path(&context.shared.directories, path, position)?;
        let found = found.filter(|found| same_inode(found.stat.inode, stat.inode));
        let Some(Relation::GoesOn(_)) = found.map(|found| found.relation) else {
            return Ok(false);
        };
        // Many logs begin alike, and a reused inode has the same number as well.
        let is_brought_up = is_same_number && is_overlay(path);
        let is_telling = usize::from(position.anchor.len) == Anchor::MAX;
        Ok(is_brought_up || is_telling && self.is_gone(stat.inode, context)?)
    }

    /// Where this one's file ends, and where reading goes on in the file at `path`, of which the kernel says
    /// `stat`, where that took its place and holds it without its first lines. What cannot be told is not so:
    /// lines come twice then, and none is lost.
    fn places_in_rest(
        &mut self,
        stat: &Stat,
        path: &Path,
        context: &Context<'_>,
    ) -> Option<(Position, Position)> {
        // Without the old file there is nothing to compare with.
        let old = self.stat().filter(|old| old.links == 0)?;
        let position = self.position;
        let mut new = Content::Plain(super::generation::open_as(path, stat.inode).ok()??);
        let content = self.content_mut().filter(|_| !position.mid_record)?;
        // What was written to it before it was cut may not be read yet; what comes later is not in the new file.
        let ends = [old.size, position.offset];
        let (end, offset) = ends.into_iter().find_map(|end| {
            let unread = end.checked_sub(position.offset)?;
            let rest = end_of_rest(content, end, &mut new, stat.size).ok()??;
            Some((end, rest.checked_sub(unread)?))
        })?;
        let known = |content, offset| {
            let known = position_at_end(content, offset).ok()?;
            Some(Position { modified: position.modified, ..known })
        };
        let places = (known(content, end)?, known(&mut new, offset)?);
        self.is_gone(stat.inode, context).ok()?.then_some(places)
    }

    /// Whether the old file has no name any more, and no rotated copy of it is to be found: with one,
    /// the path was rotated, and the new file merely begins alike.
    ///
    /// No rotation leads to another device: there the file system was mounted anew, or the log moved to another
    /// one, and that the old file has a name where it was says nothing. Nor does a name in another directory: a
    /// backup has linked the file, or the directory was moved away and a copy of it took its place.
    fn is_gone(&self, replacement: Inode, context: &Context<'_>) -> io::Result<bool> {
        let directories = &context.shared.directories;
        let is_elsewhere = self.source.inode.device != replacement.device;
        let may_have_name = !is_elsewhere && self.stat().is_none_or(|stat| stat.links > 0);
        let (source, position) = (&self.source, &self.position);
        if may_have_name && archive::by_inode(directories, source, position)?.is_some() {
            return Ok(false);
        }
        let (ownership, reads) = (&context.shared.ownership, self.reads());
        // It may have been found already, and be read by this one.
        let is_others = |inode| inode != reads && ownership.owner(inode).is_some();
        let is_taken = |it: &Sibling| it.stat.inode == replacement || is_others(it.stat.inode);
        let copy = archive::by_content(directories, source, position, is_taken)?;
        Ok(copy.is_none_or(|copy| !matches!(copy.relation, Relation::GoesOn(Match::Exact))))
    }

    /// Its content stands in a copy from now on, which took the place of the file.
    fn replaced_by(&mut self, stat: &Stat, real: Option<Arc<PathBuf>>, content: Content) {
        self.moved_to(stat.inode, real);
        self.continue_with(content, stat.size);
    }
}

/// `OVERLAYFS_SUPER_MAGIC` of statfs(2).
const OVERLAY: i64 = 0x794c_7630;

/// Whether `path` lies on overlayfs. False where that cannot be told.
fn is_overlay(path: &Path) -> bool {
    rustix::fs::statfs(path).is_ok_and(|statfs| statfs.f_type == OVERLAY)
}
