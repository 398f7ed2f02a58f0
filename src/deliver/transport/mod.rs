//! The ways to the receiver, below the ledger. A [`Transport`] is one open way: it writes what the
//! ledger has, says how much of that is proven to be read, and closes in good order. Each has its
//! own proof; the ledger only keeps what is not proven.
//!
//! A transport does nothing by itself. Whoever serves it waits until its socket is ready or the
//! time it names has come, and calls it then.

mod burst;
pub(super) mod connect;
pub(super) mod datagrams;
pub(super) mod ending;
pub(super) mod refusal;
pub(super) mod relp;
pub(super) mod roots;
pub(super) mod stream;
pub(super) mod target;
pub(super) mod tcp;
pub(super) mod tls;
pub(super) mod tls_clients;
pub(super) mod trust;
pub(super) mod udp;
mod why;
mod wire;

use std::fmt::Debug;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;

use self::burst::Burst;
use self::connect::ConnectError;
use self::ending::Suspicion;
use self::relp::{Refusals, Relp};
use self::stream::Stream;
use self::target::{Target, TransportKind};
use self::tls_clients::TlsClients;
use self::udp::Datagrams;
pub(super) use self::why::Why;
use super::ledger::Ledger;

/// One open way to the receiver.
///
/// Offsets count the bytes taken from the ledger since the transport was opened. Every method may
/// say why the transport has ended; then nothing but [`Transport::last_proof`] and
/// [`Transport::abort`] is to be called.
pub(super) trait Transport: Debug + Send {
    /// The address that answered.
    fn peer(&self) -> SocketAddr;

    /// How it is spoken to, in a word for the log.
    fn protocol(&self) -> &'static str;

    /// Whether the receiver is known to be there.
    fn is_reached(&self) -> bool {
        true
    }

    /// Writes what `ledger` has, until the socket takes no more, nothing is left, or
    /// [`Transport::advance`] has its turn first.
    fn write(&mut self, ledger: &mut Ledger) -> Result<(), Why>;

    /// The socket is ready: reads what the receiver has said.
    fn listen(&mut self) -> Result<(), Why>;

    /// Does what is due by `now`. Returns how many bytes are proven to be read.
    fn advance(&mut self, now: Instant) -> Result<u64, Why>;

    /// Ends our side in good order, once everything it was given is written, and as soon as the
    /// receiver's answer would prove something. May be called again.
    fn close(&mut self, patience: Patience) -> Result<(), Why>;

    /// Until when our own close, which was asked for, waits to be worth something.
    fn parts_at(&self) -> Option<Instant> {
        None
    }

    /// Our own close would prove what is not proven yet, now or later.
    fn can_hand_over(&self) -> bool {
        false
    }

    /// Our own close, now and answered, would prove what is not proven yet.
    fn may_close(&mut self, _now: Instant) -> bool {
        false
    }

    /// Our side is ended.
    fn is_closing(&self) -> bool;

    /// How many bytes are proven to be read, now that the transport has ended.
    fn last_proof(&mut self) -> u64;

    /// Ends the transport at once. What the kernel still holds is not delivered late, behind what
    /// the next one sends.
    fn abort(self: Box<Self>);

    /// When [`Transport::advance`] is due.
    fn wake_at(&self) -> Option<Instant>;

    /// What to wait for otherwise. Does not borrow the transport, which may be lent out meanwhile.
    fn readiness(&self) -> Readiness;

    /// [`Transport::write`] would get on.
    fn can_write(&self) -> bool;

    /// It holds something that the socket has not taken yet.
    fn has_unsent(&self) -> bool {
        false
    }

    /// Another transport should take over: this one has served for as long as it may.
    fn is_used_up(&self) -> bool {
        false
    }

    /// Others may write to it while nothing else is to be done.
    fn is_lendable(&self) -> bool {
        false
    }

    /// How long the receiver has taken nothing of what it was given.
    fn stalled_for(&self, _now: Instant) -> Duration {
        Duration::ZERO
    }

    /// The receiver has visibly read something, even where nothing is proven.
    fn shows_reading(&self) -> bool {
        false
    }

    /// What it is given is proven while it lasts, all of it and soon: to end it would prove nothing more.
    fn proves_by_itself(&self) -> bool {
        false
    }

    /// What the receiver said of a message that it does not want and that was given up since the last
    /// call. It counts as proven.
    fn take_given_up(&mut self) -> Option<String> {
        None
    }

    /// The receiver is suspicious, and expected to end it before long: another one should stand by.
    fn may_end_soon(&self, _now: Instant) -> bool {
        false
    }

    /// What its receiver is to be thought of.
    fn impression(&mut self) -> Impression {
        Impression::default()
    }

    /// The one for which it stood by has ended, and left this.
    fn take_turn(&mut self, _memory: &Memory) {}
}

/// How long the answer to our close is awaited.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// It may have much to read.
    Until(Instant),
    /// It has read all if it reads at all, so that a late answer would prove nothing.
    Prompt,
}

