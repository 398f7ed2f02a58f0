//! Which files the globs find, and why some of them are not followed.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::answers::{ask, ask_each};
use super::disk::number;
use super::{access, settings};
use crate::config::{Config, FileEntry};
use crate::discover::{Globs, mistake, survey};
use crate::filter::Patterns;
use crate::hidden;
use crate::input::{holds_archive, is_compressed, is_swap};
use crate::pipeline::position::Record;
use crate::pipeline::shared_path::{SharedPath, by_spelling};
use crate::shown::Show;

/// An entry of `files` and what it finds.
#[derive(Debug)]
pub(super) struct FollowedEntry {
    /// As it could have been written: `tag=glob`.
    pub(super) title: String,
    /// What it says of its messages that is not so for all files.
    pub(super) settings: Vec<String>,
    /// Paths in their order, and which file each is, if it is followed.
    pub(super) found: Vec<(PathBuf, Verdict, FileId)>,
    /// It matches nothing, and was probably meant to be another.
    pub(super) mistake: Option<String>,
    /// What could not be looked into, and why.
    pub(super) refused: Vec<(PathBuf, String)>,
    /// A file system on its way does not answer.
    pub(super) hangs: bool,
}

/// What becomes of a path that matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is followed; its size in bytes.
    Followed(u64),
    /// It is a FIFO, which a daemon reads.
    Fifo,
    /// `exclude_files` leaves it out: the places of the patterns in the list, and the patterns.
    Excluded(Vec<(usize, String)>),
    /// An earlier entry, by its place in the list, gives its settings.
    Earlier(usize),
    /// It is the same file as this path, which is followed.
    SameAs(PathBuf),
    /// Its file system does not answer.
    NoAnswer,
    /// The daemon could not read it.
    Unreadable(String),
    /// It can not be followed, for what it is.
    Unfit(&'static str),
}

/// Looks for the files of `config` as the daemon does; `records` are the positions known.
pub(super) fn find(config: &Config, records: &[Record]) -> Vec<FollowedEntry> {
    let mut entries: Vec<FollowedEntry> = Vec::with_capacity(config.files.len());
    let mut hung = HashSet::new();
    for file in &config.files {
        let base = file.glob.text().parent();
        let entry = if hung.contains(&base) {
            FollowedEntry::hung(file, config)
        } else {
            entry(file, config)
        };
        if entry.hangs {
            hung.insert(base);
        }
        entries.push(entry);
    }
    give_to_first(&mut entries);
    let owners = owners(&entries, records);
    if !owners.is_empty() {
        for (path, verdict, _) in entries.iter_mut().flat_map(|entry| &mut entry.found) {
            if let Some(owner) = owners.get(path) {
                *verdict = Verdict::SameAs(owner.clone());
            }
        }
    }
    entries
}

/// Where several entries find a path, it is the first one's.
fn give_to_first(entries: &mut [FollowedEntry]) {
    let mut first: HashMap<&OsStr, usize> = HashMap::new();
    let mut others = Vec::new();
    for (index, entry) in entries.iter().enumerate().filter(|_| entries.len() > 1) {
        for (at, (path, ..)) in entry.found.iter().enumerate() {
            let owner = *first.entry(path.as_os_str()).or_insert(index);
            others.extend((owner < index).then_some((index, at, owner)));
        }
    }
    for (index, at, owner) in others {
        entries[index].found[at].1 = Verdict::Earlier(owner);
    }
}

impl FollowedEntry {
    /// One of which a file system on its way does not answer.
    fn hung(file: &FileEntry, config: &Config) -> Self {
        let (found, refused) = (Vec::new(), Vec::new());
        let settings = settings::different(&file.messages, &config.messages);
        Self { title: title(file), settings, found, mistake: None, refused, hangs: true }
    }
}

fn title(file: &FileEntry) -> String {
    let tag = file
        .messages
        .tag
        .as_ref()
        .map_or_else(String::new, |tag| format!("{}=", tag.text().shown()));
    format!("{tag}{}", file.glob.text().shown())
}

