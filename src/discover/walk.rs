//! The walk through the directories that the globs lead through, for the stage and for those who
//! only ask. It is pulled: whoever walks decides between two finds what to do about them.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs::{self, FileType};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::border::{Border, Crossing};
use super::places::{GlobState, Globs};
use super::reached::{Entered, Reached};

/// The kernel gives up at so many symbolic links in one path (`path_resolution(7)`).
pub(super) const LINKS_MAX: u32 = 40;

/// Something on the way.
#[derive(Debug)]
pub(super) enum Sighting {
    /// This directory is looked through next: whoever watches it now misses nothing.
    Directory {
        path: PathBuf,
        /// Files may match here, or directories whose names the globs do not write out.
        is_open: bool,
        /// The globs write out some of the names.
        by_name: bool,
    },
    /// A name that the globs write out is missing from a directory that is not open. It is looked
    /// for once more after this.
    Missing,
    /// A path that matches and is no directory.
    File(GlobMatch),
    /// A symbolic link that leads on to a directory, or may do so one day.
    Link { path: PathBuf },
    /// A directory that went before it could be looked through.
    Gone,
    /// What could not be looked into.
    Refused { path: PathBuf, error: io::Error },
    /// A directory that is not entered, for it was entered by too many other spellings.
    Repeated { path: PathBuf },
}

/// A path that matches.
#[derive(Debug)]
pub(super) struct GlobMatch {
    pub(super) path: PathBuf,
    /// The first entry that matches.
    pub(super) entry: usize,
    /// The others.
    pub(super) also: Vec<usize>,
    pub(super) is_link: bool,
    /// It is no link, and there is no other hard link to it, as far as that was asked.
    pub(super) has_one_name: bool,
}

/// A directory to enter.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) directory: PathBuf,
    pub(super) states: Vec<GlobState>,
    /// Symbolic links on the way there.
    links: u32,
}

/// A directory that is being looked through.
#[derive(Debug)]
struct Open {
    way: Way,
    names: Names,
}

#[derive(Debug)]
enum Names {
    NotYet,
    Listed(fs::ReadDir),
    Written {
        names: std::vec::IntoIter<OsString>,
        /// Those that were missing, where they are to be looked for again.
        missing: Option<Vec<OsString>>,
    },
}

impl Names {
    fn written(names: Vec<OsString>, missing: Option<Vec<OsString>>) -> Self {
        Self::Written { names: names.into_iter(), missing }
    }
}

/// A walk under way.
#[derive(Debug, Default)]
pub(super) struct Walk {
    todo: Vec<Way>,
    /// Directories that symbolic links lead to, by the number of links and by name: they wait for
    /// all others, so that a directory is known by its own name first.
    linked: BTreeMap<(u32, PathBuf), Vec<GlobState>>,
    open: Option<Open>,
    /// What was found on the way to what was asked for.
    found: Vec<Sighting>,
    /// Nobody wants to know how many names a file has, which takes a look at each.
    only_lists: bool,
}

impl Walk {
    /// From the root.
    pub(super) fn new(globs: &Globs) -> Self {
        let mut walk = Self::default();
        walk.enter(PathBuf::from("/"), globs.start());
        walk
    }

    /// The same, for who wants to know nothing but what is there.
    pub(super) fn listing(globs: &Globs) -> Self {
        Self { only_lists: true, ..Self::new(globs) }
    }

    /// Has `directory` looked through in `states`, as far as it was not before.
    fn enter(&mut self, directory: PathBuf, states: Vec<GlobState>) {
        self.todo.push(Way { directory, states, links: 0 });
    }

    /// Has `directory` looked through, which was reached in `states` by an earlier walk.
    pub(super) fn enter_again(
        &mut self,
        directory: PathBuf,
        states: Vec<GlobState>,
        globs: &Globs,
    ) {
        self.open(Way { directory, states, links: 0 }, globs);
    }

    /// The next thing on the way; nothing when all is found.
    pub(super) fn next(&mut self, globs: &Globs, reached: &mut Reached) -> Option<Sighting> {
        loop {
            if let Some(found) = self.found.pop() {
                return Some(found);
            }
            if let Some(open) = self.open.take() {
                self.go_on(open, globs, &mut reached.border);
            } else {
                let way = self.todo.pop().or_else(|| {
                    let ((links, directory), states) = self.linked.pop_first()?;
                    Some(Way { directory, states, links })
                })?;
                self.begin(way, globs, reached);
            }
        }
    }

    fn begin(&mut self, mut way: Way, globs: &Globs, reached: &mut Reached) {
        match reached.enter(&way.directory, &way.states) {
            Entered::New(states) => way.states = states,
            Entered::Before => return,
            Entered::TooOften => {
                return self.found.push(Sighting::Repeated { path: way.directory });
            }
            Entered::Gone => return self.found.push(Sighting::Gone),
        }
        self.open(way, globs);
    }

    fn open(&mut self, way: Way, globs: &Globs) {
        let is_open = globs.is_open(&way.states);
        let by_name = !globs.literal_names(&way.states).0.is_empty();
        let path = way.directory.clone();
        self.open = Some(Open { way, names: Names::NotYet });
        self.found.push(Sighting::Directory { path, is_open, by_name });
    }

