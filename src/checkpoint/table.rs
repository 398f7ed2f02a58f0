//! What is known of every source, and which part of it the files on disk do not hold yet. Pure.

use std::borrow::Borrow;
use std::collections::{HashSet, VecDeque};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::pipeline::globs::FollowedGlobs;
use crate::pipeline::position::{Milestone, Record, SourceId, Update};
use crate::pipeline::shared_path::Neighbours;

/// What is kept of one source: 16 bytes, and a share of what the tail holds too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Row {
    pub(super) reached: Arc<Milestone>,
    /// Seconds since the epoch.
    pub(super) seen: i64,
}

/// A row, to be found by the number of its source, which it holds.
#[derive(Debug)]
struct Numbered(Row);

impl Numbered {
    fn id(&self) -> SourceId {
        self.0.reached.source.id
    }
}

impl Borrow<SourceId> for Numbered {
    fn borrow(&self) -> &SourceId {
        &self.0.reached.source.id
    }
}

impl PartialEq for Numbered {
    fn eq(&self, other: &Self) -> bool {
        self.id() == other.id()
    }
}

impl Eq for Numbered {}

impl Hash for Numbered {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id().hash(state);
    }
}

/// One line between the first and the last of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TableChange {
    /// The source is known, and this is what of it.
    Known(Row),
    /// The base may know it, but it is gone.
    Forgotten(SourceId),
}

impl TableChange {
    /// Has its path share a directory with others.
    pub(super) fn lies_beside(&mut self, neighbours: &mut Neighbours) {
        if let Self::Known(Row { reached, .. }) = self {
            neighbours.add(&mut Arc::make_mut(reached).source.path);
        }
    }
}

/// Everything the two files are to hold, and how far they hold it.
#[derive(Debug, Default)]
pub(super) struct Table {
    known: HashSet<Numbered>,
    /// Changed or forgotten since the base was written.
    recent: HashSet<SourceId>,
    /// Globs that are not on disk yet.
    globs: Option<Arc<FollowedGlobs>>,
    /// The sources that were forgotten last: what was in flight of them comes later.
    forgotten: VecDeque<SourceId>,
    /// Something is not on disk yet.
    dirty: bool,
    /// Recent changes can not be relied on to complete the base on disk: write everything.
    base_is_needed: bool,
    base_len: usize,
    generation: u64,
    /// How many records writing `recent` has cost since the base was written.
    written: usize,
    next_id: u64,
}

/// What is to be written, detached from the table so that it can be written elsewhere.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// Everything, or only what changed since everything was written.
    pub(super) whole: bool,
    pub(super) generation: u64,
    pub(super) next_id: u64,
    pub(super) changes: Vec<TableChange>,
    /// To be written behind them.
    pub(super) globs: Option<Arc<FollowedGlobs>>,
    /// What was recent and becomes part of the base.
    folded: HashSet<SourceId>,
}

/// Few changes are not folded into the base while it runs: writing them each time costs next to
/// nothing.
const FEW: usize = 1000;
/// Of how many sources it is remembered that they were forgotten. Less than that is in flight.
const FORGOTTEN_MAX: usize = 1024;
/// How stale the time a file was last seen may become on disk, in seconds.
const SEEN_PRECISION: i64 = 24 * 3600;

impl Table {
    /// A table as the two files hold it.
    pub(super) fn loaded(base: Loaded, recent: Loaded) -> Self {
        let mut table = Self {
            generation: base.generation,
            next_id: base.next_id,
            base_len: base.changes.len(),
            ..Self::default()
        };
        for change in base.changes {
            table.overlay(change);
        }
        // So far only the base itself.
        table.recent.clear();
        if recent.generation >= base.generation {
            table.generation = recent.generation;
            table.next_id = table.next_id.max(recent.next_id);
            for change in recent.changes {
                table.overlay(change);
            }
            table.written = table.recent.len();
        }
        table
    }

    fn overlay(&mut self, change: TableChange) {
        let id = match change {
            TableChange::Known(kept) => {
                let id = kept.reached.source.id;
                self.known.replace(Numbered(kept));
                id
            }
            TableChange::Forgotten(id) => {
                self.known.remove(&id);
                id
            }
        };
        self.recent.insert(id);
        self.next_id = self.next_id.max(id.0.saturating_add(1));
    }

    /// The next save writes everything, and is due even if nothing changes.
    pub(super) fn need_base(&mut self) {
        self.base_is_needed = true;
        self.dirty = true;
    }

    /// Where that is little, the next save writes everything: so the base is not older than the
    /// last start, and what is damaged later costs repeated lines instead of missing ones.
    pub(super) fn renew_base(&mut self) {
        self.base_is_needed |= self.known.len() <= FEW;
    }

