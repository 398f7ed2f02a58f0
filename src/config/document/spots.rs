//! Where values stand.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

use super::super::error::Place;
use super::leaf::Spot;

/// Where the nodes of a tree come from.
#[derive(Debug, Clone)]
pub(in super::super) enum SourceOrigin {
    /// A file; a node has its line.
    File(Arc<PathBuf>),
    /// Somewhere else; a node has its number in this list.
    Listed(Vec<Place>),
}

impl SourceOrigin {
    /// The place of all that comes from there, where it has one.
    pub(super) fn whole(&self) -> Option<Place> {
        match self {
            Self::File(file) => Some(Place::File(Arc::clone(file))),
            Self::Listed(places) => places.first().cloned(),
        }
    }

    /// The place of a node that has this line.
    pub(super) fn place(&self, line: usize) -> Place {
        match self {
            Self::File(file) => Place::Line { file: Arc::clone(file), line, column: None },
            Self::Listed(places) => places[line].clone(),
        }
    }
}

/// What each [`Spot`] is.
#[derive(Debug, Default)]
pub(in super::super) struct Spots {
    pub(super) origins: Vec<SourceOrigin>,
    /// The names of the keys that were met.
    names: Vec<Rc<str>>,
    /// The origin, the line and the name of each.
    spots: Vec<(u32, u32, u32)>,
}

impl Spots {
    /// The place of a spot.
    pub(in super::super) fn place(&self, Spot(spot): Spot) -> Place {
        let (origin, line, _) = self.spots[spot as usize];
        self.origins[origin as usize].place(line as usize)
    }

    /// The name of the key to which the value there belongs.
    pub(in super::super) fn name(&self, Spot(spot): Spot) -> &str {
        &self.names[self.spots[spot as usize].2 as usize]
    }

    pub(super) fn add(&mut self, origin: u32, line: usize, name: &Rc<str>) -> Spot {
        if self.names.last().is_none_or(|last| !Rc::ptr_eq(last, name)) {
            self.names.push(Rc::clone(name));
        }
        let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        self.spots.push((origin, number(line), number(self.names.len() - 1)));
        Spot(number(self.spots.len() - 1))
    }
}
