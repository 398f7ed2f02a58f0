//! A receiver that comes late, closes, resets, stalls, moves between address families.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::peers::{Peer, Rsyslogd, SyslogNg};
use crate::support::{
    A_WHILE, End, Message, Numbered, Receiver, ReceiverProcess, Reopen, Report, Running, SOON,
    Shipper, Site, Transport, lines, wait_until,
};

const RATE: u64 = 5_000;
const STREAMS: [Transport; 2] = [Transport::Tcp, Transport::Tls];

fn shipper(site: &Site, receiver: &Receiver) -> Running {
    Shipper::new(site).follow("app.log").to(&receiver.endpoint()).reading_from_start().start()
}

#[test]
fn it_may_come_late() {
    for transport in STREAMS {
        let site = Site::new();
        let mut receiver = Receiver::new(transport);
        receiver.down(End::Abrupt);
        site.append("app.log", lines(1..=500));
        let mut shipper = shipper(&site, &receiver);
        shipper.wait_warning(&[&receiver.endpoint().host]);
        receiver.up();
        receiver.wait_for_number(500, SOON);
        site.append("app.log", lines(501..=600));
        receiver.wait_for_number(600, SOON);
        assert!(shipper.is_alive());
        Report::of(600, &receiver.frames()).assert_exact();
    }
}

/// A receiver that closes has read what it acknowledged, but not if it says that it did not
/// understand.
#[test]
fn one_that_expects_tls_is_not_taken_to_have_read_anything() {
    let site = Site::new();
    let receiver = Receiver::new(Transport::Tls);
    site.append("app.log", lines(1..=100));
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let mut shipper = shipper.reading_from_start().arg("--tcp").start();
    shipper.wait_warning(&["TLS", "destination.protocol"]);
    shipper.term();
    let mut shipper = self::shipper(&site, &receiver);
    receiver.wait_for_number(100, SOON);
    shipper.term();
    Report::of(100, &receiver.frames()).assert_exact();
}

/// syslog-ng's OpenSSL reads what is no TLS and closes without a word, and in good order.
#[test]
fn nor_is_one_that_says_nothing_about_it() {
    let Some(peer) = SyslogNg::start() else { return };
    let site = Site::new();
    site.append("app.log", lines(1..=20));
    let tls = peer.endpoint(Transport::Tls);
    let plain = Shipper::new(&site).follow("app.log").to(&tls).reading_from_start().arg("--tcp");
    let mut shipper = plain.start();
    shipper.wait_warning(&["right after the first messages", "destination.protocol"]);
    site.append("app.log", lines(21..=40));
    // Told to leave as it has just written: their end must not be taken for the answer to ours.
    shipper.term();
    let shipper = Shipper::new(&site).follow("app.log").to(&tls).reading_from_start();
    let once = shipper.arg("--once").output();
    assert!(once.status.success(), "{once:?}");
    wait_until("all has arrived", SOON, || peer.count() >= 40);
    let texts: Vec<_> = peer.messages().iter().map(Message::lossy).collect();
    assert_eq!(texts, lines(1..=40).lines().collect::<Vec<_>>());
}

#[test]
fn an_absent_one_is_no_reason_to_stop_slowly() {
    let site = Site::new();
    let mut receiver = Receiver::tcp();
    receiver.down(End::Abrupt);
    site.append("app.log", lines(1..=500));
    let mut shipper = shipper(&site, &receiver);
    shipper.wait_warning(&[&receiver.endpoint().host]);
    shipper.term();
    receiver.up();
    shipper.restart();
    receiver.wait_for_number(500, SOON);
    Report::of(500, &receiver.frames()).assert_exact();
}

/// So many lines on one connection that its end counts, however young it is: more than a megabyte.
const MUCH: usize = 16_000;

