//! From records to messages in a batch: what stands in the file, as it stands there. Where more is done with it,
//! see [`super::rewriting`].

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
use crate::syslog::{
    Encoder, Framing, Header, MessagePlace, MessageTime, OwnHeader, RenderedHeader, Severity,
    Timestamps,
};
use crate::text::{Assembly, OwnTime, WholeLineRoom, Workspace};

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

/// Of a record that is too long for a message, at least so much is read where its text may become another: what
/// is replaced may be longer than a message itself.
const REWRITTEN_MIN: usize = 256 << 10;
/// So much of the end of such a record is not sent where more of it follows: something that is to be replaced may
/// have begun there.
pub(super) const MARGIN: usize = 4 << 10;

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
    pub(super) encoder: Encoder,
    timestamps: Timestamps,
    /// The zone of [`Self::timestamps`].
    zone: TimeZone,
    /// The time of what is read now, and the TIMESTAMP.
    read_at: Timestamp,
    now: String,
    /// When the file that is read now was written last, where its messages say so.
    modified: Timestamp,
    /// The header of what is appended, where none has its own.
    pub(super) header: Vec<u8>,
    /// The number of the content that is read, where messages tell it.
    pub(super) content: u64,
    pub(super) own: OwnMessage,
}

impl<'a> MessageFormat<'a> {
    /// With these settings, if there are any.
    pub(in crate::input) fn with<'b>(self, settings: Option<&'b FileSettings>) -> MessageFormat<'b>
    where
        'a: 'b,
    {
        MessageFormat { header: self.header, settings: settings.unwrap_or(self.settings) }
    }
}

/// What is made for one message.
#[derive(Default)]
pub(super) struct OwnMessage {
    pub(super) header: RenderedHeader,
    pub(super) work: Workspace,
    pub(super) assembly: Assembly,
    pub(super) whole: WholeLineRoom,
}

/// What a record says of itself.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct OwnFacts {
    pub(super) severity: Option<Severity>,
    pub(super) time: Option<OwnTime>,
}

impl OwnFacts {
    /// Whether it says anything.
    pub(super) fn is_some(&self) -> bool {
        self.severity.is_some() || self.time.is_some()
    }
}

/// Records that stand together in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordPiece<'a> {
    /// Each with its end, or one without.
    pub(super) records: &'a [u8],
    pub(super) controls: Controls,
    /// Where the first begins in the content, in bytes.
    pub(super) offset: u64,
    pub(super) ends: RecordEnds<'a>,
}

/// Where records end that were found by more than their lines.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RecordEnds<'a> {
    /// Where each ends; empty where each line is a record.
    pub(super) all: &'a [u32],
    /// From where that counts.
    pub(super) from: usize,
    /// Each of them is one line all the same.
    pub(super) are_lines: bool,
}

impl RecordEnds<'_> {
    /// Where each ends within its piece.
    pub(super) fn within(&self) -> impl Iterator<Item = usize> {
        self.all.iter().map(|&end| end as usize - self.from)
    }
}

