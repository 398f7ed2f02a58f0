//! Values as they were typed, each with the spot where it stands.
//!
//! These types ask the deserializer for themselves by name, as `toml::Spanned` does. Only
//! [`super::layered`] and [`super::outline`] know the names.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::marker::PhantomData;
use std::os::unix::ffi::OsStringExt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::meaning::Meaning;

/// The names by which the types ask for themselves.
pub(super) mod name {
    pub(in super::super) const ONE: &str = "config::One";
    pub(in super::super) const TEXT: &str = "config::Text";
    pub(in super::super) const LIST: &str = "config::List";
    pub(in super::super) const FILE_LIST: &str = "config::List of files";
    pub(in super::super) const RECEIVER_LIST: &str = "config::List of receivers";
    pub(in super::super) const MAP_LIST: &str = "config::List of maps";
    pub(in super::super) const PAIRS: &str = "config::Pairs";
    pub(in super::super) const CHOICE: &str = "config::Choice";
    pub(in super::super) const BOTH: &str = "config::Both";
}

/// Where a value stands: its number in [`super::spots::Spots`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct Spot(pub(super) u32);

/// A word as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct Text {
    pub(in super::super) text: OsString,
    pub(in super::super) spot: Spot,
}

impl Text {
    /// Reads what the deserializer gives for a word: its spot, and its bytes.
    fn from_seq<'de, A: SeqAccess<'de>>(mut seq: A) -> Result<Self, A::Error> {
        let spot = seq.next_element()?.ok_or_else(|| A::Error::custom("no spot"))?;
        let Bytes(bytes) = seq.next_element()?.ok_or_else(|| A::Error::custom("no text"))?;
        Ok(Self { text: OsString::from_vec(bytes), spot: Spot(spot) })
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Words;
        impl<'de> Visitor<'de> for Words {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Text, A::Error> {
                Text::from_seq(seq)
            }
        }
        deserializer.deserialize_newtype_struct(name::TEXT, Words)
    }
}

struct Bytes(Vec<u8>);

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct AnyBytes;
        impl Visitor<'_> for AnyBytes {
            type Value = Bytes;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_owned()))
            }
        }
        deserializer.deserialize_bytes(AnyBytes)
    }
}

/// One word with that meaning, if it was given.
#[derive(Debug, Clone)]
pub(in super::super) struct One<M> {
    text: Option<Text>,
    is_misshapen: bool,
    meaning: PhantomData<M>,
}

impl<M> One<M> {
    /// As it was typed.
    pub(in super::super) fn typed(&self) -> Option<&Text> {
        self.text.as_ref()
    }

    /// Where it was given, if it was.
    pub(in super::super) fn spot(&self) -> Option<Spot> {
        self.text.as_ref().map(|text| text.spot)
    }

    /// Whether something stands there that is no word, as a problem says already.
    pub(in super::super) fn is_misshapen(&self) -> bool {
        self.is_misshapen
    }

    /// Its text, if it was given.
    pub(in super::super) fn as_os_str(&self) -> Option<&OsStr> {
        self.text.as_ref().map(|text| text.text.as_os_str())
    }
}

impl<M> Default for One<M> {
    fn default() -> Self {
        Self { text: None, is_misshapen: false, meaning: PhantomData }
    }
}

impl<'de, M: Meaning> Deserialize<'de> for One<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneVisitor<M>(PhantomData<M>);
        impl<'de, M> Visitor<'de> for OneVisitor<M> {
            type Value = One<M>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or nothing")
            }
            fn visit_none<E>(self) -> Result<One<M>, E> {
                Ok(One::default())
            }
            fn visit_unit<E>(self) -> Result<One<M>, E> {
                Ok(One { is_misshapen: true, ..One::default() })
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<One<M>, A::Error> {
                Ok(One { text: Some(Text::from_seq(seq)?), ..One::default() })
            }
        }
        deserializer.deserialize_newtype_struct(name::ONE, OneVisitor(PhantomData))
    }
}

/// What may stand in a list.
pub(in super::super) trait ListItem {
    /// The name by which a list of such items asks for itself.
    const LIST: &'static str;
}

impl ListItem for Text {
    const LIST: &'static str = name::LIST;
}

/// A list, if it was given; it may be empty. One item may stand in its place.
#[derive(Debug, Clone)]
pub(in super::super) struct List<I> {
    spot: Option<Spot>,
    items: Vec<I>,
}

impl<I> List<I> {
    /// Where its key stands, if it was given.
    pub(in super::super) fn spot(&self) -> Option<Spot> {
        self.spot
    }

