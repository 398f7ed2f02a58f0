//! All sources → one [`Config`], or every problem.

mod advice;
mod lists;
mod messages;
mod patterns;
mod receivers;
mod stdin;
mod text;
mod tls;

use std::ffi::OsStr;
use std::path::PathBuf;
use std::time::Duration;

use super::document::leaf::{Both, List, One, Spot};
use super::document::meaning::{FilePath, Meaning, Switch, Timeout};
use super::document::spots::Spots;
use super::document::{DaemonKeys, FileItem, FileKeys};
use super::error::{ConfigErrors, Place, Problem};
use super::findings::Findings;
use super::include::IncludedFiles;
use super::{
    Config, Destination, Listen, Loaded, Mode, PidFilePlace, Protocol, Surroundings, TlsSettings,
    entry,
};
use crate::syslog::Framing;

pub(super) use receivers::uses_hosts;

pub(crate) const NO_LOG: &str = "/dev/null";
const DEFAULT_PORT: u16 = 514;
const DEFAULT_INTERVAL: Duration = Duration::from_secs(10);
/// How long something may stay unproven before the connection is handed over to a new one.
const DEFAULT_PROOF_INTERVAL: Duration = Duration::from_secs(300);
/// After how long receivers that come before the one in use are asked again.
const DEFAULT_FAILBACK: Duration = Duration::from_secs(300);
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
const DEFAULT_STREAM_LENGTH: usize = 99_990;
const DEFAULT_DATAGRAM_LENGTH: usize = 1024;
/// What imrelp stores of a message unless it is told otherwise (`maxMessageSize`).
const DEFAULT_RELP_LENGTH: usize = 8096;
const DEFAULT_RELP_WINDOW: usize = 16_384;

/// Everything that was typed.
#[derive(Debug)]
pub(super) struct Typed {
    pub(super) document: FileKeys,
    pub(super) included: IncludedFiles,
    /// The arguments, which are added to `files`.
    pub(super) arguments: List<FileItem>,
    /// Files that are read from their beginning whatever is known of them, from the root.
    pub(super) read_again: Vec<PathBuf>,
    pub(super) spots: Spots,
    pub(super) mode: Mode,
    /// To blame for what is missing. `None`: the file could not be read, so nothing is.
    pub(super) blame: Option<Place>,
}

/// Makes the configuration out of what was typed and found so far.
pub(super) fn resolve(
    typed: &Typed,
    around: &Surroundings,
    findings: Findings,
) -> Result<Loaded, ConfigErrors> {
    let mut resolver = Resolver { typed, around, findings };
    let config = resolver.config();
    let (problems, warnings) = resolver.findings.into_parts();
    match config {
        Some(config) if problems.is_empty() => {
            Ok(Loaded { config, warnings, file: None, included: typed.included.files.clone() })
        }
        _ => Err(ConfigErrors::new(problems, warnings)),
    }
}

/// Of what was typed, only where positions are kept.
pub(super) fn state_dir(
    typed: &Typed,
    around: &Surroundings,
    findings: Findings,
) -> Option<PathBuf> {
    Resolver { typed, around, findings }.state_dir()
}

struct Resolver<'a> {
    typed: &'a Typed,
    around: &'a Surroundings,
    findings: Findings,
}

