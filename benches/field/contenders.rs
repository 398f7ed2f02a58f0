//! Who is measured, and how each is set up: as its own documentation advises for this work.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::floor;
use crate::process::Process;
use crate::support::peers::{Program, RSYSLOG, RSYSLOG_RELP, SYSLOG_NG};
use crate::support::{Endpoint, Shipper, Site, Transport};

/// A shipper of log files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contender {
    Floor,
    Ours,
    /// Another build of ours, of an earlier commit, where [`BEFORE`] names its binary.
    Before,
    Rsyslog,
    SyslogNg,
}

pub use Contender::{Before, Floor, Ours, Rsyslog, SyslogNg};

/// The variable of the environment that names the binary of [`Before`].
const BEFORE: &str = "FIELD_BEFORE";

/// What is to be shipped where.
pub struct Job<'a> {
    /// Configuration, state and logs lie in it.
    pub site: &'a Site,
    /// The files, as a glob whose wildcards are in its last two components.
    pub glob: PathBuf,
    pub to: Endpoint,
    /// Whether lines that are there at the start are wanted.
    pub from_start: bool,
    /// Whether lines are appended meanwhile; only the floor has to be told.
    pub grows: bool,
    /// What else is configured.
    pub keys: Keys<'a>,
}

/// What is configured beside files and receiver, in the form of each contender that has it.
#[derive(Debug, Default, Clone, Copy)]
pub struct Keys<'a> {
    /// Ours, for all files.
    pub yaml: &'a str,
    /// Ours, for the files that are followed: a part of a YAML map.
    pub of_files: &'a str,
    /// rsyslog's, for the input.
    pub imfile: &'a str,
    /// Ours: after how long connections are handed over; empty: as usual.
    pub proof_interval: &'a str,
}

impl<'a> Job<'a> {
    /// Ships everything that `glob` matches in the site, from its beginning.
    pub fn new(site: &'a Site, glob: &str, to: Endpoint) -> Self {
        Self {
            site,
            glob: site.path(glob),
            to,
            from_start: true,
            grows: false,
            keys: Keys::default(),
        }
    }
}

thread_local! {
    static MISSING: RefCell<BTreeSet<String>> = RefCell::default();
}

/// Peers that were wanted and not found, and why.
pub fn missing() -> Vec<String> {
    MISSING.with_borrow(|missing| missing.iter().cloned().collect())
}

impl Contender {
    pub fn name(self) -> &'static str {
        match self {
            Floor => "floor",
            Ours => "remote_syslog",
            Before => "remote_syslog before",
            Rsyslog => "rsyslog",
            SyslogNg => "syslog-ng",
        }
    }

    /// Starts it; `None` where it cannot be had.
    pub fn start(self, job: &Job<'_>) -> Option<Process> {
        let log = job.site.path("its.log");
        let mut command = match self {
            Floor => floor::command(&job.glob, &job.to, job.grows),
            Ours => shipper(job).foreground(),
            Before => shipper(job).of_program(std::env::var_os(BEFORE)?).foreground(),
            Rsyslog => {
                let is_relp = job.to.transport == Transport::Relp;
                let bundle = if is_relp { &RSYSLOG_RELP } else { &RSYSLOG };
                rsyslog(job, found(self, bundle.program("rsyslogd"))?)
            }
            SyslogNg => syslog_ng(job, found(self, SYSLOG_NG.program("syslog-ng"))?),
        };
        Some(Process::start(&mut command, &log))
    }
}

fn found(who: Contender, program: Option<Program>) -> Option<Program> {
    if program.is_none() {
        MISSING.with_borrow_mut(|missing| missing.insert(who.name().to_owned()));
    }
    program
}

/// Asks ours something about a job that it may be at work on, and waits for the answer.
pub fn ask(job: &Job<'_>, question: &str) -> std::process::Output {
    shipper(job).command().arg(question).output().unwrap()
}

fn shipper(job: &Job<'_>) -> Shipper {
    let shipper = Shipper::new(job.site);
    let shipper = match job.keys.of_files {
        "" => shipper.follow(&job.glob),
        keys => shipper.entry(format!("{{path: '{}', {keys}}}", job.glob.display())),
    };
    let mut shipper = shipper.to(&job.to);
    if job.from_start {
        shipper = shipper.reading_from_start();
    }
    if !job.keys.proof_interval.is_empty() {
        shipper = shipper.env("REMOTE_SYSLOG_DESTINATION_PROOF_INTERVAL", job.keys.proof_interval);
    }
    shipper.yaml(job.keys.yaml)
}

