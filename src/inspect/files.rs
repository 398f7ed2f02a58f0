//! Which files the globs find, and why some of them are not followed.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::access;
use crate::config::Config;
use crate::discover::{Globs, mistake, survey};
use crate::filter::Patterns;
use crate::input::is_compressed;
use crate::pipeline::position::Record;
use crate::shown::Show;

/// An entry of `files` and what it finds.
#[derive(Debug)]
pub(super) struct Entry {
    /// As it could have been written: `tag=glob`.
    pub(super) title: String,
    /// Paths in their order.
    pub(super) found: Vec<(PathBuf, Verdict)>,
    /// It matches nothing, and was probably meant to be another.
    pub(super) mistake: Option<String>,
    /// What could not be looked into, and why.
    pub(super) refused: Vec<(PathBuf, String)>,
}

/// What becomes of a path that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is followed; its size in bytes.
    Followed(u64),
    /// `exclude_files` leaves it out: the places of the patterns in the list, and the patterns.
    Excluded(Vec<(usize, String)>),
    /// An earlier entry, by its place in the list, gives its settings.
    Earlier(usize),
    /// It is the same file as this path, which is followed.
    SameAs(PathBuf),
    /// The daemon could not read it.
    Unreadable(String),
    /// It can not be followed, for what it is.
    Unfit(&'static str),
}

/// Looks for the files of `config` as the daemon does; `records` are the positions known.
pub(super) fn find(config: &Config, records: &[Record]) -> Vec<Entry> {
    let mut entries = Vec::new();
    let mut first: HashMap<PathBuf, usize> = HashMap::new();
    let mut inodes = HashMap::new();
    for (index, file) in config.files.iter().enumerate() {
        let found = survey(&Globs::new(std::slice::from_ref(file)));
        let nothing = found.paths.is_empty() && found.refused.is_empty();
        let tag = file.tag.as_ref().map_or_else(String::new, |tag| format!("{}=", tag.shown()));
        let judge = |path: PathBuf| {
            let verdict = match *first.entry(path.clone()).or_insert(index) {
                owner if owner < index => Verdict::Earlier(owner),
                _ => judge(&path, &config.exclude_files, &mut inodes),
            };
            (path, verdict)
        };
        entries.push(Entry {
            title: format!("{tag}{}", file.glob.text().shown()),
            found: found.paths.into_iter().map(judge).collect(),
            mistake: nothing.then(|| mistake(&file.glob)).flatten(),
            refused: found.refused.into_iter().map(explained).collect(),
        });
    }
    let owners = owners(inodes, records);
    for (path, verdict) in entries.iter_mut().flat_map(|entry| &mut entry.found) {
        if let Some(owner) = owners.get(path) {
            *verdict = Verdict::SameAs(owner.clone());
        }
    }
    entries
}

/// The paths that name each file.
type Names = HashMap<(u64, u64), Vec<PathBuf>>;

fn judge(path: &Path, exclude: &Patterns, names: &mut Names) -> Verdict {
    let excluded = exclude.matching(path.as_os_str().as_bytes());
    if !excluded.is_empty() {
        let owned = excluded.into_iter().map(|(index, pattern)| (index, pattern.to_owned()));
        return Verdict::Excluded(owned.collect());
    }
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Verdict::Unfit("a symbolic link that leads nowhere");
        }
        Err(error) => return Verdict::Unreadable(access::explain(path, &error)),
    };
    if !metadata.is_file() {
        return Verdict::Unfit("no regular file");
    }
    if is_compressed(path) {
        return Verdict::Unfit("compressed, by its name");
    }
    if let Err(why) = access::open(path) {
        return Verdict::Unreadable(why);
    }
    names.entry((metadata.dev(), metadata.ino())).or_default().push(path.to_owned());
    Verdict::Followed(metadata.size())
}

/// For each path whose file is followed under another name: that name. A name with a position
/// wins, else the first in order, as in `tail`'s first pass.
fn owners(names: Names, records: &[Record]) -> HashMap<PathBuf, PathBuf> {
    let sources = records.iter().map(|record| &record.source);
    let known: HashSet<_> =
        sources.map(|it| (&*it.path, it.inode.device, it.inode.number)).collect();
    let mut owners = HashMap::new();
    for ((device, number), mut paths) in names.into_iter().filter(|(_, paths)| paths.len() > 1) {
        paths.sort_unstable();
        let is_known = |path: &&PathBuf| known.contains(&(path.as_path(), device, number));
        let owner = paths.iter().find(is_known).unwrap_or(&paths[0]).clone();
        let others = paths.into_iter().filter(|path| *path != owner);
        owners.extend(others.map(|path| (path, owner.clone())));
    }
    owners
}

fn explained((path, error): (PathBuf, io::Error)) -> (PathBuf, String) {
    let why = access::explain(&path, &error);
    (path, why)
}
