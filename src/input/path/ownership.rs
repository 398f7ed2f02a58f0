//! Which path reads which file, which path waits for one, and what was read lately.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::effects::Effects;
use super::generation::Generation;
use crate::input::rotation::archive::places;
use crate::input::rotation::identity::Found;
use crate::input::rotation::names::{is_sibling_of, is_telling_sibling_of, telling_bases};
use crate::pipeline::checkpoint::CheckpointNow;
use crate::pipeline::position::{Inode, Position, Source, SourceId};

/// Who reads a file. There is one for each that is followed: as small as can be.
struct Owner {
    path: u32,
    /// When the file was born, if that is known.
    born: Option<NonZero<i64>>,
}

/// Which path reads which file.
#[derive(Default)]
pub(in crate::input) struct Ownership {
    /// By device, and by the number of the inode there.
    owners: HashMap<u64, HashMap<u64, Owner>>,
    /// Paths whose file another path still reads.
    waiting: HashMap<Inode, (usize, Arc<Path>)>,
    /// The files let go last, and how far they were read: another glob may name them later.
    let_go: VecDeque<(Arc<Source>, Position)>,
    /// Files that are copies of what a path reads, though they have paths of their own: rotation may
    /// have made them, and what that path has not read when it is truncated is there.
    copies: VecDeque<(Inode, usize)>,
    /// Rotated files that one path has found and that another may claim: who has found which.
    open_claims: Vec<(Inode, usize)>,
    /// Files that nobody reads until it is decided whose they are, and what the checkpoint knows them by.
    put_aside: HashMap<Inode, SourceId>,
    /// What it is to know no more: somebody reads them.
    decided: Vec<CheckpointNow>,
}

/// How many files are remembered that were let go.
const LET_GO_MAX: usize = 1024;

impl Ownership {
    /// `path` reads this file.
    pub(in crate::input) fn claim(&mut self, inode: Inode, path: usize) {
        self.decide(inode);
        let owner = Owner { path: path as u32, born: inode.born };
        self.owners.entry(inode.device).or_default().insert(inode.number, owner);
    }

    /// Nobody reads this file until it is decided whose it is. The checkpoint knows it by this number until then, so
    /// that the next run looks for it, should this one be killed.
    pub(super) fn put_aside(&mut self, inode: Inode, known_as: SourceId) {
        self.decide(inode);
        self.put_aside.insert(inode, known_as);
    }

    /// It is decided whose this file is: whoever reads it tells the checkpoint.
    pub(in crate::input) fn decide(&mut self, inode: Inode) {
        self.decided.extend(self.put_aside.remove(&inode).map(CheckpointNow::forget));
    }

    /// What the checkpoint is to know no more of what was decided.
    pub(in crate::input) fn take_decided(&mut self) -> Vec<CheckpointNow> {
        std::mem::take(&mut self.decided)
    }

    /// `path` does not read it any more.
    pub(super) fn release(&mut self, inode: Inode, path: usize) {
        if self.owner(inode) == Some(path)
            && let Some(owners) = self.owners.get_mut(&inode.device)
        {
            owners.remove(&inode.number);
            if owners.is_empty() {
                self.owners.remove(&inode.device);
            }
        }
    }

    /// Who reads this file. A reused inode is another file.
    pub(in crate::input) fn owner(&self, inode: Inode) -> Option<usize> {
        let owner = self.owners.get(&inode.device)?.get(&inode.number)?;
        let same_birth = owner.born.is_none() || inode.born.is_none() || owner.born == inode.born;
        same_birth.then_some(owner.path as usize)
    }

    /// `path` has found this file and reads it, unless another path turns out to.
    pub(in crate::input) fn claim_if_unread(&mut self, inode: Inode, path: usize) {
        self.open_claims.push((inode, path));
    }

    /// It is decided who reads what was found.
    pub(in crate::input) fn settle_claims(&mut self) {
        self.open_claims.clear();
    }

    /// Whether it is still to be decided who reads something that was found.
    pub(super) fn has_open_claims(&self) -> bool {
        !self.open_claims.is_empty()
    }

