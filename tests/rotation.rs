//! Rotation by the real logrotate, under numbered lines, checked by exact sequence.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, Signal, getrlimit, prlimit};

use crate::support::peers::Logrotate;
use crate::support::{
    A_WHILE, End, Numbered, Receiver, Reopen, Report, Running, SOON, Shipper, Site, Transport,
    lines, wait_until,
};

/// Lines a second, in tests that share two cores with other tests.
const RATE: u64 = 5_000;

fn shipper(site: &Site, receiver: &Receiver) -> Running {
    Shipper::new(site).follow("app.log").to(&receiver.endpoint()).reading_from_start().start()
}

/// How a log is rotated, and how its writer goes along.
struct Rotation {
    transport: Transport,
    directives: &'static str,
    reopen: Reopen,
    times: u64,
    /// Lines between two rotations.
    every: u64,
}

impl Rotation {
    fn new(directives: &'static str, reopen: Reopen) -> Self {
        Self { transport: Transport::Tcp, directives, reopen, times: 4, every: RATE / 4 }
    }

    /// Rotates under load, then checks that every line came once, in order.
    fn loses_nothing(&self) {
        let site = Site::new();
        let receiver = Receiver::new(self.transport);
        let log = site.append("app.log", "");
        let Some(logrotate) = Logrotate::new(&site, &log, self.directives) else { return };
        let mut shipper = shipper(&site, &receiver);
        // What is rotated away before that is not looked for at a first start.
        shipper.wait_following("app.log");
        let writer = Numbered::start(&log, RATE, self.reopen);
        for time in 1..=self.times {
            writer.wait_for_more(self.every);
            if let Reopen::Never = self.reopen {
                // copytruncate itself loses what falls between its copy and its truncation.
                writer.while_paused(|| logrotate.rotate());
            } else {
                logrotate.rotate();
                writer.wait_opened(time + 1);
            }
        }
        writer.wait_for_more(self.every);
        let written = writer.stop();
        receiver.wait_for_number(written, SOON);
        shipper.term();
        Report::of(written, &receiver.frames()).assert_exact();
    }
}

const LATE: Reopen = Reopen::After(Duration::from_millis(700));

#[test]
fn create_over_tcp() {
    Rotation { times: 8, ..Rotation::new("create", Reopen::AtOnce) }.loses_nothing();
}

#[test]
fn create_over_tls() {
    let transport = Transport::Tls;
    Rotation { transport, ..Rotation::new("create", Reopen::AtOnce) }.loses_nothing();
}

#[test]
fn create_with_a_writer_that_reopens_late() {
    Rotation::new("create", LATE).loses_nothing();
}

#[test]
fn nocreate_with_a_writer_that_reopens_late() {
    Rotation::new("nocreate", LATE).loses_nothing();
}

#[test]
fn dateext() {
    // The name holds the second, so there can be one rotation a second.
    let directives = "create\n  dateext\n  dateformat -%Y%m%d-%s";
    Rotation { every: RATE * 11 / 10, times: 3, ..Rotation::new(directives, LATE) }.loses_nothing();
}

#[test]
fn delaycompress() {
    Rotation::new("create\n  compress\n  delaycompress", LATE).loses_nothing();
}

#[test]
fn copytruncate() {
    Rotation { times: 6, ..Rotation::new("copytruncate", Reopen::Never) }.loses_nothing();
}

#[test]
fn copytruncate_with_compress() {
    Rotation::new("copytruncate\n  compress", Reopen::Never).loses_nothing();
}

#[test]
fn rotations_while_the_receiver_is_away_lose_nothing() {
    let site = Site::new();
    let mut receiver = Receiver::tcp();
    let log = site.append("app.log", "");
    let Some(logrotate) = Logrotate::new(&site, &log, "create\n  compress\n  delaycompress") else {
        return;
    };
    let mut shipper = shipper(&site, &receiver);
    let writer = Numbered::start(&log, RATE, Reopen::AtOnce);
    writer.wait_for_more(RATE / 4);
    receiver.wait_for_number(RATE / 8, SOON);
    receiver.down(crate::support::End::Clean);
    // So young a connection has proven nothing by that.
    let before = receiver.count() as u64;
    for _ in 0..3 {
        writer.wait_for_more(RATE / 4);
        logrotate.rotate();
    }
    writer.wait_for_more(RATE / 4);
    receiver.up();
    let written = writer.stop();
    receiver.wait_for_number(written, SOON * 2);
    shipper.term();
    Report::of(written, &receiver.frames()).assert_repeated_at_most(before);
}

