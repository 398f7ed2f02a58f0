//! The stages at work, and what is asked of them meanwhile.

use std::io;
use std::net::TcpListener;
use std::process::ExitCode;
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::expiry::ExpiryWatch;
use super::reload::{self, Loading};
use super::watching::{self, ConfigFiles, ConfigWatch};
use super::{Error, once, piped};
use crate::agent::{Agent, Records, StageEnded};
use crate::announce;
use crate::checkpoint::Store;
use crate::cli::Cli;
use crate::config::{self, Config, Listen, Mode, Surroundings};
use crate::exporter::{self, Exporter};
use crate::health::Health;
use crate::health::metrics::Meters;
use crate::inspect;
use crate::limits;
use crate::pipeline::position::Record;
use crate::service::log::{self, LogControl};
use crate::service::signals::{self, Hangup, Request, Signals};
use crate::shown::Show;
use crate::standing::{self, Answering};
use crate::threads::{self, Latest};

/// How many threads stay, so that all goes on where no more can be had: two for reading and
/// discovering, one for the log, two for what is short, such as saving positions and resolving names.
const THREADS: usize = 5;
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
    /// When it was loaded first, or just before.
    pub(super) begun: SystemTime,
}

/// The stages at work.
pub(super) struct Working {
    pub(super) process: Process,
    pub(super) agent: Agent,
    signals: Signals,
    pub(super) meters: Meters,
    health: Health,
    pub(super) exporter: Option<Exporter>,
    /// Tells `--status` of the receiver, as long as it is there.
    _answering: Option<Answering>,
    /// Tells of changes of the configuration, if it is to.
    pub(super) watch: Option<ConfigWatch>,
    /// Looks after certificates.
    pub(super) expiry: ExpiryWatch,
    /// The configuration that is being read.
    pub(super) loading: Option<Loading>,
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
        log::start_writer();
        warn_of_hidden(&self.config);
        if !super::is_beside_daemon(&self.config) {
            // That of an earlier process is not ours.
            reload::tell(self.config.state_dir.clone(), None);
        }
        let meters = Meters::new()?;
        let health = match self.config.stdin {
            Some(_) => Health::without_discover(),
            None => Health::default(),
        };
        let agent = Agent::start(&self.config, store, records, &meters, &health)?;
        let exporter = export(super::listens(&self.config), metrics, &meters, &agent)?;
        tokio::spawn(announce::run(meters.clone(), health.clone(), signals.stop.clone()));
        let answering = (!super::is_beside_daemon(&self.config))
            .then(|| standing::answer(&self.config.state_dir, meters.clone()));
        let watch = self.watch();
        Ok(Working {
            process: self,
            agent,
            signals,
            meters,
            health,
            exporter,
            _answering: answering,
            watch,
            expiry: ExpiryWatch::start(),
            loading: None,
        })
    }
}

impl Process {
    /// Watches the files of the configuration, if it is to.
    fn watch(&self) -> Option<ConfigWatch> {
        self.config.watch.then(|| ConfigWatch::start(self.config_files(), self.begun))
    }

    fn config_files(&self) -> ConfigFiles {
        ConfigFiles::of(&self.config, config::file_path(&self.cli, &self.around))
    }
}

impl Working {
    /// Watches what the configuration consists of now.
    pub(super) fn watch_again(&mut self) {
        match &self.watch {
            Some(watch) if self.process.config.watch => watch.is_of(self.process.config_files()),
            _ => self.watch = self.process.watch(),
        }
    }

    /// Works until told to stop, or until all is done that was asked for.
    pub(super) async fn run(mut self) -> Result<ExitCode, StageEnded> {
        let watch = once::ProgressWatch::new(&self.process.config, &self.meters, &self.health);
        let piped = piped::PipedRun::begin(&self.process.config, &self.meters);
        let given_up = watch.give_up();
        tokio::pin!(given_up);
        let mut end = once::OnceEnd::Done;
        let ended = loop {
            tokio::select! {
                () = self.signals.stop.cancelled() => break Ok(()),
                done = self.agent.done() => break done,
                read = reload::read(&mut self.loading) => self.reload(read).await,
                () = watching::changed(&mut self.watch) => self.load(),
                () = self.expiry.due() => {
                    let ends = &self.meters.sending.certificates;
                    self.expiry.look(&self.process.config, ends);
                }
                () = &mut given_up => {
                    end = once::OnceEnd::GivenUp;
                    break Ok(());
                }
                Some(request) = self.signals.requests.recv() => match request {
                    Request::Reload => self.load(),
                    Request::Report => drop(tokio::spawn(report(self.agent.records()))),
                },
            }
        };
        if self.signals.stop.is_cancelled() {
            end = once::OnceEnd::Stopped;
        }
        let outcome = self.agent.stop().await;
        ended?;
        Ok(match self.process.config.mode {
            Mode::Once => watch.verdict(outcome, end),
            Mode::Stdin => piped.verdict(outcome, end),
            Mode::Daemon | Mode::DryRun { .. } => ExitCode::SUCCESS,
        })
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
                limits::shortage(&error)
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

/// Names the symbolic links that lead where this process does not see. (Of entries that do the stage
/// says so that looks for files.) It walks through directories.
pub(super) fn warn_of_hidden(config: &Config) {
    static LOOK: Latest<Config> = Latest::new();
    LOOK.start("look", config.clone(), |config| {
        inspect::hidden_links(&config).iter().for_each(|hidden| warn!("{hidden}"));
    });
}

/// Serves the meters where `listen` says, by `listener`.
pub(super) fn export(
    listen: Option<&Listen>,
    listener: Option<TcpListener>,
    meters: &Meters,
    agent: &Agent,
) -> io::Result<Option<Exporter>> {
    let Some((listen, listener)) = listen.zip(listener) else { return Ok(None) };
    exporter::serve(listener, meters.clone(), agent.records(), listen.hosts.clone()).map(Some)
}

/// Tells the log how far each file is delivered.
async fn report(records: Records) {
    let silence = records.silence().clone();
    let records = records.get().await;
    // It asks the file system for the size of each.
    let files = threads::run("sizes", move || inspect::delivered(records, &silence))
        .await
        .unwrap_or_default();
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
