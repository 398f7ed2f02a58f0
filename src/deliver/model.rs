//! A model of the whole sender: what runs in the product, with its handovers, connections that stand by, and the way
//! from one receiver to the next and back, against several receivers that are made up
//! ([`super::transport::model`]), in any order of what can happen to each. They read plain text, TLS, or RELP; behind
//! some there is a proxy without a server; they hang, close, break, are stopped, do not answer, and come back as others.
//!
//! - What counts as delivered was read by one of them, or refused for good by RELP.
//! - On each connection messages come in order, byte for byte as they were made.
//! - Once one of them reads, all is delivered, and the sender ends.
//! - Nobody asks a socket again and again for what is not dealt with.
//!
//! `REMOTE_SYSLOG_DELIVERY_CASES` says how many cases are tried, `REMOTE_SYSLOG_DELIVERY_SEED` with which they begin.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use fastrand::Rng;
use tokio::sync::{Notify, mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use super::reserve::Opening;
use super::testing::{numbered, offsets};
use super::transport::connect::{ConnectError, timed_out};
use super::transport::model::{Kind, Model, Oracle, Peer, SharedPeer, Told, WIDTH, lock, seeds};
use super::transport::relp::Relp;
use super::transport::stream::Stream;
use super::transport::{Memory, Transport};
use super::{FastPath, Links, Outcome, RelpLimits, Target, Targets, TransportKind, sender};
use crate::health::liveness::Beat;
use crate::health::metrics::{Meters, Sending};
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::Direct;
use crate::pipeline::limit::RateLimit;
use crate::pipeline::position::Update;
use crate::syslog::{Encoder, Framing};

/// A receiver that reads has everything within this time, whatever was before: proxies and endless ones on which
/// the sender still waits are left in it.
const PATIENCE: Duration = Duration::from_secs(3600);
/// Whoever is told to leave is gone within this time.
const LEAVING: Duration = Duration::from_secs(5);

/// Where a receiver is, or was.
#[derive(Debug, Clone, Copy)]
enum Place {
    /// Whoever connects meets one of these.
    Taken(Kind),
    /// Nobody listens.
    Empty,
    /// Nothing answers.
    Silent,
}

/// All receivers.
struct Town {
    rng: Rng,
    is_relp: bool,
    places: Vec<Place>,
    /// The connections to them, each with its place.
    peers: Vec<(usize, SharedPeer)>,
    oracle: Oracle,
    arrival: Arc<Notify>,
    updates: mpsc::Receiver<Vec<Update>>,
    confirmed: u64,
}

thread_local! {
    /// The one of this case, where [`dial`] finds it.
    static TOWN: RefCell<Option<Arc<Mutex<Town>>>> = const { RefCell::new(None) };
}

/// Connects to the place that the port of `target` says.
fn dial(target: Target, memory: Memory) -> Opening {
    let town = TOWN.with(|town| town.borrow().clone()).unwrap();
    Box::pin(async move {
        let place = usize::from(target.port);
        let far = Duration::from_millis(enter(&town).rng.u64(..5));
        sleep(far).await;
        let met = enter(&town).accept(place);
        let link = match met {
            Ok(Some(link)) => link,
            Ok(None) => {
                sleep(target.connect_timeout - far).await;
                return Err(timed_out(&target));
            }
            Err(source) => {
                let address = SocketAddr::from(([127, 0, 0, 1], target.port));
                return Err(ConnectError::Refused { host: target.host, address, source });
            }
        };
        let opened: Box<dyn Transport> = match target.transport {
            TransportKind::Relp { limits, .. } => {
                Box::new(Relp::begin(link, &target, limits, &memory).await?)
            }
            _ => Box::new(Stream::over(link, &memory, target.proxied)),
        };
        Ok(opened)
    })
}

impl fmt::Debug for Town {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { places, peers, confirmed, .. } = self;
        let peers: Vec<_> = peers.iter().map(|(place, peer)| (place, lock(peer))).collect();
        write!(f, "{confirmed} confirmed, {places:?}, {peers:#?}")
    }
}

fn enter(town: &Arc<Mutex<Town>>) -> MutexGuard<'_, Town> {
    town.lock().unwrap()
}

impl Town {
    fn some_kind(&mut self) -> Kind {
        match self.is_relp {
            true => Kind::some_of_relp(&mut self.rng),
            false => Kind::some(&mut self.rng),
        }
    }

    fn some_place(&mut self) -> Place {
        match self.rng.u8(..6) {
            0 => Place::Empty,
            1 => Place::Silent,
            _ => Place::Taken(self.some_kind()),
        }
    }

    /// Somebody connects to that place. `None`: nothing answers.
    fn accept(&mut self, place: usize) -> io::Result<Option<Model>> {
        let kind = match self.places[place] {
            Place::Taken(kind) => kind,
            Place::Silent => return Ok(None),
            Place::Empty => return Err(io::ErrorKind::ConnectionRefused.into()),
        };
        let peer = Peer::shared(&mut self.rng, kind, place, &self.arrival);
        let link = Model::new(&peer);
        self.peers.push((place, peer));
        // It may close this one at some time.
        self.arrival.notify_one();
        Ok(Some(link))
    }

