//! How far each file is delivered: what the state knows, held against the files as they are.

use std::collections::HashSet;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use super::answers::{self, ask, ask_each};
use super::disk::{DiskView, held_by, is, number};
use super::{NO_CONFIGURATION, Out, access, complain, json, table};
use crate::checkpoint::{self, Holder, StateReading};
use crate::cli::Cli;
use crate::config::{self, Config, Surroundings};
use crate::discover::{Globs, survey};
use crate::health::silence::Silence;
use crate::input::{holds_archive, is_compressed, is_swap};
use crate::mounts::{Mounts, Territory};
use crate::pipeline::position::Record;
use crate::pipeline::shared_path::by_spelling;
use crate::safe_open::follow_links_in;
use crate::shown::Show;
use crate::standing::{self, ReceiverStanding};

/// Everything `--status` tells.
#[derive(Debug)]
pub(super) struct Status {
    pub(super) state_dir: PathBuf,
    /// The daemon that keeps its positions there, if one runs.
    pub(super) daemon: Option<Holder>,
    /// Why it has refused its new configuration, if it has.
    pub(super) refusal: Option<String>,
    /// How things stand with the receiver, if the daemon says it.
    pub(super) receiver: Option<ReceiverStanding>,
    /// What is wrong with the state.
    pub(super) damage: Vec<String>,
    /// Entries of which a file system does not answer, so that nobody knows what they match.
    pub(super) silent: Vec<String>,
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
    /// Its file system does not answer.
    NoAnswer,
}

impl File {
    /// Of which nothing else is known yet.
    fn at(path: PathBuf, standing: Standing) -> Self {
        Self {
            path,
            standing,
            size: 0,
            delivered: 0,
            written: None,
            moved: None,
            rotated: 0,
            unfound: 0,
            readable: true,
        }
    }

    fn without_answer(path: PathBuf) -> Self {
        Self::at(path, Standing::NoAnswer)
    }

    /// How many bytes are to be delivered yet; nothing where it is not decided what is to be.
    #[must_use]
    pub fn behind(&self) -> Option<u64> {
        let is_known = !matches!(self.standing, Standing::Unknown | Standing::NoAnswer);
        is_known.then(|| self.size.saturating_sub(self.delivered))
    }
}

