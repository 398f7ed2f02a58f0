//! From root to another user, who keeps the one capability that reading logs takes.

use std::ffi::{CString, OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User, initgroups, setresgid, setresuid};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use rustix::thread::{set_keep_capabilities, set_no_new_privs};

use crate::shown::Show;

/// Why the user stays who it is.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// There is no such user.
    #[error("there is no user {0:?}: create it, or name another one with --user (user)")]
    Unknown(String),
    /// The list of users does not answer.
    #[error("cannot look up the user {user:?}: {source}; see nsswitch.conf(5)")]
    Lookup {
        /// The new user.
        user: String,
        /// Why.
        source: io::Error,
    },
    /// Only root becomes somebody else.
    #[error(
        "only root can become the user {0:?}: start it as root, or leave --user (user) out; the \
         packaged unit has a user already"
    )]
    NotRoot(String),
    /// The state directory cannot be given away.
    #[error("{} cannot be given to the user {user:?}: {source}", dir.shown())]
    State {
        /// The new user.
        user: String,
        /// The state directory, or what is in it.
        dir: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A system call failed.
    #[error("cannot become the user {user:?} ({step}: {source})")]
    Denied {
        /// The new user.
        user: String,
        /// The system call.
        step: &'static str,
        /// Why.
        source: io::Error,
    },
}

/// Becomes `user` for good, keeping CAP_DAC_READ_SEARCH where root has it: logs, and the
/// configuration at a reload, can still be read. `state_dir` is made for the user, or given to it
/// where root has used it so far.
///
/// To be called while there is one thread only, for capabilities belong to threads, and after
/// everything was opened that only root can open.
///
/// # Errors
/// See [`PrivilegeError`]; the privileges may be gone in part, so the process should end.
pub fn become_user(user: &str, state_dir: &Path) -> Result<(), PrivilegeError> {
    let account = User::from_name(user)
        .map_err(|error| PrivilegeError::Lookup { user: user.to_owned(), source: error.into() })?;
    let account = account.ok_or_else(|| PrivilegeError::Unknown(user.to_owned()))?;
    if account.uid.as_raw() == geteuid().as_raw() {
        return Ok(());
    }
    if !geteuid().is_root() {
        return Err(PrivilegeError::NotRoot(user.to_owned()));
    }
    hand_over(state_dir, account.uid, account.gid)
        .map_err(|(dir, source)| PrivilegeError::State { user: user.to_owned(), dir, source })?;
    change(&account).map_err(|(step, source)| PrivilegeError::Denied {
        user: user.to_owned(),
        step,
        source,
    })
}

/// Nothing is given away unless it and all that leads to it is root's: who owns a directory could
/// put something there, or lead us elsewhere, and the user makes what is missing in a place of his
/// own by himself. All is done by descriptors, so that nothing can be exchanged meanwhile.
fn hand_over(dir: &Path, uid: Uid, gid: Gid) -> Result<(), (PathBuf, io::Error)> {
    let at = |error: Errno| (dir.to_owned(), error.into());
    let Some(held) = open_of_root(dir).map_err(at)? else { return Ok(()) };
    let (uid, gid) = (Some(fs::Uid::from_raw(uid.as_raw())), Some(fs::Gid::from_raw(gid.as_raw())));
    for entry in fs::Dir::read_from(&held).map_err(at)? {
        let entry = entry.map_err(at)?;
        let at = |error: Errno| {
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            (dir.join(name), error.into())
        };
        // What has gone meanwhile need not be given.
        let Ok(file) = fs::openat(&held, entry.file_name(), LOOK, Mode::empty()) else { continue };
        let stat = fs::fstat(&file).map_err(at)?;
        if FileType::from_raw_mode(stat.st_mode).is_file() && stat.st_nlink == 1 {
            fs::chownat(&file, c"", uid, gid, AtFlags::EMPTY_PATH).map_err(at)?;
        }
    }
    fs::fchown(&held, uid, gid).map_err(at)
}

/// Names a file without opening it, and a symbolic link itself.
const LOOK: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// As many symbolic links as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;

