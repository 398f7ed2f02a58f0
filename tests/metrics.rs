//! `metrics_listen`: what Prometheus scrapes, judged by promtool, and the examples that use it.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Stdio;

use regex::Regex;

use crate::support::peers::PROMETHEUS;
use crate::support::{
    End, Receiver, SOON, Shipper, Site, Transport, assert_drawn, lines, own_address, sketch,
    wait_until,
};

const EXAMPLES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/monitoring");

/// An address that nothing listens on.
pub(crate) fn address() -> SocketAddr {
    TcpListener::bind((own_address(), 0)).unwrap().local_addr().unwrap()
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// The body of `/metrics`.
#[track_caller]
pub(crate) fn scrape(address: SocketAddr) -> String {
    let answer = get(address, "/metrics").expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
    body.to_owned()
}

/// What stands behind a metric and its labels.
fn value(metrics: &str, name: &str) -> Option<f64> {
    let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.map(|value| value.parse().unwrap())
}

fn shipper(site: &Site, receiver: &Receiver, metrics: SocketAddr) -> Shipper {
    let shipper = Shipper::new(site).follow("app.log").to(&receiver.endpoint());
    shipper.reading_from_start().yaml(&format!("metrics_listen: '{metrics}'"))
}

#[test]
fn they_count_what_has_been_done() {
    let (site, mut receiver) = (Site::new(), Receiver::new(Transport::Udp));
    let metrics = address();
    let text = format!("{}noise\n{}\n", lines(1..=98), "x".repeat(2_000));
    let log = site.append("app.log", &text);
    let running = shipper(&site, &receiver, metrics).yaml("exclude_patterns: [noise]").start();
    receiver.wait_for(99);
    let name = format!("remote_syslog_file_behind_bytes{{path=\"{}\"}}", log.display());
    wait_until("all is confirmed", SOON, || value(&scrape(metrics), &name) == Some(0.0));
    let now = scrape(metrics);
    let wire: usize = receiver.frames().iter().map(Vec::len).sum();
    for (name, expected) in [
        ("files", 1.0),
        ("read_bytes_total", text.len() as f64),
        ("read_lines_total", 100.0),
        ("excluded_lines_total", 1.0),
        ("cut_lines_total", 1.0),
        ("sent_messages_total", 99.0),
        ("sent_bytes_total", wire as f64),
        ("confirmed_messages_total", 99.0),
        ("confirmed_bytes_total", wire as f64),
        ("resent_messages_total", 0.0),
        ("unread_bytes", 0.0),
        ("queued_bytes", 0.0),
        ("unconfirmed_bytes", 0.0),
        ("connected", 1.0),
        ("connections_total", 1.0),
        ("rotations_total", 0.0),
        ("lost_bytes_total{reason=\"truncated\"}", 0.0),
        ("last_reload_successful", 1.0),
    ] {
        assert_eq!(value(&now, &format!("remote_syslog_{name}")), Some(expected), "{name}");
    }
    assert!(value(&now, "process_resident_memory_bytes").unwrap() > 1e6);
    assert!(value(&now, "process_open_fds").unwrap() > 5.0);
    // A rotation, and a receiver that is gone.
    site.rename("app.log", "app.log.1");
    site.append("app.log", "");
    running.wait_log(&["was rotated"]);
    receiver.down(End::Clean);
    site.append("app.log", lines(99..=99));
    let refused = "remote_syslog_connection_failures_total{kind=\"refused\"}";
    wait_until("it is refused", SOON, || value(&scrape(metrics), refused) >= Some(1.0));
    let now = scrape(metrics);
    assert_eq!(value(&now, "remote_syslog_rotations_total"), Some(1.0));
    assert_eq!(value(&now, "remote_syslog_connected"), Some(0.0));
    let at = "remote_syslog_last_connection_failure_timestamp_seconds{kind=\"refused\"}";
    assert!(value(&now, at).unwrap() > 1.7e9);
}

#[test]
fn names_that_are_not_utf8_are_told_apart() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    let metrics = address();
    receiver.down(End::Reset);
    for (byte, count) in [(0xfe, 5), (0xff, 9)] {
        let name = [b"a", &[byte][..], b".log"].concat();
        site.append(OsStr::from_bytes(&name), "x\n".repeat(count));
    }
    let shipper = Shipper::new(&site).follow("*.log").to(&receiver.endpoint());
    let shipper = shipper.reading_from_start().yaml(&format!("metrics_listen: '{metrics}'"));
    let _running = shipper.start();
    let dir = site.dir().display().to_string();
    let behind = |now: &str, byte: &str| {
        // The label's own backslash is doubled there.
        value(
            now,
            &format!("remote_syslog_file_behind_bytes{{path=\"$'{dir}/a\\\\x{byte}.log'\"}}"),
        )
    };
    wait_until("both are told", SOON, || {
        let now = get(metrics, "/metrics").unwrap_or_default();
        behind(&now, "fe") == Some(10.0) && behind(&now, "ff") == Some(18.0)
    });
}

