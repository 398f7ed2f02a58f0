//! Which files to follow: globs and directory watches become [`Event`]s.
//!
//! Runs on a thread of its own, since listing directories blocks. Knows nothing of file contents:
//! it names paths to look at, and [`crate::tail`] finds out what is there.

mod glob;
mod happened;
mod inotify;
mod places;
mod shortcut;
mod survey;
mod watch;

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{self, FileType};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::thread;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::sync::mpsc::Sender;
use tracing::{info, trace, warn};

use self::places::{Places, State};
use self::shortcut::Shortcut;
use self::watch::{Notice, Watch};
use crate::event::Event;
use crate::filter::Patterns;
use crate::meter::Finding;

pub use self::glob::GlobError;
pub use self::places::Globs;
pub use self::survey::{Survey, survey};

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
}

/// How often files are looked at when no events tell of changes.
const BLIND_INTERVAL: Duration = Duration::from_secs(1);
/// A sweep takes at most this share of the time; with very many files it comes less often,
const SWEEP_SHARE: u32 = 1000;
/// and more often where nothing but a sweep finds new files.
const BLIND_SWEEP_SHARE: u32 = 200;
/// How long to wait, at the least, before looking again where directories come and go; and never
/// more than half of the time is spent on that.
const SETTLING: Duration = Duration::from_millis(10);
/// How many events are sent together.
const OUTBOX: usize = 256;

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

/// Starts looking. Ends when the result is dropped or nobody receives the events. inotify is
/// listened to on `listening`, best the runtime of the one that receives the events: then nobody
/// else is woken for a line.
///
/// # Errors
/// When no thread can be had.
pub fn spawn(
    settings: Settings,
    events: Sender<Event>,
    listening: &Handle,
) -> std::io::Result<Discover> {
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
    thread::Builder::new().name("discover".to_owned()).spawn(move || {
        // Its only result is that nobody listens any more.
        let _ = stage.run();
    })?;
    Ok(Discover { stop })
}

/// Nobody receives the events any more.
struct Closed;

struct Stage {
    settings: Settings,
    watch: Watch,
    shortcut: Arc<Shortcut>,
    events: Sender<Event>,
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

/// As in path resolution (`path_resolution(7)`).
const LINKS_MAX: u32 = 40;

impl Stage {
    fn run(mut self) -> Result<(), Closed> {
        loop {
            let started = Instant::now();
            self.sweep()?;
            let share = if self.watch.is_blind() { BLIND_SWEEP_SHARE } else { SWEEP_SHARE };
            let interval = self.settings.sweep_interval.max(started.elapsed() * share);
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
                info!("nothing matches {} yet", self.settings.globs.text(entry).display());
            }
        }
        self.send(Event::Swept)?;
        self.flush()
    }

    /// Passes on what happens, until `deadline` or until everything has to be looked through.
    fn listen(&mut self, deadline: Instant, not_before: Instant) -> Result<(), Closed> {
        let mut deadline = deadline;
        loop {
            let mut wait = deadline.saturating_duration_since(Instant::now());
            if self.watch.is_blind() {
                wait = wait.min(BLIND_INTERVAL);
            }
            let first = self.watch.next(wait);
            if first == Notice::Timeout {
                if Instant::now() >= deadline {
                    return Ok(());
                }
                self.send(Event::LookAll)?;
                self.flush()?;
                continue;
            }
            if self.serve(first)? || self.unsettled {
                deadline = deadline.min(not_before);
            }
            if Instant::now() >= deadline {
                return Ok(());
            }
        }
    }