/// What an entry finds by itself.
fn entry(file: &FileEntry, config: &Config) -> FollowedEntry {
    let globs = file.clone();
    let found = ask(move || {
        let found = survey(&Globs::new(std::slice::from_ref(&globs)));
        let nothing = found.paths.is_empty() && found.refused.is_empty();
        let mistake = nothing.then(|| mistake(&globs.glob)).flatten();
        let refused: Vec<_> = found.refused.into_iter().map(explained).collect();
        (found.paths.into_iter().collect::<Vec<_>>(), mistake, refused)
    });
    let Some((paths, mistake, refused)) = found else { return FollowedEntry::hung(file, config) };
    let judged = ask_each(
        paths.clone(),
        |path| path,
        || {
            let exclude = config.exclude_files.clone();
            move |path: &PathBuf| judge(path, &exclude)
        },
    );
    let judged = judged.into_iter().map(|said| said.unwrap_or((Verdict::NoAnswer, None)));
    let found =
        paths.into_iter().zip(judged).map(|(path, (verdict, inode))| (path, verdict, inode));
    let (title, settings) = (title(file), settings::different(&file.messages, &config.messages));
    FollowedEntry { title, settings, found: found.collect(), mistake, refused, hangs: false }
}

/// Device and number of a file that is followed.
type FileId = Option<(u64, u64)>;

fn judge(path: &Path, exclude: &Patterns) -> (Verdict, FileId) {
    let excluded = exclude.matching(path.as_os_str().as_bytes());
    if !excluded.is_empty() {
        let owned = excluded.into_iter().map(|(index, pattern)| (index, pattern.to_owned()));
        return (Verdict::Excluded(owned.collect()), None);
    }
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let leads_nowhere = Verdict::Unfit("a symbolic link that leads nowhere");
            return (hidden::explained(path).map_or(leads_nowhere, Verdict::Unreadable), None);
        }
        Err(error) => return (Verdict::Unreadable(access::explain(path, &error)), None),
    };
    if metadata.file_type().is_fifo() {
        // Opened and closed again it would end who waits to write to it.
        let verdict = match access::may_read(path) {
            Ok(()) => Verdict::Fifo,
            Err(error) => Verdict::Unreadable(access::explain(path, &error)),
        };
        return (verdict, None);
    }
    if !metadata.is_file() {
        return (Verdict::Unfit("no regular file"), None);
    }
    if is_compressed(path) {
        return (Verdict::Unfit("compressed, by its name"), None);
    }
    if is_swap(path) {
        return (Verdict::Unfit("an editor's swap file, by its name"), None);
    }
    match access::open(path) {
        Ok(file) if holds_archive(&file) => (Verdict::Unfit("compressed, by what it holds"), None),
        Ok(_) => (Verdict::Followed(metadata.size()), Some((metadata.dev(), metadata.ino()))),
        Err(why) => (Verdict::Unreadable(why), None),
    }
}

/// For each path whose file is followed under another name: that name. A name with a position
/// wins, else the first in order, as in `tail`'s first pass.
fn owners(entries: &[FollowedEntry], records: &[Record]) -> HashMap<PathBuf, PathBuf> {
    let found = entries.iter().flat_map(|entry| &entry.found);
    let mut named: Vec<_> = found
        .filter(|(_, verdict, _)| !matches!(verdict, Verdict::Earlier(_)))
        .filter_map(|(path, _, file)| file.map(|file| (file, path)))
        .collect();
    named.sort_unstable_by(|(a, one), (b, other)| a.cmp(b).then_with(|| by_spelling(one, other)));
    let several = named.chunk_by(|(a, _), (b, _)| a == b).filter(|names| names.len() > 1);
    let several: Vec<_> = several.collect();
    let mut owners = HashMap::new();
    if several.is_empty() {
        return owners;
    }
    let mut known: HashMap<(u64, u64), Vec<&SharedPath>> = HashMap::new();
    for source in records.iter().map(|record| &record.reached.source) {
        known.entry(number(source.inode)).or_default().push(&source.path);
    }
    for names in several {
        let is_known = |(file, path): &&((u64, u64), &PathBuf)| {
            known.get(file).is_some_and(|paths| paths.iter().any(|known| known.is(path)))
        };
        let &(_, owner) = names.iter().find(is_known).unwrap_or(&names[0]);
        let others = names.iter().map(|&(_, path)| path).filter(|&path| path != owner);
        owners.extend(others.map(|path| (path.clone(), owner.clone())));
    }
    owners
}

fn explained((path, error): (PathBuf, io::Error)) -> (PathBuf, String) {
    let why = access::explain(&path, &error);
    (path, why)
}
