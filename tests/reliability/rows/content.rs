//! Content changes under a name: inodes reused, files rewritten, lines unfinished.

use std::fs;
use std::os::unix::fs::MetadataExt;

use crate::outcome::Outcome;
use crate::stand::{Conditions, LOG, QUIET, conclude_at};
use crate::support::{Receiver, Running, Site, line, lines};

/// The same first 1,000 bytes for many files.
fn heading() -> String {
    (1..=20).map(|n| format!("# heading {n:02} {}\n", "-".repeat(36))).collect()
}

fn is_heading(frame: &[u8]) -> bool {
    String::from_utf8_lossy(frame).contains(" - - - # heading ")
}

/// Counts numbered lines; every heading must have come as often as it was written.
fn conclude(shipper: &mut Running, written: u64, receiver: &Receiver, headings: usize) -> Outcome {
    let all = conclude_at(shipper, written, receiver, 0);
    let (heading, numbered): (Vec<_>, Vec<_>) =
        receiver.frames().into_iter().partition(|frame| is_heading(frame));
    let mut outcome = Outcome::of(written, &numbered);
    outcome.peak_rss = all.peak_rss;
    let (came, wrote) = (heading.len(), headings * 20);
    let outcome = outcome.check(came == wrote, format!("{came} of {wrote} heading lines came"));
    outcome.check_log(shipper).note(format!("{headings} times the same first 1,000 bytes"))
}

/// Row 15: for each of shorter, equal and longer, with the same and with other first bytes, the
/// file is removed and created at once, ten times.
pub fn inode_reused(c: &Conditions) -> Outcome {
    const KINDS: [(u64, bool); 6] =
        [(300, true), (200, true), (200, true), (260, false), (180, false), (180, false)];
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let (mut written, mut headings, mut reused, mut last) = (0, 0, 0, None);
    for round in 0..10 {
        // While it runs it holds the old file, and its inode cannot be reused.
        let stopped = round % 2 == 1;
        for (size, same) in KINDS {
            if stopped {
                shipper.term();
            }
            let mut content = if same { heading() } else { String::new() };
            headings += usize::from(same);
            content += &lines(written + 1..=written + size);
            written += size;
            // One step for whoever looks: gone and there again.
            let _ = fs::remove_file(site.path(LOG));
            fs::write(site.path(LOG), content).unwrap();
            let inode = site.path(LOG).metadata().unwrap().ino();
            reused += u32::from(last.replace(inode) == Some(inode));
            if stopped {
                shipper.restart();
            }
            // A file may be removed before it was read to its end, if it is held.
            let unread = if round == 8 { size / 2 } else { 0 };
            receiver.reads_up_to(written - unread, QUIET);
        }
        receiver.reads_up_to(written, QUIET);
    }
    conclude(&mut shipper, written, &receiver, headings)
        .note(format!("the inode was the same {reused} of 59 times, 30 times with it stopped"))
}

/// Row 16.
pub fn rewritten(c: &Conditions) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let (mut written, mut headings) = (0, 0);
    let mut size = 100;
    for round in 0..20 {
        size += 40;
        let same = round % 2 == 1;
        let mut content = if same { heading() } else { String::new() };
        headings += usize::from(same);
        content += &lines(written + 1..=written + size);
        written += size;
        // Truncated and longer than before in one step for whoever looks at it.
        fs::write(site.path(LOG), content).unwrap();
        receiver.reads_up_to(written, QUIET);
        if round % 5 == 4 {
            // The same while it is not running.
            shipper.term();
            size += 40;
            fs::write(site.path(LOG), heading() + &lines(written + 1..=written + size)).unwrap();
            headings += 1;
            written += size;
            shipper.restart();
            receiver.reads_up_to(written, QUIET);
        }
    }
    conclude(&mut shipper, written, &receiver, headings)
}

/// Row 19: the first half of a line, then a restart or a rotation, then the other half.
pub fn unfinished(c: &Conditions) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let mut n = 0;
    for round in 1..=6 {
        site.append(LOG, lines(n + 1..=n + 500));
        n += 501;
        let cut = line(n);
        let (half, rest) = cut.split_at(20 + (n % 20) as usize);
        site.append(LOG, half);
        receiver.reads_up_to(n - 1, QUIET);
        let rotated = format!("{LOG}.{round}");
        match round % 3 {
            0 => {
                // Completed in the old file, by a writer that reopens late.
                site.rename(LOG, &rotated);
                site.append(&rotated, rest);
            }
            1 => {
                shipper.term();
                site.append(LOG, rest);
                shipper.restart();
            }
            _ => {
                // Rotated and completed while it was down.
                shipper.term();
                site.rename(LOG, &rotated);
                site.append(&rotated, rest);
                site.append(LOG, lines(n + 1..=n + 100));
                n += 100;
                shipper.restart();
            }
        }
        receiver.reads_up_to(n, QUIET);
    }
    // The last line of a file that rotated is sent as it is.
    let last = line(n + 1);
    site.append(LOG, last.trim_end());
    site.rename(LOG, format!("{LOG}.7"));
    site.append(LOG, lines(n + 2..=n + 2));
    conclude_at(&mut shipper, n + 2, &receiver, 0).note("2 rotations, 2 restarts, 2 of both")
}
