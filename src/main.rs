//! Arguments → a look, or configuration → checks → detach → runtime → run → exit code; nothing else.

use std::process::ExitCode;

use remote_syslog::agent::Agent;
use remote_syslog::announce;
use remote_syslog::cli::Cli;
use remote_syslog::config::{self, Config, Loaded, Surroundings};
use remote_syslog::inspect;
use remote_syslog::meter::Meters;
use remote_syslog::position::Record;
use remote_syslog::service::detach::{self, Daemon};
use remote_syslog::service::limits;
use remote_syslog::service::log::{self, LogTarget};
use remote_syslog::service::pidfile::PidFile;
use remote_syslog::service::privileges;
use remote_syslog::service::signals::{self, Hangup};
use remote_syslog::state::{self, StateError, Store};
use tracing::{error, info, warn};

type Error = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let cli = Cli::read(std::env::args_os()).unwrap_or_else(|error| error.exit());
    if let Some(look) = cli.look() {
        return inspect::run(&cli, look);
    }
    match run(&cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[allow(clippy::print_stderr, reason = "the log may not be there yet")]
            {
                eprintln!("{error}");
            }
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<(), Error> {
    let Loaded { config, warnings, .. } = config::load(cli, &Surroundings::of_process()?)?;
    let target = if config.detach {
        LogTarget::File(config.debug_log_file.clone())
    } else {
        LogTarget::Stderr
    };
    // Dropped, it would take the log with it.
    let _log = log::init(target, &config.log_filter)?;
    for warning in warnings {
        warn!("{warning}");
    }
    // All that can fail is tried before detaching, while somebody is looking.
    let pid_file = match (&config.pid_file, config.detach) {
        (config::PidFile::Search, false) => None,
        (choice, _) => Some(PidFile::acquire(choice)?),
    };
    if let Some(user) = &config.user {
        privileges::become_user(user, &config.state_dir)?;
    }
    let (store, records) = open_state(&config)?;
    let daemon = if config.detach { Some(detach::detach()?) } else { None };
    serve(config, pid_file, store, records, daemon)
}

/// The life of the process that does the work.
fn serve(
    config: Config,
    mut pid_file: Option<PidFile>,
    mut store: Store,
    records: Vec<Record>,
    daemon: Option<Daemon>,
) -> Result<(), Error> {
    let prepared = prepare(pid_file.as_mut(), &mut store);
    let runtime = match prepared {
        Ok(runtime) => runtime,
        Err(error) => return fail(daemon, error),
    };
    let hangup = Hangup::for_process(daemon.is_some());
    let started = runtime.block_on(async {
        let stop = signals::listen(hangup)?;
        let meters = Meters::new()?;
        let agent = Agent::start(&config, store, records, &meters)?;
        tokio::spawn(announce::run(meters, stop.clone()));
        Ok::<_, Error>((agent, stop))
    });
    let (mut agent, stop) = match started {
        Ok(started) => started,
        Err(error) => return fail(daemon, error),
    };
    if let Some(daemon) = daemon {
        daemon.ready()?;
    }
    let ended = runtime.block_on(async {
        let ended = tokio::select! {
            () = stop.cancelled() => Ok(()),
            ended = agent.done() => ended,
        };
        agent.stop().await;
        ended
    });
    // A save that hangs (a network file system) must not keep the process.
    runtime.shutdown_background();
    if let Some(pid_file) = pid_file {
        pid_file.remove();
    }
    match ended {
        Ok(()) => info!("stopped"),
        Err(error) => {
            error!("{error}");
            return Err(error.into());
        }
    }
    Ok(())
}

fn prepare(
    pid_file: Option<&mut PidFile>,
    store: &mut Store,
) -> Result<tokio::runtime::Runtime, Error> {
    if let Some(pid_file) = pid_file {
        pid_file.write_pid()?;
    }
    store.write_pid();
    limits::raise_open_files();
    Ok(tokio::runtime::Builder::new_current_thread().enable_all().build()?)
}

/// Tells the one who started us, on whatever way leads there.
fn fail(daemon: Option<Daemon>, error: Error) -> Result<(), Error> {
    match daemon {
        Some(daemon) => daemon.failed(1, &error.to_string()),
        None => Err(error),
    }
}

/// Positions are worth a lot, but logs that are not shipped at all are worse.
fn open_state(config: &Config) -> Result<(Store, Vec<Record>), Error> {
    match state::open(&config.state_dir) {
        Err(error @ StateError::Unusable { .. }) => {
            warn!("{error}; until then lines are shipped, but a restart repeats or misses some");
            Ok(Store::unsaved(&config.state_dir))
        }
        result => Ok(result?),
    }
}
