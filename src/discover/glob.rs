//! The globs of `files`, taken apart into path components. Pure.
//!
//! The syntax is that of Go's `filepath.Glob`, which remote_syslog2 used, with one addition:
//! `**` as a whole component stands for any number of directories.

use std::path::{Component as PathComponent, Path};

use glob::{MatchOptions, Pattern};

use crate::shown::Show;

/// One component of a glob.
#[derive(Debug, Clone)]
pub(super) enum Component {
    /// A name without wildcards.
    Literal(std::ffi::OsString),
    /// A name with `*`, `?` or `[…]`.
    Wild(Pattern),
    /// `**`: any number of directories, also none.
    AnyDepth,
}

/// A glob that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("glob {glob:?} is malformed: {reason}")]
pub struct GlobError {
    glob: String,
    reason: String,
}

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    // `*` matches a leading dot, as it does in remote_syslog2.
    require_literal_leading_dot: false,
};

impl Component {
    /// Whether a directory entry of this name matches. A name that is not UTF-8 is compared with
    /// U+FFFD in the place of what cannot be decoded: a wildcard matches it.
    pub(super) fn matches(&self, name: &std::ffi::OsStr) -> bool {
        match self {
            Self::Literal(literal) => literal == name,
            Self::Wild(pattern) => pattern.matches_with(&name.to_string_lossy(), OPTIONS),
            Self::AnyDepth => true,
        }
    }
}

/// The components of an absolute glob below the root.
pub(super) fn components(glob: &Path) -> Result<Vec<Component>, GlobError> {
    let mut components = Vec::new();
    for part in glob.components() {
        match part {
            PathComponent::Normal(part) => components.push(component(part, glob)?),
            PathComponent::ParentDir => components.push(Component::Literal("..".into())),
            _ => {}
        }
    }
    // A trailing `**` stands for the files at any depth.
    if matches!(components.last(), Some(Component::AnyDepth)) {
        components.push(component("*".as_ref(), glob)?);
    }
    components.dedup_by(|a, b| matches!((a, b), (Component::AnyDepth, Component::AnyDepth)));
    Ok(components)
}

fn component(part: &std::ffi::OsStr, glob: &Path) -> Result<Component, GlobError> {
    let Some(text) = part.to_str() else { return Ok(Component::Literal(part.to_owned())) };
    if text == "**" {
        return Ok(Component::AnyDepth);
    }
    if !text.contains(['*', '?', '[', '\\']) {
        return Ok(Component::Literal(part.to_owned()));
    }
    let error = |reason: String| GlobError { glob: glob.shown().to_string(), reason };
    let pattern = translate(text).map_err(|reason| error(reason.to_owned()))?;
    Pattern::new(&pattern).map(Component::Wild).map_err(|e| error(e.msg.to_owned()))
}

/// Go's syntax in the one of the `glob` crate: `[^…]` is `[!…]`, `\x` is `[x]`, and `**` within
/// a component is `*`.
fn translate(text: &str) -> Result<String, &'static str> {
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '*' => {
                while rest.next_if_eq(&'*').is_some() {}
                out.push('*');
            }
            '\\' => match rest.next() {
                Some(c @ ('*' | '?' | '[' | ']')) => out.extend(['[', c, ']']),
                Some(c) => out.push(c),
                None => return Err("a backslash at its end"),
            },
            '[' => class(&mut rest, &mut out)?,
            _ => out.push(c),
        }
    }
    Ok(out)
}

/// Copies a class whose `[` has been read.
fn class(
    rest: &mut std::iter::Peekable<std::str::Chars<'_>>,
    out: &mut String,
) -> Result<(), &'static str> {
    const OPEN: &str = "a [ without its ]";
    out.push('[');
    if rest.next_if_eq(&'^').is_some() {
        out.push('!');
    } else if rest.peek() == Some(&'!') {
        // In Go `!` is a member; anywhere but in front it is one here too.
        rest.next();
        let members: String = rest.by_ref().take_while(|&c| c != ']').collect();
        out.push_str(&members);
        out.extend(['!', ']']);
        return Ok(());
    }
    let mut members = 0;
    loop {
        match rest.next().ok_or(OPEN)? {
            ']' if members > 0 => break,
            '\\' => out.push(rest.next().ok_or(OPEN)?),
            c => out.push(c),
        }
        members += 1;
    }
    out.push(']');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;

    fn matches(pattern: &str, name: &str) -> bool {
        component(pattern.as_ref(), Path::new(pattern)).unwrap().matches(name.as_ref())
    }

    #[test]
    fn go_syntax() {
        assert!(
            matches("*.log", "a.log") && matches("*.log", ".log") && !matches("*.log", "a.txt")
        );
        assert!(matches("a?c", "abc") && !matches("a?c", "ac"));
        assert!(matches("[a-c]x", "bx") && !matches("[a-c]x", "dx"));
        assert!(matches("[^a-c]x", "dx") && !matches("[^a-c]x", "bx"));
        assert!(matches(r"\*x", "*x") && !matches(r"\*x", "ax"));
        assert!(matches("[!a]", "!") && matches("[!a]", "a"));
        assert!(matches("{a,b}", "{a,b}") && !matches("{a,b}", "a"));
        assert!(matches("a**b", "axxb"));
    }

    #[test]
    fn names_that_are_not_utf8_match_wildcards() {
        let name = OsStr::from_bytes(b"caf\xE9.log");
        let wild = component("caf?.log".as_ref(), Path::new("/")).unwrap();
        assert!(wild.matches(name));
        let literal = component(name, Path::new("/")).unwrap();
        assert!(literal.matches(name) && !literal.matches("caf?.log".as_ref()));
    }

    #[test]
    fn a_trailing_double_star_means_the_files_below() {
        let parts = components(Path::new("/var/**/**")).unwrap();
        assert!(matches!(
            parts[..],
            [Component::Literal(_), Component::AnyDepth, Component::Wild(_)]
        ));
    }

    #[test]
    fn malformed_globs_are_errors() {
        for glob in ["/a/[b", "/a/b\\", "/a/[]"] {
            assert!(components(Path::new(glob)).is_err(), "{glob}");
        }
    }
}
