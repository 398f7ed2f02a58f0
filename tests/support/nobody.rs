//! The real binary as a user who may read little, even where the tests run as root.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::process::geteuid;

use super::site::Site;

/// `nobody`.
const NOBODY: u32 = 65_534;

/// The same command as another user than root; as root it is a copy in `site` that runs, since the
/// build directory may be closed to others.
pub fn as_nobody(command: Command, site: &Site) -> Command {
    if !geteuid().is_root() {
        return command;
    }
    let program = site.path("remote_syslog");
    if !program.exists() {
        // By another process: what a child that is forked meanwhile has open for writing cannot be
        // executed.
        let copied = Command::new("cp").arg(command.get_program()).arg(&program).status();
        assert!(copied.unwrap().success());
    }
    fs::set_permissions(site.dir(), fs::Permissions::from_mode(0o755)).unwrap();
    let mut other = Command::new(program);
    other.args(command.get_args()).uid(NOBODY).gid(NOBODY).stdin(Stdio::null()).current_dir("/");
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => other.env(name, value),
            None => other.env_remove(name),
        };
    }
    other
}

/// The same where its program may be run by everybody.
pub fn run_by_nobody(command: &mut Command) {
    if geteuid().is_root() {
        command.uid(NOBODY).gid(NOBODY).current_dir("/");
    }
}

/// Gives `path` to that user.
pub fn give_to_nobody(path: &Path) {
    if geteuid().is_root() {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
    }
}
