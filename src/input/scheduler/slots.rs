//! The paths that are followed, by their numbers and by their names.
//!
//! Most files of a large host are idle. Their paths rest: then little more is kept of them than how far
//! they were read. Whoever changes a path wakes it; what is touched in a turn is put to rest at its end,
//! where nothing but that is to be known of it.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::mem;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use hashbrown::HashTable;

use super::slot::{Resting, Slot};
use crate::input::FileSettings;

/// What a number stands for.
enum Seat {
    Vacant,
    Resting(Resting),
    Awake(Box<Slot>),
}

impl Seat {
    fn path(&self) -> Option<Cow<'_, Path>> {
        match self {
            Self::Vacant => None,
            Self::Resting(resting) => Some(resting.path().to_path_buf().into()),
            Self::Awake(slot) => Some(slot.path.path().into()),
        }
    }

    fn is_at(&self, path: &Path) -> bool {
        match self {
            Self::Vacant => false,
            Self::Resting(resting) => resting.path().is(path),
            Self::Awake(slot) => slot.path.path().as_os_str() == path.as_os_str(),
        }
    }
}

fn hash_of(seat: &Seat, hasher: &RandomState) -> u64 {
    seat.path().map_or(0, |path| hasher.hash_one(path.as_os_str()))
}

/// The followed paths.
#[derive(Default)]
pub(super) struct Slots {
    seats: Vec<Seat>,
    vacant: Vec<usize>,
    /// The numbers, to be found by their paths: so each path is kept once.
    by_path: HashTable<u32>,
    hasher: RandomState,
    /// Those that may have changed since they were last put to rest.
    touched: Vec<usize>,
}

impl Slots {
    /// There will be so many paths: room is made for no more.
    pub(super) fn reserve(&mut self, count: usize) {
        self.seats.reserve_exact(count);
        let Self { seats, hasher, by_path, .. } = self;
        by_path.reserve(count, |&id| hash_of(&seats[id as usize], hasher));
    }

    /// The numbers that were given so far.
    pub(super) fn ids(&self) -> std::ops::Range<usize> {
        0..self.seats.len()
    }

    /// The number of a path that is followed.
    pub(super) fn find(&self, path: &Path) -> Option<usize> {
        let is_it = |&id: &u32| self.seats[id as usize].is_at(path);
        self.by_path.find(self.hasher.hash_one(path.as_os_str()), is_it).map(|&id| id as usize)
    }