/// Shows how far each file is delivered. False if the state cannot be read.
pub(super) fn run(
    cli: &Cli,
    around: &Surroundings,
    as_json: bool,
    out: Out<'_>,
) -> io::Result<bool> {
    let Some(loaded) = answers::load(cli, around) else {
        complain(&NO_CONFIGURATION);
        return Ok(false);
    };
    let config = loaded.map(|loaded| loaded.config);
    let dir = match &config {
        Ok(config) => Some(config.state_dir.clone()),
        Err(errors) => {
            // A daemon may run all the same, with the configuration it had.
            complain(errors);
            config::state_dir(cli, around)
        }
    };
    let Some(dir) = dir else { return Ok(false) };
    let reading = match answers::positions(&dir) {
        Ok(reading) => reading,
        Err(error) => {
            complain(&access::no_positions(&dir, &error));
            return Ok(false);
        }
    };
    if let Ok(config) = &config {
        follow_links_in(&config.follow_links_in);
    }
    let daemon = checkpoint::holder(&dir);
    let StateReading { records, damage } = reading;
    let (files, silent) = patiently(records, config.as_ref().ok(), daemon);
    let absence = (!dir.exists()).then(|| absence(around.is_root));
    let refusal = daemon.and_then(|_| checkpoint::refusal(&dir));
    let at = dir.clone();
    let receiver = daemon.and_then(|_| ask(move || standing::ask(&at)).flatten());
    let status =
        Status { state_dir: dir, daemon, refusal, receiver, damage, silent, absence, files };
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
/// first. File systems that are known to be silent are not asked.
#[must_use]
pub fn delivered(records: Vec<Record>, silence: &Silence) -> Vec<File> {
    let mounts = Mounts::now();
    let answers =
        |record: &Record| match mounts.territory(&record.reached.source.path.to_path_buf()) {
            Territory::Near => true,
            Territory::Far(point) => !silence.is_at(&point),
        };
    let records = records.into_iter().filter(answers).collect();
    let mut disk = DiskView::new(Some(Holder { pid: Some(std::process::id()) }), held_by);
    let by_path = by_path(records).into_iter();
    let files = by_path.map(|KnownPath { path, records }| {
        let at_path = fs::metadata(&path).ok();
        file(path, at_path.as_ref(), &records, &mut disk)
    });
    sorted(files.collect())
}

/// The same for who asks from outside, with what the configuration names besides. Nobody waits long
/// for a file system that does not answer: it says of which entries.
fn patiently(
    records: Vec<Record>,
    config: Option<&Config>,
    daemon: Option<Holder>,
) -> (Vec<File>, Vec<String>) {
    let numbers: HashSet<_> = records.iter().map(|r| number(r.reached.source.inode)).collect();
    let (matching, silent) = config.map(matching).unzip();
    let silent: Vec<String> = silent.unwrap_or_default();
    let known_paths: Vec<_> = by_path(records).into_iter().map(Arc::new).collect();
    let said = ask_each(
        known_paths.clone(),
        |known| &known.path,
        || {
            // One of them on a file system that hangs keeps nobody from the others.
            let look = |daemon| ask(move || held_by(daemon)).unwrap_or_default();
            let mut disk = DiskView::new(daemon, look);
            move |known: &Arc<KnownPath>| {
                let KnownPath { path, records } = &**known;
                let at_path = fs::metadata(path).ok();
                let is_file = at_path.as_ref().is_some_and(Metadata::is_file);
                let readable = !is_file || access::open(path).is_ok();
                File { readable, ..file(path.clone(), at_path.as_ref(), records, &mut disk) }
            }
        },
    );
    let of_path = known_paths.iter().zip(said);
    let mut files: Vec<_> = of_path
        .map(|(known, said)| said.unwrap_or_else(|| File::without_answer(known.path.clone())))
        .collect();
    if let Some(matching) = matching {
        let paths = || matching.iter().map(PathBuf::as_path);
        let known = || known_paths.iter().map(|known| known.path.as_path());
        // What an entry without an answer matches is not known.
        if silent.is_empty() {
            let unnamed = files.iter_mut().zip(are_among(known(), paths())).filter(|(_, is)| !is);
            let followed = unnamed.filter(|(file, _)| file.standing == Standing::Followed);
            followed.for_each(|(file, _)| file.standing = Standing::Unnamed);
        }
        let are_known = are_among(paths(), known());
        let with_known = matching.into_iter().zip(are_known);
        let new = with_known.filter(|(_, is_known)| !is_known).map(|(path, _)| path);
        files.extend(unknown_of(new.collect(), numbers));
    }
    (sorted(files), silent)
}

/// Those furthest behind first.
fn sorted(mut files: Vec<File>) -> Vec<File> {
    files.sort_by(|a, b| b.behind().cmp(&a.behind()).then_with(|| by_spelling(&a.path, &b.path)));
    files
}

/// A path of which positions are known.
struct KnownPath {
    path: PathBuf,
    /// The oldest first.
    records: Vec<Record>,
}

/// What is known of each path, in the order of their spelling.
fn by_path(records: Vec<Record>) -> Vec<KnownPath> {
    let with_path = |record: Record| (record.reached.source.path.to_path_buf(), record);
    let mut all: Vec<_> = records.into_iter().map(with_path).collect();
    all.sort_by(|(a, one), (b, other)| {
        let orders = [one, other].map(|record| record.reached.source.order);
        by_spelling(a, b).then(orders[0].cmp(&orders[1]))
    });
    let mut known: Vec<KnownPath> = Vec::with_capacity(all.len());
    for (path, record) in all {
        match known.last_mut().filter(|last| last.path.as_os_str() == path.as_os_str()) {
            Some(last) => last.records.push(record),
            None => known.push(KnownPath { path, records: vec![record] }),
        }
    }
    known
}

/// Which of `paths` are among `others`, where both are in the order of their spelling.
fn are_among<'a>(
    paths: impl Iterator<Item = &'a Path>,
    others: impl Iterator<Item = &'a Path>,
) -> Vec<bool> {
    let mut others = others.peekable();
    let is_among = |path| {
        while others.next_if(|other| by_spelling(other, path).is_lt()).is_some() {}
        others.peek().is_some_and(|other| by_spelling(other, path).is_eq())
    };
    paths.map(is_among).collect()
}

