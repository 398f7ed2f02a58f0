//! A deserializer over the trees of all sources at once, which never fails: what is wrong with their
//! shape is written down, with its place, and the value counts as not given.
//!
//! Of each key the first source that gives it a value decides, within a source the last of a repeated
//! key. Sections are gone through key by key, so that one source may give the port and another the
//! host.

use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::forward_to_deserialize_any;

use super::super::error::Problem;
use super::super::keys::{REDACTION, meant_by};
use super::super::yaml::{Entry, Node, Value};
use super::access::{FieldValues, Halves, ListAccess, MapWithSpot, PairValue, PairsAccess, Word};
use super::leaf::{Spot, name};
use super::outline::KeyNames;
use super::reader::SourceReader;

/// What one source says of a key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Said<'a> {
    pub(super) origin: u32,
    /// Where the key stands.
    pub(super) line: usize,
    pub(super) node: &'a Node,
}

/// What the sources say of one key, the source that wins first. Those that say nothing are left out.
pub(super) struct Layered<'a, 'r, 'f> {
    pub(super) reading: &'a RefCell<&'r mut SourceReader<'f>>,
    /// The name of the key, with those of its sections.
    pub(super) name: Rc<str>,
    pub(super) found: Vec<Said<'a>>,
    /// It stands in an item of a list.
    pub(super) is_in_item: bool,
    /// The fields that were met so far, where several structures share one map.
    pub(super) union: Option<&'a RefCell<Vec<&'static str>>>,
}

impl<'a, 'r, 'f> Layered<'a, 'r, 'f> {
    pub(super) fn with(&self, name: Rc<str>, found: Vec<Said<'a>>) -> Self {
        let is_in_item = self.is_in_item;
        Self { reading: self.reading, name, found, is_in_item, union: None }
    }

