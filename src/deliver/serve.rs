//! The service of one connection at a time: what is written to it, when it is rotated, and when to
//! part.
//!
//! # Rotation
//! What is sent and not proven for `proof_interval` is proven by our own close. The next connection
//! is opened first, while the one at work goes on. Then nothing more is sent for a round trip: our
//! FIN goes out behind everything written, and the receiver's says that it has read all of it. What
//! it does not prove is sent again on the next connection, which is ready. A host that sends
//! nothing has nothing unproven, and keeps its connection for ever.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::Instant;

use super::control::{Intent, Wait, Wakeup};
use super::fast_path::Lease;
use super::proof_timer::ProofTimer;
use super::session::Sender;
use super::transport::connect::ConnectError;
use super::transport::{self, Patience, Transport, Why};

/// How long a connection may take to end in good order after sending was told to leave.
const GRACE: Duration = Duration::from_secs(3);
/// No more is taken from the channel while this much is not written yet.
const ENOUGH: u64 = 64 << 10;
/// A receiver that takes nothing for so long is worth a line in the log.
const STALL: Duration = Duration::from_secs(5);
/// How often it is looked whether a rotation that waits may go on.
const ROTATION_LOOK: Duration = Duration::from_millis(100);

/// A connection on its way.
type Opening = Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, ConnectError>> + Send>>;

/// How far the rotation of a connection has come.
enum Rotation {
    /// It is not due, or not before then.
    None(Option<Instant>),
    /// The next connection is being opened.
    Opening(Opening),
    /// The next connection is open, and the one at work still serves.
    Ready(Box<dyn Transport>),
    /// The one at work is being closed.
    Closing(Box<dyn Transport>),
}

/// One connection at work.
struct Session {
    transport: Box<dyn Transport>,
    timer: ProofTimer,
    rotation: Rotation,
    /// When it is left behind, whatever is unproven.
    leave_by: Option<Instant>,
    /// It was said that there is a connection.
    is_reported: bool,
    /// So much goes out on it for the second time.
    resent: u64,
}

/// How a connection ended.
pub(super) enum End {
    /// There is nothing more to do, or no more time.
    Done,
    /// It is gone, and why.
    Lost(Why),
}

/// What was waited for.
enum Happened {
    Ready(io::Result<()>),
    Opened(Result<Box<dyn Transport>, ConnectError>),
}

impl Session {
    /// What it wants for itself.
    fn intent(&self, ledger_is_full: bool) -> Intent {
        match self.rotation {
            Rotation::Closing(_) => Intent::Rotate,
            // Too much is unconfirmed, which its end will confirm, or it has served for long enough.
            _ if ledger_is_full && !self.transport.proves_by_itself() => Intent::Renew,
            _ if self.transport.is_used_up() => Intent::Renew,
            _ => Intent::Serve,
        }
    }

    /// When there is something to do about the rotation.
    fn rotates_at(&self, now: Instant) -> Option<Instant> {
        match &self.rotation {
            Rotation::None(not_before) if self.transport.is_rotatable() => {
                self.timer.due_at().max(self.timer.due_at().and(*not_before))
            }
            Rotation::Ready(next) => {
                Some(next.wake_at().map_or(now + ROTATION_LOOK, |at| at.min(now + ROTATION_LOOK)))
            }
            _ => None,
        }
    }

    /// Whether the next connection, which is open, is of use now; `None`: not any more.
    fn is_next_ready(next: &mut dyn Transport, now: Instant) -> Option<bool> {
        next.listen().ok()?;
        next.advance(now).ok()?;
        Some(next.can_write())
    }
}

