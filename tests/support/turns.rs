//! What the scheduler has given the threads of a process.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::threads;

/// What the scheduler has given each thread of a process. Empty where the kernel does not count it.
#[derive(Default)]
pub struct Turns(HashMap<PathBuf, Turn>);

#[derive(Clone, Copy, PartialEq, Eq)]
struct Turn {
    /// Nanoseconds on a processor.
    ran: u64,
    /// Nanoseconds of waiting for one. The present wait counts when it is over.
    waited: u64,
    /// It runs, or waits for a processor.
    is_runnable: bool,
}

impl Turns {
    /// Up to now.
    pub fn of(pid: u32) -> Self {
        let counted = |thread: PathBuf| {
            let turn = turn(&thread)?;
            Some((thread, turn))
        };
        Self(threads::of(pid).filter_map(counted).collect())
    }

    /// How long the threads have waited for a processor since, all together.
    pub fn waited_since(&self, before: &Self) -> Duration {
        let waited = |(id, now): (_, &Turn)| {
            now.waited.saturating_sub(before.0.get(id).map_or(0, |then| then.waited))
        };
        Duration::from_nanos(self.0.iter().map(waited).sum())
    }

    /// Whether a thread may have waited since: how long is not known before it runs.
    pub fn may_wait_since(&self, before: &Self) -> bool {
        self.0.iter().any(|(id, now)| now.is_runnable && before.0.get(id) == Some(now))
    }
}

fn turn(thread: &Path) -> Option<Turn> {
    let times = fs::read_to_string(thread.join("schedstat")).ok()?;
    let mut times = times.split_whitespace().map(str::parse);
    let (ran, waited) = (times.next()?.ok()?, times.next()?.ok()?);
    Some(Turn { ran, waited, is_runnable: threads::state(thread)? == 'R' })
}
