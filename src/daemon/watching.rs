//! `watch_config`: has the configuration loaded again when one of its files has changed.
//!
//! Directories are watched, not files: who writes a file anew often renames another over it, and in a ConfigMap
//! of Kubernetes a symbolic link on the way is replaced. What an event is about does not matter: once it is
//! quiet, all files are looked at, and only a difference counts.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::future::pending;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

use crate::config::{Config, IdentityFiles, Include, TlsSettings};
use crate::shown::Show;
use crate::threads;

/// A change is taken up when it was quiet for so long.
const QUIET: Duration = Duration::from_millis(500);
/// And after so long at the latest.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often, and how long each time, a thread is waited for that was started.
const STARTS: usize = 100;
const START: Duration = Duration::from_millis(10);
/// So many symbolic links are followed on the way to a file, as by the kernel.
const LINKS_MAX: usize = 40;

/// The files that a configuration consists of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ConfigFiles {
    main: PathBuf,
    include: Vec<Include>,
    certificates: Vec<PathBuf>,
    /// Directories of certificates: all in them counts.
    authorities: Vec<PathBuf>,
}

impl ConfigFiles {
    /// Those of `config`, which was read from `main`.
    pub(super) fn of(config: &Config, main: PathBuf) -> Self {
        let (mut certificates, mut authorities) = (Vec::new(), Vec::new());
        for TlsSettings { ca_file, ca_dir, identity, .. } in config.tls_settings() {
            let named = identity.iter().flat_map(IdentityFiles::files).chain(ca_file);
            certificates.extend(named.map(|file| file.value.clone()));
            authorities.extend(ca_dir.iter().map(|dir| dir.value.clone()));
        }
        Self { main, include: config.include.clone(), certificates, authorities }
    }

    /// All that are there or have to be.
    fn paths(&self) -> Vec<PathBuf> {
        let included = self.include.iter().flat_map(|it| it.files().unwrap_or_default());
        let others = self.certificates.iter().cloned();
        let listed = self.authorities.iter().flat_map(|dir| files_in(dir));
        [self.main.clone()].into_iter().chain(included).chain(others).chain(listed).collect()
    }

    /// How they stand now. It asks the file system.
    fn look(&self) -> FileStates {
        let standing = |path: PathBuf| {
            let metadata = fs::metadata(&path).ok();
            let identity = metadata.map(|it| FileState {
                file: (it.dev(), it.ino()),
                size: it.size(),
                modified: (it.mtime(), it.mtime_nsec()),
                changed: (it.ctime(), it.ctime_nsec()),
            });
            (path, identity)
        };
        self.paths().into_iter().map(standing).collect()
    }

    /// The directories in which something may happen that matters: of the files, of the symbolic links on the way
    /// to them, and of what `include` may find. Of one that is not there the nearest above.
    fn directories(&self) -> BTreeSet<PathBuf> {
        let mut directories = BTreeSet::new();
        for path in self.paths() {
            add_directories(&path, &mut directories);
        }
        let lists = self
            .include
            .iter()
            .map(Include::directory)
            .chain(self.authorities.iter().map(|dir| dir.as_path()));
        for list in lists {
            add_directories(&list.join("x"), &mut directories);
        }
        directories
    }
}

/// What is in a directory; nothing where it cannot be listed.
fn files_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// How each file stands; none where it is not there.
type FileStates = BTreeMap<PathBuf, Option<FileState>>;

