//! How long a line takes, from being written to the receiver.

use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::Settings;
use crate::contenders::{Contender, Floor, Job, Ours, Rsyslog, SyslogNg};
use crate::load::marked_line;
use crate::results::{Row, quantile};
use crate::sink::Sink;
use crate::support::{Site, Transport};

pub(super) const P50: &str = "p50, µs";
pub(super) const P99: &str = "p99, µs";
pub(super) const CPU: &str = "CPU, µs/line";
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn latency(mut row: Row, settings: Settings) -> Row {
    let lines = 2000 * settings.pick(2, 8);
    for _ in 0..settings.rounds {
        for who in [Floor, Ours, Rsyslog, SyslogNg] {
            trickle(&mut row, who, lines);
        }
    }
    row.notes.push("the floor of a line is a bare loop of three system calls".to_owned());
    let (ours, rsyslog) = (Ours.name(), Rsyslog.name());
    for (metric, most) in [(P50, 1.0), (P99, 1.0), (CPU, 0.5)] {
        let ratio = row.median(ours, metric).zip(row.median(rsyslog, metric)).map(|(a, b)| a / b);
        row.at_most(&format!("{metric}, of rsyslog's"), most, ratio, "times");
    }
    row
}

/// Writes `lines` at 2,000 a second before a contender that has shipped the file so far.
fn trickle(row: &mut Row, who: Contender, lines: u64) -> Option<()> {
    let (site, sink) = (Site::new(), Sink::new(Transport::Tcp));
    let log = site.append("logs/app.log", "a first line\n");
    let glob = if who == Floor { "logs/app.log" } else { "logs/*.log" };
    let process = who.start(&Job { grows: true, ..Job::new(&site, glob, sink.endpoint()) })?;
    sink.wait_lines(1, PATIENCE)?;
    thread::sleep(Duration::from_millis(300));
    let before = process.cpu();
    let written = write_paced(&log, lines, Duration::from_micros(500));
    sink.wait_mark(lines - 1, PATIENCE)?;
    let cpu = process.cpu() - before;
    let taken =
        |(number, at): (usize, &Instant)| Some((sink.mark(number as u64)? - *at).as_secs_f64());
    let taken: Vec<f64> = written.iter().enumerate().filter_map(taken).collect();
    row.note(who.name(), P50, quantile(&taken, 0.5) * 1e6);
    row.note(who.name(), P99, quantile(&taken, 0.99) * 1e6);
    row.note(who.name(), CPU, cpu.as_secs_f64() * 1e6 / lines as f64);
    row.note(who.name(), "peak RSS, MB", process.peak_rss());
    Some(())
}

/// Appends marked lines, one each time `pace` is over; returns when each was written.
pub(super) fn write_paced(log: &Path, lines: u64, pace: Duration) -> Vec<Instant> {
    let mut file = OpenOptions::new().append(true).open(log).unwrap();
    let mut rng = fastrand::Rng::with_seed(1);
    let began = Instant::now();
    let mut written = Vec::new();
    for number in 0..lines {
        let line = marked_line(number, &mut rng);
        let due = began + pace * number as u32;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        written.push(Instant::now());
        file.write_all(line.as_bytes()).unwrap();
    }
    written
}

pub(super) fn cold(mut row: Row, settings: Settings) -> Row {
    let metric = "start to first line, ms";
    for _ in 0..settings.pick(5, 20) {
        for who in [Ours, Rsyslog] {
            let (site, sink) = (Site::new(), Sink::new(Transport::Tcp));
            site.append("logs/app.log", marked_line(0, &mut fastrand::Rng::with_seed(1)));
            let job = Job::new(&site, "logs/*.log", sink.endpoint());
            let Some(process) = who.start(&job) else { continue };
            let Some(came) = sink.wait_mark(0, PATIENCE) else { continue };
            row.note(who.name(), metric, (came - process.started).as_secs_f64() * 1e3);
        }
    }
    row.at_most("start to first byte", 30.0, row.median(Ours.name(), metric), "ms");
    row
}