impl Sender {
    /// Serves one connection, and those that follow it by rotation, until it ends.
    pub(super) async fn serve(
        &mut self,
        transport: Box<dyn Transport>,
    ) -> (End, Box<dyn Transport>) {
        let mut session = self.begin(transport);
        let mut went_on = Ok(());
        loop {
            let stepped = match went_on {
                Ok(()) => self.step(&mut session),
                Err(why) => Err(End::Lost(why)),
            };
            let Err(end) = stepped else {
                (session, went_on) = self.wait(session).await;
                continue;
            };
            // What was acknowledged last may prove more, or that the receiver was reading.
            self.ledger.confirm_up_to(session.transport.last_proof());
            self.settle_accounts();
            match (session.rotation, end) {
                (Rotation::Closing(next), End::Lost(why)) if !self.control.is_called_away() => {
                    session = self.rotated(session.transport, next, &why);
                    went_on = Ok(());
                }
                (_, End::Lost(Why::Closed)) if session.transport.is_closing() => {
                    let end = self.parted(Intent::Renew).unwrap_or(End::Lost(Why::Closed));
                    return (end, session.transport);
                }
                (_, end) => return (end, session.transport),
            }
        }
    }

    fn begin(&mut self, transport: Box<dyn Transport>) -> Session {
        let resent = self.ledger.written_bytes();
        self.ledger.connected();
        let (interval, failures) = (self.target.proof_interval, self.memory.failed_rotations);
        Session {
            transport,
            timer: ProofTimer::new(interval, failures, fastrand::f64()),
            rotation: Rotation::None(None),
            leave_by: None,
            is_reported: false,
            resent,
        }
    }

    /// The connection at work is closed, and the next one takes over.
    fn rotated(&mut self, old: Box<dyn Transport>, next: Box<dyn Transport>, why: &Why) -> Session {
        old.abort();
        if self.ledger.is_settled() {
            self.memory.failed_rotations = 0;
        } else {
            self.memory.failed_rotations += 1;
            self.report.rotated_in_vain(why, self.ledger.written_bytes());
        }
        let mut session = self.begin(next);
        session.is_reported = true;
        self.report.rotated(session.transport.peer(), session.transport.protocol());
        session
    }

    /// What parting in good order leads to, once everything is proven.
    fn parted(&self, own: Intent) -> Option<End> {
        self.ledger.is_settled().then(|| match self.control.intent(own) {
            Intent::Leave | Intent::Finish => End::Done,
            _ => End::Lost(Why::Renewed),
        })
    }

    fn step(&mut self, session: &mut Session) -> Result<(), End> {
        self.take_waiting(session);
        let transport = &mut session.transport;
        transport.write(&mut self.ledger).map_err(End::Lost)?;
        let now = Instant::now();
        let proven = transport.advance(now).map_err(End::Lost)?;
        if let Some(answer) = transport.take_given_up() {
            self.report.given_up(&answer);
        }
        self.ledger.confirm_up_to(proven);
        if !session.is_reported && transport.is_reached() {
            session.is_reported = true;
            self.report.connected(transport.peer(), transport.protocol(), session.resent);
        }
        let stalled_for = transport.stalled_for(now);
        session.timer.note(self.ledger.confirmed(), self.ledger.written(), now);
        self.report.unproven(session.timer.unproven_since(), self.ledger.written_bytes());
        self.watch_progress(stalled_for)?;
        self.settle_accounts();
        self.rotate_if_due(session, now);
        self.part_if_wanted(session, now)?;
        self.control.beat.turn();
        Ok(())
    }

    /// Takes what waits in the channel, so that many small batches are written together.
    fn take_waiting(&mut self, session: &Session) {
        while self.accepts(session) && self.ledger.unwritten_bytes() < ENOUGH {
            match self.control.waiting_batch() {
                Some(batch) => self.take(Some(batch)),
                None => break,
            }
        }
    }

    /// More may be taken from the channel.
    fn accepts(&self, session: &Session) -> bool {
        session.transport.can_write()
            && !self.ledger.is_full()
            && self.control.intent(session.intent(self.ledger.is_full())) == Intent::Serve
            && self.control.returns.is_empty()
    }

    fn watch_progress(&mut self, stalled_for: Duration) -> Result<(), End> {
        if stalled_for >= self.target.stall_limit {
            return Err(End::Lost(Why::TimedOut(stalled_for)));
        }
        if stalled_for >= STALL {
            self.report.stalled(stalled_for);
        } else {
            self.report.moving();
        }
        Ok(())
    }

