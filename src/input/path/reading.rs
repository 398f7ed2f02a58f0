//! Reading what a path names and has named, in the order in which it was written.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tracing::warn;

use super::acting::{PATIENCE, UNFINISHED_QUIET};
use super::generation::Generation;
use super::opening::Opened;
use super::transitions::{Medium, Newer, Phase, Progress};
use super::{Context, Effects, FollowedPath, Shared};
use crate::input::read::content::Stat;
use crate::input::read::reader::{MessageFormat, Reader};
use crate::pipeline::batch::Batch;
use crate::pipeline::checkpoint::CheckpointNow;
use crate::pipeline::position::Position;
use crate::shown::Show;
use crate::syslog::Header;

/// When to come back to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum When {
    /// There is more to read.
    Again,
    /// When something happens.
    Idle,
    /// At this time.
    At(Instant),
    /// The path may name something else: look at it first.
    Look,
}

/// What a turn of reading gave.
pub(in crate::input) struct Turn {
    pub(in crate::input) when: When,
    /// Something is still to be read here that only waits for its time.
    pub(in crate::input) is_pending: bool,
    pub(in crate::input) effects: Effects,
}

/// What reading works with.
pub(in crate::input) struct ReadWork<'a> {
    pub(in crate::input) reader: &'a mut Reader,
    pub(in crate::input) shared: &'a mut Shared,
    pub(in crate::input) batch: &'a mut Batch,
    pub(in crate::input) now: Instant,
    /// What was found at the path just now.
    pub(in crate::input) seen: Option<Stat>,
}

/// What one turn of reading holds on to.
pub(super) struct Pass<'a> {
    pub(super) reader: &'a mut Reader,
    pub(super) batch: &'a mut Batch,
    pub(super) format: MessageFormat<'a>,
    /// What was found at the path just now.
    pub(super) seen: Option<Stat>,
    /// How much the current file held before older ones were found at their end: what it holds until
    /// here was written after all that they hold.
    pub(super) current_size: Option<u64>,
}

/// How to go on after one generation was looked at.
pub(super) enum Step {
    /// With the next one, and come back to this one at a time.
    Next(Option<Instant>),
    /// With what stands in this place now.
    Same,
    /// Not at all for now. What waits for its time is pending.
    Stop(When),
    /// Not at all for now. Nothing is waited for.
    Give(When),
}

/// Which generation of a path: an older one in this place, or the current one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Older(usize),
    Current,
}

impl FollowedPath {
    /// Reads once from the oldest generation that has something.
    pub(in crate::input) fn read(&mut self, work: ReadWork<'_>) -> Turn {
        let ReadWork { reader, shared, batch, now, seen } = work;
        let mut context = Context::new(shared, now);
        if let Some(when) = self.waits_for_replacement(now) {
            return Turn { when, is_pending: true, effects: context.effects };
        }
        if self.is_behind_path(&context) {
            return Turn { when: When::Look, is_pending: true, effects: context.effects };
        }
        let mut wake = self.settle_unsettled(&mut context);
        if context.shared.ownership.has_open_claims() {
            // Not before it is known whether another path reads what was found.
            return Turn { when: When::Again, is_pending: false, effects: context.effects };
        }
        let (header, settings) = (self.header(), Arc::clone(&self.settings));
        let format = MessageFormat { header: &header, settings: &settings };
        let (current_size, current) = self.look_before_older();
        let seen = seen.or(current);
        let mut pass = Pass { reader, batch, format, seen, current_size };
        let (when, is_held) = self.read_in_order(&mut wake, &mut pass, &mut context);
        let is_pending = is_held || self.unsettled.is_some();
        let when = match (when, wake) {
            (When::Idle, Some(at)) => When::At(at),
            (when, _) => when,
        };
        Turn { when, is_pending, effects: context.effects }
    }

    /// From the oldest on. Returns when to come back for what has ended that, and whether something
    /// newer is held back by it; `wake` is when to come back in any case.
    fn read_in_order(
        &mut self,
        wake: &mut Option<Instant>,
        pass: &mut Pass<'_>,
        context: &mut Context<'_>,
    ) -> (When, bool) {
        let mut sooner = |at| *wake = Some(wake.map_or(at, |wake: Instant| wake.min(at)));
        let mut at = 0;
        loop {
            let which = match at < self.older.len() {
                true => Which::Older(at),
                false if at == self.older.len() && self.current.is_some() => Which::Current,
                false => return (When::Idle, false),
            };
            let order = self.get(which).map(|it| it.order());
            if let Some(again) = order.and_then(|order| self.waits_for_unsettled(order)) {
                sooner(again);
                return (When::Idle, true);
            }
            match self.read_one(which, pass, context) {
                Step::Same => {}
                Step::Next(again) => {
                    again.into_iter().for_each(&mut sooner);
                    at += 1;
                }
                Step::Stop(When::At(again)) => {
                    sooner(again);
                    return (When::Idle, true);
                }
                Step::Give(When::At(again)) => {
                    sooner(again);
                    return (When::Idle, false);
                }
                Step::Stop(when) | Step::Give(when) => return (when, false),
            }
        }
    }

