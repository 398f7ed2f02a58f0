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
    // Spans and their fields exist only in tracing's form, and hold commas of their own. A level
    // for all among them wins over the one before it.
    let directives = if text.contains('[') {
        format!("{FOR_ALL},{text}")
    } else {
        let parts = text.split([';', ',']).map(str::trim).filter(|part| !part.is_empty());
        let mut parts = parts.map(directive).collect::<Result<Vec<_>, _>>()?;
        // tracing turns off whatever is not named, warnings included.
        if !parts.iter().any(|part| is_level(part)) {
            parts.insert(0, FOR_ALL.to_owned());
        }
        parts.join(",")
    };
    match EnvFilter::try_new(&directives) {
        Ok(_) => Ok(directives),
        Err(error) => Err(format!("{text:?} is not understood ({error}); {REMEDY}")),
    }
}

/// The level of all that no directive names.
const FOR_ALL: &str = "info";

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
        // tracing takes any other word as the name of a module of which all is logged.
        None if part.split("::").next() == Some(env!("CARGO_PKG_NAME")) => Ok(part.to_owned()),
        None => {
            let level = level(part).ok_or_else(|| format!("{part:?} is not a level; {REMEDY}"))?;
            Ok(level.to_owned())
        }
    }
}

fn is_level(directive: &str) -> bool {
    LEVELS.iter().any(|(_, level)| *level == directive)
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
            ("remote_syslog", "info,remote_syslog"),
            ("remote_syslog.go=TRACE", "info,remote_syslog::go=trace"),
            ("main=DEBUG", "info,main=debug"),
            ("remote_syslog=WARN", "info,remote_syslog=warn"),
            ("remote_syslog[batch{file=x}]=trace", "info,remote_syslog[batch{file=x}]=trace"),
        ] {
            assert_eq!(directives(given).as_deref(), Ok(expected));
        }
    }

    #[test]
    fn a_level_for_all_wins_over_the_one_for_what_is_not_named() {
        for (given, expected) in [("error,a[b]=error", "error"), ("a[b]=error", "info")] {
            let filter = EnvFilter::try_new(directives(given).unwrap()).unwrap();
            let level = filter.max_level_hint().unwrap().to_string();
            // Spans may raise the level of what is in them.
            let text = filter.to_string();
            assert!(text.split(',').any(|part| part == expected), "{given}: {text} ({level})");
            assert_eq!(text.split(',').filter(|part| is_level(part)).count(), 1, "{text}");
        }
    }

    #[test]
    fn what_is_no_level_is_an_error() {
        for bad in ["<root>=LOUD", "debgu", "verbose", "rustls", "x=", "info,y=z", "a[b=info"] {
            assert!(directives(bad).unwrap_err().contains("ERROR, WARNING, INFO"), "{bad}");
        }
    }
}
