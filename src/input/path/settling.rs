//! Looking again at what could not be told: rotated files that are not complete yet, searches that failed,
//! and what has taken the place of a file.

use std::cmp::Reverse;
use std::io;
use std::time::Instant;

use tracing::{info, warn};

use super::acting::{PATIENCE, RETRY};
use super::discovery::Between;
use super::generation::Generation;
use super::reading::When;
use super::unsettled::{FailedSearch, RetryLimit, Unsettled, UnsettledFile};
use super::{Context, FollowedPath};
use crate::health::loss::{Amount, Reason};
use crate::input::rotation::archive;
use crate::input::rotation::directories::Sibling;
use crate::input::rotation::judge::Change;
use crate::shown::Show;

impl FollowedPath {
    pub(super) fn unsettled(&mut self, now: Instant) -> &mut Unsettled {
        self.unsettled.get_or_insert_with(|| {
            let (files, searches) = (Vec::new(), Vec::new());
            Box::new(Unsettled { files, searches, replaced: None, look_at: now + RETRY })
        })
    }

    /// What took the place of the file at the path cannot be told. Returns whether to try again: for a
    /// minute, unless it will not be told later either.
    pub(super) fn may_be_told_later(&mut self, error: &io::Error, now: Instant) -> bool {
        if archive::is_lasting(error) {
            return false;
        }
        let until = *self.unsettled(now).replaced.get_or_insert(now + PATIENCE);
        now < until
    }

    /// When to come back while it cannot be told what the path names.
    pub(super) fn waits_for_replacement(&mut self, now: Instant) -> Option<When> {
        let unsettled = self.unsettled.as_mut().filter(|unsettled| unsettled.replaced.is_some())?;
        if now < unsettled.look_at {
            return Some(When::At(unsettled.look_at));
        }
        unsettled.look_at = now + RETRY;
        Some(When::Look)
    }

    /// Whether something is to be looked at again now, and the path names another file than it did: that is
    /// looked at first, so that what is found is placed among all that has been current since.
    pub(super) fn is_behind_path(&self, context: &Context<'_>) -> bool {
        let is_due = |it: &Unsettled| it.look_at <= context.now;
        let Some(current) = self.current.as_ref() else { return false };
        let is_other = || {
            let stat = context.shared.stat(&self.path).ok();
            matches!(current.judge(stat.as_ref()), Change::Replaced | Change::Gone)
        };
        self.unsettled.as_deref().is_some_and(is_due) && is_other()
    }

    /// The current file may have been truncated and filled again since it was looked at. What it held then is
    /// in a copy, which is to be known before anything else is found.
    fn start_anew_if_refilled(&mut self, context: &mut Context<'_>) {
        let Some(current) = &mut self.current else { return };
        let is_open =
            current.is_open() || current.open_current(&self.path).is_ok_and(|is_it| is_it);
        if is_open && !current.is_same() {
            self.start_current_anew(context);
        }
    }

    /// Looks again at what could not be told. Returns when to do so again.
    pub(super) fn settle_unsettled(&mut self, context: &mut Context<'_>) -> Option<Instant> {
        let look_at = self.unsettled.as_ref()?.look_at;
        if context.now < look_at {
            return Some(look_at);
        }
        self.start_anew_if_refilled(context);
        let mut unsettled = self.unsettled.take()?;
        // The last first: one from an older file finds all that came since, also what came behind others.
        unsettled.searches.sort_by_key(|failed| Reverse(failed.after));
        for failed in unsettled.searches {
            self.search_again(failed, context);
        }
        if !unsettled.files.is_empty() {
            self.open_all_older(context, true);
        }
        for file in unsettled.files {
            self.settle_file(file, context);
        }
        self.unsettled.as_ref().map(|unsettled| unsettled.look_at)
    }

    fn settle_file(&mut self, mut file: UnsettledFile, context: &mut Context<'_>) {
        let now = context.now;
        let is_known = |inode| context.shared.ownership.is_known(inode);
        let stat = match file.stat(&context.shared.directories, is_known) {
            Err(error) => return self.settle_file_later(file, &error, context),
            Ok(None) if file.patience != RetryLimit::Endless => {
                let gone = io::ErrorKind::NotFound.into();
                return self.give_up_file(&file, Reason::Removed, &gone, context);
            }
            Ok(stat) => stat,
        };
        let Some(stat) = stat.filter(|stat| !is_known(stat.inode)) else { return };
        if file.is_elsewhere(context.shared) {
            return;
        }
        file.modified = stat.modified;
        if std::mem::replace(&mut file.size, stat.size) != stat.size {
            return self.unsettled(now).files.push(file);
        }
        match self.identify(file.path.clone(), context) {
            Err(error) => self.settle_file_later(file, &error, context),
            Ok(None) => {}
            Ok(Some((mut found, begin))) => {
                let is_log = match file.is_rewritten {
                    true => found.content.looks_like_a_log(),
                    false => Ok(true),
                };
                match is_log {
                    Ok(true) => {}
                    Ok(false) => {
                        let path = found.path.shown();
                        return info!("{path} holds no lines any more: it is not read");
                    }
                    Err(error) => return self.settle_file_later(file, &error, context),
                }
                let at = self.older.partition_point(|known| known.order() < file.order);
                let new = self.discovered(found, file.order, begin, context);
                self.older.insert(at, new);
            }
        }
    }