    /// Looks at what `directory` holds, which was reached in `states`.
    fn enter(&mut self, directory: &Path, states: &[State]) -> Result<(), Closed> {
        if !self.is_new(directory, states) {
            return Ok(());
        }
        // Watched before it is listed: what comes in between is seen twice, not missed.
        let open = self.settings.globs.is_open(states);
        if open {
            self.watch_directory(directory, true);
        }
        let names = self.settings.globs.literal_names(states);
        if let Some(names) = names.map(|names| names.into_iter().map(OsStr::to_owned).collect()) {
            return self.enter_by_names(directory, names, states, open);
        }
        match fs::read_dir(directory) {
            Ok(entries) => {
                self.reported.remove(directory);
                for entry in entries.flatten() {
                    self.meet(directory, &entry.file_name(), entry.file_type().ok(), states)?;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.unsettled = true,
            Err(error) => self.report_once(directory, &error),
        }
        Ok(())
    }

    /// Looks for the names that are written out in the globs, without listing the directory.
    fn enter_by_names(
        &mut self,
        directory: &Path,
        names: Vec<std::ffi::OsString>,
        states: &[State],
        watched: bool,
    ) -> Result<(), Closed> {
        for name in names {
            let path = directory.join(&name);
            let mut found = fs::symlink_metadata(&path);
            if found.is_err() && !watched {
                // It is missing on the way to a file: the watch tells when it comes.
                self.watch_directory(directory, true);
                found = fs::symlink_metadata(&path);
            }
            match found {
                Ok(metadata) => self.meet(directory, &name, Some(metadata.file_type()), states)?,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => self.report_once(&path, &error),
            }
        }
        Ok(())
    }

    /// Notes that `directory` is entered in `states`; false when it was before.
    fn is_new(&mut self, directory: &Path, states: &[State]) -> bool {
        if states.is_empty() {
            return false;
        }
        let place = self.places.entry(directory.to_owned()).or_default();
        let before = place.len();
        place.extend_from_slice(states);
        place.sort_unstable();
        place.dedup();
        place.len() > before
    }

    /// A name in a directory that was reached in `states`: a file, a way on, or neither.
    fn meet(
        &mut self,
        directory: &Path,
        name: &OsStr,
        kind: Option<FileType>,
        states: &[State],
    ) -> Result<(), Closed> {
        let step = self.settings.globs.step(states, name);
        if step.file_of.is_none() && step.enter.is_empty() {
            return Ok(());
        }
        let path = directory.join(name);
        let is_link = kind.is_none_or(|kind| kind.is_symlink());
        let is_directory = match kind {
            Some(kind) if !kind.is_symlink() => kind.is_dir(),
            _ => fs::metadata(&path).is_ok_and(|metadata| metadata.is_dir()),
        };
        if is_directory {
            let states = if is_link { &step.enter_link } else { &step.enter };
            if is_link && self.links_followed >= LINKS_MAX {
                return Ok(());
            }
            self.links_followed += u32::from(is_link);
            let entered = self.enter(&path, states);
            self.links_followed -= u32::from(is_link);
            return entered;
        }
        let Some(entry) = step.file_of else { return Ok(()) };
        if is_link {
            self.follow_link(&path, entry);
        }
        self.candidate(path, entry)
    }

    /// Watches where a symbolic link points to: writing there does nothing to the link's own
    /// directory.
    fn follow_link(&mut self, path: &Path, entry: usize) {
        let Ok(target) = fs::canonicalize(path) else { return };
        if let Some(directory) = target.parent() {
            self.watch_directory(directory, false);
        }
        let followers = self.links.entry(target).or_default();
        if !followers.iter().any(|(follower, _)| follower == path) {
            followers.push((path.to_owned(), entry));
        }
    }

    fn watch_directory(&mut self, directory: &Path, is_place: bool) {
        let Ok(canonical) = fs::canonicalize(directory) else {
            self.unsettled = true;
            return;
        };
        self.unsettled |= !self.watch.add(&canonical);
        if is_place {
            let spellings = self.spellings.entry(canonical.clone()).or_default();
            if !spellings.iter().any(|spelled| spelled == directory) {
                spellings.push(directory.to_owned());
            }
        }
        self.wanted.insert(canonical);
    }

    fn candidate(&mut self, path: PathBuf, entry: usize) -> Result<(), Closed> {
        if self.is_excluded(&path) {
            return Ok(());
        }
        self.matched.insert(entry);
        self.send(Event::Look { path, entry })
    }

    fn is_excluded(&self, path: &Path) -> bool {
        let excluded = self.settings.exclude.matches(path.as_os_str().as_bytes());
        if excluded {
            trace!("not following {}: it matches exclude_files", path.display());
        }
        excluded
    }

    fn report_once(&mut self, path: &Path, error: &std::io::Error) {
        if self.reported.insert(path.to_owned()) {
            warn!(
                "cannot look into {}: {error}; files below it are not followed; see that the user \
                 this runs as may list and enter it",
                path.display()
            );
        }
    }

    /// Has `event` sent with others.
    fn send(&mut self, event: Event) -> Result<(), Closed> {
        self.outbox.push(event);
        if self.outbox.len() < OUTBOX { Ok(()) } else { self.flush() }
    }

    /// Sends what waits. One after the other, each would wake the one that reads.
    fn flush(&mut self) -> Result<(), Closed> {
        let mut events = self.outbox.drain(..);
        events.try_for_each(|event| self.events.blocking_send(event).map_err(|_| Closed))
    }
}

#[cfg(test)]
mod tests;
