//! The lines of which stack traces consist, language by language. Pure.
//!
//! A line is judged by its first byte where that tells, and by a few fixed words otherwise.

use std::str::FromStr;

/// How one language prints what went wrong, or what is written like that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trace {
    /// `java.lang.Exception: …`, `\tat …`, `Caused by: …`.
    Java,
    /// `Traceback (most recent call last):`, its frames, the exception, and those that follow from it.
    Python,
    /// `panic: …`, `goroutine 1 [running]:`, its frames.
    Go,
    /// `file.rb:1:in 'name': … (Error)`, `\tfrom …`.
    Ruby,
    /// Lines that begin with a blank or a tab.
    Indent,
}

/// How far a message has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) enum Within {
    /// No trace so far.
    #[default]
    Text,
    /// A trace has begun.
    Begun,
    /// Frames stand there.
    Frames,
    /// The line behind them that names what went wrong.
    Named,
    /// It says that another trace follows.
    Chained,
}

impl FromStr for Trace {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|trace| trace.name() == name).ok_or(())
    }
}

impl Trace {
    /// All there are.
    pub const ALL: [Self; 5] = [Self::Java, Self::Python, Self::Go, Self::Ruby, Self::Indent];

    /// Its name among [`Self::ALL`].
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Java => "java",
            Self::Python => "python",
            Self::Go => "go",
            Self::Ruby => "ruby",
            Self::Indent => "indent",
        }
    }

    /// How far a message has come behind a line that begins with a blank or a tab, which always belongs to it: what
    /// [`Self::continues`] and [`Self::behind`] say, without the line.
    #[inline]
    pub(super) fn behind_indented(self, within: Within) -> Within {
        match (self, within) {
            (Self::Java | Self::Ruby, _) => Within::Frames,
            (Self::Indent, _) | (_, Within::Text) => Within::Text,
            (Self::Go, _) | (Self::Python, Within::Begun | Within::Frames) => Within::Frames,
            (Self::Python, within) => within,
        }
    }

    /// Whether `line` belongs to the message before it, which has come so far.
    pub(super) fn continues(self, within: Within, line: &[u8]) -> bool {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let Some(&first) = line.first() else {
            // An empty line: within what Python and Go print, they stand.
            return match self {
                Self::Python => matches!(within, Within::Named | Within::Chained),
                Self::Go => within != Within::Text,
                Self::Java | Self::Ruby | Self::Indent => false,
            };
        };
        if matches!(first, b' ' | b'\t') {
            return true;
        }
        match self {
            Self::Indent => false,
            Self::Java => match first {
                b'C' => line.starts_with(b"Caused by: "),
                // Of one that is thrown without a word before it, the frames show that another begins.
                b'a'..=b'z' => within != Within::Frames && is_java_exception(line),
                _ => false,
            },
            Self::Python => match within {
                Within::Begun | Within::Frames | Within::Chained => true,
                Within::Text => line.starts_with(TRACEBACK),
                Within::Named => is_python_link(line),
            },
            Self::Go => match first {
                b'g' if line.starts_with(b"goroutine ") => true,
                _ => within != Within::Text && is_of_go(line),
            },
            Self::Ruby => match within {
                Within::Frames | Within::Begun if is_ruby_error(line) => true,
                _ => is_ruby_frame(line),
            },
        }
    }

    /// How far a message has come behind `line`; `before` it, if it is not the first.
    pub(super) fn behind(self, before: Option<Within>, line: &[u8]) -> Within {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let is_indented = matches!(line.first(), Some(b' ' | b'\t'));
        let within = before.unwrap_or_default();
        match self {
            Self::Indent => Within::Text,
            Self::Java if is_indented || line.starts_with(b"Caused by: ") => Within::Frames,
            Self::Java => Within::Text,
            Self::Python if line.starts_with(TRACEBACK) => Within::Begun,
            Self::Python => match within {
                Within::Begun | Within::Frames if is_indented => Within::Frames,
                Within::Begun | Within::Frames => Within::Named,
                Within::Named | Within::Chained if is_python_link(line) => Within::Chained,
                // A word of its own about the exception, or what stands between two.
                within => within,
            },
            Self::Go if before.is_some() && within != Within::Text => Within::Frames,
            Self::Go if begins_go(line) => Within::Begun,
            Self::Go => Within::Text,
            Self::Ruby if is_indented || is_ruby_frame(line) => Within::Frames,
            Self::Ruby if line.starts_with(TRACEBACK) => Within::Begun,
            Self::Ruby => Within::Text,
        }
    }
}

/// Python and Ruby.
const TRACEBACK: &[u8] = b"Traceback (most recent call last):";

/// The name of a class with its package, and that of something that is thrown.
fn is_java_exception(line: &[u8]) -> bool {
    let is_of_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'$');
    let name = &line[..line.iter().take_while(|byte| is_of_name(byte)).count()];
    let ends = matches!(line.get(name.len()), None | Some(b':'));
    let is_thrown = |suffix: &&[u8]| name.ends_with(suffix);
    ends && name.contains(&b'.')
        && [&b"Exception"[..], b"Error", b"Throwable", b"Failure"].iter().any(is_thrown)
}

/// What stands between two exceptions of which one comes of the other.
fn is_python_link(line: &[u8]) -> bool {
    line.starts_with(b"During handling of the above exception")
        || line.starts_with(b"The above exception was the direct cause")
}

