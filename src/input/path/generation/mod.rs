//! The content of a path between two rotations, and how far it has been read.

mod identity;
mod order;
mod reading;
mod resting;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::transitions::{Medium, Phase};
use crate::health::loss::Amount;
use crate::input::FileSettings;
use crate::input::read::content::{Content, Stat, file_clock, open};
use crate::input::read::overwritten::position_at_text_end;
use crate::input::read::pending::Pending;
use crate::input::rotation::judge::{self, LastSeen, same_inode};
use crate::pipeline::position::{Head, Inode, Milestone, Position, Source};
use crate::pipeline::shared_path::SharedPath;
use crate::text::Wide;

pub(in crate::input) use self::identity::open_as;
pub(in crate::input) use self::order::{
    order_behind_all, order_between, order_of_last_before, orders_between,
};
pub(in crate::input) use self::resting::{Peculiarities, RestingGeneration};

/// Which file holds what is read of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reads {
    /// The file that its source names.
    Original,
    /// What rotation has made of that file.
    Copy(Inode),
}

/// How far its content is known to reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Extent {
    /// As far as the checkpoint says. Nobody has looked since.
    Recorded(u64),
    /// As far as was seen.
    Seen(u64),
}

impl Extent {
    fn end(self) -> u64 {
        match self {
            Self::Recorded(end) | Self::Seen(end) => end,
        }
    }
}

/// What was reported of it. Each is said once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Reported {
    /// Its last records were overwritten.
    overwriting: bool,
    /// NUL bytes of it were skipped.
    nuls: bool,
    /// A line of it was cut.
    cut: bool,
    /// It was deleted while its writer goes on.
    deletion: bool,
}

/// One generation of a followed path.
#[derive(Debug)]
pub(in crate::input) struct Generation {
    pub(in crate::input) source: Arc<Source>,
    /// Up to where it was read.
    pub(in crate::input) position: Position,
    /// What the checkpoint stage was told of that last, to be shared with it.
    told: Option<Arc<Milestone>>,
    content: Option<Content>,
    phase: Phase,
    /// When it was last seen to have become longer, or to have been rotated away.
    quiet_since: Instant,
    /// Since when it cannot be read.
    failing_since: Option<Instant>,
    reads: Reads,
    /// How its file stood when it was read last.
    medium: Medium,
    extent: Extent,
    /// The largest size at which a read found what was read before.
    read_size: u64,
    /// What was seen behind the position, where that is something.
    pending: Option<Box<Pending>>,
    /// The encoding that its first bytes tell.
    wide: Option<Wide>,
    reported: Reported,
    /// It held what was read of it after the path had come to name something else.
    was_sound: bool,
    /// The checkpoint does not know it any more, for its file is deleted and was read to its end.
    is_forgotten: bool,
}

impl Generation {
    pub(in crate::input) fn new(source: Arc<Source>, position: Position, now: Instant) -> Self {
        Self {
            source,
            position,
            told: None,
            content: None,
            phase: Phase::Current,
            quiet_since: now,
            failing_since: None,
            reads: Reads::Original,
            medium: Medium::Linked,
            extent: Extent::Recorded(position.offset),
            read_size: position.offset,
            pending: None,
            wide: None,
            reported: Reported::default(),
            was_sound: false,
            is_forgotten: false,
        }
    }

    /// As the last run has left it.
    pub(in crate::input) fn known_as(reached: Arc<Milestone>, now: Instant) -> Self {
        let new = Self::new(Arc::new(reached.source.clone()), reached.position, now);
        Self { told: Some(reached), ..new }
    }

    /// How far it was read, for the checkpoint stage.
    pub(in crate::input) fn reached(&mut self) -> Arc<Milestone> {
        self.reached_at(self.position)
    }

    /// The same, with another position.
    pub(in crate::input) fn reached_at(&mut self, position: Position) -> Arc<Milestone> {
        let reached = Arc::new(Milestone { source: Source::clone(&self.source), position });
        self.told = Some(Arc::clone(&reached));
        reached
    }

    pub(in crate::input) fn with_content(mut self, content: Option<Content>) -> Self {
        self.content = content;
        self
    }

