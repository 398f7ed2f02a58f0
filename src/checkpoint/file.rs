//! One positions file: written whole or not at all, and read as far as it is sound.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags};
use xxhash_rust::xxh3::Xxh3Default;

use super::format::{self, FORMAT, FileHeader, Line, VERSION};
use super::table::{Loaded, Snapshot};
use crate::pipeline::shared_path::Neighbours;
use crate::safe_open::{self, Last};
use crate::shown::Show;

/// What a file holds.
#[derive(Debug, Default)]
pub(super) struct Contents {
    /// What of it is sound.
    pub(super) loaded: Loaded,
    /// The header, and with it the generation, could be read.
    pub(super) has_header: bool,
    /// Why not all of it is.
    pub(super) problem: Option<FileProblem>,
    /// There is no such file.
    pub(super) is_missing: bool,
}

/// Why a file cannot be relied on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum FileProblem {
    /// Another version of the program wrote it, in this version of the format.
    Newer(u64),
    /// It is not what was written.
    Damaged(String),
}

/// No line is longer: a path has 4 KiB, which JSON makes six times as long at worst.
const LINE_MAX: u64 = 64 << 10;

/// Reads the file at `path`, if there is one. Damage is no error.
///
/// # Errors
/// The file cannot be opened.
pub(super) fn read(path: &Path) -> io::Result<Option<Contents>> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {}
        Ok(_) => {
            let problem = Some(FileProblem::Damaged("it is no regular file".to_owned()));
            return Ok(Some(Contents { problem, ..Contents::default() }));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    }
    match File::open(path) {
        Ok(file) => Ok(Some(parse(BufReader::with_capacity(LINE_MAX as usize, file)))),
        // A running instance removes the recent changes when they are part of a new base.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// What the small file at `path` holds, up to `most` bytes. Whoever owns the directory may have put
/// anything there: a link is not followed, and nobody is waited for, should it be a pipe.
///
/// # Errors
/// It cannot be read, or is no regular file.
pub(super) fn read_small(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = safe_open::open(path, OFlags::RDONLY, Mode::empty(), Last::Refuse)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    let mut text = Vec::new();
    file.take(most).read_to_end(&mut text)?;
    Ok(text)
}

/// Reads what [`write()`] has written, and of anything else the lines that are sound.
pub(super) fn parse(mut input: impl BufRead) -> Contents {
    let mut contents = Contents::default();
    let mut hash = Xxh3Default::new();
    let mut end = None;
    let mut neighbours = Neighbours::default();
    let (mut at, mut bad) = (0_u64, 0_u64);
    let mut line = Vec::new();
    loop {
        line.clear();
        match input.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
            Ok(0) => break,
            Ok(_) => at += 1,
            Err(error) => {
                contents.problem = Some(FileProblem::Damaged(format!(
                    "it cannot be read beyond line {at}: {error}"
                )));
                return contents;
            }
        }
        let sound = line.strip_suffix(b"\n").and_then(format::decode);
        match sound {
            Some(Line::FileHeader(header)) if at == 1 && header.format == FORMAT => {
                contents.loaded.generation = header.generation;
                contents.loaded.next_id = header.next_id;
                contents.has_header = header.version == VERSION;
            }
            Some(Line::TableChange(mut change)) if end.is_none() => {
                change.lies_beside(&mut neighbours);
                contents.loaded.changes.push(change);
            }
            Some(Line::End { lines, xxh3 }) if end.is_none() => {
                let right = lines == contents.loaded.changes.len() as u64 && xxh3 == hash.digest();
                end = Some(right);
            }
            _ => bad += 1,
        }
        if at == 1
            && let Some(version) = format::newer_version(&line)
        {
            return Contents { problem: Some(FileProblem::Newer(version)), ..Contents::default() };
        }
        hash.update(&line);
    }
    contents.problem = problem(at, bad, end, contents.has_header).map(FileProblem::Damaged);
    contents
}

