//! The torture table: what is done to files, shippers, receivers, networks and disks, and how many
//! lines were lost, repeated or reordered by it. Prints one row for each case and transport, and
//! fails when one holds less than it promises.
//!
//! ```text
//! cargo test --test reliability                     # short, as `cargo test` runs it
//! cargo test --test reliability -- --long           # at full length
//! cargo test --test reliability -- --row 5 --row 7  # some rows
//! ```
//!
//! `docs/reliability.md` says what is promised. `stand` is what a row is built from, `rows` holds
//! the rows, `outcome` judges them, `schedule` runs some side by side.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stdout)]
#![allow(unreachable_pub, reason = "nothing of a test binary can be reached from outside")]

mod arguments;
mod outcome;
mod rows;
mod schedule;
mod stand;
#[allow(dead_code, unused_imports, reason = "the suite uses the rest of it")]
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::process::ExitCode;

use arguments::Arguments;

fn main() -> ExitCode {
    if support::receive_if_child() {
        return ExitCode::SUCCESS;
    }
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(problem) => {
            println!("{problem}");
            return ExitCode::from(2);
        }
    };
    if arguments.help {
        println!("{}", arguments::USAGE);
        return ExitCode::SUCCESS;
    }
    if arguments.inside {
        return schedule::run_inside(&arguments);
    }
    let cases = schedule::cases(&arguments);
    if arguments.list {
        for case in &cases {
            println!("{case}: test");
        }
        return ExitCode::SUCCESS;
    }
    if cases.is_empty() {
        return ExitCode::SUCCESS;
    }
    let results = schedule::run(&cases, &arguments);
    print!("{}", table::table(&results, &arguments));
    match results.iter().all(|(_, outcome)| outcome.holds()) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
