//! RELP over a connection: a session of messages that the receiver answers one by one. The connection
//! itself, with or without TLS, is that of [`super::tcp`]; which number a message has and what an answer
//! proves stands in [`session`], the form of frames in [`codec`].
//!
//! # What is promised
//! A message counts as delivered when the receiver's program has answered it, and nothing else counts:
//! no acknowledgement of TCP, no distance, no end of a connection, no time. So neither a proxy nor a
//! kernel that holds messages for a receiver that hangs can lose one.
//!
//! # Patience
//! A receiver whose queue is full answers late: imrelp takes 3 s for each message then, and reads
//! nothing meanwhile. Silence counts from its last answer, and ends a session only after ten times
//! `write_timeout` ([`Target::stall_limit`]). A network that takes nothing away is noticed earlier: what
//! was sent is sent again by the kernel, and not acknowledged for `write_timeout`.

pub(in crate::deliver) mod bench;
mod codec;
#[cfg(test)]
pub(super) mod model;
mod session;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::{Instant, timeout};

use self::codec::RelpParser;
pub(super) use self::session::Refusals;
use self::session::{Over, RelpSession};
use super::connect::ConnectError;
use super::ending;
use super::target::Target;
use super::tcp::{Heard, Link, Sent};
use super::wire::Wire;
use super::{Impression, Memory, Patience, Readiness, Transport, Why};
use crate::deliver::ledger::Ledger;

pub use self::session::RelpLimits;

/// How often it is looked whether the network takes what is sent.
const LOOK: Duration = Duration::from_secs(1);
/// How long another message is waited for, to be tried behind one that is refused.
const HOLD: Duration = Duration::from_secs(2);
/// How long the receiver has to answer `close`. Everything else is answered then.
const FAREWELL: Duration = Duration::from_secs(1);

/// A session at work.
#[derive(Debug)]
pub(in crate::deliver) struct Relp<W = Link> {
    link: W,
    parser: RelpParser,
    session: RelpSession,
    write_timeout: Duration,
    opened: Instant,
    /// When the first message was written.
    began: Option<Instant>,
    /// Bytes taken from the ledger.
    taken: u64,
    /// Bytes of messages that have their numbers.
    numbered: u64,
    /// The kernel takes no more at present.
    blocked: bool,
    /// When the receiver last answered, or got something to answer; while something is unanswered.
    waiting_since: Option<Instant>,
    look_at: Option<Instant>,
    /// How much was acknowledged at the last look, and since when it has been so much.
    acknowledged: (u64, Instant),
    /// The end of a session that ends as it should.
    ending: Option<Ending>,
}

/// Our side is about to end.
#[derive(Debug, Clone, Copy)]
struct Ending {
    /// The answer to `close` is awaited until then.
    until: Instant,
    /// Nothing more is awaited: its time is over, or the connection.
    is_over: bool,
    /// It ends because its numbers are used up.
    is_renewed: bool,
}

impl Relp {
    /// Connects to `target`, TLS handshake included, and opens a session.
    pub(in crate::deliver) async fn open(
        target: &Target,
        limits: RelpLimits,
        memory: &Memory,
    ) -> Result<Self, ConnectError> {
        let link = Link::open(target, &memory.tls).await?;
        Self::begin(link, target, limits, memory).await
    }
}

impl<W: Wire> Relp<W> {
    /// Opens a session over `link`.
    pub(in crate::deliver) async fn begin(
        link: W,
        target: &Target,
        limits: RelpLimits,
        memory: &Memory,
    ) -> Result<Self, ConnectError> {
        let now = Instant::now();
        let mut relp = Self {
            link,
            parser: RelpParser::default(),
            session: RelpSession::new(limits, memory.refusals),
            write_timeout: target.write_timeout,
            opened: now,
            began: None,
            taken: 0,
            numbered: 0,
            blocked: false,
            waiting_since: None,
            look_at: None,
            acknowledged: (0, now),
            ending: None,
        };
        let opened = timeout(target.connect_timeout, relp.greet()).await;
        let what = match opened {
            Ok(Ok(())) => return Ok(relp),
            Ok(Err(what)) => what,
            Err(_) => format!(
                "it accepts connections and has not answered within {} s; check that \
                 destination.port speaks RELP, and that the receiver's queue is not full",
                target.connect_timeout.as_secs()
            ),
        };
        let (host, address) = (target.host.clone(), relp.link.peer());
        Err(ConnectError::Relp { host, address, what })
    }

