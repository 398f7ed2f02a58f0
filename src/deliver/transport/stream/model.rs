//! A model: the real ledger and the real connection against receivers, proxies and kernels that are
//! made up, in any order of what can happen. The oracle is what the receiver has *read*: nothing
//! counts as delivered that was not.
//!
//! `REMOTE_SYSLOG_DELIVERY_CASES` says how many cases are tried.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use tokio::time::advance;

use super::*;
use crate::deliver::testing::{numbered, offsets};

/// Bytes of a frame.
const WIDTH: usize = 100;

/// Plaintext of one record of TLS.
const RECORD: usize = 16 << 10;

/// So long no age speaks for a connection.
const YOUNG: Duration = Duration::from_secs(30);

/// How long a worker takes to read a record.
const READING: Duration = Duration::from_millis(20);

/// How long a receiver takes to see that it does not understand.
const MISFIT: Duration = Duration::from_millis(50);

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// It reads, and closes when it likes.
    Reader,
    /// It reads its first bytes and closes, having stored nothing.
    Misfit,
    /// It closes after so many frames.
    Worker(usize),
    /// The same over TLS: it says `close_notify` and waits for our close. Its library throws away the
    /// record that comes meanwhile, or has come, and then the socket is closed at once. Two risks are
    /// documented and left out: that it hangs, so that a record lies behind the one at which it closes,
    /// and that its connection is old, where records are no longer given one at a time.
    TlsWorker(usize),
    /// It ends its own side as it accepts.
    HalfCloser,
    /// It never answers a close.
    Endless,
    /// A proxy whose server does not run: it closes after this time.
    Proxy(Duration),
}

impl Kind {
    /// It acts at a certain time, whatever else there is to do. One that ended its own side reads
    /// at once here: that it may hang as we stop is a risk that is documented.
    fn has_its_own_time(self) -> bool {
        matches!(self, Self::Misfit | Self::HalfCloser | Self::Proxy(_) | Self::TlsWorker(_))
    }
}

/// One connection, as its two kernels and the receiver have it.
struct Peer {
    kind: Kind,
    accepted: Instant,
    /// What has arrived, of which the receiver has read some.
    bytes: Vec<u8>,
    read: usize,
    /// Where the records of TLS that its library has not taken yet end.
    records: VecDeque<usize>,
    /// It has said `close_notify`.
    farewell: bool,
    /// The receive buffer; the window is what is free of it.
    buffer: usize,
    hangs: bool,
    has_our_fin: bool,
    /// It has sent FIN, it has sent RST, and no process has the socket any more.
    fin: bool,
    rst: bool,
    closed: bool,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, read, hangs, has_our_fin, fin, rst, closed, .. } = self;
        write!(f, "{kind:?}, read {read} of {}, hangs {hangs}, ", self.bytes.len())?;
        write!(f, "has our FIN {has_our_fin}, FIN {fin}, RST {rst}, closed {closed}")
    }
}

impl Peer {
    fn new(kind: Kind, buffer: usize) -> Self {
        Self {
            kind,
            accepted: Instant::now(),
            bytes: Vec::new(),
            read: 0,
            records: VecDeque::new(),
            farewell: false,
            buffer,
            hangs: false,
            has_our_fin: false,
            fin: kind == Kind::HalfCloser,
            rst: false,
            closed: false,
        }
    }

    /// close(2): RST where something is unread, and the peer has not ended in good order before.
    fn close(&mut self) {
        let is_unread = self.read < self.bytes.len();
        // One that had ended its own side: behind our FIN its RST cannot be seen, as is documented.
        let is_hidden = is_unread && self.fin && self.has_our_fin;
        if !self.closed && !is_hidden {
            self.closed = true;
            self.rst |= is_unread;
            self.fin = true;
        }
    }

    /// shutdown(2) and then close(2).
    fn shut_down_and_close(&mut self) {
        // Behind our own FIN the RST cannot be seen, as is documented.
        if !self.has_our_fin || self.read == self.bytes.len() {
            self.fin = true;
            self.close();
        }
    }

