//! From records to messages in a batch.

use std::ops::Range;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use memchr::memchr_iter;

use super::reader::Counts;
use super::records;
use crate::filter::without_byte_order_mark;
use crate::input::FileSettings;
use crate::pipeline::batch::Batch;
use crate::pipeline::controls::Controls;
use crate::syslog::{Encoder, Framing, Header, MessageTime, TimeFormat, Timestamps};

/// Positions are marked this often within what is read at once: so much comes twice when a
/// connection ends between two marks and there is no other before the end.
pub(super) const STEP: usize = 16 << 10;
/// No more is encoded at once than makes about so many bytes of messages: headers make many times as
/// much of short lines, and a batch is kept until it is confirmed.
pub(super) const ENCODED: usize = 512 << 10;
/// So much of it is made within one step at most, where lines are short.
pub(super) const STEP_ENCODED: usize = 128 << 10;
/// How long a line may be where messages have no limit: what is longer is cut at about that length
/// all the same, since it has to fit into memory.
pub(super) const LINE_MAX: usize = 16 << 20;

/// No TIMESTAMP is shorter.
const SHORTEST: &str = "2026-11-29T12:00:00Z";

/// How the lines of one file become messages.
#[derive(Debug, Clone, Copy)]
pub(in crate::input) struct MessageFormat<'a> {
    pub(in crate::input) header: &'a Header,
    pub(in crate::input) settings: &'a FileSettings,
}

/// Makes messages of records, those of one file after those of another.
pub(super) struct Composer {
    encoder: Encoder,
    timestamps: Timestamps,
    /// The zone of [`Self::timestamps`].
    zone: TimeZone,
    /// The time of what is read now, and the TIMESTAMP.
    read_at: Timestamp,
    now: String,
    /// When the file that is read now was written last, where its messages say so.
    modified: Timestamp,
    /// The header of what is appended: of one line, where each has a time of its own, else of all.
    header: Vec<u8>,
}

impl Composer {
    pub(super) fn new(encoder: Encoder) -> Self {
        let zone = TimeZone::system();
        Self {
            encoder,
            timestamps: Timestamps::new(zone.clone()),
            zone,
            read_at: Timestamp::UNIX_EPOCH,
            now: String::new(),
            modified: Timestamp::UNIX_EPOCH,
            header: Vec::new(),
        }
    }

    /// Frames what is read from now on.
    pub(super) fn change(&mut self, encoder: Encoder) {
        self.encoder = encoder;
    }

    pub(super) fn framing(&self) -> Framing {
        self.encoder.framing()
    }

    /// Takes the time for what is read from now on.
    pub(super) fn tick(&mut self) {
        self.read_at = Timestamp::now();
        self.timestamps.of(self.read_at).clone_into(&mut self.now);
    }

    /// To be called before records are appended of a file that was `modified` then, in nanoseconds
    /// since the epoch. Returns how long one may be at most.
    pub(super) fn begin(&mut self, format: MessageFormat<'_>, modified: i64) -> usize {
        let timestamp = match &format.settings.time {
            MessageTime::Read => &self.now,
            MessageTime::Written(_) => {
                // Some 290 years to either side of the epoch, which any Timestamp can hold.
                let modified = Timestamp::from_nanosecond(i128::from(modified));
                self.modified = modified.unwrap_or(self.read_at);
                SHORTEST
            }
        };
        format.header.render(timestamp, &mut self.header);
        self.encoder.room(&self.header).min(LINE_MAX)
    }

    /// Turns to a line that says when it was written, perhaps in this format.
    fn turn_to(&mut self, line: &[u8], written: Option<&TimeFormat>, header: &Header) {
        let said = written.and_then(|format| format.find(line, self.read_at, &self.zone));
        header.render(self.timestamps.of(said.unwrap_or(self.modified)), &mut self.header);
    }

    /// How many of the records at `text` in `buffer` are appended at once, as bytes; at least one
    /// record.
    pub(super) fn step(&self, buffer: &[u8], text: Range<usize>) -> usize {
        records::step(&buffer[text], STEP, STEP_ENCODED / (self.header.len() + 1))
    }

    /// Appends those of whole `records`, which hold these `controls`, that no pattern drops. `is_start`:
    /// a file begins with them.
    pub(super) fn append(
        &mut self,
        format: MessageFormat<'_>,
        (records, controls): (&[u8], Controls),
        is_start: bool,
        batch: &mut Batch,
        counts: &mut Counts,
    ) {
        let mut kept = format.settings.exclude.kept(records);
        if is_start {
            kept = kept.of_file_start();
        }
        let before = batch.frames.len();
        for lines in kept.by_ref() {
            counts.cut += match &format.settings.time {
                MessageTime::Read => {
                    self.encoder.append_lines(&self.header, lines, controls, batch)
                }
                MessageTime::Written(written) => {
                    self.append_each(format.header, written.as_deref(), lines, batch)
                }
            };
        }
        counts.excluded += kept.dropped;
        counts.lines += (batch.frames.len() - before) as u64 + kept.dropped;
    }

    /// Appends whole `lines`, each with a header of its own. Returns how many had to be cut.
    fn append_each(
        &mut self,
        header: &Header,
        written: Option<&TimeFormat>,
        lines: &[u8],
        batch: &mut Batch,
    ) -> u64 {
        let (mut start, mut cut) = (0, 0);
        for newline in memchr_iter(b'\n', lines) {
            let line = &lines[start..newline];
            start = newline + 1;
            self.turn_to(line, written, header);
            cut += u64::from(self.encoder.append(&self.header, line, batch));
        }
        cut
    }

    /// Makes room in `batch`, to which `made` bytes came of `done` bytes of records, for the `rest`.
    pub(super) fn reserve(made: usize, done: usize, rest: usize, batch: &mut Batch) {
        // As much as they will probably take, and a little more. What a batch has and does not need
        // stays with it until it is confirmed.
        let probably = made * rest / done.max(1);
        let most = (ENCODED + STEP_ENCODED + STEP).saturating_sub(batch.bytes.len());
        batch.bytes.reserve_exact((probably + probably / 16).min(most));
    }

    /// Appends a record without its end, unless a pattern drops it. `is_start`: a file begins with it.
    pub(super) fn append_unended(
        &mut self,
        format: MessageFormat<'_>,
        record: &[u8],
        is_start: bool,
        batch: &mut Batch,
        counts: &mut Counts,
    ) {
        let seen = if is_start { without_byte_order_mark(record) } else { record };
        counts.lines += 1;
        if format.settings.exclude.drops(seen) {
            counts.excluded += 1;
            return;
        }
        if let MessageTime::Written(written) = &format.settings.time {
            self.turn_to(record, written.as_deref(), format.header);
        }
        if self.encoder.append(&self.header, record, batch) || record.len() > LINE_MAX {
            counts.cut += 1;
        }
    }

    /// What cuts a line that is too long, in words.
    pub(super) fn limit(&self) -> String {
        match self.encoder.limit() {
            Some((limit, key)) => format!("a message has at most {limit} bytes ({key})"),
            None => format!("a line has at most {LINE_MAX} bytes"),
        }
    }
}
