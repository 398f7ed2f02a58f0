//! The file that keeps the globs of the last run, beside the positions.

use std::io;
use std::path::Path;

use super::file;
use crate::pipeline::globs::FollowedGlobs;

/// The file's name in the state directory.
const NAME: &str = "globs";
/// More is not read of it.
const LONGEST: u64 = 64 << 20;

/// The globs that the last run kept in `dir`. None where it kept none, or they cannot be read: files
/// are then told apart by their times of birth.
pub(super) fn read(dir: &Path) -> Option<FollowedGlobs> {
    serde_json::from_slice(&file::read_small(&dir.join(NAME), LONGEST).ok()?).ok()
}

/// Keeps `globs` in `dir`, atomically and durably.
///
/// # Errors
/// The first step that failed.
pub(super) fn write(dir: &Path, globs: &FollowedGlobs) -> Result<(), file::WriteError> {
    file::replace(dir, NAME, |mut file| {
        serde_json::to_writer_pretty(&mut file, globs).map_err(io::Error::from)?;
        Ok(file)
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn what_is_kept_is_read_and_anything_else_is_none() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read(dir.path()), None);
        let files = vec!["/var/log/*.log".to_owned()];
        let globs = FollowedGlobs { files, exclude_files: vec![r"\.gz$".to_owned()] };
        write(dir.path(), &globs).unwrap();
        assert_eq!(read(dir.path()), Some(globs));
        fs::write(dir.path().join(NAME), "half a li").unwrap();
        assert_eq!(read(dir.path()), None);
    }
}
