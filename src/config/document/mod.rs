//! What may stand in the configuration: its types, as serde and the JSON Schema see them.
//!
//! A key is one field here, with its comment. Values are kept as they were typed ([`leaf`]), since
//! flags, variables and the file share these types, and what is overridden is not judged;
//! [`super::resolve`] says what they mean. [`reader`] fills them in, and [`outline`] lists them.

mod access;
mod layered;
pub(super) mod leaf;
pub(super) mod meaning;
pub(super) mod outline;
pub(super) mod reader;
#[cfg(test)]
mod schema;
pub(super) mod shown;
pub(super) mod spots;

use serde::Deserialize;

use self::leaf::{Both, Choice, List, ListMap, One, Pairs, Text};
use self::meaning as m;
use self::shown::{ShowTyped, Shower, ShownValue};

/// A structure of keys: read by serde where each may be missing, shown again in its order, and part of the JSON
/// Schema.
macro_rules! keys {
    ($(#[$doc:meta])* pub(super) struct $name:ident {
        $($(#[$key_doc:meta])* pub(super) $key:ident: $type:ty,)*
    }) => {
        $(#[$doc])*
        #[derive(Debug, Default, Deserialize)]
        #[cfg_attr(test, derive(schemars::JsonSchema), schemars(deny_unknown_fields))]
        #[serde(default)]
        pub(super) struct $name {
            $($(#[$key_doc])* pub(super) $key: $type,)*
        }

        impl ShowTyped for $name {
            fn shown(&self, by: &Shower<'_>) -> ShownValue {
                ShownValue::Map(vec![$((stringify!($key).to_owned(), self.$key.shown(by)),)*])
            }
        }
    };
}

/// All keys of the file: those of the daemon, and those of messages for all files.
pub(super) type FileKeys = Both<DaemonKeys, MessageKeys>;

/// An entry of `files` that is a map: what to follow, and what its messages hold.
pub(super) type EntryMap = Both<EntryKeys, MessageKeys>;

/// An entry of `files`: a path, `tag=path`, or a map.
pub(super) type FileItem = Choice<EntryMap>;

impl ListMap for EntryMap {
    const LIST: &'static str = leaf::name::FILE_LIST;
}

/// The section `destination`.
pub(super) type DestinationSection = Both<DestinationKeys, TlsKeys>;

/// A receiver in `destination.hosts` that is a map.
pub(super) type ReceiverMap = Both<ReceiverKeys, TlsKeys>;

impl ListMap for ReceiverMap {
    const LIST: &'static str = leaf::name::RECEIVER_LIST;
}

keys! {
    /// The keys that there are at the top only.
    pub(super) struct DaemonKeys {
        /// What to follow: paths, globs, or maps with a path and settings of their own.
        pub(super) files: List<FileItem>,
        /// Further files, by path or glob, whose `files` are added.
        pub(super) include: List<Text>,
        /// Files that are not followed: patterns for their whole paths.
        pub(super) exclude_files: List<Text>,
        /// Directories below which symbolic links are followed, whoever made them.
        pub(super) follow_links_in: List<Text>,
        /// The receiver, and how to speak to it.
        pub(super) destination: DestinationSection,
        /// TCP; wins over `tls` and `destination.protocol`.
        pub(super) tcp: One<m::Switch>,
        /// TLS; wins over `destination.protocol`.
        pub(super) tls: One<m::Switch>,
        /// How often globs are looked through anew, besides inotify: at least 1 s.
        pub(super) new_file_check_interval: One<m::Interval>,
        /// Find changes by looking alone, twice a second, without inotify.
        pub(super) poll: One<m::Switch>,
        /// At start-up, read files without a saved position from their beginning.
        pub(super) from_start: One<m::Switch>,
        /// The configuration, what it includes and the files of certificates are watched, and a change is a reload.
        pub(super) watch_config: One<m::Switch>,
        /// How long one attempt to connect may take; 0: no limit.
        pub(super) connect_timeout: One<m::Timeout>,
        /// How long the receiver may accept nothing; 0: no limit.
        pub(super) write_timeout: One<m::Timeout>,
        /// No more bytes of messages a second than this, on the average: `500kB/s`, `500kB/s burst 5MB`.
        pub(super) rate_limit: One<m::RateText>,
        /// Longest message over UDP in bytes, header included.
        pub(super) udp_max_line_length: One<m::DatagramLength>,
        /// Longest message over TCP or TLS in bytes, header included; 0: no limit.
        pub(super) tcp_max_line_length: One<m::StreamLength>,
        /// Longest message over RELP in bytes, header included; 0: no limit.
        pub(super) relp_max_line_length: One<m::StreamLength>,
        /// How many messages may be unanswered over RELP.
        pub(super) relp_window: One<m::Window>,
        /// Directory of the saved positions.
        pub(super) state_dir: One<m::FilePath>,
        /// File for the process id.
        pub(super) pid_file: One<m::FilePath>,
        /// Own log when detached.
        pub(super) debug_log_file: One<m::FilePath>,
        /// Stay in the foreground.
        pub(super) no_detach: One<m::Switch>,
        /// Started as root: become this user.
        pub(super) user: One<m::User>,
        /// A port, on 127.0.0.1, or an address and a port, where metrics are served.
        pub(super) metrics_listen: One<m::ListenAddress>,
        /// Names by which the metrics may be asked for.
        pub(super) metrics_hosts: List<Text>,
        /// What to log.
        pub(super) log_levels: One<m::LogLevels>,
    }
}

keys! {
    /// What an included file may hold.
    pub(super) struct IncludedKeys {
        /// Added to those of the file that includes it.
        pub(super) files: List<FileItem>,
    }
}

keys! {
    /// The keys of `destination` that there are there only.
    pub(super) struct DestinationKeys {
        /// Name or address of the receiver.
        pub(super) host: One<m::Host>,
        /// Its port.
        pub(super) port: One<m::Port>,
        /// Several receivers in the order in which they are asked: `HOST:PORT`, or maps with keys of their own.
        pub(super) hosts: List<Choice<ReceiverMap>>,
        /// After how long those before the one in use are asked again; 0 or `never`: only when that one fails.
        pub(super) failback: One<m::Failback>,
        /// Each host has an order of its own, so that many share a tier of receivers.
        pub(super) balance: One<m::Switch>,
        /// How to reach it: `udp`, `tcp`, `tls`, `relp` or `relp-tls`.
        pub(super) protocol: One<m::ProtocolName>,
        /// How messages are told apart over TCP and TLS: `newline` or `octet-counted`.
        pub(super) framing: One<m::FramingName>,
        /// Sent as `[TOKEN@41058]` with every message.
        pub(super) token: One<m::Token>,
        /// How long something may stay unproven before the connection is handed over to a new one.
        pub(super) proof_interval: One<m::ProofInterval>,
        /// A load balancer or another proxy stands between.
        pub(super) proxied: One<m::Switch>,
    }
}

keys! {
    /// A receiver in `destination.hosts` with keys of its own.
    pub(super) struct ReceiverKeys {
        /// Its name or address.
        pub(super) host: One<m::Host>,
        /// Its port.
        pub(super) port: One<m::Port>,
        /// How to reach it, where that is not as with the others.
        pub(super) protocol: One<m::ProtocolName>,
    }
}

keys! {
    /// What TLS is to use: for all receivers in `destination`, and for one in an item of `destination.hosts`, which
    /// wins.
    pub(super) struct TlsKeys {
        /// PEM file with the certificates of those who are trusted, in the place of the system's.
        pub(super) ca_file: One<m::FilePath>,
        /// Directory of such files: `*.pem`, `*.crt`, `*.cer`, or links named by hashes as `openssl rehash` makes them.
        pub(super) ca_dir: One<m::FilePath>,
        /// PEM file with our own certificate, and perhaps its private key.
        pub(super) cert_file: One<m::FilePath>,
        /// PEM file with its private key, where that is another one.
        pub(super) key_file: One<m::FilePath>,
        /// The name, or the address, that the receiver's certificate must be for, where that is not `host`.
        pub(super) server_name: One<m::ServerNameText>,
        /// Certificates of receivers that are trusted for what they are: `sha-256:` and the fingerprint of each.
        pub(super) fingerprint: List<Text>,
        /// The oldest version of TLS that is spoken: `1.2` or `1.3`.
        pub(super) min_tls: One<m::TlsVersionName>,
    }
}

keys! {
    /// What messages hold: for all files at the top, and for some in an entry of `files`, which wins.
    pub(super) struct MessageKeys {
        /// APP-NAME; by default the name of the file. May hold parts of its path: `{dir}/{stem}`.
        pub(super) tag: One<m::Tag>,
        /// HOSTNAME; by default the operating system's. May hold parts of the path.
        pub(super) hostname: One<m::Hostname>,
        /// Facility of the messages.
        pub(super) facility: One<m::FacilityName>,
        /// Severity of the messages.
        pub(super) severity: One<m::SeverityName>,
        /// Which time messages carry: `read` or `written`.
        pub(super) timestamp: One<m::TimeOf>,
        /// How a line says when it was written: directives of strptime.
        pub(super) timestamp_format: One<m::TimeDirectives>,
        /// Only lines that one of these patterns matches are sent.
        pub(super) include_patterns: List<Text>,
        /// Lines that are not sent: patterns. They win over `include_patterns`.
        pub(super) exclude_patterns: List<Text>,
        /// What is replaced in every line before it leaves the host: patterns, presets, or maps of a pattern and what
        /// stands in its place.
        pub(super) redact_patterns: List<Choice<RedactionMap>>,
        /// Colours and other sequences for terminals are left out.
        pub(super) strip_color: One<m::Switch>,
        /// Severities, each with a pattern of the lines that have it; the first that matches counts.
        pub(super) severity_from: Pairs<m::PatternText>,
        /// Names and values that are sent with every message as structured data; `file: true` adds where it stands.
        pub(super) structured_data: Pairs<m::ParamText>,
        /// Which lines make one message.
        pub(super) multiline: MultilineKeys,
        /// The form of the lines: `docker`, `cri`, `json` or `plain`, or a map that says more.
        pub(super) format: Option<Choice<FormatMap>>,
    /// The encoding of the files, where that is not UTF-8: a name as the web has it.
    pub(super) encoding: One<m::EncodingName>,
    }
}

keys! {
    /// The form of the lines, and what is taken from them.
    pub(super) struct FormatMap {
        /// `docker`, `cri`, `json` or `plain`.
        pub(super) name: One<m::FormatName>,
        /// Containers: the severity of what comes from standard output.
        pub(super) stdout: One<m::SeverityName>,
        /// Containers: the severity of what comes from standard error.
        pub(super) stderr: One<m::SeverityName>,
        /// JSON: the field with the text.
        pub(super) message: One<m::FieldName>,
        /// JSON: the field with the severity.
        pub(super) severity: One<m::FieldName>,
        /// JSON: the field with the time.
        pub(super) timestamp: One<m::FieldName>,
    }
}

keys! {
    /// A pattern of what is replaced, and by what.
    pub(super) struct RedactionMap {
        /// What is replaced: a pattern.
        pub(super) pattern: One<m::PatternText>,
        /// What stands in its place; `$1` is what its first group holds.
        pub(super) replace: One<m::ReplacementText>,
    }
}

impl ListMap for RedactionMap {}

keys! {
    /// The section `multiline`.
    pub(super) struct MultilineKeys {
        /// A pattern of the lines that begin a message; all others continue one.
        pub(super) start: One<m::PatternText>,
        /// A pattern of the lines that continue a message; all others begin one.
        pub(super) continuation: One<m::PatternText>,
        /// Traces of a language: `java`, `python`, `go` or `ruby`; or `indent`.
        pub(super) preset: One<m::TraceName>,
        /// After so long without another line, a message is complete.
        pub(super) timeout: One<m::JoinTimeout>,
        /// A message has no more lines than this.
        pub(super) max_lines: One<m::LineCount>,
        /// Nor more bytes.
        pub(super) max_bytes: One<m::JoinedLength>,
        /// What stands between lines where a newline would end the message: `escaped` or `space`.
        pub(super) join: One<m::JoinName>,
    }
}

keys! {
    /// The keys that there are in an entry of `files` only.
    pub(super) struct EntryKeys {
        /// The path or glob to follow.
        pub(super) path: One<m::FilePath>,
        /// A pattern for the path, whose named groups may stand in `tag` and `hostname`.
        pub(super) path_regex: One<m::PathRegex>,
    }
}
