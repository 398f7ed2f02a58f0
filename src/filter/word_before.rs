//! A byte of a few with a word of a few before it, as `password =` has them. Pure.

use regex_syntax::hir::{Hir, HirKind};

use super::hints::{LETTERS, PARTS, any_case, ascii, letters};

/// One of a few bytes that has one of a few words before it, in any case, with nothing between them but bytes of some
/// kinds.
#[derive(Debug, Clone)]
pub(super) struct WordBefore {
    marks: Vec<u8>,
    /// What may stand between the word and the mark.
    between: Box<[bool; 256]>,
    /// In lower case.
    words: Vec<Vec<u8>>,
    /// What words end with: the last byte of one, and the one before that.
    ends: [Box<[bool; 256]>; 2],
}

/// More marks than this stand in too many places.
const MARKS_MAX: usize = 3;
/// More words than this are not told apart quickly.
const WORDS_MAX: usize = 24;

impl WordBefore {
    /// Those of which every match of `pattern` holds one.
    pub(super) fn of(pattern: &Hir) -> Option<Self> {
        let parts = flat(pattern);
        (1..parts.len().min(PARTS)).find_map(|at| Self::at(&parts, at))
    }

    /// The same, with the mark in this part of the pattern.
    fn at(parts: &[&Hir], at: usize) -> Option<Self> {
        let marks = marks(parts[at])?;
        let (mut between, mut before) = (Box::new([false; 256]), at);
        while let Some(part) = before.checked_sub(1).map(|at| parts[at]) {
            match part.kind() {
                HirKind::Look(_) => {}
                HirKind::Repetition(repetition) => match one_of(&repetition.sub) {
                    Some(bytes) => bytes.iter().for_each(|&it| between[usize::from(it)] = true),
                    None => break,
                },
                _ => break,
            }
            before -= 1;
        }
        let Endings { words, .. } = endings(&parts[..before])?;
        let is_long = words.iter().all(|word| word.len() >= LETTERS);
        if !is_long {
            return None;
        }
        let ends = [1, 2].map(|place| {
            let mut ends = Box::new([false; 256]);
            let bytes = words.iter().flat_map(|word| any_case(word[word.len() - place]));
            bytes.for_each(|byte| ends[usize::from(byte)] = true);
            ends
        });
        Some(Self { marks, between, words, ends })
    }

    /// The bytes with words before them.
    pub(super) fn marks(&self) -> &[u8] {
        &self.marks
    }

    /// Whether `byte` may stand right before the mark.
    pub(super) fn may_be_before(&self, byte: u8) -> bool {
        self.between[usize::from(byte)] || self.ends[0][usize::from(byte)]
    }

    /// Whether a word stands before the mark at `place`, from `from` on.
    #[inline]
    pub(super) fn stands(&self, lines: &[u8], from: usize, place: usize) -> bool {
        let mut end = place;
        while end > from {
            let last = usize::from(lines[end - 1]);
            // Nearly all that look like one are told from words by their last two bytes.
            if self.ends[0][last]
                && end - from > 1
                && self.ends[1][usize::from(lines[end - 2])]
                && self.ends_with_word(&lines[from..end])
            {
                return true;
            }
            if !self.between[last] {
                return false;
            }
            end -= 1;
        }
        false
    }

    #[cold]
    fn ends_with_word(&self, text: &[u8]) -> bool {
        self.words.iter().any(|word| {
            let end = text.len().checked_sub(word.len()).map(|start| &text[start..]);
            end.is_some_and(|end| end.eq_ignore_ascii_case(word))
        })
    }
}

/// What text may end with.
struct Endings {
    words: Vec<Vec<u8>>,
    /// All of it is that.
    are_whole: bool,
}

