//! A file system that can be made not to answer: a directory mounted at another place by bindfs, whose
//! process is stopped.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::{SOON, skip, wait_until};

/// The mounted file system. Unmounted when dropped.
pub struct Mounted {
    bindfs: Child,
    point: PathBuf,
}

impl Mounted {
    /// Mounts `source` at `point`; nothing where that cannot be done here, which is said then.
    #[track_caller]
    pub fn new(source: &Path, point: &Path) -> Option<Self> {
        let is_needed =
            std::env::var_os("REMOTE_SYSLOG_TEST_PEERS").is_some_and(|it| it == "required");
        let mut bindfs = Command::new("bindfs");
        // Nothing is answered from what the kernel remembers.
        bindfs.args(["-f", "-o", "attr_timeout=0,entry_timeout=0"]).args([source, point]);
        let bindfs = match bindfs.stdout(Stdio::null()).stderr(Stdio::null()).spawn() {
            Ok(bindfs) => bindfs,
            Err(error) => {
                assert!(!is_needed, "bindfs: {error}");
                skip("bindfs", &error.to_string());
                return None;
            }
        };
        let mut mounted = Self { bindfs, point: fs::canonicalize(point).unwrap() };
        let mut has_ended = false;
        wait_until("it is mounted", SOON, || {
            has_ended = mounted.bindfs.try_wait().unwrap().is_some();
            has_ended || mounted.is_there()
        });
        if has_ended {
            assert!(!is_needed, "bindfs cannot mount");
            skip("bindfs", "it cannot mount here");
            return None;
        }
        Some(mounted)
    }

    fn is_there(&self) -> bool {
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        mounts.lines().any(|line| line.split(' ').nth(4) == self.point.to_str())
    }

    /// Nothing is answered from now on.
    pub fn hang(&self) {
        self.signal(Signal::STOP);
        let stat = format!("/proc/{}/stat", self.bindfs.id());
        wait_until("it is stopped", SOON, || {
            let stat = fs::read_to_string(&stat).unwrap();
            stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
        });
    }

    /// All is answered again.
    pub fn go_on(&self) {
        self.signal(Signal::CONT);
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.bindfs), signal).unwrap();
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        self.go_on();
        let _ = Command::new("umount").arg("-l").arg(&self.point).status();
        let _ = self.bindfs.kill();
        let _ = self.bindfs.wait();
    }
}
