//! From the bytes of a file to messages in a batch: the hot path.

use std::collections::HashSet;
use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

pub(in crate::input) use super::composer::MessageFormat;
use super::composer::{Composer, ENCODED, RecordEnds, RecordPiece};
use super::content::Content;
use super::identified::ContentNumbers;
use super::overwritten::last_starts;
use super::pending::Pending;
use super::records::{self, Split};
use crate::health::metrics::Reading;
use crate::pipeline::batch::{Batch, Mark};
use crate::pipeline::checkpoint::CheckpointBehind;
use crate::pipeline::controls::Controls;
use crate::pipeline::position::{Anchor, Head, Milestone, Position, Source, SourceId, Update};
use crate::syslog::{Encoder, Framing};
use crate::text::{Behind, Wide};

/// How much of a file is read at once.
pub(in crate::input) const CHUNK: usize = 256 << 10;
/// How much is read where there was no whole record up to behind that.
const PEEK: usize = 64 << 10;

/// So many contents are remembered that have NULs.
const UNMARKED_MAX: usize = 10_000;

/// What reading needs besides the file: shared by all files, for one stage reads them in turn.
pub(in crate::input) struct Reader {
    pub(super) composer: Composer,
    pub(super) buffer: Vec<u8>,
    /// Where the records end that were found last, where lines are joined.
    ends: Vec<u32>,
    /// Each of these is one line all the same.
    are_lines: bool,
    pub(super) numbers: ContentNumbers,
    /// Contents with NULs that do not begin with a mark of their encoding.
    unmarked: HashSet<SourceId>,
    pub(super) now: Instant,
    /// A batch is to have no more bytes than this, about.
    most: usize,
    pub(in crate::input) counts: Counts,
}

/// What has been done so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Counts {
    pub(in crate::input) bytes: u64,
    pub(in crate::input) lines: u64,
    pub(in crate::input) excluded: u64,
    pub(in crate::input) cut: u64,
    /// NUL bytes that were skipped.
    pub(in crate::input) nuls: u64,
    /// The offset of those that were skipped last.
    pub(in crate::input) nuls_at: u64,
    /// How often the last records were overwritten.
    pub(in crate::input) overwritten: u64,
}

/// What came of reading once.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::input) enum Read {
    /// Something was read. `at_end`: nothing more was there.
    Some { at_end: bool },
    /// Nothing more for now. `unfinished` bytes of a record without its end are left.
    End { unfinished: usize },
    /// Nothing more for now. Whole lines are left, of which it is not known whether their record goes on.
    Undecided,
    /// What is there may be filled in by its writer until this time.
    NotYet(Instant),
    /// The content is not what it was: the file was truncated or written anew.
    Rewritten,
    /// Nothing was read: the file begins with the mark of this encoding.
    Wide(Wide),
}

/// A place to read at: what [`Reader::read`] needs to know of a generation.
pub(in crate::input) struct ReadPlace<'a> {
    pub(in crate::input) content: &'a mut Content,
    pub(in crate::input) position: &'a mut Position,
    /// What was seen behind the position.
    pub(in crate::input) pending: &'a mut Pending,
    pub(in crate::input) format: MessageFormat<'a>,
    /// Read no further than this offset.
    pub(in crate::input) bound: u64,
    /// How large the file is, where that is known.
    pub(in crate::input) size: u64,
    /// Whose positions are marked on the way.
    pub(in crate::input) source: &'a Arc<Source>,
    /// The file's modification time, for those marks.
    pub(in crate::input) modified: i64,
}

impl Counts {
    /// Has `meters` show what has come since `shown`, which is then as this.
    pub(in crate::input) fn show(self, shown: &mut Self, meters: &Reading) {
        let before = std::mem::replace(shown, self);
        meters.bytes.inc_by(self.bytes - before.bytes);
        meters.lines.inc_by(self.lines - before.lines);
        meters.excluded.inc_by(self.excluded - before.excluded);
        meters.cut.inc_by(self.cut - before.cut);
    }
}

impl ReadPlace<'_> {
    /// How many bytes before the position are read again with each read.
    pub(super) fn back(&self) -> usize {
        usize::from(self.position.anchor.len)
    }
}

