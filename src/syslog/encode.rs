//! From the bytes of a line to one frame. Knows no clock: the header comes with its time.

use super::Framing;
use crate::pipeline::batch::Batch;
use crate::pipeline::controls::Controls;
use crate::vectors::each_newline;

/// Appends frames to batches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Encoder {
    framing: Framing,
    /// Longest message in bytes, header included, framing not. `usize::MAX`: no limit.
    limit: usize,
    /// The key that gives the limit.
    limit_key: &'static str,
}

impl Encoder {
    /// An encoder for messages of at most `limit` bytes, header included and framing not.
    #[must_use]
    pub fn new(framing: Framing, limit: Option<usize>) -> Self {
        Self { framing, limit: limit.unwrap_or(usize::MAX), limit_key: "" }
    }

    /// The same, with the key of the configuration that gives the limit.
    #[must_use]
    pub fn limited_by(self, limit_key: &'static str) -> Self {
        Self { limit_key, ..self }
    }

    /// How it frames messages.
    #[must_use]
    pub fn framing(&self) -> Framing {
        self.framing
    }

    /// The longest message in bytes, and the key that says so; nothing where there is no limit.
    #[must_use]
    pub fn limit(&self) -> Option<(usize, &'static str)> {
        (self.limit < usize::MAX).then_some((self.limit, self.limit_key))
    }

    /// How many bytes of a line fit behind `header`.
    #[must_use]
    pub fn room(&self, header: &[u8]) -> usize {
        self.limit.saturating_sub(header.len())
    }

    /// Appends one frame for each of whole `lines`, which end with a newline each and hold these
    /// `controls`. Returns how many had to be cut.
    pub fn append_lines(
        &self,
        header: &[u8],
        lines: &[u8],
        controls: Controls,
        batch: &mut Batch,
    ) -> u64 {
        let (mut start, mut cut) = (0, 0);
        each_newline(lines, |newline| {
            let line = &lines[start..=newline];
            start = newline + 1;
            cut += u64::from(match controls {
                Controls::None => self.append_clean_line(header, line, batch),
                Controls::Some => self.append(header, &line[..line.len() - 1], batch),
            });
        });
        cut
    }

    /// The same for one line, which ends with its newline and holds none of the characters that would become a space.
    /// Returns whether it had to be cut.
    #[inline]
    pub fn append_clean_line(&self, header: &[u8], line: &[u8], batch: &mut Batch) -> bool {
        let text = line.len() - 1;
        if text > self.room(header) {
            return self.append_clean(header, &line[..text], batch);
        }
        self.framing.begin(header.len() + text, &mut batch.bytes);
        batch.bytes.extend_from_slice(header);
        // What follows a message stands behind its line already, where it is the newline: both are copied at once.
        let trailer = self.framing.trailer();
        debug_assert!(line.ends_with(trailer), "{trailer:?}");
        batch.bytes.extend_from_slice(&line[..text + trailer.len()]);
        batch.frames.push(batch.bytes.len() as u32);
        false
    }

    /// Appends one frame of `header` and `line` (without its newline) to `batch`. Returns whether
    /// the line had to be cut.
    ///
    /// LF, CR and NUL become a space each, since receivers take them for the end of a message.
    /// A line that does not fit is cut before the first character that does not fit whole.
    pub fn append(&self, header: &[u8], line: &[u8], batch: &mut Batch) -> bool {
        self.append_blanked(header, line, blank_controls, batch)
    }

    /// The same for a `text` of several lines, whose newlines stay: for framings that [keep
    /// them](Framing::keeps_newlines).
    pub fn append_text(&self, header: &[u8], text: &[u8], batch: &mut Batch) -> bool {
        self.append_blanked(header, text, blank_controls_in_lines, batch)
    }

    /// The same for a text that holds none of the characters that would become a space.
    pub fn append_clean(&self, header: &[u8], text: &[u8], batch: &mut Batch) -> bool {
        self.append_blanked(header, text, |_| {}, batch)
    }

    /// The same for the text that `write` appends to what is there: for framings that tell no length before it.
    pub fn append_written(
        &self,
        header: &[u8],
        write: impl FnOnce(&mut Vec<u8>),
        batch: &mut Batch,
    ) -> bool {
        debug_assert!(!self.framing.keeps_newlines(), "{:?}", self.framing);
        batch.bytes.extend_from_slice(header);
        let start = batch.bytes.len();
        write(&mut batch.bytes);
        let text = &batch.bytes[start..];
        let (whole, kept) = (text.len(), cut(text, self.room(header)).len());
        batch.bytes.truncate(start + kept);
        batch.bytes.extend_from_slice(self.framing.trailer());
        batch.frames.push(batch.bytes.len() as u32);
        kept < whole
    }

