//! The tree, put together from what the parser tells.

use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, ScalarStyle, Span};

use super::merge::merged;
use super::{Entry, MAX_DEPTH, MAX_KEYS, MAX_SHARED, MAX_VALUES, Node, SyntaxError, Value, error};

/// A list or map that is not complete yet.
struct OpenValue {
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
pub(super) struct Builder {
    open: Vec<OpenValue>,
    /// Each with the number of values in it, itself included.
    anchors: HashMap<usize, (Rc<Node>, usize)>,
    /// How many values aliases have brought so far.
    shared: usize,
    /// How many values were written so far.
    values: usize,
}

impl Builder {
    /// Takes one event; returns the root once it is complete.
    pub(super) fn take(
        &mut self,
        event: Event<'_>,
        span: Span,
    ) -> Result<Option<Rc<Node>>, SyntaxError> {
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
                let Some(OpenValue { anchor, line, size, kind }) = self.open.pop() else {
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
        if let Some(OpenValue { kind: OpenKind::Map(_, None), .. }) = self.open.last() {
            return Err(error(span, "a list or map stands where a key belongs; quote the key"));
        }
        if self.open.len() == MAX_DEPTH {
            return Err(error(span, "lists and maps are nested too deeply; nest them less"));
        }
        self.open.push(OpenValue { anchor, line: span.start.line(), size: 0, kind });
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
        let Some(OpenValue { kind, size: whole, .. }) = self.open.last_mut() else {
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
