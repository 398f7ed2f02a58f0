//! What rotation makes of a name.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The file that multilog and svlogd write to.
const CURRENT: &[u8] = b"current";
/// Extensions of compressed files.
const COMPRESSED: [&[u8]; 9] =
    [b"gz", b"bz2", b"xz", b"zst", b"lz4", b"zip", b"Z", b"lzma", b"zstd"];
const WEEKDAYS: [&[u8]; 7] =
    [b"Monday", b"Tuesday", b"Wednesday", b"Thursday", b"Friday", b"Saturday", b"Sunday"];

/// Whether three letters are a month as strftime(3) writes it, in capitals or small.
fn is_month(word: &[u8]) -> bool {
    let &[first, second, third] = word else { return false };
    #[rustfmt::skip]
    let is_it = matches!(
        &[first | 0x20, second | 0x20, third | 0x20],
        b"jan" | b"feb" | b"mar" | b"apr" | b"may" | b"jun"
            | b"jul" | b"aug" | b"sep" | b"oct" | b"nov" | b"dec"
    );
    is_it
}

/// What stands behind the whole name of a log, and a dot, in that of a backup of it.
const BACKUPS: [&[u8]; 8] =
    [b"bak", b"backup", b"orig", b"save", b"saved", b"prev", b"previous", b"copy"];

/// What flexi_logger calls the file that it writes to, up to the extension: `app_rCURRENT.log` becomes
/// `app_r00003.log`, or `app_r2026-11-23_10-20-30.log`.
const FLEXI_CURRENT: &[u8] = b"_rCURRENT";
/// What stands before the number there.
const FLEXI: &[u8] = b"_r";

/// What may stand behind a date: why lumberjack's successor has rotated, that it is UTC, and that logrotate has found it
/// in its way (`findings/logrotate-moves-what-is-in-its-way.sh`).
const BEHIND_DATE: [&[u8]; 5] = [b"-size", b"-time", b"-manual", b"Z", b".backup"];

/// How many letters and digits mkstemp(3) chooses for a name.
const RANDOM: usize = 6;

/// How a name follows from that of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form<'a> {
    /// The log's own name, with the extension of a compressed file.
    Compressed,
    /// The log's own name, and then this: `.1` in `app.log.1`.
    Appended(&'a [u8]),
    /// This stands before the extension: `-20261123` in `app-20261123.log`.
    Inserted(&'a [u8]),
    /// A date stands before the log's own name: `2026-11-23-app.log`.
    Dated,
    /// What flexi_logger makes of its current file: `app_r00003.log`.
    Flexi,
    /// The time of a file that was called `current`: `@4000000067a1b2c31dcd6500.s`.
    Tai64,
}

impl Form<'_> {
    fn of<'a>(base: &[u8], name: &'a [u8]) -> Option<Form<'a>> {
        let plain = uncompressed(name);
        if plain == base {
            return (plain.len() < name.len()).then_some(Form::Compressed);
        }
        let appended = plain.strip_prefix(base);
        if let Some(stamp) = appended.filter(|text| is_stamp(text) || is_backup(text)) {
            return Some(Form::Appended(stamp));
        }
        if plain.strip_suffix(base).is_some_and(is_leading_date) {
            return Some(Form::Dated);
        }
        if base == CURRENT && is_tai64(plain) {
            return Some(Form::Tai64);
        }
        let (stem, extension) = split(base);
        let is_flexi = |(stem, extension): (&[u8], &[u8])| {
            let own = stem.strip_suffix(FLEXI_CURRENT);
            let rest = own.and_then(|own| plain.strip_prefix(own)?.strip_prefix(FLEXI));
            rest.and_then(|rest| rest.strip_suffix(extension)).is_some_and(is_digits)
        };
        if is_flexi((stem, extension)) || is_flexi((base, b"")) {
            return Some(Form::Flexi);
        }
        let middle = plain.strip_prefix(stem).and_then(|rest| rest.strip_suffix(extension));
        let middle = middle.filter(|text| !extension.is_empty() && is_stamp(text));
        middle.map(Form::Inserted)
    }

    /// Whether no other log is called so. A mere number before the extension may belong to another.
    fn is_telling(self) -> bool {
        match self {
            Self::Compressed | Self::Dated | Self::Tai64 | Self::Flexi => true,
            Self::Appended([b'.', digits @ ..]) if digits.iter().all(u8::is_ascii_digit) => true,
            Self::Appended(stamp) if is_backup(stamp) => true,
            Self::Appended(stamp) | Self::Inserted(stamp) => {
                is_word(without_separators(stamp)) || is_date(stamp)
            }
        }
    }
}

/// Whether the name of `other` says that it was rotated away from `path`.
pub(in crate::input) fn is_sibling_of(path: &Path, other: &Path) -> bool {
    let names = path.file_name().zip(other.file_name());
    path.parent() == other.parent() && names.is_some_and(|(own, its)| is_rotation_of(own, its))
}