fn write(path: &Path, text: &str) -> PathBuf {
    fs::write(path, text).unwrap();
    path.to_owned()
}

fn rsyslog(job: &Job<'_>, program: Program) -> Command {
    let (dir, glob, to) = (job.site.make_dir("rsyslog"), job.glob.display(), &job.to);
    let (load, output) = match to.transport {
        Transport::Udp => ("", r#"type="omfwd" protocol="udp""#),
        // Its window is 128 messages otherwise, which is less than a segment here: it would wait 200 ms for each.
        Transport::Relp => (r#"module(load="omrelp")"#, r#"type="omrelp" windowSize="16384""#),
        _ => ("", r#"type="omfwd" protocol="tcp""#),
    };
    let tail = if job.from_start { "off" } else { "on" };
    let text = format!(
        r#"global(workDirectory="{dir}" maxMessageSize="64k" net.enableDNS="off")
module(load="imfile" mode="inotify")
{load}
input(type="imfile" file="{glob}" tag="access.log" ruleset="ship" freshStartTail="{tail}" {keys})
ruleset(name="ship" queue.type="FixedArray" queue.size="100000" queue.dequeueBatchSize="1024"
  queue.workerThreads="1") {{
  action({output} target="{host}" port="{port}"
    template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1")
}}
"#,
        dir = dir.display(),
        keys = job.keys.imfile,
        host = to.host,
        port = to.port,
    );
    let config = write(&dir.join("rsyslog.conf"), &text);
    let mut command = program.command();
    if let Some(modules) = program.directory_of("imfile.so") {
        command.arg("-M").arg(modules);
    }
    command.arg("-n").arg("-f").arg(config).arg("-i").arg(dir.join("pid"));
    command
}

fn syslog_ng(job: &Job<'_>, program: Program) -> Command {
    let (dir, to) = (job.site.make_dir("syslog-ng"), &job.to);
    let directory = job.glob.parent().unwrap().display();
    let pattern = job.glob.file_name().unwrap().to_string_lossy();
    let protocol = if to.transport == Transport::Udp { "udp" } else { "tcp" };
    let from_start = if job.from_start { "yes" } else { "no" };
    let text = format!(
        r#"@version: 3.38
options {{ keep-hostname(yes); use-dns(no); dns-cache(no); stats-freq(0); log-msg-size(65536);
  log-fifo-size(100000); }};
source s {{
  wildcard-file(base-dir("{directory}") filename-pattern("{pattern}") monitor-method(inotify)
    max-files(20000) flags(no-parse) log-fetch-limit(1000) log-iw-size(20000000)
    read-old-records({from_start}));
}};
destination d {{
  network("{host}" port({port}) transport({protocol}) flush-lines(1000)
    template("<13>1 ${{ISODATE}} ${{HOST}} access.log - - - ${{MSG}}\n"));
}};
log {{ source(s); destination(d); flags(flow-control); }};
"#,
        host = to.host,
        port = to.port,
    );
    let config = write(&dir.join("syslog-ng.conf"), &text);
    let mut command = program.command();
    if let Some(modules) = program.directory_of("libafsocket.so") {
        command.arg("--module-path").arg(modules);
    }
    command.args(["--foreground", "--no-caps", "--stderr"]).arg("-f").arg(config);
    command.arg("-R").arg(dir.join("persist")).arg("-p").arg(dir.join("pid"));
    command.arg("-c").arg(dir.join("control"));
    command
}

/// `rsyslogd 8.2302.0`
pub fn rsyslog_version() -> Option<String> {
    let output = RSYSLOG.program("rsyslogd")?.command().arg("-v").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let words: Vec<_> = text.split_whitespace().take(2).collect();
    Some(words.join(" "))
}

/// `syslog-ng 3.38.1`
pub fn syslog_ng_version() -> Option<String> {
    let output = SYSLOG_NG.program("syslog-ng")?.command().arg("--version").output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some(format!("syslog-ng {}", text.split(['(', ')']).nth(1)?))
}
