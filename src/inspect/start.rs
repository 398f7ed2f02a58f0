//! What the daemon must have to start and the configuration names: looked at, and left as it is.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::path::{Path, absolute};

use rustix::process::geteuid;

use super::answers::ask;
use super::{BAD, ODD, Out, access};
use crate::checkpoint;
use crate::config::{Config, PidFilePlace};
use crate::shown::Show;

/// What would keep it from starting.
struct Obstacle {
    /// In words.
    text: String,
    /// It is none for others: for the user who may do this, or for the daemon that runs.
    is_ours: bool,
}

/// What was told.
pub(super) struct StartReport {
    pub(super) warnings: usize,
    /// The daemon cannot start, whoever starts it.
    pub(super) is_fault: bool,
}

/// Tells what would keep the daemon from starting.
pub(super) fn show(config: &Config, out: Out<'_>) -> io::Result<StartReport> {
    let asked = config.clone();
    let obstacles = ask(move || obstacles(&asked)).unwrap_or_else(|| {
        let text = "pid_file, debug_log_file or state_dir: their file system does not answer";
        vec![Obstacle { text: text.to_owned(), is_ours: true }]
    });
    for Obstacle { text, is_ours } in &obstacles {
        match is_ours {
            true => writeln!(out, "  {ODD}warning{ODD:#}: {text}")?,
            false => writeln!(out, "  {BAD}no start{BAD:#}: {text}")?,
        }
    }
    let warnings = obstacles.iter().filter(|obstacle| obstacle.is_ours).count();
    Ok(StartReport { warnings, is_fault: warnings < obstacles.len() })
}

fn obstacles(config: &Config) -> Vec<Obstacle> {
    let pid_file = match &config.pid_file {
        PidFilePlace::At(path) => unwritable("pid_file", path),
        PidFilePlace::Search => None,
    };
    let log = config.detach.then(|| unwritable("debug_log_file", &config.debug_log_file)).flatten();
    // One that runs has its port.
    let is_free = checkpoint::holder(&config.state_dir).is_none();
    let listen = config.metrics_listen.as_ref().filter(|_| is_free).and_then(|listen| {
        let error = TcpListener::bind(listen.address).err()?;
        let text = format!("metrics_listen: cannot listen on {}: {error}", listen.address);
        // One that runs elsewhere than we think has it, too.
        let is_ours = error.kind() == ErrorKind::AddrInUse || lacks_rights(&error);
        Some(Obstacle { text, is_ours })
    });
    let found = [pid_file, log, listen].into_iter().flatten();
    let told = |it: Obstacle| Obstacle {
        text: format!("{}; the daemon does not start with that", it.text),
        ..it
    };
    found.map(told).collect()
}

fn unwritable(key: &str, path: &Path) -> Option<Obstacle> {
    let path = absolute(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(&path);
    let (why, is_ours) = match fs::metadata(directory) {
        _ if path.is_dir() => ("it is a directory".to_owned(), false),
        Err(error) if lacks_rights(&error) => (access::explain(directory, &error), true),
        Ok(found) if found.is_dir() => {
            let at = if path.exists() { &path } else { directory };
            let error = access::write_error(at)?;
            (access::explain(at, &error), lacks_rights(&error))
        }
        _ => (format!("there is no directory {}", directory.shown()), false),
    };
    Some(Obstacle { text: format!("{key}: cannot write {}: {why}", path.shown()), is_ours })
}

/// Whether root could do what we could not.
fn lacks_rights(error: &io::Error) -> bool {
    error.kind() == ErrorKind::PermissionDenied && !geteuid().is_root()
}
