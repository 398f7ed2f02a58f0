//! Copies of followed files that the globs match as well: rotation by copying makes them. What they hold
//! is read under the path it was written to, so it is not read again under theirs.

use std::num::NonZero;
use std::path::Path;
use std::time::{Duration, Instant};

use tracing::{debug, info};

use super::Scheduler;
use super::slot::{Origin, Slot, Suspect};
use crate::input::path::{Claim, Effects, ReadFrom};
use crate::input::read::content::Stat;
use crate::input::rotation::archive;
use crate::input::rotation::identity::Found;
use crate::input::rotation::judge::same_inode;
use crate::input::rotation::names;
use crate::shown::Show;

/// A copy counts as complete when it has not grown for so long.
const COMPLETE: Duration = Duration::from_secs(1);
/// For no longer it is waited for that under a name that stays. One that goes on growing is held against what is read by
/// what it has until then.
const GROWING: Duration = Duration::from_secs(60);
/// The same for one that gets another name when it is complete, and comes over a network perhaps.
const COMPLETE_UNNAMED: Duration = Duration::from_secs(10);

impl Scheduler {
    /// Whether the path may be read. One that has just come is held against those that it may
    /// have been rotated away from, before anything of it is read.
    pub(super) fn is_examined(&mut self, id: usize, now: Instant) -> bool {
        let Some(slot) = self.slots.wake(id, now) else { return false };
        let inode = slot.path.current_inode();
        match &slot.origin {
            Origin::Suspect(_) => false,
            Origin::Copy(known) if *known == inode => self.is_copied_no_more(id, now),
            Origin::Own(known) if inode.is_none() || *known == inode => true,
            _ if slot.path.is_current_begun() => {
                slot.origin = Origin::Own(inode);
                true
            }
            // What is written to it from now on is an event.
            _ if slot.path.unread_beginning().is_none() => slot.path.has_older(),
            _ => {
                let originals = self.alike(id);
                let Some(slot) = self.slots.awake_mut(id) else { return false };
                if originals.is_empty() {
                    slot.origin = Origin::Own(inode);
                    return true;
                }
                self.suspect(id, originals, now);
                false
            }
        }
    }

    /// Holds a file that begins like another against that as soon as it is seen. While nothing is read, as without a
    /// receiver, that may be truncated, and is to find its copy, which is nobody's.
    pub(super) fn suspect_at_sight(&mut self, id: usize, now: Instant) {
        let is_new = |slot: &&Slot| {
            let is_known = match &slot.origin {
                Origin::Unexamined => false,
                Origin::Own(known) | Origin::Copy(known) => *known == slot.path.current_inode(),
                Origin::Suspect(_) => true,
            };
            !is_known && slot.path.unread_beginning().is_some()
        };
        // At the start, the others may not be known yet.
        if self.first_pass.is_some() || self.slots.awake(id).filter(is_new).is_none() {
            return;
        }
        let originals = self.alike(id);
        if !originals.is_empty() {
            self.suspect(id, originals, now);
        }
    }

    fn suspect(&mut self, id: usize, originals: Vec<usize>, now: Instant) {
        let Some(slot) = self.slots.awake_mut(id) else { return };
        let inode = slot.path.current_inode();
        debug!("{} begins like a file that is followed", slot.path.path().shown());
        let (size, quiet) = (slot.path.unread_beginning().unwrap_or_default(), quiet(slot));
        let mut effects = Effects::default();
        match names::completed(slot.path.path()) {
            // What gets its name while nothing runs is no news to the next run.
            Some(_) => effects = slot.path.disown(&mut self.shared),
            None => slot.path.put_aside(&mut self.shared),
        }
        slot.origin = Origin::Suspect(Box::new(Suspect {
            originals,
            size,
            inode,
            look_at: now + quiet,
            until: now + GROWING,
        }));
        slot.is_pending = true;
        self.take_in(effects);
        self.wake_at(id, now + quiet);
    }

