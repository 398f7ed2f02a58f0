//! `--dry-run`: messages on standard output, and nothing else happens.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    Guarded, Message, Receiver, Report, Shipper, Site, bare_command, finish, lines, wait_exit,
};

/// A converter: no configuration, no receiver, no state.
fn converter(site: &Site) -> Command {
    let mut command = bare_command();
    command.args(["--dry-run", "--once", "--from-start"]).arg(site.path("app.log"));
    command.env("HOME", site.dir()).current_dir(site.dir());
    command
}

#[test]
fn it_prints_the_very_messages_and_touches_nothing() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=20_000));
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let shipper = shipper.yaml("hostname: web1\nexclude_patterns: ['n=00000007 ']");
    let output = shipper.reading_from_start().arg("--dry-run").arg("--once").output();
    assert!(output.status.success());
    let frames: Vec<_> = output.stdout.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
    let (last, frames) = frames.split_last().unwrap();
    assert!(last.is_empty() && frames.len() == 19_999);
    let first = Message::parse(&frames[0]);
    assert_eq!((first.priority, &*first.hostname, &*first.app_name), (13, "web1", "app.log"));
    let without: Vec<_> = frames.iter().map(|frame| Message::parse(frame).text).collect();
    let expected = lines(1..=20_000);
    let expected = expected.lines().filter(|line| !line.starts_with("n=00000007 "));
    assert!(without.iter().map(|text| &text[..]).eq(expected.map(str::as_bytes)));
    assert!(!site.path("state").exists(), "no state is made");
    assert_eq!((receiver.accepted(), receiver.count()), (0, 0));
}

#[test]
fn a_saved_position_is_neither_used_nor_moved() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", lines(1..=5));
    let shipper = || {
        let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
        shipper.reading_from_start()
    };
    assert!(shipper().arg("--once").output().status.success());
    site.append("app.log", lines(6..=6));
    let output = shipper().arg("--once").arg("--dry-run").output();
    assert_eq!(output.stdout.iter().filter(|&&byte| byte == b'\n').count(), 6);
    assert!(shipper().arg("--once").output().status.success());
    // Where the machine was too busy to answer a close in time, it has sent its lines again.
    Report::of(6, &receiver.frames()).assert_repeated_at_most(5);
}

#[test]
fn it_runs_beside_the_daemon_of_the_same_configuration() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let metrics = crate::metrics::address();
    let shipper = || {
        let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
        let yaml = format!("pid_file: {}\nmetrics_listen: '{metrics}'", site.path("pid").display());
        shipper.reading_from_start().yaml(&yaml)
    };
    let _running = shipper().start();
    receiver.wait_for_text("one");
    let output = shipper().arg("--once").arg("--dry-run").output();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(Message::parse(output.stdout.trim_ascii_end()).lossy(), "one");
}

#[test]
fn it_converts_without_a_receiver() {
    let site = Site::new();
    site.append("app.log", "one\ntwo\n");
    let output = finish(&mut converter(&site));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed.lines().all(|line| line.starts_with("<13>1 ")), "{printed}");
    assert!(printed.ends_with(" app.log - - - two\n"), "{printed}");
}

#[test]
fn a_closed_pipe_ends_it_quietly() {
    let site = Site::new();
    site.append("app.log", lines(1..=200_000));
    let mut command = converter(&site);
    let command = command.arg("--log=WARN").stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = Guarded(command.spawn().unwrap());
    let mut first = String::new();
    BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut first).unwrap();
    assert!(first.contains("n=00000001"), "{first}");
    let status = wait_exit(&mut child.0, Duration::from_secs(5)).expect("it ends");
    let mut said = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut said).unwrap();
    assert_eq!((status.code(), &*said), (Some(0), ""));
}

#[test]
fn it_ends_on_term_though_nobody_reads() {
    let site = Site::new();
    site.append("app.log", lines(1..=200_000));
    let mut command = converter(&site);
    let mut child = Guarded(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut pipe = child.0.stdout.take().unwrap();
    pipe.read_exact(&mut [0]).unwrap();
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    assert!(wait_exit(&mut child.0, Duration::from_secs(5)).is_some());
    drop(pipe);
}

#[test]
fn it_follows_until_it_is_told_to_stop() {
    let site = Site::new();
    site.append("app.log", "one\n");
    let mut command = bare_command();
    command.args(["--dry-run", "--from-start"]).arg(site.path("app.log")).env("HOME", site.dir());
    let mut child = Guarded(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
    let mut printed = BufReader::new(child.0.stdout.take().unwrap()).lines();
    assert!(printed.next().unwrap().unwrap().ends_with(" one"));
    site.append("app.log", "two\n");
    assert!(printed.next().unwrap().unwrap().ends_with(" two"));
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    let status = wait_exit(&mut child.0, Duration::from_secs(5)).expect("it ends");
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_line_that_is_cut_names_the_limit_of_the_protocol() {
    let site = Site::new();
    site.append("app.log", "x".repeat(200_000) + "\n");
    for (flag, key) in [("--tcp=false", "1024 bytes (udp"), ("--tcp", "99990 bytes (tcp")] {
        let output = finish(converter(&site).args([flag, "-d", "127.0.0.1"]));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(said.contains(&format!("a message has at most {key}_max_line_length)")), "{said}");
    }
}
