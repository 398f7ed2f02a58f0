//! Several receivers in order: one dies, the next has it all, and the first is gone back to.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use crate::metrics::{address, get};
use crate::support::peers::{Imrelp, Imtcp, Peer, Proxy, ProxyKind, Rsyslogd, SyslogNg};
use crate::support::{
    End, Endpoint, Message, Numbered, Receiver, ReceiverProcess, Reopen, Report, Running, SOON,
    Shipper, Site, Transport, finish, lines, number, wait_until,
};

/// Lines a second.
const RATE: u64 = 4000;
/// What may be unproven on a connection, in lines: far more than a window here, far less than all.
const WINDOW: u64 = 40_000;

fn shipper(site: &Site, to: &[Endpoint], keys: &[&str]) -> Shipper {
    Shipper::new(site).follow("app.log").shipping_to(to, keys).reading_from_start()
}

/// What became of the lines in all of `frames`, whichever receiver read them.
fn report(written: u64, mut frames: Vec<Vec<u8>>) -> Report {
    frames.sort_by_key(|frame| number(frame));
    Report::of(written, &frames)
}

fn name(endpoint: &Endpoint) -> String {
    format!("{}:{}", endpoint.host, endpoint.port)
}

fn took_over(running: &Running, by: &Endpoint, from: &Endpoint) {
    running.wait_warning(&[&name(by), "takes the messages in the place of", &name(from)]);
}

fn went_back(running: &Running, to: &Endpoint) {
    running.wait_log(&["back to", &name(to), "which takes messages again"]);
}

/// The first is killed under load, then it is back, then all are gone, then the second comes back.
fn dies_and_comes_back(transport: Transport) {
    let (site, [mut a, mut b]) = (Site::new(), [(); 2].map(|()| ReceiverProcess::start(transport)));
    let to = [a.endpoint(), b.endpoint()];
    let mut running = shipper(&site, &to, &["failback: 2s"]).start();
    let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
    wait_until("a reads", SOON, || a.bytes() > 1_000_000);
    a.kill();
    took_over(&running, &to[1], &to[0]);
    let before = b.bytes();
    wait_until("b reads", SOON, || b.bytes() > before + 500_000);
    a.restart();
    went_back(&running, &to[0]);
    let before = a.bytes();
    wait_until("a reads again", SOON, || a.bytes() > before + 500_000);
    b.kill();
    a.kill();
    writer.wait_for_more(RATE);
    b.restart();
    let written = writer.stop();
    assert!(b.reads_up_to(written, SOON), "{}", running.log());
    running.term();
    let report = report(written, [a.frames(), b.frames()].concat());
    println!("{transport:?}: {report}");
    report.assert_repeated_at_most(2 * WINDOW);
}

#[test]
fn nothing_is_lost_when_the_first_dies_under_load_and_comes_back_over_tcp() {
    dies_and_comes_back(Transport::Tcp);
}

#[test]
fn nothing_is_lost_when_the_first_dies_under_load_and_comes_back_over_tls() {
    dies_and_comes_back(Transport::Tls);
}

#[test]
fn the_way_back_repeats_nothing_and_a_stop_on_the_way_neither() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let (site, mut a, b) = (Site::new(), Receiver::new(transport), Receiver::new(transport));
        a.down(End::Abrupt);
        let to = [a.endpoint(), b.endpoint()];
        let mut running = shipper(&site, &to, &["failback: 3s"]).start();
        let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
        took_over(&running, &to[1], &to[0]);
        writer.wait_for_more(RATE);
        running.term();
        let before = b.count();
        running.restart();
        wait_until("b reads on", SOON, || b.count() > before);
        a.up();
        went_back(&running, &to[0]);
        writer.wait_for_more(RATE);
        let written = writer.stop();
        a.wait_for_number(written, SOON);
        running.term();
        assert!(!b.frames().is_empty());
        let report = report(written, [b.frames(), a.frames()].concat());
        println!("{transport:?}: {report}");
        report.assert_exact();
    }
}

