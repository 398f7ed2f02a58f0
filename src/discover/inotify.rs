//! One inotify instance (inotify(7)): directories in, names of what changed in them out.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;

use crate::sys;

/// What is read at once: some hundred events.
const BUFFER: usize = 16 << 10;
/// What one event takes at the most: `struct inotify_event`, and a name with its NUL, rounded up to
/// a multiple of that.
const LARGEST: usize = 16 + 256 + 16;

/// Opening, reading and closing are no changes.
const CHANGES: WatchFlags = WatchFlags::CREATE
    .union(WatchFlags::DELETE)
    .union(WatchFlags::MOVED_FROM)
    .union(WatchFlags::MOVED_TO)
    .union(WatchFlags::MODIFY)
    .union(WatchFlags::ATTRIB)
    .union(WatchFlags::DELETE_SELF)
    .union(WatchFlags::MOVE_SELF)
    .union(WatchFlags::ONLYDIR);

/// What happened to a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Kind {
    /// The name is new, or names something else now.
    Appeared,
    /// Written to, truncated, or its mode or owner changed.
    Changed,
    /// The name is gone.
    Gone,
}

/// What the kernel tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Happening {
    /// Something about this path: a watched directory itself, or a name in one.
    Path(PathBuf, Kind),
    /// Events were lost in the kernel.
    Overflow,
}

/// A watch on one directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct WatchId(i32);

/// The instance. Watches are added and removed on one thread while another listens.
#[derive(Debug)]
pub(super) struct Inotify {
    fd: Arc<OwnedFd>,
    /// Where each watch is. The kernel knows one watch an inode, which may have several paths
    /// (bind mounts).
    directories: Mutex<HashMap<WatchId, Vec<PathBuf>>>,
}

