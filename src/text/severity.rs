//! A severity that a line says of itself. Pure.

use crate::filter::{Finder, FinderSearch, Re2Pattern};
use crate::syslog::Severity;

/// Patterns, each with the severity of the lines that it matches. The first that matches counts.
#[derive(Debug, Clone, Default)]
pub struct SeverityRules {
    rules: Vec<(Severity, Re2Pattern)>,
    finder: Finder,
}

impl SeverityRules {
    /// These, in this order.
    #[must_use]
    pub fn new(rules: Vec<(Severity, Re2Pattern)>) -> Self {
        let finder = Finder::new(rules.iter().map(|(_, pattern)| pattern));
        Self { rules, finder }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Each severity, and its pattern as it was written.
    pub fn texts(&self) -> impl Iterator<Item = (Severity, &str)> {
        self.rules.iter().map(|(severity, pattern)| (*severity, pattern.text()))
    }

    /// Whether some pattern may match across lines without being found in one of them.
    pub(super) fn crosses_lines(&self) -> bool {
        self.finder.crosses_lines()
    }

    /// Begins to search whole `lines` for those whose severity some pattern may tell.
    #[must_use]
    pub fn search<'a>(&'a self, lines: &'a [u8]) -> FinderSearch<'a> {
        self.finder.search(lines)
    }

    /// What `text` says.
    #[must_use]
    pub fn of(&self, text: &[u8]) -> Option<Severity> {
        self.rules.iter().find(|(_, pattern)| pattern.matches(text)).map(|&(severity, _)| severity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_matches_counts() {
        let rule = |severity: &str, pattern| {
            (severity.parse().unwrap(), Re2Pattern::new(pattern).unwrap())
        };
        let rules = SeverityRules::new(vec![rule("err", "ERROR|FATAL"), rule("warn", "WARN")]);
        let of = |text: &str| rules.of(text.as_bytes());
        assert_eq!(of("WARN then ERROR"), "err".parse().ok());
        assert_eq!(of("a WARNING"), "warn".parse().ok());
        assert_eq!(of("INFO"), None);
        assert!(SeverityRules::default().is_empty() && SeverityRules::default().of(b"").is_none());
    }
}
