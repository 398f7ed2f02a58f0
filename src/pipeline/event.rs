//! What [`crate::discover`] tells [`crate::input`].

use std::path::PathBuf;

/// Something to look at. Events carry no facts about files, only where to look: a file's state
/// is what is found at the moment of looking, so an event may come late, twice or for nothing.
/// They travel as lists: told one by one, each would wake the one that reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// This path matches an entry of `files`, and it is there, has changed, or is gone.
    Look {
        /// The path as the glob spells it.
        path: PathBuf,
        /// Index of the first entry that matches.
        entry: usize,
    },
    /// Every matching path has been named since the last `Swept` (or the start): files that were
    /// not named are to be looked at too. The first of these ends the first pass.
    Swept,
}
