//! All shards. One serves the file systems of this machine. Each file system that may not answer has
//! one of its own, so that it delays nobody else: it gets what leads there when that is found.

use std::collections::{BTreeMap, HashMap};
use std::future::pending;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{error, info, warn};

use super::BuildError;
use super::answers::{Answers, News, PATIENCE};
use super::far::{FarShard, named, relay, split};
use super::settings::{self, ShardSettings, Vitals, ends_by_itself};
use super::shard::{Outlets, Shard, ThreadNames};
use super::stages::Stages;
use crate::config::Config;
use crate::discover::{Area, Crossings};
use crate::health::Health;
use crate::health::metrics::Meters;
use crate::health::readiness::FileTally;
use crate::health::silence::Silence;
use crate::input::KnownFiles;
use crate::mounts::{SharedMounts, Territory};
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::Outlet;
use crate::pipeline::globs::FollowedGlobs;
use crate::pipeline::position::{Record, SourceIds, Update};
use crate::shown::Show;

/// How often it is looked whether file systems answer.
const TICK: Duration = Duration::from_secs(1);
const NEAR: ThreadNames = ThreadNames { input: "tail", discover: "discover" };
const FAR: ThreadNames = ThreadNames { input: "tail-mount", discover: "discover-mount" };

/// The shards, running.
#[derive(Debug)]
pub(super) struct Shards {
    near: Shard,
    near_vitals: Vitals,
    /// By the points where their file systems are mounted.
    far: BTreeMap<PathBuf, FarShard>,
    crossings: mpsc::UnboundedReceiver<Crossings>,
    /// The positions of those that are not there yet.
    records: HashMap<PathBuf, Vec<Record>>,
    material: Material,
    /// The ways over the border were not told yet, since the start or the last reload.
    is_new: bool,
    /// What was told of the files, since the start or the last reload.
    told: Option<FileTally>,
    tick_at: Instant,
}

/// What further shards are made of.
#[derive(Debug)]
pub(super) struct Material {
    pub(super) config: Config,
    pub(super) mounts: SharedMounts,
    pub(super) meters: Meters,
    pub(super) health: Health,
    pub(super) ids: SourceIds,
    /// When the last run saw a file last.
    pub(super) last_run: Option<SystemTime>,
    /// What the last run followed.
    pub(super) last_globs: Option<FollowedGlobs>,
    /// The ways to the stages behind; nothing once no more shards will come.
    pub(super) outlets: Option<(Outlet, mpsc::Sender<Vec<Update>>)>,
}

/// What there is to do.
#[derive(Debug)]
pub(super) enum ShardWork {
    /// These ways lead over the border now.
    Crossings(Crossings),
    /// The first pass on this side is done.
    NearIsReady,
    /// It is time to see whether all answer.
    Tick,
}

impl Material {
    fn settings(
        &self,
        config: &Config,
        territory: Territory,
        area: Area,
        vitals: &Vitals,
    ) -> ShardSettings {
        settings::shard(config, (territory, area), &self.mounts, &self.meters, vitals)
    }

    fn known(&self, records: Vec<Record>, settings: &mut ShardSettings) -> KnownFiles {
        let entry_of = std::mem::replace(&mut settings.entry_of, Box::new(|_| None));
        // Without positions nothing tells that the last run has seen what its globs matched.
        let globs = self.last_globs.as_ref().filter(|_| self.last_run.is_some());
        let matched_last = globs.and_then(settings::matched_by);
        let (ids, last_run) = (self.ids.clone(), self.last_run);
        KnownFiles { records, ids, last_run, entry_of, matched_last }
    }
}

impl Shards {
    /// Starts the shard of this machine. `records` are all positions; emptied batches come back by
    /// `spare`.
    pub(super) fn start(
        mut material: Material,
        records: Vec<Record>,
        spare: mpsc::Receiver<Batch>,
        stages: &mut Stages,
    ) -> Result<Self, BuildError> {
        let (told, crossings) = mpsc::unbounded_channel();
        let vitals = Vitals {
            discover: material.health.discover.clone(),
            input: material.health.input.clone(),
            ..Vitals::default()
        };
        let mut settings =
            material.settings(&material.config, Territory::Near, Area::Near(told), &vitals);
        material.last_run = records.iter().map(|record| record.seen).max();
        let mut by_territory = split(records, &material.mounts);
        let near = by_territory.remove(&Territory::Near).unwrap_or_default();
        let known = material.known(near, &mut settings);
        let (batches, updates) = match &material.outlets {
            Some(outlets) => outlets.clone(),
            None => unreachable!("the first shard has a way out"),
        };
        let outlets = Outlets { batches, spare, updates };
        let near = Shard::start(settings, known, outlets, &NEAR, stages)?;
        let records = by_territory.into_iter().filter_map(|(territory, records)| match territory {
            Territory::Near => None,
            Territory::Far(point) => Some((point, records)),
        });
        Ok(Self {
            near,
            near_vitals: vitals,
            far: BTreeMap::new(),
            crossings,
            records: records.collect(),
            material,
            is_new: true,
            told: None,
            tick_at: Instant::now() + TICK,
        })
    }

    /// Waits until there is something to do. Nothing is lost when the waiting is given up.
    pub(super) async fn work(&mut self) -> ShardWork {
        let (has_far, is_told) = (!self.far.is_empty(), self.told.is_some());
        let near_is_ready = self.near_vitals.first_pass.reached();
        tokio::select! {
            // In this order: the ways are told before the first pass ends.
            biased;
            Some(crossings) = self.crossings.recv() => ShardWork::Crossings(crossings),
            () = near_is_ready, if !is_told && !has_far => ShardWork::NearIsReady,
            () = sleep_until(self.tick_at), if has_far => ShardWork::Tick,
            else => pending().await,
        }
    }

