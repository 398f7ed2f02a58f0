//! Names and texts from outside, as they are shown: in the log, on a terminal, in errors.
//!
//! A file's name may hold anything but `/` and NUL. Shown as it is, it could begin a line of its own
//! that looks like ours, move the cursor, or turn the text around. Whatever comes from outside goes
//! through here on its way to a person; `tests/layering.rs` sees to it.

use std::ffi::OsStr;
use std::fmt::{self, Display, Formatter, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// A name or text that stays on one line and steers no terminal.
///
/// What is harmless is shown as it is. What is not stands in the quotes that shells know, with its
/// odd characters escaped: `$'a\nb'` is a name of three characters, which can be typed so. No two
/// names look alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown<'a>(&'a [u8]);

/// What can be shown.
pub trait Show {
    /// This, on one line and without control characters.
    fn shown(&self) -> Shown<'_>;
}

impl Show for Path {
    fn shown(&self) -> Shown<'_> {
        self.as_os_str().shown()
    }
}

impl Show for OsStr {
    fn shown(&self) -> Shown<'_> {
        Shown(self.as_bytes())
    }
}

impl Show for str {
    fn shown(&self) -> Shown<'_> {
        Shown(self.as_bytes())
    }
}

impl Display for Shown<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Ok(text) = std::str::from_utf8(self.0)
            && is_plain(text)
        {
            return f.pad(text);
        }
        f.write_str("$'")?;
        for chunk in self.0.utf8_chunks() {
            chunk.valid().chars().try_for_each(|c| match c {
                '\'' | '\\' => write!(f, "\\{c}"),
                c => escaped(c, f),
            })?;
            chunk.invalid().iter().try_for_each(|byte| write!(f, "\\x{byte:02x}"))?;
        }
        f.write_str("'")
    }
}

/// Whether `text` can be shown without quotes: it has no odd character, and does not look quoted. A
/// blank at either end could not be seen.
fn is_plain(text: &str) -> bool {
    let ends = [text.chars().next(), text.chars().next_back()];
    !text.starts_with("$'") && !ends.contains(&Some(' ')) && !text.contains(is_odd)
}

/// Whether `c` has an effect instead of a shape: control and format characters, ends of lines and
/// paragraphs.
#[must_use]
pub fn is_odd(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Text of several parts, lines of its own included, in which nothing but line feeds is odd. It is for
/// what others have put together; a name by itself is [`Show::shown`].
#[must_use]
pub fn lines(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        // Writing to a string does not fail.
        let _ = if c == '\n' { out.write_char(c) } else { escaped(c, &mut out) };
    }
    out
}

/// Writes `c`, in the escapes of shells if it is odd.
pub(crate) fn escaped(c: char, out: &mut impl Write) -> fmt::Result {
    match c {
        '\n' => out.write_str("\\n"),
        '\t' => out.write_str("\\t"),
        '\r' => out.write_str("\\r"),
        c if !is_odd(c) => out.write_char(c),
        c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c if u32::from(c) > 0xffff => write!(out, "\\U{:08x}", u32::from(c)),
        c => write!(out, "\\u{:04x}", u32::from(c)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    fn shown(name: &[u8]) -> String {
        OsStr::from_bytes(name).shown().to_string()
    }

    #[test]
    fn what_is_harmless_is_shown_as_it_is() {
        for name in ["", "/var/log/a.log", "a b", "größe", r"a\nb", "it's", "\"x\"", "$x", "日本"]
        {
            assert_eq!(shown(name.as_bytes()), name);
        }
    }

    #[test]
    fn what_is_not_is_quoted() {
        for (name, expected) in [
            (&b"a\nb"[..], r"$'a\nb'"),
            (b"\x1b[2J\x07", r"$'\x1b[2J\x07'"),
            (b"it's\t\\", r"$'it\'s\t\\'"),
            (b"caf\xE9.log", r"$'caf\xe9.log'"),
            (b"$'x'", r"$'$\'x\''"),
            (b"x ", r"$'x '"),
            ("\u{9b}31m\u{202e}\u{e0041}".as_bytes(), r"$'\u009b31m\u202e\U000e0041'"),
        ] {
            assert_eq!(shown(name), expected);
        }
    }

    fn names() -> impl Strategy<Value = Vec<u8>> {
        let odd = prop::sample::select(vec![
            "\n", "\r", "\x1b[2J", "\x7f", "\u{9b}", "\u{202e}", "\\", "n", "x", "'", "$'", " ",
            "é",
        ]);
        let part = prop_oneof![
            odd.prop_map(|text| text.as_bytes().to_vec()),
            "[a-z0-9]{1,3}".prop_map(String::into_bytes),
            prop::collection::vec(1u8..=255, 1..3),
        ];
        prop::collection::vec(part, 0..8).prop_map(|parts| parts.concat())
    }

    proptest! {
        #[test]
        fn nothing_odd_is_left_and_no_two_names_look_alike(a in names(), b in names()) {
            let (shown_a, shown_b) = (shown(&a), shown(&b));
            prop_assert!(!shown_a.contains(is_odd), "{:?}", shown_a);
            prop_assert_eq!(a == b, shown_a == shown_b);
        }

        #[test]
        fn lines_keep_nothing_odd_but_their_ends(text in "\\PC{0,9}(\u{1b}|\n|\u{202e}){0,3}\\PC{0,9}") {
            let shown = lines(&text);
            prop_assert_eq!(shown.matches('\n').count(), text.matches('\n').count());
            prop_assert!(!shown.replace('\n', "").contains(is_odd));
        }
    }

    #[test]
    fn a_shell_reads_the_name_back() {
        for name in [&b"a\nb'\\\t"[..], b"\x1b[2J\xff1", "\u{9b}\u{202e}1".as_bytes()] {
            let script = format!("printf %s {}", shown(name));
            match Command::new("bash").args(["-c", &script]).env("LC_ALL", "C.UTF-8").output() {
                Ok(output) => assert_eq!(output.stdout, name, "{script}"),
                Err(_) => return,
            }
        }
    }
}
