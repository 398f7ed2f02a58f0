//! `\n`, `\x41`, `\101`, `\.`: one character each.

use regex_syntax::hir::Hir;

use super::class::character as folded;
use super::error::Re2Error;
use super::input::Input;

/// A number that stands for a character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Code(pub(super) u32);

impl Code {
    /// What matches it. Half of a surrogate pair is nowhere in UTF-8.
    pub(super) fn hir(self, fold_case: bool) -> Hir {
        char::from_u32(self.0).map_or_else(Hir::fail, |c| folded(c, fold_case))
    }
}

/// The character that a `\` begins, which has been read.
pub(super) fn character(input: &mut Input<'_>) -> Result<Code, Re2Error> {
    let start = *input;
    let Some(c) = input.next() else { return Err(Re2Error::TrailingBackslash) };
    let code = match c {
        // `\1` alone would refer to a group, which RE2 does not do.
        '1'..='7' if !matches!(input.peek(), Some('0'..='7')) => None,
        '0'..='7' => Some(octal(c, input)),
        'x' => hexadecimal(input),
        'a' => Some(0x07),
        'f' => Some(0x0C),
        'n' => Some(0x0A),
        'r' => Some(0x0D),
        't' => Some(0x09),
        'v' => Some(0x0B),
        _ if c.is_ascii() && !c.is_ascii_alphanumeric() => Some(c.into()),
        _ => None,
    };
    code.map(Code).ok_or_else(|| Re2Error::Escape(format!("\\{}", start.up_to(*input))))
}

/// The first digit and at most two more.
fn octal(first: char, input: &mut Input<'_>) -> u32 {
    let mut value = first.to_digit(8).unwrap_or_default();
    for _ in 0..2 {
        let Some(digit) = input.peek().and_then(|c| c.to_digit(8)) else { break };
        value = value * 8 + digit;
        input.next();
    }
    value
}

/// Two digits, or any number of them in braces.
fn hexadecimal(input: &mut Input<'_>) -> Option<u32> {
    let digit = |input: &mut Input<'_>| input.next()?.to_digit(16);
    if !input.eat("{") {
        return Some(digit(input)? * 16 + digit(input)?);
    }
    let mut value = digit(input)?;
    while !input.eat("}") {
        value = value * 16 + digit(input)?;
        if value > char::MAX.into() {
            return None;
        }
    }
    Some(value)
}
