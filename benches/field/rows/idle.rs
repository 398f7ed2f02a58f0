//! What it costs to wait.

use std::fs::{self, OpenOptions};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::Settings;
use crate::contenders::{Before, Contender, Job, Ours, Rsyslog, SyslogNg, ask};
use crate::load::{Load, marked_line};
use crate::process::{Process, cpu_share};
use crate::results::{Row, quantile};
use crate::sink::Sink;
use crate::support::{Site, Transport};

const RSS: &str = "RSS, MB";
const PEAK: &str = "peak RSS, MB";
const CPU: &str = "CPU, %";
const DESCRIPTORS: &str = "descriptors";
const SHIPPING: &str = "start to shipping, s";
const P99: &str = "line to one of them, p99, ms";
const STATUS: &str = "--status, s";
const CHECK: &str = "--check, s";
const PATIENCE: Duration = Duration::from_secs(120);
/// Whole sweeps have to fit in: with very many files they are up to two minutes apart.
const MEASURED: Duration = Duration::from_secs(125);
/// For contenders that sweep nothing, and for a quick look.
const SHORT: Duration = Duration::from_secs(21);
/// After a start there is work to be finished, and descriptors are given back.
const SETTLED: Duration = Duration::from_secs(8);

/// After so long descriptors of what is quiet are closed, what was read is proven, and threads without work are gone.
const QUIET: Duration = Duration::from_secs(95);

/// Files of one line, `per_directory` in each directory.
struct Files {
    site: Site,
    paths: Vec<PathBuf>,
}

impl Files {
    fn new(count: usize, per_directory: usize) -> Self {
        let site = Site::new();
        let path = |number: usize| {
            let directory = number / per_directory;
            site.path(format!("logs/d{directory:04}/service-{number:06}.log"))
        };
        let paths: Vec<_> = (0..count).map(path).collect();
        for (number, path) in paths.iter().enumerate() {
            if number % per_directory == 0 {
                fs::create_dir_all(path.parent().unwrap()).unwrap();
            }
            fs::write(path, format!("line 1 of file {number}\n")).unwrap();
        }
        Self { site, paths }
    }

    fn append(&self, file: usize, mark: u64) {
        let line = marked_line(mark, &mut fastrand::Rng::with_seed(mark));
        let file = OpenOptions::new().append(true).open(&self.paths[file]).unwrap();
        std::io::Write::write_all(&mut &file, line.as_bytes()).unwrap();
    }

    /// Starts a contender and writes to one file again and again until something comes of it.
    fn start(&self, who: Contender, glob: &str, sink: &Sink) -> Option<(Process, Duration)> {
        let job = Job { from_start: false, ..Job::new(&self.site, glob, sink.endpoint()) };
        let process = who.start(&job)?;
        for mark in 0.. {
            self.append(self.paths.len() / 2, mark);
            if let Some(at) = sink.wait_mark(mark, Duration::from_millis(50)) {
                let took = at - process.started;
                return Some((process, took));
            }
            if process.started.elapsed() > PATIENCE {
                break;
            }
        }
        println!("{} does not ship with {} files", who.name(), self.paths.len());
        None
    }
}

fn note_idle(row: &mut Row, name: &str, process: &Process, measured: Duration) {
    thread::sleep(SETTLED);
    row.note(name, CPU, cpu_share(process, measured));
    row.note(name, RSS, process.rss());
    row.note(name, PEAK, process.peak_rss());
    row.note(name, DESCRIPTORS, process.descriptors());
}

pub(super) fn many(mut row: Row, settings: Settings) -> Row {
    let contenders = settings.pick(&[Ours][..], &[Ours, Rsyslog, SyslogNg]);
    let files = Files::new(10_000, 10_000);
    for &who in contenders {
        let sink = Sink::new(Transport::Tcp);
        if let Some((process, took)) = files.start(who, "logs/d0000/*.log", &sink) {
            row.note(who.name(), SHIPPING, took.as_secs_f64());
            let measured = if who == Ours { settings.pick(SHORT, MEASURED) } else { SHORT };
            note_idle(&mut row, who.name(), &process, measured);
        }
    }
    let ours = Ours.name();
    row.at_most("RSS", 16.0, row.median(ours, RSS), "MB");
    row.at_most("CPU", 0.2, row.median(ours, CPU), "%");
    row.at_most("descriptors", 64.0, row.median(ours, DESCRIPTORS), "");
    row
}

pub(super) fn very_many(mut row: Row, settings: Settings) -> Row {
    let (ours, before) = (Ours.name(), Before.name());
    let files = Files::new(100_000, 100);
    for who in [Ours, Before] {
        fleet(&mut row, who, &files, settings);
    }
    row.at_most("RSS", 36.0, row.median(ours, RSS), "MB");
    row.at_most("CPU", 1.0, row.median(ours, CPU), "%");
    row.at_most("start to shipping", 5.0, row.median(ours, SHIPPING), "s");
    row.at_most(P99, 5.0, row.median(ours, P99), "ms");
    row.at_most(STATUS, 1.0, row.median(ours, STATUS), "s");
    row.at_most(CHECK, 2.0, row.median(ours, CHECK), "s");
    for (metric, most) in [(RSS, 0.5), (SHIPPING, 0.6)] {
        let ratio = row.median(ours, metric).zip(row.median(before, metric)).map(|(a, b)| a / b);
        row.at_most(&format!("{metric}, of that before"), most, ratio, "times");
    }
    row
}

