//! What is done when the kernel has told of something.

use std::path::Path;

use tracing::{debug, warn};

use super::border::Area;
use super::inbox::Looks;
use super::links::Symlinks;
use super::pending::{ChangeKind, PendingChanges};
use super::places::Places;
use super::stage::{LastSweep, Left, Spellings, Stage};
use super::walk::Walk;
use crate::pipeline::event::Event;

impl Stage<'_> {
    /// Serves all that is pending. Returns whether a sweep is needed now.
    pub(super) async fn serve(&mut self) -> Result<bool, Left> {
        let PendingChanges { changes, overflow, dropped, deaf, .. } = self.inbox.pending();
        if self.has_moved() {
            return Ok(true);
        }
        let mut sweep = overflow || dropped || deaf.is_some();
        if overflow {
            self.settings.meters.overflows.inc();
            warn!(
                "inotify events were lost (its queue ran over); every file is looked at now; raise \
                 fs.inotify.max_queued_events with sysctl if this comes often"
            );
            self.watch.forget_all();
        }
        if dropped {
            self.settings.meters.overflows.inc();
            debug!("the queue of changes is full; all directories are looked through");
            self.watch.forget_all();
        }
        if let Some(error) = deaf {
            warn!("cannot read from inotify ({error}); trying again with a new instance");
            self.watch.end();
        }
        for (path, kind) in &changes {
            sweep |= *kind == ChangeKind::Gone && self.watch.forget(path);
            sweep |= *kind != ChangeKind::Changed && self.is_on_the_way(path);
        }
        for (path, kind) in changes {
            match kind {
                ChangeKind::Changed => self.changed(&path).await?,
                ChangeKind::Gone => self.look_at(self.looks(&path)).await?,
                ChangeKind::Appeared => self.appeared(&path).await?,
            }
        }
        self.tell_crossings(false);
        self.flush().await?;
        Ok(sweep)
    }

    /// Whether directories with files are reached over `path`, a name in a watched directory.
    fn is_on_the_way(&self, path: &Path) -> bool {
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else { return false };
        let spellings = self.spellings.get(directory).into_iter().flatten();
        let mut paths = spellings.map(|spelled| spelled.join(name));
        self.ways.contains(path) || paths.any(|path| self.reached.places.contains_key(&path))
    }

    /// A file in a watched directory was written to, or its rights have changed.
    async fn changed(&mut self, path: &Path) -> Result<(), Left> {
        let looks = self.looks(path);
        self.look_at(looks.clone()).await?;
        self.watch.learn(path, looks);
        Ok(())
    }

    async fn look_at(&mut self, looks: Looks) -> Result<(), Left> {
        for (path, entry) in looks {
            self.send(Event::Look { path, entry }).await?;
        }
        Ok(())
    }

    /// Tells of the files that were changed since the sweep under way was last here: it may take seconds, and
    /// a line is not to wait for so long. Names that come and go wait for its end. During a first sweep all does: what
    /// it does not list has come since, and is read from its beginning.
    pub(super) async fn serve_in_between(&mut self) -> Result<(), Left> {
        if self.before.spellings.is_empty() {
            return Ok(());
        }
        let changed = self.inbox.changed();
        if changed.is_empty() {
            return Ok(());
        }
        for path in changed {
            let mut looks = self.looks(&path);
            let LastSweep { places, spellings, links } = &self.before;
            let before = self.looks_by(places, spellings, links, &path);
            looks.extend(
                before.into_iter().filter(|look| !looks.contains(look)).collect::<Vec<_>>(),
            );
            self.look_at(looks).await?;
        }
        self.flush().await
    }

    /// The followed paths that lead to the file at `path`.
    fn looks(&self, path: &Path) -> Looks {
        self.looks_by(&self.reached.places, &self.spellings, &self.links, path)
    }

    /// The same, by what some sweep has found.
    fn looks_by(
        &self,
        places: &Places,
        spellings: &Spellings,
        links: &Symlinks,
        path: &Path,
    ) -> Looks {
        let mut looks = links.over(path);
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return looks;
        };
        for spelled in spellings.get(directory).into_iter().flatten() {
            let states = places.get(spelled);
            let step = states.map(|states| self.settings.globs.step(states, name));
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
    async fn appeared(&mut self, path: &Path) -> Result<(), Left> {
        for (link, entry) in self.links.over(path) {
            if !self.follow(&link, entry) {
                self.polled.add_file(&link, entry);
            }
            self.send(Event::Look { path: link, entry }).await?;
        }
        let (Some(directory), Some(name)) = (path.parent(), path.file_name()) else {
            return Ok(());
        };
        for spelled in self.spellings.get(directory).cloned().unwrap_or_default() {
            let Some(states) = self.reached.places.get(&spelled).cloned() else { continue };
            self.place_at(directory);
            let mut walk = Walk::default();
            let border = &mut self.reached.border;
            walk.look_at(&spelled, states, name, &self.settings.globs, border);
            self.walk(walk).await?;
        }
        Ok(())
    }

    /// Whether the border has moved, so that what is known of this side may lie behind it. Everything
    /// has to be looked through then.
    fn has_moved(&self) -> bool {
        matches!(self.settings.area, Area::Near(_)) && self.settings.mounts.look()
    }

    /// Looks at the files and directories whose changes nothing tells.
    pub(super) async fn poll(&mut self) -> Result<(), Left> {
        if self.has_moved() {
            self.is_unsettled = true;
            return Ok(());
        }
        let changes = self.polled.look();
        for look in changes.files {
            self.send(look).await?;
        }
        for directory in changes.directories {
            if let Some(states) = self.reached.places.get(&directory).cloned() {
                let mut walk = Walk::default();
                walk.enter_again(directory, states, &self.settings.globs);
                self.walk(walk).await?;
            }
        }
        self.flush().await
    }
}
