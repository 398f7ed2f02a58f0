//! What goes back to the stages before: confirmed positions, and batches to be used again.

use tokio::sync::mpsc;

use super::ledger::Confirmed;
use crate::pipeline::batch::Batch;
use crate::pipeline::position::Update;

/// Both ways back. Never waits by itself: a stage that waits for us must not be waited for.
#[derive(Debug)]
pub(super) struct Returns {
    updates: mpsc::Sender<Vec<Update>>,
    spare: mpsc::Sender<Batch>,
    /// Updates that found no room in the channel yet.
    waiting: Vec<Update>,
}

impl Returns {
    /// Ways back by these channels.
    pub(super) fn new(updates: mpsc::Sender<Vec<Update>>, spare: mpsc::Sender<Batch>) -> Self {
        Self { updates, spare, waiting: Vec::new() }
    }

    /// Hands back what was confirmed, as far as there is room. Spare batches without room are
    /// dropped.
    pub(super) fn give(&mut self, confirmed: Confirmed) {
        for batch in confirmed.spare {
            let _ = self.spare.try_send(batch);
        }
        self.waiting.extend(confirmed.updates);
        if !self.waiting.is_empty()
            && let Ok(permit) = self.updates.try_reserve()
        {
            permit.send(std::mem::take(&mut self.waiting));
        }
    }

    /// Hands over what waits as soon as there is room; for ever pending when nothing waits.
    pub(super) async fn pass_on(&mut self) {
        if self.waiting.is_empty() {
            return std::future::pending().await;
        }
        match self.updates.reserve().await {
            Ok(permit) => permit.send(std::mem::take(&mut self.waiting)),
            // Nobody keeps positions any more.
            Err(_) => self.waiting.clear(),
        }
    }

    /// Nothing waits for room.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}
