//! Threads for what blocks: reading files, listing directories, resolving names, saving.
//!
//! tokio starts such threads as they are needed, and panics where it can start none: with `pids.max`
//! of a control group met, a name that is to be resolved would end the daemon. Here some are made at
//! the start and stay ([`reserve`]). Others are made while those are busy, and end when they are not
//! needed any more. Where none can be made, work waits until one is free, and with each further piece
//! of work it is tried again.

use std::collections::VecDeque;
use std::io;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use tokio::sync::oneshot;
use tracing::{info, warn};

use crate::limits;

/// How many there are at most. So many wait only where names and file systems do not answer.
const MOST: usize = 64;
/// How long one that is not kept waits for work.
const PATIENCE: Duration = Duration::from_secs(10);

/// The threads of this process.
static POOL: Pool = Pool::new();

/// Makes as many threads as it takes to have `count` that stay.
///
/// # Errors
/// One cannot be made; those that could are kept.
pub(crate) fn reserve(count: usize) -> io::Result<()> {
    POOL.reserve(count)
}

/// Has `work` done on a thread that is called `name` meanwhile.
pub(crate) fn start(name: &'static str, work: impl FnOnce() + Send + 'static) {
    POOL.start(Task { name, work: Box::new(work) });
}

/// Has `work` done on a thread that is called `name` meanwhile, and gives what comes of it. Where
/// nobody waits for that any more when its turn comes, it is left out. An error says that `work` has
/// panicked.
pub(crate) fn run<T: Send + 'static>(
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> oneshot::Receiver<T> {
    let (answer, result) = oneshot::channel();
    let question = Question {
        work,
        answer,
        #[cfg(test)]
        _clock: tests::hold_clock(),
    };
    POOL.start(Task { name, work: Box::new(question) });
    result
}

/// Does `work` on a thread that is called `name` meanwhile, and waits for what comes of it, but no longer
/// than `patience`: for the end of the process, which no file system may put off.
pub(crate) fn within<T: Send + 'static>(
    patience: Duration,
    name: &'static str,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (answer, result) = mpsc::channel();
    start(name, move || {
        // Whoever asked may have gone meanwhile.
        let _ = answer.send(work());
    });
    result.recv_timeout(patience).ok()
}

/// Work of one kind, of which only what came last counts: one piece of it is done at a time, so that no more
/// than one thread waits where a file system does not answer.
pub(crate) struct Latest<T>(Mutex<LatestState<T>>);

enum LatestState<T> {
    Idle,
    /// One is at work, and what came last meanwhile is next.
    Busy(Option<T>),
}

impl<T: Send + 'static> Latest<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(LatestState::Idle))
    }

    /// Has `work` done with `item`, as soon as it is not at work. What waits for that already is left out.
    pub(crate) fn start(&'static self, name: &'static str, item: T, work: fn(T)) {
        match &mut *lock(&self.0) {
            LatestState::Busy(next) => return *next = Some(item),
            state => *state = LatestState::Busy(None),
        }
        start(name, move || {
            let mut item = Some(item);
            while let Some(now) = item {
                work(now);
                item = self.next();
            }
        });
    }

    fn next(&self) -> Option<T> {
        let mut state = lock(&self.0);
        let next = match &mut *state {
            LatestState::Busy(next) => next.take(),
            LatestState::Idle => None,
        };
        if next.is_none() {
            *state = LatestState::Idle;
        }
        next
    }
}

/// A piece of work that waits for a thread.
struct Task {
    name: &'static str,
    work: Box<dyn Work>,
}

trait Work: Send {
    /// Whether somebody waits for it.
    fn is_wanted(&self) -> bool;
    fn work(self: Box<Self>);
}

impl<F: FnOnce() + Send> Work for F {
    fn is_wanted(&self) -> bool {
        true
    }

    fn work(self: Box<Self>) {
        self();
    }
}

/// Work, and who waits for what comes of it.
struct Question<T, F> {
    work: F,
    answer: oneshot::Sender<T>,
    #[cfg(test)]
    _clock: std::sync::mpsc::Sender<()>,
}

