//! A backlog is there at once, and is shipped as fast as can be.

use std::fs;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant};

use super::Settings;
use crate::contenders::{Contender, Floor, Job, Keys, Ours, Rsyslog, SyslogNg};
use crate::load::{Load, directory, marked_line};
use crate::process::Process;
use crate::results::Row;
use crate::sink::Sink;
use crate::support::{Site, Transport};

pub(super) const RATE: &str = "lines/s";
pub(super) const CPU: &str = "CPU, µs/line";
const RSS: &str = "peak RSS, MB";
/// A contender from which nothing comes for so long is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// What shipping a backlog took, by lines of the files.
pub(super) struct Shipped {
    sink: Sink,
    rate: f64,
    cpu: f64,
    rss: f64,
    began: Instant,
}

/// Has `loads` appear before a contender that is at work, and waits until so many `messages` have come.
pub(super) fn ship(
    who: Contender,
    transport: Transport,
    loads: &[Load],
    keys: Keys<'_>,
    messages: u64,
) -> Option<Shipped> {
    let (site, sink) = (Site::new(), Sink::new(transport));
    let (process, before, began, messages) = match who {
        Floor => {
            let glob = loads[0].path.to_str().unwrap();
            let process = Floor.start(&Job::new(&site, glob, sink.endpoint()))?;
            let began = process.started;
            (process, Duration::ZERO, began, messages)
        }
        _ => {
            let process = warm(who, &site, &sink, keys)?;
            let (before, began) = (process.cpu(), Instant::now());
            for (number, load) in loads.iter().enumerate() {
                load.appear_at(&site.path(format!("logs/access-{number}.log")));
            }
            (process, before, began, messages + 1)
        }
    };
    let Some(end) = sink.wait_lines(messages, PATIENCE) else {
        let log = fs::read_to_string(site.path("its.log")).unwrap();
        println!("{} shipped {} of {messages} messages\n{log}", who.name(), sink.lines());
        return None;
    };
    let lines = loads.iter().map(|it| it.lines).sum::<u64>() as f64;
    Some(Shipped {
        rate: lines / (end - began).as_secs_f64(),
        cpu: (process.cpu() - before).as_secs_f64() * 1e6 / lines,
        rss: process.peak_rss(),
        sink,
        began,
    })
}

/// Starts a contender and waits until a first line has come from it.
fn warm(who: Contender, site: &Site, sink: &Sink, keys: Keys<'_>) -> Option<Process> {
    site.append("logs/first.log", "a first line\n");
    let process = who.start(&Job { keys, ..Job::new(site, "logs/*.log", sink.endpoint()) })?;
    sink.wait_lines(1, PATIENCE)?;
    std::thread::sleep(Duration::from_millis(300));
    Some(process)
}

pub(super) fn note(row: &mut Row, contender: &str, shipped: Option<&Shipped>) {
    if let Some(shipped) = shipped {
        row.note(contender, RATE, shipped.rate);
        row.note(contender, CPU, shipped.cpu);
        row.note(contender, RSS, shipped.rss);
    }
}

pub(super) fn access_log(settings: Settings) -> Load {
    Load::access_log(settings.pick(500_000, 2_000_000))
}

/// `a` in terms of `b`.
pub(super) fn ratio(row: &Row, metric: &str, a: &str, b: &str) -> Option<f64> {
    Some(row.median(a, metric)? / row.median(b, metric)?)
}

pub(super) fn tcp(mut row: Row, settings: Settings) -> Row {
    let load = access_log(settings);
    for round in 0..settings.rounds {
        for who in [Floor, Ours, Rsyslog, SyslogNg] {
            // Slow, and it varies little.
            if who != SyslogNg || round < 2 {
                let loads = std::slice::from_ref(&load);
                let shipped = ship(who, Transport::Tcp, loads, Keys::default(), load.lines);
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

pub(super) fn tls(mut row: Row, settings: Settings) -> Row {
    let load = access_log(settings);
    let over_tls = "remote_syslog, TLS";
    let sealing = "openssl speed -evp aes-128-gcm";
    for _ in 0..settings.rounds {
        let loads = std::slice::from_ref(&load);
        let shipped = ship(Ours, Transport::Tcp, loads, Keys::default(), load.lines);
        note(&mut row, Ours.name(), shipped.as_ref());
        if let (Some(shipped), Some(speed)) = (&shipped, openssl_speed()) {
            let seconds = shipped.sink.bytes() as f64 / speed;
            row.note(sealing, CPU, seconds * 1e6 / load.lines as f64);
        }
        let shipped = ship(Ours, Transport::Tls, loads, Keys::default(), load.lines);
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
        let shipped = ship(Ours, Transport::Tcp, loads, Keys::default(), load.lines);
        note(&mut row, Ours.name(), shipped.as_ref());
        for (who, name) in [(Ours, over_relp), (Rsyslog, omrelp)] {
            let shipped = ship(who, Transport::Relp, loads, Keys::default(), load.lines);
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
            let shipped = ship(who, Transport::Udp, loads, Keys::default(), load.lines);
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
        let shipped =
            ship(Floor, Transport::Tcp, std::slice::from_ref(&whole), Keys::default(), whole.lines);
        note(&mut row, Floor.name(), shipped.as_ref());
        for who in [Ours, Rsyslog, SyslogNg] {
            if who == SyslogNg && round > 0 {
                continue;
            }
            let Some(shipped) = ship(who, Transport::Tcp, &parts, Keys::default(), lines) else {
                continue;
            };
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
