//! Batches go to the receiver over UDP, TCP, TLS or RELP, and come back as confirmed positions.
//!
//! ```text
//!            ┌──────────── lost ◄───────────┐
//!            ▼                              │
//!   backing off ──► connecting ──► connected (session) ──► parting ──► done
//! ```
//!
//! | module | what it knows |
//! |---|---|
//! | `ledger`, `entry` (pure) | what is sent and not proven to be read |
//! | `proof` (pure) | what acknowledgements and windows prove |
//! | `backoff` (pure) | when to try again |
//! | `receivers` (pure) | which of several receivers is asked, and when to go back to the first |
//! | `way_back` | the connection to one that comes before the one in use |
//! | `control` | the channels, and the one place where sending waits |
//! | `session` | from one connection to the next |
//! | `serve`, `waiting` | the service of one connection, and when to part; how it waits meanwhile |
//! | `handover` | the connection that follows, and when it takes over |
//! | `reserve` | those that stand by behind it |
//! | `pattern` (pure) | whether connections end in the same way again and again |
//! | `proof_timer` (pure) | for how long something has been unproven |
//! | `fast_path` | the short way to a connection that is idle |
//! | `transport` | what a way to the receiver can do: write, say what is proven, close |
//! | `transport/ending` (pure) | what the end of a connection proves |
//! | `transport/stream` | TCP and TLS at work, how the end of a connection is seen, and its trial |
//! | `transport/relp` | RELP at work: messages that the receiver answers |
//! | `transport/relp/session` (pure) | numbers, the window, and what an answer proves |
//! | `transport/relp/codec` (pure) | the frames of RELP |
//! | `transport/udp` | datagrams at work: what counts as delivered |
//! | `transport/tcp` | one TCP connection: bytes out, what the kernel says became of them |
//! | `transport/tls` | sealing, and which plaintext lies before which byte on the wire |
//! | `transport/datagrams` | the socket for datagrams, and which errors came back |
//! | `transport/tls_clients` | what TLS keeps from one connection to the next |
//! | `transport/target` | where to send and how |
//! | `transport/connect` | from a host name to a TCP connection |
//! | `transport/roots` | which authorities there are, and what is wrong where they should be |
//! | `transport/trust` | who is trusted, and what we show; by what a receiver was judged, and what it has shown |
//! | `transport/refusal` | why a handshake came to nothing, and what to do |
//! | `print` | standard output in the place of a receiver |
//! | `probe` | one attempt to connect, for those who ask whether it would work |
//! | `returns`, `report` | positions and memory back to the other stages; the own log |
//!
//! # What is promised
//! Over TCP and TLS a position is confirmed only when the receiving process has read the bytes
//! before it: by distance (see `proof`), or by the end of the connection where that proves something
//! (see `transport/ending`). Everything else is kept and sent again on the next connection, byte for
//! byte the same. While there is no connection, nothing is taken from the channel, so reading the
//! files stops.
//!
//! What remains: a receiver that reads and dies before it has stored what it read, and what the two
//! proofs cannot see (`docs/reliability.md` names it).

mod backoff;
#[doc(hidden)]
pub mod bench;
mod control;
mod entry;
mod fast_path;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod handover;
mod ledger;
mod pattern;
mod print;
mod probe;
mod proof;
mod proof_timer;
mod receivers;
mod report;
mod reserve;
mod returns;
mod serve;
mod session;
mod transport;
mod waiting;
mod way_back;

use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

pub use self::fast_path::FastPath;
pub use self::print::{print, printing_encoder};
pub use self::probe::{Answer, Probe, probe, resolve};
pub use self::transport::ending::YOUNG;
pub use self::transport::refusal::certificate::{Certificate, CertificateKey};
pub use self::transport::relp::RelpLimits;
pub use self::transport::roots::{root_faults, uses_system_roots};
pub use self::transport::target::{Target, Targets, TransportKind, encoder};
pub use self::transport::trust::witness::TrustedBy;
pub use self::transport::trust::{
    Authorities, AuthorityPlaces, Identity, Trust, own_end, try_trust,
};

use self::backoff::Backoff;
use self::control::Control;
use self::ledger::{Ledger, Tally};
use self::report::Report;
use self::reserve::{Dial, Reserve};
use self::returns::Returns;
use self::session::Sender;
use self::way_back::Course;
use crate::health::liveness::Beat;
use crate::health::metrics::Sending;
use crate::pipeline::batch::Batch;
use crate::pipeline::limit::RateLimit;
use crate::pipeline::position::Update;

/// The channels to the neighbours.
#[derive(Debug)]
pub struct Links {
    /// Where to send. When that changes, the connection is ended in good order and what is not
    /// confirmed goes to the first of the new receivers.
    pub targets: watch::Receiver<Targets>,
    /// What to send.
    pub batches: mpsc::Receiver<Batch>,
    /// How it comes past that channel.
    pub fast_path: FastPath,
    /// Told what is sent again: it takes as much of the line as what is new.
    pub limit: RateLimit,
    /// Confirmed positions.
    pub updates: mpsc::Sender<Vec<Update>>,
    /// Emptied batches; dropped when it is full.
    pub spare: mpsc::Sender<Batch>,
    /// Leave: end the connection that stands in good order, within 3 s.
    pub leave: CancellationToken,
    /// Shows that the loop goes round.
    pub beat: Beat,
}

/// What [`run`] leaves behind: taken from the channel and not confirmed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Outcome {
    /// Messages that may not have arrived.
    pub messages: u64,
}

/// Sends batches until their channel closes and everything is confirmed, or until told to leave.
/// Never fails: what goes wrong is logged and tried again.
pub async fn run(links: Links, meters: Sending) -> Outcome {
    sender(links, meters, |target, memory| Box::pin(transport::open(target, memory))).run().await
}

/// What [`run`] runs. `dial` opens its connections.
fn sender(links: Links, meters: Sending, dial: Dial) -> Sender {
    let Links { mut targets, batches, fast_path, limit, updates, spare, leave, beat } = links;
    let given = targets.borrow_and_update().clone();
    let returns = Returns::new(updates, spare);
    let control = Control::new(targets, batches, leave, fast_path, returns, beat);
    Sender {
        course: Course::new(given.clone(), dial),
        control,
        ledger: Ledger::default(),
        began_at: 0,
        backoff: Backoff::default(),
        reserve: Reserve::default(),
        limit,
        report: Report::new(&given, meters.clone()),
        meters,
        shown: Tally::default(),
    }
}

#[cfg(test)]
mod model;
#[cfg(any(test, fuzzing))]
mod testing;
#[cfg(test)]
mod tests;
