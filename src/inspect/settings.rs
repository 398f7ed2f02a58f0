//! What the configuration says of messages, in words: of those of all files, and of those of an entry.
//! Pure.

use super::words;
use crate::config::Messages;
use crate::filter::Patterns;
use crate::shown::Show;
use crate::syslog::MessageTime;
use crate::text::{LineFormat, LineRule, Multiline, TextRules};

/// One setting.
#[derive(Debug, PartialEq, Eq)]
struct MessageSetting {
    /// As it is shown.
    shown: String,
    /// All that it says, where what is shown is only a part of that.
    whole: String,
}

impl From<String> for MessageSetting {
    fn from(shown: String) -> Self {
        Self { shown, whole: String::new() }
    }
}

/// What `own` says that is not as in `all`. The tag stands in the title of an entry.
pub(super) fn different(own: &Messages, all: &Messages) -> Vec<String> {
    let pairs = settings(own).into_iter().zip(settings(all));
    pairs.filter(|(own, all)| own != all).map(|(own, _)| own.shown).collect()
}

/// What `all` says that is not so by default. The name of the host is another one on each.
pub(super) fn of_all(all: &Messages) -> Vec<String> {
    let default = Messages::new("");
    different(all, &Messages { hostname: all.hostname.clone(), ..default })
}

/// All of them, always in this order.
fn settings(messages: &Messages) -> [MessageSetting; 11] {
    let TextRules { format, multiline, strip_color, severity, redactions } = &messages.text;
    let [include, exclude] = [messages.filter.include(), messages.filter.exclude()];
    let time = match messages.time() {
        MessageTime::Read => "time of reading".to_owned(),
        MessageTime::Written(None) => "time of the file's last change".to_owned(),
        MessageTime::Written(Some(format)) => format!("time as {}", format.text().shown()),
    };
    let severities = severity.texts().map(|(severity, _)| severity.to_string());
    let severity_texts: Vec<_> = severity.texts().collect();
    let redacted = redactions.names().map(|name| name.shown().to_string());
    [
        format!("hostname {}", messages.hostname.text().shown()).into(),
        format!("{}.{}", messages.facility, messages.severity).into(),
        time.into(),
        patterns(include, "include_pattern", "include_patterns"),
        patterns(exclude, "exclude_pattern", "exclude_patterns"),
        form(format.as_ref()),
        joined(multiline.as_deref()),
        format!("strip_color {strip_color}").into(),
        list("severity_from", severities, format!("{severity_texts:?}")),
        list("redact_patterns", redacted, redactions.whole()),
        structured(messages),
    ]
}

fn patterns(patterns: &Patterns, one: &str, many: &str) -> MessageSetting {
    let texts: Vec<_> = patterns.texts().collect();
    MessageSetting { shown: words::count(texts.len(), one, many), whole: format!("{texts:?}") }
}

/// "key a, b", or "no key".
fn list(key: &str, items: impl Iterator<Item = String>, whole: String) -> MessageSetting {
    let items: Vec<_> = items.collect();
    let shown = match items.is_empty() {
        true => format!("no {key}"),
        false => format!("{key} {}", items.join(", ")),
    };
    MessageSetting { shown, whole }
}

fn form(format: Option<&LineFormat>) -> MessageSetting {
    let shown = match format {
        None => "format plain".to_owned(),
        Some(LineFormat::Docker(_)) => "format docker".to_owned(),
        Some(LineFormat::Cri(_)) => "format cri".to_owned(),
        Some(LineFormat::Json(_)) => "format json".to_owned(),
        Some(LineFormat::Encoded(encoding)) => format!("encoding {}", encoding.name()),
    };
    MessageSetting { shown, whole: format!("{format:?}") }
}

fn joined(multiline: Option<&Multiline>) -> MessageSetting {
    let Some(multiline) = multiline else { return "multiline none".to_owned().into() };
    let Multiline { rule, timeout, max_lines, max_bytes, join } = multiline;
    let shown = match rule {
        LineRule::Start(pattern) => format!("multiline start {}", pattern.text().shown()),
        LineRule::Continuation(pattern) => {
            format!("multiline continuation {}", pattern.text().shown())
        }
        LineRule::Trace(trace) => format!("multiline {}", trace.name()),
    };
    MessageSetting { shown, whole: format!("{timeout:?} {max_lines} {max_bytes} {join:?}") }
}

fn structured(messages: &Messages) -> MessageSetting {
    let data = &messages.structured_data;
    let place = data.has_place().then_some("file");
    let names = data.names().chain(place).map(|name| name.shown().to_string());
    list("structured_data", names, format!("{data:?}"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::filter::{LineFilter, Re2Pattern};
    use crate::text::{LinePattern, Redaction, Redactions, Trace};

    fn excluding(patterns: &[&str]) -> Arc<LineFilter> {
        Arc::new(LineFilter::new(Patterns::default(), Patterns::new(patterns).unwrap()))
    }

    #[test]
    fn what_differs_is_named_and_nothing_else() {
        let mut all = Messages::new("host");
        assert_eq!(of_all(&all), [] as [&str; 0]);
        let words = ["card", "email"].map(|name| Redaction::preset(name).unwrap());
        let word = Redaction::new("s3cr[e]t", "x").unwrap();
        all.text.redactions = Arc::new(Redactions::new(words.into_iter().chain([word]).collect()));
        all.filter = excluding(&["ping"]);
        assert_eq!(of_all(&all), ["1 exclude_pattern", "redact_patterns card, email, s3cr[e]t"]);
        let mut own = all.clone();
        assert_eq!(different(&own, &all), [] as [&str; 0]);
        own.text.redactions = Arc::default();
        own.text.multiline = Some(Arc::new(Multiline::new(LineRule::Trace(Trace::Java))));
        own.text.format = crate::text::LineEncoding::named("latin1").map(LineFormat::Encoded);
        own.filter = excluding(&["pong"]);
        assert_eq!(
            different(&own, &all),
            ["1 exclude_pattern", "encoding windows-1252", "multiline java", "no redact_patterns"]
        );
        assert_eq!(
            different(&all, &own),
            [
                "1 exclude_pattern",
                "format plain",
                "multiline none",
                "redact_patterns card, email, s3cr[e]t"
            ]
        );
    }

    #[test]
    fn what_is_not_shown_counts_as_well() {
        let start = || LineRule::Start(LinePattern::new(Re2Pattern::new(r"^\d").unwrap()));
        let (mut all, mut own) = (Messages::new("host"), Messages::new("host"));
        all.text.multiline = Some(Arc::new(Multiline::new(start())));
        own.text.multiline = Some(Arc::new(Multiline { max_lines: 7, ..Multiline::new(start()) }));
        assert_eq!(different(&own, &all), [r"multiline start ^\d"]);
    }
}
