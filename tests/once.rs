//! `--once`: what is there is shipped and confirmed, and the exit code says so.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::peers::Logrotate;
use crate::support::{
    End, Guarded, Numbered, Receiver, Reopen, Report, SOON, Shipper, Site, Transport, as_nobody,
    finish, give_to_nobody, lines, wait_exit, wait_until,
};

fn once(site: &Site, receiver: &Receiver) -> Shipper {
    let shipper = Shipper::new(site).follow("*.log").to(&receiver.endpoint());
    shipper.reading_from_start().arg("--once")
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn everything_is_shipped(transport: Transport) {
    let (site, receiver) = (Site::new(), Receiver::new(transport));
    site.append("app.log", lines(1..=30_000));
    site.append("empty.log", "");
    let text = said(&once(&site, &receiver).output(), 0);
    assert!(text.contains("30000 messages ("), "{text}");
    assert!(text.contains(" confirmed in "), "{text}");
    Report::of(30_000, &receiver.frames()).assert_exact();
    // The next run goes on where this one ended.
    assert!(said(&once(&site, &receiver).output(), 0).contains("0 messages (0 B) confirmed"));
    site.append("app.log", lines(30_001..=30_010));
    assert!(said(&once(&site, &receiver).output(), 0).contains("10 messages ("));
    Report::of(30_010, &receiver.frames()).assert_exact();
}

#[test]
fn everything_is_shipped_over_tcp() {
    everything_is_shipped(Transport::Tcp);
}

#[test]
fn everything_is_shipped_over_tls() {
    everything_is_shipped(Transport::Tls);
}

#[test]
fn over_udp_it_is_what_the_kernel_took() {
    let (site, receiver) = (Site::new(), Receiver::new(Transport::Udp));
    site.append("app.log", "one\ntwo\n");
    let text = said(&once(&site, &receiver).output(), 0);
    assert!(text.contains("\n2 messages ("), "{text}");
    assert!(text.contains(" sent over UDP in ") && !text.contains("confirmed"), "{text}");
    assert_eq!(receiver.texts(), ["one", "two"]);
}

#[test]
fn what_rotated_away_is_shipped_too() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", lines(1..=10));
    let Some(logrotate) = Logrotate::new(&site, &log, "create\n  compress") else { return };
    said(&once(&site, &receiver).output(), 0);
    // The second of the three is compressed before anybody has seen it.
    for numbers in [11..=20, 21..=30] {
        site.append("app.log", lines(numbers));
        logrotate.rotate();
    }
    site.append("app.log", lines(31..=40));
    assert!(said(&once(&site, &receiver).output(), 0).contains("30 messages ("));
    Report::of(40, &receiver.frames()).assert_exact();
}

#[test]
fn the_unfinished_line_of_a_rotated_file_is_shipped_and_that_of_the_current_one_waits() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\nunfin");
    said(&once(&site, &receiver).output(), 0);
    assert_eq!(receiver.texts(), ["one"]);
    site.append("app.log", "ished");
    site.rename("app.log", "app.log.1");
    site.append("app.log", "two\nmore");
    said(&once(&site, &receiver).output(), 0);
    assert_eq!(receiver.texts(), ["one", "unfinished", "two"]);
}

#[test]
fn it_ends_although_the_writer_goes_on() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", "");
    let writer = Numbered::start(&log, 20_000, Reopen::AtOnce);
    writer.wait_for_more(10_000);
    said(&once(&site, &receiver).output(), 0);
    let count = receiver.count();
    assert!(count >= 10_000, "{count}");
    let written = writer.stop();
    said(&once(&site, &receiver).output(), 0);
    Report::of(written, &receiver.frames()).assert_exact();
}

#[test]
fn without_a_receiver_it_gives_up_and_says_what_is_left() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    receiver.down(End::Reset);
    site.append("app.log", "one\ntwo\n");
    let patient = once(&site, &receiver).yaml("connect_timeout: 1\nwrite_timeout: 1");
    let text = said(&patient.output(), 1);
    assert!(text.contains("0 messages (0 B) confirmed"), "{text}");
    let why = "not connected for 2 s (cannot connect to ";
    assert!(text.contains(why) && text.contains("Connection refused"), "{text}");
    assert!(text.contains("): 2 messages are not confirmed and 0 B not sent; "), "{text}");
    receiver.up();
    said(&once(&site, &receiver).output(), 0);
    assert_eq!(receiver.texts(), ["one", "two"]);
}

