//! The loop: events in, batches out.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, UNIX_EPOCH};

use tokio::sync::mpsc::{Receiver, Sender};
use tokio_util::sync::CancellationToken;
use tracing::info;

use super::Settings;
use super::follower::{ALL_NEW, Follower, Turn, Work};
use super::reader::{Counts, Reader, mark};
use super::registry::Registry;
use crate::batch::Batch;
use crate::event::Event;
use crate::meter::Reading;
use crate::position::{Record, Update};

/// The channels to the neighbours.
pub struct Links {
    /// Where to look.
    pub events: Receiver<Event>,
    /// Messages to send.
    pub batches: Sender<Batch>,
    /// Used batches come back here, for their memory.
    pub spare: Receiver<Batch>,
    /// Positions at first sight, for the state.
    pub updates: Sender<Vec<Update>>,
    /// Stop reading.
    pub stop: CancellationToken,
}

/// What is known from before.
pub struct Known {
    /// Positions that had been confirmed.
    pub records: Vec<Record>,
    /// The lowest source number not in use.
    pub next_id: u64,
    /// Finds the entry of `files` that matches a path.
    pub entry_of: EntryOf,
}

/// The index of the entry of `files` that matches a path, if one does.
pub type EntryOf = Box<dyn Fn(&Path) -> Option<usize> + Send>;

/// A batch is passed on when it has this many bytes, or nothing more is to be had.
const BATCH: usize = 256 << 10;
/// How many events are handled before reading has its turn.
const EVENTS: usize = 256;
/// … or after so many turns, so that events do not wait for long.
const TURNS: usize = 1024;
/// With more files than this the log does not name each at the start.
const NAMED_MAX: usize = 100;
/// Descriptors of quiet files are given back after this time …
const QUIET: Duration = Duration::from_secs(60);
/// … or after this one when there are many.
const QUIET_MANY: Duration = Duration::from_secs(3);
const MANY: usize = 32;
/// How often descriptors are gone through.
const HOUSEKEEPING: Duration = Duration::from_secs(2);

/// How often it is added up what there is to read.
const MEASURING: Duration = Duration::from_millis(500);

/// Follows files until `links.stop`, or until nobody sends events any more.
pub async fn run(settings: Settings, known: Known, links: Links) {
    let Links { mut events, batches, spare, updates, stop } = links;
    let beat = settings.meters.beat.clone();
    let mut stage = Stage::new(settings, known, spare);
    loop {
        beat.turn();
        tell(&updates, stage.take_first_seen()).await;
        stage.measure(now());
        let wake = stage.next_wake();
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            () = beat.asked() => {}
            event = events.recv() => match event {
                Some(event) => {
                    stage.handle(event, now());
                    for _ in 0..EVENTS {
                        let Ok(event) = events.try_recv() else { break };
                        stage.handle(event, now());
                    }
                }
                None => return,
            },
            () = sleep_until(wake), if wake.is_some() => stage.wake(now()),
            permit = batches.reserve(), if stage.has_work() => {
                let Ok(permit) = permit else { return };
                let batch = stage.fill(now());
                // Before the batch, whose confirmation says more.
                tell(&updates, stage.take_first_seen()).await;
                if !batch.is_empty() {
                    stage.meters.queued_bytes.add(batch.bytes.len() as i64);
                    permit.send(batch);
                }
            }
        }
    }
}

/// Which unknown files are old: all, unless it is known when we ran last. What has appeared since
/// then is read from its beginning, as if we had been there.
fn old_before(records: &[Record]) -> i64 {
    let last_run = records.iter().map(|record| record.seen).max();
    let nanoseconds = last_run.and_then(|at| {
        // Kept to the second.
        let since = at.duration_since(UNIX_EPOCH).ok()? + Duration::from_secs(1);
        i64::try_from(since.as_nanos()).ok()
    });
    nanoseconds.unwrap_or(i64::MAX)
}

