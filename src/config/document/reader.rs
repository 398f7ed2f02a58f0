//! Sources, read into the types of the configuration.

use std::cell::RefCell;

use serde::Deserialize;

use super::super::error::{Place, Problem};
use super::super::findings::Findings;
use super::super::yaml::Node;
use super::layered::{Layered, Said, is_empty};
use super::outline::KeyNames;
use super::spots::{SourceOrigin, Spots};

/// What is to be done where nobody has made a mistake but us.
pub(in super::super) const BUG: &str = "this is a bug, please report it with the configuration";

/// What one source says.
#[derive(Debug)]
pub(in super::super) struct Tree {
    pub(in super::super) origin: SourceOrigin,
    pub(in super::super) root: Node,
}

/// Reads sources one after another, and keeps what is found in them.
#[derive(Debug)]
pub(in super::super) struct SourceReader<'f> {
    pub(in super::super) findings: &'f mut Findings,
    pub(in super::super) spots: Spots,
    /// The names of all keys, for what is misspelt.
    pub(in super::super) names: KeyNames,
    /// What is read is an included file.
    pub(in super::super) is_included: bool,
}

impl SourceReader<'_> {
    /// What `trees` say, the first of them first of all, as a `T`.
    pub(in super::super) fn read<T: Default + for<'de> Deserialize<'de>>(
        &mut self,
        trees: &[&Tree],
    ) -> T {
        let first = self.spots.origins.len();
        self.spots.origins.extend(trees.iter().map(|tree| tree.origin.clone()));
        let found = trees.iter().enumerate().map(|(i, tree)| Said {
            origin: u32::try_from(first + i).unwrap_or(u32::MAX),
            line: tree.root.line,
            node: &tree.root,
        });
        let found = found.filter(|found| !is_empty(found.node)).collect();
        let reading = RefCell::new(self);
        let layered =
            Layered { reading: &reading, name: "".into(), found, is_in_item: false, union: None };
        // Its own mistakes would be those of the types; nothing that is typed makes it fail. Were it to, all that is given
        // would count as absent.
        T::deserialize(layered).unwrap_or_else(|error| {
            let text = format!("it cannot be taken apart: {error}; {BUG}");
            let place = trees.iter().find_map(|tree| tree.origin.whole());
            let problem = Problem::at(place.unwrap_or(Place::Arguments), "", text);
            reading.into_inner().findings.problem(problem);
            T::default()
        })
    }

    pub(super) fn place(&self, said: &Said<'_>, line: usize) -> Place {
        self.spots.origins[said.origin as usize].place(line)
    }
}

#[cfg(test)]
mod tests;
