//! `*`, `+`, `?` and `{…}`, and what they repeat.

use regex_syntax::hir::{Hir, Repetition};

use super::error::Re2Error;
use super::input::Input;

/// More copies of one thing than this are refused, also by several repetitions together.
const MOST_COPIES: u32 = 1000;

/// A part of a pattern that a repetition may follow.
#[derive(Debug)]
pub(super) struct Piece {
    pub(super) hir: Hir,
    /// How deep it nests.
    pub(super) height: u32,
    /// How many copies of one thing in it the counted repetitions in it make at most.
    pub(super) copies: u32,
}

impl Default for Piece {
    fn default() -> Self {
        Self::new(Hir::empty())
    }
}

impl Piece {
    pub(super) fn new(hir: Hir) -> Self {
        Self { hir, height: 1, copies: 1 }
    }
}

/// How often something is repeated.
pub(super) struct Times {
    min: u32,
    /// `None`: without a bound.
    max: Option<u32>,
    /// Written with braces: only these are held against [`MOST_COPIES`].
    is_counted: bool,
    /// A `?` stands behind it: other greed than where there is none.
    is_turned: bool,
}

impl Times {
    /// `piece`, so often; `written` is the operator, for the error. `is_lazy`: as few as possible, unless a
    /// `?` turns that.
    pub(super) fn of(&self, piece: Piece, is_lazy: bool, written: &str) -> Result<Piece, Re2Error> {
        let factor = if self.is_counted { self.max.unwrap_or(self.min.max(1)) } else { 1 };
        let copies = piece.copies * factor;
        let is_many = self.min >= 2 || self.max.is_some_and(|max| max >= 2);
        if self.is_counted && is_many && copies > MOST_COPIES {
            return Err(Re2Error::TooMany(written.to_owned()));
        }
        let Piece { hir, height, .. } = piece;
        let greedy = is_lazy == self.is_turned;
        let repetition = Repetition { min: self.min, max: self.max, greedy, sub: Box::new(hir) };
        Ok(Piece { hir: Hir::repetition(repetition), height: height + 1, copies })
    }
}

/// Whether a repetition stands here.
pub(super) fn follows(input: Input<'_>) -> bool {
    let mut input = input;
    match input.peek() {
        Some('*' | '+' | '?') => true,
        Some('{') => count(&mut input).is_some(),
        _ => false,
    }
}

/// Reads a repetition with the `?` behind it. `None`, and nothing is read, where there is none.
pub(super) fn operator(input: &mut Input<'_>) -> Result<Option<Times>, Re2Error> {
    let start = *input;
    let (min, max) = match input.peek() {
        Some('{') => {
            let Some((min, max)) = count(input) else { return Ok(None) };
            let written = || start.up_to(*input).to_owned();
            if min.max(max.unwrap_or(0)) > MOST_COPIES {
                return Err(Re2Error::TooMany(written()));
            }
            if max.is_some_and(|max| max < min) {
                return Err(Re2Error::CountsDown(written()));
            }
            let is_turned = input.eat("?");
            return Ok(Some(Times { min, max, is_counted: true, is_turned }));
        }
        Some('*') => (0, None),
        Some('+') => (1, None),
        Some('?') => (0, Some(1)),
        _ => return Ok(None),
    };
    input.next();
    let is_turned = input.eat("?");
    Ok(Some(Times { min, max, is_counted: false, is_turned }))
}

/// Reads `{2}`, `{2,}` or `{2,3}`. `None`, and nothing is read, where the text is none of these.
fn count(input: &mut Input<'_>) -> Option<(u32, Option<u32>)> {
    let mut ahead = *input;
    if !ahead.eat("{") {
        return None;
    }
    let min = number(&mut ahead)?;
    let max = match ahead.eat(",") {
        false => Some(min),
        true if ahead.peek() == Some('}') => None,
        true => Some(number(&mut ahead)?),
    };
    if !ahead.eat("}") {
        return None;
    }
    *input = ahead;
    Some((min, max))
}

/// Reads a number without zeros in front of it.
fn number(input: &mut Input<'_>) -> Option<u32> {
    let digits = input.digits();
    let is_number = !digits.is_empty() && (digits == "0" || !digits.starts_with('0'));
    // One that is too large stays too large.
    is_number.then(|| digits.parse().unwrap_or(u32::MAX))
}
