//! So many bytes of one kind in a row, as numbers have them, and what must be among them. Pure.

use regex_syntax::hir::{Hir, HirKind};

use super::hints::{PARTS, ascii, share};

/// Bytes of one kind in a row.
#[derive(Debug, Clone, Default)]
pub(super) struct ByteRow {
    set: ByteSet,
    len: usize,
    /// So many bytes at least of each of these kinds are among them.
    among: Vec<(ByteSet, usize)>,
}

/// Which bytes are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ByteSet(Box<[bool; 256]>);

impl Default for ByteSet {
    fn default() -> Self {
        Self(Box::new([false; 256]))
    }
}

impl ByteSet {
    fn of(bytes: &[u8]) -> Self {
        let mut set = Self::default();
        bytes.iter().for_each(|&byte| set.0[usize::from(byte)] = true);
        set
    }

    fn holds(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    fn and(&self, other: &Self) -> Self {
        let mut set = self.clone();
        set.0.iter_mut().zip(other.0.iter()).for_each(|(byte, other)| *byte |= other);
        set
    }
}

/// Looking at so many of the bytes is as quick as an automaton.
const MOST_LOOKED_AT: f32 = 0.7;
impl ByteRow {
    /// The row that is in every match of `pattern`, where there is one that is quick to find.
    pub(super) fn of(pattern: &Hir) -> Option<Self> {
        let best = rows(pattern).into_iter().min_by(|a, b| a.cost().total_cmp(&b.cost()))?;
        (best.cost() <= MOST_LOOKED_AT).then_some(best)
    }

    /// Which part of the bytes is looked at, about.
    fn cost(&self) -> f32 {
        let hits: f32 = (0..=u8::MAX).filter(|&byte| self.set.holds(byte)).map(share).sum();
        if self.len == 0 || hits > 0.5 {
            f32::INFINITY
        } else {
            (1.0 + 4.0 * hits) / self.len as f32
        }
    }

    /// Which bytes it consists of.
    pub(super) fn bytes(&self) -> &[bool; 256] {
        &self.set.0
    }

    /// Of how many it consists.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is one within `bytes`, which are all of its kind.
    pub(super) fn is_in(&self, bytes: &[u8]) -> bool {
        bytes.len() >= self.len && self.has_all(bytes)
    }

    /// The first place from `from` on where one begins.
    pub(super) fn find(&self, lines: &[u8], from: usize) -> Option<usize> {
        let set = &*self.set.0;
        let holds = |at: usize| lines.get(at).is_some_and(|&byte| set[usize::from(byte)]);
        // Of every row some byte that is so far from the last one is one of these.
        let mut at = from + self.len - 1;
        while at < lines.len() {
            if !holds(at) {
                at += self.len;
                continue;
            }
            // A row that holds this one begins here, and nowhere else.
            let mut begin = at;
            while begin > from && holds(begin - 1) {
                begin -= 1;
            }
            // Its last byte is looked at first: a row that begins behind it may be as far as that.
            let last = begin + self.len - 1;
            if !holds(last) {
                at = last + self.len;
                continue;
            }
            let mut end = at + 1;
            while holds(end) {
                end += 1;
            }
            if self.is_in(&lines[begin..end]) {
                return Some(begin);
            }
            at = end + self.len;
        }
        None
    }

    /// Whether all that must be among the bytes of a match is among these.
    fn has_all(&self, bytes: &[u8]) -> bool {
        let count = |set: &ByteSet| bytes.iter().filter(|&&byte| set.holds(byte)).count();
        self.among.iter().all(|(set, least)| count(set) >= *least)
    }

    /// The one, and the other right behind it.
    fn then(&self, other: &Self) -> Self {
        let mut among = self.among.clone();
        for (set, least) in &other.among {
            match among.iter_mut().find(|(known, _)| known == set) {
                Some((_, known)) => *known = known.saturating_add(*least),
                None => among.push((set.clone(), *least)),
            }
        }
        Self { set: self.set.and(&other.set), len: self.len.saturating_add(other.len), among }
    }

    /// Either of them.
    fn or(&self, other: &Self) -> Self {
        let least = |set: &ByteSet| other.among.iter().find(|(known, _)| known == set);
        let both = self
            .among
            .iter()
            .filter_map(|(set, own)| least(set).map(|(_, others)| (set.clone(), *own.min(others))));
        let among = both.collect();
        Self { set: self.set.and(&other.set), len: self.len.min(other.len), among }
    }