pub(super) fn a_million(mut row: Row, settings: Settings) -> Row {
    let ours = Ours.name();
    let files = Files::new(settings.pick(200_000, 1_000_000), 100);
    fleet(&mut row, Ours, &files, settings);
    row.at_most("RSS", 400.0, row.median(ours, RSS), "MB");
    row.at_most("CPU", 1.0, row.median(ours, CPU), "%");
    row.at_most("start to shipping", 20.0, row.median(ours, SHIPPING), "s");
    row.at_most(P99, 10.0, row.median(ours, P99), "ms");
    row
}

/// What it costs to follow so many files, and what one of them waits for.
fn fleet(row: &mut Row, who: Contender, files: &Files, settings: Settings) -> Option<()> {
    let (sink, glob, name) = (Sink::new(Transport::Tcp), "logs/*/*.log", who.name());
    let (process, took) = files.start(who, glob, &sink)?;
    row.note(name, SHIPPING, took.as_secs_f64());
    note_idle(row, name, &process, settings.pick(SHORT, MEASURED));
    let taken = touch(files, &sink, settings.pick(200, 1000));
    row.note(name, "line to one of them, p50, ms", quantile(&taken, 0.5) * 1e3);
    row.note(name, P99, quantile(&taken, 0.99) * 1e3);
    if who == Ours {
        let job = Job { from_start: false, ..Job::new(&files.site, glob, sink.endpoint()) };
        for (metric, question) in [(STATUS, "--status"), (CHECK, "--check")] {
            let asked = Instant::now();
            let answer = ask(&job, question);
            row.note(name, metric, asked.elapsed().as_secs_f64());
            if !answer.status.success() {
                println!("{question} says:\n{}", String::from_utf8_lossy(&answer.stderr));
            }
        }
    }
    Some(())
}

/// A daemon that has little to do: how often it wakes up, and what stays in memory.
pub(super) fn few(mut row: Row, settings: Settings) -> Row {
    let (ours, sleeps) = (Ours.name(), "wake-ups in 60 s");
    let during = settings.pick(SHORT, Duration::from_secs(60));
    for who in [Ours, Before, Rsyslog] {
        let (site, sink) = (Site::new(), Sink::new(Transport::Tcp));
        for name in ["a", "b", "c"] {
            site.append(format!("logs/{name}.log"), "a first line\n");
        }
        let Some(process) = who.start(&Job::new(&site, "logs/*.log", sink.endpoint())) else {
            continue;
        };
        sink.wait_lines(3, PATIENCE);
        thread::sleep(QUIET);
        let before = process.sleeps();
        thread::sleep(during);
        let per_minute = (process.sleeps() - before) * 60.0 / during.as_secs_f64();
        row.note(who.name(), sleeps, per_minute);
        row.note(who.name(), RSS, process.rss());
    }
    row.at_most(sleeps, 12.0, row.median(ours, sleeps), "");
    row.at_most("RSS", 5.0, row.median(ours, RSS), "MB");
    row
}

/// Appends to one file after the other, wherever it lies; how long each line took.
fn touch(files: &Files, sink: &Sink, lines: u64) -> Vec<f64> {
    let mut rng = fastrand::Rng::with_seed(1);
    let mut taken = Vec::new();
    for number in 0..lines {
        let mark = 10_000_000 + number;
        let at = Instant::now();
        files.append(rng.usize(..files.paths.len()), mark);
        let came = sink.wait_mark(mark, Duration::from_secs(5));
        taken.push(came.map_or(5.0, |came| (came - at).as_secs_f64()));
        thread::sleep(Duration::from_millis(5));
    }
    taken
}

pub(super) fn receiver_gone(mut row: Row, _: Settings) -> Row {
    let (site, sink) = (Site::new(), Sink::new(Transport::Tcp));
    let ours = Ours.name();
    let log = site.append("logs/app.log", "a first line\n");
    let Some(process) = Ours.start(&Job::new(&site, "logs/*.log", sink.endpoint())) else {
        return row;
    };
    sink.wait_lines(1, PATIENCE);
    sink.leave();
    let lines = fs::read(&Load::access_log(100_000).path).unwrap();
    site.append("logs/app.log", lines);
    // The rest is a hole: nothing reads so far.
    OpenOptions::new().append(true).open(log).unwrap().set_len(10 << 30).unwrap();
    note_idle(&mut row, ours, &process, SHORT);
    row.at_most("peak RSS", 32.0, row.median(ours, PEAK), "MB");
    row.at_most("CPU", 0.5, row.median(ours, CPU), "%");
    row
}
