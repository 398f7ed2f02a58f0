//! Datagrams: one message each, no acknowledgement.
//!
//! What is promised: nothing is skipped by us. A message counts as delivered once the kernel has
//! taken it and no error came back within [`HOLD`]. A receiver whose port is closed answers by
//! ICMP; what was sent shortly before is then kept and sent again, at first a single message
//! every now and then, until no error comes back. What the network drops, and what a receiver
//! has no room for, is lost unnoticed: only TCP and TLS can do better.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, warn};

use super::connect::{self, ConnectError};
use super::evidence::Window;
use super::{GRACE, Sender, changed};

/// How long an error may take to come back: longer than most round trips.
const HOLD: Duration = Duration::from_millis(100);
/// No more bytes than these are kept for that.
const MOST_HELD: u64 = 4 << 20;
/// Messages handed to the kernel at a time.
const GROUP: usize = 64;
/// The kernel has no memory for a datagram just now.
const NO_BUFFERS: Duration = Duration::from_millis(10);

/// A socket at work.
struct Datagrams {
    socket: UdpSocket,
    peer: SocketAddr,
    /// Bytes the kernel has taken since the socket was opened.
    sent: u64,
    /// When which of them were taken, as far as errors may still come back.
    held: VecDeque<(Instant, u64)>,
    /// No message has gone unanswered yet: they are sent one at a time.
    on_trial: bool,
    blocked: bool,
    leave_by: Option<Instant>,
}

impl Sender {
    /// Sends datagrams until there are no more batches, or told to leave.
    pub(super) async fn run_udp(&mut self) {
        loop {
            let delay = self.backoff.next(fastrand::f64());
            if self.pause(Instant::now() + delay).await.is_none() {
                return;
            }
            let opening = Datagrams::open(&self.target.host, self.target.port);
            let mut datagrams = match self.meters.beat.during(opening).await {
                Ok(datagrams) => datagrams,
                Err(error) => {
                    self.report.failed(&error);
                    continue;
                }
            };
            self.ledger.connected(Window::default(), Instant::now().into_std());
            match self.serve(&mut datagrams).await {
                Ok(()) => return,
                Err(source) => {
                    let (host, address) = (self.target.host.clone(), datagrams.peer);
                    self.report.failed(&ConnectError::Refused { host, address, source });
                }
            }
        }
    }

    async fn serve(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        loop {
            self.meters.beat.turn();
            self.settle(datagrams);
            let leaving = self.leave.is_cancelled();
            if leaving {
                let by = *datagrams.leave_by.get_or_insert(Instant::now() + GRACE);
                if Instant::now() >= by {
                    return Ok(());
                }
            }
            if (leaving || self.no_more) && self.ledger.is_settled() {
                return Ok(());
            }
            if self.is_moving && datagrams.held.is_empty() {
                return Ok(());
            }
            if datagrams.may_send() && !self.is_moving {
                self.send_group(datagrams).await?;
            }
            self.wait_for_datagrams(datagrams).await?;
        }
    }

    /// What was taken long enough ago counts as delivered.
    fn settle(&mut self, datagrams: &mut Datagrams) {
        let now = Instant::now();
        let mut delivered = None;
        while let Some(&(at, sent)) = datagrams.held.front()
            && (now >= at + HOLD || datagrams.sent - sent >= MOST_HELD)
        {
            delivered = Some(sent);
            datagrams.held.pop_front();
        }
        let Some(sent) = delivered else { return };
        if datagrams.on_trial {
            datagrams.on_trial = false;
            self.backoff.reset();
            self.report.connected(datagrams.peer, "UDP", 0);
        }
        self.ledger.closed_by_peer(sent);
        self.settle_accounts();
    }

