//! What lies beyond one read: records that are longer, and NULs that a writer may fill in.

use std::io;

use super::composer::{LINE_MAX, RecordEnds, RecordPiece};
use super::content::Content;
use super::pending::Pending;
use super::reader::{CHUNK, Read, ReadPlace, Reader, head_at};
use super::records::{leading_nuls, without_nuls_behind};
use crate::pipeline::batch::Batch;
use crate::pipeline::controls::Controls;
use crate::pipeline::position::{Anchor, Head};

/// No more is looked through at once, so that other files have their turn.
const LOOKED_THROUGH: u64 = 32 << 20;

/// What was found beyond.
enum Beyond {
    /// The end of the file: a record without its end, or NULs.
    End,
    /// The end of the record, as far behind the position.
    Record(u64),
    /// The record is longer than it may be.
    TooLong,
    /// Something behind NULs, at this offset.
    Text(u64),
    /// Nothing so far.
    More,
}

impl Reader {
    /// Goes on where one read has shown no whole record. `were_last`: there were NULs up to the end
    /// before.
    pub(super) fn look_on(
        &mut self,
        place: &mut ReadPlace<'_>,
        were_last: bool,
        batch: &mut Batch,
    ) -> io::Result<Read> {
        let offset = place.position.offset;
        if place.pending.is_nuls(offset)
            && let Some(until) = place.pending.wait_on(offset, self.now)
        {
            return Ok(Read::NotYet(until));
        }
        let most = self.begin(place)? as u64;
        match self.look_beyond(place, most)? {
            Beyond::End => {
                place.pending.has_no_gap();
                if place.pending.held(offset) > 0 {
                    return Ok(Read::Undecided);
                }
                let unfinished = place.pending.text_to.saturating_sub(offset);
                Ok(Read::End { unfinished: usize::try_from(unfinished).unwrap_or(usize::MAX) })
            }
            Beyond::Record(len) => self.read_long(place, len, batch),
            Beyond::TooLong => self.read_long(place, most + 1, batch),
            Beyond::Text(at) => match place.pending.wait_for_filling(offset, were_last, self.now) {
                Some(until) => Ok(Read::NotYet(until)),
                None => self.skip_nuls(place, at),
            },
            Beyond::More => Ok(Read::Some { at_end: false }),
        }
    }

    /// Looks through what was not looked through yet, for the end of a record of at most `most` bytes.
    fn look_beyond(&mut self, place: &mut ReadPlace<'_>, most: u64) -> io::Result<Beyond> {
        let (offset, bound) = (place.position.offset, place.bound);
        let until = place.pending.to + LOOKED_THROUGH;
        while place.pending.to < until {
            let Pending { to, text_to, .. } = *place.pending;
            if text_to.saturating_sub(offset) > most {
                return Ok(Beyond::TooLong);
            }
            let want = bound.saturating_sub(to).min(CHUNK as u64) as usize;
            let count = match to < place.size {
                true => place.content.read_to(place.size, to, &mut self.buffer[..want])?,
                false => 0,
            };
            if count == 0 {
                return Ok(Beyond::End);
            }
            let piece = &self.buffer[..count];
            let nuls = leading_nuls(piece);
            if text_to <= offset && nuls < count {
                let at = to + nuls as u64;
                // The first half of a character of two bytes may be NUL.
                let is_within = place.format.settings.wide().is_some() && (at - offset) % 2 == 1;
                return Ok(Beyond::Text(at - u64::from(is_within)));
            }
            if let Some(newline) = memchr::memchr(b'\n', piece) {
                let len = to + newline as u64 - offset;
                return Ok(if len > most { Beyond::TooLong } else { Beyond::Record(len + 1) });
            }
            place.pending.to = to + count as u64;
            if nuls < count {
                place.pending.text_to = to + without_nuls_behind(piece) as u64;
            } else {
                place.pending.to = place.content.data_from(place.pending.to).min(bound);
            }
        }
        let Pending { to, text_to, .. } = *place.pending;
        Ok(match place.content {
            // Nobody fills in what is compressed, and to come back here all of it would have to be
            // decompressed anew, again and again where it has no end.
            Content::Compressed(_) if text_to <= offset => Beyond::Text(to),
            _ => Beyond::More,
        })
    }