    /// So many of them at least.
    fn repeated(mut self, min: u32) -> Self {
        let min = min as usize;
        self.len = self.len.saturating_mul(min);
        self.among.iter_mut().for_each(|(_, least)| *least = least.saturating_mul(min));
        self.among.retain(|&(_, least)| least > 0);
        self
    }
}

/// Rows of which every match of `pattern` holds each.
fn rows(pattern: &Hir) -> Vec<ByteRow> {
    let mut found: Vec<_> = measured(pattern).into_iter().collect();
    match pattern.kind() {
        HirKind::Capture(capture) => found.extend(rows(&capture.sub)),
        HirKind::Repetition(repetition) if repetition.min > 0 => {
            found.extend(rows(&repetition.sub))
        }
        HirKind::Concat(parts) => {
            let parts = &parts[..parts.len().min(PARTS)];
            for (i, part) in parts.iter().enumerate() {
                found.extend(rows(part));
                let mut all: Option<ByteRow> = None;
                for next in &parts[i..] {
                    let Some(next) = measured(next) else { break };
                    all = Some(all.map_or_else(|| next.clone(), |all| all.then(&next)));
                    found.extend(all.clone());
                }
            }
        }
        _ => {}
    }
    found
}

/// What bytes all matches of `pattern` consist of, and how many there are at least. None where some are not ASCII: a
/// byte that is not UTF-8 is no character of its own.
fn measured(pattern: &Hir) -> Option<ByteRow> {
    let one_of = |bytes: &[u8]| {
        let set = ByteSet::of(bytes);
        ByteRow { among: vec![(set.clone(), 1)], set, len: 1 }
    };
    Some(match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => ByteRow::default(),
        HirKind::Literal(literal) if !literal.0.is_ascii() => return None,
        HirKind::Literal(literal) => {
            let bytes = literal.0.iter().map(|&byte| one_of(&[byte]));
            bytes.fold(ByteRow::default(), |all, byte| all.then(&byte))
        }
        HirKind::Class(class) => one_of(&ascii(class)?),
        HirKind::Repetition(repetition) => measured(&repetition.sub)?.repeated(repetition.min),
        HirKind::Capture(capture) => measured(&capture.sub)?,
        HirKind::Concat(parts) => {
            let parts: Option<Vec<_>> = parts.iter().map(measured).collect();
            parts?.iter().fold(ByteRow::default(), |all, part| all.then(part))
        }
        HirKind::Alternation(branches) => {
            let branches: Option<Vec<_>> = branches.iter().map(measured).collect();
            branches?.into_iter().reduce(|all, branch| all.or(&branch))?
        }
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::filter::re2::parse_with_groups as parse;

    #[test]
    fn rows_are_found_in_patterns_of_numbers() {
        let of = |pattern: &str| ByteRow::of(&parse(pattern).unwrap()).map(|row| row.len);
        assert_eq!(of(r"\b[0-9](?:[ -]?[0-9]){12,18}\b"), Some(13));
        assert_eq!(of(r"\b(?:\d{1,3}\.){3}\d{1,3}\b"), Some(7));
        assert_eq!(of(r"ssn (\d{3}-\d\d-\d{4})"), Some(11));
        assert_eq!(of(r"[a-z]+@[a-z]+"), None);
        assert_eq!(of("(?s).*"), None);
    }

    #[test]
    fn a_row_holds_what_every_match_holds() {
        let found = |pattern: &str, text: &str| {
            ByteRow::of(&parse(pattern).unwrap()).unwrap().find(text.as_bytes(), 0)
        };
        let address = r"\b(?:(?:25[0-5]|1?[0-9]?[0-9])\.){3}(?:25[0-5]|1?[0-9]?[0-9])\b";
        assert_eq!(found(address, "a 12345678 b 1.23456 c 1.2.3.4"), Some(23));
        let card = r"\b[0-9](?:[ -]?[0-9]){12,18}\b";
        assert_eq!(found(card, "at 2026-11-29 20:47 4111-1111-1111-1111"), Some(17));
    }

    proptest! {
        #[test]
        fn the_first_row_is_found(text in "[0-9a ]{0,60}", len in 1usize..9, from in 0usize..60) {
            let set = ByteSet::of(b"0123456789");
            let (row, text) = (ByteRow { set, len, among: Vec::new() }, text.into_bytes());
            let from = from.min(text.len());
            let is_row = |at: &usize| text[*at..].iter().take(len).filter(|it| it.is_ascii_digit()).count() == len;
            prop_assert_eq!(row.find(&text, from), (from..text.len()).find(is_row));
        }
    }
}
