//! What the scheduler keeps of a path beside the path itself.

use std::sync::Arc;
use std::time::Instant;

use prometheus::IntGauge;

use crate::health::metrics::Reading;
use crate::input::FileSettings;
use crate::input::path::{FollowedPath, RestingPath};
use crate::input::read::content::Stat;
use crate::pipeline::position::Inode;
use crate::pipeline::shared_path::SharedPath;

/// A path and its place in the schedule.
pub(super) struct Slot {
    pub(super) path: FollowedPath,
    /// It waits in the queue of those to be read.
    pub(super) is_queued: bool,
    /// Something is still to be read here that only waits for its time.
    pub(super) is_pending: bool,
    /// When it comes up by itself.
    pub(super) wake_at: Option<Instant>,
    /// In which sweep it was last looked at.
    pub(super) sweep: u32,
    pub(super) last_read: Instant,
    pub(super) origin: Origin,
    counted: InGauges,
    /// It may have changed since it was last tried whether it can rest.
    pub(super) is_touched: bool,
}

/// A path that waits for something to happen, and its place in the schedule.
pub(super) struct Resting {
    path: RestingPath,
    /// In which sweep it was last looked at.
    pub(super) sweep: u32,
    /// The file is its own. Otherwise it was not looked at yet whether it is a copy.
    is_own: bool,
}

/// Whether the file of a path is its own.
pub(super) enum Origin {
    /// It was not looked at yet whether it is a copy of another that is followed.
    Unexamined,
    /// It begins like others that are followed, and may be a copy of one.
    Suspect(Box<Suspect>),
    /// The file with this inode is a copy of one that is followed.
    Copy(Option<Inode>),
    /// The file with this inode is its own.
    Own(Option<Inode>),
}

/// A file that begins like others that are followed.
pub(super) struct Suspect {
    /// The paths that it may be a copy of.
    pub(super) originals: Vec<usize>,
    /// How large it was when it was last looked at: it may be written just now.
    pub(super) size: u64,
    /// Its file.
    pub(super) inode: Option<Inode>,
    /// When it is looked at again.
    pub(super) look_at: Instant,
    /// Until then it may go on growing.
    pub(super) until: Instant,
}

/// In which numbers of files a path stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct InGauges {
    followed: bool,
    unreadable: bool,
}

impl Slot {
    pub(super) fn new(path: FollowedPath, sweep: u32, now: Instant) -> Self {
        Self {
            path,
            is_queued: false,
            is_pending: false,
            wake_at: None,
            sweep,
            last_read: now,
            origin: Origin::Unexamined,
            counted: InGauges { followed: false, unreadable: false },
            is_touched: false,
        }
    }

    /// What is to be kept of it, where nothing is to be done here until something happens.
    pub(super) fn rest(&mut self) -> Option<Resting> {
        // All fields are named, so that each is decided upon.
        let Self {
            path,
            is_queued: false,
            is_pending: false,
            wake_at: None,
            sweep,
            last_read: _,
            origin,
            counted: InGauges { followed: true, unreadable: false },
            is_touched: _,
        } = self
        else {
            return None;
        };
        let is_own = match origin {
            Origin::Unexamined => false,
            Origin::Own(inode) if *inode == path.current_inode() => true,
            Origin::Own(_) | Origin::Copy(_) | Origin::Suspect(_) => return None,
        };
        Some(Resting { path: path.rest()?, sweep: *sweep, is_own })
    }

    /// Has it stand in the numbers of files where it belongs. What was followed once is counted until
    /// it is over.
    pub(super) fn count(&mut self, meters: &Reading) {
        let unreadable = self.path.is_unreadable();
        let followed = self.counted.followed || self.path.has_generations() && !unreadable;
        self.count_as(InGauges { followed, unreadable }, meters);
    }

    /// It is over.
    pub(super) fn count_no_more(&mut self, meters: &Reading) {
        self.count_as(InGauges { followed: false, unreadable: false }, meters);
    }

    fn count_as(&mut self, counted: InGauges, meters: &Reading) {
        let before = std::mem::replace(&mut self.counted, counted);
        adjust(&meters.files, before.followed, counted.followed);
        adjust(&meters.unreadable, before.unreadable, counted.unreadable);
    }
}

impl Resting {
    pub(super) fn path(&self) -> &SharedPath {
        self.path.path()
    }

    /// As it was before. It has been quiet until `now`.
    pub(super) fn wake(self, id: usize, now: Instant) -> Slot {
        let path = self.path.wake(id, now);
        let origin = match self.is_own {
            true => Origin::Own(path.current_inode()),
            false => Origin::Unexamined,
        };
        let counted = InGauges { followed: true, unreadable: false };
        Slot { origin, counted, ..Slot::new(path, self.sweep, now) }
    }

    /// Whether it rests on, where this stands at the path.
    pub(super) fn is_unchanged(&self, stat: &Stat) -> bool {
        self.path.is_unchanged(stat)
    }

    pub(super) fn belongs_to(&mut self, settings: Arc<FileSettings>) {
        self.path.belongs_to(settings);
    }

    pub(super) fn begins_like(&self, bytes: &[u8]) -> bool {
        self.path.begins_like(bytes)
    }
}

fn adjust(gauge: &IntGauge, before: bool, now: bool) {
    match (before, now) {
        (false, true) => gauge.inc(),
        (true, false) => gauge.dec(),
        _ => {}
    }
}