/// Opens the directory `dir`, and makes what is missing of it. None where something on the way does
/// not belong to root.
fn open_of_root(dir: &Path) -> Result<Option<OwnedFd>, Errno> {
    let parts = |path: &Path| -> Vec<OsString> {
        path.components().rev().map(|part| part.as_os_str().to_owned()).collect()
    };
    let dir = std::path::absolute(dir).map_err(|_| Errno::INVAL)?;
    let (mut rest, mut links) = (parts(&dir), 0);
    let mut here = fs::open("/", LOOK, Mode::empty())?;
    while let Some(name) = rest.pop() {
        let look = || fs::openat(&here, &name, LOOK, Mode::empty());
        let next = match look() {
            Err(Errno::NOENT) => {
                fs::mkdirat(&here, &name, Mode::RWXU)?;
                look()?
            }
            found => found?,
        };
        let stat = fs::fstat(&next)?;
        if stat.st_uid != 0 {
            return Ok(None);
        }
        if FileType::from_raw_mode(stat.st_mode).is_symlink() {
            links += 1;
            if links > MOST_LINKS {
                return Err(Errno::LOOP);
            }
            let target = fs::readlinkat(&next, c"", Vec::new())?;
            rest.extend(parts(Path::new(OsStr::from_bytes(target.to_bytes()))));
        } else {
            here = next;
        }
    }
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    fs::openat(&here, c".", flags, Mode::empty()).map(Some)
}

fn change(account: &User) -> Result<(), (&'static str, io::Error)> {
    let name = CString::new(account.name.as_str()).map_err(|error| ("name", error.into()))?;
    let (uid, gid) = (account.uid, account.gid);
    initgroups(&name, gid).map_err(|error| ("initgroups", error.into()))?;
    setresgid(gid, gid, gid).map_err(|error| ("setresgid", error.into()))?;
    set_keep_capabilities(true).map_err(|error| ("prctl", error.into()))?;
    setresuid(uid, uid, uid).map_err(|error| ("setresuid", error.into()))?;
    let had = capabilities(None).map_err(|error| ("capget", error.into()))?.permitted;
    let kept = had & CapabilitySet::DAC_READ_SEARCH;
    let sets =
        CapabilitySets { effective: kept, permitted: kept, inheritable: CapabilitySet::empty() };
    set_capabilities(None, sets).map_err(|error| ("capset", error.into()))?;
    set_no_new_privs(true).map_err(|error| ("prctl", error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_user_is_named() {
        let error = become_user("no such user", Path::new("/nowhere")).unwrap_err().to_string();
        assert!(error.contains("\"no such user\"") && error.contains("--user"), "{error}");
    }

    /// A directory of the user leads to one of root's.
    #[test]
    fn nothing_is_given_away_behind_what_belongs_to_another() {
        use std::os::unix::fs::{MetadataExt, chown, symlink};
        if !geteuid().is_root() {
            eprintln!("skipped: only root can give away");
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let [of_root, of_user] = ["root", "user"].map(|name| dir.path().join(name));
        let victim = of_root.join("state");
        std::fs::create_dir_all(&victim).unwrap();
        std::fs::write(victim.join("file"), "").unwrap();
        std::fs::create_dir(&of_user).unwrap();
        chown(&of_user, Some(65_534), None).unwrap();
        symlink(&of_root, of_user.join("link")).unwrap();
        symlink(&of_root, dir.path().join("link")).unwrap();
        let (uid, gid) = (Uid::from_raw(65_534), Gid::from_raw(65_534));
        let owners = || [&victim, &victim.join("file")].map(|path| path.metadata().unwrap().uid());
        hand_over(&of_user.join("link/state"), uid, gid).unwrap();
        assert_eq!(owners(), [0, 0]);
        // What is missing there the user makes by himself.
        hand_over(&of_user.join("new"), uid, gid).unwrap();
        // By a link of root's own it is what root means.
        hand_over(&dir.path().join("link/state"), uid, gid).unwrap();
        assert_eq!(owners(), [65_534, 65_534]);
        hand_over(&of_root.join("a/b"), uid, gid).unwrap();
        let owner = |name| of_root.join(name).metadata().unwrap().uid();
        assert_eq!((owner("a"), owner("a/b")), (0, 65_534));
    }

    #[test]
    fn who_it_is_already_it_need_not_become() {
        let me = User::from_uid(Uid::effective()).unwrap().unwrap();
        become_user(&me.name, Path::new("/nowhere")).unwrap();
    }
}
