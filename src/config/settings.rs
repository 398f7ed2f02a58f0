//! What a resolved configuration holds. Nothing here is optional that has a default.

use std::net::SocketAddr;
#[cfg(test)]
use std::path::Path;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::filter::{LineFilter, Patterns, Re2Pattern};
use crate::glob::Glob;
use crate::pipeline::bucket::ByteRate;
use crate::syslog::{
    Facility, Framing, MessageTime, Priority, Severity, StructuredData, TimeFormat,
};
use crate::text::{PathTemplate, TextRules};

use super::{Include, Place, TlsSettings, resolve, value};

/// Everything the daemon needs to know, complete and checked.
#[derive(Debug, Clone)]
pub struct Config {
    /// What it is for.
    pub mode: Mode,
    /// What to follow, in the order of the configuration: the first entry that matches a path
    /// gives its settings. Nothing where standard input is read.
    pub files: Vec<FileEntry>,
    /// Standard input is read, to its end, and this is what its messages hold.
    pub stdin: Option<Arc<Messages>>,
    /// Where further entries come from.
    pub include: Vec<Include>,
    /// Paths that are not followed although an entry matches them.
    pub exclude_files: Patterns,
    /// Directories below which symbolic links are followed, whoever they belong to.
    pub follow_links_in: Vec<PathBuf>,
    /// What messages hold where an entry of `files` does not say otherwise.
    pub messages: Arc<Messages>,
    /// Where messages go.
    pub destination: Destination,
    /// Where they go when that takes nothing, in this order. All are framed alike.
    pub fallbacks: Vec<Destination>,
    /// After how long those before the one in use are asked again; `None`: only when that one fails.
    pub failback: Option<Duration>,
    /// No more bytes of messages a second than this, if there is a limit.
    pub rate_limit: Option<ByteRate>,
    /// How often the globs are looked through anew, whatever inotify says.
    pub sweep_interval: Duration,
    /// Rely on looking alone, without inotify.
    pub poll: bool,
    /// A change of its files is taken up.
    pub watch: bool,
    /// Files seen for the first time at start-up are read from their beginning.
    pub from_start: bool,
    /// These are read from their beginning at the start, whatever is known of them.
    pub read_again: Vec<PathBuf>,
    /// Where positions are kept.
    pub state_dir: PathBuf,
    /// Where to write the pid: as told, or the first place of the search order that is writable.
    pub pid_file: PidFilePlace,
    /// Own log when detached.
    pub debug_log_file: PathBuf,
    /// Leave the terminal and go on in the background.
    pub detach: bool,
    /// Whom to become once everything is opened that only root can open.
    pub user: Option<String>,
    /// Where metrics are served, if anywhere.
    pub metrics_listen: Option<Listen>,
    /// Directives of the own log, in tracing's form.
    pub log_filter: String,
}

impl Config {
    /// All receivers in the order in which they are asked, at least one.
    pub fn destinations(&self) -> impl Iterator<Item = &Destination> {
        std::iter::once(&self.destination).chain(&self.fallbacks)
    }

    /// What TLS is to use with each receiver that is reached over it, each only once.
    #[must_use]
    pub fn tls_settings(&self) -> Vec<&TlsSettings> {
        let mut all = Vec::new();
        for to in self.destinations().filter(|to| to.protocol.has_tls()) {
            if !all.contains(&&to.tls) {
                all.push(&to.tls);
            }
        }
        all
    }
}

/// An address to listen on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// The address.
    pub address: SocketAddr,
    /// By which names it may be asked, besides addresses and `localhost`.
    pub hosts: Vec<String>,
    /// Where it was typed: whether it can be had shows later.
    pub place: Place,
}

/// What the stages are to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Follow and ship until told to stop.
    Daemon,
    /// Ship what is there, and end.
    Once,
    /// Ship standard input, and end with it.
    Stdin,
    /// Print messages instead of sending them; positions are neither read nor kept.
    DryRun {
        /// End when what is there is printed.
        once: bool,
    },
}

/// One entry of `files`.
#[derive(Debug, Clone)]
pub struct FileEntry {
    /// Which paths to follow.
    pub glob: Glob,
    /// What their messages hold.
    pub messages: Arc<Messages>,
}

