//! What a person asks at three in the morning: `--check` says what the configuration leads to,
//! `--status` how far each file is delivered (which a running process tells its log and Prometheus).
//!
//! | module | what it knows |
//! |---|---|
//! | `check` | the order of what `--check` says, and its verdict |
//! | `files` | which files the globs find, and why some of them are not followed |
//! | `settings` (pure) | what is said of messages, of all and of those of an entry |
//! | `access` | why a path cannot be read, and by whom |
//! | `answers` | looks that may have no answer, and how long they are waited for |
//! | `sight` | what a service does not see of the files, and what its unit would have to say |
//! | `receiver` | where messages would go, and who answers there |
//! | `status` | how far files are delivered, from the state and the files |
//! | `disk` | which file is that of a position, also under another name |
//! | `table`, `json` | the two forms of that |
//! | `time` | which time a line would carry |
//! | `words` (pure) | sizes, ages, counts |
//!
//! Like [`crate::agent`] it knows several rooms, and none knows it. It uses their parts that only
//! look: nothing is sent, locked or written here, whether a daemon runs or not.

mod access;
mod answers;
mod check;
mod disk;
mod files;
mod json;
mod line;
mod receiver;
mod settings;
mod sight;
mod start;
mod status;
mod table;
mod time;
mod words;

use std::ffi::OsStr;
use std::io::{self, BufWriter, Write};
use std::os::unix::ffi::OsStrExt;
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};

use crate::cli::{Cli, Inspection};
use crate::config::Surroundings;
use crate::limits::met_by;
use crate::shown::lines;

pub use self::sight::hidden_links;
pub use self::status::{File, Standing, delivered};

const HEADING: Style = Style::new().bold();
const GOOD: Style = AnsiColor::Green.on_default();
const ODD: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default();

const NO_CONFIGURATION: &str =
    "the file system of the configuration does not answer; look after its mount";

/// Where answers go: colours are taken out where nobody can see them (`NO_COLOR`, no terminal).
type Out<'a> = &'a mut dyn Write;

/// Answers `look` on standard output and says whether all is well. That nobody reads on (a closed
/// pipe) is no error.
#[must_use]
pub fn run(cli: &Cli, look: Inspection<'_>) -> ExitCode {
    let mut out = BufWriter::new(anstream::stdout());
    match answer(cli, look, &mut out).and_then(|well| out.flush().map(|()| well)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            complain(&match met_by(&error) {
                Some(limit) => format!("cannot go on: {error}; {limit}"),
                None => format!("cannot write to standard output: {error}"),
            });
            ExitCode::FAILURE
        }
    }
}

fn answer(cli: &Cli, look: Inspection<'_>, out: Out<'_>) -> io::Result<bool> {
    let around = match Surroundings::of_process() {
        Ok(around) => around,
        Err(error) => {
            complain(&error);
            return Ok(false);
        }
    };
    match look {
        Inspection::Check { connect } => check::run(cli, &around, connect, out),
        Inspection::Line(line) => self::line(cli, &around, line, out),
        Inspection::Test => Ok(sight::test(cli, &around)),
        Inspection::UnitSettings => sight::unit_settings(cli, &around, out),
        Inspection::ShowConfig => show_config(cli, &around, out),
        Inspection::Status { json } => status::run(cli, &around, json, out),
    }
}

/// Whether the patterns let `line` pass, and which do not. False if it is dropped.
fn line(cli: &Cli, around: &Surroundings, line: &OsStr, out: Out<'_>) -> io::Result<bool> {
    let config = match answers::load(cli, around) {
        Some(Ok(loaded)) => loaded.config,
        Some(Err(errors)) => {
            complain(&errors);
            return Ok(false);
        }
        None => {
            complain(&NO_CONFIGURATION);
            return Ok(false);
        }
    };
    // Each argument has become an entry behind those of the configuration.
    self::line::show(&config, cli.files.len(), line.as_bytes(), out)
}

/// Prints the configuration. False if it is no good.
fn show_config(cli: &Cli, around: &Surroundings, out: Out<'_>) -> io::Result<bool> {
    let (asked, here) = (cli.clone(), around.clone());
    match answers::ask(move || crate::config::show(&asked, &here)) {
        Some(Ok((text, warnings))) => {
            // They are no part of the configuration.
            warnings.iter().for_each(|warning| complain(&format!("warning: {warning}")));
            out.write_all(text.as_bytes()).map(|()| true)
        }
        Some(Err(errors)) => {
            complain(&errors);
            Ok(false)
        }
        None => {
            complain(&NO_CONFIGURATION);
            Ok(false)
        }
    }
}

/// Says what is wrong where the daemon would say it.
fn complain(problem: &dyn std::fmt::Display) {
    // Nobody there to be told: the exit code tells.
    let _ = writeln!(io::stderr(), "{}", lines(&problem.to_string()));
}
