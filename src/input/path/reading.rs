//! Reading what a path names and has named, in the order in which it was written.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, warn};

use super::Follower;
use super::opening::RETRY;
use crate::input::path::generation::{Generation, Next};
use crate::input::path::ownership::Registry;
use crate::input::read::content::Stat;
use crate::input::read::reader::{MessageFormat, Read, Reader};
use crate::pipeline::batch::Batch;
use crate::pipeline::position::{Position, Update};
use crate::shown::Show;
use crate::syslog::Header;

/// When to come back to a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Turn {
    /// There is more to read.
    Again,
    /// When something happens.
    Idle,
    /// At this time.
    At(Instant),
    /// What the path names has changed: look at it.
    Look,
}

/// What reading works with.
pub(in crate::input) struct Work<'a> {
    pub(in crate::input) reader: &'a mut Reader,
    pub(in crate::input) registry: &'a mut Registry,
    pub(in crate::input) batch: &'a mut Batch,
    pub(in crate::input) now: Instant,
}

/// How to go on after one generation was looked at.
pub(super) enum Step {
    /// With the next one, and come back to this one at a time.
    Next(Option<Instant>),
    /// With what stands in this place now.
    Same,
    /// Not at all for now.
    Stop(Turn),
}

impl Follower {
    /// Reads once from the oldest generation that has something.
    pub(in crate::input) fn read(&mut self, work: &mut Work<'_>) -> Turn {
        self.last_read = work.now;
        self.is_held = false;
        let mut wake = self.decide(work.registry, work.now);
        if !work.registry.discovered.is_empty() {
            // Not before it is known whether another path reads it.
            return Turn::Again;
        }
        let (header, settings) = (self.header(), Arc::clone(&self.settings));
        let format = MessageFormat { header: &header, settings: &settings };
        let current_size = self.current_size();
        let sooner = |wake: Option<Instant>, at| Some(wake.map_or(at, |wake| wake.min(at)));
        let mut at = 0;
        while at < self.generations.len() {
            match self.read_one(at, current_size, format, work) {
                Step::Same => {}
                Step::Next(again) => {
                    wake = again.map_or(wake, |again| sooner(wake, again));
                    at += 1;
                }
                Step::Stop(Turn::Idle) => break,
                Step::Stop(Turn::At(again)) => {
                    // A file that cannot be read is not waited for.
                    self.is_held = self.complaint.is_none();
                    wake = sooner(wake, again);
                    break;
                }
                Step::Stop(turn) => return turn,
            }
        }
        self.is_held |= self.undecided.is_some();
        wake.map_or(Turn::Idle, Turn::At)
    }

    fn header(&mut self) -> Arc<Header> {
        let (path, settings) = (&self.path, &self.settings);
        Arc::clone(self.header.get_or_insert_with(|| Arc::new(settings.header(path))))
    }

    /// How much the current file holds, where there are older ones. Seen before those are found
    /// at their end: what it holds until here was written after all that they hold.
    fn current_size(&self) -> u64 {
        match self.generations.last() {
            Some(last) if self.generations.len() > 1 && !last.is_past => size_of(last, &self.path),
            _ => u64::MAX,
        }
    }

    fn read_one(
        &mut self,
        at: usize,
        current_size: u64,
        format: MessageFormat<'_>,
        work: &mut Work<'_>,
    ) -> Step {
        let followed = self.is_followed(at, current_size);
        if !self.generations[at].is_open()
            && let Some(step) = self.open(at, followed, work)
        {
            return step;
        }
        let generation = &mut self.generations[at];
        let is_current = !generation.is_past;
        let bound = if is_current { current_size.min(self.limit) } else { u64::MAX };
        let before = generation.position;
        let seen = work.registry.looked_at.take();
        match generation.read(work.reader, format, bound, seen, work.batch, work.now) {
            Ok(Read::Some { at_end }) => {
                if before.offset == 0 {
                    // Should we end before this is confirmed, the file must be known again.
                    let position = Position { head: generation.head(), ..before };
                    let source = Arc::clone(&generation.source);
                    work.registry.first_seen.push(Update::Reached(source, position));
                }
                // What is appended from now on is an event.
                Step::Stop(if at_end && is_current { Turn::Idle } else { Turn::Again })
            }
            Ok(Read::End { .. } | Read::Rewritten) | Err(_) if generation.is_cut() => {
                self.cut_short(at, format, work)
            }
            Ok(Read::End { .. }) if is_current => Step::Stop(Turn::Idle),
            Ok(Read::End { unfinished }) => self.at_end(at, unfinished, followed, format, work),
            // A copy may have been made before the last lines were read.
            Ok(Read::Rewritten) if generation.is_compressed() || generation.is_copy() => {
                self.let_go(at, work);
                Step::Same
            }
            // Its content went with the file: what is beside it is not all older.
            Ok(Read::Rewritten) if is_current && !generation.is_at(&self.path) => {
                Step::Stop(Turn::Look)
            }
            Ok(Read::Rewritten) => {
                self.start_anew(at, work.registry, work.now);
                Step::Stop(Turn::Again)
            }
            Err(error) => self.failed(&error, work.now),
        }
    }