    pub(in crate::input) fn phase(&self) -> Phase {
        self.phase
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

    /// Its content stands in another file from now on: on a device with another number, behind other
    /// links, or in a copy that took the place of the file.
    pub(in crate::input) fn moved_to(&mut self, inode: Inode, real: Option<Arc<PathBuf>>) {
        let source = Source::clone(&self.source);
        self.source = Arc::new(Source { inode, real, ..source });
        self.reads = Reads::Original;
    }

    /// It is known by another path from now on.
    pub(in crate::input) fn renamed_to(&mut self, path: &SharedPath) {
        let (path, source) = (path.clone(), Source::clone(&self.source));
        self.source = Arc::new(Source { path, ..source });
    }

    /// The same, behind every other of its path.
    pub(in crate::input) fn ordered(&mut self, order: u64) {
        let source = Source::clone(&self.source);
        self.source = Arc::new(Source { order, ..source });
    }

    /// The file that is read: the source's own, or what rotation has made of it.
    pub(in crate::input) fn reads(&self) -> Inode {
        match self.reads {
            Reads::Original => self.source.inode,
            Reads::Copy(inode) => inode,
        }
    }

    /// Whether its file is open and has a name, whichever that is.
    pub(in crate::input) fn has_name(&self) -> bool {
        self.stat().is_some_and(|stat| stat.links > 0)
    }

    /// Whether a plain file is open that holds all up to the position.
    pub(in crate::input) fn holds_its_position(&self) -> bool {
        self.stat().is_some_and(|stat| stat.size >= self.position.offset)
    }

    /// Whether somebody writes to the deleted file that is open. `None` where that cannot be told.
    pub(in crate::input) fn has_writer(&self) -> Option<bool> {
        match &self.content {
            Some(Content::Plain(file)) => crate::sys::has_writer(file),
            _ => None,
        }
    }

    /// Whether what is open was last written to so long ago, whenever it was read.
    pub(in crate::input) fn is_older_than(&self, age: Duration) -> bool {
        let age = i64::try_from(age.as_nanos()).unwrap_or(i64::MAX);
        self.stat().is_some_and(|stat| stat.modified <= file_clock().saturating_sub(age))
    }

    /// Reads on from another place, up to which all is read elsewhere.
    pub(in crate::input) fn go_on_at(&mut self, position: Position) {
        (self.position, self.pending) = (position, None);
        (self.extent, self.read_size) = (Extent::Seen(position.offset), position.offset);
    }

    /// Reads on in `content`, which holds so many bytes.
    pub(in crate::input) fn continue_with(&mut self, content: Content, size: u64) {
        self.content = Some(content);
        self.extent = Extent::Seen(size);
    }

    /// Gives the descriptor back.
    pub(in crate::input) fn close(&mut self) {
        self.content = None;
    }

    pub(in crate::input) fn content_mut(&mut self) -> Option<&mut Content> {
        self.content.as_mut()
    }

    pub(in crate::input) fn take_content(&mut self) -> Option<Content> {
        self.content.take()
    }

    /// What the kernel says of the open file.
    pub(in crate::input) fn stat(&self) -> Option<Stat> {
        self.content.as_ref().and_then(Content::stat)
    }

    /// When its file was written last, as far as that is known, in nanoseconds since the epoch.
    pub(in crate::input) fn written_last(&self) -> i64 {
        self.stat().map_or(self.position.modified, |stat| stat.modified)
    }

    /// What came before is let go at `previous`. Returns what the checkpoint is to be told, where nothing was read
    /// of this one and it was not told yet: the next start must tell copies of that from those of this one, by
    /// their time.
    pub(in crate::input) fn begins_after(&mut self, previous: &Position) -> Option<Arc<Milestone>> {
        // Later than that: what has its time was written before.
        let after = previous.modified.saturating_add(1);
        let own = self.position.modified;
        self.position.modified = own.max(after);
        let told = self.told.as_ref().map_or(own, |told| told.position.modified);
        let is_news = self.position.offset == 0 && after > told;
        is_news.then(|| self.reached_at(Position { modified: after, ..self.position }))
    }

    /// How many bytes it is known to hold that were not read. NULs that may be filled in are none.
    pub(in crate::input) fn unread(&self) -> u64 {
        let looked_through = self.pending.as_ref().filter(|pending| pending.to >= self.size());
        let end = looked_through.map_or(self.size(), |pending| pending.text_to);
        end.saturating_sub(self.position.offset)
    }

    /// What is known of it, to be judged by.
    fn known(&self) -> LastSeen {
        LastSeen {
            inode: self.source.inode,
            offset: self.position.offset,
            size: self.size(),
            unfinished_to: self.pending.as_ref().map_or(0, |pending| pending.unfinished_to()),
            modified: self.position.modified,
        }
    }

    /// Notes a size that was seen without reading.
    pub(in crate::input) fn saw_size(&mut self, size: u64) {
        let is_cut_back = judge::is_cut_back(self.known(), size);
        self.extent = Extent::Seen(if is_cut_back { size } else { self.size().max(size) });
    }

    /// Its file holds something else now, of this `size`. Where no more than that was ever seen, it may have
    /// been seen of the new content: then only what a read has found counts as its own.
    pub(in crate::input) fn doubt_size(&mut self, size: u64) {
        if self.size() <= size {
            self.extent = Extent::Seen(self.read_size.max(self.position.offset));
        }
    }

    /// Its file cannot be looked at, and may hold more by now than was seen of it.
    pub(in crate::input) fn doubt_extent(&mut self) {
        self.extent = Extent::Recorded(self.size());
    }

    /// Whether nothing was read of it, and nobody knows what it holds.
    pub(in crate::input) fn is_unknown(&self) -> bool {
        self.position.offset == 0 && !self.is_open() && matches!(self.extent, Extent::Recorded(_))
    }

    /// What may be lost when it is not to be found any more, in words and in numbers.
    pub(in crate::input) fn may_lack(&self) -> Option<(String, Amount)> {
        match (self.unread(), self.extent) {
            (0, Extent::Seen(_)) => None,
            (0, Extent::Recorded(_)) => {
                let offset = self.position.offset;
                Some((format!("what was written to it after byte {offset}"), Amount::unknown()))
            }
            (unread, _) => Some((format!("{unread} bytes of it"), Amount::bytes(unread))),
        }
    }

    /// The largest size it was seen to have.
    pub(in crate::input) fn size(&self) -> u64 {
        self.extent.end()
    }

    pub(in crate::input) fn head(&self) -> Head {
        self.position.head
    }

    /// The path names it (again).
    pub(in crate::input) fn return_to_path(&mut self) {
        (self.phase, self.was_sound) = (Phase::Current, false);
    }

    /// The path names something else from now on.
    pub(in crate::input) fn retire(&mut self, now: Instant) {
        if self.phase == Phase::Current {
            self.phase = Phase::Draining;
            self.quiet_since = now;
            if let Some(pending) = &mut self.pending {
                pending.look_again(self.position.offset);
            }
        }
    }

    /// It is looked at no more until something newer has content, or a sweep sees it grow.
    pub(in crate::input) fn park(&mut self) {
        self.phase = Phase::Parked;
    }

    /// Whether its writer goes on though it was parked: then it is read again.
    pub(in crate::input) fn unpark_if_changed(&mut self) {
        let is_changed = |stat: Stat| stat.size != self.size() || stat.links == 0;
        if self.phase == Phase::Parked && self.stat().is_some_and(is_changed) {
            self.phase = Phase::Draining;
        }
    }

    /// For how long nobody has written to it.
    pub(in crate::input) fn quiet(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.quiet_since)
    }

