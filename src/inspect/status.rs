//! How far each file is delivered: what the state knows, held against the files as they are.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{Out, access, complain, json, table};
use crate::checkpoint::{self, Holder, Reading};
use crate::cli::Cli;
use crate::config::{self, Config, Surroundings};
use crate::discover::{Globs, survey};
use crate::input::is_compressed;
use crate::pipeline::position::{Inode, Record, nanoseconds};

/// Everything `--status` tells.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) state_dir: PathBuf,
    /// The daemon that keeps its positions there, if one runs.
    pub(super) daemon: Option<Holder>,
    /// What is wrong with the state.
    pub(super) damage: Vec<String>,
    /// Why there may be no state where it is looked for.
    pub(super) absence: Option<String>,
    /// Those furthest behind first.
    pub(super) files: Vec<File>,
}

/// A followed path: its file, and those rotated away from it that are not read to their end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// As followed.
    pub path: PathBuf,
    /// What the state and the configuration say of it.
    pub standing: Standing,
    /// Bytes of all its content that is on disk.
    pub size: u64,
    /// Bytes of that which have arrived.
    pub delivered: u64,
    /// When the file was last written to.
    pub written: Option<SystemTime>,
    /// When its position last moved.
    pub moved: Option<SystemTime>,
    /// Files rotated away whose content is still counted here.
    pub rotated: usize,
    /// Rotated generations that are under no name beside the path, so that nobody can tell how
    /// much of them is missing: compressed, copied, or deleted.
    pub unfound: usize,
    /// Whoever asks can read it, as far as that was tried.
    pub readable: bool,
}

/// What the state and the configuration say of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has a position.
    Followed,
    /// It matches and has no position yet.
    Unknown,
    /// It has a position, and the configuration names it no longer.
    Unnamed,
    /// It has a position, and nothing is at the path.
    Gone,
}

impl File {
    /// How many bytes are to be delivered yet; nothing where it is not decided what is to be.
    #[must_use]
    pub fn behind(&self) -> Option<u64> {
        (self.standing != Standing::Unknown).then(|| self.size.saturating_sub(self.delivered))
    }
}

/// Shows how far each file is delivered. False if the state cannot be read.
pub(super) fn run(
    cli: &Cli,
    around: &Surroundings,
    as_json: bool,
    out: Out<'_>,
) -> io::Result<bool> {
    let config = config::load(cli, around).map(|loaded| loaded.config);
    let dir = match &config {
        Ok(config) => Some(config.state_dir.clone()),
        Err(errors) => {
            // A daemon may run all the same, with the configuration it had.
            complain(errors);
            config::state_dir(cli, around)
        }
    };
    let Some(dir) = dir else { return Ok(false) };
    let reading = match checkpoint::read(&dir) {
        Ok(reading) => reading,
        Err(error) => {
            complain(&access::no_positions(&dir, &error));
            return Ok(false);
        }
    };
    let daemon = checkpoint::holder(&dir);
    let Reading { records, damage } = reading;
    let mut files = files(records, config.as_ref().ok(), daemon);
    for file in &mut files {
        file.readable = !file.path.is_file() || access::open(&file.path).is_ok();
    }
    let absence = (!dir.exists()).then(|| absence(around.is_root));
    let status = Status { state_dir: dir, daemon, damage, absence, files };
    if as_json {
        status.absence.iter().for_each(|why| complain(why));
        json::write(&status, out)?;
    } else {
        table::write(&status, SystemTime::now(), out)?;
    }
    Ok(true)
}

fn absence(is_root: bool) -> String {
    let elsewhere = match is_root {
        true => "if it runs with another --state-dir (state_dir), give that here".to_owned(),
        false => format!(
            "if it runs as another user than {}, ask as that user or as root: sudo remote_syslog \
             --status",
            access::user()
        ),
    };
    format!("the directory is not there: no daemon has kept positions in it; {elsewhere}")
}

/// How far each file is delivered of which this process keeps `records`, those furthest behind
/// first.
#[must_use]
pub fn delivered(records: Vec<Record>) -> Vec<File> {
    files(records, None, Some(Holder { pid: Some(std::process::id()) }))
}

fn files(records: Vec<Record>, config: Option<&Config>, daemon: Option<Holder>) -> Vec<File> {
    let matching = config.map(matching);
    let mut disk = Disk { directories: HashMap::new(), held: None, daemon };
    let mut known: HashSet<_> = records.iter().map(|r| number(r.source.inode)).collect();
    let mut by_path: BTreeMap<PathBuf, Vec<Record>> = BTreeMap::new();
    for record in records {
        by_path.entry(record.source.path.to_path_buf()).or_default().push(record);
    }
    let mut files = Vec::with_capacity(by_path.len());
    for (path, mut records) in by_path {
        records.sort_unstable_by_key(|record| record.source.order);
        let is_named = matching.as_ref().is_none_or(|paths| paths.contains(&path));
        let mut file = file(path, &records, &mut disk);
        if file.standing == Standing::Followed && !is_named {
            file.standing = Standing::Unnamed;
        }
        files.push(file);
    }
    let have: HashSet<_> = files.iter().map(|file| file.path.clone()).collect();
    let new = matching.into_iter().flatten().filter(|path| !have.contains(path));
    // A second name of a file is not followed.
    let unknown: Vec<_> = new.filter_map(|path| unknown(path, &mut known)).collect();
    files.extend(unknown);
    files.sort_by(|a, b| b.behind().cmp(&a.behind()).then_with(|| a.path.cmp(&b.path)));
    files
}

