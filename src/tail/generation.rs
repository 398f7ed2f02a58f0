//! The content of a path between two rotations, and how far it has been read.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::content::{Content, Stat, open};
use super::reader::{Counts, Place, Read, Reader, mark};
use super::rotated::{self, Fit, Found};
use super::rotation::{Change, Content as Compared, Known, Seen, judge, same_inode};
use crate::batch::Batch;
use crate::position::{Anchor, Head, Inode, Position, Source, Update};
use crate::syslog::Header;

/// One generation of a followed path.
#[derive(Debug)]
pub(super) struct Generation {
    pub(super) source: Arc<Source>,
    /// Up to where it was read.
    pub(super) position: Position,
    content: Option<Content>,
    /// The path names another file now, or none.
    pub(super) is_past: bool,
    /// When it was last seen to have become longer (or to have been rotated away).
    pub(super) last_growth: Instant,
    /// The file that is read: the source's own, or a copy of it.
    pub(super) reads: Inode,
    /// Not looked at any more until something newer has content.
    pub(super) is_resting: bool,
    /// The largest size seen.
    size: u64,
    /// NUL bytes at its start that were skipped and not told of yet.
    nuls: u64,
    /// It was said that a line of it was cut.
    cut_told: bool,
}

/// How long a file that has been rotated away must be quiet until its unfinished last line is
/// taken to be complete.
const UNFINISHED_QUIET: Duration = Duration::from_secs(1);
/// How long it must be quiet until it is let go: writers reopen late.
const PAST_QUIET: Duration = Duration::from_secs(10);

/// What is to be done with a past generation that was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Look again at this time. `holds`: nothing newer may go out before.
    Wait { until: Instant, holds: bool },
    /// Send its unfinished last line.
    SendUnfinished,
    /// It is complete: let it go.
    Done,
    /// Look no more until something newer has content.
    Rest,
}

impl Generation {
    pub(super) fn new(source: Arc<Source>, position: Position, now: Instant) -> Self {
        let (size, reads) = (position.offset, source.inode);
        Self {
            reads,
            is_resting: false,
            source,
            position,
            content: None,
            is_past: false,
            last_growth: now,
            size,
            nuls: 0,
            cut_told: false,
        }
    }

    pub(super) fn with_content(mut self, content: Option<Content>) -> Self {
        self.content = content;
        self
    }

    /// Its place among the generations of its path.
    pub(super) fn order(&self) -> u64 {
        self.source.order
    }

    pub(super) fn is_open(&self) -> bool {
        self.content.is_some()
    }

    /// Whether `path` names its file.
    pub(super) fn is_at(&self, path: &Path) -> bool {
        Stat::at(path).is_ok_and(|stat| same_inode(self.source.inode, stat.inode))
    }

    /// The same file has another device number since the last start.
    pub(super) fn moved_to(&mut self, inode: Inode) {
        let source = Source::clone(&self.source);
        self.source = Arc::new(Source { inode, ..source });
        self.reads = inode;
    }

    /// Gives the descriptor back.
    pub(super) fn close(&mut self) {
        self.content = None;
    }

    pub(super) fn take_content(&mut self) -> Option<Content> {
        self.content.take()
    }

    /// What the kernel says of the open file.
    pub(super) fn stat(&self) -> Option<Stat> {
        self.content.as_ref().and_then(Content::stat)
    }

    /// What has become of it, given what is found at its path.
    pub(super) fn judge(&self, stat: Option<&Stat>) -> Change {
        let known = Known {
            inode: self.source.inode,
            offset: self.position.offset,
            size: self.size,
            modified: self.position.modified,
        };
        let seen = stat.map_or(Seen::Nothing, |stat| Seen::File {
            inode: stat.inode,
            size: stat.size,
            modified: stat.modified,
            content: Compared::NotCompared,
        });
        judge(known, seen)
    }

    /// Whether `stat` and the content at `path` say that this generation still stands there.
    /// The device may have another number after a reboot.
    pub(super) fn recognises(&self, path: &Path, stat: &Stat) -> bool {
        let (known, seen) = (self.source.inode, stat.inode);
        let device_may_differ = known.born.is_some() && known.born == seen.born;
        if known.number != seen.number
            || known.device != seen.device && !device_may_differ
            || known.born.is_some() && seen.born.is_some() && known.born != seen.born
        {
            return false;
        }
        if stat.size == self.position.offset && stat.modified == self.position.modified {
            return true;
        }
        // Where it cannot be opened, or was renamed since: reading shows what it holds.
        let file = open_as(path, stat.inode).ok().flatten();
        let fit = file.map(|file| rotated::compare(&mut Content::Plain(file), &self.position));
        let is_other = matches!(fit, Some(Ok(Fit::Different | Fit::Shorter)));
        stat.size >= self.position.offset && !is_other
    }

    /// Opens the current file at `path`. False when the path names another file by now.
    pub(super) fn open_current(&mut self, path: &Path) -> io::Result<bool> {
        self.content = open_as(path, self.source.inode)?.map(Content::Plain);
        Ok(self.content.is_some())
    }

