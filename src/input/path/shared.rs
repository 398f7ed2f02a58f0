//! What all paths share.

use std::cell::RefCell;
use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::ownership::Ownership;
use crate::filter::Patterns;
use crate::input::read::content::{Stat, file_clock};
use crate::input::rotation::directories::{Directories, Disk};
use crate::mounts::Fence;
use crate::pipeline::position::{SourceId, SourceIds};

/// What all paths share.
pub(in crate::input) struct Shared {
    /// Files that are not to be read.
    exclude_files: Patterns,
    /// Which paths are for others to read.
    fence: Fence,
    /// Which path reads which file.
    pub(in crate::input) ownership: Ownership,
    ids: SourceIds,
    /// Where rotated files are looked for.
    pub(in crate::input) directories: Directories,
    /// Where the directory leads that was last asked for, and when.
    directory: Option<(PathBuf, Option<PathBuf>, Instant)>,
    /// The path that was looked at last in this turn, where that is no symbolic link.
    no_link: RefCell<OsString>,
    /// Since when its paths are followed, as [`file_clock`] tells it: what was born since is news.
    pub(in crate::input) follows_since: i64,
    /// Descriptors are plenty: files may be kept open though there is nothing to read.
    pub(in crate::input) may_keep_open: bool,
    /// Descriptors can be had from files that are open and not read just now.
    pub(in crate::input) may_ask_for_descriptor: bool,
    /// There is room for the last rotated file of each path as well.
    pub(in crate::input) may_linger: bool,
    /// There are so many files that the log does not name each at the start.
    pub(in crate::input) is_terse: bool,
}

impl Shared {
    /// The file at `path`. What is for others to read is not touched, and counts as missing.
    pub(in crate::input) fn stat(&self, path: &Path) -> io::Result<Stat> {
        match self.fence.is_outside(path) {
            true => Err(io::ErrorKind::NotFound.into()),
            false => self.stat_and_note(path),
        }
    }

    fn stat_and_note(&self, path: &Path) -> io::Result<Stat> {
        let metadata = path.symlink_metadata()?;
        let mut no_link = self.no_link.borrow_mut();
        no_link.clear();
        if metadata.is_symlink() {
            return Stat::at(path);
        }
        no_link.push(path);
        Ok(Stat::of(&metadata))
    }

    /// What comes next may have been waited for: nothing that was seen or listed counts any more.
    pub(in crate::input) fn turn_ends(&mut self) {
        self.no_link.get_mut().clear();
        self.directories.turn_ends();
    }

    pub(in crate::input) fn new(exclude_files: Patterns, fence: Fence, ids: SourceIds) -> Self {
        Self {
            exclude_files,
            fence,
            ownership: Ownership::default(),
            ids,
            directories: Directories::new(Disk),
            directory: None,
            no_link: RefCell::default(),
            follows_since: file_clock(),
            may_keep_open: true,
            may_ask_for_descriptor: true,
            may_linger: true,
            is_terse: false,
        }
    }

    /// Leaves out other files from now on, and follows others.
    pub(in crate::input) fn change(&mut self, exclude_files: Patterns) {
        self.exclude_files = exclude_files;
        self.follows_since = file_clock();
    }

    pub(in crate::input) fn is_excluded(&self, path: &Path) -> bool {
        self.exclude_files.matches(path.as_os_str().as_bytes())
    }

    /// Where `path` leads, if symbolic links lead anywhere else.
    pub(super) fn real(&mut self, path: &Path, now: Instant) -> Option<Arc<PathBuf>> {
        let is_no_link = *self.no_link.get_mut() == *path.as_os_str();
        let real = if !is_no_link && path.is_symlink() {
            path.canonicalize().ok()
        } else {
            let (directory, name) = (path.parent()?, path.file_name()?);
            // Files come by directories.
            if self.directory.as_ref().is_none_or(|(known, _, at)| {
                known.as_os_str() != directory.as_os_str() || *at != now
            }) {
                let real = directory.canonicalize().ok().filter(|real| real != directory);
                self.directory = Some((directory.to_owned(), real, now));
            }
            let (_, real, _) = self.directory.as_ref()?;
            real.as_ref().map(|real| real.join(name))
        };
        real.filter(|real| real != path).map(Arc::new)
    }

    pub(super) fn new_id(&self) -> SourceId {
        self.ids.next()
    }

    /// A place behind those of all generations so far, of whatever path.
    pub(super) fn order_behind_all(&self) -> u64 {
        super::generation::order_behind_all(self.ids.end().0)
    }
}
