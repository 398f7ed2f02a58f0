//! What rotation has made of a file: opening it, and comparing it with what was read.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use super::directories::Directories;
use super::judge::{Match, Relation, Seen, is_telling, relate, relate_before};
use super::names::is_compressed;
use super::seeker::Seeker;
use crate::input::read::codec::Codec;
use crate::input::read::compressed::{CompressedReader, Defect};
use crate::input::read::content::{Content, Stat, read_file_at};
use crate::pipeline::position::{Anchor, Head, Position, nanoseconds};
use crate::shown::Show;

/// What was found of a generation that its path no longer names.
pub(in crate::input) struct Found {
    pub(in crate::input) path: PathBuf,
    pub(in crate::input) content: Content,
    pub(in crate::input) stat: Stat,
    /// How it compares with what was read.
    pub(in crate::input) relation: Relation,
    /// It is not complete, or damaged, and what was to be compared lies behind that.
    pub(in crate::input) is_defective: bool,
    /// The first bytes of what is compressed, once they were needed.
    first: Option<Box<[u8]>>,
    seeker: Seeker,
}

/// What is not complete and was written so lately is being written.
const ONGOING: Duration = Duration::from_secs(30);
/// Clocks differ by so much at most.
const AHEAD: Duration = Duration::from_secs(3600);

/// Whether a file was written within the last [`ONGOING`], or is about to be by its time.
fn is_fresh(stat: &Stat) -> bool {
    let now = nanoseconds(SystemTime::now()).unwrap_or_default();
    is_fresh_at(now, stat.modified)
}

