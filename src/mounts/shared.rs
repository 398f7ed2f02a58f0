//! The mounts as several stages share them, and the fence that keeps each on its side of the border.

use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::{MOUNTINFO, Mounts, Territory};

/// The mounts as they were when somebody last looked, for all who hold a clone.
#[derive(Debug, Clone)]
pub struct SharedMounts(Arc<MountsInner>);

#[derive(Debug)]
struct MountsInner {
    /// Tells whether anything has changed; nothing where it cannot be known.
    mountinfo: Option<Mutex<File>>,
    now: RwLock<Arc<Mounts>>,
}

impl Default for SharedMounts {
    /// As they are now.
    fn default() -> Self {
        // Before reading: what changes in between is seen by the next look.
        let mountinfo = File::open(MOUNTINFO).ok().map(Mutex::new);
        Self(Arc::new(MountsInner { mountinfo, now: RwLock::new(Arc::new(Mounts::now())) }))
    }
}

impl SharedMounts {
    /// As they were at the last look.
    #[must_use]
    pub fn get(&self) -> Arc<Mounts> {
        Arc::clone(&self.0.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks for changes. Returns whether there are some.
    pub fn look(&self) -> bool {
        let Some(mountinfo) = &self.0.mountinfo else { return false };
        let mountinfo = mountinfo.lock().unwrap_or_else(PoisonError::into_inner);
        let mut changed = [PollFd::new(&*mountinfo, PollFlags::PRI)];
        if !poll(&mut changed, Some(&Timespec::default())).is_ok_and(|count| count > 0) {
            return false;
        }
        let now = Mounts::now();
        let is_news = *self.get() != now;
        *self.0.now.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(now);
        is_news
    }
}

/// Tells which paths are for somebody else, who serves another territory.
#[derive(Debug, Clone)]
pub struct Fence {
    mounts: SharedMounts,
    territory: Territory,
}

impl Default for Fence {
    /// Around everything.
    fn default() -> Self {
        let shared = MountsInner { mountinfo: None, now: RwLock::default() };
        Self::around(Territory::Near, SharedMounts(Arc::new(shared)))
    }
}

impl Fence {
    /// Around `territory`.
    #[must_use]
    pub fn around(territory: Territory, mounts: SharedMounts) -> Self {
        Self { mounts, territory }
    }

    /// Whether `path`, which is absolute, leads out of the territory.
    #[must_use]
    pub fn is_outside(&self, path: &Path) -> bool {
        self.mounts.get().territory(path) != self.territory
    }

    /// What the territory is called where there are others.
    #[must_use]
    pub fn name(&self) -> Option<&Path> {
        match &self.territory {
            Territory::Near => None,
            Territory::Far(point) => Some(point),
        }
    }
}