impl Inotify {
    /// An instance that watches nothing yet.
    ///
    /// # Errors
    /// `EMFILE` when the user has as many as `fs.inotify.max_user_instances` allows.
    pub(super) fn new() -> io::Result<Self> {
        let fd = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { fd: Arc::new(fd), directories: Mutex::default() })
    }

    /// Watches `directory`. What happens before this returns may go untold.
    ///
    /// # Errors
    /// `ENOSPC` when the user has as many watches as `fs.inotify.max_user_watches` allows;
    /// otherwise why there is no such directory, or none that may be read.
    pub(super) fn add(&self, directory: &Path) -> Result<WatchId, Errno> {
        let id = WatchId(inotify::add_watch(&self.fd, directory, CHANGES)?);
        let mut directories = self.directories();
        let paths = directories.entry(id).or_default();
        if !paths.iter().any(|path| path == directory) {
            paths.push(directory.to_owned());
        }
        Ok(id)
    }

    /// Watches `directory` no more, which `id` was made for.
    pub(super) fn remove(&self, id: WatchId, directory: &Path) {
        let mut directories = self.directories();
        let Some(paths) = directories.get_mut(&id) else { return };
        paths.retain(|path| path != directory);
        if paths.is_empty() {
            directories.remove(&id);
            // It fails where the directory is gone, and the watch with it.
            let _ = inotify::remove_watch(&self.fd, id.0);
        }
    }

    /// Hands over what happens, for ever.
    ///
    /// # Errors
    /// When the kernel cannot be listened to.
    pub(super) async fn listen(&self, mut tell: impl FnMut(Happening)) -> io::Result<()> {
        let fd = sys::readiness(Arc::clone(&self.fd))?;
        let mut buffer = vec![MaybeUninit::uninit(); BUFFER];
        loop {
            let mut ready = fd.readable().await?;
            match self.read(&mut buffer, &mut tell) {
                // There was room for one more, so there is none; the next one makes it ready again.
                Ok(count) if (count + 1) * LARGEST <= BUFFER => ready.clear_ready(),
                // Those who were told have their turn.
                Ok(_) => tokio::task::yield_now().await,
                Err(Errno::WOULDBLOCK) => ready.clear_ready(),
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads once, as much as the buffer holds. Returns how many events there were.
    fn read(
        &self,
        buffer: &mut [MaybeUninit<u8>],
        tell: &mut impl FnMut(Happening),
    ) -> Result<usize, Errno> {
        let mut count = 0;
        let mut events = Reader::new(&self.fd, buffer);
        loop {
            let event = events.next()?;
            count += 1;
            let flags = event.events();
            if flags.contains(ReadFlags::QUEUE_OVERFLOW) {
                tell(Happening::Overflow);
            }
            let id = WatchId(event.wd());
            let name = event.file_name().map(|name| OsStr::from_bytes(name.to_bytes()));
            if let Some(kind) = kind(flags) {
                // Unknown: it was not watched yet when that happened, or is not any more.
                for directory in self.directories().get(&id).into_iter().flatten() {
                    let path = name.map_or_else(|| directory.clone(), |name| directory.join(name));
                    tell(Happening::Path(path, kind));
                }
            }
            if flags.contains(ReadFlags::IGNORED) {
                self.directories().remove(&id);
            }
            if events.is_buffer_empty() {
                return Ok(count);
            }
        }
    }

    fn directories(&self) -> MutexGuard<'_, HashMap<WatchId, Vec<PathBuf>>> {
        // It is whole after each call.
        self.directories.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(flags: ReadFlags) -> Option<Kind> {
    let gone = ReadFlags::DELETE
        | ReadFlags::MOVED_FROM
        | ReadFlags::DELETE_SELF
        | ReadFlags::MOVE_SELF
        | ReadFlags::UNMOUNT;
    let appeared = ReadFlags::CREATE | ReadFlags::MOVED_TO;
    let changed = ReadFlags::MODIFY | ReadFlags::ATTRIB;
    if flags.intersects(gone) {
        Some(Kind::Gone)
    } else if flags.intersects(appeared) {
        Some(Kind::Appeared)
    } else {
        flags.intersects(changed).then_some(Kind::Changed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use super::*;

    fn told(inotify: &Inotify) -> Vec<Happening> {
        let (mut told, mut buffer) = (Vec::new(), vec![MaybeUninit::uninit(); BUFFER]);
        while inotify.read(&mut buffer, &mut |happening| told.push(happening)).is_ok() {}
        told
    }

    fn path(directory: &Path, name: &str, kind: Kind) -> Happening {
        Happening::Path(directory.join(name), kind)
    }

    #[test]
    fn changes_are_told_with_their_paths_and_reading_is_none() {
        let (inotify, root) = (Inotify::new().unwrap(), tempfile::tempdir().unwrap());
        inotify.add(root.path()).unwrap();
        let name = "n".repeat(255);
        let mut file = File::create(root.path().join(&name)).unwrap();
        file.write_all(b"line\n").unwrap();
        std::fs::read(root.path().join(&name)).unwrap();
        std::fs::rename(root.path().join(&name), root.path().join("b")).unwrap();
        std::fs::remove_file(root.path().join("b")).unwrap();
        let told = told(&inotify);
        assert_eq!(told[0], path(root.path(), &name, Kind::Appeared));
        assert_eq!(told[1], path(root.path(), &name, Kind::Changed));
        assert_eq!(told[2], path(root.path(), &name, Kind::Gone));
        assert_eq!(told[3], path(root.path(), "b", Kind::Appeared));
        assert_eq!(told.last(), Some(&path(root.path(), "b", Kind::Gone)));
    }

    #[test]
    fn one_inode_may_have_two_paths() {
        let (inotify, root) = (Inotify::new().unwrap(), tempfile::tempdir().unwrap());
        let (real, link) = (root.path().join("real"), root.path().join("link"));
        std::fs::create_dir(&real).unwrap();
        std::os::unix::fs::symlink(&real, &link).unwrap();
        let id = inotify.add(&real).unwrap();
        assert_eq!(inotify.add(&link).unwrap(), id);
        File::create(real.join("a")).unwrap();
        let both = [path(&real, "a", Kind::Appeared), path(&link, "a", Kind::Appeared)];
        assert_eq!(told(&inotify), both);
        inotify.remove(id, &real);
        File::create(real.join("b")).unwrap();
        assert_eq!(told(&inotify), [path(&link, "b", Kind::Appeared)]);
        inotify.remove(id, &link);
        File::create(real.join("c")).unwrap();
        assert_eq!(told(&inotify), []);
    }

    #[test]
    fn a_directory_that_goes_is_told_and_forgotten() {
        let (inotify, root) = (Inotify::new().unwrap(), tempfile::tempdir().unwrap());
        let directory = root.path().join("d");
        std::fs::create_dir(&directory).unwrap();
        inotify.add(&directory).unwrap();
        std::fs::remove_dir(&directory).unwrap();
        assert_eq!(told(&inotify), [Happening::Path(directory, Kind::Gone)]);
        assert!(inotify.directories().is_empty());
    }
}
