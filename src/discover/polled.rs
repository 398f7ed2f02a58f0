//! Files and directories whose changes no event tells: they are looked at by their names.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::pipeline::event::Event;

/// How often they are looked at, so that a new line is on the wire within a second.
const INTERVAL: Duration = Duration::from_millis(500);
/// The time between two looks is at least so many times what a look takes.
const PAUSE: u32 = 4;

/// What changes when something is written to a file, or when a directory gets a new name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let metadata = fs::metadata(path).ok()?;
        Some(Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }
}

/// What to look at, with what was seen there last.
#[derive(Debug)]
struct LastStat<T> {
    what: T,
    stamp: Option<Stamp>,
    /// Named by the sweep under way, or by the last one.
    sweep: u32,
}

/// All that is looked at.
#[derive(Debug)]
pub(super) struct Polled {
    /// A path as its glob spells it → the entry.
    files: HashMap<PathBuf, LastStat<usize>>,
    /// A directory as a glob spells it.
    directories: HashMap<PathBuf, LastStat<()>>,
    sweep: u32,
    due: Instant,
}

/// What a look has found.
#[derive(Debug, Default)]
pub(super) struct Changes {
    pub(super) files: Vec<Event>,
    /// Directories that are to be looked through.
    pub(super) directories: Vec<PathBuf>,
}

impl Polled {
    pub(super) fn new() -> Self {
        Self {
            files: HashMap::new(),
            directories: HashMap::new(),
            sweep: 0,
            due: Instant::now() + INTERVAL,
        }
    }

    /// From now on what is not named until the next call of this is not looked at any more.
    pub(super) fn begin_sweep(&mut self) {
        self.sweep = self.sweep.wrapping_add(1);
    }

    /// Has the file at `path` looked at. To be called before it is named for another reason.
    pub(super) fn add_file(&mut self, path: &Path, entry: usize) {
        let sweep = self.sweep;
        let new = || LastStat { what: entry, stamp: Stamp::of(path), sweep };
        let seen = self.files.entry(path.to_owned()).or_insert_with(new);
        (seen.what, seen.sweep) = (entry, sweep);
    }

    /// Has the names in the directory at `path` looked at. To be called before it is listed.
    pub(super) fn add_directory(&mut self, path: &Path) {
        let seen = LastStat { what: (), stamp: Stamp::of(path), sweep: self.sweep };
        self.directories.insert(path.to_owned(), seen);
    }

    /// Ends a sweep: forgets what it has not named.
    pub(super) fn end_sweep(&mut self) {
        let sweep = self.sweep;
        self.files.retain(|_, seen| seen.sweep == sweep);
        self.directories.retain(|_, seen| seen.sweep == sweep);
    }

    /// When to look next; never where there is nothing to look at.
    pub(super) fn due(&self) -> Option<Instant> {
        let is_empty = self.files.is_empty() && self.directories.is_empty();
        (!is_empty).then_some(self.due)
    }

    /// Whether new files are found by looking alone somewhere.
    pub(super) fn has_directories(&self) -> bool {
        !self.directories.is_empty()
    }

    /// Looks at everything.
    pub(super) fn look(&mut self) -> Changes {
        let started = Instant::now();
        let mut changes = Changes::default();
        for (path, seen) in &mut self.files {
            if seen.is_changed(path) {
                changes.files.push(Event::Look { path: path.clone(), entry: seen.what });
            }
        }
        for (path, seen) in &mut self.directories {
            if seen.is_changed(path) {
                changes.directories.push(path.clone());
            }
        }
        self.due = Instant::now() + INTERVAL.max(started.elapsed() * PAUSE);
        changes
    }
}

impl<T> LastStat<T> {
    fn is_changed(&mut self, path: &Path) -> bool {
        let stamp = Stamp::of(path);
        let is_changed = stamp != self.stamp;
        self.stamp = stamp;
        is_changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changes_is_told_once_and_what_no_sweep_names_is_forgotten() {
        let root = tempfile::tempdir().unwrap();
        let (file, none) = (root.path().join("a.log"), root.path().join("b.log"));
        fs::write(&file, "").unwrap();
        let mut polled = Polled::new();
        assert_eq!(polled.due(), None);
        polled.add_file(&file, 3);
        polled.add_file(&none, 4);
        polled.add_directory(root.path());
        let look = |path: &PathBuf, entry| Event::Look { path: path.clone(), entry };
        let told = polled.look();
        assert!(told.files.is_empty() && told.directories.is_empty());
        assert!(polled.due().is_some());
        fs::write(&file, "line\n").unwrap();
        assert_eq!(polled.look().files, [look(&file, 3)]);
        fs::write(&none, "").unwrap();
        let told = polled.look();
        assert_eq!(
            (told.files, told.directories),
            (vec![look(&none, 4)], vec![root.path().into()])
        );
        fs::remove_file(&file).unwrap();
        assert_eq!(polled.look().files, [look(&file, 3)]);
        polled.begin_sweep();
        polled.add_file(&none, 4);
        polled.end_sweep();
        fs::write(&file, "line\n").unwrap();
        let told = polled.look();
        assert!(told.files.is_empty() && told.directories.is_empty());
    }
}
