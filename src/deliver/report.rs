//! What the own log and the meters say about the connection; the log each outage and each stall
//! once, not each attempt.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::pattern::{EndedConnection, Ends, Pattern};
use super::transport::{Impression, Why};
use super::{Target, TransportKind};
use crate::deliver::transport::connect::ConnectError;
use crate::health::certificates::CertificateOwner;
use crate::health::loss::{Amount, Reason};
use crate::health::metrics::Sending;

/// What has been said, so that it is not said again.
#[derive(Debug)]
pub(super) struct Report {
    /// `host:port` as configured.
    receiver: String,
    /// What to check where nobody answers.
    checks: &'static str,
    /// What a reset may mean of a connection on which nothing was read.
    reset_hint: &'static str,
    /// It was said that an attempt takes its time.
    said_slow: bool,
    /// Since when there is no connection, and whether a warning has said so.
    gone: Option<(Instant, bool)>,
    stalled: Option<Instant>,
    /// The next connection is no news.
    renewing: bool,
    /// It was said that a rotation has proven nothing.
    said_in_vain: bool,
    unproven_since: Option<Instant>,
    /// The last connection came to nothing, which was said.
    useless: bool,
    /// The last ends that were not our doing, and whether a warning has told of what they have in
    /// common.
    ends: Ends,
    said_pattern: bool,
    meters: Sending,
}

impl Report {
    /// A report about the receiver of `target`; says whom it is going to be about.
    pub(super) fn new(target: &Target, meters: Sending) -> Self {
        let Target { host, port, .. } = target;
        let receiver =
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") };
        match target.transport {
            TransportKind::Udp => info!("sending to {receiver} over UDP"),
            TransportKind::Tcp => info!("connecting to {receiver} over TCP"),
            TransportKind::Tls(_) => info!("connecting to {receiver} over TLS"),
            TransportKind::Relp { trust: None, .. } => info!("connecting to {receiver} over RELP"),
            TransportKind::Relp { trust: Some(_), .. } => {
                info!("connecting to {receiver} over RELP and TLS");
            }
        }
        Self {
            receiver,
            checks: checks(&target.transport),
            reset_hint: if target.transport.trust().is_some() { OVER_TLS } else { "" },
            said_slow: false,
            gone: None,
            stalled: None,
            renewing: false,
            said_in_vain: false,
            unproven_since: None,
            useless: false,
            ends: Ends::default(),
            said_pattern: false,
            meters,
        }
    }

    /// An attempt to reach the receiver has taken so long, and is given `patience` in all.
    pub(super) fn slow(&mut self, waited: Duration, patience: Duration) {
        if self.gone.is_some_and(|(_, warned)| warned)
            || std::mem::replace(&mut self.said_slow, true)
        {
            return;
        }
        warn!(
            "{} has not answered for {} s; {}; it is waited for {} s in all (connect_timeout)",
            self.receiver,
            waited.as_secs(),
            self.checks,
            patience.as_secs()
        );
    }

    /// An attempt to reach the receiver failed.
    pub(super) fn failed(&mut self, reason: &ConnectError) {
        self.meters.left();
        self.meters.failed(reason.kind(), reason);
        let (since, warned) = *self.gone.get_or_insert_with(|| (Instant::now(), false));
        if warned {
            debug!("still no connection to {}: {reason}", self.receiver);
        } else {
            warn!("{reason}; retrying, nothing is lost meanwhile");
        }
        self.gone = Some((since, true));
    }

    /// We end the connection in good order, to begin a new one.
    pub(super) fn renewing(&mut self) {
        self.meters.left();
        debug!(
            "renewing the connection to {}: everything sent is confirmed by that",
            self.receiver
        );
        self.renewing = true;
    }

    /// Another connection has taken over in good order.
    pub(super) fn rotated(&mut self, peer: SocketAddr, protocol: &str) {
        let receiver = format!("{} ({peer}, {protocol})", self.receiver);
        debug!("rotated the connection to {receiver}");
        self.meters.reached(receiver);
    }

    /// A connection was closed to prove what was sent, and that has proven nothing.
    pub(super) fn rotated_in_vain(&mut self, why: &Why, bytes: u64) {
        self.meters.failed(why.kind(), why);
        let receiver = &self.receiver;
        if std::mem::replace(&mut self.said_in_vain, true) {
            debug!("{receiver}: {why}; {bytes} bytes go out again");
        } else {
            warn!(
                "{receiver} has not answered when we closed a connection to learn what it has read: \
                 {why}. It hangs, is overloaded, or never closes; {bytes} bytes go out again that \
                 it may have. This is tried again, less and less often"
            );
        }
    }

    /// There is no other connection that could take over; the one at work goes on.
    pub(super) fn not_rotated(&mut self, error: Option<&ConnectError>) {
        let why = error.map_or("it was closed at once".to_owned(), ToString::to_string);
        debug!("no second connection to {}: {why}; the first one goes on", self.receiver);
    }

    /// So many bytes are sent and not proven, the oldest of them since then.
    pub(super) fn unproven(&mut self, since: Option<Instant>, bytes: u64) {
        self.meters.unproven_bytes.set(bytes as i64);
        if std::mem::replace(&mut self.unproven_since, since) != since {
            let at = since.map_or(0, |since| {
                jiff::Timestamp::now().as_second() - since.elapsed().as_secs() as i64
            });
            self.meters.unproven_since.set(at);
        }
    }

