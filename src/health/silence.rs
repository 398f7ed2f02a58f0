//! File systems that do not answer.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Where those are mounted from which an answer has been awaited for too long.
#[derive(Debug, Clone, Default)]
pub struct Silence(Arc<Mutex<BTreeSet<PathBuf>>>);

impl Silence {
    /// Notes whether the one at `point` is silent.
    pub fn note(&self, point: &Path, is_silent: bool) {
        match is_silent {
            true => self.points().insert(point.to_owned()),
            false => self.points().remove(point),
        };
    }

    /// All that are silent.
    #[must_use]
    pub fn now(&self) -> Vec<PathBuf> {
        self.points().iter().cloned().collect()
    }

    /// Whether the one at `point` is.
    #[must_use]
    pub fn is_at(&self, point: &Path) -> bool {
        self.points().contains(point)
    }

    fn points(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
