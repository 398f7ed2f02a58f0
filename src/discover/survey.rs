//! One look at what a glob matches, without watching anything: for those who ask.

use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::places::{Globs, Places, State};
use super::walk::LINKS_MAX;

/// What a walk over the globs has found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The paths that match and are no directories, in their order.
    pub paths: Vec<PathBuf>,
    /// What the walk could not look into, and why.
    pub refused: Vec<(PathBuf, io::Error)>,
}

/// Walks `globs` from the root once, as the stage does when it sweeps.
#[must_use]
pub fn survey(globs: &Globs) -> Survey {
    let mut walk =
        Walk { globs, places: Places::new(), links_followed: 0, survey: Survey::default() };
    walk.enter(Path::new("/"), &globs.start());
    let mut survey = walk.survey;
    survey.paths.sort_unstable();
    survey.paths.dedup();
    survey
}

struct Walk<'a> {
    globs: &'a Globs,
    places: Places,
    links_followed: u32,
    survey: Survey,
}

impl Walk<'_> {
    fn enter(&mut self, directory: &Path, states: &[State]) {
        let place = self.places.entry(directory.to_owned()).or_default();
        if states.iter().all(|state| place.contains(state)) {
            return;
        }
        place.extend_from_slice(states);
        let (names, are_all) = self.globs.literal_names(states);
        if are_all {
            return self.enter_by_names(directory, &names, states);
        }
        match fs::read_dir(directory) {
            Ok(entries) => {
                for entry in entries.flatten() {
                    self.meet(entry.path(), &entry.file_name(), entry.file_type().ok(), states);
                }
            }
            Err(error) => {
                self.refused(directory.to_owned(), error);
                self.enter_by_names(directory, &names, states);
            }
        }
    }

    fn enter_by_names(&mut self, directory: &Path, names: &[&OsStr], states: &[State]) {
        for name in names {
            let path = directory.join(name);
            match fs::symlink_metadata(&path) {
                Ok(metadata) => self.meet(path, name, Some(metadata.file_type()), states),
                Err(error) => self.refused(path, error),
            }
        }
    }

    /// A name in a directory that was reached in `states`: a file, a way on, or neither.
    fn meet(&mut self, path: PathBuf, name: &OsStr, kind: Option<FileType>, states: &[State]) {
        let step = self.globs.step(states, name);
        if step.file_of.is_none() && step.enter.is_empty() {
            return;
        }
        let is_link = kind.is_none_or(|kind| kind.is_symlink());
        let is_directory = match kind {
            Some(kind) if !is_link => kind.is_dir(),
            _ => fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()),
        };
        if !is_directory {
            self.survey.paths.extend(step.file_of.map(|_| path));
        } else if !is_link {
            self.enter(&path, &step.enter);
        } else if self.links_followed < LINKS_MAX {
            self.links_followed += 1;
            self.enter(&path, &step.enter_link);
            self.links_followed -= 1;
        }
    }

    fn refused(&mut self, path: PathBuf, error: io::Error) {
        if error.kind() != io::ErrorKind::NotFound {
            self.survey.refused.push((path, error));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::config::FileEntry;

    #[test]
    fn it_finds_what_matches_at_any_depth_and_follows_links_by_name() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(root.join("a/b/c.log")).unwrap();
        for name in ["a/x.log", "a/b/y.log", "a/b/z.txt", "a/b/c.log/in.log"] {
            fs::write(root.join(name), "").unwrap();
        }
        symlink("b", root.join("a/link")).unwrap();
        symlink(".", root.join("a/b/loop")).unwrap();
        let found = |glob: &str| {
            let entry = FileEntry::of(&root, glob);
            let Survey { paths, refused } = survey(&Globs::new(&[entry]));
            assert!(refused.is_empty(), "{refused:?}");
            let below = |path: PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
            paths.into_iter().map(below).collect::<Vec<_>>()
        };
        assert_eq!(found("a/*.log"), ["a/x.log"]);
        assert_eq!(found("a/**/*.log"), ["a/b/c.log/in.log", "a/b/y.log", "a/x.log"]);
        assert_eq!(found("a/*/y.log"), ["a/b/y.log", "a/link/y.log"]);
        assert_eq!(found("a/b/y.log"), ["a/b/y.log"]);
        assert_eq!(found("a/none/*.log"), [""; 0]);
    }

    #[test]
    fn what_is_in_the_way_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let entry = FileEntry::of(&file, "x/y.log");
        let found = survey(&Globs::new(&[entry]));
        assert!(found.paths.is_empty() && found.refused.is_empty(), "a file leads nowhere");
    }
}
