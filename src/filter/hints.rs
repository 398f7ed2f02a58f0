//! What of a pattern is quick to look for, where it has no literal of some length. Pure.
//!
//! Each is something that every match holds: a word in any case, or a byte that hardly any line has. So is what
//! [`super::byte_row`] finds.

use regex_automata::util::prefilter::Prefilter;
use regex_automata::{MatchKind, Span};
use regex_syntax::hir::{Class, Hir, HirKind};

/// Words in any case.
#[derive(Debug, Clone)]
pub(super) struct Words {
    /// In lower case, each with the place in it at which the finder finds it.
    words: Vec<(Vec<u8>, usize)>,
    /// Finds three letters of each, in any case.
    finder: Prefilter,
}

/// A few words in any case, one letter of each of which is looked for.
#[derive(Debug, Clone)]
pub(super) struct LetterOfWord {
    /// In lower case, each with the place of the letter in it.
    words: Vec<(Vec<u8>, usize)>,
    /// What stands behind the letter, in any of them.
    behind: Box<[bool; 256]>,
}

/// So many parts of a pattern are looked at: looking takes the square of their number.
pub(super) const PARTS: usize = 24;
/// So many letters of a word are looked for.
pub(super) const LETTERS: usize = 3;
/// More literals than this are not looked for with vector instructions.
const LITERALS_MAX: usize = 64;
/// Bytes that hardly any line has.
const RARE: &[u8] = b"@^`|~#";

/// How much of a log a byte is, about.
pub(super) fn share(byte: u8) -> f32 {
    match byte {
        b' ' => 0.12,
        b'e' | b't' | b'a' | b'o' | b'i' | b'n' | b's' | b'r' => 0.05,
        b'a'..=b'z' => 0.025,
        b'0'..=b'9' => 0.02,
        b'A'..=b'Z' => 0.008,
        b'\n' | b'.' | b'/' | b'-' | b':' | b'"' => 0.015,
        _ => 0.003,
    }
}

/// The characters of a class, if all are ASCII.
pub(super) fn ascii(class: &Class) -> Option<Vec<u8>> {
    let ranges: Vec<(u32, u32)> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().map(|it| (it.start() as u32, it.end() as u32)).collect()
        }
        Class::Bytes(class) => {
            class.ranges().iter().map(|it| (it.start().into(), it.end().into())).collect()
        }
    };
    let is_ascii = ranges.iter().all(|&(_, end)| end < 0x80);
    is_ascii.then(|| ranges.iter().flat_map(|&(start, end)| start as u8..=end as u8).collect())
}

/// A byte that hardly any line has, and what stands before and behind it.
#[derive(Debug, Clone)]
pub(super) struct RareByte {
    byte: u8,
    before: Box<[bool; 256]>,
    behind: Box<[bool; 256]>,
}

