//! Positions of confirmed lines: loaded at start, saved while running.
//!
//! The state directory holds four files. `positions` has every source as it was at some time,
//! `positions.recent` what has changed since, so that one change among 100,000 files costs one
//! line and not 100,000; `lock` keeps a second instance away, and is taken anew where somebody has
//! removed it; `globs` has what the run followed. The first two are replaced atomically, so
//! whenever the machine stops, what was saved last is there. Both carry the generation of
//! `positions`, which grows each time it is written: changes to an older one are ignored.
//!
//! Damage does not stop anything: what cannot be read is kept aside for a person to look at, and
//! what is sound of it is used.

mod file;
mod format;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod globs;
mod home;
mod refusal;
mod saver;
mod table;

use std::borrow::Cow;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::file::{Contents, FileProblem};
use self::home::{Find, Home};
use self::table::Table;
use crate::limits;
use crate::lockfile::{self, LockError, LockedFile};
use crate::pipeline::globs::FollowedGlobs;
use crate::pipeline::position::{Record, SourceId};
use crate::shown::Show;

pub use self::refusal::{refusal, tell_refusal};
pub use self::saver::{CheckpointLinks, Query, run};
pub use crate::lockfile::Holder;

/// Every source, as it was at some time.
const BASE: &str = "positions";
/// What has changed since.
const RECENT: &str = "positions.recent";
const LOCK: &str = "lock";

/// What follows from damage below which nothing older lies.
const LOST: &str = "files whose position was lost start as if seen for the first time: what was \
    written meanwhile is skipped unless from_start is set";
/// What follows where there is something older.
const OLDER: &str = "files that the older positions know go on from there, and some lines are sent \
    again; others start as if seen for the first time";

/// Why positions cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// Another instance uses the directory: starting would send every line twice.
    #[error(
        "another instance{} already keeps its positions in {}: stop it, or give this one \
         a directory and a pid file of its own with --state-dir (state_dir) and --pid-file \
         (pid_file)",
        pid.map_or_else(String::new, |pid| format!(" (process {pid})")),
        dir.shown()
    )]
    Locked {
        /// The process that holds it, if it could be told.
        pid: Option<u32>,
        /// The directory.
        dir: PathBuf,
    },
    /// The directory cannot be made, read or written. It is possible to run without it.
    #[error(
        "positions cannot be kept in {}: {}: {source}; {}, or name another directory with \
         --state-dir (state_dir)",
        dir.shown(), path.shown(), remedy(source)
    )]
    Unusable {
        /// The directory.
        dir: PathBuf,
        /// The file or directory within that is concerned.
        path: PathBuf,
        /// What went wrong with it.
        source: io::Error,
    },
}

/// The positions cannot be read by one who only looks.
#[derive(Debug, thiserror::Error)]
#[error("{}: {source}", path.shown())]
pub struct ReadError {
    /// The file within the directory.
    pub path: PathBuf,
    /// What went wrong with it.
    pub source: io::Error,
}

/// The positions of all sources, and the right to save them.
#[derive(Debug)]
pub struct Store {
    /// None where nothing is to be saved.
    home: Option<Home>,
    table: Table,
    /// The globs of the last run, where its positions are sound.
    globs: Option<FollowedGlobs>,
}

