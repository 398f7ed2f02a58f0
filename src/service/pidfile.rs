//! The file that tells init scripts whom to signal, and keeps a second instance away.
//!
//! Everybody may read it, and whoever may read a file may lock it, and keep all others from that
//! (flock(2)). So what keeps instances apart is the lock on another file beside it, which only its
//! owner can open.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::config;
use crate::lockfile::{self, LockError, LockedFile};
use crate::shown::Show;
use crate::threads;

/// What is behind the name of the pid file in that of its lock.
const LOCK: &str = ".lock";

/// A pid file that no other instance takes, as long as this process runs.
#[derive(Debug)]
pub struct PidFile {
    shown: Placed,
    /// None where it cannot be made: the pid file may be all that is ours in its directory.
    lock: Option<Placed>,
}

/// A file at its path.
#[derive(Debug)]
struct Placed {
    file: LockedFile,
    path: PathBuf,
}

/// Why there is no pid file.
#[derive(Debug, thiserror::Error)]
pub enum PidFileError {
    /// Another instance runs.
    #[error(
        "another instance{} already runs: it holds {}; stop it, or give this one a pid file and \
         a state directory of its own with --pid-file (pid_file) and --state-dir (state_dir)",
        pid.map_or_else(String::new, |pid| format!(" (process {pid})")),
        path.shown()
    )]
    Locked {
        /// The process that holds it, if it could be told.
        pid: Option<u32>,
        /// The file.
        path: PathBuf,
    },
    /// The file that was named cannot be written.
    #[error(
        "the pid file {} cannot be written: {source}; check that its directory exists and is \
         writable, or name another one with --pid-file (pid_file)",
        path.shown()
    )]
    Unwritable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// None of the usual places will do.
    #[error(
        "no pid file can be written, neither of {}; name one with --pid-file (pid_file)",
        list(tried)
    )]
    Nowhere {
        /// All that were tried.
        tried: Vec<PathBuf>,
    },
    /// Something else is there.
    #[error(
        "{} holds something else than a process id and is left alone: remove it, or name \
         another file with --pid-file (pid_file)",
        path.shown()
    )]
    NotAPidFile {
        /// The file.
        path: PathBuf,
    },
    /// What is written there shows under another name as well.
    #[error(
        "{} has several names (hard links) and is left alone, for what it also is would be \
         overwritten: remove it, or name another file with --pid-file (pid_file)",
        path.shown()
    )]
    SeveralNames {
        /// The file.
        path: PathBuf,
    },
    /// It is another file at every look.
    #[error(
        "{} is another file at every look, so that nobody can tell who holds it; name one on \
         another file system with --pid-file (pid_file)",
        path.shown()
    )]
    Unsteady {
        /// The file.
        path: PathBuf,
    },
}

/// How long the end of the process waits for the file system.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is tried to take a file that is gone when it is locked: an instance that stops
/// removes it, and one after the other may.
const TRIES: usize = 3;

/// Nothing is lost by writing to `file`, and nobody else has put it there. (Root may have left it to
/// the user it became.)
fn is_no_trap(file: &File) -> bool {
    let user = rustix::process::geteuid();
    let is_ours = |it: Metadata| it.nlink() == 1 && (user.is_root() || it.uid() == user.as_raw());
    lockfile::holds_at_most_a_pid(file) && file.metadata().is_ok_and(is_ours)
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.shown().to_string()).collect::<Vec<_>>().join(", ")
}

impl PidFile {
    /// Takes the pid file: one that nobody holds is stale, whatever it says. To be followed by
    /// [`Self::write_pid`] in the process that stays.
    ///
    /// # Errors
    /// See [`PidFileError`].
    pub fn acquire(choice: &config::PidFilePlace) -> Result<Self, PidFileError> {
        match choice {
            config::PidFilePlace::At(path) => Self::at(path),
            config::PidFilePlace::Search => Self::search(places(|name| std::env::var_os(name))),
        }
    }

