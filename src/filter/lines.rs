//! Which lines of a file are sent: those that an include pattern matches, if there are any, and no exclude
//! pattern.

use std::ops::Range;

use memchr::memchr_iter;

use super::scan::Scan;
use super::{Compiled, Kept, Patterns, line_at, seen, without_byte_order_mark};

/// The patterns for the lines of some files.
#[derive(Debug, Clone, Default)]
pub struct LineFilter {
    include: Patterns,
    exclude: Patterns,
}

impl LineFilter {
    /// Lines are sent that any of `include` matches, or all where it is empty, and none of `exclude`.
    #[must_use]
    pub fn new(include: Patterns, exclude: Patterns) -> Self {
        Self { include, exclude }
    }

    /// What a line must match, unless it is empty.
    #[must_use]
    pub fn include(&self) -> &Patterns {
        &self.include
    }

    /// What a line must not match.
    #[must_use]
    pub fn exclude(&self) -> &Patterns {
        &self.exclude
    }

    /// Whether all lines are sent.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.include.is_empty() && self.exclude.is_empty()
    }

    /// Whether a line of a file, of which the newline is gone, is not sent.
    #[must_use]
    pub fn drops(&self, line: &[u8]) -> bool {
        !self.include.is_empty() && !self.include.drops(line) || self.exclude.drops(line)
    }

    /// The same of a text that was joined of several lines: any of them must match, and none.
    #[must_use]
    pub fn drops_record(&self, text: &[u8]) -> bool {
        let lines = || text.split(|&byte| byte == b'\n');
        !self.include.is_empty() && !lines().any(|line| self.include.drops(line))
            || lines().any(|line| self.exclude.drops(line))
    }

    /// What is sent of whole `lines`, each with its newline.
    #[must_use]
    pub fn kept<'a>(&'a self, lines: &'a [u8]) -> KeptLines<'a> {
        match &self.include.compiled {
            None => KeptLines::Excluding(self.exclude.kept(lines)),
            Some(include) => {
                KeptLines::Including(Included::new(include, self.exclude.compiled.as_ref(), lines))
            }
        }
    }

    /// Begins to judge records of several of these `lines`, each with its newline. `is_start`: the lines are
    /// the first of their file.
    #[must_use]
    pub fn records<'a>(&'a self, lines: &'a [u8], is_start: bool) -> RecordFilter<'a> {
        let mut kept = self.exclude.kept(lines);
        let included = self.include.compiled.as_ref();
        let mut included = included.map(|include| Included::new(include, None, lines));
        if is_start {
            kept = kept.of_file_start();
            if let Some(included) = &mut included {
                included.skip_mark();
            }
        }
        let included = included.map(|included| Runs { lines, runs: included, run: 0..0 });
        RecordFilter { kept: Runs { lines, runs: kept, run: 0..0 }, included }
    }
}

/// Runs of lines that stand together and are sent.
#[derive(Debug)]
pub enum KeptLines<'a> {
    /// Most are sent: those that are not are looked for.
    Excluding(Kept<'a>),
    /// Few are sent: those are looked for.
    Including(Included<'a>),
}

impl KeptLines<'_> {
    /// The lines are the first of their file: it may begin with a byte order mark.
    #[must_use]
    pub fn of_file_start(self) -> Self {
        match self {
            Self::Excluding(kept) => Self::Excluding(kept.of_file_start()),
            Self::Including(mut kept) => {
                kept.skip_mark();
                Self::Including(kept)
            }
        }
    }

    /// How many lines were left out so far.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        match self {
            Self::Excluding(kept) => kept.dropped,
            Self::Including(kept) => kept.dropped,
        }
    }
}

impl<'a> Iterator for KeptLines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match self {
            Self::Excluding(kept) => kept.next(),
            Self::Including(kept) => kept.next(),
        }
    }
}

/// Runs of lines that an include pattern matches.
#[derive(Debug)]
pub struct Included<'a> {
    include: &'a Compiled,
    /// Finds lines that may match.
    scan: &'a Scan,
    exclude: Option<&'a Compiled>,
    lines: &'a [u8],
    /// How long the byte order mark before the first line is, which patterns do not see.
    mark: usize,
    /// The start of the line behind those that were judged, counted from behind the mark.
    at: usize,
    /// The next line to send, where it was found already: the one that ended a run.
    ahead: Option<(usize, usize)>,
    dropped: u64,
}

impl<'a> Included<'a> {
    fn new(include: &'a Compiled, exclude: Option<&'a Compiled>, lines: &'a [u8]) -> Self {
        let scan = include.scan.of(lines);
        Self { include, scan, exclude, lines, mark: 0, at: 0, ahead: None, dropped: 0 }
    }

    /// The lines are the first of their file.
    fn skip_mark(&mut self) {
        self.mark = self.lines.len() - without_byte_order_mark(self.lines).len();
    }
    /// Where the next line to send begins, and where it ends before its newline. Counts those before it.
    fn find(&mut self) -> Option<(usize, usize)> {
        let text = &self.lines[self.mark..];
        let mut from = self.at;
        while let Some((start, end)) = line_at(text, from, self.scan.candidate(text, from)) {
            from = end + 1;
            let line = seen(&text[start..end]);
            if self.include.matches(line) && !self.exclude.is_some_and(|it| it.matches(line)) {
                self.dropped += count(&text[self.at..start]);
                self.at = from;
                return Some((start, end));
            }
        }
        self.dropped += count(&text[self.at..]);
        self.at = text.len();
        None
    }
}

