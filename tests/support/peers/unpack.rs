//! Packages of the distribution, unpacked into the build directory.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use super::skip;

/// Packages that can be unpacked into one tree.
pub struct Bundle {
    name: &'static str,
    packages: &'static [&'static str],
    unpacked: OnceLock<Result<PathBuf, String>>,
}

/// rsyslog with TLS, and logrotate.
pub static RSYSLOG: Bundle = Bundle::new("rsyslog", &["rsyslog", "rsyslog-gnutls", "logrotate"]);
/// The same with both of its drivers for TLS.
pub static RSYSLOG_TLS: Bundle =
    Bundle::new("rsyslog-tls", &["rsyslog", "rsyslog-gnutls", "rsyslog-openssl"]);
/// The same with RELP.
pub static RSYSLOG_RELP: Bundle =
    Bundle::new("rsyslog-relp", &["rsyslog", "rsyslog-gnutls", "rsyslog-relp"]);
/// The same with RELP and what writes to PostgreSQL.
pub static RSYSLOG_HUB: Bundle =
    Bundle::new("rsyslog-hub", &["rsyslog", "rsyslog-gnutls", "rsyslog-relp", "rsyslog-pgsql"]);
/// PostgreSQL's server, and its command line.
pub static POSTGRESQL: Bundle = Bundle::new("postgresql", &["postgresql"]);
/// promtool, which judges metrics and rules.
pub static PROMETHEUS: Bundle = Bundle::new("prometheus", &["prometheus"]);
/// What rotated files are compressed with.
pub static COMPRESSORS: Bundle = Bundle::new("compressors", &["gzip", "zstd", "xz-utils", "bzip2"]);
/// svlogd(8), which writes, rotates and compresses logs.
pub static RUNIT: Bundle = Bundle::new("runit", &["runit"]);
/// libfaketime, under which a program sees another time of day.
pub static FAKETIME: Bundle = Bundle::new("faketime", &["libfaketime"]);
/// Proxies.
pub static HAPROXY: Bundle = Bundle::new("haproxy", &["haproxy"]);
/// nginx, with the module for streams.
pub static NGINX: Bundle = Bundle::new("nginx", &["nginx", "libnginx-mod-stream"]);
/// socat.
pub static SOCAT: Bundle = Bundle::new("socat", &["socat"]);
/// nc(1), as `nc.openbsd`.
pub static NETCAT: Bundle = Bundle::new("netcat", &["netcat-openbsd"]);
/// The command openssl(1).
pub static OPENSSL: Bundle = Bundle::new("openssl", &["openssl"]);
/// stunnel.
pub static STUNNEL: Bundle = Bundle::new("stunnel", &["stunnel4"]);
/// syslog-ng.
pub static SYSLOG_NG: Bundle = Bundle::new("syslog-ng", &["syslog-ng-core"]);

/// A program and what it needs to run where it lies.
pub struct Program {
    path: PathBuf,
    /// The tree it was unpacked to; `None` for one that is installed.
    root: Option<PathBuf>,
}

