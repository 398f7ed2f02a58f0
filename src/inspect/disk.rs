//! Which file on disk is the one of a record, and how large it is.

use std::collections::HashMap;
use std::fs::{self, Metadata};
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};

use crate::checkpoint::Holder;
use crate::pipeline::position::{Inode, Record, birth};

pub(super) fn number(inode: Inode) -> (u64, u64) {
    (inode.device, inode.number)
}

/// Whether this is the file with `inode`. The device may have another number after a reboot.
pub(super) fn is(inode: Inode, metadata: &Metadata) -> bool {
    let born = metadata.created().ok().and_then(birth);
    let same_birth = inode.born.is_some() && inode.born == born;
    let unknown_birth = inode.born.is_none() || born.is_none();
    inode.number == metadata.ino()
        && (same_birth || unknown_birth && inode.device == metadata.dev())
}

/// Inode number → names.
type FileNames = HashMap<u64, Vec<PathBuf>>;

/// Where rotated files are looked for; each directory is listed once.
pub(super) struct DiskView {
    directories: HashMap<PathBuf, FileNames>,
    /// Deleted files that the daemon still has open.
    held: Option<Vec<Metadata>>,
    daemon: Option<Holder>,
    look: fn(Option<Holder>) -> Vec<Metadata>,
}

impl DiskView {
    /// `look` finds what the daemon has open.
    pub(super) fn new(daemon: Option<Holder>, look: fn(Option<Holder>) -> Vec<Metadata>) -> Self {
        Self { directories: HashMap::new(), held: None, daemon, look }
    }

    /// The size of the file of `record`, under whatever name beside `path`.
    pub(super) fn size_of(&mut self, record: &Record, path: &Path) -> Option<u64> {
        let inode = record.reached.source.inode;
        let directory = path.parent()?;
        if !self.directories.contains_key(directory) {
            self.directories.insert(directory.to_owned(), list(directory));
        }
        let names = self.directories[directory].get(&inode.number);
        let found = names.into_iter().flatten().filter_map(|name| fs::symlink_metadata(name).ok());
        let mut beside = found.filter(|metadata| is(inode, metadata));
        if let Some(metadata) = beside.next() {
            return Some(metadata.size());
        }
        let (daemon, look) = (self.daemon, self.look);
        let held = self.held.get_or_insert_with(|| look(daemon));
        held.iter().find(|metadata| is(inode, metadata)).map(Metadata::size)
    }
}

fn list(directory: &Path) -> FileNames {
    let mut names = FileNames::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        names.entry(entry.ino()).or_default().push(entry.path());
    }
    names
}

/// What the daemon has open and no name leads to, as far as it may be looked at.
pub(super) fn held_by(daemon: Option<Holder>) -> Vec<Metadata> {
    let Some(pid) = daemon.and_then(|daemon| daemon.pid) else { return Vec::new() };
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let open = descriptors.filter_map(|descriptor| fs::metadata(descriptor.path()).ok());
    open.filter(|metadata| metadata.is_file() && metadata.nlink() == 0).collect()
}
