//! Which lines make one message together. Pure.
//!
//! Where a message ends depends on its own lines and on the one behind it, and on nothing before it: so it is the same
//! however the file is cut into reads, and whoever begins at the start of a message finds the same ones.

use std::time::Duration;

use memchr::{memchr, memchr_iter};

use super::traces::{Trace, Within};
use crate::filter::{Finder, FinderSearch, Re2Pattern};
use crate::vectors::each_newline;

/// How lines are joined.
#[derive(Debug, Clone)]
pub struct Multiline {
    /// Which lines make a message.
    pub rule: LineRule,
    /// After so long without another line, the last message is complete.
    pub timeout: Duration,
    /// A message has no more lines than this; what follows begins another.
    pub max_lines: usize,
    /// Nor more bytes, newlines included, unless its first line alone has.
    pub max_bytes: usize,
    /// What stands between its lines where a newline would end the message.
    pub join: Join,
}

/// What stands between the lines of a message where a newline would end it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum Join {
    /// A `\` and an `n`.
    #[default]
    Escaped,
    /// A blank.
    Space,
}

/// What tells whether a line continues a message.
#[derive(Debug, Clone)]
pub enum LineRule {
    /// Lines that match begin one; all others continue it.
    Start(LinePattern),
    /// Lines that match continue one; all others begin one.
    Continuation(LinePattern),
    /// The traces of a language, or indentation.
    Trace(Trace),
}

/// A pattern that is asked about very many lines.
#[derive(Debug, Clone)]
pub struct LinePattern {
    pattern: Re2Pattern,
    /// What a line begins with that it may match. Where that says nothing, lines are searched for together.
    first: FirstByte,
}

#[derive(Debug, Clone)]
enum FirstByte {
    OneOf(Box<[bool; 256]>),
    Any(Finder),
}

impl Join {
    /// The bytes.
    #[must_use]
    pub fn text(self) -> &'static [u8] {
        match self {
            Self::Escaped => b"\\n",
            Self::Space => b" ",
        }
    }
}

impl LinePattern {
    /// For this pattern.
    #[must_use]
    pub fn new(pattern: Re2Pattern) -> Self {
        let first = match pattern.first_bytes() {
            Some(set) => FirstByte::OneOf(set),
            None => FirstByte::Any(Finder::new([&pattern])),
        };
        Self { pattern, first }
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        self.pattern.text()
    }

    fn search<'a>(&'a self, lines: &'a [u8]) -> LineSearch<'a> {
        let search = match &self.first {
            FirstByte::OneOf(_) => None,
            FirstByte::Any(finder) => Some(finder.search(lines)),
        };
        LineSearch { pattern: self, search }
    }
}

/// A pattern's search of lines, which are asked about in order.
struct LineSearch<'a> {
    pattern: &'a LinePattern,
    search: Option<FinderSearch<'a>>,
}

impl LineSearch<'_> {
    /// Whether it matches `line`, without its newline, which stands at `start`.
    fn matches(&mut self, start: usize, line: &[u8]) -> bool {
        let may_match = match (&self.pattern.first, &mut self.search) {
            (FirstByte::OneOf(set), _) => line.first().is_some_and(|&byte| set[usize::from(byte)]),
            (_, Some(search)) => search.may_match(start, start + line.len() + 1),
            (_, None) => true,
        };
        may_match && self.pattern.pattern.matches(line.strip_suffix(b"\r").unwrap_or(line))
    }
}

/// Appends the lines of a message to `out`, with `between` between them, without the ends of lines and without empty
/// lines at the end. A message of one line stays as it is.
pub fn join(message: &[u8], between: &[u8], out: &mut Vec<u8>) {
    let mut rest = message;
    // The newline of its last line may have been left out.
    if memchr(b'\n', message).is_some() {
        rest = rest.strip_suffix(b"\r").unwrap_or(rest);
    }
    rest = without_newlines_behind(rest);
    let mut start = 0;
    for newline in memchr_iter(b'\n', rest) {
        let line = &rest[start..newline];
        out.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        out.extend_from_slice(between);
        start = newline + 1;
    }
    out.extend_from_slice(&rest[start..]);
}