    /// Opens the next connection when something has been unproven for too long, and begins to close
    /// the one at work when that proves something.
    fn rotate_if_due(&mut self, session: &mut Session, now: Instant) {
        let rotation = std::mem::replace(&mut session.rotation, Rotation::None(None));
        session.rotation = match rotation {
            Rotation::None(not_before) => {
                session.rotation = Rotation::None(not_before);
                match session.rotates_at(now) {
                    Some(at) if at <= now => {
                        let (target, memory) = (self.target.clone(), self.memory.clone());
                        Rotation::Opening(Box::pin(transport::open(target, memory)))
                    }
                    _ => Rotation::None(not_before),
                }
            }
            Rotation::Ready(mut next) => match Session::is_next_ready(&mut *next, now) {
                None => self.no_rotation(None, now),
                Some(true) if session.transport.may_close(now) => Rotation::Closing(next),
                Some(_) => Rotation::Ready(next),
            },
            other => other,
        };
    }

    /// There is no next connection. The one at work may serve for long yet.
    fn no_rotation(&mut self, error: Option<&ConnectError>, now: Instant) -> Rotation {
        self.report.not_rotated(error);
        Rotation::None(Some(now + self.target.proof_interval))
    }

    /// Ends our side once everything is written and nothing more will come, and the connection once
    /// nothing more is to be awaited.
    fn part_if_wanted(&mut self, session: &mut Session, now: Instant) -> Result<(), End> {
        let own = session.intent(self.ledger.is_full());
        let intent = self.control.intent(own);
        let patience = match intent {
            Intent::Serve => return Ok(()),
            Intent::Leave | Intent::Retarget => {
                let by = *session.leave_by.get_or_insert(now + GRACE);
                if now >= by {
                    let is_over = intent == Intent::Leave;
                    return Err(if is_over { End::Done } else { End::Lost(Why::NotClosing) });
                }
                Patience::Until(by)
            }
            Intent::Finish | Intent::Renew => {
                Patience::Until(now + GRACE.max(self.target.write_timeout))
            }
            Intent::Rotate => Patience::Prompt,
        };
        let transport = &mut session.transport;
        if self.ledger.unwritten_bytes() == 0 && !transport.has_unsent() {
            transport.close(patience).map_err(End::Lost)?;
        }
        if transport.is_closing()
            && let Some(end) = self.parted(own)
        {
            return Err(end);
        }
        Ok(())
    }

    /// Waits for something to do, and takes note of it. A connection that is ready for more is
    /// leased out meanwhile.
    async fn wait(&mut self, mut session: Session) -> (Session, Result<(), Why>) {
        let transport = &*session.transport;
        let pending = self.ledger.unwritten_bytes() > 0 || transport.has_unsent();
        let accepts = !pending && self.accepts(&session);
        let times = [transport.wake_at(), session.leave_by, session.rotates_at(Instant::now())];
        let until = times.into_iter().flatten().min();
        let wait = Wait { accepts, until, not_at_all: pending && transport.can_write() };
        let ready = transport.readiness().wait();
        let leased = accepts && transport.is_lendable();
        let Session { transport, mut rotation, timer, leave_by, is_reported, resent } = session;
        let kept = if leased {
            self.lease(transport, until);
            None
        } else {
            Some(transport)
        };
        let happened = async {
            match &mut rotation {
                Rotation::Opening(opening) => tokio::select! {
                    biased;
                    ready = ready => Happened::Ready(ready),
                    opened = opening => Happened::Opened(opened),
                },
                _ => Happened::Ready(ready.await),
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
        session = Session { transport, rotation, timer, leave_by, is_reported, resent };
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
            Wakeup::Task(Happened::Opened(Ok(next))) => session.rotation = Rotation::Ready(next),
            Wakeup::Task(Happened::Opened(Err(error))) => {
                session.rotation = self.no_rotation(Some(&error), Instant::now());
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
