//! Logs whose lines hold the text in a form of their own: what container runtimes write, and JSON. Pure.

use std::borrow::Cow;

use memchr::{memchr, memchr_iter, memchr2, memmem};
use serde::Deserialize;

use super::encoding::{LineEncoding, Wide};
use super::json::JsonFields;
use super::own_time::OwnTime;
use crate::syslog::Severity;

/// The form of the lines of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LineFormat {
    /// `{"log":"text\n","stream":"stdout","time":"…"}`: Docker's json-file.
    Docker(StreamSeverities),
    /// `TIME stdout F text`: CRI, as containerd and CRI-O write for the kubelet.
    Cri(StreamSeverities),
    /// A JSON object with the text in one of its fields.
    Json(JsonFields),
    /// The text itself, in another encoding than UTF-8.
    Encoded(LineEncoding),
}

/// The severities of what came by the standard streams of a container, where that says one.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct StreamSeverities {
    /// Of standard output.
    pub stdout: Option<Severity>,
    /// Of standard error.
    pub stderr: Option<Severity>,
}

/// By which stream a container has written.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum ContainerStream {
    /// Standard output.
    #[default]
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a line says besides its text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct LineFacts {
    /// When it was written.
    pub time: Option<OwnTime>,
    /// What it says of its severity.
    pub severity: Option<Severity>,
    /// By which stream it came.
    pub stream: ContainerStream,
    /// Its text goes on with the next line of its stream.
    pub is_partial: bool,
}

impl StreamSeverities {
    fn of(self, stream: ContainerStream) -> Option<Severity> {
        match stream {
            ContainerStream::Stdout => self.stdout,
            ContainerStream::Stderr => self.stderr,
        }
    }
}

impl ContainerStream {
    fn named(name: &[u8]) -> Option<Self> {
        match name {
            b"stdout" => Some(Self::Stdout),
            b"stderr" => Some(Self::Stderr),
            _ => None,
        }
    }
}

impl LineFormat {
    /// How newlines are found, where that is not by a byte.
    #[must_use]
    pub fn wide(&self) -> Option<Wide> {
        match self {
            Self::Encoded(encoding) => encoding.wide(),
            Self::Docker(_) | Self::Cri(_) | Self::Json(_) => None,
        }
    }

    /// Tells each of whole `lines`, without its newline, and where it ends with it. The last need not have one.
    pub fn each_line(&self, lines: &[u8], mut tell: impl FnMut(&[u8], usize)) {
        let mut start = 0;
        let mut tell_to = |end: usize, newline: usize| {
            tell(&lines[start..end - newline], end);
            start = end;
        };
        let (mut last, newline) = (0, self.newline());
        match self.wide() {
            None => memchr_iter(b'\n', lines).for_each(|at| {
                last = at + 1;
                tell_to(last, newline);
            }),
            Some(wide) => wide.newlines(lines).for_each(|end| {
                last = end;
                tell_to(end, newline);
            }),
        }
        if last < lines.len() {
            tell_to(lines.len(), 0);
        }
    }

    /// How long a newline is.
    #[must_use]
    pub fn newline(&self) -> usize {
        if self.wide().is_some() { 2 } else { 1 }
    }

    /// Appends the text of a line, of which the newline is gone, to `out`. A line that has another form is all text.
    pub fn decode(&self, line: &[u8], out: &mut Vec<u8>) -> LineFacts {
        let start = out.len();
        let facts = match self {
            Self::Docker(_) => docker(line, out),
            Self::Cri(_) => cri(line, out),
            Self::Json(fields) => fields.decode(line, out),
            Self::Encoded(encoding) => {
                encoding.decode(line, out);
                Some(LineFacts::default())
            }
        };
        let Some(mut facts) = facts else {
            out.truncate(start);
            out.extend_from_slice(line);
            return LineFacts::default();
        };
        if let Self::Docker(severities) | Self::Cri(severities) = self {
            facts.severity = severities.of(facts.stream);
        }
        facts
    }

    /// Whether the text of a line goes on with the next one of its stream, and which that is: what [`Self::decode`] says,
    /// without the text where that is possible. `scratch` is room to work in.
    pub(super) fn goes_on(&self, line: &[u8], scratch: &mut Vec<u8>) -> (ContainerStream, bool) {
        match self {
            Self::Json(_) | Self::Encoded(_) => (ContainerStream::Stdout, false),
            Self::Docker(_) => match ended_docker(line) {
                Some(stream) => (stream, false),
                None => self.decoded(line, scratch),
            },
            Self::Cri(_) => self.decoded(line, scratch),
        }
    }

