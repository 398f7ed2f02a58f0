//! Why an entry of `files` that matches nothing was probably meant to be another.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::glob::Glob;
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
    if path.is_dir() {
        return Some(format!("it is a directory; write {}", path.join("*").shown()));
    }
    // It may be left out by exclude_files, or not to be seen.
    let is_missing = |path: &Path| match path.symlink_metadata() {
        Err(error) => error.kind() == std::io::ErrorKind::NotFound,
        Ok(_) => false,
    };
    (glob.is_literal() && is_missing(path)).then(|| "there is no such file".to_owned())
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
        assert!(said("-/var/log/b.log").unwrap().contains("blank after it"));
    }
}
