//! A shard: a thread that looks for files, and a thread that reads them.

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;

use super::BuildError;
use super::settings::ShardSettings;
use super::stages::Stages;
use crate::discover::{self, Discover};
use crate::health::StageName;
use crate::input::{self, InputLinks, KnownFiles, Reload};
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::Outlet;
use crate::pipeline::position::Update;

/// How many messages, of up to 16 events, wait between discovering and reading. More is not listed
/// meanwhile.
const EVENTS: usize = 128;
/// How many reloads wait for a reading that is busy: more than anybody asks for while it reads once.
const RELOADS: usize = 64;

/// The ways to the stages behind a shard.
pub(super) struct Outlets {
    pub(super) batches: Outlet,
    pub(super) spare: mpsc::Receiver<Batch>,
    pub(super) updates: mpsc::Sender<Vec<Update>>,
}

/// The names of the threads, as the system shows them.
pub(super) struct ThreadNames {
    pub(super) input: &'static str,
    pub(super) discover: &'static str,
}

/// A running shard. Looking for files ends when it is dropped, and by that reading.
#[derive(Debug)]
pub(super) struct Shard {
    discover: Discover,
    threads: [AbortHandle; 2],
    reloads: mpsc::Sender<Reload>,
    stop: CancellationToken,
}

impl Shard {
    /// Starts both threads.
    pub(super) fn start(
        settings: ShardSettings,
        known: KnownFiles,
        outlets: Outlets,
        names: &ThreadNames,
        stages: &mut Stages,
    ) -> Result<Self, BuildError> {
        let (event_tx, events) = mpsc::channel(EVENTS);
        let (reloads, reload_rx) = mpsc::channel(RELOADS);
        let stop = CancellationToken::new();
        let links = InputLinks {
            events,
            outlet: outlets.batches,
            spare: outlets.spare,
            updates: outlets.updates,
            reloads: reload_rx,
            stop: stop.clone(),
        };
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (discover, walk) = discover::stage(settings.discover, event_tx, runtime.handle());
        let input = stages.thread(StageName::Input, names.input, move || {
            // As a task: after another one it has its turn without a look at the kernel in between.
            let _ = runtime.block_on(runtime.spawn(input::run(settings.input, known, links)));
        });
        let walk = stages.thread(StageName::Discover, names.discover, walk);
        Ok(Self { discover, threads: [input, walk], reloads, stop })
    }

    /// Whether a reload would be taken: not where so many wait that reading seems to hang.
    pub(super) fn takes_reload(&self) -> bool {
        self.reloads.capacity() > 0
    }

    /// Goes on with other settings.
    pub(super) fn reload(&self, settings: ShardSettings) {
        let (event_tx, events) = mpsc::channel(EVENTS);
        let ShardSettings { input: settings, discover, entry_of } = settings;
        // In this order: events that end without a reload end reading.
        if self.reloads.try_send(Reload { settings, entry_of, events }).is_ok() {
            self.discover.restart(discover, event_tx);
        }
    }

    /// Has both threads end.
    pub(super) fn stop(self) {
        self.stop.cancel();
    }

    /// Has both threads end, and waits for neither.
    pub(super) fn abandon(self, stages: &mut Stages) {
        self.threads.iter().for_each(|thread| stages.dismiss(thread));
        self.stop();
    }
}
