//! The lines of a positions file. Pure.
//!
//! A file is read by people too, at three in the morning: every line is one JSON object, times
//! are RFC 3339, hashes hexadecimal. The first line says what the file is, the last how many
//! lines lie between and what XXH3 makes of everything before it. Each line ends in a checksum
//! of its own, so that what is sound in a damaged file can still be used.

use std::ffi::OsString;
use std::num::NonZero;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use super::table::{Row, TableChange};
use crate::pipeline::position::{
    Anchor, Head, Inode, Milestone, Position, RecordStart, Source, SourceId,
};

/// What [`FileHeader::format`] holds in every version.
pub(super) const FORMAT: &str = "remote_syslog positions";
/// The version that is written, and the highest that is understood.
pub(super) const VERSION: u32 = 1;

/// The first line of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileHeader {
    /// [`FORMAT`].
    pub(super) format: String,
    /// [`VERSION`] of the writer.
    pub(super) version: u32,
    /// Counts how often everything has been written anew. Recent changes belong to the base of
    /// the same generation.
    pub(super) generation: u64,
    /// Above every id that was ever given.
    pub(super) next_id: u64,
}

/// One line, whole and sound.
#[derive(Debug)]
pub(super) enum Line {
    /// The first.
    FileHeader(FileHeader),
    /// Those between.
    TableChange(TableChange),
    /// The last: how many are between, and XXH3 of every byte before this line.
    End { lines: u64, xxh3: u64 },
}

#[derive(Serialize, Deserialize)]
struct RecordLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<std::borrow::Cow<'a, str>>,
    /// The bytes of a path that is not UTF-8.
    #[serde(skip_serializing_if = "Option::is_none")]
    path_hex: Option<String>,
    /// Where symbolic links led, in the same two ways.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    real: Option<std::borrow::Cow<'a, str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    real_hex: Option<String>,
    offset: u64,
    /// Every record was a line when the format was made.
    #[serde(default, rename = "mid_line", skip_serializing_if = "std::ops::Not::not")]
    mid_record: bool,
    modified: String,
    seen: String,
    id: u64,
    order: u64,
    device: u64,
    inode: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    born: Option<String>,
    /// `<length>:<hash>`.
    head: String,
    /// `<length>:<hash>`.
    anchor: String,
    /// `<bytes back>:<hash>` for each record that may be overwritten. Older versions leave it out, and do
    /// without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    starts: Vec<String>,
}

// The lines between are told apart by how they begin: the checksum vouches for the writer.
const HEADER_START: &[u8] = br#"{"format":"#;
const FORGET_START: &[u8] = br#"{"forget":"#;
const END_START: &[u8] = br#"{"end":"#;

#[derive(Serialize, Deserialize)]
struct ForgetLine {
    forget: u64,
}

#[derive(Serialize, Deserialize)]
struct EndLine {
    end: bool,
    lines: u64,
    xxh3: String,
}

/// Appends the first line to `out`.
pub(super) fn encode_header(header: &FileHeader, out: &mut Vec<u8>) {
    seal(header, out);
}

/// Appends a line between to `out`.
pub(super) fn encode_change(change: &TableChange, out: &mut Vec<u8>) {
    match change {
        TableChange::Known(kept) => seal(&RecordLine::from(kept), out),
        TableChange::Forgotten(id) => seal(&ForgetLine { forget: id.0 }, out),
    }
}

/// Appends the last line to `out`.
pub(super) fn encode_end(lines: u64, xxh3: u64, out: &mut Vec<u8>) {
    seal(&EndLine { end: true, lines, xxh3: format!("{xxh3:016x}") }, out);
}