fn problem(lines: u64, bad: u64, end: Option<bool>, has_header: bool) -> Option<String> {
    if lines == 0 {
        Some("it is empty".to_owned())
    } else if bad > 0 {
        Some(format!("{bad} of its {lines} lines are not as they were written"))
    } else if end.is_none() {
        Some("its end is missing".to_owned())
    } else if end == Some(false) || !has_header {
        Some("its lines are not those that were written".to_owned())
    } else {
        None
    }
}

/// A file that cannot be written.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.shown())]
pub(super) struct WriteError {
    /// What was being written.
    pub(super) path: PathBuf,
    /// Why it failed.
    pub(super) source: io::Error,
}

/// Replaces the file `name` in `dir` by `snapshot`, atomically and durably; owner-only rights.
///
/// # Errors
/// The first step that failed. The file is then as before, or (if only the directory could not be
/// synchronised) as it is to be.
pub(super) fn write(dir: &Path, name: &str, snapshot: &Snapshot) -> Result<(), WriteError> {
    replace(dir, name, |file| write_lines(file, snapshot))
}

/// Replaces the file `name` in `dir` by what `fill` writes, atomically and durably; owner-only rights.
///
/// # Errors
/// As those of [`write()`].
pub(super) fn replace(
    dir: &Path,
    name: &str,
    fill: impl FnOnce(File) -> io::Result<File>,
) -> Result<(), WriteError> {
    let at = |path: &Path| {
        let path = path.to_owned();
        |source| WriteError { path, source }
    };
    let path = dir.join(name);
    let temporary = dir.join(format!("{name}.tmp"));
    // One that an earlier attempt has left behind: another owner's would be refused below.
    let _ = fs::remove_file(&temporary);
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|file| fill(file)?.sync_all());
    if let Err(error) = written {
        // Half a file would hold space that is scarce perhaps.
        let _ = fs::remove_file(&temporary);
        return Err(at(&temporary)(error));
    }
    fs::rename(&temporary, &path).map_err(at(&path))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(at(dir))
}