/// What the runtime begins with.
fn begins_go(line: &[u8]) -> bool {
    [&b"panic: "[..], b"fatal error: ", b"goroutine ", b"SIG", b"runtime: "]
        .iter()
        .any(|start| line.starts_with(start))
}

/// What the runtime prints behind that, at the start of a line.
fn is_of_go(line: &[u8]) -> bool {
    let is_call = || {
        line.ends_with(b")") && !line.contains(&b' ') && line.contains(&b'(')
            || line.ends_with(b"({...})")
            || line.ends_with(b"(...)")
    };
    let is_register = || {
        let name = line.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
        let value = line[name..].trim_ascii_start();
        (1..=6).contains(&name) && value.len() < line.len() - name && value.starts_with(b"0x")
    };
    [
        &b"created by "[..],
        b"[signal ",
        b"runtime stack:",
        b"exit status ",
        b"...additional frames",
        b"panic(",
    ]
    .iter()
    .any(|start| line.starts_with(start))
        || is_call()
        || is_call_with_blanks(line)
        || is_register()
}

/// A call whose arguments are listed: `main.f({0x1, 0x2}, 0x3)`.
fn is_call_with_blanks(line: &[u8]) -> bool {
    let Some(open) = memchr::memchr(b'(', line) else { return false };
    let name = &line[..open];
    let is_name = name.contains(&b'.') && !name.iter().any(|byte| matches!(byte, b' ' | b':'));
    is_name && line.ends_with(b")")
}

/// `file.rb:12:in 'name'`, and nothing behind it.
fn is_ruby_frame(line: &[u8]) -> bool {
    ruby_place(line).is_some_and(|behind| {
        let quotes = behind.strip_prefix(b"`").or_else(|| behind.strip_prefix(b"'"));
        quotes.and_then(|name| name.strip_suffix(b"'")).is_some_and(|name| !name.contains(&b'\''))
    })
}

/// `file.rb:12:in 'name': what it says (Class)`.
fn is_ruby_error(line: &[u8]) -> bool {
    ruby_place(line).is_some_and(|behind| {
        behind.ends_with(b")") && memchr::memmem::find(behind, b"': ").is_some()
    })
}

/// What stands behind `file:12:in `.
fn ruby_place(line: &[u8]) -> Option<&[u8]> {
    let at = memchr::memmem::find(line, b":in ")?;
    let digits = line[..at].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let is_place = digits > 0 && at > digits && line[at - digits - 1] == b':';
    is_place.then(|| &line[at + 4..])
}

#[cfg(test)]
mod tests {
    use super::super::multiline::tests::messages;
    use super::super::multiline::{LineRule, Multiline};

    /// The messages of a fixture are told apart by lines of dashes, which are not in the log.
    #[track_caller]
    fn assert_joined(trace: &str, fixture: &str) {
        let multiline = Multiline::new(LineRule::Trace(trace.parse().unwrap()));
        let expected: Vec<_> = fixture.split("----\n").map(str::to_owned).collect();
        assert!(expected.len() > 2, "a fixture has several messages");
        assert_eq!(messages(&multiline, &fixture.replace("----\n", "")), expected);
        let crlf = fixture.replace('\n', "\r\n");
        let expected: Vec<_> = crlf.split("----\r\n").map(str::to_owned).collect();
        assert_eq!(messages(&multiline, &crlf.replace("----\r\n", "")), expected);
    }

    #[test]
    fn java() {
        assert_joined("java", include_str!("../../tests/fixtures/traces/java.log"));
    }

    #[test]
    fn python() {
        assert_joined("python", include_str!("../../tests/fixtures/traces/python.log"));
    }

    #[test]
    fn go() {
        assert_joined("go", include_str!("../../tests/fixtures/traces/go.log"));
    }

    #[test]
    fn ruby() {
        assert_joined("ruby", include_str!("../../tests/fixtures/traces/ruby.log"));
    }

    #[test]
    fn csharp_is_indented() {
        assert_joined("indent", include_str!("../../tests/fixtures/traces/csharp.log"));
    }

    #[test]
    fn php_by_a_pattern_as_the_documentation_has_it() {
        use super::super::multiline::LinePattern;
        let pattern =
            crate::filter::Re2Pattern::new(r"^(Stack trace:|#\d+ |  thrown in |Next |$)").unwrap();
        let multiline = Multiline::new(LineRule::Continuation(LinePattern::new(pattern)));
        let fixture = include_str!("../../tests/fixtures/traces/php.log");
        let expected: Vec<_> = fixture.split("----\n").map(str::to_owned).collect();
        assert_eq!(messages(&multiline, &fixture.replace("----\n", "")), expected);
    }

    #[test]
    fn an_indented_line_is_judged_without_looking_at_it() {
        use super::{Trace, Within};
        let all = [Within::Text, Within::Begun, Within::Frames, Within::Named, Within::Chained];
        let rest = [
            "",
            "\r",
            "at x",
            "Caused by: x",
            "Traceback (most recent call last):",
            "SIG",
            "a.rb:1:in `x'",
        ];
        for (trace, within) in Trace::ALL.iter().flat_map(|it| all.map(|within| (*it, within))) {
            for line in [" ", "\t"].iter().flat_map(|it| rest.map(|rest| format!("{it}{rest}"))) {
                let line = line.as_bytes();
                assert!(trace.continues(within, line), "{trace:?} {within:?} {line:?}");
                let behind = trace.behind(Some(within), line);
                assert_eq!(trace.behind_indented(within), behind, "{trace:?} {within:?} {line:?}");
            }
        }
    }
}
