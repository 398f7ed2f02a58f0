//! Rotated files whose identity is still unknown: they are being compressed, or their directory cannot
//! be read now. They are looked at again every second.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::Shared;
use super::acting::PATIENCE;
use crate::input::read::content::Stat;
use crate::input::rotation::archive;
use crate::input::rotation::directories::{Directories, Sibling};
use crate::input::rotation::judge::same_but_device;
use crate::input::rotation::names;
use crate::pipeline::position::{Inode, Source};

/// What is looked at again. Newer files do not wait for it.
pub(super) struct Unsettled {
    /// Rotated files that are not complete yet, and begin like those that are known: copies of them,
    /// it seems.
    pub(super) files: Vec<UnsettledFile>,
    pub(super) searches: Vec<FailedSearch>,
    /// Until when it is tried to tell what took the place of the file at the path.
    pub(super) replaced: Option<Instant>,
    /// When to look again: each look may decompress them all.
    pub(super) look_at: Instant,
}

impl Unsettled {
    /// The last place that a file of these has.
    pub(super) fn last_order(&self) -> Option<u64> {
        self.files.iter().map(|file| file.order).max()
    }

    /// Whether what stands in this place waits for some of it.
    pub(super) fn is_awaited_by(&self, order: u64) -> bool {
        let files = self.files.iter().map(|file| (file.patience, Some(file.order)));
        let searches = self.searches.iter().map(|failed| (failed.patience, failed.after));
        files.chain(searches).any(|(patience, after)| {
            patience != RetryLimit::Endless && after.is_none_or(|after| after < order)
        })
    }
}

/// A search that could not be made.
pub(super) struct FailedSearch {
    pub(super) search: Search,
    /// The place of what comes before what it may find.
    pub(super) after: Option<u64>,
    pub(super) patience: RetryLimit,
}

/// A search for files that came and were rotated away unseen.
pub(super) struct Search {
    /// What they were rotated away from, as far as their names tell.
    pub(super) source: Arc<Source>,
    pub(super) kind: SearchKind,
    /// The file that the path names, which is none of them.
    pub(super) current: Inode,
}

/// What is searched for; see [`archive`].
pub(super) enum SearchKind {
    Successors {
        modified: i64,
        /// Where the link at the path leads by now.
        leads_to: Option<Arc<PathBuf>>,
    },
    Copies {
        after: i64,
        until: i64,
    },
    Newborn {
        since: i64,
    },
}

impl Search {
    /// What is searched from was written last at this time: no copy of what it held before is younger.
    pub(super) fn copied_before(&mut self, stat: &Stat) {
        if let SearchKind::Copies { until, .. } = &mut self.kind {
            *until = stat.modified.min(*until);
        }
    }

    /// Whether a name says for certain that its file was rotated away from what is searched from.
    pub(super) fn is_telling(&self, path: &Path) -> bool {
        let comes_between = || match &self.kind {
            SearchKind::Successors { leads_to: Some(to), .. } => {
                archive::was_left_out(&self.source, to, path)
            }
            _ => false,
        };
        archive::is_telling(&self.source, path) || comes_between()
    }

    pub(super) fn siblings(&self, directories: &Directories) -> io::Result<Vec<Sibling>> {
        match self.kind {
            SearchKind::Successors { modified, ref leads_to } => {
                let leads_to = leads_to.as_deref().map(PathBuf::as_path);
                archive::successors(directories, &self.source, modified, leads_to)
            }
            SearchKind::Copies { after, until } => {
                archive::copies(directories, &self.source, after, until)
            }
            SearchKind::Newborn { since } => archive::newborn(directories, &self.source, since),
        }
    }
}

/// A rotated file that is not complete yet.
pub(super) struct UnsettledFile {
    pub(super) path: PathBuf,
    pub(super) inode: Inode,
    /// What it seems to have been rotated away from.
    pub(super) source: Arc<Source>,
    /// Its place among the generations of the path.
    pub(super) order: u64,
    /// How large it was when it was last looked at.
    pub(super) size: u64,
    /// When it was written last, in nanoseconds since the epoch. Compression leaves that as it is.
    pub(super) modified: i64,
    /// It was read here before it was written over.
    pub(super) is_rewritten: bool,
    pub(super) patience: RetryLimit,
}