/// `text` without the ends of lines at its end.
#[must_use]
pub fn without_newlines_behind(mut text: &[u8]) -> &[u8] {
    while let Some(line) = text.strip_suffix(b"\n") {
        text = line.strip_suffix(b"\r").unwrap_or(line);
    }
    text
}

/// What follows whole lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behind {
    /// Perhaps more of the last message: so many bytes of a line are there.
    Open(usize),
    /// Nothing that belongs to it.
    Nothing,
}

impl Multiline {
    /// Joins lines by this rule, with the defaults for the rest.
    #[must_use]
    pub fn new(rule: LineRule) -> Self {
        Self {
            rule,
            timeout: Duration::from_secs(1),
            max_lines: 1000,
            max_bytes: Self::LARGEST / 2,
            join: Join::default(),
        }
    }

    /// No message is longer: one always fits into what is read at once.
    pub const LARGEST: usize = 128 << 10;

    /// Appends to `ends` where each message of whole `lines` ends, of which the first begins one. What stands behind
    /// the last end may go on.
    pub fn cut(&self, lines: &[u8], behind: Behind, ends: &mut Vec<u32>) {
        match &self.rule {
            LineRule::Trace(trace) => {
                let mut within = Within::default();
                self.cut_by(lines, behind, ends, |_, line, is_first| {
                    // So are nearly all lines of a trace.
                    if !is_first && matches!(line.first(), Some(b' ' | b'\t')) {
                        within = trace.behind_indented(within);
                        return true;
                    }
                    let continues = !is_first && trace.continues(within, line);
                    within = trace.behind(continues.then_some(within), line);
                    continues
                });
            }
            LineRule::Start(pattern) => {
                let mut search = pattern.search(lines);
                self.cut_by(lines, behind, ends, |at, line, _| !search.matches(at, line));
            }
            LineRule::Continuation(pattern) => {
                let mut search = pattern.search(lines);
                self.cut_by(lines, behind, ends, |at, line, _| search.matches(at, line));
            }
        }
    }

