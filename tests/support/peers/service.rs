//! A program of other people that is stopped and started again with the same files and addresses.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::super::process::wait_until_frozen;
use super::super::shipper::wait_exit;
use super::super::{SOON, wait_until};
use super::sockets::is_listening;

/// How long it may take to start and to stop. rsyslogd with something in its queues takes more than ten seconds
/// for either on a busy machine; its unit gives it 90.
const PATIENCE: Duration = SOON.saturating_mul(3);

/// It, its directory, and its process, if it runs.
pub struct Service {
    name: &'static str,
    dir: TempDir,
    child: Option<Child>,
}

impl Service {
    /// One that does not run yet.
    pub fn new(name: &'static str) -> Self {
        Self { name, dir: TempDir::new().unwrap(), child: None }
    }

    /// Where its files are.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// A path in its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir().join(name)
    }

    /// Starts it, and waits until it listens at these addresses, each with its protocol.
    #[track_caller]
    pub fn start(&mut self, mut command: Command, listens: &[(&str, SocketAddr)]) {
        assert!(self.child.is_none(), "{} still runs", self.name);
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        for &(protocol, address) in listens {
            wait_until(
                &format!("{} listens at {address} ({protocol})", self.name),
                PATIENCE,
                || is_listening(protocol, address),
            );
        }
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }

    /// Ends it by this signal, which it is to heed.
    #[track_caller]
    pub fn stop(&mut self, signal: Signal) {
        self.signal(signal);
        let mut child = self.child.take().unwrap();
        let has_ended = wait_exit(&mut child, PATIENCE).is_some();
        if !has_ended {
            let _ = child.kill();
            let _ = child.wait();
        }
        assert!(has_ended, "{} does not stop", self.name);
    }

    /// Asks it to stop, as `systemctl stop` would.
    #[track_caller]
    pub fn term(&mut self) {
        self.stop(Signal::TERM);
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.stop(Signal::KILL);
    }

    /// Stops it from doing anything.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        wait_until_frozen(self.pid());
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.path("log")).unwrap_or_default();
            println!("--- log of {} ---\n{log}---", self.name);
        }
    }
}
