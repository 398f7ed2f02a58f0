//! From the bytes of a file to messages in a batch: the hot path.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::content::Content;
use crate::filter::without_byte_order_mark;
use crate::input::FileSettings;
use crate::input::read::records;
use crate::pipeline::batch::{Batch, Mark};
use crate::pipeline::checkpoint::CheckpointBehind;
use crate::pipeline::position::{Anchor, Head, Position, Source, Update};
use crate::syslog::{Encoder, Framing, Header, Timestamps};

/// How much of a file is read at once.
pub(in crate::input) const CHUNK: usize = 256 << 10;
/// Positions are marked this often within what is read at once: so much comes twice when a
/// connection ends between two marks and there is no other before the end.
const STEP: usize = 16 << 10;
/// No more is encoded at once than makes about so many bytes of messages: headers make many times as
/// much of short lines, and a batch is kept until it is confirmed.
const ENCODED: usize = 512 << 10;
/// So much of it is made within one step at most, where lines are short.
const STEP_ENCODED: usize = 128 << 10;
/// How long a line may be where messages have no limit: what is longer is cut at about that length
/// all the same, since it has to fit into memory.
const LINE_MAX: usize = 16 << 20;

/// What reading needs besides the file: shared by all files, for one stage reads them in turn.
pub(in crate::input) struct Reader {
    encoder: Encoder,
    timestamps: Timestamps,
    /// The TIMESTAMP of what is read now.
    now: String,
    header: Vec<u8>,
    buffer: Vec<u8>,
    pub(in crate::input) counts: Counts,
}

/// What has been done so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Counts {
    pub(in crate::input) bytes: u64,
    pub(in crate::input) lines: u64,
    pub(in crate::input) excluded: u64,
    pub(in crate::input) cut: u64,
    pub(in crate::input) nuls: u64,
    /// Files that begin with the byte order mark of UTF-16.
    pub(in crate::input) utf16: u64,
}

/// What came of reading once.
#[derive(Debug)]
pub(in crate::input) enum Read {
    /// Something was read. `at_end`: nothing more was there.
    Some { at_end: bool },
    /// Nothing more for now. `unfinished` bytes of a line without its newline are left.
    End { unfinished: usize },
    /// The content is not what it was: the file was truncated or written anew.
    Rewritten,
}

/// How the lines of one file become messages.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct MessageFormat<'a> {
    pub(in crate::input) header: &'a Header,
    pub(in crate::input) settings: &'a FileSettings,
}

/// A place to read at: what [`Reader::read`] needs to know of a generation.
pub(in crate::input) struct Place<'a> {
    pub(in crate::input) content: &'a mut Content,
    pub(in crate::input) position: &'a mut Position,
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

impl Reader {
    pub(in crate::input) fn new(encoder: Encoder) -> Self {
        Self {
            encoder,
            timestamps: Timestamps::new(TimeZone::system()),
            now: String::new(),
            header: Vec::new(),
            buffer: vec![0; CHUNK],
            counts: Counts::default(),
        }
    }

    /// Frames what is read from now on.
    pub(in crate::input) fn change(&mut self, encoder: Encoder) {
        self.encoder = encoder;
    }

    /// How the messages are framed.
    pub(in crate::input) fn framing(&self) -> Framing {
        self.encoder.framing()
    }

    /// Takes the time for what is read from now on.
    pub(in crate::input) fn tick(&mut self) {
        self.timestamps.of(Timestamp::now()).clone_into(&mut self.now);
    }

