//! What the scheduler has given the threads of a process.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

/// What the scheduler has given each thread of a process. Empty where the kernel does not count it.
#[derive(Default)]
pub struct Turns(HashMap<OsString, Turn>);

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
        let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        Self(tasks.filter_map(|task| Some((task.file_name(), turn(&task)?))).collect())
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

fn turn(task: &fs::DirEntry) -> Option<Turn> {
    let read = |file: &str| fs::read_to_string(task.path().join(file)).ok();
    let (times, stat) = (read("schedstat")?, read("stat")?);
    let mut times = times.split_whitespace().map(str::parse);
    let (ran, waited) = (times.next()?.ok()?, times.next()?.ok()?);
    // Behind the name, which is in parentheses.
    let is_runnable = stat.rsplit(')').next()?.trim_start().starts_with('R');
    Some(Turn { ran, waited, is_runnable })
}
