//! What the own log and the meters say about the connection; the log each outage and each stall
//! once, not each attempt.

use std::net::SocketAddr;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use super::pattern::{Ends, Pattern};
use super::transport::{Impression, Why};
use super::{Target, Targets, TransportKind};
use crate::deliver::transport::connect::ConnectError;
use crate::health::certificates::CertificateOwner;
use crate::health::connection::FirstReceiver;
use crate::health::loss::{Amount, Reason};
use crate::health::metrics::Sending;

/// A wait for the end of a connection that is worth a line in the log.
const LONG_PARTING: Duration = Duration::from_secs(2);

/// So long after it was said that a message is given up, it is said of others.
const GIVEN_UP_AGAIN: Duration = Duration::from_secs(60);

/// One of the receivers.
#[derive(Debug)]
struct ReportedReceiver {
    /// As configured: `host:port`.
    name: String,
    /// What to check where it does not answer.
    checks: &'static str,
    /// What its reset may mean of a connection on which nothing was read.
    reset_hint: &'static str,
    /// A warning has told of this outage.
    warned: bool,
}

impl ReportedReceiver {
    fn new(target: &Target) -> Self {
        Self {
            name: target.name(),
            checks: checks(&target.transport),
            reset_hint: match target.transport {
                TransportKind::Tcp => OVER_TCP,
                _ if target.transport.trust().is_some() => OVER_TLS,
                _ => "",
            },
            warned: false,
        }
    }
}

/// What has been said, so that it is not said again.
#[derive(Debug)]
pub(super) struct Report {
    /// All receivers in their order.
    receivers: Vec<ReportedReceiver>,
    /// The place of the one that is in use or asked.
    at: usize,
    /// The place of the one that was in use last.
    in_use: usize,
    /// Why that one is in use no more.
    cause: Option<String>,
    /// It was said that an attempt takes its time.
    said_slow: bool,
    /// Since when there is no connection.
    gone: Option<Instant>,
    stalled: Option<Instant>,
    /// The next connection is no news.
    renewing: bool,
    /// It was said that a handover has proven nothing.
    said_in_vain: bool,
    unproven_since: Option<Instant>,
    /// When those before the one in use are asked again.
    back_at: Option<Instant>,
    /// It was said that the end of a connection is waited for.
    said_parting: bool,
    /// The last connection came to nothing, which was said.
    useless: bool,
    /// When it was said that a message is given up, and how many more were since then.
    said_given_up: Option<Instant>,
    given_up_unsaid: u64,
    /// The last ends that were not our doing.
    ends: Ends,
    meters: Sending,
}

impl Report {
    /// A report about the receivers of `targets`; says whom it is going to be about.
    pub(super) fn new(targets: &Targets, meters: Sending) -> Self {
        let receivers: Vec<_> = targets.iter().map(ReportedReceiver::new).collect();
        let names: Vec<_> = receivers.iter().map(|receiver| receiver.name.as_str()).collect();
        let (receiver, others) = match &names[..] {
            [] => ("", String::new()),
            [receiver] => (*receiver, String::new()),
            [receiver, others @ ..] => {
                (*receiver, format!("; if it takes nothing, to {}", others.join(", then to ")))
            }
        };
        match targets.get(0).transport {
            TransportKind::Udp => info!("sending to {receiver} over UDP{others}"),
            TransportKind::Tcp => info!("connecting to {receiver} over TCP{others}"),
            TransportKind::Tls(_) => info!("connecting to {receiver} over TLS{others}"),
            TransportKind::Relp { trust: None, .. } => {
                info!("connecting to {receiver} over RELP{others}");
            }
            TransportKind::Relp { trust: Some(_), .. } => {
                info!("connecting to {receiver} over RELP and TLS{others}");
            }
        }
        meters.may_use(names.into_iter());
        Self {
            receivers,
            at: 0,
            in_use: 0,
            cause: None,
            said_slow: false,
            gone: None,
            stalled: None,
            renewing: false,
            said_in_vain: false,
            unproven_since: None,
            back_at: None,
            said_parting: false,
            useless: false,
            said_given_up: None,
            given_up_unsaid: 0,
            ends: Ends::default(),
            meters,
        }
    }

    /// The one that is in use or asked.
    fn receiver(&self) -> &str {
        &self.receivers[self.at].name
    }

    /// An attempt to reach the receiver has taken so long, and is given `patience` in all.
    pub(super) fn slow(&mut self, waited: Duration, patience: Duration) {
        let ReportedReceiver { name, checks, warned, .. } = &self.receivers[self.at];
        if *warned || std::mem::replace(&mut self.said_slow, true) {
            return;
        }
        warn!(
            "{name} has not answered for {} s; {checks}; it is waited for {} s in all (connect_timeout)",
            waited.as_secs(),
            patience.as_secs()
        );
    }

    /// An attempt to reach the receiver failed.
    pub(super) fn failed(&mut self, reason: &ConnectError) {
        self.meters.left();
        self.meters.failed(self.blamed(), reason.kind(), reason);
        self.gone.get_or_insert_with(Instant::now);
        self.note_cause(|| reason.brief());
        let next = if self.receivers.len() > 1 { "trying the next receiver" } else { "retrying" };
        if std::mem::replace(&mut self.receivers[self.at].warned, true) {
            debug!("still no connection to {}: {reason}", self.receiver());
        } else {
            warn!("{reason}; {next}, nothing is lost meanwhile");
        }
    }

