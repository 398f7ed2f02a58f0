//! One followed path: its current file, and those that rotation has moved away and that are not
//! read to their end yet.
//!
//! What is done with a file once it was read stands in one table, [`transitions`]. What a path asks
//! of others it returns as [`Effects`]. It knows no queue, no timer and no channel: when it is
//! looked at and read is for the scheduler to say.

mod acting;
mod archived;
mod continuation;
mod discovery;
mod effects;
mod former;
pub(in crate::input) mod generation;
mod look;
mod not_followed;
mod opening;
mod ownership;
mod reading;
mod recently_read;
mod resting;
mod rewritten;
mod settling;
mod shared;
mod succession;
mod transitions;
mod truncation;
mod unsettled;

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use self::generation::Generation;
use self::not_followed::NotFollowed;
use self::recently_read::RecentlyRead;
use self::transitions::{Medium, Phase};
use self::unsettled::Unsettled;
use super::FileSettings;
use crate::pipeline::position::Inode;
use crate::pipeline::shared_path::SharedPath;
use crate::shown::Show;
use crate::syslog::Header;

pub(in crate::input) use self::discovery::Claim;
pub(in crate::input) use self::effects::{Candidate, Effects};
pub(in crate::input) use self::look::ReadFrom;
pub(in crate::input) use self::reading::{ReadWork, When};
pub(in crate::input) use self::resting::RestingPath;
pub(in crate::input) use self::shared::Shared;

/// A followed path.
pub(in crate::input) struct FollowedPath {
    /// Its number among the paths.
    id: usize,
    path: Arc<Path>,
    /// The same, for all that is kept of its files.
    shared_path: SharedPath,
    /// What its entry of `files` says.
    settings: Arc<FileSettings>,
    header: Option<Arc<Header>>,
    /// What the path named before and that is not read to its end, the oldest first.
    older: VecDeque<Generation>,
    /// What the path names now.
    current: Option<Generation>,
    /// The generations that were let go last: a copy of one is no new file.
    recently_read: RecentlyRead,
    /// Rotated files whose identity is not known yet.
    unsettled: Option<Box<Unsettled>>,
    not_followed: Option<NotFollowed>,
    /// The current file is read no further than this.
    limit: Option<u64>,
}

/// What the methods of a path work with: what all paths share, the time, and what is asked of
/// others so far.
struct Context<'a> {
    shared: &'a mut Shared,
    now: Instant,
    effects: Effects,
}

impl<'a> Context<'a> {
    fn new(shared: &'a mut Shared, now: Instant) -> Self {
        Self { shared, now, effects: Effects::default() }
    }
}

impl FollowedPath {
    /// `path`, which is `shared_path` as one piece.
    pub(in crate::input) fn new(
        id: usize,
        (path, shared_path): (Arc<Path>, SharedPath),
        settings: Arc<FileSettings>,
    ) -> Self {
        Self {
            id,
            path,
            shared_path,
            settings,
            header: None,
            older: VecDeque::new(),
            current: None,
            recently_read: RecentlyRead::default(),
            unsettled: None,
            not_followed: None,
            limit: None,
        }
    }

    pub(in crate::input) fn id(&self) -> usize {
        self.id
    }

    pub(in crate::input) fn path(&self) -> &Path {
        &self.path
    }

    /// Nothing at the path, nothing left to read.
    pub(in crate::input) fn is_over(&self, shared: &Shared) -> bool {
        !self.has_generations()
            && self.unsettled.is_none()
            && !self.is_unreadable()
            && shared.stat(&self.path).is_err()
    }

    pub(in crate::input) fn has_generations(&self) -> bool {
        self.current.is_some() || !self.older.is_empty()
    }

    /// Whether something was read of the file that the path names.
    pub(in crate::input) fn is_current_begun(&self) -> bool {
        self.current.as_ref().is_some_and(|current| current.position.offset > 0)
    }

    /// The file that the path names, where it is followed.
    pub(in crate::input) fn current_inode(&self) -> Option<Inode> {
        self.current.as_ref().map(|current| current.source.inode)
    }

    /// Whether there are files that the path named before, or may have named.
    pub(in crate::input) fn has_older(&self) -> bool {
        !self.older.is_empty() || self.unsettled.is_some()
    }

    /// Whether the path names a file that is followed.
    pub(in crate::input) fn has_current(&self) -> bool {
        self.current.is_some()
    }

    pub(in crate::input) fn is_open(&self) -> bool {
        self.generations().any(Generation::is_open)
    }

    /// All of them, the oldest first.
    fn generations(&self) -> impl Iterator<Item = &Generation> {
        self.older.iter().chain(&self.current)
    }

