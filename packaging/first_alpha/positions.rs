//! Positions as the first version has written them, 1.0.0-alpha.1. The suite starts the program with them
//! (`tests/upgrade.rs`), and the boot test the service of the package.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

/// Its file, each line of it with its checksum.
#[derive(Default)]
pub(super) struct FirstAlpha {
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
    pub(super) fn position(&mut self, path: &Path, file: &Path, offset: usize) {
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

    /// Writes them into `dir`, which is made if it is not there.
    pub(super) fn write(mut self, dir: &Path) {
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
