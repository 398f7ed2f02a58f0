//! Lines as container runtimes write them: Docker's json-file, and CRI. Pure.
//!
//! What the runtimes themselves write is taken apart at fixed places; whatever else is JSON is left to a parser.

use std::borrow::Cow;

use memchr::{memchr, memrchr};
use serde::Deserialize;

use super::formats::{ContainerStream, LineFacts, TextPlace, WholeLine};
use super::own_time::{OwnTime, OwnTimeReader};
use crate::vectors::{PIECE, in_string};

/// A line of Docker's json-file, however it is written.
#[derive(Deserialize)]
struct DockerLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

/// Appends the text of a line of Docker's to `out`. None, and what was appended is to be forgotten: it is none.
pub(super) fn docker(line: &[u8], out: &mut Vec<u8>) -> Option<LineFacts> {
    let start = out.len();
    let mut facts = match docker_as_written(line, out, start) {
        Some(written) => {
            out.truncate(written.end);
            written.facts
        }
        None => {
            out.truncate(start);
            let line: DockerLine<'_> = serde_json::from_slice(line).ok()?;
            out.extend_from_slice(line.log.as_bytes());
            LineFacts {
                time: OwnTime::rfc3339(line.time.as_bytes()),
                stream: ContainerStream::named(line.stream.as_bytes()).unwrap_or_default(),
                ..LineFacts::default()
            }
        }
    };
    match out[start..].ends_with(b"\n") {
        true => drop(out.pop()),
        false => facts.is_partial = true,
    }
    if out[start..].ends_with(b"\r") {
        out.pop();
    }
    Some(facts)
}

/// The same for a line as Docker itself writes it whose text is whole, with the text in `room`, of which nothing else
/// is left.
pub(super) fn plain_docker<'a>(line: &[u8], room: &'a mut Vec<u8>) -> Option<WholeLine<'a>> {
    let DockerText { end, facts, mut controls } = docker_as_written(line, room, 0)?;
    let mut text = room[..end].strip_suffix(b"\n")?;
    controls = controls.saturating_sub(1);
    if let Some(shorter) = text.strip_suffix(b"\r") {
        (text, controls) = (shorter, controls.saturating_sub(1));
    }
    let place = TextPlace::Apart { is_clean: controls == 0 };
    Some(WholeLine { text, time: facts.time?, stream: facts.stream, severity: None, place })
}

/// What a line of Docker's says.
struct DockerText {
    /// Where the text ends in the room it was written to.
    end: usize,
    facts: LineFacts,
    /// How many LF, CR and NUL were written with a backslash.
    controls: usize,
}

/// Writes the text to `out` from `start` on, behind which there may be more bytes afterwards.
fn docker_as_written(line: &[u8], out: &mut Vec<u8>, start: usize) -> Option<DockerText> {
    let (text, stream, time) = docker_parts(line)?;
    let time = Some(OwnTime::rfc3339(time)?);
    let (end, controls) = unescape(line, BEFORE_TEXT.len(), text.len(), (out, start))?;
    Some(DockerText { end, facts: LineFacts { time, stream, ..LineFacts::default() }, controls })
}

/// What stands before the text.
const BEFORE_TEXT: &[u8; 8] = b"{\"log\":\"";

/// The text as it is written, the stream and the time, if they stand there as Docker itself writes them. Read from
/// the end: whoever takes the text for one has to see that no quote ends it before.
fn docker_parts(line: &[u8]) -> Option<(&[u8], ContainerStream, &[u8])> {
    if let Some(parts) = usual_docker_parts(line) {
        return Some(parts);
    }
    let rest = line.strip_prefix(BEFORE_TEXT)?.strip_suffix(b"\"}")?;
    let (rest, time) = rest.split_at(memrchr(b'"', rest)? + 1);
    let rest = rest.strip_suffix(b"\",\"time\":\"")?;
    let (rest, stream) = rest.split_last_chunk::<6>()?;
    let stream = ContainerStream::named(stream)?;
    Some((rest.strip_suffix(b"\",\"stream\":\"")?, stream, time))
}

