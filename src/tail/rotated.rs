//! Where a file has gone: finding what rotation has moved, copied or compressed, beside its path.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};

use super::content::{Content, Inflated, Stat, open};
use super::names::{is_compressed, is_rotation_of};
use crate::position::{Anchor, Head, Inode, Position};

/// A file whose name says that it was rotated away from a path.
#[derive(Debug, Clone)]
pub(super) struct Sibling {
    pub(super) path: PathBuf,
    pub(super) stat: Stat,
}

/// What was found of a generation that its path no longer names.
pub(super) struct Found {
    pub(super) path: PathBuf,
    pub(super) content: Content,
    pub(super) stat: Stat,
    /// How it compares with what was read.
    pub(super) fit: Fit,
}

/// How content compares with a position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fit {
    /// It is something else.
    Different,
    /// It begins alike and ends before the position: a copy made before the last lines were read.
    Shorter,
    /// It begins alike and has the same bytes where reading stopped.
    Continues,
}

/// Content of this length is nobody else's.
const TELLING: u64 = 128;

/// Finds the file with `inode`, which `path` once named and which was read up to `position`, under
/// any name in the same directory. It may have been truncated since.
pub(super) fn by_inode(path: &Path, inode: Inode, position: &Position) -> Option<Found> {
    let entries = fs::read_dir(path.parent()?).ok()?;
    let same = entries.flatten().find(|entry| entry.ino() == inode.number)?.path();
    let mut found = Found::open(same)?;
    found.compare(position);
    // Where birth times are not recorded, a reused inode shows by its content alone.
    let certain = inode.born.is_some() && found.stat.inode.born == inode.born;
    (certain || inode.born.is_none() && found.fit == Fit::Continues).then_some(found)
}

/// Finds the copy or compressed copy of a file that had `inode`: the oldest sibling of `path` that
/// is not older, whose content begins alike and has the same bytes where reading stopped. Logs may
/// begin alike: what `is_taken` says that another file was made into is not considered.
pub(super) fn by_content(
    path: &Path,
    inode: Inode,
    position: &Position,
    is_taken: impl Fn(Inode) -> bool,
) -> Option<Found> {
    if position.head.len == 0 {
        return None;
    }
    let mut siblings = siblings(path);
    // No copy is older than what was read, but times are cut to seconds here and there.
    let oldest = position.modified.saturating_sub(1_000_000_000);
    siblings.retain(|sibling| sibling.stat.modified >= oldest);
    siblings.retain(|sibling| sibling.stat.inode != inode && !is_taken(sibling.stat.inode));
    siblings.sort_by_key(|s| (s.stat.modified < position.modified, s.stat.modified));
    let mut shorter = None;
    for mut found in siblings.into_iter().filter_map(|sibling| Found::open(sibling.path)) {
        found.compare(position);
        match found.fit {
            Fit::Continues => return Some(found),
            Fit::Shorter => shorter = shorter.or(Some(found)),
            Fit::Different => {}
        }
    }
    shorter
}

/// The siblings of `path` that came after a file with `inode` that was written last at
/// `modified`, oldest first.
///
/// A file that was created when that one was renamed may be empty still, and older by its time
/// than the last line of a late writer; then its birth decides.
pub(super) fn successors(path: &Path, inode: Inode, modified: i64) -> Vec<Sibling> {
    let mut successors = siblings(path);
    successors.retain(|sibling| {
        let born = inode.born.zip(sibling.stat.inode.born).map(|(own, its)| its > own);
        let is_younger = born == Some(true);
        // What was there before it is no successor, whatever its name looks like.
        born.unwrap_or(true)
            && (sibling.stat.modified > modified
                || is_younger && (sibling.stat.size == 0 || sibling.stat.modified == modified))
    });
    successors.sort_by_key(|sibling| sibling.stat.modified);
    successors
}

/// The siblings of `path` with content that was written last after one time and up to another,
/// oldest first: copies that were made before a file was truncated. A small file is copied and
/// truncated within one tick of the clock.
pub(super) fn copies(path: &Path, after: i64, until: i64) -> Vec<Sibling> {
    let mut copies = siblings(path);
    copies.retain(|s| s.stat.size > 0 && s.stat.modified > after && s.stat.modified <= until);
    copies.sort_by_key(|sibling| sibling.stat.modified);
    copies
}

fn siblings(path: &Path) -> Vec<Sibling> {
    let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let rotated = entries.flatten().filter(|entry| is_rotation_of(name, &entry.file_name()));
    let rotated = rotated.filter(|entry| !is_being_compressed(path, &entry.path()));
    rotated
        .filter_map(|entry| {
            let path = entry.path();
            let stat = Stat::of(&fs::symlink_metadata(&path).ok()?);
            stat.is_regular.then_some(Sibling { path, stat })
        })
        .collect()
}

/// Whether `sibling` is a compressed file that is not complete: gzip removes what it compresses
/// when it is done. Half of it is recognised by nothing, and what it holds stands beside it.
fn is_being_compressed(path: &Path, sibling: &Path) -> bool {
    let plain = sibling.with_extension("");
    sibling.extension() == Some(OsStr::new("gz")) && plain != path && plain.exists()
}

impl Found {
    /// Opens what rotation has left at `path`.
    pub(super) fn open(path: PathBuf) -> Option<Self> {
        let file = open(&path).ok()?;
        let stat = Stat::of(&file.metadata().ok()?);
        if !stat.is_regular {
            return None;
        }
        let content = if path.extension() == Some(OsStr::new("gz")) {
            Content::Gzip(Box::new(Inflated::new(file)))
        } else if is_compressed(&path) {
            return None;
        } else {
            Content::Plain(file)
        };
        Some(Self { path, content, stat, fit: Fit::Continues })
    }

