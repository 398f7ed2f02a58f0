//! How a connection at work waits: for its socket, for messages, for the next connection, for the
//! time to do something. One that is ready for more is leased out meanwhile.

use std::io;

use tokio::time::Instant;

use super::control::{Wait, Wakeup};
use super::fast_path::Lease;
use super::reserve::Opening;
use super::serve::Session;
use super::session::Sender;
use super::transport::connect::ConnectError;
use super::transport::{Transport, Why};

/// What was waited for.
enum Happened {
    Ready(io::Result<()>),
    Opened(Result<Box<dyn Transport>, ConnectError>),
    /// The connection to the receiver of that place, which comes before the one in use.
    OpenedBack(usize, Result<Box<dyn Transport>, ConnectError>),
}

/// Waits for a connection that is on its way, for ever where none is.
async fn opened(opening: &mut Option<Opening>) -> Result<Box<dyn Transport>, ConnectError> {
    match opening {
        Some(opening) => opening.await,
        None => std::future::pending().await,
    }
}

impl Sender {
    /// Waits for something to do, and takes note of it. A connection that is ready for more is
    /// leased out meanwhile.
    pub(super) async fn wait(&mut self, mut session: Session) -> (Session, Result<(), Why>) {
        let transport = &*session.transport;
        let pending = self.ledger.unwritten_bytes() > 0 || transport.has_unsent();
        let accepts = !pending && self.accepts(&session);
        let next_at = session.next_at(&self.reserve, Instant::now());
        let back_at = self.back_wakes_at(&session.next, Instant::now());
        let times = [transport.wake_at(), session.leave_by, next_at, back_at];
        let until = times.into_iter().flatten().min();
        let wait = Wait { accepts, until, not_at_all: pending && transport.can_write() };
        let ready = transport.readiness().wait();
        let leased = accepts && transport.is_lendable();
        let Session { transport, .. } = session;
        let mut opening = self.reserve.opening.take();
        let mut way_back = std::mem::take(&mut self.course.way_back);
        let kept = if leased {
            self.lease(transport, until);
            None
        } else {
            Some(transport)
        };
        let happened = async {
            tokio::select! {
                biased;
                ready = ready => Happened::Ready(ready),
                opened = opened(&mut opening) => Happened::Opened(opened),
                (index, opened) = way_back.opened() => Happened::OpenedBack(index, opened),
            }
        };
        let wakeup = self.control.next(wait, happened).await;
        let (transport, ended) = match kept {
            Some(transport) => (transport, None),
            None => {
                let lease = self.control.fast_path.reclaim();
                self.ledger = lease.ledger;
                (lease.transport, lease.ended)
            }
        };
        session = Session { transport, ..session };
        self.reserve.opening = opening;
        self.course.way_back = way_back;
        let noted = self.note(&mut session, wakeup, ended.is_some());
        (session, ended.map_or(noted, Err))
    }

    /// Takes note of what happened. First of all, for what was taken from a channel comes from
    /// nowhere else again. To listen is left to those who find out what the end proves.
    fn note(
        &mut self,
        session: &mut Session,
        wakeup: Wakeup<Happened>,
        has_ended: bool,
    ) -> Result<(), Why> {
        match wakeup {
            Wakeup::Task(Happened::Ready(_)) if has_ended => {}
            Wakeup::Task(Happened::Ready(Ok(()))) => session.transport.listen()?,
            Wakeup::Task(Happened::Ready(Err(error))) => return Err(Why::Broken(error)),
            Wakeup::Task(Happened::Opened(opened)) => {
                self.reserve.opening = None;
                match opened {
                    Ok(next) => self.reserve.add(next),
                    Err(error) => self.no_next(Some(&error), Instant::now()),
                }
            }
            Wakeup::Task(Happened::OpenedBack(index, opened)) => self.opened_back(index, opened),
            Wakeup::Batch(batch) => self.take(batch),
            Wakeup::Other => {}
        }
        Ok(())
    }

    fn lease(&mut self, transport: Box<dyn Transport>, wake_at: Option<Instant>) {
        self.control.fast_path.lease(Lease {
            transport,
            ledger: std::mem::take(&mut self.ledger),
            framing: self.course.target().encoder.framing(),
            taken: self.control.taken,
            wake_at,
            ended: None,
        });
    }
}
