//! The loop of the stage: sweep, then listen until it is time to sweep again.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::mpsc::{Sender, UnboundedReceiver};

use super::border::Crossings;
use super::inbox::Inbox;
use super::links::Symlinks;
use super::parked::Timer;
use super::places::Places;
use super::polled::Polled;
use super::reached::Reached;
use super::sweep::SweepPlace;
use super::watch::Watch;
use super::{Order, Settings};
use crate::mounts::Mounts;
use crate::pipeline::event::Event;

/// The time between two sweeps is at least so many times what the processor works for one. That all
/// files are looked at then takes about as much again.
const PAUSE: u32 = 2000;
/// The same where nothing but a sweep finds new files.
const BLIND_PAUSE: u32 = 200;
/// A sweep comes at least so often, or as often as it is set to come.
const SWEEP_AT_LEAST: Duration = Duration::from_secs(120);
/// Unless that is too much work: with a million files it would take a twentieth of a processor. So many times what
/// it works here for a sweep lie between two in any case, which leaves less than a hundredth with what reading takes.
const LEAST_PAUSE: u32 = 250;
/// The least time between two sweeps where directories come and go.
const SETTLING: Duration = Duration::from_millis(10);
/// The time between such sweeps is at least so many times what one takes.
const SETTLING_PAUSE: u32 = 4;
/// How many events are sent together.
const OUTBOX: usize = 16;

/// Why the stage does not go on.
pub(super) enum Left {
    /// Nobody receives the events any more.
    Closed,
    /// It is to go on with other settings, or to end.
    Ordered(Option<Box<Order>>),
}

/// The time between two sweeps of which one took so much of the processor here. Where nothing else finds new files,
/// the stage is blind.
fn pause_after(worked: Duration, is_blind: bool) -> Duration {
    match is_blind {
        true => SWEEP_AT_LEAST.min(worked * BLIND_PAUSE),
        false => SWEEP_AT_LEAST.max(worked * LEAST_PAUSE).min(worked * PAUSE),
    }
}

/// Canonical directory → its spellings among the places reached.
pub(super) type Spellings = HashMap<PathBuf, Vec<PathBuf>>;

/// By what the last sweep knew which paths lead to a file.
#[derive(Debug, Default)]
pub(super) struct LastSweep {
    pub(super) places: Places,
    pub(super) spellings: Spellings,
    pub(super) links: Symlinks,
}

/// The stage with one configuration.
pub(super) struct Stage<'a> {
    pub(super) settings: Settings,
    events: Sender<Vec<Event>>,
    pub(super) orders: &'a mut UnboundedReceiver<Box<Order>>,
    pub(super) watch: &'a mut Watch,
    timer: &'a Timer,
    pub(super) inbox: Arc<Inbox>,
    pub(super) polled: Polled,
    pub(super) mounts: Arc<Mounts>,
    /// The ways over the border, as they were told last.
    pub(super) crossings: Option<Crossings>,
    /// Events that are sent together.
    outbox: Vec<Event>,
    /// The directories the globs lead through, as spelled, and what to expect there.
    pub(super) reached: Reached,
    /// The directory that is being looked through.
    pub(super) place: SweepPlace,
    /// Canonical directory → its spellings among the places reached.
    pub(super) spellings: Spellings,
    /// The symbolic links that are followed.
    pub(super) links: Symlinks,
    /// While a sweep is under way: what was known before.
    pub(super) before: LastSweep,
    /// What decides where symbolic links on the way to directories lead.
    pub(super) ways: HashSet<PathBuf>,
    /// Canonical directories that are to be watched, as found by the sweep under way.
    pub(super) wanted: HashSet<PathBuf>,
    /// Directories that have been complained about.
    pub(super) reported: HashSet<PathBuf>,
    /// The entries that some path has matched, or of which it was said that none does.
    pub(super) matched: HashSet<usize>,
    /// A directory vanished while it was being entered: what came in its place may be unwatched.
    pub(super) is_unsettled: bool,
    /// Symbolic links led to a directory too often in the last sweep, and that was said.
    pub(super) is_repeating: bool,
}

