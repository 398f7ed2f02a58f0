//! A path of which nothing is to be known but how far its file was read.

use std::sync::Arc;
use std::time::Instant;

use super::FollowedPath;
use super::generation::{Peculiarities, RestingGeneration};
use super::look::ALIKE;
use super::recently_read::RecentlyRead;
use crate::input::FileSettings;
use crate::input::read::content::Stat;
use crate::input::rotation::names;
use crate::pipeline::shared_path::SharedPath;

/// A path whose file is closed and was read to its end. Nothing that it named before is read any more, and
/// nothing is wrong with it.
pub(in crate::input) struct RestingPath {
    settings: Arc<FileSettings>,
    current: RestingGeneration,
    /// What is to be known besides. Of most paths there is nothing.
    aside: Option<Box<Aside>>,
}

/// What few paths have.
struct Aside {
    recently_read: RecentlyRead,
    peculiarities: Peculiarities,
}

impl FollowedPath {
    /// What is to be kept of the path until something happens to it, where that is so little.
    pub(in crate::input) fn rest(&mut self) -> Option<RestingPath> {
        // All fields are named, so that each is decided upon. The header is made again.
        let Self {
            id: _,
            path,
            shared_path,
            settings,
            header: _,
            older,
            current: Some(current),
            recently_read,
            unsettled: None,
            not_followed: None,
            limit: None,
        } = self
        else {
            return None;
        };
        let is_named_alike = *shared_path == current.source.path;
        // Somebody may give the file another name before it is read: that is looked for each time.
        if !older.is_empty() || !is_named_alike || names::completed(path).is_some() {
            return None;
        }
        let (current, peculiarities) = current.rest()?;
        let recently_read = std::mem::take(recently_read);
        let is_plain = recently_read.is_empty() && peculiarities == Peculiarities::default();
        let aside = (!is_plain).then(|| Box::new(Aside { recently_read, peculiarities }));
        Some(RestingPath { settings: Arc::clone(settings), current, aside })
    }
}

impl RestingPath {
    pub(in crate::input) fn path(&self) -> &SharedPath {
        &self.current.source().path
    }

    /// As it was, with the number `id`. It has been quiet until `now`.
    pub(in crate::input) fn wake(self, id: usize, now: Instant) -> FollowedPath {
        let path = self.path().clone();
        let in_one_piece = path.to_path_buf().into();
        let mut awake = FollowedPath::new(id, (in_one_piece, path), self.settings);
        let (recently_read, peculiarities) = self.aside.map_or_else(Default::default, |aside| {
            let Aside { recently_read, peculiarities } = *aside;
            (recently_read, peculiarities)
        });
        awake.recently_read = recently_read;
        awake.current = Some(self.current.wake(peculiarities, now));
        awake
    }

    /// Whether looking at the path, where this stands, would find nothing to be done.
    pub(in crate::input) fn is_unchanged(&self, stat: &Stat) -> bool {
        stat.is_regular && self.current.is_unchanged(stat)
    }

    /// Another entry of `files` names it from now on.
    pub(in crate::input) fn belongs_to(&mut self, settings: Arc<FileSettings>) {
        self.settings = settings;
    }

    /// What [`FollowedPath::begins_like`] would say.
    pub(in crate::input) fn begins_like(&self, bytes: &[u8]) -> bool {
        let head = self.current.head();
        usize::from(head.len) >= ALIKE && head.matches(bytes)
            || self.aside.as_ref().is_some_and(|it| it.recently_read.begins_like(bytes, ALIKE))
    }
}