    /// The receiver in use has ended its connection or does not take one: that is why another one may
    /// take its place. What it may mean was said before.
    fn note_cause(&mut self, brief: impl FnOnce() -> String) {
        if self.at == self.in_use {
            self.cause = Some(brief());
        }
    }

    /// The receiver by name, where there are several.
    fn blamed(&self) -> Option<&str> {
        (self.receivers.len() > 1).then(|| self.receiver())
    }

    /// Another receiver is asked from now on, or used.
    pub(super) fn turned_to(&mut self, index: usize) {
        self.at = index;
        (self.said_slow, self.said_in_vain, self.useless) = Default::default();
        (self.stalled, self.ends, self.renewing) = (None, Ends::default(), false);
    }

    /// The receiver of that place comes before the one in use, was asked, and does not take messages.
    pub(super) fn stays_away(&self, index: usize, error: Option<&ConnectError>) {
        let why = error.map_or("it closed the connection at once".to_owned(), ToString::to_string);
        let (name, in_use) = (&self.receivers[index].name, self.receiver());
        debug!("{name} does not take messages yet: {why}; {in_use} goes on");
    }

    /// Another receiver than the last one is in use. `back_in`: when those before it are asked again.
    fn changed(&mut self, receiver: &str, resent: &str, back_in: Option<Duration>) {
        let last = std::mem::replace(&mut self.in_use, self.at);
        let (first, last) = (&self.receivers[0].name, &self.receivers[last].name);
        self.meters.failovers.inc();
        let again = match back_in {
            _ if self.at == 0 => String::new(),
            Some(after) => format!("; {first} is asked again in {} s (failback)", after.as_secs()),
            None => format!("; {first} is asked again when it fails (failback)"),
        };
        match self.cause.take() {
            Some(cause) => warn!(
                "{receiver} takes the messages in the place of {last} ({cause}){resent}{again}"
            ),
            None => info!(
                "back to {receiver}, which takes messages again and comes before {last}{resent}{again}"
            ),
        }
    }

    /// We end the connection in good order, to begin a new one.
    pub(super) fn renewing(&mut self) {
        self.meters.left();
        debug!(
            "renewing the connection to {}: everything sent is confirmed by that",
            self.receiver()
        );
        self.renewing = true;
    }

    /// Another connection has taken over in good order.
    pub(super) fn handed_over(&mut self, peer: SocketAddr, protocol: &str) {
        let receiver = format!("{} ({peer}, {protocol})", self.receiver());
        debug!("the connection was handed over to a new one to {receiver}");
        self.meters.reached(receiver);
    }

    /// A connection was closed to prove what was sent, and that has proven nothing.
    pub(super) fn handed_over_in_vain(&mut self, why: &Why, bytes: u64) {
        self.meters.failed(self.blamed(), why.kind(), why);
        let receiver = &self.receivers[self.at].name;
        if std::mem::replace(&mut self.said_in_vain, true) {
            debug!("{receiver}: {why}; {bytes} bytes go out again");
        } else {
            warn!(
                "a connection to {receiver} was closed to learn what it has read, and that has proven \
                 nothing: {why}. It hangs, is overloaded, or never closes; {bytes} bytes go out again that \
                 it may have. This is tried again, less and less often"
            );
        }
    }

    /// There is no other connection that could take over; the one at work goes on.
    pub(super) fn not_handed_over(&mut self, error: Option<&ConnectError>) {
        let why = error.map_or("it was closed at once".to_owned(), ToString::to_string);
        debug!("no second connection to {}: {why}; the first one goes on", self.receiver());
    }

    /// So many bytes are sent and not proven, the oldest of them since then.
    pub(super) fn unproven(&mut self, since: Option<Instant>, bytes: u64) {
        self.meters.unproven_bytes.set(bytes as i64);
        if std::mem::replace(&mut self.unproven_since, since) != since {
            self.meters.unproven_since.set(since.map_or(0, seconds));
        }
    }

    /// Those before the one in use are asked again then; `None`: there are none, or not by the clock.
    pub(super) fn way_back(&mut self, at: Option<Instant>) {
        if std::mem::replace(&mut self.back_at, at) != at {
            self.stands_for_first();
        }
    }

    /// Shows whether the one in use is not the first, and when that is asked again.
    fn stands_for_first(&self) {
        let first = || FirstReceiver {
            name: self.receivers[0].name.clone(),
            back_at: self.back_at.map(seconds),
        };
        self.meters.stands_for((self.at > 0).then(first));
    }

    /// All is written, and so long our own close has to wait, so that its answer proves something.
    pub(super) fn waits_to_part(&mut self, wait: Duration) {
        if wait >= LONG_PARTING && !std::mem::replace(&mut self.said_parting, true) {
            info!(
                "all is sent to {}; waiting {} s to be sure that it was read, since behind a proxy only the \
                 close of a connection that is 30 s old proves that (destination.proxied)",
                self.receiver(),
                wait.as_secs()
            );
        }
    }

