//! From lines that hold their text in a form of their own to messages: containers' logs, JSON.

use memchr::memchr;

use super::composer::{Composer, MARGIN, MessageFormat, OwnFacts, OwnMessage, RecordPiece};
use super::reader::Counts;
use crate::pipeline::batch::Batch;
use crate::pipeline::controls::Controls;
use crate::syslog::{MessagePlace, OwnHeader};
use crate::text::{LineFormat, Logical, TextPlace, TextRules, WholeLine};

impl Composer {
    /// Appends what the records of a piece hold, unless a pattern drops it.
    pub(super) fn append_formatted(
        &mut self,
        format: MessageFormat<'_>,
        piece: RecordPiece<'_>,
        rules: (&TextRules, &LineFormat),
        batch: &mut Batch,
        counts: &mut Counts,
    ) {
        // What stands in a line is sent as it is, and nothing else is done.
        let is_quick = rules.0.only_has_format() && format.settings.filter.is_empty();
        let mut start = 0;
        for end in piece.ends.within() {
            let (records, offset) = (&piece.records[start..end], piece.offset + start as u64);
            let record = RecordPiece { records, offset, ..piece };
            if is_quick && self.append_whole_line(format, record, rules.1, batch, counts) {
                start = end;
                continue;
            }
            self.append_formatted_record(format, record, rules, false, batch, counts);
            start = end;
        }
    }

    /// Appends what a record holds that is one line whose text is whole, with its end. Returns whether it is.
    #[inline]
    fn append_whole_line(
        &mut self,
        format: MessageFormat<'_>,
        record: RecordPiece<'_>,
        lines: &LineFormat,
        batch: &mut Batch,
        counts: &mut Counts,
    ) -> bool {
        let newline = record.records.len() - 1;
        if !record.ends.are_lines && memchr(b'\n', record.records) != Some(newline) {
            return false;
        }
        let line = &record.records[..newline];
        let OwnMessage { header, whole, .. } = &mut self.own;
        let Some(whole) = lines.decode_whole(line, whole) else { return false };
        let WholeLine { text, time, severity, place, .. } = whole;
        let at = MessagePlace { content: self.content, offset: record.offset };
        let own = OwnHeader { timestamp: time.bytes(), severity, place: Some(at) };
        format.header.render_own(own, header);
        let (header, encoder) = (header.bytes(), &self.encoder);
        let was_cut = match (place, record.controls) {
            (TextPlace::EndOfLine, Controls::None) => {
                encoder.append_clean_line(header, &record.records[newline - text.len()..], batch)
            }
            (TextPlace::Apart { is_clean: true }, Controls::None) => {
                encoder.append_clean(header, text, batch)
            }
            _ => encoder.append(header, text, batch),
        };
        counts.lines += 1;
        counts.cut += u64::from(was_cut);
        true
    }

    /// Appends what one record holds, with its end or without. `is_cut`: there is more of it.
    pub(super) fn append_formatted_record(
        &mut self,
        format: MessageFormat<'_>,
        record: RecordPiece<'_>,
        (rules, lines): (&TextRules, &LineFormat),
        is_cut: bool,
        batch: &mut Batch,
        counts: &mut Counts,
    ) {
        let mut joined: Option<Logical> = None;
        let (mut joined_lines, mut since, mut start) = (0, 0, 0);
        lines.each_line(record.records, |line, end| {
            counts.lines += 1;
            since += 1;
            let offset = record.offset + start as u64;
            start = end;
            let Some(whole) = self.own.assembly.take(lines, line, offset) else { return };
            let whole_lines = std::mem::take(&mut since);
            joined_lines += whole_lines;
            match (&mut joined, &rules.multiline) {
                (Some(message), Some(_)) => {
                    if message.facts.is_foreign {
                        message.facts = whole.facts;
                    }
                    message.text.push(b'\n');
                    message.text.extend_from_slice(&whole.text);
                }
                (None, Some(_)) => joined = Some(whole),
                (_, None) => {
                    let whole = (whole, whole_lines);
                    self.append_logical(format, rules, whole, is_cut, batch, counts);
                }
            }
        });
        let rest = self.own.assembly.rest().map(|message| (message, std::mem::take(&mut since)));
        let rest: Vec<_> = rest.collect();
        for message in joined.map(|message| (message, joined_lines)).into_iter().chain(rest) {
            self.append_logical(format, rules, message, is_cut, batch, counts);
        }
    }

    /// Appends a message of so many lines.
    fn append_logical(
        &mut self,
        format: MessageFormat<'_>,
        rules: &TextRules,
        (message, lines): (Logical, u64),
        is_cut: bool,
        batch: &mut Batch,
        counts: &mut Counts,
    ) {
        let filter = &format.settings.filter;
        let is_dropped = match rules.multiline {
            Some(_) => filter.drops_record(&message.text),
            None => filter.drops(&message.text),
        };
        if is_dropped {
            counts.excluded += lines;
            return;
        }
        let Logical { text, facts, offset } = message;
        // For the time that it may say itself, whatever is replaced.
        let asks_text = facts.time.is_none() && Self::is_each_own(format);
        let said = if asks_text { text.clone() } else { Vec::new() };
        self.own.work.text = text;
        let severity = rules.apply(&mut self.own.work).or(facts.severity);
        let facts = OwnFacts { severity, time: facts.time };
        if is_cut {
            let kept = self.own.work.text.len().saturating_sub(MARGIN);
            self.own.work.text.truncate(kept);
        }
        let was_cut = self.append_text(format, rules, (&said, offset), facts, batch);
        counts.cut += u64::from(was_cut || is_cut);
        let text = std::mem::take(&mut self.own.work.text);
        self.own.assembly.reuse(text);
    }
}
