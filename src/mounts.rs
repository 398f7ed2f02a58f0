//! What is mounted where, as `/proc/self/mountinfo` says (proc_pid_mountinfo(5)), and which paths lead
//! to a file system that may not answer. To find that out, no such file system is asked for anything.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

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
/// The kernel gives up at so many symbolic links in one path (path_resolution(7)).
const LINKS_MAX: u32 = 40;

/// The mounts of this process.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Mounts {
    points: HashMap<PathBuf, Mount>,
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
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Territory {
    /// To file systems of this machine, as far as there is something under the path.
    Local,
    /// To the remote file system that is mounted at this point.
    Remote(PathBuf),
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
        Self::parse(&fs::read("/proc/self/mountinfo").unwrap_or_default())
    }

    fn parse(text: &[u8]) -> Self {
        // What was mounted last at a point hides what was there.
        Self { points: text.split(|&byte| byte == b'\n').filter_map(mount).collect() }
    }

    /// What is mounted at just this canonical path.
    #[must_use]
    pub fn at(&self, point: &Path) -> Option<&Mount> {
        self.points.get(point)
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

    /// The points of all file systems that may not answer.
    pub fn remote_points(&self) -> impl Iterator<Item = &Path> {
        self.points.keys().map(PathBuf::as_path).filter(|path| self.is_remote_point(path))
    }

    /// Where `path`, which is absolute, leads. Its way is followed as the kernel does, up to the first
    /// mount on it that is remote: that one is not touched.
    #[must_use]
    pub fn territory(&self, path: &Path) -> Territory {
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
                return Territory::Remote(at);
            }
            let Ok(metadata) = fs::symlink_metadata(&at) else { return Territory::Local };
            if !metadata.is_symlink() {
                continue;
            }
            links += 1;
            let Some(target) = fs::read_link(&at).ok().filter(|_| links <= LINKS_MAX) else {
                return Territory::Local;
            };
            at.pop();
            if target.is_absolute() {
                at = PathBuf::from("/");
            }
            todo.extend(parts(&target));
        }
        Territory::Local
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
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const TEXT: &[u8] = b"22 1 0:20 / / rw,relatime shared:1 - nfs4 server:/root rw\n\
        39 22 8:1 / /var rw - ext4 /dev/sda1 rw\n\
        40 22 0:35 / /mnt/with\\040blank rw - nfs4 server:/my\\040logs rw\n\
        41 40 8:1 /x /mnt/with\\040blank/local rw master:1 shared:2 - ext4 /dev/sda1 rw\n\
        42 22 0:36 / /home/u rw - fuse.sshfs u@h:/ rw\n\
        43 22 8:1 /log/a /srv/a.log rw - ext4 /dev/sda1 rw\n\
        a line that is none\n";

    #[test]
    fn the_nearest_mount_tells_who_writes_there() {
        let mounts = Mounts::parse(TEXT);
        for (path, is_remote) in [
            ("/etc", true),
            ("/var/log", false),
            ("/mnt/with blank/a", true),
            ("/mnt/with blank/local/a", false),
            ("/home/u/x/y", true),
        ] {
            assert_eq!(mounts.is_remote(Path::new(path)), is_remote, "{path}");
        }
        let mount = mounts.at(Path::new("/mnt/with blank")).unwrap();
        assert_eq!((&*mount.kind, &*mount.source), ("nfs4", "server:/my logs"));
        assert!(mounts.at(Path::new("/srv/a.log")).is_some());
        assert!(mounts.at(Path::new("/srv")).is_none());
    }

    #[test]
    fn all_that_is_reached_over_a_remote_mount_belongs_to_it() {
        let mounts = Mounts::parse(TEXT);
        let remote = |point: &str| Territory::Remote(point.into());
        for (path, territory) in [
            ("/etc/passwd", Territory::Local),
            ("/mnt/with blank", remote("/mnt/with blank")),
            ("/mnt/with blank/local/a", remote("/mnt/with blank")),
            ("/home/u/x/y", remote("/home/u")),
            ("/home/user", Territory::Local),
            ("/home/u/../v", remote("/home/u")),
        ] {
            // Of these, only directories above are looked at.
            assert_eq!(mounts.territory(Path::new(path)), territory, "{path}");
        }
        let mut points: Vec<_> = mounts.remote_points().collect();
        points.sort_unstable();
        assert_eq!(points, [Path::new("/home/u"), Path::new("/mnt/with blank")]);
    }

    #[test]
    fn links_are_followed_to_the_mount_they_lead_to_and_no_further() {
        let dir = tempfile::tempdir().unwrap();
        let root = fs::canonicalize(dir.path()).unwrap();
        fs::create_dir_all(root.join("logs/here")).unwrap();
        symlink("../none/there", root.join("logs/relative")).unwrap();
        symlink(root.join("none"), root.join("logs/absolute")).unwrap();
        symlink("loop", root.join("logs/loop")).unwrap();
        let mut mounts = Mounts::default();
        let mount = Mount { kind: "nfs".to_owned(), source: "server:/".to_owned() };
        mounts.points.insert(root.join("none"), mount);
        let leads_there =
            |path: &str| mounts.territory(&root.join(path)) == Territory::Remote(root.join("none"));
        assert!(leads_there("none") && leads_there("none/x"));
        assert!(leads_there("logs/relative") && leads_there("logs/absolute/x.log"));
        assert!(leads_there("logs/here/../../none/x"));
        assert!(!leads_there("logs/here") && !leads_there("logs/missing/x"));
        assert!(!leads_there("logs/loop") && !leads_there("none2"));
    }

    #[test]
    fn this_process_has_a_root() {
        assert!(Mounts::now().at(Path::new("/")).is_some());
    }
}
