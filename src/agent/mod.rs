//! The composition root: builds the stages, wires them, and ends them in order.
//!
//! Order of ending on TERM: discovering and reading stop first; what was read is sent and its
//! confirmation awaited for a grace; the state is saved last.

mod settings;

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::settings::{discover_settings, entry_of, tail_settings};
use crate::checkpoint::{self, Query, Store};
use crate::config::{Config, Destination, Mode};
use crate::deliver::{self, Outcome, Target};
use crate::discover::{self, Discover, GlobError};
use crate::health::metrics::Meters;
use crate::input::{self, Known, Links, Reload};
use crate::pipeline::channel::{Direct, Outlet};
use crate::pipeline::position::Record;

/// How many messages, of up to 16 events, wait between discovering and reading. More is not listed
/// meanwhile.
const EVENTS: usize = 128;
/// How many batches wait to be sent.
const BATCHES: usize = 2;
/// How many lists of positions wait to be noted.
const UPDATES: usize = 64;
/// How many reloads wait for a reading that is busy: more than anybody asks for while it reads once.
const RELOADS: usize = 64;
/// How long sending may take to end in good order: its grace, and handing over positions.
const LAST_SENDING: Duration = Duration::from_secs(4);
/// How long reading may take to end. It does so at once, unless a file system does not answer.
const LAST_READ: Duration = Duration::from_secs(1);
/// How long the last save of positions may take: a disk that others write to needs seconds to sync. All
/// three end before systemd loses its patience (`TimeoutStopSec` of the unit, 15 s).
const LAST_SAVE: Duration = Duration::from_secs(8);

