//! Lines that are JSON objects (RFC 8259). Pure.

use std::borrow::Cow;
use std::fmt;

use jiff::Timestamp;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::formats::LineFacts;
use super::multiline::without_newlines_behind;
use super::own_time::OwnTime;
use crate::syslog::Severity;

/// The fields of an object that say what becomes of a message. Of several names the first counts that is there and
/// not null; of a name that is there twice, the last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JsonFields {
    /// The text.
    pub message: Vec<String>,
    /// The severity, in a word or a number.
    pub severity: Vec<String>,
    /// The time.
    pub timestamp: Vec<String>,
}

impl Default for JsonFields {
    /// Names in common use.
    fn default() -> Self {
        let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Self {
            message: names(&["message", "msg", "log"]),
            severity: names(&["severity", "level", "lvl"]),
            timestamp: names(&["timestamp", "@timestamp", "time", "ts"]),
        }
    }
}

impl JsonFields {
    /// Appends the text of a line to `out`. None where it is no object with a text.
    pub(super) fn decode(&self, line: &[u8], out: &mut Vec<u8>) -> Option<LineFacts> {
        // Some writers begin a file with a byte order mark, which is none of JSON's signs.
        let line = line.strip_prefix("\u{FEFF}".as_bytes()).unwrap_or(line);
        if line.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let mut object = serde_json::Deserializer::from_slice(line);
        let names = [&self.message, &self.severity, &self.timestamp];
        let fields = WantedFields(names.map(|names| WantedField { names, value: None }));
        let [message, severity, timestamp] = fields.deserialize(&mut object).ok()?;
        object.end().ok()?;
        let message = message?;
        match message.starts_with('"') {
            true => {
                // Newlines at its end are not sent; patterns are not to see them either.
                out.extend_from_slice(without_newlines_behind(text(message)?.as_bytes()));
            }
            false => out.extend_from_slice(message.as_bytes()),
        }
        Some(LineFacts {
            time: timestamp.and_then(time),
            severity: severity.and_then(self::severity),
            ..LineFacts::default()
        })
    }
}

/// Finds what an object holds under some names, as it is written there, and passes over the rest.
struct WantedFields<'n, 'a, const N: usize>([WantedField<'n, 'a>; N]);

/// What stands under the first of some names that is there.
struct WantedField<'n, 'a> {
    /// Those that do not count less than that which was found.
    names: &'n [String],
    value: Option<&'a str>,
}

/// A string, which is copied only where something in it is written with a backslash.
#[derive(Deserialize)]
struct JsonText<'a>(#[serde(borrow)] Cow<'a, str>);

impl<'a> WantedField<'_, 'a> {
    /// How many names count no less than this one, if it is one of them.
    fn rank(&self, name: &str) -> Option<usize> {
        Some(self.names.iter().position(|it| it == name)? + 1)
    }

    fn offer(&mut self, name: &str, value: &'a str) {
        if let Some(rank) = self.rank(name).filter(|_| value != "null") {
            *self = Self { names: &self.names[..rank], value: Some(value) };
        }
    }
}

impl<'a, const N: usize> DeserializeSeed<'a> for WantedFields<'_, 'a, N> {
    type Value = [Option<&'a str>; N];

    fn deserialize<D: Deserializer<'a>>(self, object: D) -> Result<Self::Value, D::Error> {
        object.deserialize_map(self)
    }
}

impl<'a, const N: usize> Visitor<'a> for WantedFields<'_, 'a, N> {
    type Value = [Option<&'a str>; N];

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(mut self, mut object: A) -> Result<Self::Value, A::Error> {
        while let Some(JsonText(name)) = object.next_key::<JsonText<'a>>()? {
            if self.0.iter().all(|field| field.rank(&name).is_none()) {
                object.next_value::<IgnoredAny>()?;
                continue;
            }
            let value = object.next_value::<&RawValue>()?.get();
            self.0.iter_mut().for_each(|field| field.offer(&name, value));
        }
        Ok(self.0.map(|field| field.value))
    }
}

/// What a string says, as it is written.
fn text(written: &str) -> Option<Cow<'_, str>> {
    let text: JsonText<'_> = serde_json::from_str(written).ok()?;
    Some(text.0)
}

