//! Which lines are kept. Pure.
//!
//! Patterns are written in the RE2 syntax of remote_syslog2 and mean what they meant there: [`re2`]
//! reads them. Each line is judged by itself; [`scan`] finds the few of many that are worth it, for
//! [`Patterns`] as for those who look for something else in lines ([`search`], [`pattern`]).

mod blocks;
mod byte_row;
mod ends;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod hints;
mod lines;
mod pattern;
mod re2;
mod scan;
mod search;
mod word_before;

use std::borrow::Cow;
use std::slice::from_ref;

use regex_automata::MatchKind;
use regex_automata::meta;
use regex_automata::nfa::thompson::WhichCaptures;
use regex_syntax::hir::Hir;

use self::ends::without_spare_ends;
pub use self::lines::{Included, KeptLines, LineFilter, RecordFilter};
pub use self::pattern::{Re2Pattern, Spans};
use self::scan::Scan;
pub use self::search::{Finder, FinderSearch};

/// How much memory the automaton of all patterns together may take, in bytes.
const SIZE_LIMIT: usize = 64 << 20;

/// A list of patterns of which any may match, anywhere in a text.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    compiled: Option<Compiled>,
}

#[derive(Debug, Clone)]
struct Compiled {
    /// Finds whether any of them matches.
    regex: meta::Regex,
    /// Each as it was written, and what decides whether it matches.
    patterns: Vec<(String, Hir)>,
    scan: Scan,
}

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern {pattern:?} {}: {reason}", if *is_too_large { "cannot be used" } else { "is no regular expression" })]
pub struct PatternError {
    /// Its place in the list.
    pub index: usize,
    /// As it was written.
    pub pattern: String,
    /// In one line.
    pub reason: String,
    /// Whether it is a regular expression, and takes too much memory.
    pub is_too_large: bool,
}

impl Patterns {
    /// Each as it was written.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let patterns = self.compiled.iter().flat_map(|compiled| &compiled.patterns);
        patterns.map(|(text, _)| text.as_str())
    }

    /// Compiles `patterns`, or says what is wrong with each that cannot be.
    ///
    /// # Errors
    /// One for each pattern that is no regular expression, or one where they take too much memory.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, Vec<PatternError>> {
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        let error = |index: usize, reason: String, is_too_large| PatternError {
            index,
            pattern: patterns[index].as_ref().to_owned(),
            reason,
            is_too_large,
        };
        let (mut hirs, mut errors) = (Vec::new(), Vec::new());
        for (index, pattern) in patterns.iter().enumerate() {
            match re2::parse(pattern.as_ref()) {
                Ok(hir) => hirs.push(without_spare_ends(hir)),
                Err(reason) => errors.push(error(index, reason.to_string(), false)),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        let too_large = || vec![error(largest(&hirs), TOO_LARGE.to_owned(), true)];
        let regex = compile(&hirs).ok_or_else(too_large)?;
        let scan = Scan::new(&hirs);
        let written = patterns.iter().map(|pattern| pattern.as_ref().to_owned());
        let patterns = written.zip(hirs).collect();
        Ok(Self { compiled: Some(Compiled { regex, patterns, scan }) })
    }

    /// Whether any pattern matches `text`. Each byte that is not UTF-8 counts as U+FFFD.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        self.compiled.as_ref().is_some_and(|compiled| compiled.matches(text))
    }

    /// Whether any pattern matches a line of a file, of which the newline is gone.
    #[must_use]
    pub fn drops(&self, line: &[u8]) -> bool {
        self.matches(seen(line))
    }

    /// The patterns that match `text`: the place of each in the list, from 0, and how it was
    /// written. For people who ask why; [`Self::matches`] is what decides.
    #[must_use]
    pub fn matching(&self, text: &[u8]) -> Vec<(usize, &str)> {
        let Some(Compiled { patterns, .. }) = &self.compiled else { return Vec::new() };
        let text = decoded(text);
        let matches =
            |hir: &Hir| compile(from_ref(hir)).is_some_and(|regex| regex.is_match(&*text));
        let matching = patterns.iter().enumerate().filter(|(_, (_, hir))| matches(hir));
        matching.map(|(index, (written, _))| (index, written.as_str())).collect()
    }

    /// The same for a line of a file.
    #[must_use]
    pub fn dropping(&self, line: &[u8]) -> Vec<(usize, &str)> {
        self.matching(seen(line))
    }

    /// The patterns as they were written.
    pub fn written(&self) -> impl Iterator<Item = &str> {
        self.compiled.iter().flat_map(|compiled| &compiled.patterns).map(|(written, _)| &**written)
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.compiled.as_ref().map_or(0, |compiled| compiled.patterns.len())
    }

    /// What is left of whole `lines`, each with its newline, without those that match.
    #[must_use]
    pub fn kept<'a>(&'a self, lines: &'a [u8]) -> Kept<'a> {
        let compiled = self.compiled.as_ref();
        let search = compiled.map(|compiled| (compiled, compiled.scan.of(lines)));
        Kept { search, lines, mark: 0, at: 0, dropped: 0 }
    }

    /// Whether there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.compiled.is_none()
    }
}