    fn compare(&mut self, position: &Position) {
        self.fit = compare(&mut self.content, position).unwrap_or(Fit::Different);
        if !self.rewind() {
            self.fit = Fit::Different;
        }
    }

    /// Whether it holds what was read up to `position`, of which something must be known.
    pub(super) fn continues(&mut self, position: &Position) -> bool {
        self.compare(position);
        position.head.len > 0 && self.fit == Fit::Continues
    }

    /// Whether it is a copy of what was read from the start to the end, which is `position`.
    pub(super) fn is_all_before(&mut self, position: &Position) -> bool {
        if !self.begins_with(position) {
            return false;
        }
        let next = self.content.read_at(position.offset, &mut [0]);
        self.rewind() && next.is_ok_and(|count| count == 0)
    }

    /// Whether it is a copy of `original`. If that `may_grow`, it may have grown since, and the copy
    /// may be under way.
    pub(super) fn is_copy_of(&mut self, original: &mut Content, may_grow: bool) -> bool {
        let Some(whole) = original.stat() else { return false };
        let end = |original: &mut Content, size| {
            position_in(original, size).map(|end| Position { modified: whole.modified, ..end })
        };
        let Some(Stat { size, .. }) = self.content.stat() else {
            // What is compressed was complete.
            return end(original, whole.size).is_ok_and(|end| self.is_all_before(&end));
        };
        let is_younger = whole.inode.born.is_none_or(|born| born <= self.stat.modified);
        (size == whole.size || size < whole.size && may_grow && is_younger)
            && end(original, size).is_ok_and(|end| self.begins_with(&end))
    }

    /// Whether it holds what was read up to `position`. Logs may begin alike, and some end there: a
    /// short one must be of the same time as well, as what gzip makes is.
    fn begins_with(&mut self, position: &Position) -> bool {
        let is_telling = position.offset >= TELLING || position.modified == self.stat.modified;
        is_telling && self.continues(position)
    }

    /// A decompressor may have gone past the start.
    fn rewind(&mut self) -> bool {
        match &mut self.content {
            Content::Plain(_) => true,
            Content::Gzip(inflated) => inflated.rewind().is_ok(),
        }
    }
}

/// Compares the first bytes of `content`, and those before `position`, with the fingerprints.
pub(super) fn compare(content: &mut Content, position: &Position) -> std::io::Result<Fit> {
    let mut head = [0; Head::MAX];
    let head_len = content.read_at(0, &mut head[..usize::from(position.head.len)])?;
    if !position.head.matches(&head[..head_len]) {
        return Ok(Fit::Different);
    }
    let mut anchor = [0; Anchor::MAX];
    let before = &mut anchor[..usize::from(position.anchor.len)];
    let count = content.read_at(position.offset - before.len() as u64, before)?;
    Ok(match count < before.len() {
        true => Fit::Shorter,
        false if position.anchor.matches(before) => Fit::Continues,
        false => Fit::Different,
    })
}

/// The position at `offset` in a file that holds as much.
pub(super) fn position_in(content: &mut Content, offset: u64) -> std::io::Result<Position> {
    let mut bytes = [0; Head::MAX];
    let head = offset.min(Head::MAX as u64) as usize;
    let count = content.read_at(0, &mut bytes[..head])?;
    let head = Head::of(&bytes[..count]);
    let back = offset.min(Anchor::MAX as u64) as usize;
    let count = content.read_at(offset - back as u64, &mut bytes[..back])?;
    if count < back {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    let anchor = Anchor::after(&bytes[..back]);
    Ok(Position { offset, head, anchor, mid_line: false, modified: 0 })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn a_copy_begins_and_ends_like_what_was_read_and_has_its_length() {
        let dir = tempfile::tempdir().unwrap();
        let banner = "-".repeat(Head::MAX);
        let found = |name: &str, text: &str| {
            let (path, bytes) = (dir.path().join(name), format!("{banner}{text}"));
            let file = fs::File::create(&path).unwrap();
            match name.ends_with(".gz") {
                true => flate2::write::GzEncoder::new(file, flate2::Compression::fast())
                    .write_all(bytes.as_bytes())
                    .unwrap(),
                false => (&file).write_all(bytes.as_bytes()).unwrap(),
            }
            Found::open(path).unwrap()
        };
        let large =
            |more: &str| found("app.log.2.gz", &["a\n".repeat(2 << 20), more.into()].concat());
        let end = position_in(&mut large("").content, Head::MAX as u64 + (4 << 20)).unwrap();
        assert!(large("").is_all_before(&end));
        let mut longer = large("b\n");
        assert!(!longer.is_all_before(&end));
        assert_eq!(longer.content.read_at(0, &mut [0; Head::MAX]).unwrap(), Head::MAX);

        let mut original = found("app.log", "one\ntwo\n").content;
        let end = position_in(&mut original, Head::MAX as u64 + 8).unwrap();
        for gz in ["", ".gz"] {
            let mut is = |text| {
                let mut found = found(&format!("app.log.1{gz}"), text);
                let first = (found.is_all_before(&end), found.is_copy_of(&mut original, true));
                // It can be read from its start afterwards.
                assert_eq!(found.content.read_at(0, &mut [0; Head::MAX]).unwrap(), Head::MAX);
                first
            };
            assert_eq!(is("one\ntwo\n"), (true, true));
            assert_eq!(is("one\ntwo\nthree\n"), (false, false));
            assert_eq!(is("one\nTwo\n"), (false, false));
            // A copy that was made before the last line came.
            assert_eq!(is("one\n"), (false, gz.is_empty()));
        }
    }
}
