//! Flags, environment and file, and what a wrong one leads to.

use std::process::Output;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{Guarded, Receiver, SOON, Shipper, Site, bare_command, finish, wait_exit};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shipper(site: &Site, receiver: &Receiver) -> Shipper {
    Shipper::new(site).follow("app.log").to(&receiver.endpoint()).reading_from_start()
}

#[test]
fn version_and_help() {
    for flag in ["--version", "-V"] {
        let output = finish(bare_command().arg(flag));
        let said = String::from_utf8(output.stdout).unwrap();
        let version = said.strip_prefix("remote_syslog ").expect("name and version").trim_end();
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{said}");
        assert_eq!(output.status.code(), Some(0));
    }
    for flag in ["--help", "-h"] {
        let output = finish(bare_command().arg(flag));
        let said = String::from_utf8(output.stdout).unwrap();
        for option in ["--configfile", "--dest-host", "--pid-file", "--no-detach", "--state-dir"] {
            assert!(said.contains(option), "{option} in {said}");
        }
        assert_eq!(output.status.code(), Some(0));
    }
}

#[test]
fn a_bad_flag_is_exit_code_2_with_usage() {
    let output = finish(bare_command().arg("--no-such-flag"));
    assert_eq!(output.status.code(), Some(2));
    let said = stderr(&output);
    assert!(said.contains("--no-such-flag") && said.contains("Usage"), "{said}");
}

#[test]
fn a_bad_configuration_is_exit_code_1_and_every_problem_is_named() {
    let site = Site::new();
    let output = Shipper::new(&site)
        .follow("app.log")
        .yaml("destination: {host: 127.0.0.1, port: 99999, protocol: carrier-pigeon}")
        .yaml("severity: very")
        .yaml("exclude_patterns: ['a(b']")
        .output();
    assert_eq!(output.status.code(), Some(1));
    let said = stderr(&output);
    for part in ["conf.yml", "99999", "carrier-pigeon", "very", "a(b"] {
        assert!(said.contains(part), "{part} in:\n{said}");
    }
}

#[test]
fn a_missing_named_configuration_is_exit_code_1() {
    let site = Site::new();
    let missing = site.path("none.yml");
    let output = finish(bare_command().arg("-D").arg("-c").arg(&missing));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains(missing.to_str().unwrap()), "{}", stderr(&output));
}

#[test]
fn no_destination_is_exit_code_1() {
    let site = Site::new();
    let output = Shipper::new(&site).follow("app.log").output();
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("host"), "{}", stderr(&output));
}

#[test]
fn flags_come_before_the_environment_and_that_before_the_file() {
    let receiver = Receiver::tcp();
    let priority = |with_env: bool, with_flag: bool| {
        let site = Site::new();
        site.append("app.log", "one\n");
        let mut shipper = shipper(&site, &receiver).yaml("facility: local0\nseverity: info");
        if with_env {
            shipper = shipper.env("REMOTE_SYSLOG_FACILITY", "local1");
        }
        if with_flag {
            shipper = shipper.arg("--facility=local2");
        }
        let before = receiver.frames().len();
        let _running = shipper.start();
        receiver.wait_for(before + 1).pop().unwrap().priority
    };
    assert_eq!(priority(false, false), 16 * 8 + 6);
    assert_eq!(priority(true, false), 17 * 8 + 6);
    assert_eq!(priority(true, true), 18 * 8 + 6);
}

#[test]
fn everything_by_flags_alone() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    site.append("b.log", "two\n");
    let endpoint = receiver.endpoint();
    let mut command = bare_command();
    command.current_dir(site.dir()).args(["-D", "--tcp", "-d", &endpoint.host, "-p"]);
    command.arg(endpoint.port.to_string()).args(["--hostname", "h", "-f", "local0", "-s", "err"]);
    command.args(["--state-dir", "state", "--from-start", "--pid-file", "a.pid"]);
    // An empty file in the place of the default one, which this machine may have.
    command.arg("-c").arg(site.append("empty.yml", ""));
    let mut child = Guarded(command.args(["a.log", "my-tag=b.log"]).spawn().unwrap());
    let messages = receiver.wait_for(2);
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    assert!(wait_exit(&mut child.0, SOON).is_some_and(|status| status.success()));
    let mut told: Vec<_> = messages.iter().map(|m| (m.app_name.as_str(), m.lossy())).collect();
    told.sort();
    assert_eq!(told, [("a.log", "one".to_owned()), ("my-tag", "two".to_owned())]);
    assert!(messages.iter().all(|m| (m.priority, m.hostname.as_str()) == (16 * 8 + 3, "h")));
}
