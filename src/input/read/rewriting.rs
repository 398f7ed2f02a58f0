//! From records to messages whose text is not just what stands in the file.

use std::ops::Range;

use memchr::memchr_iter;

use super::composer::{Composer, MARGIN, MessageFormat, Piece};
use crate::filter::without_byte_order_mark;
use crate::pipeline::batch::Batch;
use crate::text::{TextRules, TextSearch};

impl Composer {
    /// Appends the whole `lines` of a piece, of which all the records are searched. Returns how many had to
    /// be cut. Where nothing is to be done, lines are appended as if there were no rules.
    pub(super) fn append_rewritten(
        &mut self,
        format: MessageFormat<'_>,
        piece: Piece<'_>,
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

    /// Appends a record without its end.
    pub(super) fn append_one(
        &mut self,
        format: MessageFormat<'_>,
        rules: &TextRules,
        piece: Piece<'_>,
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
        piece: Piece<'_>,
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
        let severity = rules.apply(work);
        work.text.extend_from_slice(&text[seen.len()..]);
        if !mark.is_empty() {
            work.text.splice(..0, mark.iter().copied());
        }
        if is_cut {
            work.text.truncate(work.text.len().saturating_sub(MARGIN));
        }
        if severity.is_none() && !Self::is_each_own(format) {
            return self.encoder.append(&self.header, &self.own.work.text, batch);
        }
        self.render_own(format, line, offset, severity);
        self.encoder.append(&self.own.header, &self.own.work.text, batch)
    }
}
