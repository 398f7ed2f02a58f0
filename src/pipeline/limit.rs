//! A limit that all share who make batches: where too much has gone, they wait.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout};

use super::bucket::{ByteRate, TokenBucket};

/// Less at once would cost more than it is worth.
const PIECE_MIN: usize = 16 << 10;

/// Hears whether the limit holds somebody back.
pub trait HeldBack: Debug + Send + Sync {
    /// One more waits.
    fn begins(&self);

    /// One waits no more, and has waited for so long.
    fn ends(&self, after: Duration);
}

/// A limit, for all who hold a clone of it. Without a rate there is none.
#[derive(Debug, Clone, Default)]
pub struct RateLimit(Arc<LimitState>);

#[derive(Debug, Default)]
struct LimitState {
    bucket: Mutex<Option<TokenBucket>>,
    changed: tokio::sync::Notify,
    told: Option<Arc<dyn HeldBack>>,
}

/// Somebody waits as long as it is there.
struct LimitWait<'a> {
    told: &'a dyn HeldBack,
    since: Instant,
}

impl<'a> LimitWait<'a> {
    fn begin(told: &'a dyn HeldBack) -> Self {
        told.begins();
        Self { told, since: Instant::now() }
    }
}

impl Drop for LimitWait<'_> {
    fn drop(&mut self) {
        self.told.ends(self.since.elapsed());
    }
}

impl RateLimit {
    /// Of this rate, if there is one. `told` hears when somebody waits for it.
    #[must_use]
    pub fn new(rate: Option<ByteRate>, told: Arc<dyn HeldBack>) -> Self {
        let state = LimitState { told: Some(told), ..LimitState::default() };
        let limit = Self(Arc::new(state));
        limit.change(rate);
        limit
    }

    /// Goes on with another rate, or none.
    pub fn change(&self, rate: Option<ByteRate>) {
        let now = Instant::now().into_std();
        self.with(|bucket| match (bucket.as_mut(), rate) {
            (Some(known), Some(rate)) => known.change(rate, now),
            (_, rate) => *bucket = rate.map(|rate| TokenBucket::new(rate, now)),
        });
        self.0.changed.notify_waiters();
    }

    /// So many bytes go.
    pub fn take(&self, bytes: usize) {
        self.with(|bucket| {
            if let Some(bucket) = bucket {
                bucket.take(bytes as u64, Instant::now().into_std());
            }
        });
    }

    /// Waits until something may go. Nothing is lost when the waiting is given up.
    pub async fn passes(&self) {
        let mut waiting = None;
        loop {
            // Another rate may let it go sooner. Heard from before it is looked, so that none is missed.
            let changed = self.0.changed.notified();
            let Some(wait) = self.wait() else { return };
            if waiting.is_none() {
                waiting = self.0.told.as_deref().map(LimitWait::begin);
            }
            let _ = timeout(wait, changed).await;
        }
    }

    /// How much is to go at once, so that it goes evenly.
    #[must_use]
    pub fn piece(&self) -> usize {
        let burst = self.with(|bucket| bucket.as_ref().map(TokenBucket::burst));
        burst
            .map_or(usize::MAX, |burst| usize::try_from(burst).unwrap_or(usize::MAX).max(PIECE_MIN))
    }

    /// Whether something may go now.
    #[must_use]
    pub fn passes_now(&self) -> bool {
        self.wait().is_none()
    }

    /// How long it takes until something may go; nothing where it may now.
    fn wait(&self) -> Option<Duration> {
        self.with(|bucket| bucket.as_mut()?.wait(Instant::now().into_std()))
    }

    fn with<T>(&self, act: impl FnOnce(&mut Option<TokenBucket>) -> T) -> T {
        act(&mut self.0.bucket.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;

    #[derive(Debug, Default)]
    struct Count {
        waiting: AtomicI64,
        waited: Mutex<Duration>,
    }

    impl HeldBack for Count {
        fn begins(&self) {
            self.waiting.fetch_add(1, Ordering::Relaxed);
        }

        fn ends(&self, after: Duration) {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
            *self.waited.lock().unwrap() += after;
        }
    }

    fn rate(bytes_per_second: u64) -> Option<ByteRate> {
        Some(ByteRate { bytes_per_second, burst: bytes_per_second })
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_taken_too_much_waits_and_it_shows() {
        let count = Arc::new(Count::default());
        let limit = RateLimit::new(rate(1000), count.clone());
        let start = Instant::now();
        limit.passes().await;
        limit.take(3000);
        assert!(!limit.passes_now());
        let waiting = tokio::spawn({
            let limit = limit.clone();
            async move { limit.passes().await }
        });
        tokio::task::yield_now().await;
        assert_eq!(count.waiting.load(Ordering::Relaxed), 1);
        waiting.await.unwrap();
        assert_eq!(count.waiting.load(Ordering::Relaxed), 0);
        assert!(count.waited.lock().unwrap().as_millis() >= 2000);
        let waited = start.elapsed();
        assert!((2000..2100).contains(&waited.as_millis()), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_rate_nobody_waits_and_taking_one_away_lets_all_go() {
        let limit = RateLimit::new(rate(1), Arc::new(Count::default()));
        limit.take(1 << 20);
        let start = Instant::now();
        let waiting = tokio::spawn({
            let limit = limit.clone();
            async move { limit.passes().await }
        });
        tokio::task::yield_now().await;
        limit.change(None);
        waiting.await.unwrap();
        limit.take(1 << 20);
        limit.passes().await;
        assert!(start.elapsed() < Duration::from_secs(1));
        assert!(RateLimit::default().passes_now());
    }
}