    fn header(&mut self) -> Arc<Header> {
        let (path, settings) = (&self.path, &self.settings);
        Arc::clone(self.header.get_or_insert_with(|| Arc::new(settings.header(path))))
    }

    /// What the current file holds, where there are older ones, and what the kernel says of it.
    fn look_before_older(&self) -> (Option<u64>, Option<Stat>) {
        let current = self.current.as_ref().filter(|_| !self.older.is_empty());
        let stat = current.map(|it| it.stat().or_else(|| Stat::at(&self.path).ok()));
        (stat.map(|stat| stat.map_or(0, |stat| stat.size)), stat.flatten())
    }

    pub(super) fn get(&mut self, which: Which) -> Option<&mut Generation> {
        match which {
            Which::Older(at) => self.older.get_mut(at),
            Which::Current => self.current.as_mut(),
        }
    }

    /// Opens a generation if need be, reads it, and does what the table says.
    fn read_one(&mut self, which: Which, pass: &mut Pass<'_>, context: &mut Context<'_>) -> Step {
        let newer = self.newer_than(which, pass.current_size);
        let is_parked = self.get(which).is_none_or(|it| it.phase() == Phase::Parked);
        let is_closed = self.get(which).is_some_and(|it| !it.is_open());
        if is_parked && is_closed && newer != Newer::Begun {
            return Step::Next(None);
        }
        let opened = match is_closed {
            _ if self.is_completed(which, context.shared) => Opened::Not(Progress::AtOtherPath),
            true => self.open(which, context),
            false => Opened::Open,
        };
        let (progress, error) = match opened {
            Opened::Open => match self.read_open(which, pass, context) {
                Ok(progress) => (progress, None),
                Err(error) => (self.failed(which, context.now), Some(error)),
            },
            Opened::Short => return Step::Stop(When::Again),
            Opened::Not(progress) => (progress, None),
            Opened::Failed(error) => (self.failed(which, context.now), Some(error)),
            Opened::Never(error) => (Progress::FailedForLong, Some(error)),
        };
        self.act(which, progress, error.as_ref(), newer, pass, context)
    }

    /// Reads an open generation.
    fn read_open(
        &mut self,
        which: Which,
        pass: &mut Pass<'_>,
        context: &mut Context<'_>,
    ) -> io::Result<Progress> {
        let limit = self.limit.unwrap_or(u64::MAX);
        let bound = match which {
            Which::Older(_) => u64::MAX,
            Which::Current => pass.current_size.unwrap_or(u64::MAX).min(limit),
        };
        let path = Arc::clone(&self.path);
        let is_last = self.current.is_none();
        let Some(it) = self.get(which) else { return Ok(Progress::Eof) };
        let (before, quiet, size) = (it.position, it.quiet(context.now), it.size());
        let progress = it.read(bound, pass, context.now)?;
        it.works();
        if matches!(progress, Progress::More | Progress::ReadToEnd) {
            if before.offset == 0 {
                // Should we end before this is confirmed, the file must be known again.
                let position = Position { head: it.head(), ..before };
                context.effects.now.push(CheckpointNow::known(it.reached_at(position)));
            }
            let is_late = quiet >= UNFINISHED_QUIET && it.size() > size;
            if is_last && is_late && it.medium() == Medium::Deleted && it.report_deletion() {
                warn!(
                    "{}: the file was deleted, and its writer goes on with it. Its lines are \
                     shipped while it stays open here; have the writer open its log again",
                    path.shown()
                );
            }
        }
        if progress == Progress::Rewritten && which == Which::Current && !it.is_at(&path) {
            // Its content went with the file: what is beside it is not all older.
            return Ok(Progress::Moved);
        }
        Ok(progress)
    }

    /// Reading or opening a generation has failed, perhaps for long.
    pub(super) fn failed(&mut self, which: Which, now: Instant) -> Progress {
        let is_long = self.get(which).is_some_and(|it| it.failing(now) >= PATIENCE);
        if is_long { Progress::FailedForLong } else { Progress::Failed }
    }
}
