//! A file that starts anew: copytruncate, or written anew in place.

use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info, warn};

use super::acting::RETRY;
use super::former::{Former, Present};
use super::generation::{Begin, Generation, order_between, start};
use super::reading::{Step, When, Which};
use super::transitions::Phase;
use super::unsettled::{Search, SearchKind};
use super::{Context, FollowedPath};
use crate::health::loss::{Amount, Reason};
use crate::input::read::content::{Content, Stat};
use crate::input::rotation::archive;
use crate::input::rotation::identity::{Found, position_in};
use crate::input::rotation::judge::same_inode;
use crate::pipeline::position::{Position, Source};
use crate::shown::Show;

/// What becomes of the old content of a file that starts anew.
struct Rest {
    /// What is left to read of it.
    generation: Option<Generation>,
    /// When the last of its copies was made, in nanoseconds since the epoch.
    copied_until: i64,
}

impl FollowedPath {
    /// A file is shorter than it was seen to be, and holds all that was read of it. It was copied and
    /// truncated, if there is a copy that goes on there, and begins like that. Else its writer has taken
    /// something back.
    pub(super) fn seek_lost(&mut self, which: Which, context: &mut Context<'_>) -> Step {
        let path = Arc::clone(&self.path);
        let Some(it) = self.get(which) else { return Step::Same };
        let Some(stat) = it.stat() else { return Step::Stop(When::Look) };
        let present = Present { stat, begins_alike: it.begins_alike() };
        let former = Former::of(it);
        match self.copy_of(&former, Some(which), &present, context) {
            Ok(Some(copy)) if copy.relation.goes_on() => {
                return self.start_anew_or_set_aside(which, context);
            }
            Err(error) if !archive::is_lasting(&error) => {
                debug!("{} is shorter; a copy cannot be looked for: {error}", path.shown());
                return Step::Stop(When::At(context.now + RETRY));
            }
            _ => {}
        }
        let Some(it) = self.get(which) else { return Step::Same };
        let lost = it.forgo_lost();
        if lost == 0 {
            // It has grown again meanwhile.
            return Step::Stop(When::Again);
        }
        context.effects.losses.push((Reason::Truncated, Amount::bytes(lost)));
        warn!(
            "{}: its last {lost} bytes were cut off before they were read; going on at byte {}",
            path.shown(),
            it.position.offset
        );
        Step::Stop(When::Again)
    }

    /// The current file starts anew.
    pub(super) fn start_current_anew(&mut self, context: &mut Context<'_>) {
        self.start_anew(Which::Current, context);
    }

    /// The file of a generation starts anew. What was not read of its old content is taken from the
    /// copy that rotation has made.
    pub(super) fn start_anew(&mut self, which: Which, context: &mut Context<'_>) {
        context.effects.rotations += 1;
        let now = context.now;
        let Some((at, mut old)) = self.take(which, now) else { return };
        let is_current = which == Which::Current;
        let source = Arc::clone(&old.source);
        let inode = source.inode;
        let at_path = || Stat::at(&self.path).ok().filter(|stat| same_inode(stat.inode, inode));
        let Some(stat) = old.stat().or_else(at_path) else {
            // Renamed since it was looked at. It is read where it is then, which leads here again.
            self.older.insert(at, old);
            return;
        };
        // What is rotated away is overwritten before it is deleted, as `shred` does it.
        let is_log = is_current || old.may_be_a_log();
        let present = Present { stat, begins_alike: old.begins_alike() };
        let (content, position) = (old.take_content(), old.position);
        old.doubt_size(stat.size);
        let rest = self.rest_of(old, &present, context);
        if !is_log {
            return self.leave_overwritten(&source, position, (at, rest.generation), context);
        }
        let until = if is_current { i64::MAX } else { stat.modified };
        let next = self.older.get(at).or(self.current.as_ref()).map(Generation::order);
        let order = order_between(Some(source.order), next);
        let new = self.generation(order, &stat, Begin::At(start(&stat)), content, context);
        // In their places first: copies of both may be under way.
        let at = at + usize::from(rest.generation.is_some());
        if let Some(rest) = rest.generation {
            self.older.insert(at - 1, rest);
        }
        match is_current {
            true => self.make_current(new),
            false => self.insert_older(at, new, now),
        }
        let kind = SearchKind::Copies { after: rest.copied_until, until };
        let search = Search { source: Arc::clone(&source), kind, current: inode };
        let copies = self.unknown_among(search, (Some(source.order), Some(order)), context);
        let at = self.older.partition_point(|known| known.order() < order);
        self.insert_all_older(at, copies);
    }

