//! How many instructions the pieces of the hot path take a line: `cargo bench --bench instructions`.
//!
//! Times vary on a busy machine, counts do not. Each piece runs in a process of its own under
//! valgrind's cachegrind, some times and some times more; the difference is what the additional
//! ones took, and holds nothing of starting up. Today's counts are kept beside this file and are
//! printed beside the new ones; `-- --save` replaces them.
//!
//! Fails when a piece takes a tenth more than is kept, which no change of compilers explains.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]
#![allow(unreachable_pub, reason = "nothing outside reaches a benchmark")]

mod pieces;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

const FLAG: &str = "--as-the-measured";
/// How often a piece is run, and how often for comparison.
const FEW: u32 = 2;
const MANY: u32 = 6;
/// More than this of what is kept fails.
const MOST: f64 = 1.1;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [flag, name, times, ..] = &arguments[..]
        && flag == FLAG
    {
        let mut piece = pieces::piece(name);
        (0..times.parse().expect("a number")).for_each(|_| (piece.work)());
        return ExitCode::SUCCESS;
    }
    if let Err(error) = Command::new("valgrind").arg("--version").output() {
        println!("instructions ... skipped: needs valgrind: {error}");
        return ExitCode::SUCCESS;
    }
    let now: Counts = pieces::NAMES.iter().map(|name| (name.to_string(), per_line(name))).collect();
    let kept = kept();
    if arguments.iter().any(|argument| argument == "--save") {
        let json = serde_json::to_string_pretty(&now).expect("counts");
        fs::write(path(), json + "\n").expect("counts can be written");
    }
    print(&now, &kept)
}

/// Instructions a line, for each piece.
type Counts = BTreeMap<String, f64>;

fn path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.json")
}

fn kept() -> Counts {
    let text = fs::read_to_string(path()).unwrap_or_else(|_| "{}".to_owned());
    serde_json::from_str(&text).expect("benches/instructions.json")
}

fn per_line(name: &str) -> f64 {
    let lines = pieces::piece(name).lines * u64::from(MANY - FEW);
    let counted = count(name, MANY) - count(name, FEW);
    (counted as f64 / lines as f64 * 100.0).round() / 100.0
}

/// Runs this program under valgrind and reads what it says: `==1== I refs: 1,234`.
fn count(name: &str, times: u32) -> u64 {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    valgrind.arg(std::env::current_exe().expect("this program"));
    let output = valgrind.args([FLAG, name, &times.to_string()]).output().expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let counted = text.lines().find_map(|line| line.split_once("refs:"));
    let digits: String = counted.into_iter().flat_map(|(_, count)| count.chars()).collect();
    let digits: String = digits.chars().filter(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("valgrind counted nothing:\n{text}"))
}

fn print(now: &Counts, kept: &Counts) -> ExitCode {
    println!("| piece | instructions/line | kept | |\n|---|--:|--:|--:|");
    let mut verdict = ExitCode::SUCCESS;
    for (name, &count) in now {
        let Some(&before) = kept.get(name) else {
            println!("| {name} | {count:.2} | | new |");
            continue;
        };
        let change = (count / before - 1.0) * 100.0;
        println!("| {name} | {count:.2} | {before:.2} | {change:+.1} % |");
        if count > before * MOST {
            println!("{name} takes more than {MOST} times what is kept in {}", path().display());
            verdict = ExitCode::FAILURE;
        }
    }
    verdict
}
