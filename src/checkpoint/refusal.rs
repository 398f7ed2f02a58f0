//! Why the configuration as it was last read is not in force: told beside the positions, for those
//! who ask another process.

use std::fs;
use std::path::Path;

/// The file, while there is something to tell.
const REFUSED: &str = "refused";

/// Tells those who ask `dir` that a configuration was refused for `why`, or that none is any more.
pub fn tell_refusal(dir: &Path, why: Option<&str>) {
    let (path, part) = (dir.join(REFUSED), dir.join(format!("{REFUSED}.tmp")));
    // It is said in the log as well, and by the metrics.
    let _ = match why {
        Some(why) => fs::write(&part, why).and_then(|()| fs::rename(part, path)),
        None => fs::remove_file(path),
    };
}

/// Why the instance that uses `dir` has refused its new configuration, if it has.
#[must_use]
pub fn refusal(dir: &Path) -> Option<String> {
    fs::read_to_string(dir.join(REFUSED)).ok()
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
}
