//! From one generation of a path to the next: after a restart, or a rotation.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tracing::info;

use super::continuation::Replacement;
use super::discovery::Between;
use super::generation::{Begin, Generation, order_between, order_of_last_before, start};
use super::reading::Which;
use super::unsettled::{Search, SearchKind};
use super::{Context, Effects, FollowedPath, Shared};
use crate::input::read::content::{Content, Stat, open};
use crate::input::rotation::archive;
use crate::input::rotation::judge::Change;
use crate::pipeline::checkpoint::{CheckpointBehind, CheckpointNow};
use crate::pipeline::position::{Record, Source};
use crate::shown::Show;

/// How long a file may have had its name without being looked at, in nanoseconds.
const UNSEEN_FOR: i64 = 60_000_000_000;

impl FollowedPath {
    /// Takes up the generations that were known when the last run ended.
    pub(in crate::input) fn resume(
        &mut self,
        mut records: Vec<Record>,
        shared: &mut Shared,
        now: Instant,
    ) -> Effects {
        let mut context = Context::new(shared, now);
        records.sort_by_key(|Record { reached, .. }| (reached.source.order, reached.source.id));
        self.older.reserve_exact(records.len());
        for record in records {
            let mut generation = Generation::known_as(record.reached, now);
            generation.retire(now);
            self.older.push_back(generation);
        }
        let stat = self.look_at_path(&mut context);
        let stat = stat.filter(|stat| !self.is_foreign(stat, &mut context));
        let current = stat.and_then(|stat| Some((stat, self.current_among_known(&stat)?)));
        match current {
            Some((stat, at)) => self.resume_current(&stat, at, &mut context),
            None => match stat.map(|stat| self.continue_in_replacement(&stat, &mut context)) {
                Some(Replacement::Copy | Replacement::Unknown) => {}
                Some(Replacement::Other) | None => {
                    self.look_for_copies_of_empty(&mut context);
                    self.succeed(stat, &mut context);
                }
            },
        }
        // Most have one: room for four in each of 100,000 would be most of the memory.
        self.older.shrink_to_fit();
        context.effects
    }

    /// The generation in this place has the file that the path names.
    fn resume_current(&mut self, stat: &Stat, at: usize, context: &mut Context<'_>) {
        let Some(mut current) = self.older.remove(at) else { return };
        let recognised = current.recognises(&self.path, stat);
        let real = context.shared.real(&self.path, context.now);
        let has_moved = current.source.inode != stat.inode || current.source.real != real;
        if recognised && has_moved {
            // The device may have another number after a reboot.
            context.shared.ownership.release(current.source.inode, self.id);
            current.moved_to(stat.inode, real);
            context.shared.ownership.claim(stat.inode, self.id);
            // Nothing is in flight at the start.
            context.effects.now.push(CheckpointNow::known(current.reached()));
        }
        self.make_current(current);
        if !recognised {
            return self.start_current_anew(context);
        }
        self.look_for_copies_of_empty(context);
        if let Some(current) = &mut self.current {
            current.saw_size(stat.size);
        }
        if self.may_read(&open(&self.path)) {
            self.announce(context.shared);
        }
    }

    /// Which of the known generations has the file that the path names.
    fn current_among_known(&self, stat: &Stat) -> Option<usize> {
        let recognised = self.older.iter().rposition(|known| known.recognises(&self.path, stat));
        let same_file = |known: &Generation| known.judge(Some(stat)) != Change::Replaced;
        recognised.or_else(|| self.older.iter().rposition(same_file))
    }

