//! What a word means behind a key. Pure; every error says what is wrong and what to write.
//!
//! Here are words, names and patterns; amounts, durations and what names a receiver have a module each.

mod amount;
mod receiver;
mod time;

use crate::filter::Re2Pattern;
use crate::syslog::{TimeFormat, UnknownName};
use crate::text::{Join, JsonFields, LineEncoding, LineFormat, StreamSeverities, Trace};

pub(super) use amount::{
    MESSAGE_MIN, datagram_length, joined_length, line_count, rate_limit, stream_length, window,
};
pub(super) use receiver::{framing, host, host_and_port, listen, protocol, server_name, token};
pub(crate) use receiver::{host_with_port, port};
pub(crate) use time::duration;
pub(super) use time::{NO_LIMIT, failback, interval, join_timeout, proof_interval, timeout};

/// `true` or `false` in any of the spellings of YAML 1.1 and of Go.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "yes" | "y" | "on" | "1" => Ok(true),
        "false" | "f" | "no" | "n" | "off" | "0" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false; write true or false")),
    }
}

/// A facility or a severity.
pub(super) fn named<T: std::str::FromStr<Err = UnknownName>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: UnknownName| error.to_string())
}

/// `read` or `written`: whether messages carry the time of writing.
pub(super) fn is_written(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "read" => Ok(false),
        "written" => Ok(true),
        _ => Err(format!("{text:?} is neither read nor written; write read or written")),
    }
}

/// A name of a trace; nothing for `none`.
pub(super) fn trace(text: &str) -> Result<Option<Trace>, String> {
    if text.eq_ignore_ascii_case("none") {
        return Ok(None);
    }
    text.to_ascii_lowercase().parse().map(Some).map_err(|()| {
        let names: Vec<_> = Trace::ALL.into_iter().map(Trace::name).collect();
        format!("{text:?} is no preset; write one of {}, or start: and a pattern", names.join(" "))
    })
}

/// The forms of lines that [`line_format`] knows, in words.
pub(super) const LINE_FORMATS: &str = "docker, cri, json or plain";

/// The form of the lines of a file, with the defaults of that; nothing for `plain`.
pub(super) fn line_format(text: &str) -> Result<Option<LineFormat>, String> {
    match text.to_ascii_lowercase().as_str() {
        "plain" => Ok(None),
        "docker" => Ok(Some(LineFormat::Docker(StreamSeverities::default()))),
        "cri" => Ok(Some(LineFormat::Cri(StreamSeverities::default()))),
        "json" => Ok(Some(LineFormat::Json(JsonFields::default()))),
        _ => Err(format!("{text:?} is no format of lines; write {LINE_FORMATS}")),
    }
}

/// The encoding of a file; none for UTF-8.
pub(super) fn encoding(text: &str) -> Result<Option<LineEncoding>, String> {
    if ["utf-8", "utf8"].iter().any(|name| name.eq_ignore_ascii_case(text)) {
        return Ok(None);
    }
    LineEncoding::named(text).map(Some).ok_or_else(|| {
        format!(
            "{text:?} is no encoding that is known; write a name as the web has it, such as latin1, \
             windows-1252, utf-16le or shift_jis"
        )
    })
}

/// What stands between joined lines.
pub(super) fn join(text: &str) -> Result<Join, String> {
    match text.to_ascii_lowercase().as_str() {
        "escaped" => Ok(Join::Escaped),
        "space" => Ok(Join::Space),
        _ => Err(format!("{text:?} is no way to join lines; write escaped or space")),
    }
}

/// A pattern.
pub(super) fn pattern(text: &str) -> Result<Re2Pattern, String> {
    Re2Pattern::new(text).map_err(|error| match error.is_too_large {
        true => error.to_string(),
        false => format!("{error}; write RE2 syntax, with a \\ before a literal sign"),
    })
}

/// How a line says when it was written.
pub(super) fn time_format(text: &str) -> Result<TimeFormat, String> {
    TimeFormat::parse(text).map_err(|error| {
        format!(
            "{text:?} is no format of a time: {error}; write it as for strptime, such as \
             '%Y-%m-%dT%H:%M:%S%z' or '%b %e %H:%M:%S'"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_format_is_told_of_each_that_is_known() {
        let error = line_format("xml").unwrap_err();
        let (_, known) = error.split_once("write ").unwrap();
        let known: Vec<_> = known.split([',', ' ']).filter(|it| !["", "or"].contains(it)).collect();
        assert_eq!(known, ["docker", "cri", "json", "plain"]);
        assert!(known.iter().all(|name| line_format(name).is_ok()));
    }

    #[test]
    fn booleans() {
        assert_eq!(["TRUE", "Yes", "on", "1"].map(boolean), [const { Ok(true) }; 4]);
        assert_eq!(["False", "no", "OFF", "0"].map(boolean), [const { Ok(false) }; 4]);
        assert!(boolean("2").is_err());
    }
}
