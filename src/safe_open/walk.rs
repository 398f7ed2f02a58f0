//! A way through directories, one name at a time, on what is open: nothing can be exchanged meanwhile.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{self, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

/// Names a file without opening it, and a symbolic link itself.
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// As many symbolic links as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;
/// What statfs(2) says of procfs, whose links only the kernel can follow, and only it makes.
const PROC: i64 = 0x9fa0;

/// On the way to a file.
pub(super) struct PathWalk {
    /// What is still to go, the next at the end.
    rest: Vec<OsString>,
    here: OwnedFd,
    /// Where that is, without symbolic links.
    place: PathBuf,
    links: usize,
}

/// What a step has led to.
pub(super) enum Met {
    /// A directory, or whatever else has that name.
    Way(Stat),
    /// The file at the end, which is open.
    File(File, Stat),
    /// A file at the end that only the kernel can lead to.
    OfKernel(File),
    /// A link, of which it is to be decided whether it is followed.
    Link(SymbolicLink),
}

/// A symbolic link.
pub(super) struct SymbolicLink {
    link: OwnedFd,
    pub(super) name: OsString,
    pub(super) stat: Stat,
}

impl PathWalk {
    pub(super) fn to(path: &Path) -> io::Result<Self> {
        let path = std::path::absolute(path)?;
        Ok(Self { rest: parts(&path), here: root()?, place: "/".into(), links: 0 })
    }

    /// Goes one name on. At the last one the file is opened with `flags`, and where needed made with
    /// `mode`; nobody is waited for, should it be a pipe.
    ///
    /// # Errors
    /// As openat(2) has them; `EISDIR` where there is no further name.
    pub(super) fn step(&mut self, flags: OFlags, mode: Mode) -> io::Result<Met> {
        let Some(name) = self.rest.pop() else { return Err(Errno::ISDIR.into()) };
        if !self.rest.is_empty() {
            return self.enter(name);
        }
        let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        match fs::openat(&self.here, &name, flags | OFlags::NOFOLLOW, mode) {
            Ok(file) => {
                let stat = fs::fstat(&file)?;
                Ok(Met::File(File::from(file), stat))
            }
            Err(Errno::LOOP) => {
                let link = fs::openat(&self.here, &name, LOOK, Mode::empty())?;
                if is_proc(&link) {
                    let file = fs::openat(&self.here, &name, flags, mode)?;
                    return Ok(Met::OfKernel(File::from(file)));
                }
                let stat = fs::fstat(&link)?;
                Ok(Met::Link(SymbolicLink { link, name, stat }))
            }
            Err(error) => Err(error.into()),
        }
    }

    fn enter(&mut self, name: OsString) -> io::Result<Met> {
        let mut next = fs::openat(&self.here, &name, LOOK, Mode::empty())?;
        let mut stat = fs::fstat(&next)?;
        if FileType::from_raw_mode(stat.st_mode).is_symlink() {
            if !is_proc(&next) {
                return Ok(Met::Link(SymbolicLink { link: next, name, stat }));
            }
            let flags = OFlags::PATH | OFlags::CLOEXEC;
            next = fs::openat(&self.here, &name, flags, Mode::empty())?;
            stat = fs::fstat(&next)?;
        }
        self.here = next;
        match name == ".." {
            true => drop(self.place.pop()),
            false => self.place.push(name),
        }
        Ok(Met::Way(stat))
    }

    /// Goes on where `link` leads to, in so many further names at the most.
    pub(super) fn follow(&mut self, link: &SymbolicLink) -> io::Result<()> {
        self.links += 1;
        if self.links > MOST_LINKS {
            return Err(Errno::LOOP.into());
        }
        let target = fs::readlinkat(&link.link, c"", Vec::new())?;
        let target = Path::new(OsStr::from_bytes(target.to_bytes()));
        if target.is_absolute() {
            (self.here, self.place) = (root()?, "/".into());
        }
        self.rest.extend(parts(target));
        Ok(())
    }

    /// The directory that it has come to.
    pub(super) fn directory(&self) -> io::Result<Stat> {
        Ok(fs::fstat(&self.here)?)
    }

    /// Its path, without symbolic links.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }

    /// How many names are still to go.
    pub(super) fn left(&self) -> usize {
        self.rest.len()
    }
}

/// The names that lead to `path`, the first at the end.
fn parts(path: &Path) -> Vec<OsString> {
    let names = path.components().filter(|part| !matches!(part, Component::RootDir));
    let mut names: Vec<_> = names.map(|part| part.as_os_str().to_owned()).collect();
    names.reverse();
    names
}

fn root() -> io::Result<OwnedFd> {
    Ok(fs::open("/", LOOK, Mode::empty())?)
}

fn is_proc(file: impl AsFd) -> bool {
    fs::fstatfs(file).is_ok_and(|system| i128::from(system.f_type) == i128::from(PROC))
}
