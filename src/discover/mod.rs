//! Which files to follow: globs and directory watches become [`Event`]s.
//!
//! Runs on a thread of its own, since listing directories blocks. Knows nothing of file contents:
//! it names paths to look at, and [`crate::input`] finds out what is there.

mod happened;
mod inotify;
mod places;
mod shortcut;
mod survey;
mod unmatched;
mod walk;
mod watch;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use nix::time::{ClockId, clock_gettime};
use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tracing::{info, warn};

use self::places::Places;
use self::shortcut::Shortcut;
use self::watch::{Notice, Watch};
use crate::filter::Patterns;
use crate::health::liveness::Beat;
use crate::health::metrics::Finding;
use crate::pipeline::event::Event;
use crate::shown::Show;

pub use self::places::Globs;
pub use self::survey::{Survey, survey};
pub use self::unmatched::mistake;

/// What to look for, and how.
#[derive(Debug)]
pub struct Settings {
    /// The entries of `files`.
    pub globs: Globs,
    /// Paths left out.
    pub exclude: Patterns,
    /// How often everything is looked through, whatever inotify says.
    pub sweep_interval: Duration,
    /// Do without inotify.
    pub poll: bool,
    /// What is counted meanwhile.
    pub meters: Finding,
    /// Shows that the loop goes round.
    pub beat: Beat,
}

/// How often files are looked at when no events tell of changes.
const BLIND_INTERVAL: Duration = Duration::from_secs(1);
/// Listing takes at most this share of a processor, and all that is then looked at some five times as
/// much; with very many files a sweep comes less often,
const SWEEP_SHARE: u32 = 5000;
/// and more often where nothing but a sweep finds new files,
const BLIND_SWEEP_SHARE: u32 = 200;
/// but at least so often (or as often as it is set to be).
const SWEEP_AT_LEAST: Duration = Duration::from_secs(120);
/// How long to wait, at the least, before looking again where directories come and go; and never
/// more than half of the time is spent on that.
const SETTLING: Duration = Duration::from_millis(10);
/// How many events are sent together.
const OUTBOX: usize = 16;

/// The running stage; dropping it ends it.
#[derive(Debug)]
pub struct Discover {
    stop: SyncSender<Notice>,
}

impl Drop for Discover {
    fn drop(&mut self) {
        // Full: it is awake, and ends when nobody receives its events any more.
        let _ = self.stop.try_send(Notice::Stop);
    }
}

/// Makes the stage and its work, which is for a thread of its own. The work ends when the stage is
/// dropped or nobody receives the events. inotify is listened to on `listening`, best the runtime of
/// the one that receives the events: then nobody else is woken for a line.
pub fn stage(
    settings: Settings,
    events: Sender<Vec<Event>>,
    listening: &Handle,
) -> (Discover, impl FnOnce() + Send + 'static) {
    let shortcut = Arc::new(Shortcut::new(events.clone()));
    let watch = Watch::new(settings.poll, Arc::clone(&shortcut), listening);
    let stop = watch.sender();
    let stage = Stage {
        settings,
        watch,
        shortcut,
        events,
        outbox: Vec::new(),
        places: Places::new(),
        spellings: HashMap::new(),
        links: HashMap::new(),
        wanted: HashSet::new(),
        reported: HashSet::new(),
        links_followed: 0,
        matched: HashSet::new(),
        unsettled: false,
    };
    // Its only result is that nobody listens any more.
    (Discover { stop }, move || drop(stage.run()))
}

/// Nobody receives the events any more.
struct Closed;

