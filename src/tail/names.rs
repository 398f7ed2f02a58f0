//! What rotation makes of a name.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Whether the name of `other` says that it was rotated away from `path`.
pub(super) fn is_sibling_of(path: &Path, other: &Path) -> bool {
    let names = path.file_name().zip(other.file_name());
    path.parent() == other.parent() && names.is_some_and(|(own, its)| is_rotation_of(own, its))
}

/// Whether `name` is what rotation makes of `base`: a number or date behind it or before its
/// extension, then perhaps `.gz` (`app.log.1`, `app.log-20261123.gz`, `app-20261123.log`).
pub(super) fn is_rotation_of(base: &OsStr, name: &OsStr) -> bool {
    let (base, name) = (base.as_bytes(), name.as_bytes());
    let name = match name.strip_suffix(b".gz") {
        // What had the very name was compressed.
        Some(name) if name == base => return true,
        Some(name) => name,
        None => name,
    };
    if name.strip_prefix(base).is_some_and(is_stamp) {
        return true;
    }
    let Some(dot) = memchr::memrchr(b'.', base).filter(|&dot| dot > 0) else { return false };
    let (stem, extension) = base.split_at(dot);
    let middle = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
    middle.is_some_and(is_stamp)
}

/// The paths that `path` may have been rotated away from, by its name.
pub(super) fn bases(path: &Path) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let plain = name.strip_suffix(b".gz").unwrap_or(name);
    let mut bases = Vec::new();
    if plain.len() < name.len() {
        bases.push(plain.to_vec());
    }
    let dot = memchr::memrchr(b'.', plain).unwrap_or(plain.len());
    let (middle, extension) = plain.split_at(dot);
    for at in 1..plain.len() {
        if is_stamp(&plain[at..]) {
            bases.push(plain[..at].to_vec());
        }
        if middle.get(at..).is_some_and(is_stamp) && !extension.is_empty() {
            bases.push([&middle[..at], extension].concat());
        }
    }
    bases.iter().map(|base| path.with_file_name(OsStr::from_bytes(base))).collect()
}

/// Whether `text` is a number or date, with what stands before it.
fn is_stamp(text: &[u8]) -> bool {
    text.first().is_some_and(|byte| b".-_".contains(byte))
        && text.get(1).is_some_and(u8::is_ascii_digit)
        && text.iter().all(|byte| byte.is_ascii_digit() || b".-_:T".contains(byte))
}

/// Whether a name says that the content is compressed. Such files are not followed.
#[must_use]
pub fn is_compressed(path: &Path) -> bool {
    let extension = path.extension().map(OsStr::as_bytes).unwrap_or_default();
    [&b"gz"[..], b"bz2", b"xz", b"zst", b"lz4", b"zip", b"Z"].contains(&extension)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_bases_of_a_name_are_those_that_it_is_a_rotation_of(
            base in "[a.1-]{1,5}", stamp in "([.-][1.-]{0,3})?", ext in "(\\.a)?", gz in "(\\.gz)?",
        ) {
            prop_assume!(base != "." && base != "..");
            for (base, name) in [
                (base.clone(), format!("{base}{stamp}{ext}{gz}")),
                (format!("{base}{ext}"), format!("{base}{stamp}{ext}{gz}")),
            ] {
                let is_base = bases(Path::new(&name)).contains(&PathBuf::from(&base));
                prop_assert_eq!(is_base, is_rotation_of(base.as_ref(), name.as_ref()), "{} {}", base, name);
            }
        }
    }

    #[test]
    fn names_that_rotation_makes() {
        let is = |name: &str| is_rotation_of("app.log".as_ref(), name.as_ref());
        for name in [
            "app.log.1",
            "app.log.12.gz",
            "app.log-20261123",
            "app.log-20261123-1763900000.gz",
            "app-20261123.log",
            "app.1.log",
            "app.log.2026-11-23",
            "app_2026.11.23.log.gz",
            "app.log.2026-11-23T10:00:00",
            "app.log.gz",
        ] {
            assert!(is(name), "{name}");
        }
        for name in [
            "app.log",
            "app.log~",
            "app.log.bak",
            "app.log.old.1",
            "app2.log",
            "app.log1",
            "other.log.1",
            "app.error.log",
            "app.log.1.tmp",
        ] {
            assert!(!is(name), "{name}");
        }
        assert!(is_rotation_of("syslog".as_ref(), "syslog.1".as_ref()));
    }
}
