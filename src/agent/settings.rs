//! What each stage gets of the configuration.

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::config::{Config, Mode};
use crate::deliver;
use crate::discover::{self, Area, Globs};
use crate::health::liveness::Beat;
use crate::health::metrics::Meters;
use crate::health::readiness::Readiness;
use crate::input::{self, EntryOf, FileSettings};
use crate::mounts::{Fence, SharedMounts, Territory};

/// What a shard gets.
pub(super) struct ShardSettings {
    pub(super) input: input::Settings,
    pub(super) discover: discover::Settings,
    pub(super) entry_of: EntryOf,
}

/// What a shard shows of itself.
#[derive(Debug, Clone, Default)]
pub(super) struct Vitals {
    pub(super) discover: Beat,
    pub(super) input: Beat,
    pub(super) readiness: Readiness,
}

/// What a shard that serves `territory` gets of `config`; `area` says the same to its walks.
pub(super) fn shard(
    config: &Config,
    (territory, area): (Territory, Area),
    mounts: &SharedMounts,
    meters: &Meters,
    vitals: &Vitals,
) -> ShardSettings {
    let (entries, exclude) = (Globs::new(&config.files), config.exclude_files.clone());
    ShardSettings {
        input: input(config, Fence::around(territory, mounts.clone()), meters, vitals),
        discover: discover::Settings {
            globs: Globs::new(&config.files),
            exclude: config.exclude_files.clone(),
            sweep_interval: config.sweep_interval,
            poll: config.poll,
            meters: meters.finding.clone(),
            beat: vitals.discover.clone(),
            mounts: mounts.clone(),
            area,
        },
        entry_of: Box::new(move |path| {
            let is_excluded = exclude.matches(path.as_os_str().as_bytes());
            if is_excluded { None } else { entries.entry_of(path) }
        }),
    }
}

fn input(config: &Config, fence: Fence, meters: &Meters, vitals: &Vitals) -> input::Settings {
    let exclude = Arc::new(config.exclude_patterns.clone());
    let files = config.files.iter().map(|entry| FileSettings {
        priority: config.priority,
        hostname: config.hostname.clone(),
        token: config.destination.token.clone(),
        tag: entry.tag.clone(),
        exclude: Arc::clone(&exclude),
    });
    input::Settings {
        files: files.map(Arc::new).collect(),
        exclude_files: config.exclude_files.clone(),
        encoder: match config.mode {
            Mode::DryRun { .. } => deliver::printing_encoder(&config.destination),
            Mode::Daemon | Mode::Once => deliver::encoder(&config.destination),
        },
        from_start: config.from_start,
        once: ends_by_itself(config.mode),
        fence,
        meters: meters.reading.clone(),
        beat: vitals.input.clone(),
        readiness: vitals.readiness.clone(),
    }
}

/// Whether all ends once what is there is read.
pub(super) fn ends_by_itself(mode: Mode) -> bool {
    matches!(mode, Mode::Once | Mode::DryRun { once: true })
}
