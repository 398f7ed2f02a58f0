//! Which directories are under watch, and what comes of it as notices to the stage.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use rustix::io::Errno;
use tokio::runtime::Handle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::{debug, warn};

use super::inotify::{Happening, Inotify, Kind, WatchId};
use super::shortcut::Shortcut;
use crate::shown::Show;

/// What happened in the watched directories.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Notice {
    /// Something about this path: a watched directory itself, or a name in one.
    Path(PathBuf, Kind),
    /// Events were lost in the kernel.
    Overflow,
    /// Events were lost here, for they came faster than they were served.
    Dropped,
    /// Nothing, for the time asked.
    Timeout,
    /// The daemon stops.
    Stop,
}

/// Directories under watch, or nothing at all where inotify cannot be had.
pub(super) struct Watch {
    instance: Option<Instance>,
    notices: Receiver<Notice>,
    /// Keeps `notices` open without an instance, and ends the waiting.
    sender: SyncSender<Notice>,
    directories: HashMap<PathBuf, Watched>,
    limit_reported: bool,
    /// Directories that the kernel will not watch although files in them are followed.
    refused: HashSet<PathBuf>,
    lost: Arc<Lost>,
}

/// The instance, listened to until this is dropped.
struct Instance {
    inotify: Arc<Inotify>,
    _listening: DropGuard,
}

/// A watched directory.
struct Watched {
    /// Device and inode: a directory that was replaced needs a new watch.
    inode: (u64, u64),
    id: WatchId,
}

/// What of the notices does not come.
#[derive(Default)]
struct Lost {
    /// Some were dropped.
    some: AtomicBool,
    /// No more will come.
    all: AtomicBool,
}

/// How many notices wait; beyond that they are dropped and everything is looked through. They
/// cannot wait in the kernel: those who listen have other work, and the shortcut to pass on.
const QUEUE: usize = 8192;

impl Watch {
    /// Watches nothing yet; never anything with `poll`. The kernel is listened to by a task on
    /// `listening`. What `shortcut` can pass on does not come as a notice.
    pub(super) fn new(poll: bool, shortcut: Arc<Shortcut>, listening: &Handle) -> Self {
        let (sender, notices) = sync_channel(QUEUE);
        let lost = Arc::new(Lost::default());
        let instance = if poll { None } else { instance() };
        let instance = instance.map(|inotify| {
            let token = CancellationToken::new();
            let listen = listen(Arc::clone(&inotify), sender.clone(), Arc::clone(&lost), shortcut);
            listening.spawn(token.clone().run_until_cancelled_owned(listen));
            Instance { inotify, _listening: token.drop_guard() }
        });
        Self {
            instance,
            notices,
            sender,
            directories: HashMap::new(),
            limit_reported: false,
            refused: HashSet::new(),
            lost,
        }
    }

    /// Whether changes are only found by looking.
    pub(super) fn is_blind(&self) -> bool {
        self.instance.is_none()
            || self.limit_reported
            || !self.refused.is_empty()
            || self.lost.all.load(Ordering::Acquire)
    }

