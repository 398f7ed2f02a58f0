//! Receivers, proxies and kernels that are made up, for the models of what a connection
//! (`transport/stream/model.rs`) and of what the whole sender does (`deliver/model.rs`).
//!
//! The oracle of both is what the receiving process has *read*: nothing counts as delivered that was not.

mod wire;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::Notify;
use tokio::time::Instant;

pub(in crate::deliver) use self::wire::{Model, ModelSocket};
use super::relp::model::RelpReceiver;

/// Bytes of a frame over TCP and TLS.
pub(in crate::deliver) const WIDTH: usize = 100;

/// So long no age speaks for a connection.
const YOUNG: Duration = Duration::from_secs(30);

/// How long a worker takes to read a record.
pub(in crate::deliver) const READING: Duration = Duration::from_millis(20);

/// How long a receiver takes to see that it does not understand.
pub(in crate::deliver) const MISFIT: Duration = Duration::from_millis(50);

/// Who is at the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::deliver) enum Kind {
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
    /// The same where it waits for the first message before it asks its server: it closes so long after that.
    Asker(Duration),
    /// It reads, and closes when nothing has come for so long.
    Idler(Duration),
    /// It speaks RELP, and ends each session after so many messages.
    Relp(usize),
}

impl Kind {
    /// Some receiver of TCP or TLS.
    pub(in crate::deliver) fn some(rng: &mut Rng) -> Self {
        match rng.u8(..12) {
            0 => Self::Misfit,
            1 => Self::Worker(rng.usize(1..300)),
            7 => Self::Idler(Duration::from_secs([2, 3, 5, 10, 20, 60][rng.usize(..6)])),
            2 => Self::HalfCloser,
            3 => Self::Endless,
            6 => Self::TlsWorker(rng.usize(1..300)),
            4 | 5 => Self::some_proxy(rng),
            _ => Self::Reader,
        }
    }

    /// Some receiver of RELP, or what stands in its place.
    pub(in crate::deliver) fn some_of_relp(rng: &mut Rng) -> Self {
        match rng.u8(..10) {
            0 => Self::Misfit,
            1 | 2 => Self::Relp(rng.usize(1..300)),
            3 => Self::some_proxy(rng),
            _ => Self::Relp(usize::MAX),
        }
    }

    fn some_proxy(rng: &mut Rng) -> Self {
        let gives_up = Duration::from_secs([0, 1, 3, 5, 10, 20, 40, 120][rng.usize(..8)]);
        if rng.bool() { Self::Asker(gives_up) } else { Self::Proxy(gives_up) }
    }

    /// Whatever it takes is lost.
    pub(in crate::deliver) fn is_proxy(self) -> bool {
        matches!(self, Self::Proxy(_) | Self::Asker(_))
    }

    /// It acts at a certain time, whatever else there is to do. One that ended its own side reads
    /// at once here: that it may hang, or be slow, as we stop is a risk that is documented.
    pub(in crate::deliver) fn has_its_own_time(self) -> bool {
        self.is_proxy() || matches!(self, Self::Misfit | Self::HalfCloser | Self::TlsWorker(_))
    }
}

/// What receivers have read, all of them together, and what they have refused.
#[derive(Debug, Default)]
pub(in crate::deliver) struct Oracle {
    read: BTreeSet<u64>,
    /// How often each message was refused for good, and by whom.
    refused: BTreeMap<(u64, usize), u32>,
    /// Some messages are refused, others by each.
    pub(in crate::deliver) is_picky: bool,
}

impl Oracle {
    /// One whose receivers refuse some messages, or none.
    pub(in crate::deliver) fn new(is_picky: bool) -> Self {
        Self { is_picky, ..Self::default() }
    }

    /// It may count as delivered: it was read, or refused for good so often that it is given up.
    pub(in crate::deliver) fn is_settled(&self, number: u64) -> bool {
        let mut refused = self.refused.range((number, 0)..(number + 1, 0));
        self.read.contains(&number) || refused.any(|(_, &times)| times >= 3)
    }

    /// The receiver of RELP at that place is to take message `number`: what it answers.
    pub(in crate::deliver) fn answer(
        &mut self,
        number: u64,
        place: usize,
        rng: &mut Rng,
    ) -> &'static str {
        let is_odd = |of: u64| self.is_picky && (number + 5 * place as u64) % 16 == of;
        if is_odd(7) {
            *self.refused.entry((number, place)).or_default() += 1;
            return "500 never";
        }
        if is_odd(11) && rng.u8(..3) > 0 {
            return "450 not now";
        }
        self.read.insert(number);
        "200 OK"
    }
}

/// One connection, which both ends have.
pub(in crate::deliver) type SharedPeer = Arc<Mutex<Peer>>;

