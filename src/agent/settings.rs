//! What each stage gets of the configuration.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;

use crate::config::{Config, FileEntry, Messages, Mode};
use crate::deliver;
use crate::discover::{self, Area, Globs};
use crate::filter::Patterns;
use crate::glob::Glob;
use crate::health::liveness::Beat;
use crate::health::metrics::Meters;
use crate::health::readiness::FirstPass;
use crate::input::{self, EntryOf, FileSettings, MatchedLast};
use crate::mounts::{Fence, SharedMounts, Territory};
use crate::pipeline::globs::FollowedGlobs;
use crate::syslog::Encoder;

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
    pub(super) first_pass: FirstPass,
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

/// Whether globs of a former run matched a path. None where they mean nothing to this version.
pub(super) fn matched_by(globs: &FollowedGlobs) -> Option<MatchedLast> {
    let entry = |glob: &String| {
        let glob = Glob::parse(Path::new("/"), Path::new(glob)).ok()?;
        Some(FileEntry::plain(glob))
    };
    let entries: Option<Vec<_>> = globs.files.iter().map(entry).collect();
    let entries = Globs::new(&entries?);
    let exclude = Patterns::new(&globs.exclude_files).ok()?;
    Some(Box::new(move |path| {
        !exclude.matches(path.as_os_str().as_bytes()) && entries.entry_of(path).is_some()
    }))
}

/// The globs of this run. A glob that is not UTF-8 is not kept: the next run tells files that only it
/// matches by their times of birth.
fn globs(config: &Config) -> FollowedGlobs {
    let texts = config.files.iter().filter_map(|entry| entry.glob.text().to_str());
    let exclude_files = config.exclude_files.texts().map(str::to_owned).collect();
    FollowedGlobs { files: texts.map(str::to_owned).collect(), exclude_files }
}

/// How lines with these messages are read and sent.
pub(super) fn lines(config: &Config, messages: &Messages) -> FileSettings {
    FileSettings {
        priority: messages.priority(),
        hostname: messages.hostname.clone(),
        token: config.destination.token.clone(),
        tag: messages.tag.clone(),
        path_regex: messages.path_regex.clone(),
        time: messages.time(),
        text: (!messages.text.is_idle()).then(|| Arc::new(messages.text.clone())),
        structured_data: messages.structured_data.clone(),
        filter: Arc::clone(&messages.filter),
    }
}

/// What makes the frames.
pub(super) fn encoder(config: &Config) -> Encoder {
    match config.mode {
        Mode::DryRun { .. } => deliver::printing_encoder(&config.destination),
        Mode::Daemon | Mode::Once | Mode::Stdin => deliver::encoder(&config.destination),
    }
}

fn input(config: &Config, fence: Fence, meters: &Meters, vitals: &Vitals) -> input::Settings {
    let files = config.files.iter().map(|entry| lines(config, &entry.messages));
    input::Settings {
        files: files.map(Arc::new).collect(),
        exclude_files: config.exclude_files.clone(),
        encoder: encoder(config),
        globs: Arc::new(globs(config)),
        from_start: config.from_start,
        read_again: config.read_again.clone(),
        once: ends_by_itself(config.mode),
        fifos: config.mode == Mode::Daemon,
        fence,
        meters: meters.reading.clone(),
        beat: vitals.input.clone(),
        first_pass: vitals.first_pass.clone(),
    }
}

/// Whether all ends once what is there is read.
pub(super) fn ends_by_itself(mode: Mode) -> bool {
    matches!(mode, Mode::Once | Mode::Stdin | Mode::DryRun { once: true })
}
