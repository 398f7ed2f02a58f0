//! YAML text as a tree in which every value keeps its line and the text as it was typed.
//!
//! No scalar is turned into a number or a truth value here: `0514`, `1.10` and `yes` mean
//! different things behind different keys.

mod blame;
mod doubts;
mod explain;
mod merge;
#[cfg(test)]
mod tests;
mod text;

use std::collections::HashMap;
use std::ffi::OsString;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, Span};

use self::doubts::{Doubt, Doubts};
use self::explain::explain;
use self::merge::merged;
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

/// Reads the first document of `text`.
pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let mut builder = Builder::default();
    let mut root = None;
    let mut second = None;
    let mut doubts = Doubts::new(text);
    let ration = Ration::new();
    // Where this stands alone, the text goes on no further than the ration.
    let mut line = 1;
    for event in Parser::new(RationedText::new(text, ration.clone())) {
        if ration.is_used_up() {
            return Err(too_long(line));
        }
        ration.renew();
        let (event, span) = event.map_err(|error| explain(&error, text))?;
        line = span.start.line();
        if second.is_none() {
            doubts.look(&event, span);
        }
        match event {
            Event::DocumentStart(_) if root.is_some() && second.is_none() => {
                second = Some(span.start.line());
            }
            _ if second.is_some() => {}
            event => root = builder.take(event, span)?.or(root),
        }
    }
    let root = root.and_then(Rc::into_inner).unwrap_or(Node { line: 1, value: Value::Null });
    Ok(Document { root, second, doubts: doubts.found })
}

/// What a list or a value that begins about there is to be told.
fn too_long(line: usize) -> SyntaxError {
    let text = format!(
        "more than {RATION} characters stand here in one [ ], {{ }} or value, or in comments; give \
         each item of a list a line of its own, behind a '- ', or name another file"
    );
    SyntaxError { line, column: 1, text }
}

/// A list or map that is not complete yet.
struct Open {
    anchor: usize,
    line: usize,
    /// How many values are in it, those of aliases included.
    size: usize,
    kind: OpenKind,
}

enum OpenKind {
    List(Vec<Rc<Node>>),
    /// With the key that waits for its value.
    Map(Vec<Entry>, Option<(String, usize)>),
}

#[derive(Default)]
struct Builder {
    open: Vec<Open>,
    /// Each with the number of values in it, itself included.
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    /// How many values aliases have brought so far.
    shared: usize,
    /// How many values were written so far.
    values: usize,
}

impl Builder {
    /// Takes one event; returns the root once it is complete.
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<Option<Rc<Node>>, SyntaxError> {
        let line = span.start.line();
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                let value = match &*text {
                    "" | "~" | "null" | "Null" | "NULL" if plain => Value::Null,
                    _ => Value::Scalar { text: text.into_owned(), plain },
                };
                self.add(anchor, Node { line, value }, 1, span)
            }
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::SequenceStart(anchor, _) => self.begin(anchor, OpenKind::List(Vec::new()), span),
            Event::MappingStart(anchor, _) => {
                self.begin(anchor, OpenKind::Map(Vec::new(), None), span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { anchor, line, size, kind }) = self.open.pop() else {
                    return Ok(None);
                };
                let value = match kind {
                    OpenKind::List(items) => Value::List(items),
                    OpenKind::Map(entries, _) => Value::Map(merged(entries)?),
                };
                self.add(anchor, Node { line, value }, size + 1, span)
            }
            _ => Ok(None),
        }
    }

    fn begin(
        &mut self,
        anchor: usize,
        kind: OpenKind,
        span: Span,
    ) -> Result<Option<Rc<Node>>, SyntaxError> {
        if let Some(Open { kind: OpenKind::Map(_, None), .. }) = self.open.last() {
            return Err(error(span, "a list or map stands where a key belongs; quote the key"));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(error(span, "lists and maps are nested too deeply; nest them less"));
        }
        self.open.push(Open { anchor, line: span.start.line(), size: 0, kind });
        Ok(None)
    }

    fn add(
        &mut self,
        anchor: usize,
        node: Node,
        size: usize,
        span: Span,
    ) -> Result<Option<Rc<Node>>, SyntaxError> {
        self.values += 1;
        if self.values > MAX_VALUES {
            let text = format!(
                "more than {MAX_VALUES} values stand in the file, which is no configuration; name \
                 another file, or remove them"
            );
            return Err(error(span, &text));
        }
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, (Rc::clone(&node), size));
        }
        self.attach(node, size, span)
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<Option<Rc<Node>>, SyntaxError> {
        let Some((node, size)) = self.anchors.get(&anchor).cloned() else {
            return Err(error(span, "an alias stands inside what it names; write it out"));
        };
        self.shared = self.shared.saturating_add(size);
        if self.shared > MAX_SHARED {
            return Err(error(span, "aliases stand for too many values; write them out"));
        }
        self.attach(node, size, span)
    }

    /// Puts a complete node of that size where it belongs.
    fn attach(
        &mut self,
        node: Rc<Node>,
        size: usize,
        span: Span,
    ) -> Result<Option<Rc<Node>>, SyntaxError> {
        let Some(Open { kind, size: whole, .. }) = self.open.last_mut() else {
            return Ok(Some(node));
        };
        *whole = whole.saturating_add(size);
        match kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map(entries, key) => match (key.take(), &node.value) {
                (Some((name, line)), Value::Null) => {
                    // Nothing has no place of its own.
                    entries.push((name, line, Rc::new(Node { line, value: Value::Null })));
                }
                (Some((name, line)), _) => entries.push((name, line, node)),
                (None, Value::Scalar { .. }) if entries.len() == MAX_KEYS => {
                    let text = format!(
                        "more than {MAX_KEYS} keys stand in one place, which is no configuration; \
                         name another file, or remove them"
                    );
                    return Err(error(span, &text));
                }
                (None, Value::Scalar { text, .. }) => {
                    *key = Some((text.clone(), span.start.line()));
                }
                (None, _) => {
                    return Err(error(span, "a key is empty; write a name before the ':'"));
                }
            },
        }
        Ok(None)
    }
}

/// Whether a sign looks like a blank, or like nothing, and is neither for YAML.
fn is_odd_blank(sign: char) -> bool {
    let is_nothing = matches!(sign, '\u{200B}'..='\u{200D}' | '\u{2060}' | '\u{FEFF}');
    is_nothing || !sign.is_ascii() && sign.is_whitespace()
}

fn error(span: Span, text: &str) -> SyntaxError {
    SyntaxError { line: span.start.line(), column: span.start.col() + 1, text: text.to_owned() }
}