impl<'a> Stage<'a> {
    pub(super) fn new(
        order: Order,
        inbox: Arc<Inbox>,
        (watch, timer): (&'a mut Watch, &'a Timer),
        orders: &'a mut UnboundedReceiver<Box<Order>>,
    ) -> Self {
        let Order { settings, events } = order;
        watch.set_poll(settings.poll);
        inbox.connect(events.clone());
        Self {
            settings,
            events,
            orders,
            watch,
            timer,
            inbox,
            polled: Polled::new(),
            mounts: Arc::default(),
            crossings: None,
            outbox: Vec::new(),
            reached: Reached::default(),
            place: SweepPlace::default(),
            spellings: HashMap::new(),
            links: Symlinks::default(),
            before: LastSweep::default(),
            ways: HashSet::new(),
            wanted: HashSet::new(),
            reported: HashSet::new(),
            matched: HashSet::new(),
            is_unsettled: false,
            is_repeating: false,
        }
    }

    /// Runs until there is another order. Returns it, or nothing at the end.
    pub(super) async fn run(mut self) -> Option<Box<Order>> {
        match self.rounds().await {
            Left::Ordered(order) => order,
            // After a reload, the order comes behind the end of the old channel.
            Left::Closed => self.settings.beat.during(self.orders.recv()).await,
        }
    }

    async fn rounds(&mut self) -> Left {
        loop {
            if let Err(left) = self.round().await {
                return left;
            }
        }
    }

    async fn round(&mut self) -> Result<(), Left> {
        let (started, worked) = (Instant::now(), processor_time());
        self.sweep().await?;
        let worked = processor_time().saturating_sub(worked);
        let is_blind = self.watch.is_blind() || self.polled.has_directories();
        let interval = pause_after(worked, is_blind).max(self.settings.sweep_interval);
        let not_before = Instant::now() + SETTLING + started.elapsed() * SETTLING_PAUSE;
        let is_unsettled = std::mem::take(&mut self.is_unsettled);
        self.listen(if is_unsettled { not_before } else { started + interval }, not_before).await
    }

    /// Passes on what happens, until `deadline` or until everything has to be looked through, which
    /// is `not_before` another time.
    async fn listen(&mut self, mut deadline: Instant, not_before: Instant) -> Result<(), Left> {
        let beat = self.settings.beat.clone();
        loop {
            beat.turn();
            let until = self.polled.due().map_or(deadline, |due| due.min(deadline));
            tokio::select! {
                biased;
                order = self.orders.recv() => return Err(Left::Ordered(order)),
                () = beat.asked() => {}
                () = self.inbox.filled() => {
                    if self.serve().await? || self.is_unsettled {
                        deadline = deadline.min(not_before);
                    }
                }
                () = self.settings.area.changed() => deadline = deadline.min(not_before),
                () = self.timer.until(until) => {}
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(());
            }
            if self.polled.due().is_some_and(|due| now >= due) {
                self.poll().await?;
                if self.is_unsettled {
                    deadline = deadline.min(not_before);
                }
            }
        }
    }

    /// Ends where there is another order.
    pub(super) fn obey(&mut self) -> Result<(), Left> {
        match self.orders.try_recv() {
            Ok(order) => Err(Left::Ordered(Some(order))),
            Err(TryRecvError::Disconnected) => Err(Left::Ordered(None)),
            Err(TryRecvError::Empty) => Ok(()),
        }
    }

    /// Has `event` sent with others.
    pub(super) async fn send(&mut self, event: Event) -> Result<(), Left> {
        self.outbox.push(event);
        if self.outbox.len() < OUTBOX { Ok(()) } else { self.flush().await }
    }

    /// Sends what waits.
    pub(super) async fn flush(&mut self) -> Result<(), Left> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let send = self.events.send(std::mem::take(&mut self.outbox));
        self.settings.beat.during(send).await.map_err(|_| Left::Closed)
    }
}

/// What this thread has worked so far. To wait, for a file system that is away or for the one that
/// takes the events, is no work.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_are_as_rare_as_their_work_allows_and_no_rarer_than_it_asks_for() {
        let pause = |millis, is_blind| pause_after(Duration::from_millis(millis), is_blind);
        // A few files, tens of thousands of them, and more than a million.
        assert_eq!(pause(1, false), Duration::from_secs(2));
        assert_eq!(pause(200, false), SWEEP_AT_LEAST);
        assert_eq!(pause(2_000, false), Duration::from_secs(500));
        // Nobody tells of what is new.
        assert_eq!(pause(100, true), Duration::from_secs(20));
        assert_eq!(pause(2_000, true), SWEEP_AT_LEAST);
    }
}
