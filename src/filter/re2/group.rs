//! Groups and flags.

use regex_syntax::hir::Hir;

use super::error::Re2Error;
use super::input::Input;
use super::repeat::Piece;

/// What the letters of `(?ims)` switch. `U` is read, and makes no difference: greed decides which
/// match is found, not whether there is one.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Flags {
    pub(super) fold_case: bool,
    pub(super) multi_line: bool,
    pub(super) dot_is_newline_too: bool,
}

/// A group that is open.
#[derive(Debug, Default)]
pub(super) struct Group {
    /// Those that hold now; they end with the group.
    pub(super) flags: Flags,
    /// The branches before the last `|`.
    branches: Vec<Piece>,
    /// The branch that is being read.
    branch: Vec<Piece>,
}

/// What a `(` begins.
pub(super) enum GroupOpening {
    /// A group, in which these hold at first.
    Group(Flags),
    /// No group: these hold from here to the end of the one around it.
    Flags(Flags),
}

impl Group {
    pub(super) fn new(flags: Flags) -> Self {
        Self { flags, ..Self::default() }
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
        joined(self.branches, Hir::alternation)
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
pub(super) fn opening(input: &mut Input<'_>, flags: Flags) -> Result<GroupOpening, Re2Error> {
    let start = *input;
    if !input.eat("?") {
        return Ok(GroupOpening::Group(flags));
    }
    if input.eat("P<") || input.eat("<") {
        return name(start, input).map(|()| GroupOpening::Group(flags));
    }
    switches(start, input, flags)
}

/// Reads the name of a group. Several may have the same.
fn name(start: Input<'_>, input: &mut Input<'_>) -> Result<(), Re2Error> {
    let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match input.until(">") {
        Some(name) if !name.is_empty() && name.chars().all(is_of_name) => Ok(()),
        Some(_) => Err(Re2Error::GroupName(format!("({}", start.up_to(*input)))),
        None => Err(Re2Error::OpenGroup),
    }
}

/// Reads what stands behind `(?`: flags, with a `:` before the inside of a group of their own, or
/// without for the rest of the one around them.
fn switches(
    start: Input<'_>,
    input: &mut Input<'_>,
    mut flags: Flags,
) -> Result<GroupOpening, Re2Error> {
    let (mut value, mut is_complete) = (true, true);
    loop {
        let c = input.next();
        match c {
            Some('i') => flags.fold_case = value,
            Some('m') => flags.multi_line = value,
            Some('s') => flags.dot_is_newline_too = value,
            Some('U') => {}
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
