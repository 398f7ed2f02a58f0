//! The HEADER and STRUCTURED-DATA of the messages of one file (RFC 5424, section 6).

use super::Priority;

/// Everything of a message before its text except the time: rendered once per file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    before_time: Vec<u8>,
    after_time: Vec<u8>,
}

/// Longest HOSTNAME in octets.
pub const HOSTNAME_MAX: usize = 255;
/// Longest APP-NAME in octets.
pub const APP_NAME_MAX: usize = 48;
/// Enterprise number under which Papertrail-like receivers look for the token.
const TOKEN_ENTERPRISE: &str = "41058";

impl Header {
    /// The header of messages from `app_name` (the tag) on `hostname`. Both are made valid;
    /// `token` must be a valid SD-NAME.
    #[must_use]
    pub fn new(priority: Priority, hostname: &str, app_name: &str, token: Option<&str>) -> Self {
        let data =
            token.map_or_else(|| "-".to_owned(), |token| format!("[{token}@{TOKEN_ENTERPRISE}]"));
        let hostname = field(hostname, HOSTNAME_MAX);
        let app_name = field(app_name, APP_NAME_MAX);
        Self {
            before_time: format!("<{priority}>1 ").into_bytes(),
            after_time: format!(" {hostname} {app_name} - - {data} ").into_bytes(),
        }
    }

    /// Renders the header with `timestamp` into `out`, which is emptied first.
    pub fn render(&self, timestamp: &str, out: &mut Vec<u8>) {
        out.clear();
        out.extend_from_slice(&self.before_time);
        out.extend_from_slice(timestamp.as_bytes());
        out.extend_from_slice(&self.after_time);
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
    fn fields_are_made_valid() {
        assert_eq!(field("my app", 48), "my_app");
        assert_eq!(field("", 48), "-");
        assert_eq!(field("größe\n", 48), "gr__e_");
        assert_eq!(field(&"x".repeat(60), 48).len(), 48);
    }
}
