//! What a word means behind a key: each kind of value is a type here, so that a field says which it is.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::{Protocol, log_filter, value};
use crate::filter::Pattern;
use crate::syslog::{Facility, Framing, Severity, TimeFormat};
use crate::text::{Join, LineFormat, PathTemplate, Trace};

/// A kind of value.
pub(in super::super) trait Meaning {
    /// What a word of that kind means.
    type Value;

    /// What `text` means, or what is wrong with it, and after a semicolon what to write.
    fn parse(text: &str) -> Result<Self::Value, String>;
}

macro_rules! meanings {
    ($($(#[$doc:meta])* $name:ident -> $value:ty = $parse:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(in super::super) struct $name;

        impl Meaning for $name {
            type Value = $value;

            fn parse(text: &str) -> Result<$value, String> {
                $parse(text)
            }
        }
    )*};
}

meanings! {
    /// `true` or `false`, or another pair of words for them.
    Switch -> bool = value::boolean;
    /// A duration of which zero means that there is no limit.
    Timeout -> Duration = value::timeout;
    /// A duration of a second or more.
    Interval -> Duration = value::interval;
    /// A duration of 1 s to 1 h.
    ProofInterval -> Duration = value::proof_interval;
    /// 1 to 65535.
    Port -> u16 = value::port;
    /// A name, or an address.
    Host -> String = value::host;
    /// `udp`, `tcp`, `tls`, `relp` or `relp-tls`.
    ProtocolName -> Protocol = value::protocol;
    /// `newline` or `octet-counted`.
    FramingName -> Framing = value::framing;
    /// A secret: it is in no message.
    Token -> String = value::token;
    /// Bytes of a message, or zero for no limit.
    StreamLength -> Option<usize> = value::stream_length;
    /// Bytes of a message in a datagram.
    DatagramLength -> usize = value::datagram_length;
    /// A number of messages.
    Window -> usize = value::window;
    /// A port, or an address and a port.
    ListenAddress -> SocketAddr = value::listen;
    /// Levels of the own log, in remote_syslog2's form or tracing's.
    LogLevels -> String = log_filter::directives;
    /// A name of [`Facility`].
    FacilityName -> Facility = value::named;
    /// A name of [`Severity`].
    SeverityName -> Severity = value::named;
    /// `read` or `written`: whether it is the time of writing.
    TimeOf -> bool = value::is_written;
    /// Directives of strptime.
    TimeDirectives -> TimeFormat = value::time_format;
    /// A path or a glob, which need not be UTF-8.
    FilePath -> String = anything;
    /// A regular expression.
    PatternText -> String = anything;
    /// What stands in the place of what was matched.
    ReplacementText -> String = anything;
    /// The value of a parameter of structured data.
    ParamText -> String = anything;
    /// A name of [`Trace`].
    TraceName -> Trace = value::trace;
    /// A duration of 100 ms to 1 h.
    JoinTimeout -> Duration = value::join_timeout;
    /// A number of lines.
    LineCount -> usize = value::line_count;
    /// Bytes of a message of several lines.
    JoinedLength -> usize = value::joined_length;
    /// `escaped` or `space`.
    JoinName -> Join = value::join;
    /// `docker`, `cri` or `json`.
    FormatName -> LineFormat = value::line_format;
    /// The name of a field.
    FieldName -> String = anything;
    /// The name of a user.
    User -> String = anything;
    /// APP-NAME.
    Tag -> PathTemplate = PathTemplate::parse;
    /// HOSTNAME.
    Hostname -> PathTemplate = PathTemplate::parse;
    /// A pattern with groups.
    PathRegex -> Pattern = value::pattern;
}

/// What it means depends on more than the word.
#[allow(clippy::unnecessary_wraps, reason = "the form of all others")]
fn anything(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}
