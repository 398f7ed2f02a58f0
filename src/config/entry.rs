//! One entry of `files`: its tag, its path, its glob. Pure.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

/// What stands before and behind the `=` of `tag=path`; without one it is all path.
pub(super) fn split(text: &OsStr) -> Result<(Option<String>, &OsStr), String> {
    let bytes = text.as_bytes();
    let mut parts = bytes.split(|&b| b == b'=');
    let (first, second, third) = (parts.next().unwrap_or_default(), parts.next(), parts.next());
    match (second, third) {
        (None, _) => Ok((None, text)),
        (Some(path), None) => {
            let tag = String::from_utf8_lossy(first).into_owned();
            Ok(((!tag.is_empty()).then_some(tag), OsStr::from_bytes(path)))
        }
        (Some(_), Some(_)) => Err(format!(
            "{text:?} holds more than one '='; write tag=path, or path: and tag: in an entry of \
             their own"
        )),
    }
}

/// `path` seen from `cwd`, without `.` components; `..` at the beginning is resolved, since a
/// working directory has no symbolic links in it.
pub(super) fn absolute(path: &OsStr, cwd: &Path) -> PathBuf {
    let path = Path::new(path);
    if path.is_absolute() {
        return path.components().collect();
    }
    let mut out = cwd.to_owned();
    let mut rest = path.components().peekable();
    while let Some(component) =
        rest.next_if(|c| matches!(c, Component::CurDir | Component::ParentDir))
    {
        if component == Component::ParentDir {
            out.pop();
        }
    }
    out.extend(rest);
    out.components().collect()
}

/// What is wrong with a glob in the syntax of Go's `filepath.Match`: `*`, `?`, `[a-z]`, `[^a]`,
/// `\x`; and `**`.
pub(super) fn check_glob(glob: &OsStr) -> Result<(), &'static str> {
    glob.as_bytes().split(|&b| b == b'/').try_for_each(check_component)
}

fn check_component(component: &[u8]) -> Result<(), &'static str> {
    let mut rest = component.iter().copied();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                rest.next()
                    .ok_or("a '\\' has nothing behind it; write '\\\\' for the sign itself")?;
            }
            b'[' => check_class(&mut rest)?,
            _ => {}
        }
    }
    Ok(())
}

/// Everything behind a `[`, up to its `]`.
fn check_class(rest: &mut impl Iterator<Item = u8>) -> Result<(), &'static str> {
    const OPEN: &str = "a '[' is not closed; write ']' behind it, or '\\[' for the sign itself";
    const EMPTY: &str = "a '[…]' is empty or begins with '-' or ']'; put a '\\' before that sign";
    const RANGE: &str =
        "a range in '[…]' has no end, or ends before it begins; write it as in [a-z]";
    let escaped = |byte: u8, rest: &mut dyn Iterator<Item = u8>| match byte {
        b'\\' => rest.next().ok_or(OPEN),
        b'-' | b']' => Err(EMPTY),
        byte => Ok(byte),
    };
    let mut next = rest.next().ok_or(OPEN)?;
    if next == b'^' {
        next = rest.next().ok_or(OPEN)?;
    }
    let mut members = 0;
    loop {
        if next == b']' && members > 0 {
            return Ok(());
        }
        let low = escaped(next, rest)?;
        members += 1;
        next = rest.next().ok_or(OPEN)?;
        if next == b'-' {
            let end = rest.next().ok_or(OPEN)?;
            let high = escaped(end, rest).map_err(|e| if e == OPEN { OPEN } else { RANGE })?;
            // Characters beyond ASCII are several bytes; their order is not looked at.
            if high < low && high.is_ascii() && low.is_ascii() {
                return Err(RANGE);
            }
            next = rest.next().ok_or(OPEN)?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn absolute(path: &str) -> String {
        super::absolute(OsStr::new(path), Path::new("/srv/app")).display().to_string()
    }

    #[test]
    fn paths_are_resolved_against_the_working_directory() {
        for (path, expected) in [
            ("/var/log/a.log", "/var/log/a.log"),
            ("a.log", "/srv/app/a.log"),
            ("./log/./*.log", "/srv/app/log/*.log"),
            ("../b/**/x", "/srv/b/**/x"),
            ("../../../x", "/x"),
            ("/a/../b//c", "/a/../b/c"),
        ] {
            assert_eq!(absolute(path), expected);
        }
    }

    #[test]
    fn an_entry_is_a_path_or_tag_and_path() {
        let split =
            |text| split(OsStr::new(text)).map(|(t, p)| (t, p.to_str().unwrap().to_owned()));
        assert_eq!(split("/a"), Ok((None, "/a".into())));
        assert_eq!(split("t=/a"), Ok((Some("t".into()), "/a".into())));
        assert_eq!(split("=/a"), Ok((None, "/a".into())));
        assert!(split("t=/a=b").unwrap_err().contains("more than one '='"));
    }

    #[test]
    fn globs_as_go_reads_them() {
        for good in [
            "/a/*.log",
            "/a/[a-z]?",
            "[^a]",
            r"\[x",
            r"[\]x]",
            "/**/x",
            "[a-bx-z]",
            "]",
            "[é-ü]",
            "[!a]",
        ] {
            assert_eq!(check_glob(OsStr::new(good)), Ok(()), "{good}");
        }
        for bad in ["[", "[a", "[]", "[]a]", "[-a]", "[a-]", "[z-a]", "a\\", "[a/b]", "[^", r"[\"] {
            assert!(check_glob(OsStr::new(bad)).is_err(), "{bad}");
        }
    }
}
