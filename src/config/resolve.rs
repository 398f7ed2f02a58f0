//! All sources → one [`Config`], or every problem.

mod advice;
mod lists;
mod time;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use super::error::{ConfigErrors, Place, Problem};
use super::findings::Findings;
use super::keys::Key;
use super::raw::{Item, Items, Layer, Text};
use super::{
    Config, Destination, Listen, Loaded, Mode, PidFile, Protocol, Surroundings, TlsFiles, entry,
    log_filter, value,
};
use crate::syslog::{Facility, Framing, HOSTNAME_MAX, Priority, Severity, field};

pub(crate) const NO_LOG: &str = "/dev/null";
const DEFAULT_PORT: u16 = 514;
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
/// How long something may stay unproven before the connection is rotated.
const DEFAULT_PROOF_INTERVAL: Duration = Duration::from_secs(300);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_STREAM_LENGTH: usize = 99_990;
const DEFAULT_DATAGRAM_LENGTH: usize = 1024;
/// What imrelp stores of a message unless it is told otherwise (`maxMessageSize`).
const DEFAULT_RELP_LENGTH: usize = 8096;
const DEFAULT_RELP_WINDOW: usize = 16_384;

/// Everything that was typed.
pub(super) struct Raw {
    /// The first that knows a key decides.
    pub(super) layers: Vec<Layer>,
    /// Added to `files`.
    pub(super) arguments: Vec<Item>,
    pub(super) mode: Mode,
    /// To blame for what is missing. `None`: the file could not be read, so nothing is.
    pub(super) blame: Option<Place>,
}

/// Makes the configuration out of what was typed and found so far.
pub(super) fn resolve(
    raw: &Raw,
    around: &Surroundings,
    findings: Findings,
) -> Result<Loaded, ConfigErrors> {
    let mut resolver = Resolver { raw, around, findings };
    let config = resolver.config();
    let (problems, warnings) = resolver.findings.into_parts();
    match config {
        Some(config) if problems.is_empty() => Ok(Loaded { config, warnings, file: None }),
        _ => Err(ConfigErrors::new(problems, warnings)),
    }
}

/// Of what was typed, only where positions are kept.
pub(super) fn state_dir(raw: &Raw, around: &Surroundings, findings: Findings) -> Option<PathBuf> {
    Resolver { raw, around, findings }.state_dir()
}

struct Resolver<'a> {
    raw: &'a Raw,
    around: &'a Surroundings,
    findings: Findings,
}

impl<'a> Resolver<'a> {
    /// Looks at every key, so that every problem is found; a value that is wrong counts as absent.
    fn config(&mut self) -> Option<Config> {
        let destination = self.destination();
        let facility = self.parsed(Key::Facility, named::<Facility>).unwrap_or(Facility::USER);
        let severity = self.parsed(Key::Severity, named::<Severity>).unwrap_or(Severity::NOTICE);
        let state_dir = self.state_dir();
        let config = Config {
            mode: self.raw.mode,
            files: self.files(),
            exclude_files: self.patterns(Key::ExcludeFiles),
            follow_links_in: self.directories(Key::FollowLinksIn),
            exclude_patterns: self.patterns(Key::ExcludePatterns),
            hostname: self.hostname(),
            priority: Priority::new(facility, severity),
            sweep_interval: self
                .parsed(Key::NewFileCheckInterval, value::interval)
                .unwrap_or(DEFAULT_INTERVAL),
            poll: self.switch(Key::Poll),
            from_start: self.switch(Key::FromStart),
            pid_file: self.path(Key::PidFile).map_or(PidFile::Search, PidFile::At),
            detach: !self.switch(Key::NoDetach) && self.raw.mode == Mode::Daemon,
            debug_log_file: self.path(Key::DebugLogFile).unwrap_or_else(|| NO_LOG.into()),
            user: self.user(),
            metrics_listen: self.metrics_listen(),
            log_filter: self
                .parsed(Key::LogLevels, log_filter::directives)
                .unwrap_or_else(|| "info".to_owned()),
            destination: destination?,
            state_dir: state_dir?,
        };
        self.warn_of_short_limit(&config);
        Some(config)
    }

