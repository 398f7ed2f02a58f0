//! Cutting a piece of a file into lines. Pure.

use memchr::{memchr, memchr_iter, memrchr};

/// What a piece of a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Split<'a> {
    /// NUL bytes at the very start of the file: the hole that `copytruncate` leaves under a
    /// writer without `O_APPEND`.
    pub(in crate::input) nuls: usize,
    /// Bytes of a line whose beginning was sent already, its newline included.
    pub(in crate::input) skipped: usize,
    /// Whether the end of that line is still to come.
    pub(in crate::input) mid_record: bool,
    /// Whole lines, each with its newline.
    pub(in crate::input) lines: &'a [u8],
    /// The beginning of a line that is not finished.
    pub(in crate::input) rest: &'a [u8],
}

/// Cuts `piece`, which begins at the start of the file (`at_start`), inside a line that is not to
/// be sent (`mid_record`), or at the start of a line.
pub(in crate::input) fn split(piece: &[u8], at_start: bool, mid_record: bool) -> Split<'_> {
    let nuls = if at_start { piece.iter().take_while(|&&byte| byte == 0).count() } else { 0 };
    let piece = &piece[nuls..];
    let skipped = match (mid_record, memchr(b'\n', piece)) {
        (false, _) => 0,
        (true, Some(newline)) => newline + 1,
        (true, None) => piece.len(),
    };
    let mid_record = mid_record && !piece[..skipped].ends_with(b"\n");
    let piece = &piece[skipped..];
    let (lines, rest) = piece.split_at(memrchr(b'\n', piece).map_or(0, |newline| newline + 1));
    Split { nuls, skipped, mid_record, lines, rest }
}

/// How long the lines of `whole` are together that lie within the first `at_most` bytes and are not
/// many more than `lines`; the first counts in any case.
pub(in crate::input) fn step(whole: &[u8], at_most: usize, lines: usize) -> usize {
    let mut at_most = at_most.min(whole.len());
    loop {
        let last = memrchr(b'\n', &whole[..at_most]).or_else(|| memchr(b'\n', whole));
        let len = last.map_or(whole.len(), |newline| newline + 1);
        if at_most <= 1 || memchr_iter(b'\n', &whole[..len]).count() <= lines {
            return len;
        }
        at_most /= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn whole_lines_and_an_unfinished_one() {
        let found = split(b"one\n\ntwo\nthr", true, false);
        assert_eq!((found.lines, found.rest), (&b"one\n\ntwo\n"[..], &b"thr"[..]));
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

    #[test]
    fn the_end_of_a_cut_line_is_skipped() {
        let found = split(b"of it\nnext\n", false, true);
        assert_eq!((found.skipped, found.mid_record, found.lines), (6, false, &b"next\n"[..]));
        let found = split(b"still going on", false, true);
        assert_eq!((found.skipped, found.mid_record, found.rest), (14, true, &b""[..]));
    }

    #[test]
    fn only_a_leading_run_of_nuls_is_skipped_and_only_at_the_start() {
        let found = split(b"\0\0\0a\0b\n", true, false);
        assert_eq!((found.nuls, found.lines), (3, &b"a\0b\n"[..]));
        assert_eq!(split(b"\0\0a\n", false, false).lines, b"\0\0a\n");
        assert_eq!(split(b"\0\0", true, false).nuls, 2);
    }

    proptest! {
        #[test]
        fn every_byte_is_accounted_for(
            piece in proptest::collection::vec(prop_oneof![Just(0u8), Just(b'\n'), any::<u8>()], 0..80),
            at_start: bool, mid_record: bool,
        ) {
            let found = split(&piece, at_start, mid_record);
            let sum = found.nuls + found.skipped + found.lines.len() + found.rest.len();
            prop_assert_eq!(sum, piece.len());
            prop_assert!(!found.rest.contains(&b'\n'));
            prop_assert!(found.lines.is_empty() || found.lines.ends_with(b"\n"));
            prop_assert!(!found.mid_record || found.lines.is_empty() && found.rest.is_empty());
        }
    }
}
