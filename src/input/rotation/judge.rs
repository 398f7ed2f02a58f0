//! What has become of a file. Pure: a function of what we knew and what we see.

use crate::input::read::content::Stat;
use crate::pipeline::position::Inode;

/// What is known of the generation that was last found at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Known {
    pub(in crate::input) inode: Inode,
    /// How far it has been read.
    pub(in crate::input) offset: u64,
    /// The largest size it was seen to have.
    pub(in crate::input) size: u64,
    /// Its modification time when it was last read, in nanoseconds since the epoch.
    pub(in crate::input) modified: i64,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Change {
    /// Nothing to do.
    Unchanged,
    /// There may be more to read; or the same length was written anew, which reading will show.
    Grown,
    /// The same file starts anew: truncated, or rewritten in place.
    Truncated,
    /// Another file has its name.
    Replaced,
    /// No file has its name.
    Gone,
}

/// What has become of it when this is found at its path. The content is not compared for that.
pub(in crate::input) fn judge(known: Known, seen: Option<&Stat>) -> Change {
    let Some(seen) = seen else { return Change::Gone };
    if !same_inode(known.inode, seen.inode) {
        return Change::Replaced;
    }
    if seen.size < known.size {
        return Change::Truncated;
    }
    if seen.size == known.offset && seen.modified == known.modified {
        return Change::Unchanged;
    }
    Change::Grown
}

/// Whether both name one file. Inodes are reused at once on ext4 and tmpfs: where both birth
/// times are known, they decide.
pub(in crate::input) fn same_inode(a: Inode, b: Inode) -> bool {
    a.device == b.device && same_but_device(a, b)
}

/// The same for files of one file system: the device may have another number after a
/// reboot.
pub(in crate::input) fn same_but_device(a: Inode, b: Inode) -> bool {
    let same_birth = a.born.is_none() || b.born.is_none() || a.born == b.born;
    a.number == b.number && same_birth
}

#[cfg(test)]
mod tests {
    use super::*;

    const INODE: Inode = Inode { device: 1, number: 42, born: Some(1000) };
    const KNOWN: Known = Known { inode: INODE, offset: 500, size: 500, modified: 7 };

    fn file(inode: Inode, size: u64, modified: i64) -> Option<Stat> {
        Some(Stat { inode, size, modified, is_regular: true, links: 1 })
    }

    #[test]
    fn every_kind_of_change() {
        let reused = Inode { born: Some(2000), ..INODE };
        let birth_unknown = Inode { born: None, ..INODE };
        let other = Inode { number: 43, ..INODE };
        let elsewhere = Inode { device: 2, ..INODE };
        for (seen, expected) in [
            (None, Change::Gone),
            (file(INODE, 500, 7), Change::Unchanged),
            (file(INODE, 501, 8), Change::Grown),
            (file(INODE, 501, 7), Change::Grown),
            (file(INODE, 499, 8), Change::Truncated),
            (file(INODE, 0, 8), Change::Truncated),
            // Touched, or the same length written anew: only the content tells.
            (file(INODE, 500, 8), Change::Grown),
            // Removed and created at once.
            (file(reused, 500, 7), Change::Replaced),
            (file(reused, 900, 8), Change::Replaced),
            (file(birth_unknown, 500, 7), Change::Unchanged),
            (file(other, 500, 7), Change::Replaced),
            (file(elsewhere, 500, 7), Change::Replaced),
        ] {
            assert_eq!(judge(KNOWN, seen.as_ref()), expected, "{seen:?}");
        }
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_has_been_truncated_though_less_was_read() {
        let known = Known { size: 800, ..KNOWN };
        let seen = |size| judge(known, file(INODE, size, 8).as_ref());
        assert_eq!((seen(799), seen(800)), (Change::Truncated, Change::Grown));
    }
}