/// Over TLS it says close_notify, behind which its library may have thrown away 64 KiB.
#[test]
fn it_closes_cleanly_under_load() {
    for transport in STREAMS {
        let site = Site::new();
        let mut receiver = Receiver::new(transport);
        let mut shipper = shipper(&site, &receiver);
        let writer = Numbered::start(&site.path("app.log"), 4 * RATE, Reopen::Never);
        for _ in 0..3 {
            let before = receiver.count();
            receiver.wait("much has come", SOON, |state| state.frames.len() >= before + MUCH);
            receiver.down(End::Clean);
            writer.wait_for_more(RATE / 10);
            receiver.up();
        }
        let written = writer.stop();
        receiver.wait_for_number(written, SOON * 2);
        shipper.term();
        let frames = receiver.frames();
        let report = Report::of(written, &frames);
        match transport {
            Transport::Tls => {
                let shortest = frames.iter().map(Vec::len).min().unwrap() as u64 + 1;
                report.assert_repeated_at_most(3 * ((64 << 10) / shortest + 1));
            }
            _ => report.assert_exact(),
        }
    }
}

#[test]
fn it_closes_while_nothing_is_sent() {
    for transport in STREAMS {
        let site = Site::new();
        let receiver = Receiver::new(transport);
        site.append("app.log", "one\n");
        let _shipper = proving(&site, &receiver);
        receiver.wait_for_text("one");
        let mut before = 1;
        for n in 0..2 {
            receiver.wait_rotation(before);
            receiver.end_connections(End::Clean);
            // Noticed without anything to send: it is connected again before the next line.
            receiver.wait("it connects again", SOON, |state| !state.open.is_empty());
            before = receiver.accepted();
            site.append("app.log", format!("after close {n}\n"));
            receiver.wait_for_text(&format!("after close {n}"));
        }
        assert_eq!(receiver.texts(), ["one", "after close 0", "after close 1"]);
    }
}

fn proving(site: &Site, receiver: &Receiver) -> Running {
    let shipper = Shipper::new(site).follow("app.log").to(&receiver.endpoint());
    shipper.reading_from_start().proving().start()
}

/// What is sent as a young connection ends is sent again, and nothing else.
#[test]
fn it_closes_just_when_a_line_is_written() {
    const ROUNDS: u64 = 3;
    let site = Site::new();
    let receiver = Receiver::tcp();
    let _shipper = proving(&site, &receiver);
    receiver.wait_connected();
    for n in (1..=2 * ROUNDS).step_by(2) {
        let before = receiver.accepted();
        site.append("app.log", lines(n..=n));
        receiver.wait_for_number(n, SOON);
        receiver.wait_rotation(before);
        std::thread::scope(|scope| {
            scope.spawn(|| receiver.end_connections(End::Clean));
            site.append("app.log", lines(n + 1..=n + 1));
        });
        receiver.wait_for_number(n + 1, SOON);
        receiver.wait_connected();
    }
    Report::of(2 * ROUNDS, &receiver.frames()).assert_repeated_at_most(ROUNDS);
}

#[test]
fn it_resets_under_load() {
    for transport in STREAMS {
        let site = Site::new();
        let receiver = Receiver::new(transport);
        let mut shipper = shipper(&site, &receiver);
        let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
        for _ in 0..8 {
            writer.wait_for_more(RATE / 10);
            receiver.wait_connected();
            receiver.end_connections(End::Reset);
        }
        let written = writer.stop();
        receiver.wait_for_number(written, SOON * 2);
        shipper.term();
        // Everything of so short a test fits into the resend window: each reset may repeat it all.
        let report = Report::of(written, &receiver.frames());
        report.assert_repeated_at_most(8 * written);
        println!("8 resets over {}: {report}", transport.name());
    }
}

#[test]
fn it_is_killed_with_data_unread() {
    for transport in STREAMS {
        let site = Site::new();
        let mut receiver = ReceiverProcess::start(transport);
        let mut shipper = Shipper::new(&site)
            .follow("app.log")
            .to(&receiver.endpoint())
            .reading_from_start()
            .start();
        let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
        for _ in 0..2 {
            let before = receiver.bytes();
            wait_until("it has read more", SOON, || receiver.bytes() > before + 50_000);
            receiver.freeze();
            writer.wait_for_more(RATE);
            receiver.kill();
            receiver.restart();
        }
        let written = writer.stop();
        let report = || Report::of(written, &receiver.frames());
        wait_until("every line has come", SOON * 2, || report().missing == 0);
        shipper.term();
        report().assert_repeated_at_most(2 * written);
        println!("killed with data unread over {}: {}", transport.name(), report());
    }
}