    fn at(path: &Path) -> Result<Self, PidFileError> {
        let unwritable = |source| PidFileError::Unwritable { path: path.to_owned(), source };
        // The working directory is about to change.
        let path = std::path::absolute(path).map_err(unwritable)?;
        for _ in 0..TRIES {
            let shown = lockfile::open(&path, 0o644).map_err(unwritable)?;
            if !lockfile::holds_at_most_a_pid(&shown) {
                return Err(PidFileError::NotAPidFile { path });
            }
            if shown.metadata().map_err(unwritable)?.nlink() > 1 {
                return Err(PidFileError::SeveralNames { path });
            }
            let held = |error| match error {
                LockError::Held(pid) => PidFileError::Locked { pid, path: path.clone() },
                LockError::Io(error) => unwritable(error),
            };
            let lock = Self::lock(&path).map_err(held)?;
            let locked = match &lock {
                Some(_) => LockedFile::lock_shown(shown, &path),
                None => LockedFile::lock(shown, &path),
            };
            let shown = Placed { file: locked.map_err(held)?, path: path.clone() };
            let mut taken = Self { shown, lock };
            // It tells the file from others where the file system does not.
            taken.write_pid()?;
            // An instance that stopped just now may have removed what was opened here.
            if taken.shown.is_in_place() && taken.lock.as_ref().is_none_or(Placed::is_in_place) {
                return Ok(taken);
            }
        }
        Err(PidFileError::Unsteady { path })
    }

    /// The lock of the pid file at `path`.
    fn lock(path: &Path) -> Result<Option<Placed>, LockError> {
        let mut name = path.as_os_str().to_owned();
        name.push(LOCK);
        let path = PathBuf::from(name);
        let Ok(file) = lockfile::open(&path, 0o600) else { return Ok(None) };
        if !is_no_trap(&file) {
            tracing::warn!(
                "{} is a link, or belongs to another user: it is not used as a lock",
                path.shown()
            );
            return Ok(None);
        }
        match LockedFile::lock(file, &path) {
            Ok(file) => Ok(Some(Placed { file, path })),
            Err(LockError::Io(_)) => Ok(None),
            Err(held) => Err(held),
        }
    }

    fn search(places: Vec<PathBuf>) -> Result<Self, PidFileError> {
        for place in &places {
            match Self::at(place) {
                Err(PidFileError::Unwritable { .. }) => {}
                decided => return decided,
            }
        }
        Err(PidFileError::Nowhere { tried: places })
    }

    /// Writes this process's id, after the last fork.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_pid(&mut self) -> Result<(), PidFileError> {
        if let Some(lock) = &mut self.lock {
            // For those who are turned away.
            let _ = lock.file.write_pid();
        }
        let path = &self.shown.path;
        let unwritable = |source| PidFileError::Unwritable { path: path.clone(), source };
        self.shown.file.write_pid().map_err(unwritable)
    }

    /// Removes the file at a clean stop, unless another has taken its place. Where the directory
    /// is not ours (any more), an empty file says as well that nothing runs.
    pub fn remove(self) {
        let path = self.shown.path.clone();
        let removed = threads::within(PATIENCE, "remove", move || {
            self.shown.remove();
            if let Some(lock) = self.lock {
                lock.remove();
            }
        });
        if removed.is_none() {
            tracing::warn!(
                "the pid file {} cannot be removed: its file system does not answer; remove it by hand",
                path.shown()
            );
        }
    }
}

impl Placed {
    fn remove(&self) {
        if self.is_in_place()
            && let Err(error) = fs::remove_file(&self.path)
            && self.file.file().set_len(0).is_err()
        {
            tracing::warn!("the pid file {} cannot be removed: {error}", self.path.shown());
        }
    }

    fn is_in_place(&self) -> bool {
        self.file.is_at(&self.path)
    }
}

/// Where a pid file is looked for, in order, as in remote_syslog2.
fn places(variable: impl Fn(&str) -> Option<std::ffi::OsString>) -> Vec<PathBuf> {
    let in_variable = |name: &str, under: &str| {
        let value = variable(name).filter(|value| Path::new(OsStr::new(value)).is_absolute())?;
        Some(PathBuf::from(value).join(under))
    };
    let directories = [
        Some(PathBuf::from("/var/run")),
        in_variable("HOME", "run"),
        in_variable("HOME", "tmp"),
        in_variable("HOME", ""),
        in_variable("TMPDIR", ""),
        Some(PathBuf::from("/tmp")),
    ];
    directories.into_iter().flatten().map(|dir| dir.join("remote_syslog.pid")).collect()
}

#[cfg(test)]
mod tests;
