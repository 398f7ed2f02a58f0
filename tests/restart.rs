//! Stopped, killed, started again: what was written meanwhile is sent, and nothing twice.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::{
    A_WHILE, Numbered, Receiver, Reopen, Report, Running, SOON, Shipper, Site, Transport, lines,
    wait_until,
};

const RATE: u64 = 5_000;

fn shipper(site: &Site, receiver: &Receiver) -> Running {
    Shipper::new(site).follow("app.log").to(&receiver.endpoint()).reading_from_start().start()
}

/// One that has shipped so many lines and was stopped.
fn stopped_after(site: &Site, receiver: &Receiver, count: u64) -> Running {
    site.append("app.log", lines(1..=count));
    let mut shipper = shipper(site, receiver);
    receiver.wait_for_number(count, SOON);
    shipper.term();
    shipper
}

#[test]
fn lines_written_while_it_was_down_are_sent_and_none_twice() {
    for transport in [Transport::Udp, Transport::Tcp, Transport::Tls] {
        let site = Site::new();
        let receiver = Receiver::new(transport);
        let mut shipper = stopped_after(&site, &receiver, 100);
        site.append("app.log", lines(101..=200));
        shipper.restart();
        receiver.wait_for_number(200, SOON);
        shipper.term();
        Report::of(200, &receiver.frames()).assert_exact();
    }
}

#[test]
fn without_from_start_too() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.append("app.log", "from before its time\n");
    let mut shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint()).start();
    shipper.wait_following("app.log");
    site.append("app.log", lines(1..=100));
    receiver.wait_for_number(100, SOON);
    shipper.term();
    site.append("app.log", lines(101..=200));
    shipper.restart();
    receiver.wait_for_number(200, SOON);
    shipper.term();
    Report::of(200, &receiver.frames()).assert_exact();
}

#[test]
fn a_file_that_appeared_while_it_was_down_is_read_from_its_beginning() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.append("a.log", "from before its time\n");
    let mut shipper = Shipper::new(&site).follow("*.log").to(&receiver.endpoint()).start();
    shipper.wait_following("a.log");
    shipper.term();
    // When it ran last is kept to the second.
    std::thread::sleep(2 * A_WHILE);
    site.append("b.log", "written while it was down\n");
    shipper.restart();
    receiver.wait_for_text("written while it was down");
    shipper.term();
    assert_eq!(receiver.frames().len(), 1);
}

#[test]
fn a_file_at_whose_end_it_began_is_remembered_without_a_line_sent() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.append("app.log", "from before its time\n");
    let mut shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint()).start();
    shipper.wait_following("app.log");
    shipper.term();
    site.append("app.log", "written while it was down\n");
    shipper.restart();
    receiver.wait_for_text("written while it was down");
    assert_eq!(receiver.texts().len(), 1);
}

#[test]
fn term_under_load_repeats_nothing() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let site = Site::new();
        let receiver = Receiver::new(transport);
        let mut shipper = shipper(&site, &receiver);
        let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
        // Before it follows the file it may not know TERM yet.
        shipper.wait_following("app.log");
        for _ in 0..5 {
            writer.wait_for_more(RATE / 4);
            shipper.term();
            writer.wait_for_more(RATE / 10);
            shipper.restart_following();
        }
        let written = writer.stop();
        receiver.wait_for_number(written, SOON);
        shipper.term();
        Report::of(written, &receiver.frames()).assert_exact();
    }
}

#[test]
fn kill_under_load_loses_nothing() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let site = Site::new();
        let receiver = Receiver::new(transport);
        let mut shipper = shipper(&site, &receiver);
        let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
        for _ in 0..5 {
            writer.wait_for_more(RATE / 4);
            shipper.kill();
            writer.wait_for_more(RATE / 10);
            shipper.restart();
        }
        let written = writer.stop();
        receiver.wait_for_number(written, SOON);
        shipper.term();
        // So little was sent that none of it may be confirmed when the kill comes.
        let report = Report::of(written, &receiver.frames());
        report.assert_repeated_at_most(5 * written);
        println!("5 kills over {}: {report}", transport.name());
    }
}