#[test]
fn one_that_hangs_is_left_after_write_timeout() {
    let (site, a) = (Site::new(), ReceiverProcess::start(Transport::Tcp));
    let b = Receiver::tcp();
    let to = [a.endpoint(), b.endpoint()];
    let mut running = shipper(&site, &to, &[]).yaml("write_timeout: 2s").start();
    let writer = Numbered::start(&site.path("app.log"), 20_000, Reopen::Never);
    wait_until("a reads", SOON, || a.bytes() > 1_000_000);
    a.freeze();
    took_over(&running, &to[1], &to[0]);
    let written = writer.stop();
    b.wait_for_number(written, SOON);
    running.term();
    let report = report(written, [a.frames(), b.frames()].concat());
    println!("{report}");
    report.assert_repeated_at_most(10 * WINDOW);
}

fn frames(messages: &[Message]) -> Vec<Vec<u8>> {
    let frame = |message: &Message| {
        let text = message.text.strip_prefix(b" ").unwrap_or(&message.text);
        [b"<13>1 - - - - - - ", text].concat()
    };
    messages.iter().map(frame).collect()
}

#[test]
fn rsyslogd_is_stopped_and_syslog_ng_has_the_rest() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let (Some(mut a), Some(b)) = (Rsyslogd::start(), SyslogNg::start()) else { return };
        let site = Site::new();
        let to = [a.endpoint(transport), b.endpoint(transport)];
        let mut running = shipper(&site, &to, &["failback: 2s"]).start();
        let writer = Numbered::start(&site.path("app.log"), 1000, Reopen::Never);
        wait_until("rsyslogd reads", SOON, || a.count() > 500);
        a.term();
        let before = a.count();
        took_over(&running, &to[1], &to[0]);
        wait_until("syslog-ng reads", SOON, || b.count() > 500);
        a.restart();
        went_back(&running, &to[0]);
        writer.wait_for_more(1000);
        let written = writer.stop();
        let is_last = |frame: &Vec<u8>| number(frame) == Some(written);
        wait_until("rsyslogd has the last line", SOON, || {
            frames(&a.messages()).iter().any(is_last)
        });
        running.term();
        a.term();
        let (of_a, of_b) = (a.messages(), frames(&b.messages()));
        let report = report(written, frames(&[of_a.clone(), b.messages()].concat()));
        println!("{transport:?}: {report}");
        report.assert_repeated_at_most(written);
        // What repeats is what the first had not proven when it stopped, and nothing of the way back.
        let of_a = frames(&of_a[before..]);
        assert_eq!(of_a.iter().find(|frame| of_b.contains(frame)), None);
    }
}

/// Each has an authority of its own, and takes only clients with a certificate of that.
#[test]
fn each_is_trusted_and_shown_what_is_given_for_it() {
    const COUNT: u64 = 1000;
    let tls = || Rsyslogd::with_tls(Imtcp { driver: "ossl", auth: "x509/certvalid" });
    let (Some(mut a), Some(b)) = (tls(), tls()) else { return };
    let site = Site::new();
    let authority_of_b = site.path("b.pem");
    fs::copy(b.certificates().authority(), &authority_of_b).unwrap();
    let item = |peer: &Rsyslogd, authority: &Path| {
        let (to, own) = (peer.endpoint(Transport::Tls), peer.certificates());
        format!(
            "    - host: {}\n      port: {}\n      ca_file: {}\n      cert_file: {}\n      key_file: {}\n",
            to.host,
            to.port,
            authority.display(),
            own.certificate().display(),
            own.key().display()
        )
    };
    let items = [item(&a, &a.certificates().authority()), item(&b, &authority_of_b)].concat();
    let keys = format!("watch_config: true\ndestination:\n  protocol: tls\n  hosts:\n{items}");
    let call = || Shipper::new(&site).follow("app.log").yaml(&keys).reading_from_start();
    site.append("app.log", lines(1..=COUNT));
    let mut running = call().start();
    wait_until("rsyslogd has them", SOON, || a.count() as u64 >= COUNT);
    // What is for the one that is not in use counts as well.
    fs::write(&authority_of_b, "half a file").unwrap();
    running.wait_log(&["destination.hosts[1].ca_file: ", "b.pem", "it holds no certificate"]);
    running.wait_log(&["the new configuration is refused; the old one stays in force"]);
    let checked = finish(call().command().arg("--check"));
    let text = String::from_utf8(checked.stdout).unwrap();
    assert!(
        !checked.status.success() && text.contains("no TLS") && text.contains("b.pem"),
        "{text}"
    );
    fs::copy(b.certificates().authority(), &authority_of_b).unwrap();
    running.wait_log(&["the configuration is loaded anew"]);
    a.term();
    took_over(&running, &b.endpoint(Transport::Tls), &a.endpoint(Transport::Tls));
    site.append("app.log", lines(COUNT + 1..=2 * COUNT));
    let all = || frames(&[a.messages(), b.messages()].concat());
    wait_until("all is there", SOON, || report(2 * COUNT, all()).missing == 0);
    assert!(frames(&b.messages()).iter().any(|frame| number(frame) == Some(2 * COUNT)));
    running.term();
}

