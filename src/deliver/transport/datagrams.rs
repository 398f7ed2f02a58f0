//! The socket that datagrams leave by, and what comes back to it.
//!
//! The kernel keeps an answer by ICMP twice: as the error that the socket's next call returns,
//! whatever call that is, and in a queue for those who ask for it (`IP_RECVERR`, ip(7)). The first
//! is lost where it ends a group of messages early: sendmmsg(2) then tells how many went before it,
//! and nothing of the error. So a group that was not taken whole has the queue looked into; while
//! all goes well that costs nothing.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
use rustix::net::{MMsgHdr, SendAncillaryBuffer, SendFlags, sendmmsg};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::time::Instant;

use super::Socket;
use super::connect::{self, ConnectError};

/// How long an error may take to come back: longer than most round trips.
pub(in crate::deliver) const HOLD: Duration = Duration::from_millis(100);

/// A socket at work.
#[derive(Debug)]
pub(in crate::deliver) struct DatagramSocket {
    socket: Arc<UdpSocket>,
    pub(in crate::deliver) peer: SocketAddr,
    /// Bytes the kernel has taken since the socket was opened.
    sent: u64,
    /// When which of them were taken, as far as errors may still come back.
    held: VecDeque<(Instant, u64)>,
    /// Until there was no error for so long, one message is sent every [`HOLD`] and all are held.
    trial: Option<Duration>,
    /// The kernel takes no more at present.
    pub(in crate::deliver) blocked: bool,
}

impl DatagramSocket {
    /// Opens a socket to the first address of `host` that there is a way to, or, after that was
    /// `refused`, to the next.
    pub(in crate::deliver) async fn open(
        host: &str,
        port: u16,
        refused: Option<SocketAddr>,
        trial: Duration,
    ) -> Result<Self, ConnectError> {
        let mut failed = ConnectError::NoAddress { host: host.to_owned() };
        for peer in beginning_behind(refused, connect::resolve(host, port).await?) {
            match socket(peer).await {
                Ok(socket) => return Ok(Self::new(socket, peer, trial)),
                Err(source) => {
                    let host = host.to_owned();
                    failed = ConnectError::Refused { host, address: peer, source };
                }
            }
        }
        Err(failed)
    }

    fn new(socket: UdpSocket, peer: SocketAddr, trial: Duration) -> Self {
        Self {
            socket: Arc::new(socket),
            peer,
            sent: 0,
            held: VecDeque::new(),
            trial: Some(trial),
            blocked: false,
        }
    }

    /// Whether more may be sent, and how many messages at a time.
    pub(in crate::deliver) fn may_send(&self, group: usize) -> Option<usize> {
        let now = Instant::now();
        match (self.trial, self.held.back()) {
            _ if self.blocked => None,
            (Some(_), Some(&(at, _))) if now < at + HOLD => None,
            (Some(_), _) => Some(1),
            (None, _) => Some(group),
        }
    }

    /// Hands `frames` to the kernel; returns how many it took, at least one.
    pub(in crate::deliver) fn send(&self, frames: &[&[u8]]) -> io::Result<usize> {
        let slices: Vec<_> = frames.iter().map(|frame| [IoSlice::new(frame)]).collect();
        let mut controls: Vec<_> = frames.iter().map(|_| SendAncillaryBuffer::default()).collect();
        let mut messages: Vec<_> = slices
            .iter()
            .zip(&mut controls)
            .map(|(iov, control)| MMsgHdr::new(iov, control))
            .collect();
        let count = self.socket.try_io(Interest::WRITABLE, || {
            Ok(sendmmsg(&self.socket, &mut messages, SendFlags::DONTWAIT)?)
        })?;
        if count < frames.len() {
            self.returned()?;
        }
        Ok(count)
    }

    /// The kernel has taken so many bytes.
    pub(in crate::deliver) fn took(&mut self, bytes: usize) {
        self.sent += bytes as u64;
        let now = Instant::now();
        match self.held.back_mut() {
            // A tenth of the time is exact enough.
            Some((at, sent)) if now < *at + HOLD / 10 => *sent = self.sent,
            _ => self.held.push_back((now, self.sent)),
        }
    }

    /// How many bytes count as delivered by now, if that has changed.
    ///
    /// # Errors
    /// One has come back.
    pub(in crate::deliver) fn delivered(&mut self) -> io::Result<Option<u64>> {
        let now = Instant::now();
        let Some(&(began, _)) = self.held.front() else { return Ok(None) };
        if now < began + self.trial.unwrap_or(HOLD) {
            return Ok(None);
        }
        // This thread may have been kept from hearing of it.
        self.fault()?;
        let mut delivered = None;
        while let Some(&(at, sent)) = self.held.front()
            && now >= at + HOLD
        {
            delivered = Some(sent);
            self.held.pop_front();
        }
        if delivered.is_some() {
            self.trial = None;
        }
        Ok(delivered)
    }

