//! Several patterns that are looked for in one pass over very many lines, 64 bytes at a time. Pure.
//!
//! What each pattern has that is quick to look for ([`super::hints`], [`super::byte_row`], [`super::word_before`]) becomes
//! bits: where so many bytes of a kind stand in a row, and where single bytes stand. Only where a bit is set is anything
//! looked at.

use regex_syntax::hir::Hir;

use super::byte_row::ByteRow;
use super::hints::{LetterOfWord, RareByte, share};
use super::word_before::WordBefore;
use crate::vectors::ByteKinds;

/// Finds what several patterns may match.
#[derive(Debug, Clone)]
pub(super) struct BlockScan {
    /// The bytes of long rows, of short ones, and the marks.
    kinds: ByteKinds<3>,
    long: RowSlot,
    short: RowSlot,
    marks: Vec<MarkRule>,
    rules: RuleTables,
}

/// What single bytes say of the rules of marks: one bit for each rule.
#[derive(Debug, Clone)]
struct RuleTables {
    /// By which a byte is a mark.
    of_mark: Box<[u8; 256]>,
    /// By which it may stand right before one, and right behind one.
    before: Box<[u8; 256]>,
    behind: Box<[u8; 256]>,
}

/// Rows that consist of the same bytes.
#[derive(Debug, Clone, Default)]
struct RowSlot {
    rows: Vec<ByteRow>,
    /// So many bytes in a row are looked at.
    len: usize,
}

/// What must stand beside a single byte.
#[derive(Debug, Clone)]
enum MarkRule {
    Rare(RareByte),
    WordBefore(WordBefore),
    /// The byte is a letter of it.
    Letter(LetterOfWord),
}

/// So many rules there are at most.
const RULES: usize = 8;
/// Marks are not to be more of a log than this: each is looked at by itself.
const SHARE_MAX: f32 = 0.1;
/// How long short rows are, at least and at most.
const SHORT: (usize, usize) = (4, 8);
/// The same for long ones. Of what is longer, so much is looked at.
const LONG: (usize, usize) = (8, 16);

impl BlockScan {
    /// For those of `patterns` that can be looked for together, and the others. None where that is not quicker than to look
    /// for each by itself.
    pub(super) fn of(patterns: &[Hir]) -> Option<(Self, Vec<Hir>)> {
        let mut scan = Self::empty()?;
        let mut others = Vec::new();
        for pattern in patterns {
            match scan.with(pattern) {
                Some(with) => scan = with,
                None => others.push(pattern.clone()),
            }
        }
        let is_worth_it = !scan.long.rows.is_empty()
            || !scan.short.rows.is_empty()
            || scan.marks.iter().any(|rule| matches!(rule, MarkRule::WordBefore(_)));
        (is_worth_it && scan.kinds.is_fast()).then_some((scan, others))
    }

    fn empty() -> Option<Self> {
        let none = [false; 256];
        Some(Self {
            kinds: ByteKinds::new([&none; 3])?,
            long: RowSlot::default(),
            short: RowSlot::default(),
            marks: Vec::new(),
            rules: RuleTables {
                of_mark: Box::new([0; 256]),
                before: Box::new([0; 256]),
                behind: Box::new([0; 256]),
            },
        })
    }

    /// The same, with one more pattern.
    fn with(&self, pattern: &Hir) -> Option<Self> {
        let mut scan = self.clone();
        let mark = WordBefore::of(pattern).map(MarkRule::WordBefore);
        let mark = mark.or_else(|| RareByte::of(pattern).map(MarkRule::Rare));
        match mark.or_else(|| LetterOfWord::of(pattern).map(MarkRule::Letter)) {
            Some(mark) => scan.add_mark(mark)?,
            None => scan.add_row(ByteRow::of(pattern)?)?,
        }
        let marks = scan.rules.of_mark.map(|rules| rules != 0);
        let none = [false; 256];
        let row = |slot: &RowSlot| slot.rows.first().map_or(none, |row| *row.bytes());
        scan.kinds = ByteKinds::new([&row(&scan.long), &row(&scan.short), &marks])?;
        let share: f32 = (0..=u8::MAX).filter(|&it| marks[usize::from(it)]).map(share).sum();
        (share <= SHARE_MAX).then_some(scan)
    }

