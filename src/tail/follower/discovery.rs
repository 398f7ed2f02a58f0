//! Rotated files that nobody has seen come: those that are new, and those that another path knows.

use std::time::Instant;

use tracing::info;

use super::Follower;
use crate::position::{Inode, SourceId, Update};
use crate::tail::generation::{Generation, order_between, start};
use crate::tail::registry::{Discovery, Registry};
use crate::tail::rotated::{Found, Sibling};
use crate::tail::rotation::same_inode;

impl Follower {
    /// Those of `siblings` that came and were rotated away unseen, placed as `between` says. What
    /// other paths read at present is for the stage to see, before they are read.
    pub(super) fn unknown_among(
        &mut self,
        siblings: Vec<Sibling>,
        current: Inode,
        between: (Option<u64>, Option<u64>),
        registry: &mut Registry,
        now: Instant,
    ) -> Vec<Generation> {
        let mut unknown = Vec::new();
        for sibling in siblings {
            let inode = sibling.stat.inode;
            // The device may have had another number when `current` was noted.
            let is_current = same_inode(Inode { device: current.device, ..inode }, current);
            if is_current || registry.is_known(inode) {
                continue;
            }
            let Some(mut found) = Found::open(sibling.path) else { continue };
            let is_known = self.reads(&mut found)
                || self.finished.has(&mut found)
                || registry.was_read(&mut found);
            if is_known {
                continue;
            }
            let (stat, content, path) = (found.stat, Some(found.content), found.path);
            let previous = unknown.last().map(Generation::order).or(between.0);
            let order = order_between(previous, between.1);
            let mut new = self.generation(order, &stat, start(&stat), content, registry, now);
            new.retire(now);
            let (follower, source) = (self.id, new.source.id);
            registry.discovered.push(Discovery { follower, source, inode, path });
            unknown.push(new);
        }
        unknown
    }

    /// Whether `found` is what rotation has made of a file that is read here.
    pub(in crate::tail) fn reads(&mut self, found: &mut Found) -> bool {
        self.generations.iter_mut().any(|generation| generation.is_in(found))
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