    /// Looks for a past generation whose descriptor is closed: what holds its content now.
    /// `is_reused`: its file was truncated, and holds a newer generation.
    pub(super) fn open_past(&mut self, is_reused: bool) -> Option<(Stat, Fit)> {
        let (path, inode) = (&self.source.path, self.source.inode);
        let found = if is_reused { None } else { rotated::by_inode(path, inode, &self.position) };
        let found = found.or_else(|| rotated::by_content(path, inode, &self.position))?;
        tracing::debug!(
            "{} goes on in {} from byte {}",
            self.source.path.display(),
            found.path.display(),
            self.position.offset
        );
        let (stat, fit) = (found.stat, found.fit);
        self.continue_in(found);
        Some((stat, fit))
    }

    /// Reads on in what rotation has made of the file.
    pub(super) fn continue_in(&mut self, found: Found) {
        if found.stat.inode.number != self.source.inode.number {
            // A copy may be shorter than the file was when it was truncated.
            self.size = self.position.offset;
        }
        if matches!(found.content, Content::Gzip(_)) {
            // It has the time of what it was made of.
            self.position.modified = self.position.modified.max(found.stat.modified);
        }
        self.reads = found.stat.inode;
        self.content = Some(found.content);
    }

    /// Whether what is open still holds what was read.
    pub(super) fn is_same(&mut self) -> bool {
        let is_shorter = self.stat().is_some_and(|stat| stat.size < self.size);
        let compared = self.content.as_mut().map(|it| rotated::compare(it, &self.position));
        !is_shorter && !matches!(compared, Some(Ok(Fit::Different | Fit::Shorter)))
    }

    /// Whether what is open is compressed, and so complete.
    pub(super) fn is_compressed(&self) -> bool {
        matches!(self.content, Some(Content::Gzip(_)))
    }

    /// Takes the fingerprint of a file of which nothing was read yet, so that it is known again if
    /// it is copied and truncated before it is read. Returns the position if it has changed.
    pub(super) fn fingerprint_unread(&mut self, path: &Path, stat: &Stat) -> Option<Position> {
        let full = usize::from(self.position.head.len) >= Head::MAX;
        if self.position.offset > 0
            || full
            || self.is_compressed()
            || stat.size <= u64::from(self.position.head.len)
        {
            return None;
        }
        let mut bytes = [0; Head::MAX];
        let count = match &mut self.content {
            Some(content) => content.read_at(0, &mut bytes).ok()?,
            None => {
                let file = open_as(path, stat.inode).ok()??;
                Content::Plain(file).read_at(0, &mut bytes).ok()?
            }
        };
        if !self.position.head.matches(&bytes[..count]) {
            return None;
        }
        self.position.head = Head::of(&bytes[..count]);
        self.position.modified = stat.modified;
        Some(self.position)
    }

    /// `previous`, which came before, is let go. Returns the position if nothing was read yet: then
    /// the next start must tell copies of `previous` from those of this one, by their time.
    pub(super) fn begins_after(&mut self, previous: &Self) -> Option<Position> {
        let position = &mut self.position;
        position.modified = position.modified.max(previous.position.modified);
        (position.offset == 0).then_some(*position)
    }

    /// Reads once into `batch`, no further than `bound`.
    pub(super) fn read(
        &mut self,
        reader: &mut Reader,
        header: &Header,
        bound: u64,
        batch: &mut Batch,
        now: Instant,
    ) -> io::Result<Read> {
        let Some(content) = &mut self.content else { return Ok(Read::End { unfinished: 0 }) };
        // Taken before reading, so that a change while reading is not overlooked later.
        let stat = content.stat();
        if stat.is_some_and(|stat| stat.size < self.size) {
            return Ok(Read::Rewritten);
        }
        let before = reader.counts;
        let modified = stat.map_or(self.position.modified, |stat| stat.modified);
        let size = stat.map_or(u64::MAX, |stat| stat.size);
        let (position, source) = (&mut self.position, &self.source);
        let mut place = Place { content, position, header, bound, size, source, modified };
        let read = reader.read(&mut place, batch)?;
        self.tell(before, reader);
        if let Some(stat) = stat.filter(|_| !matches!(read, Read::Rewritten)) {
            // What was written while it was read is seen by reading alone.
            let size = stat.size.max(self.position.offset);
            if size > self.size {
                self.size = size;
                self.last_growth = now;
            }
            self.position.modified = stat.modified;
        }
        if matches!(read, Read::Some { .. }) {
            mark(batch, Update::Reached(Arc::clone(&self.source), self.position));
        }
        Ok(read)
    }

    /// Says what was left out.
    fn tell(&mut self, before: Counts, reader: &Reader) {
        let after = reader.counts;
        let path = self.source.path.display();
        self.nuls += after.nuls - before.nuls;
        if self.nuls > 0 && after.lines > before.lines {
            tracing::info!(
                "{path}: skipped {} NUL bytes at its start: it was truncated under a writer that \
                 does not append",
                self.nuls
            );
            self.nuls = 0;
        }
        if after.cut > before.cut && !std::mem::replace(&mut self.cut_told, true) {
            tracing::warn!(
                "{path}: a line was too long and was cut, others may follow: {}",
                reader.limit()
            );
        }
    }

