//! Opening files where others may have had a say in what a path leads to.
//!
//! Root that appends to `/home/app/own.log` must not append to what the user has that name lead to. So
//! what this program writes is reached by a symbolic link only if it belongs to root or to the user that
//! this process runs as, or lies where nobody else can put one; and a file of several names is written
//! only where nobody else can give it a name. What it reads, and everybody behind the receiver with it,
//! is another question: `log`. Each is decided on what is open, so that nothing can be exchanged
//! meanwhile.

mod log;
mod walk;

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat};

use self::walk::{Met, PathWalk};
use crate::shown::Show;

pub(crate) use self::log::{follow_links_in, is_link_refused, open_log};

/// What is done where the path itself names a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Last {
    /// It is followed, if it can be trusted.
    Follow,
    /// It is refused.
    Refuse,
}

/// Opens the file at `path` with `flags`, where needed with `mode`, and waits for nobody should it be
/// a pipe.
///
/// # Errors
/// It cannot be opened, or somebody else decides what the path leads to.
pub(crate) fn open(path: &Path, flags: OFlags, mode: Mode, last: Last) -> io::Result<File> {
    let mut walk = PathWalk::to(path)?;
    loop {
        match walk.step(flags, mode)? {
            Met::Way(_) => {}
            Met::OfKernel(file) if last == Last::Follow => return Ok(file),
            Met::File(file, stat) => {
                let is_shared = stat.st_nlink > 1 && is_regular(&stat);
                if is_shared && !is_ours_alone(&walk.directory()?) {
                    return Err(refused("it has several names (hard links)", &stat));
                }
                return Ok(file);
            }
            Met::Link(link) if last == Last::Follow || walk.left() > 0 => {
                if !is_ours(&link.stat) && !is_ours_alone(&walk.directory()?) {
                    let what = format!("{} is a symbolic link", Path::new(&link.name).shown());
                    return Err(refused(&what, &link.stat));
                }
                walk.follow(&link)?;
            }
            Met::OfKernel(_) | Met::Link(_) => {
                return Err(io::Error::new(
                    io::ErrorKind::PermissionDenied,
                    "it is a symbolic link",
                ));
            }
        }
    }
}

fn is_regular(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode).is_file()
}

fn is_ours(stat: &Stat) -> bool {
    stat.st_uid == 0 || stat.st_uid == rustix::process::geteuid().as_raw()
}

/// Whether nobody else may put something into the directory.
fn is_ours_alone(directory: &Stat) -> bool {
    let others = Mode::WGRP | Mode::WOTH;
    is_ours(directory) && !Mode::from_raw_mode(directory.st_mode).intersects(others)
}

fn refused(what: &str, stat: &Stat) -> io::Error {
    let text = format!(
        "{what} of the user with id {}, in a directory that others may write to; it is not used",
        stat.st_uid
    );
    io::Error::new(io::ErrorKind::PermissionDenied, text)
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, chown, lchown, symlink};
    use std::path::PathBuf;

    use rustix::fs;

    use super::*;

    const OTHER: Option<u32> = Some(64_902);

    fn append(path: &Path) -> io::Result<()> {
        let flags = OFlags::CREATE | OFlags::APPEND | OFlags::WRONLY;
        let mut file = open(path, flags, Mode::RUSR | Mode::WUSR, Last::Follow)?;
        file.write_all(b"x")
    }

    /// A directory of another user, and a file of root's beside it.
    fn of_another() -> Option<(tempfile::TempDir, PathBuf, PathBuf)> {
        if !rustix::process::geteuid().is_root() {
            eprintln!("skipped: only root can give away");
            return None;
        }
        let dir = tempfile::tempdir().unwrap();
        let (theirs, victim) = (dir.path().join("theirs"), dir.path().join("victim"));
        std::fs::create_dir(&theirs).unwrap();
        chown(&theirs, OTHER, None).unwrap();
        std::fs::write(&victim, "").unwrap();
        Some((dir, theirs, victim))
    }

    #[test]
    fn a_link_of_another_user_is_not_followed_on_no_part_of_the_way() {
        let Some((dir, theirs, victim)) = of_another() else { return };
        for (name, target) in [("log", &*victim), ("way", dir.path())] {
            symlink(target, theirs.join(name)).unwrap();
            lchown(theirs.join(name), OTHER, None).unwrap();
        }
        for path in [theirs.join("log"), theirs.join("way/victim")] {
            let error = append(&path).unwrap_err().to_string();
            assert!(error.contains("symbolic link of the user with id 64902"), "{error}");
        }
        assert_eq!(std::fs::read(&victim).unwrap(), b"");
        // What lies there itself is written, and so is what root's own link leads to.
        append(&theirs.join("new")).unwrap();
        symlink(&victim, theirs.join("ours")).unwrap();
        append(&theirs.join("ours")).unwrap();
        assert_eq!(std::fs::read(&victim).unwrap(), b"x");
    }

    #[test]
    fn a_link_in_a_directory_for_all_is_followed_only_if_it_is_ours() {
        let Some((dir, _, victim)) = of_another() else { return };
        let all = dir.path().join("tmp");
        std::fs::create_dir(&all).unwrap();
        std::fs::set_permissions(&all, PermissionsExt::from_mode(0o1777)).unwrap();
        symlink(&victim, all.join("log")).unwrap();
        append(&all.join("log")).unwrap();
        lchown(all.join("log"), OTHER, None).unwrap();
        append(&all.join("log")).unwrap_err();
        // Nobody but root could put one into its own directory.
        symlink(&victim, dir.path().join("log")).unwrap();
        lchown(dir.path().join("log"), OTHER, None).unwrap();
        append(&dir.path().join("log")).unwrap();
    }

    #[test]
    fn a_second_name_that_another_may_have_given_is_not_written() {
        let Some((dir, theirs, victim)) = of_another() else { return };
        std::fs::hard_link(&victim, theirs.join("log")).unwrap();
        let error = append(&theirs.join("log")).unwrap_err().to_string();
        assert!(error.contains("several names"), "{error}");
        std::fs::hard_link(&victim, dir.path().join("log")).unwrap();
        append(&dir.path().join("log")).unwrap();
    }

    #[test]
    fn links_of_the_system_and_relative_ones_lead_where_they_should() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        symlink("../b", dir.path().join("a/link")).unwrap();
        append(&dir.path().join("a/link")).unwrap();
        assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"x");
        let file = File::open(dir.path().join("b")).unwrap();
        let number = std::os::fd::AsRawFd::as_raw_fd(&file);
        append(Path::new(&format!("/proc/self/fd/{number}"))).unwrap();
        assert_eq!(std::fs::read(dir.path().join("b")).unwrap(), b"xx");
        symlink("loop", dir.path().join("loop")).unwrap();
        append(&dir.path().join("loop")).unwrap_err();
        append(Path::new("/dev/null")).unwrap();
    }

    #[test]
    fn nobody_is_waited_for_at_a_pipe() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pipe");
        fs::mknodat(fs::CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        append(&path).unwrap_err();
    }
}
