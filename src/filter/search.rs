//! Which of many lines some patterns may match, asked line by line.

use super::line_at;
use super::pattern::Re2Pattern;
use super::scan::Scan;

/// Finds, among very many lines at once, those that any of some patterns may match. What is found may be
/// too much, and is never too little.
#[derive(Debug, Clone, Default)]
pub struct Finder {
    scans: Vec<Scan>,
    crosses_lines: bool,
}

/// A search of lines that is under way.
#[derive(Debug)]
pub struct FinderSearch<'a> {
    lines: &'a [u8],
    parts: Vec<ScanProgress<'a>>,
}

/// How far one scan has come.
#[derive(Debug)]
struct ScanProgress<'a> {
    scan: &'a Scan,
    /// Where the next line may match, as it was seen last; none any more.
    next: Option<usize>,
}

impl Finder {
    /// For these patterns.
    #[must_use]
    pub fn new<'p>(patterns: impl IntoIterator<Item = &'p Re2Pattern>) -> Self {
        let patterns: Vec<_> = patterns.into_iter().map(|pattern| pattern.hir.clone()).collect();
        let crosses_lines = patterns.iter().any(Scan::misses_what_crosses_lines);
        Self { scans: Scan::several(&patterns), crosses_lines }
    }

    /// Whether some pattern may match across lines, in a text of several, without being found in one of them.
    #[must_use]
    pub fn crosses_lines(&self) -> bool {
        self.crosses_lines
    }

    /// Whether there is something quick to look for, for each pattern.
    #[cfg(test)]
    pub(crate) fn is_quick(&self) -> bool {
        !self.scans.iter().any(|scan| matches!(scan, Scan::Automaton(_) | Scan::Lines))
    }

    /// Whether anything may match in one text.
    #[must_use]
    pub fn may_match(&self, text: &[u8]) -> bool {
        let is_joined = || memchr::memchr(b'\n', text).is_some();
        self.crosses_lines && is_joined()
            || self.scans.iter().any(|scan| scan.of(text).candidate(text, 0).is_some())
    }

    /// Begins to search whole `lines`, each with its newline.
    #[must_use]
    pub fn search<'a>(&'a self, lines: &'a [u8]) -> FinderSearch<'a> {
        let part = |scan: &'a Scan| {
            let scan = scan.of(lines);
            ScanProgress { scan, next: scan.candidate(lines, 0) }
        };
        FinderSearch { lines, parts: self.scans.iter().map(part).collect() }
    }
}

impl FinderSearch<'_> {
    /// Where the next line that may match begins, and where it ends before its newline. `from` is at the start of
    /// a line, and not before what was asked last.
    pub fn line_from(&mut self, from: usize) -> Option<(usize, usize)> {
        let lines = self.lines;
        let places = self.parts.iter_mut().filter_map(|part| part.place_from(lines, from));
        line_at(lines, from, places.min())
    }

    /// Whether anything may match in the lines from `from` to `to`. `from` is as above.
    pub fn may_match(&mut self, from: usize, to: usize) -> bool {
        let lines = self.lines;
        let mut places = self.parts.iter_mut().filter_map(|part| part.place_from(lines, from));
        places.any(|place| place < to)
    }
}

impl ScanProgress<'_> {
    fn place_from(&mut self, lines: &[u8], from: usize) -> Option<usize> {
        if self.next? < from {
            self.next = self.scan.candidate(lines, from);
        }
        self.next
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Some that are found by literals, some that are not.
    const PATTERNS: [&str; 12] = [
        "secret",
        "(abc|bcd)+",
        r"\d{4}",
        "^a",
        "c$",
        "(?i)key=",
        "a.c",
        "@",
        r"^\s*$",
        "[Ss][Ee][Cc][Rr][Ee][Tt]=",
        r"\b(?:1?\d\.){3}\d\b",
        r"\b1(?:[ -]?1){4,6}\b",
    ];

    #[test]
    fn words_in_each_case_are_looked_for_at_once() {
        let patterns = [r"\b[Bb][Ee][Aa][Rr][Ee][Rr]\s", "[Tt][Oo][Kk][Ee][Nn]=", "secret"];
        let finder = Finder::new(&patterns.map(|it| Re2Pattern::new(it).unwrap()));
        // The last is a literal, and quicker to find.
        assert_eq!(finder.scans.len(), 2);
        assert!(
            finder.is_quick() && finder.may_match(b"a BeaRer x") && finder.may_match(b"TOKEN=")
        );
        assert!(!finder.may_match(b"SECRET, be a toke"));
    }

    proptest! {
        #[test]
        fn no_line_that_matches_is_overlooked(
            lines in proptest::collection::vec("[abcd@1 \\r\u{E9}]{0,8}|[sS]ec[rR][eE][tT]=[a-z]{0,3}|KEY=k|[1. -]{0,20}", 0..12),
            bad in proptest::collection::vec(any::<bool>(), 12),
            chosen in proptest::sample::subsequence(PATTERNS.to_vec(), 0..4),
        ) {
            let patterns: Vec<_> = chosen.iter().map(|it| Re2Pattern::new(it).unwrap()).collect();
            let mut text = Vec::new();
            for (line, bad) in lines.iter().zip(bad) {
                text.extend_from_slice(line.as_bytes());
                text.extend_from_slice(if bad { b"\xFF\n" } else { b"\n" });
            }
            let finder = Finder::new(&patterns);
            let (mut by_line, mut search) = (finder.search(&text), finder.search(&text));
            let (mut start, mut found) = (0, search.line_from(0));
            for end in memchr::memchr_iter(b'\n', &text) {
                let line = &text[start..end];
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                let is_found = found == Some((start, end));
                if is_found {
                    found = search.line_from(end + 1);
                }
                let may_match = by_line.may_match(start, end + 1);
                if patterns.iter().any(|pattern| pattern.matches(line)) {
                    prop_assert!(is_found && may_match, "{:?}", String::from_utf8_lossy(line));
                }
                start = end + 1;
            }
            prop_assert_eq!(found, None);
        }
    }
}