    /// Whether this file is read, as far as `path` is concerned: what another one has just found may
    /// be its own.
    pub(super) fn is_taken(&self, inode: Inode, path: usize) -> bool {
        let is_open = |&(found, by): &(Inode, usize)| found == inode && by != path;
        self.owner(inode).is_some()
            && !self.open_claims.iter().any(is_open)
            && !self.copies.contains(&(inode, path))
    }

    /// This file is a copy of what `path` reads.
    pub(super) fn note_copy(&mut self, inode: Inode, of: usize) {
        if self.copies.len() >= LET_GO_MAX {
            self.copies.pop_front();
        }
        self.copies.push_back((inode, of));
    }

    /// Whether this file is read, or was until lately.
    pub(super) fn is_known(&self, inode: Inode) -> bool {
        self.owner(inode).is_some() || self.let_go(inode).is_some()
    }

    /// The file of this source was read up to `position`.
    pub(super) fn note_read(&mut self, source: Arc<Source>, position: Position) {
        if self.let_go.len() >= LET_GO_MAX {
            self.let_go.pop_front();
        }
        self.let_go.push_back((source, position));
    }

    /// How far a file was read that was let go.
    pub(super) fn let_go(&self, inode: Inode) -> Option<Position> {
        let mut newest_first = self.let_go.iter().rev();
        newest_first.find(|(known, _)| known.inode == inode).map(|&(_, position)| position)
    }

    /// Whether it was let go by `path`.
    pub(super) fn let_go_at(&self, inode: Inode, path: &Path) -> bool {
        self.let_go.iter().any(|(known, _)| known.inode == inode && known.path.is(path))
    }

    /// When what `path` named and was let go was written last.
    pub(super) fn let_go_until(&self, path: &Path) -> i64 {
        let own = self.let_go.iter().filter(|(known, _)| known.path.is(path));
        own.map(|(_, position)| position.modified).max().unwrap_or(i64::MIN)
    }

    /// Whether `found` is what rotation has made of a file that was let go, under whatever path it
    /// was followed.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(super) fn was_read(&self, found: &mut Found) -> io::Result<bool> {
        let path = found.path.clone();
        let bases = telling_bases(&path);
        let is_of = |place: PathBuf| {
            let is_kin = || bases.iter().any(|base| is_telling_sibling_of(base, &place));
            is_sibling_of(&place, &path) || is_kin()
        };
        let is_sibling = |of: &Source| places(of).any(is_of);
        let siblings = self.let_go.iter().filter(|(source, _)| is_sibling(source));
        found.is_all_before_any(siblings.map(|(_, position)| position))
    }

    /// `path` takes this file over when its owner lets it go.
    pub(super) fn wait_for(&mut self, inode: Inode, path: usize, name: &Arc<Path>) {
        self.waiting.insert(inode, (path, Arc::clone(name)));
    }

    /// Where the path stands that waits for this file.
    pub(super) fn awaited_at(&self, inode: Inode) -> Option<&Path> {
        self.waiting.get(&inode).map(|(_, name)| &**name)
    }

    pub(super) fn is_awaited(&self, inode: Inode) -> bool {
        self.waiting.contains_key(&inode)
    }

    /// `path` is gone.
    pub(in crate::input) fn wait_no_more(&mut self, path: usize) {
        self.waiting.retain(|_, (waiting, _)| *waiting != path);
    }

    /// Who waits for this file. Nobody does from now on.
    pub(in crate::input) fn waiter(&mut self, inode: Inode) -> Option<usize> {
        self.waiting.remove(&inode).map(|(path, _)| path)
    }

    /// A generation is complete: nothing more is to be known of it, once it has arrived, but that
    /// its file was read.
    pub(in crate::input) fn forget(&mut self, generation: &Generation) -> Effects {
        self.note_read(Arc::clone(&generation.source), generation.position);
        let is_whole = generation.is_compressed() || generation.holds_its_position();
        if generation.is_copy() && is_whole {
            let copy = Source { inode: generation.reads(), ..Source::clone(&generation.source) };
            self.note_read(Arc::new(copy), generation.position);
        }
        let mut effects = Effects::default();
        effects.forget(generation);
        effects
    }
}