    fn append_blanked(
        &self,
        header: &[u8],
        line: &[u8],
        blank: impl Fn(&mut [u8]),
        batch: &mut Batch,
    ) -> bool {
        let text = cut(line, self.room(header));
        self.framing.begin(header.len() + text.len(), &mut batch.bytes);
        batch.bytes.extend_from_slice(header);
        let start = batch.bytes.len();
        batch.bytes.extend_from_slice(text);
        blank(&mut batch.bytes[start..]);
        batch.bytes.extend_from_slice(self.framing.trailer());
        batch.frames.push(batch.bytes.len() as u32);
        text.len() < line.len()
    }
}

/// The longest start of `line` of at most `max` bytes that does not end within a character.
/// Bytes that are not UTF-8 count as characters of their own.
fn cut(line: &[u8], max: usize) -> &[u8] {
    if line.len() <= max {
        return line;
    }
    // The first byte left out continues a character when it is 10xxxxxx and a lead byte that is
    // long enough stands up to three bytes before it.
    let is_continuation = |at: usize| line[at] & 0xC0 == 0x80;
    let mut start = max;
    while start > 0 && max - start < 3 && is_continuation(start) {
        start -= 1;
    }
    let whole = match line[start] {
        0xC2..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xF4 => 4,
        _ => 1,
    };
    if start + whole > max { &line[..start.min(max)] } else { &line[..max] }
}

fn blank_controls(text: &mut [u8]) {
    // A line feed can only occur where lines are joined.
    for byte in text {
        // Written back in any case: so it is done many at a time.
        *byte = if matches!(*byte, b'\n' | b'\r' | 0) { b' ' } else { *byte };
    }
}

