//! What paths ask of each other, of the checkpoint stage and of those who count is done here, and
//! nowhere else.

use std::time::Instant;

use super::Scheduler;
use crate::input::path::{Candidate, Effects};
use crate::input::rotation::identity::Found;
use crate::input::rotation::names;
use crate::pipeline::position::Update;

impl Scheduler {
    /// Takes in what a path asks. It is done by [`Self::settle`], when all that look together have
    /// looked.
    pub(super) fn take_in(&mut self, effects: Effects) {
        self.meters.rotations.inc_by(effects.rotations);
        for &(reason, amount) in &effects.losses {
            self.meters.losses.add(reason, amount);
        }
        self.asked.append(effects);
    }

    /// Does what paths have asked of each other. To be called when paths have looked or read, before
    /// any reads what it has found.
    pub(super) fn settle(&mut self, now: Instant) {
        for found in std::mem::take(&mut self.asked.candidates) {
            self.settle_candidate(&found, now);
        }
        self.shared.ownership.settle_claims();
        self.hand_over(now);
    }

    /// Checkpoints that nothing in flight can be overtaken by.
    pub(in crate::input) fn take_checkpoints(&mut self) -> Vec<Update> {
        self.asked.now.drain(..).map(|checkpoint| checkpoint.into_update()).collect()
    }

    fn settle_candidate(&mut self, found: &Candidate, now: Instant) {
        let is_claimed = self.shared.ownership.owner(found.inode) != Some(found.found_by);
        let is_read = is_claimed || self.is_read_elsewhere(found, now);
        let Some(slot) = &mut self.slots[found.found_by] else { return };
        if is_read {
            let effects = slot.path.leave(found.source, &mut self.shared);
            self.take_in(effects);
        } else {
            slot.path.announce_discovered(found);
        }
    }

    /// Whether a path from which it may have been rotated away as well reads it.
    fn is_read_elsewhere(&mut self, candidate: &Candidate, now: Instant) -> bool {
        let bases = names::bases(&candidate.path);
        let paths = bases.iter().filter_map(|base| self.by_path.get(&**base));
        let others: Vec<_> = paths.copied().filter(|&id| id != candidate.found_by).collect();
        if others.is_empty() {
            return false;
        }
        let Ok(Some(mut found)) = Found::open(&self.shared.directories, candidate.path.clone())
        else {
            return false;
        };
        others.into_iter().any(|id| {
            let Some(other) = &mut self.slots[id] else { return false };
            let (claims, effects) = other.path.claims(&mut found, &mut self.shared, now);
            self.take_in(effects);
            // What cannot be told yet is read: better twice than not at all.
            claims.unwrap_or(false)
        })
    }

    /// Gives files that were let go to the paths that wait for them.
    fn hand_over(&mut self, now: Instant) {
        while let Some(generation) = self.asked.handed_over.pop() {
            let waiter = self.shared.ownership.waiter(generation.source.inode);
            let waiter = waiter.and_then(|id| self.slots[id].as_mut());
            match waiter.filter(|slot| generation.is_at(slot.path.path())) {
                Some(slot) => {
                    slot.path.adopt(generation, &mut self.shared, now);
                    slot.count(&self.meters);
                    let id = slot.path.id();
                    self.queue(id);
                }
                None => {
                    let effects = self.shared.ownership.forget(&generation);
                    self.take_in(effects);
                }
            }
        }
    }
}