/// A hub behind a proxy, where only RELP proves that the hub itself has a message.
#[test]
fn a_hub_behind_a_proxy_is_restarted_and_the_next_one_has_it_meanwhile() {
    let imrelp = Imrelp::default();
    let (Some(mut a), Some(b)) = (Rsyslogd::with_relp(imrelp), Rsyslogd::with_relp(imrelp)) else {
        return;
    };
    let site = Site::new();
    let hub = a.endpoint(Transport::Relp);
    let server = SocketAddr::new(hub.host.parse().unwrap(), hub.port);
    let Some(proxy) = Proxy::start(ProxyKind::Haproxy, server) else { return };
    let front = Endpoint { transport: Transport::Relp, ..proxy.endpoint() };
    let to = [front, b.endpoint(Transport::Relp)];
    let mut running = shipper(&site, &to, &["failback: 2s"]).start();
    let writer = Numbered::start(&site.path("app.log"), 500, Reopen::Never);
    for _ in 0..2 {
        let before = a.count();
        wait_until("a writes", 2 * SOON, || a.count() > before + 200);
        a.kill();
        let before = b.count();
        wait_until("b writes", 2 * SOON, || b.count() > before + 200);
        a.restart();
        went_back(&running, &to[0]);
    }
    let written = writer.stop();
    let all = || [a.messages(), b.messages()].concat();
    wait_until("all is there", 2 * SOON, || report(written, frames(&all())).missing == 0);
    running.term();
    let report = report(written, frames(&all()));
    println!("{report}");
    report.assert_repeated_at_most(written);
}

#[test]
fn check_tries_all_and_status_and_metrics_name_the_one_in_use() {
    let (site, mut a, b) = (Site::new(), Receiver::tcp(), Receiver::tcp());
    a.down(End::Abrupt);
    let to = [a.endpoint(), b.endpoint()];
    site.append("app.log", lines(1..=10));
    let metrics = address();
    let listen = format!("metrics_listen: '{metrics}'");
    let call = || shipper(&site, &to, &["failback: 1s"]).yaml(&listen);
    let said = |flags: &[&str]| {
        let output = finish(call().command().args(flags));
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let (is_well, text) = said(&["--check", "--connect"]);
    assert!(!is_well && text.contains("a receiver cannot be reached"), "{text}");
    for part in [
        format!("1. {}, port {}, TCP", to[0].host, to[0].port),
        "not connected: cannot connect to".to_owned(),
        format!("2. {}, port {}, TCP", to[1].host, to[1].port),
        format!("connected: {}", name(&to[1])),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    let mut running = call().start();
    b.wait_for(10);
    let in_use = |by: &Endpoint| {
        let body = get(metrics, "/metrics").unwrap();
        let has = |endpoint: &Endpoint, value: u8| {
            let label = format!("receiver=\"{}\"", name(endpoint));
            body.contains(&format!("remote_syslog_receiver_in_use{{{label}}} {value}\n"))
        };
        to.iter().all(|it| has(it, u8::from(name(it) == name(by))))
    };
    wait_until("the metrics name b", SOON, || in_use(&to[1]));
    let text = said(&["--status"]).1;
    for part in [
        format!("connected to {}", name(&to[1])),
        format!(", in the place of {}, which is asked again in ", name(&to[0])),
        format!("; last error of {}, ", name(&to[0])),
    ] {
        assert!(text.contains(&part), "{part}\n{text}");
    }
    a.up();
    went_back(&running, &to[0]);
    wait_until("the metrics name a", SOON, || in_use(&to[0]));
    assert!(get(metrics, "/metrics").unwrap().contains("remote_syslog_failovers_total 2\n"));
    let json = said(&["--status", "--json"]).1;
    assert!(json.contains(&format!("\"name\":\"{} (", name(&to[0]))), "{json}");
    running.term();
    let (is_well, text) = said(&["--check", "--connect"]);
    assert!(is_well, "{text}");
}
