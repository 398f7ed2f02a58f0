//! From one connection to the next: when to connect, what to write, when to part, and what is said
//! of all that.

use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use tokio::time::Instant;

use super::backoff::Backoff;
use super::control::{Control, Intent, Wait, Wakeup};
use super::fast_path::Lease;
use super::ledger::{Ledger, Tally};
use super::report::Report;
use super::transport::{self, Memory, Transport, Why};
use super::{Outcome, Target};
use crate::deliver::proof::AGE;
use crate::health::metrics::Sending;
use crate::pipeline::batch::Batch;

/// How long a connection may take to end in good order after sending was told to leave.
const GRACE: Duration = Duration::from_secs(3);
/// A connection that lasted this long was of use even if nothing was read on it.
const LASTING: Duration = Duration::from_secs(5);
/// No more is taken from the channel while this much is not written yet.
const ENOUGH: u64 = 64 << 10;
/// A receiver that takes nothing for so long is worth a line in the log.
const STALL: Duration = Duration::from_secs(5);

/// What outlives connections.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) target: Target,
    pub(super) control: Control,
    pub(super) ledger: Ledger,
    pub(super) backoff: Backoff,
    pub(super) memory: Memory,
    pub(super) report: Report,
    pub(super) meters: Sending,
    /// What of the ledger's tally the meters show already.
    pub(super) shown: Tally,
}

/// One connection, as the sender sees it.
#[derive(Debug)]
struct Session {
    transport: Box<dyn Transport>,
    /// When it is left behind, whatever is unproven.
    leave_by: Option<Instant>,
    /// It was said that there is a connection.
    is_reported: bool,
}

/// How a connection ended.
enum End {
    /// There is nothing more to do, or no more time.
    Done,
    /// It is gone, and why.
    Lost(Why),
}

impl Sender {
    pub(super) async fn run(mut self) -> Outcome {
        loop {
            self.run_to_target().await;
            if self.control.intent(false) != Intent::Retarget {
                break;
            }
            self.move_on();
        }
        self.hand_over().await;
        Outcome { messages: self.ledger.unconfirmed_messages() }
    }

    /// Turns to the new target.
    fn move_on(&mut self) {
        let target = self.control.next_target();
        if target.encoder.framing() != self.target.encoder.framing() {
            self.ledger.reframe(|batch| target.encoder.reframe(batch));
        }
        self.target = target;
        (self.backoff, self.memory) = Default::default();
        self.report = Report::new(&self.target, self.meters.clone());
    }

    async fn run_to_target(&mut self) {
        while let Some(transport) = self.connect().await {
            let began = Instant::now();
            let before = self.ledger.confirmed();
            let (why, shows_reading) = match self.serve(transport).await {
                (End::Done, _) => break,
                (End::Lost(why), shows_reading) => (why, shows_reading),
            };
            let confirmed = self.ledger.confirmed() > before;
            let is_unreachable = matches!(why, Why::Unreachable(_));
            let useful = if confirmed || !is_unreachable && began.elapsed() >= LASTING {
                self.backoff.reset();
                true
            } else {
                shows_reading && self.backoff.favour()
            };
            match &why {
                Why::Renewed => self.report.renewing(),
                Why::Unreachable(error) => {
                    self.memory.refused = error.address();
                    self.report.failed(error);
                }
                why => self.report.lost(why, useful),
            }
        }
    }

    /// A connection; `None` when there is nothing to be sent any more, or nothing to this target.
    async fn connect(&mut self) -> Option<Box<dyn Transport>> {
        loop {
            let delay = self.backoff.next(fastrand::f64());
            self.pause(Instant::now() + delay).await?;
            let Self { target, memory, control, .. } = self;
            let mut opening = pin!(transport::open(target, memory));
            let opened = loop {
                control.beat.turn();
                match control.next(Wait::default(), opening.as_mut()).await {
                    Wakeup::Task(opened) => break opened,
                    _ if control.is_called_away() => return None,
                    _ => {}
                }
            };
            match opened {
                Ok(transport) => return Some(transport),
                Err(error) => self.report.failed(&error),
            }
        }
    }

