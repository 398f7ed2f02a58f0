//! A file that only one process holds: the state directory's lock and the pid file.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use crate::safe_open::{self, Last};

use crate::shown::Show;

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
    /// Opens or creates the file as [`open`] does, and locks it.
    pub(crate) fn open(path: &Path, mode: u32) -> Result<Self, LockError> {
        Self::lock(open(path, mode).map_err(LockError::Io)?, path)
    }

    /// Locks the file as one who may only read it, where its file system takes no more.
    pub(crate) fn open_to_read(path: &Path) -> Result<Self, LockError> {
        let file = safe_open::open(path, OFlags::RDONLY, Mode::empty(), Last::Refuse);
        Self::lock(file.map_err(LockError::Io)?, path)
    }

    /// Locks `file`, which is at `path`.
    pub(crate) fn lock(file: File, path: &Path) -> Result<Self, LockError> {
        Self::lock_where(file, path, |_, _| true)
    }

    /// The same for a file that others may read, while a lock that they cannot take keeps instances
    /// apart. Whoever may read it may lock it: only the process that it names counts.
    pub(crate) fn lock_shown(file: File, path: &Path) -> Result<Self, LockError> {
        Self::lock_where(file, path, |file, pid| {
            let metadata = file.metadata();
            let named = pid.zip(metadata.ok());
            named.is_some_and(|(pid, metadata)| holds(pid, metadata.dev(), metadata.ino()))
        })
    }

    fn lock_where(
        mut file: File,
        path: &Path,
        counts: impl FnOnce(&File, Option<u32>) -> bool,
    ) -> Result<Self, LockError> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let pid = pid_in(&mut file);
                if counts(&file, pid) {
                    return Err(LockError::Held(pid));
                }
                tracing::warn!(
                    "{} is locked by a process that is not remote_syslog; it is not waited for",
                    path.shown()
                );
            }
            // A file system without locks is no reason not to work.
            Err(TryLockError::Error(error)) => {
                tracing::warn!(
                    "{} cannot be locked ({error}); make sure that no second instance uses it",
                    path.shown()
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

    /// Whether `path` still names this file, or at least one with our number in it: some file
    /// systems give another inode at every look.
    pub(crate) fn is_at(&self, path: &Path) -> bool {
        let there = fs::symlink_metadata(path).map(|there| (there.dev(), there.ino()));
        let here = self.file.metadata().map(|here| (here.dev(), here.ino()));
        let pid = || read(path).and_then(|mut file| pid_in(&mut file));
        matches!((there, here), (Ok(there), Ok(here)) if there == here)
            || pid() == Some(std::process::id())
    }

    /// The file itself.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

/// Opens or creates the file with `mode`. A symlink is not followed: in a directory that all may
/// write to, it could lead to a file that is then overwritten. Nor is anybody waited for, should it
/// be a pipe.
pub(crate) fn open(path: &Path, mode: u32) -> io::Result<File> {
    safe_open::open(path, OFlags::RDWR | OFlags::CREATE, Mode::from_raw_mode(mode), Last::Refuse)
}

/// Opens the file to read it. Another may have put something else in its place: a symlink is not
/// followed, and nobody is waited for, should it be a pipe.
fn read(path: &Path) -> Option<File> {
    let file = safe_open::open(path, OFlags::RDONLY, Mode::empty(), Last::Refuse).ok()?;
    file.metadata().is_ok_and(|metadata| metadata.is_file()).then_some(file)
}

/// Whether `file` is one in which nothing would be lost by writing a process id: it holds one number at most.
pub(crate) fn holds_at_most_a_pid(mut file: &File) -> bool {
    let mut start = Vec::new();
    // A crash of the machine may leave NULs.
    let blank = |byte: &u8| byte.is_ascii_whitespace() || *byte == 0;
    file.metadata().is_ok_and(|metadata| metadata.is_file())
        && file.take(64).read_to_end(&mut start).is_ok()
        && file.rewind().is_ok()
        && start.len() < 64
        && start.split(blank).filter(|word| !word.is_empty()).count() <= 1
        && start.iter().all(|byte| byte.is_ascii_digit() || blank(byte))
}

/// The process id that `file` holds.
fn pid_in(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.take(32).read_to_string(&mut text).ok()?;
    text.trim().parse().ok().filter(|&pid| pid > 0)
}

/// Who holds a locked file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Holder {
    /// Its process id, if that could be told.
    pub pid: Option<u32>,
}

/// Who holds the file at `path`, by what the kernel shows of its locks. To try the lock would
/// turn away an instance that starts at this moment.
pub(crate) fn holder(path: &Path) -> Option<Holder> {
    let mut file = read(path)?;
    let metadata = file.metadata().ok()?;
    let (device, inode) = (metadata.dev(), metadata.ino());
    let written = pid_in(&mut file);
    if written.is_some_and(|pid| holds(pid, device, inode)) {
        return Some(Holder { pid: written });
    }
    // Its number is not written (yet), or it is another user's and hides its files.
    let locks = fs::read_to_string("/proc/locks").ok()?;
    let place = place(device, inode);
    let line = locks.lines().find(|line| is_flock(line) && line.contains(&place))?;
    // Who locked it may have left the lock to a child, which then wrote its own number.
    let locker = line.split_ascii_whitespace().nth(4).and_then(|pid| pid.parse().ok());
    let pid = locker.filter(|&pid| holds(pid, device, inode));
    Some(Holder { pid: pid.or(written.filter(|&pid| is_alive(pid))) })
}

/// Whether process `pid` has this file open for writing and locked (`proc_pid_fdinfo(5)`).
fn holds(pid: u32, device: u64, inode: u64) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    descriptors.flatten().any(|descriptor| {
        let same = fs::metadata(descriptor.path())
            .is_ok_and(|metadata| (metadata.dev(), metadata.ino()) == (device, inode));
        let number = descriptor.file_name();
        let info = || fs::read_to_string(Path::new(&format!("/proc/{pid}/fdinfo")).join(number));
        same && info().is_ok_and(|info| is_writable(&info) && info.lines().any(is_flock))
    })
}