/// The same for what nearly all lines are: the time has nine digits behind the point.
#[inline]
fn usual_docker_parts(line: &[u8]) -> Option<(&[u8], ContainerStream, &[u8])> {
    let (before, rest) = line.split_first_chunk()?;
    let (rest, end) = rest.split_last_chunk()?;
    let (rest, time) = rest.split_last_chunk::<{ OwnTime::FORM }>()?;
    let (text, between) = rest.split_last_chunk()?;
    let stream = match between {
        BEHIND_STDOUT => ContainerStream::Stdout,
        BEHIND_STDERR => ContainerStream::Stderr,
        _ => return None,
    };
    let is_usual = before == BEFORE_TEXT && end == b"\"}" && OwnTime::has_form(time);
    is_usual.then_some((text, stream, &time[..]))
}

/// What stands between the text and the time.
const BEHIND_STDOUT: &[u8; 28] = b"\",\"stream\":\"stdout\",\"time\":\"";
const BEHIND_STDERR: &[u8; 28] = b"\",\"stream\":\"stderr\",\"time\":\"";

/// Writes what is written in a string of JSON (RFC 8259, section 7), which stands at `at` in a line, is `len` long and
/// has its quote behind it, to a room from `start` on. Returns where it ends there, and how many LF, CR and NUL were
/// written with a backslash; None where the string ends before, is none, or holds what is left to a parser.
///
/// It is copied a piece at a time, too much of it where a backslash stands; what comes behind that is written over it. So
/// a piece has to stand behind the string, too: what Docker writes there is longer.
fn unescape(
    line: &[u8],
    mut at: usize,
    len: usize,
    (out, start): (&mut Vec<u8>, usize),
) -> Option<(usize, usize)> {
    let (begin, end) = (at, at + len);
    let (mut to, mut controls, mut wide) = (start, 0, 0);
    // No more bytes come of it than are written there.
    if out.len() < start + len + PIECE {
        out.resize(start + len + PIECE, 0);
    }
    let out = out.as_mut_slice();
    loop {
        let piece: &[u8; PIECE] = line.get(at..)?.first_chunk()?;
        *out.get_mut(to..)?.first_chunk_mut()? = *piece;
        let found = in_string(piece);
        wide |= found.wide;
        if found.special == 0 {
            at += PIECE;
            to += PIECE;
            continue;
        }
        let plain = found.special.trailing_zeros() as usize;
        at += plain;
        to += plain;
        // The quote behind the string is found as well. Where a backslash stands before it, it is none.
        if at >= end {
            let is_text = wide == 0 || std::str::from_utf8(&line[begin..end]).is_ok();
            return (at == end && is_text).then_some((to, controls));
        }
        let (byte, length) = escaped(&line[at..])?;
        controls += usize::from(matches!(byte, b'\n' | b'\r' | 0));
        *out.get_mut(to)? = byte;
        at += length;
        to += 1;
    }
}

/// The character that is written with a backslash, and how long it is so.
#[inline]
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    let &[b'\\', kind, ..] = text else { return None };
    match ESCAPED[usize::from(kind)] {
        0 => match text[2..] {
            [a, b, c, d, ..] if kind == b'u' => Some((escaped_ascii([a, b, c, d])?, 6)),
            _ => None,
        },
        byte => Some((byte, 2)),
    }
}

/// What stands for which character behind a backslash; 0: nothing does.
const ESCAPED: [u8; 256] = {
    let mut table = [0; 256];
    table[b'n' as usize] = b'\n';
    table[b't' as usize] = b'\t';
    table[b'r' as usize] = b'\r';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table[b'/' as usize] = b'/';
    table
};

/// A character of ASCII that is written as four hexadecimal digits: `<`, `>` and `&` are, in Docker's JSON.
fn escaped_ascii(digits: [u8; 4]) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    match digits {
        [b'0', b'0', high @ b'0'..=b'7', low] => Some((digit(high)? * 16 + digit(low)?) as u8),
        _ => None,
    }
}

/// Whether a line stands there as Docker writes it and its text ends with a newline. False: perhaps another one does.
pub(super) fn is_whole_docker(line: &[u8]) -> bool {
    let text = docker_parts(line).and_then(|(text, ..)| text.strip_suffix(b"\\n"));
    // The backslash is none that stands for itself.
    text.is_some_and(|text| {
        text.iter().rev().take_while(|&&byte| byte == b'\\').count().is_multiple_of(2)
    })
}

/// The text of a line as CRI has it, and what that says. None: it is none.
pub(super) fn cri(line: &[u8]) -> Option<(&[u8], LineFacts)> {
    let (text, facts) = cri_behind(line, cri_time(line)?)?;
    // A terminal ends lines so; a part may go on behind it.
    let text = text.strip_suffix(b"\r").filter(|_| !facts.is_partial).unwrap_or(text);
    Some((text, facts))
}

