//! Sets of characters: `[a-z]`, `[[:alpha:]]`, `\d`, `\pL`.

use regex_syntax::hir::{Class, ClassUnicode, ClassUnicodeRange, Hir};

use super::error::Re2Error;
use super::escape::{self, Code};
use super::input::Input;
use super::names;

/// A set of characters that is being put together.
#[derive(Debug, Default)]
pub(super) struct Set {
    ranges: Vec<ClassUnicodeRange>,
}

impl Set {
    pub(super) fn any() -> Self {
        Self { ranges: vec![ClassUnicodeRange::new('\0', char::MAX)] }
    }

    pub(super) fn any_but_newline() -> Self {
        Self::of(&[('\n', '\n')]).negated()
    }

    pub(super) fn of(ranges: &[(char, char)]) -> Self {
        let range = |&(low, high): &(char, char)| ClassUnicodeRange::new(low, high);
        Self { ranges: ranges.iter().map(range).collect() }
    }

    pub(super) fn into_class(self) -> ClassUnicode {
        ClassUnicode::new(self.ranges)
    }

    /// With every character that is the same but for its case, as Unicode's simple folding has it.
    fn folded(self, fold_case: bool) -> Self {
        if !fold_case {
            return self;
        }
        let mut class = self.into_class();
        class.case_fold_simple();
        class.into()
    }

    fn negated(self) -> Self {
        let mut class = self.into_class();
        class.negate();
        class.into()
    }

    /// Those of `self` as they are, or all others.
    fn signed(self, is_negated: bool) -> Self {
        if is_negated { self.negated() } else { self }
    }

    fn add(&mut self, Code(low): Code, Code(high): Code) {
        // Halves of surrogate pairs, which a range may span, are nowhere in UTF-8.
        for (from, to) in [(0, 0xD7FF), (0xE000, 0x10_FFFF)] {
            let (low, high) = (low.max(from), high.min(to));
            if let (true, Some(low), Some(high)) =
                (low <= high, char::from_u32(low), char::from_u32(high))
            {
                self.ranges.push(ClassUnicodeRange::new(low, high));
            }
        }
    }
}

impl From<ClassUnicode> for Set {
    fn from(class: ClassUnicode) -> Self {
        Self { ranges: class.ranges().to_vec() }
    }
}

/// What matches `c`.
pub(super) fn character(c: char, fold_case: bool) -> Hir {
    if fold_case {
        let set = Set::of(&[(c, c)]).folded(true);
        return Hir::class(Class::Unicode(set.into_class()));
    }
    Hir::literal(c.encode_utf8(&mut [0; 4]).as_bytes())
}

/// The class that a `[` begins, which has been read.
pub(super) fn bracketed(input: &mut Input<'_>, fold_case: bool) -> Result<ClassUnicode, Re2Error> {
    let is_negated = input.eat("^");
    // Single characters and ranges are folded at the end, all at once.
    let (mut plain, mut others) = (Set::default(), Set::default());
    let mut is_first = true;
    // A bracket right at the start stands for itself.
    while is_first || !input.eat("]") {
        is_first = false;
        let start = *input;
        if let Some(set) = posix(input, fold_case)? {
            others.ranges.extend(set.ranges);
            continue;
        }
        if input.eat("\\") {
            if let Some(set) = escaped(input, fold_case)? {
                others.ranges.extend(set.ranges);
                continue;
            }
            *input = start;
        }
        let low = member(input)?;
        let mut high = low;
        // A hyphen before the end of the class stands for itself.
        if input.starts_with("-") && !input.starts_with("-]") {
            input.next();
            high = member(input)?;
        }
        if high < low {
            return Err(Re2Error::Range(start.up_to(*input).to_owned()));
        }
        plain.add(low, high);
    }
    let mut set = plain.folded(fold_case);
    set.ranges.extend(others.ranges);
    Ok(set.signed(is_negated).into_class())
}

/// One character of a class.
fn member(input: &mut Input<'_>) -> Result<Code, Re2Error> {
    match input.next() {
        Some('\\') => escape::character(input),
        Some(c) => Ok(Code(c.into())),
        None => Err(Re2Error::OpenClass),
    }
}

/// `[:alpha:]` within a class. `None`, and nothing is read, where there is none.
fn posix(input: &mut Input<'_>, fold_case: bool) -> Result<Option<Set>, Re2Error> {
    let start = *input;
    if !input.eat("[:") {
        return Ok(None);
    }
    let Some(name) = input.until(":]") else {
        *input = start;
        return Ok(None);
    };
    let (is_negated, plain) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    match names::posix(plain) {
        Some(ranges) => Ok(Some(Set::of(ranges).folded(fold_case).signed(is_negated))),
        None => Err(Re2Error::UnknownClass(start.up_to(*input).to_owned())),
    }
}

/// The set that a `\`, which has been read, begins: `\d` or `\pL`. `None`, and nothing is read,
/// where it begins something else.
pub(super) fn escaped(input: &mut Input<'_>, fold_case: bool) -> Result<Option<Set>, Re2Error> {
    let Some(c) = input.peek() else { return Ok(None) };
    let set = match c {
        'd' | 'D' => Set::of(names::DIGIT),
        's' | 'S' => Set::of(names::SPACE),
        'w' | 'W' => Set::of(names::WORD),
        'p' | 'P' => return unicode(input, fold_case).map(Some),
        _ => return Ok(None),
    };
    input.next();
    Ok(Some(set.folded(fold_case).signed(c.is_ascii_uppercase())))
}

/// `pL`, `p{Greek}`, `P{^Greek}`.
fn unicode(input: &mut Input<'_>, fold_case: bool) -> Result<Set, Re2Error> {
    let start = *input;
    let unknown = |end: Input<'_>| Re2Error::UnknownClass(format!("\\{}", start.up_to(end)));
    let is_capital = input.next() == Some('P');
    let name_at = *input;
    let name = if input.eat("{") {
        let Some(name) = input.until("}") else { return Err(unknown(*input)) };
        name
    } else {
        input.next();
        name_at.up_to(*input)
    };
    let (is_negated, plain) = name.strip_prefix('^').map_or((false, name), |name| (true, name));
    let set = names::unicode(plain).ok_or_else(|| unknown(*input))?;
    Ok(set.folded(fold_case).signed(is_capital != is_negated))
}
