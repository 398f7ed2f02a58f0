//! Why an entry of `files` that matches nothing was probably meant to be another.

use std::ffi::OsString;
use std::io::ErrorKind;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::glob::Glob;
use crate::hidden;
use crate::shown::Show;

/// What is wrong with `glob`, which matches nothing, and what to write; nothing where all that can
/// be said is that its files may come later.
#[must_use]
pub fn mistake(glob: &Glob) -> Option<String> {
    let path = glob.text();
    let text = path.as_os_str().as_bytes();
    if text.windows(2).any(|pair| pair == b" /") {
        return Some("there is a blank before a '/': did you forget a '-' or a line?".to_owned());
    }
    if path.components().any(|part| part.as_os_str() == "-") {
        return Some("there is a '-' in it: did you forget the blank after it?".to_owned());
    }
    if let Some(hidden) = hidden::explained(path) {
        return Some(hidden);
    }
    if path.is_dir() {
        return Some(format!("it is a directory; write {}", path.join("*").shown()));
    }
    if let Some(bare) = without_quotes(text) {
        return Some(format!("the quotes are part of it; write {}", bare.shown()));
    }
    if let Some((_, behind)) = path.to_string_lossy().split_once('{')
        && behind.split_once('}').is_some_and(|(within, _)| within.contains(','))
    {
        return Some("braces mean nothing in a glob; write an entry for each".to_owned());
    }
    if let Some((missing, above)) = missing_directory(path) {
        return Some(format!(
            "there is no directory {}; {} is there",
            missing.shown(),
            above.shown()
        ));
    }
    // It may be left out by exclude_files, or not to be seen.
    (glob.is_literal() && is_missing(path)).then(|| "there is no such file".to_owned())
}

fn is_wild(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[\\".contains(byte))
}

/// A directory that may not be looked into is not missing.
fn is_missing(path: &Path) -> bool {
    let error = path.symlink_metadata().err();
    error.is_some_and(|error| error.kind() == ErrorKind::NotFound)
}

/// `text` without the pair of quotes that stands within it.
fn without_quotes(text: &[u8]) -> Option<PathBuf> {
    let quote = *text.iter().find(|byte| b"\"'".contains(byte))?;
    let bare: Vec<_> = text.iter().copied().filter(|byte| *byte != quote).collect();
    (bare.len() + 2 == text.len()).then(|| OsString::from_vec(bare).into())
}

/// The first directory on the way to `glob` that is not there, as far as no component before it is
/// wild, and the one that is there.
fn missing_directory(glob: &Path) -> Option<(&Path, &Path)> {
    let on_the_way: Vec<_> = glob.ancestors().skip(1).collect();
    let fixed =
        on_the_way.into_iter().rev().take_while(|path| !is_wild(path.as_os_str().as_bytes()));
    let mut above = None;
    for directory in fixed {
        if is_missing(directory) {
            return above.map(|above| (directory, above));
        }
        above = Some(directory);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let said = |name: &str| mistake(&Glob::parse(dir.path(), Path::new(name)).unwrap());
        assert_eq!(said("*.log"), None);
        assert_eq!(said("a.log").as_deref(), Some("there is no such file"));
        let star = dir.path().join("*").display().to_string();
        assert!(said("").unwrap().ends_with(&format!("it is a directory; write {star}")));
        assert!(said("a.log /var/log/b.log").unwrap().contains("did you forget a '-'"));
        assert_eq!(said("a file*.log"), None);
        assert_eq!(said("a{b*,"), None);
        assert!(said("{a,b}*.log").unwrap().contains("an entry for each"));
        assert!(said("-/var/log/b.log").unwrap().contains("blank after it"));
        assert!(said("'*.log'").unwrap().ends_with(&format!("write {star}.log")));
        assert_eq!(said("it's.log").as_deref(), Some("there is no such file"));
        let (below, root) = (dir.path().join("no"), dir.path().display().to_string());
        for name in ["no/*.log", "no/such/a.log", "no/**/a.log"] {
            let expected = format!("there is no directory {}; {root} is there", below.display());
            assert_eq!(said(name).as_deref(), Some(&*expected));
        }
        assert_eq!(said("*/no/a.log"), None);
    }
}
