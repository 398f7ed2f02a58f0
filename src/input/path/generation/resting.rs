//! A generation of which nothing is to be known but how far it was read.

use std::sync::Arc;
use std::time::Instant;

use super::super::transitions::{Medium, Phase};
use super::{Extent, Generation, Reads, Reported};
use crate::input::read::content::Stat;
use crate::input::rotation::judge::{Change, LastSeen, judge};
use crate::pipeline::position::{Head, Milestone, Position, Source};
use crate::text::Wide;

/// What its path names, closed and read to its end.
pub(in crate::input) struct RestingGeneration {
    reached: Arc<Milestone>,
}

/// What was noticed of a file while it was read. Of most there is nothing.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::input) struct Peculiarities {
    wide: Option<Wide>,
    reported: Reported,
}

impl Generation {
    /// What is to be kept of it until something happens to its file, where that is so little.
    pub(in crate::input) fn rest(&self) -> Option<(RestingGeneration, Peculiarities)> {
        // All fields are named, so that each is decided upon. How long it was quiet before counts no more.
        let Self {
            source,
            position,
            told,
            content: None,
            phase: Phase::Current,
            quiet_since: _,
            failing_since: None,
            reads: Reads::Original,
            medium: Medium::Linked,
            extent: Extent::Seen(size),
            read_size,
            pending: None,
            wide,
            reported,
            was_sound: false,
            is_forgotten: false,
        } = self
        else {
            return None;
        };
        let is_read = *size == position.offset && *read_size == position.offset;
        if !is_read {
            return None;
        }
        let is_it = |told: &&Arc<Milestone>| told.source == **source && told.position == *position;
        let reached = match told.as_ref().filter(is_it) {
            Some(told) => Arc::clone(told),
            None => Arc::new(Milestone { source: Source::clone(source), position: *position }),
        };
        let peculiarities = Peculiarities { wide: *wide, reported: *reported };
        Some((RestingGeneration { reached }, peculiarities))
    }
}

impl RestingGeneration {
    pub(in crate::input) fn source(&self) -> &Source {
        &self.reached.source
    }

    pub(in crate::input) fn head(&self) -> Head {
        self.reached.position.head
    }

    /// As it was. It has been quiet until `now`.
    pub(in crate::input) fn wake(self, peculiarities: Peculiarities, now: Instant) -> Generation {
        let (Self { reached }, Peculiarities { wide, reported }) = (self, peculiarities);
        let extent = Extent::Seen(reached.position.offset);
        Generation { extent, wide, reported, ..Generation::known_as(reached, now) }
    }

    /// Whether its file is the one of `stat`, and nothing has happened to it.
    pub(in crate::input) fn is_unchanged(&self, stat: &Stat) -> bool {
        let Position { offset, modified, .. } = self.reached.position;
        let inode = self.reached.source.inode;
        let known = LastSeen { inode, offset, size: offset, unfinished_to: 0, modified };
        inode == stat.inode && judge(known, Some(stat)) == Change::Unchanged
    }
}
