//! One TCP connection, with or without TLS: bytes out, and what the kernel says became of them.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tracing::debug;

use super::connect::{self, ConnectError};
use super::target::Target;
use super::tls::Tls;
use super::tls_clients::TlsClients;
use crate::deliver::ledger::Ledger;
use crate::sys;

/// Received bytes are thrown away; so many at a time.
const SCRATCH: usize = 16 << 10;

/// An open connection.
#[derive(Debug)]
pub(in crate::deliver) struct Link {
    stream: Arc<TcpStream>,
    /// The address that answered.
    pub(in crate::deliver) peer: SocketAddr,
    tls: Option<Tls>,
    /// What we have to say besides messages and the kernel has not taken yet; over TLS it is kept there.
    words: Vec<u8>,
    /// Bytes the kernel has taken from us since the link was made.
    wire: u64,
    finished: bool,
}

/// How an attempt to write ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::deliver) enum Sent {
    /// The kernel took this many bytes.
    Some(usize),
    /// It takes none at present.
    Blocked,
    /// There was nothing to write.
    Nothing,
}

/// What the receiver's side had to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::deliver) enum Heard {
    /// Nothing that matters.
    Nothing,
    /// The same, and there is more.
    Much,
    /// TLS `close_notify`: it will close soon.
    CloseNotify,
    /// FIN: it has closed, and had read everything that it acknowledged.
    Fin,
}

/// What the kernel knows.
#[derive(Debug, Clone, Copy)]
pub(in crate::deliver) struct Look {
    /// Bytes of the ledger's stream that are acknowledged, counted from the link's beginning.
    pub(in crate::deliver) acked: u64,
    /// The same in bytes on the wire.
    pub(in crate::deliver) wire_acked: u64,
    /// Something we have written, or wait to write, is not acknowledged.
    pub(in crate::deliver) outstanding: bool,
    /// Something the kernel has taken from us is not acknowledged.
    pub(in crate::deliver) unacknowledged: bool,
    /// The peer's window, where the kernel tells it.
    pub(in crate::deliver) window: Option<u32>,
    /// A round trip.
    pub(in crate::deliver) round_trip: Duration,
    /// The shortest of late.
    pub(in crate::deliver) least_round_trip: Duration,
    /// The kernel has sent something again, and nothing was acknowledged since.
    pub(in crate::deliver) resending: bool,
    /// The connection is over.
    pub(in crate::deliver) closed: bool,
}

impl Link {
    /// Connects to `target`, TLS handshake included, within its `connect_timeout`.
    pub(in crate::deliver) async fn open(
        target: &Target,
        clients: &Arc<TlsClients>,
    ) -> Result<Self, ConnectError> {
        let opened = async {
            let addresses = connect::resolve(&target.host, target.port).await?;
            Self::open_one(target, addresses, clients).await
        };
        timeout(target.connect_timeout, opened)
            .await
            .unwrap_or_else(|_| Err(connect::timed_out(target)))
    }

    /// Connects to one of `addresses`: the first that answers, and over TLS the next one where that
    /// comes to no handshake.
    pub(in crate::deliver) async fn open_one(
        target: &Target,
        mut addresses: Vec<SocketAddr>,
        clients: &Arc<TlsClients>,
    ) -> Result<Self, ConnectError> {
        let mut failed = None;
        loop {
            let connected = connect::tcp(&target.host, addresses.clone()).await;
            // What was wrong with TLS tells more.
            let (stream, peer) = connected.map_err(|error| failed.take().unwrap_or(error))?;
            let Some(trust) = target.transport.trust() else {
                return Ok(Self::new(stream, peer, None));
            };
            addresses.retain(|&address| address != peer);
            let made = async {
                let client = clients.client(trust).await?;
                Tls::handshake(&target.host, trust, &client, stream).await
            };
            // A silent one must leave time for the others.
            let share = target.connect_timeout / (addresses.len() as u32 + 1);
            let error = match timeout(share, made).await {
                Ok(Ok((stream, tls))) => {
                    clients.met(tls.receiver_end());
                    return Ok(Self::new(stream, peer, Some(tls)));
                }
                Ok(Err(source)) => {
                    let source = clients.enlighten(&target.host, peer, source, share / 4).await;
                    let (host, source) = (target.host.clone(), Box::new(source));
                    ConnectError::Tls { host, address: peer, source }
                }
                Err(_) => {
                    let (host, port) = (target.host.clone(), target.port);
                    ConnectError::TimedOut { host, port, after: share }
                }
            };
            if addresses.is_empty() {
                return Err(error);
            }
            debug!("{error}; trying another of its addresses");
            failed = Some(error);
        }
    }