    /// Reads once, appends the messages to `batch` and advances the position.
    ///
    /// The bytes just before the position are read again with every read and compared: a file
    /// that was truncated and has grown past the position again is noticed without a further
    /// system call, and without a moment between looking and reading.
    pub(in crate::input) fn read(
        &mut self,
        place: &mut Place<'_>,
        batch: &mut Batch,
    ) -> io::Result<Read> {
        loop {
            let back = usize::from(place.position.anchor.len);
            let start = place.position.offset - back as u64;
            let want = usize::try_from(place.bound.saturating_sub(start)).unwrap_or(usize::MAX);
            let want = want.min(self.buffer.len());
            let count = place.content.read_to(place.size, start, &mut self.buffer[..want])?;
            if count < back || !place.position.anchor.matches(&self.buffer[..back]) {
                return Ok(if want < back { Read::End { unfinished: 0 } } else { Read::Rewritten });
            }
            // Before anything was read only the first bytes can tell.
            if place.position.offset == 0 && !place.position.head.matches(&self.buffer[..count]) {
                return Ok(Read::Rewritten);
            }
            let at_start = is_at_start(place.position, &self.buffer[..back]);
            let piece = &self.buffer[back..count];
            let split = records::split(piece, at_start, place.position.mid_record);
            let (nuls, skipped, mid_record) = (split.nuls, split.skipped, split.mid_record);
            let (mut whole, rest) = (split.lines.len(), split.rest.len());
            if whole > CHUNK {
                // A buffer that has grown for one line holds very many short ones.
                whole = memchr::memchr(b'\n', split.lines).map_or(whole, |newline| newline + 1);
            }
            let consumed = nuls + skipped + whole;
            let too_long = consumed == 0 && count == self.buffer.len();
            if consumed == 0 && !too_long {
                return Ok(Read::End { unfinished: rest });
            }
            if too_long && self.grow(place.format.header) {
                continue;
            }
            self.counts.nuls += nuls as u64;
            self.counts.utf16 += u64::from(place.position.offset == 0 && is_utf16(&self.buffer));
            let consumed = if too_long { rest } else { consumed };
            let text = back + nuls + skipped;
            let (done, reached) = self.encode_steps(place, back, text..text + whole, batch)?;
            if reached < text + whole {
                self.advance(place, done, reached - done, false)?;
                self.counts.nuls += nuls as u64;
                return Ok(Read::Some { at_end: false });
            }
            if too_long {
                self.encode_cut(place, back, count, batch);
            }
            self.advance(place, done, back + consumed - done, mid_record || too_long)?;
            if self.buffer.len() > CHUNK {
                self.buffer = vec![0; CHUNK];
            }
            return Ok(Read::Some { at_end: count < want && consumed + rest == count - back });
        }
    }

    /// Sends the unfinished last line of a file that will not grow any more.
    pub(in crate::input) fn read_unfinished(
        &mut self,
        place: &mut Place<'_>,
        batch: &mut Batch,
    ) -> io::Result<()> {
        let back = usize::from(place.position.anchor.len);
        let start = place.position.offset - back as u64;
        let count = place.content.read_to(u64::MAX, start, &mut self.buffer)?;
        if count > back {
            self.encode_cut(place, back, count, batch);
            self.advance(place, back, count - back, false)?;
        }
        Ok(())
    }