/// The same, and no other log is called so: its name holds a date or a word for it, or a number
/// behind a dot at its end (`app.log.1`, not `app-1.log` or `app.1.log`).
pub(in crate::input) fn is_telling_sibling_of(path: &Path, other: &Path) -> bool {
    let names = path.file_name().zip(other.file_name());
    let form = names.and_then(|(own, its)| Form::of(own.as_bytes(), its.as_bytes()));
    path.parent() == other.parent() && form.is_some_and(Form::is_telling)
}

/// Whether `name` is what rotation makes of `base`: a number, a date, a weekday or `old` behind it
/// or before its extension, or a date before it, then perhaps the extension of a compressed file
/// (`app.log.1`, `app.log-20261123.gz`, `app-Mon.log`, `2026-11-23-app.log.zst`); or what is called a
/// backup of it (`app.log.bak`, `app.log.~1~`).
pub(in crate::input) fn is_rotation_of(base: &OsStr, name: &OsStr) -> bool {
    Form::of(base.as_bytes(), name.as_bytes()).is_some()
}

/// What every name begins with that rotation makes of `base`, unless a date stands before it.
pub(in crate::input) fn beginnings(base: &OsStr) -> impl Iterator<Item = &[u8]> {
    let base = base.as_bytes();
    let tai64 = (base == CURRENT).then_some(&b"@"[..]);
    let stem = split(base).0;
    std::iter::once(stem.strip_suffix(FLEXI_CURRENT).unwrap_or(stem)).chain(tai64)
}

/// A name without the extension of a compressed file.
pub(in crate::input) fn uncompressed(name: &[u8]) -> &[u8] {
    let dot = memchr::memrchr(b'.', name).filter(|&dot| dot > 0);
    match dot.filter(|&dot| COMPRESSED.contains(&&name[dot + 1..])) {
        Some(dot) => &name[..dot],
        None => name,
    }
}

/// A name up to its extension, and the extension with its dot.
fn split(name: &[u8]) -> (&[u8], &[u8]) {
    let dot = memchr::memrchr(b'.', name).filter(|&dot| dot > 0);
    name.split_at(dot.unwrap_or(name.len()))
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
    bases_that(path, |_, _| true)
}

/// The same, as far as its name says so for certain.
pub(in crate::input) fn telling_bases(path: &Path) -> Vec<PathBuf> {
    bases_that(path, |base, name| Form::of(base, name).is_some_and(Form::is_telling))
}

/// Those of which `is_wanted` says so, given the name of one and that of `path`. Only they become paths: all
/// files of a large host are asked for theirs.
fn bases_that(path: &Path, is_wanted: impl Fn(&[u8], &[u8]) -> bool) -> Vec<PathBuf> {
    let name = path.file_name().unwrap_or_default().as_bytes();
    let wanted = base_names(name).into_iter().filter(|base| is_wanted(base, name));
    wanted.map(|base| path.with_file_name(OsStr::from_bytes(&base))).collect()
}

/// The names that `name` may have been made of.
fn base_names(name: &[u8]) -> Vec<Vec<u8>> {
    let plain = uncompressed(name);
    let mut bases = Vec::new();
    if plain.len() < name.len() {
        bases.push(plain.to_vec());
    }
    if is_tai64(plain) {
        bases.push(CURRENT.to_vec());
    }
    let (middle, extension) = split(plain);
    for at in 1..plain.len() {
        if is_stamp(&plain[at..]) || is_backup(&plain[at..]) {
            bases.push(plain[..at].to_vec());
        }
        if is_leading_date(&plain[..at]) {
            bases.push(plain[at..].to_vec());
        }
        if plain[at..].strip_prefix(FLEXI).is_some_and(is_digits) {
            bases.push([&plain[..at], FLEXI_CURRENT].concat());
        }
        let Some(stamp) = middle.get(at..) else { continue };
        if is_stamp(stamp) && !extension.is_empty() {
            bases.push([&middle[..at], extension].concat());
        }
        if stamp.strip_prefix(FLEXI).is_some_and(is_digits) {
            bases.push([&middle[..at], FLEXI_CURRENT, extension].concat());
        }
    }
    bases
}

/// The path that a file gets when it is complete, by the name it has until then: rsync(1) writes
/// `.app.log.x7Kq2Z` beside `app.log`, and renames it.
pub(in crate::input) fn completed(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_bytes().strip_prefix(b".")?;
    let (base, random) = name.split_at_checked(name.len().checked_sub(RANDOM + 1)?)?;
    let is_random = random[0] == b'.' && random[1..].iter().all(u8::is_ascii_alphanumeric);
    (is_random && !base.is_empty()).then(|| path.with_file_name(OsStr::from_bytes(base)))
}

/// Whether `name` comes between two others that differ in nothing but their last number: `app-4.log` between
/// `app-3.log` and `app-6.log`.
pub(in crate::input) fn comes_between(from: &OsStr, to: &OsStr, name: &OsStr) -> bool {
    let numbered = |name| numbered(uncompressed(OsStr::as_bytes(name)));
    let (Some(from), Some(to), Some(its)) = (numbered(from), numbered(to), numbered(name)) else {
        return false;
    };
    let without_number = |of: (_, u64, _)| (of.0, of.2);
    without_number(from) == without_number(to)
        && without_number(from) == without_number(its)
        && (from.1 + 1..to.1).contains(&its.1)
}

