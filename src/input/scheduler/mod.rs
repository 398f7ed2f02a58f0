//! The loop: events in, batches out.

pub(super) mod batches;
mod descriptors;
mod effects;
mod kin;
mod passes;
mod slot;
mod slots;
mod suspects;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::mpsc::{Receiver, Sender};
use tokio::time::{Sleep, sleep};
use tokio_util::sync::CancellationToken;

use self::descriptors::kept_open_max;
use self::kin::Kin;
use self::passes::unknown_from;
use self::slots::Slots;
use super::{FileSettings, Settings};
use crate::health::metrics::Reading;
use crate::health::readiness::FirstPass;
use crate::input::path::{Effects, ReadFrom, Shared};
use crate::input::read::content::Stat;
use crate::input::read::reader::{Counts, Reader};
#[cfg(test)]
use crate::input::rotation::directories::{Directories, Files};
use crate::input::stream::Fifos;
use crate::pipeline::batch::Batch;
use crate::pipeline::channel::{Outlet, Room};
use crate::pipeline::event::Event;
use crate::pipeline::globs::FollowedGlobs;
use crate::pipeline::position::{Record, SourceIds, Update, nanoseconds};
use crate::pipeline::shared_path::SharedPath;

/// The channels to the neighbours.
pub struct InputLinks {
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
pub struct KnownFiles {
    /// Positions that had been confirmed.
    pub records: Vec<Record>,
    /// When the last run saw a file last, of whatever records.
    pub last_run: Option<SystemTime>,
    /// Where numbers of sources come from.
    pub ids: SourceIds,
    /// Finds the entry of `files` that matches a path.
    pub entry_of: EntryOf,
    /// Whether the last run's globs matched a path. None where that is not known.
    pub matched_last: Option<MatchedLast>,
}

/// Whether the last run's globs matched a path.
pub type MatchedLast = Box<dyn Fn(&Path) -> bool + Send>;

/// The index of the entry of `files` that matches a path, if one does.
pub type EntryOf = Box<dyn Fn(&Path) -> Option<usize> + Send>;

/// How many events are handled before reading has its turn.
const EVENTS: usize = 256;

/// Follows files until `links.stop`, or until nobody sends events any more and no reload brings
/// others; with `settings.once` until all that was there at the start is read.
pub async fn run(settings: Settings, known: KnownFiles, links: InputLinks) {
    let InputLinks { mut events, outlet, spare, updates, mut reloads, stop } = links;
    let beat = settings.beat.clone();
    let mut fifos = Fifos::new(settings.fifos, outlet.clone(), settings.meters.clone());
    let mut scheduler = Scheduler::new(settings, known, spare);
    // Made once: to begin and end each of these waits for every line would cost more than the line.
    let mut stopped = pin!(stop.cancelled());
    let mut asked = pin!(beat.asked());
    let mut alarm = Alarm::new();
    loop {
        beat.turn();
        scheduler.tend(&mut fifos);
        send(&updates, scheduler.take_checkpoints()).await;
        scheduler.measure(now());
        if scheduler.is_done() {
            return;
        }
        scheduler.turn_ends();
        alarm.set(scheduler.next_wake());
        tokio::select! {
            biased;
            () = &mut stopped => {
                scheduler.settle_suspects(now());
                send(&updates, scheduler.take_checkpoints()).await;
                if let Some(batch) = scheduler.finish() && let Some(room) = outlet.room_now() {
                    scheduler.hand_on(batch, room);
                }
                return;
            }
            Some(reload) = reloads.recv() => events = scheduler.reload(reload, wall_clock(), now()),
            () = &mut asked => asked.set(beat.asked()),
            some = events.recv() => match some {
                Some(some) => {
                    let mut handled = some.len();
                    scheduler.handle_all(some, now());
                    while handled < EVENTS && let Ok(more) = events.try_recv() {
                        handled += more.len();
                        scheduler.handle_all(more, now());
                    }
                    // Most often this was one line, and nobody is in the way.
                    if scheduler.has_work() && let Some(room) = outlet.room_now() {
                        read(&mut scheduler, room, &updates).await;
                    }
                    if handled >= EVENTS {
                        // A sweep names very many files: inotify, which is heard on this thread, has its turn.
                        tokio::task::yield_now().await;
                    }
                }
                // A reload comes before the end of the events it replaces, and may have come since
                // it was looked for above.
                None => match reloads.try_recv() {
                    Ok(reload) => events = scheduler.reload(reload, wall_clock(), now()),
                    Err(_) => return,
                },
            },
            () = alarm.rings(), if alarm.is_set() => scheduler.wake(now()),
            room = outlet.room(), if scheduler.has_work() => {
                let Ok(room) = room else { return };
                read(&mut scheduler, room, &updates).await;
            }
        }
    }
}

/// Fills a batch and passes it on.
async fn read(scheduler: &mut Scheduler, room: Room<'_>, updates: &Sender<Vec<Update>>) {
    scheduler.make_no_more(room.most());
    let batch = scheduler.fill(now());
    // Before the batch, whose confirmation says more.
    send(updates, scheduler.take_checkpoints()).await;
    scheduler.hand_on(batch, room);
    if scheduler.has_work() {
        // Else inotify, which is heard on this thread, would have to wait for as long as there is room.
        tokio::task::yield_now().await;
    }
}

async fn send(updates: &Sender<Vec<Update>>, checkpoints: Vec<Update>) {
    if !checkpoints.is_empty() {
        // It cannot fail: the state ends after this scheduler.
        let _ = updates.send(checkpoints).await;
    }
}

/// The runtime's clock. Below here time is handed in.
pub(super) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// To be compared with times of files.
pub(super) fn wall_clock() -> i64 {
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

/// Which path is looked at and read when.
pub(super) struct Scheduler {
    /// From where files are read of which nothing is known in the first pass.
    unknown_from: ReadFrom,
    /// Nothing is read that comes after the first pass.
    once: bool,
    /// FIFOs are read.
    fifos: bool,
    entry_of: EntryOf,
    /// Until the first pass: what was matched before, by the last run or before a reload. What it
    /// matched and is not known has come since.
    matched_before: Option<MatchedLast>,
    /// What is followed, for the next run to know.
    globs: Arc<FollowedGlobs>,
    /// By the number of their entry in `files`.
    files: Vec<Arc<FileSettings>>,
    reader: Reader,
    shared: Shared,
    /// What paths have asked and is not done yet.
    asked: Effects,
    slots: Slots,
    /// The next one is likely to lie in the same directory.
    followed_last: Option<SharedPath>,
    kin: Kin,
    ready: VecDeque<usize>,
    timers: BinaryHeap<Reverse<(Instant, usize)>>,
    open: HashSet<usize>,
    /// Files are kept open for later while fewer are open than this.
    kept_open_max: usize,
    housekeeping: Option<Instant>,
    /// Everything that is followed was named once more.
    has_swept: bool,
    /// During the first pass: what was found, so that known files are told apart before any is
    /// taken for new.
    first_pass: Option<Vec<(Arc<Path>, usize)>>,
    records: BTreeMap<Arc<Path>, Vec<Record>>,
    /// Paths that the first pass has read from their beginning, whatever is known of their files.
    read_again: Vec<PathBuf>,
    sweep: u32,
    /// The paths that were looked at and have work, and what stood there, until they are read or something is
    /// waited for: the kernel is not asked twice.
    looked_at: HashMap<usize, Stat>,
    spare: Receiver<Batch>,
    /// Memory for the next batch, before that of `spare`.
    memory: Option<Batch>,
    meters: Reading,
    done_first: FirstPass,
    /// What of the reader's counts the meters show already.
    shown: Counts,
    /// When it is next added up what there is to read.
    measure_at: Option<Instant>,
}

impl Scheduler {
    pub(super) fn new(settings: Settings, known: KnownFiles, spare: Receiver<Batch>) -> Self {
        let unknown_from = match settings.from_start {
            true => ReadFrom::Start,
            false => unknown_from(known.last_run),
        };
        let mut records: BTreeMap<Arc<Path>, Vec<Record>> = BTreeMap::new();
        for record in known.records {
            records
                .entry(record.reached.source.path.to_path_buf().into())
                .or_default()
                .push(record);
        }
        Self {
            unknown_from,
            once: settings.once,
            fifos: settings.fifos,
            entry_of: known.entry_of,
            matched_before: known.matched_last,
            globs: settings.globs,
            files: settings.files,
            reader: Reader::new(settings.encoder),
            shared: Shared::new(settings.exclude_files, settings.fence, known.ids),
            asked: Effects::default(),
            slots: Slots::default(),
            followed_last: None,
            kin: Kin::default(),
            ready: VecDeque::new(),
            timers: BinaryHeap::new(),
            open: HashSet::new(),
            kept_open_max: kept_open_max(),
            housekeeping: None,
            has_swept: false,
            first_pass: Some(Vec::new()),
            records,
            read_again: settings.read_again,
            sweep: 0,
            looked_at: HashMap::new(),
            spare,
            memory: None,
            meters: settings.meters,
            done_first: settings.first_pass,
            shown: Counts::default(),
            measure_at: None,
        }
    }

    /// Looks for rotated files by these means.
    #[cfg(test)]
    pub(super) fn look_through(&mut self, files: impl Files + Send + 'static) {
        self.shared.directories = Directories::new(files);
    }

    fn handle_all(&mut self, events: Vec<Event>, now: Instant) {
        events.into_iter().for_each(|event| self.handle(event, now));
    }

    pub(super) fn handle(&mut self, event: Event, now: Instant) {
        match event {
            _ if self.once && self.first_pass.is_none() => {}
            Event::Look { path, entry } => match &mut self.first_pass {
                // After a reload, files that are followed already do not wait for its end.
                Some(found) if self.slots.find(&path).is_none() => found.push((path.into(), entry)),
                _ => self.look_at(path, entry, now),
            },
            Event::Swept => {
                self.look_at_unnamed(now);
                if let Some(found) = self.first_pass.take() {
                    // After a reload: what is followed may have become what was found.
                    self.forget_look();
                    self.first_pass(found, now);
                }
                self.sweep = self.sweep.wrapping_add(1);
                self.has_swept = true;
            }
        }
    }

    /// What comes next may have been waited for: nothing that was seen or listed counts any more.
    pub(super) fn turn_ends(&mut self) {
        self.forget_look();
        self.shared.turn_ends();
        self.slots.let_rest();
    }

    /// Has FIFOs be read that were found, and others left that are gone.
    fn tend(&mut self, fifos: &mut Fifos) {
        if !self.asked.fifos.is_empty() {
            fifos.found(std::mem::take(&mut self.asked.fifos), self.reader.encoder());
        }
        if std::mem::take(&mut self.has_swept) {
            fifos.swept();
        }
    }

    /// What was seen may have changed by now.
    fn forget_look(&mut self) {
        self.looked_at.clear();
    }

    fn queue(&mut self, id: usize, now: Instant) {
        let Some(slot) = self.slots.wake(id, now) else { return };
        if !std::mem::replace(&mut slot.is_queued, true) {
            self.ready.push_back(id);
        }
    }

    pub(super) fn has_work(&self) -> bool {
        !self.ready.is_empty() || !self.asked.behind.is_empty()
    }

    /// All is read that is to be read once.
    fn is_done(&self) -> bool {
        let is_pending = || self.slots.all_awake().any(|slot| slot.is_pending);
        self.once && self.first_pass.is_none() && !self.has_work() && !is_pending()
    }
}