/// The old files are found beside their path by identity.
fn rotates_while_down(directives: &str, times: u64) {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let log = site.append("app.log", lines(1..=1_000));
    let Some(logrotate) = Logrotate::new(&site, &log, directives) else { return };
    let mut shipper = shipper(&site, &receiver);
    receiver.wait_for_number(1_000, SOON);
    shipper.term();
    for time in 1..=times {
        site.append("app.log", lines(time * 1_000 + 1..=time * 1_000 + 1_000));
        logrotate.rotate();
    }
    let last = (times + 1) * 1_000;
    site.append("app.log", lines(last + 1..=last + 1_000));
    shipper.restart();
    receiver.wait_for_number(last + 1_000, SOON);
    shipper.term();
    Report::of(last + 1_000, &receiver.frames()).assert_exact();
}

#[test]
fn rotated_once_while_it_was_down() {
    rotates_while_down("create", 1);
}

#[test]
fn rotated_three_times_while_it_was_down() {
    rotates_while_down("create", 3);
}

#[test]
fn rotated_and_compressed_while_it_was_down() {
    rotates_while_down("create\n  compress", 2);
}

#[test]
fn an_unfinished_last_line_of_a_rotated_file_is_sent() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.append("app.log", "whole\nunfinished");
    let _shipper = shipper(&site, &receiver);
    receiver.wait_for_text("whole");
    site.rename("app.log", "app.log.1");
    site.append("app.log", "first of the new file\n");
    receiver.wait_for_text("first of the new file");
    assert_eq!(receiver.texts(), ["whole", "unfinished", "first of the new file"]);
}

#[test]
fn truncated_and_refilled_past_the_old_offset() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let log = site.append("app.log", lines(1..=100));
    let _shipper = shipper(&site, &receiver);
    receiver.wait_for_number(100, SOON);
    // One step for whoever looks at the file: truncated and longer than before.
    std::fs::write(&log, lines(101..=400)).unwrap();
    receiver.wait_for_number(400, SOON);
    Report::of(400, &receiver.frames()).assert_exact();
}

#[test]
fn the_same_beginning_and_other_lines_behind_it() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let log = site.append("app.log", lines(1..=100));
    let _shipper = shipper(&site, &receiver);
    receiver.wait_for_number(100, SOON);
    // More than the first kilobyte is as it was; the place that was reached is not.
    std::fs::write(&log, lines(1..=20) + &lines(101..=400)).unwrap();
    receiver.wait_for_number(400, SOON);
    let report = Report::of(400, &receiver.frames());
    report.assert_repeated_at_most(20);
    assert_eq!(report.duplicates, 20, "written twice, so sent twice: {report}");
}

#[test]
fn the_same_lines_again_after_a_truncation_that_could_be_seen() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let log = site.append("app.log", lines(1..=50));
    let _shipper = shipper(&site, &receiver);
    receiver.wait_for_number(50, SOON);
    std::fs::write(&log, "").unwrap();
    std::thread::sleep(A_WHILE);
    site.append("app.log", lines(1..=50));
    receiver.wait("the lines have come again", SOON, |state| state.frames.len() >= 100);
    let report = Report::of(50, &receiver.frames());
    assert_eq!((report.missing, report.duplicates, report.foreign), (0, 50, 0), "{report}");
}

#[test]
fn a_drained_file_is_let_go() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.append("app.log", lines(1..=10));
    let shipper = shipper(&site, &receiver);
    receiver.wait_for_number(10, SOON);
    site.rename("app.log", "app.log.1");
    site.append("app.log", lines(11..=20));
    receiver.wait_for_number(20, SOON);
    site.remove("app.log.1");
    // Others are inherited from whoever runs the tests.
    let gone = |path: &std::path::PathBuf| path.to_string_lossy().contains("app.log.1 (deleted)");
    wait_until("no descriptor leads to a removed file", SOON * 3, || {
        !shipper.descriptors().iter().any(gone)
    });
}

#[test]
fn what_a_copy_lacks_is_told() {
    let site = Site::new();
    let mut receiver = Receiver::tcp();
    receiver.down(crate::support::End::Clean);
    // More than is read before it is sent.
    let log = site.append("app.log", lines(1..=40_000));
    let shipper = shipper(&site, &receiver);
    shipper.wait_following("app.log");
    let lacks = lines(39_001..=40_000).len();
    site.append("app.log.1", lines(1..=39_000));
    std::fs::write(&log, "").unwrap();
    shipper.wait_warning(&[&format!("{lacks} bytes that were written before"), "app.log.1"]);
    receiver.up();
    receiver.wait_for_number(39_000, SOON);
    Report::of(39_000, &receiver.frames()).assert_exact();
}

