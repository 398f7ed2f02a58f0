//! What is mounted where, as `/proc/self/mountinfo` says (proc_pid_mountinfo(5)).

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

/// File systems whose files others may write to past this kernel, which then tells of nothing.
const REMOTE: [&str; 20] = [
    "9p",
    "afs",
    "beegfs",
    "ceph",
    "cifs",
    "coda",
    "fuse",
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
    "vboxsf",
    "virtiofs",
    "vmhgfs",
];

/// The mounts of this process.
#[derive(Debug, Default)]
pub(super) struct Mounts {
    /// Where something is mounted → whether others may write to it unheard.
    points: HashMap<PathBuf, bool>,
}

impl Mounts {
    /// As they are now; none where they cannot be known.
    pub(super) fn now() -> Self {
        Self::parse(&fs::read("/proc/self/mountinfo").unwrap_or_default())
    }

    fn parse(text: &[u8]) -> Self {
        // What was mounted last at a point hides what was there.
        Self { points: text.split(|&byte| byte == b'\n').filter_map(mount).collect() }
    }

    /// Whether something is mounted at just this canonical path.
    pub(super) fn is_point(&self, path: &Path) -> bool {
        self.points.contains_key(path)
    }

    /// Whether others may write below this canonical path unheard.
    pub(super) fn is_remote(&self, path: &Path) -> bool {
        path.ancestors().find_map(|path| self.points.get(path)).copied().unwrap_or(false)
    }
}

/// Where a line of mountinfo says that something is mounted, and whether that is remote.
fn mount(line: &[u8]) -> Option<(PathBuf, bool)> {
    let mut fields = line.split(|&byte| byte == b' ');
    let point = unescaped(fields.nth(4)?);
    let kind = fields.skip_while(|field| *field != b"-").nth(1)?;
    // "fuse.sshfs" is of the kind "fuse".
    let kind = kind.split(|&byte| byte == b'.').next()?;
    let is_remote = REMOTE.iter().any(|remote| remote.as_bytes() == kind);
    Some((PathBuf::from(point), is_remote))
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
    use super::*;

    #[test]
    fn the_nearest_mount_tells_who_writes_there() {
        let mounts = Mounts::parse(
            b"22 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
              40 22 0:35 / /mnt/with\\040blank rw - nfs4 server:/logs rw\n\
              41 40 8:1 /x /mnt/with\\040blank/local rw master:1 shared:2 - ext4 /dev/sda1 rw\n\
              42 22 0:36 / /home/u rw - fuse.sshfs u@h:/ rw\n\
              43 22 8:1 /log/a /srv/a.log rw - ext4 /dev/sda1 rw\n\
              a line that is none\n",
        );
        for (path, is_remote) in [
            ("/var/log", false),
            ("/mnt/with blank/a", true),
            ("/mnt/with blank/local/a", false),
            ("/home/u/x/y", true),
            ("/home/user", false),
        ] {
            assert_eq!(mounts.is_remote(Path::new(path)), is_remote, "{path}");
        }
        assert!(mounts.is_point(Path::new("/srv/a.log")));
        assert!(!mounts.is_point(Path::new("/srv")));
    }

    #[test]
    fn this_process_has_a_root() {
        assert!(Mounts::now().is_point(Path::new("/")));
    }
}