    /// Takes in `update`, which came at `now` (seconds since the epoch).
    pub(super) fn apply(&mut self, update: Update, now: i64) {
        let (id, changed) = match update {
            Update::Reached(reached) => (reached.source.id, self.reached(reached, now)),
            Update::Forget(id) => (id, self.forget(id)),
            Update::Followed(globs) => {
                self.globs = Some(globs);
                self.dirty = true;
                return;
            }
        };
        if changed {
            self.recent.insert(id);
            self.dirty = true;
        }
    }

    fn forget(&mut self, id: SourceId) -> bool {
        let was_known = self.known.remove(&id);
        if was_known {
            if self.forgotten.len() >= FORGOTTEN_MAX {
                self.forgotten.pop_front();
            }
            self.forgotten.push_back(id);
        }
        was_known
    }

    fn reached(&mut self, reached: Arc<Milestone>, now: i64) -> bool {
        let id = reached.source.id;
        self.next_id = self.next_id.max(id.0.saturating_add(1));
        let Some(Numbered(kept)) = self.known.get(&id) else {
            if self.forgotten.contains(&id) {
                // What arrived of it since the file was deleted is of no use.
                return false;
            }
            self.known.insert(Numbered(Row { reached, seen: now }));
            return true;
        };
        let stale = now.saturating_sub(kept.seen).saturating_abs() >= SEEN_PRECISION;
        let changed = stale || kept.reached != reached;
        let seen = if changed { now } else { kept.seen };
        // Even if equal: from now on it is in memory only once.
        self.known.replace(Numbered(Row { reached, seen }));
        changed
    }

    /// Whether something is not on disk yet.
    pub(super) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// What to write now; to be answered by [`Self::saved`] or [`Self::failed`].
    pub(super) fn snapshot(&mut self) -> Snapshot {
        self.dirty = false;
        // Everything is written anew once writing the recent changes over and over has cost as
        // much: so the cost stays within twice the least possible, however changes come.
        let whole = self.base_is_needed
            || self.recent.len() > FEW && self.written + self.recent.len() > self.base_len;
        let (changes, folded) = if whole {
            self.generation = self.generation.saturating_add(1);
            let everything =
                self.known.iter().map(|Numbered(kept)| TableChange::Known(kept.clone()));
            (everything.collect(), std::mem::take(&mut self.recent))
        } else {
            self.written += self.recent.len();
            let change = |id: &SourceId| match self.known.get(id) {
                Some(Numbered(kept)) => TableChange::Known(kept.clone()),
                None => TableChange::Forgotten(*id),
            };
            (self.recent.iter().map(change).collect(), HashSet::new())
        };
        let (generation, next_id, globs) = (self.generation, self.next_id, self.globs.take());
        Snapshot { whole, generation, next_id, changes, globs, folded }
    }

    /// `snapshot` is on disk.
    pub(super) fn saved(&mut self, snapshot: &Snapshot) {
        if snapshot.whole {
            self.base_is_needed = false;
            self.base_len = snapshot.changes.len();
            self.written = 0;
        }
    }

    /// `snapshot` is not on disk, or nobody knows.
    pub(super) fn failed(&mut self, snapshot: Snapshot) {
        self.dirty = true;
        self.recent.extend(snapshot.folded);
        self.globs = self.globs.take().or(snapshot.globs);
        // The new base may have got there after all, and recent changes to the old one would
        // then be ignored.
        self.base_is_needed |= snapshot.whole;
    }

    /// Above every id that was ever given.
    pub(super) fn next_id(&self) -> SourceId {
        SourceId(self.next_id)
    }

    /// Everything known, in the order of the ids.
    pub(super) fn records(&self) -> Vec<Record> {
        let mut records: Vec<_> =
            self.known.iter().map(|Numbered(kept)| Record::from(kept)).collect();
        records.sort_unstable_by_key(|record| record.reached.source.id);
        records
    }
}

/// What one file holds.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) generation: u64,
    pub(super) next_id: u64,
    pub(super) changes: Vec<TableChange>,
}

impl From<&Row> for Record {
    fn from(kept: &Row) -> Self {
        Self { reached: Arc::clone(&kept.reached), seen: system_time(kept.seen) }
    }
}

/// The point in time that is `seconds` after the epoch, or before it.
fn system_time(seconds: i64) -> SystemTime {
    let distance = Duration::from_secs(seconds.unsigned_abs());
    let time = if seconds < 0 {
        UNIX_EPOCH.checked_sub(distance)
    } else {
        UNIX_EPOCH.checked_add(distance)
    };
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
impl Snapshot {
    /// Everything is `changes`.
    pub(super) fn for_test(generation: u64, next_id: u64, changes: Vec<TableChange>) -> Self {
        let (globs, folded) = (None, HashSet::new());
        Self { whole: true, generation, next_id, changes, globs, folded }
    }
}

#[cfg(test)]
pub(super) mod arbitrary;
#[cfg(test)]
mod tests;
