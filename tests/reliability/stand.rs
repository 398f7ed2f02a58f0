//! What rows are built from.

use std::time::Duration;

use crate::outcome::Outcome;
use crate::support::{
    Endpoint, Numbered, Receiver, ReceiverProcess, Reopen, Running, Shipper, Site, Transport,
};

/// How a row is to be run.
#[derive(Debug, Clone, Copy)]
pub struct Conditions {
    pub transport: Transport,
    /// Lines a second.
    pub rate: u64,
    /// At full length.
    pub long: bool,
}

/// A receiver that goes without receiving anything for so long will receive nothing more.
pub const QUIET: Duration = Duration::from_secs(30);
/// What may be acknowledged between two looks at the peer's window. The daemon takes the window to
/// have been so much wider meanwhile (`src/deliver/proof.rs`): what it writes between two looks
/// (`LOOK_BYTES`), and what its kernel may hold besides (`UNSENT`).
const UNLOOKED: usize = (64 << 10) + (128 << 10);
/// What the daemon adds to twice the widest window (`MARGIN`).
const MARGIN: usize = 64 << 10;
/// Positions are marked this often in what is read.
pub const STEP: usize = 16 << 10;

/// The log that most rows write.
pub const LOG: &str = "app.log";

impl Conditions {
    /// A receiver in this process.
    pub fn receiver(&self) -> Receiver {
        Receiver::new(self.transport)
    }

    /// A receiver in a process of its own.
    pub fn process(&self) -> ReceiverProcess {
        ReceiverProcess::start(self.transport)
    }

    /// A shipper that follows [`LOG`], from its beginning.
    pub fn shipper(&self, site: &Site, to: &Endpoint) -> Shipper {
        Shipper::new(site).follow(LOG).to(to).reading_from_start()
    }

    /// A writer of [`LOG`].
    pub fn writer(&self, site: &Site, reopen: Reopen) -> Numbered {
        Numbered::start(&site.path(LOG), self.rate, reopen)
    }

    /// Lines written in a time.
    pub fn lines_in(&self, seconds: f64) -> u64 {
        (self.rate as f64 * seconds) as u64
    }
}

/// What a receiver of either kind tells.
pub trait Sink {
    fn frames(&self) -> Vec<Vec<u8>>;
    fn reads_up_to(&self, n: u64, limit: Duration) -> bool;
    fn widest_buffer(&self) -> usize;
}

impl Sink for Receiver {
    fn frames(&self) -> Vec<Vec<u8>> {
        self.frames()
    }

    fn reads_up_to(&self, n: u64, limit: Duration) -> bool {
        self.reads_up_to(n, limit)
    }

    fn widest_buffer(&self) -> usize {
        self.widest_buffer()
    }
}

impl Sink for ReceiverProcess {
    fn frames(&self) -> Vec<Vec<u8>> {
        self.frames()
    }

    fn reads_up_to(&self, n: u64, limit: Duration) -> bool {
        self.reads_up_to(n, limit)
    }

    fn widest_buffer(&self) -> usize {
        self.widest_buffer()
    }
}

/// Waits until the last line has come (or nothing more comes), ends the shipper, and counts.
/// `windows` resend windows are allowed to have come twice.
pub fn conclude(
    shipper: &mut Running,
    writer: Numbered,
    sink: &impl Sink,
    windows: u64,
) -> Outcome {
    let written = writer.stop();
    conclude_at(shipper, written, sink, windows)
}

/// The same where lines 1 to `written` have been written.
pub fn conclude_at(shipper: &mut Running, written: u64, sink: &impl Sink, windows: u64) -> Outcome {
    if written > 0 {
        sink.reads_up_to(written, QUIET);
    }
    let alive = shipper.is_alive();
    let memory = alive.then(|| (shipper.peak_rss(), shipper.peak_own()));
    if alive {
        shipper.term();
    }
    let frames = sink.frames();
    let mut outcome = Outcome::of(written, &frames);
    (outcome.peak_rss, outcome.peak_own) = memory.unzip();
    outcome = outcome.check(alive, "the shipper has ended by itself").check_log(shipper);
    if windows == 0 {
        return outcome;
    }
    let buffer = sink.widest_buffer();
    let window = resend_window(buffer, &frames);
    outcome
        .allow(windows * window)
        .note(format!("receive buffer {} KiB, so a resend window is {window} lines", buffer >> 10))
}

/// How many lines may come twice behind ends in good order: over TLS the receiver says close_notify, and its
/// library may have thrown away 64 KiB that came behind that.
pub fn withheld(transport: Transport, ends: u64, frames: &[Vec<u8>]) -> u64 {
    let shortest = frames.iter().map(Vec::len).min().unwrap_or_default() as u64 + 1;
    if transport == Transport::Tls { ends * ((64 << 10) / shortest + 2) } else { 0 }
}

/// How many lines a resend window holds at most: twice the widest window the receiver can have
/// advertised, which is no larger than its receive buffer, and what the daemon adds to that.
pub fn resend_window(buffer: usize, frames: &[Vec<u8>]) -> u64 {
    lines(2 * (buffer + UNLOOKED) + MARGIN, frames)
}

/// How many lines so many bytes on the wire are.
pub fn lines(bytes: usize, frames: &[Vec<u8>]) -> u64 {
    let all: usize = frames.iter().map(|frame| frame.len() + 1).sum();
    (bytes * frames.len() / all.max(1)) as u64
}

impl Outcome {
    /// No panic in the shipper's log, which is kept in case the row fails.
    pub fn check_log(mut self, shipper: &Running) -> Self {
        let panics = shipper.log_lines(&["panicked"]).count();
        self.log = shipper.log();
        self.check(panics == 0, "the shipper has panicked")
    }
}