impl Store {
    /// What can be read in `dir`, without the right to save there: for when [`open`] says that the
    /// directory is unusable. A file system that has become read-only still tells where each file
    /// goes on. Its lock can still be taken: to read the file is enough for that.
    ///
    /// [`run`] saves there as soon as it can, unless there is something that could not be read.
    ///
    /// # Errors
    /// [`StateError::Locked`] if another instance uses the directory.
    pub fn unsaved(dir: &Path) -> Result<(Self, Vec<Record>), StateError> {
        let dir = &std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned());
        let lock = match LockedFile::open_to_read(&dir.join(LOCK)) {
            Ok(lock) => Some(lock),
            Err(LockError::Held(pid)) => {
                return Err(StateError::Locked { pid, dir: dir.clone() });
            }
            Err(LockError::Io(_)) => None,
        };
        let mut is_sound = true;
        let mut load = |name, consequence: &str| {
            // One that cannot be read says nothing against the other.
            let contents = look_into(dir, name).unwrap_or_else(|error| {
                // Where there is something else than a directory, there are no positions.
                is_sound &= error.source.kind() == io::ErrorKind::NotADirectory;
                Contents::none()
            });
            if let Some(problem) = &contents.problem {
                is_sound = false;
                tracing::warn!("{}; {consequence}", describe(&dir.join(name), problem));
            }
            contents
        };
        let base = load(BASE, LOST);
        let recent = load(RECENT, consequence_beside(&base));
        if is_sound && lacks_base(&base, &recent) {
            is_sound = false;
            warn_of_missing_base(dir);
        }
        let find = match (is_sound, base.is_missing) {
            (false, _) => Find::Part,
            (true, true) => Find::Nothing,
            (true, false) => Find::Everything,
        };
        let mut table = assemble(base, recent);
        table.need_base();
        let records = table.records();
        let globs = if is_sound { globs::read(dir) } else { None };
        let home = Some(Home::sought(dir.clone(), lock, find));
        Ok((Self { home, table, globs }, records))
    }

    /// Positions that nobody keeps: every file is new.
    #[must_use]
    pub fn none() -> Self {
        Self { home: None, table: Table::default(), globs: None }
    }

    /// Above every id that was ever given in this directory.
    #[must_use]
    pub fn next_id(&self) -> SourceId {
        self.table.next_id()
    }

    /// The globs that the last run followed. None where that is not known for sure.
    #[must_use]
    pub fn last_globs(&self) -> Option<&FollowedGlobs> {
        self.globs.as_ref()
    }

    /// Writes this process's id into the lock, for the message that a second instance gives. To
    /// be called again after a fork.
    pub fn write_pid(&mut self) {
        if let Some(home) = &mut self.home {
            home.write_pid();
        }
    }
}

/// Creates the directory (rights 0700) if needed, locks it and loads what it holds. Damaged files,
/// and those of a newer version, are kept aside under another name, with a warning.
///
/// # Errors
/// [`StateError::Locked`] if another instance uses the directory, [`StateError::Unusable`] if the
/// file system does not let us.
pub fn open(dir: &Path) -> Result<(Store, Vec<Record>), StateError> {
    let unusable = |path: &Path, source| StateError::Unusable {
        dir: dir.to_owned(),
        path: path.to_owned(),
        source,
    };
    let absolute = std::path::absolute(dir).map_err(|error| unusable(dir, error))?;
    let dir = &absolute;
    let home = Home::open(dir).map_err(|(path, error)| match error {
        LockError::Held(pid) => StateError::Locked { pid, dir: dir.clone() },
        LockError::Io(error) => unusable(&path, error),
    })?;
    let load = |name: &str, consequence: &str| {
        let contents = look_into(dir, name).map_err(|error| unusable(&error.path, error.source))?;
        if let Some(problem) = &contents.problem {
            let path = dir.join(name);
            let aside = keep_aside(&path, problem).map_err(|error| unusable(&path, error))?;
            warn_of(&path, problem, &aside, contents.loaded.changes.len(), consequence);
        }
        Ok(contents)
    };
    let base = load(BASE, LOST)?;
    let recent = load(RECENT, consequence_beside(&base))?;
    let mut is_sound = base.problem.is_none() && recent.problem.is_none();
    if lacks_base(&base, &recent) {
        is_sound = false;
        warn_of_missing_base(dir);
    }
    let mut table = assemble(base, recent);
    table.renew_base();
    let records = table.records();
    let globs = if is_sound { globs::read(dir) } else { None };
    let mut store = Store { home: Some(home), table, globs };
    store.write_pid();
    Ok((store, records))
}

/// What a state directory holds, as seen by one who only looks.
#[derive(Debug, Default)]
pub struct StateReading {
    /// The positions that are sound.
    pub records: Vec<Record>,
    /// What is wrong with the files, in words: `PATH is damaged: …`.
    pub damage: Vec<String>,
}

/// What `dir` holds, whoever uses it. Nothing is changed or locked there; while an instance saves,
/// what it saved last is read. A directory that does not exist holds nothing.
///
/// # Errors
/// If a file is there, or may be, but cannot be read.
pub fn read(dir: &Path) -> Result<StateReading, ReadError> {
    let (table, damage) = load_unlocked(dir)?;
    Ok(StateReading { records: table.records(), damage })
}