    /// Whether something in a copy is to be read: the log may have been copied once more.
    fn is_copied_no_more(&mut self, id: usize, now: Instant) -> bool {
        let Some(slot) = self.slots.awake(id).filter(|slot| slot.path.unread() > 0) else {
            return true;
        };
        let (path, inode) = (slot.path.path().to_owned(), slot.path.current_inode());
        let originals = self.alike(id);
        let from = self.copied_by(&path, originals, now);
        let Some(slot) = self.slots.awake_mut(id) else { return false };
        if let Some(ReadFrom::EndAsCopyOf(_)) = from {
            let effects = slot.path.read_behind_copy();
            self.take_in(effects);
            return true;
        }
        slot.origin = Origin::Own(inode);
        true
    }

    /// A file that has got the name it was written for before anything was read of it is left to that: the path
    /// of that name knows whether it goes on there.
    pub(super) fn leave_completed(&mut self, id: usize, now: Instant) {
        let Some(slot) = self.slots.awake_mut(id).filter(|slot| !slot.path.is_current_begun())
        else {
            return;
        };
        let (path, inode) = (names::completed(slot.path.path()), slot.path.current_inode());
        let Some((path, inode)) = path.zip(inode) else { return };
        if !Stat::at(&path).is_ok_and(|stat| same_inode(stat.inode, inode)) {
            return;
        }
        let effects = slot.path.disown(&mut self.shared);
        self.take_in(effects);
        // It may have been looked at before.
        if let Some(waiter) = self.shared.ownership.waiter(inode) {
            self.look(waiter, now);
        }
    }

    /// A file that was renamed before it was held against those that it may be a copy of is given up here:
    /// their paths know what they have read, and find it under a name that rotation makes. Returns them, and
    /// when it was born.
    pub(super) fn leave_unexamined(&mut self, id: usize) -> Option<(Vec<usize>, i64)> {
        let slot = self.slots.awake_mut(id)?;
        if !matches!(slot.origin, Origin::Unexamined) {
            return None;
        }
        let (inode, first) = slot.path.renamed_unread()?;
        let path = slot.path.path().to_owned();
        let born = inode.born?.get();
        let mut originals = self.originals(id);
        originals.retain(|&log| self.slots.begins_like(log, &first));
        if originals.is_empty() {
            return None;
        }
        let name = archive::moved(&self.shared.directories, &path, inode).ok()??;
        let finds_it = |log: &Path| names::is_telling_sibling_of(log, &name);
        originals.retain(|&log| self.slots.path(log).is_some_and(|log| finds_it(&log)));
        if originals.is_empty() {
            return None;
        }
        let slot = self.slots.awake_mut(id)?;
        let effects = slot.path.disown(&mut self.shared);
        self.take_in(effects);
        Some((originals, born))
    }

    /// The paths that the current file of a path may be a copy of: it begins like what is read there. The path may
    /// name another file by now.
    fn alike(&mut self, id: usize) -> Vec<usize> {
        let mut originals = self.originals(id);
        if !originals.is_empty() {
            let first = self.slots.awake_mut(id).and_then(|slot| slot.path.first_bytes());
            let begins_like = |&log: &usize| {
                first.as_ref().is_some_and(|bytes| self.slots.begins_like(log, bytes))
            };
            originals.retain(begins_like);
        }
        originals
    }

    /// The paths from which a file was rotated away, as its name says. Logs of several workers begin alike, so a
    /// mere number in a name tells nothing.
    fn originals(&self, id: usize) -> Vec<usize> {
        let Some(path) = self.slots.path(id) else { return Vec::new() };
        let mut bases = names::telling_bases(&path);
        let written_for = names::completed(&path);
        bases.extend(written_for.or_else(|| names::backed_up(&path)));
        let originals = bases.iter().filter_map(|base| self.slots.find(base));
        originals.filter(|&other| other != id).collect()
    }

