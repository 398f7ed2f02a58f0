//! From one generation of a path to the next: after a restart, a rotation, a truncation.

use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use super::Follower;
use crate::position::{Position, Record, Source, Update};
use crate::tail::content::{Content, Stat, open};
use crate::tail::generation::{Generation, order_between, start};
use crate::tail::registry::Registry;
use crate::tail::rotated::{self, Fit};
use crate::tail::rotation::{Change, same_inode};

impl Follower {
    /// Takes up the generations that were known when the last run ended.
    pub(in crate::tail) fn resume(
        &mut self,
        mut records: Vec<Record>,
        registry: &mut Registry,
        now: Instant,
    ) {
        records.sort_by_key(|record| record.source.order);
        self.generations.reserve_exact(records.len());
        for record in records {
            let mut generation = Generation::new(Arc::new(record.source), record.position, now);
            generation.retire(now);
            self.generations.push(generation);
        }
        let stat = self.look_at_path();
        let stat = stat.filter(|stat| !self.is_foreign(stat, registry, now));
        let current = stat.and_then(|stat| self.current_among_known(&stat));
        match (stat, current) {
            (Some(stat), Some(at)) => {
                let mut current = self.generations.remove(at);
                current.is_past = false;
                let recognised = current.recognises(&self.path, &stat);
                if recognised && current.source.inode != stat.inode {
                    // The device may have another number after a reboot.
                    registry.release(current.source.inode, self.id);
                    current.moved_to(stat.inode);
                    registry.claim(stat.inode, self.id);
                    let source = Arc::clone(&current.source);
                    registry.first_seen.push(Update::Reached(source, current.position));
                }
                self.generations.push(current);
                if recognised {
                    self.look_for_copies_of_empty(registry, now);
                    let Some(last) = self.generations.last_mut() else { return };
                    last.saw_size(stat.size);
                    self.announce(registry);
                } else {
                    self.start_anew(self.generations.len() - 1, registry, now);
                }
            }
            (stat, _) => {
                self.look_for_copies_of_empty(registry, now);
                self.succeed(stat, registry, now);
            }
        }
    }

    /// Which of the known generations has the file that the path names.
    fn current_among_known(&self, stat: &Stat) -> Option<usize> {
        let recognised = self.generations.iter().rposition(|g| g.recognises(&self.path, stat));
        let same_file = |g: &Generation| g.judge(Some(stat)) != Change::Replaced;
        recognised.or_else(|| self.generations.iter().rposition(same_file))
    }

    /// When the newest generation was empty as the last run ended, it does not show that it was
    /// written to and truncated since. What it held then is in a copy.
    fn look_for_copies_of_empty(&mut self, registry: &mut Registry, now: Instant) {
        let Some(last) = self.generations.last() else { return };
        if last.position.offset > 0 || last.head().len > 0 {
            return;
        }
        // So that the files of known generations are told from unknown ones.
        for at in 0..self.generations.len() {
            if self.generations[at].is_past && !self.generations[at].is_open() {
                self.open_past(at, registry);
            }
        }
        let at = self.generations.len() - 1;
        let previous = self.generations[..at].last().map(Generation::order);
        let last = &mut self.generations[at];
        let at_path = || Stat::at(&self.path).ok().filter(|stat| stat.inode == last.source.inode);
        let stat = last.stat().or_else(at_path);
        let (modified, inode) = (last.position.modified, last.source.inode);
        // So that a copy of what it holds by now is told from one of what it held before.
        let fingerprint = stat.and_then(|stat| last.fingerprint_unread(&self.path, &stat));
        let copies = rotated::copies(&self.path, modified, stat.map_or(i64::MAX, |s| s.modified));
        let between = (previous, Some(last.order()));
        let copies = self.unknown_among(copies, inode, between, registry, now);
        let last = &mut self.generations[at];
        if let Some(newest) = copies.last() {
            // So that the next start does not find them again, when they are read and forgotten.
            last.position.modified = last.position.modified.max(newest.position.modified);
        }
        let is_lost = last.is_past && !last.is_open() && !copies.is_empty();
        if is_lost {
            // One of them is what became of it.
            registry.first_seen.push(Update::Forget(last.source.id));
            self.generations.pop();
        } else if fingerprint.is_some() || !copies.is_empty() {
            registry.first_seen.push(Update::Reached(Arc::clone(&last.source), last.position));
        }
        self.generations.splice(at..at, copies);
    }

    /// Looks for the file of a past generation. False when it holds something else by now.
    pub(super) fn open_past(&mut self, at: usize, registry: &mut Registry) -> bool {
        let inode = self.generations[at].source.inode;
        let is_reused = self.generations[at + 1..].iter().any(|g| g.source.inode == inode);
        let is_taken = |inode| registry.is_taken(inode, self.id);
        let past = &mut self.generations[at];
        let Some((stat, fit)) = past.open_past(is_reused, is_taken) else { return true };
        registry.claim(stat.inode, self.id);
        fit == Fit::Continues || stat.inode != inode
    }

