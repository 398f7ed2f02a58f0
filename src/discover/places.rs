//! Which directories the globs lead through, and what a name in one of them means.
//!
//! Globs are walked like a state machine over path components: a directory is reached in one or
//! more states (which glob, which of its components comes next), and each name in it leads on.
//! A full walk and a single inotify event use the same step.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::{Component as PathComponent, Path, PathBuf};

use crate::config::FileEntry;
use crate::glob::{Component, Glob};

/// All globs.
#[derive(Debug)]
pub struct Globs {
    entries: Vec<Glob>,
}

/// A glob (by its place in `files`) and the component that names in a directory are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GlobState {
    entry: usize,
    component: usize,
}

impl GlobState {
    /// The place of the glob in `files`.
    pub(super) fn entry(self) -> usize {
        self.entry
    }
}

/// What a name in a directory is to the globs.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct GlobStep {
    /// The first entry of which it may be a file.
    pub(super) file_of: Option<usize>,
    /// The others.
    pub(super) also_of: Vec<usize>,
    /// The states in which it is entered if it is a directory.
    pub(super) enter: Vec<GlobState>,
    /// Those of `enter` that also hold when it is a symbolic link to a directory.
    pub(super) enter_link: Vec<GlobState>,
}

impl Globs {
    /// Those of `files`.
    #[must_use]
    pub fn new(files: &[FileEntry]) -> Self {
        Self { entries: files.iter().map(|file| file.glob.clone()).collect() }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn get(&self, entry: usize) -> &Glob {
        &self.entries[entry]
    }

    /// The first entry that matches `path`.
    #[must_use]
    pub fn entry_of(&self, path: &Path) -> Option<usize> {
        let name = path.file_name()?;
        let mut states = self.start();
        for part in path.parent()?.components() {
            if matches!(part, PathComponent::Normal(_) | PathComponent::ParentDir) {
                states = self.step(&states, part.as_os_str()).enter;
            }
        }
        self.step(&states, name).file_of
    }

    /// The states in which the root directory is entered.
    pub(super) fn start(&self) -> Vec<GlobState> {
        self.closed(
            (0..self.entries.len()).map(|entry| GlobState { entry, component: 0 }).collect(),
        )
    }

    /// Where `name` leads from a directory that was entered in `states`.
    pub(super) fn step(&self, states: &[GlobState], name: &OsStr) -> GlobStep {
        let mut step = GlobStep::default();
        for &state in states {
            let components = self.entries[state.entry].components();
            let component = &components[state.component];
            if matches!(component, Component::AnyDepth) {
                step.enter.push(state);
            } else if component.matches(name) {
                if state.component + 1 == components.len() {
                    let (first, other) = match step.file_of {
                        Some(entry) => (entry.min(state.entry), Some(entry.max(state.entry))),
                        None => (state.entry, None),
                    };
                    step.file_of = Some(first);
                    step.also_of.extend(other);
                } else {
                    let next = GlobState { component: state.component + 1, ..state };
                    step.enter.push(next);
                    step.enter_link.push(next);
                }
            }
        }
        step.enter = self.closed(step.enter);
        step.enter_link = self.closed(step.enter_link);
        step
    }

    /// `**` also stands for no directory at all.
    fn closed(&self, mut states: Vec<GlobState>) -> Vec<GlobState> {
        for i in 0..states.len() {
            let GlobState { entry, component } = states[i];
            if matches!(self.entries[entry].components().get(component), Some(Component::AnyDepth))
            {
                states.push(GlobState { entry, component: component + 1 });
            }
        }
        states.sort_unstable();
        states.dedup();
        states
    }

    /// The names in a directory that the globs write out, and whether no others can matter.
    pub(super) fn literal_names(&self, states: &[GlobState]) -> (Vec<&OsStr>, bool) {
        let literal =
            |state: &GlobState| match &self.entries[state.entry].components()[state.component] {
                Component::Literal(name) => Some(name.as_os_str()),
                _ => None,
            };
        let names: Vec<_> = states.iter().filter_map(literal).collect();
        let are_all = names.len() == states.len();
        (names, are_all)
    }

    /// Whether files may match in a directory, or directories whose names are not known.
    pub(super) fn is_open(&self, states: &[GlobState]) -> bool {
        states.iter().any(|state| {
            let components = self.entries[state.entry].components();
            state.component + 1 == components.len()
                || !matches!(components[state.component], Component::Literal(_))
        })
    }
}

/// The directories reached, as the globs spell them.
pub(super) type Places = HashMap<PathBuf, Vec<GlobState>>;

#[cfg(test)]
mod tests {
    use super::*;

    fn globs(globs: &[&str]) -> Globs {
        let entry = |glob: &&str| FileEntry::of(Path::new("/"), glob);
        Globs::new(&globs.iter().map(entry).collect::<Vec<_>>())
    }

    #[test]
    fn the_first_entry_that_matches_counts() {
        let globs = globs(&["/var/log/a.log", "/var/log/*.log", "/var/**/*.log", "/srv/**"]);
        for (path, entry) in [
            ("/var/log/a.log", Some(0)),
            ("/var/log/b.log", Some(1)),
            ("/var/log/x/y/z.log", Some(2)),
            ("/var/top.log", Some(2)),
            ("/srv/x", Some(3)),
            ("/srv/a/b/c", Some(3)),
            ("/var/log/a.txt", None),
            ("/a.log", None),
        ] {
            assert_eq!(globs.entry_of(Path::new(path)), entry, "{path}");
        }
    }

    #[test]
    fn a_way_back_up_is_a_part_of_the_way() {
        let globs = globs(&["/var/log/app/../other/*.log"]);
        let spelled = Path::new("/var/log/app/../other/a.log");
        assert_eq!(globs.entry_of(spelled), Some(0));
        assert_eq!(globs.entry_of(Path::new("/var/log/other/a.log")), None);
    }

    #[test]
    fn a_name_is_of_the_first_entry_and_of_others() {
        let globs = globs(&["/*.log", "/b.log", "/a.log"]);
        let step = globs.step(&globs.start(), OsStr::new("a.log"));
        assert_eq!((step.file_of, step.also_of), (Some(0), vec![2]));
    }

    #[test]
    fn literal_components_need_no_listing() {
        let globs = globs(&["/var/log/a.log"]);
        let states = globs.start();
        assert_eq!(globs.literal_names(&states), (vec![OsStr::new("var")], true));
        assert!(!globs.is_open(&states));
        let states = globs.step(&states, OsStr::new("var")).enter;
        let states = globs.step(&states, OsStr::new("log")).enter;
        assert!(globs.is_open(&states));
    }

    #[test]
    fn links_are_entered_by_name_but_not_by_any_depth() {
        let globs = globs(&["/a/*/x.log", "/a/**/y.log"]);
        let states = globs.step(&globs.start(), OsStr::new("a")).enter;
        let step = globs.step(&states, OsStr::new("link"));
        assert_eq!(step.enter_link, [GlobState { entry: 0, component: 2 }]);
        assert_eq!(step.enter.len(), 3);
    }
}