    fn destination(&mut self) -> Option<Destination> {
        let mut host = self.parsed(Key::Host, value::host);
        if self.scalar(Key::Host).is_none() && matches!(self.raw.mode, Mode::DryRun { .. }) {
            host = Some(String::new());
        } else if self.scalar(Key::Host).is_none() {
            self.missing(
                Key::Host,
                "no receiver is named; write its name there, or give --dest-host",
            );
        }
        let protocol = self.protocol();
        let framing = self.framing(protocol);
        self.tell_consequences();
        self.warn_of_port(protocol);
        let stream = self.parsed(Key::TcpMaxLineLength, value::stream_length);
        let datagram = self.parsed(Key::UdpMaxLineLength, value::datagram_length);
        let relp = self.parsed(Key::RelpMaxLineLength, value::stream_length);
        let relp_window = self.parsed(Key::RelpWindow, value::window);
        let tls = self.tls_files(protocol);
        Some(Destination {
            port: self.parsed(Key::Port, value::port).unwrap_or(DEFAULT_PORT),
            protocol,
            framing,
            token: self.parsed(Key::Token, value::token),
            connect_timeout: self.timeout(Key::ConnectTimeout),
            write_timeout: self.timeout(Key::WriteTimeout),
            proof_interval: self
                .parsed(Key::ProofInterval, value::proof_interval)
                .unwrap_or(DEFAULT_PROOF_INTERVAL),
            proxied: self.switch(Key::Proxied),
            relp_window: relp_window.unwrap_or(DEFAULT_RELP_WINDOW),
            tls,
            max_message: match protocol {
                Protocol::Udp => Some(datagram.unwrap_or(DEFAULT_DATAGRAM_LENGTH)),
                Protocol::Tcp | Protocol::Tls => stream.unwrap_or(Some(DEFAULT_STREAM_LENGTH)),
                Protocol::Relp | Protocol::RelpTls => relp.unwrap_or(Some(DEFAULT_RELP_LENGTH)),
            },
            host: host?,
        })
    }

    /// `tcp` beats `tls` beats `destination.protocol`, wherever each was given.
    fn protocol(&mut self) -> Protocol {
        let protocol = self.parsed(Key::Protocol, value::protocol).unwrap_or(Protocol::Udp);
        match (self.switch(Key::Tcp), self.switch(Key::Tls)) {
            (true, _) => Protocol::Tcp,
            (false, true) => Protocol::Tls,
            (false, false) => protocol,
        }
    }

    /// `destination.framing`, where the protocol leaves a choice.
    fn framing(&mut self, protocol: Protocol) -> Framing {
        let chosen = self.parsed(Key::Framing, value::framing);
        match protocol {
            Protocol::Tcp | Protocol::Tls => chosen.unwrap_or_default(),
            Protocol::Udp => {
                self.warn_of_framing(chosen);
                Framing::Datagram
            }
            Protocol::Relp | Protocol::RelpTls => {
                self.warn_of_framing(chosen);
                Framing::Relp
            }
        }
    }

    fn tls_files(&mut self, protocol: Protocol) -> TlsFiles {
        let keys = [Key::CaFile, Key::CertFile, Key::PrivateKeyFile];
        if !protocol.has_tls() {
            keys.into_iter().for_each(|key| self.warn_of_no_tls(key));
        }
        let [authorities, certificate, key] = keys.map(|key| self.path(key));
        let identity = match (certificate, key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (Some(_), None) => self.half_of(Key::CertFile, Key::PrivateKeyFile),
            (None, Some(_)) => self.half_of(Key::PrivateKeyFile, Key::CertFile),
            (None, None) => None,
        };
        TlsFiles { authorities, identity }
    }

    /// Of a certificate and its key only one is named.
    fn half_of<T>(&mut self, there: Key, missing: Key) -> Option<T> {
        if let Some(Text { place, .. }) = self.scalar(there) {
            let missing = missing.name();
            let text = format!("a certificate is of no use without its key; write {missing} too");
            self.problem(there, place, text);
        }
        None
    }