#[test]
fn what_is_sent_again_is_counted() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    let metrics = address();
    site.append("app.log", "one\n");
    let _running = shipper(&site, &receiver, metrics).start();
    receiver.wait_for(1);
    receiver.down(End::Reset);
    receiver.up();
    receiver.wait_for(2);
    let resent = || value(&scrape(metrics), "remote_syslog_resent_messages_total");
    wait_until("it is counted", SOON, || resent() == Some(1.0));
    assert_eq!(value(&scrape(metrics), "remote_syslog_sent_messages_total"), Some(2.0));
}

#[test]
fn promtool_finds_no_fault() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let metrics = address();
    site.append("app.log", "one\n");
    let _running = shipper(&site, &receiver, metrics).start();
    receiver.wait_for(1);
    let Some(promtool) = PROMETHEUS.program("promtool") else { return };
    let mut command = promtool.command();
    command.args(["check", "metrics"]).stdin(Stdio::piped());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(scrape(metrics).as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn other_pages_are_not_there_and_slow_scrapers_keep_nobody_out() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let metrics = address();
    site.append("app.log", "one\n");
    let _running = shipper(&site, &receiver, metrics).start();
    receiver.wait_for(1);
    let _slow: Vec<_> = (0..4).map(|_| TcpStream::connect(metrics).unwrap()).collect();
    let answer = get(metrics, "/").unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 Not Found"), "{answer}");
    assert!(answer.ends_with("metrics are at /metrics\n"), "{answer}");
}

#[test]
fn clients_that_never_read_keep_nobody_out() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let metrics = address();
    site.append("app.log", "one\n");
    let _running = shipper(&site, &receiver, metrics).start();
    receiver.wait_for(1);
    let flood = || {
        let stream = TcpStream::connect(metrics).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size(&stream, 2048).unwrap();
        stream.set_nonblocking(true).unwrap();
        let question = format!("GET /metrics HTTP/1.1\r\nHost: {metrics}\r\n\r\n").repeat(100);
        while (&stream).write(question.as_bytes()).is_ok_and(|length| length > 0) {}
        stream
    };
    let _clients: Vec<_> = (0..100).map(|_| flood()).collect();
    scrape(metrics);
}

/// The head of the answer to a question for `host`.
fn asked_for(address: SocketAddr, host: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_web_page_cannot_read_them_by_a_name_of_its_own() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let metrics = address();
    let log = site.append("app.log", "one\n");
    let with = |hosts| shipper(&site, &receiver, metrics).yaml(hosts);
    let running = with("").start();
    receiver.wait_for(1);
    let answer = asked_for(metrics, "evil.example.com");
    assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    assert!(answer.contains("metrics_hosts") && !answer.contains(log.to_str().unwrap()));
    assert!(asked_for(metrics, "localhost").starts_with("HTTP/1.1 200"));
    // By a reload at the same address.
    with("metrics_hosts: [web1.example.com]").write_config();
    running.signal(rustix::process::Signal::HUP);
    running.wait_log(&["loaded anew"]);
    assert!(asked_for(metrics, "web1.example.com:9600").starts_with("HTTP/1.1 200"));
    assert!(asked_for(metrics, "evil.example.com").starts_with("HTTP/1.1 403"));
}

