//! Rotated files that nobody has seen come: those that are new, and those that another path knows.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info, warn};

use super::Follower;
use super::opening::RETRY;
use super::undecided::{Candidate, Search, Undecided};
use crate::input::path::generation::{Generation, order_between, start};
use crate::input::path::ownership::{Discovery, Registry};
use crate::input::rotation::archive::{self, Sibling};
use crate::input::rotation::identity::Found;
use crate::input::rotation::judge::same_but_device;
use crate::pipeline::position::{Source, SourceId, Update};
use crate::shown::Show;

impl Follower {
    /// What came and was rotated away unseen, placed as `between` says. What other paths read at
    /// present is for the stage to see, before it is read.
    pub(super) fn unknown_among(
        &mut self,
        search: Search,
        between: (Option<u64>, Option<u64>),
        registry: &mut Registry,
        now: Instant,
    ) -> Vec<Generation> {
        match search.siblings() {
            Ok(siblings) => self.sift(siblings, &search, between, registry, now),
            Err(error) => {
                let path = self.path.shown();
                warn!("{path}: cannot look for files that were rotated: {error}");
                if archive::is_passing(&error) {
                    self.undecided(now).searches.push((search, between.0));
                }
                Vec::new()
            }
        }
    }

    fn sift(
        &mut self,
        siblings: Vec<Sibling>,
        search: &Search,
        between: (Option<u64>, Option<u64>),
        registry: &mut Registry,
        now: Instant,
    ) -> Vec<Generation> {
        let Search { source, current, .. } = search;
        let (mut unknown, mut has_numbered) = (Vec::new(), None);
        if !siblings.is_empty() {
            self.open_all_past(registry, true);
        }
        for sibling in siblings {
            let Sibling { path, stat } = sibling;
            if same_but_device(stat.inode, *current) || registry.is_known(stat.inode) {
                continue;
            }
            if registry.is_excluded(&path) {
                debug!("not reading {}: it matches exclude_files", path.shown());
                continue;
            }
            // `app-1.log` may be another log; unless `app-2.log` was ours.
            if !archive::is_telling(source, &path)
                && !*has_numbered.get_or_insert_with(|| self.has_numbered(source, registry))
            {
                continue;
            }
            let previous = unknown.last().map(Generation::order).or(between.0);
            match self.identify(path.clone(), registry) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    let order = order_between(previous, between.1);
                    unknown.push(self.discovered(found, order, registry, now));
                }
                Err(error) => {
                    debug!("{} is not complete yet: {error}", path.shown());
                    let after = previous.unwrap_or_default();
                    let (inode, size, source) = (stat.inode, stat.size, Arc::clone(source));
                    self.put_off(Candidate { path, inode, source, after, size }, now);
                }
            }
        }
        unknown
    }

    /// Whether a file of ours was found under a name of `source` with a mere number in it.
    fn has_numbered(&self, source: &Source, registry: &Registry) -> bool {
        archive::numbered(source).any(|sibling| {
            registry.owner(sibling.stat.inode) == Some(self.id)
                || registry.finished_at(sibling.stat.inode, &self.path)
        })
    }

    /// Opens what stands at `path`, if it is not known.
    ///
    /// # Errors
    /// When that cannot be told yet.
    fn identify(&mut self, path: PathBuf, registry: &Registry) -> io::Result<Option<Found>> {
        let Some(mut found) = Found::open(path)? else { return Ok(None) };
        let is_known = self.reads(&mut found)?
            || self.finished.has(&mut found)?
            || registry.was_read(&mut found)?;
        if !is_known && found.is_cut {
            warn!(
                "{} is damaged or not complete, and begins like what was read already: it is not \
                 read",
                found.path.shown()
            );
            return Ok(None);
        }
        Ok((!is_known).then_some(found))
    }

    fn discovered(
        &mut self,
        found: Found,
        order: u64,
        registry: &mut Registry,
        now: Instant,
    ) -> Generation {
        let Found { path, content, stat, .. } = found;
        let mut new = self.generation(order, &stat, start(&stat), Some(content), registry, now);
        new.retire(now);
        let (follower, source, inode) = (self.id, new.source.id, stat.inode);
        registry.discovered.push(Discovery { follower, source, inode, path });
        new
    }

    fn put_off(&mut self, one: Candidate, now: Instant) {
        self.undecided(now).candidates.push(one);
    }

    fn undecided(&mut self, now: Instant) -> &mut Undecided {
        self.undecided.get_or_insert_with(|| {
            let (candidates, searches) = (Vec::new(), Vec::new());
            Box::new(Undecided { candidates, searches, look_at: now + RETRY })
        })
    }

    /// Looks again at what could not be told. Returns when to do so again.
    pub(super) fn decide(&mut self, registry: &mut Registry, now: Instant) -> Option<Instant> {
        let look_at = self.undecided.as_ref()?.look_at;
        if now < look_at {
            return Some(look_at);
        }
        let undecided = self.undecided.take()?;
        for (search, after) in undecided.searches {
            self.search_again(search, after, registry, now);
        }
        if !undecided.candidates.is_empty() {
            self.open_all_past(registry, true);
        }
        for mut one in undecided.candidates {
            let stat = match one.stat() {
                Err(error) if archive::is_passing(&error) => {
                    self.put_off(one, now);
                    continue;
                }
                stat => stat.ok().flatten().filter(|stat| !registry.is_known(stat.inode)),
            };
            let Some(stat) = stat.filter(|_| !one.is_elsewhere(registry)) else { continue };
            let has_grown = std::mem::replace(&mut one.size, stat.size) != stat.size;
            if has_grown {
                self.put_off(one, now);
                continue;
            }
            match self.identify(one.path.clone(), registry) {
                Err(_) => self.put_off(one, now),
                Ok(None) => {}
                Ok(Some(found)) => {
                    let at = self.generations.partition_point(|known| known.order() <= one.after);
                    let next = self.generations.get(at).map(Generation::order);
                    let order = order_between(Some(one.after), next);
                    let new = self.discovered(found, order, registry, now);
                    self.generations.insert(at, new);
                }
            }
        }
        self.undecided.as_ref().map(|undecided| undecided.look_at)
    }

    fn search_again(
        &mut self,
        search: Search,
        after: Option<u64>,
        registry: &mut Registry,
        now: Instant,
    ) {
        let siblings = match search.siblings() {
            Err(error) if archive::is_passing(&error) => {
                return self.undecided(now).searches.push((search, after));
            }
            siblings => siblings.unwrap_or_default(),
        };
        let at = self.generations.partition_point(|known| Some(known.order()) <= after);
        let next = self.generations.get(at).map(Generation::order);
        let unknown = self.sift(siblings, &search, (after, next), registry, now);
        self.generations.splice(at..at, unknown);
    }

    /// Whether `found` is what rotation has made of a file that is read here.
    pub(in crate::input) fn reads(&mut self, found: &mut Found) -> io::Result<bool> {
        for at in 0..self.generations.len() {
            let inode = self.generations[at].source.inode;
            let is_reused = self.generations[at + 1..].iter().any(|g| g.source.inode == inode);
            if self.generations[at].is_in(found, is_reused)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Says that a file is read of which nobody had known.
    pub(in crate::input) fn announce_discovered(&self, found: &Discovery) {
        let (path, found) = (self.path.shown(), found.path.shown());
        info!("{path} was rotated meanwhile: reading {found} too");
    }

    /// Another path reads what was discovered.
    pub(in crate::input) fn leave(&mut self, discovered: SourceId, registry: &mut Registry) {
        let at = self.generations.iter().position(|known| known.source.id == discovered);
        if let Some(at) = at {
            let generation = self.generations.remove(at);
            self.release(&generation, registry);
            registry.first_seen.push(Update::Forget(discovered));
        }
    }
}
