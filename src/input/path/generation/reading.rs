//! Reading a generation, and what is to be done at its end.

use std::io;
use std::time::Instant;

use super::super::reading::Pass;
use super::super::transitions::{Medium, Phase, Progress};
use super::{Extent, Generation};
use crate::input::read::content::Stat;
use crate::input::read::pending::Pending;
use crate::input::read::reader::{Counts, Read, ReadPlace, Reader, mark};
use crate::input::rotation::judge;
use crate::pipeline::batch::Batch;
use crate::pipeline::checkpoint::CheckpointBehind;
use crate::shown::Show;

impl Generation {
    /// Reads once, no further than `bound`.
    ///
    /// # Errors
    /// It cannot be read.
    pub(in crate::input::path) fn read(
        &mut self,
        bound: u64,
        pass: &mut Pass<'_>,
        now: Instant,
    ) -> io::Result<Progress> {
        let read = self.read_once(bound, pass, now);
        if self.is_cut() && !matches!(read, Ok(Read::Some { .. })) {
            let is_over = self.is_given_up(now);
            return Ok(if is_over { Progress::Damaged } else { Progress::Incomplete });
        }
        let read = read?;
        if self.phase != Phase::Current && !matches!(read, Read::Rewritten) {
            self.was_sound = true;
        }
        Ok(match read {
            Read::Some { at_end: false } => Progress::More,
            Read::Some { at_end: true } => Progress::ReadToEnd,
            Read::End { unfinished: 0 } => Progress::Eof,
            Read::End { .. } => Progress::Unfinished,
            Read::Undecided => Progress::Undecided,
            // Reading goes on in that encoding at once.
            Read::Wide(_) => Progress::More,
            // The same as with what is compressed: its writer may be at work there.
            Read::NotYet(_) => Progress::Incomplete,
            // A copy may have been made before the last lines were read.
            Read::Rewritten if self.is_compressed() || self.is_copy() => Progress::NotItsCopy,
            Read::Rewritten if self.is_shortened()? => Progress::Shortened,
            Read::Rewritten => Progress::Rewritten,
        })
    }

    fn read_once(&mut self, bound: u64, pass: &mut Pass<'_>, now: Instant) -> io::Result<Read> {
        let is_ours = |seen: &mut Stat| seen.inode == self.reads() && !self.is_compressed();
        // A smaller size may have been seen before the one that is known.
        let seen = pass.seen.take_if(is_ours).filter(|seen| seen.size >= self.size());
        let known = self.known();
        let Some(content) = &mut self.content else { return Ok(Read::End { unfinished: 0 }) };
        // Taken before reading, so that a change while reading is not overlooked later.
        let stat = seen.or_else(|| content.stat());
        self.medium = Medium::of(stat.as_ref());
        let was_read_to =
            |it: Stat| (it.size, it.modified) == (self.position.offset, self.position.modified);
        // A late writer is waited for, and has written nothing.
        if self.was_sound && self.pending.is_none() && stat.is_some_and(was_read_to) {
            return Ok(Read::End { unfinished: 0 });
        }
        if let Some(stat) = stat.filter(|stat| stat.size < known.size) {
            if !judge::is_cut_back(known, stat.size) {
                return Ok(Read::Rewritten);
            }
            self.extent = Extent::Seen(stat.size);
        }
        let before = pass.reader.counts;
        let own = self.wide.map(|wide| pass.format.settings.in_wide(wide));
        let format = pass.format.with(own.as_ref());
        let modified = stat.map_or(self.position.modified, |stat| stat.modified);
        let size = stat.map_or(u64::MAX, |stat| stat.size);
        let mut pending = self.pending.take().map_or_else(Pending::default, |pending| *pending);
        pending.ends(size);
        let (position, source) = (&mut self.position, &self.source);
        let seen = &mut pending;
        let mut place =
            ReadPlace { content, position, pending: seen, format, bound, size, source, modified };
        let read = pass.reader.read(&mut place, pass.batch)?;
        if let Read::Wide(wide) = read {
            self.wide = Some(wide);
            pass.seen = stat;
            return self.read_once(bound, pass, now);
        }
        self.pending = pending.says_something(self.position.offset).then(|| Box::new(pending));
        self.tell(before, pass.reader);
        if let Some(stat) = stat.filter(|_| !matches!(read, Read::Rewritten)) {
            // What was written while it was read is seen by reading alone.
            let size = stat.size.max(self.position.offset);
            if size > self.size() {
                self.quiet_since = now;
            }
            self.saw_size(size);
            self.read_size = self.read_size.max(size);
            self.position.modified = stat.modified;
        }
        if matches!(read, Read::Some { .. }) {
            mark(pass.batch, CheckpointBehind::reached(self.reached()));
        }
        Ok(read)
    }

    /// Says what was left out.
    fn tell(&mut self, before: Counts, reader: &Reader) {
        let after = reader.counts;
        let path = || self.source.path.to_path_buf();
        let (nuls, at) = (after.nuls - before.nuls, after.nuls_at);
        if nuls > 0 && at == 0 {
            tracing::info!(
                "{}: skipped {nuls} NUL bytes at its start: it was truncated under a writer that \
                 does not append",
                path().shown()
            );
        } else if nuls > 0 && !std::mem::replace(&mut self.reported.nuls, true) {
            tracing::warn!(
                "{}: skipped {nuls} NUL bytes at byte {at}, others may follow: after a crash of \
                 the system, lines may be missing there",
                path().shown()
            );
        }
        let is_overwritten = after.overwritten > before.overwritten;
        if is_overwritten && !std::mem::replace(&mut self.reported.overwriting, true) {
            tracing::info!(
                "{}: its last records were overwritten: what stands there now is read from byte {}",
                path().shown(),
                self.position.offset
            );
        }
        if after.cut > before.cut && !std::mem::replace(&mut self.reported.cut, true) {
            tracing::warn!(
                "{}: a line was too long and was cut, others may follow: {}",
                path().shown(),
                reader.limit()
            );
        }
    }

    /// Sends the unfinished last line.
    pub(in crate::input::path) fn read_unfinished(
        &mut self,
        pass: &mut Pass<'_>,
    ) -> io::Result<()> {
        self.read_rest(pass, Reader::read_unfinished)
    }

    /// Sends the last lines, with which nobody goes on.
    pub(in crate::input::path) fn read_undecided(&mut self, pass: &mut Pass<'_>) -> io::Result<()> {
        self.read_rest(pass, Reader::read_undecided)
    }

    fn read_rest(
        &mut self,
        pass: &mut Pass<'_>,
        read: fn(&mut Reader, &mut ReadPlace<'_>, &mut Batch) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some(content) = &mut self.content else { return Ok(()) };
        let own = self.wide.map(|wide| pass.format.settings.in_wide(wide));
        let (modified, format) = (self.position.modified, pass.format.with(own.as_ref()));
        let (position, source) = (&mut self.position, &self.source);
        let (bound, size) = (u64::MAX, u64::MAX);
        let mut pending = self.pending.take().map_or_else(Pending::default, |pending| *pending);
        let seen = &mut pending;
        let place = &mut ReadPlace {
            content,
            position,
            pending: seen,
            format,
            bound,
            size,
            source,
            modified,
        };
        read(pass.reader, place, pass.batch)?;
        self.pending = pending.says_something(self.position.offset).then(|| Box::new(pending));
        mark(pass.batch, CheckpointBehind::reached(self.reached()));
        Ok(())
    }
}
