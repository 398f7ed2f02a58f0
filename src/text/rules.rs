//! All that is done with the text of the records of one file. Pure.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use memchr::memchr;

use super::color::{ESCAPE, strip};
use super::{
    Behind, Join, LineFacts, LineFormat, Multiline, Redactions, SeverityRules, assembly, join,
};
use crate::filter::FinderSearch;
use crate::syslog::Severity;

/// What is done with the text of a record, in the order of the fields. What is large is shared by the files it is said
/// of. A file of which nothing is asked has none
/// of this: see [`TextRules::is_idle`].
#[derive(Debug, Clone, Default)]
pub struct TextRules {
    /// The text is in lines of this form.
    pub format: Option<LineFormat>,
    /// Lines are joined.
    pub multiline: Option<Arc<Multiline>>,
    /// Colours are left out.
    pub strip_color: bool,
    /// What the text says of its severity.
    pub severity: Arc<SeverityRules>,
    /// What is replaced.
    pub redactions: Arc<Redactions>,
}

/// A runtime that has written a part of a line has the rest of it.
const PARTS_TIMEOUT: Duration = Duration::from_secs(1);

/// Room to work in, used again for each record.
#[derive(Debug, Default)]
pub struct Workspace {
    /// The text of the record, as it becomes.
    pub text: Vec<u8>,
    scratch: Vec<u8>,
}

/// The search of many lines for those whose messages are not just what stands there.
#[derive(Debug)]
pub struct TextSearch<'a> {
    lines: &'a [u8],
    parts: Vec<FinderSearch<'a>>,
    /// Where the next escape sequence begins, if those are looked for.
    escape: Option<usize>,
}

impl Workspace {
    /// The text with `between` between its lines.
    pub fn joined(&mut self, between: &[u8]) -> &[u8] {
        let is_one_line = memchr(b'\n', &self.text).is_none();
        if is_one_line {
            return &self.text;
        }
        self.scratch.clear();
        join(&self.text, between, &mut self.scratch);
        &self.scratch
    }
}

impl TextRules {
    /// Whether every message is what stands in the file.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.format.is_none() && self.only_has_format()
    }

    /// Whether nothing is done but to take the text out of its form, if it has one.
    #[must_use]
    pub fn only_has_format(&self) -> bool {
        self.multiline.is_none()
            && !self.strip_color
            && self.severity.is_empty()
            && self.redactions.is_empty()
    }

    /// Whether records are found by [`Self::cut`]; elsewhere each line is one.
    #[must_use]
    pub fn cuts_records(&self) -> bool {
        self.format.is_some() || self.multiline.is_some()
    }

    /// Appends to `ends` where each record of whole `lines` ends, of which the first begins one. What stands behind the
    /// last end may go on. Returns whether each of these records is known to be one line.
    pub fn cut(&self, lines: &[u8], behind: Behind, ends: &mut Vec<u32>) -> bool {
        match (&self.format, &self.multiline) {
            (Some(format), None) => return assembly::cut_parts(format, lines, behind, ends),
            (Some(format), Some(multiline)) => {
                assembly::cut_joined(format, multiline, lines, behind, ends);
            }
            (None, Some(multiline)) => multiline.cut(lines, behind, ends),
            (None, None) => {}
        }
        false
    }

    /// For how long it is waited for what a record may go on with.
    #[must_use]
    pub fn join_timeout(&self) -> Duration {
        self.multiline.as_ref().map_or(PARTS_TIMEOUT, |multiline| multiline.timeout)
    }

    /// What stands between the lines of a message where a newline would end it.
    #[must_use]
    pub fn join(&self) -> Join {
        self.multiline.as_ref().map_or_else(Join::default, |multiline| multiline.join)
    }

    /// Whether several lines may have to be changed though none of them has to be by itself.
    #[must_use]
    pub fn crosses_lines(&self) -> bool {
        self.severity.crosses_lines() || self.redactions.crosses_lines()
    }

    /// Begins to search whole `lines`, each with its newline.
    #[must_use]
    pub fn search<'a>(&'a self, lines: &'a [u8]) -> TextSearch<'a> {
        let mut parts = Vec::new();
        if !self.severity.is_empty() {
            parts.push(self.severity.search(lines));
        }
        if !self.redactions.is_empty() {
            parts.push(self.redactions.search(lines));
        }
        let escape = if self.strip_color { memchr(ESCAPE, lines) } else { None };
        TextSearch { lines, parts, escape }
    }

    /// The text of a line by itself, taken out of its form, as patterns see it, and what the form says of it. A line
    /// in another encoding is taken for one that is in UTF-8 already.
    #[must_use]
    pub fn text_of<'a>(&self, line: &'a [u8]) -> (Cow<'a, [u8]>, LineFacts) {
        match &self.format {
            None | Some(LineFormat::Encoded(_)) => (Cow::Borrowed(line), LineFacts::default()),
            Some(format) => {
                let mut text = Vec::new();
                let facts = format.decode(line, &mut text);
                (Cow::Owned(text), facts)
            }
        }
    }

    /// Does all of it with the text in `work`. Returns the severity that it says itself.
    pub fn apply(&self, work: &mut Workspace) -> Option<Severity> {
        let Workspace { text, scratch } = work;
        if self.strip_color && memchr(ESCAPE, text).is_some() {
            scratch.clear();
            strip(text, scratch);
            std::mem::swap(text, scratch);
        }
        // The ends of lines that are joined are no text, and neither are empty ones behind the last.
        if memchr(b'\n', text).is_some() {
            scratch.clear();
            join(text, b"\n", scratch);
            std::mem::swap(text, scratch);
        }
        let severity = self.severity.of(text);
        self.redactions.apply(text, scratch);
        severity
    }
}

