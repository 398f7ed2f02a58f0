//! What [`super::layered`] hands to the types, piece by piece.

use std::cell::RefCell;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::rc::Rc;

use serde::de::value::{BytesDeserializer, Error, StrDeserializer, U32Deserializer};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::super::yaml::{Node, Value};
use super::layered::{Layered, Said, is_empty};
use super::leaf::{Spot, name};

/// The fields of a structure, each with what was found of it.
pub(super) struct FieldValues<'a, 'r, 'f> {
    pub(super) fields: std::slice::Iter<'static, &'static str>,
    pub(super) values: std::vec::IntoIter<Vec<Said<'a>>>,
    pub(super) field: &'static str,
    pub(super) section: Layered<'a, 'r, 'f>,
}

impl<'de> MapAccess<'de> for FieldValues<'_, '_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let Some(field) = self.fields.next() else { return Ok(None) };
        self.field = field;
        seed.deserialize(StrDeserializer::new(field)).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let name = self.section.name_of(self.field).into();
        seed.deserialize(self.section.with(name, self.values.next().unwrap_or_default()))
    }
}

/// The same map for each of two structures.
pub(super) struct Halves<'a, 'b, 'r, 'f> {
    pub(super) whole: &'b Layered<'a, 'r, 'f>,
    pub(super) union: &'b RefCell<Vec<&'static str>>,
}

impl<'de, 'a: 'b, 'b> SeqAccess<'de> for Halves<'a, 'b, '_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        let Layered { reading, name, found, is_in_item, .. } = self.whole;
        let (name, found) = (Rc::clone(name), found.clone());
        let union = Some(self.union);
        seed.deserialize(Layered { reading, name, found, is_in_item: *is_in_item, union }).map(Some)
    }
}

/// The spot of a list, and its items; those whose shape does not fit are left out.
pub(super) struct ListAccess<'a, 'r, 'f> {
    pub(super) spot: Option<Spot>,
    pub(super) of: &'static str,
    pub(super) origin: u32,
    pub(super) items: std::vec::IntoIter<&'a Node>,
    pub(super) list: Layered<'a, 'r, 'f>,
}

impl<'a> ListAccess<'a, '_, '_> {
    /// The next item that may stand here.
    fn next_fitting(&mut self) -> Option<Said<'a>> {
        let (is_of_files, has_maps) = (self.of == name::FILE_LIST, self.of != name::LIST);
        loop {
            let node = self.items.next()?;
            let found = Said { origin: self.origin, line: node.line, node };
            let problem = match &node.value {
                Value::Scalar { text, plain: true } if is_of_files && is_number(text) => {
                    format!("{text} is a number; put a path of that name in quotes")
                }
                Value::Scalar { text, .. } if !text.is_empty() => return Some(found),
                Value::Raw(_) => return Some(found),
                Value::Map(_) if has_maps => return Some(found),
                Value::Map(_) => {
                    "an item with a ':' in it is a map for YAML; put it in quotes".to_owned()
                }
                Value::List(_) => {
                    "a list stands inside the list; write one '-' before each item, and put text that \
                     begins with '[' in quotes"
                        .into()
                }
                Value::Null | Value::Scalar { .. } if is_of_files => {
                    "an item is empty; write a path, or remove the '-'".into()
                }
                Value::Null | Value::Scalar { .. } if self.of == name::RECEIVER_LIST => {
                    "an item is empty; write HOST:PORT, or remove the '-'".into()
                }
                Value::Null | Value::Scalar { .. } => {
                    "an empty pattern matches everything; write one, or remove the '-'".into()
                }
            };
            self.list.problem(&found, node.line, problem);
        }
    }
}

impl<'de> SeqAccess<'de> for ListAccess<'_, '_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if let Some(Spot(spot)) = self.spot.take() {
            return seed.deserialize(U32Deserializer::new(spot)).map(Some);
        }
        let Some(found) = self.next_fitting() else { return Ok(None) };
        let item = self.list.with(Rc::clone(&self.list.name), vec![found]);
        seed.deserialize(Layered { is_in_item: true, ..item }).map(Some)
    }
}

/// A word: its spot, and its bytes.
pub(super) struct Word<'a> {
    pub(super) spot: Option<Spot>,
    pub(super) text: Option<&'a OsStr>,
}

impl<'a> Word<'a> {
    pub(super) fn new(spot: Spot, text: &'a OsStr) -> Self {
        Self { spot: Some(spot), text: Some(text) }
    }
}

impl<'de> SeqAccess<'de> for Word<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if let Some(Spot(spot)) = self.spot.take() {
            return seed.deserialize(U32Deserializer::new(spot)).map(Some);
        }
        let text = self.text.take().map(OsStrExt::as_bytes);
        text.map(|bytes| seed.deserialize(BytesDeserializer::new(bytes))).transpose()
    }
}

/// What stands behind a name in [`Layered::pairs`].
pub(super) enum PairValue<'a> {
    Said(Said<'a>),
    Text(&'a OsStr),
}

/// The spot of a map, and its names and values in turn.
pub(super) struct PairsAccess<'a, 'r, 'f> {
    pub(super) spot: Option<Spot>,
    pub(super) pairs: std::vec::IntoIter<(&'a OsStr, usize, PairValue<'a>)>,
    /// That of the name which was told last.
    pub(super) value: Option<(&'a OsStr, usize, PairValue<'a>)>,
    pub(super) origin: u32,
    pub(super) map: Layered<'a, 'r, 'f>,
}

impl<'de> SeqAccess<'de> for PairsAccess<'_, '_, '_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        if let Some(Spot(spot)) = self.spot.take() {
            return seed.deserialize(U32Deserializer::new(spot)).map(Some);
        }
        let Self { origin, map, .. } = self;
        let key = |name: &OsStr| map.name_of(&name.to_string_lossy()).into();
        let spot = |name: &OsStr, line: usize| {
            map.reading.borrow_mut().spots.add(*origin, line, &key(name))
        };
        match self.value.take() {
            None => {
                let Some((name, line, value)) = self.pairs.next() else { return Ok(None) };
                self.value = Some((name, line, value));
                seed.deserialize(Word::new(spot(name, line), name)).map(Some)
            }
            Some((name, _, PairValue::Said(found))) => {
                let found = Some(found).filter(|found| !is_empty(found.node));
                seed.deserialize(map.with(key(name), found.into_iter().collect())).map(Some)
            }
            Some((name, line, PairValue::Text(text))) => {
                seed.deserialize(Word::new(spot(name, line), text)).map(Some)
            }
        }
    }
}

impl<'de> Deserializer<'de> for Word<'_> {
    type Error = Error;

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        called: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        // An empty value is none; an empty name is a name.
        match called == name::ONE && self.text.is_some_and(OsStr::is_empty) {
            true => visitor.visit_none(),
            false => visitor.visit_seq(self),
        }
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit
        unit_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

/// A map behind its spot.
pub(super) struct MapWithSpot<'a, 'r, 'f> {
    pub(super) spot: Option<Spot>,
    pub(super) map: Option<Layered<'a, 'r, 'f>>,
}

impl<'de> MapAccess<'de> for MapWithSpot<'_, '_, '_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Error> {
        let spot = self.spot.take();
        spot.map(|Spot(spot)| seed.deserialize(U32Deserializer::new(spot))).transpose()
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let map = self.map.take().ok_or_else(|| Error::custom("one map"))?;
        seed.deserialize(map)
    }
}

fn is_number(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && text.parse::<f64>().is_ok()
}
