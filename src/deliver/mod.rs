//! Batches go to the receiver over UDP, TCP or TLS, and come back as confirmed positions.
//!
//! ```text
//!            ┌──────────── lost ◄───────────┐
//!            ▼                              │
//!   backing off ──► connecting ──► connected (session) ──► parting ──► done
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | `ledger`, `entry`, `evidence` (pure) | what is sent, and what is proven to be read |
//! | `backoff` (pure) | when to try again |
//! | `target` | where to send and how |
//! | `connect` | from a host name to a TCP connection |
//! | `tls` | sealing, and which plaintext lies before which byte on the wire |
//! | `roots` | which authorities there are, and what is wrong where they should be |
//! | `trust` | whose certificates are trusted; what is said of one that is not |
//! | `link` | one connection: bytes out, what the kernel says became of them |
//! | `connection` | one link at work, how it ends, and what that proves |
//! | `session` | the life of one connection, seen from the channels |
//! | `express` | the short way to a connection that is idle |
//! | `datagrams` | the socket for datagrams, and which errors came back |
//! | `udp` | datagrams at work: what counts as delivered |
//! | `print` | standard output in the place of a receiver |
//! | `probe` | one attempt to connect, for those who ask whether it would work |
//! | `returns`, `report` | positions and memory back to the other stages; the own log |
//!
//! # What is promised
//! Over TCP and TLS a position is confirmed only when the receiving process has read the bytes
//! before it, as far as TCP can prove that (see `evidence`); everything else is kept and sent
//! again on the next connection, byte for byte the same. While there is no connection, nothing
//! is taken from the channel, so reading the files stops.
//!
//! What remains: a receiver that reads and dies before it has stored what it read; one that
//! shuts down its sending side before it has read everything, and then closes; and what the age
//! rule cannot see (see `evidence`). A receiver that is reset by its kernel because it exited
//! with bytes unread (rsyslogd does over plain TCP, when stopped under load) gets up to the
//! resend window twice: TCP does not tell which of them it had read.

mod backoff;
#[doc(hidden)]
pub mod bench;
mod connection;
mod control;
mod entry;
mod fast_path;
mod ledger;
mod print;
mod probe;
mod proof;
mod report;
mod returns;
mod transport;

use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use self::fast_path::Express;
pub use self::print::{print, printing_encoder};
pub use self::probe::{Answer, Probe, probe, resolve};
pub use self::transport::roots::root_faults;
pub use self::transport::target::{Target, Transport, encoder};
pub use self::transport::trust::Trust;

use self::backoff::Backoff;
use self::connection::{End, Why};
use self::ledger::{Ledger, Tally};
use self::report::Report;
use self::returns::Returns;
use self::transport::target::{changed, unless_called};
use self::transport::tcp::Link;
use crate::health::liveness::Beat;
use crate::health::metrics::Sending;
use crate::pipeline::batch::Batch;
use crate::pipeline::position::Update;

/// How long a connection may take to end in good order after [`run`] was told to leave.
const GRACE: Duration = Duration::from_secs(3);
/// A connection that lasted this long was of use even if nothing was read on it.
const LASTING: Duration = Duration::from_secs(5);

/// The channels to the neighbours.
#[derive(Debug)]
pub struct Links {
    /// Where to send. When that changes, the connection is ended in good order and what is not
    /// confirmed goes to the new receiver.
    pub targets: watch::Receiver<Target>,
    /// What to send.
    pub batches: mpsc::Receiver<Batch>,
    /// How it comes past that channel.
    pub express: Express,
    /// Confirmed positions.
    pub updates: mpsc::Sender<Vec<Update>>,
    /// Emptied batches; dropped when it is full.
    pub spare: mpsc::Sender<Batch>,
    /// Leave: end the connection that stands in good order, within 3 s.
    pub leave: CancellationToken,
    /// Shows that the loop goes round.
    pub beat: Beat,
}

/// What [`run`] leaves behind: taken from the channel and not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Messages that may not have arrived.
    pub messages: u64,
}

/// Sends batches until their channel closes and everything is confirmed, or until told to leave.
/// Never fails: what goes wrong is logged and tried again.
pub async fn run(links: Links, meters: Sending) -> Outcome {
    let Links { mut targets, batches, express, updates, spare, leave, beat } = links;
    let target = targets.borrow_and_update().clone();
    let report = Report::new(&target, meters.clone());
    let sender = Sender {
        target,
        targets,
        is_moving: false,
        batches,
        taken: 0,
        no_more: false,
        express,
        ledger: Ledger::default(),
        returns: Returns::new(updates, spare),
        backoff: Backoff::default(),
        report,
        meters,
        told: Tally::default(),
        leave,
        beat,
    };
    sender.run().await
}

