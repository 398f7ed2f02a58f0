//! What the kernel allows one process.

use std::io::{self, pipe};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the number of files that may be open at once to what the administrator allows at most:
/// a burst over thousands of files needs more than the customary 1024.
pub fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        Ok(()) => {
            tracing::debug!(from = ?limit.current, to = ?limit.maximum, "raised the limit of open files");
        }
        // The lower limit is enough for most.
        Err(error) => tracing::debug!("the limit of open files stays as it is: {error}"),
    }
}

/// How many pairs of descriptors must be left at the start, for the runtimes, signals, inotify, a log and a connection.
const PAIRS: usize = 6;

/// Whether as many files can be opened as it takes to run at all. tokio panics where a runtime has none left for signals.
///
/// # Errors
/// They cannot.
pub fn try_descriptors() -> io::Result<()> {
    let pairs: io::Result<Vec<_>> = (0..PAIRS).map(|_| pipe()).collect();
    pairs.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_becomes_the_hard_one() {
        raise_open_files();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