    /// Sends the unfinished last line.
    pub(super) fn read_unfinished(
        &mut self,
        reader: &mut Reader,
        header: &Header,
        batch: &mut Batch,
    ) -> io::Result<()> {
        let Some(content) = &mut self.content else { return Ok(()) };
        let modified = self.position.modified;
        let (position, source) = (&mut self.position, &self.source);
        let (bound, size) = (u64::MAX, u64::MAX);
        let place = &mut Place { content, position, header, bound, size, source, modified };
        reader.read_unfinished(place, batch)?;
        mark(batch, Update::Reached(Arc::clone(&self.source), self.position));
        Ok(())
    }

    /// What to do with a past generation at its end. `followed`: a newer one has content, so the
    /// writer has moved on.
    pub(super) fn next(&self, unfinished: usize, followed: bool, now: Instant) -> Next {
        let quiet = now.saturating_duration_since(self.last_growth);
        let stat = self.stat();
        let deleted = stat.is_some_and(|stat| stat.links == 0);
        let over = followed || deleted;
        if stat.is_none() {
            // Compressed, so complete; but only what comes after it tells that it is known.
            return match (unfinished, followed) {
                (1.., _) => Next::SendUnfinished,
                (0, true) => Next::Done,
                (0, false) => Next::Rest,
            };
        }
        if unfinished > 0 && over {
            if quiet >= UNFINISHED_QUIET {
                return Next::SendUnfinished;
            }
            return Next::Wait { until: self.last_growth + UNFINISHED_QUIET, holds: true };
        }
        if over && quiet >= PAST_QUIET {
            return Next::Done;
        }
        if !over && quiet >= 6 * PAST_QUIET {
            return Next::Rest;
        }
        let pause = (quiet / 4).clamp(Duration::from_millis(100), Duration::from_secs(2));
        Next::Wait { until: now + pause, holds: false }
    }

    /// How many bytes it is known to hold that were not read.
    pub(super) fn unread(&self) -> u64 {
        self.size.saturating_sub(self.position.offset)
    }

    /// Notes a size that was seen without reading.
    pub(super) fn saw_size(&mut self, size: u64) {
        self.size = self.size.max(size);
    }

    /// The largest size it was seen to have.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    pub(super) fn head(&self) -> Head {
        self.position.head
    }

    /// The path names something else from now on.
    pub(super) fn retire(&mut self, now: Instant) {
        if !self.is_past {
            self.is_past = true;
            self.last_growth = now;
        }
    }
}

/// Opens what `path` names, if that is the regular file with `inode`.
fn open_as(path: &Path, inode: Inode) -> io::Result<Option<File>> {
    let file = open(path)?;
    let stat = Stat::of(&file.metadata()?);
    Ok((stat.is_regular && same_inode(inode, stat.inode)).then_some(file))
}

/// The position at the start of a file.
pub(super) fn start(stat: &Stat) -> Position {
    Position {
        offset: 0,
        head: Head::default(),
        anchor: Anchor::default(),
        mid_line: false,
        modified: stat.modified,
    }
}

/// The position at the present end of the file at `path`, whose `stat` was taken before. Where
/// it cannot be read, the size alone counts.
pub(super) fn end(path: &Path, stat: &Stat) -> Position {
    let mut position = Position { offset: stat.size, ..start(stat) };
    let fingerprint = |position: &mut Position| -> io::Result<()> {
        let mut content = Content::Plain(open(path)?);
        let mut bytes = [0; Head::MAX];
        let head_len = stat.size.min(Head::MAX as u64) as usize;
        let count = content.read_at(0, &mut bytes[..head_len])?;
        let head = Head::of(&bytes[..count]);
        let back = stat.size.min(Anchor::MAX as u64) as usize;
        let count = content.read_at(stat.size - back as u64, &mut bytes[..back])?;
        if count == back {
            position.head = head;
            position.anchor = Anchor::after(&bytes[..back]);
        }
        Ok(())
    };
    // Unreadable: said when it is opened for reading.
    let _ = fingerprint(&mut position);
    position
}

/// The place of a generation that comes after `previous` and before `next`, where there are such.
pub(super) fn order_between(previous: Option<u64>, next: Option<u64>) -> u64 {
    /// Places at the end are this far apart, so that others fit in between.
    const SPACING: u64 = 1 << 20;
    let previous = previous.unwrap_or(0);
    match next {
        Some(next) => previous + next.saturating_sub(previous).div_ceil(2),
        None => (previous / SPACING + 1) * SPACING,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn generations_fit_between_others() {
        let a = order_between(None, None);
        let d = order_between(Some(a), None);
        let b = order_between(Some(a), Some(d));
        let c = order_between(Some(b), Some(d));
        let first = order_between(None, Some(a));
        assert!(0 < first && first < a && a < b && b < c && c < d);
    }
}
