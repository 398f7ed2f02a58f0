//! Opening what is read and sent: everybody behind the receiver sees it then.
//!
//! This process may read more than others: it is root, or has a capability, or a group. Who may write in
//! a directory that is followed could have a symbolic link there lead to what he may not read himself,
//! and have it sent. So a link is followed if
//!
//! - it belongs to root,
//! - or to the owner of what it leads to,
//! - or everybody may read what it leads to,
//! - or it is our own, and we may read no more than our user,
//! - or it lies in a directory for which the configuration allows it.
//!
//! A second name of a file (a hard link) is the same as a symbolic link where the kernel lets everybody
//! make one (`fs.protected_hardlinks` is 0).

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock};

use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat, fstat, openat2};
use rustix::io::Errno;
use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, capabilities};

use super::walk::{Met, PathWalk, SymbolicLink};
use crate::shown::Show;

/// Where links are followed whoever they belong to. Of the process, like the rights to which this is an
/// exception: whoever opens a log asks here.
static ALLOWED: RwLock<Vec<PathBuf>> = RwLock::new(Vec::new());

/// Below these directories links are followed from now on, whoever they belong to.
pub(crate) fn follow_links_in(directories: &[PathBuf]) {
    directories.clone_into(&mut ALLOWED.write().unwrap_or_else(PoisonError::into_inner));
}

/// Opens the log at `path` for reading with `flags`. It waits for nobody, should it be a pipe.
///
/// # Errors
/// It cannot be opened; `PermissionDenied` with a [`LinkRefused`] in it where a link is not followed.
pub(crate) fn open_log(path: &Path, flags: OFlags) -> io::Result<File> {
    let all = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    // Most often there is no link, and the kernel says so at once.
    match openat2(CWD, path, all, Mode::empty(), ResolveFlags::NO_SYMLINKS) {
        Ok(file) => {
            let stat = fstat(&file)?;
            if !has_further_names(&stat) || hard_links_are_protected() {
                return Ok(File::from(file));
            }
        }
        // A link; a kernel before 5.6; a filter of system calls, or what the flags ask for.
        Err(Errno::LOOP | Errno::NOSYS | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    follow(path, flags)
}

/// Whether `error` says that a link is not followed.
pub(crate) fn is_link_refused(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<LinkRefused>())
}

/// A symbolic link that is not followed, or a hard link.
#[derive(Debug, thiserror::Error)]
#[error(
    "{} is a {kind} link of the user with id {owner} to what belongs to the user with id {target} and \
     is not for all to read; have root make the link, or name its directory in follow_links_in",
    .link.shown()
)]
struct LinkRefused {
    link: PathBuf,
    kind: &'static str,
    owner: u32,
    target: u32,
}

/// A link that was met on the way.
struct LinkOnTheWay {
    kind: &'static str,
    place: PathBuf,
    owner: u32,
    /// How many names were left behind it: with so many left, it has led to something.
    left: usize,
    /// Whose that is.
    target: Option<u32>,
    /// Everybody may come as far as the way behind it has come.
    is_open_to_all: bool,
}

fn follow(path: &Path, flags: OFlags) -> io::Result<File> {
    let mut walk = PathWalk::to(path)?;
    let mut links: Vec<LinkOnTheWay> = Vec::new();
    loop {
        let (file, stat) = match walk.step(flags, Mode::empty())? {
            Met::OfKernel(file) => {
                let stat = fstat(&file)?;
                (Some(file), stat)
            }
            Met::File(file, stat) => (Some(file), stat),
            Met::Way(stat) => (None, stat),
            Met::Link(link) => {
                links.push(LinkOnTheWay::new(&link, &walk));
                walk.follow(&link)?;
                continue;
            }
        };
        let needed = if file.is_some() { Mode::ROTH } else { Mode::XOTH };
        for link in &mut links {
            link.is_open_to_all &= Mode::from_raw_mode(stat.st_mode).contains(needed);
            if link.left >= walk.left() {
                link.target.get_or_insert(stat.st_uid);
            }
        }
        if let Some(file) = file {
            if has_further_names(&stat) && !hard_links_are_protected() {
                links.push(LinkOnTheWay::of_hard_link(path, &stat, &walk.directory()?));
            }
            return links.iter().try_for_each(LinkOnTheWay::judge).map(|()| file);
        }
    }
}

impl LinkOnTheWay {
    fn new(link: &SymbolicLink, walk: &PathWalk) -> Self {
        Self {
            kind: "symbolic",
            place: walk.place().join(&link.name),
            owner: link.stat.st_uid,
            left: walk.left(),
            target: None,
            is_open_to_all: true,
        }
    }

    /// What the owner of `directory` may have put there.
    fn of_hard_link(path: &Path, file: &Stat, directory: &Stat) -> Self {
        let is_open_to_all = Mode::from_raw_mode(file.st_mode).contains(Mode::ROTH);
        let (place, owner, target) = (path.to_owned(), directory.st_uid, Some(file.st_uid));
        Self { kind: "hard", place, owner, left: 0, target, is_open_to_all }
    }

    fn judge(&self) -> io::Result<()> {
        let target = self.target.unwrap_or(0);
        let is_trusted = self.owner == 0
            || self.owner == target
            || self.is_open_to_all
            || self.owner == geteuid().as_raw() && !may_read_all()
            || self.is_allowed();
        if is_trusted {
            return Ok(());
        }
        let Self { kind, owner, .. } = *self;
        let refused = LinkRefused { link: self.place.clone(), kind, owner, target };
        Err(io::Error::new(io::ErrorKind::PermissionDenied, refused))
    }

    fn is_allowed(&self) -> bool {
        self.is_allowed_in(&ALLOWED.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn is_allowed_in(&self, directories: &[PathBuf]) -> bool {
        directories.iter().any(|directory| self.place.starts_with(directory))
    }
}

fn has_further_names(stat: &Stat) -> bool {
    stat.st_nlink > 1 && FileType::from_raw_mode(stat.st_mode).is_file()
}

/// Whether the kernel lets nobody make a hard link to what he may not write to. Where it does not tell,
/// a service manager hides it, and those have it on.
fn hard_links_are_protected() -> bool {
    let setting = fs::read_to_string("/proc/sys/fs/protected_hardlinks");
    setting.map_or(true, |text| text.trim() != "0")
}

fn may_read_all() -> bool {
    let needed = CapabilitySet::DAC_READ_SEARCH | CapabilitySet::DAC_OVERRIDE;
    capabilities(None).is_ok_and(|had| had.effective.intersects(needed))
}

#[cfg(test)]
mod tests;