async fn tell(updates: &Sender<Vec<Update>>, first_seen: Vec<Update>) {
    if !first_seen.is_empty() {
        // It cannot fail: the state ends after this stage.
        let _ = updates.send(first_seen).await;
    }
}

/// The runtime's clock: below here time is handed in.
fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

async fn sleep_until(at: Option<Instant>) {
    if let Some(at) = at {
        tokio::time::sleep_until(at.into()).await;
    }
}

pub(super) struct Stage {
    /// Files that are seen for the first time in the first pass start at their end when they were
    /// born before this time, in nanoseconds since the epoch.
    old_before: i64,
    entry_of: EntryOf,
    reader: Reader,
    registry: Registry,
    followers: Vec<Option<Follower>>,
    vacant: Vec<usize>,
    by_path: HashMap<PathBuf, usize>,
    ready: VecDeque<usize>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    open: HashSet<usize>,
    housekeeping: Option<Instant>,
    /// During the first pass: what was found, so that known files are told apart before any is
    /// taken for new.
    first_pass: Option<Vec<(PathBuf, usize)>>,
    records: BTreeMap<PathBuf, Vec<Record>>,
    sweep: u32,
    spare: Receiver<Batch>,
    meters: Reading,
    /// What of the reader's counts the meters show already.
    told: Counts,
    /// When it is next added up what there is to read.
    measure_at: Option<Instant>,
}

impl Stage {
    pub(super) fn new(settings: Settings, known: Known, spare: Receiver<Batch>) -> Self {
        let old_before = if settings.from_start { ALL_NEW } else { old_before(&known.records) };
        let mut records: BTreeMap<PathBuf, Vec<Record>> = BTreeMap::new();
        for record in known.records {
            records.entry(record.source.path.clone()).or_default().push(record);
        }
        for records in records.values_mut() {
            records.sort_by_key(|record| record.source.id);
        }
        Self {
            old_before,
            entry_of: known.entry_of,
            reader: Reader::new(settings.encoder, settings.exclude),
            registry: Registry::new(settings.messages, known.next_id, &settings.meters),
            followers: Vec::new(),
            vacant: Vec::new(),
            by_path: HashMap::new(),
            ready: VecDeque::new(),
            timers: BinaryHeap::new(),
            open: HashSet::new(),
            housekeeping: None,
            first_pass: Some(Vec::new()),
            records,
            sweep: 0,
            spare,
            meters: settings.meters,
            told: Counts::default(),
            measure_at: None,
        }
    }

    pub(super) fn handle(&mut self, event: Event, now: Instant) {
        match event {
            Event::Look { path, entry } => match &mut self.first_pass {
                Some(found) => found.push((path, entry)),
                None => self.look_at(path, entry, now),
            },
            Event::Swept => {
                if let Some(found) = self.first_pass.take() {
                    self.first_pass(found, now);
                } else {
                    self.look_at_all(Some(self.sweep), now);
                }
                self.sweep = self.sweep.wrapping_add(1);
            }
            Event::LookAll => self.look_at_all(None, now),
        }
    }

    /// Positions at first sight that the state does not know yet.
    pub(super) fn take_first_seen(&mut self) -> Vec<Update> {
        std::mem::take(&mut self.registry.first_seen)
    }

