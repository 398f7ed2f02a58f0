//! What a pattern holds that is allowed and probably not meant, and what to write where it is none.

use super::super::document::leaf::{List, Spot, Text};
use super::Resolver;
use crate::filter::{PatternError, Patterns};

/// What has nothing in common but that it may be a line: a pattern that matches all of it has no condition. What only
/// empty lines are left out by (`^$`) has one.
const LINES: [&str; 3] = ["", "\u{1}", "\u{1} !\"#$%&'()*+,-./0189:;<=>?@AMZ[\\]^_`amz{|}~é"];

impl Resolver<'_> {
    /// What a pattern for paths holds that is rather part of a glob.
    pub(super) fn warn_of_glob(&mut self, spot: Spot, text: &str) {
        if text.contains("/*") {
            let text = format!(
                "in {text:?} the '*' repeats the '/' before it, for this is RE2 syntax and no glob; write \
                 '/[^/]*' for a '/' and any name behind it"
            );
            self.warn(spot, text);
        }
    }

    /// What a pattern for lines holds that is no part of one.
    pub(super) fn warn_of_pattern(&mut self, spot: Spot, text: &str) {
        if let Some(bare) = text.strip_suffix('\n') {
            // As YAML has it behind a `|`.
            let text = format!(
                "the newline at the end of {text:?} is part of the pattern, and no line has one; write \
                 '{bare}', or |- in the place of |"
            );
            self.warn(spot, text);
        }
        let within = text.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
        if let Some(within) = within.filter(|within| !within.is_empty()) {
            let text = format!(
                "the slashes around {text:?} are part of the pattern; write {within:?} if they are \
                 not meant"
            );
            self.warn(spot, text);
        }
    }
    /// Warns of those that match every line. One that may be empty does so anywhere.
    pub(super) fn warn_of_all(&mut self, given: &List<Text>, patterns: &Patterns) {
        if !LINES.iter().all(|line| patterns.matches(line.as_bytes())) {
            return;
        }
        let mut counts = vec![0; patterns.len()];
        for (index, _) in LINES.iter().flat_map(|line| patterns.matching(line.as_bytes())) {
            counts[index] += 1;
        }
        let given = given.items().iter().filter(|item| item.text.to_str().is_some());
        for (item, _) in given.zip(counts).filter(|(_, count)| *count == LINES.len()) {
            let includes = self.typed.spots.name(item.spot).ends_with("include_patterns");
            let follows = if includes { "every line is kept" } else { "no line is sent" };
            let text = format!(
                "{:?} matches every line, so that {follows}; take out of it what may be empty, such as a '|' \
                 with nothing behind it, or remove it",
                item.text
            );
            self.warn(item.spot, text);
        }
    }
}

/// What is wrong with a pattern, and how to write what was probably meant where it is none.
pub(super) fn no_pattern(of_files: bool, error: &PatternError) -> String {
    match error.is_too_large {
        true => error.to_string(),
        false => format!("{error}; {}", pattern_remedy(of_files, &error.pattern)),
    }
}

fn pattern_remedy(of_files: bool, text: &str) -> String {
    match text.strip_prefix('*') {
        Some(end) if of_files => format!(
            "write RE2 syntax, not a glob: what ends like this is '{}$'",
            regex_syntax::escape(end)
        ),
        Some(end) => format!("write RE2 syntax, in which {end:?} alone matches it anywhere"),
        None => "write RE2 syntax, with a \\ before a literal sign".to_owned(),
    }
}
