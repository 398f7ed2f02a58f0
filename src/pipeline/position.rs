//! Who a file is and how far it has been delivered: the values that [`crate::input`] makes,
//! [`crate::deliver`] carries back as confirmed, and [`crate::checkpoint`] keeps.
//!
//! A name is not an identity: rotation moves files, inodes are reused at once on ext4 and tmpfs,
//! and `copytruncate` keeps the inode while the content starts anew. So a file is known by
//! device, inode and birth time, by a hash of its first bytes ([`Head`]), and a place in it by a
//! hash of the bytes just before that place ([`Anchor`]).

use std::num::NonZero;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use xxhash_rust::xxh3::xxh3_64;

use super::globs::FollowedGlobs;
use super::shared_path::SharedPath;

/// Names one generation of one followed path for as long as its position is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(pub u64);

/// Gives each source a number of its own, to all who hold a clone.
#[derive(Debug, Clone, Default)]
pub struct SourceIds(Arc<AtomicU64>);

impl SourceIds {
    /// Numbers from `first` on.
    #[must_use]
    pub fn from(first: SourceId) -> Self {
        Self(Arc::new(AtomicU64::new(first.0)))
    }

    /// One that nobody has.
    #[must_use]
    pub fn next(&self) -> SourceId {
        SourceId(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// Above all that were given so far.
    #[must_use]
    pub fn end(&self) -> SourceId {
        SourceId(self.0.load(Ordering::Relaxed))
    }
}

/// One generation of a followed path: the content between two rotations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Unique within a state directory.
    pub id: SourceId,
    /// Its place among the generations of its path: older content has a lower number.
    pub order: u64,
    /// The path as followed (not where rotation has moved the file since).
    pub path: SharedPath,
    /// Where the file was when it was found, if symbolic links led there: rotation works beside it.
    pub real: Option<Arc<PathBuf>>,
    /// The file on disk.
    pub inode: Inode,
}

/// A file as the kernel names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Inode {
    /// `st_dev`.
    pub device: u64,
    /// `st_ino`.
    pub number: u64,
    /// Birth time in nanoseconds since the epoch, where the file system records one
    /// (`statx(2)`, `STATX_BTIME`). It tells a reused inode from the old file. The epoch itself is no time
    /// of birth: so it takes no more room than a number, for each of 100,000 files.
    pub born: Option<NonZero<i64>>,
}

/// The time of birth `at`, as [`Inode::born`] has it.
#[must_use]
pub fn birth(at: SystemTime) -> Option<NonZero<i64>> {
    nanoseconds(at).and_then(NonZero::new)
}

/// `at` in nanoseconds since the epoch. None before it and after 2262.
#[must_use]
pub fn nanoseconds(at: SystemTime) -> Option<i64> {
    i64::try_from(at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_nanos()).ok()
}

/// A place in a file's content up to which it has been read (or delivered).
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Bytes from the start of the (uncompressed) content.
    pub offset: u64,
    /// The first bytes of the content.
    pub head: Head,
    /// The bytes just before `offset`.
    pub anchor: Anchor,
    /// `offset` lies inside a record whose beginning was sent already, because it was longer than
    /// the limit: what follows up to the end of that record is not sent.
    pub mid_record: bool,
    /// Where the last records before `offset` begin, the last one first: some writers overwrite the end
    /// of what they wrote.
    pub starts: [RecordStart; 2],
    /// The file's modification time in nanoseconds since the epoch when it was last read.
    pub modified: i64,
}

/// Where a record begins that was read.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct RecordStart {
    /// So many bytes before the position; 0 where nothing is known.
    pub back: u32,
    /// Half of the hash that an [`Anchor`] there would have.
    pub hash: u32,
}

impl RecordStart {
    /// A record that begins behind `before`, which is not the start of the file, and `back` bytes before a
    /// position.
    #[must_use]
    pub fn behind(before: &[u8], back: u64) -> Self {
        Self::at(Anchor::after(before), back)
    }

    /// The same, where this anchor is.
    #[must_use]
    pub fn at(anchor: Anchor, back: u64) -> Self {
        match u32::try_from(back) {
            Ok(back) if anchor.len > 0 => Self { back, hash: anchor.hash as u32 },
            _ => Self::default(),
        }
    }

    /// As it is known from a position that is `on` bytes further on.
    #[must_use]
    pub fn seen_from(self, on: u64) -> Self {
        match u32::try_from(u64::from(self.back) + on) {
            Ok(back) if self.back > 0 => Self { back, ..self },
            _ => Self::default(),
        }
    }
}

