//! What waits to be served by the stage.

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;

use inotify::EventMask;

/// How many changes wait. When more come, all are dropped and everything is looked through. They
/// cannot wait in the kernel: those who listen have other work, and changes to pass on.
pub(super) const MOST: usize = 8192;

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum ChangeKind {
    /// The name is new, or names something else now.
    Appeared,
    /// Written to, truncated, or its mode or owner changed.
    Changed,
    /// The name is gone.
    Gone,
}

/// What waits to be served.
#[derive(Debug, Default)]
pub(super) struct PendingChanges {
    /// Changes in their order, each once: a watched directory itself, or a name in one.
    pub(super) changes: Vec<(PathBuf, ChangeKind)>,
    /// The same, to find what waits already.
    known: HashSet<(PathBuf, ChangeKind)>,
    /// The kernel had no room for some.
    pub(super) overflow: bool,
    /// There was no room for some here.
    pub(super) dropped: bool,
    /// The kernel is not heard any more.
    pub(super) deaf: Option<io::Error>,
}

impl PendingChanges {
    pub(super) fn push(&mut self, path: PathBuf, kind: ChangeKind) {
        if self.dropped {
            // Everything is looked through anyway.
            return;
        }
        if self.changes.len() == MOST {
            self.changes = Vec::new();
            self.known = HashSet::new();
            self.dropped = true;
        } else if self.known.insert((path.clone(), kind)) {
            self.changes.push((path, kind));
        }
    }

    /// Takes out the files that were changed. All else waits on.
    pub(super) fn take_changed(&mut self) -> Vec<PathBuf> {
        let is_changed = |(_, kind): &(PathBuf, ChangeKind)| *kind == ChangeKind::Changed;
        let changed: Vec<_> = self.changes.extract_if(.., |it| is_changed(it)).collect();
        if !changed.is_empty() {
            self.known.retain(|it| !is_changed(it));
        }
        changed.into_iter().map(|(path, _)| path).collect()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && !self.overflow && !self.dropped && self.deaf.is_none()
    }
}

impl ChangeKind {
    /// What the kernel says with `mask`, if it is about a path.
    pub(super) fn of(mask: EventMask) -> Option<Self> {
        let gone = EventMask::DELETE
            | EventMask::MOVED_FROM
            | EventMask::DELETE_SELF
            | EventMask::MOVE_SELF
            | EventMask::UNMOUNT;
        let appeared = EventMask::CREATE | EventMask::MOVED_TO;
        let changed = EventMask::MODIFY | EventMask::ATTRIB;
        if mask.intersects(gone) {
            Some(Self::Gone)
        } else if mask.intersects(appeared) {
            Some(Self::Appeared)
        } else {
            mask.intersects(changed).then_some(Self::Changed)
        }
    }
}
