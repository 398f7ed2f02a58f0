//! What each stage gets of the configuration.

use std::os::unix::ffi::OsStrExt;
use std::sync::Arc;

use crate::config::{Config, Mode};
use crate::deliver;
use crate::discover::{self, Globs};
use crate::health::Health;
use crate::health::metrics::Meters;
use crate::input::{self, EntryOf, FileSettings};

/// Which entry of `files` names a path.
pub(super) fn entry_of(config: &Config) -> EntryOf {
    let (entries, exclude) = (Globs::new(&config.files), config.exclude_files.clone());
    Box::new(move |path| {
        let is_excluded = exclude.matches(path.as_os_str().as_bytes());
        if is_excluded { None } else { entries.entry_of(path) }
    })
}

pub(super) fn input(config: &Config, meters: &Meters, health: &Health) -> input::Settings {
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
        meters: meters.reading.clone(),
        beat: health.input.clone(),
        readiness: health.ready.clone(),
    }
}

pub(super) fn discover(config: &Config, meters: &Meters, health: &Health) -> discover::Settings {
    discover::Settings {
        globs: Globs::new(&config.files),
        exclude: config.exclude_files.clone(),
        sweep_interval: config.sweep_interval,
        poll: config.poll,
        meters: meters.finding.clone(),
        beat: health.discover.clone(),
    }
}

/// Whether all ends once what is there is read.
pub(super) fn ends_by_itself(mode: Mode) -> bool {
    matches!(mode, Mode::Once | Mode::DryRun { once: true })
}
