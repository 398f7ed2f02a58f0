//! The names of keys, of their variables, and which of them was probably meant.

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

/// The name of `known` that `typed` was probably meant to be. For a name with a dot the part
/// behind it counts as well, so that a key in the wrong section finds its place. Whatever begins with `redact` is about
/// redaction.
pub(super) fn nearest<'a>(
    typed: &str,
    mut known: impl Iterator<Item = &'a str> + Clone,
) -> Option<&'a str> {
    // The distance to a text is found in a table as large as that text.
    if typed.len() > NAME_MAX {
        return None;
    }
    let typed = typed.to_ascii_lowercase().replace('-', "_");
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |name: &str| {
        strsim::damerau_levenshtein(&typed, name)
            .min(strsim::damerau_levenshtein(&last(&typed), &last(name)))
    };
    let allowed = (last(&typed).chars().count() / 3).clamp(1, 3);
    // Texts are at least as far apart as their lengths, which is quickly found.
    let length = |name: &str| name.chars().count();
    let may_be_near = |name: &&str| {
        length(&typed).abs_diff(length(name)) <= allowed
            || length(&last(&typed)).abs_diff(length(&last(name))) <= allowed
    };
    let distances = known.clone().filter(may_be_near).map(|name| (distance(name), name));
    let near = distances.filter(|(d, _)| *d <= allowed).min().map(|(_, name)| name);
    let is_of_redaction = typed.split('.').any(|part| part.starts_with("redact"));
    near.or_else(|| known.find(|name| *name == REDACTION && is_of_redaction))
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
        assert_eq!(near("retries"), None);
        assert_eq!(near("x"), None);
    }
}
