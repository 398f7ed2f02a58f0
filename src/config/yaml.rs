//! YAML text as a tree in which every value keeps its line and the text as it was typed.
//!
//! No scalar is turned into a number or a truth value here: `0514`, `1.10` and `yes` mean
//! different things behind different keys.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

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
    List(Vec<Rc<Node>>),
    /// In the order of the text, repeated keys included.
    Map(Vec<Entry>),
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
}

/// Deeper than any configuration, and shallow enough for every stack.
const MAX_DEPTH: usize = 32;

/// Reads the first document of `text`.
pub(super) fn parse(text: &str) -> Result<Document, SyntaxError> {
    let mut builder = Builder::default();
    let mut root = None;
    let mut second = None;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| explain(&error, text))?;
        match event {
            Event::DocumentStart(_) if root.is_some() && second.is_none() => {
                second = Some(span.start.line());
            }
            _ if second.is_some() => {}
            event => root = builder.take(event, span)?.or(root),
        }
    }
    let root = root.and_then(Rc::into_inner).unwrap_or(Node { line: 1, value: Value::Null });
    Ok(Document { root, second })
}

/// A list or map that is not complete yet.
struct Open {
    anchor: usize,
    line: usize,
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
    anchors: HashMap<usize, Rc<Node>>,
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
                self.add(anchor, Node { line, value }, span)
            }
            Event::Alias(anchor) => match self.anchors.get(&anchor).cloned() {
                Some(node) => self.attach(node, span),
                None => Err(error(span, "an alias stands inside what it names; write it out")),
            },
            Event::SequenceStart(anchor, _) => self.begin(anchor, OpenKind::List(Vec::new()), span),
            Event::MappingStart(anchor, _) => {
                self.begin(anchor, OpenKind::Map(Vec::new(), None), span)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let Some(Open { anchor, line, kind }) = self.open.pop() else { return Ok(None) };
                let value = match kind {
                    OpenKind::List(items) => Value::List(items),
                    OpenKind::Map(entries, _) => Value::Map(merged(entries)),
                };
                self.add(anchor, Node { line, value }, span)
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
        self.open.push(Open { anchor, line: span.start.line(), kind });
        Ok(None)
    }

    fn add(
        &mut self,
        anchor: usize,
        node: Node,
        span: Span,
    ) -> Result<Option<Rc<Node>>, SyntaxError> {
        let node = Rc::new(node);
        if anchor != 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.attach(node, span)
    }

    /// Puts a complete node where it belongs.
    fn attach(&mut self, node: Rc<Node>, span: Span) -> Result<Option<Rc<Node>>, SyntaxError> {
        let Some(Open { kind, .. }) = self.open.last_mut() else { return Ok(Some(node)) };
        match kind {
            OpenKind::List(items) => items.push(node),
            OpenKind::Map(entries, key) => match (key.take(), &node.value) {
                (Some((name, line)), Value::Null) => {
                    // Nothing has no place of its own.
                    entries.push((name, line, Rc::new(Node { line, value: Value::Null })));
                }
                (Some((name, line)), _) => entries.push((name, line, node)),
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

/// `entries` with what `<<` refers to behind them, except keys that are there already.
fn merged(entries: Vec<Entry>) -> Vec<Entry> {
    let (merges, mut entries): (Vec<_>, Vec<_>) = entries.into_iter().partition(|e| e.0 == "<<");
    for (_, _, node) in merges {
        let maps = match &node.value {
            Value::List(items) => items.clone(),
            _ => vec![node],
        };
        for map in &maps {
            let Value::Map(others) = &map.value else { continue };
            for other in others {
                if !entries.iter().any(|entry| entry.0 == other.0) {
                    entries.push(other.clone());
                }
            }
        }
    }
    entries
}

fn error(span: Span, text: &str) -> SyntaxError {
    SyntaxError { line: span.start.line(), column: span.start.col() + 1, text: text.to_owned() }
}

/// Reasons of the parser, and the words that help. The first that fits counts.
const REASONS: [(&str, &str); 11] = [
    (
        "unknown anchor",
        "a value that begins with '*' is an alias for YAML, and there is no such anchor; put a \
         glob in quotes",
    ),
    ("anchor or alias", "a value cannot begin with '*' or '&'; put it in quotes"),
    (
        "escape",
        "a \\ inside \"…\" begins an escape that YAML does not know; use '…' around patterns",
    ),
    (
        "quoted scalar",
        "a quote is not closed, or text follows behind it; close it, and double a ' inside '…'",
    ),
    ("mapping values are not allowed", COLON),
    ("illegal placement of ':'", FLOW),
    ("block mapping", KEY_EXPECTED),
    ("simple key", KEY_EXPECTED),
    (
        "block collection",
        "here a '- ' was expected; indent all items of a list by the same number of spaces",
    ),
    ("flow ", FLOW),
    ("node content", FLOW),
];

const COLON: &str = "a ': ' stands inside a value, or the indentation is off; put the value in \
                     quotes, or align it with its neighbours";
const KEY_EXPECTED: &str =
    "here a 'key: value' was expected; check the indentation and the ':' behind the key";
const FLOW: &str = "a '[' or '{' is not closed, or a ',' is missing; close it, or put a text that begins so in \
     quotes";

/// The parser's reason in words that help; its own where there are none better.
fn explain(error: &ScanError, text: &str) -> SyntaxError {
    let (line, column) = (error.marker().line(), error.marker().col() + 1);
    // Parsers notice a tab or a missing blank late.
    let near = || text.lines().enumerate().skip(line.saturating_sub(3)).take(3);
    if let Some(error) = near().find_map(|(i, typed)| tab(i + 1, typed)) {
        return error;
    }
    let info = error.info();
    let typed = text.lines().nth(line.saturating_sub(1)).unwrap_or_default();
    let sign = typed.chars().nth(column - 1).filter(|c| "@`%".contains(*c));
    if let Some(sign) = sign.filter(|_| info.contains("unexpected character")) {
        let text = format!("a value cannot begin with {sign:?}; put it in quotes");
        return SyntaxError { line, column, text };
    }
    if let Some(error) = near().find_map(|(i, typed)| missing_blank(i + 1, typed)) {
        return error;
    }
    let known = REASONS.iter().find(|(reason, _)| info.contains(reason));
    let text = known.map_or_else(
        || format!("this is no YAML: {info}; compare it with the example configuration"),
        |(_, words)| (*words).to_owned(),
    );
    SyntaxError { line, column, text }
}

/// A tab in the indentation.
fn tab(line: usize, typed: &str) -> Option<SyntaxError> {
    let indent = typed.len() - typed.trim_start().len();
    let at = typed[..indent].find('\t')?;
    let text = "a tab stands in the indentation; YAML wants spaces".to_owned();
    Some(SyntaxError { line, column: at + 1, text })
}

/// `key:value`, which for YAML is one word.
fn missing_blank(line: usize, typed: &str) -> Option<SyntaxError> {
    let (name, value) = typed.split_once(':')?;
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    if name.trim().is_empty() || !name.trim().chars().all(is_name) {
        return None;
    }
    let text = format!("a blank is missing; write '{}: ' and then the value", name.trim());
    (!value.is_empty() && !value.starts_with(char::is_whitespace)).then(|| SyntaxError {
        line,
        column: name.len() + 2,
        text,
    })
}