    /// Known files first, under whatever name, so that none of them is taken for a new one.
    fn first_pass(&mut self, found: Vec<(PathBuf, usize)>, now: Instant) {
        self.registry.is_terse = found.len() > NAMED_MAX;
        let found: BTreeMap<PathBuf, usize> = found.into_iter().rev().collect();
        let mut known = Vec::new();
        for (path, records) in std::mem::take(&mut self.records) {
            // The path may be gone, but what was rotated away from it may have to be read.
            let Some(entry) = found.get(&path).copied().or_else(|| (self.entry_of)(&path)) else {
                self.drop_records(records);
                continue;
            };
            let id = self.follower(path, entry, now);
            for record in &records {
                self.registry.claim(record.source.inode, id);
            }
            known.push((id, records));
        }
        for (id, records) in known {
            if let Some(follower) = &mut self.followers[id] {
                follower.resume(records, &mut self.registry, now);
            }
            self.count(id);
            self.queue_unread(id);
        }
        for (path, entry) in found {
            if self.by_path.contains_key(&path) {
                continue;
            }
            let id = self.follower(path, entry, now);
            if let Some(follower) = &mut self.followers[id] {
                follower.begin(self.old_before, &mut self.registry, now);
            }
            self.count(id);
            self.queue_unread(id);
        }
        self.registry.is_terse = false;
        let count = self.followers.iter().flatten().filter(|f| f.has_generations()).count();
        info!("following {count} {}", if count == 1 { "file" } else { "files" });
        self.meters.under_way.cancel();
    }

    /// The configuration does not name these files any more.
    fn drop_records(&mut self, records: Vec<Record>) {
        let forget = records.into_iter().map(|record| Update::Forget(record.source.id));
        self.registry.retired.extend(forget);
    }

    fn look_at(&mut self, path: PathBuf, entry: usize, now: Instant) {
        let id = match self.by_path.get(&path) {
            Some(&id) => id,
            None => self.follower(path, entry, now),
        };
        self.look(id, now);
    }

    /// Looks at all files, or at those that were not named in `sweep`.
    fn look_at_all(&mut self, unless: Option<u32>, now: Instant) {
        for id in 0..self.followers.len() {
            let is_due = |follower: &Follower| unless.is_none_or(|sweep| follower.sweep != sweep);
            if self.followers[id].as_ref().is_some_and(is_due) {
                self.look(id, now);
            }
        }
    }

    fn look(&mut self, id: usize, now: Instant) {
        let sweep = self.sweep;
        let Some(follower) = &mut self.followers[id] else { return };
        follower.sweep = sweep;
        if follower.look(&mut self.registry, now) {
            self.queue(id);
        } else if follower.is_over() {
            self.remove(id);
        }
        self.count(id);
    }

    /// Has a file counted, once there is one.
    fn count(&mut self, id: usize) {
        if let Some(follower) = &mut self.followers[id]
            && follower.has_generations()
            && !std::mem::replace(&mut follower.is_counted, true)
        {
            self.meters.files.inc();
        }
    }

    /// Shows how much there is to read: at once that there is nothing, else every now and then.
    fn measure(&mut self, now: Instant) {
        if self.ready.is_empty() {
            self.meters.unread_bytes.set(0);
        } else if self.measure_at.is_none_or(|at| at <= now) {
            let followers = self.ready.iter().filter_map(|&id| self.followers[id].as_ref());
            let unread: u64 = followers.map(Follower::unread).sum();
            self.meters.unread_bytes.set(i64::try_from(unread).unwrap_or(i64::MAX));
            self.measure_at = Some(now + MEASURING);
        }
    }

    /// Shows what was read.
    fn tell_counts(&mut self) {
        let now = self.reader.counts;
        let before = std::mem::replace(&mut self.told, now);
        self.meters.bytes.inc_by(now.bytes - before.bytes);
        self.meters.lines.inc_by(now.lines - before.lines);
        self.meters.excluded.inc_by(now.excluded - before.excluded);
        self.meters.cut.inc_by(now.cut - before.cut);
    }

