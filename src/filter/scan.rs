//! Finds, among very many lines at once, those that may match.
//!
//! What is paid for each byte is then the search for a few literals, or one automaton that never
//! stops at a newline; what is paid for each line is paid only for those that are found. Whoever
//! asks judges them one by one, so that what is found here may be too much, and must not be too
//! little.

use std::slice::from_ref;

use regex_automata::meta;
use regex_automata::util::prefilter::Prefilter;
use regex_automata::{Input, MatchKind, Span};
use regex_syntax::hir::literal::{Extractor, Seq};
use regex_syntax::hir::{
    Class, ClassBytes, ClassBytesRange, ClassUnicode, ClassUnicodeRange, Hir, HirKind, Look,
    Repetition,
};

use super::blocks::BlockScan;
use super::byte_row::ByteRow;
use super::hints::{RareByte, Words};

/// How to find lines that may match.
#[derive(Debug, Clone)]
pub(super) enum Scan {
    /// Every match holds one of a few literals.
    Literals(Prefilter),
    /// Several of what follows, in one pass.
    Blocks(Box<BlockScan>),
    /// Every match holds one of a few words in any case.
    Words(Words),
    /// Every match holds so many bytes of a kind in a row.
    ByteRow(ByteRow),
    /// Every match holds this byte.
    Byte(RareByte),
    /// All patterns at once, for text that is UTF-8.
    Automaton(Box<meta::Regex>),
    /// Every line may.
    Lines,
}

/// Shorter literals stand in too many lines.
const SHORTEST: usize = 3;
/// More literals than these are the cases of a word.
const FEW: usize = 16;
/// So many parts of a pattern are looked at for literals: looking takes the square of their number.
const PARTS: usize = 64;
/// For the automaton's code, in bytes.
const SIZE_LIMIT: usize = 64 << 20;

impl Scan {
    /// For these patterns.
    pub(super) fn new(patterns: &[Hir]) -> Self {
        literals(patterns).or_else(|| automaton(patterns)).unwrap_or(Self::Lines)
    }

    /// Whether text may match that holds a newline, and no line of it by itself be found.
    pub(super) fn misses_what_crosses_lines(pattern: &Hir) -> bool {
        let scans = Self::several(from_ref(pattern));
        holds_newline(pattern)
            && scans.iter().any(|scan| matches!(scan, Self::Automaton(_) | Self::Lines))
    }

    /// Several, by which any of these patterns is found: those that are quick for those that have something that is
    /// quick to look for, and one automaton for the others.
    pub(super) fn several(patterns: &[Hir]) -> Vec<Self> {
        // A word in every case is looked for with those in any case: each scan goes through all of a buffer.
        let is_in_cases = |it: &Hir| {
            required(it).and_then(|seq| seq.len()).is_some_and(|count| count > FEW)
                && words(from_ref(it)).is_some()
        };
        let (with, without) =
            parted(patterns.to_vec(), |it| literals(from_ref(it)).is_some() && !is_in_cases(it));
        let mut scans = together(&with, literals);
        let (blocks, without) = match BlockScan::of(&without) {
            Some((scan, others)) => (Some(Self::Blocks(Box::new(scan))), others),
            None => (None, without),
        };
        scans.extend(blocks);
        let (with, without) = parted(without, |it| words(from_ref(it)).is_some());
        scans.extend(together(&with, words));
        let is_quick =
            |pattern: &Hir| RareByte::of(pattern).is_some() || ByteRow::of(pattern).is_some();
        let (with, without) = parted(without, is_quick);
        scans.extend(with.iter().filter_map(|pattern| {
            let byte = RareByte::of(pattern).map(Self::Byte);
            byte.or_else(|| ByteRow::of(pattern).map(Self::ByteRow))
        }));
        if !without.is_empty() {
            scans.push(automaton(&without).unwrap_or(Self::Lines));
        }
        scans
    }

    /// How to find them in `lines`.
    pub(super) fn of(&self, lines: &[u8]) -> &Self {
        match self {
            // Bytes that are not UTF-8 are judged as U+FFFD, which the automaton does not see.
            Self::Automaton(_) if std::str::from_utf8(lines).is_err() => &Self::Lines,
            scan => scan,
        }
    }

    /// A place in the next line that may match, at or behind `from`, which is at the start of a
    /// line.
    pub(super) fn candidate(&self, lines: &[u8], from: usize) -> Option<usize> {
        match self {
            Self::Literals(finder) => {
                finder.find(lines, Span::from(from..lines.len())).map(|found| found.start)
            }
            Self::Blocks(blocks) => blocks.find(lines, from),
            Self::Words(words) => words.find(lines, from),
            Self::ByteRow(row) => row.find(lines, from),
            Self::Byte(byte) => byte.find(lines, from),
            Self::Automaton(regex) => {
                let input = Input::new(lines).span(from..lines.len()).earliest(true);
                regex.search_half(&input).map(|found| found.offset())
            }
            Self::Lines => Some(from).filter(|&from| from < lines.len()),
        }
    }
}

fn parted(patterns: Vec<Hir>, is_first: impl Fn(&Hir) -> bool) -> (Vec<Hir>, Vec<Hir>) {
    patterns.into_iter().partition(is_first)
}