    /// Reads a record that does not fit into the buffer, of `len` bytes with its end; where its end is
    /// not there, it is longer than a message and cut.
    fn read_long(
        &mut self,
        place: &mut ReadPlace<'_>,
        len: u64,
        batch: &mut Batch,
    ) -> io::Result<Read> {
        let back = place.back();
        let most = back + usize::try_from(len).unwrap_or(LINE_MAX);
        if most > self.buffer.len() {
            self.buffer.resize(most, 0);
        }
        let read = self.read_again(place, most);
        let result = match read {
            Ok(Some((count, _))) if count >= back => {
                let split = self.split(place, back..count);
                match (split.consumed(), split.text) {
                    (0, 0) => Ok(Read::End { unfinished: 0 }),
                    (0, text) => self.cut_off(place, text, batch),
                    _ => self.take(place, back, &split, batch).map(|_| MORE),
                }
            }
            Ok(Some(_)) => Ok(Read::End { unfinished: 0 }),
            Ok(None) => Ok(Read::Rewritten),
            Err(error) => Err(error),
        };
        self.give_back();
        result
    }

    /// Sends the first `text` bytes of a record that is too long; the rest of it is skipped.
    fn cut_off(
        &mut self,
        place: &mut ReadPlace<'_>,
        text: usize,
        batch: &mut Batch,
    ) -> io::Result<Read> {
        let back = place.back();
        self.begin(place)?;
        let (records, offset) = (&self.buffer[back..back + text], place.position.offset);
        let piece =
            RecordPiece { records, controls: Controls::Some, offset, ends: RecordEnds::default() };
        self.composer.append_unended(place.format, piece, true, batch, &mut self.counts);
        self.advance(place, back, text, true)?;
        *place.pending = Pending::default();
        Ok(MORE)
    }

    /// Moves the position over the NULs before `at`: they are more than are compared before a position.
    fn skip_nuls(&mut self, place: &mut ReadPlace<'_>, at: u64) -> io::Result<Read> {
        let position = &mut *place.position;
        let nuls = at - position.offset;
        (self.counts.nuls, self.counts.nuls_at) = (self.counts.nuls + nuls, position.offset);
        self.counts.bytes += nuls;
        position.offset = at;
        position.anchor = Anchor::after(&[0; Anchor::MAX]);
        if usize::from(position.head.len) < Head::MAX {
            position.head = head_at(place.content, at)?;
        }
        *place.pending = Pending::default();
        Ok(MORE)
    }

    /// Sends the unfinished last record of a file that will not grow any more.
    pub(in crate::input) fn read_unfinished(
        &mut self,
        place: &mut ReadPlace<'_>,
        batch: &mut Batch,
    ) -> io::Result<()> {
        let (back, most) = (place.back(), self.begin(place)?);
        let known = place.pending.text_to.saturating_sub(place.position.offset);
        let len = usize::try_from(known).unwrap_or(LINE_MAX).min(most + 1).max(CHUNK);
        self.buffer.resize(len.max(self.buffer.len()) + back, 0);
        let start = place.position.offset - back as u64;
        let read = place.content.read_to(u64::MAX, start, &mut self.buffer);
        let result = read.and_then(|count| {
            let mut text = back + without_nuls_behind(&self.buffer[back.min(count)..count]);
            if place.format.settings.wide().is_some() {
                text = back + (text - back).next_multiple_of(2).min(count.saturating_sub(back));
            }
            if text > back {
                let (records, is_cut) = (&self.buffer[back..text], known > (text - back) as u64);
                let (offset, counts) = (place.position.offset, &mut self.counts);
                let piece = RecordPiece {
                    records,
                    controls: Controls::Some,
                    offset,
                    ends: RecordEnds::default(),
                };
                self.composer.append_unended(place.format, piece, is_cut, batch, counts);
                self.advance(place, back, text - back, is_cut)?;
                *place.pending = Pending::default();
            }
            Ok(())
        });
        self.give_back();
        result
    }

    /// Gives back the memory that one long record took.
    fn give_back(&mut self) {
        self.buffer.truncate(CHUNK);
        self.buffer.shrink_to_fit();
    }
}

/// Something was read, and there may be more.
const MORE: Read = Read::Some { at_end: false };
