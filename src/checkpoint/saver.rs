//! Takes in what changes and saves it, soon, off the runtime's thread.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc::Receiver;
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::RecvError;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::file::{self, WriteError};
use super::globs;
use super::home::Home;
use super::table::{Snapshot, Table};
use super::{BASE, LOCK, RECENT, Store, remedy};
use crate::health::liveness::Beat;
use crate::health::metrics::Saving as Meters;
use crate::pipeline::position::{Record, Update};
use crate::shown::Show;
use crate::threads;

/// How long changes are collected. They are to be on disk a second after they came.
const COLLECT: Duration = Duration::from_millis(750);
/// The wait after the first failure; it doubles with each further one.
const RETRY_FIRST: Duration = Duration::from_secs(1);
/// The longest wait between attempts.
const RETRY_MAX: Duration = Duration::from_secs(10);

/// Asks what is confirmed of each source.
pub type Query = oneshot::Sender<Vec<Record>>;

/// The channels to the neighbours.
#[derive(Debug)]
pub struct CheckpointLinks {
    /// What has changed.
    pub updates: Receiver<Vec<Update>>,
    /// Those who ask how far each source is confirmed.
    pub queries: Receiver<Query>,
    /// Save a last time and end, though somebody may still have updates.
    pub stop: CancellationToken,
    /// Shows that the loop goes round.
    pub beat: Beat,
}

/// Keeps `store` up to date with the updates until their channel closes or it is told to stop, then
/// saves a last time.
///
/// Changes are on disk a second after they came. What is followed at the start, and from where each file is
/// read, is written at once: the next start would take it for unknown if this one was killed before.
/// While changes cannot be saved, they stay in memory and it is tried again and again; a warning says
/// so once. Where nothing changes, nothing runs.
/// Updates and queries are always taken at once, however slow the disk.
pub async fn run(store: Store, links: CheckpointLinks, meters: Meters) {
    let CheckpointLinks { mut updates, mut queries, stop, beat } = links;
    let Store { home, table, .. } = store;
    let is_saved = home.is_some();
    // The start has said it.
    let trouble = home.as_ref().filter(|home| home.is_sought()).map(|_| Trouble::long());
    let dir = home.as_ref().map(|home| home.dir.clone()).unwrap_or_default();
    let home = Arc::new(Mutex::new(home));
    let mut saver = Saver { dir, home, table, trouble, meters };
    let mut saving: Option<SaveInFlight> = None;
    let mut due = None;
    loop {
        beat.turn();
        if is_saved && saver.table.is_dirty() {
            due.get_or_insert_with(|| Instant::now() + COLLECT);
        }
        tokio::select! {
            received = updates.recv() => match received {
                Some(updates) => {
                    if is_saved && updates.iter().any(|it| matches!(it, Update::Followed(_))) {
                        due = Some(Instant::now());
                    }
                    saver.take_in(updates);
                }
                None => break,
            },
            // What was sent before is taken in; then it ends as above.
            () = stop.cancelled(), if !updates.is_closed() => updates.close(),
            () = beat.asked() => {}
            Some(query) = queries.recv() => {
                // Whoever asked may have gone.
                let _ = query.send(saver.table.records());
            }
            () = until(due), if due.is_some() && saving.is_none() => {
                due = None;
                saving = Some(saver.start());
            }
            outcome = ended(&mut saving) => {
                saving = None;
                if let Err(wait) = saver.finish(outcome) {
                    due = Some(Instant::now() + wait);
                }
            }
        }
    }
    if is_saved {
        beat.during(saver.last_save(saving)).await;
    }
}

type SaveOutcome = Result<(Snapshot, Result<(), WriteError>), RecvError>;
type SaveInFlight = oneshot::Receiver<(Snapshot, Result<(), WriteError>)>;

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

async fn ended(saving: &mut Option<SaveInFlight>) -> SaveOutcome {
    match saving {
        Some(saving) => saving.await,
        None => std::future::pending().await,
    }
}

struct Saver {
    dir: PathBuf,
    /// Whoever saves has it; there is one at a time.
    home: Arc<Mutex<Option<Home>>>,
    table: Table,
    trouble: Option<Trouble>,
    meters: Meters,
}

