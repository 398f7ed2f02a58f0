//! The status as a table for people.

use std::io;
use std::time::{Duration, SystemTime};

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use jiff::Timestamp;

use super::status::{File, Standing, Status};
use super::{BAD, GOOD, HEADING, ODD, Out, access, words};
use crate::health::certificates::DAYS_AHEAD;
use crate::shown::{Show, lines};
use crate::standing::ReceiverStanding;

const COLUMNS: [&str; 7] = ["SIZE", "DELIVERED", "BEHIND", "", "WRITTEN", "MOVED", "FILE"];

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
        write_receiver(receiver, now, out)?;
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
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(COLUMNS);
    table.add_rows(status.files.iter().map(|file| row(file, now)));
    table.add_row(total(&status.files));
    if let Some(width) = terminal_width() {
        table.set_content_arrangement(ContentArrangement::Dynamic).set_width(width);
    }
    for (index, column) in table.column_iter_mut().enumerate() {
        let is_number = index < 3 || (4..6).contains(&index);
        column.set_padding((0, 2));
        if is_number {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for (index, line) in table.lines().enumerate() {
        match index {
            0 => writeln!(out, "{HEADING}{}{HEADING:#}", line.trim_end())?,
            _ => writeln!(out, "{}", line.trim_end())?,
        }
    }
    Ok(())
}

/// Whether the receiver is connected, since when, what is not proven yet, and the last error.
fn write_receiver(receiver: &ReceiverStanding, now: SystemTime, out: Out<'_>) -> io::Result<()> {
    let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
    let ago = |at: i64| words::age(Duration::from_secs(now.saturating_sub(at.unsigned_abs())));
    let lasting = receiver.since.map_or(String::new(), |at| format!(" for {}", ago(at)));
    let name =
        receiver.name.as_deref().map_or(String::new(), |name| format!(" to {}", lines(name)));
    match receiver.connected {
        true => write!(out, "receiver: {GOOD}connected{GOOD:#}{name}{lasting}")?,
        false => write!(out, "receiver: {BAD}not connected{BAD:#}{lasting}")?,
    }
    if receiver.unproven > 0 {
        let oldest = receiver
            .unproven_since
            .map_or(String::new(), |at| format!(", the oldest of it for {}", ago(at)));
        let sent = words::bytes(receiver.unproven);
        write!(out, "; {sent} of messages sent and not yet proven to be read{oldest}")?;
    }
    if receiver.rate_limited {
        write!(out, "; {ODD}held back by rate_limit{ODD:#}")?;
    }
    if let (Some(error), Some(at)) = (&receiver.error, receiver.error_at) {
        write!(out, "; last error, {} ago: {}", ago(at), lines(error))?;
    }
    writeln!(out)?;
    write_certificates(receiver, now, out)
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
        Some(0) => (words::bytes(file.delivered), "0 B".to_owned(), String::new()),
        Some(behind) => {
            (words::bytes(file.delivered), words::bytes(behind), words::bar(behind, file.size))
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
    let (size, behind) = (sum(|file| file.size), sum(|file| file.behind().unwrap_or(0)));
    let bar = if behind == 0 { String::new() } else { words::bar(behind, sum(known)) };
    let count = format!("total: {}", words::count(files.len(), "file", "files"));
    let delivered = words::bytes(sum(|file| file.delivered));
    [words::bytes(size), delivered, words::bytes(behind), bar, String::new(), String::new(), count]
}

/// The width of the terminal that standard output is, if it is one.
fn terminal_width() -> Option<u16> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    (size.ws_col > 0).then_some(size.ws_col)
}
