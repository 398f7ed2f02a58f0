//! From records to messages whose text is not just what stands in the file.

use std::ops::Range;

use memchr::{memchr, memchr_iter};

use super::composer::{Composer, MARGIN, MessageFormat, OwnFacts, OwnMessage, RecordPiece};
use super::reader::Counts;
use crate::filter::without_byte_order_mark;
use crate::pipeline::batch::Batch;
use crate::pipeline::controls::Controls;
use crate::text::{TextRules, TextSearch, join, without_newlines_behind};

impl Composer {
    /// Appends the whole `lines` of a piece, of which all the records are searched. Returns how many had to
    /// be cut. Where nothing is to be done, lines are appended as if there were no rules.
    pub(super) fn append_rewritten(
        &mut self,
        format: MessageFormat<'_>,
        piece: RecordPiece<'_>,
        lines: Range<usize>,
        (rules, search): (&TextRules, &mut TextSearch<'_>),
        batch: &mut Batch,
    ) -> u64 {
        let (mut from, mut cut) = (lines.start, 0);
        if piece.is_start() && from == 0 {
            // Before the first line there may be what patterns do not see.
            let end = memchr_iter(b'\n', piece.records).next().unwrap_or(lines.end);
            cut += u64::from(self.append_line(format, rules, piece, from..end, false, batch));
            from = (end + 1).min(lines.end);
        }
        while from < lines.end {
            let found = search.line_from(from).filter(|&(start, _)| start < lines.end);
            let (start, end) = found.unwrap_or((lines.end, lines.end));
            cut += self.append_as_they_stand(format, piece, from..start, batch);
            if found.is_some() {
                cut += u64::from(self.append_line(format, rules, piece, start..end, false, batch));
            }
            from = end + 1;
        }
        cut
    }

    /// Appends the records of a piece that are of several lines, but those of which a line is left out.
    pub(super) fn append_joined(
        &mut self,
        format: MessageFormat<'_>,
        piece: RecordPiece<'_>,
        rules: &TextRules,
        batch: &mut Batch,
        counts: &mut Counts,
    ) {
        let mut search = rules.search(piece.records);
        let mut judge = format.settings.filter.records(piece.records, piece.is_start());
        let count = |lines: &[u8]| memchr_iter(b'\n', lines).count() as u64;
        counts.lines += count(piece.records);
        let crosses_lines = rules.crosses_lines();
        // Patterns see a newline between two lines, whatever stands there.
        let has_returns = piece.controls == Controls::Some;
        let is_other = |record: &[u8]| {
            (crosses_lines || has_returns && memchr(b'\r', record).is_some()) && count(record) > 1
        };
        let mut start = 0;
        for end in piece.ends.within() {
            let record = &piece.records[start..end];
            if judge.keeps(start, end) {
                let is_changed = search.may_change(start, end)
                    || piece.is_start() && start == 0
                    || is_other(record);
                let was_cut = match is_changed {
                    true => self.append_line(format, rules, piece, start..end - 1, false, batch),
                    false => self.append_unchanged(format, rules, piece, start..end - 1, batch),
                };
                counts.cut += u64::from(was_cut);
            } else {
                counts.excluded += count(record);
            }
            start = end;
        }
    }

    /// Appends a record of which only the lines are to be joined, without its end.
    fn append_unchanged(
        &mut self,
        format: MessageFormat<'_>,
        rules: &TextRules,
        piece: RecordPiece<'_>,
        place: Range<usize>,
        batch: &mut Batch,
    ) -> bool {
        let record = &piece.records[place.clone()];
        let (offset, facts) = (piece.offset + place.start as u64, OwnFacts::default());
        if piece.controls == Controls::None {
            let is_own = Self::is_each_own(format);
            if is_own {
                self.render_own(format, record, offset, facts);
            }
            let header = if is_own { self.own.header.bytes() } else { &self.header };
            let (encoder, between) = (&self.encoder, rules.join().text());
            return match encoder.framing().keeps_newlines() {
                true => encoder.append_clean(header, without_newlines_behind(record), batch),
                false => encoder.append_written(header, |out| join(record, between, out), batch),
            };
        }
        self.own.work.text.clear();
        self.own.work.text.extend_from_slice(record);
        self.append_text(format, rules, (record, offset), facts, batch)
    }

    /// Appends the text that was made of a record which begins at an offset.
    pub(super) fn append_text(
        &mut self,
        format: MessageFormat<'_>,
        rules: &TextRules,
        (record, offset): (&[u8], u64),
        facts: OwnFacts,
        batch: &mut Batch,
    ) -> bool {
        let is_own = facts.is_some() || Self::is_each_own(format);
        if is_own {
            self.render_own(format, record, offset, facts);
        }
        let keeps_newlines = self.encoder.framing().keeps_newlines();
        let OwnMessage { header, work, .. } = &mut self.own;
        let header = if is_own { header.bytes() } else { &self.header };
        if !rules.cuts_records() {
            return self.encoder.append(header, &work.text, batch);
        }
        let between = if keeps_newlines { b"\n" } else { rules.join().text() };
        self.encoder.append_text(header, work.joined(between), batch)
    }

    /// Appends a record without its end.
    pub(super) fn append_one(
        &mut self,
        format: MessageFormat<'_>,
        rules: &TextRules,
        piece: RecordPiece<'_>,
        is_cut: bool,
        batch: &mut Batch,
    ) -> bool {
        self.append_line(format, rules, piece, 0..piece.records.len(), is_cut, batch)
    }

    /// Appends one record that stands there in a piece, without its end. `is_cut`: there is more of it.
    fn append_line(
        &mut self,
        format: MessageFormat<'_>,
        rules: &TextRules,
        piece: RecordPiece<'_>,
        place: Range<usize>,
        is_cut: bool,
        batch: &mut Batch,
    ) -> bool {
        let (line, offset) = (&piece.records[place.clone()], piece.offset + place.start as u64);
        let is_start = piece.is_start() && place.start == 0;
        let text = if is_start { without_byte_order_mark(line) } else { line };
        let mark = &line[..line.len() - text.len()];
        // Patterns do not see the carriage return at the end, either.
        let seen = text.strip_suffix(b"\r").unwrap_or(text);
        let work = &mut self.own.work;
        work.text.clear();
        work.text.extend_from_slice(seen);
        let facts = OwnFacts { severity: rules.apply(work), time: None };
        // Of several lines no end is sent.
        if !rules.cuts_records() || memchr(b'\n', text).is_none() {
            work.text.extend_from_slice(&text[seen.len()..]);
        }
        if !mark.is_empty() {
            work.text.splice(..0, mark.iter().copied());
        }
        if is_cut {
            work.text.truncate(work.text.len().saturating_sub(MARGIN));
        }
        self.append_text(format, rules, (line, offset), facts, batch)
    }
}