    /// Sends `open` and waits for the answer.
    async fn greet(&mut self) -> Result<(), String> {
        let socket = self.link.socket();
        let unopened = |error: io::Error| {
            format!(
                "it broke the connection before it opened a session ({error}); {}",
                "look at its own log: it may want a client certificate (destination.cert_file), or not speak RELP"
            )
        };
        let until = |interest| {
            let socket = socket.clone();
            Readiness { socket, interest: Some(interest) }.wait()
        };
        until(Interest::WRITABLE).await.map_err(unopened)?;
        self.link.say(&self.session.opening()).map_err(unopened)?;
        while !self.session.is_open() {
            let unsent = self.link.has_unsent();
            let interest =
                if unsent { Interest::READABLE | Interest::WRITABLE } else { Interest::READABLE };
            until(interest).await.map_err(unopened)?;
            self.link.flush().map_err(unopened)?;
            let heard = self.link.receive_into(self.parser.room()).map_err(unopened)?;
            match self.session.hear_all(&mut self.parser) {
                Ok(_) => {}
                Err(Over::Broken(what)) => return Err(what),
                Err(Over::Rejected(_) | Over::ServerClose) => {
                    return Err("it ended the session at once; look at its own log".to_owned());
                }
            }
            if matches!(heard, Heard::Fin | Heard::CloseNotify) && !self.session.is_open() {
                return Err(unopened(io::ErrorKind::UnexpectedEof.into()));
            }
        }
        Ok(())
    }

    /// Numbers the messages that may be sent next.
    fn number(&mut self, ledger: &mut Ledger) {
        self.numbered = self.session.number(ledger.frames_to_stamp()).unwrap_or(self.numbered);
    }

    /// Takes in what has come.
    fn hear(&mut self) -> Result<(), Why> {
        match self.session.hear_all(&mut self.parser) {
            Ok(true) => self.waiting_since = (self.session.unanswered() > 0).then(Instant::now),
            Ok(false) => {}
            Err(Over::ServerClose) => return Err(Why::Closed),
            Err(Over::Rejected(answer)) => return Err(Why::Rejected(answer)),
            Err(Over::Broken(what)) => return Err(Why::Misspoken(what)),
        }
        Ok(())
    }

    /// Writing has failed. What the receiver has answered before stands to be read.
    fn broken(&mut self, error: io::Error) -> Why {
        loop {
            let heard = self.link.receive_now(Some(self.parser.room()));
            if let Err(why) = self.hear() {
                return why;
            }
            if !matches!(heard, Ok(Heard::Much)) {
                return Why::Broken(error);
            }
        }
    }

    /// Something was written.
    fn went_on(&mut self) {
        let now = Instant::now();
        self.began.get_or_insert(now);
        self.waiting_since.get_or_insert(now);
        if self.look_at.is_none() {
            // Nothing was to be acknowledged until now.
            self.acknowledged.1 = now;
            self.look_at = Some(now + LOOK);
        }
    }

    /// Asks the kernel whether the network still takes what is sent.
    fn look(&mut self, now: Instant) -> Result<(), Why> {
        self.look_at = (self.session.unanswered() > 0).then_some(now + LOOK);
        let look = self.link.look().map_err(Why::Broken)?;
        if look.wire_acked > self.acknowledged.0 || !look.resending {
            self.acknowledged = (look.wire_acked, now);
        }
        let silent_for = now - self.acknowledged.1;
        if silent_for >= self.write_timeout {
            return Err(Why::TimedOut(silent_for));
        }
        if self.session.unanswered() == 1
            && self.stalled_for(now) >= HOLD
            && let Some(answer) = self.session.end_hold()
        {
            return Err(Why::Rejected(answer));
        }
        Ok(())
    }

    /// Sends `close`, if everything is answered.
    fn close_session(&mut self, is_renewed: bool) -> Result<(), Why> {
        if let Some(frame) = self.session.close() {
            self.ending =
                Some(Ending { until: Instant::now() + FAREWELL, is_over: false, is_renewed });
            self.link.say(&frame).map_err(Why::Broken)?;
        }
        Ok(())
    }

    /// The receiver's side of the connection has ended.
    fn ended(&mut self) -> Why {
        match &mut self.ending {
            Some(Ending { is_renewed: true, .. }) => Why::Renewed,
            Some(ending) => {
                ending.is_over = true;
                Why::Closed
            }
            None => Why::Closed,
        }
    }
}

impl<W: Wire> Transport for Relp<W> {
    fn peer(&self) -> SocketAddr {
        self.link.peer()
    }

