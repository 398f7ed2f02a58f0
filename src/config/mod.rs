//! What was typed (YAML, environment, flags) becomes one resolved [`Config`], or all its errors.
//!
//! Nothing downstream sees an `Option` it must default or a string it must parse.
//!
//! ```text
//! flags, environment: source ─┬─► trees ─► document (typed, with places) ─► resolve ─► Config
//! yaml ─► file ───────────────┘                                             value, entry, log_filter: what it means
//! ```

mod balance;
mod document;
mod entry;
mod error;
mod file;
mod findings;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
mod include;
mod keys;
mod log_filter;
mod resolve;
mod show;
mod source;
mod surroundings;
#[cfg(test)]
mod tests;
mod tls;
pub(crate) mod value;
mod yaml;

use std::collections::HashSet;
use std::ffi::OsStr;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::cli::Cli;
use crate::filter::{LineFilter, Patterns, Re2Pattern};
use crate::glob::Glob;
use crate::pipeline::bucket::ByteRate;
use crate::shown::Show;
use crate::syslog::{
    Facility, Framing, MessageTime, Priority, Severity, StructuredData, TimeFormat,
};
use crate::text::{PathTemplate, TextRules};

use document::leaf::{List, Text};
use document::reader::SourceReader;
use document::spots::Spots;
use document::{FileKeys, IncludedKeys, outline};
use findings::Findings;
use include::IncludedFiles;

pub use error::{ConfigErrors, Place, Problem, Warning};
pub use include::Include;
pub(crate) use resolve::NO_LOG;
pub use surroundings::Surroundings;
pub use tls::{Fingerprint, IdentityFiles, Keyed, TlsSettings, TlsVersion};

/// A configuration that can be used, and what is odd about it.
#[derive(Debug)]
pub struct Loaded {
    /// Complete and checked.
    pub config: Config,
    /// To be logged; those of the file in its order.
    pub warnings: Vec<Warning>,
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// Those that it includes.
    pub included: Vec<PathBuf>,
}

/// Reads the configuration from all its sources: a flag wins over an environment variable, that
/// over the file, that over the default; an empty value counts as none.
///
/// # Errors
/// Every problem of every source, at once.
pub fn load(cli: &Cli, around: &Surroundings) -> Result<Loaded, ConfigErrors> {
    let mut findings = Findings::default();
    let typed = typed(cli, around, &mut findings);
    let file = match &typed.blame {
        Some(Place::File(file)) => Some(PathBuf::clone(file)),
        _ => None,
    };
    resolve::resolve(&typed, around, findings).map(|loaded| Loaded { file, ..loaded })
}

/// Where positions are kept, whatever else may be wrong with the configuration. `None` when not
/// even that can be told.
#[must_use]
pub fn state_dir(cli: &Cli, around: &Surroundings) -> Option<PathBuf> {
    let mut findings = Findings::default();
    let typed = typed(cli, around, &mut findings);
    resolve::state_dir(&typed, around, findings)
}

/// What [`load`] would take, as a configuration: each value with a comment that says where it comes from. The
/// entries of included files and the arguments are among `files`; secrets are not shown. With it, what is odd.
///
/// # Errors
/// As [`load`].
pub fn show(cli: &Cli, around: &Surroundings) -> Result<(String, Vec<Warning>), ConfigErrors> {
    let mut findings = Findings::default();
    let typed = typed(cli, around, &mut findings);
    let loaded = resolve::resolve(&typed, around, findings)?;
    Ok((show::configuration(&typed, around), loaded.warnings))
}

/// Everything that was typed, from all sources.
fn typed(cli: &Cli, around: &Surroundings, findings: &mut Findings) -> resolve::Typed {
    let path = file_path(cli, around);
    let file = file::read(&path, config_file(cli, around).is_some(), findings);
    let place = if path.exists() { Place::File } else { Place::NoFile };
    let blame = file.as_ref().map(|_| place(Arc::new(path)));
    let names = outline::of::<FileKeys>();
    let [flags, arguments] = [source::flags(cli), source::arguments(cli)];
    let variables = source::environment(&around.variables, &names);
    let spots = Spots::default();
    let mut reader = SourceReader { findings, spots, names, is_included: false };
    let layers: Vec<_> = [&flags, &variables].into_iter().chain(&file).collect();
    let document = reader.read::<FileKeys>(&layers);
    let included = included(&document.own.include, around, &mut reader);
    let arguments = reader.read::<FileKeys>(&[&arguments]).own.files;
    let SourceReader { findings, spots, names, .. } = reader;
    source::warn_of_misspelt(&around.variables, &names, findings);
    let read_again = cli.read_again().map(|path| entry::absolute(path, &around.cwd)).collect();
    resolve::Typed { document, included, arguments, read_again, spots, mode: mode(cli), blame }
}

/// What `include` names, the files that are found, and what these say.
fn included(
    given: &List<Text>,
    around: &Surroundings,
    reader: &mut SourceReader<'_>,
) -> IncludedFiles {
    let (mut items, mut files) = (Vec::new(), Vec::new());
    for Text { text, spot } in given.items() {
        let found = Include::parse(text, &around.cwd).and_then(|include| {
            let found = include.files().map_err(|error| {
                let directory = include.directory().shown();
                format!("{directory} cannot be listed ({error}); check its rights")
            });
            items.push(include);
            found
        });
        match found {
            Ok(found) => files.extend(found),
            Err(text) => {
                let place = reader.spots.place(*spot);
                reader.findings.problem(Problem::of(reader.spots.name(*spot), &place, text));
            }
        }
    }
    let mut once = HashSet::new();
    files.retain(|file| once.insert(file.clone()));
    reader.is_included = true;
    let mut entries = Vec::new();
    for file in &files {
        let tree = file::read(file, true, reader.findings);
        entries.extend(tree.map(|tree| reader.read::<IncludedKeys>(&[&tree]).files));
    }
    reader.is_included = false;
    IncludedFiles { items, files, entries }
}

fn mode(cli: &Cli) -> Mode {
    let reads_stdin = cli.files.iter().any(|argument| entry::is_stdin(argument));
    match (cli.dry_run, reads_stdin, cli.once) {
        (true, reads_stdin, once) => Mode::DryRun { once: once || reads_stdin },
        (false, true, _) => Mode::Stdin,
        (false, false, true) => Mode::Once,
        (false, false, false) => Mode::Daemon,
    }
}

/// The file that is read, if it is there.
#[must_use]
pub fn file_path(cli: &Cli, around: &Surroundings) -> PathBuf {
    around.cwd.join(config_file(cli, around).unwrap_or(&around.default_file))
}

/// The file that was named by a flag or a variable.
fn config_file<'a>(cli: &'a Cli, around: &'a Surroundings) -> Option<&'a Path> {
    let variable = around.variables.get(OsStr::new(source::CONFIG_FILE_VARIABLE));
    let named = [cli.config_file.as_ref(), variable].into_iter().flatten();
    named.map(Path::new).find(|path| !path.as_os_str().is_empty())
}

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
    pub pid_file: PidFile,
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
    /// How long something may stay unproven before the connection is rotated.
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
    fn is_relp(self) -> bool {
        matches!(self, Self::Relp | Self::RelpTls)
    }
}

/// Where the pid is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PidFile {
    /// Here; that it cannot be written is an error.
    At(PathBuf),
    /// In the first writable place of the default search order.
    Search,
}
