//! Rotated files that nobody has seen come: those that are new, and those that another path knows.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::{debug, info, warn};

use super::generation::{Generation, order_between, orders_between, start};
use super::transitions::Medium;
use super::unsettled::{Search, Unsettled, UnsettledFile};
use super::{Candidate, Context, Effects, FollowedPath, Shared};
use crate::input::rotation::archive;
use crate::input::rotation::directories::Sibling;
use crate::input::rotation::identity::Found;
use crate::input::rotation::judge::{Match, Relation, same_but_device};
use crate::pipeline::checkpoint::CheckpointNow;
use crate::pipeline::position::{Source, SourceId};
use crate::shown::Show;

/// The places of what comes before and behind, where there are such.
pub(super) type Between = (Option<u64>, Option<u64>);

/// How long to wait until unsettled files are looked at again.
const RETRY: Duration = Duration::from_secs(1);

impl FollowedPath {
    /// What came and was rotated away unseen, placed as `between` says. What other paths read at
    /// present is for the scheduler to see, before it is read.
    pub(super) fn unknown_among(
        &mut self,
        search: Search,
        between: Between,
        context: &mut Context<'_>,
    ) -> Vec<Generation> {
        match search.siblings(&context.shared.directories) {
            Ok(siblings) => self.sift(siblings, &search, between, context),
            Err(error) => {
                let path = self.path.shown();
                warn!("{path}: cannot look for files that were rotated: {error}");
                if archive::is_passing(&error) {
                    self.unsettled(context.now).searches.push((search, between.0));
                }
                Vec::new()
            }
        }
    }