#[test]
fn it_stalls_and_goes_on() {
    for transport in STREAMS {
        let site = Site::new();
        let receiver = Receiver::new(transport);
        let mut shipper = shipper(&site, &receiver);
        site.append("app.log", lines(1..=100));
        receiver.wait_for_number(100, SOON);
        receiver.stall();
        // More than all buffers between the two hold.
        let last = 200_000;
        site.append("app.log", lines(101..=last));
        let growth = wait_until_steady(&shipper);
        assert!(growth < 32 << 20, "{} MB resident", growth >> 20);
        receiver.resume();
        receiver.wait_for_number(last, SOON * 2);
        shipper.term();
        Report::of(last, &receiver.frames()).assert_exact();
        assert_eq!(receiver.accepted(), 1, "a slow receiver is no broken one");
    }
}

/// Waits until it uses no more processor time, and returns its resident memory then.
fn wait_until_steady(shipper: &Running) -> u64 {
    let mut before = shipper.cpu_ticks();
    let mut quiet = 0;
    wait_until("it has nothing to do", SOON, || {
        std::thread::sleep(Duration::from_millis(50));
        let now = shipper.cpu_ticks();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
        quiet >= 6
    });
    shipper.rss()
}

#[test]
fn it_stalls_for_longer_than_the_write_timeout() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let mut shipper = Shipper::new(&site)
        .follow("app.log")
        .to(&receiver.endpoint())
        .yaml("write_timeout: 1")
        .reading_from_start()
        .start();
    receiver.wait_connected();
    receiver.stall();
    let last = 200_000;
    site.append("app.log", lines(1..=last));
    receiver.wait("it tries another connection", SOON, |state| state.accepted > 1);
    receiver.resume();
    receiver.wait_for_number(last, SOON * 2);
    shipper.term();
    Report::of(last, &receiver.frames()).assert_repeated_at_most(last * 2);
}

#[test]
fn rsyslogd_restarted_under_load_misses_nothing() {
    let Some(mut peer) = Rsyslogd::start() else { return };
    let site = Site::new();
    let mut shipper = Shipper::new(&site)
        .follow("app.log")
        .to(&peer.endpoint(Transport::Tcp))
        .reading_from_start()
        .start();
    let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
    for _ in 0..3 {
        writer.wait_for_more(RATE / 2);
        peer.term();
        peer.restart();
    }
    let written = writer.stop();
    let frames = || {
        let messages = peer.messages();
        let frame = |m: &crate::support::Message| [b"<13>1 T h a - - - ", &m.text[..]].concat();
        messages.iter().map(frame).collect::<Vec<_>>()
    };
    wait_until("every line has come", SOON, || Report::of(written, &frames()).missing == 0);
    shipper.term();
    // rsyslogd closes its sockets with data unread when it stops: that is a reset.
    let report = Report::of(written, &frames());
    report.assert_repeated_at_most(3 * written);
    println!("rsyslogd restarted 3 times: {report}");
}

#[test]
fn a_closed_udp_port_stops_sending_until_it_is_open() {
    let site = Site::new();
    let mut receiver = Receiver::new(Transport::Udp);
    let shipper = shipper(&site, &receiver);
    site.append("app.log", "one\n");
    receiver.wait_for_text("one");
    receiver.down(End::Abrupt);
    site.append("app.log", "this one finds the port closed\n");
    shipper.wait_warning(&[&receiver.endpoint().host]);
    receiver.up();
    site.append("app.log", "two\n");
    receiver.wait_for_text("two");
}

#[test]
fn usr1_and_a_quiet_time_leave_the_connection_alone() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    site.append("app.log", "one\n");
    let mut shipper = shipper(&site, &receiver);
    receiver.wait_for_text("one");
    shipper.signal(Signal::USR1);
    std::thread::sleep(A_WHILE);
    site.append("app.log", "two\n");
    receiver.wait_for_text("two");
    assert!(shipper.is_alive());
    assert_eq!(receiver.accepted(), 1);
}
