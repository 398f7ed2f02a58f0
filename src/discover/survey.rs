//! One look at what a glob matches, without watching anything: for those who ask.

use std::io;
use std::path::PathBuf;

use super::places::Globs;
use super::reached::Reached;
use super::walk::{Sighting, Walk};
use crate::pipeline::shared_path::by_spelling;

/// What a walk over the globs has found.
#[derive(Debug, Default)]
pub struct Survey {
    /// The paths that match and are no directories, in their order.
    pub paths: Vec<PathBuf>,
    /// What the walk could not look into, and why.
    pub refused: Vec<(PathBuf, io::Error)>,
    /// The symbolic links on the way.
    pub links: Vec<PathBuf>,
}

/// Walks `globs` from the root once, as the stage does when it sweeps.
#[must_use]
pub fn survey(globs: &Globs) -> Survey {
    let (mut walk, mut reached, mut survey) =
        (Walk::listing(globs), Reached::default(), Survey::default());
    while let Some(found) = walk.next(globs, &mut reached) {
        match found {
            Sighting::File(found) => {
                survey.links.extend(found.is_link.then(|| found.path.clone()));
                survey.paths.push(found.path);
            }
            Sighting::Link { path } => survey.links.push(path),
            Sighting::Refused { path, error } => survey.refused.push((path, error)),
            Sighting::Directory { .. }
            | Sighting::Missing
            | Sighting::Gone
            | Sighting::Repeated { .. } => {}
        }
    }
    survey.paths.sort_unstable_by(|a, b| by_spelling(a, b));
    survey.paths.dedup();
    survey
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use std::fs;

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
            let Survey { paths, refused, .. } = survey(&Globs::new(&[entry]));
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
