//! The names of keys, of their variables, and which of them was probably meant.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

/// The environment variable that sets the key of that name.
pub(super) fn variable(name: &str) -> String {
    format!("{VARIABLE_PREFIX}{}", name.replace('.', "_").to_ascii_uppercase())
}

/// What every environment variable of ours begins with.
pub(super) const VARIABLE_PREFIX: &str = "REMOTE_SYSLOG_";

/// Longer than any name that somebody may have meant.
const NAME_MAX: usize = 64;

/// The key that nobody may misspell: what it should hide would be sent, and a warning is easily missed.
pub(super) const REDACTION: &str = "redact_patterns";

/// The name of `known` that `typed` was probably meant to be: what it is called elsewhere, or the nearest. For a name with a
/// dot the part behind it counts as well, so that a key in the wrong section finds its place. Whatever begins with `redact`
/// is about redaction.
pub(super) fn nearest<'a>(
    typed: &str,
    mut known: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    // The distance to a text is found in a table as large as that text.
    if typed.len() > NAME_MAX {
        return None;
    }
    let typed = typed.to_ascii_lowercase().replace('-', "_");
    let is_called = |name: &str| {
        let is_name = |other: &str| {
            *name == *other || *name == other.replace('.', "_") || *name == last(other)
        };
        called_elsewhere(&typed).is_some_and(is_name)
    };
    let is_of_redaction = typed.split('.').any(|part| part.starts_with("redact"));
    known
        .clone()
        .find(|name| is_called(name))
        .or_else(|| nearest_in_letters(&typed, known.clone()))
        .or_else(|| known.find(|name| *name == REDACTION && is_of_redaction))
}

fn nearest_in_letters<'a>(
    typed: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    let distance = |name: &str| {
        strsim::damerau_levenshtein(typed, name)
            .min(strsim::damerau_levenshtein(&last(typed), &last(name)))
    };
    let allowed = (last(typed).chars().count() / 3).clamp(1, 3);
    // Texts are at least as far apart as their lengths, which is quickly found.
    let length = |name: &str| name.chars().count();
    let may_be_near = |name: &&str| {
        length(typed).abs_diff(length(name)) <= allowed
            || length(&last(typed)).abs_diff(length(&last(name))) <= allowed
    };
    let is_opposite = |name: &str| {
        let says = |one: &str, other: &str| typed.contains(one) && name.contains(other);
        says("include", "exclude") || says("exclude", "include")
    };
    let section = |name: &str| name.rsplit_once('.').map(|(section, _)| section.to_owned());
    let here = section(typed);
    let near = known.filter(may_be_near).filter(|name| !is_opposite(name));
    let distances = near.map(|name| (distance(name), section(name) != here, name));
    distances.filter(|(d, ..)| *d <= allowed).min().map(|(.., name)| name)
}

/// The part behind the dot.
fn last(name: &str) -> String {
    name.rsplit('.').next().unwrap_or_default().to_owned()
}

/// The key that other programs, and people, call so. A variable has no dot behind its section.
fn called_elsewhere(typed: &str) -> Option<&'static str> {
    let (section, name) = typed.rsplit_once('.').unwrap_or(("", typed));
    let (section, name) = match name.strip_prefix("destination_") {
        Some(name) => ("destination", name),
        None => (section, name),
    };
    let is_of_receiver = section.starts_with("destination");
    Some(match name {
        "proto" | "transport" => PROTOCOL,
        "ssl" | "use_ssl" | "use_tls" | "enable_tls" | "tls_enabled" if is_of_receiver => PROTOCOL,
        "ssl" | "use_ssl" | "use_tls" | "enable_tls" | "tls_enabled" => "tls",
        "address" | "addr" | "server" => "destination.host",
        "hostname" if is_of_receiver => "destination.host",
        "timeout" if is_of_receiver || section.is_empty() => "connect_timeout",
        "include_file" | "include_files" => "files",
        _ if name.starts_with("exclude_file") || name.starts_with("exclude_path") => {
            "exclude_files"
        }
        _ if name.starts_with("exclude") => "exclude_patterns",
        "include_line" | "include_lines" => "include_patterns",
        _ => return None,
    })
}

/// The key that says how to reach the receiver.
const PROTOCOL: &str = "destination.protocol";

/// `name`, or what is meant by it with that value: `prot` is as near to a port as to a protocol.
pub(super) fn meant_by(name: &str, value: Option<&OsStr>) -> String {
    let is_number = value.is_some_and(|value| value.as_bytes().iter().all(u8::is_ascii_digit));
    let is_prot = name.to_ascii_lowercase().ends_with("prot") && value.is_some() && !is_number;
    if is_prot { format!("{name}o") } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        let names = [
            "exclude_patterns",
            "facility",
            "destination.port",
            "destination.host",
            "new_file_check_interval",
            "redact_patterns",
        ];
        let near = |typed| nearest(typed, names.into_iter());
        assert_eq!(near("exclude_pattern"), Some("exclude_patterns"));
        assert_eq!(near("Facilty"), Some("facility"));
        assert_eq!(near("port"), Some("destination.port"));
        assert_eq!(near("destination.hots"), Some("destination.host"));
        assert_eq!(near("new-file-check-interval"), Some("new_file_check_interval"));
        for typed in [
            "redact-paterns",
            "destination.redact_pattern",
            "Redact",
            "redacted_words",
            "redact_patterns.card",
        ] {
            assert_eq!(near(typed), Some("redact_patterns"), "{typed}");
        }
        assert_eq!(near("exclude"), Some("exclude_patterns"));
        assert_eq!(near("include_pattern"), None);
        assert_eq!(near("retries"), None);
        assert_eq!(near("x"), None);
    }
}
