//! One connection over TCP, with or without TLS: write, look what became of it, listen for the
//! receiver's end of it, and part in good order.
//!
//! # How a connection ends, and what that proves
//! The receiver's kernel sends FIN when the process closed the socket (or died) with nothing
//! left unread, RST when something was left. So FIN confirms all that is acknowledged, and RST
//! confirms nothing beyond the ledger's evidence.
//!
//! A FIN is usually followed by an RST, the answer to what was under way. It cannot mask the
//! FIN (Linux, measured; `tcp_reset` in `net/ipv4/tcp_input.c`): after FIN and RST reading gives
//! "end of file" and writing EPIPE, after RST alone the first call of either gives ECONNRESET.
//! What was acknowledged stays readable from the kernel as well. If the FIN itself is lost on
//! the way, or overtaken, the RST decides, which costs duplicates and loses nothing.
//!
//! That a socket closed with data unread gives RST is Linux; RFC 2525, section 2.17, calls the
//! contrary a known problem, and RFC 1122, section 4.2.2.13, asks for the RST with a SHOULD. A
//! receiver on a system that sends FIN all the same (BSD's have) takes what it had not read with it.
//!
//! Who cannot make use of what comes reads some of it and closes: a proxy with no server behind it, or
//! a server that expects TLS, and OpenSSL then says nothing (it answers with an alert only what looks
//! like TLS). So a FIN that comes so soon after the first bytes, and after so few, confirms nothing;
//! and ours is not sent before theirs would tell more.
//!
//! A receiver that shuts down only its sending side may go on reading: acknowledgements that
//! come after the FIN give it away, and then the end of *that* decides.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::Instant;

use super::connect::ConnectError;
use super::target::Target;
use super::tcp::{Heard, Link, Look, Sent};
use super::{Readiness, Socket, Transport, Why};
use crate::deliver::ledger::Ledger;
use crate::deliver::proof::Evidence;

/// The kernel is asked at least after so many bytes: rarely, and windows would pass unseen.
const LOOK_BYTES: usize = 64 << 10;
/// The kernel is asked so often while something is not acknowledged.
const LOOK_OUTSTANDING: Duration = Duration::from_millis(100);
/// The kernel is asked so often while something is only not proven to be read. With nothing
/// unproven it is not asked at all.
const LOOK_QUIET: Duration = Duration::from_secs(1);
/// A receiver that closes so soon after the first bytes may have had no use for them.
const FIRST: Duration = Duration::from_secs(1);
/// A receiver that closes after no more than this may have had no use for it. TLS reads records of
/// 16 KiB; who reads four times as much and closes in good order has understood.
const FIRST_BYTES: u64 = 64 << 10;
/// How long to wait, after the receiver's FIN, for the fate of what was under way.
const SETTLE: Duration = Duration::from_secs(2);
/// How often to look for that.
const SETTLE_LOOK: Duration = Duration::from_millis(5);
/// How long a receiver that said `close_notify` may take to close.
const DISMISSAL: Duration = Duration::from_secs(3);
/// How long before the end of that it gets our FIN.
const PATIENCE: Duration = Duration::from_millis(2500);

/// How far a connection has come.
#[derive(Debug)]
enum State {
    Open,
    /// Our FIN is sent; the receiver's is awaited until then.
    Closing(Instant),
    /// The receiver said `close_notify`; nothing is written any more, its FIN is awaited until then.
    Dismissed(Instant),
    /// The receiver's FIN has come, and the fate of what was under way is awaited until then.
    PeerClosed {
        first: Look,
        last: Look,
        until: Instant,
    },
}

/// One connection at work.
#[derive(Debug)]
pub(in crate::deliver) struct Stream {
    link: Link,
    state: State,
    evidence: Evidence,
    /// Bytes taken from the ledger.
    taken: u64,
    /// How many of them are proven to be read.
    proven: u64,
    /// The kernel takes no more at present.
    blocked: bool,
    /// Bytes written since the kernel was last asked.
    unlooked: usize,
    look_at: Option<Instant>,
    wire_acked: u64,
    /// When something was written for the first time.
    began: Option<Instant>,
    /// We are to part, but not before this.
    part_at: Option<Instant>,
    /// When something was last acknowledged, if something is outstanding.
    progress: Option<Instant>,
    /// The peer is asked for its window often.
    probing: bool,
    /// Our side is ended.
    is_closing: bool,
}

