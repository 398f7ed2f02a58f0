//! Colours and the like, as programs send them to a terminal. Pure.

/// ESC, which begins them.
pub const ESCAPE: u8 = 0x1B;

/// Appends `text` to `out` without the control sequences of ECMA-48: CSI sequences such as colours (`ESC [ … m`,
/// section 5.4), strings such as titles and links (`ESC ] … BEL` or `ESC \`, section 5.6) and the other escape
/// sequences (ECMA-35, section 13.2). What breaks off within one ends there.
pub fn strip(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(ESCAPE, rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
        rest = &rest[sequence(rest)..];
    }
    out.extend_from_slice(rest);
}

/// How long the sequence is that stands behind an ESC.
fn sequence(rest: &[u8]) -> usize {
    let while_in = |from: usize, from_byte: u8, to_byte: u8| {
        let is_within = |byte: &&u8| (from_byte..=to_byte).contains(*byte);
        from + rest[from..].iter().take_while(is_within).count()
    };
    // Where the byte that ends it is no such byte, the sequence is broken, and that byte is text.
    let ended = |at: usize, first: u8| {
        at + usize::from(rest.get(at).is_some_and(|byte| (first..=0x7E).contains(byte)))
    };
    match rest.first() {
        // CSI: parameters, intermediate bytes, a final byte.
        Some(b'[') => ended(while_in(while_in(1, 0x30, 0x3F), 0x20, 0x2F), 0x40),
        // OSC, DCS, SOS, PM, APC: a string up to BEL or ST. One without an end is no string.
        Some(b']' | b'P' | b'X' | b'^' | b'_') => {
            match memchr::memchr3(0x07, ESCAPE, b'\n', rest) {
                Some(at) if rest[at] == 0x07 => at + 1,
                Some(at) if rest[at] == ESCAPE && rest.get(at + 1) == Some(&b'\\') => at + 2,
                _ => 1,
            }
        }
        _ => ended(while_in(0, 0x20, 0x2F), 0x30),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn stripped(text: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        strip(text, &mut out);
        out
    }

    #[test]
    fn colours_titles_links_and_the_rest_go() {
        for (given, expected) in [
            ("\x1B[31mred\x1B[0m", "red"),
            ("\x1B[1;38;5;208mbold\x1B[m and \x1B[2Kcleared", "bold and cleared"),
            ("\x1B]0;a title\x07text", "text"),
            ("\x1B]8;;http://a/\x1B\\link\x1B]8;;\x1B\\", "link"),
            ("\x1B(Bplain\x1B=", "plain"),
            ("broken \x1B[31\u{E9}", "broken \u{E9}"),
            ("at the end \x1B", "at the end "),
            ("at the end \x1B[3", "at the end "),
            ("a string without end \x1B]0;x", "a string without end 0;x"),
            ("none", "none"),
        ] {
            assert_eq!(stripped(given.as_bytes()), expected.as_bytes(), "{given:?}");
        }
    }

    proptest! {
        #[test]
        fn no_escape_is_left_and_nothing_is_added(text in proptest::collection::vec(
            prop_oneof![Just(ESCAPE), Just(b'['), Just(b']'), Just(b'm'), any::<u8>()], 0..60))
        {
            let out = stripped(&text);
            prop_assert!(!out.contains(&ESCAPE));
            let mut rest = text.iter();
            prop_assert!(out.iter().all(|byte| rest.any(|it| it == byte)));
        }
    }
}