fn is_fresh_at(now: i64, modified: i64) -> bool {
    let limit = if modified > now { AHEAD } else { ONGOING };
    u128::from(now.abs_diff(modified)) < limit.as_nanos()
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
                tracing::warn!(
                    "cannot read {}, which may be a rotated file with lines that were not read; give this \
                     user the right to read it",
                    path.shown()
                );
                return Ok(None);
            }
            file => file?,
        };
        let stat = Stat::of(&file.metadata()?);
        if !stat.is_regular {
            return Ok(None);
        }
        let mut first = [0; Codec::MAGIC];
        let count = read_file_at(&file, &mut first, 0)?;
        // Names may say nothing, and a file may hold nothing yet.
        let codec = Codec::of(&first[..count]).or_else(|| Codec::named(&path));
        let content = match codec {
            Some(codec) => Content::Compressed(Box::new(CompressedReader::new(file, codec))),
            None if is_compressed(&path) => return Ok(None),
            None => Content::Plain(file),
        };
        let seeker = directories.seeker.clone();
        Ok(Some(Self {
            path,
            content,
            stat,
            relation: Relation::Other,
            is_defective: false,
            first: None,
            seeker,
        }))
    }

    /// Sets [`Found::relation`].
    ///
    /// # Errors
    /// It is being compressed just now, and not so far yet; or it is being looked through.
    pub(in crate::input) fn compare(&mut self, position: &Position) -> io::Result<()> {
        let modified = self.stat.modified;
        let relation = match self.begins_as(position.head) {
            Ok(false) => Ok(Relation::Other),
            Ok(true) => {
                self.seek(position.offset)?;
                relation_at(&mut self.content, position, modified)
            }
            Err(error) => Err(error),
        };
        self.relation = self.unless_ongoing(relation)?.unwrap_or(Relation::Other);
        Ok(())
    }

    /// Whether its content begins as `head` says. What is compressed is read once for that, so that
    /// it need not begin anew for each comparison.
    fn begins_as(&mut self, head: Head) -> io::Result<bool> {
        let mut bytes = [0; Head::MAX];
        let Content::Compressed(_) = &self.content else {
            let count = self.content.read_at(0, &mut bytes[..usize::from(head.len)])?;
            return Ok(head.matches(&bytes[..count]));
        };
        if let Some(first) = self.first.as_ref().filter(|it| it.len() >= usize::from(head.len)) {
            return Ok(head.matches(first));
        }
        let count = self.content.read_to(u64::MAX, 0, &mut bytes)?;
        self.first = Some(bytes[..count].into());
        match count < usize::from(head.len) {
            // Why it is no more shows once more.
            true => self.content.read_at(0, &mut bytes).map(|_| false),
            false => Ok(head.matches(&bytes[..count])),
        }
    }

    /// Has what is compressed stand at a place that may be far.
    fn seek(&mut self, offset: u64) -> io::Result<()> {
        match &mut self.content {
            Content::Compressed(reader) => self.seeker.seek(reader, self.stat.inode, offset),
            Content::Plain(_) | Content::Streamed(_) => Ok(()),
        }
    }

    /// What was read of it, where that ended before its time because it is being compressed.
    fn unless_ongoing<T>(&mut self, read: io::Result<T>) -> io::Result<io::Result<T>> {
        let defect = self.content.defect();
        self.is_defective |= defect.is_some();
        match read {
            Err(error) if defect == Some(Defect::Truncated) && is_fresh(&self.stat) => {
                self.begin_anew()?;
                Err(error)
            }
            read => Ok(read),
        }
    }

    /// It may be read from its start next, or compared with something else. There may be many like it.
    fn begin_anew(&mut self) -> io::Result<()> {
        match &mut self.content {
            Content::Compressed(reader) => self.seeker.keep(reader, self.stat.inode),
            Content::Plain(_) | Content::Streamed(_) => Ok(()),
        }
    }

    /// Whether it holds what was read up to `position`, of which something must be known.
    pub(in crate::input) fn continues(&mut self, position: &Position) -> io::Result<bool> {
        self.compare(position)?;
        Ok(position.head.len > 0 && self.relation.goes_on())
    }

    /// The same, where it is certain that it is nobody else's.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(in crate::input) fn goes_on_after(&mut self, position: &Position) -> io::Result<bool> {
        Ok(self.continues(position)? && self.relation == Relation::GoesOn(Match::Exact))
    }

    /// Whether it holds more than so many bytes.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(in crate::input) fn reaches_beyond(&mut self, size: u64) -> io::Result<bool> {
        self.seek(size)?;
        let more = self.content.read_at(size, &mut [0]).map(|count| count > 0);
        Ok(self.unless_ongoing(more)?.unwrap_or(false))
    }

    /// Whether it is a copy of what was read from the start to the end, which is `position`.
    ///
    /// # Errors
    /// It cannot be told yet.
    pub(in crate::input) fn is_all_before(&mut self, position: &Position) -> io::Result<bool> {
        if !self.begins_with(position)? {
            return Ok(false);
        }
        // A file may end with NULs that were never filled in.
        let more = self.content.only_nuls_from(position.offset);
        let more = self.unless_ongoing(more)?;
        self.begin_anew()?;
        Ok(more.unwrap_or(false))
    }

    /// Whether it is a copy of what was read from the start to one of these ends. It is read once,
    /// however many begin alike.
    ///
    /// # Errors
    /// It cannot be told yet.
    pub(in crate::input) fn is_all_before_any<'a>(
        &mut self,
        ends: impl Iterator<Item = &'a Position>,
    ) -> io::Result<bool> {
        let mut alike: Vec<&Position> = Vec::new();
        for end in ends.filter(|end| end.head.len > 0) {
            if self.is_telling(end) && self.begins_alike(end)? {
                alike.push(end);
            }
        }
        let Some(last) = alike.iter().map(|end| end.offset).max() else { return Ok(false) };
        self.seek(last)?;
        for end in alike {
            let ends_there = match &self.content {
                // What follows it may be NULs.
                Content::Compressed(reader) if reader.is_at_end() => {
                    reader.reaches_back_to(end.offset)
                }
                // It goes on, or it is not known how; what ends before the last is no end of it.
                Content::Compressed(_) => end.offset == last,
                Content::Plain(_) | Content::Streamed(_) => true,
            };
            if ends_there && self.is_all_before(end)? {
                return Ok(true);
            }
        }
        self.begin_anew()?;
        Ok(false)
    }

    /// Whether it begins like what was read up to `end`, as far as can be told.
    fn begins_alike(&mut self, end: &Position) -> io::Result<bool> {
        let begins = self.begins_as(end.head);
        Ok(self.unless_ongoing(begins)?.unwrap_or(false))
    }

    /// Whether it is a copy of `original`. If that `may_grow`, it may have grown since, and the copy
    /// may be under way.
    ///
    /// # Errors
    /// It cannot be told for now; also where the original cannot be read.
    pub(in crate::input) fn is_copy_of(
        &mut self,
        original: &mut Content,
        may_grow: bool,
    ) -> io::Result<bool> {
        let Some(whole) = original.stat() else { return Ok(false) };
        let end = |original: &mut Content, size| match position_in(original, size) {
            Ok(end) => Ok(Some(Position { modified: whole.modified, ..end })),
            // It has become shorter.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        };
        let Some(Stat { size, .. }) = self.content.stat() else {
            // What is compressed was complete.
            let end = end(original, whole.size)?;
            return end.map_or(Ok(false), |end| self.is_all_before(&end));
        };
        let is_younger = whole.inode.born.is_none_or(|born| born.get() <= self.stat.modified);
        if !(size == whole.size || size < whole.size && may_grow && is_younger) {
            return Ok(false);
        }
        end(original, size)?.map_or(Ok(false), |end| self.begins_with(&end))
    }

    /// Whether it holds what was read up to `position`. Logs may begin alike, and some end there: a
    /// short one must be of the same time as well, as what gzip makes is.
    fn begins_with(&mut self, position: &Position) -> io::Result<bool> {
        Ok(self.is_telling(position) && self.continues(position)?)
    }

    fn is_telling(&self, position: &Position) -> bool {
        is_telling(position, self.stat.modified)
    }
}

/// Compares the first bytes of `content`, and those before `position`, with the fingerprints. Its file
/// was modified at `modified`.
pub(in crate::input) fn compare(
    content: &mut Content,
    position: &Position,
    modified: i64,
) -> io::Result<Relation> {
    let mut first = [0; Head::MAX];
    let count = content.read_at(0, &mut first[..usize::from(position.head.len)])?;
    let (first, mut anchor) = (&first[..count], [0; Anchor::MAX]);
    let before = before(content, position, &mut anchor)?;
    Ok(relate(position, Seen { first, before, modified }))
}

/// The same of content of which it is known that it begins alike.
fn relation_at(content: &mut Content, position: &Position, modified: i64) -> io::Result<Relation> {
    let mut anchor = [0; Anchor::MAX];
    Ok(relate_before(position, before(content, position, &mut anchor)?, modified))
}

/// The bytes just before `position`, as far as there are so many.
fn before<'a>(
    content: &mut Content,
    position: &Position,
    buffer: &'a mut [u8; Anchor::MAX],
) -> io::Result<&'a [u8]> {
    let bytes = &mut buffer[..usize::from(position.anchor.len)];
    let count = content.read_at(position.offset - bytes.len() as u64, bytes)?;
    Ok(&bytes[..count])
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
mod tests;
