//! The connection that follows the one at work: when it is opened, and when it takes over.
//!
//! # Handover
//! What is sent and not proven for `proof_interval` is proven by our own close. The next connection
//! is opened first, while the one at work goes on. Then nothing more is sent for a round trip: our
//! FIN goes out behind everything written, and the receiver's says that it has read all of it. What
//! it does not prove is sent again on the next connection, which is ready. A host that sends
//! nothing has nothing unproven, and keeps its connection for ever.
//!
//! # Standing by
//! A suspicious receiver's connections are left alone before they are used. So the next one is opened
//! as soon as one is at work, and its trial costs no time when that ends. Where they end sooner than
//! that takes, more stand by behind it (`reserve`).

use std::time::Duration;

use tokio::time::Instant;

use super::reserve::Reserve;
use super::serve::Session;
use super::session::Sender;
use super::transport::Transport;
use super::transport::connect::ConnectError;

/// How often it is looked whether a connection that stands by is of use.
const LOOK: Duration = Duration::from_millis(100);
/// When none came about to stand by, another one is tried after this time.
const AGAIN: Duration = Duration::from_secs(5);

/// The connection after the one at work.
pub(super) enum Next {
    /// There is none.
    None,
    /// It is open, and the one at work still serves.
    Ready(Box<dyn Transport>),
    /// The one at work is being closed for it.
    Due(Box<dyn Transport>),
    /// The same, and it leads to the receiver of that place, which comes before the one in use.
    Back(usize, Box<dyn Transport>),
}

impl Session {
    /// When there is something to do about the connections behind this one.
    pub(super) fn next_at(&self, reserve: &Reserve, now: Instant) -> Option<Instant> {
        let look = match &self.next {
            Next::Ready(next) => Some(look_at(&**next, now)),
            Next::None | Next::Due(_) | Next::Back(..) => None,
        };
        [look, self.open_at(reserve, now)].into_iter().flatten().min()
    }

    /// When another connection is to be opened.
    fn open_at(&self, reserve: &Reserve, now: Instant) -> Option<Instant> {
        let may_end = self.transport.may_end_soon(now).then_some(now);
        let wanted = match &self.next {
            _ if reserve.opening.is_some() => None,
            Next::None => {
                may_end.or_else(|| self.timer.due_at().filter(|_| self.transport.can_hand_over()))
            }
            Next::Ready(_) => may_end.filter(|_| reserve.lacks()),
            Next::Due(_) | Next::Back(..) => None,
        };
        wanted.max(wanted.and(reserve.not_before))
    }

    fn is_handover_due(&self, now: Instant) -> bool {
        self.timer.due_at().is_some_and(|at| at <= now)
    }
}

/// When to look at a connection that stands by.
pub(super) fn look_at(next: &dyn Transport, now: Instant) -> Instant {
    next.wake_at().map_or(now + LOOK, |at| at.clamp(now, now + LOOK))
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
    pub(super) fn hand_over_if_due(&mut self, session: &mut Session, now: Instant) {
        let is_due = session.is_handover_due(now);
        let may_end_soon = session.transport.may_end_soon(now);
        self.reserve.look(now);
        session.next = match std::mem::replace(&mut session.next, Next::None) {
            Next::None => self.reserve.take().map_or(Next::None, Next::Ready),
            // On trial it may be about to end as well.
            Next::Ready(_) if !is_due && !may_end_soon && session.transport.is_reached() => {
                self.reserve.dismiss();
                Next::None
            }
            Next::Ready(mut next) => match is_ready(&mut *next, now) {
                None => {
                    self.no_next(None, now);
                    Next::None
                }
                Some(true) if is_due && session.transport.may_close(now) => Next::Due(next),
                Some(_) => Next::Ready(next),
            },
            due => due,
        };
        if session.open_at(&self.reserve, now).is_some_and(|at| at <= now) {
            self.reserve.opening = Some(self.course.open());
        }
    }

    /// No connection came about, or none that lasted. The one at work may serve for long yet.
    pub(super) fn no_next(&mut self, error: Option<&ConnectError>, now: Instant) {
        self.report.not_handed_over(error);
        self.reserve.not_before = Some(now + AGAIN.min(self.course.target().proof_interval));
    }
}