    /// Files that were rotated away may be compressed before they are read.
    pub(super) fn fingerprint_past(&mut self, registry: &mut Registry) {
        for past in self.generations.iter_mut().filter(|past| past.is_past) {
            let position = past.stat().and_then(|stat| past.fingerprint_unread(&self.path, &stat));
            if let Some(position) = position {
                registry.first_seen.push(Update::Reached(Arc::clone(&past.source), position));
            }
        }
    }

    /// The file of the generation at `at` starts anew (copytruncate, or rewritten in place). What
    /// was not read of its old content is taken from the copy that rotation has made.
    pub(super) fn start_anew(&mut self, at: usize, registry: &mut Registry, now: Instant) {
        registry.count_rotation();
        let mut old = self.generations.remove(at);
        let (order, inode, is_past) = (old.order(), old.source.inode, old.is_past);
        let at_path = || Stat::at(&self.path).ok().filter(|stat| same_inode(stat.inode, inode));
        let Some(stat) = old.stat().or_else(at_path) else {
            // Renamed since it was looked at. It is read where it is then, which leads here again.
            old.retire(now);
            self.generations.insert(at, old);
            return;
        };
        let content = old.take_content();
        let unread = old.unread();
        old.retire(now);
        let mut baseline = old.position.modified;
        let mut anew = Vec::new();
        let copy = rotated::by_content(&self.path, inode, &old.position, |inode| {
            inode != old.reads && registry.is_taken(inode, self.id)
        });
        if let Some(copy) = &copy {
            baseline = baseline.max(copy.stat.modified);
            registry.claim(copy.stat.inode, self.id);
        }
        match copy {
            Some(copy) if copy.fit == Fit::Continues => {
                info!(
                    "{} was truncated; the rest of its old content is read from {}",
                    self.path.display(),
                    copy.path.display()
                );
                old.continue_in(copy);
                anew.push(old);
            }
            None if unread > 0 => {
                warn!(
                    "{} was truncated before {unread} bytes of it were read, and no copy of them \
                     was found beside it",
                    self.path.display()
                );
                registry.retired.push(Update::Forget(old.source.id));
            }
            _ => {
                info!("{} was truncated", self.path.display());
                registry.retired.push(Update::Forget(old.source.id));
            }
        }
        let until = if is_past { stat.modified } else { i64::MAX };
        let copies = rotated::copies(&self.path, baseline, until);
        let next = self.generations.get(at).map(Generation::order);
        let place = order_between(Some(order), next);
        let mut new = self.generation(place, &stat, start(&stat), content, registry, now);
        if is_past {
            new.retire(now);
        }
        // In the list first: a copy of it may be under way already.
        self.generations.insert(at, new);
        let between = (Some(order), Some(place));
        anew.extend(self.unknown_among(copies, inode, between, registry, now));
        self.generations.splice(at..at, anew);
    }

    /// The path names another file, or none: what was current is past.
    pub(super) fn succeed(&mut self, stat: Option<Stat>, registry: &mut Registry, now: Instant) {
        if let Some(at) = self.generations.len().checked_sub(1) {
            self.generations[at].retire(now);
            let is_same = match self.generations[at].is_open() {
                true => self.generations[at].is_same(),
                false => self.open_past(at, registry),
            };
            if !is_same {
                // It was truncated as well since it was last seen.
                self.start_anew(at, registry, now);
            }
            self.fingerprint_past(registry);
        }
        if let Some(last) = self.generations.last() {
            let inode = last.source.inode;
            let modified = last.stat().map_or(last.position.modified, |stat| stat.modified);
            let current = stat.map_or(inode, |stat| stat.inode);
            let siblings = rotated::successors(&self.path, inode, modified);
            let between = (Some(last.order()), None);
            let unknown = self.unknown_among(siblings, current, between, registry, now);
            self.generations.extend(unknown);
        }
        let Some(stat) = stat else { return };
        registry.count_rotation();
        info!("{} was rotated; following its new file", self.path.display());
        let content = open(&self.path).ok().filter(|file| {
            file.metadata().is_ok_and(|metadata| Stat::of(&metadata).inode == stat.inode)
        });
        let content = content.map(Content::Plain);
        let order = order_between(self.generations.last().map(Generation::order), None);
        // Another path may have read it.
        let position = registry.finished(stat.inode).unwrap_or(start(&stat));
        let new = self.generation(order, &stat, position, content, registry, now);
        self.generations.push(new);
    }

    pub(super) fn generation(
        &self,
        order: u64,
        stat: &Stat,
        position: Position,
        content: Option<Content>,
        registry: &mut Registry,
        now: Instant,
    ) -> Generation {
        let (id, path) = (registry.new_id(), self.path.clone());
        let source = Source { id, order, path, inode: stat.inode };
        registry.claim(stat.inode, self.id);
        let mut new = Generation::new(Arc::new(source), position, now).with_content(content);
        new.fingerprint_unread(&self.path, stat);
        new.saw_size(stat.size);
        let update = Update::Reached(Arc::clone(&new.source), new.position);
        // What was read before may be under way: this must not overtake it.
        match position.offset > 0 && registry.finished(stat.inode) == Some(position) {
            true => registry.retired.push(update),
            false => registry.first_seen.push(update),
        }
        new
    }
}
