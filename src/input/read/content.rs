//! The bytes of one generation, plain or compressed by rotation, and what the kernel says of a
//! file.

use std::fs::{File, Metadata};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt};
use std::path::Path;
use std::time::Duration;

use nix::time::{ClockId, clock_gettime};
use rustix::fs::{OFlags, SeekFrom, seek};
use rustix::io::Errno;
use rustix::process::{Resource, getrlimit};

use crate::input::read::compressed::{CompressedReader, Defect};
use crate::input::read::plausible::{LOOKED_AT, looks_like_a_log};
use crate::input::read::records::{leading_nuls, without_nuls_behind};
use crate::input::stream::StreamWindow;
use crate::pipeline::position::{Inode, birth};
use crate::safe_open::open_log;

/// What the kernel says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Stat {
    pub(in crate::input) inode: Inode,
    pub(in crate::input) size: u64,
    /// Nanoseconds since the epoch.
    pub(in crate::input) modified: i64,
    pub(in crate::input) is_regular: bool,
    pub(in crate::input) is_fifo: bool,
    /// Number of names; 0 when it was deleted and is only still open.
    pub(in crate::input) links: u64,
}

impl Stat {
    pub(in crate::input) fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(birth);
        Self {
            inode: Inode { device: metadata.dev(), number: metadata.ino(), born },
            size: metadata.size(),
            // Times past 2262 are all the last that can be told.
            modified: metadata
                .mtime()
                .saturating_mul(1_000_000_000)
                .saturating_add(metadata.mtime_nsec()),
            is_regular: metadata.is_file(),
            is_fifo: metadata.file_type().is_fifo(),
            links: metadata.nlink(),
        }
    }

    /// Follows symbolic links.
    pub(in crate::input) fn at(path: &Path) -> io::Result<Self> {
        path.metadata().map(|metadata| Self::of(&metadata))
    }
}

/// A time that no file which is made from now on is born before, in nanoseconds since the epoch: the
/// clock of files goes on in steps.
pub(in crate::input) fn file_clock() -> i64 {
    let now = clock_gettime(ClockId::CLOCK_REALTIME_COARSE).map(Duration::from);
    now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
}

/// An open generation.
#[derive(Debug)]
pub(in crate::input) enum Content {
    Plain(File),
    /// What rotation has compressed.
    Compressed(Box<CompressedReader>),
    /// What has come of a stream so far.
    Streamed(StreamWindow),
}

/// So many NULs are looked through at once in what is compressed: more than a log is made larger by
/// beforehand, and a fraction of a second.
const NULS_INFLATED: u64 = 64 << 20;
/// Descriptors that are left to others: without them there is no connection, and no file would be read
/// to its end and closed again. Where there are few, a quarter of them.
const RESERVE: u64 = 32;

/// How often a name is opened that is there while opening it says that there is none: it may have been
/// given to another file between the two.
const OPENINGS: usize = 3;

/// Opens without waiting for the other end of a FIFO and without becoming a terminal's owner. Where
/// this user may ask for it, reading does not count as access: else each line would have its file's
/// inode written as well.
///
/// # Errors
/// As [`open_log`] has them; `EMFILE` as long as there are no more descriptors left than [`RESERVE`] says.
/// That there is no such file is said only where its name is gone: some file systems list what they
/// cannot open, and whoever then looked at the name again would do so without end.
pub(in crate::input) fn open(path: &Path) -> io::Result<File> {
    for _ in 0..OPENINGS {
        match open_once(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && Stat::at(path).is_ok() => {}
            opened => return opened,
        }
    }
    Err(io::Error::other("its name is there, but opening it says that there is no such file"))
}

fn open_once(path: &Path) -> io::Result<File> {
    #[cfg(test)]
    faults::check_opening(path)?;
    let file = match open_log(path, OFlags::RDONLY | OFlags::NOATIME) {
        // open(2): neither the owner nor privileged.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => open_log(path, OFlags::RDONLY),
        opened => opened,
    }?;
    // The lowest number that is free (open(2)), so those below are in use.
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    match file.as_raw_fd() as u64 >= limit - RESERVE.min(limit / 4) {
        true => Err(Errno::MFILE.into()),
        false => Ok(file),
    }
}