/// What outlives connections.
#[derive(Debug)]
struct Sender {
    target: Target,
    targets: watch::Receiver<Target>,
    /// There is another target than [`Self::target`].
    is_moving: bool,
    batches: mpsc::Receiver<Batch>,
    /// How many have come from there.
    taken: u64,
    /// `batches` is closed and empty.
    no_more: bool,
    express: Express,
    ledger: Ledger,
    returns: Returns,
    backoff: Backoff,
    report: Report,
    meters: Sending,
    /// What of the ledger's tally the meters show already.
    told: Tally,
    leave: CancellationToken,
    beat: Beat,
}

impl Sender {
    async fn run(mut self) -> Outcome {
        loop {
            match self.target.transport {
                Transport::Udp => self.run_udp().await,
                Transport::Tcp | Transport::Tls(_) => self.run_stream().await,
            }
            if !self.is_moving || self.leave.is_cancelled() {
                break;
            }
            self.move_on();
        }
        self.hand_over().await;
        Outcome { messages: self.ledger.unconfirmed_messages() }
    }

    /// Turns to the new target.
    fn move_on(&mut self) {
        self.is_moving = false;
        let target = self.targets.borrow_and_update().clone();
        if target.encoder.framing() != self.target.encoder.framing() {
            self.ledger.reframe(|batch| target.encoder.reframe(batch));
        }
        self.target = target;
        self.backoff = Backoff::default();
        self.report = Report::new(&self.target, self.meters.clone());
    }

    async fn run_stream(&mut self) {
        while let Some(link) = self.connect().await {
            let began = Instant::now();
            let before = self.ledger.confirmed();
            let resent = self.ledger.written_bytes();
            self.report.connected(link.peer, link.protocol(), resent);
            let End::Lost(reason) = self.session(link).await else { break };
            let confirmed = self.ledger.confirmed() > before;
            let useful = if confirmed || began.elapsed() >= LASTING {
                self.backoff.reset();
                true
            } else {
                self.ledger.shows_reading() && self.backoff.favour()
            };
            match reason {
                Why::Renewed => self.report.renewing(),
                reason => self.report.lost(&reason, useful),
            }
        }
    }

    /// A connection; `None` when there is nothing to be sent any more, or nothing to this target.
    async fn connect(&mut self) -> Option<Link> {
        loop {
            let delay = self.backoff.next(fastrand::f64());
            self.pause(Instant::now() + delay).await?;
            let opening = self.beat.during(Link::open(&self.target));
            let opened =
                unless_called(&self.leave, &mut self.targets, &mut self.is_moving, opening).await?;
            match opened {
                Ok(link) => return Some(link),
                Err(error) => self.report.failed(&error),
            }
        }
    }

    /// Waits for the next attempt. While nothing is left to be confirmed, one batch is taken, if
    /// only to notice that the channel was closed.
    async fn pause(&mut self, until: Instant) -> Option<()> {
        loop {
            let is_done = self.no_more && self.ledger.is_settled();
            if self.leave.is_cancelled() || self.is_moving || is_done {
                return None;
            }
            self.beat.turn();
            tokio::select! {
                () = self.leave.cancelled() => return None,
                () = changed(&mut self.targets) => self.is_moving = true,
                () = sleep_until(until) => return Some(()),
                () = self.beat.asked() => {}
                () = self.returns.pass_on() => {}
                batch = self.batches.recv(), if self.ledger.is_settled() && !self.no_more => {
                    self.take(batch);
                }
            }
        }
    }

    /// Takes what came from the channel.
    fn take(&mut self, batch: Option<Batch>) {
        match batch {
            Some(batch) => {
                self.taken += 1;
                self.meters.queued_bytes.sub(batch.bytes.len() as i64);
                let encoder = &self.target.encoder;
                let fits = batch.framing == encoder.framing();
                // It was made before the target changed.
                self.ledger.push(if fits { batch } else { encoder.reframe(&batch) });
            }
            None => self.no_more = true,
        }
        self.settle_accounts();
    }

    /// Hands back what is confirmed, and shows where things stand.
    fn settle_accounts(&mut self) {
        self.returns.give(self.ledger.take_confirmed());
        let now = self.ledger.tally();
        let before = std::mem::replace(&mut self.told, now);
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
        if !self.returns.is_empty() {
            let _ = tokio::time::timeout(Duration::from_secs(1), self.returns.pass_on()).await;
        }
    }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
