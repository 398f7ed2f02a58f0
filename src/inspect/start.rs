//! What the daemon must have to start and the configuration names: looked at, and left as it is.

use std::net::TcpListener;
use std::path::{Path, absolute};

use super::access;
use crate::checkpoint;
use crate::config::{Config, PidFilePlace};
use crate::shown::Show;

/// What would keep it from starting, in words.
pub(super) fn obstacles(config: &Config) -> Vec<String> {
    let pid_file = match &config.pid_file {
        PidFilePlace::At(path) => unwritable("pid_file", path),
        PidFilePlace::Search => None,
    };
    let log = config.detach.then(|| unwritable("debug_log_file", &config.debug_log_file)).flatten();
    // One that runs has its port.
    let is_free = checkpoint::holder(&config.state_dir).is_none();
    let listen = config.metrics_listen.as_ref().filter(|_| is_free).and_then(|listen| {
        let error = TcpListener::bind(listen.address).err()?;
        Some(format!("metrics_listen: cannot listen on {}: {error}", listen.address))
    });
    let found = [pid_file, log, listen].into_iter().flatten();
    found.map(|what| format!("{what}; the daemon does not start with that")).collect()
}

fn unwritable(key: &str, path: &Path) -> Option<String> {
    let path = absolute(path).unwrap_or_else(|_| path.to_owned());
    let directory = path.parent().unwrap_or(&path);
    let why = if path.is_dir() {
        "it is a directory".to_owned()
    } else if !directory.is_dir() {
        format!("there is no directory {}", directory.shown())
    } else {
        access::unwritable(if path.exists() { &path } else { directory })?
    };
    Some(format!("{key}: cannot write {}: {why}", path.shown()))
}