impl Reader {
    pub(in crate::input) fn new(encoder: Encoder) -> Self {
        let (composer, buffer) = (Composer::new(encoder), vec![0; CHUNK]);
        let (now, counts) = (Instant::now(), Counts::default());
        let numbers = ContentNumbers::default();
        let (ends, are_lines, unmarked) = (Vec::new(), false, HashSet::new());
        Self { composer, buffer, ends, are_lines, numbers, unmarked, now, most: ENCODED, counts }
    }

    /// Frames what is read from now on.
    pub(in crate::input) fn change(&mut self, encoder: Encoder) {
        self.composer.change(encoder);
    }

    /// Batches are to have no more bytes than this from now on, about.
    pub(in crate::input) fn make_no_more(&mut self, most: usize) {
        self.most = most.min(ENCODED);
    }

    /// How many bytes a batch is to have.
    pub(in crate::input) fn most(&self) -> usize {
        self.most
    }

    /// Makes the frames.
    pub(in crate::input) fn encoder(&self) -> &Encoder {
        &self.composer.encoder
    }

    /// How the messages are framed.
    pub(in crate::input) fn framing(&self) -> Framing {
        self.composer.framing()
    }

    /// Takes the time for what is read from now on.
    pub(in crate::input) fn tick(&mut self, now: Instant) {
        self.now = now;
        self.composer.tick();
    }

    /// What cuts a line that is too long, in words.
    pub(in crate::input) fn limit(&self) -> String {
        self.composer.limit()
    }

    /// Reads once, appends the messages to `batch` and advances the position.
    ///
    /// The bytes just before the position are read again with every read and compared: a file
    /// that was truncated and has grown past the position again is noticed without a further
    /// system call, and without a moment between looking and reading.
    pub(in crate::input) fn read(
        &mut self,
        place: &mut ReadPlace<'_>,
        batch: &mut Batch,
    ) -> io::Result<Read> {
        let (back, offset) = (place.back(), place.position.offset);
        let is_looked_through = place.pending.to > offset + PEEK as u64;
        let joins = place.format.settings.cutter().is_some();
        let most = if is_looked_through && !joins { back + PEEK } else { CHUNK };
        let Some((count, want)) = self.read_again(place, most)? else {
            return self.go_back(place);
        };
        if count < back {
            // It was truncated since it was looked at; of an archive there may be more later.
            return Ok(match place.content {
                Content::Plain(_) => Read::Rewritten,
                Content::Compressed(_) | Content::Streamed(_) => Read::End { unfinished: 0 },
            });
        }
        let mut split = self.split(place, back..count);
        if let Some(wide) = self.mark(place, back..count, &split)? {
            return Ok(Read::Wide(wide));
        }
        self.join_lines(place, back, &mut split, false);
        let were_last = place.pending.is_nuls(offset);
        if split.nuls > 0
            && let Some(until) = place.pending.wait_for_filling(offset, were_last, self.now)
        {
            return Ok(Read::NotYet(until));
        }
        if split.consumed() == 0 {
            place.pending.see(offset, &split);
            if count < want {
                place.pending.ends(offset + split.rest as u64);
                place.pending.has_no_gap();
                return Ok(match split.held {
                    0 => Read::End { unfinished: split.text },
                    _ => Read::Undecided,
                });
            }
            return self.look_on(place, were_last, batch);
        }
        let has_all = self.take(place, back, &split, batch)?;
        let has_rest = split.has_more || split.held > 0;
        Ok(Read::Some { at_end: has_all && !has_rest && count < want })
    }

    /// Cuts what was read, in the encoding of the file.
    pub(super) fn split(&self, place: &ReadPlace<'_>, read: Range<usize>) -> Split {
        let (piece, mid_record) = (&self.buffer[read], place.position.mid_record);
        match place.format.settings.wide() {
            None => records::split(piece, mid_record),
            Some(wide) => records::split_wide(piece, mid_record, wide),
        }
    }

