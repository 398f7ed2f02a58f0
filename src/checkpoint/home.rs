//! The directory and its lock, which stay one's own also when somebody removes them.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};
use rustix::io::Errno;

use super::{BASE, LOCK, RECENT};
use crate::lockfile::{LockError, LockedFile};
use crate::shown::Show;

/// A state directory, and how far it is this process's.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) dir: PathBuf,
    hold: Hold,
}

#[derive(Debug)]
enum Hold {
    /// Nobody else uses it.
    Locked(LockedFile),
    /// Nothing can be saved there so far.
    Sought {
        /// Keeps others away, where it can.
        lock: Option<LockedFile>,
        find: Find,
    },
}

/// What of earlier positions this process goes on from, where it may not save yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Find {
    /// Nothing was there.
    Nothing,
    /// All that is there.
    Everything,
    /// There is more than could be read: it is not to be written over.
    Part,
    /// The same, and it is said.
    Told,
}

impl Home {
    /// Makes the directory (rights 0700) if needed, locks it, and sees that it can be written.
    ///
    /// # Errors
    /// With the path that is concerned.
    pub(super) fn open(dir: &Path) -> Result<Self, (PathBuf, LockError)> {
        let io = |error| (dir.to_owned(), LockError::Io(error));
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io)?;
        let path = dir.join(LOCK);
        let lock = LockedFile::open(&path, 0o600).map_err(|error| (path, error))?;
        can_be_written(dir).map_err(|error| io(error.into()))?;
        Ok(Self { dir: dir.to_owned(), hold: Hold::Locked(lock) })
    }

    /// One where nothing can be saved so far, though `lock` may be held.
    pub(super) fn sought(dir: PathBuf, lock: Option<LockedFile>, find: Find) -> Self {
        Self { dir, hold: Hold::Sought { lock, find } }
    }

    /// Whether nothing could ever be saved there.
    pub(super) fn is_sought(&self) -> bool {
        matches!(self.hold, Hold::Sought { .. })
    }

    /// Whether the lock in the directory is still the one that is held.
    pub(super) fn is_ours(&self) -> bool {
        matches!(&self.hold, Hold::Locked(lock) if lock.is_at(&self.dir.join(LOCK)))
    }

    /// Makes the directory and takes its lock, where that was not possible before or somebody has removed them.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        if let Hold::Sought { lock, find } = &mut self.hold {
            match can_be_written(&self.dir) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
            find.allows_to_write_over(&self.dir)?;
            // It would be in its own way.
            *lock = None;
        }
        match Self::open(&self.dir) {
            Ok(home) => *self = home,
            Err((_, error)) => {
                self.stays_away(&error);
                return Err(match error {
                    LockError::Io(error) => error,
                    LockError::Held(pid) => {
                        let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                        let what = format!("another instance{who} keeps its positions there now");
                        io::Error::new(io::ErrorKind::ResourceBusy, what)
                    }
                });
            }
        }
        self.write_pid();
        Ok(())
    }

    /// Takes back the lock that was in the way of one to write. What another has saved meanwhile is not known here.
    fn stays_away(&mut self, error: &LockError) {
        let Hold::Sought { lock, find } = &mut self.hold else { return };
        match error {
            LockError::Held(_) => *find = Find::Part,
            LockError::Io(_) => *lock = LockedFile::open_to_read(&self.dir.join(LOCK)).ok(),
        }
    }

    /// Writes this process's id into the lock.
    pub(super) fn write_pid(&mut self) {
        if let Hold::Locked(lock) = &mut self.hold {
            // A message without the number is still a message.
            let _ = lock.write_pid();
        }
    }
}

impl Find {
    /// An error where `dir`, which can be written by now, holds more than was read. Said once: the next start goes
    /// on from there.
    fn allows_to_write_over(&mut self, dir: &Path) -> io::Result<()> {
        let is_there = |name| fs::symlink_metadata(dir.join(name)).is_ok();
        match self {
            Self::Everything => return Ok(()),
            Self::Nothing if ![BASE, RECENT].into_iter().any(is_there) => return Ok(()),
            Self::Nothing | Self::Part => tracing::warn!(
                "{} can be written now, and holds positions that were not there, or not all sound, at the start: they \
                 are left as they are, and none are saved; restart to go on from them",
                dir.shown()
            ),
            Self::Told => {}
        }
        *self = Self::Told;
        Err(io::Error::new(io::ErrorKind::AlreadyExists, "there are other positions"))
    }
}

fn can_be_written(dir: &Path) -> Result<(), Errno> {
    access(dir, Access::WRITE_OK | Access::EXEC_OK)
}
