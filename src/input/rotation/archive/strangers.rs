//! The search for what was read among files of any name.

use std::io;

use super::{is_being_compressed, oldest, places};
use crate::input::rotation::directories::{Directories, Sibling, Stranger};
use crate::input::rotation::identity::Found;
use crate::input::rotation::judge::{Match, Relation};
use crate::input::rotation::names::{are_kin, is_rotation_of, telling_bases};
use crate::pipeline::position::{Anchor, Head, Position, Source};

/// Compares files of any name. Under a name that says nothing, only what was read for long enough is
/// known. A rotated file that was followed under its own name may have the next name of its log by now.
pub(super) fn search(
    directories: &Directories,
    source: &Source,
    position: &Position,
    is_taken: impl Fn(&Sibling) -> bool,
) -> io::Result<Option<Found>> {
    let is_known_anywhere = usize::from(position.anchor.len) == Anchor::MAX;
    for place in places(source) {
        let may_have_kin = || !telling_bases(&place).is_empty();
        if !is_known_anywhere && !may_have_kin() {
            continue;
        }
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
                || is_taken(&stranger.sibling)
                || places(source).any(|place| place == *path)
                || is_rotation_of(name, name_of)
                || is_being_compressed(&place, path)
                || !(is_known_anywhere || are_kin(&place, path))
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
            if found.relation == Relation::GoesOn(Match::Exact) {
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
