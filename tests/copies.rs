//! What rotation leaves beside a log is found by what it holds, under whatever name, and is no new
//! log.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use crate::support::peers::{COMPRESSORS, Logrotate, Program, RUNIT};
use crate::support::{A_WHILE, Receiver, Report, Running, SOON, Shipper, Site, lines, wait_until};

fn shipper(site: &Site, receiver: &Receiver, glob: &str) -> Running {
    Shipper::new(site).follow(glob).to(&receiver.endpoint()).reading_from_start().start()
}

/// Everything is sent, nothing else comes with the end of the process, and nothing is warned of.
#[track_caller]
fn ends_exactly_at(last: u64, mut shipper: Running, receiver: &Receiver) {
    receiver.wait_for_number(last, SOON);
    shipper.term();
    Report::of(last, &receiver.frames()).assert_exact();
    assert_eq!(shipper.log_lines(&["WARN"]).collect::<Vec<_>>(), [""; 0]);
}

/// Copies `app.log` and truncates it.
fn copytruncate(site: &Site, to: &str) {
    let log = site.path("app.log");
    fs::copy(&log, site.path(to)).unwrap();
    File::options().write(true).open(log).unwrap().set_len(0).unwrap();
}

/// Appends 20 lines to `app.log`, in two parts that are waited for.
fn grows(site: &Site, receiver: &Receiver, last: u64) {
    for (first, last) in [(last + 1, last + 5), (last + 6, last + 20)] {
        site.append("app.log", lines(first..=last));
        receiver.wait_for_number(last, SOON);
    }
}

/// As pm2-logrotate names them.
fn dated(hour: u64) -> String {
    format!("app__2026-11-29_{hour:02}-00-00.log")
}

#[test]
fn copies_that_the_glob_matches_are_no_new_logs() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=20));
    let shipper = shipper(&site, &receiver, "*.log");
    receiver.wait_for_number(20, SOON);
    for round in 1..=3 {
        copytruncate(&site, &dated(round));
        grows(&site, &receiver, round * 20);
    }
    ends_exactly_at(80, shipper, &receiver);
}

#[test]
fn copies_that_the_glob_matches_have_what_was_not_read_while_nothing_ran() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=20));
    let mut shipper = shipper(&site, &receiver, "*.log");
    receiver.wait_for_number(20, SOON);
    shipper.term();
    for round in 1..=3 {
        site.append("app.log", lines(round * 20 + 1..=round * 20 + 20));
        copytruncate(&site, &dated(round));
    }
    site.append("app.log", lines(81..=100));
    shipper.restart();
    ends_exactly_at(100, shipper, &receiver);
}

/// They are found by the log they were made of, before they are taken for logs of their own. The restarts
/// come too soon for anything to be told by its being quiet.
#[test]
fn copies_that_the_glob_matches_lack_nothing_after_restarts() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=20));
    let mut shipper = shipper(&site, &receiver, "*.log");
    receiver.wait_for_number(20, SOON);
    for round in 1..=3 {
        copytruncate(&site, &dated(round));
        grows(&site, &receiver, round * 20);
    }
    for last in [81, 82] {
        shipper.term();
        shipper.restart();
        site.append("app.log", lines(last..=last));
        receiver.wait_for_number(last, SOON);
    }
    ends_exactly_at(82, shipper, &receiver);
}

/// Names that logs are rotated to, with no number behind.
const NAMES: [&str; 4] =
    ["app.log.old", "app__2026-11-29_00-00-00.log", "2026-11-29-app.log", "app.log.Mon"];

/// For each name at the same time: a log is rotated to it while nothing runs, with lines unread.
fn rotated_while_nothing_runs(names: &[&str], rotate: impl Fn(&Site, &str) + Sync) {
    let rotated = |name: &str| {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append("app.log", lines(1..=20));
        let mut shipper = shipper(&site, &receiver, "app.log");
        receiver.wait_for_number(20, SOON);
        shipper.term();
        site.append("app.log", lines(21..=40));
        rotate(&site, name);
        site.append("app.log", lines(41..=60));
        shipper.restart();
        ends_exactly_at(60, shipper, &receiver);
    };
    thread::scope(|all| {
        for name in names {
            let rotated = &rotated;
            thread::Builder::new()
                .name((*name).to_owned())
                .spawn_scoped(all, move || rotated(name))
                .unwrap();
        }
    });
}

#[test]
fn copied_to_a_name_without_a_number_and_truncated() {
    rotated_while_nothing_runs(&NAMES, copytruncate);
}

