//! The file: which keys it holds, each value with its line. No value is interpreted here.

use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::{fs, io};

use super::error::{Place, Problem};
use super::keys::{DESTINATION, Key, Shape, nearest};
use super::raw::{Findings, Item, Items, Layer, Text};
use super::yaml::{self, Entry, Node, Value};

/// Reads the file at `path`. `None`: it could not be read as a whole, and a problem says why.
/// A missing file is no problem unless it is `required`.
pub(super) fn read(path: &Path, required: bool, findings: &mut Findings) -> Option<Layer> {
    let file = Arc::new(path.to_owned());
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => {
            return Some(Layer::default());
        }
        Err(error) => {
            let text = format!("cannot be read ({}); check its path and rights", reason(&error));
            findings.problems.push(Problem::at(Place::File(file), "", text));
            return None;
        }
    };
    let mut reader = Reader { file, findings };
    reader.bytes(&bytes)
}

/// The error in words, without the number that the standard library puts behind them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

struct Reader<'a> {
    file: Arc<std::path::PathBuf>,
    findings: &'a mut Findings,
}

impl Reader<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Option<Layer> {
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let (before, after) = bytes.split_at(error.valid_up_to());
                let line = before.iter().filter(|&&b| b == b'\n').count() + 1;
                let start = before.iter().rposition(|&b| b == b'\n').map_or(0, |at| at + 1);
                let text = format!(
                    "the byte 0x{:02X} is not UTF-8; save the file as UTF-8",
                    after.first().copied().unwrap_or_default()
                );
                self.problem_at(line, Some(before.len() - start + 1), "", text);
                return None;
            }
        };
        let document = match yaml::parse(text) {
            Ok(document) => document,
            Err(error) => {
                self.problem_at(error.line, Some(error.column), "", error.text);
                return None;
            }
        };
        if let Some(line) = document.second {
            self.warn(line, "", "a second document begins here, and is ignored; remove it");
        }
        let mut layer = Layer::default();
        match &document.root.value {
            Value::Null => {}
            Value::Map(entries) => self.section("", entries, &mut layer),
            other => {
                let text = format!(
                    "the file holds {} where keys belong; write files: and destination:",
                    name_of(other)
                );
                self.problem_at(document.root.line, None, "", text);
                return None;
            }
        }
        Some(layer)
    }

    /// Reads the entries of a map whose keys are called `prefix` and their name.
    fn section(&mut self, prefix: &str, entries: &[Entry], layer: &mut Layer) {
        for (i, (name, line, node)) in entries.iter().enumerate() {
            self.warn_of_duplicate(prefix, &entries[..i], name, *line);
            let name = format!("{prefix}{name}");
            if name.eq_ignore_ascii_case(DESTINATION) {
                self.destination(*line, node, layer);
            } else if let Some(key) = Key::of(&name) {
                self.setting(key, *line, node, layer);
            } else {
                let known = Key::all().map(Key::name).chain([DESTINATION]);
                self.unknown(*line, &name, nearest(&name, known));
            }
        }
    }

    fn destination(&mut self, line: usize, node: &Node, layer: &mut Layer) {
        // Of a repeated section, too, the last counts as a whole.
        layer.scalars.retain(|key, _| !key.is_in(DESTINATION));
        match &node.value {
            Value::Null => {}
            Value::Map(entries) => self.section(&format!("{DESTINATION}."), entries, layer),
            other => {
                let text = format!(
                    "{} stands where host:, port: and protocol: belong; write them below, \
                     indented, with a blank behind each ':'",
                    name_of(other)
                );
                self.problem_at(line, None, DESTINATION, text);
            }
        }
    }

    fn setting(&mut self, key: Key, line: usize, node: &Node, layer: &mut Layer) {
        // The last of a repeated key counts, also when it is empty.
        layer.scalars.remove(&key);
        layer.lists.remove(&key);
        match (key.shape(), &node.value) {
            (_, Value::Null) => {}
            (_, Value::Scalar { text, .. }) if text.is_empty() => {}
            (Shape::Scalar, Value::Scalar { text, .. }) => {
                layer.scalars.insert(key, self.text(text, node.line));
            }
            (Shape::Scalar, other) => {
                let text = format!("{} stands where one value belongs; write one", name_of(other));
                self.problem_at(line, None, key.name(), text);
            }
            (Shape::List, value) => {
                let single = [Rc::new(Node { line: node.line, value: Value::Null })];
                let items = match value {
                    Value::List(nodes) => self.items(key, nodes, None),
                    _ => self.items(key, &single, Some(value)),
                };
                layer.lists.insert(key, Items { place: self.place(line), items });
            }
        }
    }

    /// The items of a list; `single` is the only one, when a value stood in the list's place.
    fn items(&mut self, key: Key, nodes: &[Rc<Node>], single: Option<&Value>) -> Vec<Item> {
        let item = |node: &Rc<Node>| self.item(key, node.line, single.unwrap_or(&node.value));
        nodes.iter().filter_map(item).collect()
    }

    fn item(&mut self, key: Key, line: usize, value: &Value) -> Option<Item> {
        let problem = match value {
            Value::Scalar { text, plain: true } if key == Key::Files && is_number(text) => {
                format!("{text} is a number; put a path of that name in quotes")
            }
            Value::Scalar { text, .. } if !text.is_empty() => {
                return Some(Item::Text(self.text(text, line)));
            }
            Value::Map(entries) if key == Key::Files => return self.entry(line, entries),
            Value::Map(_) => "an item with a ':' in it is a map for YAML; put it in quotes".into(),
            Value::List(_) => {
                "a list stands inside the list; put text that begins with '[' in quotes".into()
            }
            Value::Null | Value::Scalar { .. } if key == Key::Files => {
                "an item is empty; write a path, or remove the '-'".into()
            }
            Value::Null | Value::Scalar { .. } => {
                "an empty pattern matches everything; write one, or remove the '-'".into()
            }
        };
        self.problem_at(line, None, key.name(), problem);
        None
    }

    /// `{path, tag}`.
    fn entry(&mut self, line: usize, entries: &[Entry]) -> Option<Item> {
        let (mut path, mut tag) = (None, None);
        let mut bad = false;
        for (i, (name, line, node)) in entries.iter().enumerate() {
            self.warn_of_duplicate("files.", &entries[..i], name, *line);
            let field = match name.to_ascii_lowercase().as_str() {
                "path" => &mut path,
                "tag" => &mut tag,
                other => {
                    let near = nearest(other, ["path", "tag"].into_iter());
                    self.unknown(*line, &format!("files.{name}"), near);
                    continue;
                }
            };
            match &node.value {
                Value::Scalar { text, .. } if !text.is_empty() => {
                    *field = Some(Text { text: text.into(), place: self.place(node.line) });
                }
                Value::Null | Value::Scalar { .. } => {}
                other => {
                    bad = true;
                    let text = format!("{} stands where a word belongs; write one", name_of(other));
                    self.problem_at(*line, None, &format!("files.{name}"), text);
                }
            }
        }
        match path {
            Some(path) => Some(Item::Entry { path, tag }),
            None if bad => None,
            None => {
                let text = "an entry has no path; write path: and the file to follow";
                self.problem_at(line, None, "files", text);
                None
            }
        }
    }

    fn warn_of_duplicate(&mut self, prefix: &str, before: &[Entry], name: &str, line: usize) {
        if let Some((_, first, _)) = before.iter().find(|e| e.0.eq_ignore_ascii_case(name)) {
            let text =
                format!("given on line {first} already, and only this one counts; remove one");
            self.warn(line, &format!("{prefix}{name}"), &text);
        }
    }

    fn unknown(&mut self, line: usize, name: &str, near: Option<&str>) {
        let remedy = near.map_or("remove it".to_owned(), |near| format!("did you mean {near}?"));
        self.warn(line, name, &format!("unknown key, ignored; {remedy}"));
    }

    fn text(&self, text: &str, line: usize) -> Text {
        Text { text: text.into(), place: self.place(line) }
    }

    fn place(&self, line: usize) -> Place {
        Place::Line { file: Arc::clone(&self.file), line, column: None }
    }

    fn problem_at(
        &mut self,
        line: usize,
        column: Option<usize>,
        key: &str,
        text: impl Into<String>,
    ) {
        let place = Place::Line { file: Arc::clone(&self.file), line, column };
        self.findings.problems.push(Problem::at(place, key, text));
    }

    fn warn(&mut self, line: usize, key: &str, text: &str) {
        let place = self.place(line);
        self.findings.warnings.push(Problem::at(place, key, text));
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.parse::<f64>().is_ok()
}

fn name_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Scalar { .. } => "a single word",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}