    /// When there is something to do.
    pub(in crate::deliver) fn wake_at(&self) -> Option<Instant> {
        let delivered = self.held.front().map(|&(at, _)| at + self.trial.unwrap_or(HOLD));
        let tries = self.trial.is_some() && !self.blocked;
        let next = self.held.back().map(|&(at, _)| at + HOLD);
        [delivered, next.filter(|&at| tries && at > Instant::now())].into_iter().flatten().min()
    }

    /// The socket, to be waited for.
    pub(in crate::deliver) fn socket(&self) -> Socket {
        Socket::Datagrams(Arc::clone(&self.socket))
    }

    /// Looks whether an error has come back, or there is room again. Answers are thrown away.
    pub(in crate::deliver) fn listen(&mut self) -> io::Result<()> {
        // Sending tells whether there is.
        self.blocked = false;
        if let Some(error) = self.socket.take_error()? {
            return Err(error);
        }
        let nothing = || Err(io::ErrorKind::WouldBlock.into());
        unless_empty(
            self.socket.try_io(Interest::ERROR, || self.returned().and_then(|()| nothing())),
        )?;
        unless_empty(self.socket.try_recv(&mut [0; 512]).map(drop))
    }

    /// Fails with an error that has come back.
    fn fault(&self) -> io::Result<()> {
        match self.socket.take_error()? {
            Some(error) => Err(error),
            None => self.returned(),
        }
    }

    /// Fails with the first error in the kernel's queue that came from the network. One's own (a
    /// message that is too large) was told by the call that made it.
    fn returned(&self) -> io::Result<()> {
        let mut space = nix::cmsg_space!([u8; 128]);
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        loop {
            let told =
                match recvmsg::<()>(self.socket.as_raw_fd(), &mut [], Some(&mut space), flags) {
                    Ok(told) => told,
                    Err(Errno::EAGAIN) => return Ok(()),
                    Err(error) => return Err(error.into()),
                };
            for message in told.cmsgs()? {
                let (ControlMessageOwned::Ipv4RecvErr(error, _)
                | ControlMessageOwned::Ipv6RecvErr(error, _)) = message
                else {
                    continue;
                };
                if error.ee_origin != libc::SO_EE_ORIGIN_LOCAL {
                    return Err(io::Error::from_raw_os_error(error.ee_errno as i32));
                }
            }
        }
    }
}

fn unless_empty(result: io::Result<()>) -> io::Result<()> {
    result.or_else(
        |error| if error.kind() == io::ErrorKind::WouldBlock { Ok(()) } else { Err(error) },
    )
}

/// `addresses` in their order, of which the one behind `refused` comes first.
fn beginning_behind(
    refused: Option<SocketAddr>,
    mut addresses: Vec<SocketAddr>,
) -> Vec<SocketAddr> {
    if let Some(at) = addresses.iter().position(|&address| Some(address) == refused) {
        addresses.rotate_left(at + 1);
    }
    addresses
}

/// A socket that sends to `peer` and hears of errors from there.
pub(in crate::deliver) async fn socket(peer: SocketAddr) -> io::Result<UdpSocket> {
    let any = match peer {
        SocketAddr::V4(_) => SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)),
        SocketAddr::V6(_) => SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0)),
    };
    let socket = UdpSocket::bind(any).await?;
    match peer {
        SocketAddr::V4(_) => setsockopt(&socket, sockopt::Ipv4RecvErr, &true)?,
        SocketAddr::V6(_) => setsockopt(&socket, sockopt::Ipv6RecvErr, &true)?,
    }
    socket.connect(peer).await?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_a_refusal_the_next_address_has_its_turn() {
        let parse = |all: &[&str]| all.iter().map(|a| a.parse().unwrap()).collect::<Vec<_>>();
        let all = parse(&["[::1]:5", "10.0.0.1:5", "10.0.0.2:5"]);
        let order = |refused: &str| beginning_behind(refused.parse().ok(), all.clone());
        assert_eq!(order("none"), all);
        assert_eq!(order("[::1]:5"), parse(&["10.0.0.1:5", "10.0.0.2:5", "[::1]:5"]));
        assert_eq!(order("10.0.0.2:5"), all);
        assert_eq!(order("10.9.9.9:5"), all, "it has another address by now");
    }
}