/// What a connection has shown of its receiver.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Impression {
    /// How long it lasted.
    pub(super) age: Duration,
    /// How long it was in use.
    pub(super) used: Duration,
    /// Bytes it took from the ledger.
    pub(super) taken: u64,
    /// How many of them are proven to be read.
    pub(super) proven: u64,
    /// It outlived its trial, and ended with the first message or soon after: that does not make the
    /// receiver more suspicious than it was.
    pub(super) outlived: bool,
    /// It has been in use for so long, or for so much, that somebody who understands is there.
    pub(super) is_trusted: bool,
    /// What it got last at a time, if it was on trial and got anything.
    pub(super) burst: Option<Burst>,
    /// How the message has fared that is the next to be sent, where the receiver refuses some.
    pub(super) refusals: Refusals,
    /// The receiver said `close_notify`, and had not closed before we did.
    pub(super) waits_for_ours: bool,
}

/// However soon a receiver ends its connections, none hands over sooner than this for that.
const SHORTEST_HANDOVER: Duration = Duration::from_secs(1);
/// When the receiver has reset so many connections in a row, the next ones hand over before it does.
const RESETS: u32 = 2;

/// What one transport leaves to the next one to the same receiver.
#[derive(Debug, Default, Clone)]
pub(super) struct Memory {
    /// An address that answered with an error when it was sent to.
    pub(super) refused: Option<SocketAddr>,
    /// The receiver has ended a connection in a way that proves nothing.
    pub(super) suspicion: Option<Suspicion>,
    /// How often in a row a handover, or another close of ours, has proven nothing.
    pub(super) failed_handovers: u32,
    /// Connections hand over within this time, whatever is configured: the receiver has ended one by
    /// itself in a way that does not prove what was sent.
    pub(super) hands_over_within: Option<Duration>,
    /// How often in a row the receiver has reset a connection that held something unproven.
    resets: u32,
    /// How the message has fared that is the next to be sent, where the receiver refuses some.
    pub(super) refusals: Refusals,
    /// What TLS keeps: whom it trusts, and sessions to be resumed.
    pub(super) tls: Arc<TlsClients>,
}

impl Memory {
    /// A handover, or another close of ours, has proven all that was sent; or it has not.
    pub(super) fn own_close(&mut self, proves: bool) {
        self.failed_handovers = if proves { 0 } else { self.failed_handovers + 1 };
    }

    /// Takes note of how a connection ended.
    pub(super) fn note(&mut self, why: &Why, impression: Impression) {
        self.refusals = impression.refusals;
        let is_reset = matches!(why, Why::Unread | Why::Broken(_)) && why.is_theirs();
        let is_reset_young =
            is_reset && impression.proven < impression.taken && !impression.is_trusted;
        self.resets = if is_reset_young { self.resets + 1 } else { 0 };
        let is_early = ending::is_early(impression.used);
        match why {
            // Our own close would have proven it in time.
            Why::Farewell => self.forestall(&impression),
            Why::Unproven { .. } if !is_early => self.forestall(&impression),
            _ if self.resets >= RESETS => self.forestall(&impression),
            Why::Closed if impression.proven == impression.taken => {
                self.hands_over_within =
                    self.hands_over_within.map(|within| within.saturating_mul(9) / 8);
            }
            _ => {}
        }
        match why {
            Why::Unreachable(error) => self.refused = error.address(),
            // Some close what has been idle for a while.
            Why::Unproven { .. } if !is_early => {}
            Why::Unproven { .. } | Why::Unused { .. } => {
                let Impression { age, used, outlived, .. } = impression;
                let before = self.suspicion.unwrap_or_default();
                self.suspicion = Some(before.after(age, used, outlived));
            }
            _ if impression.is_trusted => self.suspicion = None,
            Why::Unread | Why::Farewell | Why::Broken(_) => {
                // Where it got none yet, as from a process that was just killed, none was too large.
                if let (Some(suspicion), Some(burst)) = (&mut self.suspicion, impression.burst) {
                    suspicion.burst = burst.failed();
                }
            }
            Why::Closed if impression.proven == impression.taken => {
                if let Some(suspicion) = &mut self.suspicion {
                    suspicion.has_passed = true;
                    suspicion.burst = impression.burst.unwrap_or(suspicion.burst).succeeded();
                }
            }
            Why::Renewed if impression.proven == impression.taken => {
                self.suspicion = self.suspicion.map(Suspicion::after_renewal);
            }
            Why::NotClosing | Why::LateAnswer(_) => {
                self.suspicion = self.suspicion.map(Suspicion::after_silence);
            }
            _ => {}
        }
        if let Some(suspicion) = &mut self.suspicion {
            suspicion.waits_for_ours |= impression.waits_for_ours;
        }
    }

    /// The next connections are closed by us before the receiver does, or breaks them.
    fn forestall(&mut self, impression: &Impression) {
        self.hands_over_within = Some((impression.used / 2).max(SHORTEST_HANDOVER));
    }
}