    /// Waits for the next attempt. While nothing is left to be confirmed, one batch is taken, if
    /// only to notice that the channel was closed.
    async fn pause(&mut self, until: Instant) -> Option<()> {
        loop {
            let is_done = self.control.no_more && self.ledger.is_settled();
            if self.control.is_called_away() || is_done {
                return None;
            }
            if Instant::now() >= until {
                return Some(());
            }
            self.control.beat.turn();
            let accepts = self.ledger.is_settled() && !self.control.no_more;
            let wait = Wait { accepts, until: Some(until), ..Wait::default() };
            if let Wakeup::Batch(batch) = self.control.next(wait, pending::<()>()).await {
                self.take(batch);
            }
        }
    }

    /// Serves one connection until it ends. Returns also whether the receiver has visibly read.
    async fn serve(&mut self, transport: Box<dyn Transport>) -> (End, bool) {
        let resent = self.ledger.written_bytes();
        self.ledger.connected();
        let mut session = Session { transport, leave_by: None, is_reported: false };
        let mut went_on = Ok(());
        let mut end = loop {
            let stepped = match went_on {
                Ok(()) => self.step(&mut session, resent),
                Err(why) => Err(End::Lost(why)),
            };
            if let Err(end) = stepped {
                break end;
            }
            (session, went_on) = self.wait(session).await;
        };
        // What was acknowledged last may prove more, or that the receiver was reading.
        self.ledger.confirm_up_to(session.transport.last_proof());
        self.settle_accounts();
        if matches!(end, End::Lost(Why::Closed)) && session.transport.is_closing() {
            end = self.parted().unwrap_or(end);
        }
        let shows_reading = session.transport.shows_reading();
        // What is sent again must not arrive from here, later.
        if matches!(end, End::Lost(_)) || !self.ledger.is_settled() {
            session.transport.abort();
        }
        (end, shows_reading)
    }

    /// What parting in good order leads to, once everything is proven.
    fn parted(&self) -> Option<End> {
        self.ledger.is_settled().then(|| match self.control.intent(true) {
            Intent::Leave | Intent::Finish => End::Done,
            Intent::Retarget | Intent::Renew | Intent::Serve => End::Lost(Why::Renewed),
        })
    }

    fn step(&mut self, session: &mut Session, resent: u64) -> Result<(), End> {
        self.take_waiting(&*session.transport);
        session.transport.write(&mut self.ledger).map_err(End::Lost)?;
        let now = Instant::now();
        let proven = session.transport.advance(now).map_err(End::Lost)?;
        self.ledger.confirm_up_to(proven);
        if !session.is_reported && session.transport.is_reached() {
            session.is_reported = true;
            self.report.connected(session.transport.peer(), session.transport.protocol(), resent);
        }
        self.watch_progress(session.transport.stalled_for(now))?;
        self.settle_accounts();
        self.part_if_wanted(session, now)?;
        self.control.beat.turn();
        Ok(())
    }

    /// Takes what waits in the channel, so that many small batches are written together.
    fn take_waiting(&mut self, transport: &dyn Transport) {
        while self.accepts(transport) && self.ledger.unwritten_bytes() < ENOUGH {
            match self.control.waiting_batch() {
                Some(batch) => self.take(Some(batch)),
                None => break,
            }
        }
    }

    /// More may be taken from the channel.
    fn accepts(&self, transport: &dyn Transport) -> bool {
        let is_used_up = self.is_used_up(transport);
        transport.can_write()
            && self.control.intent(is_used_up) == Intent::Serve
            && self.control.returns.is_empty()
    }

    /// Another connection should take over: too much is unconfirmed, which the end of this one will
    /// confirm, or it has served for as long as it may.
    fn is_used_up(&self, transport: &dyn Transport) -> bool {
        self.ledger.is_full() || transport.is_used_up()
    }

    fn watch_progress(&mut self, stalled_for: Duration) -> Result<(), End> {
        if stalled_for >= self.target.write_timeout {
            return Err(End::Lost(Why::TimedOut(stalled_for)));
        }
        if stalled_for >= STALL {
            self.report.stalled(stalled_for);
        } else {
            self.report.moving();
        }
        Ok(())
    }