    /// When the newest generation was empty as the last run ended, it does not show that it was
    /// written to and truncated since. What it held then is in a copy.
    fn look_for_copies_of_empty(&mut self, context: &mut Context<'_>) {
        if self.newest().is_none_or(|newest| newest.position.offset > 0 || newest.head().len > 0) {
            return;
        }
        self.open_all_older(context, false);
        let is_missing = self.is_newest_missing(context);
        let previous = match &self.current {
            Some(_) => self.older.back(),
            None => self.older.iter().rev().nth(1),
        };
        let previous = previous.map(Generation::order);
        let path = Arc::clone(&self.path);
        let Some(newest) = self.newest_mut() else { return };
        let at_path = || Stat::at(&path).ok().filter(|stat| stat.inode == newest.source.inode);
        let stat = newest.stat().or_else(at_path);
        let (modified, inode) = (newest.position.modified, newest.source.inode);
        // So that a copy of what it holds by now is told from one of what it held before.
        let is_news = stat.is_some_and(|stat| newest.fingerprint_unread(&path, &stat));
        let source = Arc::clone(&newest.source);
        let until = stat.map_or(i64::MAX, |stat| stat.modified);
        let kind = SearchKind::Copies { after: modified, until };
        let order = newest.order();
        let search = Search { source, kind, current: inode };
        let is_missing = match is_missing {
            // What is younger than its file is no copy of it, and nothing tells how old that is.
            Err(error) if !archive::is_lasting(&error) => {
                return self.search_later(search, previous, &error, context.now);
            }
            is_missing => is_missing.unwrap_or(false),
        };
        let copies = self.unknown_among(search, (previous, Some(order)), context);
        self.place_copies_of_empty(copies, is_news, is_missing, context);
    }

    /// Whether the newest generation is older, and its file is not to be found.
    ///
    /// # Errors
    /// It cannot be told for now.
    fn is_newest_missing(&mut self, context: &mut Context<'_>) -> io::Result<bool> {
        let last = self.older.len().checked_sub(1).filter(|_| self.current.is_none());
        let Some(at) = last.filter(|&at| !self.older[at].is_open()) else { return Ok(false) };
        self.open_older(at, context, false)?;
        Ok(!self.older[at].is_open())
    }

    fn place_copies_of_empty(
        &mut self,
        copies: Vec<Generation>,
        is_news: bool,
        is_missing: bool,
        context: &mut Context<'_>,
    ) {
        let is_older = self.current.is_none();
        let at = self.older.len() - usize::from(is_older && !self.older.is_empty());
        let Some(newest) = self.newest_mut() else { return };
        if let Some(copy) = copies.last() {
            // So that the next start does not find them again, when they are read and forgotten.
            newest.position.modified = newest.position.modified.max(copy.position.modified);
        }
        let is_lost = is_missing && !copies.is_empty();
        let source = Arc::clone(&newest.source);
        if is_lost {
            // One of them is what became of it.
            context.effects.now.push(CheckpointNow::forget(source.id));
            context.shared.ownership.release(source.inode, self.id);
            self.older.pop_back();
        } else if is_news || !copies.is_empty() {
            context.effects.now.push(CheckpointNow::known(newest.reached()));
        }
        self.insert_all_older(at, copies);
    }

    /// Files that were rotated away may be compressed before they are read.
    pub(super) fn fingerprint_older(&mut self, context: &mut Context<'_>) {
        for at in 0..self.older.len() {
            if self.older[at].is_unknown() {
                // What cannot be told now is found when its turn comes.
                let _ = self.open_older(at, context, true);
            }
            self.fingerprint(at, context);
        }
    }

    /// The file that was last seen empty may have been written to before it was renamed.
    pub(super) fn fingerprint_last(&mut self, context: &mut Context<'_>) {
        let Some(at) = self.older.len().checked_sub(1) else { return };
        if self.older[at].head().len == 0 && !self.older[at].is_open() {
            let _ = self.open_older(at, context, true);
        }
        self.fingerprint(at, context);
    }

    fn fingerprint(&mut self, at: usize, context: &mut Context<'_>) {
        let older = &mut self.older[at];
        if older.stat().is_some_and(|stat| older.fingerprint_unread(&self.path, &stat)) {
            context.effects.now.push(CheckpointNow::known(older.reached()));
        }
    }

