//! Lines that are JSON objects (RFC 8259). Pure.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::formats::LineFacts;
use super::own_time::OwnTime;
use crate::syslog::Severity;

/// The fields of an object that say what becomes of a message. Of several names the first that is there counts.
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
        if line.trim_ascii_start().first() != Some(&b'{') {
            return None;
        }
        let object: Map<String, Value> = serde_json::from_slice(line).ok()?;
        let first = |names: &[String]| names.iter().find_map(|name| object.get(name));
        match first(&self.message)? {
            Value::String(text) => out.extend_from_slice(text.as_bytes()),
            Value::Null => return None,
            other => out.extend_from_slice(other.to_string().as_bytes()),
        }
        let time = first(&self.timestamp).and_then(time);
        Some(LineFacts {
            time,
            severity: first(&self.severity).and_then(severity),
            ..LineFacts::default()
        })
    }
}

/// A severity by one of the names that loggers use, by its code (RFC 5424, table 2), or by bunyan's and pino's tens.
fn severity(value: &Value) -> Option<Severity> {
    let name = match value {
        Value::String(text) => match text.to_ascii_lowercase().as_str() {
            "trace" | "verbose" | "fine" | "finer" | "finest" => "debug".to_owned(),
            "information" | "informational" => "info".to_owned(),
            "fatal" | "critical" | "severe" => "crit".to_owned(),
            "emergency" => "emerg".to_owned(),
            other => other.to_owned(),
        },
        Value::Number(number) => match number.as_u64()? {
            code @ 0..=7 => Severity::names().get(code as usize)?.to_string(),
            10 | 20 => "debug".to_owned(),
            30 => "info".to_owned(),
            40 => "warn".to_owned(),
            50 => "err".to_owned(),
            60 => "crit".to_owned(),
            _ => return None,
        },
        _ => return None,
    };
    name.parse().ok()
}

/// A time as RFC 3339 has it, or in seconds or milliseconds since 1970.
fn time(value: &Value) -> Option<OwnTime> {
    match value {
        Value::String(text) => OwnTime::rfc3339(text.as_bytes()),
        Value::Number(number) => {
            let number = number.as_f64()?;
            // More seconds than this are milliseconds: the year 5138 is far.
            let seconds = if number.abs() < 1e11 { number } else { number / 1e3 };
            let at = Timestamp::from_microsecond((seconds * 1e6).round() as i64).ok()?;
            OwnTime::rfc3339(at.to_string().as_bytes())
        }
        _ => None,
    }
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
        ] {
            assert_eq!(
                decoded(&fields, line),
                Some((text.to_owned(), time.to_owned(), expected)),
                "{line}"
            );
        }
        for line in ["", "plain", "{", r#"{"a":1}"#, "[1]", r#"{"msg":null}"#] {
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
