//! Where batches leave [`crate::input`]: through a channel, in order; or at once, where somebody can
//! take them at once and nothing waits before them.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc::{Permit, Sender};

use crate::pipeline::batch::Batch;
use crate::pipeline::limit::RateLimit;

/// Takes batches at once, now and then: whoever has one need not wake another thread for it.
pub trait Direct: Debug + Send + Sync {
    /// Takes `batch`, unless it would have to wait or would overtake one of the `queued` batches
    /// that have gone through the channel so far. Never blocks. Returns memory for the next batch.
    ///
    /// # Errors
    /// The batch: it has to go through the channel.
    fn take(&self, batch: Batch, queued: u64) -> Result<Batch, Batch>;
}

/// The way out, with one end of the channel.
#[derive(Debug, Clone)]
pub struct Outlet {
    channel: Sender<Batch>,
    direct: Option<Arc<dyn Direct>>,
    queued: Queued,
    limit: RateLimit,
}

/// How many batches have gone through the channel, from whatever outlet. They are counted in the order
/// in which they go: whoever sees a number knows that all batches before its own are in it.
#[derive(Debug, Clone, Default)]
struct Queued(Arc<Mutex<u64>>);

impl Queued {
    fn send(&self, permit: Permit<'_, Batch>, batch: Batch) {
        let mut count = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *count += 1;
        permit.send(batch);
    }

    fn count(&self) -> u64 {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Nobody receives the batches any more.
#[derive(Debug)]
pub struct Closed;

impl Outlet {
    /// Leads to the other end of `channel`, and past it to `direct`.
    #[must_use]
    pub fn new(channel: Sender<Batch>, direct: Option<Arc<dyn Direct>>) -> Self {
        Self { channel, direct, queued: Queued::default(), limit: RateLimit::default() }
    }

    /// The same, and there is no room while this limit holds back.
    #[must_use]
    pub fn limited_by(self, limit: RateLimit) -> Self {
        Self { limit, ..self }
    }

    /// Waits until there is room for a batch in the channel, and the limit lets one go.
    ///
    /// # Errors
    /// When nobody receives any more.
    pub async fn room(&self) -> Result<Room<'_>, Closed> {
        let Self { channel, direct, queued, limit } = self;
        limit.passes().await;
        let permit = channel.reserve().await.map_err(|_| Closed)?;
        Ok(Room { permit, direct: direct.as_deref(), queued, limit })
    }

    /// Room, if there is some now.
    pub fn room_now(&self) -> Option<Room<'_>> {
        let Self { channel, direct, queued, limit } = self;
        let permit = channel.try_reserve().ok().filter(|_| limit.passes_now())?;
        Some(Room { permit, direct: direct.as_deref(), queued, limit })
    }
}

/// Room for one batch.
#[derive(Debug)]
pub struct Room<'a> {
    permit: Permit<'a, Batch>,
    direct: Option<&'a dyn Direct>,
    queued: &'a Queued,
    limit: &'a RateLimit,
}

impl Room<'_> {
    /// Has `batch` taken at once. Returns memory for another.
    ///
    /// # Errors
    /// The batch, where that cannot be.
    pub fn pass(&self, batch: Batch) -> Result<Batch, Batch> {
        let Some(direct) = self.direct else { return Err(batch) };
        let bytes = batch.bytes.len();
        let memory = direct.take(batch, self.queued.count())?;
        self.limit.take(bytes);
        Ok(memory)
    }

    /// How many bytes a batch is to have at most, about.
    #[must_use]
    pub fn most(&self) -> usize {
        self.limit.piece()
    }

    /// Puts `batch` into the channel.
    pub fn queue(self, batch: Batch) {
        self.limit.take(batch.bytes.len());
        self.queued.send(self.permit, batch);
    }
}
