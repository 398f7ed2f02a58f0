//! One component of a glob with wildcards, held against one name.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;

use super::GlobError;

/// A pattern for names, cut at its stars.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamePattern {
    /// What stands before the first star.
    start: Vec<NameItem>,
    /// What stands behind each star.
    behind_stars: Vec<Vec<NameItem>>,
}

/// What matches a piece of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NameItem {
    /// This byte. Characters are not looked at, as names may hold any bytes.
    Byte(u8),
    /// `?`: any character.
    Any,
    /// `[…]`: one character in one of the ranges, or in none.
    Class { is_negated: bool, ranges: Vec<(char, char)> },
}

impl NamePattern {
    pub(super) fn parse(mut text: &[u8]) -> Result<Self, GlobError> {
        let mut pattern = Self { start: Vec::new(), behind_stars: Vec::new() };
        while let Some((&byte, behind)) = text.split_first() {
            text = behind;
            let item = match byte {
                b'*' => {
                    // Several in a row are one.
                    if !matches!(pattern.behind_stars.last(), Some(items) if items.is_empty()) {
                        pattern.behind_stars.push(Vec::new());
                    }
                    continue;
                }
                b'?' => NameItem::Any,
                b'[' => class(&mut text)?,
                b'\\' => {
                    let (&escaped, behind) =
                        text.split_first().ok_or(GlobError::TrailingBackslash)?;
                    text = behind;
                    NameItem::Byte(escaped)
                }
                _ => NameItem::Byte(byte),
            };
            pattern.behind_stars.last_mut().unwrap_or(&mut pattern.start).push(item);
        }
        Ok(pattern)
    }

    /// The one name that matches, where there are no wildcards.
    pub(super) fn literal(&self) -> Option<OsString> {
        let byte = |item: &NameItem| match item {
            NameItem::Byte(byte) => Some(*byte),
            NameItem::Any | NameItem::Class { .. } => None,
        };
        let name = self.start.iter().map(byte).collect::<Option<Vec<u8>>>()?;
        // Written with a backslash these are names that no directory has.
        let is_name = self.behind_stars.is_empty() && name != b"." && name != b"..";
        is_name.then(|| OsStr::from_bytes(&name).to_owned())
    }

    pub(super) fn has_empty_range(&self) -> bool {
        let mut items = self.start.iter().chain(self.behind_stars.iter().flatten());
        items.any(|item| match item {
            NameItem::Class { ranges, .. } => ranges.iter().any(|(low, high)| high < low),
            NameItem::Byte(_) | NameItem::Any => false,
        })
    }

    /// Whether all of `name` matches. Like Go's, each star takes as little as lets what stands
    /// behind it match, and is not tried with more later: only the last one has to reach the end.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        let Some(mut rest) = matched(&self.start, name) else { return false };
        let Some((last, between)) = self.behind_stars.split_last() else { return rest.is_empty() };
        for items in between {
            // A star may end within a character.
            let Some(found) = (0..=rest.len()).find_map(|at| matched(items, &rest[at..])) else {
                return false;
            };
            rest = found;
        }
        last.is_empty()
            || (0..=rest.len()).any(|at| matched(last, &rest[at..]).is_some_and(<[u8]>::is_empty))
    }
}

/// What is left of `name` behind what `items` match at its beginning.
fn matched<'a>(items: &[NameItem], name: &'a [u8]) -> Option<&'a [u8]> {
    items.iter().try_fold(name, |rest, item| {
        let len = match item {
            NameItem::Byte(byte) => usize::from(rest.first()? == byte),
            NameItem::Any => first(rest)?.1,
            NameItem::Class { is_negated, ranges } => {
                let (c, len) = first(rest)?;
                let is_member = ranges.iter().any(|&(low, high)| low <= c && c <= high);
                if is_member == *is_negated { 0 } else { len }
            }
        };
        if len == 0 { None } else { Some(&rest[len..]) }
    })
}

/// The first character, and how many bytes it takes. A byte that is not UTF-8 is U+FFFD.
fn first(text: &[u8]) -> Option<(char, usize)> {
    let start = &text[..text.len().min(4)];
    let chunk = start.utf8_chunks().next()?;
    let c = chunk.valid().chars().next();
    Some(c.map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, c.len_utf8())))
}

/// The class whose `[` has been read.
fn class(text: &mut &[u8]) -> Result<NameItem, GlobError> {
    let is_negated = text.first() == Some(&b'^');
    *text = &text[usize::from(is_negated)..];
    let mut ranges = Vec::new();
    loop {
        if let (Some((b']', behind)), false) = (text.split_first(), ranges.is_empty()) {
            *text = behind;
            return Ok(NameItem::Class { is_negated, ranges });
        }
        let low = member(text)?;
        let mut high = low;
        if let Some((b'-', behind)) = text.split_first() {
            *text = behind;
            high = member(text).map_err(|error| match error {
                GlobError::Member => GlobError::OpenRange,
                error => error,
            })?;
        }
        ranges.push((low, high));
    }
}

/// One character of a class.
fn member(text: &mut &[u8]) -> Result<char, GlobError> {
    let behind = match text.split_first() {
        None => return Err(GlobError::OpenClass),
        Some((b'-' | b']', _)) => return Err(GlobError::Member),
        Some((b'\\', behind)) => behind,
        Some(_) => text,
    };
    let (c, len) = first(behind).ok_or(GlobError::OpenClass)?;
    if c == char::REPLACEMENT_CHARACTER && len == 1 {
        return Err(GlobError::Encoding);
    }
    *text = &behind[len..];
    if text.is_empty() { Err(GlobError::OpenClass) } else { Ok(c) }
}
