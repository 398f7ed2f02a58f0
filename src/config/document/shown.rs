//! What was typed, as a configuration again: each value with a comment that says where it comes from.

use std::path::Path;

use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use serde_yaml::Commented;

use super::super::entry;
use super::leaf::{Both, Choice, List, One, Pairs, Spot, Text};
use super::meaning::{Meaning, WordKind};
use super::spots::Spots;
use crate::shown::Show;

/// A value as it is written.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) enum ShownValue {
    /// It was not given.
    Absent,
    /// A word, and what is said of it. `is_bare`: it needs no quotes where it is a number or a truth value.
    Word { text: String, comment: String, is_bare: bool },
    /// Items.
    List(Vec<Self>),
    /// Keys in their order.
    Map(Vec<(String, Self)>),
}

/// What can be shown.
pub(in super::super) trait ShowTyped {
    /// The value as it is written.
    fn shown(&self, by: &Shower<'_>) -> ShownValue;
}

/// What it takes to show values.
#[derive(Debug)]
pub(in super::super) struct Shower<'a> {
    pub(in super::super) spots: &'a Spots,
    /// What relative paths are relative to.
    pub(in super::super) cwd: &'a Path,
}

/// Stands for a secret.
const MASK: &str = "********";

impl Shower<'_> {
    fn word(&self, Text { text, spot }: &Text, kind: WordKind, is_bare: bool) -> ShownValue {
        let place = self.spots.place(*spot).to_string();
        let (text, comment) = match kind {
            WordKind::Secret => (MASK.to_owned(), format!("{place}; not shown")),
            WordKind::Path => {
                (entry::absolute(text, self.cwd).to_string_lossy().into_owned(), place)
            }
            WordKind::Plain => (text.to_string_lossy().into_owned(), place),
        };
        ShownValue::Word { text, comment, is_bare }
    }

    /// An item of `files` that is a word: its tag stays, its path becomes absolute.
    fn file(&self, text: &Text) -> ShownValue {
        let Text { text: typed, spot } = text;
        let Ok((tag, path)) = entry::split(typed) else {
            return self.word(text, WordKind::Plain, false);
        };
        let path = entry::absolute(path, self.cwd).to_string_lossy().into_owned();
        let comment = self.spots.place(*spot).to_string();
        let word =
            |text: String| ShownValue::Word { text, comment: comment.clone(), is_bare: false };
        match tag {
            // A path from the root may hold what the typed one did not.
            _ if path.contains('=') => {
                let tag = tag.map(|tag| ("tag".to_owned(), word(tag)));
                let path = ("path".to_owned(), word(path));
                ShownValue::Map([path].into_iter().chain(tag).collect())
            }
            Some(tag) => word(format!("{tag}={path}")),
            None => word(path),
        }
    }

    /// A place in a comment, for what has no comment of its own.
    fn place(&self, spot: Spot) -> String {
        self.spots.place(spot).to_string()
    }
}

impl<M: Meaning> ShowTyped for One<M> {
    fn shown(&self, by: &Shower<'_>) -> ShownValue {
        self.typed().map_or(ShownValue::Absent, |text| by.word(text, M::KIND, true))
    }
}

impl ShowTyped for Text {
    fn shown(&self, by: &Shower<'_>) -> ShownValue {
        by.word(self, WordKind::Plain, false)
    }
}

impl<I: ShowTyped> ShowTyped for List<I> {
    fn shown(&self, by: &Shower<'_>) -> ShownValue {
        match self.spot() {
            None => ShownValue::Absent,
            Some(_) => ShownValue::List(self.items().iter().map(|item| item.shown(by)).collect()),
        }
    }
}

impl<T: ShowTyped> ShowTyped for Choice<T> {
    fn shown(&self, by: &Shower<'_>) -> ShownValue {
        match self {
            // Of words in lists only those of `files` are paths.
            Self::Text(text) if by.spots.name(text.spot) == "files" => by.file(text),
            Self::Text(text) => text.shown(by),
            Self::Map(_, map) => map.shown(by).without_absent(),
        }
    }
}

impl<T: ShowTyped> ShowTyped for Option<T> {
    fn shown(&self, by: &Shower<'_>) -> ShownValue {
        self.as_ref().map_or(ShownValue::Absent, |given| given.shown(by))
    }
}

impl<M: Meaning> ShowTyped for Pairs<M> {
    fn shown(&self, by: &Shower<'_>) -> ShownValue {
        let Some(spot) = self.spot() else { return ShownValue::Absent };
        let pairs = self.pairs().iter().map(|(name, value)| {
            let value = match value.typed() {
                Some(text) => by.word(text, M::KIND, true),
                None => ShownValue::Word {
                    text: String::new(),
                    comment: by.place(spot),
                    is_bare: false,
                },
            };
            (name.text.to_string_lossy().into_owned(), value)
        });
        ShownValue::Map(pairs.collect())
    }
}

impl<A: ShowTyped, B: ShowTyped> ShowTyped for Both<A, B> {
    fn shown(&self, by: &Shower<'_>) -> ShownValue {
        match (self.own.shown(by), self.shared.shown(by)) {
            (ShownValue::Map(own), ShownValue::Map(shared)) => {
                ShownValue::Map(own.into_iter().chain(shared).collect())
            }
            (own, _) => own,
        }
    }
}

impl ShownValue {
    /// Without the keys that were not given, and sections that hold nothing else.
    fn without_absent(self) -> Self {
        let Self::Map(entries) = self else { return self };
        let entries = entries.into_iter().map(|(name, value)| (name, value.without_absent()));
        let is_there = |(_, value): &(String, Self)| match value {
            Self::Absent => false,
            Self::Map(entries) => !entries.is_empty(),
            Self::Word { .. } | Self::List(_) => true,
        };
        Self::Map(entries.filter(is_there).collect())
    }

    /// With `default` for each key that was not given; it gets the name of the key.
    pub(in super::super) fn or_defaults(self, default: &impl Fn(&str) -> Option<String>) -> Self {
        self.named("", default)
    }

    fn named(self, name: &str, default: &impl Fn(&str) -> Option<String>) -> Self {
        match self {
            Self::Absent => match default(name) {
                Some(text) => Self::Word { text, comment: "default".to_owned(), is_bare: true },
                None => Self::Absent,
            },
            Self::Map(entries) => {
                let prefix = if name.is_empty() { String::new() } else { format!("{name}.") };
                let named = |(key, value): (String, Self)| {
                    let value = value.named(&format!("{prefix}{key}"), default);
                    (key, value)
                };
                Self::Map(entries.into_iter().map(named).collect())
            }
            given @ (Self::Word { .. } | Self::List(_)) => given,
        }
    }
}

impl Serialize for ShownValue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Absent => Commented((), "default".to_owned()).serialize(serializer),
            Self::Word { text, comment, is_bare } => {
                let comment = comment.shown().to_string();
                let number = text.parse::<u32>().ok();
                let number = number.filter(|number| *is_bare && number.to_string() == *text);
                match (number, text.as_str()) {
                    (Some(number), _) => Commented(number, comment).serialize(serializer),
                    (None, "true") if *is_bare => Commented(true, comment).serialize(serializer),
                    (None, "false") if *is_bare => Commented(false, comment).serialize(serializer),
                    (None, text) => Commented(text, comment).serialize(serializer),
                }
            }
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                entries.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}