    /// Nothing counts as delivered that nobody has read.
    fn check(&mut self) {
        while let Ok(updates) = self.updates.try_recv() {
            for reached in offsets(&updates) {
                assert!(reached >= self.confirmed, "positions never go back");
                let mut new = self.confirmed..reached;
                let lost = new.find(|&number| !self.oracle.is_settled(number));
                assert!(lost.is_none(), "message {lost:?} is lost: {self:?}");
                self.confirmed = reached;
            }
        }
    }

    /// When a receiver has its turn.
    fn due(&self) -> Option<Instant> {
        self.peers.iter().filter_map(|(_, peer)| lock(peer).due()).min()
    }

    /// All whose time has come have their turn.
    fn turns(&mut self) {
        self.check();
        let now = Instant::now();
        for (_, peer) in &self.peers {
            let most = self.rng.usize(1..100 * WIDTH);
            let mut peer = lock(peer);
            if peer.due().is_some_and(|due| due <= now) {
                peer.turn(most, &mut self.oracle);
            }
        }
        let Self { peers, oracle, rng, .. } = self;
        peers.retain(|(_, peer)| {
            // Our end is gone. What was under way may be read still.
            let is_gone = Arc::strong_count(peer) == 1;
            if is_gone && rng.bool() {
                lock(peer).turn(usize::MAX, oracle);
            }
            !is_gone
        });
    }

    /// Something happens to one of the connections, or to a place.
    fn happens(&mut self) {
        if let Some((_, peer)) = self.rng.choice(&self.peers) {
            let mut peer = lock(peer);
            let is_proxy = peer.kind.is_proxy();
            match self.rng.u8(..40) {
                0 if !peer.kind.has_its_own_time() => peer.hangs = !peer.hangs,
                1 if !is_proxy => peer.close(),
                2 if !is_proxy => peer.shut_down_and_close(),
                3 => peer.reset(),
                4 => peer.buffer = (peer.buffer * 2).min(4 << 20),
                _ => {}
            }
        }
        if self.rng.u8(..20) == 0 {
            let place = self.rng.usize(..self.places.len());
            if self.rng.bool() {
                self.dies(place);
            }
            self.places[place] = self.some_place();
        }
        // It goes on where it was left.
        self.arrival.notify_one();
    }

    /// The receiver of that place ends, as by KILL.
    fn dies(&mut self, place: usize) {
        for (_, peer) in self.peers.iter().filter(|(at, _)| *at == place) {
            let mut peer = lock(peer);
            match peer.kind {
                // What its kernel would say is a risk that is documented.
                kind if kind.is_proxy() => peer.reset(),
                _ => peer.close(),
            }
        }
    }

    /// From now on there is somebody who reads at each place.
    fn heal(&mut self) {
        let kind = if self.is_relp { Kind::Relp(usize::MAX) } else { Kind::Reader };
        self.oracle.is_picky = false;
        self.places.fill(Place::Taken(kind));
        for (_, peer) in &self.peers {
            lock(peer).hangs = false;
        }
        self.arrival.notify_one();
    }
}

/// One run.
struct Case {
    rng: Rng,
    town: Arc<Mutex<Town>>,
    arrival: Arc<Notify>,
    targets: Vec<Target>,
    failback: Option<Duration>,
    retarget: watch::Sender<Targets>,
    /// `None`: no more will come.
    batches: Option<mpsc::Sender<Batch>>,
    fast_path: FastPath,
    leave: CancellationToken,
    task: JoinHandle<Outcome>,
    _spare: mpsc::Receiver<Batch>,
    pushed: u64,
    queued: u64,
}

impl Case {
    fn new(seed: u64, meters: &Sending) -> Self {
        fastrand::seed(seed);
        let mut rng = Rng::with_seed(seed);
        let is_relp = rng.u8(..3) == 0;
        let (confirmed, updates) = mpsc::channel(4096);
        let arrival = Arc::new(Notify::new());
        let mut town = Town {
            rng: rng.fork(),
            is_relp,
            places: Vec::new(),
            peers: Vec::new(),
            oracle: Oracle::new(is_relp && rng.bool()),
            arrival: Arc::clone(&arrival),
            updates,
            confirmed: 0,
        };
        town.places = (0..rng.usize(1..4)).map(|_| town.some_place()).collect();
        let targets: Vec<_> =
            (0..town.places.len()).map(|at| target(&mut rng, at, is_relp)).collect();
        let town = Arc::new(Mutex::new(town));
        TOWN.with(|it| *it.borrow_mut() = Some(Arc::clone(&town)));
        let failback = [None, Some(1), Some(5), Some(60)][rng.usize(..4)].map(Duration::from_secs);
        let (retarget, given) = watch::channel(in_order(&targets, failback));
        let (batches, taken) = mpsc::channel(4);
        let (spare, spares) = mpsc::channel(4);
        let (leave, fast_path) = (CancellationToken::new(), FastPath::default());
        let links = Links {
            limit: RateLimit::default(),
            targets: given,
            batches: taken,
            fast_path: fast_path.clone(),
            updates: confirmed,
            spare,
            leave: leave.clone(),
            beat: Beat::default(),
        };
        let task = tokio::spawn(sender(links, meters.clone(), dial).run());
        Self {
            rng,
            town,
            arrival,
            targets,
            failback,
            retarget,
            batches: Some(batches),
            fast_path,
            leave,
            task,
            _spare: spares,
            pushed: 0,
            queued: 0,
        }
    }