/// Replaces a file by its compressed form.
fn compress(program: &Program, path: &Path) {
    let output = program.command().arg("-q").arg(path).output().unwrap();
    assert!(output.status.success(), "{}: {output:?}", path.display());
    // zstd keeps what it has compressed.
    let _ = fs::remove_file(path);
}

fn compressed_by(program: &str, names: &[&str]) {
    let Some(program) = COMPRESSORS.program(program) else { return };
    rotated_while_nothing_runs(names, |site, name| {
        site.rename("app.log", name);
        compress(&program, &site.path(name));
    });
}

#[test]
fn compressed_under_a_name_without_a_number() {
    compressed_by("gzip", &NAMES);
}

#[test]
fn compressed_by_zstd() {
    compressed_by("zstd", &["app.log.1"]);
}

#[test]
fn compressed_by_xz() {
    compressed_by("xz", &["app.log.1"]);
}

#[test]
fn compressed_by_bzip2() {
    compressed_by("bzip2", &["app.log.1"]);
}

/// Its processor compresses what was rotated, and the name does not say so.
#[test]
fn what_svlogd_compresses_within_the_glob_is_sent_once_and_as_text() {
    let Some(svlogd) = RUNIT.program("svlogd") else { return };
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.make_dir("svc");
    site.append("svc/config", "s40000\nn0\n!gzip\n");
    let mut svlogd = svlogd.command().arg(&log).stdin(Stdio::piped()).spawn().unwrap();
    let mut input = svlogd.stdin.take().unwrap();
    let mut write = |first, last| input.write_all(lines(first..=last).as_bytes()).unwrap();
    write(1, 20);
    wait_until("svlogd writes", SOON, || site.path("svc/current").exists());
    let shipper = Shipper::new(&site).follow("svc/current").follow("svc/@*.s");
    let mut shipper = shipper.to(&receiver.endpoint()).reading_from_start().start();
    receiver.wait_for_number(20, SOON);
    for last in (120..=2020).step_by(100) {
        write(last - 99, last);
        receiver.wait_for_number(last, SOON);
    }
    shipper.term();
    write(2021, 3020);
    drop(input);
    assert!(svlogd.wait().unwrap().success());
    let begins_as_gzip = |path: &Path| fs::read(path).unwrap().starts_with(&[0x1f, 0x8b]);
    let files = fs::read_dir(&log).unwrap().map(|file| file.unwrap().path());
    assert!(files.filter(|path| begins_as_gzip(path)).count() >= 3);
    // The second time less is known of what was sent.
    for last in [3021, 3022] {
        shipper.restart();
        site.append("svc/current", lines(last..=last));
        receiver.wait_for_number(last, SOON);
        shipper.term();
    }
    let report = Report::of(3022, &receiver.frames());
    // What is found late comes late.
    assert_eq!((report.missing, report.duplicates, report.foreign), (0, 0, 0), "{report}");
}

#[test]
fn copies_over_a_file_that_was_rotated_are_not_sent_again() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=20));
    let shipper = shipper(&site, &receiver, "*.log");
    receiver.wait_for_number(20, SOON);
    site.rename("app.log", "app.log.1");
    for round in 1..=4 {
        grows(&site, &receiver, round * 20);
        copytruncate(&site, "app.log.1");
    }
    grows(&site, &receiver, 100);
    ends_exactly_at(120, shipper, &receiver);
}

#[test]
fn a_copy_lacks_nothing_when_the_log_is_soon_longer_than_it_was() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=20));
    let shipper = shipper(&site, &receiver, "app.log");
    receiver.wait_for_number(20, SOON);
    copytruncate(&site, "app.log.1");
    site.append("app.log", lines(21..=50));
    ends_exactly_at(50, shipper, &receiver);
}

#[test]
fn random_bytes_that_a_rotated_file_is_shredded_with_are_not_sent() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", lines(1..=50_000));
    let directives = "rotate 0\n  nocreate\n  shred\n  shredcycles 40";
    let Some(logrotate) = Logrotate::new(&site, &log, directives) else { return };
    let shipper = shipper(&site, &receiver, "app.log");
    receiver.wait_for_number(50_000, SOON);
    logrotate.rotate();
    site.append("app.log", lines(50_001..=50_001));
    ends_exactly_at(50_001, shipper, &receiver);
}

