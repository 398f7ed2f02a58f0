//! A backlog is there at once, and is shipped as fast as can be.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Settings;
use crate::contenders::{Contender, Floor, Job, Ours, Rsyslog, SyslogNg};
use crate::load::{EXCLUDE, Load, MATCHING, directory, marked_line};
use crate::process::Process;
use crate::results::Row;
use crate::sink::Sink;
use crate::support::{Site, Transport};

const RATE: &str = "lines/s";
const CPU: &str = "CPU, µs/line";
const RSS: &str = "peak RSS, MB";
/// A contender from which nothing comes for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What shipping a backlog took.
struct Shipped {
    sink: Sink,
    rate: f64,
    cpu: f64,
    rss: f64,
    began: Instant,
}

/// Has `loads` appear before a contender that is at work, and waits until `lines` have come.
fn ship(
    who: Contender,
    transport: Transport,
    loads: &[Load],
    yaml: &str,
    lines: u64,
) -> Option<Shipped> {
    let (site, sink) = (Site::new(), Sink::new(transport));
    let (process, before, began, lines) = match who {
        Floor => {
            let glob = loads[0].path.to_str().unwrap();
            let process = Floor.start(&Job::new(&site, glob, sink.endpoint()))?;
            let began = process.started;
            (process, Duration::ZERO, began, lines)
        }
        _ => {
            let process = warm(who, &site, &sink, yaml)?;
            let (before, began) = (process.cpu(), Instant::now());
            for (number, load) in loads.iter().enumerate() {
                load.appear_at(&site.path(format!("logs/access-{number}.log")));
            }
            (process, before, began, lines + 1)
        }
    };
    let Some(end) = sink.wait_lines(lines, PATIENCE) else {
        let log = fs::read_to_string(site.path("its.log")).unwrap();
        println!("{} shipped {} of {lines} lines\n{log}", who.name(), sink.lines());
        return None;
    };
    let shipped = lines as f64;
    Some(Shipped {
        rate: shipped / (end - began).as_secs_f64(),
        cpu: (process.cpu() - before).as_secs_f64() * 1e6
            / loads.iter().map(|it| it.lines).sum::<u64>() as f64,
        rss: process.peak_rss(),
        sink,
        began,
    })
}

/// Starts a contender and waits until a first line has come from it.
fn warm(who: Contender, site: &Site, sink: &Sink, yaml: &str) -> Option<Process> {
    site.append("logs/first.log", "a first line\n");
    let process = who.start(&Job { yaml, ..Job::new(site, "logs/*.log", sink.endpoint()) })?;
    sink.wait_lines(1, PATIENCE)?;
    std::thread::sleep(Duration::from_millis(300));
    Some(process)
}

fn note(row: &mut Row, contender: &str, shipped: Option<&Shipped>) {
    if let Some(shipped) = shipped {
        row.note(contender, RATE, shipped.rate);
        row.note(contender, CPU, shipped.cpu);
        row.note(contender, RSS, shipped.rss);
    }
}

fn access_log(settings: Settings) -> Load {
    Load::access_log(settings.pick(500_000, 2_000_000))
}

/// `a` in terms of `b`.
fn ratio(row: &Row, metric: &str, a: &str, b: &str) -> Option<f64> {
    Some(row.median(a, metric)? / row.median(b, metric)?)
}

pub(super) fn tcp(mut row: Row, settings: Settings) -> Row {
    let load = access_log(settings);
    for round in 0..settings.rounds {
        for who in [Floor, Ours, Rsyslog, SyslogNg] {
            // Slow, and it varies little.
            if who != SyslogNg || round < 2 {
                let loads = std::slice::from_ref(&load);
                let shipped = ship(who, Transport::Tcp, loads, "", load.lines);
                note(&mut row, who.name(), shipped.as_ref());
            }
        }
    }
    judge_stream(&mut row);
    row.at_most("peak RSS", 48.0, row.median(Ours.name(), RSS), "MB");
    row
}

