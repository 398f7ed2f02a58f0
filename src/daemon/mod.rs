//! The life of the process that ships lines: configuration → log → locks → detach → stages, then
//! whatever signals ask for, and an end in good order.

mod expiry;
mod once;
mod piped;
mod read_again;
mod reload;
mod serve;
mod watching;

use std::net::TcpListener;
use std::path::Path;
use std::process::ExitCode;
use std::time::SystemTime;

use tokio::runtime::Runtime;
use tracing::{error, info, warn};

use self::serve::Process;
use crate::checkpoint::{self, StateError, Store};
use crate::cli::Cli;
use crate::config::{self, Config, Listen, Loaded, Mode, NO_LOG, Surroundings};
use crate::deliver::{root_faults, try_trust, uses_system_roots};
use crate::exporter;
use crate::limits::try_descriptors;
use crate::pipeline::position::Record;
use crate::service::detach::{self, Daemon};
use crate::service::limits;
use crate::service::log::{self, LogTarget};
use crate::service::pidfile::PidFile;
use crate::service::privileges::{self, PrivilegeError};
use crate::service::systemd;
use crate::shown::lines;
use crate::sys;

type Error = Box<dyn std::error::Error>;

/// Runs until told to stop, or until all is done that was asked for.
///
/// # Errors
/// It cannot start, or a stage has ended by itself; nobody has been told yet.
pub fn run(cli: Cli) -> Result<ExitCode, Error> {
    sys::keep_heap_small();
    sys::outlive_large_files();
    let around = Surroundings::of_process()?;
    let begun = SystemTime::now();
    let Loaded { config, warnings, .. } = match config::load(&cli, &around) {
        Ok(loaded) => loaded,
        Err(errors) => return refused(errors),
    };
    let target = if config.detach {
        LogTarget::File(config.debug_log_file.clone())
    } else {
        LogTarget::Stderr
    };
    let log = log::init(target, &config.log_filter)?;
    for warning in warnings {
        warn!("{warning}");
    }
    if !config.detach && config.mode == Mode::Daemon && config.debug_log_file != Path::new(NO_LOG) {
        // The unit runs it so, with whatever configuration was there: no reason to warn.
        info!("debug_log_file: it is not used in the foreground; the log goes to stderr");
    }
    warn_of_roots(&config);
    read_again::check(&config)?;
    // All that can fail is tried before detaching, while somebody is looking.
    let held = match Held::acquire(&config) {
        Err(error) if is_settled(&error) => return refused(error),
        acquired => acquired?,
    };
    // As the user who reads them from now on.
    if let Err(error) = certificates(&config) {
        return refused(error);
    }
    let daemon = if config.detach { Some(detach::detach()?) } else { None };
    let first = config.clone();
    work(Process { cli, around, config, first, log, begun }, held, daemon)
}

/// Whether the next start would end the same, as it does with a wrong configuration.
fn is_settled(error: &Error) -> bool {
    use PrivilegeError::{NotRoot, Unknown};
    matches!(error.downcast_ref(), Some(NotRoot(_) | Unknown(_)))
}

/// What a unit has in `RestartPreventExitStatus`: `EX_CONFIG` of sysexits(3).
const REFUSED: u8 = 78;

/// A service manager is told why it need not try again; all others get the error.
fn refused(error: impl Into<Error>) -> Result<ExitCode, Error> {
    let error = error.into();
    if !systemd::listens() {
        return Err(error);
    }
    let said = error.to_string();
    log::last_words(&lines(&said).to_string());
    // All that is wrong is in the log; for the status, the first is enough.
    let first = said.lines().next().unwrap_or_default();
    systemd::status(&format!("the configuration is refused: {first}"));
    Ok(ExitCode::from(REFUSED))
}

/// Whether the certificates can be read that `config` names. Without them not one line could be sent, so they are held
/// against the configuration at the start, as they are by a reload. Those that change later do no harm: what was read
/// before stays in force.
fn certificates(config: &Config) -> Result<(), String> {
    match config.mode {
        Mode::DryRun { .. } => Ok(()),
        // What is odd about them is said once they are used.
        Mode::Daemon | Mode::Once | Mode::Stdin => try_trust(config).map(drop),
    }
}

