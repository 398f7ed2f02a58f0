//! Datagrams: one message each, no acknowledgement.
//!
//! What is promised: nothing is skipped by us. A message counts as delivered once the kernel has
//! taken it and no error came back within [`HOLD`]. A receiver whose port is closed answers by
//! ICMP; what was sent shortly before is then kept and sent again, at first a single message
//! every now and then, until no error comes back for [`TRIAL`]. What the network drops, and what a
//! receiver has no room for, is lost unnoticed: only TCP and TLS can do better.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::io::Errno;
use tokio::io::Interest;
use tokio::time::{Instant, timeout};
use tracing::{debug, warn};

use super::connect::{self, ConnectError};
use super::datagrams::{DatagramSocket, HOLD};
use super::target::Target;
use super::{Memory, Patience, Readiness, Transport, Why};
use crate::deliver::ledger::Ledger;

/// Messages handed to the kernel at a time.
const GROUP: usize = 64;
/// How long messages are sent one by one after an error. That a host is gone its neighbour says after
/// three seconds of asking for it (`mcast_solicit`, arp(7)), and it limits its answers: Linux gives
/// the same peer one a second when it has had several (`icmp_ratelimit`, icmp(7)). What was on its way
/// before may take the answers of one round; those of the next are ours.
const TRIAL: Duration = Duration::from_secs(8);
/// The kernel has no memory for a datagram just now.
const NO_BUFFERS: Duration = Duration::from_millis(10);

/// Datagrams at work.
#[derive(Debug)]
pub(in crate::deliver) struct Datagrams {
    socket: DatagramSocket,
    host: String,
    /// How many bytes count as delivered.
    proven: u64,
    /// Nothing came back for the first messages.
    is_reached: bool,
    /// Not before then, for the kernel has no memory.
    retry_at: Option<Instant>,
    is_closing: bool,
}

impl Datagrams {
    /// Opens a socket to an address of `target`; after one was refused, to the next.
    pub(in crate::deliver) async fn open(
        target: &Target,
        memory: &Memory,
    ) -> Result<Self, ConnectError> {
        let trial = if memory.refused.is_some() { TRIAL } else { HOLD };
        let opening = DatagramSocket::open(&target.host, target.port, memory.refused, trial);
        let opened = timeout(target.connect_timeout, opening).await;
        let socket = opened.unwrap_or_else(|_| Err(connect::timed_out(target)))?;
        Ok(Self {
            socket,
            host: target.host.clone(),
            proven: 0,
            is_reached: false,
            retry_at: None,
            is_closing: false,
        })
    }

    /// Sends the next messages of `ledger`, at most `most`.
    fn send_group(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<()> {
        let frames: Vec<_> = ledger.unwritten_frames().take(most).collect();
        let Some(first) = frames.first() else { return Ok(()) };
        let count = match self.socket.send(&frames) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.socket.blocked = true;
                return Ok(());
            }
            Err(error) if is(Errno::NOBUFS, &error) => {
                debug!("the kernel has no room for a datagram; waiting");
                self.retry_at = Some(Instant::now() + NO_BUFFERS);
                return Ok(());
            }
            // A router may have said that of an earlier one; that error is used up now.
            Err(error) if is(Errno::MSGSIZE, &error) => match self.socket.send(&frames[..1]) {
                Err(again) if is(Errno::MSGSIZE, &again) => {
                    let bytes = first.len();
                    warn!(
                        "a message of {bytes} bytes is too large for a datagram and is not sent; \
                         lower udp_max_line_length or use TCP"
                    );
                    1
                }
                _ => return Err(error),
            },
            Err(error) => return Err(error),
        };
        let bytes: usize = frames[..count].iter().map(|frame| frame.len()).sum();
        ledger.wrote(bytes);
        self.socket.took(bytes);
        Ok(())
    }

    fn unreachable(&self, source: io::Error) -> Why {
        let (host, address) = (self.host.clone(), self.socket.peer);
        Why::Unreachable(ConnectError::Refused { host, address, source })
    }
}

impl Transport for Datagrams {
    fn peer(&self) -> SocketAddr {
        self.socket.peer
    }

    fn protocol(&self) -> &'static str {
        "UDP"
    }

    fn is_reached(&self) -> bool {
        self.is_reached
    }

    fn write(&mut self, ledger: &mut Ledger) -> Result<(), Why> {
        match self.socket.may_send(GROUP) {
            Some(most) if self.can_write() => {
                self.send_group(ledger, most).map_err(|error| self.unreachable(error))
            }
            _ => Ok(()),
        }
    }

    fn listen(&mut self) -> Result<(), Why> {
        self.socket.listen().map_err(|error| self.unreachable(error))
    }

    fn advance(&mut self, now: Instant) -> Result<u64, Why> {
        if self.retry_at.is_some_and(|at| at <= now) {
            self.retry_at = None;
        }
        let delivered = self.socket.delivered().map_err(|error| self.unreachable(error))?;
        if let Some(bytes) = delivered {
            self.proven = bytes;
            self.is_reached = true;
        }
        Ok(self.proven)
    }

    fn close(&mut self, _patience: Patience) -> Result<(), Why> {
        self.is_closing = true;
        Ok(())
    }

    fn is_closing(&self) -> bool {
        self.is_closing
    }

    fn last_proof(&mut self) -> u64 {
        self.proven
    }

    fn abort(self: Box<Self>) {}

    fn wake_at(&self) -> Option<Instant> {
        [self.socket.wake_at(), self.retry_at].into_iter().flatten().min()
    }

    fn readiness(&self) -> Readiness {
        let interest = Interest::READABLE | Interest::ERROR;
        let blocked = self.socket.blocked;
        let interest = if blocked { interest | Interest::WRITABLE } else { interest };
        Readiness { socket: self.socket.socket(), interest: Some(interest) }
    }

    fn can_write(&self) -> bool {
        !self.is_closing && self.retry_at.is_none() && self.socket.may_send(GROUP).is_some()
    }
}

fn is(kind: Errno, error: &io::Error) -> bool {
    error.raw_os_error() == Some(kind.raw_os_error())
}
