//! What it costs that connections are handed over, beside one that is kept.

use std::thread;
use std::time::Duration;

use super::Settings;
use super::live::{CPU, P50, P99, write_paced};
use crate::contenders::{Job, Keys, Ours};
use crate::process::Process;
use crate::relay::Relay;
use crate::results::{Row, quantile};
use crate::sink::Sink;
use crate::support::{Site, Transport};

/// The time of a round trip.
const ROUND_TRIP: Duration = Duration::from_millis(20);
const KEPT: &str = "its connection kept";
const HANDED_OVER: &str = "its connections handed over";
const NEVER: &str = "1h";
const PATIENCE: Duration = Duration::from_secs(20);

/// One shipper before a receiver, which has its first line.
struct Run {
    process: Process,
    relay: Relay,
    sink: Sink,
    site: Site,
}

impl Run {
    fn start(transport: Transport, delay: Duration, proof_interval: &str) -> Option<Self> {
        let (site, sink) = (Site::new(), Sink::new(transport));
        let relay = Relay::before(&sink.endpoint(), delay);
        site.append("logs/app.log", "a first line\n");
        let keys = Keys { proof_interval, ..Keys::default() };
        let job = Job { grows: true, keys, ..Job::new(&site, "logs/*.log", relay.endpoint()) };
        let process = Ours.start(&job)?;
        sink.wait_lines(1, PATIENCE)?;
        // The first handover is over, which opens the first session that is resumed.
        thread::sleep(Duration::from_secs(3));
        Some(Self { process, relay, sink, site })
    }

    /// Writes so many lines, and returns how long each took, how much of the processor all did, and
    /// how many connections were made meanwhile.
    fn ship(&self, lines: u64, pace: Duration) -> Option<(Vec<f64>, Duration, usize)> {
        let (cpu, accepted) = (self.process.cpu(), self.relay.accepted());
        let written = write_paced(&self.site.path("logs/app.log"), lines, pace);
        self.sink.wait_mark(lines - 1, PATIENCE)?;
        let taken = (0..).zip(&written);
        let taken = taken.filter_map(|(n, at)| Some((self.sink.mark(n)? - *at).as_secs_f64()));
        Some((taken.collect(), self.process.cpu() - cpu, self.relay.accepted() - accepted))
    }
}

/// Lines in a steady flow while a connection is handed over each second.
pub(super) fn latency(mut row: Row, settings: Settings) -> Row {
    let pace = Duration::from_millis(10);
    let lines = 100 * settings.pick(20, 40);
    for _ in 0..settings.rounds {
        for (name, interval) in [(KEPT, NEVER), (HANDED_OVER, "1s")] {
            let run = Run::start(Transport::Tcp, ROUND_TRIP / 2, interval);
            let shipped = run.as_ref().and_then(|run| run.ship(lines, pace));
            let Some((taken, _, connections)) = shipped else { continue };
            row.note(name, P50, quantile(&taken, 0.5) * 1e6);
            row.note(name, P99, quantile(&taken, 0.99) * 1e6);
            row.note(name, "the longest, µs", quantile(&taken, 1.0) * 1e6);
            row.note(name, "connections", connections as f64);
        }
    }
    row.notes.push("a round trip takes 20 ms".to_owned());
    let [kept, handed_over] = [KEPT, HANDED_OVER].map(|name| row.median(name, P99));
    let more = handed_over.zip(kept).map(|(handed_over, kept)| handed_over - kept);
    let trips = more.map(|more| more / (ROUND_TRIP.as_secs_f64() * 1e6));
    row.at_most("p99 behind that of one that is kept", 2.0, trips, "round trips");
    row
}

/// A trickle over TLS: of 300 lines for each handover, as a line a second has them with the usual
/// `proof_interval`.
pub(super) fn cpu(mut row: Row, settings: Settings) -> Row {
    let (interval, lines) = settings.pick(("30s", 1200), ("5m", 600));
    let pace = Duration::from_millis(settings.pick(100, 1000));
    // Each takes minutes, and both are measured side by side.
    for _ in 0..settings.rounds.min(1) {
        let start = |interval| Run::start(Transport::Tls, Duration::ZERO, interval);
        let (Some(kept), Some(handed_over)) = (start(NEVER), start(interval)) else { continue };
        thread::scope(|scope| {
            let all = [(KEPT, &kept), (HANDED_OVER, &handed_over)];
            let all = all.map(|(name, run)| (name, scope.spawn(move || run.ship(lines, pace))));
            for (name, shipped) in all {
                let Some((_, cpu, connections)) = shipped.join().unwrap() else { continue };
                row.note(name, CPU, cpu.as_secs_f64() * 1e6 / lines as f64);
                row.note(name, "connections", connections as f64);
            }
        });
    }
    let [kept, handed_over] = [KEPT, HANDED_OVER].map(|name| row.median(name, CPU));
    let ratio = handed_over.zip(kept).map(|(handed_over, kept)| handed_over / kept);
    row.at_most("CPU, of one that is kept", 1.1, ratio, "times");
    row
}
