//! From where on files are read, and what becomes of their lines.

use std::fs::{self, OpenOptions};
use std::io::{Seek, Write};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::support::{
    A_WHILE, Receiver, Report, Running, SOON, Shipper, Site, Transport, lines, wait_until,
};

/// Follows globs of the site, from their beginning.
fn shipper(site: &Site, receiver: &Receiver, globs: &[&str]) -> Shipper {
    let shipper = Shipper::new(site).to(&receiver.endpoint()).reading_from_start();
    globs.iter().fold(shipper, |shipper, glob| shipper.follow(glob))
}

#[test]
fn at_first_a_file_starts_at_its_end_and_a_later_one_at_its_beginning() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "old\nold and unfin");
    let shipper = Shipper::new(&site).follow("*.log").to(&receiver.endpoint()).start();
    shipper.wait_following("a.log");
    site.append("a.log", "ished\nnew\n");
    receiver.wait_for_text("new");
    site.append("b.log", "first of b\n");
    receiver.wait_for_text("first of b");
    assert!(!receiver.texts().contains(&"old".to_owned()), "{:?}", receiver.texts());
}

#[test]
fn from_start_reads_what_is_there() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\ntwo\n");
    let _shipper =
        Shipper::new(&site).follow("*.log").to(&receiver.endpoint()).arg("--from-start").start();
    receiver.wait_for_text("two");
    assert_eq!(receiver.texts(), ["one", "two"]);
}

#[test]
fn a_line_is_sent_when_its_newline_has_come() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "whole\nbegun");
    let _shipper = shipper(&site, &receiver, &["a.log"]).start();
    receiver.wait_for_text("whole");
    std::thread::sleep(A_WHILE);
    assert_eq!(receiver.frames().len(), 1);
    site.append("a.log", ", ended\n\nafter an empty one\n");
    receiver.wait_for_text("after an empty one");
    assert_eq!(receiver.texts(), ["whole", "begun, ended", "", "after an empty one"]);
}

#[test]
fn deleted_and_made_again() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", lines(1..=10));
    let _shipper = shipper(&site, &receiver, &["a.log"]).start();
    receiver.wait_for_number(10, SOON);
    for round in 1..=5 {
        site.remove("a.log");
        // Shorter, equal and longer than before.
        let first = round * 100;
        site.append("a.log", lines(first..=first + round * 4));
        receiver.wait_for_number(first + round * 4, SOON);
    }
    let expected: u64 = 10 + (1..=5).map(|round| round * 4 + 1).sum::<u64>();
    assert_eq!(receiver.frames().len() as u64, expected);
}

#[test]
fn a_file_removed_with_lines_unread_is_read_to_its_end() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", lines(1..=10));
    let shipper = shipper(&site, &receiver, &["a.log"]).start();
    receiver.wait_for_number(10, SOON);
    receiver.stall();
    let last = 150_000;
    site.append("a.log", lines(11..=last));
    wait_until("it reads", SOON, || shipper.cpu_ticks() > 1);
    site.remove("a.log");
    receiver.resume();
    receiver.wait_for_number(last, SOON * 2);
    Report::of(last, &receiver.frames()).assert_exact();
    // Others are inherited from whoever runs the tests.
    let gone = |path: &std::path::PathBuf| path.to_string_lossy().contains("a.log (deleted)");
    wait_until("its descriptor is let go", SOON * 2, || !shipper.descriptors().iter().any(gone));
}

#[test]
fn polling_alone_finds_everything() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("logs/a.log", lines(1..=10));
    let _shipper = shipper(&site, &receiver, &["logs/**/*.log"])
        .yaml("new_file_check_interval: 1")
        .arg("--poll")
        .start();
    receiver.wait_for_number(10, SOON);
    site.append("logs/a.log", lines(11..=20));
    receiver.wait_for_number(20, SOON);
    site.rename("logs/a.log", "logs/a.log.1");
    site.append("logs/a.log.1", lines(21..=25));
    site.append("logs/a.log", lines(26..=30));
    receiver.wait_for_number(30, SOON);
    site.append("logs/x/y/b.log", lines(31..=40));
    receiver.wait_for_number(40, SOON);
    Report::of(40, &receiver.frames()).assert_exact();
}

#[test]
fn nul_bytes_left_by_copytruncate_are_skipped_and_counted() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let path = site.path("a.log");
    // A writer without O_APPEND: after the truncation it goes on at its old offset.
    let mut writer =
        OpenOptions::new().write(true).create(true).truncate(true).open(&path).unwrap();
    writer.write_all(lines(1..=100).as_bytes()).unwrap();
    let shipper = shipper(&site, &receiver, &["a.log"]).start();
    receiver.wait_for_number(100, SOON);
    let hole = writer.stream_position().unwrap();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(0).unwrap();
    writer.write_all(lines(101..=110).as_bytes()).unwrap();
    assert!(fs::metadata(&path).unwrap().len() > hole);
    receiver.wait_for_number(110, SOON);
    Report::of(110, &receiver.frames()).assert_exact();
    shipper.wait_log(&[path.to_str().unwrap(), &hole.to_string(), "NUL"]);
}

#[test]
fn a_preallocated_file_is_shipped_as_it_is_filled_in() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let path = site.path("a.log");
    let writer = OpenOptions::new().write(true).create_new(true).open(&path).unwrap();
    writer.set_len(1 << 20).unwrap();
    let shipper = shipper(&site, &receiver, &["a.log"]).start();
    shipper.wait_following("a.log");
    let mut at = 0;
    let mut fill_in = |number: u64| {
        let line = lines(number..=number);
        writer.write_all_at(line.as_bytes(), at).unwrap();
        at += line.len() as u64;
        receiver.wait_for_number(number, SOON);
        at
    };
    let end = (1..=5).map(&mut fill_in).last().unwrap();
    // The rest is cut off, and another writer appends.
    writer.set_len(end).unwrap();
    site.append("a.log", lines(6..=8));
    receiver.wait_for_number(8, SOON);
    assert_eq!(receiver.frames().len(), 8);
    Report::of(8, &receiver.frames()).assert_exact();
}

