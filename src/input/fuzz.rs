//! What is read of a file, whatever it holds: cut into records, encoded, decompressed.

use std::fs::File;
use std::io::Write;

use rustix::fs::{MemfdFlags, memfd_create};

use super::read::codec::Codec;
use super::read::compressed::CompressedReader;
use super::read::records::split;
use crate::pipeline::batch::Batch;
use crate::syslog::{Encoder, Framing};

const HEADER: &[u8] = b"<13>1 - h a - - - ";

/// `data` says in its first three bytes how long messages may be, and in which pieces the rest of it
/// appears in a file.
///
/// However it appears, the records are the same, and each makes a message of its own.
pub(crate) fn check_records(data: &[u8]) {
    let [limit, first, second, content @ ..] = data else { return };
    let framing = if limit % 2 == 0 { Framing::Newline } else { Framing::Datagram };
    let encoder = Encoder::new(framing, Some(HEADER.len() + usize::from(*limit)));
    let whole = records(content, &[]);
    assert_eq!(records(content, &[usize::from(*first), usize::from(*second)]), whole);
    let (mut each, mut all) = (Batch::default(), Batch::default());
    let mut cut = 0;
    for record in &whole {
        let start = each.bytes.len();
        cut += u64::from(encoder.append(HEADER, &record[..record.len() - 1], &mut each));
        let frame = &each.bytes[start..];
        let message = frame.strip_suffix(framing.trailer()).unwrap_or_default();
        assert!(message.starts_with(HEADER) && message.len() <= HEADER.len() + usize::from(*limit));
        assert!(!message.iter().any(|byte| matches!(byte, b'\n' | b'\r' | 0)));
    }
    let lines = whole.concat();
    let controls = split(&lines, false).controls;
    assert_eq!(encoder.append_lines(HEADER, &lines, controls, &mut all), cut);
    assert_eq!((&all.bytes, &all.frames), (&each.bytes, &each.frames));
    assert_eq!(each.frames.len(), whole.len());
}

/// The records of `content`, of which more is there each time: so many bytes, in turn.
fn records(content: &[u8], pieces: &[usize]) -> Vec<Vec<u8>> {
    let mut pieces = pieces.iter().map(|&piece| piece + 1).cycle();
    let (mut position, mut there) = (0, 0);
    let mut records = Vec::new();
    while there < content.len() {
        there = pieces.next().map_or(content.len(), |piece| content.len().min(there + piece));
        loop {
            let split = split(&content[position..there], false);
            assert_eq!(split.skipped, 0);
            let is_whole = there == content.len();
            // NULs that reach no record yet may be filled in; what follows them tells.
            if split.consumed() == 0 || split.records == 0 && !is_whole {
                break;
            }
            let from = position + split.nuls;
            position = from + split.records;
            let lines = content[from..position].split_inclusive(|&byte| byte == b'\n');
            records.extend(lines.map(<[u8]>::to_vec));
            assert!(records.iter().all(|record| record.ends_with(b"\n") && record[0] != 0));
        }
    }
    records
}

/// `data` says in its first byte where to read, and holds an archive behind it.
///
/// It is read or refused, never without end; and what is read again is what was read.
pub(crate) fn check_archive(data: &[u8]) {
    let Some((&place, archive)) = data.split_first() else { return };
    let Some(codec) = Codec::of(archive) else { return };
    let Some(mut reader) = reader(archive, codec) else { return };
    let mut content = Vec::new();
    let mut buffer = [0; 4096];
    // More than that is a bomb, of which a part shows as much.
    while content.len() < 4 << 20 {
        match reader.read_at(content.len() as u64, &mut buffer) {
            Ok(0) | Err(_) => break,
            Ok(count) => content.extend_from_slice(&buffer[..count]),
        }
    }
    // From another place, and appearing in two pieces.
    let place = content.len() * usize::from(place) / 256;
    let Ok(count) = reader.read_at(place as u64, &mut buffer) else { return };
    assert_eq!(buffer[..count], content[place..content.len().min(place + count)]);
    let half = archive.len() / 2;
    let Ok(mut file) = memory(&archive[..half]) else { return };
    let Ok(growing) = file.try_clone() else { return };
    let mut growing = CompressedReader::new(growing, codec);
    let early = growing.read_at(0, &mut buffer).unwrap_or(0);
    assert_eq!(buffer[..early], content[..early]);
    if file.write_all(&archive[half..]).is_ok() {
        let mut again = early;
        while again < content.len() {
            match growing.read_at(again as u64, &mut buffer) {
                Ok(count) if count > 0 => {
                    let end = content.len().min(again + count);
                    assert_eq!(buffer[..end - again], content[again..end]);
                    again += count;
                }
                _ => break,
            }
        }
    }
}

fn reader(archive: &[u8], codec: Codec) -> Option<CompressedReader> {
    memory(archive).map(|file| CompressedReader::new(file, codec)).ok()
}

/// A file without a name that holds `bytes`; what is written goes behind them.
fn memory(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = File::from(memfd_create("archive", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    Ok(file)
}
