//! Proxies of other people before the receiver, whose server does not run, comes, and goes.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::peers::{Proxy, ProxyKind};
use crate::support::{
    End, Numbered, Receiver, ReceiverProcess, Reopen, Report, SOON, Shipper, Site, Transport, lines,
};

use ProxyKind::{Haproxy, Nginx, Socat, Stunnel};

const ALL: [ProxyKind; 4] = [Haproxy, Nginx, Socat, Stunnel];
/// Those that close in good order when their server does not run, so that a FIN is all there is.
const POLITE: [ProxyKind; 2] = [Haproxy, Socat];
/// Longer than the proxies take to give up their server.
const GIVEN_UP: Duration = Duration::from_secs(4);

/// A receiver that does not run yet, and a proxy before it.
fn without_server(kind: ProxyKind) -> Option<(Receiver, Proxy)> {
    let mut receiver = Receiver::tcp();
    receiver.down(End::Abrupt);
    let endpoint = receiver.endpoint();
    let server = SocketAddr::new(endpoint.host.parse().unwrap(), endpoint.port);
    let proxy = Proxy::start(kind, server)?;
    Some((receiver, proxy))
}

fn shipper(site: &Site, proxy: &Proxy) -> Shipper {
    Shipper::new(site).follow("app.log").to(&proxy.endpoint()).reading_from_start()
}

/// Waits until the last of so many lines has come; a connection may be on trial for some seconds.
#[track_caller]
fn wait_all(receiver: &Receiver, written: u64) {
    receiver.wait_for_number(written, 2 * SOON);
}

fn loses_nothing(kind: ProxyKind) {
    let Some((mut receiver, proxy)) = without_server(kind) else { return };
    let site = Site::new();
    let mut shipper = shipper(&site, &proxy).proving().start();
    let writer = Numbered::start(&site.path("app.log"), 50, Reopen::Never);
    sleep(2 * GIVEN_UP);
    if POLITE.contains(&kind) {
        shipper.wait_warning(&["proxy whose server does not run"]);
    }
    receiver.up();
    receiver.wait("it is used", 2 * SOON, |state| !state.frames.is_empty());
    // And once more, with something under way. What the proxy holds then is lost for good, unless the
    // writer rests.
    writer.while_paused(|| {
        wait_all(&receiver, writer.written());
        receiver.down(End::Clean);
    });
    sleep(GIVEN_UP);
    receiver.up();
    let written = writer.stop();
    wait_all(&receiver, written);
    shipper.term();
    let report = Report::of(written, &receiver.frames());
    println!("{kind:?}: {report}");
    report.assert_repeated_at_most(written);
}

#[test]
fn haproxy_without_a_server_takes_nothing_with_it() {
    loses_nothing(Haproxy);
}

#[test]
fn nginx_without_a_server_takes_nothing_with_it() {
    loses_nothing(Nginx);
}

#[test]
fn socat_without_a_server_takes_nothing_with_it() {
    loses_nothing(Socat);
}

#[test]
fn stunnel_without_a_server_takes_nothing_with_it() {
    loses_nothing(Stunnel);
}

/// Told to leave, to turn elsewhere, or at the end of its work, just while the proxy has not given
/// up its server: that it closes then is no answer to our close.
#[test]
fn the_end_of_our_own_work_proves_nothing_before_a_proxy_without_a_server() {
    for kind in POLITE {
        for wait in [0, 300, 900, 1800, 2500].map(Duration::from_millis) {
            let Some((mut receiver, proxy)) = without_server(kind) else { return };
            let site = Site::new();
            site.append("app.log", lines(1..=20));
            let mut shipper = shipper(&site, &proxy).start();
            shipper.wait_log(&["connected to"]);
            sleep(wait);
            shipper.term();
            receiver.up();
            shipper.restart();
            wait_all(&receiver, 20);
            shipper.term();
            let report = Report::of(20, &receiver.frames());
            println!("{kind:?}, told to leave after {wait:?}: {report}");
            report.assert_repeated_at_most(20);
        }
    }
}

#[test]
fn a_reload_takes_all_to_the_new_receiver() {
    for kind in POLITE {
        let Some((_nobody, proxy)) = without_server(kind) else { return };
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append("app.log", lines(1..=20));
        let shipper = shipper(&site, &proxy).start();
        shipper.wait_log(&["connected to"]);
        let moved = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
        moved.reading_from_start().write_config();
        shipper.signal(Signal::HUP);
        wait_all(&receiver, 20);
        Report::of(20, &receiver.frames()).assert_exact();
    }
}

