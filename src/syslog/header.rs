//! The HEADER and STRUCTURED-DATA of the messages of one file (RFC 5424, section 6).

use std::io::Write as _;
use std::ops::Range;

use super::structured::{ENTERPRISE, MessagePlace, StructuredData};
use super::{Priority, Severity};

/// Everything of a message before its text except the time: rendered once per file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    priority: Priority,
    before_time: Vec<u8>,
    after_time: Vec<u8>,
    /// What follows where messages say where they stand: up to the first number of that.
    place: Option<Vec<u8>>,
}

/// What the header of one message says of its own.
#[derive(Debug, Clone, Copy, Default)]
pub struct OwnHeader<'a> {
    /// TIMESTAMP.
    pub timestamp: &'a [u8],
    /// Another severity than that of all.
    pub severity: Option<Severity>,
    /// Where it stands, should messages say so.
    pub place: Option<MessagePlace>,
}

/// The header of one message, which is made of that of the one before it: mostly only the time is another.
#[derive(Debug, Clone, Default)]
pub struct RenderedHeader {
    bytes: Vec<u8>,
    /// Where TIMESTAMP stands. Empty: all is rendered again.
    time: Range<usize>,
    severity: Option<Severity>,
}

impl RenderedHeader {
    /// Forgets it: the next one is that of another file, or of other settings.
    pub fn clear(&mut self) {
        self.time = 0..0;
    }

    /// As it was rendered last.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

/// How long a TIMESTAMP in UTC is that tells microseconds.
const USUAL_TIME: usize = "2026-11-29T10:20:30.123456Z".len();

/// Longest HOSTNAME in octets.
pub const HOSTNAME_MAX: usize = 255;
/// Longest APP-NAME in octets.
pub const APP_NAME_MAX: usize = 48;

impl Header {
    /// The header of messages from `app_name` (the tag) on `hostname`. Both are made valid;
    /// `token` must be a valid SD-NAME.
    #[must_use]
    pub fn new(priority: Priority, hostname: &str, app_name: &str, token: Option<&str>) -> Self {
        Self::with_data((priority, hostname, app_name), token, &StructuredData::default(), "")
    }

    /// The same, with more structured data; `path` names the file to the receiver.
    #[must_use]
    pub fn with_data(
        (priority, hostname, app_name): (Priority, &str, &str),
        token: Option<&str>,
        data: &StructuredData,
        path: &str,
    ) -> Self {
        let token = token.map_or_else(String::new, |token| format!("[{token}@{ENTERPRISE}]"));
        let elements = token + &data.fields();
        let place = data.place(path).map(String::into_bytes);
        let elements = match (elements.is_empty(), &place) {
            (true, None) => "- ".to_owned(),
            (_, None) => elements + " ",
            // The last element follows with each message.
            (_, Some(_)) => elements,
        };
        let hostname = field(hostname, HOSTNAME_MAX);
        let app_name = field(app_name, APP_NAME_MAX);
        Self {
            priority,
            before_time: format!("<{priority}>1 ").into_bytes(),
            after_time: format!(" {hostname} {app_name} - - {elements}").into_bytes(),
            place,
        }
    }

    /// Whether it says where each message stands.
    #[must_use]
    pub fn says_place(&self) -> bool {
        self.place.is_some()
    }

    /// Renders the header with `timestamp` into `out`, which is emptied first.
    pub fn render(&self, timestamp: &str, out: &mut Vec<u8>) {
        out.clear();
        let timestamp = timestamp.as_bytes();
        self.append(OwnHeader { timestamp, ..OwnHeader::default() }, out);
    }

    /// Renders the header of one message into `out`, which is [cleared](RenderedHeader::clear) or holds that of another
    /// message of this file.
    #[inline]
    pub fn render_own(&self, own: OwnHeader<'_>, out: &mut RenderedHeader) {
        let time = own.timestamp;
        if self.place.is_none()
            && out.severity == own.severity
            && !time.is_empty()
            && let Some(before) = out.bytes.get_mut(out.time.clone())
            && before.len() == time.len()
        {
            match (before.first_chunk_mut::<USUAL_TIME>(), time.first_chunk()) {
                // Its length is known here, so it is copied without a call.
                (Some(before), Some(now)) if time.len() == USUAL_TIME => *before = *now,
                _ => before.copy_from_slice(time),
            }
            return;
        }
        out.bytes.clear();
        out.time = self.append(own, &mut out.bytes);
        out.severity = own.severity;
    }

