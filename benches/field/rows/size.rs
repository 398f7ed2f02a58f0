//! Sizes: of memory for a line without an end, and of the program.

use std::fs;
use std::time::Duration;

use super::Settings;
use crate::contenders::{Job, Ours};
use crate::load::marked_line;
use crate::results::Row;
use crate::sink::Sink;
use crate::support::{Site, Transport};

const PATIENCE: Duration = Duration::from_secs(60);

pub(super) fn long_line(mut row: Row, _: Settings) -> Row {
    let (site, sink) = (Site::new(), Sink::new(Transport::Tcp));
    let ours = Ours.name();
    site.append("logs/first.log", "a first line\n");
    let Some(process) = Ours.start(&Job::new(&site, "logs/*.log", sink.endpoint())) else {
        return row;
    };
    sink.wait_lines(1, PATIENCE);
    let path = site.path("fresh");
    fs::write(&path, vec![b'x'; 300 << 20]).unwrap();
    fs::rename(&path, site.path("logs/long.log")).unwrap();
    // What comes behind it shows that it was read to its end.
    site.append("logs/long.log", "\n");
    site.append("logs/long.log", marked_line(0, &mut fastrand::Rng::with_seed(1)));
    if sink.wait_mark(0, PATIENCE).is_some() {
        row.note(ours, "peak RSS, MB", process.peak_rss());
    }
    row.at_most("peak RSS", 32.0, row.median(ours, "peak RSS, MB"), "MB");
    row
}

pub(super) fn binary(mut row: Row, _: Settings) -> Row {
    // The release profile strips it.
    let bytes = fs::metadata(env!("CARGO_BIN_EXE_remote_syslog")).unwrap().len();
    row.note(Ours.name(), "size, MB", bytes as f64 / f64::from(1 << 20));
    row.at_most("size", 7.0, row.median(Ours.name(), "size, MB"), "MB");
    row
}
