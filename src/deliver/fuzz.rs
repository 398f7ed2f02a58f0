//! The ledger and the evidence against a receiver that does whatever a receiver may do.

use super::ledger::Ledger;
use super::proof::Evidence;
use super::testing::{numbered, offsets};

/// Bytes of a frame.
const WIDTH: usize = 20;
/// Bytes of the receiver's buffer: it advertises what is free of it.
const BUFFER: usize = 3000;
/// Larger inputs show nothing new.
const FRAMES: u64 = 20_000;

/// `data` is a sequence of events, of two bytes each: what happens, and how much of it.
///
/// What is confirmed was read; nothing is left out; order is kept.
pub(crate) fn check(data: &[u8]) {
    let mut scene = Scene::default();
    scene.connect();
    for event in data.chunks_exact(2) {
        scene.happens(event[0], event[1]);
        scene.hold();
    }
    scene.end();
}

#[derive(Default)]
struct Scene {
    ledger: Ledger,
    evidence: Evidence,
    /// What was written on this connection, what the receiver's kernel has of it, and what was read.
    wire: Vec<u8>,
    acked: usize,
    read: usize,
    /// Frames that were read on all connections.
    frames: Vec<u64>,
    pushed: u64,
    confirmed: u64,
}

impl Scene {
    fn connect(&mut self) {
        self.frames.extend(numbers(&self.wire[..self.read]));
        self.wire.clear();
        (self.acked, self.read) = (0, 0);
        self.ledger.connected();
        self.evidence = Evidence::default();
        self.evidence.observe(0, self.window());
    }

    fn window(&self) -> Option<u32> {
        u32::try_from(BUFFER - (self.acked - self.read)).ok()
    }

    fn happens(&mut self, what: u8, amount: u8) {
        let bytes = usize::from(amount) * 32;
        match what % 8 {
            0 => {
                let count = u64::from(amount).min(FRAMES - self.pushed);
                self.ledger.push(numbered(self.pushed..self.pushed + count, WIDTH));
                self.pushed += count;
            }
            1 | 2 => self.write(bytes),
            3 => {
                let room = BUFFER - (self.acked - self.read);
                self.acked += (self.wire.len() - self.acked).min(room).min(bytes);
            }
            4 => self.read += (self.acked - self.read).min(bytes),
            5 => {
                let read = self.evidence.observe(self.acked as u64, self.window());
                self.ledger.confirm_up_to(read);
            }
            // It is reset, and what was not read is gone.
            6 => self.connect(),
            // It is closed in good order, which proves what was acknowledged.
            _ => {
                self.read = self.acked;
                self.ledger.confirm_up_to(self.acked as u64);
                self.connect();
            }
        }
    }

    fn write(&mut self, mut most: usize) {
        while most > 0 {
            let piece = self.ledger.unwritten(most);
            if piece.is_empty() {
                return;
            }
            self.wire.extend_from_slice(piece);
            let count = piece.len();
            most = most.saturating_sub(count);
            self.ledger.wrote(count);
        }
    }

    fn hold(&mut self) {
        if let Some(&reached) = offsets(&self.ledger.take_confirmed().updates).last() {
            assert!(reached >= self.confirmed, "{reached} after {}", self.confirmed);
            self.confirmed = reached;
            let next = self.frames.iter().copied().chain(numbers(&self.wire[..self.read])).max();
            assert!(reached <= next.map_or(0, |last| last + 1), "{reached} is not read");
        }
        assert!(self.ledger.confirmed() <= self.ledger.written());
    }

    /// A last connection goes well.
    fn end(mut self) {
        self.connect();
        self.write(usize::MAX);
        (self.acked, self.read) = (self.wire.len(), self.wire.len());
        self.ledger.confirm_up_to(self.acked as u64);
        self.hold();
        self.connect();
        assert!(self.ledger.is_settled());
        assert!(self.pushed == 0 || self.confirmed == self.pushed);
        let mut next = 0;
        for &frame in &self.frames {
            assert!(frame <= next, "{next} is left out before {frame}");
            next = next.max(frame + 1);
        }
        assert_eq!(next, self.pushed);
    }
}

/// The numbers of the whole frames in `bytes`.
fn numbers(bytes: &[u8]) -> impl Iterator<Item = u64> + '_ {
    bytes.chunks_exact(WIDTH).map(|frame| {
        let number = std::str::from_utf8(frame).ok().and_then(|text| text.trim().parse().ok());
        number.unwrap_or_else(|| panic!("no frame: {}", frame.escape_ascii()))
    })
}