fn judge_stream(row: &mut Row) {
    let (ours, rsyslog, floor) = (Ours.name(), Rsyslog.name(), Floor.name());
    row.at_least("lines/s, of rsyslog's", 10.0, ratio(row, RATE, ours, rsyslog), "times");
    row.at_most("CPU per line, of the floor's", 3.0, ratio(row, CPU, ours, floor), "times");
}

/// A key with a list of patterns.
fn patterns(key: &str, patterns: &[&str]) -> String {
    let list: Vec<_> = patterns.iter().map(|it| serde_json::json!(it).to_string()).collect();
    format!("{key}: [{}]", list.join(", "))
}

/// The CPU per line that these patterns take, of that without them, where `kept` of the lines are sent.
fn filtered(mut row: Row, settings: Settings, yaml: &str, kept: fn(u64) -> u64, most: f64) -> Row {
    let load = access_log(settings);
    let filtered = "remote_syslog, 5 patterns";
    for _ in 0..settings.rounds {
        let loads = std::slice::from_ref(&load);
        let shipped = ship(Ours, Transport::Tcp, loads, "", load.lines);
        note(&mut row, Ours.name(), shipped.as_ref());
        let shipped = ship(Ours, Transport::Tcp, loads, yaml, kept(load.lines));
        note(&mut row, filtered, shipped.as_ref());
    }
    let ratio = ratio(&row, CPU, filtered, Ours.name());
    row.at_most("CPU per line, of that without patterns", most, ratio, "times");
    row
}

pub(super) fn exclude(row: Row, settings: Settings) -> Row {
    let yaml = patterns("exclude_patterns", &EXCLUDE);
    filtered(row, settings, &yaml, |lines| lines - lines / MATCHING, 2.0)
}

/// The other way round: what was dropped there is all that is sent.
pub(super) fn include(row: Row, settings: Settings) -> Row {
    // The line that shows that it is at work has to come too.
    let include = [&EXCLUDE[..], &["^a first line$"]].concat();
    let yaml = patterns("include_patterns", &include);
    filtered(row, settings, &yaml, |lines| lines / MATCHING, 0.7)
}

pub(super) fn tls(mut row: Row, settings: Settings) -> Row {
    let load = access_log(settings);
    let over_tls = "remote_syslog, TLS";
    let sealing = "openssl speed -evp aes-128-gcm";
    for _ in 0..settings.rounds {
        let loads = std::slice::from_ref(&load);
        let shipped = ship(Ours, Transport::Tcp, loads, "", load.lines);
        note(&mut row, Ours.name(), shipped.as_ref());
        if let (Some(shipped), Some(speed)) = (&shipped, openssl_speed()) {
            let seconds = shipped.sink.bytes() as f64 / speed;
            row.note(sealing, CPU, seconds * 1e6 / load.lines as f64);
        }
        let shipped = ship(Ours, Transport::Tls, loads, "", load.lines);
        note(&mut row, over_tls, shipped.as_ref());
    }
    match row.median(sealing, CPU).zip(row.median(Ours.name(), CPU)) {
        Some((seal, plain)) => {
            let ratio = row.median(over_tls, CPU).map(|cpu| cpu / (plain + seal));
            row.at_most("CPU per line, of TCP's and AES's", 1.5, ratio, "times");
        }
        None => row.notes.push("openssl was not found".to_owned()),
    }
    row
}

pub(super) fn relp(mut row: Row, settings: Settings) -> Row {
    let load = access_log(settings);
    let (over_relp, omrelp) = ("remote_syslog, RELP", "rsyslog, omrelp");
    for _ in 0..settings.rounds {
        let loads = std::slice::from_ref(&load);
        let shipped = ship(Ours, Transport::Tcp, loads, "", load.lines);
        note(&mut row, Ours.name(), shipped.as_ref());
        for (who, name) in [(Ours, over_relp), (Rsyslog, omrelp)] {
            let shipped = ship(who, Transport::Relp, loads, "", load.lines);
            note(&mut row, name, shipped.as_ref());
        }
    }
    row.notes.push("the sink answers all messages of one read with one write".to_owned());
    row.at_least("lines/s, of omrelp's", 10.0, ratio(&row, RATE, over_relp, omrelp), "times");
    row.at_most(
        "CPU per line, of that over TCP",
        2.0,
        ratio(&row, CPU, over_relp, Ours.name()),
        "times",
    );
    row
}

