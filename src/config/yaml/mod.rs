//! YAML text as a tree in which every value keeps its line and the text as it was typed.
//!
//! No scalar is turned into a number or a truth value here: `0514`, `1.10` and `yes` mean
//! different things behind different keys.

mod blame;
mod builder;
mod doubts;
mod explain;
mod lenient;
mod merge;
#[cfg(test)]
mod tests;
mod text;

use std::ffi::OsString;
use std::rc::Rc;

use saphyr_parser::{Parser, ScanError, Span};

use self::builder::Builder;
use self::doubts::{Doubt, Doubts};
use self::explain::explain;
use self::lenient::{Rewritten, is_border};
use self::text::{RATION, Ration, RationedText};

/// A value and the line it begins on, counted from 1.
#[derive(Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

#[derive(Debug, PartialEq)]
pub(super) enum Value {
    /// Nothing, or `null` or `~` without quotes.
    Null,
    /// `plain`: without quotes.
    Scalar {
        text: String,
        plain: bool,
    },
    /// A word that was typed elsewhere than in YAML, and need not be UTF-8.
    Raw(OsString),
    List(Vec<Rc<Node>>),
    /// In the order of the text, repeated keys included.
    Map(Vec<Entry>),
}

impl Value {
    /// What it is, in words.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Scalar { .. } | Self::Raw(_) => "a single word",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// A key, its line, and its value. A value may be shared, when an alias names it.
pub(super) type Entry = (String, usize, Rc<Node>);

/// Why a text is no YAML, or none that can be used here.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SyntaxError {
    pub(super) line: usize,
    pub(super) column: usize,
    /// What is wrong, and after a semicolon what to do.
    pub(super) text: String,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Document {
    pub(super) root: Node,
    /// Where a second document begins; it is not read.
    pub(super) second: Option<usize>,
    /// What is probably a mistake.
    pub(super) doubts: Vec<Doubt>,
}

/// Deeper than any configuration, and shallow enough for every stack.
const MAX_DEPTH: usize = 32;

/// Far more keys than any configuration has in one place. What has more is another file, and takes no
/// longer to be refused than it takes to be read so far.
const MAX_KEYS: usize = 10_000;

/// Far more values than any configuration has: a hundred thousand files, with a tag each.
const MAX_VALUES: usize = 500_000;

/// How many values all aliases of a text may stand for. A list of n that is named n times stands for
/// n² values, and so on: what is read would not be bounded by what was written.
const MAX_SHARED: usize = 100_000;

/// Why a text could not be read.
enum Refusal {
    /// The parser says so.
    Scan(ScanError),
    Told(SyntaxError),
}

impl From<SyntaxError> for Refusal {
    fn from(error: SyntaxError) -> Self {
        Self::Told(error)
    }
}

impl Refusal {
    fn told(self, text: &str) -> SyntaxError {
        match self {
            Self::Scan(error) => explain(&error, text),
            Self::Told(error) => error,
        }
    }
}

/// Reads the first document of `text`.
pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let (text, second) = first_document(text);
    let refusal = match read(text) {
        Ok(document) => return Ok(Document { second, ..document }),
        Err(refusal) => refusal,
    };
    let reason = if let Refusal::Scan(error) = &refusal { error.info() } else { "" };
    match Some(reason).filter(|it| Rewritten::may_help(it)).and_then(|_| Rewritten::of(text)) {
        Some(new) => match read(&new.text) {
            Ok(document) => Ok(Document { second, ..document }),
            Err(refusal) => Err(new.back(refusal.told(&new.text))),
        },
        None => Err(refusal.told(text)),
    }
}

/// The first document of a text, and the line on which there is another one. What is wrong with that does no harm.
fn first_document(text: &str) -> (&str, Option<usize>) {
    let (mut at, mut has_begun, mut end) = (0, false, None);
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        let typed = line.trim_start_matches('\u{FEFF}').trim_end();
        let (is_border, is_start) = (is_border(typed), typed.starts_with("---"));
        let content = typed.strip_prefix("...").filter(|_| is_border).unwrap_or(typed).trim_start();
        let is_content = !content.is_empty() && !content.starts_with('#');
        if has_begun && is_border && end.is_none() {
            end = Some(at);
        }
        match end {
            Some(end) if is_content => return (&text[..end], Some(number)),
            Some(_) => {}
            None => has_begun |= is_border && is_start || is_content && !typed.starts_with('%'),
        }
        at += line.len();
    }
    (&text[..end.unwrap_or(text.len())], None)
}

/// Reads the one document of `text` as the parser has it.
fn read(text: &str) -> Result<Document, Refusal> {
    let mut builder = Builder::default();
    let mut root = None;
    let mut doubts = Doubts::new(text);
    let ration = Ration::new();
    // Where this stands alone, the text goes on no further than the ration.
    let mut line = 1;
    for event in Parser::new(RationedText::new(text, ration.clone())) {
        if ration.is_used_up() {
            return Err(too_long(line).into());
        }
        ration.renew();
        let (event, span) = event.map_err(Refusal::Scan)?;
        line = span.start.line();
        doubts.look(&event, span);
        root = builder.take(event, span)?.or(root);
    }
    let root = root.and_then(Rc::into_inner).unwrap_or(Node { line: 1, value: Value::Null });
    Ok(Document { root, second: None, doubts: doubts.found })
}

/// What a list or a value that begins about there is to be told.
fn too_long(line: usize) -> SyntaxError {
    let text = format!(
        "more than {RATION} characters stand here in one [ ], {{ }} or value, or in comments; give \
         each item of a list a line of its own, behind a '- ', or name another file"
    );
    SyntaxError { line, column: 1, text }
}

/// Whether a sign looks like a blank, or like nothing, and is neither for YAML.
fn is_odd_blank(sign: char) -> bool {
    let is_nothing = matches!(sign, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}');
    is_nothing || !sign.is_ascii() && sign.is_whitespace()
}

fn error(span: Span, text: &str) -> SyntaxError {
    SyntaxError { line: span.start.line(), column: span.start.col() + 1, text: text.to_owned() }
}