impl RecordPiece<'_> {
    /// Whether the file begins with them.
    pub(super) fn is_start(&self) -> bool {
        self.offset == 0
    }

    /// Where `lines` stand, which are a part of the records.
    pub(super) fn part(&self, lines: &[u8]) -> Range<usize> {
        let start = lines.as_ptr() as usize - self.records.as_ptr() as usize;
        start..start + lines.len()
    }
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
            content: 0,
            own: OwnMessage::default(),
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

    /// To be called before records are appended of the content with this number, which was `modified` then, in
    /// nanoseconds since the epoch. Returns how long one may be at most.
    pub(super) fn begin(
        &mut self,
        format: MessageFormat<'_>,
        content: u64,
        modified: i64,
    ) -> usize {
        self.content = content;
        self.own.header.clear();
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
        let room = self.encoder.room(&self.header).min(LINE_MAX);
        match format.settings.text.is_some() {
            true => room.max(REWRITTEN_MIN) + MARGIN,
            false => room,
        }
    }

    /// Renders the header of a message that has its own, for the record `line` that begins at `offset`.
    pub(super) fn render_own(
        &mut self,
        format: MessageFormat<'_>,
        line: &[u8],
        offset: u64,
        OwnFacts { severity, time }: OwnFacts,
    ) {
        let timestamp = match (&time, &format.settings.time) {
            (Some(time), _) => time.bytes(),
            (None, MessageTime::Read) => self.now.as_bytes(),
            (None, MessageTime::Written(written)) => {
                let format = written.as_deref();
                let said = format.and_then(|format| format.find(line, self.read_at, &self.zone));
                self.timestamps.of(said.unwrap_or(self.modified)).as_bytes()
            }
        };
        let place = Some(MessagePlace { content: self.content, offset });
        format.header.render_own(OwnHeader { timestamp, severity, place }, &mut self.own.header);
    }

    /// Whether each message of a file has a header of its own.
    pub(super) fn is_each_own(format: MessageFormat<'_>) -> bool {
        format.settings.time != MessageTime::Read || format.header.says_place()
    }

    /// How many of the records at `text` in `buffer` are appended at once, as bytes; at least one
    /// record.
    pub(super) fn step(&self, buffer: &[u8], text: Range<usize>) -> usize {
        records::step(&buffer[text], STEP, STEP_ENCODED / (self.header.len() + 1))
    }

    /// How long those of the first records are together that are appended at once; each ends at one of these `ends`, of
    /// which the first ends behind `start`. At least one.
    pub(super) fn step_of_records(ends: &[u32], start: usize) -> (usize, &[u32]) {
        let count = ends.partition_point(|&end| end as usize <= start + STEP).max(1);
        let ends = &ends[..count];
        (ends[count - 1] as usize - start, ends)
    }

    /// Appends those of whole records that no pattern drops.
    pub(super) fn append(
        &mut self,
        format: MessageFormat<'_>,
        piece: RecordPiece<'_>,
        batch: &mut Batch,
        counts: &mut Counts,
    ) {
        let rules = format.settings.text.as_deref();
        if let Some((rules, lines)) = rules.and_then(|rules| Some((rules, rules.format.as_ref()?)))
        {
            return self.append_formatted(format, piece, (rules, lines), batch, counts);
        }
        if let Some(rules) = rules.filter(|_| !piece.ends.all.is_empty()) {
            return self.append_joined(format, piece, rules, batch, counts);
        }
        let mut kept = format.settings.filter.kept(piece.records);
        if piece.is_start() {
            kept = kept.of_file_start();
        }
        let before = batch.frames.len();
        let mut search = rules.map(|rules| (rules, rules.search(piece.records)));
        for lines in kept.by_ref() {
            counts.cut += match &mut search {
                Some((rules, search)) => {
                    let lines = piece.part(lines);
                    self.append_rewritten(format, piece, lines, (rules, search), batch)
                }
                None => self.append_as_they_stand(format, piece, piece.part(lines), batch),
            };
        }
        counts.excluded += kept.dropped();
        counts.lines += (batch.frames.len() - before) as u64 + kept.dropped();
    }

    /// Appends the whole `lines` of a piece. Returns how many had to be cut.
    pub(super) fn append_as_they_stand(
        &mut self,
        format: MessageFormat<'_>,
        piece: RecordPiece<'_>,
        lines: Range<usize>,
        batch: &mut Batch,
    ) -> u64 {
        if Self::is_each_own(format) {
            return self.append_each(format, piece, lines, batch);
        }
        let lines = &piece.records[lines];
        self.encoder.append_lines(&self.header, lines, piece.controls, batch)
    }

    /// The same, each with a header of its own.
    fn append_each(
        &mut self,
        format: MessageFormat<'_>,
        piece: RecordPiece<'_>,
        lines: Range<usize>,
        batch: &mut Batch,
    ) -> u64 {
        let (mut start, mut cut) = (lines.start, 0);
        for newline in memchr_iter(b'\n', &piece.records[lines.clone()]) {
            let end = lines.start + newline;
            let line = &piece.records[start..end];
            self.render_own(format, line, piece.offset + start as u64, OwnFacts::default());
            cut += u64::from(self.encoder.append(self.own.header.bytes(), line, batch));
            start = end + 1;
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

    /// Appends a record without its end, unless a pattern drops it. `is_cut`: there is more of it, which is left
    /// out.
    pub(super) fn append_unended(
        &mut self,
        format: MessageFormat<'_>,
        piece: RecordPiece<'_>,
        is_cut: bool,
        batch: &mut Batch,
        counts: &mut Counts,
    ) {
        let record = piece.records;
        let rules = format.settings.text.as_deref();
        if let Some((rules, lines)) = rules.and_then(|rules| Some((rules, rules.format.as_ref()?)))
        {
            self.append_formatted_record(format, piece, (rules, lines), is_cut, batch, counts);
            return;
        }
        let seen = if piece.is_start() { without_byte_order_mark(record) } else { record };
        counts.lines += 1;
        if format.settings.filter.drops(seen) {
            counts.excluded += 1;
            return;
        }
        let was_cut = if let Some(rules) = format.settings.text.as_deref() {
            self.append_one(format, rules, piece, is_cut, batch)
        } else if Self::is_each_own(format) {
            self.render_own(format, record, piece.offset, OwnFacts::default());
            self.encoder.append(self.own.header.bytes(), record, batch)
        } else {
            self.encoder.append(&self.header, record, batch)
        };
        if was_cut || is_cut || record.len() > LINE_MAX {
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
