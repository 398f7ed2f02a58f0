//! Many files at once: all are rotated, or a line comes to each of them every second.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use super::Settings;
use crate::contenders::{Before, Contender, Job, Keys, Ours, Rsyslog};
use crate::results::Row;
use crate::sink::Sink;
use crate::support::{Site, Transport};

const PATIENCE: Duration = Duration::from_secs(90);
/// A file that was rotated away is let go when it was quiet for ten seconds.
const LET_GO: Duration = Duration::from_secs(16);
/// Files are found by events alone, so that no sweep falls into what is measured.
const UNSWEPT: Keys<'static> =
    Keys { yaml: "new_file_check_interval: 600", of_files: "", imfile: "", proof_interval: "" };

/// Makes so many files of one line in one directory.
fn files(site: &Site, count: usize) -> Vec<PathBuf> {
    let name = |number| format!("logs/service-{number:05}.log");
    (0..count).map(|number| site.append(name(number), "a first line\n")).collect()
}

pub(super) fn rotated(mut row: Row, settings: Settings) -> Row {
    let counts: [usize; 2] = settings.pick([1_000, 2_500], [4_000, 10_000]);
    let metric = |count: usize| format!("CPU, s, {count} files");
    for _ in 0..settings.rounds {
        for who in [Ours, Before] {
            for count in counts {
                // Of what was before, it is known that it grows by the square.
                if who == Ours || count == counts[0] {
                    let cpu = rotate_all(who, count);
                    if let Some(cpu) = cpu {
                        row.note(who.name(), &metric(count), cpu.as_secs_f64());
                    }
                }
            }
        }
    }
    let [few, many] = counts.map(|count| row.median(Ours.name(), &metric(count)));
    let before = row.median(Before.name(), &metric(counts[0]));
    let times = |a: Option<f64>, b: Option<f64>| a.zip(b).map(|(a, b)| a / b);
    row.at_most("CPU, of that before", 0.05, times(few, before), "times");
    row.at_most("CPU, with 2.5 times as many files", 2.7, times(many, few), "times");
    row
}

/// The processor time that it takes until all that was rotated away is let go.
fn rotate_all(who: Contender, count: usize) -> Option<Duration> {
    let (site, sink) = (Site::new(), Sink::new(Transport::Tcp));
    let paths = files(&site, count);
    let job = Job { keys: UNSWEPT, ..Job::new(&site, "logs/*.log", sink.endpoint()) };
    let process = who.start(&job)?;
    sink.wait_lines(count as u64, PATIENCE)?;
    thread::sleep(Duration::from_secs(1));
    let (before, began) = (process.cpu(), Instant::now());
    for path in &paths {
        fs::rename(path, path.with_extension("log-20260101")).unwrap();
        fs::write(path, "a line of the new file\n").unwrap();
    }
    sink.wait_lines(2 * count as u64, PATIENCE)?;
    thread::sleep(LET_GO.saturating_sub(began.elapsed()));
    Some(process.cpu() - before)
}

pub(super) fn written(mut row: Row, settings: Settings) -> Row {
    let (count, seconds) = (10_000, settings.pick(5, 20));
    let cpu = "CPU, %";
    for _ in 0..settings.rounds {
        for who in [Ours, Before, Rsyslog] {
            match write_all(who, count, seconds) {
                Some(used) => {
                    row.note(who.name(), cpu, used.as_secs_f64() / seconds as f64 * 100.0)
                }
                None => println!("{} does not ship all lines of {count} files", who.name()),
            }
        }
    }
    let before = row.median(Ours.name(), cpu).zip(row.median(Before.name(), cpu));
    row.at_most("CPU, of that before", 0.6, before.map(|(ours, before)| ours / before), "times");
    row
}

/// The processor time that it takes to ship a line of each file every second.
fn write_all(who: Contender, count: usize, seconds: u64) -> Option<Duration> {
    let (site, sink) = (Site::new(), Sink::new(Transport::Tcp));
    let paths = files(&site, count);
    let process = who.start(&Job::new(&site, "logs/*.log", sink.endpoint()))?;
    sink.wait_lines(count as u64, PATIENCE)?;
    thread::sleep(Duration::from_secs(1));
    let (before, began) = (process.cpu(), Instant::now());
    let pace = Duration::from_secs(1) / count as u32;
    for number in 0..count * seconds as usize {
        let due = began + pace * number as u32;
        // To sleep for each line would be most of the work.
        if number % 100 == 0 {
            thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        let mut file = OpenOptions::new().append(true).open(&paths[number % count]).unwrap();
        file.write_all(b"a line that comes every second, as a service writes it\n").unwrap();
    }
    sink.wait_lines(count as u64 * (seconds + 1), PATIENCE)?;
    Some(process.cpu() - before)
}
