//! Our end of a connection that is made up.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::Instant;

use super::{Kind, Peer, SharedPeer, lock};
use crate::deliver::ledger::Ledger;
use crate::deliver::transport::Socket;
use crate::deliver::transport::tcp::{Heard, Look, Sent};
use crate::deliver::transport::wire::Wire;

/// Plaintext of one record of TLS.
const RECORD: usize = 16 << 10;

/// Who is ready so often while no time goes by does nothing about it.
const MOST_SPINS: u32 = 10_000;

/// Our end of it.
#[derive(Debug)]
pub(in crate::deliver) struct Model {
    peer: SharedPeer,
    socket: ModelSocket,
}

/// What our end waits for.
#[derive(Debug, Clone)]
pub(in crate::deliver) struct ModelSocket {
    peer: SharedPeer,
    /// How often it was ready since then.
    spins: Arc<std::sync::Mutex<(Instant, u32)>>,
}

impl ModelSocket {
    /// Waits until the socket is ready, which it stays as long as nothing is done about it.
    pub(in crate::deliver) async fn ready(&self, interest: Interest) -> io::Result<()> {
        loop {
            let bell = {
                let peer = lock(&self.peer);
                if peer.is_ready(interest) {
                    self.note();
                    return Ok(());
                }
                Arc::clone(&peer.bell)
            };
            bell.notified().await;
        }
    }

    fn note(&self) {
        let mut spins = self.spins.lock().unwrap();
        let now = Instant::now();
        *spins = if spins.0 == now { (now, spins.1 + 1) } else { (now, 0) };
        assert!(spins.1 < MOST_SPINS, "nothing is done about {:?}", self.peer);
    }
}

impl Peer {
    fn is_ready(&self, interest: Interest) -> bool {
        let has_news = self.fin || self.farewell && !self.has_heard_farewell;
        let is_readable = has_news || !self.said.is_empty();
        let is_writable = self.closed || self.room() > 0;
        self.rst || interest.is_readable() && is_readable || interest.is_writable() && is_writable
    }

    fn room(&self) -> usize {
        self.buffer.saturating_sub(self.bytes.len() - self.read)
    }

    fn refusal(&self) -> io::Error {
        let kind =
            if self.fin { io::ErrorKind::BrokenPipe } else { io::ErrorKind::ConnectionReset };
        kind.into()
    }

    /// Takes what we write; false: nobody has the socket any more, and the answer is RST.
    fn take(&mut self, piece: &[u8]) -> bool {
        self.rst |= self.closed;
        if !self.closed {
            self.bytes.extend_from_slice(piece);
            self.arrived();
        }
        !self.closed
    }
}

impl Model {
    pub(in crate::deliver) fn new(peer: &SharedPeer) -> Self {
        let (peer, spins) = (Arc::clone(peer), Arc::new((Instant::now(), 0).into()));
        Self { socket: ModelSocket { peer: Arc::clone(&peer), spins }, peer }
    }
}

impl Wire for Model {
    fn peer(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 514))
    }

    fn protocol(&self) -> &'static str {
        "TCP"
    }

    fn is_encrypted(&self) -> bool {
        matches!(lock(&self.peer).kind, Kind::TlsWorker(_))
    }

    fn socket(&self) -> Socket {
        Socket::Model(self.socket.clone())
    }

    fn send(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<Sent> {
        let mut total = 0;
        loop {
            match self.send_piece(ledger, most - total)? {
                Sent::Some(count) if self.is_encrypted() && total + count < most => total += count,
                Sent::Some(count) => return Ok(Sent::Some(total + count)),
                _ if total > 0 => return Ok(Sent::Some(total)),
                other => return Ok(other),
            }
        }
    }

    fn send_piece(&mut self, ledger: &mut Ledger, most: usize) -> io::Result<Sent> {
        let is_encrypted = self.is_encrypted();
        let mut peer = lock(&self.peer);
        if peer.rst {
            return Err(peer.refusal());
        }
        let most = if is_encrypted { most.min(RECORD) } else { most };
        let piece = ledger.unwritten(most);
        if piece.is_empty() {
            return Ok(Sent::Nothing);
        }
        let count = piece.len().min(peer.room());
        if count == 0 && !peer.closed || !peer.take(&piece[..count]) {
            return Ok(Sent::Blocked);
        }
        if is_encrypted {
            let end = peer.bytes.len();
            peer.records.push_back(end);
        }
        ledger.wrote(count);
        Ok(Sent::Some(count))
    }

    fn say(&mut self, words: &[u8]) -> io::Result<()> {
        let mut peer = lock(&self.peer);
        if peer.rst {
            return Err(peer.refusal());
        }
        peer.take(words);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<Sent> {
        Ok(Sent::Nothing)
    }

    fn cork(&self, _corked: bool) {}

    fn receive(&mut self) -> io::Result<Heard> {
        let mut peer = lock(&self.peer);
        if peer.farewell && !std::mem::replace(&mut peer.has_heard_farewell, true) {
            return Ok(Heard::CloseNotify);
        }
        match (peer.fin, peer.rst) {
            (true, _) => Ok(Heard::Fin),
            (false, true) => Err(io::ErrorKind::ConnectionReset.into()),
            (false, false) => Ok(Heard::Nothing),
        }
    }

    fn receive_now(&mut self, answers: Option<&mut Vec<u8>>) -> io::Result<Heard> {
        match answers {
            Some(answers) => self.receive_into(answers),
            None => self.receive(),
        }
    }

    fn receive_into(&mut self, answers: &mut Vec<u8>) -> io::Result<Heard> {
        {
            let mut peer = lock(&self.peer);
            // A reset may take with it what came before it.
            let is_lost = peer.rst && peer.rng.bool();
            let said = std::mem::take(&mut peer.said);
            if !is_lost {
                answers.extend(said);
            }
        }
        self.receive()
    }

    fn acknowledge_at_once(&self) {}

    fn look(&mut self) -> io::Result<Look> {
        let peer = lock(&self.peer);
        let acked = peer.cut_off_at.unwrap_or(peer.bytes.len() as u64);
        Ok(Look {
            acked,
            wire_acked: acked,
            outstanding: false,
            unacknowledged: false,
            // As narrow as a kernel may say that it is, and no narrower.
            window: Some(
                peer.buffer.saturating_sub((peer.bytes.len() - peer.read).div_ceil(2)) as u32
            ),
            round_trip: Duration::from_millis(1),
            least_round_trip: Duration::from_millis(1),
            resending: peer.cut_off_at.is_some(),
            closed: peer.rst || peer.fin && peer.has_our_fin,
        })
    }

    fn has_unsent(&self) -> bool {
        false
    }

    fn keys_are_exhausted(&self) -> bool {
        false
    }

    fn close(&mut self) -> io::Result<()> {
        self.finish()
    }

    fn finish(&mut self) -> io::Result<()> {
        let mut peer = lock(&self.peer);
        peer.has_our_fin = true;
        peer.arrived();
        Ok(())
    }

    fn is_finished(&self) -> bool {
        lock(&self.peer).has_our_fin
    }

    fn has_error(&self) -> bool {
        lock(&self.peer).rst
    }

    fn abort(self) {
        // What is unread may be read still, and then the connection is reset.
    }
}
