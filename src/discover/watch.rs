//! Which directories the kernel watches for the stage.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use inotify::{WatchDescriptor, WatchMask};
use rustix::io::Errno;
use tokio::runtime::Handle;
use tracing::{debug, info, warn};

use super::inbox::{Inbox, Looks};
use super::instance::Instance;
use crate::limits;
use crate::shown::Show;

/// What is heard of a directory on the way to others: that it is moved or deleted itself.
const ITSELF: WatchMask =
    WatchMask::DELETE_SELF.union(WatchMask::MOVE_SELF).union(WatchMask::ONLYDIR);
/// What is heard of a directory in which a name decides over the way.
const NAMES: WatchMask =
    ITSELF.union(WatchMask::CREATE).union(WatchMask::DELETE).union(WatchMask::MOVE);
/// What is heard of a directory with files. Opening, reading and closing are no changes.
const CHANGES: WatchMask = NAMES.union(WatchMask::MODIFY).union(WatchMask::ATTRIB);

/// What a directory is watched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// It is on the way. That it cannot be watched does not matter much.
    Way,
    /// A name in it is missing on the way, or is a symbolic link. The same holds.
    Names,
    /// Files may match in it, if it can be listed.
    Files,
    /// A file in it is followed by its name.
    Named,
}

/// What came of watching a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Notices {
    /// Changes in it are told.
    Yes,
    /// They are not.
    No,
    /// There is no such directory any more.
    Gone,
}

/// Why a directory with files is not watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unwatched {
    /// The kernel has no more watches for this user.
    Limit,
    /// The kernel refuses.
    Refused,
}

/// Directories under watch, or nothing at all where inotify cannot be had.
pub(super) struct Watch {
    instance: Option<Instance>,
    /// Without inotify, as configured.
    poll: bool,
    inbox: Arc<Inbox>,
    /// Where the kernel is listened to.
    listening: Handle,
    watched: HashMap<PathBuf, Watched>,
    unwatched: HashMap<PathBuf, Unwatched>,
    /// What was warned of and is not over.
    reported: HashSet<Shortage>,
}

/// What there is not enough of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shortage {
    Instances,
    Watches,
}

/// A watched directory.
struct Watched {
    /// Device and inode: a directory that was replaced needs a new watch.
    inode: (u64, u64),
    id: WatchDescriptor,
    purpose: Purpose,
}

impl Watch {
    /// Watches nothing yet. What is heard goes to `inbox`, from a task on `listening`.
    pub(super) fn new(inbox: Arc<Inbox>, listening: Handle) -> Self {
        Self {
            instance: None,
            poll: false,
            inbox,
            listening,
            watched: HashMap::new(),
            unwatched: HashMap::new(),
            reported: HashSet::new(),
        }
    }

    /// Does without inotify from now on, or with it again.
    pub(super) fn set_poll(&mut self, poll: bool) {
        self.poll = poll;
        if poll {
            self.end();
        }
    }

    /// Gets an instance if there is none yet: the limit is for all processes of a user, and another
    /// one may have let go of its own.
    pub(super) fn begin_sweep(&mut self) {
        if self.poll || self.instance.is_some() {
            return;
        }
        match Instance::new(Arc::clone(&self.inbox), &self.listening) {
            Ok(instance) => {
                self.instance = Some(instance);
                if self.reported.remove(&Shortage::Instances) {
                    info!("inotify is available again");
                }
            }
            Err(error) if self.reported.insert(Shortage::Instances) => warn!(
                "inotify is not available ({error}); files are looked at twice a second instead; {}",
                limits::on_instances(&error)
            ),
            Err(_) => {}
        }
    }

    /// Lets go of the instance, for it is not heard any more or not wanted.
    pub(super) fn end(&mut self) {
        self.keep_only(&HashSet::new());
        self.instance = None;
    }

    /// Whether new files are found by looking alone, somewhere.
    pub(super) fn is_blind(&self) -> bool {
        self.instance.is_none() || !self.unwatched.is_empty()
    }

    /// Watches `directory` from now on, which must be a canonical path.
    pub(super) fn add(&mut self, directory: &Path, purpose: Purpose) -> Notices {
        let Some(Instance { watches, .. }) = &mut self.instance else { return Notices::No };
        let Ok(metadata) = fs::metadata(directory) else { return Notices::Gone };
        let inode = (metadata.dev(), metadata.ino());
        let before = self.watched.get(directory).filter(|watched| watched.inode == inode);
        let purpose = before.map_or(purpose, |watched| watched.purpose.max(purpose));
        if before.is_some_and(|watched| watched.purpose == purpose) {
            return Notices::Yes;
        }
        // The mask of a watch is for the inode: another path of it must not take anything away.
        let mask = WatchMask::MASK_ADD
            | match purpose {
                Purpose::Way => ITSELF,
                Purpose::Names => NAMES,
                Purpose::Files | Purpose::Named => CHANGES,
            };
        match watches.add(directory, mask) {
            Ok(id) => {
                debug!(directory = %directory.shown(), "watching");
                self.inbox.add(&id, directory);
                self.unwatched.remove(directory);
                let watched = Watched { inode, id: id.clone(), purpose };
                let before = self.watched.insert(directory.to_owned(), watched);
                if let Some(before) = before.filter(|before| before.id != id) {
                    self.unwatch(&before.id, directory);
                }
                Notices::Yes
            }
            Err(error) => self.refused(directory, purpose, &error),
        }
    }

