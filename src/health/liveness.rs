//! Proof of life: the loops that do the work show that they go round.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::sync::Notify;

use super::StageName;

/// A loop's own, and in the hands of whoever watches it.
#[derive(Debug, Clone, Default)]
pub struct Beat(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    turns: AtomicU64,
    /// How many threads wait in [`Beat::waiting`].
    waiting: AtomicUsize,
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

    /// Blocks this thread until there is something to do. A thread that cannot hear the question
    /// counts as alive meanwhile, so `wait` must wait for another stage and never for a file.
    pub fn waiting<T>(&self, wait: impl FnOnce() -> T) -> T {
        self.0.waiting.fetch_add(1, Ordering::Relaxed);
        let result = wait();
        self.turn();
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
        result
    }

    /// Asks for a turn. A loop that waits for something else answers at once.
    pub fn ask(&self) {
        self.0.question.notify_one();
    }

    /// How often it went round.
    #[must_use]
    pub fn turns(&self) -> u64 {
        self.0.turns.load(Ordering::Relaxed)
    }

    fn is_waiting(&self) -> bool {
        self.0.waiting.load(Ordering::Relaxed) > 0
    }
}

/// Watches loops from time to time.
#[derive(Debug)]
pub struct Watchdog {
    beats: Vec<(StageName, Beat, u64)>,
}

impl Watchdog {
    /// Asks each for a turn, to be seen by the next [`Self::silent`].
    #[must_use]
    pub fn new(beats: impl IntoIterator<Item = (StageName, Beat)>) -> Self {
        let beats = beats.into_iter().map(|(stage, beat)| (stage, beat, 0)).collect();
        let mut watch = Self { beats };
        watch.silent();
        watch
    }

    /// The stages whose loops have not gone round since the last look. Asks all for the next turn.
    pub fn silent(&mut self) -> Vec<StageName> {
        let mut silent = Vec::new();
        for (stage, beat, seen) in &mut self.beats {
            let is_waiting = beat.is_waiting();
            let turns = beat.turns();
            if turns == *seen && !is_waiting {
                silent.push(*stage);
            }
            *seen = turns;
            beat.ask();
        }
        silent
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[tokio::test]
    async fn a_loop_that_hangs_is_missed_and_one_that_waits_is_not() {
        let (idle, hung, slow) = (Beat::default(), Beat::default(), Beat::default());
        let beats = [
            (StageName::Deliver, &idle),
            (StageName::Input, &hung),
            (StageName::Checkpoint, &slow),
        ];
        let mut watch = Watchdog::new(beats.map(|(stage, beat)| (stage, beat.clone())));
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
            assert_eq!(watch.silent(), [StageName::Input]);
        }
        hung.turn();
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        assert_eq!(watch.silent(), []);
    }

    #[test]
    fn a_thread_that_waits_for_others_is_alive_and_one_that_works_has_to_show_it() {
        let beat = Beat::default();
        let mut watch = Watchdog::new([(StageName::Discover, beat.clone())]);
        let (begun, has_begun) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let its = beat.clone();
        let waiting = thread::spawn(move || {
            its.waiting(|| {
                begun.send(()).unwrap();
                ended.recv()
            })
        });
        has_begun.recv().unwrap();
        assert_eq!(watch.silent(), []);
        assert_eq!(watch.silent(), []);
        end.send(()).unwrap();
        waiting.join().unwrap().unwrap();
        assert_eq!(watch.silent(), [], "it went round");
        assert_eq!(watch.silent(), [StageName::Discover]);
    }
}