    /// More messages, if they are taken.
    fn push(&mut self) {
        let count = if self.rng.u8(..10) == 0 { 1500 } else { self.rng.u64(1..50) };
        let encoder = &self.targets[0].encoder;
        let batch = encoder.reframe(&numbered(self.pushed..self.pushed + count, WIDTH));
        let batch = match self.rng.bool() {
            true => self.fast_path.take(batch, self.queued),
            false => Err(batch),
        };
        let is_taken = match (batch, &self.batches) {
            (Ok(_), _) => true,
            (Err(batch), Some(batches)) => {
                let is_queued = batches.try_send(batch).is_ok();
                self.queued += u64::from(is_queued);
                is_queued
            }
            (Err(_), None) => false,
        };
        self.pushed += if is_taken { count } else { 0 };
    }

    fn step(&mut self) -> Duration {
        if self.rng.u8(..3) == 0 {
            self.push();
        }
        enter(&self.town).happens();
        if self.rng.u8(..100) == 0 {
            self.rng.shuffle(&mut self.targets);
            self.retarget.send(in_order(&self.targets, self.failback)).unwrap();
        }
        Duration::from_millis([0, 1, 5, 20, 100, 400, 1000, 7000][self.rng.usize(..8)])
    }

    /// Time goes by: receivers have their turns when they are due.
    async fn pass(&self, pause: Duration) {
        let end = Instant::now() + pause;
        loop {
            let due = enter(&self.town).due().map_or(end, |due| due.min(end));
            tokio::select! {
                biased;
                () = sleep_until(due) => {}
                () = self.arrival.notified() => continue,
            }
            enter(&self.town).turns();
            if Instant::now() >= end {
                return;
            }
        }
    }

    /// Returns how many messages were delivered.
    async fn conclude(mut self) -> u64 {
        let leaves = self.rng.u8(..4) == 0;
        let patience = if leaves {
            self.leave.cancel();
            LEAVING
        } else {
            enter(&self.town).heal();
            PATIENCE
        };
        self.batches = None;
        let limit = Instant::now() + patience;
        while !self.task.is_finished() {
            self.pass(Duration::from_millis(50)).await;
            let (town, pushed) = (enter(&self.town), self.pushed);
            assert!(Instant::now() < limit, "it goes on with {town:?} of {pushed}");
        }
        let outcome = self.task.await.unwrap();
        let mut town = enter(&self.town);
        town.check();
        let is_all = outcome.messages == 0 && town.confirmed == self.pushed;
        assert!(leaves || is_all, "{outcome:?} of {}: {town:?}", self.pushed);
        town.confirmed
    }
}

fn in_order(targets: &[Target], failback: Option<Duration>) -> Targets {
    Targets::new(targets[0].clone(), targets[1..].to_vec(), failback)
}

/// The receiver at that place.
fn target(rng: &mut Rng, place: usize, is_relp: bool) -> Target {
    let limits = RelpLimits {
        window: [1, 5, 100, 16_384][rng.usize(..4)],
        last_number: [20, 1000, RelpLimits::LAST_NUMBER][rng.usize(..3)],
    };
    let (transport, framing) = match is_relp {
        true => (TransportKind::Relp { trust: None, limits }, Framing::Relp),
        false => (TransportKind::Tcp, Framing::Newline),
    };
    let write_timeout = Duration::from_secs([1, 5, 30][rng.usize(..3)]);
    Target {
        host: "127.0.0.1".to_owned(),
        port: place as u16,
        transport,
        encoder: Encoder::new(framing, None),
        connect_timeout: Duration::from_secs(5),
        write_timeout,
        stall_limit: if is_relp { write_timeout * 10 } else { write_timeout },
        proof_interval: Duration::from_secs([1, 5, 60, 300][rng.usize(..4)]),
        proxied: rng.u8(..8) == 0,
    }
}

#[test]
fn several_receivers_lose_nothing_between_them() {
    let seeds = seeds(50);
    let cases = seeds.end - seeds.start;
    let meters = Meters::new().unwrap().sending;
    let mut confirmed = 0;
    for seed in seeds {
        let _told = Told(seed);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_time().start_paused(true).build().unwrap().block_on(async {
            let mut case = Case::new(seed, &meters);
            for _ in 0..case.rng.usize(5..100) {
                let pause = case.step();
                case.pass(pause).await;
            }
            confirmed += case.conclude().await;
        });
    }
    assert!(confirmed > cases * 10, "it proves something: {confirmed}");
}