impl Bundle {
    const fn new(name: &'static str, packages: &'static [&'static str]) -> Self {
        Self { name, packages, unpacked: OnceLock::new() }
    }

    /// A program of the bundle, or else one that is installed. When there is none, the calling
    /// test is reported as skipped, or fails where peers are required.
    #[track_caller]
    pub fn program(&self, name: &str) -> Option<Program> {
        or_skip(name, self.find(name))
    }

    /// A library of the bundle, or else one that is installed; where there is none, as with a program.
    #[track_caller]
    pub fn library(&self, name: &str) -> Option<PathBuf> {
        let unpacked = self.unpacked.get_or_init(|| self.unpack());
        let root = unpacked.as_deref().unwrap_or(Path::new("/usr/lib"));
        let found = directories_with(root, |entry| entry == name).pop().map(|dir| dir.join(name));
        let lacks = || format!("{} holds no such library", root.display());
        or_skip(name, found.ok_or_else(|| unpacked.clone().err().unwrap_or_else(lacks)))
    }

    fn find(&self, name: &str) -> Result<Program, String> {
        let reason = match self.unpacked.get_or_init(|| self.unpack()) {
            Ok(root) => {
                if let Some(path) = program_under(root, &["usr/sbin", "usr/bin", "bin"], name) {
                    return Ok(Program { path, root: Some(root.clone()) });
                }
                format!("{} holds no such program", root.display())
            }
            Err(reason) => reason.clone(),
        };
        let installed = ["usr/sbin", "usr/local/sbin", "usr/bin", "sbin", "bin"];
        let path = program_under(Path::new("/"), &installed, name).ok_or(reason)?;
        Ok(Program { path, root: None })
    }

    /// Where the bundle is unpacked.
    fn unpack(&self) -> Result<PathBuf, String> {
        unpacked(self.name, |archives, fresh| {
            self.download(archives).or_else(|_| {
                // The package lists are missing or old.
                run(Command::new("apt-get").arg("-q").arg("update"))?;
                self.download(archives)
            })?;
            for package in with_ending(archives, "deb") {
                run(Command::new("dpkg-deb").arg("-x").arg(package).arg(fresh))?;
            }
            Ok(())
        })
    }

    /// Downloads the packages and what they depend on as far as the system lacks it.
    fn download(&self, archives: &Path) -> Result<Output, String> {
        let mut cache = OsString::from("Dir::Cache::archives=");
        cache.push(archives);
        let mut apt = Command::new("apt-get");
        apt.args(["-q", "-y", "--no-install-recommends", "--reinstall", "--download-only"]);
        apt.args(["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root", "-o"]).arg(cache);
        run(apt.arg("install").args(self.packages))
    }
}

/// What a test needs. When it cannot be had, the calling test is reported as skipped, or fails where
/// peers are required.
#[track_caller]
pub(super) fn or_skip<T>(name: &str, found: Result<T, String>) -> Option<T> {
    let Err(reason) = &found else { return found.ok() };
    let required = std::env::var_os("REMOTE_SYSLOG_TEST_PEERS");
    assert!(required.is_none_or(|value| value != "required"), "{name}: {reason}");
    skip(name, reason);
    None
}

/// A directory that `fill` has unpacked something into; done once, whatever processes ask for it
/// at once. `fill` is given a directory for archives and the one to unpack them to.
pub(super) fn unpacked(
    name: &str,
    fill: impl FnOnce(&Path, &Path) -> Result<(), String>,
) -> Result<PathBuf, String> {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("peers").join(name);
    let (root, archives) = (dir.join("root"), dir.join("archives"));
    let told = |e: std::io::Error| format!("{}: {e}", dir.display());
    fs::create_dir_all(archives.join("partial")).map_err(told)?;
    let lock = File::create(dir.join("lock")).map_err(told)?;
    lock.lock().map_err(told)?;
    if !root.exists() {
        let fresh = dir.join("fresh");
        fill(&archives, &fresh)?;
        fs::rename(&fresh, &root).map_err(told)?;
    }
    Ok(root)
}

/// The archives of one kind.
pub(super) fn with_ending(archives: &Path, ending: &str) -> Vec<PathBuf> {
    let paths = fs::read_dir(archives).unwrap().map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|end| end == ending)).collect()
}

pub(super) fn run(command: &mut Command) -> Result<Output, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.env("DEBIAN_FRONTEND", "noninteractive").output();
    let output = output.map_err(|e| format!("{name}: {e}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', "; ");
    Err(format!("{name}: {}: {said}", output.status))
}

impl Program {
    /// Another one in the same directory.
    pub fn beside(&self, name: &str) -> Self {
        Self { path: self.path.with_file_name(name), root: self.root.clone() }
    }

    /// A call of the program that finds its libraries.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        if let Some(root) = &self.root {
            let dirs =
                directories_with(root, |name| name.starts_with("lib") && name.contains(".so."));
            command.env("LD_LIBRARY_PATH", std::env::join_paths(dirs).unwrap());
        }
        command
    }

    /// The unpacked directory that holds a file of this name, such as a plug-in.
    pub fn directory_of(&self, file: &str) -> Option<PathBuf> {
        directories_with(self.root.as_ref()?, |name| name == file).pop()
    }
}

/// A program in one of these directories under `root`, or in one of PostgreSQL's, of which there is one for each version.
fn program_under(root: &Path, dirs: &[&str], name: &str) -> Option<PathBuf> {
    let versions = fs::read_dir(root.join("usr/lib/postgresql")).into_iter().flatten().flatten();
    let of_versions = versions.map(|version| version.path().join("bin"));
    let dirs = of_versions.chain(dirs.iter().map(|dir| root.join(dir)));
    dirs.map(|dir| dir.join(name)).find(|path| path.exists())
}

/// The directories under `root` with an entry that fits.
fn directories_with(root: &Path, fits: impl Fn(&str) -> bool + Copy) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut has_one = false;
    for entry in fs::read_dir(root).unwrap().map(Result::unwrap) {
        has_one |= entry.file_name().to_str().is_some_and(fits);
        if entry.file_type().unwrap().is_dir() {
            found.extend(directories_with(&entry.path(), fits));
        }
    }
    if has_one {
        found.push(root.to_owned());
    }
    found
}