#[test]
fn nuls_between_lines_are_skipped_and_reported() {
    let (site, receiver) = (Site::new(), Receiver::new(Transport::Udp));
    site.append("a.log", lines(1..=2));
    let file = OpenOptions::new().write(true).open(site.path("a.log")).unwrap();
    file.set_len(9000).unwrap();
    site.append("a.log", lines(3..=4));
    let shipper = shipper(&site, &receiver, &["a.log"]).start();
    receiver.wait_for_number(4, SOON);
    Report::of(4, &receiver.frames()).assert_exact();
    shipper.wait_log(&["skipped", "NUL bytes at byte"]);
}

#[test]
fn a_line_that_is_taken_back_has_nothing_sent_again() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", lines(1..=100));
    let shipper = shipper(&site, &receiver, &["*.log"]).start();
    receiver.wait_for_number(100, SOON);
    // A line of another file tells that what was written before was seen.
    let seen = |round: &str| {
        site.append("b.log", format!("{round}\n"));
        receiver.wait_for_text(round);
    };
    let end = fs::metadata(site.path("a.log")).unwrap().len();
    site.append("a.log", "half a line");
    seen("begun");
    for (length, round) in [(end + 4, "a part"), (end, "all")] {
        OpenOptions::new().write(true).open(site.path("a.log")).unwrap().set_len(length).unwrap();
        seen(round);
    }
    site.append("a.log", lines(101..=102));
    receiver.wait_for_number(102, SOON);
    assert_eq!(receiver.frames().len(), 105);
    assert!(!shipper.log().contains("truncated"), "{}", shipper.log());
}

#[test]
fn a_nul_within_a_line_costs_no_line() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", b"one\nt\0wo\nthree\n");
    let _shipper = shipper(&site, &receiver, &["a.log"]).start();
    receiver.wait_for_text("three");
    assert_eq!(receiver.texts(), ["one", "t wo", "three"]);
}

#[test]
fn a_huge_line_costs_little_memory() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "before\n");
    let shipper = shipper(&site, &receiver, &["a.log"]).start();
    receiver.wait_for_text("before");
    let before = shipper.peak_rss();
    let megabyte = vec![b'x'; 1 << 20];
    for _ in 0..50 {
        site.append("a.log", &megabyte);
    }
    site.append("a.log", "\nafter\n");
    receiver.wait_for_text("after");
    assert_eq!(receiver.frames().len(), 3);
    assert_eq!(receiver.frames()[1].len(), 99_990, "as much as the limit allows");
    let grown = shipper.peak_rss().saturating_sub(before);
    assert!(grown < 16 << 20, "{} MB more", grown >> 20);
}

#[test]
fn a_backlog_arrives_whole_and_costs_little_memory() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let last = 300_000;
    site.append("a.log", lines(1..=last));
    let shipper: Running = shipper(&site, &receiver, &["a.log"]).start();
    receiver.wait_for_number(last, SOON * 3);
    assert!(shipper.peak_rss() < 64 << 20, "{} MB", shipper.peak_rss() >> 20);
    Report::of(last, &receiver.frames()).assert_exact();
}

#[test]
fn a_deleted_log_whose_writer_goes_on_slowly_is_followed_and_named() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let path = site.append("a.log", lines(1..=10));
    let mut writer = OpenOptions::new().append(true).open(&path).unwrap();
    let shipper = shipper(&site, &receiver, &["*.log"]).start();
    receiver.wait_for_number(10, SOON);
    site.remove("a.log");
    for number in 11..=12 {
        // Longer than a rotated file may be quiet before it is let go.
        std::thread::sleep(Duration::from_secs(12));
        writer.write_all(lines(number..=number).as_bytes()).unwrap();
        receiver.wait_for_number(number, SOON);
    }
    shipper.wait_warning(&[path.to_str().unwrap(), "the file was deleted, and its writer goes on"]);
    Report::of(12, &receiver.frames()).assert_exact();
}

/// As a JSON array is written: each element goes over the closing bracket of the one before.
#[test]
fn a_record_whose_end_is_overwritten_is_repeated_once_at_most() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let element = |n: u64| format!("{{\"n\": {n}, \"pad\": \"{}\"}}", "x".repeat(40));
    let path = site.append("a.json", format!("[\n{}\n]\n", element(0)));
    let add = |n: u64| {
        let file = OpenOptions::new().write(true).open(&path).unwrap();
        let end = file.metadata().unwrap().len() - 3;
        file.write_all_at(format!(",\n{}\n]\n", element(n)).as_bytes(), end).unwrap();
    };
    let mut shipper = shipper(&site, &receiver, &["*.json"]).start();
    receiver.wait_for_text(&element(0));
    for n in 1..=20 {
        if n == 10 {
            shipper.term();
            add(n);
            shipper.restart();
        } else {
            add(n);
        }
        receiver.wait_for_text(&element(n));
    }
    shipper.term();
    let texts = receiver.texts();
    for n in 0..=20 {
        let times = texts.iter().filter(|text| text.starts_with(&element(n))).count();
        assert!((1..=2).contains(&times), "element {n} came {times} times: {texts:#?}");
    }
    assert!(texts.len() <= 3 * 21, "{texts:#?}");
}