    /// A connection came about; `resent` bytes of an earlier one go first. Where it leads to a receiver
    /// that others come before, these are asked again in `back_in`.
    pub(super) fn connected(
        &mut self,
        peer: SocketAddr,
        protocol: &str,
        resent: u64,
        back_in: Option<Duration>,
    ) {
        let receiver = format!("{} ({peer}, {protocol})", self.receiver());
        self.meters.reached(receiver.clone());
        self.stands_for_first();
        let names = self.receivers.iter().map(|receiver| receiver.name.as_str());
        self.meters.uses(names, self.at);
        self.said_slow = false;
        let resent = match resent {
            0 => String::new(),
            bytes => format!("; {bytes} bytes go out again that may not have arrived"),
        };
        self.receivers.iter_mut().for_each(|receiver| receiver.warned = false);
        if self.at != self.in_use {
            (self.gone, self.useless, self.renewing) = (None, false, false);
            return self.changed(&receiver, &resent, back_in);
        }
        self.cause = None;
        let is_no_news = std::mem::take(&mut self.renewing) || self.ends.are_told();
        if is_no_news && self.gone.is_none() || self.useless {
            self.gone = None;
            debug!("connected to {receiver}");
            return;
        }
        let again = match self.gone.take() {
            Some(since) => format!(" again after {:.1} s", since.elapsed().as_secs_f64()),
            None => String::new(),
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
                self.receiver(),
                age.as_secs_f64(),
                used.as_secs_f64()
            );
        }
        match self.ends.note(reason, impression, Instant::now().into_std()) {
            None => {}
            Some(Pattern::Often(count)) => warn!(
                "{count} connections to {} have ended within a minute, the last one so: {reason}. \
                 What an end leaves unproven is sent again; look at the receiver's own log. More \
                 ends are not logged until a connection has lasted",
                self.receiver()
            ),
            Some(when) => warn!(
                "{} has ended each of the last three connections {when}: it has a limit, expects \
                 another protocol (destination.protocol) or framing (destination.framing), or is a proxy \
                 whose server does not run. What an end leaves unproven is sent again; let the receiver \
                 keep its connections open",
                self.receiver()
            ),
        }
    }

    /// The connection ended without our doing; `useful` when the receiver read from it.
    pub(super) fn lost(&mut self, reason: &Why, useful: bool) {
        self.meters.left();
        self.meters.failed(self.blamed(), reason.kind(), reason);
        self.stalled = None;
        self.note_cause(|| reason.brief());
        let ReportedReceiver { name: receiver, reset_hint, warned, .. } =
            &mut self.receivers[self.at];
        if useful && self.ends.are_told() {
            // A warning has told that it ends all of them.
            debug!("connection to {receiver} ended: {reason}; reconnecting");
            return;
        }
        self.gone = Some(Instant::now());
        *warned = false;
        match (useful, std::mem::replace(&mut self.useless, !useful)) {
            (true, _) => info!("connection to {receiver} ended: {reason}; reconnecting"),
            (false, false) => {
                let hint = if reason.kind() == "reset" { *reset_hint } else { "" };
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
        let receiver = &self.receivers[self.at].name;
        if self.said_given_up.is_some_and(|at| at.elapsed() < GIVEN_UP_AGAIN) {
            self.given_up_unsaid += 1;
            debug!(
                "{receiver} has refused another message again and again: it is lost. It said {answer:?}"
            );
            return;
        }
        self.said_given_up = Some(Instant::now());
        let others = match std::mem::take(&mut self.given_up_unsaid) {
            0 => String::new(),
            unsaid => format!(", and {unsaid} others since this was said last"),
        };
        warn!(
            "{receiver} has refused the same message again and again: it is lost{others}. It said {answer:?}; \
             look at its own log, and at the length of the lines (relp_max_line_length)"
        );
    }

    /// The receiver has taken nothing for `since`.
    pub(super) fn stalled(&mut self, since: Duration) {
        if self.stalled.is_none() {
            self.stalled = Instant::now().checked_sub(since);
            let seconds = since.as_secs();
            warn!("{} has taken nothing for {seconds} s; waiting for it", self.receiver());
        }
    }

    /// The receiver takes something (again).
    pub(super) fn moving(&mut self) {
        if let Some(since) = self.stalled.take() {
            let seconds = since.elapsed().as_secs();
            info!("{} goes on after {seconds} s", self.receiver());
        }
    }
}

/// A receiver with GnuTLS resets a connection on which it finds no TLS.
const OVER_TCP: &str = "; it may expect TLS or RELP (destination.protocol)";
/// A receiver with GnuTLS says nothing of a client's certificate that it does not take.
const OVER_TLS: &str = "; it may want a certificate of ours that it trusts (destination.cert_file)";

/// In seconds since the epoch.
fn seconds(at: Instant) -> i64 {
    let now = Instant::now();
    let whole = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    let now_at = Timestamp::now().as_second();
    now_at + whole(at.saturating_duration_since(now)) - whole(now.saturating_duration_since(at))
}

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