impl RareByte {
    /// One that every match of `pattern` holds.
    pub(super) fn of(pattern: &Hir) -> Option<Self> {
        match pattern.kind() {
            HirKind::Capture(capture) => Self::of(&capture.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => Self::of(&repetition.sub),
            HirKind::Concat(parts) => {
                let mut parts = parts.iter().take(PARTS).enumerate();
                parts.find_map(|(at, part)| {
                    let beside = |at: Option<usize>| at.and_then(|at| pattern_part(pattern, at));
                    match part.kind() {
                        HirKind::Literal(literal) if literal.0.len() == 1 => {
                            let [before, behind] = [at.checked_sub(1), Some(at + 1)]
                                .map(|at| beside(at).map_or_else(any_byte, bytes_beside));
                            Self::alone(literal.0[0]).map(|it| Self { before, behind, ..it })
                        }
                        _ => Self::of(part),
                    }
                })
            }
            HirKind::Literal(literal) => literal.0.iter().find_map(|&byte| Self::alone(byte)),
            _ => None,
        }
    }

    fn alone(byte: u8) -> Option<Self> {
        RARE.contains(&byte).then(|| Self { byte, before: any_byte(), behind: any_byte() })
    }

    /// Which byte it is.
    pub(super) fn byte(&self) -> u8 {
        self.byte
    }

    /// The first place of one from `from` on.
    pub(super) fn find(&self, lines: &[u8], from: usize) -> Option<usize> {
        let mut places = memchr::memchr_iter(self.byte, &lines[from..]).map(|at| from + at);
        places.find(|&place| self.stands(lines, place))
    }

    /// Whether `byte` may stand right before it, and right behind it.
    pub(super) fn may_be_beside(&self, byte: u8) -> [bool; 2] {
        [&self.before, &self.behind].map(|set| set[usize::from(byte)])
    }

    /// Whether what stands beside the byte at `place` may stand there.
    pub(super) fn stands(&self, lines: &[u8], place: usize) -> bool {
        let fits = |at: Option<usize>, set: &[bool; 256]| {
            at.and_then(|at| lines.get(at)).is_none_or(|&byte| set[usize::from(byte)])
        };
        fits(place.checked_sub(1), &self.before) && fits(Some(place + 1), &self.behind)
    }
}

fn pattern_part(pattern: &Hir, at: usize) -> Option<&Hir> {
    match pattern.kind() {
        HirKind::Concat(parts) => parts.get(at),
        _ => None,
    }
}

fn any_byte() -> Box<[bool; 256]> {
    Box::new([true; 256])
}

/// What of a part of a pattern may stand right beside another one.
fn bytes_beside(part: &Hir) -> Box<[bool; 256]> {
    let class = match part.kind() {
        HirKind::Class(class) => Some(class),
        HirKind::Repetition(repetition) if repetition.min > 0 => match repetition.sub.kind() {
            HirKind::Class(class) => Some(class),
            _ => None,
        },
        _ => None,
    };
    let Some(characters) = class.and_then(ascii) else { return any_byte() };
    let mut set = Box::new([false; 256]);
    characters.into_iter().for_each(|byte| set[usize::from(byte)] = true);
    set
}

impl Words {
    /// The words of which every match of any of `patterns` holds one, in any case.
    pub(super) fn of(patterns: &[Hir]) -> Option<Self> {
        let mut words = Vec::new();
        for pattern in patterns {
            words.extend(folded(pattern)?);
        }
        words.sort_unstable();
        words.dedup();
        let words: Vec<_> = words.into_iter().map(|word| (rarest(&word), word)).collect();
        let mut literals = Vec::new();
        for (at, word) in &words {
            literals.extend(in_any_case(&word[*at..at + LETTERS]));
        }
        if literals.is_empty() || literals.len() > LITERALS_MAX {
            return None;
        }
        let finder = Prefilter::new(MatchKind::LeftmostFirst, &literals)?;
        let words = words.into_iter().map(|(at, word)| (word, at)).collect();
        finder.is_fast().then_some(Self { words, finder })
    }

    /// A place within the next one that begins at or behind `from`.
    pub(super) fn find(&self, lines: &[u8], from: usize) -> Option<usize> {
        let mut start = from;
        loop {
            let at = self.finder.find(lines, Span::from(start..lines.len()))?.start;
            let stands = |(word, place): &(Vec<u8>, usize)| {
                let begin = at.checked_sub(*place).filter(|begin| *begin >= from);
                let there = begin.and_then(|begin| lines.get(begin..begin + word.len()));
                there.is_some_and(|there| there.eq_ignore_ascii_case(word))
            };
            if self.words.iter().any(stands) {
                return Some(at);
            }
            start = at + 1;
        }
    }
}

impl LetterOfWord {
    /// Those of which every match of `pattern` holds one.
    pub(super) fn of(pattern: &Hir) -> Option<Self> {
        let place = |word: &[u8]| {
            // The last letter has none behind it.
            let places = (0..word.len() - 1).rev();
            places.min_by(|&a, &b| share(word[a]).total_cmp(&share(word[b]))).unwrap_or(0)
        };
        let words = folded(pattern)?.into_iter().map(|word| {
            let place = place(&word);
            (word, place)
        });
        let (words, mut behind) = (words.collect::<Vec<_>>(), Box::new([false; 256]));
        for byte in words.iter().flat_map(|(word, place)| any_case(word[place + 1])) {
            behind[usize::from(byte)] = true;
        }
        Some(Self { words, behind })
    }

    /// The letters, in either case.
    pub(super) fn letters(&self) -> Vec<u8> {
        self.words.iter().flat_map(|(word, place)| any_case(word[*place])).collect()
    }

    /// Whether `byte` may stand right behind one of the letters.
    pub(super) fn may_be_behind(&self, byte: u8) -> bool {
        self.behind[usize::from(byte)]
    }

    /// Whether the letter at `place` is that of a word which begins at or behind `from`.
    #[inline]
    pub(super) fn stands(&self, lines: &[u8], from: usize, place: usize) -> bool {
        lines.get(place + 1).is_some_and(|&byte| self.behind[usize::from(byte)])
            && self.is_word(lines, from, place)
    }

