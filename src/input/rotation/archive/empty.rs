//! The search for what has become of an empty file.

use std::io;

use super::{SECOND, siblings};
use crate::input::rotation::directories::Directories;
use crate::input::rotation::identity::Found;
use crate::input::rotation::judge::{Match, Relation};
use crate::pipeline::position::{Position, Source};

/// What has become of a file that was empty when it was last seen: an empty one of the same time, as
/// compression leaves it. Then nothing is missing.
pub(super) fn search(
    directories: &Directories,
    source: &Source,
    position: &Position,
) -> io::Result<Option<Found>> {
    let is_of_its_time = |time: i64| time / SECOND == position.modified / SECOND;
    for sibling in siblings(directories, source)? {
        if sibling.stat.inode == source.inode || !is_of_its_time(sibling.stat.modified) {
            continue;
        }
        if let Some(mut found) = Found::open(directories, sibling.path)?
            && matches!(found.content.read_at(0, &mut [0]), Ok(0))
        {
            found.relation = Relation::GoesOn(Match::Exact);
            return Ok(Some(found));
        }
    }
    Ok(None)
}