    /// When it will have been quiet for as long.
    pub(in crate::input) fn quiet_at(&self, quiet: Duration) -> Instant {
        self.quiet_since + quiet
    }

    /// Reading or opening it has failed. Returns for how long it has by now.
    pub(in crate::input) fn failing(&mut self, now: Instant) -> Duration {
        self.doubt_extent();
        now.saturating_duration_since(*self.failing_since.get_or_insert(now))
    }

    /// For how long reading or opening it has failed.
    pub(in crate::input) fn failed_for(&self, now: Instant) -> Duration {
        self.failing_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Whether reading or opening it fails.
    pub(in crate::input) fn is_failing(&self) -> bool {
        self.failing_since.is_some()
    }

    /// It can be read.
    pub(in crate::input) fn works(&mut self) {
        self.failing_since = None;
    }

    /// How the file stood when it was read last.
    pub(in crate::input) fn medium(&self) -> Medium {
        if self.is_open() { self.medium } else { Medium::Linked }
    }

    /// How the file stands that is open.
    pub(in crate::input) fn medium_now(&self) -> Medium {
        if self.is_open() { Medium::of(self.stat().as_ref()) } else { Medium::Linked }
    }

    /// Whether the checkpoint is to forget it: its file is deleted, and was read to its end.
    pub(in crate::input) fn is_forgettable(&self) -> bool {
        self.medium_now() == Medium::Deleted && self.unread() == 0 && !self.is_forgotten
    }

    /// The checkpoint forgets it.
    pub(in crate::input) fn forget(&mut self) {
        self.is_forgotten = true;
    }

    /// Whether it held what was read of it after the path had come to name something else: whoever
    /// writes it anew since then is not its writer.
    pub(in crate::input) fn was_sound(&self) -> bool {
        self.was_sound
    }

    /// Whether it is to be reported that it was deleted while its writer goes on. True once.
    pub(in crate::input) fn report_deletion(&mut self) -> bool {
        !std::mem::replace(&mut self.reported.deletion, true)
    }
}

/// Where a generation begins that was not known before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Begin {
    /// Nothing behind this was ever read.
    At(Position),
    /// What is before this was read, and may be under way.
    Behind(Position),
}

/// The position at the start of a file.
pub(in crate::input) fn start(stat: &Stat) -> Position {
    Position { modified: stat.modified, ..Position::default() }
}

/// The position at the present end of the file at `path`, whose `stat` was taken before.
///
/// # Errors
/// It cannot be read.
pub(in crate::input) fn end(
    path: &Path,
    stat: &Stat,
    settings: &FileSettings,
) -> io::Result<Position> {
    end_in(open(path)?, stat, settings)
}

/// The same of an open file.
pub(in crate::input) fn end_in(
    file: File,
    stat: &Stat,
    settings: &FileSettings,
) -> io::Result<Position> {
    let mut content = Content::Plain(file);
    let found = position_at_text_end(&mut content, stat.size, settings)?;
    Ok(Position { modified: stat.modified, ..found })
}

/// The same where it cannot be read: the size alone counts.
pub(in crate::input) fn unread_end(stat: &Stat) -> Position {
    Position { offset: stat.size, modified: stat.modified, ..Position::default() }
}