/// One connection, as its two kernels and the receiver have it.
pub(in crate::deliver) struct Peer {
    pub(in crate::deliver) kind: Kind,
    pub(in crate::deliver) accepted: Instant,
    /// What has arrived, of which the receiver has read some.
    bytes: Vec<u8>,
    read: usize,
    /// The frame that is to be read next.
    next: Option<u64>,
    /// Where the records of TLS that its library has not taken yet end.
    records: VecDeque<usize>,
    /// It has said `close_notify`, and we have heard it.
    pub(in crate::deliver) farewell: bool,
    has_heard_farewell: bool,
    relp: RelpReceiver,
    /// What it has said over RELP and we have not heard.
    said: Vec<u8>,
    /// The receive buffer; the window is what is free of it.
    pub(in crate::deliver) buffer: usize,
    pub(in crate::deliver) hangs: bool,
    /// The network takes away what comes from now on: no more than this is acknowledged.
    pub(in crate::deliver) cut_off_at: Option<u64>,
    has_our_fin: bool,
    /// It has sent FIN, it has sent RST, and no process has the socket any more.
    pub(in crate::deliver) fin: bool,
    pub(in crate::deliver) rst: bool,
    pub(in crate::deliver) closed: bool,
    /// How long it leaves what has come, and since when something has.
    pace: Duration,
    waiting_since: Option<Instant>,
    /// When something came first, and last.
    first_came: Option<Instant>,
    came: Option<Instant>,
    /// Rings when we have something to hear, or may go on writing.
    bell: Arc<Notify>,
    /// Rings when something has come for the receiver.
    arrival: Arc<Notify>,
    rng: Rng,
}

impl std::fmt::Debug for Peer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { kind, read, hangs, has_our_fin, fin, rst, closed, .. } = self;
        write!(f, "{kind:?}, read {read} of {}, hangs {hangs}, ", self.bytes.len())?;
        write!(f, "has our FIN {has_our_fin}, FIN {fin}, RST {rst}, closed {closed}")
    }
}

impl Peer {
    /// A connection that is accepted now at that place. `arrival` rings when something has come.
    pub(in crate::deliver) fn shared(
        rng: &mut Rng,
        kind: Kind,
        place: usize,
        arrival: &Arc<Notify>,
    ) -> SharedPeer {
        Arc::new(Mutex::new(Self {
            kind,
            accepted: Instant::now(),
            bytes: Vec::new(),
            read: 0,
            next: None,
            records: VecDeque::new(),
            farewell: false,
            has_heard_farewell: false,
            relp: match kind {
                Kind::Relp(messages) => RelpReceiver::new(place, messages),
                _ => RelpReceiver::new(place, usize::MAX),
            },
            said: Vec::new(),
            buffer: rng.usize(20_000..200_000),
            hangs: false,
            cut_off_at: None,
            has_our_fin: false,
            fin: kind == Kind::HalfCloser,
            rst: false,
            closed: false,
            pace: Duration::from_millis(rng.u64(..200)),
            waiting_since: None,
            first_came: None,
            came: None,
            bell: Arc::default(),
            arrival: Arc::clone(arrival),
            rng: rng.fork(),
        }))
    }

    /// Something has come that the receiver has not read.
    pub(in crate::deliver) fn has_unread(&self) -> bool {
        self.read < self.bytes.len()
    }

    /// When its patience is over, where it has some.
    pub(in crate::deliver) fn gives_up_at(&self) -> Option<Instant> {
        match self.kind {
            Kind::Proxy(after) => Some(self.accepted + after),
            Kind::Asker(after) => self.first_came.map(|came| came + after),
            Kind::Idler(after) => Some(self.came.unwrap_or(self.accepted) + after),
            _ => None,
        }
    }

    /// When the receiving process has its turn, if it has anything to do.
    pub(in crate::deliver) fn due(&self) -> Option<Instant> {
        let pace = match self.kind {
            _ if self.closed || self.hangs => return None,
            kind if kind.is_proxy() => return self.gives_up_at(),
            Kind::Idler(_) if self.waiting_since.is_none() => return self.gives_up_at(),
            Kind::TlsWorker(_) => READING,
            Kind::Misfit | Kind::HalfCloser => MISFIT,
            _ => self.pace,
        };
        self.waiting_since.map(|since| since + pace)
    }

    /// Something has come from us.
    fn arrived(&mut self) {
        let now = Instant::now();
        self.waiting_since.get_or_insert(now);
        self.first_came.get_or_insert(now);
        self.came = Some(now);
        self.arrival.notify_one();
    }

