//! Cutting a piece of a file into records. Pure.
//!
//! A record is a line, or, where lines are joined, several of them (`text/multiline.rs`). What is cut here is what is read at once; where it ends within a record, that
//! record is read again later, whole. So nothing is kept between two pieces but where they meet.

use memchr::{memchr, memchr_iter, memchr2, memmem, memrchr};

use crate::pipeline::controls::Controls;
use crate::text::Wide;

/// What a piece of a file holds, as lengths: one part behind the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Split {
    /// Bytes of a record whose beginning was sent already, its end included.
    pub(in crate::input) skipped: usize,
    /// Whether the end of that record is still to come.
    pub(in crate::input) mid_record: bool,
    /// NUL bytes where a record would begin, and something behind them.
    pub(in crate::input) nuls: usize,
    /// Whole records, each with its end. None begins with NUL.
    pub(in crate::input) records: usize,
    /// Of the characters that receivers take for the end of a message, in those records.
    pub(in crate::input) controls: Controls,
    /// What lies behind: a record that is not finished, or NULs; or, where NULs stand between
    /// records, all from those on.
    pub(in crate::input) rest: usize,
    /// So much of the rest stands before NULs that reach to its end: those may be filled in.
    pub(in crate::input) text: usize,
    /// The rest is more than an unfinished record.
    pub(in crate::input) has_more: bool,
    /// The rest begins with so many bytes of whole lines, of which it is not known yet whether the record goes on
    /// behind them.
    pub(in crate::input) held: usize,
}

impl Split {
    /// How many bytes are done with.
    pub(in crate::input) fn consumed(&self) -> usize {
        self.skipped + self.nuls + self.records
    }

    /// Of the records no more than `kept` bytes are known to be complete; the others are left for later.
    pub(in crate::input) fn hold_behind(&mut self, kept: usize) {
        self.held = self.records - kept;
        self.records = kept;
        self.rest += self.held;
        self.text += self.held;
    }
}

/// Cuts `piece`, which begins inside a record that is not to be sent (`mid_record`), or where one
/// begins.
///
/// NULs that reach to the end are no content yet: a writer that has made its file larger fills them
/// in. NULs before a record are none at all: the hole that `copytruncate` leaves under a writer without
/// `O_APPEND`, or what a power failure leaves. NULs within a record belong to it.
pub(in crate::input) fn split(piece: &[u8], mid_record: bool) -> Split {
    let skipped = match (mid_record, memchr(b'\n', piece)) {
        (false, _) => 0,
        (true, Some(newline)) => newline + 1,
        (true, None) => without_nuls_behind(piece),
    };
    let mid_record = mid_record && !piece[..skipped].ends_with(b"\n");
    let piece = &piece[skipped..];
    let mut nuls = leading_nuls(piece);
    if nuls == piece.len() {
        nuls = 0;
    }
    let piece = &piece[nuls..];
    // Looked for at once: each search through all of it costs.
    let control = memchr2(b'\r', 0, piece);
    let controls = control.map_or(Controls::None, |_| Controls::Some);
    let nul = control.and_then(|at| memchr(0, &piece[at..]));
    let (end, has_more) = match nul.and_then(|_| memmem::find(piece, b"\n\0")) {
        Some(newline) => {
            let rest = &piece[newline + 1..];
            (newline + 1, leading_nuls(rest) < rest.len())
        }
        None => (memrchr(b'\n', piece).map_or(0, |newline| newline + 1), false),
    };
    let rest = &piece[end..];
    let text = without_nuls_behind(rest);
    Split {
        skipped,
        mid_record,
        nuls,
        records: end,
        controls,
        rest: rest.len(),
        text,
        has_more,
        held: 0,
    }
}

/// The same for a piece in an encoding whose newlines are two bytes. NULs are parts of characters there, but for those that
/// reach to its end.
pub(in crate::input) fn split_wide(piece: &[u8], mid_record: bool, wide: Wide) -> Split {
    let skipped = match (mid_record, wide.newlines(piece).next()) {
        (false, _) => 0,
        (true, Some(end)) => end,
        (true, None) => whole_units(without_nuls_behind(piece)).min(piece.len() & !1),
    };
    let mid_record = mid_record && wide.newlines(&piece[..skipped]).next().is_none();
    let piece = &piece[skipped..];
    let records = wide.newlines(piece).last().unwrap_or(0);
    let rest = &piece[records..];
    let text = whole_units(without_nuls_behind(rest)).min(rest.len() & !1);
    let (nuls, controls) = (0, Controls::Some);
    let (rest, has_more, held) = (rest.len(), false, 0);
    Split { skipped, mid_record, nuls, records, controls, rest, text, has_more, held }
}