impl<'a> Iterator for Included<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (first, mut end) = self.ahead.take().or_else(|| self.find())?;
        while let Some(next) = self.find() {
            if next.0 != end + 1 {
                self.ahead = Some(next);
                break;
            }
            end = next.1;
        }
        let start = if first == 0 { 0 } else { self.mark + first };
        Some(&self.lines[start..=self.mark + end])
    }
}

/// Judges records that have several lines each: one is sent where an include pattern matches any of its lines,
/// if there are any, and no exclude pattern matches one of them.
#[derive(Debug)]
pub struct RecordFilter<'a> {
    /// The lines that no exclude pattern matches.
    kept: Runs<'a, Kept<'a>>,
    /// Those that an include pattern matches.
    included: Option<Runs<'a, Included<'a>>>,
}

impl RecordFilter<'_> {
    /// Whether the record from `start` to `end`, which are places in the lines, is sent. Records are asked for
    /// in their order.
    pub fn keeps(&mut self, start: usize, end: usize) -> bool {
        let kept = self.kept.behind(start);
        let is_kept = kept.start <= start && end <= kept.end;
        is_kept
            && self.included.as_mut().is_none_or(|included| {
                let run = included.behind(start);
                run.start < end && !run.is_empty()
            })
    }
}

/// Runs of lines, as places.
#[derive(Debug)]
struct Runs<'a, I> {
    lines: &'a [u8],
    runs: I,
    run: Range<usize>,
}

impl<'a, I: Iterator<Item = &'a [u8]>> Runs<'a, I> {
    /// The first run that ends behind `start`; an empty one where there is none.
    fn behind(&mut self, start: usize) -> Range<usize> {
        while self.run.end <= start {
            let Some(run) = self.runs.next() else {
                self.run = usize::MAX..usize::MAX;
                break;
            };
            let from = run.as_ptr() as usize - self.lines.as_ptr() as usize;
            self.run = from..from + run.len();
        }
        self.run.clone()
    }
}

/// How many lines these are.
fn count(lines: &[u8]) -> u64 {
    memchr_iter(b'\n', lines).count() as u64
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> LineFilter {
        LineFilter::new(Patterns::new(include).unwrap(), Patterns::new(exclude).unwrap())
    }

    /// What is sent, run by run, and how many lines are not.
    fn sent<'a>(filter: &'a LineFilter, lines: &'a [u8]) -> (Vec<&'a str>, u64) {
        let mut kept = filter.kept(lines).of_file_start();
        let runs = kept.by_ref().map(|run| std::str::from_utf8(run).unwrap()).collect();
        (runs, kept.dropped())
    }

    #[test]
    fn only_what_is_included_is_sent_and_exclude_wins() {
        let lines = b"an ERROR\ninfo\nERROR again\nFATAL\nERROR ping\nlast\n";
        let filter = filter(&["ERROR", "^FATAL$"], &["ping"]);
        assert_eq!(sent(&filter, lines), (vec!["an ERROR\n", "ERROR again\nFATAL\n"], 3));
        assert!(filter.drops(b"info") && filter.drops(b"ERROR ping"));
        assert!(!filter.drops(b"FATAL\r"));
    }

    #[test]
    fn nothing_is_asked_for_where_there_are_no_patterns() {
        assert_eq!(sent(&LineFilter::default(), b"a\nb\n"), (vec!["a\nb\n"], 0));
        assert!(!LineFilter::default().drops(b""));
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_line() {
        let filter = filter(&["^a"], &[]);
        assert_eq!(sent(&filter, "\u{FEFF}a\nb\na\n".as_bytes()), (vec!["\u{FEFF}a\n", "a\n"], 1));
    }

    #[test]
    fn a_record_of_several_lines_is_judged_as_a_whole() {
        let lines = b"ERROR a\n at b\ninfo\n at c\nERROR ping\n at d\nx\n ERROR\n";
        let records = |filter: &LineFilter| {
            let mut judge = filter.records(lines, true);
            [(0, 14), (14, 25), (25, 42), (42, 51)].map(|(start, end)| judge.keeps(start, end))
        };
        assert_eq!(records(&filter(&["ERROR"], &["ping"])), [true, false, false, true]);
        assert_eq!(records(&filter(&[], &["ping", "^x"])), [true, true, false, false]);
        assert_eq!(records(&filter(&["nothing"], &[])), [false; 4]);
        assert_eq!(records(&LineFilter::default()), [true; 4]);
    }

    proptest! {
        #[test]
        fn lines_are_judged_together_as_each_by_itself(
            include in vec(select(&["a", "ab", "abc", "^b", "c$", ".b", "[ab]{2}"]), 0..3),
            exclude in vec(select(&["a", "abc", "^c", "b$"]), 0..3),
            lines in "([abc\u{e9}\r]{0,4}\n){0,12}",
            latin1 in any::<bool>(),
        ) {
            let filter = filter(&include, &exclude);
            let mut lines = lines.into_bytes();
            if latin1 {
                lines.retain(|&byte| byte != 0xC3);
            }
            let each = lines.split_inclusive(|&byte| byte == b'\n');
            let each: Vec<_> = each.filter(|line| !filter.drops(&line[..line.len() - 1])).collect();
            let mut kept = filter.kept(&lines);
            let whole: Vec<u8> = kept.by_ref().flatten().copied().collect();
            prop_assert_eq!(kept.dropped() + each.len() as u64, count(&lines));
            prop_assert_eq!(whole, each.concat());
        }
    }
}