    pub(super) fn path(&self, id: usize) -> Option<Cow<'_, Path>> {
        self.seats.get(id).and_then(Seat::path)
    }

    /// Follows the path of what `slot` makes with its number, which is returned.
    pub(super) fn add(&mut self, slot: impl FnOnce(usize) -> Slot) -> usize {
        let id = self.vacant.pop().unwrap_or_else(|| {
            self.seats.push(Seat::Vacant);
            self.seats.len() - 1
        });
        let slot = slot(id);
        let Self { seats, hasher, by_path, .. } = self;
        let hash = hasher.hash_one(slot.path.path().as_os_str());
        by_path.insert_unique(hash, id as u32, |&id| hash_of(&seats[id as usize], hasher));
        self.seats[id] = Seat::Awake(Box::new(slot));
        self.touch(id);
        id
    }

    /// Follows an awake path no more.
    pub(super) fn remove(&mut self, id: usize) -> Option<Box<Slot>> {
        self.awake(id)?;
        let Seat::Awake(slot) = mem::replace(&mut self.seats[id], Seat::Vacant) else {
            return None;
        };
        let hash = self.hasher.hash_one(slot.path.path().as_os_str());
        if let Ok(entry) = self.by_path.find_entry(hash, |&other| other as usize == id) {
            entry.remove();
        }
        self.vacant.push(id);
        Some(slot)
    }

    /// A path that does not rest.
    pub(super) fn awake(&self, id: usize) -> Option<&Slot> {
        match self.seats.get(id)? {
            Seat::Awake(slot) => Some(slot),
            Seat::Resting(_) | Seat::Vacant => None,
        }
    }

    /// The same, to be changed.
    pub(super) fn awake_mut(&mut self, id: usize) -> Option<&mut Slot> {
        self.awake(id)?;
        self.touch(id);
        match &mut self.seats[id] {
            Seat::Awake(slot) => Some(slot),
            Seat::Resting(_) | Seat::Vacant => None,
        }
    }

    /// All that do not rest.
    pub(super) fn all_awake(&self) -> impl Iterator<Item = &Slot> {
        self.ids().filter_map(|id| self.awake(id))
    }

    /// A path, which does not rest from now on.
    pub(super) fn wake(&mut self, id: usize, now: Instant) -> Option<&mut Slot> {
        let seat = self.seats.get_mut(id)?;
        if let Seat::Resting(_) = seat
            && let Seat::Resting(resting) = mem::replace(seat, Seat::Vacant)
        {
            *seat = Seat::Awake(Box::new(resting.wake(id, now)));
        }
        self.awake_mut(id)
    }

    pub(super) fn resting(&self, id: usize) -> Option<&Resting> {
        match self.seats.get(id)? {
            Seat::Resting(resting) => Some(resting),
            Seat::Awake(_) | Seat::Vacant => None,
        }
    }

    /// How many rest.
    pub(super) fn count_resting(&self) -> usize {
        self.seats.iter().filter(|seat| matches!(seat, Seat::Resting(_))).count()
    }

    /// In which sweep a path was last looked at.
    pub(super) fn sweep(&self, id: usize) -> Option<u32> {
        match self.seats.get(id)? {
            Seat::Vacant => None,
            Seat::Resting(resting) => Some(resting.sweep),
            Seat::Awake(slot) => Some(slot.sweep),
        }
    }

    /// A path that rests was looked at in this sweep, and rests on.
    pub(super) fn rests_on(&mut self, id: usize, sweep: u32) {
        if let Some(Seat::Resting(resting)) = self.seats.get_mut(id) {
            resting.sweep = sweep;
        }
    }

    /// Another entry of `files` names a path from now on.
    pub(super) fn belongs_to(&mut self, id: usize, settings: &Arc<FileSettings>) {
        match self.seats.get_mut(id) {
            Some(Seat::Resting(resting)) => resting.belongs_to(Arc::clone(settings)),
            Some(Seat::Awake(slot)) => slot.path.belongs_to(Arc::clone(settings)),
            Some(Seat::Vacant) | None => {}
        }
    }

    /// Whether something that a path reads or has read begins with these bytes, as far as that is known.
    pub(super) fn begins_like(&self, id: usize, bytes: &[u8]) -> bool {
        match self.seats.get(id) {
            Some(Seat::Resting(resting)) => resting.begins_like(bytes),
            Some(Seat::Awake(slot)) => slot.path.begins_like(bytes),
            Some(Seat::Vacant) | None => false,
        }
    }

    /// Puts to rest what was touched and can rest.
    pub(super) fn let_rest(&mut self) {
        for id in self.touched.drain(..) {
            let Some(seat) = self.seats.get_mut(id) else { continue };
            let Seat::Awake(slot) = seat else { continue };
            slot.is_touched = false;
            if let Some(resting) = slot.rest() {
                *seat = Seat::Resting(resting);
            }
        }
    }

    fn touch(&mut self, id: usize) {
        if let Some(Seat::Awake(slot)) = self.seats.get_mut(id)
            && !mem::replace(&mut slot.is_touched, true)
        {
            self.touched.push(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::position::Milestone;

    #[test]
    fn a_path_that_rests_is_small() {
        assert!(size_of::<Seat>() <= 32, "{}", size_of::<Seat>());
        // With the counts in front of it, and what the allocator adds.
        assert!(size_of::<Milestone>() + 16 + 8 <= 160, "{}", size_of::<Milestone>());
    }
}