    /// Looks at the next name in `open`.
    fn go_on(&mut self, mut open: Open, globs: &Globs, border: &mut Border) {
        match &mut open.names {
            Names::NotYet => match self.names(&open.way, globs) {
                Some(names) => open.names = names,
                None => return,
            },
            Names::Listed(entries) => match entries.next() {
                Some(Ok(entry)) => {
                    let name = entry.file_name();
                    // Before its type is asked for, which may take a look at it.
                    if !border.is_at(&open.way, &name, globs) {
                        // Asked for by the directory's descriptor, which is less work than by the path.
                        let links = || entry.metadata().ok().map(|metadata| metadata.nlink());
                        let kind = entry.file_type().ok();
                        self.meet(&open.way, &name, kind, links, globs, border);
                    }
                }
                Some(Err(error)) => {
                    let path = open.way.directory.clone();
                    return self.found.push(Sighting::Refused { path, error });
                }
                None => return,
            },
            Names::Written { names, missing } => match names.next() {
                Some(name) => {
                    let is_there = self.look_for(&open.way, &name, globs, border);
                    if let Some(missing) = missing.as_mut().filter(|_| !is_there) {
                        missing.push(name);
                    }
                }
                None => match missing.take() {
                    Some(missing) if !missing.is_empty() => {
                        open.names = Names::written(missing, None);
                        self.found.push(Sighting::Missing);
                    }
                    _ => return,
                },
            },
        }
        self.open = Some(open);
    }

    /// The names to look at in a directory. Where it may not be listed, those that are written out.
    fn names(&mut self, way: &Way, globs: &Globs) -> Option<Names> {
        let (names, are_all) = globs.literal_names(&way.states);
        let names: Vec<_> = names.into_iter().map(OsStr::to_owned).collect();
        if are_all {
            // A directory that is open is watched by now, so it tells when a name comes.
            let missing = (!globs.is_open(&way.states)).then(Vec::new);
            return Some(Names::written(names, missing));
        }
        match fs::read_dir(&way.directory) {
            Ok(entries) => Some(Names::Listed(entries)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.found.push(Sighting::Gone);
                None
            }
            Err(error) => {
                self.found.push(Sighting::Refused { path: way.directory.clone(), error });
                Some(Names::written(names, None))
            }
        }
    }

    /// Looks for a name that is written out. False where it is missing.
    fn look_for(&mut self, way: &Way, name: &OsStr, globs: &Globs, border: &mut Border) -> bool {
        if border.is_at(way, name, globs) {
            return true;
        }
        let path = way.directory.join(name);
        match fs::symlink_metadata(&path) {
            Ok(metadata) => {
                let links = || Some(metadata.nlink());
                self.meet(way, name, Some(metadata.file_type()), links, globs, border);
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => return false,
            Err(error) => self.found.push(Sighting::Refused { path, error }),
        }
        true
    }

    /// A walk that begins at a name in a directory that was reached in `states` by an earlier one.
    pub(super) fn look_at(
        &mut self,
        directory: &Path,
        states: Vec<GlobState>,
        name: &OsStr,
        globs: &Globs,
        border: &mut Border,
    ) {
        let way = Way { directory: directory.to_owned(), states, links: 0 };
        self.look_for(&way, name, globs, border);
    }

    /// A walk that goes on where others have stopped.
    pub(super) fn beyond(crossings: &BTreeSet<Crossing>, globs: &Globs) -> Self {
        let mut walk = Self::default();
        for Crossing { directory, name, states } in crossings {
            walk.look_at(directory, states.clone(), name, globs, &mut Border::default());
        }
        walk
    }

    /// A name in a directory: a file, a way on, or neither. `links` tells how many names it has.
    fn meet(
        &mut self,
        way: &Way,
        name: &OsStr,
        kind: Option<FileType>,
        links: impl FnOnce() -> Option<u64>,
        globs: &Globs,
        border: &mut Border,
    ) {
        let step = globs.step(&way.states, name);
        if step.file_of.is_none() && step.enter.is_empty() {
            return;
        }
        let path = way.directory.join(name);
        let is_link = kind.is_none_or(|kind| kind.is_symlink());
        if is_link && border.is_crossed_by(way, name) {
            return;
        }
        let target = if is_link { fs::metadata(&path).ok() } else { None };
        let is_directory = match (&target, kind) {
            (Some(target), _) => target.is_dir(),
            (None, kind) => kind.is_some_and(|kind| kind.is_dir()),
        };
        if is_link && !step.enter_link.is_empty() && (is_directory || target.is_none()) {
            self.found.push(Sighting::Link { path: path.clone() });
        }
        if !is_directory {
            let Some(entry) = step.file_of else { return };
            let is_only_name = || self.only_lists || links().is_none_or(|count| count <= 1);
            let has_one_name = !is_link && is_only_name();
            let also = step.also_of;
            self.found.push(Sighting::File(GlobMatch { path, entry, also, is_link, has_one_name }));
        } else if !is_link {
            self.todo.push(Way { directory: path, states: step.enter, links: way.links });
        } else if way.links < LINKS_MAX && !step.enter_link.is_empty() {
            self.linked.entry((way.links + 1, path)).or_default().extend(step.enter_link);
        }
    }
}
