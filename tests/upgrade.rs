//! From an earlier version: its configuration is loaded, and its positions are gone on from.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

use crate::support::{Receiver, Report, SOON, Shipper, Site, bare_command, finish, lines};

/// Positions as the first version has written them, 1.0.0-alpha.1: each line with its checksum.
#[derive(Default)]
struct FirstAlpha {
    text: String,
    count: u64,
}

impl FirstAlpha {
    fn line(&mut self, object: &str) {
        let body = object.strip_suffix('}').unwrap();
        let sum = xxh3_64(body.as_bytes());
        self.text += &format!("{body},\"sum\":\"{sum:016x}\"}}\n");
    }

    /// The content at `file` is delivered up to `offset` under the name `path`.
    fn position(&mut self, path: &Path, file: &Path, offset: usize) {
        let (metadata, content) = (fs::metadata(file).unwrap(), fs::read(file).unwrap());
        let time = |at: SystemTime| {
            let nanoseconds = at.duration_since(UNIX_EPOCH).unwrap().as_nanos();
            Timestamp::from_nanosecond(i128::try_from(nanoseconds).unwrap()).unwrap()
        };
        let born =
            metadata.created().map_or(String::new(), |at| format!("\"born\":\"{}\",", time(at)));
        let (head, anchor) =
            (&content[..offset.min(1024)], &content[offset.saturating_sub(128)..offset]);
        let hashed = |bytes: &[u8]| format!("{}:{:016x}", bytes.len(), xxh3_64(bytes));
        let id = self.count;
        self.count += 1;
        self.line(&format!(
            "{{\"path\":\"{}\",\"offset\":{offset},\"modified\":\"{}\",\"seen\":\"{}\",\"id\":{id},\"order\":{id},\
             \"device\":{},\"inode\":{},{born}\"head\":\"{}\",\"anchor\":\"{}\"}}",
            path.display(),
            time(metadata.modified().unwrap()),
            Timestamp::from_second(Timestamp::now().as_second()).unwrap(),
            metadata.dev(),
            metadata.ino(),
            hashed(head),
            hashed(anchor),
        ));
    }

    fn write(mut self, dir: &Path) {
        let header =
            r#"{"format":"remote_syslog positions","version":1,"generation":3,"next_id":9}"#;
        let records = std::mem::take(&mut self.text);
        self.line(header);
        self.text += &records;
        let (whole, count) = (xxh3_64(self.text.as_bytes()), self.count);
        self.line(&format!("{{\"end\":true,\"lines\":{count},\"xxh3\":\"{whole:016x}\"}}"));
        fs::create_dir_all(dir).unwrap();
        fs::write(dir.join("positions"), self.text).unwrap();
    }
}

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
