//! What it says about itself, and what it never says.

use std::path::Path;

use crate::support::{End, Receiver, Running, Shipper, Site, Transport};

const SECRET: &str = "PIN 4711 of customer 0815";

fn shipper(site: &Site, receiver: &Receiver) -> Shipper {
    Shipper::new(site).follow("*.log").to(&receiver.endpoint()).reading_from_start()
}

/// How often a line with all of `parts` stands in the log.
fn count(shipper: &Running, parts: &[&str]) -> usize {
    shipper.log_lines(parts).count()
}

#[test]
fn it_says_once_what_it_follows_and_where_it_connects() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let path = site.append("a.log", "one\n");
    let mut shipper = shipper(&site, &receiver).yaml("new_file_check_interval: 1").start();
    receiver.wait_for_text("one");
    site.append("b.log", "two\n");
    receiver.wait_for_text("two");
    // A file seen by a later sweep: what there was to say at the earlier one has been said.
    site.append("c.log", "three\n");
    receiver.wait_for_text("three");
    shipper.term();
    for path in [path, site.path("b.log"), site.path("c.log")] {
        assert_eq!(count(&shipper, &[path.to_str().unwrap()]), 1, "{}", shipper.log());
    }
    let endpoint = receiver.endpoint();
    let address = format!("{}:{}", endpoint.host, endpoint.port);
    assert_eq!(count(&shipper, &["connected", &address]), 1, "{}", shipper.log());
    let connecting = format!("INFO  connecting to {address} over TCP");
    assert_eq!(count(&shipper, &[&connecting]), 1, "{}", shipper.log());
}

#[test]
fn a_line_that_is_cut_is_told_with_the_limit_that_cut_it() {
    for (transport, key) in
        [(Transport::Tcp, "tcp_max_line_length"), (Transport::Udp, "udp_max_line_length")]
    {
        let (site, receiver) = (Site::new(), Receiver::new(transport));
        site.append("a.log", format!("{}\n", "x".repeat(2_000)));
        let limits = "tcp_max_line_length: 480\nudp_max_line_length: 480";
        let running = shipper(&site, &receiver).yaml(limits).start();
        let cut = "a line was too long and was cut, others may follow: a message has at most 480";
        running.wait_warning(&[cut, &format!("480 bytes ({key})")]);
    }
}

#[test]
fn many_rotations_do_not_fill_it() {
    const FILES: usize = 200;
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let name = |number| format!("{number}.log");
    for number in 0..FILES {
        site.append(name(number), "old\n");
    }
    let mut shipper = shipper(&site, &receiver).start();
    receiver.wait_for(FILES);
    for number in 0..FILES {
        site.rename(name(number), format!("{number}.old"));
        site.append(name(number), "new\n");
    }
    receiver.wait_for(2 * FILES);
    shipper.term();
    assert_eq!(count(&shipper, &["was rotated; following its new file"]), 120);
    assert_eq!(receiver.count(), 2 * FILES);
}

#[test]
fn it_never_says_what_a_line_says() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    let long = format!("{SECRET} {}", "x".repeat(2_000));
    site.append("a.log", format!("{SECRET}\n{long}\nexcluded {SECRET}\n\u{1b}[31m{SECRET}\n"));
    let mut shipper = shipper(&site, &receiver)
        .yaml("exclude_patterns: [^excluded]\ntcp_max_line_length: 480")
        .arg("--log=<root>=DEBUG")
        .start();
    receiver.wait_for(3);
    receiver.down(End::Reset);
    site.append("a.log", format!("{SECRET} unfinished"));
    receiver.up();
    site.append("a.log", "\n");
    receiver.wait_for_text(&format!("{SECRET} unfinished"));
    shipper.term();
    assert!(!shipper.log().contains("4711"), "{}", shipper.log());
}

#[test]
fn excluded_lines_are_not_sent() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "keep 1\ndon't log on me\nkeep 2\nx DEBUG y\nkeep 3\n");
    let _shipper = shipper(&site, &receiver)
        .yaml("exclude_patterns:\n  - don't log on me\n  - '(?i)\\bdebug\\b'")
        .start();
    receiver.wait_for_text("keep 3");
    assert_eq!(receiver.texts(), ["keep 1", "keep 2", "keep 3"]);
}

#[test]
fn a_line_is_short_and_without_colour_unless_on_a_terminal() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let mut shipper = shipper(&site, &receiver).start();
    receiver.wait_for_text("one");
    shipper.term();
    let log = shipper.log();
    assert!(!log.contains('\u{1b}'), "{log}");
    assert!(log.lines().all(|line| line.len() < 300), "{log}");
    assert!(log.lines().count() < 20, "{log}");
}

#[test]
fn both_forms_of_log_levels_are_understood() {
    for level in ["<root>=DEBUG", "debug", "<root>=WARN", "remote_syslog=warn"] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append("a.log", "one\n");
        let mut shipper = shipper(&site, &receiver).arg(format!("--log={level}")).start();
        receiver.wait_for_text("one");
        shipper.term();
        let told = count(&shipper, &[site.path("a.log").to_str().unwrap()]) > 0;
        let quiet = level.to_lowercase().contains("warn");
        assert_eq!(told, !quiet, "--log={level}:\n{}", shipper.log());
    }
}

#[test]
fn unknown_keys_are_warned_of_with_the_nearest_known_one() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let shipper = shipper(&site, &receiver).yaml("exclude_patern: [a]").start();
    shipper.wait_warning(&["exclude_patern", "exclude_patterns"]);
    receiver.wait_for_text("one");
}

#[test]
fn nothing_to_follow_is_said() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let shipper = Shipper::new(&site).follow("none/*.log").to(&receiver.endpoint()).start();
    let glob = site.path(Path::new("none/*.log"));
    shipper.wait_log(&[glob.to_str().unwrap()]);
}

#[test]
fn what_names_no_level_and_no_module_does_not_silence_it() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let output = shipper(&site, &receiver).arg("--log=verbose").output();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("--log: \"verbose\" is not a level; write <root>=LEVEL"), "{said}");
    // A module of remote_syslog2, and none of ours.
    let running = shipper(&site, &receiver).arg("--log=remote_syslog.go=TRACE").start();
    running.wait_log(&["following 1 file"]);
}

#[test]
fn a_log_file_that_is_not_used_is_said() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let shipper = shipper(&site, &receiver).yaml("debug_log_file: own.log").start();
    shipper.wait_log(&["debug_log_file: it is not used in the foreground"]);
    assert!(!site.path("own.log").exists());
}
