//! From an earlier version: its configuration is loaded, and its positions are gone on from.

#[path = "../packaging/first_alpha/positions.rs"]
mod first_alpha;

use self::first_alpha::FirstAlpha;
use crate::support::{Receiver, Report, SOON, Shipper, Site, bare_command, finish, lines};

/// A log was rotated while nothing ran, and both parts of it were written to: what the first version had delivered is
/// not sent again, and all else is.
#[test]
fn positions_of_the_first_alpha_are_gone_on_from() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", lines(1..=100));
    let delivered = lines(1..=60).len();
    let mut state = FirstAlpha::default();
    state.position(&log, &log, delivered);
    state.write(&site.path("state"));
    site.rename("app.log", "app.log.1");
    site.append("app.log", lines(101..=150));
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let status = finish(shipper.command().args(["--status", "--json"]));
    let status: serde_json::Value = serde_json::from_slice(&status.stdout).unwrap();
    assert_eq!(status["damage"], serde_json::json!([]), "{status}");
    let mut running = shipper.start();
    receiver.wait_for_number(150, SOON);
    running.term();
    assert!(!running.log().contains("damaged"), "{}", running.log());
    let report = Report::of(150, &receiver.frames());
    assert_eq!(report.missing, 60, "what was delivered: {report}");
    assert_eq!(receiver.count(), 90, "{report}");
}

/// The example of that version, with every key that it had.
#[test]
fn the_configuration_of_the_first_alpha_is_loaded_without_a_warning() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/first_alpha.yml");
    let output = finish(bare_command().args(["--show-config", "-c", file]));
    assert!(output.status.success() && output.stderr.is_empty(), "{output:?}");
}