/// Reads one line, given without its newline; `None` when it is not sound.
pub(super) fn decode(line: &[u8]) -> Option<Line> {
    let body = unseal(line)?;
    if body.starts_with(HEADER_START) {
        serde_json::from_slice(&body).ok().map(Line::FileHeader)
    } else if body.starts_with(FORGET_START) {
        let line: ForgetLine = serde_json::from_slice(&body).ok()?;
        Some(Line::TableChange(TableChange::Forgotten(SourceId(line.forget))))
    } else if body.starts_with(END_START) {
        let line: EndLine = serde_json::from_slice(&body).ok()?;
        let xxh3 = u64::from_str_radix(&line.xxh3, 16).ok()?;
        Some(Line::End { lines: line.lines, xxh3 })
    } else {
        let line: RecordLine<'_> = serde_json::from_slice(&body).ok()?;
        line.into_kept().map(|kept| Line::TableChange(TableChange::Known(kept)))
    }
}

/// Whether `line` is the header of a version that is not understood. Its checksum may have
/// another form, so it is not looked at.
pub(super) fn newer_version(line: &[u8]) -> Option<u64> {
    #[derive(Deserialize)]
    struct AnyHeader {
        format: String,
        version: u64,
    }
    let header: AnyHeader = serde_json::from_slice(line).ok()?;
    (header.format == FORMAT && header.version > u64::from(VERSION)).then_some(header.version)
}

const SUM_START: &[u8] = br#","sum":""#;
const SUM_DIGITS: usize = 16;
const SUM_END: &[u8] = br#""}"#;

/// Appends `value` as one line whose last member is the XXH3 of all bytes before that member.
fn seal(value: &impl Serialize, out: &mut Vec<u8>) {
    let start = out.len();
    // Neither the types nor a vector can fail here; an empty line would be noticed at reading.
    if serde_json::to_writer(&mut *out, value).is_ok() {
        out.pop();
        let sum = xxh3_64(&out[start..]);
        out.extend_from_slice(SUM_START);
        out.extend_from_slice(format!("{sum:016x}").as_bytes());
        out.extend_from_slice(SUM_END);
    }
    out.push(b'\n');
}

/// `line` with the checksum that its content has.
#[cfg(any(test, fuzzing))]
pub(super) fn resealed(line: &[u8]) -> Vec<u8> {
    let line = line.trim_ascii_end();
    let sum = memchr::memmem::rfind(line, SUM_START).unwrap_or(line.len().saturating_sub(1));
    let mut out = line[..sum].to_vec();
    let digits = format!("{:016x}", xxh3_64(&out));
    out.extend([SUM_START, digits.as_bytes(), SUM_END, b"\n"].concat());
    out
}

/// The object without its checksum, if that is right.
fn unseal(line: &[u8]) -> Option<Vec<u8>> {
    let at = line.len().checked_sub(SUM_START.len() + SUM_DIGITS + SUM_END.len())?;
    let (body, end) = line.split_at(at);
    let digits = end.strip_prefix(SUM_START)?.strip_suffix(SUM_END)?;
    // Compared as text: a digit changed from `a` to `A` is damage as well.
    let sound = digits == format!("{:016x}", xxh3_64(body)).as_bytes();
    sound.then(|| [body, b"}"].concat())
}

impl<'a> From<&'a Row> for RecordLine<'a> {
    fn from(kept: &'a Row) -> Self {
        let Milestone { source, position } = &*kept.reached;
        let Source { id, order, path, real, inode } = source;
        let real = real.as_deref();
        let (path, path_hex) = match path.to_path_buf().into_os_string().into_string() {
            Ok(text) => (Some(text.into()), None),
            Err(path) => (None, Some(to_hex(Path::new(&path)))),
        };
        let Position { offset, head, anchor, mid_record, starts, modified } = *position;
        let starts = starts.iter().take_while(|start| start.back > 0);
        Self {
            path,
            path_hex,
            real: real.and_then(|real| real.to_str()).map(Into::into),
            real_hex: real.filter(|real| real.to_str().is_none()).map(|real| to_hex(real)),
            offset,
            mid_record,
            modified: nanoseconds_to_text(modified),
            seen: seconds_to_text(kept.seen),
            id: id.0,
            order: *order,
            device: inode.device,
            inode: inode.number,
            born: inode.born.map(|born| nanoseconds_to_text(born.get())),
            head: format!("{}:{:016x}", head.len, { head.hash }),
            anchor: format!("{}:{:016x}", anchor.len, { anchor.hash }),
            starts: starts.map(|start| format!("{}:{:08x}", start.back, start.hash)).collect(),
        }
    }
}

