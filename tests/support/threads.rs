//! What the kernel tells of the threads of a process, and is told of ours.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of each of its threads, none where it is gone.
pub fn of(pid: u32) -> impl Iterator<Item = PathBuf> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    tasks.map(|task| task.path())
}

/// The state of a thread, or of the first one of a process, by its folder below `/proc`: `R` runs or waits for a
/// processor, `D` waits for a disk, `T` is stopped, `Z` has ended. `None` where it is gone.
pub fn state(folder: impl AsRef<Path>) -> Option<char> {
    let stat = fs::read_to_string(folder.as_ref().join("stat")).ok()?;
    // Behind the name, which is in parentheses.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// The calling thread goes before others of this process and its children, where we may have that: what a receiver
/// does in time is not what is tested.
pub fn go_first() {
    let _ = rustix::process::setpriority_process(None, -15);
}
