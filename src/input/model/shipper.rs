//! What happens to the shipper: events, batches, time, reloads, its end and its start.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{collections::BTreeMap, fs};

use tokio::sync::mpsc;

use super::World;
use crate::filter::{LineFilter, Patterns};
use crate::health::liveness::Beat;
use crate::health::readiness::FirstPass;
use crate::input::scheduler::{EntryOf, KnownFiles, Reload, Scheduler};
use crate::input::{FileSettings, Settings};
use crate::mounts::Fence;
use crate::pipeline::batch::Batch;
use crate::pipeline::event::Event;
use crate::pipeline::position::{Record, SourceId, SourceIds, Update, nanoseconds};
use crate::syslog::{Encoder, Framing};
use crate::text::TextRules;

impl World {
    /// The paths that match.
    pub(super) fn matching(&self) -> Vec<PathBuf> {
        if !self.all {
            return vec![self.path("app.log")];
        }
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| !path.ends_with("unused"));
        paths.push(self.path("app.log"));
        // As events come: the name that something moved to, before the name it moved from.
        paths.sort();
        paths.dedup();
        paths
    }

    pub(super) fn handle(&mut self, event: Event) {
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.handle(event, self.now);
            self.note_first_seen();
        }
    }

    pub(super) fn note_first_seen(&mut self) {
        let Some(scheduler) = &mut self.scheduler else { return };
        for update in scheduler.take_checkpoints() {
            note(&mut self.records, update, last_moment(self.born));
        }
    }

    pub(super) fn look(&mut self) {
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.turn_ends();
        }
        for path in self.matching() {
            self.handle(Event::Look { path, entry: 0 });
        }
    }

    pub(super) fn fill(&mut self) -> bool {
        let Some(scheduler) = &mut self.scheduler else { return false };
        if !scheduler.has_work() {
            return false;
        }
        let batch = scheduler.fill(self.now);
        self.unconfirmed.push_back(batch);
        self.note_first_seen();
        true
    }

    pub(super) fn confirm(&mut self) {
        let Some(batch) = self.unconfirmed.pop_front() else { return };
        for frame in String::from_utf8(batch.bytes).unwrap().lines() {
            let text = frame.split(" - - - ").nth(1).unwrap();
            if text.starts_with('#') {
                self.banners[1] += 1;
                continue;
            }
            self.received.push(text.split(':').next().unwrap().parse().unwrap());
        }
        for mark in batch.marks {
            self.next_id = self.next_id.max(id_of(&mark.update) + 1);
            note(&mut self.records, mark.update, last_moment(self.born));
        }
    }

    pub(super) fn pass(&mut self, tenths: u64) {
        self.now += Duration::from_millis(100 * tenths);
        self.heal_in_time();
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.wake(self.now);
        }
    }

    pub(super) fn read_all(&mut self) {
        self.look();
        let mut fills = 0;
        while self.fill() {
            fills += 1;
            assert!(fills < 1000, "reading does not end");
        }
    }

    pub(super) fn deliver_all(&mut self) {
        self.heal();
        // An unfinished line of a rotated file holds what comes after it for a second.
        for round in 0..40 {
            self.read_all();
            self.pass(11);
            while !self.unconfirmed.is_empty() {
                self.confirm();
            }
            if round >= 2
                && self.received.len() >= self.written.len()
                && self.banners[1] >= self.banners[0]
            {
                break;
            }
        }
    }

    pub(super) fn start(&mut self) {
        if self.scheduler.is_some() {
            return;
        }
        let (_, spare) = mpsc::channel(1);
        let highest = self.records.keys().next_back().map_or(0, |id| id.0 + 1);
        // The globs are kept, though nothing may be known of any file.
        let has_run = self.next_id > 0 || highest > 0;
        let matched = entry_of(true, std::mem::replace(&mut self.matched_all, self.all));
        let known = KnownFiles {
            records: self.records.values().cloned().collect(),
            last_run: self.records.values().map(|record| record.seen).max(),
            ids: SourceIds::from(SourceId(self.next_id.max(highest))),
            entry_of: entry_of(true, self.all),
            matched_last: has_run.then_some(Box::new(move |path| matched(path).is_some())),
        };
        let mut scheduler = Scheduler::new(self.settings(), known, spare);
        scheduler.look_through(self.files.clone());
        self.scheduler = Some(scheduler);
        self.sweep();
    }

    /// All that matches is found, as at the start.
    pub(super) fn sweep(&mut self) {
        let paths: Vec<_> = self.matching().into_iter().filter(|path| path.exists()).collect();
        for path in paths {
            self.handle(Event::Look { path, entry: 0 });
        }
        self.handle(Event::Swept);
    }

    /// Takes up a configuration that matches the log and what was rotated, or not.
    pub(super) fn reload_with(&mut self, log: bool, rotated: bool) {
        let settings = self.settings();
        let Some(scheduler) = &mut self.scheduler else { return };
        let (_, events) = mpsc::channel(1);
        let reload = Reload { settings, entry_of: entry_of(log, rotated), events };
        let _ = scheduler.reload(reload, nanoseconds(SystemTime::now()).unwrap(), self.now);
        self.note_first_seen();
    }

    /// What is to be excluded is read before: it would not be missed. (The unfinished last line of a
    /// rotated file is not read before a newer file has content.)
    pub(super) fn can_exclude(&mut self) -> bool {
        if self.writer_is_behind || self.partial.is_some() || self.scheduler.is_none() {
            return false;
        }
        for _ in 0..12 {
            self.read_all();
            self.pass(11);
        }
        let frames: usize = self.unconfirmed.iter().map(Batch::len).sum();
        let lines = self.written.len() + self.banners[0];
        self.received.len() + self.banners[1] + frames >= lines
    }

    pub(super) fn reload(&mut self, rotated: bool) {
        let rotated = rotated && self.rotation.is_within_glob();
        // What is named for the first time is old. Where the log is gone, what came after it unseen
        // is not looked for at once; and globs find nothing where nothing can be listed.
        let can_find = self.path("app.log").exists() && self.heals_at.is_none();
        if rotated && !self.all && !can_find {
            return;
        }
        if self.all && !rotated && !self.can_exclude() {
            return;
        }
        self.all = rotated;
        self.reload_with(true, rotated);
        if self.scheduler.is_some() {
            self.matched_all = rotated;
            self.sweep();
        }
        if rotated && let Some(scheduler) = &mut self.scheduler {
            // How far was read what is named anew is told the next run at once, with the next batch.
            self.unconfirmed.extend(scheduler.finish());
            while !self.unconfirmed.is_empty() {
                self.confirm();
            }
        }
    }

    pub(super) fn exclude(&mut self, count: u8) {
        // That a copy took the place of the log is known before nothing names that any more.
        self.look_though_reading_fails();
        if self.can_exclude() {
            self.reload_with(false, false);
            self.handle(Event::Swept);
            self.write_lines(count);
            self.reload_with(true, self.all);
            self.sweep();
        }
    }

    fn settings(&self) -> Settings {
        let [exclude, exclude_files] = self.exclude.clone();
        let file = FileSettings {
            filter: Arc::new(LineFilter::new(Patterns::default(), exclude)),
            ..FileSettings::plain("h", TextRules::default())
        };
        Settings {
            files: vec![Arc::new(file)],
            exclude_files,
            encoder: Encoder::new(Framing::Newline, None),
            globs: Default::default(),
            from_start: false,
            read_again: Vec::new(),
            once: false,
            fifos: false,
            meters: self.meters.clone(),
            fence: Fence::default(),
            beat: Beat::default(),
            first_pass: FirstPass::default(),
        }
    }

    pub(super) fn stop(&mut self, clean: bool) {
        // What could not be looked for, and was not since, is not known to the next run.
        if std::mem::take(&mut self.has_failed) {
            self.heal();
            // Compressed meanwhile, it is looked at until it does not grow.
            for _ in 0..3 {
                self.pass(11);
                self.read_all();
            }
        }
        if clean && let Some(scheduler) = &mut self.scheduler {
            self.unconfirmed.extend(scheduler.finish());
        }
        while clean && !self.unconfirmed.is_empty() {
            self.confirm();
        }
        self.unconfirmed.clear();
        self.scheduler = None;
    }
}

/// Matches the log, what was rotated, or both.
fn entry_of(log: bool, rotated: bool) -> EntryOf {
    Box::new(move |path: &Path| {
        let is_matched = if path.ends_with("app.log") { log } else { rotated };
        is_matched.then_some(0)
    })
}

fn id_of(update: &Update) -> u64 {
    match update {
        Update::Reached(reached) => reached.source.id.0,
        Update::Forget(id) => id.0,
        Update::Followed(_) => 0,
    }
}

/// When this is, by the clock that births are taken from: it ticks less often than others do.
fn last_moment(born: Option<SystemTime>) -> SystemTime {
    born.map_or_else(SystemTime::now, |born| born + Duration::from_nanos(1))
}

/// What the state does with an update.
fn note(records: &mut BTreeMap<SourceId, Record>, update: Update, seen: SystemTime) {
    match update {
        Update::Reached(reached) => {
            records.insert(reached.source.id, Record { reached, seen });
        }
        Update::Forget(id) => drop(records.remove(&id)),
        Update::Followed(_) => {}
    }
}
