//! The whole process beside its peers and the floor, in one run on loopback.
//!
//! ```text
//! cargo bench --bench field                      # quick: small loads, three rounds
//! cargo bench --bench field -- --full            # at the size that the targets speak of
//! cargo bench --bench field -- --row tls --row udp --rounds 5
//! cargo bench --bench field -- --list            # names the rows
//! cargo bench --bench field -- --full --save     # and renews the figures in docs/
//! ```
//!
//! It ends by itself, prints a table for each row and one of all targets, and writes the figures of
//! every run to `target/tmp/field/results.json`. Peers that are not found are named. Nothing is
//! asserted: what a figure means is for people to judge.
//!
//! `contenders` says who is measured and how each is set up, `rows` what is measured, `sink` is the
//! receiver of all, `floor` the least that can be done.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]
#![allow(unreachable_pub, reason = "nothing of a benchmark can be reached from outside")]

mod answering;
mod arguments;
mod contenders;
mod floor;
mod load;
mod process;
mod relay;
mod report;
mod results;
mod rows;
mod save;
mod sink;
#[allow(dead_code, unused_imports, reason = "the tests use the rest of it")]
#[path = "../../tests/support/mod.rs"]
mod support;

use std::fs;
use std::process::{Command, ExitCode};

use arguments::Arguments;
use results::{Results, Row};
use rows::{KINDS, Settings};

fn main() -> ExitCode {
    if floor::run_if_floor() {
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            println!("{problem}");
            return ExitCode::from(2);
        }
    };
    let wanted =
        |name: &str| arguments.rows.is_empty() || arguments.rows.iter().any(|it| it == name);
    if arguments.list {
        KINDS.iter().for_each(|kind| println!("{}: {}", kind.name, kind.what));
        return ExitCode::SUCCESS;
    }
    let rounds = arguments.rounds.unwrap_or(if arguments.full { 5 } else { 3 });
    let settings = Settings { full: arguments.full, rounds };
    let mut results = Results { machine: machine(), versions: versions(), rows: Vec::new() };
    for kind in KINDS.iter().filter(|kind| wanted(kind.name)) {
        let row = (kind.run)(Row::new(kind.name, kind.what), settings);
        println!("\n{}", report::row_table(&row));
        results.rows.push(row);
    }
    println!("\n{}", report::target_table(&results));
    for peer in contenders::missing() {
        println!("not found, and so not measured: {peer}");
    }
    let json = serde_json::to_string_pretty(&results).unwrap();
    fs::write(load::directory().join("results.json"), json).unwrap();
    if arguments.save {
        save::save(results);
    }
    ExitCode::SUCCESS
}

/// What it runs on.
fn machine() -> String {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let info = read("/proc/cpuinfo");
    let field = |name| {
        let line = info.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split(": ").nth(1)).unwrap_or("unknown").to_owned()
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!("{cores} cores of {}, Linux {}", field("model name"), kernel.trim())
}

fn versions() -> Vec<String> {
    let ours = format!("remote_syslog {}", env!("CARGO_PKG_VERSION"));
    let rustc = Command::new("rustc").arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    [Some(ours), contenders::rsyslog_version(), contenders::syslog_ng_version(), rustc.ok()]
        .into_iter()
        .flatten()
        .collect()
}
