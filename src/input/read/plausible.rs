//! Whether content looks like a log at all. Pure.

use memchr::memchr;

use super::records::without_nuls_behind;

/// So much of it is looked at.
pub(in crate::input) const LOOKED_AT: usize = 4096;

/// Whether content that begins with `bytes` may be a log: lines of text, in whatever encoding. What
/// overwrites a file before it is deleted is none: patterns are the same few bytes again and again, and
/// random bytes hold control characters and are no UTF-8. Logs of some protocols separate fields with control characters.
///
/// `bytes` are the first [`LOOKED_AT`] or all there are.
pub(in crate::input) fn looks_like_a_log(bytes: &[u8]) -> bool {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    let bytes = &bytes[..without_nuls_behind(bytes)];
    let is_control = |byte: u8| match byte {
        b'\t' | b'\n' | b'\r' | 0x08 | 0x0C | 0x1B => false,
        // Writers leave them, and in UTF-16 they are half of ASCII.
        0 => false,
        _ => byte < 0x20 || byte == 0x7F,
    };
    let is_utf8 = match std::str::from_utf8(bytes) {
        Ok(_) => true,
        // The last character may be cut.
        Err(error) => error.error_len().is_none(),
    };
    let is_text = !bytes.iter().any(|&byte| is_control(byte)) || is_utf8;
    // The first line may not be finished, or be longer.
    !bytes.is_empty() && is_text && (memchr(b'\n', bytes).is_some() || !is_pattern(bytes))
}

/// Whether the same few bytes come again and again, but for a few: of every 512 bytes, `shred` changes the first in some of
/// its patterns, and while it writes over one with the next, both are there.
fn is_pattern(bytes: &[u8]) -> bool {
    const PERIOD: usize = 3;
    /// Of so many bytes, one may be another.
    const FEW: usize = 64;
    let others = bytes.iter().skip(PERIOD).zip(bytes).filter(|(byte, before)| byte != before);
    bytes.len() > 4 * PERIOD && others.count() <= bytes.len() / FEW
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
            b"8=FIX.4.4\x019=5\x0135=0\x0110=163\x01\n",
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
            assert!(!looks_like_a_log(&pattern.repeat(20)), "{pattern:?}");
        }
        assert!(!looks_like_a_log(b""));
    }

    #[test]
    fn a_line_that_is_only_begun_does() {
        assert!(looks_like_a_log(b"1"));
        assert!(looks_like_a_log(&b"no end, and a long line ".repeat(LOOKED_AT)));
        assert!(looks_like_a_log(b"Nov 29 12:00:00 host ap"));
        assert!(looks_like_a_log(b"1\0\0\0"));
    }

    #[test]
    fn a_pattern_that_is_written_over_another_is_no_log() {
        let pattern = |bytes: [u8; 3], is_marked: bool| {
            let mut pattern: Vec<_> = bytes.into_iter().cycle().take(LOOKED_AT).collect();
            if is_marked {
                pattern.iter_mut().step_by(512).for_each(|byte| *byte ^= 0x80);
            }
            pattern
        };
        let [marked, other] = [pattern([0xB6, 0xDB, 0x6D], true), pattern([0x55; 3], false)];
        for upto in (0..=LOOKED_AT).step_by(100) {
            let bytes = [&marked[..upto], &other[upto..]].concat();
            assert!(!looks_like_a_log(&bytes), "{upto}");
        }
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
