//! Where lines come from: files, or standard input.

use std::future::pending;
use std::sync::Arc;

use tokio::runtime::Builder;
use tokio_util::sync::CancellationToken;

use super::BuildError;
use super::settings;
use super::shards::{ShardWork, Shards};
use super::stages::Stages;
use crate::config::{Config, Messages};
use crate::health::metrics::Meters;
use crate::health::silence::Silence;
use crate::health::{Health, StageName};
use crate::input::{self, StdinSettings};
use crate::pipeline::channel::Outlet;

/// What reads.
#[derive(Debug)]
pub(super) enum Intake {
    /// Files, found and followed.
    Files(Box<Shards>),
    /// Standard input, to its end.
    Stdin {
        /// Has it end before.
        stop: CancellationToken,
        /// Of no file system.
        silence: Silence,
    },
}

impl Intake {
    /// Starts to read standard input, on a thread of its own.
    pub(super) fn stdin(
        config: &Config,
        messages: &Arc<Messages>,
        (meters, health): (&Meters, &Health),
        outlet: Outlet,
        stages: &mut Stages,
    ) -> Result<Self, BuildError> {
        let settings = StdinSettings {
            lines: Arc::new(settings::lines(config, messages)),
            encoder: settings::encoder(config),
            meters: meters.reading.clone(),
            beat: health.input.clone(),
        };
        let runtime = Builder::new_current_thread().enable_time().build()?;
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        stages.thread(StageName::Input, "tail", move || {
            runtime.block_on(input::run_stdin(settings, outlet, stopped));
        });
        health.ready.set();
        Ok(Self::Stdin { stop, silence: health.silence.clone() })
    }

    /// Waits until there is something to do. Nothing is lost when the waiting is given up.
    pub(super) async fn work(&mut self) -> ShardWork {
        match self {
            Self::Files(shards) => shards.work().await,
            Self::Stdin { .. } => pending().await,
        }
    }

    /// Does what there is to do.
    pub(super) fn serve(&mut self, work: ShardWork, stages: &mut Stages) {
        if let Self::Files(shards) = self {
            shards.serve(work, stages);
        }
    }

    /// Goes on with another configuration.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub(super) fn reload(&mut self, config: &Config) -> Result<(), BuildError> {
        match self {
            Self::Files(shards) => shards.reload(config),
            Self::Stdin { .. } => Err(BuildError::Stdin),
        }
    }

    /// The file systems that do not answer.
    pub(super) fn silence(&self) -> &Silence {
        match self {
            Self::Files(shards) => shards.silence(),
            Self::Stdin { silence, .. } => silence,
        }
    }

    /// Has all reading end.
    pub(super) fn stop(self, stages: &mut Stages) {
        match self {
            Self::Files(shards) => shards.stop(stages),
            Self::Stdin { stop, .. } => stop.cancel(),
        }
    }
}
