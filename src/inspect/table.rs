//! The status as a table for people.

use std::io;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;

use super::status::{File, Standing, Status};
use super::{BAD, GOOD, HEADING, ODD, Out, access, words};
use crate::health::certificates::DAYS_AHEAD;
use crate::shown::{Show, lines};
use crate::standing::ReceiverStanding;

const COLUMNS: [&str; 7] = ["SIZE", "DELIVERED", "BEHIND", "", "WRITTEN", "MOVED", "FILE"];
/// Which of them is a bar; all others but the last are numbers.
const BAR: usize = 3;

/// Writes `status` as it is at `now`.
pub(super) fn write(status: &Status, now: SystemTime, out: Out<'_>) -> io::Result<()> {
    let dir = status.state_dir.shown();
    match (status.daemon.map(|daemon| daemon.pid), &status.absence) {
        (Some(Some(pid)), _) => writeln!(out, "{dir}: {GOOD}in use by process {pid}{GOOD:#}")?,
        (Some(None), _) => writeln!(out, "{dir}: {GOOD}in use by a process{GOOD:#}")?,
        (None, Some(absence)) => writeln!(out, "{dir}: {ODD}{absence}{ODD:#}")?,
        (None, None) => {
            writeln!(out, "{dir}: {ODD}in use by no process{ODD:#}; what follows is what was left")?
        }
    }
    if let Some(why) = &status.refusal {
        let why = lines(why);
        writeln!(
            out,
            "{BAD}its new configuration is refused{BAD:#}, the old one stays in force: {why}"
        )?;
    }
    if let Some(receiver) = &status.receiver {
        write_receiver(receiver, behind(&status.files), now, out)?;
    }
    for damage in &status.damage {
        writeln!(out, "{ODD}warning{ODD:#}: {damage}; what is sound of it is shown")?;
    }
    for entry in &status.silent {
        writeln!(out, "{ODD}warning{ODD:#}: {entry}: no answer from its file system")?;
    }
    if status.files.is_empty() {
        return writeln!(out, "No file is known there, and none matches.");
    }
    writeln!(out)?;
    let rows: Vec<_> = status.files.iter().map(|file| row(file, now)).collect();
    let total = total(&status.files);
    let mut widths = COLUMNS.map(str::len);
    for row in rows.iter().chain([&total]) {
        widths.iter_mut().zip(row).for_each(|(width, cell)| *width = cell.len().max(*width));
    }
    writeln!(out, "{HEADING}{}{HEADING:#}", in_columns(&COLUMNS.map(str::to_owned), &widths))?;
    let mut lines = rows.iter().chain([&total]).map(|row| in_columns(row, &widths));
    lines.try_for_each(|line| writeln!(out, "{line}"))
}

/// The cells of a row, which are ASCII but for the last, in columns of these widths.
fn in_columns(cells: &[String; 7], widths: &[usize; 7]) -> String {
    let [others @ .., file] = cells;
    let mut line = String::new();
    for (index, (cell, &width)) in others.iter().zip(widths).enumerate() {
        let padding = " ".repeat(width - cell.len());
        let parts = if index == BAR { [cell, &padding] } else { [&padding, cell] };
        line.extend(parts.map(String::as_str));
        line.push_str("  ");
    }
    line + file
}

