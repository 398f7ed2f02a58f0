//! What is done when inotify tells of something.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::{debug, warn};

use super::inotify::Kind;
use super::shortcut::Looks;
use super::watch::Notice;
use super::{Closed, Stage};
use crate::pipeline::event::Event;

/// How many notices are taken at once, so that many of one file count as one.
const NOTICES_AT_ONCE: usize = 512;

impl Stage {
    /// Serves `first` and what has come with it. Returns whether a sweep is needed now.
    pub(super) fn serve(&mut self, first: Notice) -> Result<bool, Closed> {
        let mut seen = HashSet::new();
        let mut happened = Vec::new();
        let mut sweep = false;
        let mut notice = first;
        for left in (0..NOTICES_AT_ONCE).rev() {
            match notice {
                Notice::Path(path, kind) => {
                    if kind == Kind::Gone && self.watch.forget(&path) {
                        sweep = true;
                    }
                    if seen.insert((path.clone(), kind)) {
                        happened.push((path, kind));
                    }
                }
                Notice::Overflow => {
                    self.settings.meters.overflows.inc();
                    warn!(
                        "inotify events were lost (its queue ran over); every file is looked at \
                         now; raise fs.inotify.max_queued_events with sysctl if this comes often"
                    );
                    self.watch.forget_all();
                    sweep = true;
                }
                Notice::Dropped => {
                    self.settings.meters.overflows.inc();
                    debug!(
                        "more happened at once than could be served; looking through everything"
                    );
                    self.watch.forget_all();
                    sweep = true;
                }
                Notice::Stop => return Err(Closed),
                Notice::Timeout => break,
            }
            if left == 0 {
                // Whatever is taken from the queue has to be served, so the last turn takes none.
                break;
            }
            notice = self.watch.next(Duration::ZERO);
        }
        // Only now: what happens to a path once it was passed on is news.
        for (path, kind) in happened {
            match kind {
                Kind::Changed => self.changed(path)?,
                Kind::Gone => {
                    let looks = self.looks(&path);
                    self.look_at(looks)?;
                }
                Kind::Appeared => self.appeared(&path)?,
            }
        }
        self.flush()?;
        Ok(sweep)
    }

    /// A file in a watched directory was written to, or its rights have changed.
    fn changed(&mut self, path: PathBuf) -> Result<(), Closed> {
        let looks = self.looks(&path);
        self.look_at(looks.clone())?;
        self.shortcut.learn(path, looks);
        Ok(())
    }

    fn look_at(&mut self, looks: Looks) -> Result<(), Closed> {
        looks.into_iter().try_for_each(|(path, entry)| self.send(Event::Look { path, entry }))
    }

    /// The followed paths that lead to the file at `path`.
    fn looks(&self, path: &Path) -> Looks {
        let mut looks = self.links.get(path).cloned().unwrap_or_default();
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return looks;
        };
        for spelled in self.spellings.get(directory).into_iter().flatten() {
            let step =
                self.places.get(spelled).map(|states| self.settings.globs.step(states, name));
            if let Some(entry) = step.and_then(|step| step.file_of) {
                let path = spelled.join(name);
                if !self.is_excluded(&path) {
                    looks.push((path, entry));
                }
            }
        }
        looks
    }

    /// A name in a watched directory is new, or names something else.
    fn appeared(&mut self, path: &Path) -> Result<(), Closed> {
        self.shortcut.forget();
        let looks = self.links.get(path).cloned().unwrap_or_default();
        self.look_at(looks)?;
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(());
        };
        for spelled in self.spellings.get(directory).cloned().unwrap_or_default() {
            let Some(states) = self.places.get(&spelled).cloned() else { continue };
            let Ok(metadata) = fs::symlink_metadata(spelled.join(name)) else { continue };
            self.meet(&spelled, name, Some(metadata.file_type()), &states)?;
        }
        Ok(())
    }
}
