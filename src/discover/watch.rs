//! The one inotify instance, which watches directories.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::time::Duration;

use notify::event::{EventKind, ModifyKind, RenameMode};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tracing::{debug, warn};

use super::shortcut::Shortcut;

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

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The name is new, or names something else now.
    Appeared,
    /// Written to, truncated, or its mode or owner changed.
    Changed,
    /// The name is gone.
    Gone,
}

/// Directories under watch, or nothing at all where inotify cannot be had.
pub(super) struct Watch {
    watcher: Option<RecommendedWatcher>,
    notices: Receiver<Notice>,
    /// Keeps `notices` open without a watcher, and ends the waiting.
    sender: SyncSender<Notice>,
    /// With device and inode: a directory that was replaced needs a new watch.
    directories: HashMap<PathBuf, (u64, u64)>,
    limit_reported: bool,
    dropped: Arc<AtomicBool>,
}

/// How many notices wait; beyond that they are dropped and everything is looked through. They
/// cannot wait in the kernel: notify's thread must not block, since adding a watch waits for it.
const QUEUE: usize = 8192;

impl Watch {
    /// Watches nothing yet; never anything with `poll`.
    /// What `shortcut` can pass on does not come as a notice.
    pub(super) fn new(poll: bool, shortcut: Arc<Shortcut>) -> Self {
        let (sender, notices) = sync_channel(QUEUE);
        let dropped = Arc::new(AtomicBool::new(false));
        let dropping = Arc::clone(&dropped);
        let watcher = if poll { None } else { watcher(sender.clone(), dropping, shortcut) };
        let directories = HashMap::new();
        Self { watcher, notices, sender, directories, limit_reported: false, dropped }
    }

    /// Whether changes are only found by looking.
    pub(super) fn is_blind(&self) -> bool {
        self.watcher.is_none() || self.limit_reported
    }

    /// Watches `directory` from now on, which must be a canonical path: the kernel knows one
    /// watch an inode. False when it is not there any more.
    pub(super) fn add(&mut self, directory: &Path) -> bool {
        let Some(watcher) = &mut self.watcher else { return true };
        let Ok(metadata) = fs::metadata(directory) else { return false };
        let inode = (metadata.dev(), metadata.ino());
        if self.directories.get(directory) == Some(&inode) {
            return true;
        }
        match watcher.watch(directory, RecursiveMode::NonRecursive) {
            Ok(()) => {
                debug!(directory = %directory.display(), "watching");
                self.directories.insert(directory.to_owned(), inode);
            }
            Err(error) if matches!(error.kind, notify::ErrorKind::MaxFilesWatch) => {
                if !std::mem::replace(&mut self.limit_reported, true) {
                    warn!(
                        "cannot watch {} and further directories: the limit of inotify watches is \
                         reached; their files are looked at every second instead; raise \
                         fs.inotify.max_user_watches with sysctl",
                        directory.display()
                    );
                }
            }
            Err(error) if is_missing(&error) => return false,
            Err(error) => debug!(directory = %directory.display(), %error, "cannot watch"),
        }
        true
    }

    /// How many directories are watched.
    pub(super) fn count(&self) -> usize {
        self.directories.len()
    }

    /// Stops watching every directory that is not in `wanted`.
    pub(super) fn keep_only(&mut self, wanted: &HashSet<PathBuf>) {
        let Some(watcher) = &mut self.watcher else { return };
        self.directories.retain(|directory, _| {
            let keep = wanted.contains(directory);
            if !keep {
                // It fails where the directory is gone, and the watch with it.
                let _ = watcher.unwatch(directory);
            }
            keep
        });
    }

    /// Notes that the name of a directory is gone, and the watch with it, so that
    /// [`Watch::add`] makes a new one. False where the path is not watched.
    pub(super) fn forget(&mut self, directory: &Path) -> bool {
        let known = self.directories.remove(directory).is_some();
        if let (true, Some(watcher)) = (known, &mut self.watcher) {
            // It fails where notify has dropped the watch already.
            let _ = watcher.unwatch(directory);
        }
        known
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
        if self.dropped.swap(false, Ordering::AcqRel) {
            return Notice::Dropped;
        }
        match self.notices.recv_timeout(timeout) {
            Ok(notice) => notice,
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => Notice::Timeout,
        }
    }
}

fn watcher(
    sender: SyncSender<Notice>,
    dropped: Arc<AtomicBool>,
    shortcut: Arc<Shortcut>,
) -> Option<RecommendedWatcher> {
    let handler = move |event: notify::Result<notify::Event>| {
        for notice in event.map(notices).unwrap_or_default() {
            if matches!(&notice, Notice::Path(path, Kind::Changed) if shortcut.pass_on(path)) {
                continue;
            }
            // The other side has gone only at the end of the program.
            if let Err(TrySendError::Full(_)) = sender.try_send(notice) {
                dropped.store(true, Ordering::Release);
                // Should all have been taken between the two, it wakes the one that takes them.
                let _ = sender.try_send(Notice::Dropped);
            }
        }
    };
    match RecommendedWatcher::new(handler, notify::Config::default()) {
        Ok(watcher) => Some(watcher),
        Err(error) => {
            warn!(
                "inotify is not available ({error}); files are looked at every second instead; \
                 raise fs.inotify.max_user_instances with sysctl"
            );
            None
        }
    }
}

fn is_missing(error: &notify::Error) -> bool {
    match &error.kind {
        notify::ErrorKind::PathNotFound => true,
        notify::ErrorKind::Io(error) => error.kind() == std::io::ErrorKind::NotFound,
        _ => false,
    }
}

/// What an event of `notify` means here. Opening, reading and closing are no changes.
fn notices(event: notify::Event) -> Vec<Notice> {
    if event.need_rescan() {
        return vec![Notice::Overflow];
    }
    let kind = match event.kind {
        EventKind::Access(_) => return Vec::new(),
        // It repeats a `From` and a `To` that were told already.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => return Vec::new(),
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => Kind::Gone,
        EventKind::Modify(ModifyKind::Name(_)) | EventKind::Create(_) => Kind::Appeared,
        _ => Kind::Changed,
    };
    event.paths.into_iter().map(|path| Notice::Path(path, kind)).collect()
}
