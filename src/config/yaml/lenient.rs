//! What the reader of remote_syslog2 takes and the parser refuses, written so that the parser takes it.
//!
//! - A `]`, an item or a key of a map in `[ ]` or `{ }` may stand as far to the left as it likes. The parser wants it deeper
//!   than the key above, so it gets blanks in front of it. Those at the beginning of a line mean nothing there, within
//!   quotes neither.
//! - `\'` within `"…"` is a `'`.
//!
//! Only what the parser has refused is written anew, so that nothing else can change its meaning.

use super::SyntaxError;

/// Whoever writes keys deeper than this has another problem.
const LEAD_MAX: usize = 64;

/// A text in which something was changed, and what.
pub(super) struct Rewritten {
    pub(super) text: String,
    /// In the order of the text.
    changes: Vec<Edit>,
}

/// Blanks in front of a line, or a `\` that was taken out of it.
struct Edit {
    /// From 1.
    line: usize,
    /// How many characters of the line stand before it, and how many bytes.
    column: usize,
    offset: usize,
    kind: EditKind,
}

enum EditKind {
    Blanks(usize),
    NoBackslash,
}

impl Rewritten {
    /// Whether this reason of the parser may be one of those.
    pub(super) fn may_help(reason: &str) -> bool {
        ["indentation", "tab", "escape"].iter().any(|it| reason.contains(it))
    }

    /// `None`: there is nothing to change.
    pub(super) fn of(text: &str) -> Option<Self> {
        let mut scan = BracketScan { room: text.len(), ..BracketScan::default() };
        for (number, line) in (1..).zip(text.lines()) {
            scan.line(number, line);
        }
        scan.forget_open();
        let changes = scan.changes;
        (!changes.is_empty()).then(|| Self { text: changed(text, &changes), changes })
    }

    /// The error with the column that it has in the text as it was.
    pub(super) fn back(&self, error: SyntaxError) -> SyntaxError {
        let mut column = error.column;
        for change in self.changes.iter().filter(|change| change.line == error.line) {
            match change.kind {
                EditKind::Blanks(count) => column = column.saturating_sub(count).max(1),
                EditKind::NoBackslash => column += usize::from(column > change.column),
            }
        }
        SyntaxError { column, ..error }
    }
}

fn changed(text: &str, changes: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut changes = changes.iter().peekable();
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let mut from = 0;
        while let Some(change) = changes.next_if(|change| change.line == number) {
            match change.kind {
                EditKind::Blanks(count) => out.extend(std::iter::repeat_n(' ', count)),
                EditKind::NoBackslash => {
                    out.push_str(&line[from..change.offset]);
                    from = change.offset + 1;
                }
            }
        }
        out.push_str(&line[from..]);
    }
    out
}

/// For each line of a text whether it is indented as a block is: it is no part of brackets, quotes, or what stands behind a
/// `|` or `>`.
pub(super) fn is_of_block(text: &str) -> impl Iterator<Item = bool> {
    let mut scan = BracketScan::default();
    (1..).zip(text.lines()).map(move |(number, line)| {
        scan.line(number, line);
        scan.is_of_block
    })
}

/// Goes through a text just far enough to tell `[ ]` and quotes from those that are part of a value.
#[derive(Default)]
struct BracketScan {
    changes: Vec<Edit>,
    /// How many blanks may still be added.
    room: usize,
    /// The quote in which the text is.
    quote: Option<char>,
    /// How many `[` and `{` are open, and how many changes there were before the first of them.
    depth: usize,
    before_open: usize,
    /// A value may begin here. Within one, a bracket or quote is part of it.
    may_begin: bool,
    /// A quote or bracket was closed just now: a ':' behind it needs no blank.
    is_closed: bool,
    /// Lines that are as deep as this are text of a value that has begun above.
    text_from: Option<usize>,
    /// Where on its line the last `-` of an item (or `?` of a key) stands, and what follows behind them.
    dash: Option<usize>,
    lead: Option<usize>,
    /// A key was passed on the line.
    has_key: bool,
    /// A value without quotes has begun on the line, outside brackets.
    is_plain: bool,
    /// The line is indented as a block is, see [`is_of_block`].
    is_of_block: bool,
}

impl BracketScan {
    fn line(&mut self, number: usize, line: &str) {
        let indent = line.chars().take_while(|c| *c == ' ').count();
        let is_blank = line.chars().all(is_blank);
        if is_border(line) {
            self.forget_open();
            (self.quote, self.text_from) = (None, None);
        }
        self.is_of_block = self.quote.is_none() && self.depth == 0;
        if self.is_of_block {
            let is_text = self.text_from.is_some_and(|from| indent >= from);
            // Only the parser knows for certain where a value without quotes goes on.
            self.is_of_block = !is_text || self.is_plain;
            if is_blank || is_text {
                return;
            }
            (self.may_begin, self.is_closed, self.text_from) = (true, false, None);
            (self.dash, self.lead, self.has_key, self.is_plain) = (None, None, false, false);
        } else if self.depth > 0 && !is_blank {
            self.indent(number, indent);
        }
        self.signs(number, line);
        if self.is_plain && self.depth == 0 {
            self.text_from = Some(self.depth_of_text());
        }
    }

