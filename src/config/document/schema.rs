//! The JSON Schema of the configuration, from its types: editors complete and check by it.
//!
//! `packaging/log_files.schema.json` is what is shipped. To write it anew: `UPDATE_EXPECTED=1 cargo test --lib
//! schema`.

use std::borrow::Cow;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::Value;

use super::leaf::{Both, Choice, List, One, Pairs, Text};
use super::meaning::Meaning;
use super::{FileKeys, outline};

/// What has no name of its own stands where it is used.
macro_rules! inline {
    ($name:literal) => {
        fn inline_schema() -> bool {
            true
        }

        fn schema_name() -> Cow<'static, str> {
            $name.into()
        }
    };
}

/// An empty value counts as not given.
fn or_nothing(schema: Schema) -> Schema {
    json_schema!({"anyOf": [schema, {"type": "null"}]})
}

impl<M: Meaning> JsonSchema for One<M> {
    inline!("One");

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        or_nothing(M::schema())
    }
}

impl JsonSchema for Text {
    inline!("Text");

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": ["string", "number", "boolean"]})
    }
}

impl<I: JsonSchema> JsonSchema for List<I> {
    inline!("List");

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let item = generator.subschema_for::<I>();
        or_nothing(json_schema!({"anyOf": [{"type": "array", "items": item.clone()}, item]}))
    }
}

impl<T: JsonSchema> JsonSchema for Choice<T> {
    inline!("Choice");

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({"anyOf": [{"type": "string"}, generator.subschema_for::<T>()]})
    }
}

impl<M: Meaning> JsonSchema for Pairs<M> {
    inline!("Pairs");

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let value = M::schema();
        or_nothing(json_schema!({"type": "object", "additionalProperties": value}))
    }
}

impl<A: JsonSchema, B: JsonSchema> JsonSchema for Both<A, B> {
    inline!("Both");

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let (mut own, shared) = (A::json_schema(generator), B::json_schema(generator));
        let properties = |schema: &Schema| schema.get("properties").cloned();
        if let (Some(Value::Object(mut all)), Some(Value::Object(more))) =
            (properties(&own), properties(&shared))
        {
            all.extend(more);
            own.insert("properties".to_owned(), Value::Object(all));
        }
        own.insert("additionalProperties".to_owned(), Value::Bool(false));
        own
    }
}

fn schema() -> Value {
    let settings = SchemaSettings::draft07().with(|settings| settings.inline_subschemas = true);
    let mut schema = settings.into_generator().into_root_schema_for::<FileKeys>();
    schema.insert("title".to_owned(), "log_files.yml of remote_syslog".into());
    schema.remove("description");
    schema.to_value()
}

#[test]
fn the_schema_that_is_shipped_is_that_of_the_types() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/log_files.schema.json");
    let text = serde_json::to_string_pretty(&schema()).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        std::fs::write(file, &text).unwrap();
    }
    let shipped = std::fs::read_to_string(file).unwrap();
    assert!(text == shipped, "run it with UPDATE_EXPECTED=1, and look at the difference");
}

#[test]
fn every_key_is_in_the_schema_with_its_comment() {
    let schema = schema();
    for key in outline::of::<FileKeys>().keys {
        let mut at = &schema;
        for part in key.name.split('.') {
            at = &at["properties"][part];
        }
        assert!(at["description"].as_str().is_some_and(|text| !text.is_empty()), "{}", key.name);
    }
    let entry = schema.pointer("/properties/files").unwrap().to_string();
    for key in ["\"path\"", "\"path_regex\"", "\"facility\"", "\"multiline\""] {
        assert!(entry.contains(key), "{key}");
    }
}