    fn follower(&mut self, path: PathBuf, entry: usize, now: Instant) -> usize {
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.followers.push(None);
            self.followers.len() - 1
        });
        self.by_path.insert(path.clone(), id);
        let mut follower = Follower::new(id, path, entry, now);
        follower.sweep = self.sweep;
        self.followers[id] = Some(follower);
        id
    }

    fn remove(&mut self, id: usize) {
        if let Some(follower) = self.followers[id].take() {
            if follower.is_counted {
                self.meters.files.dec();
            }
            self.by_path.remove(follower.path());
            self.registry.wait_no_more(id);
            self.open.remove(&id);
            self.vacant.push(id);
        }
    }

    /// Descriptors are for files that have something to read.
    fn queue_unread(&mut self, id: usize) {
        if self.followers[id].as_ref().is_some_and(Follower::has_unread) {
            self.queue(id);
        }
    }

    fn queue(&mut self, id: usize) {
        let Some(follower) = &mut self.followers[id] else { return };
        if !std::mem::replace(&mut follower.is_queued, true) {
            self.ready.push_back(id);
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.registry.retired.is_empty()
    }

    /// Reads from one file after the other until the batch is full or all are at their end.
    pub(super) fn fill(&mut self, now: Instant) -> Batch {
        let mut batch = self.spare.try_recv().unwrap_or_default();
        batch.clear();
        self.reader.tick();
        for _ in 0..TURNS {
            if batch.bytes.len() >= BATCH {
                break;
            }
            let Some(id) = self.ready.pop_front() else { break };
            let Some(follower) = &mut self.followers[id] else { continue };
            follower.is_queued = false;
            let turn = follower.read(&mut Work {
                reader: &mut self.reader,
                registry: &mut self.registry,
                batch: &mut batch,
                now,
            });
            if follower.is_open() {
                self.open.insert(id);
                self.housekeeping.get_or_insert(now + HOUSEKEEPING);
            }
            match turn {
                Turn::Again => self.queue(id),
                Turn::At(at) => {
                    if follower.timer.is_none_or(|set| at < set) {
                        follower.timer = Some(at);
                        self.timers.push(Reverse((at, id)));
                    }
                }
                Turn::Look => self.look(id, now),
                Turn::Idle if follower.is_over() => self.remove(id),
                Turn::Idle => {}
            }
            self.hand_over(now);
        }
        for update in self.registry.retired.drain(..) {
            mark(&mut batch, update);
        }
        self.tell_counts();
        batch
    }

    /// Gives files that were let go to the paths that wait for them.
    fn hand_over(&mut self, now: Instant) {
        while let Some(generation) = self.registry.handed_over.pop() {
            let heir = self.registry.heir(generation.source.inode);
            let heir = heir.and_then(|id| self.followers[id].as_mut());
            match heir.filter(|heir| generation.is_at(heir.path())) {
                Some(heir) => {
                    heir.adopt(generation, &mut self.registry, now);
                    let id = heir.id();
                    self.count(id);
                    self.queue(id);
                }
                None => self.registry.forget(&generation),
            }
        }
    }

    fn next_wake(&self) -> Option<Instant> {
        let timer = self.timers.peek().map(|Reverse((at, _))| *at);
        timer.into_iter().chain(self.housekeeping).min()
    }

    pub(super) fn wake(&mut self, now: Instant) {
        while let Some(&Reverse((at, id))) = self.timers.peek() {
            if at > now {
                break;
            }
            self.timers.pop();
            if let Some(follower) = &mut self.followers[id] {
                follower.timer = follower.timer.filter(|&set| set != at);
            }
            self.queue(id);
        }
        if self.housekeeping.is_some_and(|at| at <= now) {
            self.close_quiet(now);
        }
    }

    /// Files that were quiet for a while hold no descriptor.
    fn close_quiet(&mut self, now: Instant) {
        let quiet = if self.open.len() > MANY { QUIET_MANY } else { QUIET };
        let followers = &mut self.followers;
        self.open.retain(|&id| {
            let Some(follower) = &mut followers[id] else { return false };
            if !follower.is_queued && now.saturating_duration_since(follower.last_read) >= quiet {
                follower.close_current();
            }
            follower.is_open()
        });
        self.housekeeping = (!self.open.is_empty()).then_some(now + HOUSEKEEPING);
    }
}
