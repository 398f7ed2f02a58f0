//! Waiting for what tokio has no type of its own for.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Tells when there is something to read from `fd`. To be called within a runtime.
///
/// # Errors
/// When the kernel cannot wait for that descriptor.
pub(crate) fn readiness(fd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: an `OwnedFd` is open and stays the same descriptor until it is dropped, which it
    // is not before the last `Arc` is, and the `AsyncFd` keeps one.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}