#[test]
fn they_move_to_another_address_at_the_same_port_and_stay_where_that_is_refused() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let metrics = address();
    site.append("app.log", "one\n");
    let running = shipper(&site, &receiver, metrics).start();
    receiver.wait_for(1);
    let everywhere = SocketAddr::from(([0, 0, 0, 0], metrics.port()));
    shipper(&site, &receiver, everywhere).write_config();
    running.signal(rustix::process::Signal::HUP);
    running.wait_log(&["loaded anew"]);
    scrape(metrics);
    scrape(([127, 0, 0, 1], metrics.port()).into());
    // The port is taken at the new address.
    let taken = TcpListener::bind((own_address(), 0)).unwrap();
    shipper(&site, &receiver, taken.local_addr().unwrap()).write_config();
    running.signal(rustix::process::Signal::HUP);
    running.wait_log(&["the new configuration is refused"]);
    let refused = || value(&scrape(metrics), "remote_syslog_last_reload_successful") == Some(0.0);
    wait_until("the refusal shows", SOON, refused);
}

#[test]
fn a_port_alone_is_served_on_the_loopback_address_only() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let port = TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port();
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let running = shipper.yaml(&format!("metrics_listen: {port}")).start();
    running.wait_log(&[&format!("metrics are at http://127.0.0.1:{port}/metrics")]);
    scrape(([127, 0, 0, 1], port).into());
    // Were it served on all addresses, it would be here too.
    let elsewhere = TcpStream::connect(SocketAddr::from(([127, 0, 0, 2], port)));
    assert_eq!(elsewhere.unwrap_err().kind(), ErrorKind::ConnectionRefused);
}

#[test]
fn a_port_in_use_is_an_error_and_said_before_it_detaches() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let taken = TcpListener::bind((own_address(), 0)).unwrap();
    let shipper = shipper(&site, &receiver, taken.local_addr().unwrap());
    let mut command = shipper.command();
    let output = crate::support::finish(command.arg("--pid-file").arg(site.path("p.pid")));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("conf.yml:8: metrics_listen: cannot listen on"), "{said}");
    assert!(said.contains("name another port, or end what uses this one"), "{said}");
}

fn example(name: &str) -> String {
    fs::read_to_string(Path::new(EXAMPLES).join(name)).unwrap()
}

/// The examples name no metric that is not there.
#[test]
fn dashboard_and_rules_speak_of_metrics_that_exist() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    let metrics = address();
    receiver.down(End::Reset);
    site.append("app.log", "one\n");
    let running = shipper(&site, &receiver, metrics).start();
    running.wait_warning(&["cannot connect"]);
    running.signal(rustix::process::Signal::HUP);
    running.wait_log(&["loaded anew"]);
    let name = Regex::new(r"\b(?:remote_syslog|process)_[a-z_]+\b").unwrap();
    let names = |text: &str| -> BTreeSet<_> {
        name.find_iter(text).map(|found| found.as_str().to_owned()).collect()
    };
    let (tls_site, tls) = (Site::new(), Receiver::new(Transport::Tls));
    let tls_metrics = address();
    let _tls_running = shipper(&tls_site, &tls, tls_metrics).start();
    let expiry = "remote_syslog_certificate_expiry_timestamp_seconds{which=\"receiver\"} 6709";
    let is_told = || get(tls_metrics, "/metrics").is_some_and(|told| told.contains(expiry));
    wait_until("the expiry is told", SOON, is_told);
    let known = &names(&scrape(metrics)) | &names(&scrape(tls_metrics));
    let dashboard: serde_json::Value = serde_json::from_str(&example("grafana.json")).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() >= 6);
    for text in [dashboard["panels"].to_string(), example("alerts.yml")] {
        let used = names(&text);
        assert!(!used.is_empty());
        assert_eq!(used.difference(&known).collect::<Vec<_>>(), [""; 0]);
    }
}

#[test]
fn the_dashboard_is_drawn_as_it_is_laid_out() {
    let dashboard = serde_json::from_str(&example("grafana.json")).unwrap();
    assert_drawn("examples/monitoring/dashboard.svg", &sketch(&dashboard));
}

#[test]
fn promtool_accepts_the_rules_and_they_fire_when_they_should() {
    let Some(promtool) = PROMETHEUS.program("promtool") else { return };
    for arguments in [
        ["check", "rules", "alerts.yml"],
        ["test", "rules", "alerts.test.yml"],
        ["check", "config", "prometheus.yml"],
    ] {
        let output = promtool.command().args(arguments).current_dir(EXAMPLES).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said));
    }
}