/// What the messages of a file hold: the settings that there are for all files and for some.
#[derive(Debug, Clone)]
pub struct Messages {
    /// APP-NAME; by default the file's own name.
    pub tag: Option<PathTemplate>,
    /// HOSTNAME.
    pub hostname: PathTemplate,
    /// Its groups may have a part in both.
    pub path_regex: Option<Arc<Re2Pattern>>,
    /// One half of PRI.
    pub facility: Facility,
    /// The other half.
    pub severity: Severity,
    /// TIMESTAMP is the time of writing, not that of reading.
    pub is_written: bool,
    /// How a line says when it was written.
    pub time_format: Option<Arc<TimeFormat>>,
    /// What is done with the text.
    pub text: TextRules,
    /// What is sent beside the token.
    pub structured_data: StructuredData,
    /// Which lines are sent. Shared, for what searching them needs is large.
    pub filter: Arc<LineFilter>,
}

impl Messages {
    /// What they hold unless told otherwise.
    #[must_use]
    pub fn new(hostname: &str) -> Self {
        Self {
            tag: None,
            hostname: PathTemplate::literal(hostname),
            path_regex: None,
            facility: Facility::USER,
            severity: Severity::NOTICE,
            is_written: false,
            time_format: None,
            text: TextRules::default(),
            structured_data: StructuredData::default(),
            filter: Arc::default(),
        }
    }

    /// PRI.
    #[must_use]
    pub fn priority(&self) -> Priority {
        Priority::new(self.facility, self.severity)
    }

    /// TIMESTAMP.
    #[must_use]
    pub fn time(&self) -> MessageTime {
        match self.is_written {
            true => MessageTime::Written(self.time_format.clone()),
            false => MessageTime::Read,
        }
    }
}

impl FileEntry {
    /// An entry without settings of its own.
    #[must_use]
    pub fn plain(glob: Glob) -> Self {
        Self { glob, messages: Arc::new(Messages::new("")) }
    }
}

#[cfg(test)]
impl FileEntry {
    /// An entry without settings of its own, for `glob` as seen from `base`.
    #[allow(clippy::unwrap_used, reason = "a test that is written wrong has to fail")]
    pub(crate) fn of(base: &Path, glob: &str) -> Self {
        Self::plain(Glob::parse(base, Path::new(glob)).unwrap())
    }
}

/// The receiver and how to speak to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Name or address; brackets around an IPv6 address are gone.
    pub host: String,
    /// TCP or UDP port.
    pub port: u16,
    /// Transport.
    pub protocol: Protocol,
    /// What surrounds each message.
    pub framing: Framing,
    /// Sent as structured data with every message.
    pub token: Option<String>,
    /// How long one attempt to connect (TLS handshake included) may take.
    pub connect_timeout: Duration,
    /// How long the receiver may accept nothing while there is something to send.
    pub write_timeout: Duration,
    /// How long something may stay unproven before the connection is handed over to a new one.
    pub proof_interval: Duration,
    /// A middlebox that ends TCP is known to be between.
    pub proxied: bool,
    /// How many messages may be unanswered over RELP.
    pub relp_window: usize,
    /// Whom TLS is to trust, and what it is to show.
    pub tls: TlsSettings,
    /// Longest message in bytes, header included, framing not; `None`: no limit.
    pub max_message: Option<usize>,
}

/// A receiver that answers each message may take so many times `write_timeout` to answer: imrelp answers
/// one message in 3 s while its queue is full, and those of other senders come in between.
const RELP_PATIENCE: u32 = 10;

impl Destination {
    /// How long the receiver may visibly do nothing while it has something to do.
    #[must_use]
    pub fn stall_limit(&self) -> Duration {
        match self.protocol.is_relp() {
            true => self.write_timeout.saturating_mul(RELP_PATIENCE).min(value::NO_LIMIT),
            false => self.write_timeout,
        }
    }

    /// The key that gives `max_message`.
    #[must_use]
    pub fn limit_key(&self) -> &'static str {
        resolve::limit_key(self.protocol)
    }
}

/// Transport to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// RFC 5426.
    Udp,
    /// RFC 6587.
    Tcp,
    /// RFC 5425; with [`Framing::Newline`] messages are framed as in RFC 6587, section 3.4.2.
    Tls,
    /// RELP: the receiver answers each message.
    Relp,
    /// The same over TLS.
    RelpTls,
}

impl Protocol {
    /// In words, as people know it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::Relp => "RELP",
            Self::RelpTls => "RELP over TLS",
        }
    }

    /// Whether it is encrypted.
    #[must_use]
    pub fn has_tls(self) -> bool {
        matches!(self, Self::Tls | Self::RelpTls)
    }

    /// Whether it is RELP.
    pub(super) fn is_relp(self) -> bool {
        matches!(self, Self::Relp | Self::RelpTls)
    }
}

/// Where the pid is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PidFilePlace {
    /// Here; that it cannot be written is an error.
    At(PathBuf),
    /// In the first writable place of the default search order.
    Search,
}
