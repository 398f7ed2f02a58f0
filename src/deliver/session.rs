//! From one connection to the next: when to connect, and what is said of how one ended.

use std::future::pending;
use std::time::Duration;

use tokio::time::Instant;

use super::Outcome;
use super::backoff::Backoff;
use super::control::{Control, Intent, Wait, Wakeup};
use super::ledger::{Ledger, Tally};
use super::receivers::Worth;
use super::report::Report;
use super::reserve::Reserve;
use super::serve::End;
use super::transport::{Transport, Why};
use super::way_back::{Course, WayBack};
use crate::health::metrics::Sending;
use crate::pipeline::batch::Batch;
use crate::pipeline::limit::RateLimit;

/// A connection that lasted this long was of use even if nothing was read on it.
const LASTING: Duration = Duration::from_secs(5);

/// An attempt to connect that takes so long is worth a line in the log.
const SLOW: Duration = Duration::from_secs(4);

/// What outlives connections.
#[derive(Debug)]
pub(super) struct Sender {
    /// The receivers, what is known of each, and which one is in use or asked.
    pub(super) course: Course,
    pub(super) control: Control,
    pub(super) ledger: Ledger,
    /// How much was confirmed when the connection in use began.
    pub(super) began_at: u64,
    pub(super) backoff: Backoff,
    /// Connections to that one that stand by.
    pub(super) reserve: Reserve,
    pub(super) limit: RateLimit,
    pub(super) report: Report,
    pub(super) meters: Sending,
    /// What of the ledger's tally the meters show already.
    pub(super) shown: Tally,
}

impl Sender {
    pub(super) async fn run(mut self) -> Outcome {
        loop {
            self.run_to_target().await;
            if self.control.intent(Intent::Serve) != Intent::Retarget {
                break;
            }
            self.move_on();
        }
        self.hand_over().await;
        Outcome { messages: self.ledger.unconfirmed_messages() }
    }

    /// Turns to the new targets.
    fn move_on(&mut self) {
        let targets = self.control.next_targets();
        let encoder = &targets.get(0).encoder;
        if encoder.framing() != self.course.target().encoder.framing() {
            self.ledger.reframe(|batch| encoder.reframe(batch));
        }
        (self.backoff, self.reserve) = Default::default();
        self.report = Report::new(&targets, self.meters.clone());
        self.course = self.course.turned_to(targets);
    }

    async fn run_to_target(&mut self) {
        while let Some(transport) = self.connect().await {
            let began = Instant::now();
            let before = self.ledger.confirmed();
            let (end, mut transport) = self.serve(transport).await;
            let End::Lost(why) = end else {
                // What is sent again must not arrive from here, later.
                if !self.ledger.is_settled() {
                    transport.abort();
                }
                break;
            };
            let is_useful = self.ledger.confirmed() > before
                || began.elapsed() >= LASTING
                    && !why.is_suspicious()
                    && !matches!(why, Why::NotClosing | Why::LateAnswer(_) | Why::Unreachable(_));
            self.note_end(&mut *transport, &why);
            match &why {
                Why::NotClosing | Why::LateAnswer(_) => self.course.memory_mut().own_close(false),
                Why::Closed | Why::Renewed => self.course.memory_mut().own_close(true),
                _ => {}
            }
            if why.is_suspicious() {
                self.reserve.forget_open();
            }
            if is_useful && !matches!(why, Why::Misspoken(_)) {
                self.backoff.reset();
            }
            let useful = is_useful
                || !why.is_suspicious() && transport.shows_reading() && self.backoff.favour();
            transport.abort();
            self.leave_receiver(&why, useful);
            match &why {
                Why::Renewed => self.report.renewing(),
                Why::Unreachable(error) => self.report.failed(error),
                why => self.report.lost(why, useful),
            }
        }
    }

    /// What the end of a connection means for who is asked next.
    fn leave_receiver(&mut self, why: &Why, useful: bool) {
        let worth = match why {
            _ if !useful => Worth::Useless,
            Why::TimedOut(_) | Why::NotClosing => Worth::Stuck,
            _ => Worth::Useful,
        };
        self.course.receivers.left(worth, Instant::now().into_std());
        if worth != Worth::Useful && self.course.has_others() {
            self.reserve.dismiss();
        }
    }

    /// A connection; `None` when there is nothing to be sent any more, or nothing to these targets.
    async fn connect(&mut self) -> Option<Box<dyn Transport>> {
        if !self.control.is_called_away()
            && let Some(standby) = self.standby(Instant::now())
        {
            return Some(standby);
        }
        self.course.way_back = WayBack::None;
        loop {
            let attempt = self.course.next();
            let delay = match attempt.begins_round {
                true => self.backoff.next(fastrand::f64()),
                false => Duration::ZERO,
            };
            self.pause(Instant::now() + delay).await?;
            self.turn_to(attempt.index);
            let patience = self.course.target().connect_timeout;
            // One may be on its way already.
            let opening = self.reserve.opening.take();
            let mut opening = opening.unwrap_or_else(|| self.course.open());
            let slow_at = Instant::now() + SLOW;
            let opened = loop {
                self.control.beat.turn();
                let until = Some(slow_at).filter(|&at| at > Instant::now());
                match self.control.next(Wait { until, ..Wait::default() }, &mut opening).await {
                    Wakeup::Task(opened) => break opened,
                    _ if self.control.is_called_away() => return None,
                    _ if Instant::now() >= slow_at => self.report.slow(SLOW, patience),
                    _ => {}
                }
            };
            match opened {
                Ok(transport) => {
                    self.course.takes(attempt.index, Instant::now());
                    return Some(transport);
                }
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

    /// Takes what came from the channel.
    pub(super) fn take(&mut self, batch: Option<Batch>) {
        if let Some(batch) = batch {
            self.meters.queued_bytes.sub(batch.bytes.len() as i64);
            let encoder = &self.course.target().encoder;
            let fits = batch.framing == encoder.framing();
            // It was made before the target changed.
            self.ledger.push(if fits { batch } else { encoder.reframe(&batch) });
        }
        self.settle_accounts();
    }

    /// Hands back what is confirmed, and shows where things stand.
    pub(super) fn settle_accounts(&mut self) {
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
