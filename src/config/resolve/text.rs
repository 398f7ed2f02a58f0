//! What is done with the text of records, and what is sent beside it.

use std::sync::Arc;

use super::super::document::leaf::{Choice, One, Spot, Text};
use super::super::document::meaning::PatternText;
use super::super::document::{MessageKeys, MultilineKeys, RedactionMap};
use super::super::keys::nearest;
use super::super::value;
use super::{Resolver, not_utf8, patterns};
use crate::filter::{PatternError, Re2Pattern};
use crate::syslog::{Severity, StructuredData, param_name};
use crate::text::{
    JsonFields, LineFormat, LinePattern, LineRule, Multiline, REDACTED, Redaction, RedactionError,
    Redactions, SeverityRules, StreamSeverities, TextRules,
};

/// What among structured data is no parameter: whether messages say where they stand.
const FILE: &str = "file";

impl Resolver<'_> {
    /// What `keys` say, and where they say nothing what `base` says.
    pub(super) fn text_rules(&mut self, keys: &MessageKeys, base: &TextRules) -> TextRules {
        TextRules {
            format: self.form(keys, base),
            multiline: self.multiline(&keys.multiline, base.multiline.as_ref()),
            strip_color: self.value(&keys.strip_color).unwrap_or(base.strip_color),
            severity: self.severity_rules(keys).unwrap_or_else(|| Arc::clone(&base.severity)),
            redactions: self.redactions(keys).unwrap_or_else(|| Arc::clone(&base.redactions)),
        }
    }

    /// The form of the lines: what `format` says, or another encoding.
    fn form(&mut self, keys: &MessageKeys, base: &TextRules) -> Option<LineFormat> {
        let (format, encoding) = (self.format(keys), self.value(&keys.encoding));
        let encoded = encoding.flatten().map(LineFormat::Encoded);
        match (format, encoded, keys.encoding.spot()) {
            (Some(Some(format)), Some(_), Some(spot)) => {
                let text =
                    "says nothing beside format, since what has such a form is UTF-8; remove one";
                self.warn(spot, text);
                Some(format)
            }
            (Some(Some(format)), ..) => Some(format),
            // Whatever holds for others.
            (Some(None), encoded, _) => encoded,
            // UTF-8, whatever holds for others.
            (None, None, Some(_)) if matches!(base.format, Some(LineFormat::Encoded(_))) => None,
            (None, encoded, _) => encoded.or_else(|| base.format.clone()),
        }
    }

    /// What `format` says; no form where that is `plain`.
    fn format(&mut self, keys: &MessageKeys) -> Option<Option<LineFormat>> {
        let (spot, map) = match keys.format.as_ref()? {
            Choice::Text(Text { text, spot }) => {
                let format = value::line_format(&text.to_string_lossy());
                return format.map_err(|error| self.problem(*spot, error)).ok();
            }
            Choice::Map(spot, map) => (*spot, map),
        };
        let [stdout, stderr] = [&map.stdout, &map.stderr].map(|given| self.value(given));
        let [message, severity, timestamp] =
            [&map.message, &map.severity, &map.timestamp].map(|given| self.value(given));
        if map.name.typed().is_none() && !map.name.is_misshapen() {
            let known = value::LINE_FORMATS;
            self.problem(spot, format!("nothing says which format; write name: and {known}"));
        }
        let Some(format) = self.value(&map.name)? else { return Some(None) };
        let spots = match format {
            LineFormat::Json(_) => [map.stdout.spot(), map.stderr.spot(), None],
            _ => [map.message.spot(), map.severity.spot(), map.timestamp.spot()],
        };
        if let Some(spot) = spots.into_iter().flatten().next() {
            let text = "is of another format, and says nothing here; remove it";
            self.warn(spot, text);
        }
        let streams = StreamSeverities { stdout, stderr };
        Some(Some(match format {
            LineFormat::Docker(_) => LineFormat::Docker(streams),
            LineFormat::Cri(_) => LineFormat::Cri(streams),
            other @ LineFormat::Encoded(_) => other,
            LineFormat::Json(default) => {
                let named = |name: Option<String>, default| name.map_or(default, |name| vec![name]);
                LineFormat::Json(JsonFields {
                    message: named(message, default.message),
                    severity: named(severity, default.severity),
                    timestamp: named(timestamp, default.timestamp),
                })
            }
        }))
    }

    fn redactions(&mut self, keys: &MessageKeys) -> Option<Arc<Redactions>> {
        let given = &keys.redact_patterns;
        given.spot()?;
        let rules = given.items().iter().filter_map(|item| match item {
            Choice::Text(Text { text, spot }) => match text.to_str() {
                Some(text) => match Redaction::preset(text) {
                    Some(preset) => Some(preset),
                    None => {
                        self.note_near_preset(*spot, text);
                        self.redaction(*spot, text, REDACTED)
                    }
                },
                None => {
                    self.problem(*spot, not_utf8(text));
                    None
                }
            },
            Choice::Map(spot, map) => self.redaction_of_map(*spot, map),
        });
        let rules = rules.collect();
        Some(Arc::new(Redactions::new(rules)))
    }

    /// A word that is nearly the name of a preset hides nothing but itself.
    fn note_near_preset(&mut self, spot: Spot, text: &str) {
        let word = text.replace(['-', '_'], "");
        if word.bytes().all(|byte| byte.is_ascii_alphanumeric())
            && let Some(preset) = nearest(&word, Redaction::PRESETS.into_iter())
        {
            let text = format!(
                "{text} is a pattern for these very letters; write {preset} for the preset, or \
                 {{pattern: {text}}} if the letters are meant"
            );
            self.warn(spot, text);
        }
    }

    fn redaction_of_map(&mut self, spot: Spot, map: &RedactionMap) -> Option<Redaction> {
        let replacement = self.value(&map.replace);
        let Some(pattern) = map.pattern.typed() else {
            if !map.pattern.is_misshapen() {
                let text = "nothing says what is replaced; write pattern: and a pattern";
                self.problem(spot, text);
            }
            return None;
        };
        let text = self.value(&map.pattern)?;
        self.redaction(pattern.spot, &text, replacement.as_deref().unwrap_or(REDACTED))
    }

    fn redaction(&mut self, spot: Spot, pattern: &str, replacement: &str) -> Option<Redaction> {
        let error = match Redaction::new(pattern, replacement) {
            Ok(redaction) => return Some(redaction),
            Err(RedactionError::Pattern(error)) => return self.no_pattern(spot, &error),
            Err(error) => error,
        };
        self.problem(
            spot,
            format!("{error}; write $$ for a dollar sign, or the number of a group"),
        );
        None
    }

    fn no_pattern<T>(&mut self, spot: Spot, error: &PatternError) -> Option<T> {
        self.problem(spot, patterns::no_pattern(false, error));
        None
    }

    /// A pattern, if it was given and is one.
    fn pattern(&mut self, given: &One<PatternText>) -> Option<Re2Pattern> {
        let (text, spot) = (self.value(given)?, given.spot()?);
        match Re2Pattern::new(&text) {
            Ok(pattern) => Some(pattern),
            Err(error) => self.no_pattern(spot, &error),
        }
    }

    fn severity_rules(&mut self, keys: &MessageKeys) -> Option<Arc<SeverityRules>> {
        keys.severity_from.spot()?;
        let mut rules = Vec::new();
        for (name, given) in keys.severity_from.pairs() {
            let severity: Option<Severity> = match value::named(&name.text.to_string_lossy()) {
                Ok(severity) => Some(severity),
                Err(error) => {
                    self.problem(name.spot, error);
                    None
                }
            };
            let pattern = self.pattern(given);
            rules.extend(severity.zip(pattern));
        }
        Some(Arc::new(SeverityRules::new(rules)))
    }

    /// The same for what is sent beside the text.
    pub(super) fn structured_data(
        &mut self,
        keys: &MessageKeys,
        base: &StructuredData,
    ) -> StructuredData {
        if keys.structured_data.spot().is_none() {
            return base.clone();
        }
        let (mut params, mut has_place) = (Vec::new(), false);
        for (name, given) in keys.structured_data.pairs() {
            let Some(name_text) = name.text.to_str() else {
                self.problem(name.spot, not_utf8(&name.text));
                continue;
            };
            let value = self.value(given).unwrap_or_default();
            if name_text.eq_ignore_ascii_case(FILE) {
                match value::boolean(&value) {
                    Ok(is_said) => has_place = is_said,
                    Err(error) => self.problem(
                        name.spot,
                        format!("{error}, since {FILE} says whether messages tell their place; or name it otherwise"),
                    ),
                }
                continue;
            }
            match param_name(name_text) {
                Ok(()) => {
                    self.warn_of_variable(name.spot, &value);
                    params.push((name_text.to_owned(), value));
                }
                Err(error) => self.problem(name.spot, error),
            }
        }
        StructuredData::new(params, has_place)
    }

    /// Whether and how lines are joined, where `base` holds for what is not said.
    fn multiline(
        &mut self,
        keys: &MultilineKeys,
        base: Option<&Arc<Multiline>>,
    ) -> Option<Arc<Multiline>> {
        let timeout = self.value(&keys.timeout);
        let max_lines = self.value(&keys.max_lines);
        let max_bytes = self.value(&keys.max_bytes);
        let join = self.value(&keys.join);
        let spots = [keys.start.spot(), keys.continuation.spot(), keys.preset.spot()];
        let preset = self.value(&keys.preset);
        let rules = [
            self.pattern(&keys.start).map(|pattern| LineRule::Start(LinePattern::new(pattern))),
            self.pattern(&keys.continuation)
                .map(|pattern| LineRule::Continuation(LinePattern::new(pattern))),
            preset.flatten().map(LineRule::Trace),
        ];
        let others =
            [keys.timeout.spot(), keys.max_lines.spot(), keys.max_bytes.spot(), keys.join.spot()];
        if spots.iter().chain(&others).all(Option::is_none) {
            return base.map(Arc::clone);
        }
        let mut given = spots.into_iter().flatten();
        match (given.next(), given.next(), others.into_iter().flatten().next()) {
            (None, _, Some(spot)) if base.is_none() => {
                let text = "nothing says which lines are joined; write start:, continuation: or \
                            preset: beside it";
                self.problem(spot, text);
            }
            (Some(_), Some(second), _) => {
                let text =
                    "lines are joined by one rule; write one of start, continuation and preset";
                self.problem(second, text);
            }
            _ => {}
        }
        let default = match (rules.into_iter().flatten().next(), base) {
            (Some(rule), Some(base)) => Multiline { rule, ..Multiline::clone(base) },
            (Some(rule), None) => Multiline::new(rule),
            (None, Some(base)) if preset.is_none() => Multiline::clone(base),
            // Each line is a message, whatever holds for others.
            (None, _) => return None,
        };
        Some(Arc::new(Multiline {
            timeout: timeout.unwrap_or(default.timeout),
            max_lines: max_lines.unwrap_or(default.max_lines),
            max_bytes: max_bytes.unwrap_or(default.max_bytes),
            join: join.unwrap_or(default.join),
            ..default
        }))
    }
}