    /// The path names another file, or none: what was current is older.
    pub(super) fn succeed(&mut self, stat: Option<Stat>, context: &mut Context<'_>) {
        self.retire_current(context.now);
        // Nothing may be left of it below.
        let last = self.older.back().map(|it| (Arc::clone(&it.source), it.position.modified));
        let count = self.older.len();
        if let Some(at) = count.checked_sub(1) {
            let is_same = match self.older[at].is_open() {
                true => self.older[at].is_same(),
                // What cannot be told now is found when its turn comes.
                false => self.open_older(at, context, false).unwrap_or(true),
            };
            if !is_same {
                // It was truncated as well since it was last seen.
                self.start_anew(Which::Older(at), context);
            }
            self.fingerprint_older(context);
        }
        let is_left = self.older.len() >= count;
        let left = self.older.back().map(|it| (Arc::clone(&it.source), it.written_last()));
        if let Some((source, modified)) = if is_left { left } else { last } {
            self.look_for_unseen(source, modified, stat, context);
        }
        let Some(stat) = stat else { return };
        context.effects.rotations += 1;
        info!("{} was rotated; following its new file", self.path.shown());
        let content = open(&self.path).ok().filter(|file| {
            file.metadata().is_ok_and(|metadata| Stat::of(&metadata).inode == stat.inode)
        });
        let content = content.map(Content::Plain);
        let order = order_between(self.last_order(), None);
        // Another path may have read it.
        let let_go = context.shared.ownership.let_go(stat.inode);
        let begin = let_go.map_or(Begin::At(start(&stat)), Begin::Behind);
        let new = self.generation(order, &stat, begin, content, context);
        self.make_current(new);
    }

    /// Looks for what came after the newest generation, that of `source`, which was written last at
    /// `modified`, and was rotated away unseen.
    pub(super) fn look_for_unseen(
        &mut self,
        source: Arc<Source>,
        modified: i64,
        stat: Option<Stat>,
        context: &mut Context<'_>,
    ) {
        let current = stat.map_or(source.inode, |stat| stat.inode);
        // Behind what cannot be told yet as well.
        let between = (self.last_order().max(Some(source.order)), None);
        let leads_to = context.shared.real(&self.path, context.now);
        let kind = SearchKind::Successors { modified, leads_to };
        let search = Search { source, kind, current };
        let unknown = self.unknown_among(search, between, context);
        self.older.extend(unknown);
    }

    /// Looks for what had the name of the current file, which is seen for the first time, and was rotated
    /// away before anybody looked: on a busy machine that takes a while.
    pub(super) fn look_for_newborn(&mut self, context: &mut Context<'_>) {
        let Some(current) = &self.current else { return };
        let source = Arc::clone(&current.source);
        let Some(born) = source.inode.born else { return };
        let since = context.shared.follows_since.max(born.get() - UNSEEN_FOR);
        // What the path had before may be under way.
        let between = (Some(order_of_last_before(current.order())), Some(current.order()));
        self.add_newborn(source, since, between, context);
    }

    /// Adds what was born since a time beside `source`, and is unknown.
    fn add_newborn(
        &mut self,
        source: Arc<Source>,
        since: i64,
        between: Between,
        context: &mut Context<'_>,
    ) {
        let search = Search { current: source.inode, source, kind: SearchKind::Newborn { since } };
        let unknown = self.unknown_among(search, between, context);
        self.older.extend(unknown);
    }

    /// Something beside the path was taken for a copy of what is read here, and is gone before that could be
    /// told. Looks for what has become of it: it was born at this time.
    pub(in crate::input) fn look_for_vanished(
        &mut self,
        since: i64,
        shared: &mut Shared,
        now: Instant,
    ) -> Effects {
        let mut context = Context::new(shared, now);
        if let Some(newest) = self.newest() {
            let source = Arc::clone(&newest.source);
            let between = (
                self.older.back().map(Generation::order),
                self.current.as_ref().map(Generation::order),
            );
            self.add_newborn(source, since, between, &mut context);
        }
        context.effects
    }

    pub(super) fn generation(
        &self,
        order: u64,
        stat: &Stat,
        begin: Begin,
        content: Option<Content>,
        context: &mut Context<'_>,
    ) -> Generation {
        let Context { shared, now, effects } = context;
        let (id, path) = (shared.new_id(), self.shared_path.clone());
        let real = shared.real(&self.path, *now);
        let source = Source { id, order, path, real, inode: stat.inode };
        shared.ownership.claim(stat.inode, self.id);
        let (Begin::At(position) | Begin::Behind(position)) = begin;
        let mut new = Generation::new(Arc::new(source), position, *now).with_content(content);
        new.fingerprint_unread(&self.path, stat);
        new.saw_size(stat.size);
        match begin {
            Begin::Behind(position) if position.offset > 0 => {
                effects.behind.push(CheckpointBehind::reached(new.reached()));
            }
            _ => effects.now.push(CheckpointNow::known(new.reached())),
        }
        new
    }
}
