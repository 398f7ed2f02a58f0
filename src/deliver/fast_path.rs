//! The short way to an idle connection. While the task that serves it only waits, it lends the
//! connection and the ledger out, and whoever has a small batch puts it on the wire by himself.
//! That saves waking a thread for each line of a quiet file, which costs more than all else about
//! it.
//!
//! Nothing else changes: the batch goes through the ledger, the kernel is asked when it is due, and
//! the task is called when there is something for it to do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::Instant;

use super::connection::{Connection, Ended, LOOK_BYTES};
use super::ledger::Ledger;
use crate::pipeline::batch::{Batch, Framing};
use crate::pipeline::channel::Direct;

/// Larger batches are better worked at by two threads.
const LARGEST: usize = 16 << 10;

/// Both ends' handle on it.
#[derive(Debug, Clone, Default)]
pub struct Express(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    desk: Mutex<Option<Desk>>,
    call: Notify,
}

/// What is lent out: a connection that has nothing to write and is ready for more.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) connection: Connection,
    pub(super) ledger: Ledger,
    /// What the receiver expects.
    pub(super) framing: Framing,
    /// Batches that have come through the channel, all of which are in the ledger.
    pub(super) taken: u64,
    /// When the task looks after the connection by itself.
    pub(super) wake_at: Option<Instant>,
    /// Writing has ended the connection.
    pub(super) ended: Option<Ended>,
}

impl Express {
    pub(super) fn lend(&self, desk: Desk) {
        *self.desk() = Some(desk);
    }

    /// What was lent. To be called once for each time.
    pub(super) fn take_back(&self) -> Desk {
        let Some(desk) = self.desk().take() else {
            unreachable!("only the task that lends takes back");
        };
        desk
    }

    /// Waits until there is something to do about what is lent.
    pub(super) async fn called(&self) {
        self.0.call.notified().await;
    }

    fn desk(&self) -> MutexGuard<'_, Option<Desk>> {
        // Whoever panics over it ends the program.
        self.0.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Direct for Express {
    fn take(&self, batch: Batch, queued: u64) -> Result<Batch, Batch> {
        let mut desk = self.desk();
        let Some(desk) = desk.as_mut().filter(|desk| desk.takes(&batch, queued)) else {
            return Err(batch);
        };
        desk.write(batch);
        if desk.needs_care() {
            self.0.call.notify_one();
        }
        Ok(desk.ledger.reclaim())
    }
}

impl Desk {
    fn takes(&self, batch: &Batch, queued: u64) -> bool {
        self.taken == queued
            && batch.bytes.len() <= LARGEST
            && batch.framing == self.framing
            && self.ended.is_none()
            && self.connection.unlooked < LOOK_BYTES
            && !self.connection.has_pending(&self.ledger)
            && !self.connection.is_spent(&self.ledger)
    }

    fn write(&mut self, batch: Batch) {
        self.ledger.push(batch);
        self.ended = self.connection.write(&mut self.ledger).err();
    }

    /// The task has to do something, or something earlier than it thought.
    fn needs_care(&self) -> bool {
        let wake_at = self.connection.wake_at();
        let is_earlier = wake_at.is_some_and(|at| self.wake_at.is_none_or(|planned| at < planned));
        is_earlier
            || self.ended.is_some()
            || self.connection.unlooked >= LOOK_BYTES
            || self.connection.has_pending(&self.ledger)
            || self.ledger.has_confirmed()
    }
}