/// Whether the receiver is connected, since when, in whose place, what of the bytes `behind` is not proven
/// yet, and the last error.
fn write_receiver(
    receiver: &ReceiverStanding,
    behind: u64,
    now: SystemTime,
    out: Out<'_>,
) -> io::Result<()> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let ago = |at: i64| words::age(Duration::from_secs(now.saturating_sub(at.unsigned_abs())));
    let lasting = receiver.since.map_or(String::new(), |at| format!(" for {}", ago(at)));
    let name =
        receiver.name.as_deref().map_or(String::new(), |name| format!(" to {}", lines(name)));
    match receiver.connected {
        true => write!(out, "receiver: {GOOD}connected{GOOD:#}{name}{lasting}")?,
        false => write!(out, "receiver: {BAD}not connected{BAD:#}{lasting}")?,
    }
    if let Some(first) = receiver.first.as_deref().filter(|_| receiver.connected) {
        let again = match receiver.first_asked_at {
            Some(at) => {
                let wait = Duration::from_secs(at.unsigned_abs().saturating_sub(now));
                format!("in {}", words::age(wait))
            }
            None => "when this one fails".to_owned(),
        };
        let first = lines(first);
        write!(
            out,
            ", in the place of {ODD}{first}{ODD:#}, which is asked again {again} (failback)"
        )?;
    }
    if receiver.unproven > 0 {
        let oldest = receiver
            .unproven_since
            .map_or(String::new(), |at| format!(", the oldest of it for {}", ago(at)));
        let messages = words::bytes(receiver.unproven);
        match of_behind(receiver, behind) {
            Some(part) => write!(
                out,
                "; {part} sent and not yet proven to be read ({messages} of messages{oldest})"
            )?,
            None => {
                write!(out, "; {messages} of messages sent and not yet proven to be read{oldest}")?
            }
        }
    }
    if receiver.rate_limited {
        write!(out, "; {ODD}held back by rate_limit{ODD:#}")?;
    }
    if let (Some(error), Some(at)) = (&receiver.error, receiver.error_at) {
        let of = receiver.error_of.as_deref();
        let of = of.map_or(String::new(), |name| format!(" of {}", lines(name)));
        write!(out, "; last error{of}, {} ago: {}", ago(at), lines(error))?;
    }
    writeln!(out)?;
    write_certificates(receiver, now, out)
}

/// How much of what is `behind` was sent, in words. Nothing where that is not in bytes of files.
fn of_behind(receiver: &ReceiverStanding, behind: u64) -> Option<String> {
    let read = behind.saturating_sub(receiver.unread);
    let about = if receiver.unsent > 0 { " or about to be" } else { "" };
    let (all, read_words) = (words::bytes(behind), words::bytes(read));
    match receiver.unread {
        _ if read == 0 => None,
        0 => Some(format!("all {all} behind are{about}")),
        unread => Some(format!(
            "of {all} behind {} are not read yet and {read_words} are{about}",
            words::bytes(unread)
        )),
    }
}

/// Until when the certificates are valid that are in use.
fn write_certificates(receiver: &ReceiverStanding, now: u64, out: Out<'_>) -> io::Result<()> {
    let time = |seconds: i64| Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX);
    let now = time(i64::try_from(now).unwrap_or(i64::MAX));
    let ends = [("its", receiver.certificate_end), ("our", receiver.own_certificate_end)];
    for (whose, end) in ends {
        let Some(end) = end.map(time) else { continue };
        let said = words::until(end, now);
        match words::days(now, end) {
            _ if end < now => writeln!(out, "{whose} certificate: {BAD}{said}{BAD:#}")?,
            days if days < DAYS_AHEAD => writeln!(out, "{whose} certificate: {ODD}{said}{ODD:#}")?,
            _ => writeln!(out, "{whose} certificate: {said}")?,
        }
    }
    Ok(())
}

fn row(file: &File, now: SystemTime) -> [String; 7] {
    let age = |time: Option<SystemTime>| {
        let age = time.map(|time| now.duration_since(time).unwrap_or_default());
        age.map_or_else(|| "-".to_owned(), words::age)
    };
    let (delivered, behind, bar) = match file.behind() {
        Some(behind) => {
            let bar = words::bar(file.delivered, file.size);
            (words::bytes(file.delivered), words::bytes(behind), bar)
        }
        None => ("-".to_owned(), "-".to_owned(), String::new()),
    };
    let path = format!("{}{}", file.path.shown(), remarks(file));
    let size = words::bytes(file.size);
    [size, delivered, behind, bar, age(file.written), age(file.moved), path]
}

