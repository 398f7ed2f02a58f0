//! Logs whose lines hold the text in a form of their own: what container runtimes write, and JSON. Pure.

use super::containers::{cri, docker, is_whole_cri, is_whole_docker, plain_docker, whole_cri};
use super::encoding::{LineEncoding, Wide};
use super::json::JsonFields;
use super::own_time::{OwnTime, OwnTimeReader};
use crate::syslog::Severity;
use crate::vectors::each_newline;

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
    /// It has another form, and is no part of any stream.
    pub is_foreign: bool,
}

/// A line whose text is whole, and that says when it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeLine<'a> {
    /// Its text.
    pub text: &'a [u8],
    /// When it was written.
    pub time: OwnTime,
    /// By which stream it came.
    pub stream: ContainerStream,
    /// What that says of its severity.
    pub severity: Option<Severity>,
    /// Where the text stands.
    pub place: TextPlace,
}

/// Where the text of a line stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextPlace {
    /// The line ends with it.
    EndOfLine,
    /// Apart from the line.
    Apart {
        /// It has no LF, CR or NUL.
        is_clean: bool,
    },
}

/// What [`LineFormat::decode_whole`] works with, line after line.
#[derive(Debug, Default)]
pub struct WholeLineRoom {
    text: Vec<u8>,
    times: OwnTimeReader,
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
    pub(super) fn named(name: &[u8]) -> Option<Self> {
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
            None => each_newline(lines, |at| {
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
            Self::Cri(_) => cri(line).map(|(text, facts)| {
                out.extend_from_slice(text);
                facts
            }),
            Self::Json(fields) => fields.decode(line, out),
            Self::Encoded(encoding) => {
                encoding.decode(line, out);
                Some(LineFacts::default())
            }
        };
        let Some(mut facts) = facts else {
            out.truncate(start);
            out.extend_from_slice(line);
            return LineFacts { is_foreign: true, ..LineFacts::default() };
        };
        if let Self::Docker(severities) | Self::Cri(severities) = self {
            facts.severity = severities.of(facts.stream);
        }
        facts
    }

    /// The text of a line that is whole, and what [`Self::decode`] says of it, without a copy of the text where none
    /// is needed; `room` holds it otherwise. None: [`Self::decode`] knows.
    #[inline]
    pub fn decode_whole<'a>(
        &self,
        line: &'a [u8],
        room: &'a mut WholeLineRoom,
    ) -> Option<WholeLine<'a>> {
        let (whole, severities) = match self {
            Self::Docker(severities) => (plain_docker(line, &mut room.text)?, severities),
            Self::Cri(severities) => (whole_cri(line, &mut room.times)?, severities),
            Self::Json(_) | Self::Encoded(_) => return None,
        };
        Some(WholeLine { severity: severities.of(whole.stream), ..whole })
    }

    /// Whether it is quick to see that the text of a line does not go on with the next one.
    pub(super) fn is_whole(&self, line: &[u8]) -> bool {
        match self {
            Self::Json(_) | Self::Encoded(_) => true,
            Self::Docker(_) => is_whole_docker(line),
            Self::Cri(_) => is_whole_cri(line),
        }
    }

    /// Of which stream the text of a line is, and whether it goes on with the next one: what [`Self::decode`] says, without
    /// the text where that is possible. None: it has no streams. `scratch` is room to work in.
    pub(super) fn goes_on(
        &self,
        line: &[u8],
        scratch: &mut Vec<u8>,
    ) -> Option<(ContainerStream, bool)> {
        match self {
            Self::Json(_) | Self::Encoded(_) => None,
            Self::Docker(_) | Self::Cri(_) => {
                scratch.clear();
                let facts = self.decode(line, scratch);
                (!facts.is_foreign).then_some((facts.stream, facts.is_partial))
            }
        }
    }
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
            let goes_on = docker.goes_on(line.as_bytes(), &mut Vec::new());
            assert_eq!(goes_on.is_some_and(|it| it.1), is_partial, "{line}");
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
            (
                "2026-11-29T10:20:30.500000000+01:00 stdout F of a terminal\r",
                "of a terminal",
                time,
                ContainerStream::Stdout,
                false,
            ),
            (
                "2026-11-29T10:20:30.5+01:00 stderr P a\r",
                "a\r",
                time,
                ContainerStream::Stderr,
                true,
            ),
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
            prop_assert_eq!(goes_on, Some((read_stream, is_partial)));
        }
    }
}
