//! The log rotates.

use std::fs::{self, File};
use std::io;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::outcome::Outcome;
use crate::stand::{Conditions, LOG, conclude, conclude_at, withheld};
use crate::support::{End, Numbered, Reopen, Site, lines, wait_until};

/// What the shipper may take of its own with a receiver away and 1 GB behind, and while that is sent: a resend window of
/// 16 MiB, six batches on their way or spare of up to 1 MiB, what is kept of four compressed files, 1.2 MiB each.
const MEMORY: u64 = 28 << 20;

/// `app.log` becomes `app.log.1`, which had become `app.log.2`, and so on.
fn shift(site: &Site) {
    let name = |n: u32, end: &str| site.path(format!("{LOG}.{n}{end}"));
    for n in (1..40).rev() {
        for end in ["", ".gz"] {
            if name(n, end).exists() {
                fs::rename(name(n, end), name(n + 1, end)).unwrap();
            }
        }
    }
}

fn rename(site: &Site) {
    shift(site);
    site.rename(LOG, format!("{LOG}.1"));
}

/// As gzip(1) does it: the time of modification stays.
fn compress(site: &Site) {
    let (plain, packed) = (site.path(format!("{LOG}.1")), site.path(format!("{LOG}.1.gz")));
    let mut from = File::open(&plain).unwrap();
    let mut gzip = GzEncoder::new(File::create(packed).unwrap(), Compression::fast());
    io::copy(&mut from, &mut gzip).unwrap();
    let to = gzip.finish().unwrap();
    to.set_modified(from.metadata().unwrap().modified().unwrap()).unwrap();
    fs::remove_file(plain).unwrap();
}

/// Rows 9.
pub fn receiver_down(c: &Conditions) -> Outcome {
    down(c, false)
}

pub fn receiver_down_gz(c: &Conditions) -> Outcome {
    down(c, true)
}

fn down(c: &Conditions, gz: bool) -> Outcome {
    let (site, mut receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = Numbered::start_wide(&site.path(LOG), c.rate, Reopen::AtOnce);
    shipper.wait_following(LOG);
    writer.wait_for_more(c.lines_in(0.5));
    receiver.down(End::Clean);
    let (began, away) = (Instant::now(), Duration::from_secs(if c.long { 60 } else { 6 }));
    for time in 1..=3 {
        let due = began + away * time / 4;
        wait_until("it is time to rotate", away, || Instant::now() >= due);
        rename(&site);
        writer.wait_opened(u64::from(time) + 1);
        if gz {
            compress(&site);
        }
    }
    wait_until("it is time for the receiver", away, || began.elapsed() >= away);
    receiver.up();
    let written = writer.stop();
    let mb = written * 920 / 1_000_000;
    let outcome = conclude_at(&mut shipper, written, &receiver, 0);
    let own = outcome.peak_own.unwrap_or(u64::MAX);
    outcome
        .allow(withheld(c.transport, 1, &receiver.frames()))
        .check(own < MEMORY, format!("{own} bytes of memory of its own"))
        .note(format!("{mb} MB, receiver down for {} s", away.as_secs()))
}

/// Row 10.
pub fn renamed(c: &Conditions) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Within(Duration::from_secs(2)));
    shipper.wait_following(LOG);
    for time in 1..=10 {
        writer.wait_for_more(c.lines_in(0.2));
        rename(&site);
        writer.wait_opened(time + 1);
    }
    writer.wait_for_more(c.lines_in(0.2));
    conclude(&mut shipper, writer, &receiver, 0)
}

/// Rows 11.
pub fn copied_plain(c: &Conditions) -> Outcome {
    copied(c, false)
}

pub fn copied_gz(c: &Conditions) -> Outcome {
    copied(c, true)
}

fn copied(c: &Conditions, gz: bool) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    // Enough for the connection's buffers to be full.
    let writer = Numbered::start_wide(&site.path(LOG), c.rate, Reopen::Never);
    shipper.wait_following(LOG);
    writer.wait_for_more(c.lines_in(0.5));
    receiver.stall();
    for _ in 0..2 {
        writer.wait_for_more(c.lines_in(1.5));
        // What is written between copy and truncation is lost to everybody.
        writer.while_paused(|| {
            shift(&site);
            fs::copy(site.path(LOG), site.path(format!("{LOG}.1"))).unwrap();
            if gz {
                compress(&site);
            }
            File::options().write(true).open(site.path(LOG)).unwrap().set_len(0).unwrap();
        });
    }
    writer.wait_for_more(c.lines_in(0.5));
    receiver.resume();
    let outcome = conclude(&mut shipper, writer, &receiver, 1);
    let taken = shipper.log_lines(&["was truncated; the rest of its old content is read"]).count();
    outcome
        .check(taken > 0, "nothing was taken from a copy: it was not behind")
        .note(format!("2 truncations, {taken} copies read, lines of 900 bytes"))
}

/// Rows 12.
pub fn once_while_down(c: &Conditions) -> Outcome {
    while_down(c, 1, false)
}

pub fn thrice_while_down(c: &Conditions) -> Outcome {
    while_down(c, 3, false)
}

pub fn gz_while_down(c: &Conditions) -> Outcome {
    while_down(c, 3, true)
}

fn while_down(c: &Conditions, times: u32, gz: bool) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::AtOnce);
    shipper.wait_following(LOG);
    writer.wait_for_more(c.lines_in(0.5));
    shipper.term();
    for time in 1..=times {
        writer.wait_for_more(c.lines_in(0.3));
        rename(&site);
        writer.wait_opened(u64::from(time) + 1);
        if gz {
            compress(&site);
        }
    }
    let written = writer.stop() + 1_000;
    site.append(LOG, lines(written - 999..=written));
    shipper.restart();
    conclude_at(&mut shipper, written, &receiver, 0)
}
