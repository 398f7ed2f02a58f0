//! The hot path, piece by piece: what `benches/micro.rs` times and `benches/instructions.rs` counts.

#[allow(dead_code, reason = "the comparison of whole processes uses the rest of it")]
#[path = "../field/load.rs"]
mod load;

use std::fs;

use remote_syslog::filter::{LineFilter, Patterns};
use remote_syslog::input::bench::MadeLine;
use remote_syslog::pipeline::batch::Batch;
use remote_syslog::pipeline::controls::Controls;
use remote_syslog::syslog::{Encoder, Facility, Framing, Header, Priority, Severity};
use remote_syslog::text::{
    LineFormat, LineRule, Multiline, PathTemplate, Redaction, Redactions, StreamSeverities,
    TextRules, Trace,
};
use remote_syslog::{deliver, input};

use load::{EXCLUDE, Load};

/// Some work that can be done again and again.
pub struct Piece {
    /// Lines that go through it each time.
    pub lines: u64,
    pub work: Box<dyn FnMut()>,
}

/// Enough for some reads of 256 KiB.
const LINES: u64 = 10_000;
const CHUNK: usize = 256 << 10;

/// What they are called, in the order in which a line meets them.
pub const NAMES: [&str; 14] = [
    "split",
    "filter",
    "filter_any",
    "encode",
    "read",
    "per_file",
    "include",
    "redact",
    "multiline",
    "docker",
    "cri",
    "reframe",
    "ledger",
    "relp",
];

/// The piece of this name, ready to work.
pub fn piece(name: &str) -> Piece {
    let load = Load::access_log(LINES);
    let content = fs::read(&load.path).expect("the load");
    let work: Box<dyn FnMut()> = match name {
        "split" => Box::new(move || input::bench::split(&content)),
        // Found by literals, and by an automaton.
        "filter" => filter(content, &EXCLUDE),
        "filter_any" => filter(content, &[r"\d{4}-\d\d", "^$", r"\sTRACE\s"]),
        "encode" => encode(content),
        "read" => read(name, &load, as_it_stands, MadeLine::default()),
        "per_file" => {
            let tag = Some(PathTemplate::parse("{stem}").expect("a template"));
            read(name, &load, as_it_stands, MadeLine { tag, ..MadeLine::default() })
        }
        // One line in a hundred is sent.
        "include" => {
            let include = Patterns::new(&EXCLUDE).expect("patterns");
            let filter = LineFilter::new(include, Patterns::default());
            read(name, &load, as_it_stands, MadeLine { filter, ..MadeLine::default() })
        }
        // One line in a hundred has something to hide.
        "redact" => {
            let rules = ["card", "email", "ipv4", "bearer", "password"];
            let rules = rules.map(|name| Redaction::preset(name).expect("a preset")).to_vec();
            let redactions = Redactions::new(rules).into();
            let rules = TextRules { redactions, ..TextRules::default() };
            read(name, &load, load::with_secrets, MadeLine { rules, ..MadeLine::default() })
        }
        // Of ten lines each.
        "multiline" => {
            let multiline = Some(Multiline::new(LineRule::Trace(Trace::Java)).into());
            let rules = TextRules { multiline, ..TextRules::default() };
            read(name, &load, load::in_traces, MadeLine { rules, ..MadeLine::default() })
        }
        "docker" => {
            let format = Some(LineFormat::Docker(StreamSeverities::default()));
            let rules = TextRules { format, ..TextRules::default() };
            read(name, &load, load::in_docker, MadeLine { rules, ..MadeLine::default() })
        }
        "cri" => {
            let format = Some(LineFormat::Cri(StreamSeverities::default()));
            let rules = TextRules { format, ..TextRules::default() };
            read(name, &load, load::in_cri, MadeLine { rules, ..MadeLine::default() })
        }
        "reframe" => {
            let batch = encoded(&content, Framing::Newline);
            let datagrams = encoder(Framing::Datagram);
            Box::new(move || drop(std::hint::black_box(datagrams.reframe(&batch))))
        }
        "ledger" => Box::new(deliver::bench::ledger(encoded(&content, Framing::Newline))),
        "relp" => Box::new(deliver::bench::relp(encoded(&content, Framing::Relp))),
        other => panic!("there is no piece {other}"),
    };
    Piece { lines: LINES, work }
}

/// All of reading the load up to batches, each of its lines made into one by `line`.
fn read(
    name: &str,
    load: &Load,
    line: fn(u64, &str) -> String,
    said: MadeLine,
) -> Box<dyn FnMut()> {
    let load = load.rewritten(name, line);
    let read = input::bench::read(&load.path, encoder(Framing::Newline), header(), said);
    let mut read = read.expect("the load");
    Box::new(move || read().expect("the load"))
}

fn as_it_stands(_: u64, line: &str) -> String {
    line.to_owned()
}

fn encoder(framing: Framing) -> Encoder {
    Encoder::new(framing, Some(99_990))
}

fn header() -> Header {
    Header::new(Priority::new(Facility::USER, Severity::NOTICE), "host-1", "access.log", None)
}

fn encoded(content: &[u8], framing: Framing) -> Batch {
    let mut batch = Batch { framing, ..Batch::default() };
    encoder(framing).append_lines(HEADER, content, Controls::None, &mut batch);
    batch
}

/// As rendered: `encode` knows no clock.
const HEADER: &[u8] = b"<13>1 2026-11-24T10:20:30.123456Z host-1 access.log - - - ";

fn filter(content: Vec<u8>, patterns: &[&str]) -> Box<dyn FnMut()> {
    let patterns = Patterns::new(patterns).expect("patterns");
    Box::new(move || {
        let kept: usize = chunks(&content).map(|lines| patterns.kept(lines).count()).sum();
        std::hint::black_box(kept);
    })
}

fn encode(content: Vec<u8>) -> Box<dyn FnMut()> {
    let mut batch = Batch::default();
    Box::new(move || {
        for lines in chunks(&content) {
            batch.clear();
            encoder(Framing::Newline).append_lines(HEADER, lines, Controls::None, &mut batch);
        }
    })
}

/// Whole lines of about 256 KiB.
fn chunks(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = content;
    std::iter::from_fn(move || {
        let most = &rest[..rest.len().min(CHUNK)];
        let (lines, behind) = rest.split_at(memchr::memrchr(b'\n', most)? + 1);
        rest = behind;
        Some(lines)
    })
}