/// Hash of the first `len` bytes of a file, `len` ≤ [`Head::MAX`].
// Packed, for each followed file has some of them.
#[repr(Rust, packed(2))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// How many bytes are hashed.
    pub len: u16,
    /// XXH3 (64 bit) of them.
    pub hash: u64,
}

impl Head {
    /// How many bytes make a full fingerprint.
    pub const MAX: usize = 1024;

    /// The fingerprint of content that begins with `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let bytes = &bytes[..bytes.len().min(Self::MAX)];
        Self { len: bytes.len() as u16, hash: xxh3_64(bytes) }
    }

    /// Whether content that begins with `bytes` may be the content this fingerprint was taken of.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bytes.get(..usize::from(self.len)).is_some_and(|head| xxh3_64(head) == self.hash)
    }
}

impl Default for Head {
    fn default() -> Self {
        Self::of(b"")
    }
}

/// Hash of the `len` bytes before a place in a file, `len` ≤ [`Anchor::MAX`].
// As above.
#[repr(Rust, packed(2))]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// How many bytes are hashed; 0 only at the start of a file.
    pub len: u8,
    /// XXH3 (64 bit) of them.
    pub hash: u64,
}

impl Anchor {
    /// How many bytes before a place are remembered.
    pub const MAX: usize = 128;

    /// The anchor behind `bytes`, of which at most the last [`Anchor::MAX`] count.
    #[must_use]
    pub fn after(bytes: &[u8]) -> Self {
        let bytes = &bytes[bytes.len().saturating_sub(Self::MAX)..];
        Self { len: bytes.len() as u8, hash: xxh3_64(bytes) }
    }

    /// Whether the place behind `bytes` may be the one this anchor was taken at.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        bytes
            .len()
            .checked_sub(usize::from(self.len))
            .is_some_and(|at| xxh3_64(&bytes[at..]) == self.hash)
    }
}

impl Default for Anchor {
    fn default() -> Self {
        Self::after(b"")
    }
}

/// A source, and a position in it. Those who know of it share one: the path that waits for its file to
/// grow, and the state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Milestone {
    /// Who it is.
    pub source: Source,
    /// Up to where it was read, or has arrived.
    pub position: Position,
}

/// What the state keeps of one source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Up to where its lines have arrived.
    pub reached: Arc<Milestone>,
    /// When the file was last seen.
    pub seen: SystemTime,
}

/// A change of what is known about a source, on its way to the state.
#[derive(Debug, Clone)]
pub enum Update {
    /// Everything before this position has arrived (or was there before we came).
    Reached(Arc<Milestone>),
    /// The file is gone from disk: nothing about it needs to be kept.
    Forget(SourceId),
    /// Every file that these globs match is known by what was told before.
    Followed(Arc<FollowedGlobs>),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_matches_content_that_has_grown() {
        let head = Head::of(b"first line\n");
        assert!(head.matches(b"first line\nsecond line\n"));
        assert!(!head.matches(b"first line"));
        assert!(!head.matches(b"First line\nsecond line\n"));
        assert!(Head::of(b"").matches(b""));
        assert_eq!(Head::of(&[7; 5000]), Head::of(&[7; 1024]));
    }

    #[test]
    fn a_record_start_is_known_by_what_stands_before_it() {
        let anchor = Anchor::after(b"before\n");
        let start = RecordStart::behind(b"before\n", 9);
        assert_eq!((start, start.back), (RecordStart::at(anchor, 9), 9));
        assert_eq!(start.seen_from(3), RecordStart::at(anchor, 12));
        // Nothing before the start of a file tells it from another.
        assert_eq!(RecordStart::behind(b"", 9).seen_from(3), RecordStart::default());
        assert_eq!(start.seen_from(u64::from(u32::MAX)), RecordStart::default());
    }

    #[test]
    fn an_anchor_looks_at_the_bytes_before_a_place() {
        let anchor = Anchor::after(&[b"x".repeat(500), b"the end\n".to_vec()].concat());
        assert_eq!(usize::from(anchor.len), Anchor::MAX);
        assert!(anchor.matches(&[b"x".repeat(120), b"the end\n".to_vec()].concat()));
        assert!(!anchor.matches(b"the end\n"));
        assert!(Anchor::default().matches(b"anything"));
    }
}