/// As logback does it: into its place, in the background.
#[test]
fn what_is_being_compressed_keeps_nothing_from_being_read() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let log = site.append("app.log", lines(1..=5_000));
    let mut shipper = shipper(&site, &receiver);
    receiver.wait_for_number(5_000, SOON);
    let content = std::fs::read(&log).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut gzip, &content).unwrap();
    let whole = gzip.finish().unwrap();
    site.rename("app.log", "app.log123.tmp");
    let (begun, rest) = whole.split_at(whole.len() / 2);
    let (mut begun, gz) = (begun.chunks(begun.len() / 3), "app.log.2026-11-25.gz");
    site.append(gz, begun.next().unwrap());
    site.append("app.log", lines(5_001..=5_100));
    receiver.wait_for_number(5_100, SOON);
    let mut last = 5_100;
    for piece in begun.chain([rest]) {
        site.append(gz, piece);
        // It is looked at every second.
        std::thread::sleep(Duration::from_millis(1_500));
        site.append("app.log", lines(last + 1..=last + 100));
        last += 100;
        receiver.wait_for_number(last, SOON);
    }
    site.remove("app.log123.tmp");
    shipper.term();
    shipper.restart();
    site.append("app.log", lines(last + 1..=last + 100));
    receiver.wait_for_number(last + 100, SOON);
    shipper.term();
    Report::of(last + 100, &receiver.frames()).assert_exact();
}

/// As in /var/log/containers: rotation works where the link leads.
#[test]
fn what_rotates_behind_a_link_is_found_after_a_restart() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.make_dir("pod");
    let real = site.append("pod/0.log", lines(1..=100));
    std::os::unix::fs::symlink(&real, site.path("app.log")).unwrap();
    let mut shipper = shipper(&site, &receiver);
    receiver.wait_for_number(100, SOON);
    shipper.term();
    for (time, first) in [(1, 101), (2, 201)] {
        site.append("pod/0.log", lines(first..=first + 99));
        site.rename("pod/0.log", format!("pod/0.log.20261125-00000{time}"));
    }
    site.append("pod/0.log", lines(301..=400));
    shipper.restart();
    receiver.wait_for_number(400, SOON);
    shipper.term();
    Report::of(400, &receiver.frames()).assert_exact();
}

#[test]
fn what_was_rotated_unseen_while_descriptors_were_short_is_found_later() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.append("app.log", lines(1..=100));
    let mut shipper = shipper(&site, &receiver);
    receiver.wait_for_number(100, SOON);
    shipper.signal(Signal::STOP);
    site.rename("app.log", "app.log.2");
    site.append("app.log", lines(101..=200));
    site.rename("app.log", "app.log.1");
    site.append("app.log", lines(201..=300));
    let limit = getrlimit(Resource::Nofile);
    let none = Rlimit { current: Some(0), ..limit };
    let before = prlimit(Some(shipper.pid()), Resource::Nofile, none).unwrap();
    shipper.signal(Signal::CONT);
    shipper.wait_warning(&["app.log", "cannot look for files that were rotated"]);
    prlimit(Some(shipper.pid()), Resource::Nofile, before).unwrap();
    // What is newer does not wait for it.
    receiver.wait_for(300);
    shipper.term();
    let mut numbers: Vec<_> = receiver.texts();
    numbers.sort();
    let mut written: Vec<_> = lines(1..=300).lines().map(str::to_owned).collect();
    written.sort();
    assert_eq!(numbers, written);
}

/// What is unread is held open; without a descriptor for the connection it would stay so.
#[test]
fn an_outage_with_more_rotations_than_descriptors_comes_to_an_end() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    let log = |n: u64| format!("app{n}.log");
    let lines_of = |round: u64| (0..10).map(move |n| (n, format!("{}\n", round * 10 + n)));
    for (n, line) in lines_of(0) {
        site.append(log(n), line);
    }
    let shipper = Shipper::new(&site).to(&receiver.endpoint()).follow("*.log").reading_from_start();
    let shipper = shipper.proving().start();
    receiver.wait_for(10);
    let limit = getrlimit(Resource::Nofile);
    let few = Rlimit { current: Some(96), ..limit };
    prlimit(Some(shipper.pid()), Resource::Nofile, few).unwrap();
    receiver.wait_rotation(1);
    receiver.down(End::Clean);
    for round in 1..=8 {
        for (n, line) in lines_of(round) {
            for older in (1..round).rev() {
                site.rename(format!("{}.{older}", log(n)), format!("{}.{}", log(n), older + 1));
            }
            site.rename(log(n), format!("{}.1", log(n)));
            site.append(log(n), line);
        }
        std::thread::sleep(Duration::from_millis(300));
    }
    receiver.up();
    // What was read to its end is let go after ten seconds.
    receiver.wait("all have come", SOON * 2, |state| state.frames.len() >= 90);
    let mut numbers: Vec<u64> = receiver.texts().iter().map(|text| text.parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..90).collect::<Vec<_>>());
}
