//! What the followers share: who reads which file, and what there is to tell the state.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use prometheus::IntCounter;

use super::Messages;
use super::content::Stat;
use super::found::Found;
use super::generation::{Generation, order_behind_all};
use super::names::is_sibling_of;
use super::rotated::places;
use crate::filter::Patterns;
use crate::meter::Reading;
use crate::position::{Inode, Position, Source, SourceId, Update};
use crate::syslog::Header;

/// Device and inode number.
type Key = (u64, u64);

/// A rotated file of which nobody had known, and that is to be read.
pub(super) struct Discovery {
    /// Who has found it.
    pub(super) follower: usize,
    pub(super) source: SourceId,
    pub(super) inode: Inode,
    /// Where it was found.
    pub(super) path: PathBuf,
}

/// Shared by all followers.
pub(super) struct Registry {
    messages: Messages,
    /// Files that are not to be read.
    exclude_files: Patterns,
    /// Where the directory leads that was last asked for, and when.
    directory: Option<(PathBuf, Option<PathBuf>, Instant)>,
    rotations: IntCounter,
    next_id: u64,
    owners: HashMap<Key, (usize, Option<i64>)>,
    /// Paths whose file another follower still reads.
    waiting: HashMap<Inode, usize>,
    /// The files let go last, and how far they were read: another glob may name them later.
    finished: VecDeque<(Arc<Source>, Position)>,
    /// Files may be kept open though there is nothing to read.
    pub(super) may_hold: bool,
    /// And there is room for the last rotated one of each as well.
    pub(super) may_linger: bool,
    /// There are so many files that the log does not name each at the start.
    pub(super) is_terse: bool,
    /// Positions at first sight, for the state, and what else nothing is under way of.
    pub(super) first_seen: Vec<Update>,
    /// What is known once all that was read before has arrived.
    pub(super) retired: Vec<Update>,
    /// Generations that are let go while another path is waiting for them.
    pub(super) handed_over: Vec<Generation>,
    /// What another path may read already.
    pub(super) discovered: Vec<Discovery>,
    /// The file that was looked at last, until it is read or something is waited for.
    pub(super) looked_at: Option<Stat>,
}

/// How many files are remembered that were let go.
const FINISHED_MAX: usize = 1024;

fn key(inode: Inode) -> Key {
    (inode.device, inode.number)
}

impl Registry {
    pub(super) fn new(
        messages: Messages,
        exclude_files: Patterns,
        next_id: u64,
        meters: &Reading,
    ) -> Self {
        Self {
            messages,
            exclude_files,
            directory: None,
            rotations: meters.rotations.clone(),
            next_id,
            owners: HashMap::new(),
            waiting: HashMap::new(),
            finished: VecDeque::new(),
            may_hold: true,
            may_linger: true,
            is_terse: false,
            first_seen: Vec::new(),
            retired: Vec::new(),
            handed_over: Vec::new(),
            discovered: Vec::new(),
            looked_at: None,
        }
    }

    /// Makes the headers of files by other settings from now on, and leaves out other files.
    pub(super) fn change(&mut self, messages: Messages, exclude_files: Patterns) {
        (self.messages, self.exclude_files) = (messages, exclude_files);
    }

    pub(super) fn is_excluded(&self, path: &Path) -> bool {
        self.exclude_files.matches(path.as_os_str().as_bytes())
    }

    /// Where `path` leads, if symbolic links lead anywhere else.
    pub(super) fn real(&mut self, path: &Path, now: Instant) -> Option<Box<PathBuf>> {
        let real = if path.is_symlink() {
            path.canonicalize().ok()
        } else {
            let (directory, name) = (path.parent()?, path.file_name()?);
            // Files come by directories.
            if self.directory.as_ref().is_none_or(|known| known.0 != directory || known.2 != now) {
                let real = directory.canonicalize().ok().filter(|real| real != directory);
                self.directory = Some((directory.to_owned(), real, now));
            }
            let (_, real, _) = self.directory.as_ref()?;
            real.as_ref().map(|real| real.join(name))
        };
        real.filter(|real| real != path).map(Box::new)
    }

    /// A rotation or a truncation was noticed.
    pub(super) fn count_rotation(&self) {
        self.rotations.inc();
    }

