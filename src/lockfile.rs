//! A file that only one process holds: the state directory's lock and the pid file.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Why a file is not locked.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another process holds it, this one if it said so.
    Held(Option<u32>),
    /// It cannot be opened.
    Io(io::Error),
}

/// A file that is locked against other processes, and tells them the pid that holds it.
///
/// The lock (flock(2)) belongs to the open file: it survives fork as long as one of the two
/// processes keeps the descriptor, and ends with the last one whatever becomes of them.
#[derive(Debug)]
pub(crate) struct LockedFile {
    file: File,
}

impl LockedFile {
    /// Opens or creates the file with `mode` and locks it. A symlink is not followed: in a
    /// directory that all may write to, it could lead to a file that is then overwritten.
    pub(crate) fn open(path: &Path, mode: u32) -> Result<Self, LockError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(mode)
            .custom_flags(libc::O_NOFOLLOW)
            .open(path)
            .map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LockError::Held(pid_in(&mut file))),
            // A file system without locks is no reason not to work.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(
                    "{} cannot be locked ({error}); make sure that no second instance uses it",
                    path.display()
                );
            }
        }
        Ok(Self { file })
    }

    /// Writes this process's id and a newline as the whole content.
    pub(crate) fn write_pid(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.rewind()?;
        writeln!(self.file, "{}", std::process::id())
    }

    /// Whether nothing would be lost by writing a process id there.
    pub(crate) fn holds_at_most_a_pid(&self) -> bool {
        let mut start = Vec::new();
        let read = (&self.file).take(64).read_to_end(&mut start);
        // A crash of the machine may leave NULs.
        let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
        read.is_ok()
            && start.len() < 64
            && start.iter().all(|byte| byte.is_ascii_digit() || blank(byte))
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// The process id that `file` holds.
fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|&pid| pid > 0)
}