/// How long something is looked at again that cannot be told, and whether newer files wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RetryLimit {
    /// As long as it takes. Newer files do not wait: it is being compressed, or descriptors are short.
    Endless,
    /// Reading fails. Newer files wait until then, and it is given up.
    Until(Instant),
}

impl RetryLimit {
    /// With something that failed just now.
    pub(super) fn with(error: &io::Error, now: Instant) -> Self {
        match archive::is_passing(error) {
            true => Self::Endless,
            false => Self::Until(now + PATIENCE),
        }
    }

    pub(super) fn is_over(self, now: Instant) -> bool {
        matches!(self, Self::Until(at) if at <= now)
    }
}

/// What the names of compressed files that can be read end with.
const COMPRESSED: [&str; 4] = [".gz", ".zst", ".xz", ".bz2"];

impl UnsettledFile {
    /// What the kernel says of it, wherever rotation has moved it; or of what compression has made of it.
    /// Nothing where it is gone. What is not read yet, as `is_known` says, comes first.
    ///
    /// # Errors
    /// When it cannot be told for now.
    pub(super) fn stat(
        &mut self,
        directories: &Directories,
        is_known: impl Fn(Inode) -> bool,
    ) -> io::Result<Option<Stat>> {
        if let Some(moved) = archive::moved(directories, &self.path, self.inode)? {
            self.path = moved;
            return Stat::at(&self.path).map(|stat| Some(stat).filter(|s| self.is(s)));
        }
        if names::is_compressed(&self.path) {
            return Ok(None);
        }
        let beside = self.compressed_beside();
        // Its name may be another file's by now, and its time is its own.
        let is_of_its_time = |it: &Sibling| it.stat.modified == self.modified;
        let found = match beside.filter(is_of_its_time) {
            Some(beside) => Some(beside),
            None => self.compressed_elsewhere(directories, &is_known)?,
        };
        let unknown = || self.compressed_beside().filter(|it| !is_known(it.stat.inode));
        let Some(Sibling { path, stat }) = found.or_else(unknown) else { return Ok(None) };
        (self.path, self.inode) = (path, stat.inode);
        Ok(Some(stat))
    }

    /// What compression would make of it where it stood.
    fn compressed_beside(&self) -> Option<Sibling> {
        COMPRESSED.iter().find_map(|extension| {
            let mut path = self.path.clone();
            path.as_mut_os_string().push(extension);
            let stat = Stat::at(&path).ok()?;
            Some(Sibling { path, stat })
        })
    }

    /// What compression has made of it, and has another name by now.
    fn compressed_elsewhere(
        &self,
        directories: &Directories,
        is_known: impl Fn(Inode) -> bool,
    ) -> io::Result<Option<Sibling>> {
        let mut archives = archive::archives_of(directories, &self.source, self.modified)?;
        // Where another search has found it already, that is to be known.
        archives.sort_by_key(|archive| is_known(archive.stat.inode));
        Ok(archives.into_iter().next())
    }

    /// Its size may have changed, and nothing else.
    fn is(&self, stat: &Stat) -> bool {
        same_but_device(self.inode, stat.inode)
    }

    /// The same file, which fails just now.
    pub(super) fn failing(self, error: &io::Error, now: Instant) -> Self {
        let patience = match self.patience {
            RetryLimit::Endless => RetryLimit::with(error, now),
            until => until,
        };
        Self { patience, ..self }
    }

    /// Whether it was moved to a name that is none of ours, or excluded.
    pub(super) fn is_elsewhere(&self, shared: &Shared) -> bool {
        let mut places = archive::places(&self.source);
        let is_ours = self.is_rewritten || places.any(|it| names::is_sibling_of(&it, &self.path));
        shared.is_excluded(&self.path) || !is_ours
    }
}