    fn refused(&mut self, directory: &Path, purpose: Purpose, error: &io::Error) -> Notices {
        let why = match Errno::from_io_error(error) {
            Some(Errno::NOENT | Errno::NOTDIR) => return Notices::Gone,
            Some(Errno::NOSPC) => Unwatched::Limit,
            _ => Unwatched::Refused,
        };
        if purpose < Purpose::Files || (purpose == Purpose::Files && why == Unwatched::Refused) {
            // Where it matters, that it cannot be listed is said as well.
            debug!(directory = %directory.shown(), %error, "cannot watch");
            return Notices::No;
        }
        let is_news = self.unwatched.insert(directory.to_owned(), why).is_none();
        match why {
            Unwatched::Limit => {
                if self.reported.insert(Shortage::Watches) {
                    warn!(
                        "cannot watch {} and further directories: the limit of inotify watches is \
                         reached; their files are looked at twice a second instead; {}",
                        directory.shown(),
                        limits::on_watches()
                    );
                }
            }
            Unwatched::Refused if is_news => warn!(
                "cannot watch {}: {error}; its files are looked at twice a second instead; see \
                 that the user this runs as may read it",
                directory.shown()
            ),
            Unwatched::Refused => {}
        }
        Notices::No
    }

    /// In how many directories changes of names or files are heard.
    pub(super) fn count(&self) -> usize {
        self.watched.values().filter(|watched| watched.purpose > Purpose::Way).count()
    }

    /// Ends a sweep: stops watching every directory that is not in `wanted`.
    pub(super) fn end_sweep(&mut self, wanted: &HashSet<PathBuf>) {
        self.keep_only(wanted);
        let is_short = self.unwatched.values().any(|why| *why == Unwatched::Limit);
        if !is_short && self.reported.remove(&Shortage::Watches) {
            info!(
                "there are enough inotify watches again; files are no longer looked at twice a second"
            );
        }
    }

    /// Drops all watches: after an overflow nothing is known about them.
    pub(super) fn forget_all(&mut self) {
        self.keep_only(&HashSet::new());
    }

    fn keep_only(&mut self, wanted: &HashSet<PathBuf>) {
        self.unwatched.retain(|directory, _| wanted.contains(directory));
        let is_unwanted = |directory: &PathBuf, _: &mut Watched| !wanted.contains(directory);
        let unwanted: Vec<_> = self.watched.extract_if(is_unwanted).collect();
        for (directory, watched) in unwanted {
            self.unwatch(&watched.id, &directory);
        }
    }

    /// Notes that the name of a directory is gone, so that [`Watch::add`] makes a new watch. False
    /// where the path is not watched.
    pub(super) fn forget(&mut self, directory: &Path) -> bool {
        let Some(watched) = self.watched.remove(directory) else { return false };
        self.unwatch(&watched.id, directory);
        true
    }

    fn unwatch(&mut self, id: &WatchDescriptor, directory: &Path) {
        if self.inbox.remove(id, directory)
            && let Some(Instance { watches, .. }) = &mut self.instance
        {
            // It fails where the directory is gone, and the watch with it.
            let _ = watches.remove(id.clone());
        }
    }

    /// Whether the kernel watches `directory`.
    pub(super) fn is_watched(&self, directory: &Path) -> bool {
        self.watched.contains_key(directory)
    }

    /// From now on these `looks` follow when the file at `path` changes.
    pub(super) fn learn(&self, path: &Path, looks: Looks) {
        if let (Some(watched), Some(name)) = (self.of_parent(path), path.file_name()) {
            self.inbox.learn(&watched.id, name, looks);
        }
    }

    /// Something else may follow now when the file at `path` changes.
    pub(super) fn unlearn(&self, path: &Path) {
        if let Some(watched) = self.of_parent(path) {
            self.inbox.forget(&watched.id, path.file_name());
        }
    }

    /// Something else may follow now from changes in `directory`.
    pub(super) fn unlearn_directory(&self, directory: &Path) {
        if let Some(watched) = self.watched.get(directory) {
            self.inbox.forget(&watched.id, None);
        }
    }

    fn of_parent(&self, path: &Path) -> Option<&Watched> {
        self.watched.get(path.parent()?)
    }
}
