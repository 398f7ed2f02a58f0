//! Files lose their name.

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::rows::fleet::by_tag;
use crate::stand::{Conditions, LOG, QUIET, conclude_at};
use crate::support::{Numbered, Reopen, Running, Site, lines, wait_until};

/// Row 13.
pub fn deleted(c: &Conditions) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = Numbered::start_wide(&site.path(LOG), c.rate, Reopen::Never);
    shipper.wait_following(LOG);
    writer.wait_for_more(c.lines_in(0.5));
    receiver.stall();
    writer.wait_for_more(c.lines_in(2.0));
    let written = writer.stop();
    site.remove(LOG);
    sleep(Duration::from_secs(2));
    let unread = written - receiver.count() as u64;
    let held = holds_deleted(&shipper);
    receiver.resume();
    receiver.reads_up_to(written, QUIET);
    let began = Instant::now();
    while holds_deleted(&shipper) && began.elapsed() < QUIET {
        sleep(Duration::from_millis(100));
    }
    let released = !holds_deleted(&shipper);
    conclude_at(&mut shipper, written, &receiver, 0)
        .check(held, "its descriptor was not held while lines were unread")
        .check(released, "its descriptor is not released")
        .note(format!("{unread} lines unread, released after {:.0?}", began.elapsed()))
}

fn holds_deleted(shipper: &Running) -> bool {
    let is_deleted = |path: &PathBuf| path.to_string_lossy().contains(&format!("{LOG} (deleted)"));
    shipper.descriptors().iter().any(is_deleted)
}

/// Row 14, while another file is written at full rate. A file stays for as long as the daemon waits for a
/// processor.
pub fn short_lived(c: &Conditions) -> Outcome {
    const FILES: u64 = 200;
    const LINES: u64 = 20;
    const LIFE: Duration = Duration::from_millis(45);
    let (site, receiver) = (Site::new(), c.receiver());
    site.make_dir("burst");
    let shipper = c.shipper(&site, &receiver.endpoint()).follow("burst/*.log");
    let mut shipper = shipper.start();
    let writer = c.writer(&site, Reopen::Never);
    wait_until("it follows", QUIET, || receiver.count() > 0);
    for file in 0..FILES {
        let name = format!("burst/b{file:03}.log");
        site.append(&name, lines(file * LINES + 1..=(file + 1) * LINES));
        shipper.let_run(LIFE);
        fs::remove_file(site.path(&name)).unwrap();
    }
    let written = writer.stop();
    let mut load = conclude_at(&mut shipper, written, &receiver, 0);
    let mut tags = by_tag(receiver.frames());
    let of_load = Outcome::of(written, &tags.remove(LOG).unwrap_or_default());
    let (rss, kept) = (load.peak_rss, load.faults.split_off(load.faults.len().min(1)));
    let (burst, unserved) = burst(&tags, FILES, LINES);
    let mut outcome = of_load.and(burst);
    outcome.peak_rss = rss;
    outcome.faults.extend(kept.into_iter().filter(|_| outcome.missing > 0));
    outcome.note(format!("{unserved} of {FILES} files were gone before they could be opened"))
}

/// What came of the short-lived files: each is there as a whole, or it was not served at all.
fn burst(tags: &HashMap<String, Vec<Vec<u8>>>, files: u64, lines: u64) -> (Outcome, u64) {
    let mut all = Vec::new();
    let mut unserved = 0;
    for file in 0..files {
        match tags.get(&format!("b{file:03}.log")) {
            Some(frames) => all.extend(frames.iter().cloned()),
            None => unserved += 1,
        }
    }
    (Outcome::of(files * lines, &all), unserved)
}
