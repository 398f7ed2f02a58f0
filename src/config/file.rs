//! The file: which keys it holds, each value with its line. No value is interpreted here.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

use super::error::{Place, Problem};
use super::findings::Findings;
use super::keys::{DESTINATION, Key, Shape, nearest};
use super::raw::{EntryTexts, Item, Items, Layer, Text};
use super::yaml::{self, Entry, Node, Value};

/// Longer than any configuration. What is longer is another file, or has no end.
const LENGTH_MAX: u64 = 16 << 20;

/// What an entry of `files` may hold.
const ENTRY_KEYS: [&str; 4] = ["path", "tag", "timestamp", "timestamp_format"];

/// Reads the file at `path`. `None`: it could not be read as a whole, and a problem says why.
/// A missing file is no problem unless it is `required`.
pub(super) fn read(path: &Path, required: bool, findings: &mut Findings) -> Option<Layer> {
    let file = Arc::new(path.to_owned());
    let text = match contents(path) {
        Ok(bytes) if bytes.len() as u64 <= LENGTH_MAX => {
            return FileReader { file, findings }.bytes(&bytes);
        }
        Ok(_) => format!(
            "is longer than {} MiB, which no configuration is; name another file",
            LENGTH_MAX >> 20
        ),
        Err(error) if error.kind() == io::ErrorKind::NotFound && !required => {
            return Some(Layer::default());
        }
        Err(error) => {
            format!("cannot be read ({}); check its path and rights", reason(&error))
        }
    };
    findings.problem(Problem::at(Place::File(file), "", text));
    None
}

/// What the file holds, or a little more than may be.
fn contents(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(LENGTH_MAX + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The error in words, without the number that the standard library puts behind them.
fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

pub(super) struct FileReader<'a> {
    pub(super) file: Arc<std::path::PathBuf>,
    pub(super) findings: &'a mut Findings,
}

impl FileReader<'_> {
    pub(super) fn bytes(&mut self, bytes: &[u8]) -> Option<Layer> {
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
        let keys = keys(entries);
        for (i, entry) in entries.iter().enumerate() {
            let counts = self.counts(prefix, &keys, i, entry);
            let (name, line, node) = entry;
            let name = format!("{prefix}{name}");
            if name.eq_ignore_ascii_case(DESTINATION) {
                // Of a repeated section, too, the last counts as a whole.
                counts.then(|| self.destination(*line, node, layer));
            } else if let Some(key) = Key::of(&name) {
                counts.then(|| self.setting(key, *line, node, layer));
            } else {
                let known = Key::all().map(Key::name).chain([DESTINATION]);
                self.unknown(*line, &name, known);
            }
        }
    }

    fn destination(&mut self, line: usize, node: &Node, layer: &mut Layer) {
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

    /// A map with a path.
    fn entry(&mut self, line: usize, entries: &[Entry]) -> Option<Item> {
        let [mut path, mut tag, mut timestamp, mut timestamp_format] = [const { None }; 4];
        let mut bad = false;
        let keys = keys(entries);
        for (i, entry) in entries.iter().enumerate() {
            self.counts("files.", &keys, i, entry);
            let (name, line, node) = entry;
            let field = match name.to_ascii_lowercase().as_str() {
                "path" => &mut path,
                "tag" => &mut tag,
                "timestamp" => &mut timestamp,
                "timestamp_format" => &mut timestamp_format,
                _ => {
                    self.unknown(*line, &format!("files.{name}"), ENTRY_KEYS.into_iter());
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
            Some(path) => Some(Item::Entry(EntryTexts { path, tag, timestamp, timestamp_format })),
            None if bad => None,
            None => {
                let text = "an entry has no path; write path: and the file to follow";
                self.problem_at(line, None, "files", text);
                None
            }
        }
    }

    /// Of entry `i` of a map whether it counts: the last of a repeated key does, also when it is
    /// empty. Warns of others.
    fn counts(&mut self, prefix: &str, keys: &Keys, i: usize, (name, line, _): &Entry) -> bool {
        let (first, last) = keys[&name.to_ascii_lowercase()];
        if first.0 < i {
            let text = format!(
                "given on line {} already, and only the last one counts; remove the others",
                first.1
            );
            self.warn(*line, &format!("{prefix}{name}"), &text);
        }
        last == i
    }

    fn unknown<'k>(&mut self, line: usize, name: &str, known: impl Iterator<Item = &'k str>) {
        // Of those that are not told, nobody needs to know what was meant.
        let has_room = self.findings.has_room_for_warnings();
        let near = if has_room { nearest(name, known) } else { None };
        let remedy = near.map_or("remove it".to_owned(), |near| format!("did you mean {near}?"));
        let text = format!("unknown key, ignored; {remedy}");
        let warning = Problem::at(self.place(line), name, text);
        self.findings.misspelt(warning, near.and_then(Key::of));
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
        self.findings.problem(Problem::at(place, key, text));
    }

    fn warn(&mut self, line: usize, key: &str, text: &str) {
        let place = self.place(line);
        self.findings.warn(Problem::at(place, key, text));
    }
}

/// Each key of a map in lower case: the place and the line of the first, the place of the last.
type Keys = HashMap<String, ((usize, usize), usize)>;

fn keys(entries: &[Entry]) -> Keys {
    let mut keys = Keys::new();
    for (i, (name, line, _)) in entries.iter().enumerate() {
        keys.entry(name.to_ascii_lowercase()).or_insert(((i, *line), i)).1 = i;
    }
    keys
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