/// The paths that the configuration names now, in the order of their spelling, and the entries of which
/// nobody can tell.
fn matching(config: &Config) -> (Vec<PathBuf>, Vec<String>) {
    let (mut paths, mut silent) = (Vec::new(), Vec::new());
    let mut hung = HashSet::new();
    for entry in &config.files {
        let base = entry.glob.text().parent();
        let asked = entry.clone();
        let found = match hung.contains(&base) {
            true => None,
            false => ask(move || survey(&Globs::new(std::slice::from_ref(&asked))).paths),
        };
        match found {
            Some(found) => paths.extend(found),
            None => {
                hung.insert(base);
                silent.push(entry.glob.text().shown().to_string());
            }
        }
    }
    paths.retain(|path: &PathBuf| !config.exclude_files.matches(path.as_os_str().as_bytes()));
    paths.sort_by(|a, b| by_spelling(a, b));
    paths.dedup_by(|b, a| by_spelling(a, b).is_eq());
    (paths, silent)
}

/// Those of `paths` that can be followed. A second name of a file is not.
fn unknown_of(paths: Vec<PathBuf>, mut known: HashSet<(u64, u64)>) -> Vec<File> {
    let said = ask_each(paths.clone(), |path| path, || |path: &PathBuf| unknown(path.clone()));
    let files = paths.into_iter().zip(said).filter_map(|(path, said)| match said {
        Some(found) => found.filter(|(number, _)| known.insert(*number)).map(|(_, file)| file),
        None => Some(File::without_answer(path)),
    });
    files.collect()
}

/// What is at a path without a position, if it can be followed.
fn unknown(path: PathBuf) -> Option<((u64, u64), File)> {
    let metadata = fs::metadata(&path).ok()?;
    let number = (metadata.dev(), metadata.ino());
    let can_be = metadata.is_file() && !is_compressed(&path) && !is_swap(&path);
    if !can_be {
        return None;
    }
    let opened = access::open(&path);
    if opened.as_ref().is_ok_and(holds_archive) {
        return None;
    }
    let (readable, size, written) = (opened.is_ok(), metadata.size(), metadata.modified().ok());
    Some((number, File { size, written, readable, ..File::at(path, Standing::Unknown) }))
}

/// What has become of a path where this stands, and whose generations the state knows, the oldest first.
fn file(
    path: PathBuf,
    at_path: Option<&Metadata>,
    records: &[Record],
    disk: &mut DiskView,
) -> File {
    let is_at_path = |record: &Record| at_path.is_some_and(|m| is(record.reached.source.inode, m));
    let current = records.iter().rposition(is_at_path);
    let standing = if at_path.is_some() { Standing::Followed } else { Standing::Gone };
    let mut file = File {
        size: at_path.map_or(0, Metadata::size),
        written: at_path.and_then(|metadata| metadata.modified().ok()),
        moved: records.iter().map(|record| record.seen).max(),
        ..File::at(path, standing)
    };
    let current_size = file.size;
    let mut behind = Vec::new();
    for (index, record) in records.iter().enumerate() {
        let offset = record.reached.position.offset;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn who_is_among_others_is_told_of_each(
            paths: BTreeSet<u8>,
            others: BTreeSet<u8>,
        ) {
            let spelled = |set: &BTreeSet<u8>| -> Vec<_> { set.iter().map(|it| PathBuf::from(format!("/{it:03}"))).collect() };
            let all = (spelled(&paths), spelled(&others));
            let said = are_among(all.0.iter().map(PathBuf::as_path), all.1.iter().map(PathBuf::as_path));
            prop_assert_eq!(said, paths.iter().map(|it| others.contains(it)).collect::<Vec<_>>());
        }
    }
}
