//! Reading into batches.

use std::cmp::Reverse;
use std::time::Instant;

use super::Stage;
use crate::input::path::{Turn, Work};
use crate::input::read::reader::mark;
use crate::input::scheduler::descriptors::HOUSEKEEPING;
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::Room;

/// A batch is passed on when it has this many bytes, or nothing more is to be had.
const BATCH: usize = 256 << 10;
/// … or after so many turns or bytes that were read (patterns may drop them all), so that events do
/// not wait for long.
const TURNS: usize = 1024;
const READ: u64 = 2 << 20;

impl Stage {
    /// Reads from one file after the other until the batch is full or all are at their end.
    pub(in crate::input) fn fill(&mut self, now: Instant) -> Batch {
        let memory = self.memory.take().or_else(|| self.spare.try_recv().ok());
        let mut batch = memory.unwrap_or_default();
        batch.clear();
        batch.framing = self.reader.framing();
        self.reader.tick();
        self.mark_retired(&mut batch);
        let until = self.reader.counts.bytes + READ;
        for _ in 0..TURNS {
            if batch.bytes.len() >= BATCH || self.reader.counts.bytes >= until {
                break;
            }
            let Some(id) = self.ready.pop_front() else { break };
            let Some(follower) = &mut self.followers[id] else { continue };
            follower.is_queued = false;
            self.registry.may_hold = self.open.len() < self.held_max;
            self.registry.may_linger = self.open.len() < self.held_max / 2;
            let turn = follower.read(&mut Work {
                reader: &mut self.reader,
                registry: &mut self.registry,
                batch: &mut batch,
                now,
            });
            if follower.is_open() {
                self.open.insert(id);
                self.housekeeping.get_or_insert(now + HOUSEKEEPING);
            }
            match turn {
                Turn::Again => self.queue(id),
                Turn::At(at) => {
                    if follower.timer.is_none_or(|set| at < set) {
                        follower.timer = Some(at);
                        self.timers.push(Reverse((at, id)));
                    }
                }
                Turn::Look => {
                    self.look(id, now);
                    // It may take a while until it is read.
                    self.registry.looked_at = None;
                }
                Turn::Idle if follower.is_over() => self.remove(id),
                Turn::Idle => {}
            }
            self.count_unreadable(id);
            self.settle(now);
            self.mark_retired(&mut batch);
        }
        self.tell_counts();
        batch
    }

    pub(super) fn hand_on(&mut self, batch: Batch, room: Room<'_>) {
        if batch.is_empty() {
            self.memory = Some(batch);
            return;
        }
        match room.pass(batch) {
            Ok(memory) => self.memory = Some(memory),
            Err(batch) => {
                self.meters.queued_bytes.add(batch.bytes.len() as i64);
                room.queue(batch);
            }
        }
    }

    /// Notes behind what was read before.
    fn mark_retired(&mut self, batch: &mut Batch) {
        for update in self.registry.retired.drain(..) {
            mark(batch, update);
        }
    }
}