    /// What stands in it.
    pub(in super::super) fn items(&self) -> &[I] {
        &self.items
    }
}

impl<I> Default for List<I> {
    fn default() -> Self {
        Self { spot: None, items: Vec::new() }
    }
}

impl<'de, I: Deserialize<'de> + ListItem> Deserialize<'de> for List<I> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ListVisitor<I>(PhantomData<I>);
        impl<'de, I: Deserialize<'de>> Visitor<'de> for ListVisitor<I> {
            type Value = List<I>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list or nothing")
            }
            fn visit_none<E>(self) -> Result<List<I>, E> {
                Ok(List::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<List<I>, A::Error> {
                let spot = seq.next_element()?.map(Spot);
                let mut items = Vec::new();
                while let Some(item) = seq.next_element()? {
                    items.push(item);
                }
                Ok(List { spot, items })
            }
        }
        deserializer.deserialize_newtype_struct(I::LIST, ListVisitor(PhantomData))
    }
}

/// A word, or a map that says more.
#[derive(Debug, Clone)]
pub(in super::super) enum Choice<T> {
    /// The word.
    Text(Text),
    /// The map, and where it begins.
    Map(Spot, Box<T>),
}

/// A map that may stand in a list beside words.
pub(in super::super) trait ListMap {
    /// The name by which a list of them asks for itself.
    const LIST: &'static str = name::MAP_LIST;
}

impl<T: ListMap> ListItem for Choice<T> {
    const LIST: &'static str = T::LIST;
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Choice<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ChoiceVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for ChoiceVisitor<T> {
            type Value = Choice<T>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a word or a map")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Choice<T>, A::Error> {
                Text::from_seq(seq).map(Choice::Text)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Choice<T>, A::Error> {
                let spot = map.next_key()?.ok_or_else(|| A::Error::custom("no spot"))?;
                Ok(Choice::Map(Spot(spot), Box::new(map.next_value()?)))
            }
        }
        deserializer.deserialize_newtype_struct(name::CHOICE, ChoiceVisitor(PhantomData))
    }
}

/// A map whose keys are not ours, in its order: each with the word behind it.
#[derive(Debug, Clone)]
pub(in super::super) struct Pairs<M> {
    spot: Option<Spot>,
    pairs: Vec<(Text, One<M>)>,
}

impl<M> Pairs<M> {
    /// Where its key stands, if it was given.
    pub(in super::super) fn spot(&self) -> Option<Spot> {
        self.spot
    }

    /// What stands in it.
    pub(in super::super) fn pairs(&self) -> &[(Text, One<M>)] {
        &self.pairs
    }
}

impl<M> Default for Pairs<M> {
    fn default() -> Self {
        Self { spot: None, pairs: Vec::new() }
    }
}

impl<'de, M: Meaning> Deserialize<'de> for Pairs<M> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PairsVisitor<M>(PhantomData<M>);
        impl<'de, M: Meaning> Visitor<'de> for PairsVisitor<M> {
            type Value = Pairs<M>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map or nothing")
            }
            fn visit_none<E>(self) -> Result<Pairs<M>, E> {
                Ok(Pairs::default())
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Pairs<M>, A::Error> {
                let spot = seq.next_element()?.map(Spot);
                let mut pairs = Vec::new();
                while let Some(name) = seq.next_element()? {
                    pairs.push((name, seq.next_element()?.unwrap_or_default()));
                }
                Ok(Pairs { spot, pairs })
            }
        }
        deserializer.deserialize_newtype_struct(name::PAIRS, PairsVisitor(PhantomData))
    }
}

/// The keys of two structures in one map. (`serde(flatten)` would lose where values stand.)
#[derive(Debug, Default, Clone)]
pub(in super::super) struct Both<A, B> {
    /// Those that there are only here.
    pub(in super::super) own: A,
    /// Those that there are elsewhere too.
    pub(in super::super) shared: B,
}

impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Deserialize<'de> for Both<A, B> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct BothVisitor<A, B>(PhantomData<(A, B)>);
        impl<'de, A: Deserialize<'de>, B: Deserialize<'de>> Visitor<'de> for BothVisitor<A, B> {
            type Value = Both<A, B>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map")
            }
            fn visit_seq<S: SeqAccess<'de>>(self, mut seq: S) -> Result<Both<A, B>, S::Error> {
                let missing = || S::Error::custom("half of a map");
                let own = seq.next_element()?.ok_or_else(missing)?;
                let shared = seq.next_element()?.ok_or_else(missing)?;
                Ok(Both { own, shared })
            }
        }
        deserializer.deserialize_tuple_struct(name::BOTH, 2, BothVisitor(PhantomData))
    }
}
