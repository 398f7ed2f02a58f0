//! What rotation has made of a file: opening it, and comparing it with what was read.

use std::ffi::OsStr;
use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::directories::Directories;
use super::names::is_compressed;
use crate::input::read::content::{Content, Stat};
use crate::input::read::gzip::{Cut, Inflated};
use crate::pipeline::position::{Anchor, Head, Position, nanoseconds};
use crate::shown::Show;

/// What was found of a generation that its path no longer names.
pub(in crate::input) struct Found {
    pub(in crate::input) path: PathBuf,
    pub(in crate::input) content: Content,
    pub(in crate::input) stat: Stat,
    /// How it compares with what was read.
    pub(in crate::input) fit: Fit,
    /// It is not complete, or damaged, and what was to be compared lies behind that.
    pub(in crate::input) is_cut: bool,
}

/// How content compares with a position in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Fit {
    /// It is something else.
    Different,
    /// It begins alike and ends before the position: a copy made before the last lines were read.
    Shorter,
    /// It begins alike and has the same bytes where reading stopped.
    Continues,
}

/// Content of this length is nobody else's.
pub(super) const TELLING: u64 = 128;
/// What is not complete and was written so lately is being written.
const ONGOING: Duration = Duration::from_secs(30);
/// Whether a file was written within the last [`ONGOING`], or is about to be by its time.
fn is_fresh(stat: &Stat) -> bool {
    let now = nanoseconds(SystemTime::now()).unwrap_or_default();
    now.abs_diff(stat.modified) < ONGOING.as_nanos() as u64
}

impl Found {
    /// Opens what rotation has left at `path`; nothing where that cannot be read as such.
    ///
    /// # Errors
    /// It is gone, or cannot be opened for now.
    pub(in crate::input) fn open(
        directories: &Directories,
        path: PathBuf,
    ) -> io::Result<Option<Self>> {
        let file = match directories.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                tracing::warn!("cannot read {}, which may have been rotated away", path.shown());
                return Ok(None);
            }
            file => file?,
        };
        let stat = Stat::of(&file.metadata()?);
        let content = match path.extension() == Some(OsStr::new("gz")) {
            _ if !stat.is_regular => return Ok(None),
            true => Content::Gzip(Box::new(Inflated::new(file)?)),
            false if is_compressed(&path) => return Ok(None),
            false => Content::Plain(file),
        };
        Ok(Some(Self { path, content, stat, fit: Fit::Continues, is_cut: false }))
    }

    /// Sets [`Found::fit`].
    ///
    /// # Errors
    /// It is being compressed just now, and not so far yet.
    pub(in crate::input) fn compare(&mut self, position: &Position) -> io::Result<()> {
        let fit = compare(&mut self.content, position);
        let cut = self.content.cut();
        self.is_cut |= cut.is_some();
        self.fit = match fit {
            Err(error) if cut == Some(Cut::Unfinished) && is_fresh(&self.stat) => {
                return Err(error);
            }
            fit => fit.unwrap_or(Fit::Different),
        };
        Ok(())
    }

    /// Whether it holds what was read up to `position`, of which something must be known.
    pub(in crate::input) fn continues(&mut self, position: &Position) -> io::Result<bool> {
        self.compare(position)?;
        Ok(position.head.len > 0 && self.fit == Fit::Continues)
    }

    /// Whether it is a copy of what was read from the start to the end, which is `position`.
    pub(in crate::input) fn is_all_before(&mut self, position: &Position) -> io::Result<bool> {
        if !self.begins_with(position)? {
            return Ok(false);
        }
        // A file may end with NULs that were never filled in.
        let more = self.content.only_nuls_from(position.offset);
        let cut = self.content.cut();
        self.is_cut |= cut.is_some();
        // Read to its end: it is read no more, or from its start. There may be many like it.
        if let Content::Gzip(inflated) = &mut self.content {
            inflated.rewind()?;
        }
        match more {
            Err(error) if cut == Some(Cut::Unfinished) && is_fresh(&self.stat) => Err(error),
            more => Ok(more.unwrap_or(false)),
        }
    }

    /// Whether it is a copy of `original`. If that `may_grow`, it may have grown since, and the copy
    /// may be under way.
    pub(in crate::input) fn is_copy_of(
        &mut self,
        original: &mut Content,
        may_grow: bool,
    ) -> io::Result<bool> {
        let Some(whole) = original.stat() else { return Ok(false) };
        let end = |original: &mut Content, size| {
            position_in(original, size).map(|end| Position { modified: whole.modified, ..end })
        };
        let Some(Stat { size, .. }) = self.content.stat() else {
            // What is compressed was complete.
            let Ok(end) = end(original, whole.size) else { return Ok(false) };
            return self.is_all_before(&end);
        };
        let is_younger = whole.inode.born.is_none_or(|born| born <= self.stat.modified);
        if !(size == whole.size || size < whole.size && may_grow && is_younger) {
            return Ok(false);
        }
        end(original, size).map_or(Ok(false), |end| self.begins_with(&end))
    }

    /// Whether it holds what was read up to `position`. Logs may begin alike, and some end there: a
    /// short one must be of the same time as well, as what gzip makes is.
    fn begins_with(&mut self, position: &Position) -> io::Result<bool> {
        let is_telling = position.offset >= TELLING || position.modified == self.stat.modified;
        Ok(is_telling && self.continues(position)?)
    }
}

/// Compares the first bytes of `content`, and those before `position`, with the fingerprints.
pub(in crate::input) fn compare(content: &mut Content, position: &Position) -> io::Result<Fit> {
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
pub(in crate::input) fn position_in(content: &mut Content, offset: u64) -> io::Result<Position> {
    let mut bytes = [0; Head::MAX];
    let head = offset.min(Head::MAX as u64) as usize;
    let count = content.read_at(0, &mut bytes[..head])?;
    let head = Head::of(&bytes[..count]);
    let back = offset.min(Anchor::MAX as u64) as usize;
    let count = content.read_at(offset - back as u64, &mut bytes[..back])?;
    if count < back {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let anchor = Anchor::after(&bytes[..back]);
    Ok(Position { offset, head, anchor, ..Position::default() })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::super::directories::Disk;
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
            Found::open(&Directories::new(Disk), path).unwrap().unwrap()
        };
        let large =
            |more: &str| found("app.log.2.gz", &["a\n".repeat(2 << 20), more.into()].concat());
        let end = position_in(&mut large("").content, Head::MAX as u64 + (4 << 20)).unwrap();
        assert!(large("").is_all_before(&end).unwrap());
        assert!(large("\0\0").is_all_before(&end).unwrap());
        assert!(!large("\0\0b\n").is_all_before(&end).unwrap());
        let mut longer = large("b\n");
        assert!(!longer.is_all_before(&end).unwrap());
        assert_eq!(longer.content.read_at(0, &mut [0; Head::MAX]).unwrap(), Head::MAX);

        let mut original = found("app.log", "one\ntwo\n").content;
        let end = position_in(&mut original, Head::MAX as u64 + 8).unwrap();
        for gz in ["", ".gz"] {
            let mut is = |text| {
                let mut found = found(&format!("app.log.1{gz}"), text);
                let first = (
                    found.is_all_before(&end).unwrap(),
                    found.is_copy_of(&mut original, true).unwrap(),
                );
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