impl RecordLine<'_> {
    fn into_kept(self) -> Option<Row> {
        let path = text_to_path(self.path, self.path_hex)?.into();
        let real = match (self.real, self.real_hex) {
            (None, None) => None,
            (text, hex) => Some(Arc::new(text_to_path(text, hex)?)),
        };
        let born = match self.born {
            Some(text) => NonZero::new(text_to_nanoseconds(&text)?),
            None => None,
        };
        let (head_len, head_hash) = fingerprint(&self.head)?;
        let (anchor_len, anchor_hash) = fingerprint(&self.anchor)?;
        let fits = usize::from(head_len) <= Head::MAX
            && usize::from(anchor_len) <= Anchor::MAX
            && u64::from(anchor_len) <= self.offset;
        if !fits {
            return None;
        }
        let inode = Inode { device: self.device, number: self.inode, born };
        let source = Source { id: SourceId(self.id), order: self.order, path, real, inode };
        let position = Position {
            offset: self.offset,
            head: Head { len: head_len, hash: head_hash },
            anchor: Anchor { len: u8::try_from(anchor_len).ok()?, hash: anchor_hash },
            mid_record: self.mid_record,
            starts: record_starts(&self.starts, self.offset)?,
            modified: text_to_nanoseconds(&self.modified)?,
        };
        Some(Row {
            reached: Arc::new(Milestone { source, position }),
            seen: self.seen.parse::<Timestamp>().ok()?.as_second(),
        })
    }
}

fn text_to_path(text: Option<std::borrow::Cow<'_, str>>, hex: Option<String>) -> Option<PathBuf> {
    match (text, hex) {
        (Some(text), None) => Some(PathBuf::from(&*text)),
        (None, Some(hex)) => from_hex(&hex),
        _ => None,
    }
}

fn fingerprint(text: &str) -> Option<(u16, u64)> {
    let (len, hash) = text.split_once(':')?;
    Some((len.parse().ok()?, u64::from_str_radix(hash, 16).ok()?))
}

fn record_starts(texts: &[String], offset: u64) -> Option<[RecordStart; 2]> {
    let mut starts = [RecordStart::default(); 2];
    // A later version may keep more of them.
    for (start, text) in starts.iter_mut().zip(texts) {
        let (back, hash) = text.split_once(':')?;
        let (back, hash) = (back.parse().ok()?, u32::from_str_radix(hash, 16).ok()?);
        *start = RecordStart { back, hash };
        if back == 0 || u64::from(back) >= offset {
            return None;
        }
    }
    Some(starts)
}

fn nanoseconds_to_text(nanoseconds: i64) -> String {
    // Every i64 lies within the years 1677 to 2262, which a timestamp can hold.
    Timestamp::from_nanosecond(nanoseconds.into()).unwrap_or_default().to_string()
}

fn text_to_nanoseconds(text: &str) -> Option<i64> {
    i64::try_from(text.parse::<Timestamp>().ok()?.as_nanosecond()).ok()
}

fn seconds_to_text(seconds: i64) -> String {
    Timestamp::from_second(seconds).unwrap_or_default().to_string()
}

fn to_hex(path: &Path) -> String {
    path.as_os_str().as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn from_hex(hex: &str) -> Option<PathBuf> {
    let pairs = hex.as_bytes().chunks(2);
    let bytes = pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok());
    hex.len()
        .is_multiple_of(2)
        .then(|| bytes.collect::<Option<Vec<u8>>>())?
        .map(OsString::from_vec)
        .map(PathBuf::from)
}

#[cfg(test)]
mod tests;
