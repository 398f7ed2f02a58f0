//! What is mounted where, as `/proc/self/mountinfo` says (proc_pid_mountinfo(5)), and which paths lead
//! to a file system that may not answer. To find that out, no such file system is asked for anything.

mod shared;

use std::collections::{HashMap, HashSet};
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

pub use self::shared::{Fence, SharedMounts};

/// File systems behind which there is a server, or a program: it may not answer, and others may write
/// to the files past this kernel, which then tells of nothing.
const REMOTE: [&str; 24] = [
    "9p",
    "afs",
    "autofs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "davfs",
    "fuse",
    "fuseblk",
    "gfs2",
    "glusterfs",
    "gpfs",
    "lustre",
    "nfs",
    "nfs4",
    "ocfs2",
    "orangefs",
    "smb3",
    "smbfs",
    "sshfs",
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];
const MOUNTINFO: &str = "/proc/self/mountinfo";
/// The kernel gives up at so many symbolic links in one path (path_resolution(7)).
const LINKS_MAX: u32 = 40;

/// The mounts of this process.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mounts {
    points: HashMap<PathBuf, Mount>,
    /// Where the names lie that something is mounted on.
    directories: HashSet<PathBuf>,
    /// Some of them may not answer.
    has_remote: bool,
}

/// Something that is mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mount {
    /// The kind of file system: `ext4`, `nfs4`, `fuse.sshfs`.
    pub kind: String,
    /// What is mounted: a device, `server:/directory`.
    pub source: String,
}

/// Where a path leads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Territory {
    /// To file systems of this machine, as far as there is something under the path.
    Near,
    /// To the remote file system that is mounted at this point.
    Far(PathBuf),
}

impl Mount {
    fn is_remote(&self) -> bool {
        // "fuse.sshfs" is of the kind "fuse".
        let kind = self.kind.split('.').next().unwrap_or_default();
        REMOTE.contains(&kind)
    }
}

impl Mounts {
    /// As they are now; none where they cannot be known.
    #[must_use]
    pub fn now() -> Self {
        Self::parse(&fs::read(MOUNTINFO).unwrap_or_default())
    }

    fn parse(text: &[u8]) -> Self {
        // What was mounted last at a point hides what was there.
        Self::of(text.split(|&byte| byte == b'\n').filter_map(mount).collect())
    }

    /// As if an NFS server were mounted at this point, and nothing else.
    #[cfg(test)]
    pub(crate) fn remote_at(point: PathBuf) -> Self {
        let mount = Mount { kind: "nfs".to_owned(), source: "server:/".to_owned() };
        Self::of(HashMap::from([(point, mount)]))
    }

    fn of(points: HashMap<PathBuf, Mount>) -> Self {
        let directories = points.keys().filter_map(|point| point.parent()).map(Path::to_owned);
        let directories = directories.collect();
        let mut mounts = Self { points, directories, has_remote: false };
        mounts.has_remote = mounts.points.keys().any(|point| mounts.is_remote_point(point));
        mounts
    }

    /// What is mounted at just this canonical path.
    #[must_use]
    pub fn at(&self, point: &Path) -> Option<&Mount> {
        self.points.get(point)
    }

    /// Whether something is mounted on a name in this canonical directory.
    #[must_use]
    pub fn is_any_in(&self, directory: &Path) -> bool {
        self.directories.contains(directory)
    }

    /// Whether others may write below this canonical path unheard.
    #[must_use]
    pub fn is_remote(&self, path: &Path) -> bool {
        path.ancestors().find_map(|path| self.points.get(path)).is_some_and(Mount::is_remote)
    }

    /// Whether something at just this canonical path may not answer. The root does not count: where
    /// that does not answer, nothing does.
    #[must_use]
    pub fn is_remote_point(&self, path: &Path) -> bool {
        path.parent().is_some() && self.points.get(path).is_some_and(Mount::is_remote)
    }

    /// Whether there is any that may not answer.
    #[must_use]
    pub fn has_remote(&self) -> bool {
        self.has_remote
    }

    /// Where `path`, which is absolute, leads. Its way is followed as the kernel does, up to the first
    /// mount on it that is remote: that one is not touched.
    #[must_use]
    pub fn territory(&self, path: &Path) -> Territory {
        if !self.has_remote {
            return Territory::Near;
        }
        let mut at = PathBuf::from("/");
        let mut links = 0;
        // The next part is the last.
        let mut todo = parts(path);
        while let Some(part) = todo.pop() {
            if part == ".." {
                at.pop();
                continue;
            }
            at.push(&part);
            if self.is_remote_point(&at) {
                return Territory::Far(at);
            }
            let Ok(metadata) = fs::symlink_metadata(&at) else { return Territory::Near };
            if !metadata.is_symlink() {
                continue;
            }
            links += 1;
            let Some(target) = fs::read_link(&at).ok().filter(|_| links <= LINKS_MAX) else {
                return Territory::Near;
            };
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            todo.extend(parts(&target));
        }
        Territory::Near
    }
}

/// The names in a path, the first one last.
fn parts(path: &Path) -> Vec<OsString> {
    let is_part =
        |part: &Component<'_>| matches!(part, Component::Normal(_) | Component::ParentDir);
    let parts = path.components().rev().filter(is_part);
    parts.map(|part| part.as_os_str().to_owned()).collect()
}

/// What a line of mountinfo says: where something is mounted, and what.
fn mount(line: &[u8]) -> Option<(PathBuf, Mount)> {
    let mut fields = line.split(|&byte| byte == b' ');
    let point = PathBuf::from(unescaped(fields.nth(4)?));
    let mut fields = fields.skip_while(|field| *field != b"-").skip(1);
    let kind = String::from_utf8_lossy(fields.next()?).into_owned();
    let source = fields.next().map(unescaped).unwrap_or_default();
    Some((point, Mount { kind, source: source.to_string_lossy().into_owned() }))
}

/// Blanks, newlines and backslashes are written as three octal digits.
fn unescaped(mut field: &[u8]) -> OsString {
    let mut name = Vec::with_capacity(field.len());
    while let Some((&byte, rest)) = field.split_first() {
        let escaped = rest.get(..3).filter(|_| byte == b'\\');
        let code = escaped.and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(code) => {
                name.push(code);
                field = &rest[3..];
            }
            None => {
                name.push(byte);
                field = rest;
            }
        }
    }
    OsString::from_vec(name)
}

#[cfg(test)]
mod tests;
