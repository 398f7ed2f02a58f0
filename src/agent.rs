//! The composition root: builds the stages, wires them, and ends them in order.
//!
//! Order of ending on TERM: discovering and reading stop first; what was read is sent and its
//! confirmation awaited for a grace; the state is saved last.

use std::io;
use std::os::unix::ffi::OsStrExt;
use std::thread;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::config::Config;
use crate::discover::{self, Discover, GlobError, Globs};
use crate::meter::Meters;
use crate::position::Record;
use crate::send::{self, Outcome, Target};
use crate::state::{self, Store};
use crate::tail::{self, Known, Links, Messages};

/// How many events wait between discovering and reading. More wait in the kernel.
const EVENTS: usize = 1024;
/// How many batches wait to be sent.
const BATCHES: usize = 2;
/// How many lists of positions wait to be noted.
const UPDATES: usize = 64;
/// How long the last save of positions may take.
const LAST_SAVE: Duration = Duration::from_secs(1);

/// Why the stages cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// A glob passed the configuration but cannot be used.
    #[error(transparent)]
    Glob(#[from] GlobError),
    /// No thread.
    #[error("cannot start a thread: {0}; see the limits on processes (ulimit -u)")]
    Thread(#[from] io::Error),
}

/// A stage has ended by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0} has ended unexpectedly; this is a bug, please report it with the log")]
pub struct StageEnded(&'static str);

/// The stages, running.
#[derive(Debug)]
pub struct Agent {
    discover: Discover,
    reading: oneshot::Receiver<()>,
    stop_reading: CancellationToken,
    leave: CancellationToken,
    sending: tokio::task::JoinHandle<Outcome>,
    saving: tokio::task::JoinHandle<()>,
}

impl Agent {
    /// Builds and starts the stages; must be called within a runtime. `records` are what `store`
    /// held; the stages move `meters`.
    ///
    /// # Errors
    /// When a glob is malformed or no thread can be had.
    pub fn start(
        config: Config,
        store: Store,
        records: Vec<Record>,
        meters: &Meters,
    ) -> Result<Self, BuildError> {
        let (event_tx, events) = mpsc::channel(EVENTS);
        let (batch_tx, batches) = mpsc::channel(BATCHES);
        let (spare_tx, spare) = mpsc::channel(BATCHES);
        let (update_tx, updates) = mpsc::channel(UPDATES);
        let stop_reading = CancellationToken::new();
        let leave = CancellationToken::new();

        let entries = Globs::new(&config.files)?;
        let exclude = config.exclude_files.clone();
        let known = Known {
            records,
            next_id: store.next_id().0,
            entry_of: Box::new(move |path| {
                let is_excluded = exclude.matches(path.as_os_str().as_bytes());
                if is_excluded { None } else { entries.entry_of(path) }
            }),
        };
        let links = Links {
            events,
            batches: batch_tx,
            spare,
            updates: update_tx.clone(),
            stop: stop_reading.clone(),
        };
        let reading = spawn_tail(tail_settings(&config, meters), known, links)?;
        let (_retarget, targets) = watch::channel(Target::from(&config.destination));
        let links = send::Links {
            targets,
            batches,
            updates: update_tx,
            spare: spare_tx,
            leave: leave.clone(),
        };
        let sending = tokio::spawn(send::run(links, meters.sending.clone()));
        let saving = tokio::spawn(state::run(store, updates, meters.saving.clone()));
        let discover = discover::spawn(discover_settings(config, meters)?, event_tx)?;
        Ok(Self { discover, reading, stop_reading, leave, sending, saving })
    }

    /// Runs until `stop`, then ends the stages in order.
    ///
    /// # Errors
    /// A stage has ended by itself, which none of them should.
    pub async fn run(mut self, stop: CancellationToken) -> Result<Outcome, StageEnded> {
        tokio::select! {
            () = stop.cancelled() => {}
            _ = &mut self.reading => return Err(StageEnded("reading")),
            _ = &mut self.sending => return Err(StageEnded("sending")),
            _ = &mut self.saving => return Err(StageEnded("saving positions")),
        }
        self.stop_reading.cancel();
        drop(self.discover);
        self.leave.cancel();
        let outcome = self.sending.await.unwrap_or_default();
        // Reading ends at once, unless a file system does not answer; then nothing is lost by
        // not waiting, for what was not sent is read again.
        let saved = async {
            let _ = self.reading.await;
            self.saving.await
        };
        if tokio::time::timeout(LAST_SAVE, saved).await.is_err() {
            warn!("positions could not be saved in time; some lines will be sent again");
        }
        if outcome.messages > 0 {
            info!(
                "{} messages are not confirmed and will be sent again after the next start",
                outcome.messages
            );
        }
        Ok(outcome)
    }
}

/// Reading files blocks, so it has a thread of its own. The receiver resolves when it has ended.
fn spawn_tail(
    settings: tail::Settings,
    known: Known,
    links: Links,
) -> io::Result<oneshot::Receiver<()>> {
    let (ended, reading) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    thread::Builder::new().name("tail".to_owned()).spawn(move || {
        runtime.block_on(tail::run(settings, known, links));
        // Nobody waits when the stages end by themselves.
        let _ = ended.send(());
    })?;
    Ok(reading)
}

fn tail_settings(config: &Config, meters: &Meters) -> tail::Settings {
    tail::Settings {
        messages: Messages {
            priority: config.priority,
            hostname: config.hostname.clone(),
            token: config.destination.token.clone(),
            tags: config.files.iter().map(|entry| entry.tag.clone()).collect(),
        },
        exclude: config.exclude_patterns.clone(),
        encoder: send::encoder(&config.destination),
        from_start: config.from_start,
        meters: meters.reading.clone(),
    }
}

fn discover_settings(config: Config, meters: &Meters) -> Result<discover::Settings, GlobError> {
    Ok(discover::Settings {
        globs: Globs::new(&config.files)?,
        exclude: config.exclude_files,
        sweep_interval: config.sweep_interval,
        poll: config.poll,
        meters: meters.finding.clone(),
    })
}
