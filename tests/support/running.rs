//! A `remote_syslog` that runs: signals, its own log, what it costs.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::process::wait_until_frozen;
use super::shipper::{Shipper, wait_exit};
use super::turns::Turns;
use super::{SOON, cost, wait_until};

/// As long as its unit gives it (`TimeoutStopSec`): the last positions are synced, and a disk that other
/// tests write to takes seconds for that. That it ends within five on its own part is tested apart.
const TERM_LIMIT: Duration = Duration::from_secs(15);

/// A running `remote_syslog`. Killed when dropped; its log is shown when the test has failed.
pub struct Running {
    shipper: Shipper,
    log: PathBuf,
    child: Child,
}

impl Running {
    /// Starts it with its log appended to `log`.
    #[track_caller]
    pub fn start(shipper: Shipper, log: PathBuf) -> Self {
        let child = spawn(&shipper, &log);
        Self { shipper, log, child }
    }

    /// Its process id.
    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// SIGSTOP. Returns when no thread of it runs any more.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        wait_until_frozen(self.child.id());
    }

    /// Lets so much time pass, and as much as its threads wait for a processor meanwhile, all together, up to
    /// some seconds: a busy machine is no fault of it.
    pub fn let_run(&self, time: Duration) {
        const LIMIT: Duration = Duration::from_secs(3);
        let pid = self.child.id();
        let (began, before) = (Instant::now(), Turns::of(pid));
        let mut last = Turns::default();
        while began.elapsed() < LIMIT {
            let now = Turns::of(pid);
            let left = (time + now.waited_since(&before)).saturating_sub(began.elapsed());
            if left.is_zero() && !now.may_wait_since(&last) {
                return;
            }
            last = now;
            thread::sleep(left.clamp(Duration::from_millis(1), Duration::from_millis(10)));
        }
    }

    /// Asks it to stop and checks that it does so in time and with exit code 0.
    #[track_caller]
    pub fn term(&mut self) {
        self.signal(Signal::TERM);
        let status = self.wait_exit(TERM_LIMIT);
        assert!(status.success(), "TERM: {status}");
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, after [`Running::term`] or [`Running::kill`].
    #[track_caller]
    pub fn restart(&mut self) {
        assert!(!self.is_alive(), "it still runs");
        self.child = spawn(&self.shipper, &self.log);
    }

    /// Starts it again and waits until it follows its one file. What it said before does not count:
    /// one that was killed may not have come to say so.
    #[track_caller]
    pub fn restart_following(&mut self) {
        let says_so = |running: &Self| running.log_lines(&["following 1 file"]).count();
        let before = says_so(self);
        self.restart();
        wait_until("it follows the file again", SOON, || says_so(self) > before);
    }

    /// Waits until it has ended.
    #[track_caller]
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        wait_exit(&mut self.child, limit)
            .unwrap_or_else(|| panic!("it has not ended within {limit:?}"))
    }

    /// Whether it has not ended.
    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its own log so far, over all its starts.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until its log has a line that contains all of `parts`.
    #[track_caller]
    pub fn wait_log(&self, parts: &[&str]) {
        wait_until(&format!("its log has a line with {parts:?}"), SOON, || {
            self.log_lines(parts).next().is_some()
        });
    }

    /// Waits until its log has a warning that contains all of `parts`.
    #[track_caller]
    pub fn wait_warning(&self, parts: &[&str]) {
        wait_until(&format!("its log has a warning with {parts:?}"), SOON, || {
            self.log_lines(parts).any(|line| line.to_uppercase().contains("WARN"))
        });
    }

    /// The lines of its log that contain all of `parts`.
    pub fn log_lines(&self, parts: &[&str]) -> impl Iterator<Item = String> + use<> {
        let log = self.log();
        let lines: Vec<_> = log.lines().map(str::to_owned).collect();
        let parts: Vec<_> = parts.iter().map(|&part| part.to_owned()).collect();
        lines.into_iter().filter(move |line| parts.iter().all(|part| line.contains(part)))
    }

    /// Waits until it says that it follows a file of the site.
    #[track_caller]
    pub fn wait_following(&self, name: impl AsRef<Path>) {
        let path = self.shipper.site_path(name);
        self.wait_log(&["follow", path.to_str().unwrap()]);
    }

    /// Resident memory in bytes.
    pub fn rss(&self) -> u64 {
        cost::rss(self.child.id())
    }

    /// The largest resident memory so far in bytes.
    pub fn peak_rss(&self) -> u64 {
        cost::peak_rss(self.child.id())
    }

    /// The same without the pages of its program.
    pub fn peak_own(&self) -> u64 {
        cost::peak_own(self.child.id())
    }

    /// Processor time used so far, in clock ticks, user and system.
    pub fn cpu_ticks(&self) -> u64 {
        let stat = self.proc("stat");
        // Behind the name, which is in parentheses: utime and stime are fields 14 and 15 of all.
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    fn proc(&self, file: &str) -> String {
        fs::read_to_string(format!("/proc/{}/{file}", self.child.id())).unwrap()
    }

    /// What its open descriptors lead to.
    pub fn descriptors(&self) -> Vec<PathBuf> {
        let dir = fs::read_dir(format!("/proc/{}/fd", self.child.id())).unwrap();
        dir.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            println!("--- log of remote_syslog ---\n{}---", self.log());
        }
    }
}

#[track_caller]
fn spawn(shipper: &Shipper, log: &Path) -> Child {
    let log = OpenOptions::new().create(true).append(true).open(log).unwrap();
    let mut command = shipper.foreground();
    command.stdout(Stdio::null()).stderr(log).spawn().unwrap()
}
