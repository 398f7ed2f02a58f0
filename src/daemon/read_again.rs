//! Files that are to be sent once more, whatever was sent of them: `--from-start=PATH`.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use crate::checkpoint::StateError;
use crate::config::{Config, Mode};
use crate::discover::Globs;
use crate::shown::Show;

/// Sees that each of them is there and followed.
///
/// # Errors
/// In words, with what to do.
pub(super) fn check(config: &Config) -> Result<(), String> {
    if config.mode == Mode::Stdin {
        return Ok(());
    }
    let globs = Globs::new(&config.files);
    config.read_again.iter().try_for_each(|path| check_one(config, &globs, path))
}

fn check_one(config: &Config, globs: &Globs, path: &Path) -> Result<(), String> {
    let said = |why: &str| format!("--from-start: {} {why}", path.shown());
    if globs.entry_of(path).is_none() {
        let why = "is not followed: no entry of files matches it; write it as an entry does, or name it \
                   as an argument too";
        return Err(said(why));
    }
    if config.exclude_files.matches(path.as_os_str().as_bytes()) {
        return Err(said("is not followed: exclude_files leaves it out"));
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => Ok(()),
        Ok(_) => Err(said("is no regular file")),
        Err(error) => Err(said(&format!("cannot be read again: {error}"))),
    }
}

/// What to do where a daemon runs: it has the positions in its hands.
pub(super) fn beside(error: &StateError, paths: &[PathBuf]) -> String {
    let path = paths.first().map_or(Path::new("PATH"), PathBuf::as_path).shown();
    format!(
        "{error}; --from-start=PATH counts at a start: stop that one and start it so once, or send the \
         file beside it: remote_syslog --tag TAG - < {path}"
    )
}
