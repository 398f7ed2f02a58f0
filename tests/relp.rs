//! RELP, spoken to real imrelp: what is answered is stored, and what is not answered is sent again.

use crate::support::peers::{Imrelp, Peer, Rsyslogd, frames};
use crate::support::{
    Endpoint, Message, Numbered, Proxy, Reopen, Report, SOON, Shipper, Site, Transport,
    bare_command, finish, lines, wait_until,
};

const RATE: u64 = 5_000;
/// As many may be unanswered by default.
const WINDOW: u64 = 16_384;

fn shipper(site: &Site, peer: &Rsyslogd, transport: Transport) -> Shipper {
    let shipper = Shipper::new(site).follow("app.log").to(&peer.endpoint(transport));
    let shipper = shipper.reading_from_start();
    if transport == Transport::RelpTls { peer.identify(shipper) } else { shipper }
}

/// Waits until every line up to `written` is stored.
#[track_caller]
fn wait_for_all(peer: &Rsyslogd, written: u64) -> Report {
    let report = || Report::of(written, &frames(peer));
    wait_until("every line is stored", SOON * 2, || report().missing == 0);
    report()
}

/// `--once` ends when all is answered, and that is all: over plain TCP, and by both of librelp's
/// libraries for TLS.
#[test]
fn a_backlog_is_stored_once_and_once_ends_with_it() {
    const COUNT: u64 = 50_000;
    for (library, transport) in [
        ("openssl", Transport::Relp),
        ("openssl", Transport::RelpTls),
        ("gnutls", Transport::RelpTls),
    ] {
        let Some(peer) = Rsyslogd::with_relp(Imrelp { library, ..Imrelp::default() }) else {
            return;
        };
        let site = Site::new();
        for part in 0..2 {
            site.append("app.log", lines(part * COUNT + 1..=(part + 1) * COUNT));
            let once = shipper(&site, &peer, transport).arg("--once").output();
            assert!(once.status.success(), "{library}: {once:?}");
            // It ends only when all is answered, and here nothing is answered that is not stored.
            assert_eq!(frames(&peer).len() as u64, (part + 1) * COUNT, "{library}");
        }
        Report::of(2 * COUNT, &frames(&peer)).assert_exact();
    }
}

#[test]
fn a_certificate_is_asked_for_and_its_lack_is_named() {
    let Some(peer) = Rsyslogd::with_relp(Imrelp { library: "gnutls", ..Imrelp::default() }) else {
        return;
    };
    let site = Site::new();
    site.append("app.log", lines(1..=10));
    let shipper = shipper(&site, &peer, Transport::RelpTls)
        .env("REMOTE_SYSLOG_DESTINATION_CERT_FILE", "")
        .env("REMOTE_SYSLOG_DESTINATION_KEY_FILE", "");
    let mut running = shipper.start();
    running.wait_warning(&["RELP with", "destination.cert_file"]);
    running.term();
    assert!(frames(&peer).is_empty());
}

