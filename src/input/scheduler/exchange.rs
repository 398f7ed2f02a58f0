//! What one path has to do with another: files that are handed over, and files that one finds and
//! another reads.

use std::time::Instant;

use super::Stage;
use crate::input::path::ownership::Discovery;
use crate::input::rotation::identity::Found;
use crate::input::rotation::names;

impl Stage {
    /// To be called when followers have looked or read, before any reads what it has found.
    pub(super) fn settle(&mut self, now: Instant) {
        for found in std::mem::take(&mut self.registry.discovered) {
            let is_claimed = self.registry.owner(found.inode) != Some(found.follower);
            let is_read = is_claimed || self.is_read_elsewhere(&found);
            let Some(follower) = &mut self.followers[found.follower] else { continue };
            if is_read {
                follower.leave(found.source, &mut self.registry);
            } else {
                follower.announce_discovered(&found);
            }
        }
        self.hand_over(now);
    }

    /// Whether a path from which it may have been rotated away as well reads it.
    fn is_read_elsewhere(&mut self, discovery: &Discovery) -> bool {
        let bases = names::bases(&discovery.path);
        let followers = bases.iter().filter_map(|base| self.by_path.get(&**base));
        let mut others = followers.filter(|&&id| id != discovery.follower).peekable();
        if others.peek().is_none() {
            return false;
        }
        let Ok(Some(mut found)) = Found::open(discovery.path.clone()) else { return false };
        others.any(|&id| {
            let Some(other) = &mut self.followers[id] else { return false };
            other.open_all_past(&mut self.registry, true);
            // What cannot be told yet is read: better twice than not at all.
            other.reads(&mut found).unwrap_or(false)
        })
    }

    /// Gives files that were let go to the paths that wait for them.
    fn hand_over(&mut self, now: Instant) {
        while let Some(generation) = self.registry.handed_over.pop() {
            let heir = self.registry.heir(generation.source.inode);
            let heir = heir.and_then(|id| self.followers[id].as_mut());
            match heir.filter(|heir| generation.is_at(heir.path())) {
                Some(heir) => {
                    heir.adopt(generation, &mut self.registry, now);
                    let id = heir.id();
                    self.count(id);
                    self.queue(id);
                }
                None => self.registry.forget(&generation),
            }
        }
    }
}
