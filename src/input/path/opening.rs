//! Descriptors: opening what is to be read, and keeping what may vanish.

use std::io;
use std::time::Instant;

use tracing::warn;

use super::generation::Generation;
use super::reading::Which;
use super::shared::Shared;
use super::transitions::{Phase, Progress};
use super::{Context, Effects, FollowedPath};
use crate::health::loss::Reason;
use crate::input::read::content::Stat;
use crate::input::rotation::archive::{is_lasting, is_passing, is_shortage};
use crate::input::rotation::judge::Relation;
use crate::input::rotation::names;
use crate::shown::Show;

/// What opening a generation gave.
pub(super) enum Opened {
    /// It can be read.
    Open,
    /// No descriptor is left. One is asked for.
    Short,
    /// There is nothing to read, and this is why.
    Not(Progress),
    /// It fails, and may succeed later.
    Failed(io::Error),
    /// It fails, and will later as well.
    Never(io::Error),
}

impl FollowedPath {
    /// Opens the current file if it has something unread, so that it can be read after it was
    /// deleted. Returns whether something is open.
    pub(in crate::input) fn keep_open(&mut self) -> bool {
        if let Some(current) = &mut self.current
            && !current.is_open()
            && current.unread() > 0
            // Reading says what is wrong.
            && current.open_current(&self.path).is_ok_and(|is_it| is_it)
        {
            self.report_readable();
        }
        self.is_open()
    }

    /// Opens a generation that is closed.
    pub(super) fn open(&mut self, which: Which, context: &mut Context<'_>) -> Opened {
        match which {
            Which::Current => self.open_current(context),
            Which::Older(at) => self.open_in_its_turn(at, context),
        }
    }

    fn open_current(&mut self, context: &mut Context<'_>) -> Opened {
        let Some(current) = &mut self.current else { return Opened::Not(Progress::Missing) };
        match current.open_current(&self.path) {
            Ok(true) => {
                self.report_readable();
                Opened::Open
            }
            // Looking at it would not tell more: it would be done without end.
            Ok(false) if current.is_at(&self.path) => {
                Opened::Failed(io::Error::other("opening it gives another file than its name says"))
            }
            Ok(false) => Opened::Not(Progress::Moved),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Opened::Not(Progress::Missing),
            Err(error) if asks_for_descriptor(&error, context) => Opened::Short,
            Err(error) => Opened::Failed(error),
        }
    }

    fn open_in_its_turn(&mut self, at: usize, context: &mut Context<'_>) -> Opened {
        match self.open_older(at, context, false) {
            Ok(_) if self.older.get(at).is_some_and(Generation::is_open) => Opened::Open,
            Ok(_) if self.is_at_other_path(at, context.shared) => {
                Opened::Not(Progress::AtOtherPath)
            }
            Ok(_) => Opened::Not(Progress::Missing),
            Err(error) if asks_for_descriptor(&error, context) => Opened::Short,
            // It cannot even be told what the path names.
            Err(_) if self.is_out_of_reach() => Opened::Not(Progress::Unsettled),
            Err(error) if is_passing(&error) => Opened::Not(Progress::Unsettled),
            Err(error) if is_lasting(&error) => Opened::Never(error),
            Err(error) => Opened::Failed(error),
        }
    }

    /// Whether the file of a generation has the name that it was written for, and that is followed: what was
    /// read of it here goes on there.
    pub(super) fn is_completed(&self, which: Which, shared: &Shared) -> bool {
        let Which::Older(at) = which else { return false };
        let name = shared.ownership.awaited_at(self.older[at].source.inode);
        name.is_some_and(|name| names::completed(&self.path).as_deref() == Some(name))
            && self.is_at_other_path(at, shared)
    }

    /// Whether the file of an older generation has the name of another followed path.
    fn is_at_other_path(&self, at: usize, shared: &Shared) -> bool {
        let older = &self.older[at];
        let name = shared.ownership.awaited_at(older.source.inode);
        self.is_awaited(older, shared) && name.is_some_and(|name| older.is_at(name))
    }

    fn is_out_of_reach(&self) -> bool {
        Stat::at(&self.path).is_err_and(|error| error.kind() != io::ErrorKind::NotFound)
    }

    /// Looks for the files of all older generations, so that they are told from unknown ones: where
    /// logs begin alike, little that was read of one is in the others too. With `sure`, what merely
    /// begins alike is left to those.
    pub(super) fn open_all_older(&mut self, context: &mut Context<'_>, sure: bool) {
        for at in 0..self.older.len() {
            if !self.older[at].is_open() {
                // What cannot be told now is found when its turn comes.
                let _ = self.open_older(at, context, sure);
            }
        }
    }

    /// Finds what older generations are read from, before other paths take it for their own.
    pub(in crate::input) fn find_older(
        &mut self,
        sure: bool,
        shared: &mut Shared,
        now: Instant,
    ) -> Effects {
        let mut context = Context::new(shared, now);
        self.open_all_older(&mut context, sure);
        context.effects
    }

    /// Looks for the file of an older generation; where that has to be `sure`, not for one that
    /// merely begins alike. False when it holds something else by now.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(super) fn open_older(
        &mut self,
        at: usize,
        context: &mut Context<'_>,
        sure: bool,
    ) -> io::Result<bool> {
        let inode = self.older[at].source.inode;
        let is_reused = self.is_reused(at);
        let Shared { ownership, directories, .. } = &mut *context.shared;
        let is_taken = |inode| ownership.is_taken(inode, self.id);
        let older = &mut self.older[at];
        let lack = older.may_lack();
        let opened = older.open_past(directories, is_reused, is_taken, sure);
        if opened.as_ref().is_err_and(|error| !is_passing(error)) {
            older.doubt_extent();
        }
        let Some((stat, relation)) = opened? else { return Ok(true) };
        ownership.claim(stat.inode, self.id);
        if let Some((lost, amount)) =
            lack.filter(|_| older.is_copy() && relation == Relation::Shorter)
        {
            context.effects.losses.push((Reason::ShorterCopy, amount));
            warn!(
                "{}: of a file that was rotated away only a shorter copy is to be found; {lost} \
                 cannot be read",
                self.path.shown()
            );
        }
        // Its last records may have been overwritten.
        Ok(relation.goes_on() || stat.inode != inode || self.older[at].is_same())
    }

    /// Whether the file of an older generation was truncated, and holds a newer one.
    pub(super) fn is_reused(&self, at: usize) -> bool {
        let inode = self.older[at].source.inode;
        let newer = self.older.iter().skip(at + 1).chain(&self.current);
        newer.into_iter().any(|newer| newer.source.inode == inode)
    }

    /// Its file is not read here any more, to its end or not. Where another path names it, that goes
    /// on at the position it has.
    pub(super) fn give_away(&mut self, generation: Generation, context: &mut Context<'_>) {
        debug_assert!(generation.phase() != Phase::Current, "the path names it");
        self.release(&generation, context.shared);
        match self.is_awaited(&generation, context.shared) {
            true => context.effects.handed_over.push(generation),
            false => context.effects.forget(&generation),
        }
    }
}

/// Whether opening has failed for want of a descriptor, and others may give one back: then one is asked for.
fn asks_for_descriptor(error: &io::Error, context: &mut Context<'_>) -> bool {
    let asks = is_shortage(error) && context.shared.may_ask_for_descriptor;
    context.effects.wants_descriptor |= asks;
    asks
}
