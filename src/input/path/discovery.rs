//! Rotated files that nobody has seen come: those that are new, and those that another path knows.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info, warn};

use super::acting::PATIENCE;
use super::generation::{Begin, Generation, orders_between, start};
use super::reading::Which;
use super::unsettled::{FailedSearch, RetryLimit, Search, UnsettledFile};
use super::{Candidate, Context, Effects, FollowedPath, Shared};
use crate::input::read::content::Stat;
use crate::input::rotation::archive;
use crate::input::rotation::directories::Sibling;
use crate::input::rotation::identity::Found;
use crate::input::rotation::judge::same_but_device;
use crate::pipeline::checkpoint::{CheckpointBehind, CheckpointNow};
use crate::pipeline::position::{Position, Source, SourceId};
use crate::shown::Show;

/// The places of what comes before and behind, where there are such.
pub(super) type Between = (Option<u64>, Option<u64>);

/// What a path has to do with a file that another one has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Claim {
    /// Nothing that is known.
    Nothing,
    /// It reads the same, or has read it lately.
    All,
    /// It has read as much of it from a file that is deleted by now.
    UpTo(Position),
    /// It cannot be told for now: what it reads is compressed just now, or fails.
    Undecided,
}

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
                if !archive::is_lasting(&error) {
                    self.search_later(search, between.0, &error, context.now);
                }
                Vec::new()
            }
        }
    }

    /// A search cannot be made for now. What it finds comes right behind `after`.
    pub(super) fn search_later(
        &mut self,
        search: Search,
        after: Option<u64>,
        error: &io::Error,
        now: Instant,
    ) {
        let patience = RetryLimit::with(error, now);
        self.unsettled(now).searches.push(FailedSearch { search, after, patience });
    }

    pub(super) fn sift(
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
            if !search.is_telling(&path)
                && !*has_numbered
                    .get_or_insert_with(|| self.has_numbered(&search.source, context.shared))
            {
                continue;
            }
            match self.identify(path.clone(), context) {
                Ok(None) => {}
                Ok(Some((found, begin))) => {
                    unknown.push(self.discovered(found, order, begin, context));
                }
                Err(error) => {
                    debug!("{} is not complete yet: {error}", path.shown());
                    let Stat { inode, size, modified, .. } = stat;
                    let source = Arc::clone(&search.source);
                    let patience = RetryLimit::with(&error, context.now);
                    let is_rewritten = false;
                    let file = UnsettledFile {
                        path,
                        inode,
                        source,
                        order,
                        size,
                        modified,
                        is_rewritten,
                        patience,
                    };
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

    /// Opens what stands at `path`, if it is not known, and says where to begin: what was deleted and let go may go
    /// on in it. What goes on in it and is known is read on there.
    ///
    /// # Errors
    /// It cannot be told yet.
    pub(super) fn identify(
        &mut self,
        path: PathBuf,
        context: &mut Context<'_>,
    ) -> io::Result<Option<(Found, Begin)>> {
        let Some(mut found) = Found::open(&context.shared.directories, path)? else {
            return Ok(None);
        };
        // A copy that is no longer yet may become so, where nobody writes to what was deleted.
        let deleted = self.deleted_before(&mut found, Generation::is_abandoned)?;
        if let Some(at) = deleted {
            self.continue_deleted_in(found, at, context);
            return Ok(None);
        }
        let is_known = self.reads(&mut found, context)?
            || self.recently_read.has(&mut found)?
            || context.shared.ownership.was_read(&mut found)?;
        if !is_known && let Some(at) = self.deleted_before(&mut found, |_| true)? {
            self.continue_deleted_in(found, at, context);
            return Ok(None);
        }
        if !is_known && found.is_defective {
            warn!(
                "{} is damaged or not complete, and begins like what was read already: it is not \
                 read",
                found.path.shown()
            );
            return Ok(None);
        }
        if is_known {
            return Ok(None);
        }
        let begin = match self.recently_read.deleted_before(&mut found)? {
            Some(position) => Begin::Behind(position),
            None => Begin::At(start(&found.stat)),
        };
        Ok(Some((found, begin)))
    }

    /// Which older generation, of those that `may_go_on`, was deleted and goes on in `found`; the one that was
    /// read furthest.
    ///
    /// # Errors
    /// It cannot be told for now.
    fn deleted_before(
        &self,
        found: &mut Found,
        may_go_on: impl Fn(&Generation) -> bool,
    ) -> io::Result<Option<usize>> {
        let mut last = None;
        for (at, older) in self.older.iter().enumerate() {
            let is_further = last.is_none_or(|last: usize| {
                older.position.offset >= self.older[last].position.offset
            });
            if is_further && may_go_on(older) && older.was_deleted_before(found)? {
                last = Some(at);
            }
        }
        Ok(last)
    }

    /// A rotated file is a copy of the older generation in this place, which was deleted: that goes on in
    /// it.
    fn continue_deleted_in(&mut self, found: Found, at: usize, context: &mut Context<'_>) {
        info!(
            "{} was replaced by a copy of itself and rotated: reading on in {}",
            self.path.shown(),
            found.path.shown()
        );
        context.shared.ownership.claim(found.stat.inode, self.id);
        self.older[at].continue_in(found);
    }

    pub(super) fn discovered(
        &mut self,
        found: Found,
        order: u64,
        begin: Begin,
        context: &mut Context<'_>,
    ) -> Generation {
        let Found { path, content, stat, .. } = found;
        let mut new = self.generation(order, &stat, begin, Some(content), context);
        new.retire(context.now);
        let (found_by, source, inode) = (self.id, new.source.id, stat.inode);
        context.shared.ownership.claim_if_unread(inode, found_by);
        context.effects.candidates.push(Candidate { found_by, source, inode, path });
        new
    }

    /// Whether `found` is what rotation has made of a file that is read here.
    ///
    /// # Errors
    /// It cannot be told for now.
    fn reads(&mut self, found: &mut Found, context: &mut Context<'_>) -> io::Result<bool> {
        self.is_of_any(|_, _| true, found, context)
    }

    /// The same of those that are open, but for one: they can be compared for certain.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(super) fn reads_elsewhere(
        &mut self,
        besides: Option<Which>,
        found: &mut Found,
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        let is_open = |which, it: &Generation| Some(which) != besides && it.is_open();
        self.is_of_any(is_open, found, context)
    }

    fn is_of_any(
        &mut self,
        may_be: impl Fn(Which, &Generation) -> bool,
        found: &mut Found,
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        let current = self.current.as_ref().map(|_| Which::Current);
        for which in (0..self.older.len()).map(Which::Older).chain(current) {
            if !self.get(which).is_some_and(|it| may_be(which, it)) {
                continue;
            }
            match self.is_of(which, found, context) {
                Ok(false) => {}
                Ok(true) => return Ok(true),
                // What has failed for long is not waited for: better twice than not at all.
                Err(_)
                    if self.get(which).is_some_and(|it| it.failed_for(context.now) >= PATIENCE) => {
                }
                Err(error) => return Err(error),
            }
        }
        Ok(false)
    }

    /// Whether `found` is what rotation has made of the file of this generation.
    ///
    /// # Errors
    /// It cannot be told for now: what begins like a file that cannot be read may be another one.
    fn is_of(
        &mut self,
        which: Which,
        found: &mut Found,
        context: &mut Context<'_>,
    ) -> io::Result<bool> {
        let is_reused = matches!(which, Which::Older(at) if self.is_reused(at));
        let is_undecided = self.unsettled.as_ref().is_some_and(|it| it.replaced.is_some());
        let Some(it) = self.get(which) else { return Ok(false) };
        let is_in = it.is_in(found, is_reused);
        if is_in.is_err() && it.is_unreadable() {
            it.failing(context.now);
        }
        let is_in = is_in?;
        let cannot_be_told = is_undecided || it.is_failing();
        if which == Which::Current && is_in && !it.is_open() && cannot_be_told {
            // Its path names another file by now, and what became of it cannot be told.
            return Err(io::ErrorKind::WouldBlock.into());
        }
        if let Which::Older(at) = which
            && is_in
            && !is_reused
            && !it.is_open()
            && let Err(error) = self.open_older(at, context, true)
            && !archive::is_lasting(&error)
        {
            self.older[at].failing(context.now);
            return Err(error);
        }
        Ok(is_in)
    }

    /// What this path has to do with a file that another one has found. Its own older files are looked
    /// for first.
    pub(in crate::input) fn claims(
        &mut self,
        found: &mut Found,
        shared: &mut Shared,
        now: Instant,
    ) -> (Claim, Effects) {
        let mut context = Context::new(shared, now);
        self.open_all_older(&mut context, true);
        let claim = self.claim(found, &mut context).unwrap_or(Claim::Undecided);
        (claim, context.effects)
    }

    fn claim(&mut self, found: &mut Found, context: &mut Context<'_>) -> io::Result<Claim> {
        if self.reads(found, context)? || self.recently_read.has(found)? {
            return Ok(Claim::All);
        }
        let older = self.deleted_before(found, |_| true)?.map(|at| self.older[at].position);
        let current = match &self.current {
            Some(current) if current.was_deleted_before(found)? => Some(current.position),
            _ => None,
        };
        let let_go = self.recently_read.deleted_before(found)?;
        let last = older.into_iter().chain(current).chain(let_go).max_by_key(|it| it.offset);
        Ok(last.map_or(Claim::Nothing, Claim::UpTo))
    }

    /// Reports that a file is read of which nobody had known.
    pub(in crate::input) fn announce_discovered(&self, found: &Candidate) {
        let (path, found) = (self.path.shown(), found.path.shown());
        info!("{path} was rotated meanwhile: reading {found} too");
    }

    /// What was found goes on where another path has read to: it is read from there.
    pub(in crate::input) fn read_found_from(
        &mut self,
        found: SourceId,
        position: Position,
    ) -> Effects {
        let mut effects = Effects::default();
        if let Some(known) = self.older.iter_mut().find(|known| known.source.id == found) {
            known.position = position;
            // What was read before may be under way.
            effects.behind.push(CheckpointBehind::reached(known.reached()));
        }
        effects
    }

    /// Another path reads what was found.
    pub(in crate::input) fn leave(&mut self, found: SourceId, shared: &mut Shared) -> Effects {
        self.take_out(found, shared).map(|(_, effects)| effects).unwrap_or_default()
    }

    /// Whether another path reads what was found cannot be told for now: it is looked at again until that
    /// path can be asked, which gives up in the end.
    pub(in crate::input) fn put_off(
        &mut self,
        candidate: &Candidate,
        shared: &mut Shared,
        now: Instant,
    ) -> Effects {
        let Some((generation, effects)) = self.take_out(candidate.source, shared) else {
            return Effects::default();
        };
        let file = UnsettledFile {
            path: candidate.path.clone(),
            inode: candidate.inode,
            order: generation.order(),
            size: generation.size(),
            modified: generation.position.modified,
            source: generation.source,
            is_rewritten: false,
            patience: RetryLimit::Endless,
        };
        self.unsettled(now).files.push(file);
        effects
    }

    /// Takes out what was found and is not read here, for now or at all.
    fn take_out(&mut self, found: SourceId, shared: &mut Shared) -> Option<(Generation, Effects)> {
        let at = self.older.iter().position(|known| known.source.id == found)?;
        let generation = self.older.remove(at)?;
        self.release(&generation, shared);
        let mut effects = Effects::default();
        effects.now.push(CheckpointNow::forget(found));
        Some((generation, effects))
    }
}