    /// The newest of them, whether the path names it or not.
    fn newest(&self) -> Option<&Generation> {
        self.current.as_ref().or_else(|| self.older.back())
    }

    fn newest_mut(&mut self) -> Option<&mut Generation> {
        self.current.as_mut().or_else(|| self.older.back_mut())
    }

    /// The last place that is taken, by what is known or by what is not known yet.
    fn last_order(&self) -> Option<u64> {
        let unsettled = self.unsettled.iter().filter_map(|unsettled| unsettled.last_order());
        self.newest().map(Generation::order).into_iter().chain(unsettled).max()
    }

    /// The path names something else from now on, or nothing.
    fn retire_current(&mut self, now: Instant) {
        if let Some(mut current) = self.current.take() {
            current.retire(now);
            self.older.push_back(current);
        }
    }

    /// The path names `generation` from now on.
    fn make_current(&mut self, mut generation: Generation) {
        debug_assert!(self.current.is_none(), "a path names one file");
        generation.return_to_path();
        self.current = Some(generation);
    }

    /// Gives back the descriptor of a file that is quiet.
    pub(in crate::input) fn close_current(&mut self) {
        if let Some(current) = &mut self.current {
            current.close();
            self.header = None;
        }
    }

    /// Gives back all descriptors of what can be found again: what has a name and is read to its end.
    pub(in crate::input) fn close_all(&mut self) {
        self.close_current();
        let can_be_found = |it: &&mut Generation| {
            it.is_open() && it.unread() == 0 && it.medium_now() == Medium::Linked
        };
        self.older.iter_mut().filter(can_be_found).for_each(Generation::close);
    }

    /// Another entry of `files` names it from now on.
    pub(in crate::input) fn belongs_to(&mut self, settings: Arc<FileSettings>) {
        self.settings = settings;
        self.header = None;
    }

    /// Nothing names it any more. Where another path waits for one of its files, that goes on.
    pub(in crate::input) fn abandon(&mut self, shared: &mut Shared, now: Instant) -> Effects {
        info!("not following {} any more", self.path.shown());
        let mut context = Context::new(shared, now);
        let generations = std::mem::take(&mut self.older).into_iter().chain(self.current.take());
        // The one that is read last is remembered last, where several are of one file.
        for generation in generations.collect::<Vec<_>>() {
            self.hand_over(generation, &mut context);
        }
        context.effects
    }

    /// What the current file holds by now is all that is read of it.
    pub(in crate::input) fn read_no_further(&mut self) {
        self.limit = self.current.as_ref().map(Generation::size).or(self.limit);
    }

    /// Whether there may be something to read.
    pub(in crate::input) fn has_unread(&self) -> bool {
        let is_unread = |current: &Generation| current.unread() > 0;
        self.unsettled.is_some()
            || !self.older.is_empty()
            || self.current.as_ref().is_some_and(is_unread)
    }

    /// How many bytes its files are known to hold that were not read.
    pub(in crate::input) fn unread(&self) -> u64 {
        self.generations().map(Generation::unread).sum()
    }

    /// A generation is complete: nothing more is to be known of it, once it has arrived, but that
    /// its file was read. It is left to the path that waits for its file.
    fn hand_over(&self, mut generation: Generation, context: &mut Context<'_>) {
        self.release(&generation, context.shared);
        let inode = generation.reads();
        if context.shared.ownership.is_awaited(inode) && generation.holds_its_position() {
            // The copy that was read has a path of its own.
            generation.moved_to(inode, None);
        }
        if self.is_awaited(&generation, context.shared) {
            context.effects.handed_over.push(generation);
        } else {
            context.effects.append(context.shared.ownership.forget(&generation));
        }
    }

    /// Whether another path waits for the file of a generation, and nothing newer in it is read here.
    fn is_awaited(&self, generation: &Generation, shared: &Shared) -> bool {
        let inode = generation.source.inode;
        let is_other = |other: &Generation| other.source.id != generation.source.id;
        let is_reused = |other: &Generation| is_other(other) && other.source.inode == inode;
        shared.ownership.is_awaited(inode) && !self.generations().any(is_reused)
    }

    /// A generation is let go. Its file may hold another one.
    fn release(&self, generation: &Generation, shared: &mut Shared) {
        for inode in [generation.source.inode, generation.reads()] {
            let holds = |other: &Generation| other.source.inode == inode || other.reads() == inode;
            if !self.generations().any(holds) {
                shared.ownership.release(inode, self.id);
            }
        }
    }

    /// Whether some of its files are read on though the path does not name them.
    fn is_draining(&self) -> bool {
        self.older.iter().any(|older| older.phase() == Phase::Draining)
    }
}