impl TextSearch<'_> {
    /// Where the next line with something to do begins, and where it ends before its newline. `from` is at the start
    /// of a line, and not before what was asked last.
    pub fn line_from(&mut self, from: usize) -> Option<(usize, usize)> {
        let found = self.parts.iter_mut().filter_map(|part| part.line_from(from));
        let colored = escape_from(&mut self.escape, self.lines, from);
        let colored = colored.and_then(|at| crate::filter::line_at(self.lines, from, Some(at)));
        found.chain(colored).min()
    }

    /// Whether there is something to do with the lines from `from` to `to`. `from` is as above.
    pub fn may_change(&mut self, from: usize, to: usize) -> bool {
        let escape = escape_from(&mut self.escape, self.lines, from);
        self.parts.iter_mut().any(|part| part.may_match(from, to))
            | escape.is_some_and(|at| at < to)
    }
}

/// The next escape sequence behind `from`.
fn escape_from(escape: &mut Option<usize>, lines: &[u8], from: usize) -> Option<usize> {
    if (*escape)? < from {
        *escape = memchr(ESCAPE, &lines[from..]).map(|at| from + at);
    }
    *escape
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Re2Pattern;
    use crate::text::Redaction;

    fn rules() -> TextRules {
        let severity = ("err".parse().unwrap(), Re2Pattern::new("ERROR").unwrap());
        TextRules {
            strip_color: true,
            severity: SeverityRules::new(vec![severity]).into(),
            redactions: Redactions::new(vec![Redaction::preset("card").unwrap()]).into(),
            ..TextRules::default()
        }
    }

    #[test]
    fn colours_hide_nothing_from_what_comes_behind_them() {
        let mut work = Workspace::default();
        work.text.extend_from_slice(b"\x1B[31mERR\x1B[0mOR 4111 1111\x1B[0m 1111 1111");
        assert_eq!(rules().apply(&mut work), "err".parse().ok());
        assert_eq!(work.text, b"ERROR [redacted]");
    }

    #[test]
    fn carriage_returns_at_the_ends_of_joined_lines_are_not_seen() {
        let severity = ("err".parse().unwrap(), Re2Pattern::new("(?m)ERROR$").unwrap());
        let rules = TextRules {
            severity: SeverityRules::new(vec![severity]).into(),
            redactions: Redactions::new(vec![Redaction::new("(?m)pw$", "x").unwrap()]).into(),
            ..TextRules::default()
        };
        let mut work = Workspace::default();
        work.text.extend_from_slice(b"one\r\n ERROR\r\n a\rpw\r\n two\r");
        assert_eq!(rules.apply(&mut work), "err".parse().ok());
        assert_eq!(work.text, b"one\n ERROR\n a\rx\n two");
    }

    #[test]
    fn only_lines_with_something_to_do_are_found() {
        let rules = rules();
        let lines = b"one\nan ERROR\nthree\n\x1B[m\nfive\n4111111111111111\nseven\n";
        let (mut search, mut from, mut found) = (rules.search(lines), 0, Vec::new());
        while let Some((start, end)) = search.line_from(from) {
            found.push(&lines[start..end]);
            from = end + 1;
        }
        assert_eq!(found, [&b"an ERROR"[..], b"\x1B[m", b"4111111111111111"]);
        let mut search = rules.search(lines);
        assert!(!search.may_change(0, 4) && search.may_change(4, 13));
        assert!(!search.may_change(13, 19) && search.may_change(13, 23));
        assert!(TextRules::default().is_idle() && !rules.is_idle());
    }
}