    /// What the mark at the beginning of the file says of its encoding, where that is not known. Further on it is looked
    /// for where there are NULs, as in every line of such a file.
    fn mark(
        &mut self,
        place: &mut ReadPlace<'_>,
        read: Range<usize>,
        split: &Split,
    ) -> io::Result<Option<Wide>> {
        let id = place.source.id;
        let piece = &self.buffer[read];
        let settings = place.format.settings;
        let unknown = |start: &[u8]| Wide::of_mark(start).filter(|it| settings.wide() != Some(*it));
        match place.position.offset {
            _ if !settings.heeds_mark() => return Ok(None),
            0 => return Ok(unknown(piece)),
            // What was split has been searched: another search would cost as much as the first.
            _ if split.controls == Controls::None && split.nuls == 0 => return Ok(None),
            _ if self.unmarked.contains(&id) => return Ok(None),
            _ if memchr::memchr(0, piece).is_none() => return Ok(None),
            _ => {}
        }
        let mut start = [0; 2];
        let count = place.content.read_at(0, &mut start)?;
        let wide = unknown(&start[..count]);
        if wide.is_none() {
            // What is compressed is not to be begun anew with each read.
            if self.unmarked.len() >= UNMARKED_MAX {
                self.unmarked.clear();
            }
            self.unmarked.insert(id);
        }
        Ok(wide)
    }

    /// Finds the records of several lines in what `split` has found behind `back` bytes, where lines are joined.
    /// `is_over`: nothing belongs to the last one but what is there.
    fn join_lines(&mut self, place: &ReadPlace<'_>, back: usize, split: &mut Split, is_over: bool) {
        self.ends.clear();
        let Some(rules) = place.format.settings.cutter() else { return };
        let from = back + split.skipped + split.nuls;
        let lines = &self.buffer[from..from + split.records];
        let behind = match is_over || split.has_more {
            true => Behind::Nothing,
            false => Behind::Open(split.text),
        };
        self.are_lines = rules.cut(lines, behind, &mut self.ends);
        split.hold_behind(self.ends.last().map_or(0, |&end| end as usize));
    }

    /// Sends the whole lines that were found to be [undecided](Read::Undecided) and to be all there is: nothing is
    /// expected to go on with their record.
    pub(in crate::input) fn read_undecided(
        &mut self,
        place: &mut ReadPlace<'_>,
        batch: &mut Batch,
    ) -> io::Result<()> {
        let (back, held) = (place.back(), place.pending.held(place.position.offset));
        let Some((count, _)) = self.read_again(place, CHUNK)? else { return Ok(()) };
        if count < back {
            return Ok(());
        }
        // What has come since is read behind them.
        let end = count.min(back + usize::try_from(held).unwrap_or(CHUNK));
        let mut split = self.split(place, back..end);
        if split.skipped + split.nuls == 0 && split.records > 0 {
            self.join_lines(place, back, &mut split, true);
            self.take(place, back, &split, batch)?;
        }
        Ok(())
    }

    /// Reads at most `most` bytes, those before the position first. Returns how many there are, and how
    /// many there might have been; nothing where the bytes before the position are others.
    pub(super) fn read_again(
        &mut self,
        place: &mut ReadPlace<'_>,
        most: usize,
    ) -> io::Result<Option<(usize, usize)>> {
        let (back, position) = (place.back(), &*place.position);
        let start = position.offset - back as u64;
        let want = usize::try_from(place.bound.saturating_sub(start)).unwrap_or(usize::MAX);
        let want = want.min(most);
        let count = place.content.read_to(place.size, start, &mut self.buffer[..want])?;
        if want < back {
            return Ok(Some((0, want)));
        }
        let is_same = count >= back
            && position.anchor.matches(&self.buffer[..back])
            // Before anything was read only the first bytes can tell.
            && (position.offset > 0 || position.head.matches(&self.buffer[..count]));
        Ok(is_same.then_some((count, want)))
    }

    /// Takes what `split` has found behind `back` bytes. Returns whether that was all of it.
    pub(super) fn take(
        &mut self,
        place: &mut ReadPlace<'_>,
        back: usize,
        split: &Split,
        batch: &mut Batch,
    ) -> io::Result<bool> {
        let offset = place.position.offset;
        if split.nuls > 0 {
            self.counts.nuls += split.nuls as u64;
            self.counts.nuls_at = offset + split.skipped as u64;
        }
        let from = back + split.skipped + split.nuls;
        let text = from..from + split.records;
        let (done, reached) =
            self.encode_steps(place, back, (text.clone(), split.controls), batch)?;
        // Where lines begin is not told by single bytes there.
        let starts = match place.format.settings.wide() {
            None => last_starts(&self.buffer[..reached], done, place.position),
            Some(_) => Default::default(),
        };
        self.advance(place, done, reached - done, split.mid_record)?;
        place.position.starts = starts;
        let has_all = reached == text.end;
        match has_all {
            true => place.pending.see(offset, split),
            false => *place.pending = Pending::default(),
        }
        Ok(has_all)
    }

