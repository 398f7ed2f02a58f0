//! What a process costs, as the kernel has it.

use std::fs;
use std::time::Duration;

use nix::time::{clock_getcpuclockid, clock_gettime};
use nix::unistd::Pid;

/// Processor time used so far by all threads of a process, those that have ended included; zero for one that
/// is gone.
pub fn cpu(pid: u32) -> Duration {
    let pid = Pid::from_raw(pid.try_into().unwrap());
    clock_getcpuclockid(pid).and_then(clock_gettime).map(Duration::from).unwrap_or_default()
}

/// Resident memory of a process in bytes.
pub fn rss(pid: u32) -> u64 {
    kilobytes(pid, "status", "VmRSS:")
}

/// The same, with what several processes share counted in parts.
pub fn own_share(pid: u32) -> u64 {
    kilobytes(pid, "smaps_rollup", "Pss:")
}

/// The largest resident memory of a process so far in bytes.
pub fn peak_rss(pid: u32) -> u64 {
    kilobytes(pid, "status", "VmHWM:")
}

/// The same without the pages of files, which are those of the program above all: a debug build has three times as
/// many as a release. They grow to what they are when it has done everything once.
pub fn peak_own(pid: u32) -> u64 {
    peak_rss(pid).saturating_sub(kilobytes(pid, "status", "RssFile:"))
}

/// A size in bytes that a file of a process below `/proc` gives in kB.
fn kilobytes(pid: u32, file: &str, field: &str) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}
