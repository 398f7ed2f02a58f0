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
//! | `ledger`, `evidence` (pure) | what is sent, and what is proven to be read |
//! | `backoff` (pure) | when to try again |
//! | `connect` | from a host name to a TCP connection |
//! | `tls` | sealing, and which plaintext lies before which byte on the wire |
//! | `link` | one connection: bytes out, what the kernel says became of them |
//! | `connection` | one link at work, how it ends, and what that proves |
//! | `session` | the life of one connection, seen from the channels |
//! | `udp` | datagrams |
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
mod connect;
mod connection;
mod evidence;
mod ledger;
mod link;
mod report;
mod returns;
mod session;
mod tls;
mod udp;

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

pub use self::tls::Trust;

use self::backoff::Backoff;
use self::connection::{End, Why};
use self::ledger::{Ledger, Tally};
use self::link::Link;
use self::report::Report;
use self::returns::Returns;
use crate::batch::Batch;
use crate::config::{Destination, Protocol};
use crate::meter::Sending;
use crate::position::Update;

/// How long a connection may take to end in good order after [`run`] was told to leave.
const GRACE: Duration = Duration::from_secs(3);
/// A connection that lasted this long was of use even if nothing was read on it.
const LASTING: Duration = Duration::from_secs(5);

/// Where to send and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// Name or address, an IPv6 address without brackets.
    pub host: String,
    /// UDP or TCP port.
    pub port: u16,
    /// The way there.
    pub transport: Transport,
    /// How long one attempt to connect may take, TLS handshake included.
    pub connect_timeout: Duration,
    /// How long the receiver may acknowledge nothing while there is something to acknowledge,
    /// before the connection is given up.
    pub write_timeout: Duration,
}

/// The way to the receiver.
#[derive(Debug, Clone)]
pub enum Transport {
    /// One message per datagram.
    Udp,
    /// A stream.
    Tcp,
    /// A stream, verified and encrypted.
    Tls(Trust),
}

impl From<&Destination> for Target {
    fn from(destination: &Destination) -> Self {
        Self {
            host: destination.host.clone(),
            port: destination.port,
            transport: match destination.protocol {
                Protocol::Udp => Transport::Udp,
                Protocol::Tcp => Transport::Tcp,
                Protocol::Tls => Transport::Tls(Trust::System),
            },
            connect_timeout: destination.connect_timeout,
            write_timeout: destination.write_timeout,
        }
    }
}

/// What [`run`] leaves behind: taken from the channel and not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Messages that may not have arrived.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Sends `batches` to `target` until the channel closes and everything is confirmed, or until
/// `leave` is cancelled: then a connection that stands is ended in good order, within 3 s.
///
/// Confirmed positions go to `updates`, emptied batches to `spare` (dropped when that is full).
/// Never fails: what goes wrong is logged and tried again.
pub async fn run(
    target: Target,
    meters: Sending,
    batches: mpsc::Receiver<Batch>,
    updates: mpsc::Sender<Vec<Update>>,
    spare: mpsc::Sender<Batch>,
    leave: CancellationToken,
) -> Outcome {
    let report = Report::new(&target.host, target.port, meters.clone());
    let sender = Sender {
        target,
        batches,
        no_more: false,
        ledger: Ledger::default(),
        returns: Returns::new(updates, spare),
        backoff: Backoff::default(),
        report,
        meters,
        told: Tally::default(),
        leave,
    };
    sender.run().await
}

/// What outlives connections.
#[derive(Debug)]
struct Sender {
    target: Target,
    batches: mpsc::Receiver<Batch>,
    /// `batches` is closed and empty.
    no_more: bool,
    ledger: Ledger,
    returns: Returns,
    backoff: Backoff,
    report: Report,
    meters: Sending,
    /// What of the ledger's tally the meters show already.
    told: Tally,
    leave: CancellationToken,
}

impl Sender {
    async fn run(mut self) -> Outcome {
        match self.target.transport {
            Transport::Udp => self.run_udp().await,
            Transport::Tcp | Transport::Tls(_) => self.run_stream().await,
        }
        self.hand_over().await;
        Outcome {
            messages: self.ledger.unconfirmed_messages(),
            bytes: self.ledger.unconfirmed_bytes(),
        }
    }

    async fn run_stream(&mut self) {
        while let Some(link) = self.connect().await {
            let began = Instant::now();
            let before = self.ledger.confirmed();
            let resent = self.ledger.written_bytes();
            self.report.connected(link.peer, link.protocol(), resent);
            let End::Lost(reason) = self.session(link).await else { break };
            let confirmed = self.ledger.confirmed() > before;
            let lasted = began.elapsed() >= LASTING;
            let useful = confirmed || self.ledger.shows_reading() || lasted;
            if useful {
                self.backoff.reset();
            }
            match reason {
                Why::Renewed => self.report.renewing(),
                reason => self.report.lost(&reason, useful),
            }
        }
    }

    /// A connection; `None` when there is nothing to be sent any more, or when told to leave.
    async fn connect(&mut self) -> Option<Link> {
        loop {
            let delay = self.backoff.next(fastrand::f64());
            self.pause(Instant::now() + delay).await?;
            let leave = self.leave.clone();
            let opened = tokio::select! {
                () = leave.cancelled() => return None,
                opened = self.meters.beat.during(Link::open(&self.target)) => opened,
            };
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
            if self.leave.is_cancelled() || (self.no_more && self.ledger.is_settled()) {
                return None;
            }
            self.meters.beat.turn();
            tokio::select! {
                () = self.leave.cancelled() => return None,
                () = sleep_until(until) => return Some(()),
                () = self.meters.beat.asked() => {}
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
                self.meters.queued_bytes.sub(batch.bytes.len() as i64);
                self.ledger.push(batch);
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