/// One `pread(2)`.
///
/// # Errors
/// As that has them.
pub(in crate::input) fn read_file_at(
    file: &File,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    #[cfg(test)]
    faults::check(file)?;
    file.read_at(buffer, offset)
}

/// Files that cannot be read, for the tests of this thread: a file system that fails on demand takes
/// more rights than a test has.
#[cfg(test)]
pub(in crate::input) mod faults {
    use std::cell::RefCell;
    use std::collections::HashSet;

    use super::*;

    thread_local! {
        static FAILING: RefCell<HashSet<u64>> = RefCell::default();
        static HIDDEN: RefCell<HashSet<u64>> = RefCell::default();
    }

    /// Opening the file with this inode says from now on that there is none, though its name is there;
    /// or does not.
    pub(in crate::input) fn hide(number: u64, is_hidden: bool) {
        HIDDEN.with_borrow_mut(|hidden| match is_hidden {
            true => hidden.insert(number),
            false => hidden.remove(&number),
        });
    }

    pub(super) fn check_opening(path: &Path) -> io::Result<()> {
        HIDDEN.with_borrow(|hidden| match hidden.is_empty() || Stat::at(path).is_err() {
            false if hidden.contains(&Stat::at(path)?.inode.number) => Err(Errno::NOENT.into()),
            _ => Ok(()),
        })
    }

    /// Reading the file with this inode fails from now on.
    pub(in crate::input) fn fail(number: u64) {
        FAILING.with_borrow_mut(|failing| failing.insert(number));
    }

    /// Every file can be read again. Returns which could not.
    pub(in crate::input) fn take() -> HashSet<u64> {
        FAILING.take()
    }

    pub(super) fn check(file: &File) -> io::Result<()> {
        FAILING.with_borrow(|failing| {
            let fails = !failing.is_empty() && failing.contains(&file.metadata()?.ino());
            if fails { Err(Errno::IO.into()) } else { Ok(()) }
        })
    }
}

impl Content {
    /// Whether what stands in it first, behind NULs perhaps, is like a log.
    ///
    /// # Errors
    /// It cannot be read.
    pub(in crate::input) fn looks_like_a_log(&mut self) -> io::Result<bool> {
        let (mut bytes, mut offset) = ([0; LOOKED_AT], self.data_from(0));
        loop {
            let count = self.read_at(offset, &mut bytes)?;
            match leading_nuls(&bytes[..count]) {
                0 => return Ok(looks_like_a_log(&bytes[..count])),
                nuls if nuls < count => offset += nuls as u64,
                nuls => offset = self.data_from(offset + nuls as u64),
            }
        }
    }

    /// Fills `buffer` from `offset` as far as there is something.
    ///
    /// # Errors
    /// Also when it cannot be told whether there is more: a compressed file is not complete, or
    /// damaged.
    pub(in crate::input) fn read_at(
        &mut self,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let (filled, stopped) = self.fill(u64::MAX, offset, buffer);
        stopped.map_or(Ok(filled), Err)
    }

    /// The same for a file that was just seen to be of this `size`: coming so far and no further it
    /// is at its end, and is not asked for more.
    ///
    /// # Errors
    /// When there is nothing before it; see [`Content::defect`] for the rest.
    pub(in crate::input) fn read_to(
        &mut self,
        size: u64,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        match self.fill(size, offset, buffer) {
            (0, Some(error)) => Err(error),
            (filled, _) => Ok(filled),
        }
    }

    /// How much was read, and what has kept it from being more.
    fn fill(&mut self, size: u64, offset: u64, buffer: &mut [u8]) -> (usize, Option<io::Error>) {
        let mut filled = 0;
        while filled < buffer.len() && (filled == 0 || offset + (filled as u64) < size) {
            let rest = &mut buffer[filled..];
            let at = offset + filled as u64;
            let read = match self {
                Self::Plain(file) => read_file_at(file, rest, at),
                Self::Compressed(reader) => reader.read_at(at, rest),
                Self::Streamed(window) => Ok(window.read_at(at, rest)),
            };
            match read {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (filled, Some(error)),
            }
        }
        (filled, None)
    }

