//! The content of a path between two rotations, and how far it has been read.

mod identity;
mod reading;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use crate::input::read::content::{Content, Stat, open};
use crate::input::rotation::identity::position_in;
use crate::input::rotation::judge::same_inode;
use crate::pipeline::position::{Head, Inode, Position, Source};

pub(in crate::input) use self::reading::Next;

/// One generation of a followed path.
#[derive(Debug)]
pub(in crate::input) struct Generation {
    pub(in crate::input) source: Arc<Source>,
    /// Up to where it was read.
    pub(in crate::input) position: Position,
    content: Option<Content>,
    /// The path names another file now, or none.
    pub(in crate::input) is_past: bool,
    /// When it was last seen to have become longer (or to have been rotated away).
    pub(in crate::input) last_growth: Instant,
    /// The file that is read: the source's own, or a copy of it.
    pub(in crate::input) reads: Inode,
    /// Not looked at any more until something newer has content.
    pub(in crate::input) is_resting: bool,
    /// The largest size seen.
    size: u64,
    /// NUL bytes at its start that were skipped and not told of yet.
    nuls: u64,
    /// It was said that a line of it was cut.
    cut_told: bool,
    /// Its size was seen since we started.
    is_seen: bool,
}

impl Generation {
    pub(in crate::input) fn new(source: Arc<Source>, position: Position, now: Instant) -> Self {
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
            is_seen: false,
        }
    }

    pub(in crate::input) fn with_content(mut self, content: Option<Content>) -> Self {
        self.content = content;
        self
    }

    /// Its place among the generations of its path.
    pub(in crate::input) fn order(&self) -> u64 {
        self.source.order
    }

    pub(in crate::input) fn is_open(&self) -> bool {
        self.content.is_some()
    }

    /// Whether `path` names its file.
    pub(in crate::input) fn is_at(&self, path: &Path) -> bool {
        Stat::at(path).is_ok_and(|stat| same_inode(self.source.inode, stat.inode))
    }

    /// The same file has another device number since the last start, or symbolic links lead to it
    /// in another way.
    pub(in crate::input) fn moved_to(&mut self, inode: Inode, real: Option<Box<PathBuf>>) {
        let source = Source::clone(&self.source);
        self.source = Arc::new(Source { inode, real, ..source });
        self.reads = inode;
    }

    /// Gives the descriptor back.
    pub(in crate::input) fn close(&mut self) {
        self.content = None;
    }

    pub(in crate::input) fn take_content(&mut self) -> Option<Content> {
        self.content.take()
    }

    /// What the kernel says of the open file.
    pub(in crate::input) fn stat(&self) -> Option<Stat> {
        self.content.as_ref().and_then(Content::stat)
    }

    /// `previous`, which came before, is let go. Returns the position if nothing was read yet: then
    /// the next start must tell copies of `previous` from those of this one, by their time.
    pub(in crate::input) fn begins_after(&mut self, previous: &Self) -> Option<Position> {
        let position = &mut self.position;
        position.modified = position.modified.max(previous.position.modified);
        (position.offset == 0).then_some(*position)
    }

    /// How many bytes it is known to hold that were not read.
    pub(in crate::input) fn unread(&self) -> u64 {
        self.size.saturating_sub(self.position.offset)
    }

    /// Notes a size that was seen without reading.
    pub(in crate::input) fn saw_size(&mut self, size: u64) {
        self.size = self.size.max(size);
        self.is_seen = true;
    }

    /// What may be lost when it is not to be found any more.
    pub(in crate::input) fn may_lack(&self) -> Option<String> {
        match self.unread() {
            0 if self.is_seen => None,
            0 => Some(format!("what was written to it after byte {}", self.position.offset)),
            unread => Some(format!("{unread} bytes of it")),
        }
    }

    /// The largest size it was seen to have.
    pub(in crate::input) fn size(&self) -> u64 {
        self.size
    }

    pub(in crate::input) fn head(&self) -> Head {
        self.position.head
    }

    /// The path names it (again).
    pub(in crate::input) fn return_to_path(&mut self) {
        (self.is_past, self.is_resting) = (false, false);
    }

    /// The path names something else from now on.
    pub(in crate::input) fn retire(&mut self, now: Instant) {
        if !self.is_past {
            self.is_past = true;
            self.last_growth = now;
        }
    }
}

/// The position at the start of a file.
pub(in crate::input) fn start(stat: &Stat) -> Position {
    Position { modified: stat.modified, ..Position::default() }
}

/// The position at the present end of the file at `path`, whose `stat` was taken before. Where
/// it cannot be read, the size alone counts.
pub(in crate::input) fn end(path: &Path, stat: &Stat) -> Position {
    let found = open(path).and_then(|file| position_in(&mut Content::Plain(file), stat.size));
    // Unreadable: said when it is opened for reading.
    Position { modified: stat.modified, offset: stat.size, ..found.unwrap_or(start(stat)) }
}

/// Places at the end are this far apart, so that others fit in between.
const SPACING: u64 = 1 << 20;

/// A place behind those of all sources with a lower number than `next_id`: the last place of a path
/// moves on by one where its sources have at least one more number.
pub(in crate::input) fn order_behind_all(next_id: u64) -> u64 {
    order_between(Some(next_id * SPACING), None)
}

/// The place of a generation that comes after `previous` and before `next`, where there are such.
pub(in crate::input) fn order_between(previous: Option<u64>, next: Option<u64>) -> u64 {
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
        // Two at the end had two numbers.
        assert!(order_behind_all(0) <= a && d < order_behind_all(2));
    }
}
