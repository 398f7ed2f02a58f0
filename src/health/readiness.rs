//! Readiness: what has to be done at the start before the program counts as started.

use tokio_util::sync::CancellationToken;

/// Whether something is ready, for all who hold a clone of it.
#[derive(Debug, Clone, Default)]
pub struct ReadySignal(CancellationToken);

impl ReadySignal {
    /// From now on it is, for good.
    pub fn set(&self) {
        self.0.cancel();
    }

    /// Whether it is.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.0.is_cancelled()
    }

    /// Waits until it is.
    pub async fn reached(&self) {
        self.0.cancelled().await;
    }
}
