//! What is hidden in many logs, by name. Pure.

use std::collections::VecDeque;
use std::ops::Range;

/// What a preset redacts.
pub(super) struct RedactionPreset {
    pub(super) pattern: &'static str,
    pub(super) replacement: &'static str,
    /// Tells what is meant from what only looks like it.
    pub(super) meant: Meant,
}

/// Where in what a pattern matches, from a place on, something stands that is meant.
pub(super) type Meant = fn(&[u8], usize) -> Option<Range<usize>>;

/// All that matches is meant.
pub(super) fn whole(text: &[u8], from: usize) -> Option<Range<usize>> {
    (from == 0).then_some(0..text.len())
}

/// The names of all there are.
pub const NAMES: [&str; 5] = ["card", "email", "ipv4", "bearer", "password"];

/// Between quotes or up to what ends a word. What stands before it stays, and so do the quotes.
const PASSWORD: &str = concat!(
    r#"((?:[Pp][Aa][Ss][Ss](?:[Ww][Oo][Rr][Dd]|[Ww][Dd]|[Pp][Hh][Rr][Aa][Ss][Ee])|[Pp][Ww][Dd]|[Ss][Ee][Cc][Rr][Ee][Tt]"#,
    r#"|[Tt][Oo][Kk][Ee][Nn]|[Aa][Pp][Ii][_-]?[Kk][Ee][Yy])\\?["']?\s*(?::=|=>|==|[:=])\s*\[?)"#,
    // Quotes within what is quoted itself, quotes, and what has none, or one that is not closed.
    r#"(?:(\\+")(?:[^"\\]|\\+[^"\\])*(\\+")|(")(?:[^"\\]|\\.)*(")|(')(?:[^'\\]|\\.)*(')"#,
    r#"|["'\\]*[^\s"',;&]+)"#,
);

/// The preset of that name.
pub(super) fn of(name: &str) -> Option<RedactionPreset> {
    let (pattern, replacement, meant): (_, _, Meant) = match name {
        // ISO/IEC 7812: 13 to 19 digits as they are in use, the last of which makes the sum right.
        "card" => (r"\b[0-9](?:[ -]?[0-9]){12,}\b", "[redacted]", card),
        "email" => (
            r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}",
            "[redacted]",
            whole,
        ),
        "ipv4" => (
            r"\b(?:(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])\b",
            "[redacted]",
            whole,
        ),
        // RFC 6750, section 2.1: b64token.
        "bearer" => {
            (r"(\b[Bb][Ee][Aa][Rr][Ee][Rr]\s+)[A-Za-z0-9._~+/-]+=*", "${1}[redacted]", whole)
        }
        "password" => (PASSWORD, "$1$2$4$6[redacted]$3$5$7", whole),
        _ => return None,
    };
    Some(RedactionPreset { pattern, replacement, meant })
}

/// The lengths of the groups in which card numbers are printed.
const CARD_GROUPS: [&[usize]; 4] = [&[4, 4, 4, 4, 3], &[4, 4, 4, 4], &[4, 6, 5], &[4, 6, 4]];

/// How many groups those have at most.
const MOST_GROUPS: usize = 5;

/// A card number in a row of digits, in which other numbers may stand beside it: all of it, a group of digits, or
/// groups as they are printed.
fn card(text: &[u8], from: usize) -> Option<Range<usize>> {
    let is_card = |range: &Range<usize>| {
        let text = &text[range.clone()];
        let digits = text.iter().filter(|byte| byte.is_ascii_digit()).count();
        (13..=19).contains(&digits) && adds_up(text)
    };
    let all = 0..text.len();
    if from == 0 && is_card(&all) {
        return Some(all);
    }
    let mut ahead = digit_groups(text, from);
    // No more than a card may have, so that a row of many is gone through once.
    let mut groups: VecDeque<_> = ahead.by_ref().take(MOST_GROUPS).collect();
    while let Some(first) = groups.front() {
        let is_printed = |lengths: &&&[usize]| {
            groups.len() >= lengths.len()
                && groups.iter().zip(**lengths).all(|(it, &len)| it.len() == len)
        };
        let mut counts =
            CARD_GROUPS.iter().filter(is_printed).map(|lengths| lengths.len()).chain([1]);
        let found =
            counts.find_map(|count| Some(first.start..groups[count - 1].end).filter(is_card));
        if found.is_some() {
            return found;
        }
        groups.pop_front();
        groups.extend(ahead.next());
    }
    None
}

/// The groups of digits in `text` from `from` on.
fn digit_groups(text: &[u8], from: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = from;
    std::iter::from_fn(move || {
        let start = at + text[at..].iter().position(u8::is_ascii_digit)?;
        let digits = text[start..].iter().take_while(|byte| byte.is_ascii_digit()).count();
        at = start + digits;
        Some(start..at)
    })
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