/// Why the stages cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A glob passed the configuration but cannot be used.
    #[error(transparent)]
    Glob(#[from] GlobError),
    /// No thread.
    #[error("cannot start a thread: {0}; see the limits on processes (ulimit -u)")]
    Thread(#[from] io::Error),
    /// Earlier reloads are not taken yet.
    #[error("reading files has taken up no earlier reload yet; a file system may hang")]
    Busy,
}

/// A stage has ended by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0} has ended unexpectedly; this is a bug, please report it with the log")]
pub struct StageEnded(&'static str);

/// The stages, running.
#[derive(Debug)]
pub struct Agent {
    mode: Mode,
    discover: Discover,
    reading: oneshot::Receiver<()>,
    /// The runtime on which files are read, and what tells of them is heard.
    readers: Handle,
    /// Reading has ended: all is read that is there, or something is wrong.
    has_read: bool,
    reloads: mpsc::Sender<Reload>,
    stop_reading: CancellationToken,
    leave: CancellationToken,
    sending: JoinHandle<Outcome>,
    /// What sending has left behind, once it has ended.
    outcome: Option<Outcome>,
    destination: Destination,
    targets: watch::Sender<Target>,
    saving: JoinHandle<()>,
    queries: mpsc::Sender<Query>,
    meters: Meters,
}

impl Agent {
    /// Builds and starts the stages; must be called within a runtime. `records` are what `store`
    /// held; the stages move `meters`.
    ///
    /// # Errors
    /// When a glob is malformed or no thread can be had.
    pub fn start(
        config: &Config,
        store: Store,
        records: Vec<Record>,
        meters: &Meters,
    ) -> Result<Self, BuildError> {
        let (event_tx, events) = mpsc::channel(EVENTS);
        let (batch_tx, batches) = mpsc::channel(BATCHES);
        let (spare_tx, spare) = mpsc::channel(BATCHES);
        let (update_tx, updates) = mpsc::channel(UPDATES);
        let (reloads, reload_rx) = mpsc::channel(RELOADS);
        let (queries, query_rx) = mpsc::channel(1);
        let (targets, target_rx) = watch::channel(Target::from(&config.destination));
        let stop_reading = CancellationToken::new();
        let leave = CancellationToken::new();

        let express = deliver::Express::default();
        let direct: Option<Arc<dyn Direct>> = Some(Arc::new(express.clone()));
        let next_id = store.next_id().0;
        let known = Known { records, next_id, entry_of: entry_of(config)? };
        let links = Links {
            events,
            outlet: Outlet::new(batch_tx, direct),
            spare,
            updates: update_tx.clone(),
            reloads: reload_rx,
            stop: stop_reading.clone(),
        };
        let (readers, reading) = spawn_tail(tail_settings(config, meters), known, links)?;
        let links = deliver::Links {
            targets: target_rx,
            batches,
            express,
            updates: update_tx,
            spare: spare_tx,
            leave: leave.clone(),
        };
        let sending = match config.mode {
            Mode::DryRun { .. } => tokio::spawn(deliver::print(links, meters.sending.clone())),
            Mode::Daemon | Mode::Once => tokio::spawn(deliver::run(links, meters.sending.clone())),
        };
        let saving = tokio::spawn(checkpoint::run(store, updates, query_rx, meters.saving.clone()));
        let discover = discover::spawn(discover_settings(config, meters)?, event_tx, &readers)?;
        Ok(Self {
            mode: config.mode,
            discover,
            reading,
            readers,
            has_read: false,
            reloads,
            stop_reading,
            leave,
            sending,
            outcome: None,
            destination: config.destination.clone(),
            targets,
            saving,
            queries,
            meters: meters.clone(),
        })
    }

    /// Goes on with another configuration. Files that both name are read on without a gap or a
    /// repeat; where nothing about the receiver changes, the connection stays.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn reload(&mut self, config: &Config) -> Result<(), BuildError> {
        let place = self.reloads.try_reserve().map_err(|_| BuildError::Busy)?;
        let (event_tx, events) = mpsc::channel(EVENTS);
        let (settings, entry_of) = (tail_settings(config, &self.meters), entry_of(config)?);
        let settings_of_discover = discover_settings(config, &self.meters)?;
        let discover = discover::spawn(settings_of_discover, event_tx, &self.readers)?;
        // In this order: events that end without a reload end reading.
        place.send(Reload { settings, entry_of, events });
        self.discover = discover;
        // The token is part of the messages, which are made elsewhere.
        let without_token = |to: &Destination| Destination { token: None, ..to.clone() };
        if without_token(&config.destination) != without_token(&self.destination) {
            self.targets.send_replace(Target::from(&config.destination));
        }
        self.destination = config.destination.clone();
        Ok(())
    }

    /// What is confirmed of each source, for those who ask now and then.
    #[must_use]
    pub fn records(&self) -> Records {
        Records(self.queries.clone())
    }

    /// Waits until all is done: for ever in a daemon; else until what was there is read and sent,
    /// or nobody reads what is printed any more.
    ///
    /// # Errors
    /// A stage has ended by itself, which none of them should.
    pub async fn done(&mut self) -> Result<(), StageEnded> {
        if self.outcome.is_some() {
            return pending().await;
        }
        loop {
            let reading =
                async { if self.has_read { pending().await } else { (&mut self.reading).await } };
            tokio::select! {
                biased;
                outcome = &mut self.sending => {
                    self.outcome = Some(outcome.unwrap_or_default());
                    return match self.mode {
                        // It ends because reading has, which may show a moment later.
                        Mode::Once | Mode::DryRun { .. } => Ok(()),
                        Mode::Daemon => Err(StageEnded("sending")),
                    };
                }
                _ = reading => {
                    self.has_read = true;
                    if !matches!(self.mode, Mode::Once | Mode::DryRun { once: true }) {
                        return Err(StageEnded("reading"));
                    }
                }
                _ = &mut self.saving => return Err(StageEnded("saving positions")),
            }
        }
    }

    /// Ends the stages in order. Returns what was read and is not confirmed.
    pub async fn stop(mut self) -> Outcome {
        self.stop_reading.cancel();
        drop(self.discover);
        self.leave.cancel();
        let outcome = match self.outcome {
            Some(outcome) => outcome,
            None => match tokio::time::timeout(LAST_SENDING, &mut self.sending).await {
                Ok(outcome) => outcome.unwrap_or_default(),
                Err(_) => {
                    warn!("sending did not end in time; some lines will be sent again");
                    // It would keep positions from being saved.
                    self.sending.abort();
                    let sending = &self.meters.sending;
                    let done = sending.confirmed_messages.get() + sending.resent_messages.get();
                    // It did not end, so there was something.
                    Outcome { messages: sending.messages.get().saturating_sub(done).max(1) }
                }
            },
        };
        // Saving ends after reading. If that hangs, nothing is lost by not waiting, for what was not sent
        // is read again.
        let has_read = self.has_read || tokio::time::timeout(LAST_READ, self.reading).await.is_ok();
        // It may have ended by itself, and is not to be asked again then.
        let has_saved = self.saving.is_finished()
            || has_read && tokio::time::timeout(LAST_SAVE, self.saving).await.is_ok();
        if !has_saved {
            warn!("positions could not be saved in time; some lines will be sent again");
        }
        let again = "not confirmed; the next start sends them";
        match outcome.messages {
            0 => {}
            1 => info!("1 message is {again}"),
            count => info!("{count} messages are {again}"),
        }
        outcome
    }
}

/// Tells what is confirmed of each source.
#[derive(Debug, Clone)]
pub struct Records(mpsc::Sender<Query>);

impl Records {
    /// As it is now; nothing when the stages have ended.
    pub async fn get(&self) -> Vec<Record> {
        let (answer, records) = oneshot::channel();
        let _ = self.0.send(answer).await;
        records.await.unwrap_or_default()
    }
}

/// Reading files blocks, so it has a thread and a runtime of its own. The receiver resolves when it
/// has ended.
fn spawn_tail(
    settings: input::Settings,
    known: Known,
    links: Links,
) -> io::Result<(Handle, oneshot::Receiver<()>)> {
    let (ended, reading) = oneshot::channel();
    let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
    let readers = runtime.handle().clone();
    thread::Builder::new().name("tail".to_owned()).spawn(move || {
        // As a task: after another one it has its turn without a look at the kernel in between.
        let _ = runtime.block_on(runtime.spawn(input::run(settings, known, links)));
        // Nobody waits when the stages end by themselves.
        let _ = ended.send(());
    })?;
    Ok((readers, reading))
}
