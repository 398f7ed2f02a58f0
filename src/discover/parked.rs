//! Runs the work of a thread that has nothing but what wakes it, and one time to wake at.
//!
//! A runtime of tokio's would do. But it keeps its timers by how far off they are, and wakes to look at one
//! again when it is nearer: three or four times for one of ten seconds.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// Waits for times on the thread of [`run()`].
#[derive(Clone)]
pub(super) struct Timer {
    /// When the thread wakes at the latest, if it is to wake by itself.
    wake_at: Rc<Cell<Option<Instant>>>,
}

impl Timer {
    /// Waits until it is `at`.
    pub(super) async fn until(&self, at: Instant) {
        poll_fn(|_| {
            if Instant::now() >= at {
                return Poll::Ready(());
            }
            self.wake_at.set(Some(self.wake_at.get().map_or(at, |other| other.min(at))));
            Poll::Pending
        })
        .await;
    }
}

/// Wakes a thread.
struct Unparking {
    thread: Thread,
    /// There is something to do. That the thread was unparked alone does not tell: what it does may have
    /// parked it as well.
    is_woken: AtomicBool,
}

impl Wake for Unparking {
    fn wake(self: Arc<Self>) {
        self.is_woken.store(true, Ordering::Release);
        self.thread.unpark();
    }
}

/// Does the work that `work` makes of a timer, on this thread.
pub(super) fn run<W: Future>(work: impl FnOnce(Timer) -> W) -> W::Output {
    let timer = Timer { wake_at: Rc::default() };
    let mut work = pin!(work(timer.clone()));
    let unparking = Unparking { thread: thread::current(), is_woken: AtomicBool::new(false) };
    let unparking = Arc::new(unparking);
    let waker = Waker::from(Arc::clone(&unparking));
    loop {
        // Who still waits says so again.
        timer.wake_at.set(None);
        if let Poll::Ready(done) = work.as_mut().poll(&mut Context::from_waker(&waker)) {
            return done;
        }
        while !unparking.is_woken.swap(false, Ordering::Acquire) {
            match timer.wake_at.get().map(|at| at.saturating_duration_since(Instant::now())) {
                None => thread::park(),
                Some(left) if left.is_zero() => break,
                Some(left) => thread::park_timeout(left),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    #[test]
    fn it_wakes_at_the_first_time_that_is_waited_for() {
        let begun = Instant::now();
        run(|timer| async move {
            for millis in [20, 40] {
                tokio::select! {
                    () = timer.until(begun + Duration::from_secs(600)) => panic!("too late"),
                    () = timer.until(begun + Duration::from_millis(millis)) => {}
                }
                assert!(begun.elapsed() >= Duration::from_millis(millis));
            }
            // What is over is not waited for.
            timer.until(begun).await;
        });
    }

    #[test]
    fn another_thread_wakes_it_before_its_time() {
        let (sender, receiver) = oneshot::channel();
        let other = thread::spawn(move || sender.send(7));
        let received = run(|timer| async move {
            tokio::select! {
                () = timer.until(Instant::now() + Duration::from_secs(600)) => None,
                received = receiver => received.ok(),
            }
        });
        assert_eq!(received, Some(7));
        assert_eq!(other.join().unwrap(), Ok(()));
    }

    #[test]
    fn that_it_was_parked_meanwhile_loses_no_wake_up() {
        run(|_| async {
            let mut is_first = true;
            poll_fn(|context| {
                if !std::mem::take(&mut is_first) {
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                // As a channel of the standard library does.
                thread::park();
                Poll::Pending
            })
            .await;
        });
    }
}
