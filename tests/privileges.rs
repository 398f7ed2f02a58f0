//! Started as root, it becomes another user and reads what only root can read.

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use crate::support::{Receiver, Running, Shipper, Site, skip};

const USER: &str = "nobody";

/// A line of `/proc/PID/status`.
fn status(shipper: &Running, name: &str) -> String {
    let path = format!("/proc/{}/status", shipper.pid().as_raw_nonzero());
    let text = fs::read_to_string(path).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap().split_whitespace().collect::<Vec<_>>().join(" ")
}

fn owner(site: &Site, name: &str) -> u32 {
    fs::metadata(site.path(name)).unwrap().uid()
}

#[test]
fn it_becomes_another_user_and_goes_on_where_root_was() {
    if !rustix::process::geteuid().is_root() {
        return skip("root", "only root becomes another user");
    }
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("secret.log", "one\n");
    fs::set_permissions(&log, Permissions::from_mode(0o600)).unwrap();
    let shipper =
        |site| Shipper::new(site).follow("*.log").to(&receiver.endpoint()).reading_from_start();
    let mut root = shipper(&site).start();
    receiver.wait_for_text("one");
    root.term();
    assert_eq!(owner(&site, "state/lock"), 0);

    site.append("secret.log", "two\n");
    let mut user = shipper(&site).arg("--user").arg(USER).start();
    receiver.wait_for_text("two");
    let id = status(&user, "Uid").split(' ').next().unwrap().parse::<u32>().unwrap();
    assert_ne!(id, 0);
    assert_eq!(status(&user, "Uid"), format!("{id} {id} {id} {id}"));
    assert_eq!(status(&user, "CapPrm"), "0000000000000004");
    assert_eq!(status(&user, "CapEff"), "0000000000000004");
    assert_eq!(status(&user, "NoNewPrivs"), "1");
    user.term();
    for name in ["state", "state/positions", "state/lock"] {
        assert_eq!(owner(&site, name), id, "{name}");
    }
    // The directory of the site is root's, so the file is emptied and not removed.
    assert_eq!(fs::read(site.path("foreground.pid")).unwrap(), b"");

    site.append("secret.log", "three\n");
    user.restart();
    receiver.wait_for_text("three");
    user.term();
    assert_eq!(receiver.count(), 3);
}

#[test]
fn an_unknown_user_is_an_error() {
    let site = Site::new();
    let endpoint = Receiver::tcp().endpoint();
    let shipper = Shipper::new(&site).follow("*.log").to(&endpoint).arg("--user").arg("no-such");
    let output = shipper.output();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("there is no user \"no-such\""), "{said}");
}
