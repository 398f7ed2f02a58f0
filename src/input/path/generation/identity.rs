//! Whether a file is the one of a generation, whatever has its name, and finding it again.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Instant;

use super::super::transitions::{Medium, Phase};
use super::{Extent, Generation, Reads};
use crate::input::read::content::{Content, Stat, open};
use crate::input::read::overwritten::before_overwritten;
use crate::input::read::records::without_nuls_behind;
use crate::input::rotation::archive;
use crate::input::rotation::directories::{Directories, Sibling};
use crate::input::rotation::identity::{self, Found};
use crate::input::rotation::judge::{
    Change, Match, Relation, is_truncated, judge, same_but_device, same_inode,
};
use crate::pipeline::position::{Head, Inode};
use crate::shown::Show;

impl Generation {
    /// What has become of it, given what is found at its path.
    pub(in crate::input) fn judge(&self, stat: Option<&Stat>) -> Change {
        judge(self.known(), stat)
    }

    /// Whether `stat` and the content at `path` say that this generation still stands there.
    /// The device may have another number after a reboot.
    pub(in crate::input) fn recognises(&self, path: &Path, stat: &Stat) -> bool {
        let (known, seen) = (self.source.inode, stat.inode);
        let device_may_differ = known.born.is_some() && known.born == seen.born;
        if !same_but_device(known, seen) || known.device != seen.device && !device_may_differ {
            return false;
        }
        if stat.size == self.position.offset && stat.modified == self.position.modified {
            return true;
        }
        // Where it cannot be opened, or was renamed since: reading shows what it holds.
        let file = open_as(path, stat.inode).ok().flatten();
        let is_other = file.is_some_and(|file| self.is_not_in(&mut Content::Plain(file)));
        stat.size >= self.position.offset && !is_other
    }

    /// Opens the current file at `path`. False when the path names another file by now.
    pub(in crate::input) fn open_current(&mut self, path: &Path) -> io::Result<bool> {
        self.content = open_as(path, self.source.inode)?.map(Content::Plain);
        Ok(self.content.is_some())
    }

    /// Looks for a past generation whose descriptor is closed: what holds its content now.
    /// `is_reused`: its file was truncated, and holds a newer generation.
    /// `is_taken`: what other generations were made into. `sure`: not one that merely begins alike.
    ///
    /// # Errors
    /// When it cannot be told for now.
    pub(in crate::input) fn open_past(
        &mut self,
        directories: &Directories,
        is_reused: bool,
        is_taken: impl Fn(Inode) -> bool,
        sure: bool,
    ) -> io::Result<Option<(Stat, Relation)>> {
        let (source, reads) = (&*self.source, self.reads());
        let mut found =
            if is_reused { None } else { archive::by_inode(directories, source, &self.position)? };
        if found.is_none() {
            let is_taken = |sibling: &Sibling| {
                let inode = sibling.stat.inode;
                inode != reads && is_taken(inode)
            };
            found = archive::by_content(directories, source, &self.position, is_taken)?;
            found = found.filter(|found| match found.relation {
                Relation::GoesOn(Match::Exact) => true,
                Relation::GoesOn(Match::Plausible) => !sure,
                // A file that is gone leaves no shorter copy: another log begins alike.
                _ => is_reused && !sure,
            });
        }
        let Some(found) = found else { return Ok(None) };
        tracing::debug!(
            "{} goes on in {} from byte {}",
            self.source.path.to_path_buf().shown(),
            found.path.shown(),
            self.position.offset
        );
        let (stat, relation) = (found.stat, found.relation);
        self.continue_in(found);
        Ok(Some((stat, relation)))
    }

    /// Reads on in what rotation has made of the file.
    pub(in crate::input) fn continue_in(&mut self, found: Found) {
        if found.stat.inode.number != self.source.inode.number {
            // A copy may be shorter than the file was when it was truncated.
            self.extent = Extent::Seen(self.position.offset);
        }
        if matches!(found.content, Content::Compressed(_)) {
            // It has the time of what it was made of.
            self.position.modified = self.position.modified.max(found.stat.modified);
        }
        self.reads = match found.stat.inode == self.source.inode {
            true => Reads::Original,
            false => Reads::Copy(found.stat.inode),
        };
        self.content = Some(found.content);
    }

