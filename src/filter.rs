//! Which lines are kept. Pure.
//!
//! Patterns are written in the RE2 syntax of remote_syslog2 and mean what they meant there; the
//! differences to the `regex` crate are bridged by [`translate`].

use regex::bytes::{RegexSet, RegexSetBuilder};

/// A list of patterns of which any may match, anywhere in a text.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    set: Option<RegexSet>,
    /// As they were written, in the order of the set.
    written: Vec<String>,
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
        let written = patterns.iter().map(|pattern| pattern.as_ref().to_owned()).collect();
        set.map(|set| Self { set: Some(set), written }).map_err(|e| vec![error(0, &e)])
    }

    /// Whether any pattern matches `text`. Bytes that are not UTF-8 count as U+FFFD.
    #[must_use]
    pub fn matches(&self, text: &[u8]) -> bool {
        let Some(set) = &self.set else { return false };
        set.is_match(text)
            || std::str::from_utf8(text).is_err()
                && set.is_match(String::from_utf8_lossy(text).as_bytes())
    }

    /// The patterns that match `text`: the place of each in the list, from 0, and how it was
    /// written. For people who ask why; [`Self::matches`] is what decides.
    #[must_use]
    pub fn matching(&self, text: &[u8]) -> Vec<(usize, &str)> {
        let Some(set) = &self.set else { return Vec::new() };
        let mut found: Vec<_> = set.matches(text).into_iter().collect();
        if std::str::from_utf8(text).is_err() {
            found.extend(set.matches(String::from_utf8_lossy(text).as_bytes()));
            found.sort_unstable();
            found.dedup();
        }
        found.into_iter().map(|index| (index, self.written[index].as_str())).collect()
    }

    /// How many patterns there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.written.len()
    }

    /// Whether there is no pattern at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.set.is_none()
    }
}

/// The last line of an error of the regex crate holds the reason, those before it the picture.
fn last_line(text: &str) -> String {
    let line = text.lines().last().unwrap_or(text).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// RE2 syntax as the `regex` crate reads it: `\d \w \s \b` mean ASCII, `\Q…\E` quotes,
/// `\C` is any byte, and `\123` an octal number.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut rest = pattern.chars().peekable();
    let mut in_class = false;
    while let Some(c) = rest.next() {
        match c {
            '[' if !in_class => {
                in_class = true;
                out.push('[');
                out.extend(rest.next_if_eq(&'^'));
                // A bracket right at the start stands for itself.
                if rest.next_if_eq(&']').is_some() {
                    out.push_str("\\]");
                }
            }
            '[' if rest.peek() == Some(&':') => out.push('['),
            // Nested classes and set operations exist only in the regex crate.
            '[' => out.push_str("\\["),
            '&' | '~' | '-' if in_class && rest.peek() == Some(&c) => {
                out.push('\\');
                out.push(c);
            }
            ':' if in_class && rest.peek() == Some(&']') && posix_class_is_open(&out) => {
                out.push(':');
                out.extend(rest.next());
            }
            ']' => {
                in_class = false;
                out.push(']');
            }
            '\\' => escape(&mut rest, in_class, &mut out),
            _ => out.push(c),
        }
    }
    out
}

fn posix_class_is_open(out: &str) -> bool {
    out.rfind("[:")
        .is_some_and(|at| out[at + 2..].chars().all(|c| c.is_ascii_alphabetic() || c == '^'))
}

fn escape(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, in_class: bool, out: &mut String) {
    let Some(c) = rest.next() else {
        out.push('\\');
        return;
    };
    let ascii_class = match c {
        'd' => Some("0-9"),
        'w' => Some("0-9A-Za-z_"),
        's' => Some("\\t\\n\\x0C\\r "),
        _ => None,
    };
    match c {
        _ if in_class && ascii_class.is_some() => out.extend(ascii_class),
        'd' | 'w' | 's' => out.extend(["[", ascii_class.unwrap_or_default(), "]"]),
        'D' => out.push_str("[^0-9]"),
        'W' => out.push_str("[^0-9A-Za-z_]"),
        'S' => out.push_str("[^\\t\\n\\x0C\\r ]"),
        'b' | 'B' => out.extend(["(?-u:\\", if c == 'b' { "b" } else { "B" }, ")"]),
        'C' => out.push_str("(?s-u:.)"),
        'Q' => quoted(rest, out),
        '0'..='7' if c == '0' || rest.peek().is_some_and(|d| ('0'..='7').contains(d)) => {
            let mut value = c.to_digit(8).unwrap_or_default();
            for _ in 0..2 {
                let Some(digit) = rest.peek().and_then(|d| d.to_digit(8)) else { break };
                value = value * 8 + digit;
                rest.next();
            }
            out.push_str(&format!("\\x{{{value:x}}}"));
        }
        _ => {
            out.push('\\');
            out.push(c);
        }
    }
}