/// The words with which all text ends that these parts match, in lower case, one behind the other.
fn endings(parts: &[&Hir]) -> Option<Endings> {
    let mut found = Endings { words: vec![Vec::new()], are_whole: true };
    for part in parts.iter().rev() {
        let before = match part.kind() {
            HirKind::Look(_) | HirKind::Empty => continue,
            HirKind::Alternation(branches) => {
                let branches = branches.iter().map(|branch| endings(&flat(branch)));
                branches.collect::<Option<Vec<_>>>()?.into_iter().reduce(|mut all, branch| {
                    all.words.extend(branch.words);
                    all.are_whole &= branch.are_whole;
                    all
                })
            }
            _ => letters(part).map(|word| Endings { words: vec![word], are_whole: true }),
        };
        let Some(before) = before else {
            found.are_whole = false;
            break;
        };
        let joined = before
            .words
            .iter()
            .flat_map(|start| found.words.iter().map(move |end| [start.as_slice(), end].concat()));
        found = Endings { words: joined.collect(), are_whole: before.are_whole };
        if found.words.len() > WORDS_MAX {
            return None;
        }
        if !found.are_whole {
            break;
        }
    }
    Some(found)
}

/// What a pattern consists of, one part behind the other, groups opened.
fn flat(pattern: &Hir) -> Vec<&Hir> {
    match pattern.kind() {
        HirKind::Capture(capture) => flat(&capture.sub),
        HirKind::Concat(parts) => parts.iter().flat_map(flat).collect(),
        _ => vec![pattern],
    }
}

/// The bytes with one of which a part begins, if those are few, and none of them is part of a word.
fn marks(part: &Hir) -> Option<Vec<u8>> {
    let marks = match part.kind() {
        HirKind::Literal(literal) => literal.0.first().map(|&byte| vec![byte])?,
        _ => one_of(part)?,
    };
    let are_marks = marks.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
    (are_marks && marks.len() <= MARKS_MAX).then_some(marks)
}

/// The ASCII bytes of which a part is one.
fn one_of(part: &Hir) -> Option<Vec<u8>> {
    match part.kind() {
        HirKind::Literal(literal) => match *literal.0 {
            [byte] if byte.is_ascii() => Some(vec![byte]),
            _ => None,
        },
        HirKind::Class(class) => ascii(class),
        HirKind::Capture(capture) => one_of(&capture.sub),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::re2::parse_with_groups as parse;

    fn words(pattern: &str) -> Option<Vec<String>> {
        let words = WordBefore::of(&parse(pattern).unwrap())?.words;
        let mut words: Vec<_> =
            words.into_iter().map(|it| String::from_utf8(it).unwrap()).collect();
        words.sort();
        Some(words)
    }

    #[test]
    fn words_before_a_byte_are_found_in_patterns() {
        let of = |words: &[&str]| Some(words.iter().map(|it| (*it).to_owned()).collect());
        let password = r#"((?:[Pp]ass(?:[Ww]ord|wd)|pwd|[Aa]pi[_-]?key)\\?["']?\s*[:=]\s*)(\S+)"#;
        assert_eq!(words(password), of(&["key", "passwd", "password", "pwd"]));
        assert_eq!(words(r"\b(abc|x\d?def) *=x"), of(&["abc", "def"]));
        for pattern in
            ["(ab|abc) *=", "abc *[a-d]", "abc(?:xy)*=", "=abc", "[Aa][Bb] *=", "(abc)?="]
        {
            assert_eq!(words(pattern), None, "{pattern}");
        }
    }

    #[test]
    fn a_word_stands_before_the_mark_and_not_before_where_it_is_looked_for() {
        let hint = WordBefore::of(&parse(r#"key"? *[:=]"#).unwrap()).unwrap();
        let stands = |text: &str, from| hint.stands(text.as_bytes(), from, text.len() - 1);
        for text in ["key=", "a KeY\"  :", "key\" \"="] {
            assert!(stands(text, 0), "{text}");
        }
        for text in ["ky=", "ey=", "keys=", "=", "  \"="] {
            assert!(!stands(text, 0), "{text}");
        }
        assert!(stands("xkey=", 1) && !stands("xkey=", 2));
    }
}