/// Opens a way to `target` within its `connect_timeout`.
pub(super) async fn open(
    target: Target,
    memory: Memory,
) -> Result<Box<dyn Transport>, ConnectError> {
    Ok(match target.transport {
        TransportKind::Udp => Box::new(Datagrams::open(&target, &memory).await?),
        TransportKind::Tcp | TransportKind::Tls(_) => {
            Box::new(Stream::open(&target, &memory).await?)
        }
        TransportKind::Relp { limits, .. } => Box::new(Relp::open(&target, limits, &memory).await?),
    })
}

/// A socket to wait for.
#[derive(Debug)]
pub(super) struct Readiness {
    pub(super) socket: Socket,
    /// For what. `None`: it has nothing more to say.
    pub(super) interest: Option<Interest>,
}

/// A socket, and the right to wait for it.
#[derive(Debug, Clone)]
pub(super) enum Socket {
    Stream(Arc<TcpStream>),
    Datagrams(Arc<UdpSocket>),
    /// One that is made up.
    #[cfg(test)]
    Model(model::ModelSocket),
}

impl Readiness {
    /// Waits until the socket is ready.
    pub(super) async fn wait(self) -> io::Result<()> {
        let Self { socket, interest } = self;
        let Some(interest) = interest else { return std::future::pending().await };
        let ready = match socket {
            Socket::Stream(socket) => socket.ready(interest).await,
            Socket::Datagrams(socket) => socket.ready(interest).await,
            #[cfg(test)]
            Socket::Model(socket) => return socket.ready(interest).await,
        };
        ready.map(drop)
    }
}

#[cfg(test)]
pub(super) mod model;

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker over TLS with a limit that a quiet log reaches after 100 s each time.
    #[test]
    fn a_receiver_that_says_farewell_is_forestalled_by_a_handover() {
        let seconds = Duration::from_secs;
        let ended = |used: Duration, proven| Impression {
            age: used,
            used,
            taken: 100,
            proven,
            is_trusted: true,
            ..Impression::default()
        };
        let mut memory = Memory::default();
        memory.note(&Why::Closed, ended(seconds(100), 100));
        assert_eq!(memory.hands_over_within, None);
        memory.note(&Why::Farewell, ended(seconds(100), 0));
        assert_eq!(memory.hands_over_within, Some(seconds(50)));
        let mut handovers = 0;
        while memory.hands_over_within.unwrap() < seconds(100) {
            memory.note(&Why::Closed, ended(memory.hands_over_within.unwrap(), 100));
            handovers += 1;
        }
        assert_eq!(handovers, 6, "so many prove something for each that is repeated");
        memory.note(&Why::Farewell, ended(Duration::from_millis(100), 0));
        assert_eq!(memory.hands_over_within, Some(seconds(1)));
    }

    fn ended(age: u64, used: u64) -> Impression {
        let (age, used) = (Duration::from_secs(age), Duration::from_secs(used));
        Impression { age, used, taken: 100, ..Impression::default() }
    }

    fn unproven(used: u64) -> Why {
        Why::Unproven { after: Duration::from_secs(used), over_tls: false, proxied: false }
    }

    /// haproxy's `timeout client 50s`, or a load balancer.
    #[test]
    fn one_that_closes_what_was_idle_for_long_is_forestalled_and_not_suspicious() {
        let mut memory = Memory::default();
        memory.note(&unproven(50), ended(50, 50));
        assert_eq!(memory.hands_over_within, Some(Duration::from_secs(25)));
        assert!(memory.suspicion.is_none());
    }

    #[test]
    fn one_that_resets_again_and_again_is_forestalled() {
        let reset = Why::Broken(io::ErrorKind::ConnectionReset.into());
        let mut memory = Memory::default();
        memory.note(&reset, ended(4, 4));
        assert_eq!(memory.hands_over_within, None, "that happens");
        memory.note(&reset, ended(4, 4));
        assert_eq!(memory.hands_over_within, Some(Duration::from_secs(2)));
        memory.note(&Why::Closed, Impression { proven: 100, ..ended(2, 2) });
        memory.note(&reset, ended(4, 4));
        let grown = Duration::from_secs(2) * 9 / 8;
        assert_eq!(memory.hands_over_within, Some(grown), "once in a while");
    }

    #[test]
    fn a_reset_before_anything_was_sent_makes_no_burst_smaller() {
        let reset = Why::Broken(io::ErrorKind::ConnectionReset.into());
        let mut memory = Memory::default();
        memory.note(&unproven(1), ended(1, 1));
        let bursts = |memory: &Memory| memory.suspicion.map(|it| it.burst);
        // Made to a process that was killed before it was accepted.
        memory.note(&reset, Impression { taken: 0, ..ended(0, 0) });
        assert_eq!(bursts(&memory), Some(Burst::default()));
        let burst = Some(Burst::default());
        memory.note(&reset, Impression { burst, ..ended(1, 1) });
        assert_eq!(bursts(&memory), burst.map(Burst::failed));
    }
}
