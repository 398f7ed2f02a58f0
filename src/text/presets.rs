//! What is hidden in many logs, by name. Pure.

/// What a preset redacts.
pub(super) struct RedactionPreset {
    pub(super) pattern: &'static str,
    pub(super) replacement: &'static str,
    /// Tells what is meant from what only looks like it.
    pub(super) is_meant: fn(&[u8]) -> bool,
}

/// The names of all there are.
pub const NAMES: [&str; 5] = ["card", "email", "ipv4", "bearer", "password"];

/// Between quotes or up to what ends a word. What stands before it stays, and so do the quotes.
const PASSWORD: &str = concat!(
    r#"((?:[Pp][Aa][Ss][Ss](?:[Ww][Oo][Rr][Dd]|[Ww][Dd]|[Pp][Hh][Rr][Aa][Ss][Ee])|[Pp][Ww][Dd]|[Ss][Ee][Cc][Rr][Ee][Tt]"#,
    r#"|[Tt][Oo][Kk][Ee][Nn]|[Aa][Pp][Ii][_-]?[Kk][Ee][Yy])\\?["']?\s*[:=]\s*)"#,
    r#"(?:(")(?:[^"\\]|\\.)*(")|(')(?:[^'\\]|\\.)*(')|[^\s"',;&]+)"#,
);

/// The preset of that name.
pub(super) fn of(name: &str) -> Option<RedactionPreset> {
    let (pattern, replacement, is_meant): (_, _, fn(&[u8]) -> bool) = match name {
        // ISO/IEC 7812: 13 to 19 digits as they are in use, the last of which makes the sum right.
        "card" => (r"\b[0-9](?:[ -]?[0-9]){12,18}\b", "[redacted]", adds_up),
        "email" => (
            r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
            "[redacted]",
            |_| true,
        ),
        "ipv4" => (
            r"\b(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\b",
            "[redacted]",
            |_| true,
        ),
        // RFC 6750, section 2.1: b64token.
        "bearer" => {
            (r"(\b[Bb][Ee][Aa][Rr][Ee][Rr]\s+)[A-Za-z0-9._~+/-]+=*", "${1}[redacted]", |_| true)
        }
        "password" => (PASSWORD, "$1$2$4[redacted]$3$5", |_| true),
        _ => return None,
    };
    Some(RedactionPreset { pattern, replacement, is_meant })
}

/// Whether the digits of `text` add up as those of a card number do (ISO/IEC 7812-1, annex B; "Luhn").
fn adds_up(text: &[u8]) -> bool {
    let digits = text.iter().rev().filter(|byte| byte.is_ascii_digit()).map(|byte| byte - b'0');
    let weighed = digits.enumerate().map(|(place, digit)| match (place % 2, digit) {
        (0, digit) => u32::from(digit),
        (_, digit @ 0..=4) => u32::from(digit) * 2,
        (_, digit) => u32::from(digit) * 2 - 9,
    });
    weighed.sum::<u32>() % 10 == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_preset_and_compiles() {
        for name in NAMES {
            let preset = of(name).unwrap();
            let redaction = crate::text::Redaction::new(preset.pattern, preset.replacement);
            assert!(redaction.is_ok(), "{name}: {redaction:?}");
        }
        assert!(of("Card").is_none());
    }
}