    /// Makes room for a longer line, if one may be so long.
    fn grow(&mut self, header: &Header) -> bool {
        header.render(&self.now, &mut self.header);
        let room = self.encoder.room(&self.header).saturating_add(Anchor::MAX);
        let grows = self.buffer.len() <= room.min(LINE_MAX - 1);
        if grows {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        grows
    }

    /// Encodes the lines at `text`, or as many as make [`ENCODED`] bytes, and marks a position after
    /// each [`STEP`] but the last. Returns up to where in the buffer the position was moved, from
    /// `back`, and up to where the lines were encoded.
    fn encode_steps(
        &mut self,
        place: &mut Place<'_>,
        back: usize,
        text: Range<usize>,
        batch: &mut Batch,
    ) -> io::Result<(usize, usize)> {
        let (mut done, mut from) = (back, text.start);
        place.format.header.render(&self.now, &mut self.header);
        let lines = STEP_ENCODED / (self.header.len() + 1);
        let before = batch.bytes.len();
        while from < text.end {
            let len = records::step(&self.buffer[from..text.end], STEP, lines);
            self.encode(place, from, len, batch);
            if from == text.start {
                // As much as the rest will probably take, and a little more. What a batch has and does
                // not need stays with it until it is confirmed.
                let rest = (batch.bytes.len() - before) * (text.end - from - len) / len.max(1);
                let most = (ENCODED + STEP_ENCODED + STEP).saturating_sub(batch.bytes.len());
                batch.bytes.reserve_exact((rest + rest / 16).min(most));
            }
            from += len;
            if from == text.end || batch.bytes.len() >= ENCODED {
                break;
            }
            self.advance(place, done, from - done, false)?;
            done = from;
            let position = Position { modified: place.modified, ..*place.position };
            mark(batch, CheckpointBehind::reached(place.source, position));
        }
        Ok((done, from))
    }

    /// The header must have been rendered.
    fn encode(&mut self, place: &Place<'_>, from: usize, len: usize, batch: &mut Batch) {
        let mut kept = place.format.settings.exclude.kept(&self.buffer[from..from + len]);
        if place.position.offset == 0 && from == 0 {
            kept = kept.of_file_start();
        }
        let before = batch.frames.len();
        for lines in kept.by_ref() {
            self.counts.cut += self.encoder.append_lines(&self.header, lines, batch);
        }
        self.counts.excluded += kept.dropped;
        self.counts.lines += (batch.frames.len() - before) as u64 + kept.dropped;
    }

    /// What cuts a line that is too long, in words.
    pub(in crate::input) fn limit(&self) -> String {
        match self.encoder.limit() {
            Some((limit, key)) => format!("a message has at most {limit} bytes ({key})"),
            None => format!("a line has at most {LINE_MAX} bytes"),
        }
    }

    fn encode_cut(&mut self, place: &Place<'_>, from: usize, to: usize, batch: &mut Batch) {
        place.format.header.render(&self.now, &mut self.header);
        let line = &self.buffer[from..to];
        let is_first = place.position.offset == 0;
        let seen = if is_first { without_byte_order_mark(line) } else { line };
        self.counts.lines += 1;
        if place.format.settings.exclude.drops(seen) {
            self.counts.excluded += 1;
        } else if self.encoder.append(&self.header, line, batch) {
            self.counts.cut += 1;
        }
    }

    /// Moves the position behind `consumed` bytes that stand in the buffer behind `back` others.
    fn advance(
        &mut self,
        place: &mut Place<'_>,
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
        if usize::from(position.head.len) < Head::MAX {
            position.head = if begins_at == 0 {
                Head::of(read)
            } else {
                let len = position.offset.min(Head::MAX as u64) as usize;
                let mut head = [0; Head::MAX];
                let count = place.content.read_at(0, &mut head[..len])?;
                Head::of(&head[..count])
            };
        }
        Ok(())
    }
}

/// Whether nothing but NUL bytes has been read so far; `before` are the bytes before the position.
fn is_at_start(position: &Position, before: &[u8]) -> bool {
    let nuls = [0; Head::MAX];
    position.offset == 0
        || position.head.len > 0
            && before.iter().all(|&byte| byte == 0)
            && position.head == Head::of(&nuls[..usize::from(position.head.len)])
}

fn is_utf16(start: &[u8]) -> bool {
    start.starts_with(b"\xFF\xFE") || start.starts_with(b"\xFE\xFF")
}

/// Appends a checkpoint mark: once the batch up to here is confirmed, `checkpoint` holds. Where
/// patterns drop all, one mark is enough for many.
pub(in crate::input) fn mark(batch: &mut Batch, checkpoint: CheckpointBehind) {
    let update = checkpoint.into_update();
    let end = batch.bytes.len() as u32;
    if let Some(last) = batch.marks.last_mut()
        && last.end == end
        && let (Update::Reached(before, _), Update::Reached(now, _)) = (&last.update, &update)
        && before.id == now.id
    {
        last.update = update;
        return;
    }
    batch.marks.push(Mark { end, update });
}

#[cfg(test)]
mod tests;
