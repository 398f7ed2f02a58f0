//! A received message, taken apart as RFC 5424, section 6, has it.

/// The fields of one message. Text that is not UTF-8 is kept as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Facility times eight plus severity.
    pub priority: u8,
    /// RFC 3339.
    pub timestamp: String,
    /// Who sent it.
    pub hostname: String,
    /// The tag.
    pub app_name: String,
    /// PROCID.
    pub process_id: String,
    /// MSGID.
    pub message_id: String,
    /// `-`, or elements in brackets.
    pub structured_data: String,
    /// The line.
    pub text: Vec<u8>,
}

impl Message {
    /// Parses one message without its framing. Panics on anything that is not of the form
    /// `remote_syslog` sends.
    #[track_caller]
    pub fn parse(frame: &[u8]) -> Self {
        Self::try_parse(frame)
            .unwrap_or_else(|| panic!("no RFC 5424 message: {:?}", String::from_utf8_lossy(frame)))
    }

    fn try_parse(frame: &[u8]) -> Option<Self> {
        let rest = frame.strip_prefix(b"<")?;
        let (priority, rest) = split(rest, b'>')?;
        let (version, rest) = split(rest, b' ')?;
        let (timestamp, rest) = split(rest, b' ')?;
        let (hostname, rest) = split(rest, b' ')?;
        let (app_name, rest) = split(rest, b' ')?;
        let (process_id, rest) = split(rest, b' ')?;
        let (message_id, rest) = split(rest, b' ')?;
        let (structured_data, text) = split(rest, b' ')?;
        if (version.as_str(), process_id.as_str(), message_id.as_str()) != ("1", "-", "-") {
            return None;
        }
        let priority = priority.parse().ok()?;
        let text = text.to_vec();
        Some(Self {
            priority,
            timestamp,
            hostname,
            app_name,
            process_id,
            message_id,
            structured_data,
            text,
        })
    }

    /// The line as text, with a replacement character for what is not UTF-8.
    pub fn lossy(&self) -> String {
        String::from_utf8_lossy(&self.text).into_owned()
    }
}

/// The text of a message, which begins behind the seventh space of the frames sent here (their
/// structured data holds none). All of it when it is no message.
pub fn text(frame: &[u8]) -> &[u8] {
    let spaces = frame.iter().enumerate().filter(|&(_, &byte)| byte == b' ');
    spaces.map(|(at, _)| at).nth(6).map_or(frame, |at| &frame[at + 1..])
}

fn split(bytes: &[u8], at: u8) -> Option<(String, &[u8])> {
    let end = bytes.iter().position(|&byte| byte == at)?;
    Some((String::from_utf8(bytes[..end].to_vec()).ok()?, &bytes[end + 1..]))
}

#[test]
fn a_message_is_taken_apart() {
    let frame = b"<134>1 2026-11-23T10:20:30.5Z web-1 app.log - - [tok@41058] a  b ";
    let message = Message::parse(frame);
    assert_eq!(message.priority, 134);
    assert_eq!(message.structured_data, "[tok@41058]");
    assert_eq!(message.lossy(), "a  b ");
    assert_eq!(text(frame), b"a  b ");
    assert_eq!(text(b"<13>1 T h a - - - "), b"");
}