    /// The name of a key in this section.
    pub(super) fn name_of(&self, key: &str) -> String {
        if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) }
    }

    pub(super) fn spot(&self, found: &Said<'_>, line: usize) -> Spot {
        self.reading.borrow_mut().spots.add(found.origin, line, &self.name)
    }

    pub(super) fn problem(&self, found: &Said<'_>, line: usize, text: impl Into<String>) {
        let mut reading = self.reading.borrow_mut();
        let place = reading.place(found, line);
        reading.findings.problem(Problem::of(&self.name, &place, text));
    }

    fn warn(&self, found: &Said<'_>, line: usize, name: &str, text: String) {
        let mut reading = self.reading.borrow_mut();
        let place = reading.place(found, line);
        reading.findings.warn(Problem::at(place, name, text));
    }

    /// The maps among what was found; of anything else that stands in the place of one it says so.
    pub(super) fn maps(&mut self) {
        let found = std::mem::take(&mut self.found);
        for found in found {
            match &found.node.value {
                Value::Map(_) => self.found.push(found),
                other if &*self.name == "destination" => {
                    let text = format!(
                        "{} stands where host:, port: and protocol: belong; write them below, \
                         indented, with a blank behind each ':'",
                        other.noun()
                    );
                    self.problem(&found, found.line, text);
                }
                other => {
                    let text = format!(
                        "{} stands where keys belong; write them below, indented, with a blank \
                         behind each ':'",
                        other.noun()
                    );
                    self.problem(&found, found.line, text);
                }
            }
        }
    }

    /// What the sources say of each of `fields`. Warns of what is given twice.
    pub(super) fn gathered(&self, fields: &'static [&'static str]) -> Vec<Vec<Said<'a>>> {
        let numbers: HashMap<_, _> =
            fields.iter().enumerate().map(|(i, name)| (*name, i)).collect();
        let mut values = vec![Vec::new(); fields.len()];
        for found in &self.found {
            let Value::Map(entries) = &found.node.value else { continue };
            let keys = Keys::of(entries);
            for (i, (name, line, node)) in entries.iter().enumerate() {
                let Some(&field) = numbers.get(name.to_ascii_lowercase().as_str()) else {
                    continue;
                };
                // Of a repeated key the last counts, also when it is empty.
                if self.counts(&keys, i, found, &entries[i]) && !is_empty(node) {
                    values[field].push(Said { origin: found.origin, line: *line, node });
                }
            }
        }
        values
    }

    /// Of entry `i` of a map whether it counts: the last of a repeated key does. Warns of others.
    fn counts(&self, keys: &Keys, i: usize, found: &Said<'_>, (name, line, _): &Entry) -> bool {
        let (first, last) = keys.0[&name.to_ascii_lowercase()];
        if first.0 < i {
            let text = format!(
                "given on line {} already, and only the last one counts; remove the others",
                first.1
            );
            self.warn(found, *line, &self.name_of(name), text);
        }
        last == i
    }

    /// Warns of keys that are none of `fields`.
    pub(super) fn warn_of_unknown(&self, fields: &[&'static str]) {
        for found in &self.found {
            let Value::Map(entries) = &found.node.value else { continue };
            let keys = Keys::of(entries);
            for (i, entry) in entries.iter().enumerate() {
                if !fields.iter().any(|field| field.eq_ignore_ascii_case(&entry.0)) {
                    self.counts(&keys, i, found, entry);
                    self.unknown(found, entry, fields);
                }
            }
        }
    }

    fn unknown(&self, found: &Said<'_>, (typed, line, node): &Entry, fields: &[&'static str]) {
        let name = self.name_of(typed);
        let reading = &mut **self.reading.borrow_mut();
        let KeyNames { keys, sections } = &reading.names;
        let is_meant = |known: &String| known.eq_ignore_ascii_case(&name);
        if reading.is_included
            && !self.is_in_item
            && keys.iter().map(|key| &key.name).chain(sections).any(is_meant)
        {
            let text = "stands in an included file, which may hold files: only; write it in the file \
                        that includes this one, or in the entries";
            let problem = Problem::at(reading.place(found, *line), name, text);
            return reading.findings.problem(problem);
        }
        if name.eq_ignore_ascii_case("destination.also") {
            let text = "a second destination has positions and a pace of its own, so that neither waits for \
                        the other: it is another instance; write its configuration to \
                        /etc/remote_syslog/NAME.yml and enable remote_syslog@NAME (docs/operating.md)";
            let problem = Problem::at(reading.place(found, *line), name, text);
            return reading.findings.problem(problem);
        }
        let section = typed.rsplit_once('.').map_or("", |(section, _)| section);
        let has_section = fields.iter().any(|field| field.eq_ignore_ascii_case(section));
        let sought = meant_by(&name, text_of(node));
        let meant = if self.is_in_item {
            reading.findings.meant(&sought, fields.iter().copied())
        } else {
            let known = keys.iter().map(|key| &key.name).chain(sections).map(String::as_str);
            reading.findings.meant(&sought, known)
        };
        // A key that is known, but for its section above it.
        let is_dotted = has_section && keys.iter().any(|key| key.name.eq_ignore_ascii_case(typed));
        let near = match meant {
            Some(meant) if !is_dotted || meant == REDACTION => Some(meant),
            _ => Some(&*name).filter(|_| is_dotted),
        };
        let unknown = Problem::at(reading.place(found, *line), name.clone(), "unknown key");
        reading.findings.misspelt(unknown, near, near);
    }

    fn one<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(found) = self.found.first() else { return visitor.visit_none() };
        match text_of(found.node) {
            Some(text) => visitor.visit_seq(Word::new(self.spot(found, found.node.line), text)),
            None => {
                let one = if self.is_in_item { "a word" } else { "one value" };
                let text =
                    format!("{} stands where {one} belongs; write one", found.node.value.noun());
                self.problem(found, found.line, text);
                visitor.visit_unit()
            }
        }
    }

    fn list<'de, V: Visitor<'de>>(self, of: &'static str, visitor: V) -> Result<V::Value, Error> {
        let Some(&found) = self.found.first() else { return visitor.visit_none() };
        let spot = self.spot(&found, found.line);
        let items = match &found.node.value {
            Value::List(nodes) => nodes.iter().map(|node| &**node).collect(),
            _ => vec![found.node],
        };
        let items = items.into_iter();
        visitor.visit_seq(ListAccess {
            spot: Some(spot),
            of,
            origin: found.origin,
            items,
            list: self,
        })
    }

    fn pairs<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(&found) = self.found.first() else { return visitor.visit_none() };
        let mut pairs = Vec::new();
        match &found.node.value {
            Value::Map(entries) => {
                let keys = Keys::of(entries);
                for (i, entry) in entries.iter().enumerate() {
                    if self.counts(&keys, i, &found, entry) {
                        let (name, line, node) = entry;
                        let value = Said { line: *line, node, ..found };
                        pairs.push((OsStr::new(name), *line, PairValue::Said(value)));
                    }
                }
            }
            // From a variable: a name, a '=' and a value.
            Value::List(nodes) if nodes.iter().all(|node| matches!(node.value, Value::Raw(_))) => {
                for node in nodes {
                    let text = text_of(node).unwrap_or_default().as_bytes();
                    let Some(end) = text.iter().position(|&b| b == b'=') else {
                        let text =
                            format!("{:?} has no '='; write NAME=VALUE", OsStr::from_bytes(text));
                        self.problem(&found, node.line, text);
                        continue;
                    };
                    let value = OsStr::from_bytes(&text[end + 1..]);
                    let name = OsStr::from_bytes(&text[..end]);
                    pairs.push((name, node.line, PairValue::Text(value)));
                }
            }
            other => {
                let text = format!(
                    "{} stands where names and values belong; write them below, indented, as NAME: \
                     VALUE",
                    other.noun()
                );
                self.problem(&found, found.line, text);
                return visitor.visit_none();
            }
        }
        let spot = Some(self.spot(&found, found.line));
        let (pairs, value) = (pairs.into_iter(), None);
        visitor.visit_seq(PairsAccess { spot, pairs, value, origin: found.origin, map: self })
    }

    fn choice<'de, V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        let Some(found) = self.found.first() else { return visitor.visit_none() };
        let spot = self.spot(found, found.node.line);
        match text_of(found.node) {
            Some(text) => visitor.visit_seq(Word::new(spot, text)),
            None => visitor.visit_map(MapWithSpot { spot: Some(spot), map: Some(self) }),
        }
    }
}