/// The paths that the configuration names now, in their order.
fn matching(config: &Config) -> std::collections::BTreeSet<PathBuf> {
    let found = survey(&Globs::new(&config.files)).paths;
    let is_left = |path: &PathBuf| !config.exclude_files.matches(path.as_os_str().as_bytes());
    found.into_iter().filter(is_left).collect()
}

fn unknown(path: PathBuf, known: &mut HashSet<(u64, u64)>) -> Option<File> {
    let metadata = fs::metadata(&path).ok()?;
    let is_new = metadata.is_file()
        && !is_compressed(&path)
        && known.insert((metadata.dev(), metadata.ino()));
    is_new.then(|| File {
        path,
        standing: Standing::Unknown,
        size: metadata.size(),
        delivered: 0,
        written: metadata.modified().ok(),
        moved: None,
        rotated: 0,
        unfound: 0,
        readable: true,
    })
}

/// What has become of a path whose generations the state knows, the oldest first.
fn file(path: PathBuf, records: &[Record], disk: &mut Disk) -> File {
    let at_path = fs::metadata(&path).ok();
    let is_at_path = |record: &Record| at_path.as_ref().is_some_and(|m| is(record.source.inode, m));
    let current = records.iter().rposition(is_at_path);
    let mut file = File {
        path,
        standing: if at_path.is_some() { Standing::Followed } else { Standing::Gone },
        size: at_path.as_ref().map_or(0, Metadata::size),
        delivered: 0,
        written: at_path.as_ref().and_then(|metadata| metadata.modified().ok()),
        moved: records.iter().map(|record| record.seen).max(),
        rotated: 0,
        unfound: 0,
        readable: true,
    };
    let current_size = file.size;
    let mut behind = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let offset = record.position.offset;
        if Some(index) == current {
            // Shorter than what arrived of it: it was truncated, and starts anew.
            let delivered = if offset <= current_size { offset } else { 0 };
            file.delivered += delivered;
            behind.extend((delivered < current_size).then_some(record.seen));
            continue;
        }
        // One that shares its inode with the current one was truncated: its rest is in a copy.
        let size = if is_at_path(record) { None } else { disk.size_of(record, &file.path) };
        match size {
            Some(size) => {
                file.rotated += 1;
                file.size += size;
                file.delivered += offset.min(size);
                behind.extend((offset < size).then_some(record.seen));
            }
            None => file.unfound += 1,
        }
    }
    // The first sight of a new file is no delivery: what waits longest tells.
    file.moved = behind.into_iter().min().or(file.moved);
    file
}

fn number(inode: Inode) -> (u64, u64) {
    (inode.device, inode.number)
}

/// Whether this is the file with `inode`. The device may have another number after a reboot.
fn is(inode: Inode, metadata: &Metadata) -> bool {
    let born = metadata.created().ok().and_then(nanoseconds);
    let same_birth = inode.born.is_some() && inode.born == born;
    let unknown_birth = inode.born.is_none() || born.is_none();
    inode.number == metadata.ino()
        && (same_birth || unknown_birth && inode.device == metadata.dev())
}

/// Inode number → names.
type Names = HashMap<u64, Vec<PathBuf>>;

/// Where rotated files are looked for; each directory is listed once.
struct Disk {
    directories: HashMap<PathBuf, Names>,
    /// Deleted files that the daemon still has open.
    held: Option<Vec<Metadata>>,
    daemon: Option<Holder>,
}

impl Disk {
    /// The size of the file of `record`, under whatever name beside `path`.
    fn size_of(&mut self, record: &Record, path: &Path) -> Option<u64> {
        let inode = record.source.inode;
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
        let daemon = self.daemon;
        let held = self.held.get_or_insert_with(|| held_by(daemon));
        held.iter().find(|metadata| is(inode, metadata)).map(Metadata::size)
    }
}

fn list(directory: &Path) -> Names {
    let mut names = Names::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        names.entry(entry.ino()).or_default().push(entry.path());
    }
    names
}

/// What the daemon has open and no name leads to, as far as it may be looked at.
fn held_by(daemon: Option<Holder>) -> Vec<Metadata> {
    let Some(pid) = daemon.and_then(|daemon| daemon.pid) else { return Vec::new() };
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    let open = descriptors.filter_map(|descriptor| fs::metadata(descriptor.path()).ok());
    open.filter(|metadata| metadata.is_file() && metadata.nlink() == 0).collect()
}
