//! What is wrong with a configuration: where, what, and what to do about it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use crate::shown::{Show, escaped};

/// Where a setting was typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// A line of the file, from 1.
    Line {
        /// The file.
        file: Arc<PathBuf>,
        /// The line.
        line: usize,
        /// The column, from 1, where the problem has one.
        column: Option<usize>,
    },
    /// The file as a whole.
    File(Arc<PathBuf>),
    /// An environment variable.
    Variable(String),
    /// A flag.
    Flag(&'static str),
    /// The arguments that are no flags.
    Arguments,
    /// The file that could hold it, and does not exist.
    NoFile(Arc<PathBuf>),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line { file, line, column: None } => write!(f, "{}:{line}", file.shown()),
            Self::Line { file, line, column: Some(column) } => {
                write!(f, "{}:{line}:{column}", file.shown())
            }
            Self::File(file) => write!(f, "{}", file.shown()),
            Self::Variable(name) => write!(f, "{}", name.shown()),
            Self::Flag(name) => f.write_str(name),
            Self::Arguments => f.write_str("arguments"),
            Self::NoFile(file) => write!(f, "{} (not there)", file.shown()),
        }
    }
}

/// One problem; prints as `place: key: what; remedy`, in one line. The key is left out where the
/// place names it already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands.
    pub place: Place,
    /// The key it is about, as in `destination.port`; empty when it is about none.
    pub key: String,
    /// What is wrong, and after a semicolon what to do.
    pub text: String,
}

impl Problem {
    /// A problem with the value of the key of that name.
    pub(super) fn of(key: &str, place: &Place, text: impl Into<String>) -> Self {
        let named_by_place = matches!(place, Place::Variable(_) | Place::Flag(_));
        let key = if named_by_place { "" } else { key };
        Self { place: place.clone(), key: key.to_owned(), text: text.into() }
    }

    /// A problem that is about no known key, or about none at all.
    pub(super) fn at(place: Place, key: impl Into<String>, text: impl Into<String>) -> Self {
        Self { place, key: key.into(), text: text.into() }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key.shown())?;
        }
        // It may tell what was typed, or what a library says of that.
        self.text.chars().try_for_each(|c| escaped(c, f))
    }
}

/// Something that is probably not meant, but does no harm.
pub type Warning = Problem;

/// Every problem of a configuration, those of the file first and in its order, and what is odd
/// about it, which may be the reason. Prints one a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    problems: Vec<Problem>,
    warnings: Vec<Warning>,
}

impl ConfigErrors {
    /// `problems` and `warnings` in the order in which they are printed.
    pub(super) fn new(mut problems: Vec<Problem>, warnings: Vec<Warning>) -> Self {
        problems.dedup();
        Self { problems, warnings }
    }

    /// The problems, at least one.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// What is odd besides.
    #[must_use]
    pub fn warnings(&self) -> &[Warning] {
        &self.warnings
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let problems = self.problems.iter().map(|problem| ("", problem));
        let warnings = self.warnings.iter().map(|warning| ("warning: ", warning));
        for (i, (prefix, problem)) in problems.chain(warnings).enumerate() {
            let separator = if i == 0 { "" } else { "\n" };
            write!(f, "{separator}{prefix}{problem}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}