    fn add_mark(&mut self, rule: MarkRule) -> Option<()> {
        let bit = 1u8.checked_shl(self.marks.len() as u32).filter(|_| self.marks.len() < RULES)?;
        self.rules.add(&rule, bit);
        self.marks.push(rule);
        Some(())
    }

    fn add_row(&mut self, row: ByteRow) -> Option<()> {
        // No row goes on in another line.
        if row.bytes()[usize::from(b'\n')] {
            return None;
        }
        let (slot, (least, most)) = match row.len() > SHORT.1 {
            true => (&mut self.long, LONG),
            false => (&mut self.short, SHORT),
        };
        let len = row.len().min(most);
        let is_alike = slot.rows.iter().all(|other| other.bytes() == row.bytes());
        if len < least || !is_alike {
            return None;
        }
        slot.len = if slot.rows.is_empty() { len } else { slot.len.min(len) };
        slot.rows.push(row);
        Some(())
    }

    /// A place in the next line that may match, at or behind `from`, which is at the start of a line.
    pub(super) fn find(&self, lines: &[u8], from: usize) -> Option<usize> {
        let (mut long, mut short) = ([0; 4], [0; 4]);
        let [long_more, short_more] = [(&self.long, LONG), (&self.short, SHORT)]
            .map(|(slot, (least, _))| slot.len.saturating_sub(least) as u32);
        // Rows up to here were looked at.
        let mut passed = [from; 2];
        self.kinds.find(&lines[from..], |at, [in_long, in_short, marks]| {
            let ends = joined(in_long, 1, &mut long[0]);
            let ends = joined(ends, 2, &mut long[1]);
            let ends = joined(ends, 4, &mut long[2]);
            let long = joined(ends, long_more, &mut long[3]);
            let ends = joined(in_short, 1, &mut short[0]);
            let ends = joined(ends, 2, &mut short[1]);
            let short = joined(ends, short_more, &mut short[2]);
            let at = from + at;
            let row = match long | short {
                0 => None,
                _ => self.find_row(lines, from, at, [long, short], &mut passed),
            };
            let mark = if marks == 0 { None } else { self.find_mark(lines, from, at, marks) };
            match (row, mark) {
                (Some(row), Some(mark)) => Some(row.min(mark)),
                (row, mark) => row.or(mark),
            }
        })
    }

    /// Where the first row begins that is one, of which the block at `at` has what may be an `end`: of the long ones, and
    /// of the short ones.
    #[cold]
    fn find_row(
        &self,
        lines: &[u8],
        from: usize,
        at: usize,
        [long, short]: [u64; 2],
        [long_passed, short_passed]: &mut [usize; 2],
    ) -> Option<usize> {
        let long = self.long.find(lines, from, at, long, long_passed);
        long.into_iter().chain(self.short.find(lines, from, at, short, short_passed)).min()
    }

    /// The first of the marks with something beside it, of which `marks` tells those from `at` on.
    #[inline]
    fn find_mark(&self, lines: &[u8], from: usize, at: usize, mut marks: u64) -> Option<usize> {
        while marks != 0 {
            let place = at + marks.trailing_zeros() as usize;
            marks &= marks - 1;
            // Nearly all marks have something beside them that no rule has there.
            let rules = self.rules.at(lines, place);
            if rules != 0 && self.stands(lines, from, place, rules) {
                return Some(place);
            }
        }
        None
    }

    /// Whether the byte at `place` is a mark by any of these `rules`, a bit for each.
    #[cold]
    fn stands(&self, lines: &[u8], from: usize, place: usize, mut rules: u8) -> bool {
        while rules != 0 {
            if self.marks[rules.trailing_zeros() as usize].stands(lines, from, place) {
                return true;
            }
            rules &= rules - 1;
        }
        false
    }
}

/// The ends of rows that are longer by `more`, of `ends` of rows; `before` is what there was of those in the block before.
#[inline]
fn joined(ends: u64, more: u32, before: &mut u64) -> u64 {
    // More is less than 64, and may be 0.
    let moved = ends << more | (*before >> 1) >> (63 - more);
    *before = ends;
    ends & moved
}