impl Compiled {
    fn matches(&self, text: &[u8]) -> bool {
        // What matches the bytes as they are matches them decoded as well.
        self.regex.is_match(text)
            || std::str::from_utf8(text).is_err() && self.regex.is_match(&*decoded(text))
    }
}

const TOO_LARGE: &str = "all patterns together take more than 64 MiB of memory, and this one most: a count makes as \
                         many copies; write .* in the place of .{0,1000}, or repeat less";

/// An automaton for all of `patterns` at once. `None`: it would be too large.
fn compile(patterns: &[Hir]) -> Option<meta::Regex> {
    let config = meta::Config::new()
        .match_kind(MatchKind::All)
        .which_captures(WhichCaptures::None)
        // No empty match is between the bytes of one character.
        .utf8_empty(true)
        .nfa_size_limit(Some(SIZE_LIMIT));
    meta::Builder::new().configure(config).build_many_from_hir(patterns).ok()
}

/// The place of the pattern that alone takes the most memory.
fn largest(patterns: &[Hir]) -> usize {
    let size = |hir| compile(from_ref(hir)).map_or(usize::MAX, |regex| regex.memory_usage());
    (0..patterns.len()).max_by_key(|&index| size(&patterns[index])).unwrap_or_default()
}

/// What patterns see of `text`: each byte that is not UTF-8 is one character, U+FFFD.
fn decoded(text: &[u8]) -> Cow<'_, [u8]> {
    if std::str::from_utf8(text).is_ok() {
        return Cow::Borrowed(text);
    }
    let mut decoded = Vec::with_capacity(text.len() + 8);
    for chunk in text.utf8_chunks() {
        decoded.extend_from_slice(chunk.valid().as_bytes());
        for _ in chunk.invalid() {
            decoded.extend_from_slice("\u{FFFD}".as_bytes());
        }
    }
    Cow::Owned(decoded)
}

/// Runs of lines that stand together and are kept.
#[derive(Debug)]
pub struct Kept<'a> {
    /// Finds lines that may match, and judges them.
    search: Option<(&'a Compiled, &'a Scan)>,
    lines: &'a [u8],
    /// How long the byte order mark before the first line is, which patterns do not see.
    mark: usize,
    /// Where the next run begins.
    at: usize,
    /// How many lines were left out so far.
    pub dropped: u64,
}

impl Kept<'_> {
    /// The lines are the first of their file: it may begin with a byte order mark.
    #[must_use]
    pub fn of_file_start(mut self) -> Self {
        self.mark = self.lines.len() - without_byte_order_mark(self.lines).len();
        self
    }
}

impl<'a> Iterator for Kept<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let lines = self.lines;
        let mut run = self.at;
        self.at = lines.len();
        if let Some((compiled, scan)) = self.search {
            let text = &lines[self.mark..];
            // At the start of a line.
            let mut from = run.saturating_sub(self.mark);
            while let Some((start, end)) = line_at(text, from, scan.candidate(text, from)) {
                from = end + 1;
                if !compiled.matches(seen(&text[start..end])) {
                    continue;
                }
                self.dropped += 1;
                let dropped_at = if start == 0 { 0 } else { self.mark + start };
                if dropped_at > run {
                    self.at = self.mark + from;
                    return Some(&lines[run..dropped_at]);
                }
                run = self.mark + from;
            }
        }
        Some(&lines[run..]).filter(|run| !run.is_empty())
    }
}

/// The first line of a file, without the U+FEFF that says that it is UTF-8 and is no part of it.
#[must_use]
pub fn without_byte_order_mark(line: &[u8]) -> &[u8] {
    line.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(line)
}

/// What patterns see of a line: not the carriage return before its newline.
fn seen(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Where the line begins and ends (before its newline) that holds the byte at `place`; `from` is at
/// the start of a line. Nothing is behind the last newline.
pub(crate) fn line_at(lines: &[u8], from: usize, place: Option<usize>) -> Option<(usize, usize)> {
    let place = place?;
    let start = memchr::memrchr(b'\n', &lines[from..place]).map_or(from, |at| from + at + 1);
    let end = place + memchr::memchr(b'\n', &lines[place..])?;
    Some((start, end))
}

#[cfg(test)]
mod tests;
