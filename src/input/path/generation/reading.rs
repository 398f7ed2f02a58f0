//! Reading a generation, and what is to be done at its end.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Generation;
use crate::input::read::content::Stat;
use crate::input::read::reader::{Counts, MessageFormat, Place, Read, Reader, mark};
use crate::pipeline::batch::Batch;
use crate::pipeline::position::Update;
use crate::shown::Show;

/// How long a file that has been rotated away must be quiet until its unfinished last line is
/// taken to be complete.
const UNFINISHED_QUIET: Duration = Duration::from_secs(1);
/// How long it must be quiet until it is let go: writers reopen late.
const PAST_QUIET: Duration = Duration::from_secs(10);
/// How long where nobody needs it more: a server that reopens its logs lets old workers finish first.
const LINGERING: Duration = Duration::from_secs(300);
/// How rarely such a file is looked at, which no event tells of.
const RARELY: Duration = Duration::from_secs(15);

/// What is to be done with a past generation that was read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) enum Next {
    /// Look again at this time. `holds`: nothing newer may go out before.
    Wait { until: Instant, holds: bool },
    /// Send its unfinished last line.
    SendUnfinished,
    /// It is complete: let it go.
    Done,
    /// Look no more until something newer has content.
    Rest,
}

impl Generation {
    /// Reads once into `batch`, no further than `bound`. `seen`: what was found at the path just now.
    pub(in crate::input) fn read(
        &mut self,
        reader: &mut Reader,
        format: MessageFormat<'_>,
        bound: u64,
        seen: Option<Stat>,
        batch: &mut Batch,
        now: Instant,
    ) -> io::Result<Read> {
        let is_ours = |seen: &Stat| seen.inode == self.reads && !self.is_compressed();
        // A smaller size may have been seen before the one that is known.
        let seen = seen.filter(|seen| is_ours(seen) && seen.size >= self.size);
        let Some(content) = &mut self.content else { return Ok(Read::End { unfinished: 0 }) };
        // Taken before reading, so that a change while reading is not overlooked later.
        let stat = seen.or_else(|| content.stat());
        if stat.is_some_and(|stat| stat.size < self.size) {
            return Ok(Read::Rewritten);
        }
        let before = reader.counts;
        let modified = stat.map_or(self.position.modified, |stat| stat.modified);
        let size = stat.map_or(u64::MAX, |stat| stat.size);
        let (position, source) = (&mut self.position, &self.source);
        let mut place = Place { content, position, format, bound, size, source, modified };
        let read = reader.read(&mut place, batch)?;
        self.tell(before, reader);
        if let Some(stat) = stat.filter(|_| !matches!(read, Read::Rewritten)) {
            // What was written while it was read is seen by reading alone.
            let size = stat.size.max(self.position.offset);
            if size > self.size {
                self.size = size;
                self.last_growth = now;
            }
            self.position.modified = stat.modified;
            self.is_seen = true;
        }
        if matches!(read, Read::Some { .. }) {
            mark(batch, Update::Reached(Arc::clone(&self.source), self.position));
        }
        Ok(read)
    }

    /// Says what was left out.
    fn tell(&mut self, before: Counts, reader: &Reader) {
        let after = reader.counts;
        let path = self.source.path.shown();
        self.nuls += after.nuls - before.nuls;
        if self.nuls > 0 && after.lines > before.lines {
            tracing::info!(
                "{path}: skipped {} NUL bytes at its start: it was truncated under a writer that \
                 does not append",
                self.nuls
            );
            self.nuls = 0;
        }
        if after.cut > before.cut && !std::mem::replace(&mut self.cut_told, true) {
            tracing::warn!(
                "{path}: a line was too long and was cut, others may follow: {}",
                reader.limit()
            );
        }
    }

    /// Sends the unfinished last line.
    pub(in crate::input) fn read_unfinished(
        &mut self,
        reader: &mut Reader,
        format: MessageFormat<'_>,
        batch: &mut Batch,
    ) -> io::Result<()> {
        let Some(content) = &mut self.content else { return Ok(()) };
        let modified = self.position.modified;
        let (position, source) = (&mut self.position, &self.source);
        let (bound, size) = (u64::MAX, u64::MAX);
        let place = &mut Place { content, position, format, bound, size, source, modified };
        reader.read_unfinished(place, batch)?;
        mark(batch, Update::Reached(Arc::clone(&self.source), self.position));
        Ok(())
    }

    /// What to do with a past generation at its end. `followed`: a newer one has content, so the
    /// writer has moved on. `may_linger`: it may be kept open for a writer that has not.
    pub(in crate::input) fn next(
        &self,
        unfinished: usize,
        followed: bool,
        may_linger: bool,
        now: Instant,
    ) -> Next {
        let quiet = now.saturating_duration_since(self.last_growth);
        let stat = self.stat();
        let deleted = stat.is_some_and(|stat| stat.links == 0);
        let over = followed || deleted;
        if stat.is_none() {
            // Compressed, so complete; but only what comes after it tells that it is known.
            return match (unfinished, followed) {
                (1.., _) => Next::SendUnfinished,
                (0, true) => Next::Done,
                (0, false) => Next::Rest,
            };
        }
        if unfinished > 0 && over {
            if quiet >= UNFINISHED_QUIET {
                return Next::SendUnfinished;
            }
            return Next::Wait { until: self.last_growth + UNFINISHED_QUIET, holds: true };
        }
        let patience = if may_linger && !deleted { LINGERING } else { PAST_QUIET };
        if over && quiet >= patience {
            return Next::Done;
        }
        if !over && quiet >= 6 * PAST_QUIET {
            return Next::Rest;
        }
        let pause = (quiet / 8).clamp(Duration::from_millis(100), RARELY);
        Next::Wait { until: now + pause, holds: false }
    }
}
