//! Whether somebody writes to a file.
#![allow(unsafe_code)]

use std::fs::File;
use std::os::fd::AsRawFd;

/// Whether anybody has `file` open for writing. `None` where that cannot be told: it belongs to
/// another user, or its file system knows no leases.
///
/// The kernel grants a read lease only where nobody writes (fcntl(2), `F_SETLEASE`). It is given
/// back at once. Meanwhile opening the file for writing would send SIGIO, so this is only for files
/// without a name, which nobody can open.
pub(crate) fn has_writer(file: &File) -> Option<bool> {
    let fd = file.as_raw_fd();
    // SAFETY: it takes two numbers, and the descriptor is open as long as `file` is borrowed.
    match unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_RDLCK) } {
        0 => {
            // SAFETY: as above.
            unsafe { libc::fcntl(fd, libc::F_SETLEASE, libc::F_UNLCK) };
            Some(false)
        }
        _ => match std::io::Error::last_os_error().raw_os_error() {
            Some(libc::EAGAIN) => Some(true),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_writer_shows_as_long_as_it_has_the_file_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log");
        let writer = File::create(&path).unwrap();
        let reader = File::open(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        // A file system without leases does not tell.
        assert!(has_writer(&reader).is_none_or(|is| is));
        drop(writer);
        assert!(has_writer(&reader).is_none_or(|is| !is));
    }
}