#[test]
fn restarted_under_load_it_misses_nothing() {
    for transport in [Transport::Relp, Transport::RelpTls] {
        let Some(mut peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
        let site = Site::new();
        let mut running = shipper(&site, &peer, transport).start();
        let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
        for time in 0..4 {
            writer.wait_for_more(RATE / 2);
            if time % 2 == 0 {
                peer.term()
            } else {
                peer.kill()
            }
            peer.restart();
        }
        writer.wait_for_more(RATE / 2);
        let report = wait_for_all(&peer, writer.stop());
        running.term();
        report.assert_repeated_at_most(4 * WINDOW);
        println!("rsyslogd restarted 4 times over {}: {report}", transport.name());
    }
}

#[test]
fn hung_and_then_killed_it_misses_nothing() {
    let Some(mut peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
    let site = Site::new();
    let mut running = shipper(&site, &peer, Transport::Relp).start();
    let writer = Numbered::start(&site.path("app.log"), 200, Reopen::Never);
    writer.wait_for_more(200);
    peer.freeze();
    // Far less than its buffers hold: TCP acknowledges all of it.
    writer.wait_for_more(1_400);
    running.wait_warning(&["has taken nothing for"]);
    peer.kill();
    peer.restart();
    writer.wait_for_more(100);
    let report = wait_for_all(&peer, writer.stop());
    running.term();
    report.assert_repeated_at_most(1_600);
}

/// imrelp answers one message in 0.4 s while its queue is full: that is slow, and not the end.
#[test]
fn a_full_queue_is_waited_for() {
    const COUNT: u64 = 60;
    let queue = r#"queue.type="FixedArray" queue.size="10" queue.workerThreads="1"
  queue.dequeueBatchSize="1" queue.dequeueSlowdown="400000" queue.timeoutEnqueue="20000""#;
    let Some(peer) = Rsyslogd::with_relp(Imrelp { queue, ..Imrelp::default() }) else { return };
    let site = Site::new();
    site.append("app.log", lines(1..=COUNT));
    let shipper = shipper(&site, &peer, Transport::Relp).yaml("write_timeout: 1");
    let mut running = shipper.start();
    wait_until("all is stored", SOON * 4, || frames(&peer).len() as u64 >= COUNT);
    running.term();
    Report::of(COUNT, &frames(&peer)).assert_exact();
    assert_eq!(running.log_lines(&["ended"]).count(), 0, "{}", running.log());
}

#[test]
fn killed_itself_it_misses_nothing() {
    let Some(peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
    let site = Site::new();
    let mut running = shipper(&site, &peer, Transport::Relp).start();
    let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
    for _ in 0..3 {
        writer.wait_for_more(RATE / 2);
        running.kill();
        running.restart();
    }
    writer.wait_for_more(RATE / 2);
    let written = writer.stop();
    let report = wait_for_all(&peer, written);
    running.term();
    // And of what was confirmed within the last second before a KILL.
    report.assert_repeated_at_most(3 * (WINDOW + 2 * RATE));
}

#[test]
fn behind_a_proxy_without_a_server_nothing_counts() {
    let Some(mut peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
    let site = Site::new();
    let proxy = Proxy::before(&peer.endpoint(Transport::Relp));
    let to = proxy.endpoint();
    let shipper = Shipper::new(&site).follow("app.log").to(&to).reading_from_start();
    let mut running = shipper.start();
    let writer = Numbered::start(&site.path("app.log"), 1_000, Reopen::Never);
    running.wait_warning(&["RELP with", "broke the connection"]);
    proxy.has_server(true);
    wait_until("some are stored", SOON, || !frames(&peer).is_empty());
    // Its server dies, and another one comes later.
    proxy.has_server(false);
    peer.kill();
    writer.wait_for_more(2_000);
    peer.restart();
    proxy.has_server(true);
    writer.wait_for_more(500);
    let report = wait_for_all(&peer, writer.stop());
    running.term();
    report.assert_repeated_at_most(WINDOW);
}

/// By default imrelp stores 8,096 bytes of a message, header included, and answers 200 to a longer one
/// of which it has thrown the rest away. So messages are cut to that here, where it is told.
#[test]
fn by_default_a_message_is_as_long_as_imrelp_stores() {
    for limit in [8_096, 8_097] {
        let Some(peer) = Rsyslogd::with_relp(Imrelp { longest: "", ..Imrelp::default() }) else {
            return;
        };
        let site = Site::new();
        site.append("app.log", format!("{}\nshort\n", "x".repeat(9_000)));
        let mut shipper = shipper(&site, &peer, Transport::Relp);
        if limit > 8_096 {
            shipper = shipper.env("REMOTE_SYSLOG_RELP_MAX_LINE_LENGTH", limit.to_string());
        }
        let once = shipper.yaml("hostname: web-1").env("TZ", "UTC").arg("--once").output();
        assert!(once.status.success(), "{once:?}");
        let messages = peer.messages();
        assert_eq!(messages.len(), 2);
        let Message { timestamp, text, .. } = &messages[0];
        let stored = "<13>1  web-1 app.log - - - ".len() + timestamp.len() + text.len();
        assert_eq!(stored, 8_096, "of {limit}");
    }
}

#[test]
fn check_connect_opens_a_session() {
    let Some(peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
    let site = Site::new();
    site.append("app.log", "one\n");
    for transport in [Transport::Relp, Transport::RelpTls] {
        let shipper = shipper(&site, &peer, transport).arg("--check").arg("--connect");
        let output = finish(&mut shipper.command());
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{said}");
        assert!(said.contains("connected: ") && said.contains(", RELP"), "{said}");
        assert!(said.contains("a session was opened and closed"), "{said}");
    }
    // Where plain syslog is expected, nobody answers.
    let to = peer.endpoint(Transport::Tcp);
    let mut command = bare_command();
    command.args(["--check", "--connect", "-c", "/dev/null", "--state-dir"]);
    command.arg(site.path("state")).arg(site.path("app.log"));
    command.args(["-d", &to.host, "-p", &to.port.to_string()]);
    command.env("REMOTE_SYSLOG_DESTINATION_PROTOCOL", "RELP");
    command.env("REMOTE_SYSLOG_CONNECT_TIMEOUT", "1");
    let output = finish(&mut command);
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(said.contains("check that destination.port speaks RELP"), "{said}");
    assert_eq!(output.status.code(), Some(1));
}

/// Each port takes the other's protocol for something that it is not. What was written meanwhile is
/// there once the right one is set.
#[test]
fn the_wrong_protocol_for_a_port_is_named_and_loses_nothing() {
    let Some(peer) = Rsyslogd::with_relp(Imrelp::default()) else { return };
    let (relp, tcp) = (Transport::Relp, Transport::Tcp);
    for (numbers, spoken, port, words) in [
        (1..=10, tcp, relp, &["\"0 serverclose\": it expects RELP; set destination.protocol"][..]),
        (11..=20, relp, tcp, &["has not answered for 4 s", "speaks RELP: one for plain syslog"]),
    ] {
        let (site, written) = (Site::new(), *numbers.end());
        site.append("app.log", lines(numbers));
        let to = Endpoint { port: peer.endpoint(port).port, ..peer.endpoint(spoken) };
        let mut running =
            Shipper::new(&site).follow("app.log").to(&to).reading_from_start().start();
        running.wait_warning(words);
        running.term();
        let stored = Report::of(written, &frames(&peer));
        assert_eq!(stored.missing, 10, "{stored}");
        let _running = shipper(&site, &peer, spoken).start();
        let stored = wait_for_all(&peer, written);
        assert_eq!((stored.duplicates, stored.reordered), (0, 0), "{stored}");
    }
}
