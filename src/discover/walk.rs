//! The way through the directories that the globs lead through.

use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use tracing::{trace, warn};

use super::places::State;
use super::{Closed, Stage};
use crate::pipeline::event::Event;
use crate::shown::Show;

/// As in path resolution (`path_resolution(7)`).
pub(super) const LINKS_MAX: u32 = 40;

impl Stage {
    /// Looks at what `directory` holds, which was reached in `states`.
    pub(super) fn enter(&mut self, directory: &Path, states: &[State]) -> Result<(), Closed> {
        if !self.is_new(directory, states) {
            return Ok(());
        }
        // Watched before it is listed: what comes in between is seen twice, not missed.
        let open = self.settings.globs.is_open(states);
        let (names, are_all) = self.settings.globs.literal_names(states);
        let names: Vec<_> = names.into_iter().map(OsStr::to_owned).collect();
        if open {
            self.watch_directory(directory, true, !names.is_empty());
        }
        if are_all {
            return self.enter_by_names(directory, names, states, open);
        }
        match fs::read_dir(directory) {
            Ok(entries) => {
                self.reported.remove(directory);
                for entry in entries.flatten() {
                    self.meet(directory, &entry.file_name(), entry.file_type().ok(), states)?;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.unsettled = true,
            Err(error) => {
                self.report_once(directory, &error);
                self.enter_by_names(directory, names, states, open)?;
            }
        }
        Ok(())
    }

    /// Looks for the names that are written out in the globs, without listing the directory.
    fn enter_by_names(
        &mut self,
        directory: &Path,
        names: Vec<OsString>,
        states: &[State],
        watched: bool,
    ) -> Result<(), Closed> {
        for name in names {
            let path = directory.join(&name);
            let mut found = fs::symlink_metadata(&path);
            if found.is_err() && !watched {
                // It is missing on the way to a file: the watch tells when it comes.
                self.watch_directory(directory, true, true);
                found = fs::symlink_metadata(&path);
            }
            match found {
                Ok(metadata) => self.meet(directory, &name, Some(metadata.file_type()), states)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => self.report_once(&path, &error),
            }
        }
        Ok(())
    }

    /// Notes that `directory` is entered in `states`; false when it was before.
    fn is_new(&mut self, directory: &Path, states: &[State]) -> bool {
        if states.is_empty() {
            return false;
        }
        let place = self.places.entry(directory.to_owned()).or_default();
        let before = place.len();
        place.extend_from_slice(states);
        place.sort_unstable();
        place.dedup();
        place.len() > before
    }

    /// A name in a directory that was reached in `states`: a file, a way on, or neither.
    pub(super) fn meet(
        &mut self,
        directory: &Path,
        name: &OsStr,
        kind: Option<FileType>,
        states: &[State],
    ) -> Result<(), Closed> {
        self.settings.beat.turn();
        let step = self.settings.globs.step(states, name);
        if step.file_of.is_none() && step.enter.is_empty() {
            return Ok(());
        }
        let path = directory.join(name);
        let is_link = kind.is_none_or(|kind| kind.is_symlink());
        let is_directory = match kind {
            Some(kind) if !kind.is_symlink() => kind.is_dir(),
            _ => fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()),
        };
        if is_directory {
            let states = if is_link { &step.enter_link } else { &step.enter };
            if is_link && self.links_followed >= LINKS_MAX {
                return Ok(());
            }
            self.links_followed += u32::from(is_link);
            let entered = self.enter(&path, states);
            self.links_followed -= u32::from(is_link);
            return entered;
        }
        let Some(entry) = step.file_of else { return Ok(()) };
        if is_link {
            self.follow_link(&path, entry);
        }
        self.candidate(path, entry, &step.also_of)
    }

    /// Watches where a symbolic link points to: writing there does nothing to the link's own
    /// directory.
    fn follow_link(&mut self, path: &Path, entry: usize) {
        let Ok(target) = fs::canonicalize(path) else { return };
        if let Some(directory) = target.parent() {
            self.watch_directory(directory, false, true);
        }
        let followers = self.links.entry(target).or_default();
        if !followers.iter().any(|(follower, _)| follower == path) {
            followers.push((path.to_owned(), entry));
        }
    }

    /// `by_name`: its files are found without listing it.
    pub(super) fn watch_directory(&mut self, directory: &Path, is_place: bool, by_name: bool) {
        let canonical = match fs::canonicalize(directory) {
            Ok(canonical) => canonical,
            Err(error) => {
                // What may not be entered stays so: to look again at once would be of no use.
                self.unsettled |= error.kind() == std::io::ErrorKind::NotFound;
                return;
            }
        };
        self.unsettled |= !self.watch.add(&canonical, by_name);
        if is_place {
            let spellings = self.spellings.entry(canonical.clone()).or_default();
            if !spellings.iter().any(|spelled| spelled == directory) {
                spellings.push(directory.to_owned());
            }
        }
        self.wanted.insert(canonical);
    }

    fn candidate(&mut self, path: PathBuf, entry: usize, also: &[usize]) -> Result<(), Closed> {
        if self.is_excluded(&path) {
            return Ok(());
        }
        self.matched.insert(entry);
        self.matched.extend(also);
        self.send(Event::Look { path, entry })
    }

    pub(super) fn is_excluded(&self, path: &Path) -> bool {
        let excluded = self.settings.exclude.matches(path.as_os_str().as_bytes());
        if excluded {
            trace!("not following {}: it matches exclude_files", path.shown());
        }
        excluded
    }

    fn report_once(&mut self, path: &Path, error: &std::io::Error) {
        if self.reported.insert(path.to_owned()) {
            warn!(
                "cannot look into {}: {error}; files below it whose names are not written out are \
                 not followed; see that the user this runs as may list and enter it",
                path.shown()
            );
        }
    }
}