impl<'a> Resolver<'a> {
    /// The keys of the daemon.
    fn daemon(&self) -> &'a DaemonKeys {
        &self.typed.document.own
    }

    /// Looks at every key, so that every problem is found; a value that is wrong counts as absent.
    fn config(&mut self) -> Option<Config> {
        let destinations = self.destinations();
        let state_dir = self.state_dir();
        let messages = self.messages_of_all();
        let keys = self.daemon();
        let files = self.files(&messages);
        let stdin = self.stdin(&messages);
        let config = Config {
            mode: self.typed.mode,
            files: if stdin.is_none() { files } else { Vec::new() },
            stdin,
            exclude_files: self.path_patterns(&keys.exclude_files),
            follow_links_in: self.directories(&keys.follow_links_in),
            messages,
            rate_limit: self.value(&keys.rate_limit),
            sweep_interval: self.value(&keys.new_file_check_interval).unwrap_or(DEFAULT_INTERVAL),
            poll: self.switch(&keys.poll),
            watch: self.switch(&keys.watch_config),
            from_start: self.switch(&keys.from_start),
            read_again: self.typed.read_again.clone(),
            pid_file: self.path(&keys.pid_file).map_or(PidFilePlace::Search, PidFilePlace::At),
            detach: !self.switch(&keys.no_detach) && self.typed.mode == Mode::Daemon,
            debug_log_file: self.path(&keys.debug_log_file).unwrap_or_else(|| NO_LOG.into()),
            user: self.user(),
            metrics_listen: self.metrics_listen(),
            include: self.typed.included.items.clone(),
            log_filter: self.value(&keys.log_levels).unwrap_or_else(|| "info".to_owned()),
            failback: self.value(&keys.destination.own.failback).unwrap_or(Some(DEFAULT_FAILBACK)),
            fallbacks: destinations.as_ref()?.1.clone(),
            destination: destinations?.0,
            state_dir: state_dir?,
        };
        self.warn_of_short_limit(&config);
        Some(config)
    }

    /// The first receiver for this host, and those that follow it.
    fn destinations(&mut self) -> Option<(Destination, Vec<Destination>)> {
        let keys = self.daemon();
        let Both { own: to, shared } = &keys.destination;
        let common = self.protocol();
        let receivers = self.receivers(common);
        let protocols = receivers.iter().flatten().map(|receiver| receiver.protocol);
        let protocol = protocols.clone().find(|protocol| protocol.has_tls());
        let protocol = protocol.or_else(|| protocols.clone().next()).unwrap_or(common);
        let framing = self.framing(protocol);
        match &receivers {
            Some(receivers) => self.tell_consequences(receivers.iter().map(|it| it.protocol)),
            None => self.tell_consequences([common].into_iter()),
        }
        self.warn_of_token();
        let stream = self.value(&keys.tcp_max_line_length);
        let datagram = self.value(&keys.udp_max_line_length);
        let relp = self.value(&keys.relp_max_line_length);
        let relp_window = self.value(&keys.relp_window);
        let tls = self.tls(shared, protocol, None);
        let of_all = Destination {
            host: String::new(),
            port: DEFAULT_PORT,
            protocol,
            framing,
            token: self.value(&to.token),
            connect_timeout: self.timeout(&keys.connect_timeout),
            write_timeout: self.timeout(&keys.write_timeout),
            proof_interval: self.value(&to.proof_interval).unwrap_or(DEFAULT_PROOF_INTERVAL),
            proxied: self.switch(&to.proxied),
            relp_window: relp_window.unwrap_or(DEFAULT_RELP_WINDOW),
            tls: TlsSettings::default(),
            max_message: match protocol {
                Protocol::Udp => Some(datagram.unwrap_or(DEFAULT_DATAGRAM_LENGTH)),
                Protocol::Tcp | Protocol::Tls => stream.unwrap_or(Some(DEFAULT_STREAM_LENGTH)),
                Protocol::Relp | Protocol::RelpTls => relp.unwrap_or(Some(DEFAULT_RELP_LENGTH)),
            },
        };
        let mut all = receivers?.into_iter().map(|receiver| {
            let receivers::Receiver { host, port, protocol, tls: own } = receiver;
            Destination { host, port, protocol, tls: own.over(&tls).settings(), ..of_all.clone() }
        });
        Some((all.next()?, all.collect()))
    }

    /// `tcp` beats `tls` beats `destination.protocol`, wherever each was given.
    fn protocol(&mut self) -> Protocol {
        let keys = self.daemon();
        let protocol = self.value(&keys.destination.own.protocol).unwrap_or(Protocol::Udp);
        match (self.switch(&keys.tcp), self.switch(&keys.tls)) {
            (true, _) => Protocol::Tcp,
            (false, true) => Protocol::Tls,
            (false, false) => protocol,
        }
    }

    /// `destination.framing`, where the protocol leaves a choice.
    fn framing(&mut self, protocol: Protocol) -> Framing {
        let chosen = self.value(&self.daemon().destination.own.framing);
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

    fn state_dir(&mut self) -> Option<PathBuf> {
        let default = self.around.default_state_dir();
        let given = &self.daemon().state_dir;
        if given.spot().is_none() && default.is_none() {
            self.missing(
                "state_dir",
                "neither HOME nor XDG_STATE_HOME says where positions can be kept; give --state-dir",
            );
        }
        self.path(given).or(default)
    }

    fn metrics_listen(&mut self) -> Option<Listen> {
        let keys = self.daemon();
        let address = self.value(&keys.metrics_listen)?;
        let hosts = self.names(&keys.metrics_hosts);
        let place = self.typed.spots.place(keys.metrics_listen.spot()?);
        Some(Listen { address, hosts, place })
    }

    fn user(&mut self) -> Option<String> {
        let exists = self.around.has_user;
        let given = &self.daemon().user;
        let name = self.value(given)?;
        if !exists(&name) {
            let text = format!("there is no user {name:?}; create it, or name another one");
            self.problem(given.spot()?, text);
            return None;
        }
        Some(name)
    }

    /// What was given means. `None`: nothing was, or it is wrong, and a problem says so.
    fn value<M: Meaning>(&mut self, given: &One<M>) -> Option<M::Value> {
        let typed = given.typed()?;
        let text = typed.text.to_str().ok_or_else(|| not_utf8(&typed.text));
        let value = text.and_then(M::parse);
        value.map_err(|error| self.problem(typed.spot, error)).ok()
    }

    fn switch(&mut self, given: &One<Switch>) -> bool {
        self.value(given).unwrap_or(false)
    }

    fn timeout(&mut self, given: &One<Timeout>) -> Duration {
        self.value(given).unwrap_or(DEFAULT_TIMEOUT)
    }

    fn path(&self, given: &One<FilePath>) -> Option<PathBuf> {
        given.as_os_str().map(|path| entry::absolute(path, &self.around.cwd))
    }

    fn problem(&mut self, spot: Spot, text: impl Into<String>) {
        let spots = &self.typed.spots;
        self.findings.problem(Problem::of(spots.name(spot), &spots.place(spot), text));
    }

    fn warn(&mut self, spot: Spot, text: impl Into<String>) {
        let spots = &self.typed.spots;
        self.findings.warn(Problem::of(spots.name(spot), &spots.place(spot), text));
    }

    /// Says that the key of that name was not given, and has to be.
    fn missing(&mut self, name: &str, text: &str) {
        // What was written in a way that could not be read is not missing.
        let is_section =
            |key: &str| name.split_once('.').is_some_and(|(section, _)| section == key);
        let told =
            self.findings.may_hold(|problem| problem.key == name || is_section(&problem.key));
        if let Some(place) = self.typed.blame.as_ref().filter(|_| !told) {
            self.findings.problem(Problem::of(name, place, text));
        }
    }
}

/// The key that limits messages over `protocol`.
pub(super) fn limit_key(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Udp => "udp_max_line_length",
        Protocol::Tcp | Protocol::Tls => "tcp_max_line_length",
        Protocol::Relp | Protocol::RelpTls => "relp_max_line_length",
    }
}

fn not_utf8(text: &OsStr) -> String {
    format!("{text:?} is not UTF-8; write it in UTF-8")
}
