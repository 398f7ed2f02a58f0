//! Globs in the syntax of Go's `filepath.Match`, which remote_syslog2 used. Pure.
//!
//! One parser: what it takes is a glob, and what it made of it is what matches. There is one
//! addition, `**` as a whole component, which stands for any number of directories.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod name;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component as PathComponent, Path, PathBuf};

use self::name::NamePattern;

/// A glob, taken apart into the components of its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob {
    text: PathBuf,
    components: Vec<Component>,
}

/// One component of a glob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Component {
    /// A name without wildcards.
    Literal(OsString),
    /// A name with `*`, `?` or `[…]`.
    Wild(NamePattern),
    /// `**`: any number of directories, also none.
    AnyDepth,
}

/// What is wrong with a glob, and what to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum GlobError {
    /// A backslash at the end of a component.
    #[error("a '\\' has nothing behind it; write '\\\\' for the sign itself")]
    TrailingBackslash,
    /// A class without its end.
    #[error("a '[' is not closed; write ']' behind it, or '\\[' for the sign itself")]
    OpenClass,
    /// A class without members, or with a hyphen where one belongs.
    #[error("a '[…]' is empty or begins with '-' or ']'; put a '\\' before that sign")]
    Member,
    /// A range without its end.
    #[error("a range in '[…]' has no end; write it as in [a-z], or '\\-' for the sign itself")]
    OpenRange,
    /// A class with bytes that are no character.
    #[error("a '[…]' holds a byte that is not UTF-8; write '?'")]
    Encoding,
}

impl Glob {
    /// Reads `glob`, which is seen from the directory `base` unless it is absolute. That directory is
    /// no part of the pattern: a sign with a meaning stands for itself there.
    ///
    /// # Errors
    /// When `glob` is malformed.
    pub fn parse(base: &Path, glob: &Path) -> Result<Self, GlobError> {
        let base = if glob.is_absolute() { Path::new("/") } else { base };
        let above = base.components().skip(1).map(|part| part.as_os_str().to_owned());
        let mut components: Vec<_> = above.map(Component::Literal).collect();
        for part in glob.components() {
            match part {
                PathComponent::Normal(part) => components.push(Component::parse(part)?),
                PathComponent::ParentDir => components.push(Component::Literal("..".into())),
                _ => {}
            }
        }
        // A trailing `**` stands for the files at any depth.
        if matches!(components.last(), Some(Component::AnyDepth)) {
            components.push(Component::parse(OsStr::new("*"))?);
        }
        components.dedup_by(|a, b| matches!((a, b), (Component::AnyDepth, Component::AnyDepth)));
        // A path without what is no part of it: `.` and repeated slashes.
        let text = base.join(glob).components().collect();
        Ok(Self { text, components })
    }

    /// As it was written, from the root.
    #[must_use]
    pub fn text(&self) -> &Path {
        &self.text
    }

    /// Below the root.
    pub(crate) fn components(&self) -> &[Component] {
        &self.components
    }

    /// Whether it names one path, which may exist or not.
    #[must_use]
    pub fn is_literal(&self) -> bool {
        self.components.iter().all(|component| matches!(component, Component::Literal(_)))
    }

    /// Whether a range in it ends before it begins, as in `[z-a]`: nothing is in that.
    #[must_use]
    pub fn has_empty_range(&self) -> bool {
        self.components.iter().any(|component| match component {
            Component::Wild(pattern) => pattern.has_empty_range(),
            Component::Literal(_) | Component::AnyDepth => false,
        })
    }
}

impl Component {
    fn parse(text: &OsStr) -> Result<Self, GlobError> {
        if text == "**" {
            return Ok(Self::AnyDepth);
        }
        let pattern = NamePattern::parse(text.as_bytes())?;
        Ok(pattern.literal().map_or(Self::Wild(pattern), Self::Literal))
    }

    /// Whether a directory entry of this name matches.
    pub(crate) fn matches(&self, name: &OsStr) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Wild(pattern) => pattern.matches(name.as_bytes()),
            Self::AnyDepth => true,
        }
    }
}

#[cfg(test)]
mod tests;
