//! The directory and its lock, which stay one's own also when somebody removes them.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use rustix::fs::{Access, access};

use super::LOCK;
use crate::lockfile::{LockError, LockedFile};

/// A state directory that nobody else uses.
#[derive(Debug)]
pub(super) struct Home {
    pub(super) dir: PathBuf,
    lock: LockedFile,
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
        access(dir, Access::WRITE_OK | Access::EXEC_OK).map_err(|error| io(error.into()))?;
        Ok(Self { dir: dir.to_owned(), lock })
    }

    /// Whether the lock in the directory is still the one that is held.
    pub(super) fn is_ours(&self) -> bool {
        self.lock.is_at(&self.dir.join(LOCK))
    }

    /// Makes the directory anew and takes its lock, after somebody has removed them.
    pub(super) fn settle(&mut self) -> io::Result<()> {
        *self = Self::open(&self.dir).map_err(|(_, error)| match error {
            LockError::Io(error) => error,
            LockError::Held(pid) => {
                let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
                let what = format!("another instance{who} keeps its positions there now");
                io::Error::new(io::ErrorKind::ResourceBusy, what)
            }
        })?;
        self.write_pid();
        Ok(())
    }

    /// Writes this process's id into the lock.
    pub(super) fn write_pid(&mut self) {
        // A message without the number is still a message.
        let _ = self.lock.write_pid();
    }
}
