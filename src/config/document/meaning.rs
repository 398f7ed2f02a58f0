//! What a word means behind a key: each kind of value is a type here, so that a field says which it is.

use std::net::SocketAddr;
use std::time::Duration;

use super::super::{Protocol, TlsVersion, log_filter, value};
use crate::filter::Re2Pattern;
use crate::pipeline::bucket::ByteRate;
use crate::syslog::{Facility, Framing, Severity, TimeFormat};
use crate::text::{Join, LineEncoding, LineFormat, PathTemplate, Trace};

/// How a word is shown again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum WordKind {
    /// As it was typed.
    Plain,
    /// From the root.
    Path,
    /// Not at all.
    Secret,
}

/// A kind of value.
pub(in super::super) trait Meaning {
    /// What a word of that kind means.
    type Value;

    /// How it is shown again.
    const KIND: WordKind = WordKind::Plain;

    /// What there may be, as a JSON Schema.
    #[cfg(test)]
    fn schema() -> schemars::Schema;

    /// What `text` means, or what is wrong with it, and after a semicolon what to write.
    fn parse(text: &str) -> Result<Self::Value, String>;
}

macro_rules! meanings {
    ($($(#[$doc:meta])* $name:ident -> $value:ty = $parse:expr, $schema:tt $(, $kind:ident)?;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy)]
        pub(in super::super) struct $name;

        impl Meaning for $name {
            type Value = $value;

            $(const KIND: WordKind = WordKind::$kind;)?

            #[cfg(test)]
            fn schema() -> schemars::Schema {
                schemars::json_schema!($schema)
            }

            fn parse(text: &str) -> Result<$value, String> {
                $parse(text)
            }
        }
    )*};
}

meanings! {
    /// `true` or `false`, or another pair of words for them.
    Switch -> bool = value::boolean,
        {"type": ["boolean", "string", "integer"]};
    /// A duration of which zero means that there is no limit.
    Timeout -> Duration = value::timeout,
        {"type": ["integer", "string"], "pattern": "^([0-9]+|([0-9]+(ms|s|m|h))+)$"};
    /// A duration of a second or more.
    Interval -> Duration = value::interval,
        {"type": ["integer", "string"], "pattern": "^([0-9]+|([0-9]+(ms|s|m|h))+)$"};
    /// A duration of 1 s to 1 h.
    ProofInterval -> Duration = value::proof_interval,
        {"type": ["integer", "string"], "pattern": "^([0-9]+|([0-9]+(ms|s|m|h))+)$"};
    /// A duration of a second or more, or never.
    Failback -> Option<Duration> = value::failback,
        {"type": ["integer", "string"], "pattern": "^(never|[0-9]+|([0-9]+(ms|s|m|h))+)$"};
    /// 1 to 65535.
    Port -> u16 = value::port,
        {"type": ["integer", "string"], "minimum": 1, "maximum": 65535, "pattern": "^[0-9]+$"};
    /// A name, or an address.
    Host -> String = value::host,
        {"type": ["string", "number", "boolean"]};
    /// A name or an address that a certificate can be for.
    ServerNameText -> String = value::server_name,
        {"type": ["string", "number"]};
    /// `1.2` or `1.3`.
    TlsVersionName -> TlsVersion = TlsVersion::parse,
        {"enum": ["1.2", "1.3", 1.2, 1.3]};
    /// `udp`, `tcp`, `tls`, `relp` or `relp-tls`.
    ProtocolName -> Protocol = value::protocol,
        {"enum": ["udp", "tcp", "tls", "relp", "relp-tls"]};
    /// `newline` or `octet-counted`.
    FramingName -> Framing = value::framing,
        {"enum": ["newline", "octet-counted"]};
    /// A secret: it is in no message.
    Token -> String = value::token,
        {"type": ["string", "number", "boolean"]}, Secret;
    /// Bytes of a message, or zero for no limit.
    StreamLength -> Option<usize> = value::stream_length,
        {"type": ["integer", "string"], "minimum": 0, "pattern": "^[0-9]+$"};
    /// Bytes of a message in a datagram.
    DatagramLength -> usize = value::datagram_length,
        {"type": ["integer", "string"], "minimum": 1, "maximum": 65507, "pattern": "^[0-9]+$"};
    /// Bytes a second, and how many may go at once.
    RateText -> ByteRate = value::rate_limit,
        {"type": ["integer", "string"], "minimum": 1000, "pattern": "^[0-9]+ *([kMG]?B|[KMG]iB|[kMG]bit)?(/s)?( +burst +[0-9]+ *([kMG]?B|[KMG]iB|[kMG]bit)?)?$"};
    /// A number of messages.
    Window -> usize = value::window,
        {"type": ["integer", "string"], "minimum": 1, "maximum": 100000, "pattern": "^[0-9]+$"};
    /// A port, or an address and a port.
    ListenAddress -> SocketAddr = value::listen,
        {"type": ["string", "integer"]};
    /// Levels of the own log, in remote_syslog2's form or tracing's.
    LogLevels -> String = log_filter::directives,
        {"type": ["string", "number", "boolean"]};
    /// A name of [`Facility`].
    FacilityName -> Facility = value::named,
        {"enum": (Facility::names())};
    /// A name of [`Severity`].
    SeverityName -> Severity = value::named,
        {"enum": (severity_names())};
    /// `read` or `written`: whether it is the time of writing.
    TimeOf -> bool = value::is_written,
        {"enum": ["read", "written"]};
    /// Directives of strptime.
    TimeDirectives -> TimeFormat = value::time_format,
        {"type": ["string", "number", "boolean"]};
    /// A path or a glob, which need not be UTF-8.
    FilePath -> String = anything,
        {"type": ["string", "number", "boolean"]}, Path;
    /// A regular expression.
    PatternText -> String = anything,
        {"type": ["string", "number", "boolean"]};
    /// What stands in the place of what was matched.
    ReplacementText -> String = anything,
        {"type": ["string", "number", "boolean"]};
    /// The value of a parameter of structured data.
    ParamText -> String = anything,
        {"type": ["string", "number", "boolean"]};
    /// A name of [`Trace`], or `none`.
    TraceName -> Option<Trace> = value::trace,
        {"enum": (Trace::ALL.map(Trace::name).into_iter().chain(["none"]).collect::<Vec<_>>())};
    /// A duration of 100 ms to 1 h.
    JoinTimeout -> Duration = value::join_timeout,
        {"type": ["integer", "string"], "pattern": "^([0-9]+|([0-9]+(ms|s|m|h))+)$"};
    /// A number of lines.
    LineCount -> usize = value::line_count,
        {"type": ["integer", "string"], "minimum": 1, "pattern": "^[0-9]+$"};
    /// Bytes of a message of several lines.
    JoinedLength -> usize = value::joined_length,
        {"type": ["integer", "string"], "minimum": 1, "pattern": "^[0-9]+$"};
    /// `escaped` or `space`.
    JoinName -> Join = value::join,
        {"enum": ["escaped", "space"]};
    /// `docker`, `cri`, `json` or `plain`.
    FormatName -> Option<LineFormat> = value::line_format,
        {"enum": ["docker", "cri", "json", "plain"]};
    /// A name of the WHATWG's list.
    EncodingName -> Option<LineEncoding> = value::encoding,
        {"type": ["string", "number", "boolean"]};
    /// The name of a field.
    FieldName -> String = anything,
        {"type": ["string", "number", "boolean"]};
    /// The name of a user.
    User -> String = anything,
        {"type": ["string", "number", "boolean"]};
    /// APP-NAME.
    Tag -> PathTemplate = PathTemplate::parse,
        {"type": ["string", "number", "boolean"]};
    /// HOSTNAME.
    Hostname -> PathTemplate = PathTemplate::parse,
        {"type": ["string", "number", "boolean"]};
    /// A pattern with groups.
    PathRegex -> Re2Pattern = value::pattern,
        {"type": ["string", "number", "boolean"]};
}

/// Those of RFC 5424, and other names in common use.
#[cfg(test)]
fn severity_names() -> Vec<&'static str> {
    [Severity::names(), &["panic", "error", "warning"]].concat()
}

/// What it means depends on more than the word.
#[allow(clippy::unnecessary_wraps, reason = "the form of all others")]
fn anything(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}
