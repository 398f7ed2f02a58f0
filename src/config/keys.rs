//! Every key there is, in one table: its name, its flag, and what may stand behind it.

/// A setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    Files,
    ExcludeFiles,
    ExcludePatterns,
    FollowLinksIn,
    Host,
    Port,
    Protocol,
    Framing,
    Token,
    Hostname,
    Facility,
    Severity,
    Timestamp,
    TimestampFormat,
    NewFileCheckInterval,
    Poll,
    FromStart,
    Tcp,
    Tls,
    ConnectTimeout,
    WriteTimeout,
    ProofInterval,
    Proxied,
    CaFile,
    CertFile,
    PrivateKeyFile,
    RelpWindow,
    RelpMaxLineLength,
    TcpMaxLineLength,
    UdpMaxLineLength,
    StateDir,
    PidFile,
    DebugLogFile,
    NoDetach,
    LogLevels,
    User,
    MetricsListen,
    MetricsHosts,
}

/// What may stand behind a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// A word or a number.
    Scalar,
    /// A list of words, or one word.
    List,
}

use Key as K;
use Shape::{List, Scalar};

/// In the order of [`Key`].
const TABLE: [(Key, &str, &str, Shape); 38] = [
    (K::Files, "files", "", List),
    (K::ExcludeFiles, "exclude_files", "", List),
    (K::ExcludePatterns, "exclude_patterns", "", List),
    (K::FollowLinksIn, "follow_links_in", "", List),
    (K::Host, "destination.host", "--dest-host", Scalar),
    (K::Port, "destination.port", "--dest-port", Scalar),
    (K::Protocol, "destination.protocol", "", Scalar),
    (K::Framing, "destination.framing", "", Scalar),
    (K::Token, "destination.token", "--dest-token", Scalar),
    (K::Hostname, "hostname", "--hostname", Scalar),
    (K::Facility, "facility", "--facility", Scalar),
    (K::Severity, "severity", "--severity", Scalar),
    (K::Timestamp, "timestamp", "", Scalar),
    (K::TimestampFormat, "timestamp_format", "", Scalar),
    (K::NewFileCheckInterval, "new_file_check_interval", "--new-file-check-interval", Scalar),
    (K::Poll, "poll", "--poll", Scalar),
    (K::FromStart, "from_start", "--from-start", Scalar),
    (K::Tcp, "tcp", "--tcp", Scalar),
    (K::Tls, "tls", "--tls", Scalar),
    (K::ConnectTimeout, "connect_timeout", "", Scalar),
    (K::WriteTimeout, "write_timeout", "", Scalar),
    (K::ProofInterval, "destination.proof_interval", "", Scalar),
    (K::Proxied, "destination.proxied", "", Scalar),
    (K::CaFile, "destination.ca_file", "", Scalar),
    (K::CertFile, "destination.cert_file", "", Scalar),
    (K::PrivateKeyFile, "destination.key_file", "", Scalar),
    (K::RelpWindow, "relp_window", "", Scalar),
    (K::RelpMaxLineLength, "relp_max_line_length", "", Scalar),
    (K::TcpMaxLineLength, "tcp_max_line_length", "", Scalar),
    (K::UdpMaxLineLength, "udp_max_line_length", "", Scalar),
    (K::StateDir, "state_dir", "--state-dir", Scalar),
    (K::PidFile, "pid_file", "--pid-file", Scalar),
    (K::DebugLogFile, "debug_log_file", "--debug-log-cfg", Scalar),
    (K::NoDetach, "no_detach", "--no-detach", Scalar),
    (K::LogLevels, "log_levels", "--log", Scalar),
    (K::User, "user", "--user", Scalar),
    (K::MetricsListen, "metrics_listen", "", Scalar),
    (K::MetricsHosts, "metrics_hosts", "", List),
];

/// The section whose keys are written with a dot here.
pub(super) const DESTINATION: &str = "destination";

impl Key {
    /// Every key.
    pub(super) fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|row| row.0)
    }

    /// As in the file, with a dot between section and key.
    pub(super) fn name(self) -> &'static str {
        TABLE[self as usize].1
    }

    /// The long flag with its dashes; empty when there is none.
    pub(super) fn flag(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// What may stand behind it.
    pub(super) fn shape(self) -> Shape {
        TABLE[self as usize].3
    }

    /// The key of that name, in any case.
    pub(super) fn of(name: &str) -> Option<Self> {
        Self::all().find(|key| key.name().eq_ignore_ascii_case(name))
    }

    /// Whether it belongs to `section`.
    pub(super) fn is_in(self, section: &str) -> bool {
        self.name().split_once('.').is_some_and(|(first, _)| first == section)
    }

    /// The environment variable that sets it.
    pub(super) fn variable(self) -> String {
        format!("{VARIABLE_PREFIX}{}", self.name().replace('.', "_").to_ascii_uppercase())
    }
}

/// What every environment variable of ours begins with.
pub(super) const VARIABLE_PREFIX: &str = "REMOTE_SYSLOG_";

/// Longer than any name that somebody may have meant.
const NAME_MAX: usize = 64;

/// The name of `known` that `typed` was probably meant to be. For a name with a dot the part
/// behind it counts as well, so that a key in the wrong section finds its place.
pub(super) fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    // The distance to a text is found in a table as large as that text.
    if typed.len() > NAME_MAX {
        return None;
    }
    let typed = typed.to_ascii_lowercase().replace('-', "_");
    let last = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let distance = |name: &str| {
        strsim::damerau_levenshtein(&typed, name)
            .min(strsim::damerau_levenshtein(&last(&typed), &last(name)))
    };
    let allowed = (last(&typed).chars().count() / 3).clamp(1, 3);
    known.map(|name| (distance(name), name)).filter(|(d, _)| *d <= allowed).min().map(|(_, n)| n)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_keys() {
        for (i, row) in TABLE.iter().enumerate() {
            assert_eq!(row.0 as usize, i, "{}", row.1);
        }
    }

    #[test]
    fn names_are_found_in_any_case() {
        assert_eq!(Key::of("Destination.PORT"), Some(Key::Port));
        assert_eq!(Key::of("port"), None);
        assert_eq!(Key::Port.variable(), "REMOTE_SYSLOG_DESTINATION_PORT");
    }

    #[test]
    fn the_nearest_name_is_near() {
        let near = |typed| nearest(typed, Key::all().map(Key::name));
        assert_eq!(near("exclude_pattern"), Some("exclude_patterns"));
        assert_eq!(near("Facilty"), Some("facility"));
        assert_eq!(near("port"), Some("destination.port"));
        assert_eq!(near("destination.hots"), Some("destination.host"));
        assert_eq!(near("new-file-check-interval"), Some("new_file_check_interval"));
        assert_eq!(near("retries"), None);
        assert_eq!(near("x"), None);
    }
}