    /// Appends the header of one message. Returns where TIMESTAMP stands.
    fn append(&self, own: OwnHeader<'_>, out: &mut Vec<u8>) -> Range<usize> {
        match own.severity {
            None => out.extend_from_slice(&self.before_time),
            // Writing into a Vec cannot fail.
            Some(severity) => drop(write!(out, "<{}>1 ", self.priority.with(severity))),
        }
        let start = out.len();
        out.extend_from_slice(own.timestamp);
        let time = start..out.len();
        out.extend_from_slice(&self.after_time);
        if let Some(before) = &self.place {
            let place = own.place.unwrap_or_default();
            out.extend_from_slice(before);
            let _ = write!(out, "{:016x}\" offset=\"{}\"] ", place.content, place.offset);
        }
        time
    }
}

/// `text` as a header field: printable ASCII without spaces, at most `max` octets, `-` when empty.
/// Each character that cannot stand there becomes `_`.
#[must_use]
pub fn field(text: &str, max: usize) -> String {
    let valid = |c: char| if c.is_ascii_graphic() { c } else { '_' };
    let field: String = text.chars().map(valid).take(max).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syslog::{Facility, Severity};

    fn rendered(hostname: &str, app_name: &str, token: Option<&str>) -> String {
        let priority = Priority::new(Facility::USER, Severity::NOTICE);
        let mut out = b"left over".to_vec();
        Header::new(priority, hostname, app_name, token).render("2026-11-23T10:20:30Z", &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn nil_structured_data_without_a_token() {
        assert_eq!(rendered("web1", "a.log", None), "<13>1 2026-11-23T10:20:30Z web1 a.log - - - ");
    }

    #[test]
    fn a_token_is_structured_data() {
        assert_eq!(
            rendered("web1", "a.log", Some("ABC")),
            "<13>1 2026-11-23T10:20:30Z web1 a.log - - [ABC@41058] "
        );
    }

    #[test]
    fn one_message_may_have_a_severity_and_a_place_of_its_own() {
        let priority = Priority::new(Facility::USER, Severity::NOTICE);
        let param = ("env".to_owned(), "prod".to_owned());
        let header = |data: &StructuredData, token| {
            let header = Header::with_data((priority, "h", "a"), token, data, "/var/log/a]b");
            let place = Some(MessagePlace { content: 7, offset: 120 });
            let own = OwnHeader { timestamp: b"T", severity: "err".parse().ok(), place };
            let mut out = RenderedHeader { bytes: b"left over".to_vec(), ..Default::default() };
            header.render_own(own, &mut out);
            String::from_utf8(out.bytes).unwrap()
        };
        let fields = StructuredData::new(vec![param.clone()], false);
        assert_eq!(header(&fields, None), "<11>1 T h a - - [fields@41058 env=\"prod\"] ");
        let all = StructuredData::new(vec![param], true);
        assert_eq!(
            header(&all, Some("ABC")),
            "<11>1 T h a - - [ABC@41058][fields@41058 env=\"prod\"]\
             [file@41058 path=\"/var/log/a\\]b\" content=\"0000000000000007\" offset=\"120\"] "
        );
        assert_eq!(header(&StructuredData::default(), None), "<11>1 T h a - - - ");
    }

    #[test]
    fn a_header_is_the_same_whatever_was_rendered_before() {
        let priority = Priority::new(Facility::USER, Severity::NOTICE);
        let header = |has_place| {
            let data = StructuredData::new(Vec::new(), has_place);
            Header::with_data((priority, "h", "a"), None, &data, "/var/log/a")
        };
        for header in [header(false), header(true)] {
            let mut again = RenderedHeader::default();
            let times =
                ["2026-11-23T10:20:30Z", "2026-11-24T11:21:31Z", "2026-11-24T11:21:31.5Z", ""];
            let severities = [None, "err".parse().ok(), "info".parse().ok()];
            for number in 0..72usize {
                let timestamp = times[number * 7 / 3 % 4].as_bytes();
                let place = Some(MessagePlace { content: 1, offset: number as u64 });
                let severity = severities[number / 4 % 3];
                let own = OwnHeader { timestamp, severity, place };
                let mut anew = RenderedHeader::default();
                header.render_own(own, &mut again);
                header.render_own(own, &mut anew);
                assert_eq!(again.bytes(), anew.bytes());
            }
        }
    }

    #[test]
    fn fields_are_made_valid() {
        assert_eq!(field("my app", 48), "my_app");
        assert_eq!(field("", 48), "-");
        assert_eq!(field("größe\n", 48), "gr__e_");
        assert_eq!(field(&"x".repeat(60), 48).len(), 48);
    }
}
