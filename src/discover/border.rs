//! The border: where the walk over this machine's file systems meets one that may not answer. It stops
//! there without asking that one for anything, and another walk goes on.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::watch::Receiver;

use super::places::{GlobState, GlobStep, Globs};
use super::walk::Way;
use crate::mounts::{Mounts, Territory};

/// A way over the border: a name in a directory on this side that leads to the other one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Crossing {
    pub(super) directory: PathBuf,
    pub(super) name: OsString,
    /// In which the directory was reached.
    pub(super) states: Vec<GlobState>,
}

/// All ways that a sweep has found, by the mounts to which they lead.
pub type Crossings = BTreeMap<PathBuf, BTreeSet<Crossing>>;

/// What of all directories a stage looks through.
#[derive(Debug)]
pub enum Area {
    /// What lies on this machine. The ways over the border are told after the first sweep, and
    /// whenever some come or go.
    Near(UnboundedSender<Crossings>),
    /// What is mounted at this point, as far as these ways lead there; nothing until they are known.
    Far(PathBuf, Receiver<Option<Arc<BTreeSet<Crossing>>>>),
}

impl Area {
    /// Waits until there are other ways than before.
    pub(super) async fn changed(&mut self) {
        let is_last = match self {
            Self::Near(_) => true,
            Self::Far(_, ways) => ways.changed().await.is_err(),
        };
        if is_last {
            std::future::pending().await
        }
    }
}

/// The border as a walk sees it.
#[derive(Debug, Default)]
pub(super) struct Border {
    /// Nothing where a walk goes on behind the border.
    mounts: Option<Arc<Mounts>>,
    /// The directory that was asked for last, and where it is.
    directory: Option<(PathBuf, PathBuf)>,
    /// What was found since it was last taken.
    found: Crossings,
}

impl Border {
    /// Where `mounts` have it.
    pub(super) fn of(mounts: Arc<Mounts>) -> Self {
        Self { mounts: Some(mounts).filter(|mounts| mounts.has_remote()), ..Self::default() }
    }

    /// Whether `name` is a point of the border. Then it is not to be looked at.
    pub(super) fn is_at(&mut self, way: &Way, name: &OsStr, globs: &Globs) -> bool {
        let Some(mounts) = self.mounts.clone() else { return false };
        let directory = &way.directory;
        if self.directory.as_ref().is_none_or(|(spelled, _)| spelled != directory) {
            let Ok(canonical) = fs::canonicalize(directory) else { return false };
            self.directory = Some((directory.clone(), canonical));
        }
        let Some((_, canonical)) = &self.directory else { return false };
        let point = canonical.join(name);
        let is_point = mounts.is_remote_point(&point);
        if is_point && globs.step(&way.states, name) != GlobStep::default() {
            self.note(point, way, name);
        }
        is_point
    }

    /// Whether the symbolic link `name`, which the globs lead to, leads over the border.
    pub(super) fn is_crossed_by(&mut self, way: &Way, name: &OsStr) -> bool {
        let Some(mounts) = self.mounts.clone() else { return false };
        match mounts.territory(&way.directory.join(name)) {
            Territory::Near => false,
            Territory::Far(point) => {
                self.note(point, way, name);
                true
            }
        }
    }

    fn note(&mut self, point: PathBuf, way: &Way, name: &OsStr) {
        let (directory, states, name) =
            (way.directory.clone(), way.states.clone(), name.to_owned());
        self.found.entry(point).or_default().insert(Crossing { directory, name, states });
    }

    /// Whether a way over the border leads on to files of `entry`.
    pub(super) fn leads(&self, entry: usize) -> bool {
        let ways = self.found.values().flatten();
        ways.flat_map(|way| &way.states).any(|state| state.entry() == entry)
    }

    /// What was found since the last time.
    pub(super) fn take(&mut self) -> Crossings {
        std::mem::take(&mut self.found)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::super::reached::Reached;
    use super::super::walk::{Sighting, Walk};
    use super::*;
    use crate::config::FileEntry;

    #[test]
    fn one_stops_at_the_border_and_the_other_goes_on_there() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(root.join("a/far/b")).unwrap();
        fs::create_dir_all(root.join("a/near")).unwrap();
        for name in ["a/x.log", "a/far/y.log", "a/far/b/z.log", "a/near/w.log"] {
            fs::write(root.join(name), "").unwrap();
        }
        symlink("far/y.log", root.join("a/file.log")).unwrap();
        symlink("../far/b", root.join("a/near/way")).unwrap();
        let entry = |glob: &str| FileEntry::of(&root, glob);
        let globs = ["a/*.log", "a/*/*.log", "a/near/way/z.log", "a/far/none.log"].map(entry);
        let globs = Globs::new(&globs);
        let mounts = Arc::new(Mounts::remote_at(root.join("a/far")));
        let files = |walk: Walk, border: Border| {
            let (mut walk, mut reached, mut names) = (walk, Reached::default(), BTreeSet::new());
            reached.border = border;
            while let Some(found) = walk.next(&globs, &mut reached) {
                if let Sighting::File(found) = found {
                    let name = found.path.strip_prefix(&root).unwrap().to_str().unwrap();
                    assert!(names.insert(name.to_owned()), "{name} is found twice");
                }
            }
            (Vec::from_iter(names), reached.border.take())
        };
        let (near, crossings) = files(Walk::new(&globs), Border::of(mounts));
        assert_eq!(near, ["a/near/w.log", "a/x.log"]);
        let points: Vec<_> = crossings.keys().collect();
        assert_eq!(points, [&root.join("a/far")]);
        let walk = Walk::beyond(&crossings[&root.join("a/far")], &globs);
        let (far, _) = files(walk, Border::default());
        assert_eq!(far, ["a/far/y.log", "a/file.log", "a/near/way/z.log"]);
        let (all, _) = files(Walk::new(&globs), Border::default());
        assert_eq!(all.len(), near.len() + far.len(), "nothing is missed: {all:?}");
    }
}