    /// Stores the frames that it has read, of which it had read some `before`.
    fn store(&self, before: usize, stored: &mut BTreeSet<u64>) {
        for number in before / WIDTH..self.read / WIDTH {
            let frame = &self.bytes[number * WIDTH..][..WIDTH];
            stored.insert(std::str::from_utf8(frame).unwrap().trim().parse().unwrap());
        }
    }

    /// The turn of a worker over TLS.
    fn tls_turn(&mut self, frames: usize, stored: &mut BTreeSet<u64>) {
        while !self.farewell
            && let Some(end) = self.records.pop_front()
        {
            let before = std::mem::replace(&mut self.read, end);
            self.store(before, stored);
            self.farewell = self.read >= frames * WIDTH;
        }
        self.farewell |= self.has_our_fin;
        let is_young = self.accepted.elapsed() < YOUNG;
        if self.farewell
            && let Some(record) = self.records.pop_front()
        {
            if is_young {
                // Thrown away: nobody sees that it is not read.
                self.read = record;
            }
            self.close();
        } else if self.has_our_fin {
            self.close();
        }
    }

    /// The receiving process has its turn; `stored` are the frames it has read.
    fn turn(&mut self, most: usize, stored: &mut BTreeSet<u64>) {
        if self.closed || self.hangs {
            return;
        }
        if let Kind::Proxy(gives_up) = self.kind {
            if self.accepted.elapsed() >= gives_up {
                // What it has taken is lost.
                self.read = self.bytes.len();
                self.close();
            }
            return;
        }
        if let Kind::TlsWorker(frames) = self.kind {
            return self.tls_turn(frames, stored);
        }
        let before = self.read;
        self.read = self.read.saturating_add(most).min(self.bytes.len());
        if self.read > before && self.kind == Kind::Misfit {
            self.read = self.bytes.len();
            return self.close();
        }
        self.store(before, stored);
        let is_done = matches!(self.kind, Kind::Worker(frames) if self.read >= frames * WIDTH);
        let is_answered = self.has_our_fin && self.read == self.bytes.len();
        if is_done || is_answered && self.kind != Kind::Endless {
            self.close();
        }
    }
}

/// Our end of it.
#[derive(Debug)]
struct Model {
    peer: Arc<Mutex<Peer>>,
    finished: bool,
    has_heard_farewell: bool,
}