#[test]
fn once_does_not_succeed_before_a_proxy_without_a_server() {
    for kind in POLITE {
        let Some((mut receiver, proxy)) = without_server(kind) else { return };
        let site = Site::new();
        site.append("app.log", lines(1..=20));
        let once = shipper(&site, &proxy).arg("--once");
        let mut running = std::process::Command::new("timeout")
            .arg("8")
            .arg(once.foreground().get_program())
            .args(once.foreground().get_args())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let status = running.wait().unwrap();
        assert!(!status.success(), "{kind:?}: {status}");
        receiver.up();
        let output = once.output();
        assert!(output.status.success(), "{kind:?}: {output:?}");
        let report = Report::of(20, &receiver.frames());
        report.assert_repeated_at_most(20);
    }
}

/// With a server, all is proven by our own close, which the proxy passes on; with `proxied` only
/// once the connection is old.
#[test]
fn with_a_server_everything_is_proven() {
    for kind in ALL {
        let receiver = Receiver::tcp();
        let endpoint = receiver.endpoint();
        let server = SocketAddr::new(endpoint.host.parse().unwrap(), endpoint.port);
        let Some(proxy) = Proxy::start(kind, server) else { continue };
        let site = Site::new();
        site.append("app.log", lines(1..=20));
        let output = shipper(&site, &proxy).arg("--once").output();
        assert!(output.status.success(), "{kind:?}: {output:?}");
        Report::of(20, &receiver.frames()).assert_exact();
    }
}

#[test]
fn proxied_it_is_proven_by_the_close_of_an_old_connection_alone() {
    let receiver = Receiver::tcp();
    let endpoint = receiver.endpoint();
    let server = SocketAddr::new(endpoint.host.parse().unwrap(), endpoint.port);
    let Some(proxy) = Proxy::start(Haproxy, server) else { return };
    let site = Site::new();
    site.append("app.log", lines(1..=20));
    let mut shipper =
        shipper(&site, &proxy).env("REMOTE_SYSLOG_DESTINATION_PROXIED", "true").proving().start();
    wait_all(&receiver, 20);
    // The server closes, and so does the proxy: that proves nothing here.
    receiver.end_connections(End::Clean);
    receiver.wait("all comes again", SOON, |state| state.frames.len() >= 40);
    // The second connection is handed over once it is old enough for that to count, and then all is
    // proven. Another one may stand by meanwhile.
    receiver.wait("it is rotated", 3 * SOON, |state| {
        !state.open.contains(&2) && !state.open.is_empty()
    });
    receiver.end_connections(End::Clean);
    receiver.wait_connected();
    site.append("app.log", lines(21..=21));
    wait_all(&receiver, 21);
    shipper.term();
    Report::of(21, &receiver.frames()).assert_repeated_at_most(21);
    assert_eq!(receiver.count(), 41, "what is proven does not come again");
    assert_eq!(proxy.endpoint().transport, Transport::Tcp);
}

/// What a proxy has acknowledged may lie in it, and unread before its server, however much follows.
#[test]
fn proxied_nothing_is_lost_when_a_server_that_reads_slowly_is_killed() {
    let mut receiver = ReceiverProcess::start_slow(Transport::Tcp, 50_000);
    let endpoint = receiver.endpoint();
    let server = SocketAddr::new(endpoint.host.parse().unwrap(), endpoint.port);
    let Some(proxy) = Proxy::start(Haproxy, server) else { return };
    let site = Site::new();
    let mut shipper =
        shipper(&site, &proxy).env("REMOTE_SYSLOG_DESTINATION_PROXIED", "true").start();
    let writer = Numbered::start(&site.path("app.log"), 5_000, Reopen::Never);
    writer.wait_for_more(20_000);
    receiver.kill();
    receiver.recover();
    receiver.restart();
    let written = writer.stop();
    assert!(receiver.reads_up_to(written, 2 * SOON), "{}", shipper.log());
    shipper.term();
    let report = Report::of(written, &receiver.frames());
    println!("{report}");
    report.assert_repeated_at_most(written);
}
