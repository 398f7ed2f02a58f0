//! What to log: remote_syslog2's form (`<root>=DEBUG; mod=TRACE`) or tracing's, as tracing's. Pure.

use tracing_subscriber::EnvFilter;

/// Level names of both, and tracing's for each.
const LEVELS: [(&str, &str); 13] = [
    ("critical", "error"),
    ("error", "error"),
    ("warning", "warn"),
    ("warn", "warn"),
    ("info", "info"),
    ("debug", "debug"),
    ("trace", "trace"),
    ("off", "off"),
    ("1", "error"),
    ("2", "warn"),
    ("3", "info"),
    ("4", "debug"),
    ("5", "trace"),
];

/// The directives that `text` means, in tracing's form.
pub(super) fn directives(text: &str) -> Result<String, String> {
    // Spans and their fields exist only in tracing's form, and hold commas of their own.
    let directives = if text.contains('[') {
        text.to_owned()
    } else {
        let parts = text.split([';', ',']).map(str::trim).filter(|part| !part.is_empty());
        parts.map(directive).collect::<Result<Vec<_>, _>>()?.join(",")
    };
    match EnvFilter::try_new(&directives) {
        Ok(_) => Ok(directives),
        Err(error) => Err(format!("{text:?} is not understood ({error}); {REMEDY}")),
    }
}

const REMEDY: &str =
    "write <root>=LEVEL or target=LEVEL, with ERROR, WARNING, INFO, DEBUG or TRACE as the level";

fn directive(part: &str) -> Result<String, String> {
    let level = |name: &str| {
        let found = LEVELS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name.trim()));
        found.map(|(_, level)| *level)
    };
    match part.split_once('=') {
        Some((target, name)) => {
            let level = level(name).ok_or_else(|| format!("{name:?} is not a level; {REMEDY}"))?;
            match target.trim() {
                "<root>" => Ok(level.to_owned()),
                target => Ok(format!("{}={level}", target.replace('.', "::"))),
            }
        }
        None => match level(part) {
            Some(level) => Ok(level.to_owned()),
            // tracing takes any other word as the name of a module of which all is logged.
            None if is_nearly_a_level(part) => Err(format!("{part:?} is not a level; {REMEDY}")),
            None => Ok(part.to_owned()),
        },
    }
}

fn is_nearly_a_level(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    LEVELS.iter().any(|(name, _)| name.len() > 2 && strsim::damerau_levenshtein(&word, name) <= 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_become_tracings() {
        for (given, expected) in [
            ("<root>=INFO", "info"),
            ("<root>=CRITICAL", "error"),
            ("<root>=WARNING; syslog.conn=TRACE", "warn,syslog::conn=trace"),
            ("<root>=INFO;foo=TRACE;", "info,foo=trace"),
            ("debug", "debug"),
            ("DEBUG", "debug"),
            ("info,remote_syslog::send=debug", "info,remote_syslog::send=debug"),
            ("rustls=off,4", "rustls=off,debug"),
            ("remote_syslog", "remote_syslog"),
            ("info,remote_syslog[batch{file=x}]=trace", "info,remote_syslog[batch{file=x}]=trace"),
        ] {
            assert_eq!(directives(given).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn what_is_no_level_is_an_error() {
        for bad in ["<root>=LOUD", "debgu", "x=", "info,y=z", "a[b=info"] {
            assert!(directives(bad).unwrap_err().contains("ERROR, WARNING, INFO"), "{bad}");
        }
    }
}
