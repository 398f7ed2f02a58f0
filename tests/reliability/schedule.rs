//! Runs cases: some side by side, some in namespaces of their own.

use std::collections::VecDeque;
use std::fmt;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Mutex;
use std::time::Instant;

use crate::arguments::Arguments;
use crate::outcome::Outcome;
use crate::rows::{ROWS, Row};
use crate::stand::Conditions;
use crate::support::Transport;

/// Lines a second unless stated otherwise.
const RATE: u64 = 20_000;
/// How many cases run side by side: each keeps less than one core busy.
const JOBS: usize = 4;
/// What a process in namespaces of its own prints before its outcome.
const MARK: &str = "outcome: ";

/// A row over one transport.
#[derive(Clone, Copy)]
pub struct Case {
    pub row: &'static Row,
    pub transport: Transport,
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "reliability::row_{}_over_{}", self.row.number, self.transport.name())
    }
}

/// Lines a second.
pub fn rate(arguments: &Arguments) -> u64 {
    arguments.rate.unwrap_or(RATE)
}

/// The cases that were asked for.
pub fn cases(arguments: &Arguments) -> Vec<Case> {
    let mut cases = Vec::new();
    for row in ROWS {
        for &transport in row.transports {
            let case = Case { row, transport };
            let asked = arguments.want(row.number, transport.name(), &case.to_string());
            if asked {
                cases.push(case);
            }
        }
    }
    cases
}

/// Runs them, and returns the outcomes in the order of the table.
pub fn run(cases: &[Case], arguments: &Arguments) -> Vec<(Case, Outcome)> {
    let started = Instant::now();
    let waiting: Mutex<VecDeque<usize>> = Mutex::new((0..cases.len()).collect());
    let done = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.unwrap_or(JOBS).min(cases.len()) {
            scope.spawn(|| {
                loop {
                    let Some(index) = waiting.lock().unwrap().pop_front() else { return };
                    let case = cases[index];
                    let began = Instant::now();
                    let mut outcome = run_case(case, arguments);
                    keep_log(case, &mut outcome);
                    println!("{case} ... {} ({:.0?})", outcome.verdict(), began.elapsed());
                    done.lock().unwrap().push((index, outcome));
                }
            });
        }
    });
    println!("{} cases in {:.0?}", cases.len(), started.elapsed());
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|&(index, _)| index);
    done.into_iter().map(|(index, outcome)| (cases[index], outcome)).collect()
}

/// Writes the shipper's log to a file when a case has failed.
fn keep_log(case: Case, outcome: &mut Outcome) {
    let log = std::mem::take(&mut outcome.log);
    if outcome.holds() || log.is_empty() {
        return;
    }
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reliability");
    fs::create_dir_all(&dir).unwrap();
    let file = format!("row_{}_over_{}.log", case.row.number, case.transport.name());
    fs::write(dir.join(&file), log).unwrap();
    outcome.faults.push(format!("the shipper's log: {}", dir.join(file).display()));
}

fn run_case(case: Case, arguments: &Arguments) -> Outcome {
    if case.row.namespaces.is_empty() {
        run_here(case, arguments)
    } else {
        isolate(case, arguments)
    }
}

fn run_here(case: Case, arguments: &Arguments) -> Outcome {
    let conditions =
        Conditions { transport: case.transport, rate: rate(arguments), long: arguments.long };
    let run = AssertUnwindSafe(|| (case.row.run)(&conditions));
    catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|&text| text.to_owned()));
        Outcome::broken(text.unwrap_or_default())
    })
}

/// Runs a case in a process of its own, with namespaces of its own (unshare(1)), so that what it
/// does to network, mounts and limits touches nobody and goes with it.
fn isolate(case: Case, arguments: &Arguments) -> Outcome {
    let mut unshare = Command::new("unshare");
    unshare.args(case.row.namespaces);
    let possible = unshare.arg("true").stderr(Stdio::null()).status();
    if !possible.is_ok_and(|status| status.success()) {
        return Outcome::skipped(format!("needs unshare {}", case.row.namespaces.join(" ")));
    }
    let mut command = Command::new("unshare");
    command.args(case.row.namespaces).arg("--").arg(std::env::current_exe().unwrap());
    command.args(["--inside", "--row", case.row.number, "--over", case.transport.name()]);
    command.args(["--rate", &rate(arguments).to_string()]);
    if arguments.long {
        command.arg("--long");
    }
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let outcome = text.lines().find_map(|line| line.strip_prefix(MARK));
    match outcome.map(serde_json::from_str) {
        Some(Ok(outcome)) => outcome,
        _ => Outcome::broken(format!("{}: {text}", output.status)),
    }
}

/// The other side of [`isolate`].
pub fn run_inside(arguments: &Arguments) -> ExitCode {
    for case in cases(arguments) {
        let outcome = run_here(case, arguments);
        println!("\n{MARK}{}", serde_json::to_string(&outcome).unwrap());
    }
    ExitCode::SUCCESS
}