fn remarks(file: &File) -> String {
    let mut remarks = Vec::new();
    match file.standing {
        Standing::Followed => {}
        Standing::Unknown => remarks.push("no position yet".to_owned()),
        Standing::Unnamed => remarks.push("not in the configuration any more".to_owned()),
        Standing::NoAnswer => remarks.push("no answer from its file system".to_owned()),
        Standing::Gone => remarks.push("nothing there now".to_owned()),
    }
    if !file.readable {
        remarks.push(format!("cannot be read by {}", access::user()));
    }
    if file.rotated > 0 {
        remarks
            .push(format!("with {}", words::count(file.rotated, "rotated file", "rotated files")));
    }
    if file.unfound > 0 {
        let files = words::count(file.unfound, "file", "files");
        remarks.push(format!("and {files} more, compressed or deleted"));
    }
    if remarks.is_empty() { String::new() } else { format!(" ({})", remarks.join(", ")) }
}

fn total(files: &[File]) -> [String; 7] {
    let sum = |of: fn(&File) -> u64| files.iter().map(of).fold(0, u64::saturating_add);
    let known = |file: &File| if file.behind().is_some() { file.size } else { 0 };
    let size = words::bytes(sum(|file| file.size));
    let (delivered, behind, bar) = match files.iter().any(|file| file.behind().is_some()) {
        true => {
            let (known, behind) = (sum(known), behind(files));
            let bar = words::bar(known.saturating_sub(behind), known);
            (words::bytes(sum(|file| file.delivered)), words::bytes(behind), bar)
        }
        // Nothing is known of any, as above.
        false => ("-".to_owned(), "-".to_owned(), String::new()),
    };
    let count = format!("total: {}", words::count(files.len(), "file", "files"));
    [size, delivered, behind, bar, String::new(), String::new(), count]
}

/// Of all together.
fn behind(files: &[File]) -> u64 {
    files.iter().filter_map(File::behind).fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a receiver a thousand seconds after the epoch, with so many bytes behind.
    fn said(receiver: &ReceiverStanding, behind: u64) -> String {
        let (now, mut out) = (SystemTime::UNIX_EPOCH + Duration::from_secs(1000), Vec::new());
        write_receiver(receiver, behind, now, &mut out).unwrap();
        anstream::adapter::strip_str(std::str::from_utf8(&out).unwrap()).to_string()
    }

    fn connected() -> ReceiverStanding {
        ReceiverStanding {
            connected: true,
            since: Some(990),
            name: Some("b:1 (192.0.2.2:1, TCP)".to_owned()),
            first: None,
            first_asked_at: None,
            unread: 0,
            unsent: 0,
            unproven: 275,
            unproven_since: Some(999),
            rate_limited: false,
            error: None,
            error_at: None,
            error_of: None,
            certificate_end: None,
            own_certificate_end: None,
        }
    }

    #[test]
    fn what_is_not_proven_is_told_as_a_part_of_what_is_behind() {
        let begin = "receiver: connected to b:1 (192.0.2.2:1, TCP) for 10 s; ";
        let end =
            "sent and not yet proven to be read (275 B of messages, the oldest of it for 1 s)\n";
        assert_eq!(said(&connected(), 89), format!("{begin}all 89 B behind are {end}"));
        let reading = ReceiverStanding { unread: 1024, unsent: 7, ..connected() };
        let part = "of 1.5 KiB behind 1 KiB are not read yet and 512 B are or about to be ";
        assert_eq!(said(&reading, 1536), format!("{begin}{part}{end}"));
        // Standard input is no file.
        assert!(said(&connected(), 0).contains("; 275 B of messages sent and not yet proven"));
    }

    #[test]
    fn whoever_stands_in_for_the_first_is_told_with_when_that_is_asked_and_whose_error_it_was() {
        let in_its_place = ReceiverStanding {
            first: Some("a:1".to_owned()),
            first_asked_at: Some(1042),
            unproven: 0,
            error: Some("closed".to_owned()),
            error_at: Some(990),
            error_of: Some("a:1".to_owned()),
            ..connected()
        };
        assert_eq!(
            said(&in_its_place, 0),
            "receiver: connected to b:1 (192.0.2.2:1, TCP) for 10 s, in the place of a:1, which is \
             asked again in 42 s (failback); last error of a:1, 10 s ago: closed\n"
        );
        let never = ReceiverStanding { first_asked_at: None, ..in_its_place };
        assert!(said(&never, 0).contains("asked again when this one fails (failback)"));
    }
}
