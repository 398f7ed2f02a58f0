//! The sender against receivers in this process, over real sockets on the loopback device.

mod fast_path;
mod moving;
mod relp;
mod routed;
mod several;
mod tcp;
mod tls;
mod udp;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::testing::{numbered, offsets};
use super::{FastPath, Links, Outcome, Target, Targets, TransportKind, run};
use crate::health::liveness::Beat;
use crate::health::loss::{Losses, Reason};
use crate::health::metrics::Meters;
use crate::pipeline::batch::Batch;
use crate::pipeline::limit::RateLimit;
use crate::pipeline::position::Update;
use crate::syslog::{Encoder, Framing};

/// Until then the receiver's FIN proves nothing where little was sent.
const YOUNG: Duration = Duration::from_millis(1100);
/// Bytes of a numbered frame.
const WIDTH: usize = 100;

/// A sender at work, and the other ends of its channels.
struct Sending {
    batches: mpsc::Sender<Batch>,
    fast_path: FastPath,
    updates: mpsc::Receiver<Vec<Update>>,
    leave: CancellationToken,
    task: JoinHandle<Outcome>,
    retarget: watch::Sender<Targets>,
    _spare: mpsc::Receiver<Batch>,
    reached: u64,
    losses: Losses,
}

fn target(address: SocketAddr) -> Target {
    Target {
        host: address.ip().to_string(),
        port: address.port(),
        transport: TransportKind::Tcp,
        encoder: Encoder::new(Framing::Newline, None),
        connect_timeout: Duration::from_secs(5),
        write_timeout: Duration::from_secs(30),
        stall_limit: Duration::from_secs(30),
        proof_interval: std::time::Duration::from_secs(300),
        proxied: false,
    }
}

impl Sending {
    fn to(targets: impl Into<Targets>) -> Self {
        // RUST_LOG=debug shows what the sender says of a failing test.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let (batches, taken) = mpsc::channel(2);
        let (confirmed, updates) = mpsc::channel(8);
        let (spare, spares) = mpsc::channel(4);
        let (retarget, targets) = watch::channel(targets.into());
        let leave = CancellationToken::new();
        let meters = Meters::new().unwrap().sending;
        let losses = meters.losses.clone();
        let fast_path = FastPath::default();
        let links = Links {
            limit: RateLimit::default(),
            targets,
            batches: taken,
            fast_path: fast_path.clone(),
            updates: confirmed,
            spare,
            leave: leave.clone(),
            beat: Beat::default(),
        };
        let task = tokio::spawn(run(links, meters));
        Self {
            batches,
            fast_path,
            updates,
            leave,
            task,
            retarget,
            _spare: spares,
            reached: 0,
            losses,
        }
    }

    /// Hands over the frames `numbers` in batches of `each`, as fast as they are taken.
    fn feed(&self, numbers: std::ops::Range<u64>, each: u64) -> JoinHandle<()> {
        let batches = self.batches.clone();
        tokio::spawn(async move {
            let mut from = numbers.start;
            while from < numbers.end {
                let to = (from + each).min(numbers.end);
                if batches.send(numbered(from..to, WIDTH)).await.is_err() {
                    return;
                }
                from = to;
            }
        })
    }

    /// Waits until the position behind frame `count` is confirmed.
    async fn confirmed(&mut self, count: u64) {
        while self.reached < count {
            let updates = within(20, self.updates.recv()).await.expect("the sender runs");
            self.note(&updates);
        }
    }

    /// Takes what is confirmed by now. Where nobody does, sending waits for that.
    fn take_confirmed(&mut self) {
        while let Ok(updates) = self.updates.try_recv() {
            self.note(&updates);
        }
    }

    fn note(&mut self, updates: &[Update]) {
        for offset in offsets(updates) {
            assert!(offset >= self.reached, "positions never go back");
            self.reached = offset;
        }
    }

    /// Everything handed over is to be delivered; returns how far positions have come.
    async fn finish(self) -> (Outcome, u64) {
        let Self { batches, mut updates, task, mut reached, .. } = self;
        drop(batches);
        let collect = async {
            while let Some(more) = updates.recv().await {
                reached = offsets(&more).last().copied().unwrap_or(reached);
            }
            reached
        };
        // A receiver that resets each connection is waited for longer each time, so this may take half a
        // minute by itself.
        let (outcome, reached) = within(180, async { tokio::join!(task, collect) }).await;
        (outcome.unwrap(), reached)
    }
}

async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    timeout(Duration::from_secs(seconds), future).await.expect("it takes too long")
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// Listens at an address where a receiver was.
async fn listen_again(address: SocketAddr) -> TcpListener {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.bind(address).unwrap();
    socket.listen(8).unwrap()
}

/// Where nobody listens: a loopback address that no other test has.
fn nobody() -> SocketAddr {
    static NEXT: AtomicU8 = AtomicU8::new(1);
    let process = (std::process::id() % 250) as u8;
    SocketAddr::from(([127, 1, process, NEXT.fetch_add(1, Ordering::Relaxed)], 5140))
}

/// The whole frames in what one connection delivered.
fn frames(bytes: &[u8]) -> Vec<u64> {
    let whole = bytes.chunks_exact(WIDTH);
    whole.map(|frame| std::str::from_utf8(frame).unwrap().trim().parse().unwrap()).collect()
}

/// What arrived of `0..count`: how many are missing, and how many came more than once. Frames
/// may only go back to a frame that came before.
fn tally(arrived: &[u64], count: u64) -> (u64, u64) {
    let mut next = 0;
    for &frame in arrived {
        assert!(frame <= next, "frames {next} to {frame} were skipped");
        next = next.max(frame + 1);
    }
    (count - next, arrived.len() as u64 - next)
}