    /// What is compressed ends before its end: it is being written, or damaged.
    fn cut_short(&mut self, at: usize, format: MessageFormat<'_>, work: &mut Work<'_>) -> Step {
        let generation = &mut self.generations[at];
        if !generation.is_given_up(work.now) {
            return Step::Stop(Turn::At(work.now + RETRY));
        }
        warn!(
            "{}: what it was compressed to is damaged or not complete: it is read to byte {} of \
             the content and no further",
            self.path.shown(),
            generation.position.offset
        );
        // Where nothing is left, there is nothing to send.
        let _ = generation.read_unfinished(work.reader, format, work.batch);
        self.let_go(at, work);
        Step::Same
    }

    /// A past generation is read to its end, for now.
    fn at_end(
        &mut self,
        at: usize,
        unfinished: usize,
        followed: bool,
        format: MessageFormat<'_>,
        work: &mut Work<'_>,
    ) -> Step {
        let is_last_past = at + 2 == self.generations.len();
        let generation = &mut self.generations[at];
        let is_awaited = work.registry.is_awaited(generation.source.inode);
        let may_linger = work.registry.may_linger && is_last_past && !is_awaited;
        match generation.next(unfinished, followed, may_linger, work.now) {
            Next::Wait { until, holds: true } => Step::Stop(Turn::At(until)),
            Next::Wait { until, holds: false } => Step::Next(Some(until)),
            Next::SendUnfinished => {
                match generation.read_unfinished(work.reader, format, work.batch) {
                    Ok(()) => Step::Same,
                    Err(error) => self.failed(&error, work.now),
                }
            }
            Next::Rest if !is_awaited => {
                // Its writer may go on all the same.
                if generation.is_compressed() || !work.registry.may_hold {
                    generation.close();
                }
                generation.is_resting = true;
                Step::Next(None)
            }
            Next::Rest => {
                self.let_go(at, work);
                Step::Same
            }
            Next::Done => {
                let id = generation.source.id;
                if at + 1 == self.generations.len() {
                    // Nothing is known to follow it; there may be what was not seen.
                    self.succeed(None, work.registry, work.now);
                }
                if self.generations.get(at).is_some_and(|same| same.source.id == id) {
                    self.let_go(at, work);
                }
                match work.registry.discovered.is_empty() {
                    true => Step::Same,
                    // Not before it is known whether another path reads it.
                    false => Step::Stop(Turn::Again),
                }
            }
        }
    }

    /// Whether a generation newer than the one at `at` has content, or has had its time.
    fn is_followed(&self, at: usize, current_size: u64) -> bool {
        let newer = &self.generations[at + 1..];
        let is_bounded = current_size != u64::MAX;
        newer.iter().any(|newer| newer.is_past)
            || is_bounded && !newer.is_empty() && current_size > 0
    }

    /// A past generation is complete.
    fn let_go(&mut self, at: usize, work: &mut Work<'_>) {
        let generation = self.generations.remove(at);
        debug!("{}: a rotated file is read to its end", self.path.shown());
        self.finished.remember(&generation.position);
        if let Some(next) = self.generations.get_mut(at)
            && let Some(position) = next.begins_after(&generation)
        {
            work.registry.first_seen.push(Update::Reached(Arc::clone(&next.source), position));
        }
        self.hand_over(generation, work.registry);
    }

    /// Leaves a generation to whoever waits for it.
    pub(super) fn hand_over(&self, generation: Generation, registry: &mut Registry) {
        self.release(&generation, registry);
        if registry.is_awaited(generation.source.inode) {
            registry.handed_over.push(generation);
        } else {
            registry.forget(&generation);
        }
    }

    /// A generation is let go; its file may hold another one.
    pub(super) fn release(&self, generation: &Generation, registry: &mut Registry) {
        for inode in [generation.source.inode, generation.reads] {
            let is_held = |other: &Generation| other.source.inode == inode || other.reads == inode;
            if !self.generations.iter().any(is_held) {
                registry.release(inode, self.id);
            }
        }
    }
}

fn size_of(current: &Generation, path: &Path) -> u64 {
    current.stat().or_else(|| Stat::at(path).ok()).map_or(0, |stat| stat.size)
}
