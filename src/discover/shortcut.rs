//! What is written to often need not wake this stage's thread each time: what follows from a change
//! of a name is remembered, and passed on by whoever hears of the next one.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::mpsc::Sender;

use crate::pipeline::event::Event;

/// Names that are remembered at a time.
const MOST: usize = 1024;

/// The paths to look at, with their entries, when a file changes.
pub(super) type Looks = Vec<(PathBuf, usize)>;

/// What followed from changes of late.
#[derive(Debug)]
pub(super) struct Shortcut {
    events: Sender<Vec<Event>>,
    /// By paths as they are: comparing them by their parts would take longer, for nothing.
    known: Mutex<HashMap<OsString, Looks>>,
}

impl Shortcut {
    pub(super) fn new(events: Sender<Vec<Event>>) -> Self {
        Self { events, known: Mutex::default() }
    }

    /// Passes on that `path` has changed. False where it is not known what follows, or there is no
    /// room: then it has to go the long way.
    pub(super) fn pass_on(&self, path: &Path) -> bool {
        let known = self.known();
        let Some(looks) = known.get(path.as_os_str()) else { return false };
        let look =
            |(path, entry): &(PathBuf, usize)| Event::Look { path: path.clone(), entry: *entry };
        looks.is_empty() || self.events.try_send(looks.iter().map(look).collect()).is_ok()
    }

    /// From now on these `looks` follow when `path` changes.
    pub(super) fn learn(&self, path: PathBuf, looks: Looks) {
        let mut known = self.known();
        if known.len() >= MOST {
            known.clear();
        }
        known.insert(path.into(), looks);
    }

    /// Something else may follow now.
    pub(super) fn forget(&self) {
        self.known().clear();
    }

    fn known(&self) -> MutexGuard<'_, HashMap<OsString, Looks>> {
        // It is whole after each call.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::mpsc::channel;

    use super::*;

    #[test]
    fn it_passes_on_what_it_has_learnt_and_only_while_there_is_room() {
        let (sender, mut events) = channel(2);
        let shortcut = Shortcut::new(sender);
        let (target, link) = (Path::new("/target"), PathBuf::from("/link"));
        assert!(!shortcut.pass_on(target));
        shortcut.learn(target.into(), vec![(link.clone(), 7)]);
        assert!(shortcut.pass_on(target) && shortcut.pass_on(target) && !shortcut.pass_on(target));
        let expected = vec![Event::Look { path: link, entry: 7 }];
        assert_eq!(events.try_recv(), Ok(expected));
        assert!(shortcut.pass_on(target));
        shortcut.forget();
        assert!(!shortcut.pass_on(target));
    }

    #[test]
    fn it_does_not_grow_without_bound() {
        let (sender, _events) = channel(1);
        let shortcut = Shortcut::new(sender);
        for number in 0..3 * MOST {
            shortcut.learn(format!("/{number}").into(), Vec::new());
        }
        assert!(shortcut.known().len() <= MOST);
    }
}
