//! The search for what was read among files of any name.

use std::io;

use super::{is_being_compressed, oldest, places};
use crate::input::rotation::directories::{Directories, Sibling, Stranger};
use crate::input::rotation::identity::Found;
use crate::input::rotation::names::is_rotation_of;
use crate::pipeline::position::{Anchor, Head, Inode, Position, Source};

/// Compares files of any name. Only what was read for long enough is known under a name that says
/// nothing.
pub(super) fn search(
    directories: &Directories,
    source: &Source,
    position: &Position,
    is_taken: impl Fn(Inode) -> bool,
) -> io::Result<Option<Found>> {
    if usize::from(position.anchor.len) < Anchor::MAX {
        return Ok(None);
    }
    for place in places(source) {
        let (Some(directory), Some(name)) = (place.parent(), place.file_name()) else { continue };
        let listing = directories.listing(directory)?;
        let strangers = listing.strangers(directories);
        let begun = strangers.partition_point(|it| it.sibling.stat.modified < position.modified);
        let (older, newer) = strangers.split_at(begun);
        for stranger in newer.iter().chain(older) {
            let Sibling { path, stat } = &stranger.sibling;
            let name_of = path.file_name().unwrap_or_default();
            if stat.modified < oldest(position)
                || stat.inode == source.inode
                || is_taken(stat.inode)
                || places(source).any(|place| place == path)
                || is_rotation_of(name, name_of)
                || is_being_compressed(place, path)
                || !begins_with(directories, stranger, position.head)
            {
                continue;
            }
            let found = match Found::open(directories, path.clone()) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => None,
                found => found?,
            };
            let Some(mut found) = found.filter(|found| found.stat.inode == stat.inode) else {
                continue;
            };
            found.compare(position)?;
            if found.relation.goes_on() {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

/// Whether the content of a file begins as `head` says. It is opened once in a turn for that,
/// however many are looked for.
fn begins_with(directories: &Directories, stranger: &Stranger, head: Head) -> bool {
    let first = stranger.first.get_or_init(|| {
        let mut first = vec![0; Head::MAX];
        let found = Found::open(directories, stranger.sibling.path.clone());
        let count = match found {
            Ok(Some(mut found)) => found.content.read_at(0, &mut first),
            _ => Ok(0),
        };
        first.truncate(count.unwrap_or(0));
        first.into()
    });
    head.matches(first)
}