fn blank_controls_in_lines(text: &mut [u8]) {
    for byte in text {
        *byte = if matches!(*byte, b'\r' | 0) { b' ' } else { *byte };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEADER: &[u8] = b"<13>1 - h a - - - ";

    fn encode(framing: Framing, limit: Option<usize>, line: &[u8]) -> (Vec<u8>, bool) {
        let mut batch = Batch::default();
        let cut = Encoder::new(framing, limit).append(HEADER, line, &mut batch);
        assert_eq!(batch.frames, [batch.bytes.len() as u32]);
        (batch.bytes, cut)
    }

    fn text(limit: usize, line: &[u8]) -> Vec<u8> {
        encode(Framing::Datagram, Some(HEADER.len() + limit), line).0.split_off(HEADER.len())
    }

    #[test]
    fn a_line_follows_its_header_and_the_framing_follows_both() {
        assert_eq!(encode(Framing::Newline, None, b"hello").0, [HEADER, b"hello\n"].concat());
        assert_eq!(encode(Framing::Datagram, None, b"hello").0, [HEADER, b"hello"].concat());
        assert_eq!(encode(Framing::Newline, None, b"").0, [HEADER, b"\n"].concat());
        let counted = [b"23 ", HEADER, b"hello"].concat();
        assert_eq!(encode(Framing::OctetCounted, None, b"hello").0, counted);
    }

    #[test]
    fn controls_that_end_a_message_become_spaces() {
        assert_eq!(text(99, b"a\r\0b\nc\td\r"), b"a  b c\td ");
    }

    #[test]
    fn a_text_of_several_lines_keeps_its_newlines() {
        let mut batch = Batch::default();
        let encoder = Encoder::new(Framing::OctetCounted, None);
        assert!(!encoder.append_text(HEADER, b"a\n\tb\r\0", &mut batch));
        assert_eq!(batch.bytes, [b"24 ", HEADER, b"a\n\tb  "].concat());
    }

    #[test]
    fn the_limit_counts_the_header_and_not_the_newline() {
        let limit = HEADER.len() + 5;
        let (bytes, was_cut) = encode(Framing::Newline, Some(limit), b"hello!");
        assert_eq!((bytes.len(), was_cut), (limit + 1, true));
        let (bytes, was_cut) = encode(Framing::Newline, Some(limit), b"hello");
        assert_eq!((bytes.len(), was_cut), (limit + 1, false));
        let (bytes, was_cut) = encode(Framing::OctetCounted, Some(limit), b"hello!");
        assert_eq!((bytes, was_cut), ([b"23 ", HEADER, b"hello"].concat(), true));
    }

    #[test]
    fn a_line_is_never_cut_within_a_character() {
        for (limit, expected) in [(1, "a"), (2, "a"), (3, "aé"), (4, "aé"), (5, "aé"), (6, "aé€")]
        {
            assert_eq!(text(limit, "aé€𝄞".as_bytes()), expected.as_bytes(), "{limit}");
        }
        for limit in 6..10 {
            assert_eq!(text(limit, "aé€𝄞!".as_bytes()), "aé€".as_bytes(), "{limit}");
        }
        assert_eq!(text(10, "aé€𝄞!".as_bytes()), "aé€𝄞".as_bytes());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_cut_anywhere() {
        assert_eq!(text(3, &[0x80; 9]), [0x80; 3]);
        assert_eq!(text(3, &[0xFF; 9]), [0xFF; 3]);
    }

    proptest! {
        #[test]
        fn many_lines_are_what_each_is(
            lines in proptest::collection::vec("[a\r\0é]{0,9}", 0..9), room in 0usize..12,
            kind in 0usize..3,
        ) {
            let framing = [Framing::Newline, Framing::Datagram, Framing::OctetCounted][kind];
            let encoder = Encoder::new(framing, Some(HEADER.len() + room));
            let (mut each, mut all) = (Batch::default(), Batch::default());
            let cut = lines.iter().filter(|it| encoder.append(HEADER, it.as_bytes(), &mut each));
            let cut = cut.count() as u64;
            let joined: String = lines.iter().flat_map(|line| [line, "\n"]).collect();
            let has_some = joined.contains(['\r', '\0']);
            let controls = if has_some { Controls::Some } else { Controls::None };
            prop_assert_eq!(encoder.append_lines(HEADER, joined.as_bytes(), controls, &mut all), cut);
            prop_assert_eq!((all.bytes, all.frames), (each.bytes, each.frames));
        }

        #[test]
        fn a_clean_text_may_be_written_or_appended_as_it_is(text in "[aé\t ]{0,12}", room in 0usize..14, kind in 0usize..3) {
            let framing = [Framing::Newline, Framing::Datagram, Framing::OctetCounted][kind];
            let encoder = Encoder::new(framing, Some(HEADER.len() + room));
            let (mut any, mut clean, text) = (Batch::default(), Batch::default(), text.as_bytes());
            let was_cut = encoder.append(HEADER, text, &mut any);
            prop_assert_eq!(encoder.append_clean(HEADER, text, &mut clean), was_cut);
            prop_assert_eq!((&clean.bytes, &clean.frames), (&any.bytes, &any.frames));
            if !framing.keeps_newlines() {
                let mut written = Batch::default();
                let write = |out: &mut Vec<u8>| out.extend_from_slice(text);
                prop_assert_eq!(encoder.append_written(HEADER, write, &mut written), was_cut);
                prop_assert_eq!((written.bytes, written.frames), (any.bytes, any.frames));
            }
        }

        #[test]
        fn any_line_makes_one_frame_within_the_limit(
            line in proptest::collection::vec(any::<u8>(), 0..300), room in 0usize..200,
        ) {
            let limit = HEADER.len() + room;
            let (frame, was_cut) = encode(Framing::Newline, Some(limit), &line);
            prop_assert!(frame.len() <= limit + 1);
            prop_assert!(frame.starts_with(HEADER));
            prop_assert_eq!(frame.iter().filter(|&&b| b == b'\n').count(), 1);
            prop_assert!(frame.ends_with(b"\n"));
            prop_assert!(!frame.contains(&0) && !frame.contains(&b'\r'));
            prop_assert_eq!(was_cut, frame.len() - 1 - HEADER.len() < line.len());
        }

        #[test]
        fn text_stays_text(line in "\\PC{0,100}", room in 0usize..120) {
            let kept = text(room, line.as_bytes());
            let kept = std::str::from_utf8(&kept);
            prop_assert!(kept.is_ok_and(|kept| line.starts_with(kept)));
            // No more is given up than the one character that does not fit.
            prop_assert!(line.len() <= room || kept.unwrap().len() + 4 > room);
        }
    }
}
