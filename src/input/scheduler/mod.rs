//! The loop: events in, batches out.

mod batches;
mod descriptors;
mod exchange;
mod passes;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::path::Path;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use self::descriptors::held_max;
use self::passes::old_before;
use super::{FileSettings, Settings};
use crate::health::metrics::Reading;
use crate::health::readiness::Readiness;
use crate::input::path::ownership::Registry;
use crate::input::path::{ALL_NEW, Follower};
use crate::input::read::reader::{Counts, Reader};
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::{Outlet, Room};
use crate::pipeline::event::Event;
use crate::pipeline::position::{Record, SourceIds, Update, nanoseconds};

/// The channels to the neighbours.
pub struct Links {
    /// Where to look.
    pub events: Receiver<Vec<Event>>,
    /// Messages to send.
    pub outlet: Outlet,
    /// Used batches come back here, for their memory.
    pub spare: Receiver<Batch>,
    /// Positions at first sight, for the state.
    pub updates: Sender<Vec<Update>>,
    /// Changed configurations; each is sent before what sends the events so far is ended.
    pub reloads: Receiver<Reload>,
    /// Stop reading.
    pub stop: CancellationToken,
}

/// A changed configuration.
pub struct Reload {
    /// From now on. What is counted and whether it runs once stay as they are.
    pub settings: Settings,
    /// Finds the new entry of `files` that matches a path.
    pub entry_of: EntryOf,
    /// Where to look, from a first pass over the new globs on.
    pub events: Receiver<Vec<Event>>,
}

/// What is known from before.
pub struct Known {
    /// Positions that had been confirmed.
    pub records: Vec<Record>,
    /// Gives numbers to new sources.
    pub ids: SourceIds,
    /// Finds the entry of `files` that matches a path.
    pub entry_of: EntryOf,
}

/// The index of the entry of `files` that matches a path, if one does.
pub type EntryOf = Box<dyn Fn(&Path) -> Option<usize> + Send>;

/// How many events are handled before reading has its turn.
const EVENTS: usize = 256;

/// Follows files until `links.stop`, or until nobody sends events any more and no reload brings
/// others; with `settings.once` until all that was there at the start is read.
pub async fn run(settings: Settings, known: Known, links: Links) {
    let Links { mut events, outlet, spare, updates, mut reloads, stop } = links;
    let beat = settings.beat.clone();
    let mut stage = Stage::new(settings, known, spare);
    // Made once: to begin and end each of these waits for every line would cost more than the line.
    let mut stopped = pin!(stop.cancelled());
    let mut asked = pin!(beat.asked());
    let mut alarm = Alarm::new();
    loop {
        beat.turn();
        tell(&updates, stage.take_first_seen()).await;
        stage.measure(now());
        if stage.is_done() {
            return;
        }
        stage.registry.looked_at = None;
        alarm.set(stage.next_wake());
        tokio::select! {
            biased;
            () = &mut stopped => return,
            Some(reload) = reloads.recv() => events = stage.reload(reload, wall_clock(), now()),
            () = &mut asked => asked.set(beat.asked()),
            some = events.recv() => match some {
                Some(some) => {
                    let mut handled = some.len();
                    stage.handle_all(some, now());
                    while handled < EVENTS && let Ok(more) = events.try_recv() {
                        handled += more.len();
                        stage.handle_all(more, now());
                    }
                    // Most often this was one line, and nobody is in the way.
                    if stage.has_work() && let Some(room) = outlet.room_now() {
                        read(&mut stage, room, &updates).await;
                    }
                }
                // A reload comes before the end of the events it replaces, and may have come since
                // it was looked for above.
                None => match reloads.try_recv() {
                    Ok(reload) => events = stage.reload(reload, wall_clock(), now()),
                    Err(_) => return,
                },
            },
            () = alarm.rings(), if alarm.is_set() => stage.wake(now()),
            room = outlet.room(), if stage.has_work() => {
                let Ok(room) = room else { return };
                read(&mut stage, room, &updates).await;
            }
        }
    }
}

