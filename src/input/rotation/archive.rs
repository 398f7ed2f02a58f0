//! Where a file has gone: finding what rotation has moved, copied or compressed, beside its path.

use std::ffi::OsStr;
use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use super::names::{is_rotation_of, is_telling_sibling_of};
use crate::input::read::content::Stat;
use crate::input::rotation::identity::{Fit, Found};
use crate::input::rotation::judge::same_but_device;
use crate::pipeline::position::{Inode, Position, Source};

/// A file whose name says that it was rotated away from a path.
#[derive(Debug, Clone)]
pub(in crate::input) struct Sibling {
    pub(in crate::input) path: PathBuf,
    pub(in crate::input) stat: Stat,
}

/// How often a directory is listed that changes meanwhile.
const LISTINGS: usize = 3;

/// Whether what cannot be told may be told soon: descriptors are short, or something is compressed or
/// renamed just now.
pub(in crate::input) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, NotFound, WouldBlock};
    matches!(error.kind(), Interrupted | NotFound | WouldBlock)
        || matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
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
    source: &Source,
    position: &Position,
) -> io::Result<Option<Found>> {
    let inode = source.inode;
    for directory in places(source).filter_map(Path::parent) {
        let found = with_inode(directory, inode)?.map_or(Ok(None), Found::open)?;
        let Some(mut found) = found else { continue };
        found.compare(position)?;
        // Where birth times are not recorded, a reused inode shows by its content alone.
        let certain = inode.born.is_some() && found.stat.inode.born == inode.born;
        if certain || inode.born.is_none() && found.fit == Fit::Continues {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// Finds the copy or compressed copy of what `source` names: the oldest sibling that is not older,
/// whose content begins alike and has the same bytes where reading stopped. Logs may begin alike:
/// what `is_taken` says that another file was made into is not considered.
///
/// # Errors
/// When it cannot be told for now.
pub(in crate::input) fn by_content(
    source: &Source,
    position: &Position,
    is_taken: impl Fn(Inode) -> bool,
) -> io::Result<Option<Found>> {
    if position.head.len == 0 {
        return Ok(None);
    }
    // What was listed may have been compressed or renamed before it is opened.
    for _ in 0..LISTINGS {
        match by_content_now(source, position, &is_taken) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            found => return found,
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn by_content_now(
    source: &Source,
    position: &Position,
    is_taken: impl Fn(Inode) -> bool,
) -> io::Result<Option<Found>> {
    let mut siblings = siblings(source)?;
    // No copy is older than what was read, but times are cut to seconds here and there.
    let oldest = position.modified.saturating_sub(1_000_000_000);
    siblings.retain(|sibling| sibling.stat.modified >= oldest);
    siblings.retain(|s| s.stat.inode != source.inode && !is_taken(s.stat.inode));
    siblings.sort_by_key(|s| (s.stat.modified < position.modified, s.stat.modified));
    let (mut shorter, mut undecided) = (None, None);
    for sibling in siblings {
        let Some(mut found) = Found::open(sibling.path)? else { continue };
        if let Err(error) = found.compare(position) {
            undecided = Some(error);
            continue;
        }
        match found.fit {
            Fit::Continues => return Ok(Some(found)),
            Fit::Shorter => shorter = shorter.or(Some(found)),
            Fit::Different => {}
        }
    }
    undecided.map_or(Ok(shorter), Err)
}

/// The siblings that came after what `source` names, which was written last at `modified`, oldest
/// first.
///
/// A file that was created when that one was renamed may be empty still, and older by its time
/// than the last line of a late writer; then its birth decides.
pub(in crate::input) fn successors(source: &Source, modified: i64) -> io::Result<Vec<Sibling>> {
    let mut successors = siblings(source)?;
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

/// The siblings with content that was written last after one time and up to another, oldest first:
/// copies that were made before a file was truncated. A small file is copied and truncated within
/// one tick of the clock.
pub(in crate::input) fn copies(
    source: &Source,
    after: i64,
    until: i64,
) -> io::Result<Vec<Sibling>> {
    let mut copies = siblings(source)?;
    copies.retain(|s| s.stat.size > 0 && s.stat.modified > after && s.stat.modified <= until);
    copies.sort_by_key(|sibling| sibling.stat.modified);
    Ok(copies)
}

/// The siblings with a mere number in their names, which may be other logs.
pub(in crate::input) fn numbered(source: &Source) -> impl Iterator<Item = Sibling> {
    let siblings = siblings(source).unwrap_or_default();
    siblings.into_iter().filter(|sibling| !is_telling(source, &sibling.path))
}

/// Whether a name says for certain that its file was rotated away from `source`.
pub(in crate::input) fn is_telling(source: &Source, path: &Path) -> bool {
    places(source).any(|place| is_telling_sibling_of(place, path))
}

/// Where rotation works: beside the file, and beside a symbolic link that leads to it.
pub(in crate::input) fn places(source: &Source) -> impl Iterator<Item = &Path> {
    let real = source.real.as_deref().map(PathBuf::as_path);
    real.into_iter().chain(std::iter::once(&*source.path))
}

fn siblings(source: &Source) -> io::Result<Vec<Sibling>> {
    let mut siblings = Vec::new();
    for place in places(source) {
        let (Some(directory), Some(name)) = (place.parent(), place.file_name()) else { continue };
        for entry in list(directory)? {
            let path = entry.path();
            if !is_rotation_of(name, &entry.file_name()) || is_being_compressed(place, &path) {
                continue;
            }
            let stat = fs::symlink_metadata(&path).map(|metadata| Stat::of(&metadata));
            if let Some(stat) = stat.ok().filter(|stat| stat.is_regular) {
                siblings.push(Sibling { path, stat });
            }
        }
    }
    Ok(siblings)
}

/// What stands in a directory; nothing where there is none.
fn list(directory: &Path) -> io::Result<Vec<fs::DirEntry>> {
    match fs::read_dir(directory).and_then(Iterator::collect) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        entries => entries,
    }
}

/// Under which name the file with `inode` stands that stood at `path`.
///
/// # Errors
/// When it cannot be told for now.
pub(in crate::input) fn moved(path: &Path, inode: Inode) -> io::Result<Option<PathBuf>> {
    path.parent().map_or(Ok(None), |directory| with_inode(directory, inode))
}

/// Where in `directory` the regular file with `inode` stands, as far as numbers and births tell.
/// Numbers are reused, also by what cannot be opened.
///
/// # Errors
/// Also when what was listed has another name by now.
fn with_inode(directory: &Path, inode: Inode) -> io::Result<Option<PathBuf>> {
    for entry in list(directory)?.into_iter().filter(|entry| entry.ino() == inode.number) {
        let path = entry.path();
        let stat = Stat::of(&fs::symlink_metadata(&path)?);
        if stat.is_regular && same_but_device(inode, stat.inode) {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Whether `sibling` is a compressed file that is not complete: gzip removes what it compresses
/// when it is done. Half of it is recognised by nothing, and what it holds stands beside it.
fn is_being_compressed(path: &Path, sibling: &Path) -> bool {
    let plain = sibling.with_extension("");
    sibling.extension() == Some(OsStr::new("gz")) && plain != path && plain.exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::position::{Anchor, Head, SourceId};

    #[test]
    fn where_nothing_can_be_listed_nothing_is_known_to_be_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path: std::sync::Arc<Path> = dir.path().join("logs/app.log").into();
        let inode = Inode { device: 1, number: 1, born: None };
        let mut source = Source { id: SourceId(1), order: 1, path, real: None, inode };
        let (head, anchor) = (Head::of(b"one\n"), Anchor::after(b"one\n"));
        let position = Position { offset: 4, head, anchor, ..Position::default() };
        let missing = |source: &Source| {
            let by_content = by_content(source, &position, |_| false)?;
            Ok::<_, io::Error>(by_inode(source, &position)?.is_none() && by_content.is_none())
        };
        // Directories go with what is in them.
        assert!(missing(&source).unwrap());
        fs::write(dir.path().join("logs"), "").unwrap();
        assert_eq!(missing(&source).unwrap_err().kind(), io::ErrorKind::NotADirectory);
        source.path = dir.path().join("app.log").into();
        assert!(missing(&source).unwrap());
        fs::write(dir.path().join("app.log.1"), "one\n").unwrap();
        assert!(!missing(&source).unwrap());
    }

    #[test]
    fn a_number_may_be_reused_by_what_cannot_be_opened() {
        use std::os::unix::fs::{MetadataExt, symlink};
        use std::os::unix::net::UnixListener;
        let dir = tempfile::tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let _socket = UnixListener::bind(path("socket")).unwrap();
        symlink("nowhere", path("dangling")).unwrap();
        fs::write(path("other"), "other\n").unwrap();
        let position = Position {
            offset: 4,
            head: Head::of(b"one\n"),
            anchor: Anchor::after(b"one\n"),
            ..Position::default()
        };
        for (name, born) in [("socket", None), ("dangling", None), ("other", Some(1))] {
            let metadata = fs::symlink_metadata(path(name)).unwrap();
            let inode = Inode { device: metadata.dev(), number: metadata.ino(), born };
            let path = path("app.log").into();
            let source = Source { id: SourceId(1), order: 1, path, real: None, inode };
            assert!(by_inode(&source, &position).unwrap().is_none(), "{name}");
            assert!(moved(&source.path, inode).unwrap().is_none(), "{name}");
        }
    }
}
