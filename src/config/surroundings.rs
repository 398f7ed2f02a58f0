//! What the configuration depends on besides the command line and the file.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::keys::VARIABLE_PREFIX;

/// The process's surroundings, handed in so that [`super::load`] depends on nothing else.
#[derive(Debug, Clone)]
pub struct Surroundings {
    /// The environment.
    pub variables: BTreeMap<OsString, OsString>,
    /// What relative paths are relative to.
    pub cwd: PathBuf,
    /// The operating system's host name.
    pub hostname: String,
    /// Whether the effective user is root.
    pub is_root: bool,
    /// Whether there is a user of this name.
    pub has_user: fn(&str) -> bool,
    /// The file that is read when none is named, if it exists.
    pub default_file: PathBuf,
}

impl Surroundings {
    /// Those of this process.
    ///
    /// # Errors
    /// When the working directory is gone or cannot be read.
    pub fn of_process() -> io::Result<Self> {
        Ok(Self {
            variables: std::env::vars_os().collect(),
            cwd: std::env::current_dir().map_err(|error| {
                let text = "the working directory is gone or cannot be told; start in another one";
                io::Error::new(error.kind(), format!("{text} ({error})"))
            })?,
            hostname: hostname(),
            is_root: rustix::process::geteuid().is_root(),
            has_user: |name| matches!(nix::unistd::User::from_name(name), Ok(Some(_))),
            default_file: PathBuf::from("/etc/log_files.yml"),
        })
    }

    /// The same, as far as a process keeps it, and what the host is called now: a name may be given
    /// late (DHCP, cloud-init).
    #[must_use]
    pub fn now(&self) -> Self {
        Self { hostname: hostname(), ..self.clone() }
    }

    /// The variables of the environment that set something, or seem to.
    pub fn settings(&self) -> impl Iterator<Item = &OsStr> {
        let ours = self.variables.iter().filter(|(name, value)| {
            name.as_bytes().starts_with(VARIABLE_PREFIX.as_bytes()) && !value.is_empty()
        });
        ours.map(|(name, _)| name.as_os_str())
    }

    /// Where positions are kept unless told otherwise; `None` when there is no home. Relative
    /// paths in `XDG_STATE_HOME` are ignored, as the XDG Base Directory Specification asks.
    pub(super) fn default_state_dir(&self) -> Option<PathBuf> {
        if self.is_root {
            return Some(PathBuf::from("/var/lib/remote_syslog"));
        }
        let absolute = |name: &str| {
            let path = Path::new(self.variables.get(OsStr::new(name))?);
            path.is_absolute().then(|| path.to_owned())
        };
        let base = absolute("XDG_STATE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".local/state")));
        base.map(|base| base.join("remote_syslog"))
    }
}

fn hostname() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}