    /// Whether what is open begins with the bytes that it is known by.
    pub(in crate::input) fn begins_alike(&mut self) -> bool {
        let (head, mut bytes) = (self.position.head, [0; Head::MAX]);
        let bytes = &mut bytes[..usize::from(head.len)];
        let read = self.content.as_mut().map(|content| content.read_at(0, bytes));
        head.len > 0 && matches!(read, Some(Ok(count)) if head.matches(&bytes[..count]))
    }

    /// Whether what is open still holds what was read.
    pub(in crate::input) fn is_same(&mut self) -> bool {
        let is_shorter = self.stat().is_some_and(|stat| self.is_too_short(stat.size));
        let mut content = self.content.take();
        let is_other = content.as_mut().is_some_and(|content| self.is_not_in(content));
        self.content = content;
        !is_shorter && !is_other
    }

    /// Whether a file of this `size` cannot hold what was read of it. Where nothing was read, its first bytes say
    /// whether it is the same, however much of it was seen.
    fn is_too_short(&self, size: u64) -> bool {
        let is_told_by_head = self.position.offset == 0 && self.head().len > 0 && size > 0;
        is_truncated(self.known(), size) && !is_told_by_head
    }

    /// Whether the open file holds all that was read of it, though it is shorter than it was seen to be. Where
    /// nothing was read, it begins as it was seen to.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn is_shortened(&mut self) -> io::Result<bool> {
        if self.stat().is_none_or(|stat| self.is_too_short(stat.size)) {
            return Ok(false);
        }
        let Some(content) = &mut self.content else { return Ok(false) };
        let relation = identity::compare(content, &self.position, self.position.modified)?;
        Ok(relation.goes_on())
    }

    /// What was seen behind its position is gone, up to the present end of its file. Returns how many
    /// bytes that were.
    pub(in crate::input) fn forgo_lost(&mut self) -> u64 {
        let size = self.stat().map_or(self.position.offset, |stat| stat.size);
        let lost = self.size().saturating_sub(size);
        self.extent = Extent::Seen(size);
        self.read_size = self.read_size.min(size);
        self.pending = None;
        lost
    }

    /// Whether what is open may be a log. What is empty may become one, and so may what cannot be told.
    pub(in crate::input) fn may_be_a_log(&mut self) -> bool {
        self.stat().is_none_or(|stat| stat.size == 0)
            || self
                .content
                .as_mut()
                .is_none_or(|content| content.looks_like_a_log().unwrap_or(true))
    }

    /// Whether `content`, which should be that of its file, is not what was read; its last records may
    /// have been overwritten.
    fn is_not_in(&self, content: &mut Content) -> bool {
        match identity::compare(content, &self.position, self.position.modified) {
            Ok(Relation::Other) => {
                matches!(before_overwritten(content, &self.position), Ok(None))
            }
            Ok(Relation::Shorter) => true,
            Ok(Relation::GoesOn(_)) | Err(_) => false,
        }
    }

    /// Whether its file is deleted, was read to its end, and `found` goes on there: a longer copy of it.
    ///
    /// # Errors
    /// It cannot be told for now.
    pub(in crate::input) fn was_deleted_before(&self, found: &mut Found) -> io::Result<bool> {
        let has_grown = self.stat().is_some_and(|stat| stat.size > self.size());
        if self.medium_now() != Medium::Deleted || self.unread() > 0 || has_grown {
            return Ok(false);
        }
        found.goes_on_after(&self.position)
    }

    /// Whether its file is deleted, and nobody writes to it any more.
    pub(in crate::input) fn is_abandoned(&self) -> bool {
        self.medium_now() == Medium::Deleted && self.has_writer() == Some(false)
    }

    /// Whether `found` is what rotation has made of its file. Logs may begin alike: where the file
    /// is not at hand to compare with, and little of it was read, it must have the same time as
    /// well.
    /// `is_reused`: its file was truncated, and only a copy can be what it is read from.
    pub(in crate::input) fn is_in(
        &mut self,
        found: &mut Found,
        is_reused: bool,
    ) -> io::Result<bool> {
        let mut opened = None;
        if self.content.is_none() && self.phase == Phase::Current {
            opened = open_as(&self.source.path.to_path_buf(), self.source.inode).ok().flatten();
        }
        let mut opened = opened.map(Content::Plain);
        match self.content.as_mut().or(opened.as_mut()) {
            Some(original @ Content::Plain(_)) => {
                found.is_copy_of(original, self.phase == Phase::Current)
            }
            None => {
                // Not to be told yet, where what is being compressed begins alike.
                let continues = found.continues(&self.position)?;
                // Nobody would look for it in an older file.
                let is_late = found.stat.modified >= archive::oldest(&self.position);
                let is_exact = found.relation == Relation::GoesOn(Match::Exact);
                Ok(continues && (is_reused && is_late || is_exact))
            }
            _ if self.position.modified != found.stat.modified => Ok(false),
            _ => found.continues(&self.position),
        }
    }

    /// The first bytes of what is open.
    pub(in crate::input) fn first_bytes(&mut self) -> Option<Vec<u8>> {
        let mut bytes = vec![0; Head::MAX];
        let count = self.content.as_mut()?.read_at(0, &mut bytes).ok()?;
        bytes.truncate(count);
        Some(bytes)
    }

    /// Whether its file is open, and nothing of it can be read.
    pub(in crate::input) fn is_unreadable(&mut self) -> bool {
        self.content.as_mut().is_some_and(|content| content.read_at(0, &mut [0]).is_err())
    }

    /// Whether what is open is compressed, and so does not grow once it is complete.
    pub(in crate::input) fn is_compressed(&self) -> bool {
        matches!(self.content, Some(Content::Compressed(_)))
    }

    /// Whether it is a copy of the file that is read.
    pub(in crate::input) fn is_copy(&self) -> bool {
        self.reads().number != self.source.inode.number
    }

    /// Whether what is open is compressed and has stopped short of its end.
    pub(in crate::input) fn is_cut(&self) -> bool {
        self.content.as_ref().is_some_and(|content| content.defect().is_some())
    }

    /// To be asked then: whether nothing more will come.
    pub(in crate::input) fn is_given_up(&mut self, now: Instant) -> bool {
        match &mut self.content {
            Some(Content::Compressed(reader)) => reader.is_given_up(now),
            _ => true,
        }
    }

    /// Takes the fingerprint of a file of which nothing was read yet, so that it is known again if
    /// it is copied and truncated before it is read. Returns whether the position has changed.
    pub(in crate::input) fn fingerprint_unread(&mut self, path: &Path, stat: &Stat) -> bool {
        let full = usize::from(self.position.head.len) >= Head::MAX;
        if self.position.offset > 0
            || full
            || self.is_compressed()
            || stat.size <= u64::from(self.position.head.len)
        {
            return false;
        }
        let (mut bytes, mut last) = ([0; Head::MAX], [0]);
        let mut read = |content: &mut Content| {
            content.read_at(stat.size - 1, &mut last)?;
            content.read_at(0, &mut bytes)
        };
        let count = match &mut self.content {
            Some(content) => read(content).ok(),
            None => open_as(path, stat.inode)
                .ok()
                .flatten()
                .and_then(|file| read(&mut Content::Plain(file)).ok()),
        };
        let Some(count) = count else { return false };
        let mut bytes = &bytes[..count];
        // NULs up to the end may be filled in.
        if last == [0] {
            bytes = &bytes[..without_nuls_behind(bytes)];
        }
        let known = self.position.head;
        if !known.matches(bytes) || bytes.len() <= usize::from(known.len) {
            return false;
        }
        self.position.head = Head::of(bytes);
        self.position.modified = stat.modified;
        true
    }
}

/// Opens what `path` names, if that is the regular file with `inode`.
pub(in crate::input) fn open_as(path: &Path, inode: Inode) -> io::Result<Option<File>> {
    let file = open(path)?;
    let stat = Stat::of(&file.metadata()?);
    Ok((stat.is_regular && same_inode(inode, stat.inode)).then_some(file))
}