    async fn send_group(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        let most = if datagrams.on_trial { 1 } else { GROUP };
        let frames: Vec<_> = self.ledger.unwritten_frames().take(most).collect();
        let Some(first) = frames.first() else { return Ok(()) };
        let count = match datagrams.send(&frames) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                datagrams.blocked = true;
                return Ok(());
            }
            Err(error) if error.raw_os_error() == Some(Errno::NOBUFS.raw_os_error()) => {
                debug!("the kernel has no room for a datagram; waiting");
                sleep(NO_BUFFERS).await;
                return Ok(());
            }
            Err(error) if error.raw_os_error() == Some(Errno::MSGSIZE.raw_os_error()) => {
                let bytes = first.len();
                warn!(
                    "a message of {bytes} bytes is too large for a datagram and is not sent; \
                     lower udp_max_line_length or use TCP"
                );
                1
            }
            Err(error) => return Err(error),
        };
        let bytes: usize = frames[..count].iter().map(|frame| frame.len()).sum();
        self.ledger.wrote(bytes);
        datagrams.took(bytes);
        Ok(())
    }

    async fn wait_for_datagrams(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        let pending = self.ledger.unwritten_bytes() > 0;
        let writes_on = pending && datagrams.may_send();
        let takes =
            !pending && !self.no_more && !self.leave.is_cancelled() && self.returns.is_empty();
        let (takes, writes_on) = (takes && !self.is_moving, writes_on && !self.is_moving);
        let held = datagrams.held.front().map(|&(at, _)| at + HOLD);
        let wake_at = [held, datagrams.leave_by].into_iter().flatten().min();
        tokio::select! {
            biased;
            ready = datagrams.ready() => ready?,
            () = self.leave.cancelled(), if datagrams.leave_by.is_none() => {}
            () = changed(&mut self.targets), if !self.is_moving => self.is_moving = true,
            () = self.returns.pass_on() => {}
            () = self.meters.beat.asked() => {}
            batch = self.batches.recv(), if takes => self.take(batch),
            () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            () = std::future::ready(()), if writes_on => {}
        }
        Ok(())
    }
}

impl Datagrams {
    async fn open(host: &str, port: u16) -> Result<Self, ConnectError> {
        let mut failed = ConnectError::NoAddress { host: host.to_owned() };
        for peer in connect::resolve(host, port).await? {
            match Self::connected(peer).await {
                Ok(datagrams) => return Ok(datagrams),
                Err(source) => {
                    let host = host.to_owned();
                    failed = ConnectError::Refused { host, address: peer, source };
                }
            }
        }
        Err(failed)
    }

    async fn connected(peer: SocketAddr) -> io::Result<Self> {
        Ok(Self {
            socket: socket(peer).await?,
            peer,
            sent: 0,
            held: VecDeque::new(),
            on_trial: true,
            blocked: false,
            leave_by: None,
        })
    }

    fn may_send(&self) -> bool {
        !self.blocked && (!self.on_trial || self.held.is_empty())
    }

    /// Hands `frames` to the kernel; returns how many it took, at least one.
    fn send(&self, frames: &[&[u8]]) -> io::Result<usize> {
        let slices: Vec<_> = frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
        let mut controls: Vec<_> = frames.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<_> = slices
            .iter()
            .zip(&mut controls)
            .map(|(iov, control)| MMsgHdr::new(iov, control))
            .collect();
        self.socket.try_io(Interest::WRITABLE, || {
            Ok(sendmmsg(&self.socket, &mut messages, SendFlags::DONTWAIT)?)
        })
    }

    fn took(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        let now = Instant::now();
        match self.held.back_mut() {
            // A tenth of the time is exact enough.
            Some((at, sent)) if now < *at + HOLD / 10 => *sent = self.sent,
            _ => self.held.push_back((now, self.sent)),
        }
    }

    /// Waits until an error has come back, or there is room again. Answers are thrown away.
    async fn ready(&mut self) -> io::Result<()> {
        let interest = Interest::READABLE | Interest::ERROR;
        let interest = if self.blocked { interest | Interest::WRITABLE } else { interest };
        let ready = self.socket.ready(interest).await?;
        if ready.is_writable() {
            self.blocked = false;
        }
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        match self.socket.try_recv(&mut [0; 512]) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}

/// A socket that sends to `peer` and hears of errors from there.
pub(super) async fn socket(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any = match peer {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(peer).await?;
    Ok(socket)
}