    fn new(stream: TcpStream, peer: SocketAddr, tls: Option<Tls>) -> Self {
        Self { stream: Arc::new(stream), peer, tls, words: Vec::new(), wire: 0, finished: false }
    }

    /// "TCP", or the version of TLS.
    pub(in crate::deliver) fn protocol(&self) -> &'static str {
        self.tls.as_ref().map_or("TCP", Tls::version)
    }

    /// Writes what comes next, once: as much as the kernel takes, and at most `most` bytes.
    pub(in crate::deliver) fn send(
        &mut self,
        ledger: &mut Ledger,
        most: usize,
    ) -> io::Result<Sent> {
        let Some(tls) = &mut self.tls else {
            if !self.words.is_empty() {
                return self.flush();
            }
            let piece = ledger.unwritten(most);
            if piece.is_empty() {
                return Ok(Sent::Nothing);
            }
            let sent = write(&self.stream, piece)?;
            if let Sent::Some(count) = sent {
                ledger.wrote(count);
                self.wire += count as u64;
            }
            return Ok(sent);
        };
        tls.seal(ledger, most)?;
        self.flush()
    }

    /// The same in one piece: over TLS one record.
    pub(in crate::deliver) fn send_piece(
        &mut self,
        ledger: &mut Ledger,
        most: usize,
    ) -> io::Result<Sent> {
        let Some(tls) = &mut self.tls else { return self.send(ledger, most) };
        tls.seal_record(ledger, most)?;
        self.flush()
    }

    /// Says something that is no message, behind what was sent before. To be called when all of that is
    /// written.
    pub(in crate::deliver) fn say(&mut self, words: &[u8]) -> io::Result<()> {
        match &mut self.tls {
            Some(tls) => tls.say(words)?,
            None => self.words.extend_from_slice(words),
        }
        self.flush().map(drop)
    }

    /// Writes what there is besides messages: our own words, what TLS has to say by itself, and what is
    /// sealed already.
    pub(in crate::deliver) fn flush(&mut self) -> io::Result<Sent> {
        let piece = match &mut self.tls {
            Some(tls) => tls.sealed()?,
            None => &self.words,
        };
        if piece.is_empty() {
            return Ok(Sent::Nothing);
        }
        let sent = write(&self.stream, piece)?;
        if let Sent::Some(count) = sent {
            match &mut self.tls {
                Some(tls) => tls.sent(count),
                None => drop(self.words.drain(..count)),
            }
            self.wire += count as u64;
        }
        Ok(sent)
    }

    /// Reads and discards what the receiver sent, a bounded amount.
    pub(in crate::deliver) fn receive(&mut self) -> io::Result<Heard> {
        let stream = Arc::clone(&self.stream);
        self.receive_by(|scratch| stream.try_read(scratch), None)
    }

    /// Reads what the receiver sent, a bounded amount, and appends what it says to `answers`.
    pub(in crate::deliver) fn receive_into(&mut self, answers: &mut Vec<u8>) -> io::Result<Heard> {
        let stream = Arc::clone(&self.stream);
        self.receive_by(|scratch| stream.try_read(scratch), Some(answers))
    }

    /// The same, where there are `answers`, and past tokio, which may not have heard yet that something has
    /// come.
    pub(in crate::deliver) fn receive_now(
        &mut self,
        answers: Option<&mut Vec<u8>>,
    ) -> io::Result<Heard> {
        let stream = Arc::clone(&self.stream);
        self.receive_by(|scratch| Ok(rustix::io::read(&*stream, scratch)?), answers)
    }

    fn receive_by(
        &mut self,
        mut read: impl FnMut(&mut [u8]) -> io::Result<usize>,
        mut answers: Option<&mut Vec<u8>>,
    ) -> io::Result<Heard> {
        let mut scratch = [0; SCRATCH];
        for _ in 0..16 {
            let count = match read(&mut scratch) {
                Ok(0) => return Ok(Heard::Fin),
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Ok(Heard::Nothing);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            let received = &scratch[..count];
            if let Some(tls) = &mut self.tls {
                let closed = match &mut answers {
                    Some(answers) => tls.received(received, *answers)?,
                    None => tls.received(received, &mut io::sink())?,
                };
                if closed {
                    return Ok(Heard::CloseNotify);
                }
            } else if let Some(answers) = &mut answers {
                answers.extend_from_slice(received);
            } else if let Some(other) = other_protocol(received) {
                return Err(other);
            }
        }
        Ok(Heard::Much)
    }

    /// The socket, to be waited for.
    pub(in crate::deliver) fn socket(&self) -> Arc<TcpStream> {
        Arc::clone(&self.stream)
    }

    /// Asks the kernel what has been acknowledged, and then for the window, so that the window
    /// is not older than the acknowledgement.
    pub(in crate::deliver) fn look(&mut self) -> io::Result<Look> {
        let unacked = sys::unacknowledged(&*self.stream)?;
        let info = sys::tcp_info(&*self.stream)?;
        // Our FIN occupies one number of the sequence.
        let unacked = unacked.saturating_sub(u64::from(self.finished));
        let wire_acked = self.wire.saturating_sub(unacked);
        let acked = self.tls.as_mut().map_or(wire_acked, |tls| tls.acknowledged(wire_acked));
        Ok(Look {
            acked,
            wire_acked,
            outstanding: self.has_unsent() || wire_acked < self.wire,
            unacknowledged: wire_acked < self.wire,
            window: info.send_window,
            round_trip: info.round_trip,
            least_round_trip: info.least_round_trip,
            resending: info.resending,
            closed: info.closed,
        })
    }

    /// TLS asks for another connection soon.
    pub(in crate::deliver) fn keys_are_exhausted(&self) -> bool {
        self.tls.as_ref().is_some_and(Tls::keys_are_exhausted)
    }

    pub(in crate::deliver) fn is_encrypted(&self) -> bool {
        self.tls.is_some()
    }

    /// There is something besides messages, or sealed, that the kernel has not taken yet.
    pub(in crate::deliver) fn has_unsent(&self) -> bool {
        !self.words.is_empty() || self.tls.as_ref().is_some_and(Tls::has_unsent)
    }

    /// Has the kernel acknowledge what has come, and not wait for something to acknowledge it with.
    pub(in crate::deliver) fn acknowledge_at_once(&self) {
        // It is a hint. On a connection that is over it fails; reading tells how it ended.
        let _ = sockopt::set_tcp_quickack(&*self.stream, true);
    }

    /// Queues TLS's `close_notify`.
    pub(in crate::deliver) fn close_notify(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.close_notify();
        }
    }

    /// Sends FIN behind everything written: nothing more will come.
    pub(in crate::deliver) fn finish(&mut self) -> io::Result<()> {
        if !self.finished {
            rustix::net::shutdown(&*self.stream, rustix::net::Shutdown::Write)?;
            self.finished = true;
        }
        Ok(())
    }

    /// Our FIN is sent, or on its way.
    pub(in crate::deliver) fn is_finished(&self) -> bool {
        self.finished
    }

    /// Has the kernel send nothing but full segments, until that is over.
    pub(in crate::deliver) fn cork(&self, corked: bool) {
        // On a connection that is over this fails; reading tells how it ended.
        let _ = sockopt::set_tcp_cork(&*self.stream, corked);
    }

    /// The kernel has an error for this connection, which is gone by that.
    pub(in crate::deliver) fn has_error(&self) -> bool {
        self.stream.take_error().is_ok_and(|error| error.is_some())
    }

    /// Ends the connection at once, by RST. What the kernel still holds is not delivered late,
    /// behind what the next connection sends.
    pub(in crate::deliver) fn abort(self) {
        let _ = sockopt::set_socket_linger(&*self.stream, Some(Duration::ZERO));
    }
}

/// What a receiver without TLS on our side answers when it does not understand. With TLS that is an
/// alert record (RFC 8446, sections 5.1 and 6); with RELP the end of a session that has not begun.
/// What it acknowledged it has not read as messages.
fn other_protocol(answer: &[u8]) -> Option<io::Error> {
    let (with, protocol) = match answer {
        [21, 3, 0..=4, 0, 2, ..] => ("with a TLS alert: it expects TLS", "tls"),
        [b'0', b' ', rest @ ..] if rest.starts_with(b"serverclose") => {
            ("\"0 serverclose\": it expects RELP", "relp")
        }
        _ => return None,
    };
    Some(io::Error::other(format!("it answered {with}; set destination.protocol: {protocol}")))
}

fn write(stream: &TcpStream, bytes: &[u8]) -> io::Result<Sent> {
    match stream.try_write(bytes) {
        Ok(count) => Ok(Sent::Some(count)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(Sent::Blocked),
        Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Sent::Some(0)),
        Err(error) => Err(error),
    }
}