    fn state_dir(&mut self) -> Option<PathBuf> {
        let default = self.around.default_state_dir();
        if self.scalar(Key::StateDir).is_none() && default.is_none() {
            self.missing(
                Key::StateDir,
                "neither HOME nor XDG_STATE_HOME says where positions can be kept; give --state-dir",
            );
        }
        self.path(Key::StateDir).or(default)
    }

    fn metrics_listen(&mut self) -> Option<Listen> {
        let address = self.parsed(Key::MetricsListen, value::listen)?;
        let hosts = self.names(Key::MetricsHosts);
        self.scalar(Key::MetricsListen).map(|Text { place, .. }| Listen {
            address,
            hosts,
            place: place.clone(),
        })
    }

    fn user(&mut self) -> Option<String> {
        let exists = self.around.has_user;
        self.parsed(Key::User, |name| match exists(name) {
            true => Ok(name.to_owned()),
            false => Err(format!("there is no user {name:?}; create it, or name another one")),
        })
    }

    /// The value of `key` as `parse` understands it.
    fn parsed<T>(&mut self, key: Key, parse: impl Fn(&str) -> Result<T, String>) -> Option<T> {
        let Text { text, place } = self.scalar(key)?;
        let value = text.to_str().ok_or_else(|| not_utf8(text)).and_then(parse);
        value.map_err(|error| self.problem(key, place, error)).ok()
    }

    fn hostname(&mut self) -> String {
        let Some(Text { text, place }) = self.scalar(Key::Hostname) else {
            return self.around.hostname.clone();
        };
        let name = text.to_string_lossy().into_owned();
        self.warn_of_change(Key::Hostname, place, &name, HOSTNAME_MAX);
        self.warn_of_variable(Key::Hostname, place, &name);
        name
    }

    /// Header fields are made valid when they are sent; that the receiver sees another name
    /// should be no surprise.
    fn warn_of_change(&mut self, key: Key, place: &Place, name: &str, max: usize) {
        let sent = field(name, max);
        if sent != name {
            let text = format!(
                "{name:?} is sent as {sent:?}; write at most {max} printable ASCII characters, \
                 none of them a blank"
            );
            self.findings.warn(Problem::of(key, place, text));
        }
    }

    fn switch(&mut self, key: Key) -> bool {
        self.parsed(key, value::boolean).unwrap_or(false)
    }

    fn timeout(&mut self, key: Key) -> Duration {
        self.parsed(key, value::timeout).unwrap_or(DEFAULT_TIMEOUT)
    }

    fn path(&self, key: Key) -> Option<PathBuf> {
        self.scalar(key).map(|path| entry::absolute(&path.text, &self.around.cwd))
    }

    fn scalar(&self, key: Key) -> Option<&'a Text> {
        self.raw.layers.iter().find_map(|layer| layer.scalars.get(&key))
    }

    fn list(&self, key: Key) -> Option<&'a Items> {
        self.raw.layers.iter().find_map(|layer| layer.lists.get(&key))
    }

    fn problem(&mut self, key: Key, place: &Place, text: impl Into<String>) {
        self.findings.problem(Problem::of(key, place, text));
    }

    fn missing(&mut self, key: Key, text: &str) {
        // What was written in a way that could not be read is not missing.
        let is_about = |p: &Problem| p.key == key.name() || key.is_in(&p.key);
        let told = self.findings.may_hold(is_about);
        if let Some(place) = self.raw.blame.as_ref().filter(|_| !told) {
            self.findings.problem(Problem::of(key, place, text));
        }
    }
}

/// The key that limits messages over `protocol`.
pub(super) fn limit_key(protocol: Protocol) -> Key {
    match protocol {
        Protocol::Udp => Key::UdpMaxLineLength,
        Protocol::Tcp | Protocol::Tls => Key::TcpMaxLineLength,
        Protocol::Relp | Protocol::RelpTls => Key::RelpMaxLineLength,
    }
}

fn named<T: std::str::FromStr<Err = crate::syslog::UnknownName>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}

fn not_utf8(text: &OsStr) -> String {
    format!("{text:?} is not UTF-8; write it in UTF-8")
}
