//! inotify at its limits.

use std::fs;

use rustix::process::Signal;

use crate::outcome::Outcome;
use crate::rows::fleet::by_tag;
use crate::stand::{Conditions, QUIET, conclude_at};
use crate::support::{Receiver, Running, Site, lines, wait_until};

/// How many files come and rotate.
const FILES: u64 = 40;

/// Row 18a: more events than the kernel keeps while the shipper is stopped.
pub fn queue_overflow(c: &Conditions) -> Outcome {
    let limit = fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
    let limit: usize = limit.trim().parse().unwrap();
    if limit > 1 << 20 {
        return Outcome::skipped(format!("fs.inotify.max_queued_events is {limit}"));
    }
    run(c, "max_queued_events", |site, shipper| {
        shipper.freeze();
        // Successive events of one file count as one.
        for n in 0..limit + 10 {
            fs::write(site.path(format!("d/noise{}", n % 7)), "x").unwrap();
        }
    })
}

/// Row 18b, in a user namespace of its own.
pub fn one_watch(c: &Conditions) -> Outcome {
    fs::write("/proc/sys/user/max_inotify_watches", "1").unwrap();
    run(c, "max_user_watches", |_, _| {})
}

/// Row 18c, in a user namespace of its own.
pub fn no_instance(c: &Conditions) -> Outcome {
    fs::write("/proc/sys/user/max_inotify_instances", "0").unwrap();
    run(c, "max_user_instances", |_, _| {})
}

/// Many files are written; then something happens; then they grow, every other one rotates, and
/// new ones come. There is one warning, and it names `remedy`.
fn run(c: &Conditions, remedy: &str, happens: impl Fn(&Site, &Running)) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    site.make_dir("d");
    site.make_dir("e");
    let shipper = c.shipper(&site, &receiver.endpoint()).follow("d/*.log").follow("e/*.log");
    let mut shipper = shipper.start();
    let mut written = vec![0; FILES as usize];
    let mut write = |file: usize| {
        let dir = if file.is_multiple_of(3) { "e" } else { "d" };
        let name = format!("{dir}/f{file:02}.log");
        site.append(&name, lines(written[file] + 1..=written[file] + 250));
        written[file] += 250;
        name
    };
    for file in 0..FILES as usize / 2 {
        write(file);
    }
    has_all(&receiver, FILES / 2 * 250);
    happens(&site, &shipper);
    for file in 0..FILES as usize {
        let name = write(file);
        let is_old = file < FILES as usize / 2;
        if is_old && file.is_multiple_of(2) {
            site.rename(&name, format!("{name}.1"));
            write(file);
        }
    }
    shipper.signal(Signal::CONT);
    let all: u64 = written.iter().sum();
    has_all(&receiver, all);
    let warnings = |shipper: &Running| shipper.log_lines(&["WARN", remedy, "sysctl"]).count();
    // A sweep may find all there is before the end of the queue is read, which tells of the overflow.
    for_a_while("it warns, or will not", || warnings(&shipper) > 0);
    let ended = conclude_at(&mut shipper, 0, &receiver, 0);
    let tags = by_tag(receiver.frames());
    let mut outcome = Outcome::default();
    for (file, &written) in written.iter().enumerate() {
        let none = Vec::new();
        let frames = tags.get(&format!("f{file:02}.log")).unwrap_or(&none);
        outcome = outcome.and(Outcome::of(written, frames));
    }
    outcome.faults.truncate(5);
    outcome.peak_rss = ended.peak_rss;
    let warnings = warnings(&shipper);
    outcome
        .check(warnings == 1, format!("{warnings} warnings with {remedy}"))
        .check_log(&shipper)
        .note(format!("{FILES} files, 250 lines at a time; {warnings} warning"))
}

fn has_all(receiver: &Receiver, count: u64) {
    for_a_while("all have come, or will not", || receiver.count() as u64 >= count);
}

/// Waits, but not for ever.
fn for_a_while(what: &str, holds: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + QUIET;
    wait_until(what, QUIET * 2, || holds() || std::time::Instant::now() > deadline);
}
