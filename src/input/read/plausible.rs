//! Whether content looks like a log at all. Pure.

use memchr::memchr;

/// So much of it is looked at.
pub(in crate::input) const LOOKED_AT: usize = 4096;

/// Whether content that begins with `bytes` may be a log: lines of text, in whatever encoding. What
/// overwrites a file before it is deleted is none: random bytes hold control characters, and patterns
/// no newline.
///
/// `bytes` are the first [`LOOKED_AT`] or all there are.
pub(in crate::input) fn looks_like_a_log(bytes: &[u8]) -> bool {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    let is_utf16 = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    // Every other byte of it is NUL where it is mostly ASCII.
    let is_control = |byte: u8| match byte {
        b'\t' | b'\n' | b'\r' | 0x08 | 0x0C | 0x1B => false,
        0 => !is_utf16,
        _ => byte < 0x20 || byte == 0x7F,
    };
    memchr(b'\n', bytes).is_some() && !bytes.iter().any(|&byte| is_control(byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lines_of_text_do_in_whatever_encoding() {
        for text in [
            &b"Nov 29 12:00:00 host app[1]: line\n"[..],
            b"\x1B[31mred\x1B[0m\tcolumn\r\n\x0Cnext page\nover\x08struck\n",
            "größe — ж 漢\n".as_bytes(),
            b"gr\xF6\xDFe in Latin-1\n",
            b"\xFF\xFEa\0\n\0",
            b"\xFE\xFF\0a\0\n",
        ] {
            assert!(looks_like_a_log(text), "{text:?}");
            assert!(looks_like_a_log(&text.repeat(LOOKED_AT)));
        }
    }

    #[test]
    fn patterns_that_files_are_overwritten_with_do_not() {
        for pattern in [&b"\0"[..], b"\xFF", b"\x55", b"\xAA", b"\x92\x49\x24", b"\x6D\xB6\xDB"] {
            assert!(!looks_like_a_log(&pattern.repeat(LOOKED_AT)), "{pattern:?}");
        }
        assert!(!looks_like_a_log(b""));
        assert!(!looks_like_a_log(b"no end"));
    }

    proptest! {
        #[test]
        fn random_bytes_do_not(bytes in proptest::collection::vec(any::<u8>(), 512..600)) {
            prop_assert!(!looks_like_a_log(&bytes));
        }

        #[test]
        fn printed_lines_do(lines in proptest::collection::vec("[ -~]{0,90}", 1..90)) {
            let text = format!("\n{}\n", lines.join("\n"));
            prop_assert!(looks_like_a_log(text.as_bytes()));
        }
    }
}
