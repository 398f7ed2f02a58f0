//! Many files.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::stand::{Conditions, QUIET, resend_window};
use crate::support::{Shipper, Site, lines};

const FILES: usize = 500;
/// Between two portions of lines.
const TICK: Duration = Duration::from_millis(100);

/// Frames by their APP-NAME, which is the name of the file they are from.
pub fn by_tag(frames: Vec<Vec<u8>>) -> HashMap<String, Vec<Vec<u8>>> {
    let mut tags: HashMap<_, Vec<_>> = HashMap::new();
    for frame in frames {
        let tag = frame.split(|&byte| byte == b' ').nth(3).unwrap_or_default();
        tags.entry(String::from_utf8_lossy(tag).into_owned()).or_default().push(frame);
    }
    tags
}

/// Appends to every file in each tick, and rotates one after the other.
struct Fleet {
    paths: Vec<PathBuf>,
    per_tick: u64,
    stop: AtomicBool,
    ticks: AtomicU64,
}

impl Fleet {
    fn run(&self, rotated_per_tick: usize) {
        let open = |path: &PathBuf| File::options().append(true).create(true).open(path).unwrap();
        let mut files: Vec<_> = self.paths.iter().map(open).collect();
        let mut turn = (0..FILES).cycle();
        let mut due = Instant::now();
        while !self.stop.load(Ordering::Relaxed) {
            let tick = self.ticks.load(Ordering::Relaxed);
            let portion = lines(tick * self.per_tick + 1..=(tick + 1) * self.per_tick);
            for file in &mut files {
                file.write_all(portion.as_bytes()).unwrap();
            }
            self.ticks.store(tick + 1, Ordering::Release);
            for file in turn.by_ref().take(rotated_per_tick) {
                let path = &self.paths[file];
                let mut rotated = path.clone().into_os_string();
                rotated.push(".1");
                std::fs::rename(path, rotated).unwrap();
                files[file] = open(path);
            }
            due += TICK;
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
    }

    fn written(&self) -> u64 {
        self.ticks.load(Ordering::Acquire) * self.per_tick
    }
}

/// Row 20. A file is rotated once in 20 s; 100 lines a second for each at the full rate of 20,000.
pub fn five_hundred(c: &Conditions) -> Outcome {
    let (site, mut receiver) = (Site::new(), c.process());
    let paths = (0..FILES).map(|n| site.append(format!("f{n:03}.log"), "")).collect();
    let per_second = if c.long { 100 } else { 20 };
    let per_tick = per_second * TICK.as_millis() as u64 / 1000;
    let fleet = Fleet { paths, per_tick, stop: AtomicBool::default(), ticks: AtomicU64::default() };
    let shipper = Shipper::new(&site).follow("f*.log").to(&receiver.endpoint());
    let mut shipper = shipper.reading_from_start().start();
    // What is rotated before it was ever seen is not looked for at a first start.
    shipper.wait_log(&[&format!("following {FILES} files")]);
    let span = if c.long { 10 } else { 5 };
    thread::scope(|scope| {
        scope.spawn(|| fleet.run(3));
        for _ in 0..2 {
            thread::sleep(Duration::from_secs(span));
            receiver.kill();
            thread::sleep(Duration::from_secs(1));
            receiver.restart();
        }
        thread::sleep(Duration::from_secs(span));
        fleet.stop.store(true, Ordering::Relaxed);
    });
    let (mut bytes, mut since) = (receiver.bytes(), Instant::now());
    while since.elapsed() < QUIET / 3 {
        thread::sleep(Duration::from_millis(200));
        if receiver.bytes() > bytes {
            (bytes, since) = (receiver.bytes(), Instant::now());
        }
    }
    let rss = shipper.peak_rss();
    shipper.term();
    let frames = receiver.frames();
    let window = resend_window(receiver.widest_buffer(), &frames);
    let tags = by_tag(frames);
    let mut outcome = Outcome::default();
    for n in 0..FILES {
        let name = format!("f{n:03}.log");
        let none = Vec::new();
        let of_file = Outcome::of(fleet.written(), tags.get(&name).unwrap_or(&none));
        outcome = outcome.and(of_file);
    }
    outcome.faults.truncate(5);
    outcome.peak_rss = Some(rss);
    outcome
        .check(tags.len() == FILES, format!("{} tags", tags.len()))
        .check_log(&shipper)
        .allow(2 * window)
        .note(format!("{per_second} lines/s each, a resend window is {window} lines"))
}
