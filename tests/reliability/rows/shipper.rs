//! The shipper ends.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use crate::outcome::Outcome;
use crate::stand::{Conditions, LOG, STEP, conclude, lines};
use crate::support::{End, Numbered, Reopen, Site, wait_until};

const TIMES: u64 = 5;
const SECOND: Duration = Duration::from_secs(1);
/// A disk that is busy takes long.
const SAVE_LIMIT: Duration = Duration::from_secs(120);

/// Row 1.
pub fn terminated(c: &Conditions) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    shipper.wait_following(LOG);
    for _ in 0..TIMES {
        writer.wait_for_more(c.lines_in(0.7));
        shipper.term();
        writer.wait_for_more(c.lines_in(0.3));
        shipper.restart();
    }
    writer.wait_for_more(c.lines_in(0.5));
    conclude(&mut shipper, writer, &receiver, 0)
}

/// Row 2. What was unconfirmed is a resend window and what lies before the next mark; and then what was really received
/// before each KILL since the last save began: a second of it, or more where the disk is busy. It began behind
/// the end of the save before it.
pub fn killed(c: &Conditions) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    shipper.wait_following(LOG);
    let mut unsaved = 0;
    for _ in 0..TIMES {
        writer.wait_for_more(c.lines_in(1.5));
        wait_for_save(&site);
        let before = receiver.count();
        wait_for_save(&site);
        sleep(SECOND / 4);
        unsaved += receiver.count() - before;
        shipper.kill();
        writer.wait_for_more(c.lines_in(0.3));
        shipper.restart();
    }
    let outcome = conclude(&mut shipper, writer, &receiver, TIMES);
    // A message is longer than its line.
    let step = lines(2 * STEP, &receiver.frames());
    outcome
        .allow(TIMES * step + unsaved as u64)
        .note(format!("{unsaved} lines came since the last but one save before the KILLs"))
}

/// Waits until positions have been saved once more.
fn wait_for_save(site: &Site) {
    let saved = || newest(&site.path("state"));
    let before = saved();
    wait_until("positions are saved once more", SAVE_LIMIT, || saved() > before);
}

/// When the newest file of positions was written that is complete.
fn newest(state: &Path) -> Option<SystemTime> {
    let files = ["positions", "positions.recent"].map(|name| state.join(name));
    files.iter().filter_map(|file| fs::metadata(file).ok()?.modified().ok()).max()
}

/// Row U: UDP knows no acknowledgement. Nothing is skipped by the shipper itself, and a closed
/// port is noticed by ICMP.
pub fn udp(c: &Conditions) -> Outcome {
    let (site, mut receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let rate = c.rate.min(1_000);
    let writer = Numbered::start(&site.path(LOG), rate, Reopen::Never);
    shipper.wait_following(LOG);
    for _ in 0..TIMES {
        writer.wait_for_more(rate / 2);
        shipper.term();
        writer.wait_for_more(rate / 10);
        shipper.restart();
    }
    for _ in 0..2 {
        writer.wait_for_more(rate / 2);
        receiver.down(End::Abrupt);
        sleep(2 * SECOND);
        receiver.up();
        writer.wait_for_more(rate / 2);
    }
    // What came back within 100 ms by ICMP is sent again, with what was sent at the same time.
    conclude(&mut shipper, writer, &receiver, 0).allow(2 * rate / 5).note(format!("{rate} lines/s"))
}
