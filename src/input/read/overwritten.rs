//! Writers that overwrite the end of what they wrote: the closing bracket of a list, say.

use std::io;

use super::content::Content;
use super::reader::{Read, ReadPlace, Reader, head_at};
use crate::input::FileSettings;
use crate::input::read::pending::Pending;
use crate::input::read::records::without_nuls_behind;
use crate::pipeline::position::{Anchor, Head, Position, RecordStart};
use crate::text::Wide;

/// Where to go on in a file whose bytes before `position` are others: where the first of its last
/// records begins that was overwritten. Nothing where it holds something else.
///
/// # Errors
/// It cannot be read.
pub(in crate::input) fn before_overwritten(
    content: &mut Content,
    position: &Position,
) -> io::Result<Option<Position>> {
    // What is shorter was truncated; what is compressed is not overwritten.
    let reaches = |content: &mut Content| content.read_at(position.offset - 1, &mut [0]);
    if !matches!(content, Content::Plain(_)) || position.offset == 0 || reaches(content)? == 0 {
        return Ok(None);
    }
    for start in position.starts.into_iter().take_while(|start| start.back > 0) {
        let Some(offset) = position.offset.checked_sub(u64::from(start.back)) else { break };
        let mut before = [0; Anchor::MAX];
        let before = &mut before[..offset.min(Anchor::MAX as u64) as usize];
        let count = content.read_at(offset - before.len() as u64, before)?;
        if RecordStart::behind(&before[..count], start.back.into()) != start {
            continue;
        }
        let head = head_at(content, offset)?;
        // What the first bytes were is known where they lie before that place.
        if u64::from(position.head.len) <= offset && position.head != head {
            continue;
        }
        let anchor = Anchor::after(before);
        let modified = position.modified;
        return Ok(Some(Position { offset, head, anchor, modified, ..Position::default() }));
    }
    Ok(None)
}

/// Where the last two records of `read` begin, of which the first `back` bytes were read before `old`,
/// where a record began.
pub(super) fn last_starts(read: &[u8], back: usize, old: &Position) -> [RecordStart; 2] {
    let new = &read[back..];
    if old.mid_record || new.is_empty() {
        return Default::default();
    }
    let consumed = new.len() as u64;
    let start = |at: usize| RecordStart::behind(&read[..back + at], (new.len() - at) as u64);
    let newline_before = |end: usize| memchr::memrchr(b'\n', &new[..end]);
    let first = RecordStart::at(old.anchor, consumed);
    match newline_before(new.len() - 1) {
        None => [first, old.starts[0].seen_from(consumed)],
        Some(last) => {
            let previous = newline_before(last).map_or(first, |newline| start(newline + 1));
            [start(last + 1), previous]
        }
    }
}

/// So many bytes show where the last records begin, unless they are long.
const LAST: u64 = 4096;

/// The position at `end` in a file of which nothing was read. Where its last two records begin is known as far as
/// the bytes just before it tell.
///
/// # Errors
/// It cannot be read, or does not reach so far.
pub(in crate::input) fn position_at_end(content: &mut Content, end: u64) -> io::Result<Position> {
    let last = last_before(content, end)?;
    position_behind(&last, content, end)
}

/// The same at the end of the text in a file of this `size`: NULs behind it may be filled in. In UTF-16 one may be half of
/// the last character.
///
/// # Errors
/// As those of [`position_at_end`].
pub(in crate::input) fn position_at_text_end(
    content: &mut Content,
    size: u64,
    settings: &FileSettings,
) -> io::Result<Position> {
    if is_wide(content, settings)? {
        let end = content.written_end(size)?.next_multiple_of(2).min(size & !1);
        // Where lines begin is not told by single bytes there.
        return Ok(Position { starts: Default::default(), ..position_at_end(content, end)? });
    }
    let last = last_before(content, size)?;
    if without_nuls_behind(&last) == last.len() {
        return position_behind(&last, content, size);
    }
    let end = content.written_end(size)?;
    position_at_end(content, end)
}

/// Whether characters are two bytes, by what is said of the file or by its mark.
fn is_wide(content: &mut Content, settings: &FileSettings) -> io::Result<bool> {
    if settings.wide().is_some() || !settings.heeds_mark() {
        return Ok(settings.wide().is_some());
    }
    let mut start = [0; 2];
    let count = content.read_at(0, &mut start)?;
    Ok(Wide::of_mark(&start[..count]).is_some())
}

/// The last bytes before `end`.
fn last_before(content: &mut Content, end: u64) -> io::Result<Vec<u8>> {
    let mut last = vec![0; end.min(LAST) as usize];
    if content.read_at(end - last.len() as u64, &mut last)? < last.len() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(last)
}

/// The position at `end`, before which these `last` bytes stand.
fn position_behind(last: &[u8], content: &mut Content, end: u64) -> io::Result<Position> {
    // Of a small file that was all.
    let head = if end <= LAST { Head::of(last) } else { head_at(content, end)? };
    let (anchor, starts) = (Anchor::after(last), starts_in(last, end));
    Ok(Position { offset: end, head, anchor, starts, ..Position::default() })
}

/// Where the last two records begin in the `last` bytes before `end`.
fn starts_in(last: &[u8], end: u64) -> [RecordStart; 2] {
    let first = match memchr::memchr(b'\n', last) {
        _ if end <= LAST => 0,
        Some(newline) => newline + 1,
        None => last.len(),
    };
    if !last.ends_with(b"\n") {
        return Default::default();
    }
    let begin = Position { anchor: Anchor::after(&last[..first]), ..Position::default() };
    last_starts(last, first, &begin)
}

impl Reader {
    /// The bytes before the position are others: goes back to where the last records begin, if it is
    /// only those that were overwritten.
    pub(super) fn go_back(&mut self, place: &mut ReadPlace<'_>) -> io::Result<Read> {
        let Some(before) = before_overwritten(place.content, place.position)? else {
            return Ok(Read::Rewritten);
        };
        *place.position = before;
        *place.pending = Pending::default();
        self.counts.overwritten += 1;
        Ok(Read::Some { at_end: false })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_two_records_are_known_however_they_were_read() {
        let text = b"zero\none\ntwo\nthree\n";
        let at =
            |offset: usize, end: usize| RecordStart::behind(&text[..offset], (end - offset) as u64);
        // Several records at once, and one after the other.
        for cuts in [&[19][..], &[5, 9, 13, 19], &[9, 19], &[13, 19]] {
            let mut position = Position::default();
            for &end in cuts {
                let begin = position.offset as usize;
                position.starts = last_starts(&text[..end], begin, &position);
                position.offset = end as u64;
                position.anchor = Anchor::after(&text[..end]);
            }
            assert_eq!(position.starts, [at(13, 19), at(9, 19)], "{cuts:?}");
        }
        let mid_record = Position { mid_record: true, ..Position::default() };
        assert_eq!(last_starts(text, 0, &mid_record), [RecordStart::default(); 2]);
    }
}