/// Copies up to `\E` literally.
fn quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, out: &mut String) {
    let mut literal = String::new();
    while let Some(c) = rest.next() {
        if c == '\\' && rest.next_if_eq(&'E').is_some() {
            break;
        }
        literal.push(c);
    }
    out.push_str(&regex::escape(&literal));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drops(pattern: &str, line: impl AsRef<[u8]>) -> bool {
        Patterns::new(&[pattern]).unwrap().matches(line.as_ref())
    }

    #[test]
    fn no_patterns_match_nothing() {
        assert!(!Patterns::new::<&str>(&[]).unwrap().matches(b""));
        assert!(!Patterns::default().matches(b"anything"));
    }

    #[test]
    fn patterns_are_not_anchored_and_any_of_them_counts() {
        let patterns =
            Patterns::new(&["don't log on me", r"\d+ things", "^start", "a.*z$"]).unwrap();
        for line in ["please don't log on me!", "got 12 things", "start of it", "from a to z"] {
            assert!(patterns.matches(line.as_bytes()), "{line}");
        }
        for line in ["do log on me", "things", "a start", "from a to z."] {
            assert!(!patterns.matches(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn those_that_match_are_named_as_they_were_written() {
        let patterns = Patterns::new(&[r"\d+", "b", "^a", "caf\u{fffd}"]).unwrap();
        assert_eq!(patterns.len(), 4);
        assert_eq!(patterns.matching(b"a1"), [(0, r"\d+"), (2, "^a")]);
        assert_eq!(patterns.matching(b"x"), []);
        assert_eq!(patterns.matching(b"b caf\xE9"), [(1, "b"), (3, "caf\u{fffd}")]);
        assert_eq!(Patterns::default().matching(b"a"), []);
    }

    #[test]
    fn perl_classes_are_ascii_as_in_re2() {
        assert!(drops(r"^\d+$", "123") && !drops(r"^\d+$", "١٢٣"));
        assert!(drops(r"^\w+$", "az_9") && !drops(r"^\w+$", "é"));
        assert!(drops(r"^[\w.]+$", "a.b") && drops(r"^[^\d]$", "é"));
        assert!(!drops(r"^\s$", "\u{a0}") && drops(r"^\S$", "é") && drops(r"^[\S]$", "é"));
        assert!(drops(r"é\b", "éa"), "é is no word character in RE2");
    }

    #[test]
    fn re2_escapes() {
        assert!(drops(r"\Qa.b[\E.$", "a.b[x") && !drops(r"^\Qa.b\E$", "axb"));
        assert!(drops(r"\Q*", "a*b"));
        assert!(drops(r"^\101\x42\x{43}$", "ABC"));
        assert!(drops(r"^\C$", [0xFF]));
        assert!(drops(r"^\pL\p{Greek}$", "aπ"));
        assert!(drops(r"(?i)error|(?P<n>warn)", "an ERROR"));
    }

    #[test]
    fn brackets_in_classes_stand_for_themselves() {
        assert!(drops(r"^[[]$", "[") && drops(r"^[]a]$", "]") && drops("^[^]a]$", "b"));
        assert!(drops(r"^[[:alpha:]-]$", "-") && drops("^[[:^digit:]]$", "x"));
        assert!(drops("^[a&&b]$", "&") && drops("^[a~~b]$", "~"));
    }

    #[test]
    fn bytes_that_are_not_utf8_are_one_character_each() {
        assert!(drops("^a.b$", b"a\xFFb") && drops("^a[^x]b$", b"a\xE9b"));
        assert!(drops("caf", b"caf\xE9"));
    }

    #[test]
    fn each_bad_pattern_is_named() {
        let errors = Patterns::new(&["fine", "a(b", "x{2,1}"]).unwrap_err();
        assert_eq!(errors.iter().map(|e| e.index).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(
            errors[0].to_string(),
            "pattern \"a(b\" is no regular expression: unclosed group"
        );
    }
}