    /// Encodes the records at `text`, or as many as a batch is to have, [`ENCODED`] bytes at most, and marks a position after
    /// each step but the last. Returns up to where in the buffer the position was moved, from `back`,
    /// and up to where the records were encoded.
    fn encode_steps(
        &mut self,
        place: &mut ReadPlace<'_>,
        back: usize,
        (text, controls): (Range<usize>, Controls),
        batch: &mut Batch,
    ) -> io::Result<(usize, usize)> {
        let (mut done, mut from) = (back, text.start);
        self.begin(place)?;
        let (before, mut ends_done) = (batch.bytes.len(), 0);
        while from < text.end {
            let (len, ends) = match self.ends.get(ends_done..).filter(|ends| !ends.is_empty()) {
                Some(ends) => Composer::step_of_records(ends, from - text.start),
                None => (self.composer.step(&self.buffer, from..text.end), &[][..]),
            };
            ends_done += ends.len();
            let records = &self.buffer[from..from + len];
            let offset = place.position.offset + (from - done) as u64;
            let (from_start, are_lines) = (from - text.start, self.are_lines);
            let ends = RecordEnds { all: ends, from: from_start, are_lines };
            let piece = RecordPiece { records, controls, offset, ends };
            self.composer.append(place.format, piece, batch, &mut self.counts);
            if from == text.start {
                let rest = text.end - from - len;
                Composer::reserve(batch.bytes.len() - before, len, rest, batch);
            }
            from += len;
            if from == text.end || batch.bytes.len() >= self.most {
                break;
            }
            self.advance(place, done, from - done, false)?;
            done = from;
            let position = Position { modified: place.modified, ..*place.position };
            let source = Source::clone(place.source);
            mark(batch, CheckpointBehind::reached(Arc::new(Milestone { source, position })));
        }
        Ok((done, from))
    }

    /// Moves the position behind `consumed` bytes that stand in the buffer behind `back` others.
    pub(super) fn advance(
        &mut self,
        place: &mut ReadPlace<'_>,
        back: usize,
        consumed: usize,
        mid_record: bool,
    ) -> io::Result<()> {
        let read = &self.buffer[..back + consumed];
        let position = &mut *place.position;
        let begins_at = position.offset - back as u64;
        position.offset += consumed as u64;
        self.counts.bytes += consumed as u64;
        position.anchor = Anchor::after(read);
        position.mid_record = mid_record;
        // Whoever knows better says so.
        position.starts = Default::default();
        if usize::from(position.head.len) < Head::MAX {
            position.head = match begins_at {
                0 => Head::of(read),
                _ => head_at(place.content, position.offset)?,
            };
        }
        Ok(())
    }
}

/// The fingerprint of what lies before `offset`.
pub(super) fn head_at(content: &mut Content, offset: u64) -> io::Result<Head> {
    let mut head = [0; Head::MAX];
    let len = offset.min(Head::MAX as u64) as usize;
    let count = content.read_at(0, &mut head[..len])?;
    Ok(Head::of(&head[..count]))
}

/// Appends a checkpoint mark: once the batch up to here is confirmed, `checkpoint` holds. Where
/// patterns drop all, one mark is enough for many.
pub(in crate::input) fn mark(batch: &mut Batch, checkpoint: CheckpointBehind) {
    let update = checkpoint.into_update();
    let end = batch.bytes.len() as u32;
    if let Some(last) = batch.marks.last_mut()
        && last.end == end
        && let (Update::Reached(before), Update::Reached(now)) = (&last.update, &update)
        && before.source.id == now.source.id
    {
        last.update = update;
        return;
    }
    batch.marks.push(Mark { end, update });
}

#[cfg(test)]
mod tests;