impl Stream {
    /// Connects to `target`, TLS handshake included.
    pub(in crate::deliver) async fn open(target: &Target) -> Result<Self, ConnectError> {
        Ok(Self::new(Link::open(target).await?))
    }

    fn new(mut link: Link) -> Self {
        let mut evidence = Evidence::default();
        // Nothing was sent, so the peer's buffer is surely empty. Where the kernel does not tell, the
        // connection is over, which the next call will notice.
        if let Ok(look) = link.look() {
            evidence.observe(0, look.window, Instant::now().into_std());
        }
        Self {
            link,
            state: State::Open,
            evidence,
            taken: 0,
            proven: 0,
            blocked: false,
            unlooked: 0,
            look_at: None,
            wire_acked: 0,
            began: None,
            part_at: None,
            progress: None,
            probing: false,
            is_closing: false,
        }
    }

    /// Asks the kernel, and takes what it says for evidence.
    fn poll_kernel(&mut self, now: Instant) -> io::Result<()> {
        let look = self.link.look()?;
        self.unlooked = 0;
        self.proven = self.evidence.observe(look.acked, look.window, now.into_std());
        if look.wire_acked > self.wire_acked {
            self.wire_acked = look.wire_acked;
            self.progress = Some(now);
        }
        self.look_at = if look.outstanding {
            Some(now + LOOK_OUTSTANDING)
        } else {
            self.progress = None;
            (self.proven < self.taken).then(|| now + LOOK_QUIET)
        };
        let in_doubt = !look.outstanding && self.evidence.is_in_doubt();
        if in_doubt != self.probing {
            // On a connection that is over this fails; reading tells how it ended.
            let _ = self.link.probe(in_doubt);
            self.probing = in_doubt;
        }
        Ok(())
    }

    /// From when on the receiver's FIN proves something, where that is later than now.
    fn proves_from(&self) -> Option<Instant> {
        let from = self.began.filter(|_| self.link.wire() <= FIRST_BYTES);
        from.map(|began| began + FIRST).filter(|&from| from > Instant::now())
    }

    /// EPIPE on a connection that we have not shut down: the kernel had FIN before RST.
    fn broken(&mut self, error: io::Error) -> Result<(), Why> {
        match error.kind() {
            io::ErrorKind::BrokenPipe => self.peer_closed(),
            _ => Err(Why::Broken(error)),
        }
    }

    /// The receiver's FIN has come. See the module's documentation.
    fn peer_closed(&mut self) -> Result<(), Why> {
        self.hear_out().map_err(Why::Broken)?;
        if self.proves_from().is_some() {
            return Err(Why::Rejected { over_tls: self.link.is_encrypted() });
        }
        let Ok(first) = self.link.look() else { return Err(Why::Closed) };
        let _ = self.link.finish();
        let until = Instant::now() + SETTLE;
        self.state = State::PeerClosed { first, last: first, until };
        Ok(())
    }

    /// Reads all that came before the receiver's FIN. Where writing has told of that, an alert may stand
    /// there: the receiver took part of what it read for nothing that it wants.
    fn hear_out(&mut self) -> io::Result<()> {
        // What came before the FIN is here, so this does not go on for long.
        while self.link.receive_now()? == Heard::Much {}
        Ok(())
    }

    /// After the receiver's FIN: whether the fate of what was under way is known. Confirms what it
    /// proves.
    fn is_settled(&mut self, now: Instant) -> bool {
        let State::PeerClosed { first, ref mut last, until } = self.state else { return false };
        let (look, is_known) = match self.link.look() {
            Ok(look) => (look, !look.unacknowledged || look.closed || now >= until),
            Err(_) => (*last, true),
        };
        *last = look;
        let went_on_reading = look.acked > first.acked;
        if is_known && (!went_on_reading || !look.unacknowledged) {
            self.proven = self.proven.max(look.acked);
        }
        is_known
    }

    /// A receiver that said `close_notify` closes soon. One that waits for our side to end first gets
    /// FIN after a while; not at once, and no `close_notify` in return, because closing a socket that
    /// holds one unread would make the kernel send RST.
    fn hang_up_if_due(&mut self, now: Instant) {
        if matches!(self.state, State::Dismissed(until) if now + PATIENCE >= until) {
            let _ = self.link.finish();
        }
    }
}

impl Transport for Stream {
    fn peer(&self) -> SocketAddr {
        self.link.peer
    }

