//! RE2's syntax as Go's `regexp` reads it, parsed into what the engine runs.
//!
//! remote_syslog2 compiled its patterns with Go's `regexp`. What that package refuses is refused
//! here, with two exceptions: `(?<name>…)`, which later versions of Go know, and scripts that are
//! younger than its tables. The result is a [`Hir`], so that no second syntax with rules of its
//! own stands between the pattern and its meaning. Every character is one of Unicode: a byte that
//! is not UTF-8 has to be shown to a pattern as U+FFFD.

mod class;
mod error;
mod escape;
mod group;
mod input;
mod names;
mod repeat;

use regex_syntax::hir::{Class, Hir, Look};

use self::class::{Set, character};
pub(super) use self::error::Re2Error;
use self::group::{Group, GroupOpening};
use self::input::Input;
use self::repeat::Piece;

/// Deeper nesting is refused, since what walks the result takes a stack frame for each level.
const DEEPEST: u32 = 1000;

/// What `pattern` means, where only whether there is a match counts: groups have no numbers, which keeps
/// the search for literals simple.
pub(super) fn parse(pattern: &str) -> Result<Hir, Re2Error> {
    parse_with(pattern, None)
}

/// What `pattern` means, with its groups by number and name. Of several with one name, the first has it.
pub(super) fn parse_with_groups(pattern: &str) -> Result<Hir, Re2Error> {
    parse_with(pattern, Some(Numbers::default()))
}

fn parse_with<'a>(pattern: &'a str, numbers: Option<Numbers<'a>>) -> Result<Hir, Re2Error> {
    let (input, groups) = (Input::new(pattern), vec![Group::default()]);
    let mut parser = Parser { input, groups, numbers };
    while parser.step()? {}
    let mut groups = parser.groups;
    match (groups.pop(), groups.is_empty()) {
        (Some(group), true) => Ok(group.close().hir),
        _ => Err(Re2Error::OpenGroup),
    }
}

struct Parser<'a> {
    input: Input<'a>,
    /// Those that are open, the pattern as a whole first.
    groups: Vec<Group>,
    /// Those that were given out, where groups have any.
    numbers: Option<Numbers<'a>>,
}

/// The numbers and names of groups that were given out. The pattern as a whole is 0.
#[derive(Default)]
struct Numbers<'a> {
    last: u32,
    names: Vec<&'a str>,
}

impl<'a> Parser<'a> {
    /// Reads one piece of the pattern. False at its end.
    fn step(&mut self) -> Result<bool, Re2Error> {
        let flags = self.group().flags;
        let start = self.input;
        let Some(c) = self.input.next() else { return Ok(false) };
        match c {
            '(' => self.open()?,
            ')' => self.close()?,
            '|' => self.group().next_branch(),
            '^' if flags.multi_line => self.look(Look::StartLF),
            '^' => self.look(Look::Start),
            '$' if flags.multi_line => self.look(Look::EndLF),
            '$' => self.look(Look::End),
            '.' => {
                let set =
                    if flags.dot_is_newline_too { Set::any() } else { Set::any_but_newline() };
                self.push(Hir::class(Class::Unicode(set.into_class())));
            }
            '[' => {
                let set = class::bracketed(&mut self.input, flags.fold_case)?;
                self.push(Hir::class(Class::Unicode(set)));
            }
            '\\' => self.escape()?,
            '*' | '+' | '?' | '{' => {
                self.input = start;
                self.repeat()?;
            }
            _ => self.push(character(c, flags.fold_case)),
        }
        Ok(true)
    }

    fn group(&mut self) -> &mut Group {
        // The pattern as a whole is never closed.
        let last = self.groups.len() - 1;
        &mut self.groups[last]
    }

    fn push(&mut self, hir: Hir) {
        self.group().push(Piece::new(hir));
    }

    fn look(&mut self, look: Look) {
        self.push(Hir::look(look));
    }

    /// What a `(` that has been read opens.
    fn open(&mut self) -> Result<(), Re2Error> {
        let flags = self.group().flags;
        match group::opening(&mut self.input, flags)? {
            GroupOpening::Group(flags) => self.groups.push(Group::new(flags)),
            GroupOpening::Numbered(flags, name) => {
                let group = self.numbered(flags, name);
                self.groups.push(group);
            }
            // They change nothing that was read: a repetition behind them is of what is before them.
            GroupOpening::Flags(flags) => self.group().flags = flags,
        }
        Ok(())
    }

    fn numbered(&mut self, flags: group::Flags, name: Option<&'a str>) -> Group {
        let Some(numbers) = &mut self.numbers else { return Group::new(flags) };
        numbers.last += 1;
        let name = name.filter(|name| !numbers.names.contains(name));
        numbers.names.extend(name);
        Group::numbered(flags, numbers.last, name)
    }

    fn close(&mut self) -> Result<(), Re2Error> {
        if self.groups.len() == 1 {
            return Err(Re2Error::UnopenedGroup);
        }
        let closed = self.groups.pop().unwrap_or_default().close();
        if closed.height > DEEPEST {
            return Err(Re2Error::TooDeep);
        }
        self.group().push(closed);
        Ok(())
    }

    /// A repetition, or a `{` that begins none and stands for itself.
    fn repeat(&mut self) -> Result<(), Re2Error> {
        let start = self.input;
        let Some(times) = repeat::operator(&mut self.input)? else {
            self.input.next();
            self.push(character('{', false));
            return Ok(());
        };
        let written = start.up_to(self.input);
        if repeat::follows(self.input) {
            repeat::operator(&mut self.input)?;
            return Err(Re2Error::Stacked(start.up_to(self.input).to_owned()));
        }
        let is_lazy = self.group().flags.is_lazy;
        let Some(piece) = self.group().last() else {
            return Err(Re2Error::NothingToRepeat(written.to_owned()));
        };
        let repeated = times.of(std::mem::take(piece), is_lazy, written)?;
        if repeated.height > DEEPEST {
            return Err(Re2Error::TooDeep);
        }
        *piece = repeated;
        Ok(())
    }

    /// What a `\` that has been read begins, outside of a class.
    fn escape(&mut self) -> Result<(), Re2Error> {
        let fold_case = self.group().flags.fold_case;
        let look = match self.input.peek() {
            Some('A') => Look::Start,
            Some('z') => Look::End,
            Some('b') => Look::WordAscii,
            Some('B') => Look::WordAsciiNegate,
            Some('Q') => {
                self.input.next();
                for c in self.input.quoted().chars() {
                    self.push(character(c, fold_case));
                }
                return Ok(());
            }
            _ => {
                let hir = match class::escaped(&mut self.input, fold_case)? {
                    Some(set) => Hir::class(Class::Unicode(set.into_class())),
                    None => escape::character(&mut self.input)?.hir(fold_case),
                };
                self.push(hir);
                return Ok(());
            }
        };
        self.input.next();
        self.look(look);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
