//! Rotated files that nobody has seen come: those that are new, and those that another path knows.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info, warn};

use super::Follower;
use super::opening::RETRY;
use crate::position::{Inode, Source, SourceId, Update};
use crate::tail::content::Stat;
use crate::tail::found::Found;
use crate::tail::generation::{Generation, order_between, start};
use crate::tail::names;
use crate::tail::registry::{Discovery, Registry};
use crate::tail::rotated::{self, Sibling};
use crate::tail::rotation::same_inode;

/// Rotated files that are not complete yet, and begin like those that are known: copies of them, it
/// seems. Newer files do not wait for them.
pub(super) struct Undecided {
    candidates: Vec<Candidate>,
    /// When to look again: each look may decompress them all.
    look_at: Instant,
}

struct Candidate {
    path: PathBuf,
    inode: Inode,
    /// What it seems to have been rotated away from.
    source: Arc<Source>,
    /// The place of what came before it.
    after: u64,
    /// How large it was when it was last looked at.
    size: u64,
}

impl Candidate {
    /// What the kernel says of it, wherever rotation has moved it; or of what gzip has made of it.
    /// Nothing where it is gone.
    ///
    /// # Errors
    /// When it cannot be told for now.
    fn stat(&mut self) -> io::Result<Option<Stat>> {
        if let Some(moved) = rotated::moved(&self.path, self.inode)? {
            self.path = moved;
            return Stat::at(&self.path).map(|stat| Some(stat).filter(|s| self.is(s)));
        }
        if names::is_compressed(&self.path) {
            return Ok(None);
        }
        self.path.as_mut_os_string().push(".gz");
        let stat = Stat::at(&self.path).ok();
        self.inode = stat.map_or(self.inode, |stat| stat.inode);
        Ok(stat)
    }

    /// Its size may have changed, and nothing else.
    fn is(&self, stat: &Stat) -> bool {
        let known = Inode { device: stat.inode.device, ..self.inode };
        same_inode(known, stat.inode)
    }

    /// Whether it was moved to a name that is none of ours, or excluded.
    fn is_elsewhere(&self, registry: &Registry) -> bool {
        let mut places = rotated::places(&self.source);
        registry.is_excluded(&self.path)
            || !places.any(|place| names::is_sibling_of(place, &self.path))
    }
}

impl Follower {
    /// Those of `siblings` of `source` that came and were rotated away unseen, placed as `between`
    /// says. What other paths read at present is for the stage to see, before they are read.
    pub(super) fn unknown_among(
        &mut self,
        siblings: io::Result<Vec<Sibling>>,
        source: &Arc<Source>,
        current: Inode,
        between: (Option<u64>, Option<u64>),
        registry: &mut Registry,
        now: Instant,
    ) -> Vec<Generation> {
        let siblings = siblings.unwrap_or_else(|error| {
            warn!("{}: cannot look for files that were rotated: {error}", self.path.display());
            Vec::new()
        });
        let (mut unknown, mut has_numbered) = (Vec::new(), None);
        for sibling in siblings {
            let Sibling { path, stat } = sibling;
            // The device may have had another number when `current` was noted.
            let is_current = same_inode(Inode { device: current.device, ..stat.inode }, current);
            if is_current || registry.is_known(stat.inode) {
                continue;
            }
            if registry.is_excluded(&path) {
                debug!("not reading {}: it matches exclude_files", path.display());
                continue;
            }
            // `app-1.log` may be another log; unless `app-2.log` was ours.
            if !rotated::is_telling(source, &path)
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
                    debug!("{} is not complete yet: {error}", path.display());
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
        rotated::numbered(source).any(|sibling| {
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
                found.path.display()
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
        let nothing = || Box::new(Undecided { candidates: Vec::new(), look_at: now + RETRY });
        self.undecided.get_or_insert_with(nothing).candidates.push(one);
    }

    /// Looks again at what could not be told. Returns when to do so again.
    pub(super) fn decide(&mut self, registry: &mut Registry, now: Instant) -> Option<Instant> {
        let look_at = self.undecided.as_ref()?.look_at;
        if now < look_at {
            return Some(look_at);
        }
        for mut one in self.undecided.take()?.candidates {
            let stat = match one.stat() {
                Err(error) if rotated::is_passing(&error) => {
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

    /// Whether `found` is what rotation has made of a file that is read here.
    pub(in crate::tail) fn reads(&mut self, found: &mut Found) -> io::Result<bool> {
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
    pub(in crate::tail) fn announce_discovered(&self, found: &Discovery) {
        let (path, found) = (self.path.display(), found.path.display());
        info!("{path} was rotated meanwhile: reading {found} too");
    }

    /// Another path reads what was discovered.
    pub(in crate::tail) fn leave(&mut self, discovered: SourceId, registry: &mut Registry) {
        let at = self.generations.iter().position(|known| known.source.id == discovered);
        if let Some(at) = at {
            let generation = self.generations.remove(at);
            self.release(&generation, registry);
            registry.first_seen.push(Update::Forget(discovered));
        }
    }
}
