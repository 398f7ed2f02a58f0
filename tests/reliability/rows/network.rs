//! The network drops every packet. Runs in a network namespace of its own, whose only device is
//! its own loopback.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use crate::outcome::Outcome;
use crate::stand::{Conditions, conclude};
use crate::support::{Reopen, Site};

/// Row 7a: shorter than `write_timeout`, which is 30 s.
pub fn short_cut(c: &Conditions) -> Outcome {
    cut(c, 30)
}

/// Row 7b.
pub fn long_cut(c: &Conditions) -> Outcome {
    cut(c, 4)
}

fn cut(c: &Conditions, write_timeout: u64) -> Outcome {
    let away = Duration::from_secs(if c.long { 15 } else { 8 });
    // Loopback is exempt from what drops the packets below, unless told otherwise.
    let policy = fs::write("/proc/sys/net/ipv4/conf/lo/disable_policy", "0").is_ok();
    if !policy || !ip(&["link", "set", "lo", "up"]) {
        return Outcome::skipped("needs ip(8)");
    }
    let (site, receiver) = (Site::new(), c.receiver());
    let shipper = c.shipper(&site, &receiver.endpoint());
    let mut shipper = shipper.yaml(&format!("write_timeout: {write_timeout}")).start();
    let writer = c.writer(&site, Reopen::Never);
    writer.wait_for_more(c.lines_in(2.0));
    // What arrives is dropped in silence, as it is on the way: the sender is told nothing.
    let all = ["src", "127.0.0.0/8", "dst", "127.0.0.0/8", "dir", "in", "action", "block"];
    if !ip(&[&["xfrm", "policy", "add"][..], &all].concat()) {
        return Outcome::skipped("needs ip xfrm");
    }
    let before = receiver.count();
    sleep(away);
    let during = receiver.count() - before;
    assert!(ip(&["xfrm", "policy", "flush"]));
    let times_out = away.as_secs() > write_timeout;
    let outcome = conclude(&mut shipper, writer, &receiver, u64::from(times_out));
    let accepted = receiver.accepted();
    // A connection may also be renewed, when much of what the receiver took is not confirmed yet.
    let lost = shipper.log_lines(&["connection to ", " ended: "]).count();
    let by_timeout = shipper.log_lines(&[" ended: ", "write_timeout"]).count();
    let is_right = lost == by_timeout && times_out == (lost > 0);
    outcome.check(is_right, format!("{lost} connections lost, {by_timeout} by time-out")).note(
        format!(
            "{} s, write_timeout {write_timeout} s, {accepted} connections, \
             {during} lines came meanwhile",
            away.as_secs()
        ),
    )
}

fn ip(arguments: &[&str]) -> bool {
    let mut command = Command::new("ip");
    command.args(arguments).stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
