//! The composition root: builds the stages, wires them, and ends them in order.
//!
//! Order of ending on TERM: discovering and reading stop first; what was read is sent and its
//! confirmation awaited for a grace; the state is saved last.

mod answers;
mod far;
mod intake;
mod settings;
mod shard;
mod shards;
mod stages;

use std::future::pending;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use self::intake::Intake;
use self::settings::ends_by_itself;
use self::shards::{Material, ShardWork, Shards};
use self::stages::{EndReason, Ended, Stages};
use crate::checkpoint::{self, Query, Store};
use crate::config::{Config, Destination, Mode};
use crate::deliver::{self, Outcome, Targets};
use crate::health::metrics::{Meters, Sending};
use crate::health::silence::Silence;
use crate::health::{Health, StageName};
use crate::limits;
use crate::mounts::SharedMounts;
use crate::pipeline::bucket::ByteRate;
use crate::pipeline::channel::{Direct, Outlet};
use crate::pipeline::limit::{HeldBack, RateLimit};
use crate::pipeline::position::{Record, SourceIds};
use crate::safe_open::follow_links_in;

/// How many batches wait to be sent.
const BATCHES: usize = 2;
/// How many lists of positions wait to be noted.
const UPDATES: usize = 64;
/// The order in which stages end, and how long each may take. Together these end before systemd loses
/// its patience (`TimeoutStopSec` of the unit, 15 s).
const ORDER: [(StageName, Duration); 3] = [
    // Its grace, and handing over positions.
    (StageName::Deliver, Duration::from_secs(4)),
    // It ends at once, unless a file system does not answer.
    (StageName::Input, Duration::from_secs(1)),
    // A disk that others write to needs seconds to sync.
    (StageName::Checkpoint, Duration::from_secs(8)),
];

/// Why the stages cannot be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The kernel does not tell when something happens.
    #[error("cannot wait for events: {source}; {}", remedy(.source))]
    Events {
        /// What it says.
        #[from]
        source: io::Error,
    },
    /// Earlier reloads are not taken yet.
    #[error(
        "an earlier reload is not done with yet, perhaps because a file system hangs; send HUP again later"
    )]
    Busy,
    /// Standard input is read as it was begun.
    #[error("standard input is read to its end as the configuration was at the start")]
    Stdin,
}

fn remedy(error: &io::Error) -> String {
    limits::met_by(error).unwrap_or_else(|| "see the log of the kernel (dmesg)".to_owned())
}

/// A stage has ended by itself.
#[derive(Debug, thiserror::Error)]
#[error("{0} has ended unexpectedly; this is a bug, please report it with the log")]
pub struct StageEnded(StageName);

/// The stages, running.
#[derive(Debug)]
pub struct Agent {
    mode: Mode,
    stages: Stages,
    intake: Intake,
    limit: RateLimit,
    sender: SenderControl,
    /// Has positions saved for the last time.
    stop_saving: CancellationToken,
    queries: mpsc::Sender<Query>,
    meters: Meters,
}

/// What sending is told.
#[derive(Debug)]
struct SenderControl {
    known: (Vec<Destination>, Option<Duration>),
    targets: watch::Sender<Targets>,
    leave: CancellationToken,
}

impl Agent {
    /// Builds and starts the stages; must be called within a runtime. `records` are what `store`
    /// held; the stages move `meters` and show their `health`.
    ///
    /// # Errors
    /// When no descriptor can be had.
    pub fn start(
        config: &Config,
        store: Store,
        records: Vec<Record>,
        meters: &Meters,
        health: &Health,
    ) -> Result<Self, BuildError> {
        follow_links_in(&config.follow_links_in);
        let mut stages = Stages::default();
        let (batch_tx, batches) = mpsc::channel(BATCHES);
        let (spare_tx, spare) = mpsc::channel(BATCHES);
        let (update_tx, updates) = mpsc::channel(UPDATES);
        let (queries, query_rx) = mpsc::channel(1);
        let (targets, target_rx) = watch::channel(Targets::from(config));
        let (leave, stop_saving) = (CancellationToken::new(), CancellationToken::new());

        let fast_path = deliver::FastPath::default();
        let direct: Option<Arc<dyn Direct>> = Some(Arc::new(fast_path.clone()));
        let told = Arc::new(LimitMeters(meters.sending.clone()));
        let limit = RateLimit::new(rate_limit(config), told);
        let outlet = Outlet::new(batch_tx, direct).limited_by(limit.clone());
        let intake = match &config.stdin {
            Some(messages) => {
                Intake::stdin(config, messages, (meters, health), outlet, &mut stages)?
            }
            None => {
                let material = Material {
                    config: config.clone(),
                    mounts: SharedMounts::default(),
                    meters: meters.clone(),
                    health: health.clone(),
                    ids: SourceIds::from(store.next_id()),
                    last_run: None,
                    last_globs: store.last_globs().cloned(),
                    outlets: Some((outlet, update_tx.clone())),
                };
                let shards = Shards::start(material, records, spare, &mut stages)?;
                Intake::Files(Box::new(shards))
            }
        };
        let links = deliver::Links {
            targets: target_rx,
            batches,
            fast_path,
            limit: limit.clone(),
            updates: update_tx,
            spare: spare_tx,
            leave: leave.clone(),
            beat: health.deliver.clone(),
        };
        let (mode, sending) = (config.mode, meters.sending.clone());
        stages.task(StageName::Deliver, async move {
            EndReason::Left(match mode {
                Mode::DryRun { .. } => deliver::print(links, sending).await,
                Mode::Daemon | Mode::Once | Mode::Stdin => deliver::run(links, sending).await,
            })
        });
        let links = checkpoint::CheckpointLinks {
            updates,
            queries: query_rx,
            stop: stop_saving.clone(),
            beat: health.checkpoint.clone(),
        };
        let saving = checkpoint::run(store, links, meters.saving.clone());
        stages.task(StageName::Checkpoint, async {
            saving.await;
            EndReason::Done
        });
        let sender = SenderControl { known: receivers(config), targets, leave };
        let meters = meters.clone();
        Ok(Self { mode, stages, intake, limit, sender, stop_saving, queries, meters })
    }