#[test]
fn an_empty_log_that_was_rotated_and_compressed_lacks_nothing() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let Some(gzip) = COMPRESSORS.program("gzip") else { return };
    let log = site.append("app.log", lines(1..=10));
    let mut shipper = shipper(&site, &receiver, "app.log");
    receiver.wait_for_number(10, SOON);
    for round in 1..=3 {
        site.rename("app.log", format!("app.log.{}", 20 - 2 * round));
        site.append("app.log", "");
        wait_until("the empty one is open", SOON, || shipper.descriptors().contains(&log));
        let empty = format!("app.log.{}", 19 - 2 * round);
        site.rename("app.log", &empty);
        site.append("app.log", lines(round * 10 + 1..=round * 10 + 10));
        receiver.wait_for_number(round * 10 + 10, SOON);
        compress(&gzip, &site.path(&empty));
        shipper.term();
        shipper.restart();
    }
    site.append("app.log", lines(41..=50));
    ends_exactly_at(50, shipper, &receiver);
}

/// Copies of 20 lines each, the one newer than the other, and the number of the last line.
fn makes_copies(site: &Site, days: u64) -> u64 {
    let now = SystemTime::now();
    for day in 1..=days {
        let copy = format!("app.log-202601{day:02}");
        site.append("app.log", lines(day * 20 + 1..=day * 20 + 20));
        copytruncate(site, &copy);
        let copy = File::options().write(true).open(site.path(copy)).unwrap();
        copy.set_modified(now + Duration::from_millis(day)).unwrap();
    }
    days * 20 + 20
}

#[test]
fn many_copies_found_at_once_are_sent_in_order() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=20));
    let mut shipper = shipper(&site, &receiver, "app.log");
    receiver.wait_for_number(20, SOON);
    shipper.term();
    let last = makes_copies(&site, 30);
    site.append("app.log", lines(last + 1..=last + 20));
    shipper.restart();
    ends_exactly_at(last + 20, shipper, &receiver);
}

#[test]
fn many_copies_and_one_that_is_being_compressed_are_sent_once() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let Some(gzip) = COMPRESSORS.program("gzip") else { return };
    site.append("app.log", lines(1..=20));
    let mut shipper = shipper(&site, &receiver, "app.log");
    receiver.wait_for_number(20, SOON);
    shipper.term();
    // The copy with what was sent is gone.
    fs::write(site.path("app.log"), "").unwrap();
    let copied = makes_copies(&site, 30);
    let packed = copied + 400;
    let newest = site.append("app.log-20260131", lines(copied + 1..=packed));
    compress(&gzip, &newest);
    let archive = fs::read(site.path("app.log-20260131.gz")).unwrap();
    let (begun, rest) = archive.split_at(12);
    fs::write(site.path("app.log-20260131.gz"), begun).unwrap();
    fs::write(site.path("app.log"), lines(packed + 1..=packed + 5)).unwrap();
    shipper.restart();
    // It is looked at as it is now, and nothing tells when.
    thread::sleep(A_WHILE);
    site.append("app.log-20260131.gz", rest);
    receiver.wait_for_number(packed + 5, SOON);
    receiver.wait_for_number(packed, SOON);
    shipper.term();
    shipper.restart();
    site.append("app.log", lines(packed + 6..=packed + 10));
    receiver.wait_for_number(packed + 10, SOON);
    shipper.term();
    let report = Report::of(packed + 10, &receiver.frames());
    assert_eq!((report.missing, report.duplicates, report.foreign), (0, 0, 0), "{report}");
}

/// A program that compresses, and is fed without end.
#[test]
fn an_archive_that_inflates_without_end_delays_nobody_and_takes_no_memory() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=20));
    site.append("other/b.log", "one\n");
    let shipper = Shipper::new(&site).follow("app.log").follow("other/b.log");
    let mut shipper = shipper.to(&receiver.endpoint()).reading_from_start().start();
    receiver.wait_for(21);
    shipper.term();
    let gzip = "{ cat app.log; head -c 600M /dev/zero; } | gzip -1 >app.log.1.gz && rm app.log";
    let made = Command::new("sh").args(["-c", gzip]).current_dir(site.dir()).status();
    assert!(made.unwrap().success());
    site.append("app.log", lines(21..=30));
    shipper.restart();
    // Each line of another log while the archive is looked through.
    for number in 2..6 {
        let line = format!("line {number}");
        site.append("other/b.log", format!("{line}\n"));
        let begun = Instant::now();
        receiver.wait_for_text(&line);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
    receiver.wait_for_number(30, 2 * SOON);
    shipper.wait_warning(&["app.log", "skipped ", " NUL bytes"]);
    assert!(shipper.peak_rss() < 200 << 20, "{} bytes", shipper.peak_rss());
    shipper.term();
}
