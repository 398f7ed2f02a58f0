//! Groups and flags.

use regex_syntax::hir::{Capture, Hir};

use super::error::Re2Error;
use super::input::Input;
use super::repeat::Piece;

/// What the letters of `(?imsU)` switch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) fold_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_is_newline_too: bool,
    /// `U`: a repetition takes as little as it can, unless a `?` stands behind it.
    pub(super) is_lazy: bool,
}

/// A group that is open.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Those that hold now; they end with the group.
    pub(super) flags: Flags,
    /// Its number and name, where what it holds is asked for.
    capture: Option<(u32, Option<Box<str>>)>,
    /// The branches before the last `|`.
    branches: Vec<Piece>,
    /// The branch that is being read.
    branch: Vec<Piece>,
}

/// What a `(` begins.
pub(super) enum GroupOpening<'a> {
    /// A group, in which these hold at first.
    Group(Flags),
    /// The same, whose content has a number, and perhaps a name.
    Numbered(Flags, Option<&'a str>),
    /// No group: these hold from here to the end of the one around it.
    Flags(Flags),
}

impl Group {
    pub(super) fn new(flags: Flags) -> Self {
        Self { flags, ..Self::default() }
    }

    /// One whose content can be told, by this number and perhaps a name.
    pub(super) fn numbered(flags: Flags, number: u32, name: Option<&str>) -> Self {
        Self { flags, capture: Some((number, name.map(Box::from))), ..Self::default() }
    }

    pub(super) fn push(&mut self, piece: Piece) {
        self.branch.push(piece);
    }

    /// What a repetition here is of.
    pub(super) fn last(&mut self) -> Option<&mut Piece> {
        self.branch.last_mut()
    }

    /// A `|`.
    pub(super) fn next_branch(&mut self) {
        let branch = joined(std::mem::take(&mut self.branch), Hir::concat);
        self.branches.push(branch);
    }

    /// What it means as a whole.
    pub(super) fn close(mut self) -> Piece {
        self.next_branch();
        let piece = joined(self.branches, Hir::alternation);
        let Some((index, name)) = self.capture else { return piece };
        let Piece { hir, height, copies } = piece;
        Piece { hir: Hir::capture(Capture { index, name, sub: Box::new(hir) }), height, copies }
    }
}

fn joined(mut pieces: Vec<Piece>, join: fn(Vec<Hir>) -> Hir) -> Piece {
    if pieces.len() == 1 {
        return pieces.pop().unwrap_or_default();
    }
    let height = pieces.iter().map(|piece| piece.height).max().unwrap_or(0) + 1;
    let copies = pieces.iter().map(|piece| piece.copies).max().unwrap_or(1);
    let hir = join(pieces.into_iter().map(|piece| piece.hir).collect());
    Piece { hir, height, copies }
}

/// What a `(` that has been read opens, where `flags` hold.
pub(super) fn opening<'a>(
    input: &mut Input<'a>,
    flags: Flags,
) -> Result<GroupOpening<'a>, Re2Error> {
    let start = *input;
    if !input.eat("?") {
        return Ok(GroupOpening::Numbered(flags, None));
    }
    let is_look_behind = input.starts_with("<=") || input.starts_with("<!");
    if input.eat("P<") || !is_look_behind && input.eat("<") {
        return name(start, input).map(|name| GroupOpening::Numbered(flags, Some(name)));
    }
    switches(start, input, flags)
}

/// Reads the name of a group. Several may have the same.
fn name<'a>(start: Input<'a>, input: &mut Input<'a>) -> Result<&'a str, Re2Error> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match input.until(">") {
        Some(name) if !name.is_empty() && name.chars().all(is_of_name) => Ok(name),
        Some(_) => Err(Re2Error::GroupName(format!("({}", start.up_to(*input)))),
        None => Err(Re2Error::OpenGroup),
    }
}

/// Reads what stands behind `(?`: flags, with a `:` before the inside of a group of their own, or
/// without for the rest of the one around them.
fn switches<'a>(
    start: Input<'a>,
    input: &mut Input<'a>,
    mut flags: Flags,
) -> Result<GroupOpening<'a>, Re2Error> {
    let (mut value, mut is_complete) = (true, true);
    loop {
        let c = input.next();
        match c {
            Some('i') => flags.fold_case = value,
            Some('m') => flags.multi_line = value,
            Some('s') => flags.dot_is_newline_too = value,
            Some('U') => flags.is_lazy = value,
            Some('-') if value => {
                // Has to have a flag behind it.
                (value, is_complete) = (false, false);
                continue;
            }
            Some(':') if is_complete => return Ok(GroupOpening::Group(flags)),
            Some(')') if is_complete => return Ok(GroupOpening::Flags(flags)),
            _ => return Err(Re2Error::Group(format!("({}", start.up_to(*input)))),
        }
        is_complete = true;
    }
}
