//! A walk through everything: what is found is watched, followed and named.

use std::fs;
use std::io;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use tracing::{info, trace, warn};

use super::border::{Area, Border};
use super::links::resolve;
use super::reached::SPELLINGS_MAX;
use super::stage::{LastSweep, Left, Stage};
use super::unmatched::mistake;
use super::walk::{GlobMatch, Sighting, Walk};
use super::watch::{Notices, Purpose};
use crate::limits;
use crate::mounts::Territory;
use crate::pipeline::event::Event;
use crate::shown::Show;

/// How often a link is followed anew because what it leads over was not watched meanwhile.
const LINK_LOOKS: usize = 4;

/// A directory that is being looked through.
#[derive(Debug, Default)]
pub(super) struct SweepPlace {
    /// Its canonical path.
    canonical: PathBuf,
    /// Changes in it are told.
    is_heard: bool,
    /// Something is mounted on a name in it.
    holds_mounts: bool,
}

impl Stage<'_> {
    /// Walks all globs from the root and names every file that matches.
    pub(super) async fn sweep(&mut self) -> Result<(), Left> {
        self.watch.begin_sweep();
        self.polled.begin_sweep();
        self.inbox.forget_all();
        self.settings.mounts.look();
        self.mounts = self.settings.mounts.get();
        self.before = LastSweep {
            places: mem::take(&mut self.reached.places),
            spellings: mem::take(&mut self.spellings),
            links: mem::take(&mut self.links),
        };
        self.reached.clear();
        self.ways.clear();
        self.wanted.clear();
        let is_repeating = mem::take(&mut self.is_repeating);
        let walk = self.first_steps().await?;
        self.walk(walk).await?;
        self.before = LastSweep::default();
        if is_repeating && !self.is_repeating {
            info!("symbolic links lead to no directory by too many ways any more");
        }
        self.watch.end_sweep(&self.wanted);
        self.polled.end_sweep();
        self.settings.meters.watched.set(self.watch.count() as i64);
        self.name_unmatched();
        self.tell_crossings(true);
        self.send(Event::Swept).await?;
        self.flush().await
    }

    /// Where a sweep begins.
    async fn first_steps(&mut self) -> Result<Walk, Left> {
        let globs = &self.settings.globs;
        match &mut self.settings.area {
            Area::Near(_) => {
                self.reached.border = Border::of(Arc::clone(&self.mounts));
                Ok(Walk::new(globs))
            }
            Area::Far(_, ways) => {
                let known = self.settings.beat.during(ways.wait_for(Option::is_some));
                let ways = tokio::select! {
                    order = self.orders.recv() => return Err(Left::Ordered(order)),
                    known = known => known.ok().and_then(|ways| ways.clone()).unwrap_or_default(),
                };
                Ok(Walk::beyond(&ways, globs))
            }
        }
    }

    /// Tells which ways lead over the border, where that is news. `all` were looked for, or some have
    /// come in addition.
    pub(super) fn tell_crossings(&mut self, all: bool) {
        let Area::Near(told) = &self.settings.area else { return };
        let mut found = self.reached.border.take();
        if !all {
            for (point, ways) in self.crossings.iter().flatten() {
                found.entry(point.clone()).or_default().extend(ways.iter().cloned());
            }
        }
        if self.crossings.as_ref() != Some(&found) {
            // Nobody may want to know any more.
            let _ = told.send(found.clone());
            self.crossings = Some(found);
        }
    }

    /// Goes to the end of a walk.
    pub(super) async fn walk(&mut self, mut walk: Walk) -> Result<(), Left> {
        while let Some(found) = walk.next(&self.settings.globs, &mut self.reached) {
            match found {
                Sighting::Directory { path, is_open, by_name } => {
                    self.settings.beat.turn();
                    self.obey()?;
                    self.serve_in_between().await?;
                    let purpose = match (is_open, by_name) {
                        (false, _) => Purpose::Way,
                        (true, false) => Purpose::Files,
                        (true, true) => Purpose::Named,
                    };
                    self.enter(&path, purpose);
                }
                Sighting::Missing => {
                    let directory = self.place.canonical.clone();
                    self.watch(&directory, Purpose::Names);
                }
                Sighting::File(found) => self.name(found).await?,
                Sighting::Link { path } => self.watch_stations(&path),
                Sighting::Gone => self.is_unsettled = true,
                Sighting::Refused { path, error } => self.report_once(&path, &error),
                Sighting::Repeated { path } => self.report_repeated(&path),
            }
        }
        Ok(())
    }

    /// Has a directory watched that is looked through next.
    fn enter(&mut self, directory: &Path, purpose: Purpose) {
        self.reported.remove(directory);
        let canonical = match fs::canonicalize(directory) {
            Ok(canonical) => canonical,
            Err(error) => {
                // What may not be entered stays so: to look again at once would be of no use.
                self.is_unsettled |= error.kind() == io::ErrorKind::NotFound;
                return;
            }
        };
        let is_heard = self.watch(&canonical, purpose);
        if !is_heard && purpose != Purpose::Way {
            self.polled.add_directory(directory);
        }
        self.watch.unlearn_directory(&canonical);
        let spellings = self.spellings.entry(canonical.clone()).or_default();
        if !spellings.iter().any(|spelled| spelled == directory) {
            spellings.push(directory.to_owned());
        }
        let holds_mounts = self.mounts.is_any_in(&canonical);
        self.place = SweepPlace { canonical, is_heard, holds_mounts };
    }

    /// Has a canonical directory watched. Returns whether what happens in it is told.
    fn watch(&mut self, canonical: &Path, purpose: Purpose) -> bool {
        self.wanted.insert(canonical.to_owned());
        match self.watch.add(canonical, purpose) {
            Notices::Yes => !self.mounts.is_remote(canonical),
            Notices::No => false,
            Notices::Gone => {
                self.is_unsettled = true;
                false
            }
        }
    }

    /// Goes on with the directory of which an event has come.
    pub(super) fn place_at(&mut self, canonical: &Path) {
        let is_heard = self.watch.is_watched(canonical) && !self.mounts.is_remote(canonical);
        let holds_mounts = self.mounts.is_any_in(canonical);
        self.place = SweepPlace { canonical: canonical.to_owned(), is_heard, holds_mounts };
    }

    /// Names a path that matches.
    async fn name(&mut self, found: GlobMatch) -> Result<(), Left> {
        let GlobMatch { path, entry, also, is_link, has_one_name } = found;
        if self.is_excluded(&path) {
            return Ok(());
        }
        let is_heard =
            if is_link { self.follow(&path, entry) } else { has_one_name && self.is_heard(&path) };
        if !is_heard {
            self.polled.add_file(&path, entry);
        }
        self.matched.insert(entry);
        self.matched.extend(also);
        self.send(Event::Look { path, entry }).await
    }

    /// Whether writing to the file at `path`, its only name, is told by the watch on its directory.
    fn is_heard(&self, path: &Path) -> bool {
        let place = &self.place;
        let name = || path.file_name().unwrap_or_default();
        let is_mounted = || self.mounts.at(&place.canonical.join(name())).is_some();
        place.is_heard && !(place.holds_mounts && is_mounted())
    }

    /// Watches everything that decides where a followed link leads, and what is there: writing to it
    /// does nothing to the link's own directory. Returns whether all is told.
    pub(super) fn follow(&mut self, link: &Path, entry: usize) -> bool {
        let (mut resolved, mut is_heard) = (resolve(link), true);
        for _ in 0..LINK_LOOKS {
            for station in &resolved.stations {
                let directory = station.parent().unwrap_or(Path::new("/"));
                is_heard &= self.watch(directory, Purpose::Named);
            }
            let now = resolve(link);
            if now == resolved {
                break;
            }
            resolved = now;
        }
        if let Some(end) = resolved.stations.last().filter(|_| resolved.is_there) {
            is_heard &= self.mounts.at(end).is_none() && has_one_name(end);
        }
        for station in &resolved.stations {
            self.watch.unlearn(station);
        }
        self.links.set(link, entry, resolved.stations);
        is_heard
    }

    /// Watches everything that decides where a link on the way leads.
    fn watch_stations(&mut self, link: &Path) {
        for station in resolve(link).stations {
            let directory = station.parent().unwrap_or(Path::new("/")).to_owned();
            self.watch(&directory, Purpose::Names);
            self.ways.insert(station);
        }
    }

    pub(super) fn is_excluded(&self, path: &Path) -> bool {
        let excluded = self.settings.exclude.matches(path.as_os_str().as_bytes());
        if excluded {
            trace!("not following {}: it matches exclude_files", path.shown());
        }
        excluded
    }

    fn report_once(&mut self, path: &Path, error: &io::Error) {
        if self.reported.insert(path.to_owned()) {
            let remedy = limits::met_by(error).unwrap_or_else(|| {
                "see that the user this runs as may list and enter it".to_owned()
            });
            warn!(
                "cannot look into {}: {error}; files below it whose names are not written out are \
                 not followed; {remedy}",
                path.shown()
            );
        }
    }

    fn report_repeated(&mut self, path: &Path) {
        if !mem::replace(&mut self.is_repeating, true) {
            warn!(
                "symbolic links lead to {} by more than {SPELLINGS_MAX} ways, and maybe to other \
                 directories; they are entered by that many only; remove the links, or name the \
                 directories in files without wildcards",
                path.shown()
            );
        }
    }

    /// Says which entries nothing matches, once each.
    fn name_unmatched(&mut self) {
        for entry in 0..self.settings.globs.len() {
            if self.is_ours(entry) && self.matched.insert(entry) {
                let glob = self.settings.globs.get(entry);
                match mistake(glob) {
                    Some(mistake) => {
                        warn!("nothing matches {} yet: {mistake}", glob.text().shown());
                    }
                    None => info!("nothing matches {} yet", glob.text().shown()),
                }
            }
        }
    }
}

impl Stage<'_> {
    /// Whether it is for this stage to say that nothing matches an entry: that is where its first
    /// wildcard is.
    fn is_ours(&self, entry: usize) -> bool {
        let territory = self.mounts.territory(&literal_part(self.settings.globs.get(entry).text()));
        match &self.settings.area {
            Area::Near(_) => territory == Territory::Near && !self.reached.border.leads(entry),
            Area::Far(point, _) => territory == Territory::Far(point.clone()),
        }
    }
}

/// A glob up to its first wildcard.
fn literal_part(glob: &Path) -> PathBuf {
    let is_wild = |part: &Component<'_>| {
        part.as_os_str().as_bytes().iter().any(|byte| b"*?[\\".contains(byte))
    };
    glob.components().take_while(|part| !is_wild(part)).collect()
}

/// Whether a file has no other name, for writing through another name is told of that one alone.
fn has_one_name(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|metadata| metadata.nlink() <= 1)
}
