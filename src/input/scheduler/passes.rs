//! Which paths have followers: the first pass, what is found later, what the configuration names no
//! more.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use tokio::sync::mpsc::Receiver;

use super::slot::{Origin, Slot};
use super::{Reload, Scheduler};
use crate::health::readiness::FileTally;
use crate::input::path::{FollowedPath, ReadFrom};
use crate::input::read::content::Stat;
use crate::input::rotation::judge::same_but_device;
use crate::input::rotation::names;
use crate::pipeline::checkpoint::{CheckpointBehind, CheckpointNow};
use crate::pipeline::event::Event;
use crate::pipeline::position::{Position, Record, nanoseconds};
use crate::pipeline::shared_path::{SharedPath, by_spelling};

/// With more files than this the log does not name each at the start.
const NAMED_MAX: usize = 100;
/// To take up so many known paths takes half a megabyte, of which little stays in use.
const LARGE: usize = 1000;

/// From where files are read of which nothing is known. All are old, unless it is known when we ran
/// last: what has appeared since then is read from its beginning, as if we had been there.
pub(super) fn unknown_from(last_run: Option<SystemTime>) -> ReadFrom {
    // Kept to the second, so perhaps a little later. What is no longer known, because it was rotated
    // away and read, is older by the time it was kept for its writer.
    ReadFrom::EndIfOlder(last_run.and_then(nanoseconds).unwrap_or(i64::MAX))
}

/// Forgets how far the file that stands at `path` was read. What was rotated away from it keeps its positions.
fn from_the_beginning(path: &Path, records: &mut [Record]) {
    let Ok(stat) = Stat::at(path) else { return };
    let there = records
        .iter_mut()
        .filter(|record| same_but_device(record.reached.source.inode, stat.inode));
    // What it held before it was truncated has the same inode.
    if let Some(record) =
        there.max_by_key(|Record { reached, .. }| (reached.source.order, reached.source.id))
    {
        Arc::make_mut(&mut record.reached).position = Position::default();
    }
}

impl Scheduler {
    /// Known files first, under whatever name, so that none of them is taken for a new one.
    pub(super) fn first_pass(&mut self, mut found: Vec<(Arc<Path>, usize)>, now: Instant) {
        self.shared.is_terse = found.len() > NAMED_MAX;
        found.sort_by(|(a, _), (b, _)| by_spelling(a, b));
        found.dedup_by(|(b, _), (a, _)| by_spelling(a, b).is_eq());
        // Not twice as many, as it would grow.
        self.slots.reserve(found.len());
        let mut known = Vec::new();
        self.leave_records_to_logs();
        let read_again = std::mem::take(&mut self.read_again);
        let is_read_again = |path: &Path| read_again.iter().any(|again| again == path);
        for (path, mut records) in std::mem::take(&mut self.records) {
            if is_read_again(&path) {
                from_the_beginning(&path, &mut records);
            }
            // The path may be gone, but what was rotated away from it may have to be read.
            let named =
                found.binary_search_by(|(it, _)| by_spelling(it, &path)).ok().map(|at| found[at].1);
            let Some(entry) = named.or_else(|| (self.entry_of)(&path)) else {
                self.drop_records(records);
                continue;
            };
            let id = self.follow(path, entry, now);
            for record in &records {
                let inode = record.reached.source.inode;
                self.shared.ownership.claim(inode, id);
                if record.reached.position.offset == 0 {
                    // It had just come, and may be what has become of another one.
                    self.shared.ownership.claim_if_unread(inode, id);
                }
            }
            known.push((id, records));
        }
        let ids: Vec<_> = known.iter().map(|&(id, _)| id).collect();
        for (id, records) in known {
            if let Some(slot) = self.slots.wake(id, now) {
                let effects = slot.path.resume(records, &mut self.shared, now);
                self.take_in(effects);
            }
        }
        self.settle(now);
        self.find_older_among(&found, now);
        let is_large = ids.len() > LARGE;
        for id in ids {
            self.count(id);
            self.queue_unread(id, now);
        }
        self.slots.let_rest();
        if is_large {
            crate::sys::give_back_heap();
        }
        let matched_before = self.matched_before.take();
        for (path, entry) in found {
            if self.slots.find(&path).is_some() {
                continue;
            }
            let is_named_anew = matched_before.as_ref().is_none_or(|matched| !matched(&path));
            let from = match is_named_anew && !is_read_again(&path) {
                true => self.unknown_from,
                false => ReadFrom::Start,
            };
            let id = self.follow(path, entry, now);
            if let Some(slot) = self.slots.wake(id, now) {
                let effects = slot.path.begin(from, &mut self.shared, now);
                self.take_in(effects);
            }
            self.count(id);
            self.queue_unread(id, now);
            // One by one: all that are found are many, and most rest.
            self.slots.let_rest();
        }
        if self.once {
            for id in self.slots.ids() {
                if let Some(slot) = self.slots.wake(id, now) {
                    slot.path.read_no_further();
                }
            }
        }
        self.shared.is_terse = false;
        self.asked.now.push(CheckpointNow::followed(&self.globs));
        self.done_first.set(self.tally());
    }

