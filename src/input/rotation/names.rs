//! What rotation makes of a name.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Whether the name of `other` says that it was rotated away from `path`.
pub(in crate::input) fn is_sibling_of(path: &Path, other: &Path) -> bool {
    let names = path.file_name().zip(other.file_name());
    path.parent() == other.parent() && names.is_some_and(|(own, its)| is_rotation_of(own, its))
}

/// The same, and no other log is called so: its name holds a date, or a number behind a dot at its
/// end (`app.log.1`, not `app-1.log` or `app.1.log`).
pub(in crate::input) fn is_telling_sibling_of(path: &Path, other: &Path) -> bool {
    let names = path.file_name().zip(other.file_name());
    let stamp = names.and_then(|(own, its)| stamp(own.as_bytes(), its.as_bytes()));
    path.parent() == other.parent()
        && stamp.is_some_and(|(text, is_behind)| match text {
            b"" => true,
            [b'.', digits @ ..] if is_behind && digits.iter().all(u8::is_ascii_digit) => true,
            text => is_date(text),
        })
}

/// Whether `name` is what rotation makes of `base`: a number or date behind it or before its
/// extension, then perhaps `.gz` (`app.log.1`, `app.log-20261123.gz`, `app-20261123.log`).
pub(in crate::input) fn is_rotation_of(base: &OsStr, name: &OsStr) -> bool {
    stamp(base.as_bytes(), name.as_bytes()).is_some()
}

/// What rotation has added to `base` (nothing where it was compressed only), and whether that stands
/// behind it.
fn stamp<'a>(base: &[u8], name: &'a [u8]) -> Option<(&'a [u8], bool)> {
    let name = match name.strip_suffix(b".gz") {
        // What had the very name was compressed.
        Some(name) if name == base => return Some((b"", true)),
        Some(name) => name,
        None => name,
    };
    if let Some(stamp) = name.strip_prefix(base).filter(|text| is_stamp(text)) {
        return Some((stamp, true));
    }
    let dot = memchr::memrchr(b'.', base).filter(|&dot| dot > 0)?;
    let (stem, extension) = base.split_at(dot);
    let middle = name.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
    middle.filter(|text| is_stamp(text)).map(|text| (text, false))
}

/// Whether a stamp holds a year and a month or week, or the seconds since 1970. Process numbers may
/// look like a year and more: what follows it must be a month or a week, and a day.
fn is_date(stamp: &[u8]) -> bool {
    let mut groups = stamp.split(|byte| !byte.is_ascii_digit()).filter(|group| !group.is_empty());
    let is_year = |digits: &[u8]| matches!(digits, [b'1', b'9', ..] | [b'2', b'0', ..]);
    let is_day = |month: &[u8], day: &[u8]| is_in(month, 1, 12) && is_in(day, 1, 31);
    let is_whole = |group: &[u8]| match group.len() {
        6 => is_year(group) && is_in(&group[4..], 1, 53),
        8 => {
            is_year(group) && is_day(&group[4..6], &group[6..])
                || is_year(&group[4..])
                    && (is_day(&group[2..4], &group[..2]) || is_day(&group[..2], &group[2..4]))
        }
        14 => is_year(group) && is_day(&group[4..6], &group[6..8]),
        length => length >= 10,
    };
    let years = groups.clone().filter(|group| group.len() == 4 && is_year(group)).count();
    groups.clone().count() > 1 && years > 0 || groups.any(is_whole)
}

/// Whether two digits are a number within these bounds.
fn is_in(digits: &[u8], least: u8, most: u8) -> bool {
    matches!(digits, [tens, ones] if (least..=most).contains(&((tens - b'0') * 10 + ones - b'0')))
}

/// The paths that `path` may have been rotated away from, by its name.
pub(in crate::input) fn bases(path: &Path) -> Vec<PathBuf> {
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
    fn a_mere_number_does_not_tell() {
        let is = |base: &str, name: &str| is_telling_sibling_of(Path::new(base), Path::new(name));
        for name in [
            "app.log.1",
            "app.log.12.gz",
            "app.log.gz",
            "app.log-20261123",
            "app.log-20261123-1763900000.gz",
            "app-23.11.2026.log",
            "app-23112026.log",
            "app_2026-11.log.gz",
            "app.2026-47.log",
            "app-2026-11-23-1.log.gz",
            "app.log-1763900000",
            "app-202611.log",
            "app-202653.log",
            "app-20261123101500.log",
        ] {
            assert!(is("app.log", name), "{name}");
        }
        for name in [
            "app.1.log",
            "app-1.log",
            "app-123456.log",
            "app.log-2",
            "app-2026.log",
            "app-201200.log",
            "app-201299.log",
            "app-20121301.log",
            "app-20121232.log",
            "app-20121232000000.log",
        ] {
            assert!(!is("app.log", name), "{name}");
        }
        assert!(is("worker", "worker.1") && !is("worker", "worker-1") && !is("a.log", "app.log.1"));
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
