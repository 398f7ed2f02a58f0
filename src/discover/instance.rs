//! The inotify instance, and the task that listens to it.

use std::ffi::OsStr;
use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::Poll;

use inotify::{Event, Events, Inotify, Watches};
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::inbox::Inbox;
use crate::sys::AsyncInotify;

/// What is read from the kernel at once: some hundred events.
const BUFFER: usize = 16 << 10;
/// An event without a name has so many bytes; with one, a multiple of that.
const EVENT: usize = 16;

/// The instance, listened to until this is dropped.
pub(super) struct Instance {
    pub(super) watches: Watches,
    _listening: DropGuard,
}

impl Instance {
    /// Gets an instance that watches nothing yet. What it tells goes to `inbox`, from a task on
    /// `listening`.
    ///
    /// # Errors
    /// When the user has as many instances as are allowed.
    pub(super) fn new(inbox: Arc<Inbox>, listening: &Handle) -> io::Result<Self> {
        let inotify = Inotify::init()?;
        let watches = inotify.watches();
        let inotify = {
            let _within = listening.enter();
            AsyncInotify::new(inotify)?
        };
        let token = CancellationToken::new();
        let listen = listen(inotify, inbox);
        listening.spawn(token.clone().run_until_cancelled_owned(listen));
        Ok(Self { watches, _listening: token.drop_guard() })
    }
}

/// Passes on what the kernel tells, until it fails.
async fn listen(mut inotify: AsyncInotify, inbox: Arc<Inbox>) {
    let mut buffer = vec![0; BUFFER];
    loop {
        let take_all = |events: Events<'_>| {
            let size: usize = events.map(|told| take(&told, &inbox)).sum();
            // Had there been one more, it would have had room, however long its name.
            size > BUFFER / 2
        };
        if let Err(error) = inotify.read(&mut buffer, take_all).await {
            return inbox.end(error);
        }
        // Most often it is a single line: it is sent before the kernel is asked for more.
        give_way().await;
    }
}

/// Passes on one event. Returns how many bytes it took, as inotify(7) has it.
fn take(told: &Event<&OsStr>, inbox: &Inbox) -> usize {
    inbox.take(told);
    let name = told.name.map_or(0, |name| (name.len() + 1).next_multiple_of(EVENT));
    EVENT + name
}

/// Lets the other tasks of this thread have their turn. tokio's `yield_now` would ask the kernel first for what else
/// there is.
async fn give_way() {
    let mut has_given = false;
    poll_fn(|context| {
        if std::mem::replace(&mut has_given, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
