//! The status for machines. The keys are documented in `docs/operating.md` and do not change
//! within a major version.

use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::SystemTime;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Serializer;
use serde_json::ser::Formatter;

use super::Out;
use super::status::{File, Standing, Status};
use crate::shown::is_odd;
use crate::standing::ReceiverStanding;

#[derive(Serialize)]
struct Document<'a> {
    state_dir: String,
    daemon: DaemonJson,
    /// How things stand with the receiver, if the daemon says it.
    #[serde(skip_serializing_if = "Option::is_none")]
    receiver: Option<ReceiverJson>,
    damage: &'a [String],
    /// Entries of `files` of which a file system does not answer.
    silent: &'a [String],
    total: Total,
    files: Vec<JsonRow>,
}

#[derive(Serialize)]
struct DaemonJson {
    running: bool,
    pid: Option<u32>,
    /// Why it has refused its new configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
}

#[derive(Serialize)]
struct ReceiverJson {
    connected: bool,
    since: Option<String>,
    name: Option<String>,
    /// In whose place that one is, and when it is asked again.
    first: Option<String>,
    first_asked_at: Option<String>,
    unread: u64,
    unsent: u64,
    unproven: u64,
    unproven_since: Option<String>,
    /// It is `rate_limit` that holds back what could be sent.
    rate_limited: bool,
    error: Option<String>,
    error_at: Option<String>,
    error_of: Option<String>,
    certificate_end: Option<String>,
    own_certificate_end: Option<String>,
}

impl From<&ReceiverStanding> for ReceiverJson {
    fn from(receiver: &ReceiverStanding) -> Self {
        let time = |at: Option<i64>| Some(Timestamp::from_second(at?).ok()?.to_string());
        Self {
            connected: receiver.connected,
            since: time(receiver.since),
            name: receiver.name.clone(),
            first: receiver.first.clone(),
            first_asked_at: time(receiver.first_asked_at),
            unread: receiver.unread,
            unsent: receiver.unsent,
            unproven: receiver.unproven,
            unproven_since: time(receiver.unproven_since),
            rate_limited: receiver.rate_limited,
            error: receiver.error.clone(),
            error_at: time(receiver.error_at),
            error_of: receiver.error_of.clone(),
            certificate_end: time(receiver.certificate_end),
            own_certificate_end: time(receiver.own_certificate_end),
        }
    }
}

#[derive(Serialize, Default)]
struct Total {
    files: usize,
    size: u64,
    delivered: u64,
    behind: u64,
}

#[derive(Serialize)]
struct JsonRow {
    path: String,
    /// The bytes of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    standing: &'static str,
    size: u64,
    delivered: Option<u64>,
    behind: Option<u64>,
    written: Option<String>,
    moved: Option<String>,
    rotated: usize,
    unfound: usize,
    readable: bool,
}

/// Writes `status` as one JSON object on one line.
pub(super) fn write(status: &Status, out: Out<'_>) -> io::Result<()> {
    let mut total = Total { files: status.files.len(), ..Total::default() };
    for (file, behind) in status.files.iter().filter_map(|file| Some((file, file.behind()?))) {
        total.size += file.size;
        total.delivered += file.delivered;
        total.behind += behind;
    }
    let document = Document {
        state_dir: status.state_dir.to_string_lossy().into_owned(),
        daemon: DaemonJson {
            running: status.daemon.is_some(),
            pid: status.daemon.and_then(|daemon| daemon.pid),
            refused: status.refusal.clone(),
        },
        receiver: status.receiver.as_ref().map(ReceiverJson::from),
        damage: &status.damage,
        silent: &status.silent,
        total,
        files: status.files.iter().map(JsonRow::from).collect(),
    };
    document.serialize(&mut Serializer::with_formatter(&mut *out, Escaping))?;
    writeln!(out)
}

/// Escapes what JSON lets pass and a terminal acts upon: DEL, C1 controls, what turns text around.
struct Escaping;

impl Formatter for Escaping {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        out: &mut W,
        text: &str,
    ) -> io::Result<()> {
        let mut plain = 0;
        for (at, c) in text.char_indices().filter(|(_, c)| is_odd(*c)) {
            out.write_all(&text.as_bytes()[plain..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(out, "\\u{unit:04x}")?;
            }
            plain = at + c.len_utf8();
        }
        out.write_all(&text.as_bytes()[plain..])
    }
}

impl From<&File> for JsonRow {
    fn from(file: &File) -> Self {
        let behind = file.behind();
        Self {
            path: file.path.to_string_lossy().into_owned(),
            path_hex: file.path.to_str().is_none().then(|| hex(&file.path)),
            standing: match file.standing {
                Standing::Followed => "followed",
                Standing::Unknown => "unknown",
                Standing::Unnamed => "unnamed",
                Standing::Gone => "gone",
                Standing::NoAnswer => "no_answer",
            },
            size: file.size,
            delivered: behind.map(|_| file.delivered),
            behind,
            written: file.written.and_then(timestamp),
            moved: file.moved.and_then(timestamp),
            rotated: file.rotated,
            unfound: file.unfound,
            readable: file.readable,
        }
    }
}

fn timestamp(time: SystemTime) -> Option<String> {
    Timestamp::try_from(time).ok().map(|time| time.to_string())
}

fn hex(path: &Path) -> String {
    path.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}
