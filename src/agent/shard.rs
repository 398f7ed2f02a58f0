//! A shard: a thread that looks for files, and a thread that reads them.

use tokio::runtime::Builder;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::stages::Stages;
use super::{BuildError, settings};
use crate::config::Config;
use crate::discover::{self, Discover};
use crate::health::metrics::Meters;
use crate::health::{Health, StageName};
use crate::input::{self, EntryOf, Known, Links, Reload};
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::Outlet;
use crate::pipeline::position::Update;

/// How many messages, of up to 16 events, wait between discovering and reading. More is not listed
/// meanwhile.
const EVENTS: usize = 128;
/// How many reloads wait for a reading that is busy: more than anybody asks for while it reads once.
const RELOADS: usize = 64;

/// What a shard shares with the stages behind it.
pub(super) struct Outlets {
    pub(super) batches: Outlet,
    pub(super) spare: mpsc::Receiver<Batch>,
    pub(super) updates: mpsc::Sender<Vec<Update>>,
}

/// A running shard. Looking for files ends when it is dropped, and by that reading.
#[derive(Debug)]
pub(super) struct Shard {
    discover: Discover,
    reloads: mpsc::Sender<Reload>,
    stop: CancellationToken,
}

impl Shard {
    /// Starts both threads.
    pub(super) fn start(
        config: &Config,
        known: Known,
        outlets: Outlets,
        (meters, health): (&Meters, &Health),
        stages: &mut Stages,
    ) -> Result<Self, BuildError> {
        let (event_tx, events) = mpsc::channel(EVENTS);
        let (reloads, reload_rx) = mpsc::channel(RELOADS);
        let stop = CancellationToken::new();
        let links = Links {
            events,
            outlet: outlets.batches,
            spare: outlets.spare,
            updates: outlets.updates,
            reloads: reload_rx,
            stop: stop.clone(),
        };
        let settings = settings::input(config, meters, health);
        let walking = settings::discover(config, meters, health);
        let runtime = Builder::new_current_thread().enable_io().enable_time().build()?;
        let (discover, walk) = discover::stage(walking, event_tx, runtime.handle())?;
        stages.thread(StageName::Input, "tail", move || {
            // As a task: after another one it has its turn without a look at the kernel in between.
            let _ = runtime.block_on(runtime.spawn(input::run(settings, known, links)));
        });
        stages.thread(StageName::Discover, "discover", walk);
        Ok(Self { discover, reloads, stop })
    }

    /// Goes on with another configuration, in which `entry_of` finds the entry of a path.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub(super) fn reload(
        &mut self,
        settings: input::Settings,
        entry_of: EntryOf,
        walking: discover::Settings,
    ) -> Result<(), BuildError> {
        let place = self.reloads.try_reserve().map_err(|_| BuildError::Busy)?;
        let (event_tx, events) = mpsc::channel(EVENTS);
        // In this order: events that end without a reload end reading.
        place.send(Reload { settings, entry_of, events });
        self.discover.restart(walking, event_tx);
        Ok(())
    }

    /// Has both threads end.
    pub(super) fn stop(self) {
        self.stop.cancel();
        drop(self.discover);
    }
}
