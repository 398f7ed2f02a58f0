//! The ways to the receiver, below the ledger. A [`Transport`] is one open way: it writes what the
//! ledger has, says how much of that is proven to be read, and closes in good order. Each has its
//! own proof; the ledger only keeps what is not proven.
//!
//! A transport does nothing by itself. Whoever serves it waits until its socket is ready or the
//! time it names has come, and calls it then.

pub(super) mod connect;
pub(super) mod datagrams;
pub(super) mod roots;
pub(super) mod stream;
pub(super) mod target;
pub(super) mod tcp;
pub(super) mod tls;
pub(super) mod trust;
pub(super) mod udp;

use std::fmt::{self, Debug};
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::Instant;

use self::connect::ConnectError;
use self::stream::Stream;
use self::target::{Target, TransportKind};
use self::udp::Datagrams;
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

    /// Ends our side in good order, once everything it was given is written; the receiver has until
    /// `until` to end its own. May be called again.
    fn close(&mut self, until: Instant) -> Result<(), Why>;

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
}

/// What one transport leaves to the next one to the same receiver.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// An address that answered with an error when it was sent to.
    pub(super) refused: Option<SocketAddr>,
}

/// Opens a way to `target` within its `connect_timeout`.
pub(super) async fn open(
    target: &Target,
    memory: &Memory,
) -> Result<Box<dyn Transport>, ConnectError> {
    Ok(match target.transport {
        TransportKind::Udp => Box::new(Datagrams::open(target, memory).await?),
        TransportKind::Tcp | TransportKind::Tls(_) => Box::new(Stream::open(target).await?),
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
}

impl Readiness {
    /// Waits until the socket is ready.
    pub(super) async fn wait(self) -> io::Result<()> {
        let Self { socket, interest } = self;
        let Some(interest) = interest else { return std::future::pending().await };
        let ready = match socket {
            Socket::Stream(socket) => socket.ready(interest).await,
            Socket::Datagrams(socket) => socket.ready(interest).await,
        };
        ready.map(drop)
    }
}

/// Why a transport has ended.
#[derive(Debug)]
pub(super) enum Why {
    /// The receiver has closed it.
    Closed,
    /// The receiver has closed it right after the first bytes, which proves nothing.
    Rejected { over_tls: bool },
    /// The receiver does not close it, though we have.
    NotClosing,
    /// We ended it, to begin another.
    Renewed,
    /// The receiver acknowledged nothing for so long.
    TimedOut(Duration),
    /// It broke.
    Broken(io::Error),
    /// The network says that nobody is there.
    Unreachable(ConnectError),
}

impl Why {
    /// In one word, for the meters.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Closed | Self::Rejected { .. } => "closed",
            Self::NotClosing => "not_closing",
            Self::Renewed => "renewed",
            Self::TimedOut(_) => "stalled",
            Self::Broken(error) if error.kind() == io::ErrorKind::ConnectionReset => "reset",
            Self::Broken(_) => "broken",
            Self::Unreachable(error) => error.kind(),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the receiver"),
            Self::Rejected { over_tls } => {
                let remedy = match over_tls {
                    true => "if it is a proxy, see that what it leads to runs",
                    false => "if it expects TLS, set destination.protocol: tls",
                };
                write!(
                    f,
                    "closed by the receiver right after the first messages, so that they do not count \
                     as delivered; {remedy}"
                )
            }
            Self::Renewed => f.write_str("it is renewed"),
            Self::NotClosing => f.write_str("the receiver does not close it"),
            Self::TimedOut(after) => {
                write!(f, "nothing was acknowledged for {} s (write_timeout)", after.as_secs())
            }
            Self::Broken(error) => std::fmt::Display::fmt(error, f),
            Self::Unreachable(error) => std::fmt::Display::fmt(error, f),
        }
    }
}
