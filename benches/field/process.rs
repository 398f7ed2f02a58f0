//! What a process costs, as the kernel has it.

use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

use crate::support::Guarded;

/// A contender at work. Killed when dropped.
pub struct Process {
    child: Guarded,
    pub started: Instant,
}

impl Process {
    /// Starts it, its own words going to `log`.
    pub fn start(command: &mut Command, log: &std::path::Path) -> Self {
        let log = fs::File::create(log).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let started = Instant::now();
        Self { child: Guarded(command.spawn().unwrap()), started }
    }

    fn child(&self) -> &Child {
        &self.child.0
    }

    /// Processor time used so far by all its threads, those that have ended included.
    pub fn cpu(&self) -> Duration {
        let pid = Pid::from_raw(self.child().id().try_into().unwrap());
        let clock = clock_getcpuclockid(pid).and_then(clock_gettime);
        clock.map(Duration::from).unwrap_or_default()
    }

    /// Resident memory in MB (2^20 bytes).
    pub fn rss(&self) -> f64 {
        self.memory("VmRSS:")
    }

    /// The largest resident memory so far in MB.
    pub fn peak_rss(&self) -> f64 {
        self.memory("VmHWM:")
    }

    fn memory(&self, which: &str) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child().id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix(which)).unwrap_or("0 kB");
        line.trim().trim_end_matches(" kB").parse::<f64>().unwrap() / 1024.0
    }

    /// How often its threads have fallen asleep so far.
    pub fn sleeps(&self) -> f64 {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.child().id())).unwrap();
        let sleeps = |task: fs::DirEntry| {
            // It may have ended.
            let status = fs::read_to_string(task.path().join("status")).ok()?;
            let line = status.lines().find_map(|it| it.strip_prefix("voluntary_ctxt_switches:"))?;
            line.trim().parse::<f64>().ok()
        };
        tasks.flatten().filter_map(sleeps).sum()
    }

    /// How many descriptors it holds.
    pub fn descriptors(&self) -> f64 {
        fs::read_dir(format!("/proc/{}/fd", self.child().id())).unwrap().count() as f64
    }
}

/// The share of a processor used while `during` passes, in percent.
pub fn cpu_share(process: &Process, during: Duration) -> f64 {
    let (cpu, since) = (process.cpu(), Instant::now());
    std::thread::sleep(during);
    (process.cpu() - cpu).as_secs_f64() / since.elapsed().as_secs_f64() * 100.0
}
