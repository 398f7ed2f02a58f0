//! fork(2), the one call of a daemon that no crate offers as a safe function with good reason:
//! it is safe only where a single thread runs. That is checked here.
#![allow(unsafe_code)]

use std::io;

use rustix::process::Pid;

/// Which of the two processes this is.
pub(crate) enum Side {
    /// The one that called, and the other's id.
    Parent(Pid),
    /// The new one.
    Child,
}

/// The test harness has a thread that does nothing but wait for the one that runs the test.
const THREADS_MAX: usize = if cfg!(test) { 2 } else { 1 };

/// Splits the process in two. Descriptors and the locks on them are in both.
///
/// # Errors
/// The kernel refuses, or more than one thread runs.
pub(crate) fn fork() -> io::Result<Side> {
    // Without /proc the promise of the caller has to do.
    let threads = std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count);
    if threads > THREADS_MAX {
        return Err(io::Error::other(format!("{threads} threads run where only one may")));
    }
    // SAFETY: the child of a process with several threads may only call what is safe in a signal
    // handler, as another thread may have held any lock; with one thread there is no such lock.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(Pid::from_raw(pid).map_or(Side::Child, Side::Parent)),
    }
}