    /// The paths that come for the first time may be where rotation has put what is read under known ones.
    /// That is found before it is followed under its new name: it would be missed otherwise, and read twice.
    fn find_older_among(&mut self, found: &[(Arc<Path>, usize)], now: Instant) {
        let has_older =
            |&id: &usize| self.slots.awake(id).is_some_and(|slot| slot.path.has_older());
        let mut searching: Vec<_> = self.slots.ids().filter(has_older).collect();
        if searching.is_empty() {
            return;
        }
        let new = found.iter().filter(|(path, _)| self.slots.find(path).is_none());
        let places: HashSet<&Path> = new.filter_map(|(path, _)| path.parent()).collect();
        searching.retain(|&id| {
            let place = self.slots.awake(id).and_then(|slot| slot.path.path().parent());
            place.is_some_and(|place| places.contains(place))
        });
        // What holds the very same is not left to what only begins alike.
        for sure in [true, false] {
            for &id in &searching {
                let Some(slot) = self.slots.awake_mut(id) else { continue };
                if slot.path.has_older() {
                    let effects = slot.path.find_older(sure, &mut self.shared, now);
                    self.take_in(effects);
                }
            }
        }
    }

    /// What is known of a rotated file that nothing names any more is left to the log it was rotated away from:
    /// what was read of it may not have arrived. So is what has got the name of a log.
    fn leave_records_to_logs(&mut self) {
        let is_named = |path: &Path| (self.entry_of)(path).is_some();
        let is_completed = |path: &Path| names::completed(path).is_some() && !path.exists();
        let is_gone = |path: &&Arc<Path>| !is_named(path) || is_completed(path);
        let unnamed: Vec<_> = self.records.keys().filter(is_gone).map(Arc::clone).collect();
        for path in unnamed {
            let mut logs = names::telling_bases(&path);
            logs.extend(names::completed(&path));
            let log = logs.into_iter().find(|log| is_named(log));
            let Some(log) = log.filter(|_| !self.shared.is_excluded(&path)) else { continue };
            let log: Arc<Path> = log.into();
            for mut record in self.records.remove(&path).unwrap_or_default() {
                Arc::make_mut(&mut record.reached).source.path = SharedPath::from(&log);
                self.records.entry(Arc::clone(&log)).or_default().push(record);
            }
        }
    }

    /// How many files there are.
    fn tally(&self) -> FileTally {
        let mut tally = FileTally { followed: self.slots.count_resting(), ..FileTally::default() };
        for Slot { path, .. } in self.slots.all_awake() {
            match (path.is_unreadable(), path.has_current()) {
                (true, _) => tally.unreadable += 1,
                (false, true) => tally.followed += 1,
                (false, false) if path.is_fifo() => tally.followed += usize::from(self.fifos),
                (false, false) => tally.gone += usize::from(path.has_generations()),
            }
        }
        tally
    }

    /// Goes on with what the new configuration names. Files that it names for the first time and
    /// that are older than `now_ns` (nanoseconds since the epoch) start as at the first start.
    /// Returns where events come from now.
    pub(in crate::input) fn reload(
        &mut self,
        reload: Reload,
        now_ns: i64,
        now: Instant,
    ) -> Receiver<Vec<Event>> {
        let Reload { settings, entry_of, events } = reload;
        self.reader.change(settings.encoder);
        self.shared.change(settings.exclude_files);
        self.files = settings.files;
        self.globs = settings.globs;
        let before = std::mem::replace(&mut self.entry_of, entry_of);
        if self.first_pass.is_none() {
            // What it matched and is not followed has come since.
            self.matched_before = Some(Box::new(move |path| before(path).is_some()));
            self.unknown_from = ReadFrom::EndIfOlder(now_ns);
        }
        if settings.from_start {
            self.unknown_from = ReadFrom::Start;
        }
        self.first_pass = Some(Vec::new());
        for id in self.slots.ids() {
            let Some(path) = self.slots.path(id) else { continue };
            match (self.entry_of)(&path) {
                Some(entry) => self.slots.belongs_to(id, &self.files[entry]),
                None => {
                    let Some(slot) = self.slots.wake(id, now) else { continue };
                    let effects = slot.path.abandon(&mut self.shared, now);
                    self.take_in(effects);
                    self.remove(id);
                }
            }
        }
        self.settle(now);
        events
    }