    pub(super) fn new_id(&mut self) -> SourceId {
        let id = SourceId(self.next_id);
        self.next_id += 1;
        id
    }

    /// A place behind those of all generations so far, of whatever path.
    pub(super) fn order_behind_all(&self) -> u64 {
        order_behind_all(self.next_id)
    }

    /// The header of messages from `path`, which follows the entry numbered `entry`.
    pub(super) fn header(&self, path: &Path, entry: usize) -> Header {
        self.messages.header(path, entry)
    }

    /// `follower` reads this file.
    pub(super) fn claim(&mut self, inode: Inode, follower: usize) {
        self.owners.insert(key(inode), (follower, inode.born));
    }

    /// `follower` does not read it any more.
    pub(super) fn release(&mut self, inode: Inode, follower: usize) {
        if self.owner(inode) == Some(follower) {
            self.owners.remove(&key(inode));
        }
    }

    /// Who reads this file. A reused inode is another file.
    pub(super) fn owner(&self, inode: Inode) -> Option<usize> {
        let &(owner, born) = self.owners.get(&key(inode))?;
        let same_birth = born.is_none() || inode.born.is_none() || born == inode.born;
        same_birth.then_some(owner)
    }

    /// Whether this file is read, as far as `follower` is concerned: what another one has discovered
    /// may be its own.
    pub(super) fn is_taken(&self, inode: Inode, follower: usize) -> bool {
        let is_open = |found: &Discovery| found.inode == inode && found.follower != follower;
        self.owner(inode).is_some() && !self.discovered.iter().any(is_open)
    }

    /// Whether this file is read, or was until lately.
    pub(super) fn is_known(&self, inode: Inode) -> bool {
        self.owner(inode).is_some() || self.finished(inode).is_some()
    }

    /// The file of this generation was read up to its position and let go.
    fn finish(&mut self, generation: &Generation) {
        self.note_read(Arc::clone(&generation.source), generation.position);
    }

    /// The file of this source was read up to `position`.
    pub(super) fn note_read(&mut self, source: Arc<Source>, position: Position) {
        if self.finished.len() >= FINISHED_MAX {
            self.finished.pop_front();
        }
        self.finished.push_back((source, position));
    }

    /// How far a file was read that was let go.
    pub(super) fn finished(&self, inode: Inode) -> Option<Position> {
        let mut newest_first = self.finished.iter().rev();
        newest_first.find(|(known, _)| known.inode == inode).map(|&(_, position)| position)
    }

    /// Whether it was let go by `path`.
    pub(super) fn finished_at(&self, inode: Inode, path: &Path) -> bool {
        self.finished.iter().any(|(known, _)| known.inode == inode && &*known.path == path)
    }

    /// When what `path` named and was let go was written last.
    pub(super) fn finished_until(&self, path: &Path) -> i64 {
        let own = self.finished.iter().filter(|(known, _)| &*known.path == path);
        own.map(|(_, position)| position.modified).max().unwrap_or(i64::MIN)
    }

    /// Whether `found` is what rotation has made of a file that was let go, under whatever path it
    /// was followed.
    pub(super) fn was_read(&self, found: &mut Found) -> io::Result<bool> {
        for (source, position) in &self.finished {
            let is_sibling = places(source).any(|place| is_sibling_of(place, &found.path));
            if is_sibling && found.is_all_before(position)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `follower` takes this file over when its owner lets it go.
    pub(super) fn wait_for(&mut self, inode: Inode, follower: usize) {
        self.waiting.insert(inode, follower);
    }

    pub(super) fn is_awaited(&self, inode: Inode) -> bool {
        self.waiting.contains_key(&inode)
    }

    /// `follower` is gone.
    pub(super) fn wait_no_more(&mut self, follower: usize) {
        self.waiting.retain(|_, waiting| *waiting != follower);
    }

    /// A generation is complete: nothing more is to be known of it, once it has arrived, but that
    /// its file was read.
    pub(super) fn forget(&mut self, generation: &Generation) {
        self.finish(generation);
        let update = Update::Forget(generation.source.id);
        match generation.position.offset {
            0 => self.first_seen.push(update),
            _ => self.retired.push(update),
        }
    }

    /// Who waits for this file; nobody does from now on.
    pub(super) fn heir(&mut self, inode: Inode) -> Option<usize> {
        self.waiting.remove(&inode)
    }
}
