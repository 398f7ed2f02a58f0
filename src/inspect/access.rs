//! Why a path cannot be read: whose it is, and who we are.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use nix::unistd::{Gid, Group, Uid, User};
use rustix::fs::{Access, OFlags, access};

use crate::checkpoint::ReadError;
use crate::safe_open::{is_link_refused, open_log};
use crate::shown::Show;

/// Opens a log file as the daemon would: without waiting for the other end of a FIFO.
///
/// # Errors
/// In words, with owner, mode and the user this runs as.
pub(super) fn open(path: &Path) -> Result<fs::File, String> {
    open_log(path, OFlags::RDONLY).map_err(|error| match is_link_refused(&error) {
        true => error.to_string(),
        false => explain(path, &error),
    })
}

/// Whether a file may be read, without opening it.
///
/// # Errors
/// It may not.
pub(super) fn may_read(path: &Path) -> io::Result<()> {
    Ok(access(path, Access::READ_OK)?)
}

/// Why the positions in `dir` cannot be looked at, and by whom they can be.
pub(super) fn no_positions(dir: &Path, error: &ReadError) -> String {
    let why = explain(&error.path, &error.source);
    let remedy = match error.source.kind() {
        io::ErrorKind::PermissionDenied => "run this as the daemon's user, or with sudo",
        _ => "look after that directory",
    };
    format!("the positions in {} cannot be read: {why}; {remedy}", dir.shown())
}

/// Why nothing can be written to the file or directory `path`, if so.
pub(super) fn unwritable(path: &Path) -> Option<String> {
    write_error(path).map(|error| explain(path, &error))
}

/// The same, not in words.
pub(super) fn write_error(path: &Path) -> Option<io::Error> {
    let needed = if path.is_dir() { Access::WRITE_OK | Access::EXEC_OK } else { Access::WRITE_OK };
    access(path, needed).err().map(io::Error::from)
}

/// What stands in the way to `path`.
pub(super) fn explain(path: &Path, error: &io::Error) -> String {
    if error.kind() != io::ErrorKind::PermissionDenied {
        return error.to_string();
    }
    // A directory that may not be entered hides all below it.
    let closed = path.ancestors().skip(1).collect::<Vec<_>>().into_iter().rev();
    let closed = closed.into_iter().find(|above| access(*above, Access::EXEC_OK).is_err());
    let (what, blocked) = match closed {
        Some(above) => (format!("{} ", above.shown()), above),
        None => ("it ".to_owned(), path),
    };
    let owned = fs::metadata(blocked).map(|metadata| owner(&metadata));
    let owned = owned.unwrap_or_else(|error| format!("cannot be looked at ({error})"));
    format!("permission denied: {what}{owned}, and this runs as {}", user())
}

/// "belongs to root:adm, mode 0640".
fn owner(metadata: &Metadata) -> String {
    let user = name_of(metadata.uid());
    let group = Group::from_gid(Gid::from_raw(metadata.gid())).ok().flatten();
    let group = group.map_or_else(|| metadata.gid().to_string(), |group| group.name);
    format!("belongs to {user}:{group}, mode {:04o}", metadata.mode() & 0o7777)
}

/// Who this process is.
pub(super) fn user() -> String {
    name_of(rustix::process::geteuid().as_raw())
}

fn name_of(uid: u32) -> String {
    let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
    user.map_or_else(|| uid.to_string(), |user| user.name)
}