    /// Goes on with another configuration. Files that both name are read on without a gap or a
    /// repeat; where nothing about the receiver changes, the connection stays.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub fn reload(&mut self, config: &Config) -> Result<(), BuildError> {
        self.intake.reload(config)?;
        follow_links_in(&config.follow_links_in);
        self.limit.change(rate_limit(config));
        self.sender.reload(config);
        Ok(())
    }

    /// What is confirmed of each source, for those who ask now and then.
    #[must_use]
    pub fn records(&self) -> Records {
        Records { queries: self.queries.clone(), silence: self.intake.silence().clone() }
    }

    /// Waits until all is done: for ever in a daemon; else until what was there is read and sent,
    /// or nobody reads what is printed any more.
    ///
    /// # Errors
    /// A stage has ended by itself, which none of them should.
    pub async fn done(&mut self) -> Result<(), StageEnded> {
        if self.stages.left().is_some() {
            return pending().await;
        }
        loop {
            let ended = tokio::select! {
                biased;
                ended = self.stages.next() => ended,
                work = self.intake.work() => {
                    self.intake.serve(work, &mut self.stages);
                    continue;
                }
            };
            let Some(Ended(stage, reason)) = ended else { return pending().await };
            match (stage, reason) {
                // It ends because reading has, which may show a moment later.
                (StageName::Deliver, EndReason::Left(_)) if self.mode != Mode::Daemon => {
                    // It may have taken no longer than the first pass.
                    self.intake.serve(ShardWork::NearIsReady, &mut self.stages);
                    return Ok(());
                }
                (StageName::Input, EndReason::Done) if ends_by_itself(self.mode) => {}
                // It ends when nobody wants to hear of files: the end of that stage says more.
                (StageName::Discover, EndReason::Done) => {}
                _ => return Err(StageEnded(stage)),
            }
        }
    }

    /// Ends the stages in order. Returns what was read and is not confirmed.
    pub async fn stop(mut self) -> Outcome {
        self.intake.stop(&mut self.stages);
        self.sender.leave.cancel();
        for (stage, patience) in ORDER {
            if stage == StageName::Checkpoint {
                // Reading that hangs would keep the channel of positions open. What it has read and
                // not sent is read again.
                self.stop_saving.cancel();
            }
            if self.stages.ended(stage, patience).await {
                continue;
            }
            match stage {
                StageName::Deliver => {
                    warn!("sending did not end in time; some lines will be sent again");
                }
                StageName::Checkpoint => {
                    warn!("positions could not be saved in time; some lines will be sent again");
                }
                StageName::Discover | StageName::Input => {}
            }
        }
        let outcome = self.stages.left().unwrap_or_else(|| {
            let sending = &self.meters.sending;
            let done = sending.confirmed_messages.get() + sending.resent_messages.get();
            // It did not end, so there was something.
            Outcome { messages: sending.messages.get().saturating_sub(done).max(1) }
        });
        let again = "not confirmed; the next start sends them";
        match outcome.messages {
            // Of standard input nothing can be read again: its end says what that means.
            _ if self.mode == Mode::Stdin => {}
            0 => {}
            1 => info!("1 message is {again}"),
            count => info!("{count} messages are {again}"),
        }
        outcome
    }
}

/// What is printed has no limit.
fn rate_limit(config: &Config) -> Option<ByteRate> {
    config.rate_limit.filter(|_| !matches!(config.mode, Mode::DryRun { .. }))
}

/// Shows that the limit holds somebody back.
#[derive(Debug)]
struct LimitMeters(Sending);

impl HeldBack for LimitMeters {
    fn begins(&self) {
        self.0.rate_limited.inc();
    }

    fn ends(&self, after: Duration) {
        self.0.rate_limited.dec();
        self.0.rate_limited_seconds.inc_by(after.as_secs_f64());
    }
}

impl SenderControl {
    /// Goes on with the receivers of another configuration.
    fn reload(&mut self, config: &Config) {
        let named = receivers(config);
        if named != self.known {
            self.targets.send_replace(Targets::from(config));
            self.known = named;
        }
    }
}

/// What sending has to know of the receivers. The token is part of the messages, which are made elsewhere.
fn receivers(config: &Config) -> (Vec<Destination>, Option<Duration>) {
    let without_token = |to: &Destination| Destination { token: None, ..to.clone() };
    (config.destinations().map(without_token).collect(), config.failback)
}

/// Tells what is confirmed of each source.
#[derive(Debug, Clone)]
pub struct Records {
    queries: mpsc::Sender<Query>,
    silence: Silence,
}

impl Records {
    /// As it is now; nothing when the stages have ended.
    pub async fn get(&self) -> Vec<Record> {
        let (answer, records) = oneshot::channel();
        let _ = self.queries.send(answer).await;
        records.await.unwrap_or_default()
    }

    /// The file systems that are not to be asked about files.
    #[must_use]
    pub fn silence(&self) -> &Silence {
        &self.silence
    }
}