/// Whether the descriptor that `info` tells of may write: flags are octal, as in open(2).
fn is_writable(info: &str) -> bool {
    let flags = info.lines().find_map(|line| line.strip_prefix("flags:"));
    let flags = flags.and_then(|flags| i32::from_str_radix(flags.trim(), 8).ok());
    flags.is_some_and(|flags| flags & libc::O_ACCMODE != libc::O_RDONLY)
}

fn is_alive(pid: u32) -> bool {
    Path::new(&format!("/proc/{pid}")).exists()
}

/// Whether a line of `/proc/locks` or of a descriptor's information tells of a lock by flock(2)
/// that is held, not waited for.
fn is_flock(line: &str) -> bool {
    line.split_ascii_whitespace().any(|word| word == "FLOCK") && !line.contains("->")
}

/// A file as `/proc/locks` names it. On overlay and btrfs the device is another one there, so
/// that only [`holds`] can tell.
fn place(device: u64, inode: u64) -> String {
    format!(" {:02x}:{:02x}:{inode} ", rustix::fs::major(device), rustix::fs::minor(device))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_holds_a_file_is_told_without_locking_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        assert_eq!(holder(&path), None);
        let mut held = LockedFile::open(&path, 0o600).unwrap();
        held.write_pid().unwrap();
        assert_eq!(holder(&path), Some(Holder { pid: Some(std::process::id()) }));
        drop(held);
        assert_eq!(holder(&path), None, "the number alone says nothing");
        // Looking has not locked it.
        LockedFile::open(&path, 0o600).unwrap();
    }

    #[test]
    fn a_holder_that_could_not_write_its_number_is_seen() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let _held = LockedFile::open(&path, 0o600).unwrap();
        // Other file systems show another device in the list of locks.
        let Some(holder) = holder(&path) else { return };
        assert_eq!(holder.pid, Some(std::process::id()));
    }

    #[test]
    fn what_another_has_put_in_its_place_is_neither_waited_for_nor_followed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let mut held = LockedFile::open(&path, 0o600).unwrap();
        held.write_pid().unwrap();
        let moved = dir.path().join("moved");
        fs::rename(&path, &moved).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, &path, Mode::RUSR | Mode::WUSR).unwrap();
        assert!(!held.is_at(&path) && holder(&path).is_none());
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink(&moved, &path).unwrap();
        assert!(!held.is_at(&path) && holder(&path).is_none());
    }

    #[test]
    fn lines_of_the_kernel() {
        let line = "1: FLOCK  ADVISORY  WRITE 4711 08:01:1234567 0 EOF";
        assert!(is_flock(line));
        assert!(line.contains(&place(rustix::fs::makedev(8, 1), 1_234_567)));
        assert!(!is_flock("2: -> FLOCK  ADVISORY  WRITE 4712 08:01:1234567 0 EOF"), "it waits");
        assert!(!is_flock("3: POSIX  ADVISORY  READ 1 00:15:99 0 EOF"));
    }
}
