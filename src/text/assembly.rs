//! From the lines of a file to records, where a record may be several lines, and from a record to messages. Pure.

use super::formats::{ContainerStream, LineFacts, LineFormat};
use super::multiline::{Behind, Multiline};

/// Puts the texts of lines together that one form holds in parts.
#[derive(Debug, Default)]
pub struct Assembly {
    /// What the streams have written so far, [`ContainerStream::Stdout`] first.
    open: [Option<Logical>; 2],
    /// Room for the next text.
    spare: Vec<u8>,
}

/// A line as a program wrote it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Logical {
    /// Its text.
    pub text: Vec<u8>,
    /// What its first part says.
    pub facts: LineFacts,
    /// Where its first part begins.
    pub offset: u64,
}

impl Assembly {
    /// Takes the next line of a file, which begins at `offset`. Returns what has become whole by it.
    pub fn take(&mut self, format: &LineFormat, line: &[u8], offset: u64) -> Option<Logical> {
        let text = std::mem::take(&mut self.spare);
        let mut decoded = Logical { text, offset, ..Logical::default() };
        decoded.text.clear();
        decoded.facts = format.decode(line, &mut decoded.text);
        if decoded.facts.is_foreign {
            return Some(decoded);
        }
        let (stream, is_partial) = (decoded.facts.stream, decoded.facts.is_partial);
        let open = &mut self.open[stream as usize];
        let whole = match open.take() {
            None => decoded,
            Some(mut begun) => {
                begun.text.extend_from_slice(&decoded.text);
                begun
            }
        };
        if is_partial {
            *open = Some(whole);
            return None;
        }
        Some(whole)
    }

    /// Takes back the room of a text that is done with.
    pub fn reuse(&mut self, text: Vec<u8>) {
        self.spare = text;
    }

    /// What has begun and goes on nowhere.
    pub fn rest(&mut self) -> impl Iterator<Item = Logical> {
        std::mem::take(&mut self.open).into_iter().flatten()
    }
}

/// Appends to `ends` where each record of whole `lines` ends, of which the first begins one: none ends within a line that is
/// held in parts. What stands behind the last end may go on. Returns whether each is one line.
pub(super) fn cut_parts(
    format: &LineFormat,
    lines: &[u8],
    behind: Behind,
    ends: &mut Vec<u32>,
) -> bool {
    let (mut open, mut scratch) = ([false; 2], Vec::new());
    let (mut begin, mut start, mut are_lines) = (0, 0, true);
    format.each_line(lines, |line, end| {
        start = end;
        // So are nearly all.
        if open == [false; 2] && format.is_whole(line) {
            ends.push(start as u32);
            begin = start;
            return;
        }
        if let Some((stream, is_partial)) = format.goes_on(line, &mut scratch) {
            open[stream as usize] = is_partial;
            are_lines &= !is_partial;
        }
        if open == [false; 2] || start - begin > Multiline::LARGEST / 2 {
            ends.push(start as u32);
            (begin, open) = (start, [false; 2]);
        }
    });
    if begin < start && is_over(behind, start - begin) {
        ends.push(start as u32);
    }
    are_lines
}

fn is_over(behind: Behind, length: usize) -> bool {
    match behind {
        Behind::Nothing => true,
        Behind::Open(more) => length + more > Multiline::LARGEST,
    }
}

/// The same where messages of several lines are held in that form: none ends within one of these, either.
pub(super) fn cut_joined(
    format: &LineFormat,
    multiline: &Multiline,
    lines: &[u8],
    behind: Behind,
    ends: &mut Vec<u32>,
) {
    // The lines as programs wrote them, and where in them a record of the file may end, and where that is in the file.
    let (mut text, mut borders) = (Vec::new(), Vec::new());
    let (mut open, mut assembly, mut start) = ([false; 2], Assembly::default(), 0);
    format.each_line(lines, |line, end| {
        if let Some((stream, is_partial)) = format.goes_on(line, &mut Vec::new()) {
            open[stream as usize] = is_partial;
        }
        start = end;
        if let Some(logical) = assembly.take(format, line, 0) {
            let at = text.len();
            text.extend_from_slice(&logical.text);
            text[at..].iter_mut().filter(|byte| **byte == b'\n').for_each(|byte| *byte = b' ');
            text.push(b'\n');
        }
        if open == [false; 2] {
            borders.push((text.len() as u32, start as u32));
        }
    });
    // Of the line that comes next it is not known how much text it has: what is begun may be that of another stream.
    let behind_text = match behind {
        Behind::Open(_) => Behind::Open(0),
        Behind::Nothing => Behind::Nothing,
    };
    let mut logical_ends = Vec::new();
    multiline.cut(&text, behind_text, &mut logical_ends);
    let before = ends.len();
    let of = |end: &u32| borders.binary_search_by_key(end, |border| border.0).ok();
    ends.extend(logical_ends.iter().filter_map(of).map(|at| borders[at].1));
    let done = ends[before..].last().map_or(0, |&end| end as usize);
    // What is held in parts and never whole, or longer than what is joined.
    if done < start && is_over(behind, start - done) {
        ends.push(start as u32);
    }
}

