//! What the system allows a process, a user and all together: which limit was met, its value, and
//! where to raise it. Each answer goes behind the error, as what to do.

mod tasks;

use std::fs::{self, File};
use std::io::{self, pipe};

use rustix::process::{Resource, getrlimit};

pub(crate) use self::tasks::shortage;

/// The limit on files that an error tells of: how many are open, or how large one is. None where it tells of something
/// else.
pub(crate) fn met_by(error: &io::Error) -> Option<String> {
    match error.raw_os_error()? {
        libc::EMFILE => Some(format!(
            "this process may have {} files open at once (ulimit -n): raise LimitNOFILE of the \
             service, or nofile in limits.conf",
            number(getrlimit(Resource::Nofile).current)
        )),
        libc::ENFILE => Some(format!(
            "the system may have {} files open at once: raise fs.file-max with sysctl",
            setting("fs/file-max")
        )),
        libc::EFBIG => Some(format!(
            "this process may write files of {} bytes (ulimit -f): raise LimitFSIZE of the service, or \
             fsize in limits.conf",
            number(getrlimit(Resource::Fsize).current)
        )),
        _ => None,
    }
}

/// How many pairs of descriptors must be left at the start, for the runtimes, signals, inotify, a log and a connection.
const PAIRS: usize = 6;

/// Whether as many files can be opened as it takes to run at all. tokio panics where a runtime has none left for signals.
///
/// # Errors
/// They cannot: why not, and what to do.
pub(crate) fn try_descriptors() -> Result<(), String> {
    let pairs: io::Result<Vec<_>> = (0..PAIRS).map(|_| pipe()).collect();
    pairs.map(drop).map_err(|error| {
        let remedy = met_by(&error).unwrap_or_default();
        format!("too few files can be opened: {error}; {remedy}")
    })
}

/// The limit that has kept an instance of inotify from being had.
pub(crate) fn on_instances(error: &io::Error) -> String {
    // One number for two limits (inotify_init(2)): the other one keeps everything from being opened.
    let is_short_of_files = match error.raw_os_error() {
        Some(libc::EMFILE) => File::open("/dev/null").is_err(),
        _ => true,
    };
    met_by(error).filter(|_| is_short_of_files).unwrap_or_else(|| {
        format!(
            "all processes of this user may have {} instances: raise \
             fs.inotify.max_user_instances with sysctl",
            setting("fs/inotify/max_user_instances")
        )
    })
}

/// The limit that keeps further directories from being watched.
pub(crate) fn on_watches() -> String {
    format!(
        "all processes of this user may have {} inotify watches: raise fs.inotify.max_user_watches \
         with sysctl",
        setting("fs/inotify/max_user_watches")
    )
}

/// A setting of the kernel, in its words.
fn setting(name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/sys/{name}"));
    text.map_or("so many".to_owned(), |text| text.trim().to_owned())
}

fn number(limit: Option<u64>) -> String {
    limit.map_or("so many".to_owned(), |limit| limit.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(number: i32) -> io::Error {
        io::Error::from_raw_os_error(number)
    }

    #[test]
    fn a_limit_on_files_is_named_with_its_value() {
        let said = met_by(&error(libc::EMFILE)).unwrap();
        let limit = getrlimit(Resource::Nofile).current.unwrap();
        assert!(said.contains(&format!("may have {limit} files")), "{said}");
        assert!(said.contains("LimitNOFILE"), "{said}");
        let said = met_by(&error(libc::ENFILE)).unwrap();
        let limit = fs::read_to_string("/proc/sys/fs/file-max").unwrap();
        assert!(said.contains(&format!("may have {} files", limit.trim())), "{said}");
        let said = met_by(&error(libc::EFBIG)).unwrap();
        assert!(said.contains("ulimit -f") && said.contains("LimitFSIZE"), "{said}");
        assert_eq!(met_by(&error(libc::EACCES)), None);
        assert_eq!(met_by(&io::Error::other("odd")), None);
    }

    #[test]
    fn the_two_limits_behind_one_number_are_told_apart() {
        // Files can be opened here, so it is not that.
        let said = on_instances(&error(libc::EMFILE));
        let limit = fs::read_to_string("/proc/sys/fs/inotify/max_user_instances").unwrap();
        assert!(said.contains(&format!("may have {} instances", limit.trim())), "{said}");
        assert!(on_instances(&error(libc::ENFILE)).contains("fs.file-max"));
    }
}
