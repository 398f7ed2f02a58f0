//! What paths ask of each other, of the checkpoint stage and of those who count is done here, and
//! nowhere else.

use std::time::Instant;

use super::Scheduler;
use crate::input::path::{Candidate, Claim, Effects};
use crate::input::rotation::identity::Found;
use crate::input::rotation::names;
use crate::pipeline::checkpoint::CheckpointNow;
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
        // Not drained: at the start there is one for each file, and room for as many would stay.
        let now = std::mem::take(&mut self.asked.now);
        let decided = self.shared.ownership.take_decided();
        now.into_iter().chain(decided).map(CheckpointNow::into_update).collect()
    }

    fn settle_candidate(&mut self, found: &Candidate, now: Instant) {
        let is_claimed = self.shared.ownership.owner(found.inode) != Some(found.found_by);
        let claim = match is_claimed || self.is_left_to_log(found) {
            true => Claim::All,
            false => self.claim_on(found, now),
        };
        let Some(slot) = self.slots.wake(found.found_by, now) else { return };
        let effects = match claim {
            Claim::All => slot.path.leave(found.source, &mut self.shared),
            Claim::Undecided => slot.path.put_off(found, &mut self.shared, now),
            Claim::UpTo(position) => slot.path.read_found_from(found.source, position),
            Claim::Nothing => Effects::default(),
        };
        if matches!(claim, Claim::Nothing | Claim::UpTo(_)) {
            slot.path.announce_discovered(found);
        }
        self.take_in(effects);
    }

    /// Whether it may have been rotated away from a followed log, of which the path that has found it is
    /// a rotated file itself: that log looks for all that came unseen, and knows what it has read.
    fn is_left_to_log(&self, candidate: &Candidate) -> bool {
        let Some(finder) = self.slots.path(candidate.found_by) else { return false };
        names::telling_bases(&finder).iter().any(|log| {
            self.slots.find(log).is_some() && names::is_telling_sibling_of(log, &candidate.path)
        })
    }

    /// Whether a path from which it may have been rotated away as well reads it, or one that is rotated
    /// itself.
    fn claim_on(&mut self, candidate: &Candidate, now: Instant) -> Claim {
        let bases = names::bases(&candidate.path);
        let logs = bases.iter().filter_map(|base| self.slots.find(base));
        let others = logs.chain(self.kin.of(&candidate.path));
        let others: Vec<_> = others.filter(|&id| id != candidate.found_by).collect();
        if others.is_empty() {
            return Claim::Nothing;
        }
        let found = Found::open(&self.shared.directories, candidate.path.clone());
        let Ok(Some(mut found)) = found else { return Claim::Nothing };
        let mut unless_claimed = Claim::Nothing;
        for id in others {
            match self.claims_of(id, &mut found, now) {
                Claim::Nothing => {}
                Claim::Undecided => unless_claimed = Claim::Undecided,
                claim => return claim,
            }
        }
        unless_claimed
    }

    /// What a path has to do with a file that another one has found.
    pub(super) fn claims_of(&mut self, id: usize, found: &mut Found, now: Instant) -> Claim {
        let Some(slot) = self.slots.wake(id, now) else { return Claim::Nothing };
        let (claim, effects) = slot.path.claims(found, &mut self.shared, now);
        self.take_in(effects);
        claim
    }

    /// Gives files that were let go to the paths that wait for them.
    fn hand_over(&mut self, now: Instant) {
        while let Some(generation) = self.asked.handed_over.pop() {
            let waiter = self.shared.ownership.waiter(generation.source.inode);
            let waiter = waiter.and_then(|id| self.slots.wake(id, now));
            let waiter = waiter.map(|slot| (generation.is_at(slot.path.path()), slot));
            match waiter {
                Some((is_there, slot)) if is_there || generation.has_name() => {
                    match is_there {
                        true => slot.path.adopt(generation, &mut self.shared, now),
                        false => slot.path.adopt_renamed(generation, &mut self.shared),
                    }
                    slot.count(&self.meters);
                    let id = slot.path.id();
                    self.queue(id, now);
                }
                _ => {
                    let effects = self.shared.ownership.forget(&generation);
                    self.take_in(effects);
                }
            }
        }
    }
}
