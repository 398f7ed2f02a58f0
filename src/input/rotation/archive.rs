//! Where a file has gone: finding what rotation has moved, copied or compressed, beside its path.

mod empty;
mod strangers;

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::directories::{Directories, Listing, Sibling};
use super::names::{
    comes_between, is_compressed, is_rotation_of, is_telling_sibling_of, telling_bases,
    uncompressed,
};
use crate::input::read::content::Stat;
use crate::input::rotation::identity::Found;
use crate::input::rotation::judge::{Relation, same_but_device};
use crate::pipeline::position::{Inode, Position, Source};

/// How often a directory is listed that changes meanwhile.
const LISTINGS: usize = 3;

/// Whether what cannot be told may be told soon: descriptors are short, or something is compressed or
/// renamed just now.
pub(in crate::input) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, NotFound, WouldBlock};
    matches!(error.kind(), Interrupted | NotFound | WouldBlock)
        || is_shortage(error)
        || error.raw_os_error() == Some(libc::ENFILE)
}

/// Whether this process has no descriptor left.
pub(in crate::input) fn is_shortage(error: &io::Error) -> bool {
    error.raw_os_error() == Some(libc::EMFILE)
}

/// Whether what cannot be told will not be told later either: a directory may be passed and not
/// listed, say.
pub(in crate::input) fn is_lasting(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::NotADirectory)
}

