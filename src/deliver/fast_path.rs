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

use super::ledger::Ledger;
use super::transport::{Transport, Why};
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::Direct;
use crate::pipeline::framing::Framing;

/// Larger batches are better worked at by two threads.
const LARGEST: usize = 16 << 10;

/// Both ends' handle on it.
#[derive(Debug, Clone, Default)]
pub struct FastPath(Arc<SharedLease>);

#[derive(Debug, Default)]
struct SharedLease {
    lease: Mutex<Option<Lease>>,
    call: Notify,
}

/// What is leased out: a connection that has nothing to write and is ready for more.
#[derive(Debug)]
pub(super) struct Lease {
    pub(super) transport: Box<dyn Transport>,
    pub(super) ledger: Ledger,
    /// What the receiver expects.
    pub(super) framing: Framing,
    /// Batches that have come through the channel, all of which are in the ledger.
    pub(super) taken: u64,
    /// When the task looks after the connection by itself.
    pub(super) wake_at: Option<Instant>,
    /// Writing has ended the connection.
    pub(super) ended: Option<Why>,
}

impl FastPath {
    pub(super) fn lease(&self, lease: Lease) {
        *self.slot() = Some(lease);
    }

    /// What was lent. To be called once for each time.
    pub(super) fn reclaim(&self) -> Lease {
        let Some(lease) = self.slot().take() else {
            unreachable!("only the task that leases it out reclaims it");
        };
        lease
    }

    /// Waits until there is something to do about what is lent.
    pub(super) async fn called(&self) {
        self.0.call.notified().await;
    }

    fn slot(&self) -> MutexGuard<'_, Option<Lease>> {
        // Whoever panics over it ends the program.
        self.0.lease.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Direct for FastPath {
    fn take(&self, batch: Batch, queued: u64) -> Result<Batch, Batch> {
        let mut slot = self.slot();
        let Some(lease) = slot.as_mut().filter(|lease| lease.takes(&batch, queued)) else {
            return Err(batch);
        };
        lease.write(batch);
        if lease.needs_care() {
            self.0.call.notify_one();
        }
        Ok(lease.ledger.reclaim())
    }
}

impl Lease {
    fn takes(&self, batch: &Batch, queued: u64) -> bool {
        self.taken == queued
            && batch.bytes.len() <= LARGEST
            && batch.framing == self.framing
            && self.ended.is_none()
            && self.transport.can_write()
            && !self.has_pending()
            && !self.transport.is_used_up()
            && !self.ledger.is_full()
    }

    /// Something is left to be written.
    fn has_pending(&self) -> bool {
        self.ledger.unwritten_bytes() > 0 || self.transport.has_unsent()
    }

    fn write(&mut self, batch: Batch) {
        self.ledger.push(batch);
        self.ended = self.transport.write(&mut self.ledger).err();
    }

    /// The task has to do something, or something earlier than it thought.
    fn needs_care(&self) -> bool {
        let wake_at = self.transport.wake_at();
        let is_earlier = wake_at.is_some_and(|at| self.wake_at.is_none_or(|planned| at < planned));
        is_earlier || self.ended.is_some() || self.has_pending() || self.ledger.has_confirmed()
    }
}