struct Stage {
    settings: Settings,
    watch: Watch,
    shortcut: Arc<Shortcut>,
    events: Sender<Vec<Event>>,
    /// Events that are sent together.
    outbox: Vec<Event>,
    /// The directories the globs lead through, as spelled, and what to expect there.
    places: Places,
    /// Canonical directory → its spellings among `places`.
    spellings: HashMap<PathBuf, Vec<PathBuf>>,
    /// What a followed symbolic link points to → the paths and entries that follow it.
    links: HashMap<PathBuf, Vec<(PathBuf, usize)>>,
    /// Canonical directories that are to be watched, as found by the walk under way.
    wanted: HashSet<PathBuf>,
    /// Directories that have been complained about.
    reported: HashSet<PathBuf>,
    /// Symbolic links on the way to the directory being entered.
    links_followed: u32,
    /// The entries that some path has matched, or of which it was said that none does.
    matched: HashSet<usize>,
    /// A directory vanished while it was being entered: what came in its place may be unwatched.
    unsettled: bool,
}

impl Stage {
    fn run(mut self) -> Result<(), Closed> {
        loop {
            let (started, worked) = (Instant::now(), processor_time());
            self.sweep()?;
            let worked = processor_time().saturating_sub(worked);
            let share = if self.watch.is_blind() { BLIND_SWEEP_SHARE } else { SWEEP_SHARE };
            let interval = (worked * share).min(SWEEP_AT_LEAST).max(self.settings.sweep_interval);
            let unsettled = std::mem::take(&mut self.unsettled);
            let not_before = Instant::now() + SETTLING + started.elapsed();
            self.listen(if unsettled { not_before } else { started + interval }, not_before)?;
        }
    }

    /// Walks all globs from the root and names every file that matches.
    fn sweep(&mut self) -> Result<(), Closed> {
        self.shortcut.forget();
        self.places.clear();
        self.spellings.clear();
        self.links.clear();
        self.wanted.clear();
        let start = self.settings.globs.start();
        self.enter(Path::new("/"), &start)?;
        self.watch.keep_only(&self.wanted);
        self.settings.meters.watched.set(self.watch.count() as i64);
        for entry in 0..self.settings.globs.len() {
            if self.matched.insert(entry) {
                let glob = self.settings.globs.get(entry);
                match mistake(glob) {
                    Some(mistake) => {
                        warn!("nothing matches {} yet: {mistake}", glob.text().shown())
                    }
                    None => info!("nothing matches {} yet", glob.text().shown()),
                }
            }
        }
        self.send(Event::Swept)?;
        self.flush()
    }

    /// Passes on what happens, until `deadline` or until everything has to be looked through.
    fn listen(&mut self, deadline: Instant, not_before: Instant) -> Result<(), Closed> {
        let mut deadline = deadline;
        let mut look_at = Instant::now() + BLIND_INTERVAL;
        loop {
            let until = if self.watch.is_blind() { deadline.min(look_at) } else { deadline };
            let wait = until.saturating_duration_since(Instant::now());
            let first = self.settings.beat.waiting(|| self.watch.next(wait));
            if first != Notice::Timeout && (self.serve(first)? || self.unsettled) {
                deadline = deadline.min(not_before);
            }
            let now = Instant::now();
            if now >= deadline {
                return Ok(());
            }
            if now >= look_at && self.watch.is_blind() {
                self.send(Event::LookAll)?;
                self.flush()?;
                look_at = now + BLIND_INTERVAL;
            }
        }
    }

    /// Has `event` sent with others.
    fn send(&mut self, event: Event) -> Result<(), Closed> {
        self.outbox.push(event);
        if self.outbox.len() < OUTBOX { Ok(()) } else { self.flush() }
    }

    /// Sends what waits.
    fn flush(&mut self) -> Result<(), Closed> {
        if self.outbox.is_empty() {
            return Ok(());
        }
        let events = std::mem::take(&mut self.outbox);
        let sent = self.settings.beat.waiting(|| self.events.blocking_send(events));
        sent.map_err(|_| Closed)
    }
}

/// What this thread has worked so far. To wait, for a file system that is away or for the one that
/// takes the events, is no work.
fn processor_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

#[cfg(test)]
mod tests;
