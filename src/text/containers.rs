//! Lines as container runtimes write them: Docker's json-file, and CRI. Pure.
//!
//! What the runtimes themselves write is taken apart at fixed places; whatever else is JSON is left to a parser.

use std::borrow::Cow;

use memchr::{memchr, memchr2, memrchr};
use serde::Deserialize;

use super::formats::{ContainerStream, LineFacts, WholeLine};
use super::own_time::OwnTime;

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
    let mut facts = match docker_as_written(line, out) {
        Some((facts, _)) => facts,
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

/// The same for a line as Docker itself writes it, with the text in `room`, which is emptied first.
pub(super) fn plain_docker<'a>(line: &[u8], room: &'a mut Vec<u8>) -> Option<WholeLine<'a>> {
    room.clear();
    let (mut facts, mut controls) = docker_as_written(line, room)?;
    let mut text = room.as_slice();
    match text.strip_suffix(b"\n") {
        Some(whole) => (text, controls) = (whole, controls.saturating_sub(1)),
        None => facts.is_partial = true,
    }
    if let Some(shorter) = text.strip_suffix(b"\r") {
        (text, controls) = (shorter, controls.saturating_sub(1));
    }
    Some(WholeLine { text, facts, is_clean: controls == 0 })
}

/// Appends the text. Returns what is said besides, and how many LF, CR and NUL were written with a backslash.
fn docker_as_written(line: &[u8], out: &mut Vec<u8>) -> Option<(LineFacts, usize)> {
    let (text, stream, time) = docker_parts(line)?;
    let time = Some(OwnTime::rfc3339(time)?);
    let controls = unescape(text, out)?;
    Some((LineFacts { time, stream, ..LineFacts::default() }, controls))
}

/// The text as it is written, the stream and the time, if they stand there as Docker itself writes them. Read from
/// the end: whoever takes the text for one has to see that no quote ends it before.
fn docker_parts(line: &[u8]) -> Option<(&[u8], ContainerStream, &[u8])> {
    let rest = line.strip_prefix(b"{\"log\":\"")?.strip_suffix(b"\"}")?;
    // Nearly all are as long as this.
    let (rest, time) = match rest.split_last_chunk::<{ OwnTime::FORM }>() {
        Some((rest, time)) if OwnTime::has_form(time) => (rest, &time[..]),
        _ => rest.split_at(memrchr(b'"', rest)? + 1),
    };
    let rest = rest.strip_suffix(b"\",\"time\":\"")?;
    let (rest, stream) = rest.split_last_chunk::<6>()?;
    let stream = ContainerStream::named(stream)?;
    Some((rest.strip_suffix(b"\",\"stream\":\"")?, stream, time))
}

/// Appends what is written in a string of JSON (RFC 8259, section 7). Returns how many LF, CR and NUL were written with a
/// backslash; None where the string ends before, or holds what is left to a parser.
fn unescape(mut text: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let mut controls = 0;
    while let Some(at) = memchr2(b'"', b'\\', text) {
        out.extend_from_slice(&text[..at]);
        let (byte, length) = match text[at..] {
            [b'\\', b'n', ..] => (b'\n', 2),
            [b'\\', b't', ..] => (b'\t', 2),
            [b'\\', b'r', ..] => (b'\r', 2),
            [b'\\', byte @ (b'"' | b'\\' | b'/'), ..] => (byte, 2),
            [b'\\', b'u', a, b, c, d, ..] => (escaped_ascii([a, b, c, d])?, 6),
            _ => return None,
        };
        controls += usize::from(matches!(byte, b'\n' | b'\r' | 0));
        out.push(byte);
        text = &text[at + length..];
    }
    out.extend_from_slice(text);
    Some(controls)
}

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
    cri_behind(line, cri_time(line)?)
}

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
    Some((text, LineFacts { time: Some(time), stream, is_partial, severity: None }))
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
pub(super) fn is_whole_cri(line: &[u8]) -> bool {
    let behind = cri_time(line).map(|length| &line[length..]);
    matches!(behind, Some([b' ', b's', b't', b'd', _, _, _, b' ', b'F', ..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::text::{LineFormat, StreamSeverities};

    /// What the parser says alone.
    fn parsed(line: &[u8]) -> Option<(Vec<u8>, LineFacts)> {
        let line: DockerLine<'_> = serde_json::from_slice(line).ok()?;
        let text = line.log.strip_suffix('\n');
        let facts = LineFacts {
            time: OwnTime::rfc3339(line.time.as_bytes()),
            stream: ContainerStream::named(line.stream.as_bytes()).unwrap_or_default(),
            is_partial: text.is_none(),
            severity: None,
        };
        let text = text.unwrap_or(&line.log);
        Some((text.strip_suffix('\r').unwrap_or(text).as_bytes().to_vec(), facts))
    }

    proptest! {
        #[test]
        fn what_is_taken_apart_by_hand_is_what_the_parser_says(
            text in r#"([a-zé]|\\n|\\r|\\t|\\"|\\\\|\\/|\\b|\\u00[0-9a-f]{2}|\\ud83d\\ude00|"|",|":"|\\){0,12}"#,
            end in r#"(\\\\)?(\\r)?(\\n)?"#,
            stream in "std(out|err)|other", gap in r#"(,"a":"b")?"#,
            time in r#"2026-11-29T10:20:30(\.[0-9]{1,10})?(Z|[+]01:00)|x?|2026\\u002d11-29T10:20:30Z"#,
        ) {
            let line = format!(r#"{{"log":"{text}{end}","stream":"{stream}","time":"{time}"{gap}}}"#);
            let mut room = Vec::new();
            let expected = parsed(line.as_bytes());
            if let Some(whole) = plain_docker(line.as_bytes(), &mut room) {
                let controls = whole.text.iter().filter(|byte| matches!(byte, b'\n' | b'\r' | 0)).count();
                prop_assert_eq!(whole.is_clean, controls == 0);
                prop_assert_eq!(Some((whole.text.to_vec(), whole.facts)), expected.clone(), "{}", line);
            }
            let (mut out, expected) = (Vec::new(), expected.unwrap_or_else(|| (line.clone().into(), LineFacts::default())));
            let docker = LineFormat::Docker(StreamSeverities::default());
            let facts = docker.decode(line.as_bytes(), &mut out);
            prop_assert_eq!(&(out, facts.clone()), &expected, "{}", line);
        }

        #[test]
        fn what_looks_whole_is_whole(
            time in "(2026-11-29T10:20:30(\\.[0-9]{1,9})?(Z|[+]01:00)|x|)",
            rest in "( std(out|err)| )( [FPX](:[a-zP])?)?( [ a-z]{0,9})?(Z?( stdout)? F)?",
        ) {
            let (line, mut room) = (format!("{time}{rest}"), Vec::new());
            // The first space is that behind the time.
            let space = memchr(b' ', line.as_bytes());
            let expected = space.and_then(|at| cri_behind(line.as_bytes(), at));
            prop_assert_eq!(cri(line.as_bytes()), expected, "{}", line);
            let cri = LineFormat::Cri(StreamSeverities::default());
            let mut out = Vec::new();
            let facts = cri.decode(line.as_bytes(), &mut out);
            prop_assert!(!is_whole_cri(line.as_bytes()) || !facts.is_partial, "{}", line);
            if let Some(whole) = cri.decode_whole(line.as_bytes(), &mut room) {
                prop_assert_eq!((whole.text, whole.facts), (&out[..], facts));
            }
        }
    }
}