    /// Watches `directory` from now on, which must be a canonical path. False when it is not there
    /// any more. `by_name`: there may be something to follow where it cannot be listed, nor watched.
    pub(super) fn add(&mut self, directory: &Path, by_name: bool) -> bool {
        let Some(Instance { inotify, .. }) = &self.instance else { return true };
        let Ok(metadata) = fs::metadata(directory) else { return false };
        let inode = (metadata.dev(), metadata.ino());
        if self.directories.get(directory).is_some_and(|watched| watched.inode == inode) {
            return true;
        }
        match inotify.add(directory) {
            Ok(id) => {
                debug!(directory = %directory.shown(), "watching");
                self.refused.remove(directory);
                let watched = Watched { inode, id };
                if let Some(before) = self.directories.insert(directory.to_owned(), watched)
                    && before.id != id
                {
                    inotify.remove(before.id, directory);
                }
            }
            Err(Errno::NOSPC) => {
                if !std::mem::replace(&mut self.limit_reported, true) {
                    warn!(
                        "cannot watch {} and further directories: the limit of inotify watches is \
                         reached; their files are looked at every second instead; raise \
                         fs.inotify.max_user_watches with sysctl",
                        directory.shown()
                    );
                }
            }
            Err(Errno::NOENT | Errno::NOTDIR) => return false,
            Err(error) if by_name => {
                if self.refused.insert(directory.to_owned()) {
                    warn!(
                        "cannot watch {}: {error}; files are looked at every second instead; see \
                         that the user this runs as may read it",
                        directory.shown()
                    );
                }
            }
            // That it cannot be listed is said as well.
            Err(error) => debug!(directory = %directory.shown(), %error, "cannot watch"),
        }
        true
    }

    /// How many directories are watched.
    pub(super) fn count(&self) -> usize {
        self.directories.len()
    }

    /// Stops watching every directory that is not in `wanted`.
    pub(super) fn keep_only(&mut self, wanted: &HashSet<PathBuf>) {
        let Some(Instance { inotify, .. }) = &self.instance else { return };
        self.refused.retain(|directory| wanted.contains(directory));
        self.directories.retain(|directory, watched| {
            let keep = wanted.contains(directory);
            if !keep {
                inotify.remove(watched.id, directory);
            }
            keep
        });
    }

    /// Notes that the name of a directory is gone, so that [`Watch::add`] makes a new watch. False
    /// where the path is not watched.
    pub(super) fn forget(&mut self, directory: &Path) -> bool {
        let Some(watched) = self.directories.remove(directory) else { return false };
        if let Some(Instance { inotify, .. }) = &self.instance {
            inotify.remove(watched.id, directory);
        }
        true
    }

    /// Drops all watches: after an overflow nothing is known about them.
    pub(super) fn forget_all(&mut self) {
        self.keep_only(&HashSet::new());
    }

    /// Where [`Notice::Stop`] is sent to.
    pub(super) fn sender(&self) -> SyncSender<Notice> {
        self.sender.clone()
    }

    /// Waits for the next notice.
    pub(super) fn next(&self, timeout: Duration) -> Notice {
        if self.lost.some.swap(false, Ordering::AcqRel) {
            return Notice::Dropped;
        }
        match self.notices.recv_timeout(timeout) {
            Ok(notice) => notice,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Notice::Timeout,
        }
    }
}

fn instance() -> Option<Arc<Inotify>> {
    match Inotify::new() {
        Ok(inotify) => Some(Arc::new(inotify)),
        Err(error) => {
            warn!(
                "inotify is not available ({error}); files are looked at every second instead; \
                 raise fs.inotify.max_user_instances with sysctl"
            );
            None
        }
    }
}

/// Passes on what happens, the short way where there is one.
async fn listen(
    inotify: Arc<Inotify>,
    sender: SyncSender<Notice>,
    lost: Arc<Lost>,
    shortcut: Arc<Shortcut>,
) {
    let tell = |happening| {
        let notice = match happening {
            Happening::Path(path, Kind::Changed) if shortcut.pass_on(&path) => return,
            Happening::Path(path, kind) => Notice::Path(path, kind),
            Happening::Overflow => Notice::Overflow,
        };
        // The other side has gone only at the end of the program.
        if let Err(TrySendError::Full(_)) = sender.try_send(notice) {
            lost.some.store(true, Ordering::Release);
            // Should all have been taken between the two, it wakes the one that takes them.
            let _ = sender.try_send(Notice::Dropped);
        }
    };
    if let Err(error) = inotify.listen(tell).await {
        warn!("cannot read from inotify ({error}); files are looked at every second instead");
        lost.all.store(true, Ordering::Release);
        let _ = sender.try_send(Notice::Dropped);
    }
}
