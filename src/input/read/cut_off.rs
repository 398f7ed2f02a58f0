//! A log whose first lines were cut off (`tail -n 1000`, `sed -i 1,50d`): what is left of it stands at the
//! beginning of another file.

use std::io;

use super::content::Content;
use crate::pipeline::position::Anchor;

/// So far from the end of the new file the end of the old one is looked for: it is looked at soon after it was
/// written.
const REACH: u64 = 1 << 20;
/// By so many bytes before it the end is told: the end of a long line may be the same in many.
const TELLING: [usize; 2] = [1024, Anchor::MAX];
/// So many bytes are compared where what is left begins, and so many where it ends.
const COMPARED: u64 = 64 << 10;

/// Up to where `new`, which holds `size` bytes, holds what `old` does before `end`, from the beginning of one of its
/// lines on. Nothing where it does not, where it holds too little for that to tell, or all of it, or where the text
/// repeats itself and may have been cut at several places.
///
/// # Errors
/// One of them cannot be read.
pub(in crate::input) fn end_of_rest(
    old: &mut Content,
    end: u64,
    new: &mut Content,
    size: u64,
) -> io::Result<Option<u64>> {
    for length in TELLING {
        if let Some(rest) = found_by(length, (&mut *old, end), (&mut *new, size))? {
            return Ok(Some(rest));
        }
    }
    Ok(None)
}

/// The same, found by the last `length` bytes of what is old.
fn found_by(
    length: usize,
    (old, end): (&mut Content, u64),
    (new, size): (&mut Content, u64),
) -> io::Result<Option<u64>> {
    if end.min(size) < length as u64 {
        return Ok(None);
    }
    let mut last = vec![0; length];
    if old.read_at(end - length as u64, &mut last)? < length || !last.ends_with(b"\n") {
        return Ok(None);
    }
    let Some(rest) = end_of_only(&last, new, size)? else { return Ok(None) };
    // A text that repeats itself may have been cut at several places, or be written anew.
    if end_of_only(&last, old, end)? != Some(end) {
        return Ok(None);
    }
    let Some(cut) = end.checked_sub(rest).filter(|&cut| cut > 0) else { return Ok(None) };
    let mut before = [0];
    if old.read_at(cut - 1, &mut before)? == 0 || before != *b"\n" {
        return Ok(None);
    }
    let is_rest = is_same(old, cut, new, 0, rest.min(COMPARED))? && {
        let back = rest.min(COMPARED);
        is_same(old, end - back, new, rest - back, back)?
    };
    Ok(is_rest.then_some(rest))
}

/// Where `last` ends in the last part of `content`, of which `size` bytes count; where it stands there once.
fn end_of_only(last: &[u8], content: &mut Content, size: u64) -> io::Result<Option<u64>> {
    let from = size.saturating_sub(REACH);
    let mut text = vec![0; (size - from) as usize];
    let count = content.read_at(from, &mut text)?;
    let find = |from: usize| memchr::memmem::find(&text[from..count], last).map(|at| from + at);
    let only = find(0).filter(|at| find(at + 1).is_none());
    Ok(only.map(|at| from + (at + last.len()) as u64))
}

/// Whether so many bytes from `a_from` on in `a` are those from `b_from` on in `b`.
fn is_same(
    a: &mut Content,
    a_from: u64,
    b: &mut Content,
    b_from: u64,
    count: u64,
) -> io::Result<bool> {
    let mut bytes = vec![0; 2 * count as usize];
    let (of_a, of_b) = bytes.split_at_mut(count as usize);
    let whole = (a.read_at(a_from, of_a)?, b.read_at(b_from, of_b)?);
    Ok(whole == (of_a.len(), of_b.len()) && of_a == of_b)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn content(text: &str) -> Content {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Content::Plain(file)
    }

    /// Where what is left of `old` ends in `new`.
    fn found(old: &str, new: &str) -> Option<u64> {
        let (end, size) = (old.len() as u64, new.len() as u64);
        end_of_rest(&mut content(old), end, &mut content(new), size).unwrap()
    }

    fn lines(numbers: std::ops::Range<u32>) -> String {
        numbers.map(|number| format!("{number} something happened\n")).collect()
    }

    #[test]
    fn what_is_left_ends_where_the_old_file_does() {
        let old = lines(0..10_000);
        for cut in [1, 5, 9_000, 9_990] {
            let left = lines(cut..10_000);
            let end = Some(left.len() as u64);
            assert_eq!(found(&old, &left), end, "{cut}");
            assert_eq!(found(&old, &(left.clone() + &lines(10_000..10_050))), end, "{cut}");
        }
    }

    #[test]
    fn long_lines_that_end_alike_are_told_from_each_other() {
        let lines = |numbers: std::ops::Range<u32>| {
            numbers.map(|number| format!("{number} {}\n", "-".repeat(300))).collect::<String>()
        };
        let left = lines(30..100);
        assert_eq!(found(&lines(0..100), &left), Some(left.len() as u64));
    }

    #[test]
    fn another_text_is_not_what_is_left() {
        let old = lines(0..1000);
        // It is all there; it holds too little; a line was cut; the middle is gone; it is another one.
        for new in [
            old.clone(),
            lines(998..1000),
            lines(500..1000)[3..].to_owned(),
            lines(500..510) + &lines(900..1000),
            lines(1000..2000),
            String::new(),
        ] {
            assert_eq!(found(&old, &new), None, "{} bytes", new.len());
        }
        // Nor is what follows on an unfinished line.
        let unfinished = old.clone() + "1000 some";
        assert_eq!(found(&unfinished, &lines(500..1001)), None);
    }

    #[test]
    fn where_a_text_repeats_itself_nobody_knows_what_was_cut() {
        let same = |count: usize| "still alive\n".repeat(count);
        for count in [1, 11, 12, 20, 99] {
            assert_eq!(found(&same(100), &same(count)), None, "{count}");
        }
        // A program writes the same each time it runs.
        let run = lines(0..20);
        assert_eq!(found(&run.repeat(3), &run), None);
    }
}
