//! The two orders in which a checkpoint may be written. They are two types, so that the wrong one
//! does not compile.

use std::sync::Arc;

use super::globs::FollowedGlobs;
use super::position::{Milestone, SourceId, Update};

/// A checkpoint to write at once. Nothing of its source is in flight that it could overtake.
#[derive(Debug, Clone)]
pub struct CheckpointNow(Update);

impl CheckpointNow {
    /// The source is known from here on. Nothing behind the position was ever read.
    #[must_use]
    pub fn known(reached: Arc<Milestone>) -> Self {
        Self(Update::Reached(reached))
    }

    /// The source is needed no more. Nothing of it was ever read.
    #[must_use]
    pub fn forget(id: SourceId) -> Self {
        Self(Update::Forget(id))
    }

    /// Every file that these globs match is known by the checkpoints before this one.
    #[must_use]
    pub fn followed(globs: &Arc<FollowedGlobs>) -> Self {
        Self(Update::Followed(Arc::clone(globs)))
    }

    /// What the checkpoint stage is told.
    #[must_use]
    pub fn into_update(self) -> Update {
        self.0
    }
}

/// A checkpoint to write behind what was read: it holds once everything read before it has been
/// confirmed. It travels in a batch.
#[derive(Debug, Clone)]
pub struct CheckpointBehind(Update);

impl CheckpointBehind {
    /// The source is delivered up to the position.
    #[must_use]
    pub fn reached(reached: Arc<Milestone>) -> Self {
        Self(Update::Reached(reached))
    }

    /// The source is delivered to its end and needed no more.
    #[must_use]
    pub fn forget(id: SourceId) -> Self {
        Self(Update::Forget(id))
    }

    /// What a mark in a batch carries.
    #[must_use]
    pub fn into_update(self) -> Update {
        self.0
    }
}