    /// The file of an older generation holds no log any more. Only what a copy has of it is left, in this
    /// place.
    fn leave_overwritten(
        &mut self,
        source: &Arc<Source>,
        position: Position,
        (at, rest): (usize, Option<Generation>),
        context: &mut Context<'_>,
    ) {
        info!(
            "{}: a rotated file is overwritten with what is no log (as shred does); that is not read",
            self.path.shown()
        );
        if let Some(rest) = rest {
            self.older.insert(at, rest);
        }
        context.shared.ownership.release(source.inode, self.id);
        // So that it is no new file either.
        context.shared.ownership.note_read(Arc::clone(source), position);
    }

    /// Takes a generation out of its place, and retires it.
    fn take(&mut self, which: Which, now: Instant) -> Option<(usize, Generation)> {
        let (at, mut taken) = match which {
            Which::Older(at) => (at, self.older.remove(at)?),
            Which::Current => (self.older.len(), self.current.take()?),
        };
        taken.retire(now);
        Some((at, taken))
    }

    fn insert_older(&mut self, at: usize, mut generation: Generation, now: Instant) {
        generation.retire(now);
        self.older.insert(at, generation);
    }

    /// Puts older generations in their place.
    pub(super) fn insert_all_older(&mut self, at: usize, generations: Vec<Generation>) {
        for (offset, generation) in generations.into_iter().enumerate() {
            debug_assert!(generation.phase() != Phase::Current, "it is older");
            self.older.insert(at + offset, generation);
        }
    }

    /// What is left to read of a file that was truncated.
    fn rest_of(
        &mut self,
        mut old: Generation,
        present: &Present,
        context: &mut Context<'_>,
    ) -> Rest {
        let path = Arc::clone(&self.path);
        let (path, modified) = (path.shown(), old.position.modified);
        let copy = match self.copy_of(&Former::of(&old), None, present, context) {
            Ok(copy) => copy,
            // Looking for what else was copied says why.
            Err(error) if archive::is_lasting(&error) => None,
            Err(error) => {
                // It is looked for again before anything newer is read.
                debug!("{path} was truncated; its copy cannot be read yet: {error}");
                return Rest { generation: Some(old), copied_until: modified };
            }
        };
        let copied_until = copy.as_ref().map_or(modified, |copy| modified.max(copy.stat.modified));
        match copy {
            Some(copy) if copy.relation.goes_on() => {
                context.shared.ownership.claim(copy.stat.inode, self.id);
                self.report_what_lacks(&copy, &old, context);
                old.continue_in(copy);
                return Rest { generation: Some(old), copied_until };
            }
            _ if old.unread() > 0 => {
                let unread = old.unread();
                context.effects.losses.push((Reason::Truncated, Amount::bytes(unread)));
                warn!(
                    "{path} was truncated before {unread} bytes of it were read, and no copy of \
                     them was found beside it"
                );
            }
            _ => info!("{path} was truncated"),
        }
        // A copy that a glob has matched just before is looked at later.
        self.recently_read.remember(&old);
        context.effects.forget(&old);
        if let Some(copy) = copy {
            self.note_shorter(copy, &old.source, context);
        }
        Rest { generation: None, copied_until }
    }

    /// The rest of `old` is in `copy`; perhaps not all of it.
    fn report_what_lacks(&self, copy: &Found, old: &Generation, context: &mut Context<'_>) {
        let (path, found) = (self.path.shown(), copy.path.shown());
        info!("{path} was truncated; the rest of its old content is read from {found}");
        let is_plain = matches!(copy.content, Content::Plain(_));
        let lacks = old.size().saturating_sub(copy.stat.size);
        if is_plain && lacks > 0 {
            context.effects.losses.push((Reason::ShorterCopy, Amount::bytes(lacks)));
            warn!(
                "{path}: {lacks} bytes that were written before it was truncated are not in {found}"
            );
        }
    }

    /// A copy was made before the last lines were read: all of it was read.
    fn note_shorter(&self, mut copy: Found, of: &Source, context: &mut Context<'_>) {
        if let Ok(end) = position_in(&mut copy.content, copy.stat.size) {
            let end = Position { modified: copy.stat.modified, ..end };
            let source = Arc::new(Source { inode: copy.stat.inode, ..of.clone() });
            context.shared.ownership.note_read(source, end);
        }
    }
}
