//! What the followers share: who reads which file, and what there is to tell the state.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use prometheus::IntCounter;

use super::generation::{Generation, order_behind_all};
use crate::filter::Patterns;
use crate::health::metrics::Reading;
use crate::input::read::content::Stat;
use crate::input::rotation::archive::places;
use crate::input::rotation::identity::Found;
use crate::input::rotation::names::is_sibling_of;
use crate::pipeline::position::{Inode, Position, Source, SourceId, SourceIds, Update};

/// Device and inode number.
type Key = (u64, u64);

/// A rotated file of which nobody had known, and that is to be read.
pub(in crate::input) struct Discovery {
    /// Who has found it.
    pub(in crate::input) follower: usize,
    pub(in crate::input) source: SourceId,
    pub(in crate::input) inode: Inode,
    /// Where it was found.
    pub(in crate::input) path: PathBuf,
}

/// Shared by all followers.
pub(in crate::input) struct Registry {
    /// Files that are not to be read.
    exclude_files: Patterns,
    /// Where the directory leads that was last asked for, and when.
    directory: Option<(PathBuf, Option<PathBuf>, Instant)>,
    rotations: IntCounter,
    ids: SourceIds,
    owners: HashMap<Key, (usize, Option<i64>)>,
    /// Paths whose file another follower still reads.
    waiting: HashMap<Inode, usize>,
    /// The files let go last, and how far they were read: another glob may name them later.
    finished: VecDeque<(Arc<Source>, Position)>,
    /// Files may be kept open though there is nothing to read.
    pub(in crate::input) may_hold: bool,
    /// And there is room for the last rotated one of each as well.
    pub(in crate::input) may_linger: bool,
    /// There are so many files that the log does not name each at the start.
    pub(in crate::input) is_terse: bool,
    /// Positions at first sight, for the state, and what else nothing is under way of.
    pub(in crate::input) first_seen: Vec<Update>,
    /// What is known once all that was read before has arrived.
    pub(in crate::input) retired: Vec<Update>,
    /// Generations that are let go while another path is waiting for them.
    pub(in crate::input) handed_over: Vec<Generation>,
    /// What another path may read already.
    pub(in crate::input) discovered: Vec<Discovery>,
    /// The file that was looked at last, until it is read or something is waited for.
    pub(in crate::input) looked_at: Option<Stat>,
}

/// How many files are remembered that were let go.
const FINISHED_MAX: usize = 1024;

fn key(inode: Inode) -> Key {
    (inode.device, inode.number)
}

impl Registry {
    pub(in crate::input) fn new(exclude_files: Patterns, ids: SourceIds, meters: &Reading) -> Self {
        Self {
            exclude_files,
            directory: None,
            rotations: meters.rotations.clone(),
            ids,
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

    /// Leaves out other files from now on.
    pub(in crate::input) fn change(&mut self, exclude_files: Patterns) {
        self.exclude_files = exclude_files;
    }

    pub(in crate::input) fn is_excluded(&self, path: &Path) -> bool {
        self.exclude_files.matches(path.as_os_str().as_bytes())
    }

    /// Where `path` leads, if symbolic links lead anywhere else.
    pub(in crate::input) fn real(&mut self, path: &Path, now: Instant) -> Option<Box<PathBuf>> {
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
    pub(in crate::input) fn count_rotation(&self) {
        self.rotations.inc();
    }

    pub(in crate::input) fn new_id(&mut self) -> SourceId {
        self.ids.next()
    }

    /// A place behind those of all generations so far, of whatever path.
    pub(in crate::input) fn order_behind_all(&self) -> u64 {
        order_behind_all(self.ids.end().0)
    }

    /// `follower` reads this file.
    pub(in crate::input) fn claim(&mut self, inode: Inode, follower: usize) {
        self.owners.insert(key(inode), (follower, inode.born));
    }

    /// `follower` does not read it any more.
    pub(in crate::input) fn release(&mut self, inode: Inode, follower: usize) {
        if self.owner(inode) == Some(follower) {
            self.owners.remove(&key(inode));
        }
    }

    /// Who reads this file. A reused inode is another file.
    pub(in crate::input) fn owner(&self, inode: Inode) -> Option<usize> {
        let &(owner, born) = self.owners.get(&key(inode))?;
        let same_birth = born.is_none() || inode.born.is_none() || born == inode.born;
        same_birth.then_some(owner)
    }

    /// Whether this file is read, as far as `follower` is concerned: what another one has discovered
    /// may be its own.
    pub(in crate::input) fn is_taken(&self, inode: Inode, follower: usize) -> bool {
        let is_open = |found: &Discovery| found.inode == inode && found.follower != follower;
        self.owner(inode).is_some() && !self.discovered.iter().any(is_open)
    }

    /// Whether this file is read, or was until lately.
    pub(in crate::input) fn is_known(&self, inode: Inode) -> bool {
        self.owner(inode).is_some() || self.finished(inode).is_some()
    }

    /// The file of this generation was read up to its position and let go.
    fn finish(&mut self, generation: &Generation) {
        self.note_read(Arc::clone(&generation.source), generation.position);
    }

    /// The file of this source was read up to `position`.
    pub(in crate::input) fn note_read(&mut self, source: Arc<Source>, position: Position) {
        if self.finished.len() >= FINISHED_MAX {
            self.finished.pop_front();
        }
        self.finished.push_back((source, position));
    }

    /// How far a file was read that was let go.
    pub(in crate::input) fn finished(&self, inode: Inode) -> Option<Position> {
        let mut newest_first = self.finished.iter().rev();
        newest_first.find(|(known, _)| known.inode == inode).map(|&(_, position)| position)
    }

    /// Whether it was let go by `path`.
    pub(in crate::input) fn finished_at(&self, inode: Inode, path: &Path) -> bool {
        self.finished.iter().any(|(known, _)| known.inode == inode && &*known.path == path)
    }

    /// When what `path` named and was let go was written last.
    pub(in crate::input) fn finished_until(&self, path: &Path) -> i64 {
        let own = self.finished.iter().filter(|(known, _)| &*known.path == path);
        own.map(|(_, position)| position.modified).max().unwrap_or(i64::MIN)
    }

    /// Whether `found` is what rotation has made of a file that was let go, under whatever path it
    /// was followed.
    pub(in crate::input) fn was_read(&self, found: &mut Found) -> io::Result<bool> {
        for (source, position) in &self.finished {
            let is_sibling = places(source).any(|place| is_sibling_of(place, &found.path));
            if is_sibling && found.is_all_before(position)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `follower` takes this file over when its owner lets it go.
    pub(in crate::input) fn wait_for(&mut self, inode: Inode, follower: usize) {
        self.waiting.insert(inode, follower);
    }

    pub(in crate::input) fn is_awaited(&self, inode: Inode) -> bool {
        self.waiting.contains_key(&inode)
    }

    /// `follower` is gone.
    pub(in crate::input) fn wait_no_more(&mut self, follower: usize) {
        self.waiting.retain(|_, waiting| *waiting != follower);
    }

    /// A generation is complete: nothing more is to be known of it, once it has arrived, but that
    /// its file was read.
    pub(in crate::input) fn forget(&mut self, generation: &Generation) {
        self.finish(generation);
        let update = Update::Forget(generation.source.id);
        match generation.position.offset {
            0 => self.first_seen.push(update),
            _ => self.retired.push(update),
        }
    }

    /// Who waits for this file; nobody does from now on.
    pub(in crate::input) fn heir(&mut self, inode: Inode) -> Option<usize> {
        self.waiting.remove(&inode)
    }
}
