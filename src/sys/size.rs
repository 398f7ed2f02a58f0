//! What becomes of a process that writes more to a file than it may.
#![allow(unsafe_code)]

/// A file that would become larger than the process may write (`RLIMIT_FSIZE`) is an error of the write from now on, and no
/// end of the process: its own log may grow up to there.
pub(crate) fn outlive_large_files() {
    // SAFETY: no handler runs, the signal is only ignored.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
    }
}
