//! Which directories were entered by a walk, and in how many spellings.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::border::Border;
use super::places::{GlobState, Places};

/// A directory is entered by at most so many spellings for the same component of a glob. Each
/// symbolic link to it makes another spelling, and links to "." would make them without end.
pub(super) const SPELLINGS_MAX: u8 = 8;

/// Which directories were entered, how they were spelled, and in which states.
#[derive(Debug, Default)]
pub(super) struct Reached {
    pub(super) places: Places,
    /// Where walks stop.
    pub(super) border: Border,
    /// Device and inode → how often each state was entered.
    visits: HashMap<(u64, u64), Vec<(GlobState, u8)>>,
}

impl Reached {
    pub(super) fn clear(&mut self) {
        self.places.clear();
        self.visits.clear();
    }

    /// Notes that `directory` is entered in `states`. Returns those that are news.
    pub(super) fn enter(&mut self, directory: &Path, states: &[GlobState]) -> Entered {
        let known = self.places.get(directory);
        let is_new = |state: &&GlobState| known.is_none_or(|known| !known.contains(state));
        let new: Vec<_> = states.iter().filter(is_new).copied().collect();
        if new.is_empty() {
            return Entered::Before;
        }
        let Ok(metadata) = fs::metadata(directory) else { return Entered::Gone };
        let visits = self.visits.entry((metadata.dev(), metadata.ino())).or_default();
        let mut allowed = Vec::new();
        for state in new {
            let index = visits.iter().position(|(visited, _)| *visited == state);
            let index = index.unwrap_or_else(|| {
                visits.push((state, 0));
                visits.len() - 1
            });
            if visits[index].1 < SPELLINGS_MAX {
                visits[index].1 += 1;
                allowed.push(state);
            }
        }
        if allowed.is_empty() {
            return Entered::TooOften;
        }
        let place = self.places.entry(directory.to_owned()).or_default();
        place.extend_from_slice(&allowed);
        Entered::New(allowed)
    }
}

/// What came of entering a directory.
pub(super) enum Entered {
    /// It has to be looked through in these states.
    New(Vec<GlobState>),
    /// It was looked through before.
    Before,
    /// It was looked through in too many other spellings.
    TooOften,
    /// It is not there any more.
    Gone,
}
