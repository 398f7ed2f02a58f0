//! `rate_limit`: nothing is lost, and no more goes in a second than it says. `--from-start=PATH`: one file once more.

use std::time::Instant;

use crate::support::{Receiver, Report, SOON, Shipper, Site, Transport, finish, lines, wait_until};

fn limited(site: &Site, receiver: &Receiver, rate: &str) -> Shipper {
    let shipper = Shipper::new(site).follow("*.log").to(&receiver.endpoint()).reading_from_start();
    shipper.yaml(&format!("rate_limit: {rate}"))
}

fn takes_its_time(transport: Transport) {
    let (site, receiver) = (Site::new(), Receiver::new(transport));
    site.append("app.log", lines(1..=10_000));
    let begun = Instant::now();
    let output = limited(&site, &receiver, "200kB/s burst 100kB").arg("--once").output();
    let (took, said) = (begun.elapsed(), String::from_utf8_lossy(&output.stderr).into_owned());
    assert_eq!(output.status.code(), Some(0), "{said}");
    Report::of(10_000, &receiver.frames()).assert_exact();
    let bytes: usize = receiver.frames().iter().map(|frame| frame.len() + 1).sum();
    // But for the burst and the last piece, which may be more than what was left.
    let least = (bytes as f64 - 100e3 - 160e3) / 200e3;
    assert!(least > 1.0 && took.as_secs_f64() >= least, "{bytes} bytes in {took:?}, not {least} s");
    assert!(took.as_secs_f64() < bytes as f64 / 200e3 + 10.0, "{bytes} bytes in {took:?}");
}

#[test]
fn over_tcp_no_more_goes_in_a_second() {
    takes_its_time(Transport::Tcp);
}

#[test]
fn over_tls_no_more_goes_in_a_second() {
    takes_its_time(Transport::Tls);
}

#[test]
fn it_shows_what_slows_and_another_limit_holds_at_once() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=40_000));
    let shipper = limited(&site, &receiver, "10kB/s");
    let asked = |shipper: &Shipper| {
        let output = finish(shipper.command().arg("--status"));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let asking = limited(&site, &receiver, "10kB/s");
    let mut running = shipper.start();
    wait_until("it is held back", SOON, || asked(&asking).contains("held back by rate_limit"));
    // What the daemon reads anew.
    drop(asking);
    let config = std::fs::read_to_string(site.path("conf.yml")).unwrap();
    std::fs::write(site.path("conf.yml"), config.replace("10kB/s", "1GB/s")).unwrap();
    running.signal(rustix::process::Signal::HUP);
    receiver.wait_for_number(40_000, SOON);
    running.term();
    Report::of(40_000, &receiver.frames()).assert_exact();
}

#[test]
fn a_file_is_sent_once_more_and_others_go_on() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\ntwo\n");
    site.append("other.log", "other\n");
    let shipper = || Shipper::new(&site).follow("*.log").to(&receiver.endpoint()).arg("--once");
    let run = |shipper: Shipper| {
        let output = shipper.output();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), said)
    };
    assert_eq!(run(shipper().arg("--from-start")).0, Some(0));
    assert_eq!(receiver.count(), 3);
    site.append("app.log", "three\n");
    site.append("other.log", "more\n");
    let again = || format!("--from-start={}", site.path("app.log").display());
    let (code, said) = run(shipper().arg(again()));
    assert_eq!(code, Some(0), "{said}");
    let mut texts = receiver.texts();
    texts.drain(..3);
    texts.sort();
    assert_eq!(texts, ["more", "one", "three", "two"]);
    // From then on it is as ever.
    assert_eq!(run(shipper()).0, Some(0));
    assert_eq!(receiver.count(), 7);
    // One that was known from its end on is sent as well.
    site.append("new.log", "old\n");
    let (code, said) =
        run(shipper().arg(format!("--from-start={}", site.path("new.log").display())));
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(receiver.texts().last().map(String::as_str), Some("old"));
}

#[test]
fn what_is_not_followed_is_not_sent_again() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    site.append("left.log", "out\n");
    let refused = |path: &str| {
        let shipper = Shipper::new(&site).follow("*.log").to(&receiver.endpoint());
        let shipper = shipper.yaml("exclude_files: ['left']").arg("--once");
        let output = shipper.arg(format!("--from-start={}", site.path(path).display())).output();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(refused("app.txt").contains("is not followed: no entry of files matches it"));
    assert!(refused("left.log").contains("is not followed: exclude_files leaves it out"));
    assert!(refused("gone.log").contains("cannot be read again: No such file"));
    let shipper = Shipper::new(&site).follow("*.log").to(&receiver.endpoint());
    let mut daemon = shipper.start();
    daemon.wait_following("app.log");
    let mut second = Shipper::new(&site).follow("*.log").to(&receiver.endpoint()).command();
    second.arg(format!("--from-start={}", site.path("app.log").display())).args(["--once"]);
    let said = String::from_utf8_lossy(&finish(&mut second).stderr).into_owned();
    assert!(
        said.contains("already keeps its positions") && said.contains("--tag TAG - < "),
        "{said}"
    );
    daemon.term();
}