/// Whether an instance keeps its positions in `dir` now. Nothing is locked to find out.
#[must_use]
pub fn holder(dir: &Path) -> Option<Holder> {
    lockfile::holder(&dir.join(LOCK))
}

fn load_unlocked(dir: &Path) -> Result<(Table, Vec<String>), ReadError> {
    let mut damage = Vec::new();
    let mut load = |name| {
        let contents = look_into(dir, name)?;
        let problem = contents.problem.as_ref();
        damage.extend(problem.map(|problem| describe(&dir.join(name), problem)));
        Ok(contents)
    };
    // In this order: between the two, a running instance may write a new base.
    let recent = load(RECENT)?;
    let base = load(BASE)?;
    Ok((assemble(base, recent), damage))
}

fn look_into(dir: &Path, name: &str) -> Result<Contents, ReadError> {
    let path = dir.join(name);
    match file::read(&path) {
        Ok(contents) => Ok(contents.unwrap_or_else(Contents::none)),
        Err(source) => Err(ReadError { path, source }),
    }
}

/// What follows from damage of what has changed since `base`.
fn consequence_beside(base: &Contents) -> &'static str {
    if base.loaded.changes.is_empty() { LOST } else { OLDER }
}

/// Whether what has changed since is there, and what it changes is not: then that was removed, for it is
/// written first.
fn lacks_base(base: &Contents, recent: &Contents) -> bool {
    base.is_missing && !recent.is_missing
}

fn warn_of_missing_base(dir: &Path) {
    let (base, recent) = (dir.join(BASE), dir.join(RECENT));
    tracing::warn!("{} is gone, and {} is there; {LOST}", base.shown(), recent.shown());
}

/// One table of the two files.
fn assemble(base: Contents, mut recent: Contents) -> Table {
    if !recent.has_header {
        recent.loaded.generation = base.loaded.generation;
    }
    // What was kept aside is no longer on disk: all of it must be written.
    let has_problem = base.problem.is_some() || recent.problem.is_some();
    let incomplete = has_problem || lacks_base(&base, &recent);
    let mut table = Table::loaded(base.loaded, recent.loaded);
    if incomplete {
        table.need_base();
    }
    table
}

/// Moves the file at `path` out of the way, never over another.
fn keep_aside(path: &Path, problem: &FileProblem) -> io::Result<PathBuf> {
    let kind = match problem {
        FileProblem::Newer(_) => "newer",
        FileProblem::Damaged(_) => "damaged",
    };
    let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let name = |number: u32| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{kind}-{time}"));
        if number > 0 {
            name.push(format!("-{number}"));
        }
        PathBuf::from(name)
    };
    // The lock is ours: no other instance takes the name between the look and the renaming.
    let free = (0..).map(name).find(|name| fs::symlink_metadata(name).is_err());
    let aside = free.unwrap_or_else(|| name(0));
    fs::rename(path, &aside)?;
    Ok(aside)
}

fn warn_of(path: &Path, problem: &FileProblem, aside: &Path, sound: usize, consequence: &str) {
    let (what, aside) = (describe(path, problem), aside.shown());
    match problem {
        FileProblem::Newer(_) => tracing::warn!("{what}; it is kept as {aside}; {consequence}"),
        FileProblem::Damaged(_) => tracing::warn!(
            "{what}; it is kept as {aside}, and {sound} entries of it could still be used; \
             {consequence}"
        ),
    }
}

fn describe(path: &Path, problem: &FileProblem) -> String {
    let path = path.shown();
    match problem {
        FileProblem::Newer(version) => {
            format!("{path} was written by a newer version (format {version})")
        }
        FileProblem::Damaged(reason) => format!("{path} is damaged: {reason}"),
    }
}

/// What a person can do about `error`.
fn remedy(error: &io::Error) -> Cow<'static, str> {
    if let Some(limit) = limits::met_by(error) {
        return limit.into();
    }
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space there",
        io::ErrorKind::ReadOnlyFilesystem => "mount that file system writable",
        io::ErrorKind::PermissionDenied => "give this user the right to write there",
        io::ErrorKind::ResourceBusy => "stop one of the two",
        io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => "move what is in the way",
        _ => "look after that directory",
    };
    remedy.into()
}

impl Contents {
    /// Of a file that is not there.
    fn none() -> Self {
        Self { has_header: true, is_missing: true, ..Self::default() }
    }
}

#[cfg(test)]
mod tests;