/// Names what is wrong with the variables that say which authorities are trusted.
fn warn_of_roots(config: &Config) {
    if config.destinations().any(uses_system_roots) {
        root_faults(config.detach).iter().for_each(|fault| warn!("{fault}"));
    }
}

/// What nobody else may have at the same time.
struct Held {
    pid_file: Option<PidFile>,
    metrics: Option<TcpListener>,
    store: Store,
    records: Vec<Record>,
}

impl Held {
    fn acquire(config: &Config) -> Result<Self, Error> {
        let pid_file = match (&config.pid_file, config.detach) {
            _ if is_beside_daemon(config) => None,
            (config::PidFilePlace::Search, false) => None,
            (choice, _) => Some(PidFile::acquire(choice)?),
        };
        let metrics = listens(config).map(exporter::bind).transpose()?;
        if let Some(user) = &config.user {
            privileges::become_user(user, &config.state_dir)?;
        }
        let (store, records) = open_state(config)?;
        Ok(Self { pid_file, metrics, store, records })
    }

    /// The process that works is another than the one that acquired them.
    fn write_pid(&mut self) -> Result<(), Error> {
        if let Some(pid_file) = &mut self.pid_file {
            pid_file.write_pid()?;
        }
        self.store.write_pid();
        Ok(())
    }
}

/// It runs beside the daemon of the same configuration, is in nobody's way, and keeps no positions.
fn is_beside_daemon(config: &Config) -> bool {
    matches!(config.mode, Mode::DryRun { .. } | Mode::Stdin)
}

/// Where metrics are served.
fn listens(config: &Config) -> Option<&Listen> {
    config.metrics_listen.as_ref().filter(|_| !is_beside_daemon(config))
}

/// Positions are worth a lot, but logs that are not shipped at all are worse.
fn open_state(config: &Config) -> Result<(Store, Vec<Record>), Error> {
    if is_beside_daemon(config) {
        return Ok((Store::none(), Vec::new()));
    }
    match checkpoint::open(&config.state_dir) {
        Err(error @ StateError::Unusable { .. }) => {
            // Another instance may hold it all the same.
            let unsaved = Store::unsaved(&config.state_dir)?;
            warn!("{error}; until then lines are shipped, but a restart repeats or misses some");
            Ok(unsaved)
        }
        Err(error @ StateError::Locked { .. }) if !config.read_again.is_empty() => {
            Err(read_again::beside(&error, &config.read_again).into())
        }
        Err(error @ StateError::Locked { .. }) if config.mode == Mode::Once => {
            Err(format!("{error}; a daemon there ships its files already, without --once").into())
        }
        result => Ok(result?),
    }
}

/// The life of the process that does the work.
fn work(process: Process, mut held: Held, daemon: Option<Daemon>) -> Result<ExitCode, Error> {
    let runtime = match held.write_pid().and_then(|()| runtime()) {
        Ok(runtime) => runtime,
        Err(error) => return fail(daemon, error),
    };
    let Held { pid_file, metrics, store, records } = held;
    let started = runtime.block_on(process.start(metrics, store, records, daemon.is_some()));
    let working = match started {
        Ok(working) => working,
        Err(error) => return fail(daemon, error),
    };
    if let Some(daemon) = daemon {
        // Behind it there is no terminal any more.
        log::flush(log::LAST_WORDS);
        daemon.ready()?;
    }
    let ended = runtime.block_on(working.run());
    // A save that hangs (a network file system) must not keep the process.
    runtime.shutdown_background();
    if let Some(pid_file) = pid_file {
        pid_file.remove();
    }
    match ended {
        Ok(code) => {
            info!("stopped");
            Ok(code)
        }
        Err(error) => {
            error!("{error}");
            Err(error.into())
        }
    }
}

fn runtime() -> Result<Runtime, Error> {
    limits::raise_open_files();
    try_descriptors()?;
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Tells the one who started us, on whatever way leads there.
fn fail(daemon: Option<Daemon>, error: Error) -> Result<ExitCode, Error> {
    match daemon {
        Some(daemon) => {
            log::flush(log::LAST_WORDS);
            daemon.failed(1, &error.to_string())
        }
        None => Err(error),
    }
}