    /// It cannot be told for now what a file is: it is looked at again, unless that has failed for long.
    fn settle_file_later(
        &mut self,
        file: UnsettledFile,
        error: &io::Error,
        context: &mut Context<'_>,
    ) {
        match file.patience.is_over(context.now) {
            true => self.give_up_file(&file, Reason::Unreadable, error, context),
            false => self.unsettled(context.now).files.push(file.failing(error, context.now)),
        }
    }

    /// It will not be told any more what a file is.
    fn give_up_file(
        &self,
        file: &UnsettledFile,
        reason: Reason,
        error: &io::Error,
        context: &mut Context<'_>,
    ) {
        context.effects.losses.push((reason, Amount::unknown()));
        warn!(
            "{}: {} may hold lines that were not read. It cannot be read ({error}), and is not waited for \
             any more",
            self.path.shown(),
            file.path.shown()
        );
    }

    /// Whether a generation in this place has to wait until it is known what came before it, and until
    /// when at least.
    pub(super) fn waits_for_unsettled(&self, order: u64) -> Option<Instant> {
        let unsettled = self.unsettled.as_ref()?;
        unsettled.is_awaited_by(order).then_some(unsettled.look_at)
    }

    fn search_again(&mut self, failed: FailedSearch, context: &mut Context<'_>) {
        let FailedSearch { mut search, after, patience } = failed;
        // Of what is found something may be what has become of the one that is searched from.
        let at = self.older.iter().position(|it| it.source.id == search.source.id);
        let opened = match at.filter(|&at| !self.older[at].is_open()) {
            Some(at) => self.open_older(at, context, false).map(|_| ()),
            None => Ok(()),
        };
        // As at the start: what little was read of an older file is in nothing newer.
        self.open_all_older(context, false);
        let from = at.and_then(|at| self.older.get(at)).filter(|it| !it.is_copy());
        if let Some(stat) = from.and_then(Generation::stat) {
            search.copied_before(&stat);
        }
        let siblings = match opened.and_then(|()| search.siblings(&context.shared.directories)) {
            Ok(siblings) => siblings,
            Err(error) if patience.is_over(context.now) => {
                context.effects.losses.push((Reason::Unreadable, Amount::unknown()));
                return warn!(
                    "{}: files that were rotated cannot be looked for ({error}): what came and was \
                     rotated away unseen is not read",
                    self.path.shown()
                );
            }
            Err(_) => {
                let failed = FailedSearch { search, after, patience };
                return self.unsettled(context.now).searches.push(failed);
            }
        };
        // What has been seen meanwhile may have come before some of them.
        let groups =
            siblings.chunk_by(|a, b| self.comes_after(after, a) == self.comes_after(after, b));
        let groups: Vec<_> =
            groups.map(|group| (self.comes_after(after, &group[0]), group.to_vec())).collect();
        for (after, siblings) in groups {
            let (_, between) = self.place_after(after);
            let unknown = self.sift(siblings, &search, between, context);
            let (at, _) = self.place_after(after);
            self.insert_all_older(at, unknown);
        }
    }

    /// The place of the older generation that a file comes after which came after `after`: of those behind
    /// that, the last that was written before it.
    fn comes_after(&self, after: Option<u64>, sibling: &Sibling) -> Option<u64> {
        let at = self.older.partition_point(|known| Some(known.order()) <= after);
        let is_before = |known: &&Generation| known.written_last() < sibling.stat.modified;
        let before = self.older.range(at..).take_while(is_before).last();
        before.map(Generation::order).or(after)
    }

    /// Where in the row of older generations something stands that comes right behind `after`.
    fn place_after(&self, after: Option<u64>) -> (usize, Between) {
        let at = self.older.partition_point(|known| Some(known.order()) <= after);
        let next = self.older.get(at).or(self.current.as_ref()).map(Generation::order);
        (at, (after, next))
    }
}
