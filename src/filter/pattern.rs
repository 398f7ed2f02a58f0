//! One pattern by itself: where it matches, and what its groups hold.

use std::ops::Range;

use regex_automata::MatchKind;
use regex_automata::meta;
use regex_syntax::hir::{Class, Hir, HirKind, Look};

use super::{PatternError, SIZE_LIMIT, decoded, re2};

/// A pattern whose matches are found from the left, the first alternative that fits counting, as Go does.
#[derive(Debug, Clone)]
pub struct Re2Pattern {
    text: String,
    pub(super) hir: Hir,
    regex: meta::Regex,
}

const TOO_LARGE: &str =
    "it takes more than 64 MiB of memory: a count makes as many copies; repeat less";

/// One match of a pattern: what of the text it spans, then what of it each group holds.
pub type Spans = [Option<Range<usize>>];

impl Re2Pattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// It is no regular expression, or takes too much memory.
    pub fn new(text: &str) -> Result<Self, PatternError> {
        let error = |reason: String, is_too_large| PatternError {
            index: 0,
            pattern: text.to_owned(),
            reason,
            is_too_large,
        };
        let hir =
            re2::parse_with_groups(text).map_err(|reason| error(reason.to_string(), false))?;
        let config = meta::Config::new()
            .match_kind(MatchKind::LeftmostFirst)
            .utf8_empty(true)
            .nfa_size_limit(Some(SIZE_LIMIT));
        let regex = meta::Builder::new().configure(config).build_from_hir(&hir);
        let regex = regex.map_err(|_| error(TOO_LARGE.to_owned(), true))?;
        Ok(Self { text: text.to_owned(), hir, regex })
    }

    /// As it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The number of the group of that name, or that is written as a number. 0 is all of a match.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<usize> {
        let groups = self.regex.group_info();
        let number = name.parse().ok();
        let named = || groups.to_index(regex_automata::PatternID::ZERO, name);
        number
            .or_else(named)
            .filter(|&number| number < groups.group_len(regex_automata::PatternID::ZERO))
    }

    /// The bytes with which each line begins that it matches. None where it may match elsewhere, or an empty
    /// line.
    #[must_use]
    pub fn first_bytes(&self) -> Option<Box<[bool; 256]>> {
        let mut set = Box::new([false; 256]);
        // What is not ASCII may be a character of several bytes, or no UTF-8.
        set[0x80..].fill(true);
        at_start(&self.hir, &mut set).then_some(set)
    }

    /// Whether it matches anywhere in `text`. Each byte that is not UTF-8 counts as U+FFFD.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        self.regex.is_match(text)
            || std::str::from_utf8(text).is_err() && self.regex.is_match(&*decoded(text))
    }

    /// Tells each match in `text`, from the left, as places in `text`; none overlaps another. Each byte
    /// that is not UTF-8 counts as U+FFFD.
    pub fn each_match(&self, text: &[u8], mut tell: impl FnMut(&Spans)) {
        let is_text = std::str::from_utf8(text).is_ok();
        let seen = if is_text { text.into() } else { decoded(text) };
        let replaced = if is_text { Vec::new() } else { replaced(text) };
        // A byte that is not UTF-8 has become three.
        let raw = |at: usize| at - 2 * replaced.partition_point(|&place| place < at);
        let mut spans = Vec::new();
        for captures in self.regex.captures_iter(&*seen) {
            spans.clear();
            spans.extend(captures.iter().map(|span| span.map(|it| raw(it.start)..raw(it.end))));
            tell(&spans);
        }
    }
}

/// Adds what a text begins with that `hir` matches at its start. False where it may match elsewhere, or nothing.
fn at_start(hir: &Hir, set: &mut [bool; 256]) -> bool {
    match hir.kind() {
        HirKind::Capture(capture) => at_start(&capture.sub, set),
        HirKind::Alternation(branches) => branches.iter().all(|branch| at_start(branch, set)),
        HirKind::Concat(parts) => match parts[0].kind() {
            HirKind::Look(Look::Start | Look::StartLF) => {
                !parts[1..].iter().all(|part| may_be_empty(part, set))
            }
            _ => at_start(&parts[0], set),
        },
        _ => false,
    }
}