#[test]
fn stopped_by_a_signal_it_says_what_is_left() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    receiver.down(End::Reset);
    site.append("app.log", "one\n");
    let mut command = once(&site, &receiver).foreground();
    let said = site.path("said");
    let mut child = Guarded(command.stderr(File::create(&said).unwrap()).spawn().unwrap());
    wait_until("it runs", SOON, || fs::read_to_string(&said).unwrap().contains("following 1 file"));
    // It has taken the line as soon as its first attempt to connect has failed; either way the
    // signal leaves it unconfirmed.
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    let status = wait_exit(&mut child.0, Duration::from_secs(5)).expect("it ends in time");
    assert_eq!(status.code(), Some(1));
}

/// Where a proxy stands between, that takes half a minute, which is said at once.
#[test]
fn whoever_waits_for_a_proxied_connection_is_told_for_how_long() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let shipper = once(&site, &receiver).env("REMOTE_SYSLOG_DESTINATION_PROXIED", "true");
    let said = site.path("said");
    let mut command = shipper.foreground();
    let mut child = Guarded(command.stderr(File::create(&said).unwrap()).spawn().unwrap());
    let text = || fs::read_to_string(&said).unwrap();
    wait_until("it says so", SOON, || text().contains("all is sent to "));
    let text = text();
    let seconds =
        text.split_once("; waiting ").and_then(|(_, rest)| rest.split_once(" s to be sure"));
    let seconds: u64 = seconds.unwrap_or_else(|| panic!("{text}")).0.parse().unwrap();
    assert!((2..=30).contains(&seconds), "{text}");
    assert!(text.contains("(destination.proxied)"), "{text}");
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    assert!(wait_exit(&mut child.0, SOON).is_some(), "it ends in time");
}

#[test]
fn a_proxied_connection_is_waited_for_longer_than_a_receiver() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let shipper = once(&site, &receiver).env("REMOTE_SYSLOG_DESTINATION_PROXIED", "true");
    let shipper = shipper.yaml("connect_timeout: 1\nwrite_timeout: 1");
    let mut child = Guarded(shipper.foreground().spawn().unwrap());
    let status = wait_exit(&mut child.0, Duration::from_secs(60)).expect("it ends by itself");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn nothing_to_ship_is_soon_done() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("empty.log", "");
    assert!(said(&once(&site, &receiver).output(), 0).contains("0 messages (0 B) confirmed"));
    assert!(said(&once(&site, &receiver).arg("--no-detach=false").output(), 0).contains("0 mess"));
}

#[test]
fn a_message_is_waited_for_longer_than_the_receiver() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "failed\n\tat x\n");
    let shipper = Shipper::new(&site).follow("a.log").reading_from_start().arg("--once");
    let shipper =
        shipper.yaml("connect_timeout: 1\nwrite_timeout: 1\nmultiline: {preset: java, timeout: 4}");
    let output = shipper.to(&receiver.endpoint()).output();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(receiver.texts(), ["failed\\n\tat x"]);
}

#[test]
fn nothing_that_can_be_followed_is_a_failure() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let text = said(&once(&site, &receiver).output(), 1);
    assert!(text.contains("0 messages (0 B) confirmed"), "{text}");
    assert!(text.contains("; no file could be followed; --check says why\n"), "{text}");
    // Gone since, but some of it was there to be shipped.
    site.append("app.log", "one\n");
    let text = said(&once(&site, &receiver).output(), 0);
    assert!(text.contains("\n1 message ("), "{text}");
}

#[test]
fn a_daemon_that_ships_the_same_files_is_named() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let daemon = Shipper::new(&site).follow("*.log").to(&receiver.endpoint());
    let daemon = daemon.reading_from_start().start();
    receiver.wait_for_text("one");
    let pid_file = site.path("other.pid");
    let second = once(&site, &receiver).arg("--pid-file").arg(pid_file);
    let text = said(&finish(second.command().arg("--once")), 1);
    assert!(text.contains("another instance (process "), "{text}");
    assert!(text.contains("; a daemon there ships its files already, without --once"), "{text}");
    drop(daemon);
}

#[test]
fn a_file_that_cannot_be_read_makes_it_fail() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=10));
    let closed = site.append("closed.log", "one\n");
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o000)).unwrap();
    let shipper = once(&site, &receiver);
    give_to_nobody(site.dir());
    let output = finish(&mut as_nobody(shipper.foreground(), &site));
    let text = said(&output, 1);
    assert!(text.contains("10 messages ("), "{text}");
    assert!(text.contains("; 1 file could not be read: see the warnings above"), "{text}");
    Report::of(10, &receiver.frames()).assert_exact();
}
