//! A model of one connection: the real ledger and the real connection against what is made up
//! ([`crate::deliver::transport::model`]), in any order of what can happen. Here the model itself says when to close; that
//! of the whole sender, with several receivers, is `deliver/model.rs`.
//!
//! `REMOTE_SYSLOG_DELIVERY_CASES` says how many cases are tried, `REMOTE_SYSLOG_DELIVERY_SEED` with which they begin.

use std::sync::Arc;

use fastrand::Rng;
use tokio::time::advance;

use super::*;
use crate::deliver::testing::{numbered, offsets};
use crate::deliver::transport::model::{
    Kind, MISFIT, Model, Oracle, Peer, READING, SharedPeer, Told, WIDTH, lock, seeds,
};

/// One run.
struct World {
    rng: Rng,
    kind: Kind,
    ledger: Ledger,
    memory: Memory,
    is_proxied: bool,
    peer: SharedPeer,
    stream: Stream<Model>,
    oracle: Oracle,
    pushed: u64,
    confirmed: u64,
    /// The connection is to be closed; whether by a handover.
    closes: Option<bool>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let kind = Kind::some(&mut rng);
        let is_proxied = rng.u8(..8) == 0;
        let memory = Memory::default();
        let (peer, stream) = connect(&mut rng, kind, &memory, is_proxied);
        let (ledger, oracle) = (Ledger::default(), Oracle::default());
        Self {
            rng,
            kind,
            ledger,
            memory,
            is_proxied,
            peer,
            stream,
            oracle,
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
        lock(&self.peer).turn(usize::MAX, &mut self.oracle);
        // A server comes and goes, and may be another one then.
        if self.rng.u8(..4) == 0 {
            self.kind = Kind::some(&mut self.rng);
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
            // Bursts are longer than a frame.
            let is_over = self.stream.rations.are_used_up();
            assert!(
                !is_over || self.stream.taken.is_multiple_of(WIDTH as u64),
                "{:?}",
                self.stream
            );
        }
        let proven = self.stream.advance(now)?;
        self.ledger.confirm_up_to(proven);
        if let Some(is_handover) = self.closes
            && self.ledger.unwritten_bytes() == 0
        {
            let late = Patience::Until(now + Duration::from_secs(3));
            self.stream.close(if is_handover { Patience::Prompt } else { late })?;
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
                let peer = lock(&self.peer);
                match peer.kind {
                    kind if kind.is_proxy() && !peer.closed => peer.gives_up_at(),
                    Kind::Idler(_) if !peer.closed && !peer.hangs => peer.gives_up_at(),
                    Kind::TlsWorker(_) if !peer.closed => Some(now + READING),
                    Kind::Misfit | Kind::HalfCloser if peer.has_unread() => Some(now + MISFIT),
                    _ => None,
                }
            };
            let due = [self.stream.wake_at(), gives_up, Some(end)];
            let next = due.into_iter().flatten().filter(|&at| at > now).min().unwrap_or(end);
            advance(next - now).await;
            if gives_up.is_some() {
                lock(&self.peer).turn(usize::MAX, &mut self.oracle);
            }
            self.serve_and_listen();
        }
    }

    fn listen(&mut self) -> Result<(), Why> {
        let has_news = {
            let peer = lock(&self.peer);
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
            let mut peer = lock(&self.peer);
            match self.rng.u8(..40) {
                0 if !peer.kind.has_its_own_time() => peer.hangs = !peer.hangs,
                1 if !peer.kind.is_proxy() => peer.close(),
                2 if !peer.kind.is_proxy() => peer.shut_down_and_close(),
                3 => peer.reset(),
                4 => peer.buffer *= 2,
                _ => {}
            }
            peer.buffer = peer.buffer.min(4 << 20);
            peer.turn(self.rng.usize(..100 * WIDTH), &mut self.oracle);
        }
        let closes = self.rng.u8(..40);
        if closes < 2 && self.closes.is_none() {
            let is_handover = closes == 0;
            let may = !is_handover || self.stream.may_close(Instant::now());
            self.closes = may.then_some(is_handover);
        }
        self.serve_and_listen();
        // Short for what follows at once, long for what waits.
        Duration::from_millis([0, 1, 5, 20, 100, 400, 1000, 7000][self.rng.usize(..8)])
    }

    /// Nothing counts as delivered that the receiver has not read.
    fn check(&mut self) {
        let updates = self.ledger.take_confirmed().updates;
        for reached in offsets(&updates) {
            let lost = (self.confirmed..reached).find(|&number| !self.oracle.is_settled(number));
            assert!(lost.is_none(), "frame {lost:?} is lost: {:?} {:?}", self.kind, self.stream);
            self.confirmed = reached;
        }
    }
}

fn connect(
    rng: &mut Rng,
    kind: Kind,
    memory: &Memory,
    is_proxied: bool,
) -> (SharedPeer, Stream<Model>) {
    let peer = Peer::shared(rng, kind, 0, &Arc::default());
    let stream = Stream::over(Model::new(&peer), memory, is_proxied);
    (peer, stream)
}

#[test]
fn nothing_counts_as_delivered_that_was_not_read() {
    let seeds = seeds(500);
    let cases = seeds.end - seeds.start;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let mut confirmed = 0;
    runtime.unwrap().block_on(async {
        for seed in seeds {
            let _told = Told(seed);
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
