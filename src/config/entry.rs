//! One entry of `files`: its tag, its path, its glob. Pure.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::glob::{Glob, GlobError};

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

/// Whether an argument means standard input: `-`, or `tag=-`.
pub(super) fn is_stdin(text: &OsStr) -> bool {
    split(text).is_ok_and(|(_, path)| path == "-")
}

/// `path` seen from `cwd`, without `.` components; `..` at the beginning is resolved, since a
/// working directory has no symbolic links in it.
pub(super) fn absolute(path: &OsStr, cwd: &Path) -> PathBuf {
    let (base, path) = seen_from(Path::new(path), cwd);
    base.join(path).components().collect()
}

/// A glob as it is seen from `cwd`.
pub(super) fn glob(glob: &OsStr, cwd: &Path) -> Result<Glob, GlobError> {
    let (base, glob) = seen_from(Path::new(glob), cwd);
    Glob::parse(&base, glob)
}

/// The directory at which `path` begins, and what is left of it.
fn seen_from<'a>(path: &'a Path, cwd: &Path) -> (PathBuf, &'a Path) {
    let mut base = cwd.to_owned();
    let mut rest = path.components();
    while let Some(component @ (Component::CurDir | Component::ParentDir)) = rest.clone().next() {
        rest.next();
        if component == Component::ParentDir {
            base.pop();
        }
    }
    (base, rest.as_path())
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
    fn standard_input_is_a_dash_and_nothing_else() {
        let stdin = ["-", "job=-", "=-"];
        assert!(stdin.iter().all(|text| is_stdin(OsStr::new(text))));
        assert!(!["./-", "/-", "a=b=-", "-=", ""].iter().any(|text| is_stdin(OsStr::new(text))));
    }

    #[test]
    fn the_working_directory_is_no_part_of_a_glob() {
        let glob = |typed: &str| super::glob(OsStr::new(typed), Path::new("/srv/[x]")).unwrap();
        assert!(glob("a.log").is_literal() && !glob("*.log").is_literal());
        assert_eq!(glob("./../b/*.log").text(), Path::new("/srv/b/*.log"));
        assert_eq!(glob("/a//*.log").text(), Path::new("/a/*.log"));
    }
}