    /// Has the line begin deeper than any key above.
    fn indent(&mut self, number: usize, indent: usize) {
        let lead = self.lead.filter(|lead| *lead <= LEAD_MAX).unwrap_or_default();
        let blanks = (lead + 2).saturating_sub(indent);
        if blanks > 0 && blanks <= self.room {
            self.room -= blanks;
            let kind = EditKind::Blanks(blanks);
            self.changes.push(Edit { line: number, column: 0, offset: 0, kind });
        }
    }

    /// How deep lines must be that belong to the value which begins on this line.
    fn depth_of_text(&self) -> usize {
        let lead = self.lead.unwrap_or_default();
        if self.has_key { lead + 1 } else { self.dash.map_or(lead, |dash| dash + 1) }
    }

    fn signs(&mut self, number: usize, line: &str) {
        let mut signs = (0..).zip(line.char_indices()).peekable();
        let mut before = ' ';
        while let Some((column, (offset, sign))) = signs.next() {
            let next = signs.peek().map_or(' ', |(_, (_, next))| *next);
            match (self.quote, sign) {
                (Some('"'), '\\') => {
                    if next == '\'' {
                        let kind = EditKind::NoBackslash;
                        self.changes.push(Edit { line: number, column, offset, kind });
                    }
                    signs.next();
                }
                (Some('\''), '\'') if next == '\'' => drop(signs.next()),
                (Some(quote), _) => {
                    if sign == quote {
                        (self.quote, self.is_closed) = (None, true);
                    }
                }
                (None, '#') if is_blank(before) => {
                    self.is_plain = false;
                    return;
                }
                (None, '|' | '>') if self.may_begin && self.depth == 0 => {
                    self.text_from = Some(self.depth_of_text());
                    return;
                }
                (None, '&' | '!' | '*') if self.may_begin => {
                    self.begin(column);
                    let is_part = |sign: char| !is_blank(sign) && !",[]{}".contains(sign);
                    while signs.next_if(|(_, (_, sign))| is_part(*sign)).is_some() {}
                }
                (None, _) => self.sign(column, sign, next),
            }
            before = sign;
        }
    }

    /// A sign outside quotes.
    fn sign(&mut self, column: usize, sign: char, next: char) {
        let ends = is_blank(next) || self.depth > 0 && (self.is_closed || ",[]{}".contains(next));
        match sign {
            '\'' | '"' if self.may_begin => {
                self.begin(column);
                (self.quote, self.may_begin) = (Some(sign), false);
            }
            '[' | '{' if self.may_begin || self.depth > 0 => {
                self.begin(column);
                if self.depth == 0 {
                    self.before_open = self.changes.len();
                }
                self.depth += 1;
                self.may_begin = true;
            }
            ']' | '}' if self.depth > 0 => {
                self.depth -= 1;
                (self.may_begin, self.is_closed) = (false, true);
            }
            ',' if self.depth > 0 => self.may_begin = true,
            ':' if ends => {
                (self.may_begin, self.is_closed) = (true, false);
                self.has_key |= self.depth == 0;
                self.is_plain = false;
            }
            '-' | '?' if self.may_begin && self.depth == 0 && is_blank(next) => {
                self.dash = Some(column)
            }
            _ if is_blank(sign) => {}
            _ => {
                self.begin(column);
                self.is_plain |= self.may_begin && self.depth == 0;
                (self.may_begin, self.is_closed) = (false, false);
            }
        }
    }

    /// Something else than the `-` of an item stands there.
    fn begin(&mut self, column: usize) {
        if self.depth == 0 {
            self.lead.get_or_insert(column);
        }
    }

    /// What is open has no end here: nothing is known of where it should have ended.
    fn forget_open(&mut self) {
        if self.depth > 0 {
            self.changes.truncate(self.before_open);
        }
        self.depth = 0;
    }
}

/// Whether the line ends a document, or begins one.
pub(super) fn is_border(line: &str) -> bool {
    let behind = line.strip_prefix("---").or_else(|| line.strip_prefix("..."));
    behind.is_some_and(|behind| behind.chars().next().is_none_or(is_blank))
}

fn is_blank(sign: char) -> bool {
    matches!(sign, ' ' | '\t' | '\r')
}
