//! The stages at work, and what is asked of them meanwhile.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::{Error, once};
use crate::agent::{Agent, Records, StageEnded};
use crate::announce;
use crate::checkpoint::Store;
use crate::cli::Cli;
use crate::config::{self, Config, Mode, Surroundings};
use crate::exporter::{self, Exporter};
use crate::health::Health;
use crate::health::metrics::Meters;
use crate::inspect;
use crate::pipeline::position::Record;
use crate::service::log::{self, LogControl};
use crate::service::signals::{self, Hangup, Request, Signals};
use crate::service::systemd;
use crate::shown::Show;
use crate::threads;

/// How many threads stay, so that all goes on where no more can be had: two for reading and
/// discovering, two for what is short, such as saving positions and resolving names.
const THREADS: usize = 4;
/// How long it waits before it tries again to start them.
const RETRY: Duration = Duration::from_secs(1);

/// What the process was told, and tells.
pub(super) struct Process {
    pub(super) cli: Cli,
    pub(super) around: Surroundings,
    /// As loaded last.
    pub(super) config: Config,
    /// As it was at the start: some of it stays in force.
    pub(super) first: Config,
    pub(super) log: LogControl,
}

/// The stages at work.
pub(super) struct Working {
    process: Process,
    agent: Agent,
    signals: Signals,
    meters: Meters,
    health: Health,
    exporter: Option<Exporter>,
}

impl Process {
    /// Starts the stages; must be called within a runtime.
    ///
    /// # Errors
    /// A stage cannot be built, or it was stopped before there was a thread.
    pub(super) async fn start(
        self,
        metrics: Option<TcpListener>,
        store: Store,
        records: Vec<Record>,
        is_detached: bool,
    ) -> Result<Working, Error> {
        let signals = signals::listen(Hangup::for_process(is_detached))?;
        reserve_threads(&signals.stop).await?;
        let meters = Meters::new()?;
        let health = Health::default();
        let agent = Agent::start(&self.config, store, records, &meters, &health)?;
        let exporter = export(metrics, &meters, &agent)?;
        tokio::spawn(announce::run(meters.clone(), health.clone(), signals.stop.clone()));
        Ok(Working { process: self, agent, signals, meters, health, exporter })
    }
}

impl Working {
    /// Works until told to stop, or until all is done that was asked for.
    pub(super) async fn run(mut self) -> Result<ExitCode, StageEnded> {
        let watch = once::Watch::new(&self.process.config, &self.meters, &self.health);
        let given_up = watch.give_up();
        tokio::pin!(given_up);
        let ended = loop {
            tokio::select! {
                () = self.signals.stop.cancelled() => break Ok(()),
                done = self.agent.done() => break done,
                () = &mut given_up => break Ok(()),
                Some(request) = self.signals.requests.recv() => match request {
                    Request::Reload => self.reload(),
                    Request::Report => drop(tokio::spawn(report(self.agent.records()))),
                },
            }
        };
        let stopped = self.signals.stop.is_cancelled();
        let outcome = self.agent.stop().await;
        ended?;
        Ok(match self.process.config.mode {
            Mode::Once => watch.verdict(outcome, stopped),
            Mode::Daemon | Mode::DryRun { .. } => ExitCode::SUCCESS,
        })
    }

    /// Goes on with the configuration as it is now, or with the old one where that is no good.
    fn reload(&mut self) {
        systemd::reloading();
        let Process { cli, around, log, .. } = &self.process;
        // After a rotation of the own log, HUP is what makes a daemon leave the old file.
        if let Err(error) = log.reopen() {
            warn!("{error}");
        }
        let result = match config::load(cli, &around.now()) {
            Ok(loaded) => {
                loaded.warnings.iter().for_each(|warning| warn!("{warning}"));
                self.take_up(loaded.config).map_err(|error| error!("{error}"))
            }
            Err(errors) => {
                errors.problems().iter().for_each(|problem| error!("{problem}"));
                errors.warnings().iter().for_each(|warning| warn!("{warning}"));
                Err(())
            }
        };
        // systemd waits for this, whatever came of it.
        systemd::ready();
        match result {
            Ok(()) => info!("the configuration is loaded anew"),
            Err(()) => error!("the new configuration is refused; the old one stays in force"),
        }
        self.meters.reloads.ended(result.is_ok());
    }

    /// On an error nothing has changed.
    fn take_up(&mut self, new: Config) -> Result<(), Error> {
        let Process { config: old, first, log, .. } = &mut self.process;
        let filter = log::parse(&new.log_filter)?;
        let address = |config| super::listens(config).map(|it| it.address);
        let moved = address(&new) != address(old);
        let listen = super::listens(&new).filter(|_| moved);
        let listener = listen.map(exporter::bind).transpose()?;
        let exporter = export(listener, &self.meters, &self.agent)?;
        self.agent.reload(&new)?;
        log.set_filter(filter);
        if moved {
            self.exporter = exporter;
        }
        warn_of_fixed(first, &new);
        super::warn_of_roots(&new);
        *old = new;
        Ok(())
    }
}

/// Waits until there are the threads that it takes to work.
async fn reserve_threads(stop: &CancellationToken) -> Result<(), Error> {
    let mut was_short = false;
    while let Err(error) = threads::reserve(THREADS) {
        if !std::mem::replace(&mut was_short, true) {
            warn!(
                "cannot start a thread: {}; it is tried again every second, and nothing is shipped \
                 until then",
                threads::shortage(&error)
            );
        }
        tokio::select! {
            () = stop.cancelled() => return Err("stopped before a thread could be started".into()),
            () = tokio::time::sleep(RETRY) => {}
        }
    }
    if was_short {
        info!("threads can be started again");
    }
    Ok(())
}

/// Serves the meters, if there is a place to do so.
fn export(
    listener: Option<TcpListener>,
    meters: &Meters,
    agent: &Agent,
) -> io::Result<Option<Exporter>> {
    let serve = |listener| exporter::serve(listener, meters.clone(), agent.records());
    listener.map(serve).transpose()
}

/// Names what takes a restart to change, and is not yet as in `new`.
fn warn_of_fixed(first: &Config, new: &Config) {
    let fixed = [
        ("state_dir", first.state_dir != new.state_dir),
        ("pid_file", first.pid_file != new.pid_file),
        ("debug_log_file", first.debug_log_file != new.debug_log_file),
        ("no_detach", first.detach != new.detach),
        ("user", first.user != new.user),
    ];
    for (key, _) in fixed.into_iter().filter(|(_, differs)| *differs) {
        warn!("{key} has changed since the start: that takes a restart");
    }
}

/// Tells the log how far each file is delivered.
async fn report(records: Records) {
    let records = records.get().await;
    // It asks the file system for the size of each.
    let files =
        threads::run("sizes", move || inspect::delivered(records)).await.unwrap_or_default();
    let behind: u64 = files.iter().filter_map(inspect::File::behind).sum();
    let (count, s) = (files.len(), if files.len() == 1 { "" } else { "s" });
    info!(target: log::ASKED_FOR, "{count} file{s}, {behind} bytes behind");
    for file in files {
        let (path, behind) = (file.path.shown(), file.behind().unwrap_or(0));
        let since = file.moved.and_then(|at| at.elapsed().ok()).unwrap_or(Duration::ZERO);
        info!(
            target: log::ASKED_FOR,
            "{path}: {} of {} bytes delivered, {behind} behind, last moved {} s ago",
            file.delivered,
            file.size,
            since.as_secs()
        );
    }
}