    fn decoded(&self, line: &[u8], scratch: &mut Vec<u8>) -> (ContainerStream, bool) {
        scratch.clear();
        let facts = self.decode(line, scratch);
        (facts.stream, facts.is_partial)
    }
}

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

fn docker(line: &[u8], out: &mut Vec<u8>) -> Option<LineFacts> {
    let start = out.len();
    let mut facts = match docker_as_written(line, out) {
        Some(facts) => facts,
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

/// The same, if it stands there as Docker itself writes it.
fn docker_as_written(line: &[u8], out: &mut Vec<u8>) -> Option<LineFacts> {
    let mut rest = line.strip_prefix(b"{\"log\":\"")?;
    loop {
        let at = memchr2(b'"', b'\\', rest)?;
        out.extend_from_slice(&rest[..at]);
        if rest[at] == b'"' {
            rest = &rest[at + 1..];
            break;
        }
        let byte = match rest.get(at + 1)? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            byte @ (b'"' | b'\\' | b'/') => *byte,
            b'u' => {
                out.extend_from_slice(escaped_ascii(rest.get(at + 2..at + 6)?)?.as_slice());
                rest = &rest[at + 6..];
                continue;
            }
            _ => return None,
        };
        out.push(byte);
        rest = &rest[at + 2..];
    }
    rest = rest.strip_prefix(b",\"stream\":\"")?;
    let stream = ContainerStream::named(rest.get(..6)?)?;
    let time = rest[6..].strip_prefix(b"\",\"time\":\"")?.strip_suffix(b"\"}")?;
    Some(LineFacts { time: OwnTime::rfc3339(time), stream, ..LineFacts::default() })
}

/// A character of ASCII that is written as four hexadecimal digits: `<`, `>` and `&` are, in Docker's JSON.
fn escaped_ascii(digits: &[u8]) -> Option<[u8; 1]> {
    let text = std::str::from_utf8(digits).ok()?;
    let code = u8::from_str_radix(text, 16).ok()?;
    (code.is_ascii() && digits.iter().all(u8::is_ascii_hexdigit)).then_some([code])
}

/// The stream of a line that stands there as Docker writes it and whose text ends with a newline. None: perhaps it is
/// another one.
fn ended_docker(line: &[u8]) -> Option<ContainerStream> {
    // Behind the text there are the stream and a time.
    let tail = &line[line.len().saturating_sub(96)..];
    let at = memmem::find(tail, END)?;
    // The backslash is none that stands for itself.
    let before = tail[..at].iter().rev().take_while(|&&byte| byte == b'\\').count();
    let is_newline = before % 2 == 0 && before < at && line.starts_with(b"{\"log\":\"");
    is_newline.then(|| ContainerStream::named(tail[at + END.len()..].get(..6)?)).flatten()
}

/// The end of a text that ends with a newline, up to the stream.
const END: &[u8] = b"\\n\",\"stream\":\"";

fn cri(line: &[u8], out: &mut Vec<u8>) -> Option<LineFacts> {
    let (time, rest) = line.split_at(memchr(b' ', line)?);
    let time = OwnTime::rfc3339(time)?;
    let stream = ContainerStream::named(rest.get(1..7)?)?;
    let rest = rest[7..].strip_prefix(b" ")?;
    // Tags are separated by colons; the first says whether the line is whole.
    let (tags, text) = rest.split_at(memchr(b' ', rest).unwrap_or(rest.len()));
    let is_partial = match tags.split(|&byte| byte == b':').next()? {
        b"F" => false,
        b"P" => true,
        _ => return None,
    };
    out.extend_from_slice(text.get(1..).unwrap_or_default());
    Some(LineFacts { time: Some(time), stream, is_partial, severity: None })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(format: &LineFormat, line: &str) -> (String, String, ContainerStream, bool) {
        let mut out = b"before ".to_vec();
        let facts = format.decode(line.as_bytes(), &mut out);
        let text = String::from_utf8(out.split_off(7)).unwrap();
        let time = facts.time.as_ref().map_or(String::new(), |time| time.text().to_owned());
        (text, time, facts.stream, facts.is_partial)
    }

    #[test]
    fn docker_lines() {
        let docker = LineFormat::Docker(StreamSeverities::default());
        let (out, err) = (ContainerStream::Stdout, ContainerStream::Stderr);
        let time = "2026-11-29T10:20:30.123456Z";
        for (line, text, expected, stream, is_partial) in [
            (
                r#"{"log":"hello\n","stream":"stdout","time":"2026-11-29T10:20:30.123456789Z"}"#,
                "hello",
                time,
                out,
                false,
            ),
            (
                r#"{"log":"a \"b\" \\ \t\u003cx\u003e\r\n","stream":"stderr","time":"2026-11-29T10:20:30.123456789Z"}"#,
                "a \"b\" \\ \t<x>",
                time,
                err,
                false,
            ),
            (
                r#"{"log":"part","stream":"stdout","time":"2026-11-29T10:20:30.123456789Z"}"#,
                "part",
                time,
                out,
                true,
            ),
            // Other forms of the same.
            (
                r#"{ "time":"2026-11-29T10:20:30.123456Z", "stream":"stderr", "log":"\u00e9\n", "attrs":{"a":"b"} }"#,
                "\u{E9}",
                time,
                err,
                false,
            ),
            (
                r#"{"log":"x\n","stream":"stdout","attrs":{"tag":"t"},"time":"2026-11-29T10:20:30.1234560Z"}"#,
                "x",
                time,
                out,
                false,
            ),
            (r#"{"log":"\b\n","stream":"stdout","time":""}"#, "\u{8}", "", out, false),
            // Broken ones stay as they are.
            (r#"{"log":"cut o"#, r#"{"log":"cut o"#, "", out, false),
            ("plain", "plain", "", out, false),
            ("", "", "", out, false),
        ] {
            let expected = (text.to_owned(), expected.to_owned(), stream, is_partial);
            assert_eq!(decoded(&docker, line), expected, "{line}");
            assert_eq!(docker.goes_on(line.as_bytes(), &mut Vec::new()).1, is_partial, "{line}");
        }
    }

    #[test]
    fn cri_lines() {
        let severities = StreamSeverities { stderr: "err".parse().ok(), stdout: None };
        let cri = LineFormat::Cri(severities);
        let time = "2026-11-29T10:20:30.5+01:00";
        for (line, text, expected, stream, is_partial) in [
            (
                "2026-11-29T10:20:30.500000000+01:00 stdout F hello  world",
                "hello  world",
                time,
                ContainerStream::Stdout,
                false,
            ),
            (
                "2026-11-29T10:20:30.5+01:00 stderr P part ",
                "part ",
                time,
                ContainerStream::Stderr,
                true,
            ),
            ("2026-11-29T10:20:30.5+01:00 stderr F:x ", "", time, ContainerStream::Stderr, false),
            ("2026-11-29T10:20:30.5+01:00 stdout F", "", time, ContainerStream::Stdout, false),
            (
                "2026-11-29T10:20:30.5+01:00 stdout X odd",
                "2026-11-29T10:20:30.5+01:00 stdout X odd",
                "",
                ContainerStream::Stdout,
                false,
            ),
            ("hello there", "hello there", "", ContainerStream::Stdout, false),
        ] {
            let expected = (text.to_owned(), expected.to_owned(), stream, is_partial);
            assert_eq!(decoded(&cri, line), expected, "{line}");
        }
        let facts = cri.decode(b"2026-11-29T10:20:30Z stderr F x", &mut Vec::new());
        assert_eq!(facts.severity, "err".parse().ok());
    }

    proptest! {
        #[test]
        fn docker_is_read_as_json_is(text in "[a-z\"\\\\\\n\\r\t\u{1}<\u{E9}\u{1F600}]{0,20}", stderr: bool) {
            let stream = if stderr { "stderr" } else { "stdout" };
            let docker = LineFormat::Docker(StreamSeverities::default());
            let text = text.replace('\r', "");
            let log = serde_json::to_string(&text).unwrap();
            let line = format!("{{\"log\":{log},\"stream\":\"{stream}\",\"time\":\"2026-11-29T10:20:30Z\"}}");
            let (read, _, read_stream, is_partial) = decoded(&docker, &line);
            prop_assert_eq!(&read, text.strip_suffix('\n').unwrap_or(&text));
            prop_assert_eq!(read_stream == ContainerStream::Stderr, stderr);
            prop_assert_eq!(is_partial, !text.ends_with('\n'));
            let goes_on = docker.goes_on(line.as_bytes(), &mut Vec::new());
            prop_assert_eq!(goes_on, (read_stream, is_partial));
        }
    }
}