impl<T: Send, F: FnOnce() -> T + Send> Work for Question<T, F> {
    fn is_wanted(&self) -> bool {
        !self.answer.is_closed()
    }

    fn work(self: Box<Self>) {
        let result = (self.work)();
        // Whoever asked may have gone meanwhile.
        let _ = self.answer.send(result);
    }
}

/// Threads, and the work that waits for them.
struct Pool {
    state: Mutex<PoolState>,
    work_came: Condvar,
}

struct PoolState {
    waiting: VecDeque<Task>,
    threads: usize,
    /// Those that wait for work.
    idle: usize,
    /// So many do not end.
    kept: usize,
    /// It was said that none can be made.
    is_short: bool,
}

impl Pool {
    const fn new() -> Self {
        let state =
            PoolState { waiting: VecDeque::new(), threads: 0, idle: 0, kept: 0, is_short: false };
        Self { state: Mutex::new(state), work_came: Condvar::new() }
    }

    fn reserve(&'static self, count: usize) -> io::Result<()> {
        loop {
            {
                let mut state = lock(&self.state);
                state.kept = state.kept.max(count);
                if state.threads >= count {
                    return Ok(());
                }
                state.threads += 1;
            }
            self.make()?;
        }
    }

    fn start(&'static self, task: Task) {
        let is_needed = {
            let mut state = lock(&self.state);
            state.waiting.retain(|task| task.work.is_wanted());
            state.waiting.push_back(task);
            let is_needed = state.waiting.len() > state.idle && state.threads < MOST;
            state.threads += usize::from(is_needed);
            is_needed
        };
        self.work_came.notify_one();
        if is_needed {
            let made = self.make();
            self.tell(made);
            let mut state = lock(&self.state);
            if state.threads == 0 {
                // Nobody would ever do it: who waits for it is told so.
                state.waiting.clear();
            }
        }
    }

    /// Makes a thread that is counted already.
    fn make(&'static self) -> io::Result<()> {
        // It counts as one less when it ends, on whatever way, or never begins.
        let counted = Counted(self);
        let begin = move || {
            let counted = counted;
            counted.0.serve();
        };
        thread::Builder::new().name("idle".to_owned()).spawn(begin).map(drop)
    }

    /// Says once that no thread can be made, and once that it is over.
    fn tell(&self, made: io::Result<()>) {
        let (was_short, threads) = {
            let mut state = lock(&self.state);
            (std::mem::replace(&mut state.is_short, made.is_err()), state.threads)
        };
        match made {
            Err(error) if !was_short => warn!(
                "cannot start a thread: {}; until then all goes on with {threads}, and some of it \
                 waits its turn",
                limits::shortage(&error)
            ),
            Ok(()) if was_short => info!("threads can be started again"),
            _ => {}
        }
    }

    /// Does what is to be done.
    fn serve(&self) {
        let mut state = lock(&self.state);
        loop {
            if let Some(task) = state.waiting.pop_front() {
                drop(state);
                if task.work.is_wanted() {
                    set_name(task.name);
                    task.work.work();
                    set_name("idle");
                }
                state = lock(&self.state);
                continue;
            }
            state.idle += 1;
            let mut is_late = false;
            if state.threads > state.kept {
                let waited = self.work_came.wait_timeout(state, PATIENCE);
                let waited = waited.unwrap_or_else(PoisonError::into_inner);
                (state, is_late) = (waited.0, waited.1.timed_out());
            } else {
                state = self.work_came.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            state.idle -= 1;
            if is_late && state.waiting.is_empty() && state.threads > state.kept {
                return;
            }
        }
    }
}

/// A thread, among those of the pool.
struct Counted(&'static Pool);

impl Drop for Counted {
    fn drop(&mut self) {
        lock(&self.0.state).threads -= 1;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names the calling thread, for those who look at the process.
fn set_name(name: &str) {
    if let Ok(name) = std::ffi::CString::new(name) {
        // A name is no reason not to work.
        let _ = rustix::thread::set_name(&name);
    }
}

#[cfg(test)]
mod tests;
