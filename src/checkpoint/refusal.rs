//! Why the configuration as it was last read is not in force: told beside the positions, for those
//! who ask another process.

use std::fs;
use std::io::Write;
use std::path::Path;

use super::file;

/// The file, while there is something to tell.
const REFUSED: &str = "refused";
/// More is not read of it.
const LONGEST: u64 = 64 << 10;

/// Tells those who ask `dir` that a configuration was refused for `why`, or that none is any more.
pub fn tell_refusal(dir: &Path, why: Option<&str>) {
    // It is said in the log as well, and by the metrics.
    match why {
        Some(why) => drop(file::replace(dir, REFUSED, |mut file| {
            file.write_all(why.as_bytes())?;
            Ok(file)
        })),
        None => drop(fs::remove_file(dir.join(REFUSED))),
    }
}

/// Why the instance that uses `dir` has refused its new configuration, if it has.
#[must_use]
pub fn refusal(dir: &Path) -> Option<String> {
    let text = file::read_small(&dir.join(REFUSED), LONGEST).ok()?;
    Some(String::from_utf8_lossy(&text).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_until_it_is_over() {
        let dir = tempfile::tempdir().unwrap();
        tell_refusal(dir.path(), None);
        assert_eq!(refusal(dir.path()), None);
        tell_refusal(dir.path(), Some("a.yml:3: no"));
        assert_eq!(refusal(dir.path()).as_deref(), Some("a.yml:3: no"));
        tell_refusal(dir.path(), None);
        assert_eq!(refusal(dir.path()), None);
    }

    #[test]
    fn a_link_that_is_there_already_is_not_written_through() {
        let dir = tempfile::tempdir().unwrap();
        let victim = dir.path().join("victim");
        fs::write(&victim, "precious").unwrap();
        for name in [REFUSED, "refused.tmp"] {
            std::os::unix::fs::symlink(&victim, dir.path().join(name)).unwrap();
        }
        assert_eq!(refusal(dir.path()), None, "nor read");
        tell_refusal(dir.path(), Some("a.yml:3: no"));
        assert_eq!(refusal(dir.path()).as_deref(), Some("a.yml:3: no"));
        assert_eq!(fs::read_to_string(&victim).unwrap(), "precious");
    }
}