/// Finds the file that `source` names, which was read up to `position`, under any name in its
/// directory. It may have been truncated since.
///
/// # Errors
/// When it cannot be told for now.
pub(in crate::input) fn by_inode(
    directories: &Directories,
    source: &Source,
    position: &Position,
) -> io::Result<Option<Found>> {
    let inode = source.inode;
    for place in places(source) {
        let Some(directory) = place.parent() else { continue };
        let path = with_inode(directories, directory, inode)?;
        let found = path.map_or(Ok(None), |path| Found::open(directories, path))?;
        let Some(mut found) = found else { continue };
        found.compare(position)?;
        // Where birth times are not recorded, a reused inode shows by its content alone.
        let certain = inode.born.is_some() && found.stat.inode.born == inode.born;
        if certain || inode.born.is_none() && found.relation.goes_on() {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Finds the copy or compressed copy of what `source` names: the oldest file beside it that is not
/// older, whose content begins alike and has the same bytes where reading stopped. Names order the
/// search: rotated ones come first, then the rest. Logs may begin alike: what `is_taken` says that
/// another file was made into is not considered.
///
/// # Errors
/// When it cannot be told for now.
pub(in crate::input) fn by_content(
    directories: &Directories,
    source: &Source,
    position: &Position,
    is_taken: impl Fn(&Sibling) -> bool,
) -> io::Result<Option<Found>> {
    if position.head.len == 0 {
        return empty::search(directories, source, position);
    }
    // What was listed may have been compressed or renamed before it is opened.
    for _ in 0..LISTINGS {
        let named = match among_siblings(directories, source, position, &is_taken) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            named => named?,
        };
        return match named {
            Some(found) if found.relation.goes_on() => Ok(Some(found)),
            shorter => Ok(strangers::search(directories, source, position, &is_taken)?.or(shorter)),
        };
    }
    Err(io::ErrorKind::NotFound.into())
}

/// What stands at `path` is compared with what was read up to `position`: a log is the same, whatever
/// its inode, where it goes on there.
///
/// # Errors
/// It cannot be told for now.
pub(in crate::input) fn at_path(
    directories: &Directories,
    path: &Path,
    position: &Position,
) -> io::Result<Option<Found>> {
    let found = match Found::open(directories, path.to_owned()) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        found => found?,
    };
    let Some(mut found) = found.filter(|_| position.head.len > 0) else { return Ok(None) };
    found.compare(position)?;
    Ok(Some(found))
}

/// In nanoseconds, as times of files are.
const SECOND: i64 = 1_000_000_000;

/// No copy is older than what was read, but times are cut to seconds here and there.
pub(in crate::input) fn oldest(position: &Position) -> i64 {
    position.modified.saturating_sub(SECOND)
}

/// Compares the files whose names rotation makes.
fn among_siblings(
    directories: &Directories,
    source: &Source,
    position: &Position,
    is_taken: impl Fn(&Sibling) -> bool,
) -> io::Result<Option<Found>> {
    let mut siblings = siblings(directories, source)?;
    siblings.retain(|sibling| sibling.stat.modified >= oldest(position));
    siblings.retain(|sibling| sibling.stat.inode != source.inode && !is_taken(sibling));
    siblings.sort_by_key(|s| (s.stat.modified < position.modified, s.stat.modified));
    let (mut shorter, mut undecided) = (None, None);
    for sibling in siblings {
        let Some(mut found) = Found::open(directories, sibling.path)? else { continue };
        if let Err(error) = found.compare(position) {
            undecided = Some(error);
            continue;
        }
        match found.relation {
            Relation::GoesOn(_) => return Ok(Some(found)),
            Relation::Shorter => shorter = shorter.or(Some(found)),
            Relation::Other => {}
        }
    }
    undecided.map_or(Ok(shorter), Err)
}

/// The siblings that came after what `source` names, which was written last at `modified`, oldest
/// first.
///
/// A file that was created when that one was renamed may be empty still, and older by its time
/// than the last line of a late writer; then its birth decides.
///
/// Where the path is a link that `leads_to` another file by now, those whose numbers come between are among
/// them: the link has gone on from one to the next.
pub(in crate::input) fn successors(
    directories: &Directories,
    source: &Source,
    modified: i64,
    leads_to: Option<&Path>,
) -> io::Result<Vec<Sibling>> {
    let mut successors = siblings(directories, source)?;
    if let Some(to) = leads_to {
        successors.extend(left_out(directories, source, to)?);
    }
    successors.retain(|sibling| {
        let born = source.inode.born.zip(sibling.stat.inode.born).map(|(own, its)| its > own);
        let is_younger = born == Some(true);
        // What was there before it is no successor, whatever its name looks like.
        born.unwrap_or(true)
            && (sibling.stat.modified > modified
                || is_younger && (sibling.stat.size == 0 || sibling.stat.modified == modified))
    });
    successors.sort_by_key(|sibling| sibling.stat.modified);
    Ok(successors)
}

/// The files that come between the one a link has led to and the one it leads `to` now.
fn left_out(directories: &Directories, source: &Source, to: &Path) -> io::Result<Vec<Sibling>> {
    let from = source.real.as_deref().filter(|from| *from != to && from.parent() == to.parent());
    let (Some(_), Some(directory)) = (from, to.parent()) else { return Ok(Vec::new()) };
    let listing = directories.listing(directory)?;
    let paths = listing.names().map(|name| directory.join(name));
    let files = paths.filter(|path| was_left_out(source, to, path)).filter_map(|path| {
        let stat = directories.stat(&path).ok().filter(|stat| stat.is_regular)?;
        Some(Sibling { path, stat })
    });
    Ok(files.collect())
}

/// Whether the file at `path` comes between the one that the link of `source` has led to and the one it leads
/// `to` now, by its name.
pub(in crate::input) fn was_left_out(source: &Source, to: &Path, path: &Path) -> bool {
    let from = source.real.as_deref().filter(|from| from.parent() == to.parent());
    let names = from.and_then(|from| from.file_name()).zip(to.file_name()).zip(path.file_name());
    path.parent() == to.parent()
        && names.is_some_and(|((from, to), name)| comes_between(from, to, name))
}

/// The siblings with content that was written last after one time and up to another, oldest first:
/// copies that were made before a file was truncated. A small file is copied and truncated within
/// one tick of the clock.
pub(in crate::input) fn copies(
    directories: &Directories,
    source: &Source,
    after: i64,
    until: i64,
) -> io::Result<Vec<Sibling>> {
    let mut copies = siblings(directories, source)?;
    copies.retain(|s| s.stat.size > 0 && s.stat.modified > after && s.stat.modified <= until);
    copies.sort_by_key(|sibling| sibling.stat.modified);
    Ok(copies)
}

/// The siblings that were born at a time or later, oldest first.
pub(in crate::input) fn newborn(
    directories: &Directories,
    source: &Source,
    since: i64,
) -> io::Result<Vec<Sibling>> {
    let mut newborn = siblings(directories, source)?;
    newborn.retain(|sibling| {
        let is_newborn = sibling.stat.inode.born.is_some_and(|born| born.get() >= since);
        is_newborn && sibling.stat.size > 0
    });
    newborn.sort_by_key(|sibling| (sibling.stat.inode.born, sibling.stat.modified));
    Ok(newborn)
}

/// The compressed siblings whose content was written last at `modified`.
///
/// # Errors
/// The directory cannot be listed.
pub(in crate::input) fn archives_of(
    directories: &Directories,
    source: &Source,
    modified: i64,
) -> io::Result<Vec<Sibling>> {
    let mut archives = siblings(directories, source)?;
    archives.retain(|s| s.stat.modified == modified && is_compressed(&s.path));
    Ok(archives)
}

/// The siblings with a mere number in their names, which may be other logs.
pub(in crate::input) fn numbered(
    directories: &Directories,
    source: &Source,
) -> impl Iterator<Item = Sibling> {
    let siblings = siblings(directories, source).unwrap_or_default();
    siblings.into_iter().filter(|sibling| !is_telling(source, &sibling.path))
}

/// Whether a name says for certain that its file was rotated away from `source`.
pub(in crate::input) fn is_telling(source: &Source, path: &Path) -> bool {
    places(source).any(|place| is_telling_sibling_of(&place, path))
        || kin(source).iter().any(|base| is_telling_sibling_of(base, path))
}

/// The names that those of the files are made of to which a symbolic link leads, one after the other:
/// `access` of `access.2026-11-23`.
fn kin(source: &Source) -> Vec<PathBuf> {
    source.real.as_deref().map(|real| telling_bases(real)).unwrap_or_default()
}

/// Where rotation works: beside the file, and beside a symbolic link that leads to it.
pub(in crate::input) fn places(source: &Source) -> impl Iterator<Item = PathBuf> {
    let real = source.real.as_deref().cloned();
    real.into_iter().chain(std::iter::once(source.path.to_path_buf()))
}

fn siblings(directories: &Directories, source: &Source) -> io::Result<Vec<Sibling>> {
    let mut siblings = Vec::new();
    let kin = kin(source);
    for place in places(source).chain(kin) {
        let (Some(directory), Some(base)) = (place.parent(), place.file_name()) else { continue };
        let listing = directories.listing_where(directory, |listing| {
            shows_successor(directories, source, &place, listing)
        })?;
        let mut names: Vec<_> =
            listing.alike(base).filter(|name| is_rotation_of(base, name)).collect();
        names.sort_unstable();
        names.dedup();
        for path in names.into_iter().map(|name| directory.join(name)) {
            if is_being_compressed(&place, &path) {
                continue;
            }
            let stat = directories.stat(&path).ok();
            if let Some(stat) = stat.filter(|stat| stat.is_regular) {
                siblings.push(Sibling { path, stat });
            }
        }
    }
    Ok(siblings)
}

/// Under which name the file with `inode` stands that stood at `path`.
///
/// # Errors
/// When it cannot be told for now.
pub(in crate::input) fn moved(
    directories: &Directories,
    path: &Path,
    inode: Inode,
) -> io::Result<Option<PathBuf>> {
    path.parent().map_or(Ok(None), |directory| with_inode(directories, directory, inode))
}

/// Where in `directory` the regular file with `inode` stands, as far as numbers and births tell.
/// Numbers are reused, also by what cannot be opened.
///
/// # Errors
/// Also when what was listed has another name by now.
fn with_inode(
    directories: &Directories,
    directory: &Path,
    inode: Inode,
) -> io::Result<Option<PathBuf>> {
    let has_it = |path: &Path| {
        let stat = directories.stat(path)?;
        Ok::<_, io::Error>(stat.is_regular && same_but_device(inode, stat.inode))
    };
    let listing = directories.listing_where(directory, |listing| {
        listing.numbered(inode.number).any(|path| has_it(&path).unwrap_or(false))
    })?;
    for path in listing.numbered(inode.number) {
        if has_it(&path)? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether a listing was made after the file of `source` had left `place`: it shows the file that stands
/// there now.
fn shows_successor(
    directories: &Directories,
    source: &Source,
    place: &Path,
    listing: &Listing,
) -> bool {
    let number = place.file_name().and_then(|name| listing.number_of(name));
    number.is_some_and(|number| {
        let stat = directories.stat(place).ok().filter(|stat| stat.is_regular);
        let is_shown =
            |stat: Stat| stat.inode.number == number && listing.is_later_than(stat.inode);
        number != source.inode.number && stat.is_some_and(is_shown)
    })
}

/// Whether `sibling` is a compressed file that is not complete: gzip removes what it compresses
/// when it is done. Half of it is recognised by nothing, and what it holds stands beside it.
fn is_being_compressed(path: &Path, sibling: &Path) -> bool {
    let name = sibling.file_name().unwrap_or_default().as_bytes();
    let plain = uncompressed(name);
    let plain =
        (plain.len() < name.len()).then(|| sibling.with_file_name(OsStr::from_bytes(plain)));
    plain.is_some_and(|plain| plain != path && plain.exists())
}

#[cfg(test)]
mod tests;