/// Fills a batch and passes it on.
async fn read(stage: &mut Stage, room: Room<'_>, updates: &Sender<Vec<Update>>) {
    let batch = stage.fill(now());
    // Before the batch, whose confirmation says more.
    tell(updates, stage.take_first_seen()).await;
    stage.hand_on(batch, room);
    if stage.has_work() {
        // Else inotify, which is heard on this thread, would have to wait for as long as there is room.
        tokio::task::yield_now().await;
    }
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

/// To be compared with times of files.
fn wall_clock() -> i64 {
    nanoseconds(SystemTime::now()).unwrap_or_default()
}

/// A timer that goes on while its time stays the same.
struct Alarm {
    sleep: Pin<Box<Sleep>>,
    at: Option<Instant>,
}

impl Alarm {
    fn new() -> Self {
        Self { sleep: Box::pin(sleep(Duration::ZERO)), at: None }
    }

    fn set(&mut self, at: Option<Instant>) {
        if let Some(time) = at.filter(|_| at != self.at) {
            self.sleep.as_mut().reset(time.into());
        }
        self.at = at;
    }

    fn is_set(&self) -> bool {
        self.at.is_some()
    }

    async fn rings(&mut self) {
        self.sleep.as_mut().await;
    }
}

pub(super) struct Stage {
    /// Files that are seen for the first time in the first pass start at their end when they were
    /// born before this time, in nanoseconds since the epoch.
    old_before: i64,
    /// Nothing is read that comes after the first pass.
    once: bool,
    entry_of: EntryOf,
    /// Until the first pass after a reload: what was matched before.
    matched_before: Option<EntryOf>,
    /// By the number of their entry in `files`.
    files: Vec<Arc<FileSettings>>,
    reader: Reader,
    registry: Registry,
    followers: Vec<Option<Follower>>,
    vacant: Vec<usize>,
    by_path: HashMap<Arc<Path>, usize>,
    ready: VecDeque<usize>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    open: HashSet<usize>,
    /// Files are kept open for later while fewer are open than this.
    held_max: usize,
    housekeeping: Option<Instant>,
    /// During the first pass: what was found, so that known files are told apart before any is
    /// taken for new.
    first_pass: Option<Vec<(Arc<Path>, usize)>>,
    records: BTreeMap<Arc<Path>, Vec<Record>>,
    sweep: u32,
    spare: Receiver<Batch>,
    /// Memory for the next batch, before that of `spare`.
    memory: Option<Batch>,
    meters: Reading,
    readiness: Readiness,
    /// What of the reader's counts the meters show already.
    told: Counts,
    /// When it is next added up what there is to read.
    measure_at: Option<Instant>,
}

impl Stage {
    pub(super) fn new(settings: Settings, known: Known, spare: Receiver<Batch>) -> Self {
        let old_before = if settings.from_start { ALL_NEW } else { old_before(&known.records) };
        let mut records: BTreeMap<Arc<Path>, Vec<Record>> = BTreeMap::new();
        for record in known.records {
            records.entry(Arc::clone(&record.source.path)).or_default().push(record);
        }
        for records in records.values_mut() {
            records.sort_by_key(|record| record.source.id);
        }
        Self {
            old_before,
            once: settings.once,
            entry_of: known.entry_of,
            matched_before: None,
            files: settings.files,
            reader: Reader::new(settings.encoder),
            registry: Registry::new(settings.exclude_files, known.ids, &settings.meters),
            followers: Vec::new(),
            vacant: Vec::new(),
            by_path: HashMap::new(),
            ready: VecDeque::new(),
            timers: BinaryHeap::new(),
            open: HashSet::new(),
            held_max: held_max(),
            housekeeping: None,
            first_pass: Some(Vec::new()),
            records,
            sweep: 0,
            spare,
            memory: None,
            meters: settings.meters,
            readiness: settings.readiness,
            told: Counts::default(),
            measure_at: None,
        }
    }

    fn handle_all(&mut self, events: Vec<Event>, now: Instant) {
        events.into_iter().for_each(|event| self.handle(event, now));
    }

    pub(super) fn handle(&mut self, event: Event, now: Instant) {
        match event {
            _ if self.once && self.first_pass.is_none() => {}
            Event::Look { path, entry } => match &mut self.first_pass {
                // After a reload, files that are followed already do not wait for its end.
                Some(found) if !self.by_path.contains_key(&*path) => {
                    found.push((path.into(), entry))
                }
                _ => self.look_at(path, entry, now),
            },
            Event::Swept => {
                if let Some(found) = self.first_pass.take() {
                    // After a reload: what is followed may have become what was found.
                    self.look_at_all(Some(self.sweep), now);
                    self.registry.looked_at = None;
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

    fn queue(&mut self, id: usize) {
        let Some(follower) = &mut self.followers[id] else { return };
        if !std::mem::replace(&mut follower.is_queued, true) {
            self.ready.push_back(id);
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.registry.retired.is_empty()
    }

    /// All is read that is to be read once.
    fn is_done(&self) -> bool {
        let is_held = || self.followers.iter().flatten().any(|follower| follower.is_held);
        self.once && self.first_pass.is_none() && !self.has_work() && !is_held()
    }
}
