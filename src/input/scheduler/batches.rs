//! Reading into batches.

use std::cmp::Reverse;
use std::time::Instant;

use super::Scheduler;
use super::slot::Origin;
use crate::health::metrics::Reading;
use crate::input::path::{ReadWork, When};
use crate::input::read::reader::mark;
use crate::input::scheduler::descriptors::HOUSEKEEPING;
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::Room;

/// A batch is passed on when it has this many bytes, or nothing more is to be had.
pub(in crate::input) const BATCH: usize = 256 << 10;
/// A batch is passed on after so many turns, so that events do not wait for long.
const TURNS: usize = 1024;
/// A batch is passed on after so many bytes were read: patterns may drop them all.
pub(in crate::input) const READ: u64 = 2 << 20;

/// Passes a batch on. Returns memory for the next one, where there is some.
pub(in crate::input) fn hand_on(batch: Batch, room: Room<'_>, meters: &Reading) -> Option<Batch> {
    match room.pass(batch) {
        Ok(memory) => Some(memory),
        Err(batch) => {
            meters.queued_bytes.add(batch.bytes.len() as i64);
            room.queue(batch);
            None
        }
    }
}

impl Scheduler {
    /// Reads from one file after the other until the batch is full or all are at their end.
    pub(in crate::input) fn fill(&mut self, now: Instant) -> Batch {
        let memory = self.memory.take().or_else(|| self.spare.try_recv().ok());
        let mut batch = memory.unwrap_or_default();
        batch.clear();
        batch.framing = self.reader.framing();
        self.reader.tick(now);
        self.mark_behind(&mut batch);
        let until = self.reader.counts.bytes + READ;
        for _ in 0..TURNS {
            if batch.bytes.len() >= BATCH.min(self.reader.most())
                || self.reader.counts.bytes >= until
            {
                break;
            }
            let Some(id) = self.ready.pop_front() else { break };
            self.read_one(id, &mut batch, now);
            self.settle(now);
            self.mark_behind(&mut batch);
        }
        self.show_counts();
        batch
    }

    /// Batches are to have no more bytes than this, about.
    pub(in crate::input) fn make_no_more(&mut self, most: usize) {
        self.reader.make_no_more(most);
    }

    /// What the checkpoint is still to be told behind what was read, where nothing more is read.
    pub(in crate::input) fn finish(&mut self) -> Option<Batch> {
        let mut batch = Batch { framing: self.reader.framing(), ..Batch::default() };
        self.mark_behind(&mut batch);
        (!batch.is_empty()).then_some(batch)
    }

    /// Gives one path its turn.
    fn read_one(&mut self, id: usize, batch: &mut Batch, now: Instant) {
        let Some(slot) = self.slots.wake(id, now) else { return };
        slot.is_queued = false;
        slot.last_read = now;
        if matches!(slot.origin, Origin::Suspect(_)) {
            if self.settle_suspect(id, now) {
                self.look(id, now);
                self.looked_at.remove(&id);
            }
            return;
        }
        if !self.is_examined(id, now) {
            return;
        }
        let Some(slot) = self.slots.awake_mut(id) else { return };
        self.shared.may_keep_open = self.open.len() < self.kept_open_max;
        self.shared.may_linger = self.open.len() < self.kept_open_max / 2;
        let seen = self.looked_at.remove(&id);
        let turn = slot.path.read(ReadWork {
            reader: &mut self.reader,
            shared: &mut self.shared,
            batch,
            now,
            seen,
        });
        slot.is_pending = turn.is_pending;
        if slot.path.is_open() {
            self.open.insert(id);
            self.housekeeping.get_or_insert(now + HOUSEKEEPING);
        }
        let is_over = turn.when == When::Idle && slot.path.is_over(&self.shared);
        self.take_in(turn.effects);
        if std::mem::take(&mut self.asked.wants_descriptor) {
            self.give_descriptor(id);
        }
        match turn.when {
            When::Again => self.queue(id, now),
            When::At(at) => self.wake_at(id, at),
            When::Look => {
                self.look(id, now);
                // It may take a while until it is read.
                self.looked_at.remove(&id);
            }
            When::Idle if is_over => self.remove(id),
            When::Idle => {}
        }
        self.count(id);
    }

    pub(super) fn wake_at(&mut self, id: usize, at: Instant) {
        let Some(slot) = self.slots.awake_mut(id) else { return };
        if slot.wake_at.is_none_or(|set| at < set) {
            slot.wake_at = Some(at);
            self.timers.push(Reverse((at, id)));
        }
    }

    pub(super) fn hand_on(&mut self, batch: Batch, room: Room<'_>) {
        if batch.is_empty() {
            self.memory = Some(batch);
            return;
        }
        self.memory = hand_on(batch, room, &self.meters);
    }

    /// Has checkpoints travel behind what was read before.
    fn mark_behind(&mut self, batch: &mut Batch) {
        for checkpoint in self.asked.behind.drain(..) {
            mark(batch, checkpoint);
        }
    }
}