    /// Ends our side once everything is written and nothing more will come, and the connection once
    /// nothing more is to be awaited.
    fn part_if_wanted(&mut self, session: &mut Session, now: Instant) -> Result<(), End> {
        let intent = self.control.intent(self.is_used_up(&*session.transport));
        let by = match intent {
            Intent::Serve => return Ok(()),
            Intent::Leave | Intent::Retarget => {
                let by = *session.leave_by.get_or_insert(now + GRACE);
                if now >= by {
                    let is_over = intent == Intent::Leave;
                    return Err(if is_over { End::Done } else { End::Lost(Why::NotClosing) });
                }
                by
            }
            Intent::Finish | Intent::Renew => now + (AGE + GRACE).max(self.target.write_timeout),
        };
        let transport = &mut session.transport;
        if self.ledger.unwritten_bytes() == 0 && !transport.has_unsent() {
            transport.close(by).map_err(End::Lost)?;
        }
        if transport.is_closing()
            && let Some(end) = self.parted()
        {
            return Err(end);
        }
        Ok(())
    }

    /// Waits for something to do, and takes note of it. A connection that is ready for more is
    /// lent out meanwhile.
    async fn wait(&mut self, mut session: Session) -> (Session, Result<(), Why>) {
        let transport = &*session.transport;
        let pending = self.ledger.unwritten_bytes() > 0 || transport.has_unsent();
        let accepts = !pending && self.accepts(transport);
        let until = [transport.wake_at(), session.leave_by].into_iter().flatten().min();
        let wait = Wait { accepts, until, not_at_all: pending && transport.can_write() };
        let ready = transport.readiness().wait();
        let (wakeup, ended) = if accepts && transport.is_lendable() {
            let Session { transport, leave_by, is_reported } = session;
            self.lease(transport, until);
            let wakeup = self.control.next(wait, ready).await;
            let lease = self.control.fast_path.reclaim();
            self.ledger = lease.ledger;
            session = Session { transport: lease.transport, leave_by, is_reported };
            (wakeup, lease.ended)
        } else {
            (self.control.next(wait, ready).await, None)
        };
        // First of all, for what was taken from a channel comes from nowhere else again. To listen is
        // left to those who find out what the end proves.
        let listened = match wakeup {
            Wakeup::Task(_) if ended.is_some() => Ok(()),
            Wakeup::Task(Ok(())) => session.transport.listen(),
            Wakeup::Task(Err(error)) => Err(Why::Broken(error)),
            Wakeup::Batch(batch) => {
                self.take(batch);
                Ok(())
            }
            Wakeup::Other => Ok(()),
        };
        (session, ended.map_or(listened, Err))
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

    /// Takes what came from the channel.
    fn take(&mut self, batch: Option<Batch>) {
        if let Some(batch) = batch {
            self.meters.queued_bytes.sub(batch.bytes.len() as i64);
            let encoder = &self.target.encoder;
            let fits = batch.framing == encoder.framing();
            // It was made before the target changed.
            self.ledger.push(if fits { batch } else { encoder.reframe(&batch) });
        }
        self.settle_accounts();
    }

    /// Hands back what is confirmed, and shows where things stand.
    fn settle_accounts(&mut self) {
        self.control.returns.give(self.ledger.take_confirmed());
        let now = self.ledger.tally();
        let before = std::mem::replace(&mut self.shown, now);
        let meters = &self.meters;
        meters.messages.inc_by(now.written_messages - before.written_messages);
        meters.bytes.inc_by(now.written_bytes - before.written_bytes);
        meters.resent_messages.inc_by(now.resent_messages - before.resent_messages);
        meters.confirmed_messages.inc_by(now.confirmed_messages - before.confirmed_messages);
        meters.confirmed_bytes.inc_by(now.confirmed_bytes - before.confirmed_bytes);
        meters.unconfirmed_bytes.set(self.ledger.unconfirmed_bytes() as i64);
    }

    /// Hands over the last confirmed positions.
    async fn hand_over(&mut self) {
        self.settle_accounts();
        let returns = &mut self.control.returns;
        if !returns.is_empty() {
            let _ = tokio::time::timeout(Duration::from_secs(1), returns.pass_on()).await;
        }
    }
}
