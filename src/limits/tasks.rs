//! Which limit keeps a thread from being started.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use rustix::process::{Resource, getrlimit};

use super::setting;
use crate::shown::Show;

/// Why no thread can be started, in words: the limit that was met, its value, and where to raise it.
pub(crate) fn shortage(error: &io::Error) -> String {
    if error.kind() == io::ErrorKind::OutOfMemory {
        return format!("{error}; free memory, or allow the process more of it");
    }
    let cgroups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    if let Some(full) = groups(&cgroups, Path::new("/sys/fs/cgroup")).find_map(|group| full(&group))
    {
        return format!("{error}; {full}");
    }
    let tasks = tasks(&fs::read_to_string("/proc/loadavg").unwrap_or_default());
    let of_kernel =
        ["threads-max", "pid_max"].map(|name| (name, setting(&format!("kernel/{name}"))));
    let met = of_kernel.iter().find(|(_, most)| is_near(tasks, most));
    if let Some((name, most)) = met {
        return format!(
            "{error}; the kernel allows {most} threads in all: raise kernel.{name} with sysctl"
        );
    }
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    if let Some(most) = getrlimit(Resource::As).current
        && address_space(&status).is_some_and(|now| now + OF_A_THREAD > most)
    {
        return format!(
            "{error}; this process may have {most} bytes of address space (ulimit -v): raise LimitAS of \
             the service, or as in limits.conf"
        );
    }
    match getrlimit(Resource::Nproc).current {
        Some(most) => format!(
            "{error}; this user may have {most} threads in all (ulimit -u): raise LimitNPROC of the \
             service, or nproc in limits.conf"
        ),
        None => format!(
            "{error}; neither this user nor the kernel is at its limit: a control group that is not \
             to be seen from here is (pids.max): raise the limit of the container"
        ),
    }
}

/// How much address space a thread takes at least: its stack, and what stands beside it.
const OF_A_THREAD: u64 = 2 << 20;

/// How much address space this process has, in bytes, for what `/proc/self/status` holds.
fn address_space(text: &str) -> Option<u64> {
    let size = text.lines().find_map(|line| line.strip_prefix("VmSize:"))?;
    let kib: u64 = size.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// How many threads there are in all, for what `/proc/loadavg` holds.
fn tasks(text: &str) -> Option<u64> {
    let (_, all) = text.split_whitespace().nth(3)?.split_once('/')?;
    all.parse().ok()
}

/// Whether so many are about as many as there may be: others end meanwhile.
fn is_near(now: Option<u64>, most: &str) -> bool {
    let most = most.parse().unwrap_or(u64::MAX);
    now.is_some_and(|now| now >= most - most / 20)
}

/// The directories of the control groups that limit tasks, the innermost first, for what
/// `/proc/self/cgroup` holds.
fn groups<'a>(text: &'a str, root: &'a Path) -> impl Iterator<Item = PathBuf> + 'a {
    let of_line = |line: &'a str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let root = match controllers {
            "" => root.to_owned(),
            names if names.split(',').any(|name| name == "pids") => root.join("pids"),
            _ => return None,
        };
        Some((root, path))
    };
    text.lines().filter_map(of_line).flat_map(|(root, path)| {
        let path = Path::new(path.trim_start_matches('/'));
        path.ancestors().map(|part| root.join(part)).collect::<Vec<_>>()
    })
}

/// What is to be said of the control group at `group` where it has as many tasks as it may.
fn full(group: &Path) -> Option<String> {
    let number =
        |name| -> Option<u64> { fs::read_to_string(group.join(name)).ok()?.trim().parse().ok() };
    let (most, now) = (number("pids.max")?, number("pids.current")?);
    (now >= most).then(|| {
        format!(
            "the control group {} allows {most} threads (pids.max): raise TasksMax of the service",
            group.shown()
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_control_group_that_is_full_is_named_with_its_limit() {
        let root = tempfile::tempdir().unwrap();
        let group = root.path().join("system.slice/logs.service");
        fs::create_dir_all(&group).unwrap();
        let text = "1:name=systemd:/elsewhere\n0::/system.slice/logs.service\n";
        let find = || groups(text, root.path()).find_map(|group| full(&group));
        fs::write(group.join("pids.max"), "max\n").unwrap();
        fs::write(group.join("pids.current"), "9\n").unwrap();
        assert_eq!(find(), None);
        // A limit above it counts as well.
        let slice = group.parent().unwrap();
        fs::write(slice.join("pids.max"), "40\n").unwrap();
        fs::write(slice.join("pids.current"), "39\n").unwrap();
        assert_eq!(find(), None);
        fs::write(slice.join("pids.current"), "40\n").unwrap();
        let said = find().unwrap();
        assert!(said.contains("system.slice allows 40 threads (pids.max)"), "{said}");
        assert!(said.contains("TasksMax"), "{said}");
    }

    #[test]
    fn all_threads_of_the_system_are_counted() {
        assert_eq!(tasks("0.20 0.18 0.12 1/80 11206\n"), Some(80));
        assert_eq!(tasks(""), None);
        assert!(is_near(Some(96), "100") && !is_near(Some(94), "100") && !is_near(None, "100"));
        assert!(!is_near(Some(96), "so many"));
    }

    #[test]
    fn the_address_space_is_told() {
        assert_eq!(address_space("VmPeak:\t 12 kB\nVmSize:\t   10240 kB\n"), Some(10 << 20));
        assert_eq!(address_space("Name:\tx\n"), None);
        let of_process = address_space(&fs::read_to_string("/proc/self/status").unwrap());
        assert!(of_process.is_some_and(|bytes| bytes > 1 << 20), "{of_process:?}");
    }

    #[test]
    fn the_older_hierarchy_has_a_place_of_its_own() {
        let all: Vec<_> = groups("4:cpu,pids:/a/b\n0::/\n", Path::new("/r")).collect();
        assert_eq!(all, ["/r/pids/a/b", "/r/pids/a", "/r/pids/", "/r/"].map(PathBuf::from));
    }
}
