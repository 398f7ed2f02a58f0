//! What the scheduler keeps of a path beside the path itself.

use std::time::Instant;

use prometheus::IntGauge;

use crate::health::metrics::Reading;
use crate::input::path::FollowedPath;
use crate::pipeline::position::Inode;

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
    /// When it is looked at again.
    /// When its file was born, in nanoseconds since the epoch.
    pub(super) born: Option<i64>,
    pub(super) look_at: Instant,
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
        }
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

fn adjust(gauge: &IntGauge, before: bool, now: bool) {
    match (before, now) {
        (false, true) => gauge.inc(),
        (true, false) => gauge.dec(),
        _ => {}
    }
}