fn write_lines<W: Write>(out: W, snapshot: &Snapshot) -> io::Result<W> {
    let mut out = BufWriter::with_capacity(64 << 10, out);
    let mut hash = Xxh3Default::new();
    let mut line = Vec::with_capacity(512);
    let mut put = |line: &mut Vec<u8>| {
        hash.update(line);
        let result = out.write_all(line);
        line.clear();
        result
    };
    let header = FileHeader {
        format: FORMAT.to_owned(),
        version: VERSION,
        generation: snapshot.generation,
        next_id: snapshot.next_id,
    };
    format::encode_header(&header, &mut line);
    put(&mut line)?;
    for change in &snapshot.changes {
        format::encode_change(change, &mut line);
        put(&mut line)?;
    }
    format::encode_end(snapshot.changes.len() as u64, hash.digest(), &mut line);
    out.write_all(&line)?;
    out.into_inner().map_err(io::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use proptest::prelude::*;

    use super::super::table::TableChange;
    use super::super::table::arbitrary::change;
    use super::*;
    use crate::pipeline::position::SourceId;

    /// The bytes of a file that holds `changes`.
    fn bytes(generation: u64, next_id: u64, changes: &[TableChange]) -> Vec<u8> {
        let snapshot = Snapshot::for_test(generation, next_id, changes.to_vec());
        write_lines(Vec::new(), &snapshot).unwrap()
    }

    fn changes() -> impl Strategy<Value = Vec<TableChange>> {
        proptest::collection::vec(change(), 0..6)
    }

    fn reason(bytes: &[u8]) -> String {
        match parse(bytes).problem {
            Some(FileProblem::Damaged(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn damage_is_named() {
        let whole = bytes(
            3,
            9,
            &[TableChange::Forgotten(SourceId(1)), TableChange::Forgotten(SourceId(2))],
        );
        assert_eq!(reason(b""), "it is empty");
        assert_eq!(reason(b"\0\0\0"), "1 of its 1 lines are not as they were written");
        let lines: Vec<_> = whole.split_inclusive(|&byte| byte == b'\n').collect();
        assert_eq!(reason(&lines[..3].concat()), "its end is missing");
        let one_less = [lines[0], lines[1], lines[3]].concat();
        assert_eq!(reason(&one_less), "its lines are not those that were written");
        assert_eq!(parse(&*one_less).loaded.changes.len(), 1, "what is sound is used");
        let newer = b"{\"format\":\"remote_syslog positions\",\"version\":2}\nanything";
        assert_eq!(parse(&newer[..]).problem, Some(FileProblem::Newer(2)));
    }

    #[test]
    fn what_cannot_be_read_to_its_end_is_used_up_to_there() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("bad sector"))
            }
        }
        let whole = bytes(3, 9, &[TableChange::Forgotten(SourceId(1))]);
        let head = &whole[..whole.len() - 20];
        let contents = parse(BufReader::new(head.chain(Broken)));
        assert_eq!(contents.loaded.changes.len(), 1);
        let reason = "it cannot be read beyond line 2: bad sector".to_owned();
        assert_eq!(contents.problem, Some(FileProblem::Damaged(reason)));
    }

    #[test]
    fn a_file_is_replaced_and_belongs_to_its_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("positions.tmp"), "left over").unwrap();
        for id in [1, 2] {
            let changes = vec![TableChange::Forgotten(SourceId(id))];
            write(dir.path(), "positions", &Snapshot::for_test(id, 9, changes.clone())).unwrap();
            let contents = read(&dir.path().join("positions")).unwrap().unwrap();
            assert_eq!((contents.problem, contents.loaded.changes), (None, changes));
        }
        let names: Vec<_> =
            fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, ["positions"]);
        assert_eq!(fs::metadata(dir.path().join("positions")).unwrap().mode() & 0o777, 0o600);
        assert!(read(&dir.path().join("nothing")).unwrap().is_none());
        assert!(read(dir.path()).unwrap().unwrap().problem.is_some());
    }

    #[test]
    fn of_a_small_file_only_so_much_is_read_and_of_anything_else_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link, pipe] = ["file", "link", "pipe"].map(|name| dir.path().join(name));
        fs::write(&file, "abcdef").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, Mode::RUSR, 0)
            .unwrap();
        assert_eq!(read_small(&file, 4).unwrap(), b"abcd");
        assert_eq!(read_small(&file, 9).unwrap(), b"abcdef");
        for path in [&*link, &*pipe, dir.path()] {
            assert!(read_small(path, 9).is_err(), "{}", path.display());
        }
    }

    proptest! {
        #[test]
        fn what_was_written_is_read(changes in changes(), generation: u64, next_id: u64) {
            let contents = parse(&*bytes(generation, next_id, &changes));
            prop_assert_eq!(contents.problem, None);
            prop_assert_eq!(contents.loaded.generation, generation);
            prop_assert_eq!(contents.loaded.next_id, next_id);
            prop_assert_eq!(contents.loaded.changes, changes);
        }

        #[test]
        fn any_bytes_are_damage(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
            let contents = parse(&*bytes);
            prop_assert!(contents.problem.is_some() && contents.loaded.changes.is_empty());
        }

        #[test]
        fn a_changed_byte_costs_at_most_two_lines(
            changes in changes(), at in any::<prop::sample::Index>(), by in 1..=255_u8,
        ) {
            let mut bytes = bytes(1, 1, &changes);
            let at = at.index(bytes.len());
            bytes[at] ^= by;
            let contents = parse(&*bytes);
            prop_assert!(contents.problem.is_some());
            // Two if it was the newline between them.
            prop_assert!(contents.loaded.changes.len() + 2 >= changes.len());
            prop_assert!(contents.loaded.changes.iter().all(|change| changes.contains(change)));
        }

        #[test]
        fn what_is_left_of_a_truncated_file_is_used(changes in changes(), at in any::<prop::sample::Index>()) {
            let bytes = bytes(1, 1, &changes);
            let contents = parse(&bytes[..at.index(bytes.len())]);
            prop_assert!(contents.problem.is_some());
            prop_assert!(changes.starts_with(&contents.loaded.changes));
        }
    }
}
