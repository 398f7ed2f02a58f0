//! From root to another user, who keeps the one capability that reading logs takes.

use std::ffi::CString;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::{Gid, Uid, User, initgroups, setresgid, setresuid};
use rustix::process::geteuid;
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities};
use rustix::thread::{set_keep_capabilities, set_no_new_privs};

/// Why the user stays who it is.
#[derive(Debug, thiserror::Error)]
pub enum PrivilegeError {
    /// There is no such user.
    #[error("there is no user {0:?}: create it, or name another one with --user (user)")]
    Unknown(String),
    /// Only root becomes somebody else.
    #[error("only root can become the user {0:?}: start it as root, or leave --user (user) out")]
    NotRoot(String),
    /// The state directory cannot be given away.
    #[error("{} cannot be given to the user {user:?}: {source}", dir.display())]
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
    let account = User::from_name(user).ok().flatten();
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

/// Nothing is given away in a directory that belongs to somebody else than root: who can write to
/// it could have put there what root must not touch.
fn hand_over(dir: &Path, uid: Uid, gid: Gid) -> Result<(), (PathBuf, io::Error)> {
    let at = |path: &Path| {
        let path = path.to_owned();
        move |error| (path, error)
    };
    DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(at(dir))?;
    let metadata = fs::symlink_metadata(dir).map_err(at(dir))?;
    if metadata.uid() != 0 || !metadata.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(dir).map_err(at(dir))? {
        let path = entry.map_err(at(dir))?.path();
        if fs::symlink_metadata(&path).is_ok_and(|file| file.is_file() && file.nlink() == 1) {
            lchown(&path, Some(uid.as_raw()), Some(gid.as_raw())).map_err(at(&path))?;
        }
    }
    lchown(dir, Some(uid.as_raw()), Some(gid.as_raw())).map_err(at(dir))
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

    #[test]
    fn who_it_is_already_it_need_not_become() {
        let me = User::from_uid(Uid::effective()).unwrap().unwrap();
        become_user(&me.name, Path::new("/nowhere")).unwrap();
    }
}