/// What differs once a file is another or was written.
#[derive(Debug, Clone, PartialEq, Eq)]
struct FileState {
    file: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl FileState {
    /// Whether it was written, or given this name, since.
    fn is_younger(&self, since: SystemTime) -> bool {
        let since = since.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
        self.changed >= (seconds, i64::from(since.subsec_nanos()))
    }
}

/// Adds the directories that decide what `path` is.
fn add_directories(path: &Path, directories: &mut BTreeSet<PathBuf>) {
    let mut path = path.to_owned();
    for _ in 0..LINKS_MAX {
        let link = path.ancestors().find(|part| part.is_symlink()).map(Path::to_owned);
        let above = link.as_deref().unwrap_or(&path).parent().unwrap_or(Path::new("/"));
        directories.extend(above.ancestors().find(|it| it.is_dir()).map(Path::to_owned));
        let Some(link) = link else { return };
        // The last link on the way is looked at first: what is above it may be a link as well.
        let Ok(target) = fs::read_link(&link) else { return };
        let rest = path.strip_prefix(&link).unwrap_or(Path::new("")).to_owned();
        add_links_above(&link, directories);
        path = link.parent().unwrap_or(Path::new("/")).join(target).join(rest);
    }
}

/// Adds the directories of symbolic links above `path`.
fn add_links_above(path: &Path, directories: &mut BTreeSet<PathBuf>) {
    let links = path.ancestors().skip(1).filter(|part| part.is_symlink());
    directories.extend(links.filter_map(|link| link.parent().map(Path::to_owned)));
}

/// Watches as long as it is kept, and says when something has changed.
pub(super) struct ConfigWatch {
    files: watch::Sender<ConfigFiles>,
    changes: mpsc::Receiver<()>,
}

impl ConfigWatch {
    /// Begins to watch `files`, which were read after `since`.
    pub(super) fn start(files: ConfigFiles, since: SystemTime) -> Self {
        let (sender, receiver) = watch::channel(files);
        let (changed, changes) = mpsc::channel(1);
        tokio::spawn(run(receiver, changed, since));
        Self { files: sender, changes }
    }