    /// A connection came about; `resent` bytes of an earlier one go first.
    pub(super) fn connected(&mut self, peer: SocketAddr, protocol: &str, resent: u64) {
        let receiver = format!("{} ({peer}, {protocol})", self.receiver);
        self.meters.reached(receiver.clone());
        self.said_slow = false;
        let is_no_news = std::mem::take(&mut self.renewing) || self.said_pattern;
        if is_no_news && self.gone.is_none() || self.useless {
            self.gone = None;
            debug!("connected to {receiver}");
            return;
        }
        let again = match self.gone.take() {
            Some((since, _)) => format!(" again after {:.1} s", since.elapsed().as_secs_f64()),
            None => String::new(),
        };
        let resent = match resent {
            0 => String::new(),
            bytes => format!("; {bytes} bytes go out again that may not have arrived"),
        };
        info!("connected to {receiver}{again}{resent}");
    }

    /// The receiver has shown a certificate that is valid until `end`, or none.
    pub(super) fn certificate(&self, end: Option<Timestamp>) {
        let end = end.map(Timestamp::as_second);
        self.meters.certificates.set(CertificateOwner::Receiver, end);
    }

    /// A connection has ended: why, and what that proved.
    pub(super) fn ended(&mut self, reason: &Why, impression: &Impression) {
        let Impression { age, used, taken, proven, .. } = *impression;
        if !age.is_zero() {
            debug!(
                "connection to {} ended {:.1} s after it was made and {:.1} s after its first \
                 message: {reason}; of {taken} bytes {proven} are proven to be read",
                self.receiver,
                age.as_secs_f64(),
                used.as_secs_f64()
            );
        }
        if impression.is_trusted || !reason.is_theirs() {
            self.ends.forget();
            self.said_pattern &= !impression.is_trusted;
            return;
        }
        let Some(pattern) = self.ends.note(EndedConnection { age, used, bytes: taken }) else {
            return;
        };
        if !std::mem::replace(&mut self.said_pattern, true) {
            let when = match pattern {
                Pattern::Age(age) => format!("{:.1} s after it was made", age.as_secs_f64()),
                Pattern::Used(used) => {
                    format!("{:.1} s after its first message", used.as_secs_f64())
                }
                Pattern::Bytes(bytes) => format!("after some {bytes} bytes"),
            };
            warn!(
                "{} has ended each of the last three connections {when}: it has a limit, does not \
                 understand what it gets, or is a proxy whose server does not run. What an end leaves \
                 unproven is sent again; let the receiver keep its connections open",
                self.receiver
            );
        }
    }

    /// The connection ended without our doing; `useful` when the receiver read from it.
    pub(super) fn lost(&mut self, reason: &Why, useful: bool) {
        self.meters.left();
        self.meters.failed(reason.kind(), reason);
        self.stalled = None;
        let receiver = &self.receiver;
        if useful && self.said_pattern {
            // A warning has told that it ends all of them.
            self.useless = false;
            debug!("connection to {receiver} ended: {reason}; reconnecting");
            return;
        }
        self.gone = Some((Instant::now(), false));
        match (useful, std::mem::replace(&mut self.useless, !useful)) {
            (true, _) => info!("connection to {receiver} ended: {reason}; reconnecting"),
            (false, false) => {
                let hint = if reason.kind() == "reset" { self.reset_hint } else { "" };
                warn!(
                    "connection to {receiver} ended before it was known to have read anything: \
                     {reason}{hint}; retrying"
                );
            }
            (false, true) => debug!("connection to {receiver} ended again: {reason}"),
        }
    }

    /// The receiver does not want a message, which will not be sent again.
    pub(super) fn given_up(&mut self, answer: &str) {
        self.meters.losses.add(Reason::Rejected, Amount::lines(1));
        let receiver = &self.receiver;
        warn!(
            "{receiver} has refused the same message three times, and others are waiting: it is lost. \
             It said {answer:?}; look at its own log, and at the length of the lines \
             (relp_max_line_length)"
        );
    }

    /// The receiver has taken nothing for `since`.
    pub(super) fn stalled(&mut self, since: Duration) {
        if self.stalled.is_none() {
            self.stalled = Instant::now().checked_sub(since);
            let seconds = since.as_secs();
            warn!("{} has taken nothing for {seconds} s; waiting for it", self.receiver);
        }
    }

    /// The receiver takes something (again).
    pub(super) fn moving(&mut self) {
        if let Some(since) = self.stalled.take() {
            let seconds = since.elapsed().as_secs();
            info!("{} goes on after {seconds} s", self.receiver);
        }
    }
}

/// A receiver with GnuTLS says nothing of a client's certificate that it does not take.
const OVER_TLS: &str = "; it may want a certificate of ours that it trusts (destination.cert_file)";

/// What may be wrong where nobody answers.
fn checks(transport: &TransportKind) -> &'static str {
    match transport {
        TransportKind::Udp | TransportKind::Tcp => "check the address, the network and firewalls",
        TransportKind::Tls(_) => {
            "check the address and firewalls, and that destination.port speaks TLS: one for plain TCP \
             waits for messages and says nothing"
        }
        TransportKind::Relp { trust: None, .. } => {
            "check the address and firewalls, and that destination.port speaks RELP: one for plain \
             syslog takes the session for messages and says nothing"
        }
        TransportKind::Relp { trust: Some(_), .. } => {
            "check the address and firewalls, and that destination.port speaks RELP over TLS: another \
             one says nothing"
        }
    }
}
