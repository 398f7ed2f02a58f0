//! The names of all keys, from the types themselves.

use std::cell::RefCell;

use serde::Deserialize;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::leaf::name;

/// The names of the keys of `T`, a dot between that of a section and those in it, in the order of the
/// types; and the names of the sections.
pub(in super::super) fn of<'de, T: Deserialize<'de>>() -> KeyNames {
    let names = RefCell::new(KeyNames::default());
    let outline = Outline { prefix: String::new(), name: String::new(), names: &names };
    // Nothing in it fails: it says of each value that there is none.
    let _ = T::deserialize(outline);
    names.into_inner()
}

/// What [`of`] finds.
#[derive(Debug, Default, Clone)]
pub(in super::super) struct KeyNames {
    /// Of what has a value.
    pub(in super::super) keys: Vec<KeyName>,
    /// Of what holds keys.
    pub(in super::super) sections: Vec<String>,
}

/// The name of what has a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in super::super) struct KeyName {
    /// As in `destination.port`.
    pub(in super::super) name: String,
    /// Whether it has a list.
    pub(in super::super) is_list: bool,
}

/// A deserializer that has nothing and writes down what it is asked for.
#[derive(Clone)]
struct Outline<'a> {
    /// What the names of the keys in it begin with.
    prefix: String,
    name: String,
    names: &'a RefCell<KeyNames>,
}

impl<'de> Deserializer<'de> for Outline<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        let mut names = self.names.borrow_mut();
        if !self.name.is_empty() && names.sections.last() != Some(&self.name) {
            names.sections.push(self.name.clone());
        }
        drop(names);
        visitor.visit_map(NoFields { fields: fields.iter(), field: "", outline: self })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_seq(Again(self))
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        called: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        let is_list = called != name::ONE;
        self.names.borrow_mut().keys.push(KeyName { name: self.name, is_list });
        visitor.visit_none()
    }

    /// What may be missing as a whole is a word or a map that says more, which cannot say of itself that it is missing.
    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        self.names.borrow_mut().keys.push(KeyName { name: self.name, is_list: false });
        visitor.visit_none()
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_none()
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple map enum identifier ignored_any
    }
}

struct NoFields<'a> {
    fields: std::slice::Iter<'static, &'static str>,
    field: &'static str,
    outline: Outline<'a>,
}

impl<'de> MapAccess<'de> for NoFields<'_> {
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
        let name = format!("{}{}", self.outline.prefix, self.field);
        let prefix = format!("{name}.");
        seed.deserialize(Outline { prefix, name, names: self.outline.names })
    }
}

/// The same for each half.
struct Again<'a>(Outline<'a>);

impl<'de> SeqAccess<'de> for Again<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Error> {
        seed.deserialize(self.0.clone()).map(Some)
    }
}