impl RowSlot {
    /// Where the first of the rows begins that is one, of which `ends` tells in the block at `at` what may be an end.
    /// Those that end before `passed` are none.
    fn find(
        &self,
        lines: &[u8],
        from: usize,
        at: usize,
        mut ends: u64,
        passed: &mut usize,
    ) -> Option<usize> {
        let bytes = self.rows.first()?.bytes();
        let holds = |place: usize| bytes[usize::from(lines[place])];
        while ends != 0 {
            let place = at + ends.trailing_zeros() as usize;
            // All those of the same row.
            ends &= ends.wrapping_add(ends & ends.wrapping_neg());
            if place < *passed {
                continue;
            }
            let (mut begin, mut end) = (place, place + 1);
            while begin > from && holds(begin - 1) {
                begin -= 1;
            }
            while end < lines.len() && holds(end) {
                end += 1;
            }
            if self.rows.iter().any(|row| row.is_in(&lines[begin..end])) {
                return Some(begin);
            }
            *passed = end;
        }
        None
    }
}

impl RuleTables {
    fn add(&mut self, rule: &MarkRule, bit: u8) {
        rule.marks().into_iter().for_each(|byte| self.of_mark[usize::from(byte)] |= bit);
        for byte in 0..=u8::MAX {
            let [before, behind] = rule.may_be_beside(byte);
            self.before[usize::from(byte)] |= if before { bit } else { 0 };
            self.behind[usize::from(byte)] |= if behind { bit } else { 0 };
        }
    }

    /// The rules of which the byte at `place` may be a mark with what is beside it.
    #[inline]
    fn at(&self, lines: &[u8], place: usize) -> u8 {
        match lines.get(place.wrapping_sub(1)..).and_then(|it| it.first_chunk()) {
            Some(&[before, mark, behind]) => {
                self.of_mark[usize::from(mark)]
                    & self.before[usize::from(before)]
                    & self.behind[usize::from(behind)]
            }
            // At the beginning and at the end all are looked at.
            None => self.of_mark[usize::from(lines[place])],
        }
    }
}

impl MarkRule {
    /// Which bytes are meant.
    fn marks(&self) -> Vec<u8> {
        match self {
            Self::Rare(rare) => vec![rare.byte()],
            Self::WordBefore(word) => word.marks().to_vec(),
            Self::Letter(letter) => letter.letters(),
        }
    }

    /// Whether this byte may stand right before the mark, and right behind it.
    fn may_be_beside(&self, byte: u8) -> [bool; 2] {
        match self {
            Self::Rare(rare) => rare.may_be_beside(byte),
            Self::WordBefore(word) => [word.may_be_before(byte), true],
            Self::Letter(letter) => [true, letter.may_be_behind(byte)],
        }
    }