    #[cold]
    fn is_word(&self, lines: &[u8], from: usize, place: usize) -> bool {
        self.words.iter().any(|(word, at)| {
            let begin = place.checked_sub(*at).filter(|&begin| begin >= from);
            let there = begin.and_then(|begin| lines.get(begin..begin + word.len()));
            there.is_some_and(|there| there.eq_ignore_ascii_case(word))
        })
    }
}

/// A byte in either case.
pub(super) fn any_case(byte: u8) -> [u8; 2] {
    [byte.to_ascii_lowercase(), byte.to_ascii_uppercase()]
}

/// Words in lower case of which every match of `pattern` holds one in some case; the longest there are.
fn folded(pattern: &Hir) -> Option<Vec<Vec<u8>>> {
    let parts = match pattern.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(pattern),
    };
    let (mut found, mut word): (Vec<Vec<Vec<u8>>>, Vec<u8>) = (Vec::new(), Vec::new());
    for part in parts.iter().take(PARTS) {
        match letters(part) {
            Some(letters) => {
                word.extend(letters);
                continue;
            }
            None => found.push(vec![std::mem::take(&mut word)]),
        }
        let inside = match part.kind() {
            HirKind::Capture(capture) => folded(&capture.sub),
            HirKind::Repetition(repetition) if repetition.min > 0 => folded(&repetition.sub),
            HirKind::Alternation(branches) => {
                let all: Option<Vec<_>> = branches.iter().map(folded).collect();
                all.map(|all| all.concat())
            }
            _ => None,
        };
        found.extend(inside);
    }
    found.push(vec![word]);
    let shortest = |words: &Vec<Vec<u8>>| words.iter().map(Vec::len).min().unwrap_or(0);
    let best = found.into_iter().max_by_key(|words| (shortest(words), usize::MAX - words.len()))?;
    (shortest(&best) >= LETTERS).then_some(best)
}

/// What a part of a pattern stands for that is letters in one or in either case.
pub(super) fn letters(part: &Hir) -> Option<Vec<u8>> {
    match part.kind() {
        HirKind::Literal(literal) if literal.0.is_ascii() => Some(literal.0.to_ascii_lowercase()),
        HirKind::Class(class) => match ascii(class)?.as_slice() {
            [upper, lower] if upper.to_ascii_lowercase() == *lower => Some(vec![*lower]),
            _ => None,
        },
        _ => None,
    }
}

/// Where in a word the three letters stand that are the rarest.
fn rarest(word: &[u8]) -> usize {
    let of = |at: usize| word[at..at + LETTERS].iter().map(|&byte| share(byte)).product::<f32>();
    (0..=word.len() - LETTERS).min_by(|&a, &b| of(a).total_cmp(&of(b))).unwrap_or(0)
}

fn in_any_case(letters: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new()];
    for &letter in letters {
        let mut cases = any_case(letter).to_vec();
        cases.dedup();
        all = all
            .iter()
            .flat_map(|start| cases.iter().map(move |&case| [start.as_slice(), &[case]].concat()))
            .collect();
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::re2::parse_with_groups as parse;

    #[test]
    fn words_in_any_case_and_rare_bytes_are_found_in_patterns() {
        let words = |pattern: &str| {
            let words = Words::of(&[parse(pattern).unwrap()])?.words;
            Some(
                words
                    .into_iter()
                    .map(|(word, _)| String::from_utf8(word).unwrap())
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(words(r"(?i)bearer\s+\w+"), Some(vec!["bearer".to_owned()]));
        // In some cases an s or a k is no ASCII.
        assert_eq!(words("(?i)password="), Some(vec!["word=".to_owned()]));
        assert_eq!(
            words("(?i)(error|warning)x"),
            Some(vec!["error".to_owned(), "warning".to_owned()])
        );
        assert_eq!(words("(?i)ok"), None);
        let rare = |pattern: &str| RareByte::of(&parse(pattern).unwrap());
        let email = rare(r"[a-z.]+@[a-z]+\.[a-z]+").unwrap();
        assert_eq!(email.find(b"#@12 @ @a a@ a@1 x@y", 1), Some(18));
        assert_eq!(rare(r"(\s*@)+?x").unwrap().find(b"a@b", 0), Some(1));
        assert!(rare("a|@").is_none() && rare("x@?").is_none());
    }
}