#[test]
fn an_unfinished_line_is_completed_once() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.append("app.log", "one\nunfin");
    let mut shipper = shipper(&site, &receiver);
    receiver.wait_for_text("one");
    shipper.term();
    site.append("app.log", "ished\n");
    shipper.restart();
    receiver.wait_for_text("unfinished");
    shipper.kill();
    assert_eq!(receiver.texts(), ["one", "unfinished"]);
}

#[test]
fn truncated_while_it_was_down_starts_anew() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let mut shipper = stopped_after(&site, &receiver, 50);
    let log = site.path("app.log");
    fs::write(&log, lines(51..=200)).unwrap();
    shipper.restart();
    receiver.wait_for_number(200, SOON);
    for _ in 0..2 {
        shipper.term();
        shipper.restart();
        receiver.wait_connected();
    }
    site.append("app.log", lines(201..=210));
    receiver.wait_for_number(210, SOON);
    Report::of(210, &receiver.frames()).assert_exact();
}

#[test]
fn a_new_file_under_the_same_name_is_read_from_its_beginning() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let mut shipper = stopped_after(&site, &receiver, 50);
    // Removed and made again at once: file systems reuse the inode.
    site.remove("app.log");
    site.append("app.log", lines(51..=200));
    shipper.restart();
    receiver.wait_for_number(200, SOON);
    Report::of(200, &receiver.frames()).assert_exact();
}

#[test]
fn positions_are_saved_while_it_runs() {
    let site = Site::new();
    let receiver = Receiver::new(Transport::Udp);
    site.append("app.log", lines(1..=100));
    let mut shipper = shipper(&site, &receiver);
    receiver.wait_for_number(100, SOON);
    // A second at most after they change; nothing else shows when.
    std::thread::sleep(A_WHILE * 4);
    shipper.kill();
    site.append("app.log", lines(101..=120));
    shipper.restart();
    receiver.wait_for_number(120, SOON);
    Report::of(120, &receiver.frames()).assert_exact();
}

#[test]
fn a_damaged_state_is_kept_aside_and_named() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let mut shipper = stopped_after(&site, &receiver, 20);
    let state = site.path("state");
    let files = || fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path());
    let is_lock = |path: &Path| path.to_string_lossy().contains("lock");
    let is_filled = |path: &PathBuf| fs::metadata(path).is_ok_and(|m| m.is_file() && m.len() > 0);
    for path in files().filter(|path| !is_lock(path)).filter(is_filled) {
        fs::write(path, "damaged\u{0}\u{1}").unwrap();
    }
    shipper.restart();
    let consequence = "what was written meanwhile is skipped unless from_start is set";
    shipper.wait_warning(&[state.to_str().unwrap(), consequence]);
    site.append("app.log", lines(21..=30));
    receiver.wait_for_number(30, SOON);
    assert!(shipper.is_alive());
    wait_until("the damaged one is kept", SOON, || {
        files().any(|path| fs::read(path).is_ok_and(|bytes| bytes.starts_with(b"damaged")))
    });
}

#[test]
fn what_damaged_changes_to_older_positions_lead_to_is_said() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let mut shipper = stopped_after(&site, &receiver, 20);
    fs::write(site.path("state/positions.recent"), "damaged").unwrap();
    site.append("app.log", lines(21..=30));
    shipper.restart();
    shipper
        .wait_warning(&["positions.recent is damaged", "some lines are sent again; others start"]);
    receiver.wait_for_number(30, SOON);
}

#[test]
fn a_state_directory_removed_under_it_is_its_own_again() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let log = site.append("app.log", lines(1..=20));
    let running = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let mut running = running.reading_from_start().proving().start();
    receiver.wait_for_number(20, SOON);
    let state = site.path("state");
    // What is followed is written last.
    wait_until("positions are saved", SOON, || state.join("globs").exists());
    fs::remove_dir_all(&state).unwrap();
    site.append("app.log", lines(21..=30));
    running.wait_warning(&["positions cannot be saved", "state/lock: somebody has removed it"]);
    running.wait_log(&["positions are saved in", "again"]);
    let second = Shipper::new(&site).follow(log).to(&receiver.endpoint()).output();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("another instance (process "), "{said}");
    running.term();
    running.restart();
    site.append("app.log", lines(31..=40));
    receiver.wait_for_number(40, SOON);
    running.term();
    Report::of(40, &receiver.frames()).assert_exact();
}
