//! Which followed paths have names that rotation has made of one log.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::input::rotation::names::telling_bases;

/// The numbers of such paths, by the log that their names are made of. Most globs match none.
#[derive(Default)]
pub(super) struct Kin(HashMap<PathBuf, Vec<usize>>);

impl Kin {
    /// `path`, numbered `id`, is followed from now on.
    pub(super) fn add(&mut self, path: &Path, id: usize) {
        for base in telling_bases(path) {
            self.0.entry(base).or_default().push(id);
        }
    }

    /// It is followed no more.
    pub(super) fn remove(&mut self, path: &Path, id: usize) {
        for base in telling_bases(path) {
            if let Some(ids) = self.0.get_mut(&base) {
                ids.retain(|&other| other != id);
                if ids.is_empty() {
                    self.0.remove(&base);
                }
            }
        }
    }

    /// The paths that what stands at `path` may have stood at before: the names of a log's rotated
    /// files move on.
    pub(super) fn of(&self, path: &Path) -> impl Iterator<Item = usize> {
        let bases = telling_bases(path);
        bases.into_iter().filter_map(|base| self.0.get(&base)).flatten().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_kin_while_they_are_followed() {
        let mut kin = Kin::default();
        let paths = ["/a.log", "/a.log.1", "/a.log.2", "/b.log.1", "/a-1.log"].map(Path::new);
        paths.iter().enumerate().for_each(|(id, path)| kin.add(path, id));
        let of = |kin: &Kin, path| kin.of(Path::new(path)).collect::<Vec<_>>();
        assert_eq!(of(&kin, "/a.log.3.gz"), [1, 2]);
        // Another log may be called so.
        assert!(of(&kin, "/a-2.log").is_empty());
        kin.remove(paths[1], 1);
        assert_eq!(of(&kin, "/a.log.3.gz"), [2]);
        paths.iter().enumerate().for_each(|(id, path)| kin.remove(path, id));
        assert!(kin.0.is_empty());
    }
}