    fn protocol(&self) -> &'static str {
        match self.link.protocol() {
            "TCP" => "RELP",
            "TLS 1.3" => "RELP over TLS 1.3",
            "TLS 1.2" => "RELP over TLS 1.2",
            _ => "RELP over TLS",
        }
    }

    fn write(&mut self, ledger: &mut Ledger) -> Result<(), Why> {
        let mut wrote = false;
        while self.can_write() {
            if self.numbered == self.taken {
                self.number(ledger);
            }
            let before = ledger.unwritten_bytes();
            let sent = self.link.send(ledger, (self.numbered - self.taken) as usize);
            self.taken += before - ledger.unwritten_bytes();
            match sent.map_err(|error| self.broken(error))? {
                Sent::Nothing => break,
                Sent::Blocked => self.blocked = true,
                Sent::Some(_) => wrote = true,
            }
        }
        if wrote {
            self.went_on();
        }
        Ok(())
    }

    fn listen(&mut self) -> Result<(), Why> {
        self.blocked = false;
        let heard = self.link.receive_into(self.parser.room());
        self.hear()?;
        match heard.map_err(Why::Broken)? {
            Heard::Fin | Heard::CloseNotify => Err(self.ended()),
            Heard::Nothing | Heard::Much => {
                // imrelp writes each answer by itself, and waits for the acknowledgement of the last.
                self.link.acknowledge_at_once();
                Ok(())
            }
        }
    }

    fn advance(&mut self, now: Instant) -> Result<u64, Why> {
        if self.look_at.is_some_and(|at| at <= now) {
            self.look(now)?;
        }
        if self.session.is_used_up() {
            self.close_session(true)?;
        }
        if let Some(ending) = &mut self.ending {
            ending.is_over |= now >= ending.until;
            if ending.is_renewed && (ending.is_over || self.session.is_closed()) {
                return Err(Why::Renewed);
            }
        }
        Ok(self.session.proven())
    }

    fn close(&mut self, _patience: Patience) -> Result<(), Why> {
        self.close_session(false)
    }

    fn is_closing(&self) -> bool {
        self.session.is_closed() || self.ending.is_some_and(|ending| ending.is_over)
    }

    fn last_proof(&mut self) -> u64 {
        self.session.proven()
    }

    fn abort(self: Box<Self>) {
        self.link.abort();
    }

    fn wake_at(&self) -> Option<Instant> {
        let ending = self.ending.filter(|ending| !ending.is_over).map(|ending| ending.until);
        [self.look_at, ending].into_iter().flatten().min()
    }

    fn readiness(&self) -> Readiness {
        let interest = match self.blocked {
            true => Interest::READABLE | Interest::WRITABLE,
            false => Interest::READABLE,
        };
        Readiness { socket: self.link.socket(), interest: Some(interest) }
    }

    fn can_write(&self) -> bool {
        let has_more = self.numbered > self.taken || self.link.has_unsent();
        !self.blocked && (has_more || self.session.has_room())
    }

    fn has_unsent(&self) -> bool {
        self.link.has_unsent()
    }

    fn is_used_up(&self) -> bool {
        self.link.keys_are_exhausted()
    }

    fn is_lendable(&self) -> bool {
        self.session.is_open()
    }

    fn stalled_for(&self, now: Instant) -> Duration {
        self.waiting_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn proves_by_itself(&self) -> bool {
        true
    }

    fn take_given_up(&mut self) -> Option<String> {
        self.session.take_given_up()
    }

    fn impression(&mut self) -> Impression {
        let now = Instant::now();
        let age = now - self.opened;
        Impression {
            age,
            used: self.began.map_or(Duration::ZERO, |began| now - began),
            taken: self.taken,
            proven: self.session.proven(),
            is_trusted: !ending::is_early(age),
            refusals: self.session.refusals(),
            ..Impression::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::{advance, sleep};

    use super::*;
    use crate::deliver::TransportKind;
    use crate::deliver::testing::numbered;
    use crate::deliver::transport::model::{Kind, Model, Oracle, Peer, WIDTH, lock};
    use crate::syslog::{Encoder, Framing};

    const LIMITS: RelpLimits = RelpLimits { window: 10, last_number: RelpLimits::LAST_NUMBER };

    fn target() -> Target {
        Target {
            host: "127.0.0.1".to_owned(),
            port: 1,
            transport: TransportKind::Relp { trust: None, limits: LIMITS },
            encoder: Encoder::new(Framing::Relp, None),
            connect_timeout: Duration::from_secs(5),
            write_timeout: Duration::from_secs(30),
            stall_limit: Duration::from_secs(300),
            proof_interval: Duration::from_secs(300),
            proxied: false,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_acknowledged_late_behind_a_long_pause_breaks_nothing() {
        let (mut rng, mut oracle) = (fastrand::Rng::with_seed(1), Oracle::default());
        let peer = Peer::shared(&mut rng, Kind::Relp(usize::MAX), 0, &Arc::default());
        let (target, memory) = (target(), Memory::default());
        let answering = async {
            sleep(Duration::from_millis(1)).await;
            lock(&peer).turn(usize::MAX, &mut oracle);
        };
        let opening = Relp::begin(Model::new(&peer), &target, LIMITS, &memory);
        let (relp, ()) = tokio::join!(opening, answering);
        let (mut relp, mut ledger) = (relp.unwrap(), Ledger::default());
        ledger.connected();
        ledger.push(target.encoder.reframe(&numbered(0..1, WIDTH)));
        relp.write(&mut ledger).unwrap();
        lock(&peer).turn(usize::MAX, &mut oracle);
        relp.listen().unwrap();
        advance(Duration::from_secs(60)).await;
        assert!(relp.advance(Instant::now()).unwrap() > 0);
        // What is sent now does not arrive.
        let sent = relp.taken;
        lock(&peer).cut_off_at = Some(sent);
        ledger.push(target.encoder.reframe(&numbered(1..2, WIDTH)));
        relp.write(&mut ledger).unwrap();
        for _ in 0..29 {
            advance(LOOK).await;
            relp.advance(Instant::now()).unwrap();
        }
        advance(LOOK).await;
        let silent = relp.advance(Instant::now());
        assert!(matches!(silent, Err(Why::TimedOut(time)) if time == target.write_timeout));
    }
}
