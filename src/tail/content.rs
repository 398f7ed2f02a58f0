//! The bytes of one generation, plain or compressed by rotation, and what the kernel says of a
//! file.

use std::fs::{File, Metadata};
use std::io::{self, Read, Seek};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use flate2::read::MultiGzDecoder;

use crate::position::{Inode, nanoseconds};

/// What the kernel says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) inode: Inode,
    pub(super) size: u64,
    /// Nanoseconds since the epoch.
    pub(super) modified: i64,
    pub(super) is_regular: bool,
    /// Number of names; 0 when it was deleted and is only still open.
    pub(super) links: u64,
}

impl Stat {
    pub(super) fn of(metadata: &Metadata) -> Self {
        let born = metadata.created().ok().and_then(nanoseconds);
        Self {
            inode: Inode { device: metadata.dev(), number: metadata.ino(), born },
            size: metadata.size(),
            modified: metadata.mtime().wrapping_mul(1_000_000_000) + metadata.mtime_nsec(),
            is_regular: metadata.is_file(),
            links: metadata.nlink(),
        }
    }

    /// Follows symbolic links.
    pub(super) fn at(path: &Path) -> io::Result<Self> {
        path.metadata().map(|metadata| Self::of(&metadata))
    }
}

/// An open generation.
#[derive(Debug)]
pub(super) enum Content {
    Plain(File),
    /// What rotation has compressed.
    Gzip(Box<Inflated>),
}

/// Opens without waiting for the other end of a FIFO and without becoming a terminal's owner. Where
/// this user may ask for it, reading does not count as access: else each line would have its file's
/// inode written as well.
pub(super) fn open(path: &Path) -> io::Result<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    let with = |flags| std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path);
    match with(flags | libc::O_NOATIME) {
        // open(2): neither the owner nor privileged.
        Err(error) if error.raw_os_error() == Some(libc::EPERM) => with(flags),
        opened => opened,
    }
}

impl Content {
    /// Fills `buffer` from `offset` as far as there is something.
    pub(super) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_to(u64::MAX, offset, buffer)
    }

    /// The same for a file that was just seen to be of this `size`: coming so far and no further it
    /// is at its end, and is not asked for more.
    pub(super) fn read_to(
        &mut self,
        size: u64,
        offset: u64,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let mut filled = 0;
        while filled < buffer.len() && (filled == 0 || offset + (filled as u64) < size) {
            let rest = &mut buffer[filled..];
            let at = offset + filled as u64;
            let read = match self {
                Self::Plain(file) => file.read_at(rest, at),
                Self::Gzip(inflated) => inflated.read_at(at, rest),
            };
            match read {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// What the kernel says now; nothing for what is compressed, which does not grow.
    pub(super) fn stat(&self) -> Option<Stat> {
        match self {
            Self::Plain(file) => file.metadata().ok().map(|metadata| Stat::of(&metadata)),
            Self::Gzip(_) => None,
        }
    }
}

/// Decompresses a gzip file forwards, and keeps what was read last so that a short way back can
/// be gone.
#[derive(Debug)]
pub(super) struct Inflated {
    decoder: MultiGzDecoder<io::BufReader<File>>,
    /// Where `window` begins in the uncompressed content.
    start: u64,
    window: Vec<u8>,
}

/// How far back can be gone.
const WINDOW: usize = 2 << 20;
const STEP: usize = 128 << 10;

impl Inflated {
    pub(super) fn new(file: File) -> Self {
        let decoder = MultiGzDecoder::new(io::BufReader::new(file));
        Self { decoder, start: 0, window: Vec::new() }
    }

    /// Begins anew with the same file, whatever has its name by now.
    pub(super) fn rewind(&mut self) -> io::Result<()> {
        let mut file = self.decoder.get_ref().get_ref().try_clone()?;
        file.rewind()?;
        *self = Self::new(file);
        Ok(())
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(mut back) = offset.checked_sub(self.start) else {
            return Err(io::Error::other("a compressed file cannot be read backwards"));
        };
        while self.window.len() as u64 <= back {
            if self.window.len() > WINDOW {
                let surplus = self.window.len() - WINDOW / 2;
                self.window.drain(..surplus);
                self.start += surplus as u64;
                back -= surplus as u64;
            }
            let end = self.window.len();
            self.window.resize(end + STEP, 0);
            let read = self.decoder.read(&mut self.window[end..]);
            self.window.truncate(end + *read.as_ref().unwrap_or(&0));
            if read? == 0 {
                return Ok(0);
            }
        }
        let available = &self.window[usize::try_from(back).unwrap_or(usize::MAX)..];
        let count = available.len().min(buffer.len());
        buffer[..count].copy_from_slice(&available[..count]);
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_compressed_file_reads_like_a_plain_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.1.gz");
        let content: Vec<u8> = (0..1_200_000u32).flat_map(u32::to_le_bytes).collect();
        let mut gzip = flate2::write::GzEncoder::new(
            File::create(&path).unwrap(),
            flate2::Compression::fast(),
        );
        gzip.write_all(&content).unwrap();
        gzip.finish().unwrap();
        let mut inflated = Content::Gzip(Box::new(Inflated::new(open(&path).unwrap())));
        let mut buffer = vec![0; 300_000];
        for offset in [0, 10, 290_000, 289_000, 3_000_000, 2_999_872, 4_700_000] {
            let count = inflated.read_at(offset as u64, &mut buffer).unwrap();
            assert_eq!(count, buffer.len().min(content.len() - offset));
            assert!(buffer[..count] == content[offset..offset + count], "{offset}");
        }
        assert_eq!(inflated.read_at(4_800_000, &mut buffer).unwrap(), 0);
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
