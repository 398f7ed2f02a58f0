//! Waiting for an inotify instance.
#![allow(unsafe_code)]

use std::io;

use inotify::{Events, Inotify};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// An inotify instance that can be waited for.
pub(crate) struct AsyncInotify(AsyncFd<Inotify>);

impl AsyncInotify {
    /// To be waited for in the runtime that is entered.
    ///
    /// # Errors
    /// When the kernel has no more room for what is waited for.
    pub(crate) fn new(inotify: Inotify) -> io::Result<Self> {
        // SAFETY: an instance has its descriptor from its beginning to its end, and lies here, where nobody puts another
        // one in its place, until the registration ends.
        let registered = unsafe { AsyncFd::register_with_interest(inotify, Interest::READABLE) };
        Ok(Self(registered?))
    }

    /// Waits until there is something to read, and reads once. `take` takes what there is, and says whether the kernel
    /// may have more: else it is not asked again before it tells so by itself. Now and then there was nothing after
    /// all, and `take` is not called.
    ///
    /// # Errors
    /// When the kernel refuses to be read.
    pub(crate) async fn read(
        &mut self,
        buffer: &mut [u8],
        take: impl FnOnce(Events<'_>) -> bool,
    ) -> io::Result<()> {
        let mut guard = self.0.readable_mut().await?;
        match guard.get_inner_mut().read_events(buffer) {
            Ok(events) => {
                if !take(events) {
                    guard.clear_ready();
                }
            }
            Err(error) => match error.kind() {
                io::ErrorKind::WouldBlock => guard.clear_ready(),
                io::ErrorKind::Interrupted => {}
                _ => return Err(error),
            },
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use inotify::WatchMask;

    use super::*;

    #[tokio::test]
    async fn what_comes_behind_what_was_read_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let inotify = Inotify::init().unwrap();
        inotify.watches().add(dir.path(), WatchMask::CREATE).unwrap();
        let mut inotify = AsyncInotify::new(inotify).unwrap();
        let mut buffer = vec![0; 4096];
        for number in 0..5 {
            // Some come before it is waited for, and some meanwhile.
            let write = async {
                if number % 2 == 0 {
                    tokio::task::yield_now().await;
                }
                std::fs::write(dir.path().join(number.to_string()), "").unwrap();
            };
            let mut names = Vec::new();
            let read = async {
                while names.is_empty() {
                    let take = |events: Events<'_>| {
                        names.extend(events.map(|told| told.name.map(ToOwned::to_owned)));
                        number % 3 == 0
                    };
                    inotify.read(&mut buffer, take).await.unwrap();
                }
            };
            let both = async { tokio::join!(read, write) };
            tokio::time::timeout(Duration::from_secs(20), both).await.expect("it is told");
            assert_eq!(names, [Some(number.to_string().into())]);
        }
    }
}