/// As many bytes as hold whole units of two.
fn whole_units(len: usize) -> usize {
    len.next_multiple_of(2)
}

/// With how many NULs `bytes` begin.
pub(in crate::input) fn leading_nuls(bytes: &[u8]) -> usize {
    let whole =
        bytes.chunks_exact(BLOCK).take_while(|block| block[..] == [0; BLOCK]).count() * BLOCK;
    whole + bytes[whole..].iter().take_while(|&&byte| byte == 0).count()
}

/// How long `bytes` are without the NULs at their end.
pub(in crate::input) fn without_nuls_behind(bytes: &[u8]) -> usize {
    let blocks = bytes.rchunks_exact(BLOCK);
    let len = bytes.len() - blocks.take_while(|block| block[..] == [0; BLOCK]).count() * BLOCK;
    len - bytes[..len].iter().rev().take_while(|&&byte| byte == 0).count()
}

/// So many are compared at once.
const BLOCK: usize = 64;

/// So much of a step shows whether its lines are short.
const SAMPLE: usize = 512;
/// Where lines are longer than this on average, there are not too many of them in a step.
const SHORT: usize = 16;

/// How long the lines of `whole` are together that lie within the first `at_most` bytes and are not
/// many more than `lines`; the first counts in any case. Lines are counted only where the first ones are
/// short: to count them all would cost a sixth of what reading costs.
pub(in crate::input) fn step(whole: &[u8], at_most: usize, lines: usize) -> usize {
    let mut at_most = at_most.min(whole.len());
    let sample = &whole[..at_most.min(SAMPLE)];
    let are_short = memchr_iter(b'\n', sample).count() * SHORT > sample.len();
    loop {
        let last = memrchr(b'\n', &whole[..at_most]).or_else(|| memchr(b'\n', whole));
        let len = last.map_or(whole.len(), |newline| newline + 1);
        if !are_short || at_most <= 1 || memchr_iter(b'\n', &whole[..len]).count() <= lines {
            return len;
        }
        at_most /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The parts that are not empty, with what they are.
    fn parts(piece: &[u8], mid_record: bool) -> Vec<(char, &[u8])> {
        let found = split(piece, mid_record);
        let (skipped, behind) = piece.split_at(found.skipped);
        let (nuls, behind) = behind.split_at(found.nuls);
        let (records, rest) = behind.split_at(found.records);
        assert_eq!(rest.len(), found.rest);
        let more = if found.has_more { '+' } else { '.' };
        let mut parts = vec![('s', skipped), ('0', nuls), ('r', records), (more, rest)];
        parts.retain(|(_, part)| !part.is_empty());
        parts
    }

    #[test]
    fn whole_records_and_an_unfinished_one() {
        assert_eq!(parts(b"one\n\ntwo\nthr", false), [('r', &b"one\n\ntwo\n"[..]), ('.', b"thr")]);
        assert_eq!(parts(b"", false), []);
    }

    #[test]
    fn the_end_of_a_cut_record_is_skipped() {
        assert_eq!(parts(b"of it\nnext\n", true), [('s', &b"of it\n"[..]), ('r', b"next\n")]);
        assert_eq!(parts(b"still going on", true), [('s', &b"still going on"[..])]);
        assert_eq!(parts(b"going on\0\0", true), [('s', &b"going on"[..]), ('.', b"\0\0")]);
        assert!(split(b"still going on", true).mid_record);
        assert!(!split(b"of it\nnext\n", true).mid_record);
    }

    #[test]
    fn nuls_that_reach_to_the_end_are_not_content_yet() {
        assert_eq!(parts(b"\0\0\0", false), [('.', &b"\0\0\0"[..])]);
        assert_eq!(parts(b"one\n\0\0", false), [('r', &b"one\n"[..]), ('.', b"\0\0")]);
        assert_eq!(parts(b"one\ntw\0\0", false), [('r', &b"one\n"[..]), ('.', b"tw\0\0")]);
        let text = |piece: &[u8]| split(piece, false).text;
        assert_eq!((text(b"\0\0\0"), text(b"one\n\0\0"), text(b"one\ntw\0\0")), (0, 0, 2));
    }

    #[test]
    fn nuls_before_a_record_are_none_of_it_and_nuls_within_are() {
        assert_eq!(parts(b"\0\0\0a\0b\n", false), [('0', &b"\0\0\0"[..]), ('r', b"a\0b\n")]);
        assert_eq!(parts(b"\0\0a", false), [('0', &b"\0\0"[..]), ('.', b"a")]);
        assert_eq!(parts(b"a\n\0\0b\n", false), [('r', &b"a\n"[..]), ('+', b"\0\0b\n")]);
    }

    #[test]
    fn wide_characters_are_cut_at_their_newlines() {
        let text = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>();
        let lines = text("\u{FEFF}one\n\u{0A0A}\u{410A}two\nthr");
        let found = split_wide(&lines, false, Wide::Little);
        assert_eq!((found.records, found.rest, found.text), (lines.len() - 6, 6, 6));
        // Half a character may be there, and NULs that may be filled in.
        let found = split_wide(&[&lines[..], b"e", &[0; 5]].concat(), false, Wide::Little);
        assert_eq!((found.records, found.rest, found.text), (lines.len() - 6, 12, 8));
        let found = split_wide(&lines, true, Wide::Little);
        assert_eq!((found.skipped, found.mid_record, found.records), (10, false, lines.len() - 16));
        let found = split_wide(&text("going on"), true, Wide::Little);
        assert_eq!((found.skipped, found.mid_record), (16, true));
    }

    #[test]
    fn a_step_is_as_many_lines_as_fit_but_at_least_one() {
        let steps = [1, 4, 7, 8, 99].map(|at_most| step(b"one\ntwo\n", at_most, 9));
        assert_eq!(steps, [4, 4, 4, 8, 8]);
    }

    #[test]
    fn a_step_has_no_more_lines_than_it_may() {
        let steps = [0, 1, 2, 63, 64, 99].map(|lines| step(&[b'\n'; 64], 99, lines));
        assert_eq!(steps, [1, 1, 2, 32, 64, 64]);
        assert_eq!(step(b"a line that is long\n\n\n", 99, 1), 20);
    }

    proptest! {
        #[test]
        fn every_byte_is_accounted_for(
            piece in proptest::collection::vec(prop_oneof![Just(0u8), Just(b'\n'), Just(b'a'), any::<u8>()], 0..80),
            mid_record: bool,
        ) {
            let found = split(&piece, mid_record);
            prop_assert_eq!(found.consumed() + found.rest, piece.len());
            let (nuls, behind) = piece[found.skipped..].split_at(found.nuls);
            let (records, rest) = behind.split_at(found.records);
            prop_assert!(nuls.iter().all(|&byte| byte == 0));
            prop_assert!(records.is_empty() || records.ends_with(b"\n"));
            prop_assert!(!records.starts_with(b"\0") && memmem::find(records, b"\n\0").is_none());
            prop_assert!(
                found.controls == Controls::Some || memchr2(b'\r', 0, records).is_none()
            );
            prop_assert!(found.has_more || !rest.contains(&b'\n'));
            prop_assert!(rest[found.text..].iter().all(|&byte| byte == 0));
            prop_assert!(found.text == 0 || rest[found.text - 1] != 0);
            prop_assert!(!found.mid_record || records.is_empty() && found.text == 0);
        }

        #[test]
        fn nuls_are_counted_however_many(before in 0usize..300, text in "[a-z\0]{0,90}", after in 0usize..300) {
            let bytes = [vec![0; before], text.into_bytes(), vec![0; after]].concat();
            let slow = bytes.iter().take_while(|&&byte| byte == 0).count();
            prop_assert_eq!(leading_nuls(&bytes), slow);
            let slow = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            prop_assert_eq!(without_nuls_behind(&bytes), slow);
        }
    }
}