    /// Does what there is to do.
    pub(super) fn serve(&mut self, work: ShardWork, stages: &mut Stages) {
        match work {
            ShardWork::Crossings(crossings) => self.meet(crossings, stages),
            ShardWork::NearIsReady => {}
            ShardWork::Tick => {
                self.listen();
                self.tick_at = Instant::now() + TICK;
            }
        }
        let far = self.far.values().filter(|far| !far.answers.is_silent()).map(|far| &far.vitals);
        let passes = far.chain([&self.near_vitals]).map(|vitals| vitals.first_pass.tally());
        if let Some(tally) = passes.sum::<Option<FileTally>>() {
            self.material.health.ready.set();
            self.tell(tally);
        }
    }

    /// Says how many files there are, on all file systems that answer; of none at all, who configured
    /// that should know.
    fn tell(&mut self, tally: FileTally) {
        if self.told.replace(tally) == Some(tally) {
            return;
        }
        match tally.is_idle() {
            true => warn!("{tally}; --check says why"),
            false => info!("{tally}"),
        }
    }

    /// Hands each file system the ways that lead there, and starts the shards that are missing.
    fn meet(&mut self, mut crossings: Crossings, stages: &mut Stages) {
        let is_new = std::mem::take(&mut self.is_new);
        for point in self.records.keys() {
            crossings.entry(point.clone()).or_default();
        }
        for point in crossings.keys() {
            if self.far.contains_key(point) {
                continue;
            }
            match self.start_far(point, is_new, stages) {
                Ok(Some(far)) => drop(self.far.insert(point.clone(), far)),
                Ok(None) => {}
                Err(error) => error!("the files on {} are not followed: {error}", point.shown()),
            }
        }
        for (point, far) in &self.far {
            let ways = Some(Arc::new(crossings.remove(point).unwrap_or_default()));
            far.ways.send_if_modified(|told| {
                let is_news = *told != ways;
                *told = ways;
                is_news
            });
        }
        if ends_by_itself(self.material.config.mode) {
            self.material.outlets = None;
        }
    }

    fn start_far(
        &mut self,
        point: &Path,
        is_new: bool,
        stages: &mut Stages,
    ) -> Result<Option<FarShard>, BuildError> {
        let Some((outlet, updates)) = self.material.outlets.clone() else { return Ok(None) };
        let (ways, known_ways) = watch::channel(None);
        let vitals = Vitals::default();
        let (territory, area) =
            (Territory::Far(point.to_owned()), Area::Far(point.to_owned(), known_ways));
        let mut settings = self.material.settings(&self.material.config, territory, area, &vitals);
        // Files on what is mounted later have come later.
        settings.input.from_start |= !is_new;
        let records = self.records.remove(point).unwrap_or_default();
        let known = self.material.known(records, &mut settings);
        let outlets = Outlets { batches: relay(outlet), spare: mpsc::channel(1).1, updates };
        let shard = Shard::start(settings, known, outlets, &FAR, stages)?;
        let answers = Answers::of(&vitals);
        Ok(Some(FarShard { shard, ways, vitals, answers }))
    }

    /// Notes, and says, which file systems do not answer.
    fn listen(&mut self) {
        let now = Instant::now();
        for (point, far) in &mut self.far {
            let Some(news) = far.answers.look(now) else { continue };
            let name = named(point, &self.material.mounts);
            match news {
                News::Silent => warn!(
                    "{name} has not answered for {} s; files there are not read until it does, all \
                     others are; see that its server or its program runs, or unmount it \
                     (umount -l)",
                    PATIENCE.as_secs()
                ),
                News::Again(silence) => {
                    info!("{name} answers again, after {} s", silence.as_secs());
                }
            }
            self.material.health.silence.note(point, news == News::Silent);
        }
        let silent = self.far.values().filter(|far| far.answers.is_silent()).count();
        self.material.meters.finding.silent.set(silent as i64);
    }

    /// Goes on with another configuration.
    ///
    /// # Errors
    /// Then nothing has changed.
    pub(super) fn reload(&mut self, config: &Config) -> Result<(), BuildError> {
        let (told, crossings) = mpsc::unbounded_channel();
        let (near, area) = (Territory::Near, Area::Near(told));
        let near = self.material.settings(config, near, area, &self.near_vitals);
        let mut far_settings = Vec::new();
        for (point, far) in &self.far {
            let (ways, known_ways) = watch::channel(None);
            let (territory, area) =
                (Territory::Far(point.clone()), Area::Far(point.clone(), known_ways));
            let settings = self.material.settings(config, territory, area, &far.vitals);
            far_settings.push((settings, ways));
        }
        let shards = self.far.values().map(|far| &far.shard);
        if !shards.chain([&self.near]).all(Shard::takes_reload) {
            return Err(BuildError::Busy);
        }
        self.told = None;
        self.near_vitals.first_pass.begin_anew();
        self.near.reload(near);
        for (far, (settings, ways)) in self.far.values_mut().zip(far_settings) {
            far.vitals.first_pass.begin_anew();
            far.shard.reload(settings);
            far.ways = ways;
        }
        self.crossings = crossings;
        self.material.config = config.clone();
        self.is_new = true;
        Ok(())
    }

    /// The file systems that do not answer.
    pub(super) fn silence(&self) -> &Silence {
        &self.material.health.silence
    }

    /// Has all shards end. Those that do not answer are not waited for.
    pub(super) fn stop(self, stages: &mut Stages) {
        for (_, far) in self.far {
            match far.answers.is_silent() {
                true => far.shard.abandon(stages),
                false => far.shard.stop(),
            }
        }
        self.near.stop();
    }
}