/// What stands before the last number in a name, that number, and what stands behind it.
fn numbered(name: &[u8]) -> Option<(&[u8], u64, &[u8])> {
    let end = name.iter().rposition(u8::is_ascii_digit)? + 1;
    let start = name[..end].iter().rposition(|byte| !byte.is_ascii_digit()).map_or(0, |at| at + 1);
    // No number of files has more digits.
    let digits = Some(&name[start..end]).filter(|digits| digits.len() < 19)?;
    let number = digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'));
    Some((&name[..start], number, &name[end..]))
}

/// The path that a file is a backup of which an editor makes, by its name: `app.log~`, or `#app.log#` of emacs.
pub(in crate::input) fn backed_up(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.as_bytes();
    let unsaved = || name.strip_prefix(b"#")?.strip_suffix(b"#");
    let base = name.strip_suffix(b"~").or_else(unsaved).filter(|base| !base.is_empty())?;
    Some(path.with_file_name(OsStr::from_bytes(base)))
}

/// Whether both names were made by rotation of one log, for certain: what is called `app.log.1` today is
/// called `app.log.2.gz` tomorrow.
pub(in crate::input) fn are_kin(one: &Path, other: &Path) -> bool {
    telling_bases(one).iter().any(|base| is_telling_sibling_of(base, other))
}

/// Whether `text` is a number, a date or a word for one, with what stands before it.
fn is_stamp(text: &[u8]) -> bool {
    let stamp = without_separators(text);
    stamp.len() < text.len() && (is_word(stamp) || is_digits(without_reason(stamp)))
}

/// A stamp without what stands behind its date.
fn without_reason(stamp: &[u8]) -> &[u8] {
    let date = BEHIND_DATE.iter().find_map(|behind| stamp.strip_suffix(*behind));
    date.filter(|date| is_date(date)).unwrap_or(stamp)
}

fn without_separators(text: &[u8]) -> &[u8] {
    let end = text.iter().position(|byte| !b".-_".contains(byte)).unwrap_or(text.len());
    &text[end..]
}

/// Whether `text` is a number or several, as a date is, perhaps with a month as strftime(3) writes it.
fn is_digits(text: &[u8]) -> bool {
    let is_part = |byte: &u8| byte.is_ascii_digit() || b".-_:T".contains(byte);
    let is_number =
        |text: &[u8]| text.first().is_some_and(u8::is_ascii_digit) && text.iter().all(is_part);
    // `30Nov2026` and `Nov-30-2026`, but no month alone.
    let month = text.windows(3).position(is_month);
    month.map_or_else(
        || is_number(text),
        |at| {
            let (before, behind) = (&text[..at], &text[at + 3..]);
            (at == 0 || is_number(before)) && is_number(without_separators(behind))
        },
    )
}

/// Whether `text` is a word that stands for a number: `old`, or a day of the week as strftime(3)
/// writes it.
fn is_word(text: &[u8]) -> bool {
    let is = |word: &[u8]| text.eq_ignore_ascii_case(word);
    is(b"old") || WEEKDAYS.iter().any(|&day| is(day) || is(&day[..3]))
}

/// Whether what stands behind a whole name makes it that of a backup: a word for one, perhaps with a number,
/// or what cp(1) and mv(1) write (`app.log.~1~`). `app.log~` is an editor's.
fn is_backup(text: &[u8]) -> bool {
    let Some(stamp) = text.strip_prefix(b".") else { return false };
    if let Some(number) = stamp.strip_prefix(b"~").and_then(|rest| rest.strip_suffix(b"~")) {
        return is_number(number);
    }
    BACKUPS.iter().any(|word| {
        let number = stamp.strip_prefix(*word);
        number.is_some_and(|number| number.is_empty() || is_number(without_separators(number)))
    })
}

fn is_number(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

/// Whether `text` is a date with what stands between it and a name.
fn is_leading_date(text: &[u8]) -> bool {
    text.last().is_some_and(|byte| b".-_".contains(byte)) && is_digits(text) && is_date(text)
}

/// Whether a name is a time as multilog writes it: TAI64N, and whether the file was synchronised.
fn is_tai64(name: &[u8]) -> bool {
    let digits = name.strip_prefix(b"@").and_then(|name| name.get(..24));
    digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
        && matches!(&name[25..], b".s" | b".u" | b"")
}

/// Whether a name says that the content is compressed. Such files are not followed.
#[must_use]
pub fn is_compressed(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    uncompressed(name).len() < name.len()
}

/// Whether a file is where vim(1) and nano(1) keep what is being edited, by its name: `.app.log.swp`. Such
/// files are not followed.
#[must_use]
pub fn is_swap(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().as_bytes();
    matches!(name, [b'.', _, .., b'.', b's', b'w', b'a'..=b'z'])
}

#[cfg(test)]
mod tests;