/// By which index a stream has its place.
const _: () =
    assert!(ContainerStream::Stdout as usize == 0 && ContainerStream::Stderr as usize == 1);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{LineRule, StreamSeverities, TextRules, Trace};

    const TIME: &str = "2026-11-29T10:20:30Z";

    fn cri() -> LineFormat {
        LineFormat::Cri(StreamSeverities::default())
    }

    fn log(lines: &[&str]) -> String {
        lines.iter().map(|line| format!("{TIME} {line}\n")).collect()
    }

    fn records(multiline: Option<&Multiline>, text: &str, behind: Behind) -> Vec<usize> {
        let mut ends = Vec::new();
        let text_rules = TextRules {
            format: Some(cri()),
            multiline: multiline.cloned().map(Into::into),
            ..TextRules::default()
        };
        let are_lines = text_rules.cut(text.as_bytes(), behind, &mut ends);
        // By their numbers of lines.
        let mut start = 0;
        let lines = ends.iter().map(|&end| {
            let count = text[start..end as usize].lines().count();
            start = end as usize;
            count
        });
        let counts: Vec<_> = lines.collect();
        assert!(!are_lines || counts.iter().all(|&count| count == 1));
        counts
    }

    #[test]
    fn a_line_in_parts_is_one_record_whatever_comes_between() {
        let text = log(&[
            "stdout F a",
            "stdout P b",
            "stderr F x",
            "stdout P c",
            "stdout F d",
            "stdout P e",
        ]);
        assert_eq!(records(None, &text, Behind::Open(0)), [1, 4]);
        assert_eq!(records(None, &text, Behind::Nothing), [1, 4, 1]);
        let mut assembly = Assembly::default();
        let mut whole = |line: &str| {
            let logical = assembly.take(&cri(), format!("{TIME} {line}").as_bytes(), 0);
            logical.map(|it| String::from_utf8(it.text).unwrap())
        };
        assert_eq!(whole("stdout P b"), None);
        assert_eq!(whole("stderr F x").as_deref(), Some("x"));
        assert_eq!(whole("stdout F c").as_deref(), Some("bc"));
        assert_eq!(whole("stdout P d"), None);
        assert_eq!(assembly.rest().next().unwrap().text, b"d");
    }

    #[test]
    fn a_line_of_another_form_is_no_part_of_one_that_is_held_in_parts() {
        let text = log(&["stdout P a", "std", "stdout F b"]);
        assert_eq!(records(None, &text, Behind::Open(0)), [3]);
        let mut assembly = Assembly::default();
        let texts = text.lines().filter_map(|line| assembly.take(&cri(), line.as_bytes(), 0));
        let texts: Vec<_> = texts.map(|it| String::from_utf8(it.text).unwrap()).collect();
        assert_eq!(texts, [&*format!("{TIME} std"), "ab"]);
    }

    #[test]
    fn traces_are_joined_by_what_containers_wrote() {
        let java = Multiline::new(LineRule::Trace(Trace::Java));
        let text = log(&[
            "stderr F ERROR failed",
            "stderr P \tat ",
            "stderr F a",
            "stderr F \tat b",
            "stdout F next",
            "stdout P \t",
        ]);
        assert_eq!(records(Some(&java), &text, Behind::Open(0)), [4]);
        assert_eq!(records(Some(&java), &text, Behind::Nothing), [4, 1, 1]);
    }

    #[test]
    fn what_is_longer_than_its_text_makes_no_message_longer() {
        let java = Multiline { max_bytes: 20, ..Multiline::new(LineRule::Trace(Trace::Java)) };
        let text = log(&["stderr F ERROR failed", "stderr F \ta", "stderr F \tb", "stderr F \tc"]);
        assert_eq!(records(Some(&java), &text, Behind::Nothing), [3, 1]);
        // Of the third line there is half, which is longer than the message may be.
        let begun = text.len() * 2 / 4 + 30;
        let whole = text[..begun].rfind('\n').unwrap() + 1;
        let behind = Behind::Open(begun - whole);
        assert_eq!(records(Some(&java), &text[..whole], behind), [0; 0]);
        // Nor does what the other stream has begun.
        let text = log(&["stderr F ERROR failed", "stdout P a part that is long", "stderr F \ta"]);
        let begun = text.rfind(TIME).unwrap();
        assert_eq!(records(Some(&java), &text[..begun], Behind::Open(0)), [0; 0]);
    }
}