impl Wire for Model {
    fn peer(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 514))
    }

    fn protocol(&self) -> &'static str {
        "model"
    }

    fn is_encrypted(&self) -> bool {
        matches!(self.peer.lock().unwrap().kind, Kind::TlsWorker(_))
    }

    fn socket(&self) -> super::super::Socket {
        unreachable!("the model tells when there is something to do")
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
        let mut peer = self.peer.lock().unwrap();
        if peer.rst {
            let kind =
                if peer.fin { io::ErrorKind::BrokenPipe } else { io::ErrorKind::ConnectionReset };
            return Err(kind.into());
        }
        let room = peer.buffer - (peer.bytes.len() - peer.read);
        let most = if is_encrypted { most.min(RECORD) } else { most };
        let piece = ledger.unwritten(most);
        if piece.is_empty() {
            return Ok(Sent::Nothing);
        }
        if peer.closed {
            // Nobody has the socket any more: the answer is RST.
            peer.rst = true;
            return Ok(Sent::Blocked);
        }
        if room == 0 {
            return Ok(Sent::Blocked);
        }
        let count = piece.len().min(room);
        peer.bytes.extend_from_slice(&piece[..count]);
        if is_encrypted {
            let end = peer.bytes.len();
            peer.records.push_back(end);
        }
        ledger.wrote(count);
        Ok(Sent::Some(count))
    }

    fn cork(&self, _corked: bool) {}

    fn receive(&mut self) -> io::Result<Heard> {
        let peer = self.peer.lock().unwrap();
        if peer.farewell && !std::mem::replace(&mut self.has_heard_farewell, true) {
            return Ok(Heard::CloseNotify);
        }
        match (peer.fin, peer.rst) {
            (true, _) => Ok(Heard::Fin),
            (false, true) => Err(io::ErrorKind::ConnectionReset.into()),
            (false, false) => Ok(Heard::Nothing),
        }
    }

    fn receive_now(&mut self) -> io::Result<Heard> {
        self.receive()
    }

    fn look(&mut self) -> io::Result<Look> {
        let peer = self.peer.lock().unwrap();
        let acked = peer.bytes.len() as u64;
        Ok(Look {
            acked,
            wire_acked: acked,
            outstanding: false,
            unacknowledged: false,
            // As narrow as a kernel may say that it is, and no narrower.
            window: Some((peer.buffer - (peer.bytes.len() - peer.read).div_ceil(2)) as u32),
            round_trip: Duration::from_millis(1),
            resending: false,
            closed: peer.rst || peer.fin && self.finished,
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
        self.finished = true;
        self.peer.lock().unwrap().has_our_fin = true;
        Ok(())
    }

    fn is_finished(&self) -> bool {
        self.finished
    }

    fn has_error(&self) -> bool {
        self.peer.lock().unwrap().rst
    }

    fn abort(self) {
        // What is unread may be read still, and then the connection is reset.
    }
}

/// One run.
struct World {
    rng: Rng,
    kind: Kind,
    ledger: Ledger,
    memory: Memory,
    is_proxied: bool,
    peer: Arc<Mutex<Peer>>,
    stream: Stream<Model>,
    stored: BTreeSet<u64>,
    pushed: u64,
    confirmed: u64,
    /// The connection is to be closed; whether by a rotation.
    closes: Option<bool>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let kind = kind(&mut rng);
        let is_proxied = rng.u8(..8) == 0;
        let memory = Memory::default();
        let (peer, stream) = connect(&mut rng, kind, &memory, is_proxied);
        let (ledger, stored) = (Ledger::default(), BTreeSet::new());
        Self {
            rng,
            kind,
            ledger,
            memory,
            is_proxied,
            peer,
            stream,
            stored,
            pushed: 0,
            confirmed: 0,
            closes: None,
        }
    }

    /// The connection has ended, and another one begins.
    fn reconnect(&mut self, why: &Why) {
        self.ledger.confirm_up_to(self.stream.last_proof());
        self.check();
        self.memory.note(why, self.stream.impression());
        // What was under way may be read still.
        self.peer.lock().unwrap().turn(usize::MAX, &mut self.stored);
        // A server comes and goes, and may be another one then.
        if self.rng.u8(..4) == 0 {
            self.kind = kind(&mut self.rng);
        }
        let (peer, stream) = connect(&mut self.rng, self.kind, &self.memory, self.is_proxied);
        (self.peer, self.stream, self.closes) = (peer, stream, None);
        self.ledger.connected();
    }

    /// What a session does, in its order.
    fn serve(&mut self) -> Result<(), Why> {
        let now = Instant::now();
        if self.closes.is_none() {
            self.stream.write(&mut self.ledger)?;
        }
        let proven = self.stream.advance(now)?;
        self.ledger.confirm_up_to(proven);
        if let Some(is_rotation) = self.closes
            && self.ledger.unwritten_bytes() == 0
        {
            let late = Patience::Until(now + Duration::from_secs(3));
            self.stream.close(if is_rotation { Patience::Prompt } else { late })?;
        }
        Ok(())
    }

    fn serve_and_listen(&mut self) {
        if let Err(why) = self.serve().and_then(|()| self.listen()) {
            self.reconnect(&why);
        }
        self.check();
    }

    /// Time goes by: whatever is due on the way happens when it is due.
    async fn pass(&mut self, pause: Duration) {
        let end = Instant::now() + pause;
        while Instant::now() < end {
            let now = Instant::now();
            let gives_up = {
                let peer = self.peer.lock().unwrap();
                match peer.kind {
                    Kind::Proxy(after) if !peer.closed => Some(peer.accepted + after),
                    Kind::TlsWorker(_) if !peer.closed => Some(now + READING),
                    Kind::Misfit | Kind::HalfCloser if peer.read < peer.bytes.len() => {
                        Some(now + MISFIT)
                    }
                    _ => None,
                }
            };
            let due = [self.stream.wake_at(), gives_up, Some(end)];
            let next = due.into_iter().flatten().filter(|&at| at > now).min().unwrap_or(end);
            advance(next - now).await;
            if gives_up.is_some() {
                self.peer.lock().unwrap().turn(usize::MAX, &mut self.stored);
            }
            self.serve_and_listen();
        }
    }

    fn listen(&mut self) -> Result<(), Why> {
        let has_news = {
            let peer = self.peer.lock().unwrap();
            // Its early FIN is no news any more; the reset behind it is.
            peer.rst || peer.farewell || peer.fin && !self.stream.is_half_closed
        };
        match self.stream.state {
            State::PeerClosed(_) => Ok(()),
            _ if has_news => self.stream.listen(),
            _ => Ok(()),
        }
    }

    /// One step of everybody. Time goes by meanwhile.
    fn step(&mut self) -> Duration {
        if self.rng.u8(..3) == 0 {
            let count = self.rng.u64(1..50);
            self.ledger.push(numbered(self.pushed..self.pushed + count, WIDTH));
            self.pushed += count;
        }
        {
            let mut peer = self.peer.lock().unwrap();
            match self.rng.u8(..40) {
                0 if !peer.kind.has_its_own_time() => peer.hangs = !peer.hangs,
                1 if !matches!(peer.kind, Kind::Proxy(_)) => peer.close(),
                2 if !matches!(peer.kind, Kind::Proxy(_)) => peer.shut_down_and_close(),
                3 => peer.rst = true,
                4 => peer.buffer *= 2,
                _ => {}
            }
            peer.buffer = peer.buffer.min(4 << 20);
            peer.turn(self.rng.usize(..100 * WIDTH), &mut self.stored);
        }
        let closes = self.rng.u8(..40);
        if closes < 2 && self.closes.is_none() {
            let is_rotation = closes == 0;
            let may = !is_rotation || self.stream.may_close(Instant::now());
            self.closes = may.then_some(is_rotation);
        }
        self.serve_and_listen();
        // Short for what follows at once, long for what waits.
        Duration::from_millis([0, 1, 5, 20, 100, 400, 1000, 7000][self.rng.usize(..8)])
    }

    /// Nothing counts as delivered that the receiver has not read.
    fn check(&mut self) {
        let updates = self.ledger.take_confirmed().updates;
        for reached in offsets(&updates) {
            let lost = (self.confirmed..reached).find(|number| !self.stored.contains(number));
            assert!(lost.is_none(), "frame {lost:?} is lost: {:?} {:?}", self.kind, self.stream);
            self.confirmed = reached;
        }
    }
}

