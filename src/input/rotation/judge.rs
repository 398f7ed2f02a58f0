//! What has become of a file. Pure: a function of what we knew and what we see.

use crate::input::read::content::Stat;
use crate::pipeline::position::{Anchor, Inode, Position};

/// What is known of the generation that was last found at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct LastSeen {
    pub(in crate::input) inode: Inode,
    /// How far it has been read.
    pub(in crate::input) offset: u64,
    /// The largest size it was seen to have.
    pub(in crate::input) size: u64,
    /// Up to where nothing was seen behind `offset` but one unfinished record, or NULs.
    pub(in crate::input) unfinished_to: u64,
    /// Its modification time when it was last read, in nanoseconds since the epoch.
    pub(in crate::input) modified: i64,
}

/// What follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Change {
    /// Nothing to do.
    Unchanged,
    /// There may be more to read. Or the same length was written anew; or it has become shorter, and may
    /// still hold all that was read: reading will show.
    Grown,
    /// The same file starts anew: truncated, or rewritten in place.
    Truncated,
    /// Another file has its name.
    Replaced,
    /// No file has its name.
    Gone,
}

/// How content compares with what was read of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Relation {
    /// It is something else.
    Other,
    /// It begins alike and ends before the position: a copy made before the last lines were read.
    Shorter,
    /// It begins alike and has the same bytes where reading stopped: what follows was not read.
    GoesOn(Match),
}

/// How much is known of content that goes on where reading stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::input) enum Match {
    /// Little was read: another log may begin like that.
    Plausible,
    /// So much was read, or so closely do the times agree, that it is nobody else's.
    Exact,
}

/// What is seen of content that may be what was read.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct Seen<'a> {
    /// Its first bytes: as many as the head of the position has, where there are so many.
    pub(in crate::input) first: &'a [u8],
    /// The bytes just before the position: as many as its anchor has, where there are so many.
    pub(in crate::input) before: &'a [u8],
    /// The modification time of its file.
    pub(in crate::input) modified: i64,
}

impl Relation {
    /// Whether what was not read follows in it.
    pub(in crate::input) fn goes_on(self) -> bool {
        matches!(self, Self::GoesOn(_))
    }
}

/// How content compares with `position`. Names and inodes have no say: a log is the same under another
/// identity when rsync has replaced it by a longer copy, when the first write has brought it up from
/// a lower layer of an overlay, and when a link leads back to it.
pub(in crate::input) fn relate(position: &Position, seen: Seen<'_>) -> Relation {
    match position.head.matches(seen.first) || is_punched(position, seen.first) {
        true => relate_before(position, seen.before, seen.modified),
        false => Relation::Other,
    }
}

/// Whether the room of the first bytes may have been given back with `fallocate --punch-hole`: they read as
/// NULs then, and all behind them stands where it was. So much must be known of that that it tells alone.
fn is_punched(position: &Position, first: &[u8]) -> bool {
    usize::from(position.anchor.len) == Anchor::MAX
        && first.len() == usize::from(position.head.len)
        && first.iter().all(|&byte| byte == 0)
}

/// The same for content that begins alike and has these bytes just before the position.
pub(super) fn relate_before(position: &Position, before: &[u8], modified: i64) -> Relation {
    if before.len() < usize::from(position.anchor.len) {
        return Relation::Shorter;
    }
    if !position.anchor.matches(before) {
        return Relation::Other;
    }
    Relation::GoesOn(match is_telling(position, modified) {
        true => Match::Exact,
        false => Match::Plausible,
    })
}

/// Whether the content of a file that was modified then can be told from that of a log which only
/// begins alike, should it be the same up to `position`.
pub(super) fn is_telling(position: &Position, modified: i64) -> bool {
    usize::from(position.anchor.len) == Anchor::MAX
        || position.head.len > 0 && position.modified == modified
}

/// What has become of it when this is found at its path. The content is not compared for that.
pub(in crate::input) fn judge(known: LastSeen, seen: Option<&Stat>) -> Change {
    let Some(seen) = seen else { return Change::Gone };
    if !same_inode(known.inode, seen.inode) {
        return Change::Replaced;
    }
    if is_truncated(known, seen.size) {
        return Change::Truncated;
    }
    if seen.size == known.offset && seen.modified == known.modified {
        return Change::Unchanged;
    }
    Change::Grown
}

/// Whether a file of this `size` cannot hold what it held: all that was read of it, and was seen of it
/// where nothing was read.
pub(in crate::input) fn is_truncated(known: LastSeen, size: u64) -> bool {
    let may_hold_position = known.offset > 0 && size >= known.offset;
    size < known.size && !may_hold_position && !is_cut_back(known, size)
}