    /// The configuration does not name these files any more.
    fn drop_records(&mut self, records: Vec<Record>) {
        let forget =
            records.into_iter().map(|record| CheckpointBehind::forget(record.reached.source.id));
        self.asked.behind.extend(forget);
    }

    pub(super) fn look_at(&mut self, path: PathBuf, entry: usize, now: Instant) {
        let id = match self.slots.find(&path) {
            Some(id) => id,
            None => self.follow(path.into(), entry, now),
        };
        self.look(id, now);
    }

    /// Looks at the files that were not named in this sweep.
    pub(super) fn look_at_unnamed(&mut self, now: Instant) {
        for id in self.slots.ids() {
            if self.slots.sweep(id).is_some_and(|looked_at| looked_at != self.sweep) {
                self.look(id, now);
            }
        }
    }

    pub(super) fn look(&mut self, id: usize, now: Instant) {
        let sweep = self.sweep;
        let seen = self.slots.resting(id).map(|resting| {
            let stat = self.shared.stat(&resting.path().to_path_buf());
            let rests_on = stat.as_ref().is_ok_and(|stat| resting.is_unchanged(stat));
            (stat, rests_on)
        });
        if let Some((_, true)) = seen {
            self.slots.rests_on(id, sweep);
            return self.settle(now);
        }
        let Some(slot) = self.slots.wake(id, now) else { return };
        slot.sweep = sweep;
        if matches!(slot.origin, Origin::Suspect(_)) {
            // Its time comes.
            return;
        }
        self.leave_completed(id, now);
        let left = self.leave_unexamined(id);
        let Some(slot) = self.slots.awake_mut(id) else { return };
        let stat = seen.map_or_else(|| self.shared.stat(slot.path.path()), |(stat, _)| stat);
        let looked = slot.path.look(stat, &mut self.shared, now);
        let is_over = !looked.has_work && slot.path.is_over(&self.shared);
        match looked.stat.filter(|_| looked.has_work) {
            Some(stat) => drop(self.looked_at.insert(id, stat)),
            None => drop(self.looked_at.remove(&id)),
        }
        self.take_in(looked.effects);
        if let Some((originals, born)) = left {
            self.look_for_vanished(originals, born, now);
        }
        if looked.has_work {
            self.queue(id, now);
            self.keep_open(id, now);
        } else if is_over {
            self.remove(id);
        }
        self.suspect_at_sight(id, now);
        self.settle(now);
        self.count(id);
    }

    fn follow(&mut self, path: Arc<Path>, entry: usize, now: Instant) -> usize {
        let (settings, sweep) = (Arc::clone(&self.files[entry]), self.sweep);
        let shared_path = SharedPath::beside(&path, self.followed_last.as_ref());
        self.followed_last = Some(shared_path.clone());
        let names = (Arc::clone(&path), shared_path);
        let id = self.slots.add(|id| Slot::new(FollowedPath::new(id, names, settings), sweep, now));
        self.kin.add(&path, id);
        id
    }

    pub(super) fn remove(&mut self, id: usize) {
        if let Some(mut slot) = self.slots.remove(id) {
            slot.count_no_more(&self.meters);
            if let Origin::Suspect(suspect) = &slot.origin
                && let Some(inode) = suspect.inode
            {
                self.shared.ownership.decide(inode);
            }
            self.kin.remove(slot.path.path(), id);
            self.shared.ownership.wait_no_more(id);
            self.open.remove(&id);
            self.looked_at.remove(&id);
        }
    }

    /// Descriptors are for files that have something to read.
    fn queue_unread(&mut self, id: usize, now: Instant) {
        if self.slots.awake(id).is_some_and(|slot| slot.path.has_unread()) {
            self.queue(id, now);
            self.keep_open(id, now);
        }
    }
}