    /// Looks again at a file that may be a copy, when it is time. Returns whether it is decided.
    pub(super) fn settle_suspect(&mut self, id: usize, now: Instant) -> bool {
        let Some(slot) = self.slots.awake_mut(id) else { return true };
        let quiet = quiet(slot);
        let Origin::Suspect(suspect) = &mut slot.origin else { return true };
        let path = slot.path.path().to_owned();
        if suspect.look_at > now {
            let at = suspect.look_at;
            self.wake_at(id, at);
            return false;
        }
        let stat = Stat::at(&path).ok();
        let size = stat.map_or(0, |stat| stat.size);
        let has_grown = std::mem::replace(&mut suspect.size, size) != size;
        // What gets another name is never read before that while it grows: its pieces hold what was read and what was not.
        let may_grow = now < suspect.until || names::completed(&path).is_some();
        if stat.is_some() && has_grown && may_grow {
            suspect.look_at = now + quiet;
            self.wake_at(id, now + quiet);
            return false;
        }
        let (originals, known) = (std::mem::take(&mut suspect.originals), suspect.inode);
        if let Some(known) = known {
            self.shared.ownership.decide(known);
        }
        let born = known.and_then(|inode| inode.born).map(NonZero::get);
        let inode = stat.map(|stat| stat.inode);
        slot.origin = Origin::Own(inode);
        slot.is_pending = false;
        if stat.is_none()
            && names::completed(&path).is_none()
            && let Some(born) = born
        {
            // It may have been compressed meanwhile.
            self.look_for_vanished(originals, born, now);
            return true;
        }
        let is_taken = |stat: Stat| self.shared.ownership.owner(stat.inode).is_some();
        if stat.is_some_and(|stat| !is_taken(stat))
            && let Some(from) = self.copied_by(&path, originals, now)
            && let Some(slot) = self.slots.awake_mut(id)
        {
            info!("{} is a copy of a followed file: only what is added is read", path.shown());
            if let ReadFrom::EndAsCopyOf(_) = from {
                slot.origin = Origin::Copy(inode);
            }
            let effects = slot.path.begin(from, &mut self.shared, now);
            self.take_in(effects);
        }
        true
    }

    /// Decides at the end what waits for its time: the next run does not know what this one has read.
    pub(in crate::input) fn settle_suspects(&mut self, now: Instant) {
        for id in self.slots.ids() {
            // Nothing is unread of what rests.
            if self.slots.awake(id).is_none() {
                continue;
            }
            self.is_examined(id, now);
            let Some(slot) = self.slots.awake_mut(id) else { continue };
            if let Origin::Suspect(suspect) = &mut slot.origin {
                suspect.look_at = now;
                suspect.size = Stat::at(slot.path.path()).map_or(0, |stat| stat.size);
                self.settle_suspect(id, now);
            }
        }
    }

    /// Has the paths that a file may be a copy of look for what has become of it.
    pub(super) fn look_for_vanished(&mut self, originals: Vec<usize>, born: i64, now: Instant) {
        for original in originals {
            let Some(slot) = self.slots.wake(original, now) else { continue };
            let effects = slot.path.look_for_vanished(born, &mut self.shared, now);
            if slot.path.has_older() {
                self.queue(original, now);
            }
            self.take_in(effects);
        }
    }

    /// From where the file at `path` is read that is a copy of what one of these paths reads.
    fn copied_by(&mut self, path: &Path, originals: Vec<usize>, now: Instant) -> Option<ReadFrom> {
        let found = Found::open(&self.shared.directories, path.to_owned());
        let mut found = found.ok().flatten()?;
        originals.into_iter().find_map(|id| match self.claims_of(id, &mut found, now) {
            // What cannot be told is read: better twice than not at all.
            Claim::Nothing | Claim::Undecided => None,
            Claim::All => Some(ReadFrom::EndAsCopyOf(id)),
            Claim::UpTo(position) => Some(ReadFrom::Position(position)),
        })
    }
}

/// For how long a copy under the name of a path must not have grown to be complete.
fn quiet(slot: &Slot) -> Duration {
    match names::completed(slot.path.path()) {
        Some(_) => COMPLETE_UNNAMED,
        None => COMPLETE,
    }
}
