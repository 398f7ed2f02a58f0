//! The loader against any file: it is read or refused, and whatever is said of it stays on its line.

use std::path::PathBuf;
use std::sync::Arc;

use super::document::reader::{BUG, SourceReader};
use super::document::spots::Spots;
use super::document::{FileKeys, outline};
use super::file::FileReader;
use super::findings::Findings;
use super::{Mode, Place, Surroundings, resolve};
use crate::shown::is_odd;

/// Panics where something is wrong with how `data` is read as a configuration.
pub(crate) fn check(data: &[u8]) {
    let around = Surroundings {
        variables: [("HOME".into(), "/home/a".into())].into(),
        cwd: "/srv".into(),
        hostname: "web1".to_owned(),
        is_root: false,
        has_user: |name| name == "a",
        default_file: PathBuf::new(),
    };
    let file = Arc::new(PathBuf::from("/c.yml"));
    let mut findings = Findings::default();
    let tree = FileReader { file: Arc::clone(&file), findings: &mut findings }.bytes(data);
    let blame = tree.is_some().then_some(Place::File(file));
    let names = outline::of::<FileKeys>();
    let mut reader = SourceReader {
        findings: &mut findings,
        spots: Spots::default(),
        names,
        is_included: false,
    };
    let trees: Vec<_> = tree.iter().collect();
    let document = reader.read(&trees);
    let (spots, included, arguments) = (reader.spots, Default::default(), Default::default());
    let typed = resolve::Typed {
        document,
        included,
        arguments,
        read_again: Vec::new(),
        spots,
        mode: Mode::Daemon,
        blame,
    };
    let (problems, warnings) = match resolve::resolve(&typed, &around, findings) {
        Ok(loaded) => {
            assert!(!loaded.config.files.is_empty() && !loaded.config.destination.host.is_empty());
            (Vec::new(), loaded.warnings)
        }
        Err(errors) => {
            assert!(!errors.problems().is_empty());
            (errors.problems().to_vec(), errors.warnings().to_vec())
        }
    };
    assert!(!problems.iter().any(|problem| problem.text.contains(BUG)), "{problems:?}");
    for told in problems.iter().chain(&warnings).map(ToString::to_string) {
        assert!(told.starts_with("/c.yml"), "{told}");
        assert!(!told.contains(is_odd), "{told}");
    }
    assert!(problems.iter().all(|problem| problem.text.contains("; ")), "{problems:?}");
}
