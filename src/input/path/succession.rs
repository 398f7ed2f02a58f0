//! From one generation of a path to the next: after a restart, a rotation, a truncation.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tracing::{info, warn};

use super::Follower;
use super::undecided::{Kind, Search};
use crate::input::path::generation::{Generation, order_between, start};
use crate::input::path::ownership::Registry;
use crate::input::read::content::{Content, Stat, open};
use crate::input::rotation::identity::Fit;
use crate::input::rotation::judge::Change;
use crate::pipeline::position::{Position, Record, Source, Update};
use crate::shown::Show;

impl Follower {
    /// Takes up the generations that were known when the last run ended.
    pub(in crate::input) fn resume(
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
                current.return_to_path();
                let recognised = current.recognises(&self.path, &stat);
                let real = registry.real(&self.path, now);
                let has_moved = current.source.inode != stat.inode || current.source.real != real;
                if recognised && has_moved {
                    // The device may have another number after a reboot.
                    registry.release(current.source.inode, self.id);
                    current.moved_to(stat.inode, real);
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
        self.open_all_past(registry, false);
        let at = self.generations.len() - 1;
        let previous = self.generations[..at].last().map(Generation::order);
        let last = &mut self.generations[at];
        let at_path = || Stat::at(&self.path).ok().filter(|stat| stat.inode == last.source.inode);
        let stat = last.stat().or_else(at_path);
        let (modified, inode) = (last.position.modified, last.source.inode);
        // So that a copy of what it holds by now is told from one of what it held before.
        let fingerprint = stat.and_then(|stat| last.fingerprint_unread(&self.path, &stat));
        let source = Arc::clone(&last.source);
        let until = stat.map_or(i64::MAX, |stat| stat.modified);
        let kind = Kind::Copies { after: modified, until };
        let between = (previous, Some(last.order()));
        let search = Search { source, kind, current: inode };
        let copies = self.unknown_among(search, between, registry, now);
        let last = &mut self.generations[at];
        if let Some(newest) = copies.last() {
            // So that the next start does not find them again, when they are read and forgotten.
            last.position.modified = last.position.modified.max(newest.position.modified);
        }
        let is_lost = last.is_past && !last.is_open() && !copies.is_empty();
        if is_lost {
            // One of them is what became of it.
            registry.first_seen.push(Update::Forget(last.source.id));
            registry.release(last.source.inode, self.id);
            self.generations.pop();
        } else if fingerprint.is_some() || !copies.is_empty() {
            registry.first_seen.push(Update::Reached(Arc::clone(&last.source), last.position));
        }
        self.generations.splice(at..at, copies);
    }

    /// Looks for the files of all past generations, so that they are told from unknown ones: where
    /// logs begin alike, little that was read of one is in the others too. `sure`: what merely begins
    /// alike is left to those.
    pub(in crate::input) fn open_all_past(&mut self, registry: &mut Registry, sure: bool) {
        for at in 0..self.generations.len() {
            if self.generations[at].is_past && !self.generations[at].is_open() {
                // What cannot be told now is found when its turn comes.
                let _ = self.open_past(at, registry, sure);
            }
        }
    }

    /// Looks for the file of a past generation; where that has to be `sure`, not for one that merely
    /// begins alike. False when it holds something else by now.
    ///
    /// # Errors
    /// When it cannot be told for now.
    pub(super) fn open_past(
        &mut self,
        at: usize,
        registry: &mut Registry,
        sure: bool,
    ) -> io::Result<bool> {
        let inode = self.generations[at].source.inode;
        let is_reused = self.generations[at + 1..].iter().any(|g| g.source.inode == inode);
        let is_taken = |inode| registry.is_taken(inode, self.id);
        let past = &mut self.generations[at];
        let lack = past.may_lack();
        let Some((stat, fit)) = past.open_past(is_reused, is_taken, sure)? else { return Ok(true) };
        registry.claim(stat.inode, self.id);
        if let Some(lost) = lack.filter(|_| past.is_copy() && fit == Fit::Shorter) {
            warn!(
                "{}: of a file that was rotated away only a shorter copy is to be found; {lost} \
                 cannot be read",
                self.path.shown()
            );
        }
        Ok(fit == Fit::Continues || stat.inode != inode)
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

    /// The path names another file, or none: what was current is past.
    pub(super) fn succeed(&mut self, stat: Option<Stat>, registry: &mut Registry, now: Instant) {
        if let Some(at) = self.generations.len().checked_sub(1) {
            self.generations[at].retire(now);
            let is_same = match self.generations[at].is_open() {
                true => self.generations[at].is_same(),
                // What cannot be told now is found when its turn comes.
                false => self.open_past(at, registry, false).unwrap_or(true),
            };
            if !is_same {
                // It was truncated as well since it was last seen.
                self.start_anew(at, registry, now);
            }
            self.fingerprint_past(registry);
        }
        if let Some(last) = self.generations.last() {
            let source = Arc::clone(&last.source);
            let modified = last.stat().map_or(last.position.modified, |stat| stat.modified);
            let current = stat.map_or(source.inode, |stat| stat.inode);
            let between = (Some(last.order()), None);
            let search = Search { source, kind: Kind::Successors { modified }, current };
            let unknown = self.unknown_among(search, between, registry, now);
            self.generations.extend(unknown);
        }
        let Some(stat) = stat else { return };
        registry.count_rotation();
        info!("{} was rotated; following its new file", self.path.shown());
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
        let real = registry.real(&path, now);
        let source = Source { id, order, path, real, inode: stat.inode };
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