/// Bytes that AES-128-GCM seals in a second of processor time, in pieces of 16 KiB.
fn openssl_speed() -> Option<f64> {
    let mut openssl = Command::new("openssl");
    let output = openssl.args("speed -seconds 1 -bytes 16384 -evp aes-128-gcm".split(' ')).output();
    let text = String::from_utf8_lossy(&output.ok()?.stdout).into_owned();
    let thousands = text.lines().last()?.split_whitespace().last()?.strip_suffix('k')?;
    Some(thousands.parse::<f64>().ok()? * 1000.0)
}

pub(super) fn udp(mut row: Row, settings: Settings) -> Row {
    let load = Load::access_log(settings.pick(200_000, 2_000_000));
    let dropped = "found no room at the receiver, %";
    for _ in 0..settings.rounds {
        for who in [Floor, Ours, Rsyslog] {
            let loads = std::slice::from_ref(&load);
            let shipped = ship(who, Transport::Udp, loads, "", load.lines);
            note(&mut row, who.name(), shipped.as_ref());
            if let Some(Shipped { sink, .. }) = &shipped {
                let share = sink.dropped() as f64 / sink.lines() as f64;
                row.note(who.name(), dropped, share * 100.0);
            }
        }
    }
    row.notes.push("the floor over UDP is a bare sendmmsg loop".to_owned());
    let (ours, rsyslog, floor) = (Ours.name(), Rsyslog.name(), Floor.name());
    row.at_least("lines/s, of rsyslog's", 5.0, ratio(&row, RATE, ours, rsyslog), "times");
    row.at_most(
        "CPU per line, of a bare sendmmsg loop's",
        1.5,
        ratio(&row, CPU, ours, floor),
        "times",
    );
    row
}

pub(super) fn files(mut row: Row, settings: Settings) -> Row {
    const FILES: u64 = 20;
    let slowest = "slowest file, of the average";
    let parts: Vec<_> = (0..FILES).map(|number| part(number, settings)).collect();
    let lines: u64 = parts.iter().map(|part| part.lines).sum();
    let whole = Load::access_log(lines - FILES);
    for round in 0..settings.rounds {
        let shipped = ship(Floor, Transport::Tcp, std::slice::from_ref(&whole), "", whole.lines);
        note(&mut row, Floor.name(), shipped.as_ref());
        for who in [Ours, Rsyslog, SyslogNg] {
            if who == SyslogNg && round > 0 {
                continue;
            }
            let Some(shipped) = ship(who, Transport::Tcp, &parts, "", lines) else { continue };
            note(&mut row, who.name(), Some(&shipped));
            let took = |number| Some((shipped.sink.mark(number)? - shipped.began).as_secs_f64());
            let times: Vec<f64> = (0..FILES).filter_map(took).collect();
            let average = times.iter().sum::<f64>() / times.len() as f64;
            row.note(who.name(), slowest, times.iter().copied().fold(0.0, f64::max) / average);
        }
    }
    judge_stream(&mut row);
    row.at_most(slowest, 1.2, row.median(Ours.name(), slowest), "times");
    row
}

/// A file whose last line is marked with its number.
fn part(number: u64, settings: Settings) -> Load {
    let log = Load::access_log(settings.pick(25_000, 100_000) - 1);
    let path = directory().join(format!("part-{number}-{}.log", log.lines + 1));
    let mut content = fs::read(&log.path).unwrap();
    let end = marked_line(number, &mut fastrand::Rng::with_seed(number));
    content.write_all(end.as_bytes()).unwrap();
    fs::write(&path, &content).unwrap();
    Load { path, lines: log.lines + 1 }
}
