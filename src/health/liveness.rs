//! Proof of life: the loops that do the work show that they go round.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::Notify;

/// A loop's own, and in the hands of whoever watches it.
#[derive(Debug, Clone, Default)]
pub struct Beat(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    turns: AtomicU64,
    question: Notify,
}

impl Beat {
    /// The loop goes round.
    pub fn turn(&self) {
        self.0.turns.fetch_add(1, Ordering::Relaxed);
    }

    /// Ends when somebody wants to see a turn: one branch of all that the loop waits for.
    pub async fn asked(&self) {
        self.0.question.notified().await;
    }

    /// Waits for what ends by limits of its own, however long they are, and answers meanwhile.
    pub async fn during<T>(&self, task: impl Future<Output = T>) -> T {
        let mut task = pin!(task);
        loop {
            self.turn();
            tokio::select! {
                biased;
                result = &mut task => return result,
                () = self.asked() => {}
            }
        }
    }

    /// Asks for a turn, also one that waits for nothing just now.
    pub fn ask(&self) {
        self.0.question.notify_one();
    }

    /// How often it went round.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.0.turns.load(Ordering::Relaxed)
    }
}

/// Watches loops from time to time.
#[derive(Debug)]
pub struct Watch {
    beats: Vec<(Beat, u64)>,
}

impl Watch {
    /// Asks each for a turn, to be seen by the next [`Self::look`].
    #[must_use]
    pub fn new(beats: impl IntoIterator<Item = Beat>) -> Self {
        let mut watch = Self { beats: beats.into_iter().map(|beat| (beat, 0)).collect() };
        watch.look();
        watch
    }

    /// Whether every loop has gone round since the last look; asks for the next turn.
    pub fn look(&mut self) -> bool {
        let mut all = true;
        for (beat, seen) in &mut self.beats {
            let turns = beat.turns();
            all &= turns != *seen;
            *seen = turns;
            beat.ask();
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_loop_that_hangs_is_missed_and_one_that_waits_is_not() {
        let (idle, hung, slow) = (Beat::default(), Beat::default(), Beat::default());
        let mut all = Watch::new([idle.clone(), slow.clone()]);
        let mut one = Watch::new([hung.clone()]);
        let turning = idle.clone();
        tokio::spawn(async move {
            loop {
                turning.turn();
                turning.asked().await;
            }
        });
        tokio::spawn(async move { slow.during(std::future::pending::<()>()).await });
        for _ in 0..3 {
            tokio::task::yield_now().await;
            tokio::task::yield_now().await;
            assert!(all.look());
            assert!(!one.look());
        }
        hung.turn();
        assert!(one.look() && !one.look());
    }
}