    fn protocol(&self) -> &'static str {
        self.link.protocol()
    }

    fn write(&mut self, ledger: &mut Ledger) -> Result<(), Why> {
        let before = ledger.unwritten_bytes();
        while self.can_write() {
            match self.link.send(ledger) {
                Ok(Sent::Nothing) => break,
                Ok(Sent::Blocked) => self.blocked = true,
                Ok(Sent::Some(count)) => self.unlooked += count,
                Err(error) => return self.broken(error),
            }
        }
        self.taken += before - ledger.unwritten_bytes();
        if self.unlooked > 0 {
            let now = Instant::now();
            self.began.get_or_insert(now);
            self.progress.get_or_insert(now);
            if self.unlooked >= LOOK_BYTES {
                self.look_at = Some(now);
            } else {
                self.look_at.get_or_insert(now + LOOK_OUTSTANDING);
            }
        }
        Ok(())
    }

    fn listen(&mut self) -> Result<(), Why> {
        self.blocked = false;
        match self.link.receive() {
            Ok(Heard::Nothing | Heard::Much) => Ok(()),
            Ok(Heard::CloseNotify) => {
                if matches!(self.state, State::Open) {
                    self.state = State::Dismissed(Instant::now() + DISMISSAL);
                }
                Ok(())
            }
            Ok(Heard::Fin) => self.peer_closed(),
            Err(error) => self.broken(error),
        }
    }

    fn advance(&mut self, now: Instant) -> Result<u64, Why> {
        self.hang_up_if_due(now);
        if matches!(self.state, State::PeerClosed { .. }) {
            return if self.is_settled(now) { Err(Why::Closed) } else { Ok(self.proven) };
        }
        if self.look_at.is_some_and(|at| at <= now)
            && let Err(error) = self.poll_kernel(now)
        {
            self.broken(error)?;
        }
        match self.state {
            State::Closing(until) | State::Dismissed(until)
                if now >= until && self.proven < self.taken =>
            {
                Err(Why::NotClosing)
            }
            State::Dismissed(until) if now >= until => Err(Why::NotClosing),
            _ => Ok(self.proven),
        }
    }

    fn close(&mut self, until: Instant) -> Result<(), Why> {
        if !matches!(self.state, State::Open) {
            return Ok(());
        }
        self.part_at = self.proves_from();
        if self.part_at.is_some() {
            return Ok(());
        }
        self.link.close_notify();
        // The kernel had room a moment ago; if it takes no `close_notify` now, FIN must do.
        if let Err(error) = self.link.flush() {
            return self.broken(error);
        }
        if self.link.finish().is_err() {
            // The connection is over already; reading tells how.
            return Ok(());
        }
        self.is_closing = true;
        self.state = State::Closing(until);
        self.look_at = Some(Instant::now() + LOOK_OUTSTANDING);
        Ok(())
    }

    fn is_closing(&self) -> bool {
        self.is_closing
    }

    fn last_proof(&mut self) -> u64 {
        let now = Instant::now();
        if matches!(self.state, State::PeerClosed { .. }) {
            self.is_settled(now);
        } else {
            let _ = self.poll_kernel(now);
        }
        self.proven
    }

    fn abort(self: Box<Self>) {
        self.link.abort();
    }

    fn wake_at(&self) -> Option<Instant> {
        let until = match self.state {
            State::Open => None,
            State::Dismissed(until) if !self.link.is_finished() => until.checked_sub(PATIENCE),
            State::Closing(until) | State::Dismissed(until) => Some(until),
            State::PeerClosed { .. } => return Some(Instant::now() + SETTLE_LOOK),
        };
        [self.look_at, until, self.part_at].into_iter().flatten().min()
    }

    fn readiness(&self) -> Readiness {
        let interest = match self.state {
            // Its end stays readable.
            State::PeerClosed { .. } => None,
            _ if self.blocked => Some(Interest::READABLE | Interest::WRITABLE),
            _ => Some(Interest::READABLE),
        };
        Readiness { socket: Socket::Stream(self.link.socket()), interest }
    }

    fn can_write(&self) -> bool {
        matches!(self.state, State::Open) && !self.blocked && self.unlooked < LOOK_BYTES
    }

    fn has_unsent(&self) -> bool {
        self.link.has_unsent()
    }

    fn is_used_up(&self) -> bool {
        self.link.keys_are_exhausted()
    }

    fn is_lendable(&self) -> bool {
        true
    }

    fn stalled_for(&self, now: Instant) -> Duration {
        self.progress.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    fn shows_reading(&self) -> bool {
        self.evidence.shows_reading()
    }
}
