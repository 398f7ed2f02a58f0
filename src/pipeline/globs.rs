//! The globs of a run, for the next one to tell new files from old ones.

use serde::{Deserialize, Serialize};

/// The globs that a run followed, as they were written. A file that they match and of which nothing is
/// known has come since, whatever the clocks say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedGlobs {
    /// Absolute globs of `files`.
    pub files: Vec<String>,
    /// The patterns of `exclude_files`.
    pub exclude_files: Vec<String>,
}
