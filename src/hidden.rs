//! Directories that a service manager puts out of a service's sight: below `/home` with
//! `ProtectHome=`, below `/tmp` with `PrivateTmp=`. What is there seems not to exist.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use crate::shown::Show;

/// As many symbolic links as the kernel follows (path_resolution(7)).
const MOST_LINKS: usize = 40;
/// The program of the packages that shows a service what its configuration names.
pub(crate) const SHOW_LOGS: &str = "/usr/lib/remote-syslog/show-logs";

/// A setting of a unit that shows what is hidden, without a right to change it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Setting {
    ProtectHome,
    PrivateTmp,
}

impl Setting {
    /// As it stands in the unit, or in what overrides it.
    pub(crate) fn line(self) -> &'static str {
        match self {
            Self::ProtectHome => "ProtectHome=read-only",
            Self::PrivateTmp => "PrivateTmp=no",
        }
    }
}

/// A directory that is hidden.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hidden {
    pub(crate) directory: PathBuf,
    pub(crate) setting: Setting,
}

impl Hidden {
    /// What to say of a path that leads there.
    pub(crate) fn explain(&self) -> String {
        let line = self.setting.line();
        let remedy = if Path::new(SHOW_LOGS).exists() {
            format!("as root, {SHOW_LOGS} shows it, and lets nothing be changed there")
        } else {
            format!("{line} in its unit shows it")
        };
        format!("{} is hidden from this service; {remedy}", self.directory.shown())
    }
}

/// What the unit of the packages hides.
pub(crate) fn by_default() -> Vec<Hidden> {
    let of = |setting| move |directory: &&str| Hidden { directory: directory.into(), setting };
    let home = ["/home", "/root", "/run/user"];
    let tmp = ["/tmp", "/var/tmp"];
    let home = home.iter().map(of(Setting::ProtectHome));
    home.chain(tmp.iter().map(of(Setting::PrivateTmp))).collect()
}

/// What is hidden from this process.
pub(crate) fn here() -> Vec<Hidden> {
    parse(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
}

/// What is hidden from process `pid`, as far as it may be looked at.
pub(crate) fn from_process(pid: u32) -> Vec<Hidden> {
    parse(&fs::read_to_string(format!("/proc/{pid}/mountinfo")).unwrap_or_default())
}

/// The mounts of `text` (proc_pid_mountinfo(5)) by which systemd hides a directory: it puts a closed
/// one over it, or one of the service's own.
fn parse(text: &str) -> Vec<Hidden> {
    let hidden = text.lines().filter_map(|line| {
        let mut fields = line.split(' ').skip(3);
        let (root, at) = (fields.next()?, fields.next()?);
        let setting = if root.ends_with("/inaccessible/dir") {
            Setting::ProtectHome
        } else if root.contains("/systemd-private-") {
            Setting::PrivateTmp
        } else {
            return None;
        };
        let directory = unescape(at);
        let is_known = by_default().iter().any(|it| directory.starts_with(&it.directory));
        is_known.then_some(Hidden { directory, setting })
    });
    hidden.collect()
}

/// Blanks and some others are in octal there.
fn unescape(text: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, behind @ ..] = rest {
        let code = behind.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let code = code.and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code.filter(|_| *first == b'\\') {
            Some(code) => {
                bytes.push(code);
                rest = &behind[3..];
            }
            None => {
                bytes.push(*first);
                rest = behind;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

/// Which of `hidden` the way to `path` leads through, symbolic links included. A part with signs of a
/// glob is taken as a name.
pub(crate) fn on_the_way<'a>(path: &Path, hidden: &'a [Hidden]) -> Option<&'a Hidden> {
    if hidden.is_empty() {
        return None;
    }
    let parts = |path: &Path| -> Vec<OsString> {
        let names = path.components().filter(|part| !matches!(part, Component::RootDir));
        names.rev().map(|part| part.as_os_str().to_owned()).collect()
    };
    let (mut rest, mut here, mut links) = (parts(path), PathBuf::from("/"), 0);
    while let Some(name) = rest.pop() {
        if name == ".." {
            here.pop();
            continue;
        }
        let next = here.join(&name);
        if let Some(hidden) = hidden.iter().find(|it| next == it.directory) {
            return Some(hidden);
        }
        match fs::read_link(&next) {
            Ok(target) if links < MOST_LINKS => {
                links += 1;
                if target.is_absolute() {
                    here = PathBuf::from("/");
                }
                rest.extend(parts(&target));
            }
            _ => here = next,
        }
    }
    None
}

/// What to say of `path` where this process does not see it.
pub(crate) fn explained(path: &Path) -> Option<String> {
    on_the_way(path, &here()).map(Hidden::explain)
}

/// The settings of a unit that would show all of `paths`.
pub(crate) fn settings<'a>(
    paths: impl IntoIterator<Item = &'a Path>,
    hidden: &[Hidden],
) -> BTreeSet<Setting> {
    let led = paths.into_iter().filter_map(|path| on_the_way(path, hidden));
    led.map(|hidden| hidden.setting).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    /// As systemd 252 makes them; within a container the closed directory is the host's.
    const MOUNTS: &str = "\
430 403 0:24 / / rw,relatime master:1 - ext4 /dev/vda1 rw
431 430 0:25 /systemd/inaccessible/dir /home ro,nosuid,nodev,noexec master:9 - tmpfs tmpfs rw,mode=755
432 430 0:25 /host/inaccessible/dir /run/user ro,nosuid - tmpfs tmpfs rw
433 430 0:25 /systemd/inaccessible/dir /proc/kmsg ro,nosuid - tmpfs tmpfs rw
434 430 8:1 /tmp/systemd-private-ab12-remote_syslog.service-X/tmp /tmp rw master:1 - ext4 /dev/vda1 rw
";

    #[test]
    fn mounts_that_hide_are_known_by_what_is_mounted() {
        let found = parse(MOUNTS);
        let found: Vec<_> =
            found.iter().map(|it| (it.directory.to_str().unwrap(), it.setting)).collect();
        let (home, tmp) = (Setting::ProtectHome, Setting::PrivateTmp);
        assert_eq!(found, [("/home", home), ("/run/user", home), ("/tmp", tmp)]);
        assert_eq!(parse("1 2 0:1 / /home rw - ext4 /dev/sdb rw\n"), []);
        assert_eq!(unescape(r"/a\040b\x"), Path::new(r"/a b\x"));
    }

    #[test]
    fn the_way_is_followed_through_links_and_where_nothing_is() {
        let dir = tempfile::tempdir().unwrap();
        let away = Hidden { directory: dir.path().join("home"), setting: Setting::ProtectHome };
        let hidden = [away.clone()];
        let leads = |path: &str| on_the_way(&dir.path().join(path), &hidden).is_some();
        symlink("home/app/releases/7", dir.path().join("current")).unwrap();
        symlink("current/log", dir.path().join("logs")).unwrap();
        symlink("loop", dir.path().join("loop")).unwrap();
        for path in ["home/app/*.log", "home", "current/log/a.log", "logs/*.log", "x/../home/y"] {
            assert!(leads(path), "{path}");
        }
        for path in ["homes/a.log", "var/log/*.log", "loop/a.log", "x/home"] {
            assert!(!leads(path), "{path}");
        }
        assert!(away.explain().contains("is hidden from this service"));
        let paths = [dir.path().join("logs/*.log"), dir.path().join("b")];
        let needed = settings(paths.iter().map(PathBuf::as_path), &hidden);
        assert_eq!(
            needed.into_iter().map(Setting::line).collect::<Vec<_>>(),
            ["ProtectHome=read-only"]
        );
    }
}