/// The same for a line whose text is whole.
#[inline]
pub(super) fn whole_cri<'a>(line: &'a [u8], times: &mut OwnTimeReader) -> Option<WholeLine<'a>> {
    plain_cri(line, times).or_else(|| {
        let (text, facts) = cri_behind(line, cri_time(line)?)?;
        let is_whole = !facts.is_partial && !text.ends_with(b"\r");
        let (time, stream) = (facts.time.filter(|_| is_whole)?, facts.stream);
        Some(WholeLine { text, time, stream, severity: None, place: TextPlace::EndOfLine })
    })
}

/// The same for what containerd writes: the time is in UTC.
#[inline]
fn plain_cri<'a>(line: &'a [u8], times: &mut OwnTimeReader) -> Option<WholeLine<'a>> {
    let (time, rest) = times.leading(line)?;
    let (between, text) = rest.split_first_chunk()?;
    let stream = match between {
        STDOUT_WHOLE => ContainerStream::Stdout,
        STDERR_WHOLE => ContainerStream::Stderr,
        _ => return None,
    };
    if text.ends_with(b"\r") {
        return None;
    }
    Some(WholeLine { text, time, stream, severity: None, place: TextPlace::EndOfLine })
}

/// What stands between the time and a text that is whole.
const STDOUT_WHOLE: &[u8; 10] = b" stdout F ";
const STDERR_WHOLE: &[u8; 10] = b" stderr F ";

/// The same, with a time of this length.
fn cri_behind(line: &[u8], time: usize) -> Option<(&[u8], LineFacts)> {
    let (time, rest) = line.split_at(time);
    let time = OwnTime::rfc3339(time)?;
    let stream = ContainerStream::named(rest.get(1..7)?)?;
    let rest = rest[7..].strip_prefix(b" ")?;
    // Tags are separated by colons; the first says whether the line is whole.
    let (is_partial, behind) = match rest {
        [b'F', behind @ ..] => (false, behind),
        [b'P', behind @ ..] => (true, behind),
        _ => return None,
    };
    let text = match behind {
        [] => behind,
        [b' ', text @ ..] => text,
        [b':', tags @ ..] => match memchr(b' ', tags) {
            Some(at) => &tags[at + 1..],
            None => &[],
        },
        _ => return None,
    };
    Some((text, LineFacts { time: Some(time), stream, is_partial, ..LineFacts::default() }))
}

/// How long the time is with which a line begins, if it is one of CRI's: the first space stands behind it.
fn cri_time(line: &[u8]) -> Option<usize> {
    // Nearly all are as long as this. Where the time is shorter no Z stands there, but a part of the stream, the tag or
    // what is between them.
    match line.get(OwnTime::FORM - 1..=OwnTime::FORM) {
        Some(b"Z ") => Some(OwnTime::FORM),
        _ => memchr(b' ', line),
    }
}

