//! How a connection at work waits: for its socket, for messages, for the next connection, for the
//! time to do something. One that is ready for more is leased out meanwhile.

use std::io;

use tokio::time::Instant;

use super::control::{Wait, Wakeup};
use super::fast_path::Lease;
use super::serve::Session;
use super::session::Sender;
use super::transport::connect::ConnectError;
use super::transport::{Transport, Why};

/// What was waited for.
enum Happened {
    Ready(io::Result<()>),
    Opened(Result<Box<dyn Transport>, ConnectError>),
}

impl Sender {
    /// Waits for something to do, and takes note of it. A connection that is ready for more is
    /// leased out meanwhile.
    pub(super) async fn wait(&mut self, mut session: Session) -> (Session, Result<(), Why>) {
        let transport = &*session.transport;
        let pending = self.ledger.unwritten_bytes() > 0 || transport.has_unsent();
        let accepts = !pending && self.accepts(&session);
        let next_at = session.next_at(&self.reserve, Instant::now());
        let times = [transport.wake_at(), session.leave_by, next_at];
        let until = times.into_iter().flatten().min();
        let wait = Wait { accepts, until, not_at_all: pending && transport.can_write() };
        let ready = transport.readiness().wait();
        let leased = accepts && transport.is_lendable();
        let Session { transport, .. } = session;
        let mut opening = self.reserve.opening.take();
        let kept = if leased {
            self.lease(transport, until);
            None
        } else {
            Some(transport)
        };
        let happened = async {
            match &mut opening {
                Some(opening) => tokio::select! {
                    biased;
                    ready = ready => Happened::Ready(ready),
                    opened = opening => Happened::Opened(opened),
                },
                None => Happened::Ready(ready.await),
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
            Wakeup::Batch(batch) => self.take(batch),
            Wakeup::Other => {}
        }
        Ok(())
    }

    fn lease(&mut self, transport: Box<dyn Transport>, wake_at: Option<Instant>) {
        self.control.fast_path.lease(Lease {
            transport,
            ledger: std::mem::take(&mut self.ledger),
            framing: self.target.encoder.framing(),
            taken: self.control.taken,
            wake_at,
            ended: None,
        });
    }
}