    /// The first offset from `offset` on that may hold anything but NULs, as far as the file system
    /// tells: what was never written takes no time to read.
    pub(in crate::input) fn data_from(&self, offset: u64) -> u64 {
        let Self::Plain(file) = self else { return offset };
        match seek(file, SeekFrom::Data(offset)) {
            Ok(data) => data.max(offset),
            // Nothing up to its end.
            Err(Errno::NXIO) => self.stat().map_or(offset, |stat| stat.size.max(offset)),
            Err(_) => offset,
        }
    }

    /// Whether nothing but NULs comes from `offset` on. What is compressed may go on without end: of more
    /// than [`NULS_INFLATED`] the answer is no, and they are skipped as they are read.
    pub(in crate::input) fn only_nuls_from(&mut self, mut offset: u64) -> io::Result<bool> {
        let mut buffer = [0; 4096];
        let end = match self {
            Self::Plain(_) | Self::Streamed(_) => u64::MAX,
            Self::Compressed(_) => offset.saturating_add(NULS_INFLATED),
        };
        loop {
            if offset > end {
                return Ok(false);
            }
            let count = self.read_at(offset, &mut buffer)?;
            if count == 0 || without_nuls_behind(&buffer[..count]) > 0 {
                return Ok(count == 0);
            }
            offset = self.data_from(offset + count as u64);
        }
    }

    /// Where a file of this `size` ends without the NULs behind what was written: those may be filled
    /// in.
    pub(in crate::input) fn written_end(&mut self, size: u64) -> io::Result<u64> {
        let (mut end, mut buffer) = (size, vec![0; 4096]);
        while end > 0 {
            let len = end.min(buffer.len() as u64) as usize;
            let start = end - len as u64;
            if self.read_at(start, &mut buffer[..len])? < len {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            let text = without_nuls_behind(&buffer[..len]);
            if text > 0 {
                return Ok(start + text as u64);
            }
            // The first time, and only then: what was never written may be very large.
            if end == size {
                end = self.last_data(start);
                buffer.resize(256 << 10, 0);
            } else {
                end = start;
            }
        }
        Ok(0)
    }

    /// Where the last data before `before` ends, as far as the file system tells.
    fn last_data(&self, before: u64) -> u64 {
        let Self::Plain(file) = self else { return before };
        let (mut at, mut end) = (0, 0);
        while at < before {
            let found = seek(file, SeekFrom::Data(at));
            match found.and_then(|data| Ok((data, seek(file, SeekFrom::Hole(data))?))) {
                Ok((data, hole)) if data < before && hole > data => (at, end) = (hole, hole),
                Ok(_) | Err(Errno::NXIO) => break,
                Err(_) => return before,
            }
        }
        end.min(before)
    }

    /// Why the last read has stopped before the end of what was compressed, if it has.
    pub(in crate::input) fn defect(&self) -> Option<Defect> {
        match self {
            Self::Plain(_) | Self::Streamed(_) => None,
            Self::Compressed(reader) => reader.defect(),
        }
    }

    /// What the kernel says now; nothing for what is compressed, which does not grow, and for a stream, of which it
    /// knows no size.
    pub(in crate::input) fn stat(&self) -> Option<Stat> {
        match self {
            Self::Plain(file) => file.metadata().ok().map(|metadata| Stat::of(&metadata)),
            Self::Compressed(_) | Self::Streamed(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_past_2262_is_later_than_any_other() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let file = File::create(&path).unwrap();
        let modified = |seconds| {
            let at = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            // Where the file system cannot hold it, it is cut there.
            file.set_modified(at).ok().and_then(|()| Stat::at(&path).ok()).unwrap().modified
        };
        let [present, near, far] = [1_800_000_000, 9_000_000_000, 11_000_000_000].map(modified);
        assert!(0 < present && present < near && near <= far, "{present} {near} {far}");
    }

    #[test]
    fn a_deleted_file_has_no_names() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        std::fs::write(&path, "line\n").unwrap();
        let content = Content::Plain(open(&path).unwrap());
        assert_eq!(content.stat(), Stat::at(&path).ok());
        std::fs::remove_file(&path).unwrap();
        assert_eq!(content.stat().unwrap().links, 0);
    }
}