/// Saving fails.
struct Trouble {
    since: Instant,
    wait: Duration,
}

impl Trouble {
    /// It is known, and tried again now and then.
    fn long() -> Self {
        Self { since: Instant::now(), wait: RETRY_MAX }
    }
}

impl Saver {
    fn take_in(&mut self, updates: Vec<Update>) {
        let now = jiff::Timestamp::now().as_second();
        for update in updates {
            self.table.apply(update, now);
        }
    }

    /// Starts to write what is to be written.
    fn start(&mut self) -> SaveInFlight {
        let snapshot = self.table.snapshot();
        let home = Arc::clone(&self.home);
        threads::run("save", move || {
            let mut home = home.lock().unwrap_or_else(PoisonError::into_inner);
            let result = home.as_mut().map_or(Ok(()), |home| save(home, &snapshot));
            (snapshot, result)
        })
    }

    /// Takes note of what has become of a save, or says how long to wait before the next attempt.
    fn finish(&mut self, outcome: SaveOutcome) -> Result<(), Duration> {
        let error = match outcome {
            Ok((snapshot, Ok(()))) => {
                self.table.saved(&snapshot);
                self.meters.last_saved.set(jiff::Timestamp::now().as_second());
                if let Some(trouble) = self.trouble.take() {
                    let seconds = trouble.since.elapsed().as_secs();
                    tracing::info!(
                        "positions are saved in {} again, after {seconds} s",
                        self.dir.shown()
                    );
                }
                return Ok(());
            }
            Ok((snapshot, Err(error))) => {
                self.table.failed(snapshot);
                error
            }
            Err(error) => WriteError { path: self.dir.clone(), source: io::Error::other(error) },
        };
        self.meters.failures.inc();
        // With the lock (or, unheard of, the task) everything that was written may be gone.
        if matches!(error.source.kind(), io::ErrorKind::NotFound | io::ErrorKind::Other) {
            self.table.need_base();
        }
        let wait = match &mut self.trouble {
            Some(trouble) => {
                trouble.wait = (trouble.wait * 2).min(RETRY_MAX);
                trouble.wait
            }
            None => {
                tracing::warn!(
                    "positions cannot be saved: {error}; {}; lines sent from now on are sent \
                     again after a restart unless saving succeeds later",
                    remedy(&error.source)
                );
                self.trouble = Some(Trouble { since: Instant::now(), wait: RETRY_FIRST });
                RETRY_FIRST
            }
        };
        Err(wait)
    }

    /// Saves what is not saved, whatever was decided about waiting.
    async fn last_save(&mut self, saving: Option<SaveInFlight>) {
        if let Some(saving) = saving {
            let _ = self.finish(saving.await);
        }
        // The second time everything is written, should the directory have been removed.
        for _ in 0..2 {
            if !self.table.is_dirty() {
                return;
            }
            let saving = self.start();
            let _ = self.finish(saving.await);
        }
        if self.table.is_dirty() {
            tracing::warn!(
                "the last positions could not be saved in {}: some lines will be sent again",
                self.dir.shown()
            );
        }
    }
}

/// Writes `snapshot` where the lock is held; an error if it is not and cannot be.
fn save(home: &mut Home, snapshot: &Snapshot) -> Result<(), WriteError> {
    if !home.is_ours() {
        let settled = match snapshot.whole {
            true => home.settle(),
            // What is there, if anything, is not the base of these changes.
            false => Err(io::Error::new(io::ErrorKind::NotFound, "somebody has removed it")),
        };
        settled.map_err(|source| WriteError { path: home.dir.join(LOCK), source })?;
    }
    write(&home.dir, snapshot)?;
    // Behind the positions of what they match.
    snapshot.globs.as_ref().map_or(Ok(()), |globs| globs::write(&home.dir, globs))
}

pub(super) fn write(dir: &Path, snapshot: &Snapshot) -> Result<(), WriteError> {
    if !snapshot.whole {
        return file::write(dir, RECENT, snapshot);
    }
    file::write(dir, BASE, snapshot)?;
    // They are part of the new base; should they stay, their generation says so.
    let _ = fs::remove_file(dir.join(RECENT));
    Ok(())
}