/// Whether a file of this `size` is shorter, and has lost nothing that was complete: a writer has taken
/// back what it had begun, or the NULs that it has not filled in.
pub(in crate::input) fn is_cut_back(known: LastSeen, size: u64) -> bool {
    // Where nothing at all is left, it may have been copied before.
    (known.offset.max(1)..known.size).contains(&size) && known.unfinished_to >= known.size
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
    use std::num::NonZero;

    use super::*;
    use crate::pipeline::position::Head;

    const INODE: Inode = Inode { device: 1, number: 42, born: NonZero::new(1000) };
    const KNOWN: LastSeen =
        LastSeen { inode: INODE, offset: 500, size: 500, unfinished_to: 0, modified: 7 };

    fn file(inode: Inode, size: u64, modified: i64) -> Option<Stat> {
        Some(Stat { inode, size, modified, is_regular: true, is_fifo: false, links: 1 })
    }

    #[test]
    fn every_kind_of_change() {
        let reused = Inode { born: NonZero::new(2000), ..INODE };
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
    fn content_is_known_by_what_was_read_of_it_and_by_nothing_else() {
        let log: Vec<u8> = (0..400u32).flat_map(|at| format!("{at} ").into_bytes()).collect();
        let read = |offset: usize| Position {
            offset: offset as u64,
            head: Head::of(&log[..offset]),
            anchor: Anchor::after(&log[..offset]),
            modified: 7,
            ..Position::default()
        };
        let relation = |offset: usize, content: &[u8], modified| {
            let position = read(offset);
            let first = &content[..content.len().min(usize::from(position.head.len))];
            let (end, back) = (content.len().min(offset), usize::from(position.anchor.len));
            let before = &content[offset.saturating_sub(back).min(end)..end];
            relate(&position, Seen { first, before, modified })
        };
        let (exact, plausible) =
            (Relation::GoesOn(Match::Exact), Relation::GoesOn(Match::Plausible));
        // A longer copy, one that ends there, and one of which the last byte is missing.
        assert_eq!(relation(1200, &log, 9), exact);
        assert_eq!(relation(1200, &log[..1200], 9), exact);
        assert_eq!(relation(1200, &log[..1199], 9), Relation::Shorter);
        assert_eq!(relation(1200, &log[..1000], 9), Relation::Other, "its head is not whole");
        let mut other = log.clone();
        other[1190] = b'x';
        assert_eq!(relation(1200, &other, 9), Relation::Other);
        other = log.clone();
        other[3] = b'x';
        assert_eq!(relation(1200, &other, 9), Relation::Other);
        // The room of its first bytes was given back; that of all of them, and of some.
        other = log.clone();
        other[..1024].fill(0);
        assert_eq!(relation(1200, &other, 9), exact);
        assert_eq!(relation(100, &other, 9), Relation::Other, "nothing tells what was there");
        other.fill(0);
        assert_eq!(relation(1200, &other, 9), Relation::Other);
        other = log.clone();
        other[..512].fill(0);
        assert_eq!(relation(1200, &other, 9), Relation::Other);
        // Little was read: the time tells.
        assert_eq!(relation(20, &log, 9), plausible);
        assert_eq!(relation(20, &log, 7), exact);
        assert_eq!(relation(128, &log, 9), exact);
        // Nothing was read.
        assert_eq!(relation(0, &log, 7), plausible);
        assert!(exact.goes_on() && plausible.goes_on() && !Relation::Shorter.goes_on());
        assert!(Match::Exact > Match::Plausible);
    }

    #[test]
    fn a_file_that_is_shorter_than_it_was_may_hold_what_was_read() {
        let known = LastSeen { size: 800, ..KNOWN };
        let judge = |known, size| judge(known, file(INODE, size, 8).as_ref());
        let sizes = [499, 500, 799, 800].map(|size| judge(known, size));
        assert_eq!(sizes, [Change::Truncated, Change::Grown, Change::Grown, Change::Grown]);
        // Nothing of it was lost that was read, so it starts anew.
        let unread = LastSeen { offset: 0, ..known };
        assert_eq!((judge(unread, 799), judge(unread, 800)), (Change::Truncated, Change::Grown));
    }

    #[test]
    fn a_writer_may_take_back_what_it_has_not_finished_and_nothing_else() {
        let known = LastSeen { size: 800, unfinished_to: 800, ..KNOWN };
        let judge = |known, size| judge(known, file(INODE, size, 8).as_ref());
        let sizes = [499, 500, 799, 800].map(|size| judge(known, size));
        assert_eq!(sizes, [Change::Truncated, Change::Grown, Change::Grown, Change::Grown]);
        // More than that was seen to be there.
        let more = LastSeen { size: 900, ..known };
        assert!(is_cut_back(known, 799) && !is_cut_back(more, 799));
        // What was begun at the start may be in a copy.
        let begun = LastSeen { offset: 0, ..known };
        assert_eq!((judge(begun, 0), judge(begun, 1)), (Change::Truncated, Change::Grown));
    }
}