/// One scan for all of `patterns` where that can be, else one for each.
fn together(patterns: &[Hir], scan: fn(&[Hir]) -> Option<Scan>) -> Vec<Scan> {
    match scan(patterns) {
        Some(scan) => vec![scan],
        None => patterns.iter().filter_map(|pattern| scan(from_ref(pattern))).collect(),
    }
}

fn words(patterns: &[Hir]) -> Option<Scan> {
    Words::of(patterns).map(Scan::Words)
}

/// The search for literals of which each match of any of `patterns` holds one, where there are
/// such for all of them.
fn literals(patterns: &[Hir]) -> Option<Scan> {
    if patterns.is_empty() {
        return None;
    }
    let mut all = Seq::empty();
    for pattern in patterns {
        all.union(&mut required(pattern)?);
    }
    let finder = Prefilter::new(MatchKind::LeftmostFirst, all.literals()?)?;
    finder.is_fast().then_some(Scan::Literals(finder))
}

/// Literals of which every match of `pattern` holds one; the best there are.
fn required(pattern: &Hir) -> Option<Seq> {
    let parts = match pattern.kind() {
        HirKind::Concat(parts) => parts.as_slice(),
        _ => from_ref(pattern),
    };
    // A match holds one of the rest of the pattern, from each part of it on.
    let rests = (0..parts.len().min(PARTS)).map(|at| Hir::concat(parts[at..].to_vec()));
    let starts = rests.map(|rest| Extractor::new().extract(&rest));
    let inside = parts.iter().take(PARTS).filter_map(|part| match part.kind() {
        HirKind::Capture(capture) => required(&capture.sub),
        HirKind::Repetition(repetition) if repetition.min > 0 => required(&repetition.sub),
        HirKind::Alternation(branches) => {
            let mut all = Seq::empty();
            for branch in branches {
                all.union(&mut required(branch)?);
            }
            Some(all)
        }
        _ => None,
    });
    let useful = starts.chain(inside).filter(is_useful);
    useful.max_by_key(|seq| (seq.min_literal_len(), seq.len().map(std::cmp::Reverse)))
}

fn is_useful(seq: &Seq) -> bool {
    // In a line that is not UTF-8 a character U+FFFD (EF BF BD) stands for other bytes.
    let is_plain = |bytes: &[u8]| !bytes.iter().any(|byte| matches!(byte, 0xEF | 0xBF | 0xBD));
    let literals = seq.literals().unwrap_or_default();
    literals.iter().all(|it| it.len() >= SHORTEST && is_plain(it.as_bytes()))
        && !literals.is_empty()
}

/// Whether what `pattern` matches may hold a newline.
fn holds_newline(pattern: &Hir) -> bool {
    match pattern.kind() {
        HirKind::Empty | HirKind::Look(_) => false,
        HirKind::Literal(literal) => literal.0.contains(&b'\n'),
        HirKind::Class(Class::Unicode(class)) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&'\n'))
        }
        HirKind::Class(Class::Bytes(class)) => {
            class.ranges().iter().any(|range| (range.start()..=range.end()).contains(&b'\n'))
        }
        HirKind::Repetition(repetition) => holds_newline(&repetition.sub),
        HirKind::Capture(capture) => holds_newline(&capture.sub),
        HirKind::Concat(parts) | HirKind::Alternation(parts) => parts.iter().any(holds_newline),
    }
}

/// All patterns at once.
fn automaton(patterns: &[Hir]) -> Option<Scan> {
    let all = Hir::alternation(patterns.iter().map(within_lines).collect());
    let config = meta::Config::new().utf8_empty(false).nfa_size_limit(Some(SIZE_LIMIT));
    let regex = meta::Builder::new().configure(config).build_from_hir(&all).ok()?;
    Some(Scan::Automaton(Box::new(regex)))
}

/// A pattern that finds among many lines what `pattern` finds in one: what begins or ends a text
/// begins or ends a line, and nothing matches a newline. It may find more.
fn within_lines(pattern: &Hir) -> Hir {
    match pattern.kind() {
        HirKind::Literal(literal) if literal.0.contains(&b'\n') => Hir::fail(),
        HirKind::Empty | HirKind::Literal(_) => pattern.clone(),
        HirKind::Class(Class::Unicode(class)) => {
            let mut class = class.clone();
            class.difference(&ClassUnicode::new([ClassUnicodeRange::new('\n', '\n')]));
            Hir::class(Class::Unicode(class))
        }
        HirKind::Class(Class::Bytes(class)) => {
            let mut class = class.clone();
            class.difference(&ClassBytes::new([ClassBytesRange::new(b'\n', b'\n')]));
            Hir::class(Class::Bytes(class))
        }
        HirKind::Look(Look::Start) => Hir::look(Look::StartLF),
        // Before the carriage return at its end, too, which is not shown to patterns. It holds before
        // others as well: whoever judges the line knows better.
        HirKind::Look(Look::End | Look::EndLF) => Hir::look(Look::EndCRLF),
        // At a newline or a carriage return they hold as they do at the end of a text.
        HirKind::Look(_) => pattern.clone(),
        HirKind::Repetition(repetition) => {
            let sub = Box::new(within_lines(&repetition.sub));
            Hir::repetition(Repetition { sub, ..repetition.clone() })
        }
        HirKind::Capture(capture) => within_lines(&capture.sub),
        HirKind::Concat(parts) => Hir::concat(parts.iter().map(within_lines).collect()),
        HirKind::Alternation(parts) => Hir::alternation(parts.iter().map(within_lines).collect()),
    }
}