/// Adds what text begins with that `hir` matches. True where it may match none, so that what follows counts too.
fn may_be_empty(hir: &Hir, set: &mut [bool; 256]) -> bool {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => true,
        HirKind::Literal(literal) => {
            set[usize::from(literal.0[0])] = true;
            false
        }
        HirKind::Class(class) => {
            let ranges: Vec<_> = match class {
                Class::Unicode(class) => {
                    class.ranges().iter().map(|it| (it.start() as u32, it.end() as u32)).collect()
                }
                Class::Bytes(class) => {
                    class.ranges().iter().map(|it| (it.start().into(), it.end().into())).collect()
                }
            };
            for (start, end) in ranges {
                (start..=end.min(0x7F)).for_each(|byte| set[byte as usize] = true);
            }
            false
        }
        HirKind::Repetition(repetition) => {
            may_be_empty(&repetition.sub, set) || repetition.min == 0
        }
        HirKind::Capture(capture) => may_be_empty(&capture.sub, set),
        HirKind::Concat(parts) => parts.iter().all(|part| may_be_empty(part, set)),
        HirKind::Alternation(branches) => {
            let mut any = false;
            for branch in branches {
                any |= may_be_empty(branch, set);
            }
            any
        }
    }
}

/// Where the characters U+FFFD stand in [`decoded`] text that stand for bytes which are not UTF-8.
fn replaced(text: &[u8]) -> Vec<usize> {
    let (mut places, mut at) = (Vec::new(), 0);
    for chunk in text.utf8_chunks() {
        at += chunk.valid().len();
        for _ in chunk.invalid() {
            places.push(at);
            at += '\u{FFFD}'.len_utf8();
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, text: &[u8]) -> Vec<Vec<Option<Vec<u8>>>> {
        let mut all = Vec::new();
        Re2Pattern::new(pattern).unwrap().each_match(text, |spans| {
            let held = |span: &Option<Range<usize>>| span.clone().map(|it| text[it].to_vec());
            all.push(spans.iter().map(held).collect());
        });
        all
    }

    #[test]
    fn one_that_takes_too_much_memory_is_a_regular_expression() {
        let error = Re2Pattern::new(&format!("a{}b", r"\pL{0,1000}-".repeat(5))).unwrap_err();
        assert!(error.is_too_large);
        let text = error.to_string();
        assert!(text.contains("cannot be used: it takes more than 64 MiB"), "{text}");
    }

    #[test]
    fn groups_have_numbers_and_names() {
        let pattern = Re2Pattern::new("(a)(?:b)(?P<name>c)|(?<other>d)").unwrap();
        assert_eq!(
            ["0", "1", "name", "other", "4", "x"].map(|it| pattern.group(it)),
            [Some(0), Some(1), Some(2), Some(3), None, None]
        );
        let some = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(
            matches("(a)(?:b)(c)|(d)", b"abcd"),
            [vec![some("abc"), some("a"), some("c"), None], vec![some("d"), None, None, some("d")],]
        );
    }

    #[test]
    fn what_a_line_begins_with_that_matches_is_known_where_it_can_be() {
        for (pattern, expected) in [
            (r"^\d+ ", "0123456789"),
            (r"^\s*at ", "\t\n\x0C\r a"),
            ("^(a|bc)|^[x-z]", "abxyz"),
            ("(^a?b)", "ab"),
        ] {
            let set = Re2Pattern::new(pattern).unwrap().first_bytes().unwrap();
            let ascii = (0u8..0x80).filter(|&byte| set[usize::from(byte)]);
            assert_eq!(ascii.map(char::from).collect::<String>(), expected, "{pattern}");
        }
        for pattern in ["a", "^a*", "^$", "^(a|)", "^a|b", "a^b", "^", "x*^b"] {
            assert!(Re2Pattern::new(pattern).unwrap().first_bytes().is_none(), "{pattern}");
        }
    }

    #[test]
    fn greed_is_that_of_re2() {
        let first = |pattern: &str| matches(pattern, b"aaa")[0][0].clone().unwrap();
        assert_eq!(
            ["a+", "a+?", "(?U)a+", "(?U)a+?", "a{1,2}?", "a{2,}"].map(first),
            [&b"aaa"[..], b"a", b"a", b"aaa", b"a", b"aaa"]
        );
    }

    #[test]
    fn bytes_that_are_not_utf8_are_part_of_matches() {
        let found = matches("=(.*);", b"\xFF\xE9=a\xFFb\xC3\xA9\xC3;x");
        assert_eq!(found[0][1].as_deref(), Some(&b"a\xFFb\xC3\xA9\xC3"[..]));
        assert!(Re2Pattern::new("^.=$").unwrap().matches(b"\xFF="));
    }
}
