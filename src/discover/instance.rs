//! The inotify instance, and the task that listens to it.

use std::io;
use std::sync::Arc;

use futures_util::{FutureExt, StreamExt};
use inotify::{EventStream, Inotify, Watches};
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::inbox::Inbox;

/// What is read from the kernel at once: some hundred events.
const BUFFER: usize = 16 << 10;
/// How many events are taken before those who were told have their turn.
const EVENTS: usize = 256;

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
        let stream = {
            let _within = listening.enter();
            inotify.into_event_stream(vec![0; BUFFER])?
        };
        let token = CancellationToken::new();
        let listen = listen(stream, inbox);
        listening.spawn(token.clone().run_until_cancelled_owned(listen));
        Ok(Self { watches, _listening: token.drop_guard() })
    }
}

/// Passes on what the kernel tells, until it fails.
async fn listen(mut stream: EventStream<Vec<u8>>, inbox: Arc<Inbox>) {
    let mut count: usize = 0;
    loop {
        let (told, has_waited) = match stream.next().now_or_never() {
            Some(told) => (told, false),
            None => (stream.next().await, true),
        };
        match told {
            Some(Ok(told)) => inbox.take(&told),
            Some(Err(error)) if error.kind() == io::ErrorKind::Interrupted => {}
            Some(Err(error)) => return inbox.end(error),
            None => return inbox.end(io::ErrorKind::UnexpectedEof.into()),
        }
        count = count.wrapping_add(1);
        // Most often it is a single line: it is sent before the kernel is asked for more.
        if has_waited || count.is_multiple_of(EVENTS) {
            tokio::task::yield_now().await;
        }
    }
}
