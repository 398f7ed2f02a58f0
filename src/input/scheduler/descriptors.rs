//! What comes by the clock: timers, descriptors of quiet files, what the meters show.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use rustix::process::{Resource, getrlimit};

use super::Scheduler;
use super::slot::Slot;
use crate::input::path::FollowedPath;

/// Descriptors of quiet files are given back after this time.
const QUIET: Duration = Duration::from_secs(60);
/// Where there are many, they are given back after this time.
const QUIET_MANY: Duration = Duration::from_secs(3);
/// So many open files are many.
const MANY: usize = 32;
/// How often descriptors are gone through.
pub(super) const HOUSEKEEPING: Duration = Duration::from_secs(2);
/// How often it is added up what there is to read.
const MEASURING: Duration = Duration::from_millis(500);

/// Of the files that may be open at once this part may be kept open for later.
const KEPT_OPEN_SHARE: u64 = 2;
/// No more files than this are kept open for later.
const KEPT_OPEN_MAX: u64 = 16_384;

/// How many files may be open and others still be kept open for later.
pub(super) fn kept_open_max() -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    (limit / KEPT_OPEN_SHARE).min(KEPT_OPEN_MAX) as usize
}

impl Scheduler {
    /// Opens a file that has something unread: should nothing be sent for long, it may be deleted
    /// before its turn comes.
    pub(super) fn keep_open(&mut self, id: usize, now: Instant) {
        if self.open.len() < self.kept_open_max
            && self.slots.wake(id, now).is_some_and(|slot| slot.path.keep_open())
        {
            self.open.insert(id);
            self.housekeeping.get_or_insert(now + HOUSEKEEPING);
        }
    }

    /// Closes files for the path `asking`, which has something to read and no descriptor: those that are
    /// read to their end, or else the one whose turn was longest ago, or else what was rotated. Where none can be
    /// closed, nobody asks again until it is time to go through them.
    pub(super) fn give_descriptor(&mut self, asking: usize) {
        let before = self.open.len();
        self.close_where(|id, slot| id != asking && !slot.is_queued, FollowedPath::close_current);
        if self.open.len() == before {
            let others = self.open.iter().copied().filter(|&id| id != asking);
            let turn = |&id: &usize| self.slots.awake(id).map(|slot| slot.last_read);
            let first = others.min_by_key(turn);
            self.close_where(|id, _| Some(id) == first, FollowedPath::close_current);
        }
        if self.open.len() == before {
            self.close_where(|_, _| true, FollowedPath::close_all);
        }
        self.shared.may_ask_for_descriptor = self.open.len() < before;
    }

    /// Has those of the paths that hold descriptors close them that are such.
    fn close_where(
        &mut self,
        is_such: impl Fn(usize, &Slot) -> bool,
        close: fn(&mut FollowedPath),
    ) {
        let slots = &mut self.slots;
        self.open.retain(|&id| {
            let Some(slot) = slots.awake_mut(id) else { return false };
            if is_such(id, slot) {
                close(&mut slot.path);
            }
            slot.path.is_open()
        });
    }

    /// Closes what is read to its end, and returns how many paths rest then.
    #[cfg(test)]
    pub(in crate::input) fn rest_all(&mut self) -> usize {
        self.close_where(|_, slot| !slot.is_queued, FollowedPath::close_current);
        self.slots.let_rest();
        self.slots.count_resting()
    }

    /// Has a path counted where it belongs.
    pub(super) fn count(&mut self, id: usize) {
        // What rests is counted.
        if let Some(slot) = self.slots.awake_mut(id) {
            slot.count(&self.meters);
        }
    }

    pub(super) fn next_wake(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        timer.into_iter().chain(self.housekeeping).min()
    }

    pub(in crate::input) fn wake(&mut self, now: Instant) {
        while let Some(&Reverse((at, id))) = self.timers.peek() {
            if at > now {
                break;
            }
            self.timers.pop();
            if let Some(slot) = self.slots.awake_mut(id) {
                slot.wake_at = slot.wake_at.filter(|&set| set != at);
            }
            self.queue(id, now);
        }
        if self.housekeeping.is_some_and(|at| at <= now) {
            self.close_quiet(now);
        }
    }

    /// Files that were quiet for a while hold no descriptor.
    fn close_quiet(&mut self, now: Instant) {
        let quiet = if self.open.len() > MANY { QUIET_MANY } else { QUIET };
        let is_quiet = |_, slot: &Slot| {
            !slot.is_queued && now.saturating_duration_since(slot.last_read) >= quiet
        };
        self.close_where(is_quiet, FollowedPath::close_current);
        self.shared.may_ask_for_descriptor = true;
        self.housekeeping = (!self.open.is_empty()).then_some(now + HOUSEKEEPING);
    }

    /// Shows how much there is to read: at once that there is nothing, else every now and then.
    pub(super) fn measure(&mut self, now: Instant) {
        if self.ready.is_empty() {
            self.meters.unread_bytes.set(0);
        } else if self.measure_at.is_none_or(|at| at <= now) {
            let slots = self.ready.iter().filter_map(|&id| self.slots.awake(id));
            let unread: u64 = slots.map(|slot| slot.path.unread()).sum();
            self.meters.unread_bytes.set(i64::try_from(unread).unwrap_or(i64::MAX));
            self.measure_at = Some(now + MEASURING);
        }
    }

    /// Shows what was read.
    pub(super) fn show_counts(&mut self) {
        self.reader.counts.show(&mut self.shown, &self.meters);
    }
}