impl<'de> Deserializer<'de> for Layered<'_, '_, '_> {
    type Error = Error;

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        called: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        match called {
            name::ONE | name::TEXT => self.one(visitor),
            name::LIST | name::FILE_LIST | name::RECEIVER_LIST | name::MAP_LIST => {
                self.list(called, visitor)
            }
            name::PAIRS => self.pairs(visitor),
            name::CHOICE => self.choice(visitor),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.maps();
        let values = self.gathered(fields).into_iter();
        match self.union {
            Some(union) => union.borrow_mut().extend(fields),
            None => self.warn_of_unknown(fields),
        }
        visitor.visit_map(FieldValues { fields: fields.iter(), values, field: "", section: self })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        self.maps();
        let union = RefCell::default();
        let value = visitor.visit_seq(Halves { whole: &self, union: &union })?;
        self.warn_of_unknown(&union.into_inner());
        Ok(value)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self.found.is_empty() {
            true => visitor.visit_none(),
            false => visitor.visit_some(self),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("the types of the configuration are structures and those of leaf.rs"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple map enum identifier ignored_any
    }
}

/// Each key of a map in lower case: the number and the line of the first, the number of the last.
struct Keys(HashMap<String, ((usize, usize), usize)>);

impl Keys {
    fn of(entries: &[Entry]) -> Self {
        let mut keys = HashMap::new();
        for (i, (name, line, _)) in entries.iter().enumerate() {
            keys.entry(name.to_ascii_lowercase()).or_insert(((i, *line), i)).1 = i;
        }
        Self(keys)
    }
}

/// A word's text, if it is a word.
pub(super) fn text_of(node: &Node) -> Option<&OsStr> {
    match &node.value {
        Value::Scalar { text, .. } => Some(OsStr::new(text)),
        Value::Raw(text) => Some(text),
        Value::Null | Value::List(_) | Value::Map(_) => None,
    }
}

/// An empty value counts as not given.
pub(super) fn is_empty(node: &Node) -> bool {
    matches!(node.value, Value::Null) || text_of(node).is_some_and(OsStr::is_empty)
}
