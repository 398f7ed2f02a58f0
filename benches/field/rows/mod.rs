//! The kinds of work, in the order of the table.

mod backlog;
mod content;
mod handover;
mod idle;
mod live;
mod size;
mod storm;

use crate::results::Row;

/// How thoroughly to measure.
#[derive(Debug, Clone, Copy)]
pub struct Settings {
    /// At the size that the targets speak of; otherwise smaller, for a quick look.
    pub full: bool,
    pub rounds: usize,
}

impl Settings {
    /// `full` at full size, else `quick`.
    fn pick<T>(&self, quick: T, full: T) -> T {
        if self.full { full } else { quick }
    }
}

/// A kind of work that can be measured by itself.
pub struct Kind {
    pub name: &'static str,
    pub what: &'static str,
    pub run: fn(Row, Settings) -> Row,
}

pub const KINDS: [Kind; 25] = [
    Kind { name: "backlog", what: "backlog of an access log over TCP", run: backlog::tcp },
    Kind { name: "exclude", what: "backlog, 5 exclude_patterns", run: content::exclude },
    Kind { name: "include", what: "backlog, 1 % kept by include_patterns", run: content::include },
    Kind { name: "per_file", what: "backlog, settings said of its files", run: content::per_file },
    Kind { name: "redact", what: "backlog, 5 redactions, 1 % to redact", run: content::redact },
    Kind { name: "multiline", what: "backlog of traces of 10 lines", run: content::multiline },
    Kind { name: "docker", what: "backlog of a container of Docker's", run: content::docker },
    Kind { name: "cri", what: "backlog of a container of containerd's", run: content::cri },
    Kind { name: "tls", what: "backlog over TLS 1.3", run: backlog::tls },
    Kind { name: "udp", what: "backlog over UDP", run: backlog::udp },
    Kind { name: "relp", what: "backlog over RELP", run: backlog::relp },
    Kind { name: "files", what: "20 files at once over TCP", run: backlog::files },
    Kind { name: "latency", what: "write to wire at 2,000 lines/s over TCP", run: live::latency },
    Kind {
        name: "handover",
        what: "write to wire while handed over each second",
        run: handover::latency,
    },
    Kind { name: "trickle", what: "a trickle over TLS, handed over", run: handover::cpu },
    Kind { name: "cold", what: "start to first byte sent, one file", run: live::cold },
    Kind { name: "idle", what: "10,000 idle files", run: idle::many },
    Kind { name: "fleet", what: "100,000 idle files in 1,000 directories", run: idle::very_many },
    Kind {
        name: "million",
        what: "1,000,000 idle files in 10,000 directories",
        run: idle::a_million,
    },
    Kind { name: "quiet", what: "three idle files", run: idle::few },
    Kind { name: "storm", what: "all files of a directory rotate at once", run: storm::rotated },
    Kind { name: "many", what: "10,000 files of a line a second each", run: storm::written },
    Kind { name: "gone", what: "receiver gone, 10 GB unread", run: idle::receiver_gone },
    Kind { name: "long", what: "300 MB without a newline", run: size::long_line },
    Kind { name: "binary", what: "the stripped binary", run: size::binary },
];
