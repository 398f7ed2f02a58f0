//! What was found wrong so far: as much of it as anybody reads, and how much more there is.

use std::path::PathBuf;
use std::sync::Arc;

use super::error::{Place, Problem, Warning};
use super::keys::{REDACTION, nearest};

/// How many problems are told, and how many warnings. Whoever has more has another problem.
const TOLD_MAX: usize = 100;

/// Problems and warnings, in the order in which they were found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    problems: Told,
    warnings: Told,
    /// Warnings, by their number among the others, about a key that was probably meant to be this one.
    misspelt: Vec<(usize, String)>,
}

/// The first of them.
#[derive(Debug, Default)]
struct Told {
    first: Vec<Problem>,
    more: usize,
}

impl Told {
    fn push(&mut self, problem: Problem) {
        match self.has_room() {
            true => self.first.push(problem),
            false => self.more += 1,
        }
    }

    fn has_room(&self) -> bool {
        self.first.len() < TOLD_MAX
    }

    fn into_vec(mut self, remedy: &str) -> Vec<Problem> {
        self.first.sort_by(|a, b| a.place.cmp(&b.place));
        if self.more > 0 {
            // Of the last that is told: it stands behind the others.
            let file = match self.first.last().map(|problem| &problem.place) {
                Some(Place::Line { file, .. }) => Arc::clone(file),
                _ => Arc::new(PathBuf::from("configuration")),
            };
            let text = format!("{} more are not listed; {remedy}", self.more);
            self.first.push(Problem::at(Place::File(file), "", text));
        }
        self.first
    }
}

impl Findings {
    pub(super) fn problem(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    pub(super) fn warn(&mut self, warning: Warning) {
        self.warnings.push(warning);
    }

    /// Which of the `known` names a name was probably meant to be that is none of them. That takes long to find, so of
    /// what is not told it is only found out whether it is to be refused.
    pub(super) fn meant<'a>(
        &self,
        name: &str,
        known: impl Iterator<Item = &'a str> + Clone,
    ) -> Option<&'a str> {
        match nearest(name, known.clone().filter(|known| *known == REDACTION)) {
            None if !self.warnings.has_room() => None,
            Some(refused) if !self.problems.has_room() => Some(refused),
            _ => nearest(name, known),
        }
    }

    /// Warns of a name that is none of the known ones. The text of `unknown` says what it is, `near` the name that was
    /// probably meant, and `meant` the key of that name.
    pub(super) fn misspelt(&mut self, unknown: Problem, near: Option<&str>, meant: Option<&str>) {
        let Problem { place, key, text } = unknown;
        let remedy = match near {
            None => "remove it".to_owned(),
            // It was written with its dots.
            Some(near) if near.eq_ignore_ascii_case(&key) => {
                let mut parts = near.rsplit('.');
                let (last, section) = (parts.next().unwrap_or(near), parts.next().unwrap_or(near));
                format!("write {last}: below {section}:, indented")
            }
            Some(near) => format!("did you mean {near}?"),
        };
        if meant == Some(REDACTION) {
            let text = format!("{text}; {remedy} It is refused, for nothing would be redacted");
            return self.problem(Problem::at(place, key, text));
        }
        if let Some(key) = meant.filter(|_| self.warnings.has_room()) {
            self.misspelt.push((self.warnings.first.len(), key.to_owned()));
        }
        self.warn(Problem::at(place, key, format!("{text}, ignored; {remedy}")));
    }

    /// Whether a problem fits `is_it`, or may be among those that are not told.
    pub(super) fn may_hold(&self, is_it: impl FnMut(&Problem) -> bool) -> bool {
        self.problems.more > 0 || self.problems.first.iter().any(is_it)
    }

    /// Says what follows where `key` was misspelt.
    pub(super) fn add_consequence(&mut self, key: &str, consequence: &str) {
        for (index, _) in self.misspelt.iter().filter(|(_, meant)| *meant == key) {
            let text = &mut self.warnings.first[*index].text;
            text.push(' ');
            text.push_str(consequence);
        }
    }

    /// The problems and the warnings, each in the order of their places.
    pub(super) fn into_parts(self) -> (Vec<Problem>, Vec<Warning>) {
        let problems = self.problems.into_vec("mend those first");
        (problems, self.warnings.into_vec("look at those first"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_is_counted() {
        let place = |line| Place::Line { file: Arc::default(), line, column: None };
        let mut findings = Findings::default();
        for line in 0..TOLD_MAX + 7 {
            findings.problem(Problem::at(place(line), "", "bad; mend it"));
            let meant = Some("destination.port");
            findings.misspelt(Problem::at(place(line), "", "odd"), meant, meant);
        }
        findings.add_consequence("destination.port", "So it is.");
        assert!(findings.may_hold(|_| false));
        let (problems, warnings) = findings.into_parts();
        for (told, remedy) in [(&problems, "mend"), (&warnings, "look at")] {
            assert_eq!(told.len(), TOLD_MAX + 1);
            assert_eq!(told[TOLD_MAX].text, format!("7 more are not listed; {remedy} those first"));
        }
        assert!(warnings[TOLD_MAX - 1].text.ends_with("did you mean destination.port? So it is."));
    }
}