    fn sift(
        &mut self,
        siblings: Vec<Sibling>,
        search: &Search,
        between: Between,
        context: &mut Context<'_>,
    ) -> Vec<Generation> {
        let mut unknown = Vec::new();
        if siblings.is_empty() {
            return unknown;
        }
        self.open_all_older(context, true);
        let orders = orders_between(between.0, between.1, siblings.len());
        let mut after = between.0.unwrap_or_default();
        let mut has_numbered = None;
        for (Sibling { path, stat }, order) in siblings.into_iter().zip(orders) {
            let ownership = &context.shared.ownership;
            if same_but_device(stat.inode, search.current) || ownership.is_known(stat.inode) {
                continue;
            }
            if context.shared.is_excluded(&path) {
                debug!("not reading {}: it matches exclude_files", path.shown());
                continue;
            }
            // `app-1.log` may be another log; unless `app-2.log` was ours.
            if !archive::is_telling(&search.source, &path)
                && !*has_numbered
                    .get_or_insert_with(|| self.has_numbered(&search.source, context.shared))
            {
                continue;
            }
            let found = self.identify(path.clone(), context.shared);
            match found.and_then(|found| match found {
                Some(found) => self.continue_deleted_in(found, context),
                None => Ok(None),
            }) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    unknown.push(self.discovered(found, order, context));
                    after = order;
                }
                Err(error) => {
                    debug!("{} is not complete yet: {error}", path.shown());
                    let (inode, size, is_rewritten) = (stat.inode, stat.size, false);
                    let source = Arc::clone(&search.source);
                    let file = UnsettledFile { path, inode, source, after, size, is_rewritten };
                    self.unsettled(context.now).files.push(file);
                }
            }
        }
        unknown
    }

    /// Whether a file of ours was found under a name of `source` with a mere number in it.
    fn has_numbered(&self, source: &Source, shared: &Shared) -> bool {
        archive::numbered(&shared.directories, source).any(|sibling| {
            shared.ownership.owner(sibling.stat.inode) == Some(self.id)
                || shared.ownership.let_go_at(sibling.stat.inode, &self.path)
        })
    }

    /// Opens what stands at `path`, if it is not known.
    ///
    /// # Errors
    /// It cannot be told yet.
    fn identify(&mut self, path: PathBuf, shared: &Shared) -> io::Result<Option<Found>> {
        let Some(mut found) = Found::open(&shared.directories, path)? else { return Ok(None) };
        let is_known = self.reads(&mut found)?
            || self.recently_read.has(&mut found)?
            || shared.ownership.was_read(&mut found)?;
        if !is_known && found.is_defective {
            warn!(
                "{} is damaged or not complete, and begins like what was read already: it is not \
                 read",
                found.path.shown()
            );
            return Ok(None);
        }
        Ok((!is_known).then_some(found))
    }

    /// A rotated file may be a longer copy of one that is read here and was deleted: that goes on in it
    /// then. Returns the file where it does not.
    ///
    /// # Errors
    /// It cannot be told for now.
    fn continue_deleted_in(
        &mut self,
        mut found: Found,
        context: &mut Context<'_>,
    ) -> io::Result<Option<Found>> {
        for older in &mut self.older {
            if older.medium() != Medium::Deleted || older.unread() > 0 {
                continue;
            }
            found.compare(&older.position)?;
            if found.relation == Relation::GoesOn(Match::Exact) {
                info!(
                    "{} was replaced by a copy of itself and rotated: reading on in {}",
                    self.path.shown(),
                    found.path.shown()
                );
                context.shared.ownership.claim(found.stat.inode, self.id);
                older.continue_in(found);
                return Ok(None);
            }
        }
        Ok(Some(found))
    }

    fn discovered(&mut self, found: Found, order: u64, context: &mut Context<'_>) -> Generation {
        let Found { path, content, stat, .. } = found;
        let mut new = self.generation(order, &stat, start(&stat), Some(content), context);
        new.retire(context.now);
        let (found_by, source, inode) = (self.id, new.source.id, stat.inode);
        context.shared.ownership.claim_if_unread(inode, found_by);
        context.effects.candidates.push(Candidate { found_by, source, inode, path });
        new
    }

    pub(super) fn unsettled(&mut self, now: Instant) -> &mut Unsettled {
        self.unsettled.get_or_insert_with(|| {
            let (files, searches) = (Vec::new(), Vec::new());
            Box::new(Unsettled { files, searches, look_at: now + RETRY })
        })
    }

    /// Looks again at what could not be told. Returns when to do so again.
    pub(super) fn settle_unsettled(&mut self, context: &mut Context<'_>) -> Option<Instant> {
        let look_at = self.unsettled.as_ref()?.look_at;
        if context.now < look_at {
            return Some(look_at);
        }
        let unsettled = self.unsettled.take()?;
        for (search, after) in unsettled.searches {
            self.search_again(search, after, context);
        }
        if !unsettled.files.is_empty() {
            self.open_all_older(context, true);
        }
        for file in unsettled.files {
            self.settle_file(file, context);
        }
        self.unsettled.as_ref().map(|unsettled| unsettled.look_at)
    }

    fn settle_file(&mut self, mut file: UnsettledFile, context: &mut Context<'_>) {
        let now = context.now;
        let stat = match file.stat(&context.shared.directories) {
            Err(error) if archive::is_passing(&error) => {
                return self.unsettled(now).files.push(file);
            }
            stat => stat.ok().flatten(),
        };
        let is_known = |inode| context.shared.ownership.is_known(inode);
        let Some(stat) = stat.filter(|stat| !is_known(stat.inode)) else { return };
        if file.is_elsewhere(context.shared) {
            return;
        }
        if std::mem::replace(&mut file.size, stat.size) != stat.size {
            return self.unsettled(now).files.push(file);
        }
        match self.identify(file.path.clone(), context.shared) {
            Err(_) => self.unsettled(now).files.push(file),
            Ok(None) => {}
            Ok(Some(mut found)) => {
                if file.is_rewritten && !found.content.looks_like_a_log() {
                    info!("{} holds no lines any more: it is not read", found.path.shown());
                    return;
                }
                let (at, between) = self.place_after(Some(file.after));
                let order = order_between(between.0, between.1);
                let new = self.discovered(found, order, context);
                self.older.insert(at, new);
            }
        }
    }

    fn search_again(&mut self, search: Search, after: Option<u64>, context: &mut Context<'_>) {
        let siblings = match search.siblings(&context.shared.directories) {
            Err(error) if archive::is_passing(&error) => {
                return self.unsettled(context.now).searches.push((search, after));
            }
            siblings => siblings.unwrap_or_default(),
        };
        let (_, between) = self.place_after(after);
        let unknown = self.sift(siblings, &search, between, context);
        let (at, _) = self.place_after(after);
        self.insert_all_older(at, unknown);
    }

    /// Where in the row of older generations something stands that comes right behind `after`.
    fn place_after(&self, after: Option<u64>) -> (usize, Between) {
        let at = self.older.partition_point(|known| Some(known.order()) <= after);
        let next = self.older.get(at).or(self.current.as_ref()).map(Generation::order);
        (at, (after, next))
    }

    /// Whether `found` is what rotation has made of a file that is read here.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(super) fn reads(&mut self, found: &mut Found) -> io::Result<bool> {
        for at in 0..self.older.len() {
            let is_reused = self.is_reused(at);
            if self.older[at].is_in(found, is_reused)? {
                return Ok(true);
            }
        }
        self.current.as_mut().map_or(Ok(false), |current| current.is_in(found, false))
    }

    /// Whether this path reads what another one has found, or has read it lately. Its own older files
    /// are looked for first.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(in crate::input) fn claims(
        &mut self,
        found: &mut Found,
        shared: &mut Shared,
        now: Instant,
    ) -> (io::Result<bool>, Effects) {
        let mut context = Context::new(shared, now);
        self.open_all_older(&mut context, true);
        let claims =
            self.reads(found).and_then(|reads| Ok(reads || self.recently_read.has(found)?));
        (claims, context.effects)
    }

    /// Reports that a file is read of which nobody had known.
    pub(in crate::input) fn announce_discovered(&self, found: &Candidate) {
        let (path, found) = (self.path.shown(), found.path.shown());
        info!("{path} was rotated meanwhile: reading {found} too");
    }

    /// Another path reads what was found.
    pub(in crate::input) fn leave(&mut self, found: SourceId, shared: &mut Shared) -> Effects {
        let mut effects = Effects::default();
        let at = self.older.iter().position(|known| known.source.id == found);
        if let Some(generation) = at.and_then(|at| self.older.remove(at)) {
            self.release(&generation, shared);
            effects.now.push(CheckpointNow::forget(found));
        }
        effects
    }
}