    /// close(2): RST where something is unread, and the peer has not ended in good order before.
    pub(in crate::deliver) fn close(&mut self) {
        let is_unread = self.has_unread();
        // One that had ended its own side: behind our FIN its RST cannot be seen, as is documented.
        let is_hidden = is_unread && self.fin && self.has_our_fin;
        if !self.closed && !is_hidden {
            self.closed = true;
            self.rst |= is_unread;
            self.fin = true;
        }
        self.bell.notify_one();
    }

    /// shutdown(2) and then close(2).
    pub(in crate::deliver) fn shut_down_and_close(&mut self) {
        // Behind our own FIN the RST cannot be seen, as is documented.
        if !self.has_our_fin || !self.has_unread() {
            self.fin = true;
            self.close();
        }
    }

    /// The network, or somebody in it, ends the connection.
    pub(in crate::deliver) fn reset(&mut self) {
        self.rst = true;
        self.bell.notify_one();
    }

    /// Stores the frames that it has read, of which it had read some `before`: those of one connection
    /// come in order, and byte for byte as they were made.
    fn store(&mut self, before: usize, oracle: &mut Oracle) {
        for number in before / WIDTH..self.read / WIDTH {
            let frame = std::str::from_utf8(&self.bytes[number * WIDTH..][..WIDTH]).unwrap();
            let number = frame.trim().parse().unwrap();
            assert_eq!(frame, format!("{number:>width$}\n", width = WIDTH - 1));
            assert_eq!(number, self.next.unwrap_or(number), "{self:?}");
            self.next = Some(number + 1);
            oracle.read.insert(number);
        }
    }

    /// The turn of a worker over TLS.
    fn tls_turn(&mut self, frames: usize, oracle: &mut Oracle) {
        while !self.farewell
            && let Some(end) = self.records.pop_front()
        {
            let before = std::mem::replace(&mut self.read, end);
            self.store(before, oracle);
            self.farewell = self.read >= frames.saturating_mul(WIDTH);
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

    /// The turn of a receiver that answers.
    fn relp_turn(&mut self, most: usize, oracle: &mut Oracle) {
        let before = self.read;
        self.read = self.read.saturating_add(most).min(self.bytes.len());
        let came = &self.bytes[before..self.read];
        let is_over = self.relp.read(came, oracle, &mut self.said, &mut self.rng);
        if is_over || self.has_our_fin && !self.has_unread() {
            self.close();
        }
    }

    /// The receiving process has its turn, and reads at most so many bytes.
    pub(in crate::deliver) fn turn(&mut self, most: usize, oracle: &mut Oracle) {
        if self.closed || self.hangs {
            return;
        }
        self.act(most, oracle);
        let has_more = self.has_unread() && !self.closed;
        self.waiting_since = has_more.then(Instant::now);
        self.bell.notify_one();
    }

    fn act(&mut self, most: usize, oracle: &mut Oracle) {
        match self.kind {
            kind if kind.is_proxy() => {
                if self.gives_up_at().is_some_and(|at| at <= Instant::now()) {
                    // What it has taken is lost.
                    self.read = self.bytes.len();
                    self.close();
                }
                return;
            }
            Kind::TlsWorker(frames) => return self.tls_turn(frames, oracle),
            Kind::Relp(_) => return self.relp_turn(most, oracle),
            _ => {}
        }
        let before = self.read;
        let most = if self.kind.has_its_own_time() { usize::MAX } else { most };
        self.read = self.read.saturating_add(most).min(self.bytes.len());
        if self.read > before && self.kind == Kind::Misfit {
            return self.close();
        }
        self.store(before, oracle);
        let is_idle = self.gives_up_at().is_some_and(|at| at <= Instant::now());
        let is_done =
            is_idle || matches!(self.kind, Kind::Worker(frames) if self.read >= frames * WIDTH);
        let is_answered = self.has_our_fin && !self.has_unread();
        if is_done || is_answered && self.kind != Kind::Endless {
            self.close();
        }
    }
}

/// Both ends are in this thread.
pub(in crate::deliver) fn lock(peer: &SharedPeer) -> MutexGuard<'_, Peer> {
    peer.lock().unwrap()
}

/// Which cases are tried: as many as are asked for, or `usual`, from the first that is asked for.
pub(in crate::deliver) fn seeds(usual: u64) -> Range<u64> {
    let asked = |name, usual| std::env::var(name).map_or(usual, |asked| asked.parse().unwrap());
    let first: u64 = asked("REMOTE_SYSLOG_DELIVERY_SEED", 0);
    first..first + asked("REMOTE_SYSLOG_DELIVERY_CASES", usual)
}

/// Says which case it is that fails.
pub(in crate::deliver) struct Told(pub(in crate::deliver) u64);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("REMOTE_SYSLOG_DELIVERY_SEED={}", self.0);
        }
    }
}