/// Whether CRI calls a line whole. False: it is none, perhaps, and all of it is text.
#[inline]
pub(super) fn is_whole_cri(line: &[u8]) -> bool {
    if let Some(between) = line.get(OwnTime::FORM..).and_then(|rest| rest.first_chunk())
        && (between == STDOUT_WHOLE || between == STDERR_WHOLE)
        // The time has no space.
        && line[OwnTime::FORM - 1] == b'Z'
    {
        return true;
    }
    let behind = cri_time(line).map(|length| &line[length..]);
    matches!(behind, Some([b' ', b's', b't', b'd', _, _, _, b' ', b'F', ..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::formats::WholeLineRoom;
    use crate::text::{LineFormat, StreamSeverities};

    /// As if it had been decoded like any other line.
    fn told<'a>(whole: &WholeLine<'a>) -> (&'a [u8], LineFacts) {
        let WholeLine { text, time, stream, severity, .. } = *whole;
        (text, LineFacts { time: Some(time), stream, severity, ..LineFacts::default() })
    }

    /// What the parser says alone.
    fn parsed(line: &[u8]) -> Option<(Vec<u8>, LineFacts)> {
        let line: DockerLine<'_> = serde_json::from_slice(line).ok()?;
        let text = line.log.strip_suffix('\n');
        let facts = LineFacts {
            time: OwnTime::rfc3339(line.time.as_bytes()),
            stream: ContainerStream::named(line.stream.as_bytes()).unwrap_or_default(),
            is_partial: text.is_none(),
            ..LineFacts::default()
        };
        let text = text.unwrap_or(&line.log);
        Some((text.strip_suffix('\r').unwrap_or(text).as_bytes().to_vec(), facts))
    }

    #[test]
    fn whole_lines_need_no_copy_whatever_their_time() {
        let cri = LineFormat::Cri(StreamSeverities::default());
        let mut room = WholeLineRoom::default();
        for time in ["10:20:30.123456789Z", "10:20:30.12Z", "10:20:30Z", "10:20:30.123456789+00:00"]
        {
            let line = format!("2026-11-29T{time} stdout F text");
            let whole = cri.decode_whole(line.as_bytes(), &mut room).unwrap();
            assert_eq!((whole.text, whole.place), (&b"text"[..], TextPlace::EndOfLine), "{line}");
        }
        for rest in ["stdout P text", "stdout F text\r", "other"] {
            let line = format!("2026-11-29T10:20:30Z {rest}");
            assert_eq!(cri.decode_whole(line.as_bytes(), &mut room), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_by_hand_is_what_the_parser_says(
            text in r#"([a-zé]|[a-z ]{10,40}|\\n|\\r|\\t|\\"|\\\\|\\/|\\b|\\u00[0-9a-f]{2}|\\ud83d\\ude00|"|",|":"|\\|[\t\x01\x7f]){0,12}"#,
            bad in proptest::option::weighted(0.1, any::<proptest::sample::Index>()),
            end in r#"(\\\\)?(\\r)?(\\n)?"#,
            stream in "std(out|err)|other", gap in r#"(,"a":"b")?"#,
            time in r#"2026-11-29T10:20:30(\.[0-9]{1,10})?(Z|[+]01:00)|x?|2026\\u002d11-29T10:20:30Z"#,
        ) {
            let line = format!(r#"{{"log":"{text}{end}","stream":"{stream}","time":"{time}"{gap}}}"#);
            let mut line = line.into_bytes();
            if let Some(at) = bad {
                // Perhaps no UTF-8 any more, or no JSON.
                *at.get_mut(&mut line) = 0xC3;
            }
            // What was there before is of no importance.
            let mut room = b"before".repeat(9);
            let expected = parsed(&line);
            if let Some(whole) = plain_docker(&line, &mut room) {
                let controls = whole.text.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | 0)).count();
                prop_assert_eq!(whole.place, TextPlace::Apart { is_clean: controls == 0 });
                let (text, facts) = expected.clone().unwrap();
                prop_assert_eq!(told(&whole), (&text[..], facts), "{}", line.escape_ascii());
            }
            let (mut out, expected) = (Vec::new(), expected.unwrap_or_else(|| {
                (line.clone(), LineFacts { is_foreign: true, ..LineFacts::default() })
            }));
            let docker = LineFormat::Docker(StreamSeverities::default());
            let facts = docker.decode(&line, &mut out);
            prop_assert_eq!(&(out, facts), &expected, "{}", line.escape_ascii());
        }

        #[test]
        fn what_looks_whole_is_whole(
            time in "(2026-11-29T10:20:30(\\.[0-9]{1,9})?(Z|[+]01:00)|x|)",
            rest in "( std(out|err)| )( [FPX](:[a-zP])?)?( [ a-z]{0,9})?(Z?( stdout)? F)?",
        ) {
            let (line, mut room) = (format!("{time}{rest}"), WholeLineRoom::default());
            // The first space is that behind the time.
            let space = memchr(b' ', line.as_bytes());
            let expected = space.and_then(|at| cri_behind(line.as_bytes(), at));
            prop_assert_eq!(cri(line.as_bytes()), expected, "{}", line);
            let cri = LineFormat::Cri(StreamSeverities::default());
            let mut out = Vec::new();
            let facts = cri.decode(line.as_bytes(), &mut out);
            prop_assert!(!is_whole_cri(line.as_bytes()) || !facts.is_partial, "{}", line);
            if let Some(whole) = cri.decode_whole(line.as_bytes(), &mut room) {
                prop_assert_eq!(told(&whole), (&out[..], facts));
                prop_assert!(whole.place == TextPlace::EndOfLine && line.as_bytes().ends_with(whole.text));
            }
        }
    }
}