fn kind(rng: &mut Rng) -> Kind {
    match rng.u8(..11) {
        0 => Kind::Misfit,
        1 => Kind::Worker(rng.usize(1..300)),
        2 => Kind::HalfCloser,
        3 => Kind::Endless,
        6 => Kind::TlsWorker(rng.usize(1..300)),
        4 | 5 => Kind::Proxy(Duration::from_secs([0, 1, 3, 5, 10, 20][rng.usize(..6)])),
        _ => Kind::Reader,
    }
}

fn connect(
    rng: &mut Rng,
    kind: Kind,
    memory: &Memory,
    is_proxied: bool,
) -> (Arc<Mutex<Peer>>, Stream<Model>) {
    let peer = Arc::new(Mutex::new(Peer::new(kind, rng.usize(20_000..200_000))));
    let wire = Model { peer: Arc::clone(&peer), finished: false, has_heard_farewell: false };
    let trial = memory.suspicion.map(|suspicion| suspicion.trial());
    (peer, Stream::new(wire, trial, is_proxied))
}

#[test]
fn nothing_counts_as_delivered_that_was_not_read() {
    let cases = std::env::var("REMOTE_SYSLOG_DELIVERY_CASES");
    let cases = cases.map_or(500, |cases| cases.parse().unwrap());
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let mut confirmed = 0;
    runtime.unwrap().block_on(async {
        for seed in 0..cases {
            let mut world = World::new(seed);
            let steps = world.rng.usize(20..300);
            for _ in 0..steps {
                let pause = world.step();
                world.pass(pause).await;
            }
            confirmed += world.confirmed;
        }
    });
    assert!(confirmed > cases * 10, "it proves something: {confirmed}");
}
