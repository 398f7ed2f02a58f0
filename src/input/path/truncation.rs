//! A file that starts anew: copytruncate, or written anew in place.

use std::sync::Arc;
use std::time::Instant;

use tracing::{debug, info, warn};

use super::Follower;
use super::undecided::{Kind, Search};
use crate::input::path::generation::{Generation, order_between, start};
use crate::input::path::ownership::Registry;
use crate::input::read::content::{Content, Stat};
use crate::input::rotation::archive;
use crate::input::rotation::identity::{Fit, Found, position_in};
use crate::input::rotation::judge::same_inode;
use crate::pipeline::position::{Source, Update};
use crate::shown::Show;

impl Follower {
    /// The file of the generation at `at` starts anew. What was not read of its old content is taken
    /// from the copy that rotation has made.
    pub(super) fn start_anew(&mut self, at: usize, registry: &mut Registry, now: Instant) {
        registry.count_rotation();
        let mut old = self.generations.remove(at);
        let (source, is_past) = (Arc::clone(&old.source), old.is_past);
        let inode = source.inode;
        let at_path = || Stat::at(&self.path).ok().filter(|stat| same_inode(stat.inode, inode));
        let Some(stat) = old.stat().or_else(at_path) else {
            // Renamed since it was looked at. It is read where it is then, which leads here again.
            old.retire(now);
            self.generations.insert(at, old);
            return;
        };
        let content = old.take_content();
        old.retire(now);
        let (rest, baseline) = self.rest_of(old, registry);
        let until = if is_past { stat.modified } else { i64::MAX };
        let next = self.generations.get(at).map(Generation::order);
        let place = order_between(Some(source.order), next);
        let mut new = self.generation(place, &stat, start(&stat), content, registry, now);
        if is_past {
            new.retire(now);
        }
        // In the list first: copies of both may be under way.
        self.generations.splice(at..at, rest.into_iter().chain([new]));
        let between = (Some(source.order), Some(place));
        let kind = Kind::Copies { after: baseline, until };
        let search = Search { source, kind, current: inode };
        let copies = self.unknown_among(search, between, registry, now);
        let at = self.generations.partition_point(|known| known.order() < place);
        self.generations.splice(at..at, copies);
    }

    /// What is left to read of a file that was truncated; and when the last of its copies was made.
    fn rest_of(&self, mut old: Generation, registry: &mut Registry) -> (Option<Generation>, i64) {
        let (path, modified) = (self.path.shown(), old.position.modified);
        let is_taken = |inode| inode != old.reads && registry.is_taken(inode, self.id);
        let copy = match archive::by_content(&old.source, &old.position, is_taken) {
            Ok(copy) => copy,
            // Looking for what else was copied says why.
            Err(error) if archive::is_lasting(&error) => None,
            Err(error) => {
                // It is looked for again before anything newer is read.
                debug!("{path} was truncated; its copy cannot be read yet: {error}");
                return (Some(old), modified);
            }
        };
        let baseline = copy.as_ref().map_or(modified, |copy| modified.max(copy.stat.modified));
        match copy {
            Some(copy) if copy.fit == Fit::Continues => {
                registry.claim(copy.stat.inode, self.id);
                self.tell_what_lacks(&copy, &old);
                old.continue_in(copy);
                return (Some(old), baseline);
            }
            _ if old.unread() > 0 => warn!(
                "{path} was truncated before {} bytes of it were read, and no copy of them was \
                 found beside it",
                old.unread()
            ),
            _ => info!("{path} was truncated"),
        }
        registry.retired.push(Update::Forget(old.source.id));
        if let Some(copy) = copy {
            note_shorter(copy, &old.source, registry);
        }
        (None, baseline)
    }

    /// The rest of `old` is in `copy`; perhaps not all of it.
    fn tell_what_lacks(&self, copy: &Found, old: &Generation) {
        let (path, found) = (self.path.shown(), copy.path.shown());
        info!("{path} was truncated; the rest of its old content is read from {found}");
        let is_plain = matches!(copy.content, Content::Plain(_));
        let lacks = old.size().saturating_sub(copy.stat.size);
        if is_plain && lacks > 0 {
            warn!(
                "{path}: {lacks} bytes that were written before it was truncated are not in {found}"
            );
        }
    }
}

/// A copy was made before the last lines were read: all of it was read.
fn note_shorter(mut copy: Found, of: &Source, registry: &mut Registry) {
    if let Ok(end) = position_in(&mut copy.content, copy.stat.size) {
        let end = crate::pipeline::position::Position { modified: copy.stat.modified, ..end };
        registry.note_read(Arc::new(Source { inode: copy.stat.inode, ..of.clone() }), end);
    }
}
