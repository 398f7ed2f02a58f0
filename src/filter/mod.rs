//! Which lines are kept. Pure.
//!
//! Patterns are written in the RE2 syntax of remote_syslog2 and mean what they meant there; the
//! differences to the `regex` crate are bridged by [`re2`]. Each line is judged by itself; [`scan`]
//! finds the few of many that are worth it.

mod re2;
mod scan;

use regex::bytes::{RegexSet, RegexSetBuilder};

use self::re2::translate;
use self::scan::Scan;

/// A list of patterns of which any may match, anywhere in a text.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    compiled: Option<Compiled>,
}

#[derive(Debug, Clone)]
struct Compiled {
    set: RegexSet,
    /// As they were written, in the order of the set.
    written: Vec<String>,
    scan: Scan,
}

/// A pattern that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("pattern {pattern:?} is no regular expression: {reason}")]
pub struct PatternError {
    /// Its place in the list.
    pub index: usize,
    /// As it was written.
    pub pattern: String,
    /// In one line.
    pub reason: String,
}

impl Patterns {
    /// Compiles `patterns`, or says what is wrong with each that cannot be.
    ///
    /// # Errors
    /// One for each pattern that is no regular expression.
    pub fn new<S: AsRef<str>>(patterns: &[S]) -> Result<Self, Vec<PatternError>> {
        if patterns.is_empty() {
            return Ok(Self::default());
        }
        let translated: Vec<_> = patterns.iter().map(|p| translate(p.as_ref())).collect();
        let error = |index: usize, error: &regex::Error| PatternError {
            index,
            pattern: patterns[index].as_ref().to_owned(),
            reason: last_line(&error.to_string()),
        };
        let errors: Vec<_> = (0..patterns.len())
            .filter_map(|i| regex::bytes::Regex::new(&translated[i]).err().map(|e| error(i, &e)))
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        // Each compiles by itself, so all together can only exceed the size limit.
        let set = RegexSetBuilder::new(&translated).size_limit(64 << 20).build();
        let set = set.map_err(|e| vec![error(0, &e)])?;
        let written = patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        let scan = Scan::new(&translated);
        Ok(Self { compiled: Some(Compiled { set, written, scan }) })
    }

    /// Whether any pattern matches `text`. Bytes that are not UTF-8 count as U+FFFD.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        self.compiled.as_ref().is_some_and(|compiled| compiled.matches(text))
    }

    /// The patterns that match `text`: the place of each in the list, from 0, and how it was
    /// written. For people who ask why; [`Self::matches`] is what decides.
    #[must_use]
    pub fn matching(&self, text: &[u8]) -> Vec<(usize, &str)> {
        let Some(Compiled { set, written, .. }) = &self.compiled else { return Vec::new() };
        let mut found: Vec<_> = set.matches(text).into_iter().collect();
        if std::str::from_utf8(text).is_err() {
            found.extend(set.matches(String::from_utf8_lossy(text).as_bytes()));
            found.sort_unstable();
            found.dedup();
        }
        found.into_iter().map(|index| (index, written[index].as_str())).collect()
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.compiled.as_ref().map_or(0, |compiled| compiled.written.len())
    }

    /// What is left of whole `lines`, each with its newline, without those that match.
    #[must_use]
    pub fn kept<'a>(&'a self, lines: &'a [u8]) -> Kept<'a> {
        Kept { compiled: self.compiled.as_ref(), lines, at: 0, dropped: 0 }
    }

    /// Whether there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.compiled.is_none()
    }
}

impl Compiled {
    fn matches(&self, line: &[u8]) -> bool {
        self.set.is_match(line)
            || std::str::from_utf8(line).is_err()
                && self.set.is_match(String::from_utf8_lossy(line).as_bytes())
    }
}

/// Runs of lines that stand together and are kept.
#[derive(Debug)]
pub struct Kept<'a> {
    compiled: Option<&'a Compiled>,
    lines: &'a [u8],
    /// Where the next run begins.
    at: usize,
    /// How many lines were left out so far.
    pub dropped: u64,
}

impl<'a> Iterator for Kept<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let lines = self.lines;
        // Both at the start of a line.
        let (mut run, mut from) = (self.at, self.at);
        self.at = lines.len();
        if let Some(Compiled { scan, .. }) = self.compiled {
            let scan = scan.of(lines);
            while let Some((start, end)) = line_at(lines, from, scan.candidate(lines, from)) {
                from = end + 1;
                if !self.compiled.is_some_and(|compiled| compiled.matches(&lines[start..end])) {
                    continue;
                }
                self.dropped += 1;
                if start > run {
                    self.at = from;
                    return Some(&lines[run..start]);
                }
                run = from;
            }
        }
        Some(&lines[run..]).filter(|run| !run.is_empty())
    }
}

/// Where the line begins and ends (before its newline) that holds the byte at `place`; `from` is at
/// the start of a line. Nothing is behind the last newline.
fn line_at(lines: &[u8], from: usize, place: Option<usize>) -> Option<(usize, usize)> {
    let place = place?;
    let start = memchr::memrchr(b'\n', &lines[from..place]).map_or(from, |at| from + at + 1);
    let end = place + memchr::memchr(b'\n', &lines[place..])?;
    Some((start, end))
}

/// The last line of an error of the regex crate holds the reason, those before it the picture.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests;