    /// `continues` is asked of each line in turn, with its place, and whether it is the first of a message in any
    /// case.
    fn cut_by(
        &self,
        lines: &[u8],
        behind: Behind,
        ends: &mut Vec<u32>,
        mut continues: impl FnMut(usize, &[u8], bool) -> bool,
    ) {
        // Where the present message begins, and how many lines it has.
        let (mut begin, mut count) = (0, 0);
        let mut start = 0;
        each_newline(lines, |newline| {
            let end = newline + 1;
            let is_full = count >= self.max_lines || end - begin > self.max_bytes;
            let is_first = count == 0 || is_full;
            if !continues(start, &lines[start..newline], is_first) || is_first {
                if count > 0 {
                    ends.push(start as u32);
                }
                (begin, count) = (start, 0);
            }
            count += 1;
            start = end;
        });
        let is_complete = match behind {
            Behind::Nothing => true,
            Behind::Open(more) => count >= self.max_lines || start + more - begin > self.max_bytes,
        };
        if count > 0 && is_complete {
            ends.push(start as u32);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    pub(in crate::text) fn messages(multiline: &Multiline, text: &str) -> Vec<String> {
        let mut ends = Vec::new();
        multiline.cut(text.as_bytes(), Behind::Nothing, &mut ends);
        let starts = [0].into_iter().chain(ends.clone());
        let parts = starts.zip(&ends).map(|(start, &end)| &text[start as usize..end as usize]);
        parts.map(str::to_owned).collect()
    }

    fn start(pattern: &str) -> Multiline {
        Multiline::new(LineRule::Start(LinePattern::new(Re2Pattern::new(pattern).unwrap())))
    }

    fn continuation(pattern: &str) -> Multiline {
        Multiline::new(LineRule::Continuation(LinePattern::new(Re2Pattern::new(pattern).unwrap())))
    }

    #[test]
    fn a_line_that_matches_begins_or_continues_a_message() {
        let text = "x\n12 a\n b\n\n13 c\r\nd\n";
        assert_eq!(messages(&start(r"^\d+ "), text), ["x\n", "12 a\n b\n\n", "13 c\r\nd\n"]);
        assert_eq!(messages(&start("c$"), text), ["x\n12 a\n b\n\n", "13 c\r\nd\n"]);
        assert_eq!(
            messages(&continuation(r"^\s|^$"), text),
            ["x\n", "12 a\n b\n\n", "13 c\r\n", "d\n"]
        );
        assert_eq!(
            messages(&continuation("a|d"), text),
            ["x\n12 a\n", " b\n", "\n", "13 c\r\nd\n"]
        );
    }

    #[test]
    fn a_message_has_so_many_lines_and_bytes_and_no_more() {
        let few = Multiline { max_lines: 2, ..start("^s") };
        assert_eq!(messages(&few, "s\na\nb\nc\nd\ns\n"), ["s\na\n", "b\nc\n", "d\n", "s\n"]);
        let short = Multiline { max_bytes: 6, ..start("^s") };
        assert_eq!(
            messages(&short, "s\nab\ncd\nabcdefgh\ni\n"),
            ["s\nab\n", "cd\n", "abcdefgh\n", "i\n"]
        );
    }

    #[test]
    fn lines_are_joined_without_their_ends() {
        let joined = |message: &str, between: &[u8]| {
            let mut out = Vec::new();
            join(message.as_bytes(), between, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(joined("a\r\n\tb\n\nc", Join::Escaped.text()), "a\\n\tb\\n\\nc");
        assert_eq!(joined("a\nb\r\n\r\n\n", Join::Space.text()), "a b");
        assert_eq!(joined("a\nb", b"\n"), "a\nb");
        assert_eq!(joined("a\r\nb\r", b"\n"), "a\nb");
        assert_eq!(joined("a\r\nb\r\n\r\n\r", b" "), "a b");
        assert_eq!((joined("one\r", b" "), joined("", b" ")), ("one\r".to_owned(), String::new()));
    }

    #[test]
    fn the_last_one_is_open_until_something_ends_it() {
        let cut = |multiline: &Multiline, text: &str, behind| {
            let mut ends = Vec::new();
            multiline.cut(text.as_bytes(), behind, &mut ends);
            ends
        };
        assert_eq!(cut(&start("^s"), "s\na\ns\n", Behind::Open(3)), [4]);
        assert_eq!(cut(&start("^s"), "s\na\ns\n", Behind::Nothing), [4, 6]);
        let short = Multiline { max_bytes: 6, max_lines: 3, ..start("^s") };
        assert_eq!(cut(&short, "s\na\n", Behind::Open(2)), [0; 0]);
        assert_eq!(cut(&short, "s\na\n", Behind::Open(3)), [4]);
        assert_eq!(cut(&short, "s\n\n\n", Behind::Open(0)), [4]);
        assert_eq!(cut(&short, "", Behind::Nothing), [0; 0]);
    }

    proptest! {
        #[test]
        fn wherever_it_is_cut_into_reads_the_messages_are_the_same(
            lines in proptest::collection::vec("(s|\tat |Caused by: |java\\.lang\\.XException: |goroutine 1 \\[|)[ab]{0,5}", 1..30),
            reads in proptest::collection::vec(1usize..12, 1..40),
            max_lines in 1usize..6, max_bytes in 1usize..40, kind in 0usize..5,
        ) {
            let rule = match kind {
                0 => start("^s").rule,
                1 => continuation("a$").rule,
                2 => LineRule::Trace(Trace::Java),
                3 => LineRule::Trace(Trace::Go),
                _ => LineRule::Trace(Trace::Python),
            };
            let multiline = Multiline { max_lines, max_bytes, ..Multiline::new(rule) };
            let text = lines.join("\n") + "\n";
            let expected = messages(&multiline, &text);
            // Read on from the end of the last whole message, with more each time.
            let (mut position, mut size, mut found) = (0, 0, Vec::new());
            for more in reads.iter().chain([&text.len()]) {
                size = (size + more).min(text.len());
                let piece = &text[position..size];
                let whole = piece.rfind('\n').map_or(0, |at| at + 1);
                let behind = if size == text.len() { Behind::Nothing } else { Behind::Open(piece.len() - whole) };
                let mut ends = Vec::new();
                multiline.cut(&piece.as_bytes()[..whole], behind, &mut ends);
                let mut start = 0;
                for end in ends {
                    let message = &piece[start..end as usize];
                    found.push(message.to_owned());
                    start = end as usize;
                }
                position += start;
            }
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(found.concat(), text);
        }
    }
}