/// A severity by one of the names that loggers use, by its code (RFC 5424, table 2), or by bunyan's and pino's tens.
fn severity(value: &str) -> Option<Severity> {
    let name = match value.starts_with('"') {
        true => match text(value)?.to_ascii_lowercase().as_str() {
            "trace" | "verbose" | "fine" | "finer" | "finest" => "debug".to_owned(),
            "information" | "informational" => "info".to_owned(),
            "fatal" | "critical" | "severe" => "crit".to_owned(),
            "emergency" => "emerg".to_owned(),
            other => other.to_owned(),
        },
        false => match value.parse::<u64>().ok()? {
            code @ 0..=7 => Severity::names().get(code as usize)?.to_string(),
            10 | 20 => "debug".to_owned(),
            30 => "info".to_owned(),
            40 => "warn".to_owned(),
            50 => "err".to_owned(),
            60 => "crit".to_owned(),
            _ => return None,
        },
    };
    name.parse().ok()
}

/// A time as RFC 3339 has it, or in seconds or milliseconds since 1970.
fn time(value: &str) -> Option<OwnTime> {
    if value.starts_with('"') {
        return OwnTime::rfc3339(text(value)?.as_bytes());
    }
    let number: f64 = value.parse().ok()?;
    // More seconds than this are milliseconds: the year 5138 is far.
    let seconds = if number.abs() < 1e11 { number } else { number / 1e3 };
    let at = Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()?;
    OwnTime::rfc3339(at.to_string().as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(fields: &JsonFields, line: &str) -> Option<(String, String, Option<Severity>)> {
        let mut out = Vec::new();
        let facts = fields.decode(line.as_bytes(), &mut out)?;
        let time = facts.time.map_or(String::new(), |time| time.text().to_owned());
        Some((String::from_utf8(out).unwrap(), time, facts.severity))
    }

    #[test]
    fn fields_in_common_use_are_found() {
        let fields = JsonFields::default();
        let severity = |name: &str| name.parse::<Severity>().ok();
        for (line, text, time, expected) in [
            (r#"{"level":"warn","msg":"a\r\n\n\r\n"}"#, "a", "", severity("warn")),
            (
                r#"{"level":"warn","ts":1795947630.5,"msg":"slow\n\tat x"}"#,
                "slow\n\tat x",
                "2026-11-29T10:20:30.5Z",
                severity("warn"),
            ),
            (
                r#"{"level":50,"time":1795947630123,"msg":"bad"}"#,
                "bad",
                "2026-11-29T10:20:30.123Z",
                severity("err"),
            ),
            (
                r#"{"severity":"CRITICAL","timestamp":"2026-11-29T10:20:30Z","message":"x"}"#,
                "x",
                "2026-11-29T10:20:30Z",
                severity("crit"),
            ),
            (
                r#"{"level":"trace","time":"yesterday","log":{"a":1}}"#,
                r#"{"a":1}"#,
                "",
                severity("debug"),
            ),
            (r#" {"message":"","level":3}"#, "", "", severity("err")),
            // What is null is not there, what is there twice counts the last time.
            (r#"{"message":null,"msg":"x","msg":"y","level":"err"}"#, "y", "", severity("err")),
            (
                r#"{"severity":null,"log":"l","msg":"m","level":"info","message":"x"}"#,
                "x",
                "",
                severity("info"),
            ),
            // It is sent as it is written, and what is not asked for may be anything.
            (r#"{"msg":1.50,"b":1e999,"c":[[{}]]}"#, "1.50", "", None),
            (
                r#"{"msg":{"z":12345678901234567890123, "a":"\u00e9"}}"#,
                r#"{"z":12345678901234567890123, "a":"\u00e9"}"#,
                "",
                None,
            ),
            (r#"{"m\u0073g":"\u00e9","time":true,"level":[]}"#, "\u{E9}", "", None),
            ("\u{FEFF}{\"msg\":\"x\"}\r", "x", "", None),
        ] {
            assert_eq!(
                decoded(&fields, line),
                Some((text.to_owned(), time.to_owned(), expected)),
                "{line}"
            );
        }
        for line in [
            "",
            "plain",
            "{",
            r#"{"a":1}"#,
            "[1]",
            r#"{"msg":null}"#,
            r#"{"msg":"x"}y"#,
            r#"{"msg":"\ud800"}"#,
        ] {
            assert_eq!(decoded(&fields, line), None, "{line}");
        }
    }

    #[test]
    fn fields_may_be_named() {
        let fields = JsonFields { message: vec!["text".to_owned()], ..JsonFields::default() };
        assert_eq!(decoded(&fields, r#"{"msg":"a","text":"b"}"#).unwrap().0, "b");
        assert_eq!(decoded(&fields, r#"{"msg":"a"}"#), None);
    }
}
