//! The connection that follows the one at work: when it is opened, and when it takes over.
//!
//! # Rotation
//! What is sent and not proven for `proof_interval` is proven by our own close. The next connection
//! is opened first, while the one at work goes on. Then nothing more is sent for a round trip: our
//! FIN goes out behind everything written, and the receiver's says that it has read all of it. What
//! it does not prove is sent again on the next connection, which is ready. A host that sends
//! nothing has nothing unproven, and keeps its connection for ever.
//!
//! # Standing by
//! A suspicious receiver's connections are left alone before they are used. So the next one is opened
//! as soon as one is at work, and its trial costs no time when that ends.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::serve::Session;
use super::session::Sender;
use super::transport::connect::ConnectError;
use super::transport::{self, Transport};

/// How often it is looked whether a connection that stands by is of use.
const LOOK: Duration = Duration::from_millis(100);
/// When none came about to stand by, another one is tried after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// A connection on its way.
pub(super) type Opening =
    Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, ConnectError>> + Send>>;

/// The connection after the one at work.
pub(super) enum Next {
    /// There is none, and none is opened before then.
    None(Option<Instant>),
    /// It is being opened.
    Opening(Opening),
    /// It is open, and the one at work still serves.
    Ready(Box<dyn Transport>),
    /// The one at work is being closed for it.
    Due(Box<dyn Transport>),
}

impl fmt::Debug for Next {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None(_) => "None",
            Self::Opening(_) => "Opening",
            Self::Ready(_) => "Ready",
            Self::Due(_) => "Due",
        })
    }
}

impl Session {
    /// When there is something to do about the next connection.
    pub(super) fn next_at(&self, now: Instant) -> Option<Instant> {
        match &self.next {
            Next::None(not_before) => {
                let due = self.timer.due_at().filter(|_| self.transport.is_rotatable());
                let wanted = if self.transport.may_end_soon(now) { Some(now) } else { due };
                wanted.max(wanted.and(*not_before))
            }
            Next::Ready(next) => {
                Some(next.wake_at().map_or(now + LOOK, |at| at.clamp(now, now + LOOK)))
            }
            Next::Opening(_) | Next::Due(_) => None,
        }
    }

    fn is_rotation_due(&self, now: Instant) -> bool {
        self.timer.due_at().is_some_and(|at| at <= now)
    }
}

/// Whether a connection that stands by is ready for messages; `None`: it is of no use any more.
pub(super) fn is_ready(next: &mut dyn Transport, now: Instant) -> Option<bool> {
    next.listen().ok()?;
    next.advance(now).ok()?;
    Some(next.can_write())
}

impl Sender {
    /// Opens the next connection when one is wanted, and begins to close the one at work when it has
    /// held something unproven for too long and that would prove it.
    pub(super) fn rotate_if_due(&mut self, session: &mut Session, now: Instant) {
        let is_due = session.is_rotation_due(now);
        let is_wanted = is_due || session.transport.may_end_soon(now);
        let opens = session.next_at(now).is_some_and(|at| at <= now);
        session.next = match std::mem::replace(&mut session.next, Next::None(None)) {
            Next::None(_) if opens => {
                let (target, memory) = (self.target.clone(), self.memory.clone());
                Next::Opening(Box::pin(transport::open(target, memory)))
            }
            Next::Ready(_) if !is_wanted => Next::None(None),
            Next::Ready(mut next) => match is_ready(&mut *next, now) {
                None => self.no_next(None, now),
                Some(true) if is_due && session.transport.may_close(now) => Next::Due(next),
                Some(_) => Next::Ready(next),
            },
            other => other,
        };
    }

    /// There is no next connection. The one at work may serve for long yet.
    pub(super) fn no_next(&mut self, error: Option<&ConnectError>, now: Instant) -> Next {
        self.report.not_rotated(error);
        Next::None(Some(now + AGAIN.min(self.target.proof_interval)))
    }
}