    /// Whether that stands beside the mark at `place` which has to.
    #[inline]
    fn stands(&self, lines: &[u8], from: usize, place: usize) -> bool {
        match self {
            Self::Rare(rare) => rare.stands(lines, place),
            Self::WordBefore(word) => word.stands(lines, from, place),
            Self::Letter(letter) => letter.stands(lines, from, place),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::re2::parse_with_groups as parse;

    fn scan(patterns: &[&str]) -> Option<(BlockScan, usize)> {
        let patterns: Vec<_> = patterns.iter().map(|it| parse(it).unwrap()).collect();
        BlockScan::of(&patterns).map(|(scan, others)| (scan, others.len()))
    }

    const CARD: &str = r"\b[0-9](?:[ -]?[0-9]){12,18}\b";
    const ADDRESS: &str = r"\b(?:(?:25[0-5]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|1?[0-9]?[0-9])\b";
    const WORD: &str = r"(?:[Pp][Aa][Ss][Ss]|[Kk]ey)\s*[:=]\s*\S+";
    const PATTERNS: [&str; 6] =
        [CARD, ADDRESS, WORD, "[a-z.]+@[a-z]+", r"\b[Bb][Ee][Aa][Rr][Ee][Rr]\s+x", r"\d{9}"];

    #[test]
    fn patterns_of_numbers_and_words_are_looked_for_together() {
        let Some((scan, others)) = scan(&PATTERNS) else {
            let none = ByteKinds::new([&[false; 256]]).unwrap();
            assert!(!none.is_fast(), "the processor could");
            return;
        };
        // The last has other bytes than the long rows of the first.
        assert_eq!((others, scan.long.len, scan.short.len, scan.marks.len()), (1, 13, 7, 3));
        let find = |text: &str, from| scan.find(text.as_bytes(), from);
        let far = "x".repeat(100);
        assert_eq!(find(&format!("{far} 4111-1111-1111-1111"), 0), Some(100));
        assert_eq!(find(&format!("{far}\n1.2.3.4"), 0), Some(101));
        assert_eq!(find(&format!("{far} 1.2.3.4\na@b"), 109), Some(110));
        assert_eq!(find("a BeaReR x key : pass=", 0), Some(2));
        assert_eq!(find("a beare x key : pass=", 0), Some(14));
        assert_eq!(find("2026-11-29 10:20:30 1.2.3 @ x b", 0), None);
    }

    #[test]
    fn what_is_looked_for_by_itself_is_not_looked_for_in_blocks() {
        assert!(scan(&["[a-z.]+@[a-z]+"]).is_none() && scan(&["^a|b$"]).is_none());
    }

    #[test]
    fn a_row_without_end_is_looked_at_once() {
        let Some((scan, _)) = scan(&[ADDRESS]) else { return };
        // No address, since there are no dots; to look at all of it for each block would take minutes.
        assert_eq!(scan.find(&vec![b'1'; 4 << 20], 0), None);
    }

    proptest! {
        #[test]
        fn rows_are_joined_across_blocks(bits in proptest::collection::vec(proptest::bool::weighted(0.8), 0..200), more in 0u32..9) {
            let text: Vec<u8> = bits.iter().map(|&bit| if bit { b'1' } else { b'x' }).collect();
            let digit: [bool; 256] = std::array::from_fn(|byte| byte == usize::from(b'1'));
            let (mut before, mut ends) = ([0; 4], Vec::new());
            ByteKinds::new([&digit]).unwrap().find(&text, |at, [map]| {
                let map = joined(joined(joined(map, 1, &mut before[0]), 2, &mut before[1]), 4, &mut before[2]);
                let map = joined(map, more, &mut before[3]);
                ends.extend((0..64).filter(|bit| map >> bit & 1 == 1).map(|bit| at + bit));
                None::<()>
            });
            let len = 8 + more as usize;
            let is_end = |&end: &usize| end + 1 >= len && bits[end + 1 - len..=end].iter().all(|&bit| bit);
            prop_assert_eq!(ends, (0..bits.len()).filter(is_end).collect::<Vec<_>>());
        }

        #[test]
        fn no_line_that_matches_is_overlooked(
            lines in proptest::collection::vec(
                r"[a-z ]{0,70}|[0-9 .-]{0,40}|([1-9]{1,3}\.){2,3}[0-9]{1,4}|(pass|KEY|bearer|tok)[ \\t]{0,3}[:=x]x?|[a-z]@[a-zé]", 0..9),
            gap in "[ x\u{E9}]{0,66}",
            chosen in proptest::sample::subsequence(PATTERNS.to_vec(), 1..6),
        ) {
            let hirs: Vec<_> = chosen.iter().map(|it| parse(it).unwrap()).collect();
            let Some((scan, others)) = BlockScan::of(&hirs) else { return Ok(()) };
            let text: String = lines.iter().flat_map(|line| [&gap, line.as_str(), "\n"]).collect();
            let regexes = chosen.iter().zip(&hirs).filter(|(_, hir)| !others.contains(hir));
            let regexes: Vec<_> = regexes.map(|(it, _)| crate::filter::Re2Pattern::new(it).unwrap()).collect();
            let mut from = 0;
            let mut found = scan.find(text.as_bytes(), 0);
            for line in text.split_inclusive('\n') {
                let end = from + line.len();
                let is_found = found.is_some_and(|place| place < end);
                let matches = regexes.iter().any(|it| it.matches(line.trim_end_matches('\n').as_bytes()));
                prop_assert!(is_found || !matches, "{:?}", line);
                if is_found {
                    prop_assert!(found >= Some(from));
                    found = scan.find(text.as_bytes(), end);
                }
                from = end;
            }
        }
    }
}