    /// From now on these are the files.
    pub(super) fn is_of(&self, files: ConfigFiles) {
        self.files.send_if_modified(|old| {
            let differs = *old != files;
            *old = files;
            differs
        });
    }
}

/// Waits until a file has changed, should they be watched. Dropping it loses nothing.
pub(super) async fn changed(watch: &mut Option<ConfigWatch>) {
    let Some(ConfigWatch { changes, .. }) = watch else { return pending().await };
    if changes.recv().await.is_none() {
        // Nothing can be watched, and a warning says so.
        pending::<()>().await;
    }
}

/// What watches, with what it watches; it goes where that may block.
struct WatchedFiles {
    watcher: RecommendedWatcher,
    directories: BTreeSet<PathBuf>,
}

impl WatchedFiles {
    /// Watches what is to be watched now, and then looks.
    fn look(mut self, files: &ConfigFiles) -> (Self, FileStates) {
        let wanted = files.directories();
        for gone in self.directories.difference(&wanted) {
            // It may be gone from disk, and its watch with it.
            let _ = self.watcher.unwatch(gone);
        }
        // One that was there may be another by now, under the same name.
        for directory in &wanted {
            if let Err(error) = self.watcher.watch(directory, RecursiveMode::NonRecursive) {
                warn!(
                    "watch_config: {} cannot be watched: {error}; changes there count at the next HUP",
                    directory.shown()
                );
            }
        }
        self.directories = wanted;
        let standing = files.look();
        (self, standing)
    }
}

/// Tells by `changed` that files are no more as they were.
async fn run(
    mut files: watch::Receiver<ConfigFiles>,
    changed: mpsc::Sender<()>,
    mut since: SystemTime,
) {
    let (happened, mut events) = mpsc::channel(1);
    let handler = move |event: notify::Result<notify::Event>| {
        if event.as_ref().map_or(true, |event| may_change(event.kind)) {
            // Whoever is told once looks at everything.
            let _ = happened.try_send(());
        }
    };
    let watcher = match threads::run("watch", move || watcher(handler)).await {
        Ok(Ok(watcher)) => watcher,
        Ok(Err(error)) => {
            warn!("watch_config: nothing can be watched: {error}; changes count at the next HUP");
            return;
        }
        // The thread has panicked.
        Err(_) => return,
    };
    let mut watched = WatchedFiles { watcher, directories: BTreeSet::new() };
    let mut known = FileStates::new();
    let mut cause = Cause::OtherFiles;
    loop {
        let begun = SystemTime::now();
        let now = files.borrow_and_update().clone();
        let looked = threads::run("watch", move || watched.look(&now)).await;
        // The thread has panicked.
        let Ok((returned, standing)) = looked else { return };
        watched = returned;
        if differs(cause, &known, &standing, since) {
            since = begun;
            info!("watch_config: the configuration has changed, and is loaded again");
            if changed.send(()).await.is_err() {
                return;
            }
        }
        known = standing;
        cause = tokio::select! {
            () = quiet_after(&mut events) => Cause::Event,
            other = files.changed() => match other {
                Ok(()) => Cause::OtherFiles,
                Err(_) => return,
            },
        };
    }
}

/// A watcher whose thread runs. The crate does not say when it could not be started, and panics then at the first
/// use, and when the watcher is dropped.
fn watcher(
    handler: impl Fn(notify::Result<notify::Event>) + Send + 'static,
) -> Result<RecommendedWatcher, Box<dyn Error + Send + Sync>> {
    thread::Builder::new().spawn(|| ())?;
    let watcher = notify::recommended_watcher(handler)?;
    for _ in 0..STARTS {
        if has_thread()? {
            return Ok(watcher);
        }
        thread::sleep(START);
    }
    std::mem::forget(watcher);
    Err("its thread was not started".into())
}

/// Whether there is a thread of the crate's name, of which the kernel keeps the first 15 bytes.
fn has_thread() -> io::Result<bool> {
    for task in fs::read_dir("/proc/self/task")? {
        let name = fs::read_to_string(task?.path().join("comm")).unwrap_or_default();
        if name.starts_with("notify-rs inoti") {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// Something has happened.
    Event,
    /// A configuration was loaded that may consist of others.
    OtherFiles,
}

/// Whether what was loaded last is not what stands there now. What a configuration names that was loaded after
/// `since` was read by then, unless it was written since.
fn differs(cause: Cause, known: &FileStates, now: &FileStates, since: SystemTime) -> bool {
    match cause {
        Cause::Event => known != now,
        Cause::OtherFiles => now.iter().any(|(path, state)| match known.get(path) {
            Some(known) => known != state,
            None => state.as_ref().is_some_and(|state| state.is_younger(since)),
        }),
    }
}

/// Waits for an event, and then until there are none.
async fn quiet_after(events: &mut mpsc::Receiver<()>) {
    if events.recv().await.is_none() {
        return pending().await;
    }
    let last = Instant::now() + PATIENCE;
    while let Ok(Some(())) = timeout_at(last.min(Instant::now() + QUIET), events.recv()).await {}
}

/// Whether an event can have changed anything. Reading files is none: that is what a reload does.
fn may_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => true,
        EventKind::Access(_) => false,
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn state(size: u64, changed: i64) -> Option<FileState> {
        Some(FileState { file: (1, 1), size, modified: (0, 0), changed: (changed, 0) })
    }

    fn standing(files: &[(&str, Option<FileState>)]) -> FileStates {
        files.iter().map(|(path, state)| (PathBuf::from(path), state.clone())).collect()
    }

    #[test]
    fn what_another_configuration_names_is_no_change_unless_it_was_written_since() {
        let since = SystemTime::UNIX_EPOCH + Duration::from_secs(100);
        let known = standing(&[("/a", state(1, 50)), ("/b", None)]);
        let of = |cause, files: &[(&str, _)]| differs(cause, &known, &standing(files), since);
        for cause in [Cause::Event, Cause::OtherFiles] {
            assert!(!of(cause, &[("/a", state(1, 50)), ("/b", None)]));
            assert!(of(cause, &[("/a", state(2, 50)), ("/b", None)]));
            assert!(of(cause, &[("/a", None), ("/b", None)]));
        }
        for (files, is_change) in [
            (&[("/a", state(1, 50))][..], false),
            (&[("/a", state(1, 50)), ("/c", state(1, 99))], false),
            (&[("/a", state(1, 50)), ("/c", state(1, 100))], true),
        ] {
            assert!(of(Cause::Event, files));
            assert_eq!(of(Cause::OtherFiles, files), is_change);
        }
    }

    #[test]
    fn directories_are_those_of_every_link_on_the_way() {
        let directory = tempfile::tempdir().unwrap();
        let at = directory.path().canonicalize().unwrap();
        fs::create_dir_all(at.join("mount/..1/sub")).unwrap();
        fs::write(at.join("mount/..1/sub/c.yml"), "").unwrap();
        symlink("..1", at.join("mount/..data")).unwrap();
        symlink("..data/sub/c.yml", at.join("mount/c.yml")).unwrap();
        symlink("mount", at.join("etc")).unwrap();
        let of = |path: &str| {
            let mut directories = BTreeSet::new();
            add_directories(&at.join(path), &mut directories);
            let below = directories.iter().map(|it| it.strip_prefix(&at).unwrap().to_owned());
            below.map(|it| it.to_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        // "etc" is the directory "mount".
        assert_eq!(of("etc/c.yml"), ["", "etc", "mount/..1/sub"]);
        assert_eq!(of("missing/deep/c.yml"), [""]);
        symlink("loop", at.join("loop")).unwrap();
        assert_eq!(of("loop"), [""]);
    }
}
