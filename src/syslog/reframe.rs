//! The same messages for a receiver that wants them framed otherwise.

use super::Encoder;
use crate::pipeline::batch::{Batch, Mark};

impl Encoder {
    /// `batch` as this encoder frames messages; what is too long for it is cut.
    #[must_use]
    pub fn reframe(&self, batch: &Batch) -> Batch {
        let mut new = Batch { framing: self.framing(), ..Batch::default() };
        let mut marks = batch.marks.iter().peekable();
        let mut start = 0;
        for &end in &batch.frames {
            while let Some(mark) = marks.next_if(|mark| mark.end <= start) {
                place(mark, &mut new);
            }
            let frame = &batch.bytes[start as usize..end as usize];
            self.append(&[], batch.framing.message(frame), &mut new);
            start = end;
        }
        for mark in marks {
            place(mark, &mut new);
        }
        new
    }
}

fn place(mark: &Mark, batch: &mut Batch) {
    batch.marks.push(Mark { end: batch.bytes.len() as u32, update: mark.update.clone() });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pipeline::position::{SourceId, Update};
    use crate::syslog::Framing;

    #[test]
    fn messages_and_marks_stay_where_they_belong() {
        let mark = |end, id| Mark { end, update: Update::Forget(SourceId(id)) };
        let marks = vec![mark(0, 0), mark(4, 1), mark(12, 2), mark(12, 3)];
        let frames = vec![4, 8, 12];
        let lines =
            Batch { bytes: b"one\ntwo\nsix\n".to_vec(), frames, marks, framing: Framing::Newline };
        let datagrams = Encoder::new(Framing::Datagram, Some(2)).reframe(&lines);
        assert_eq!((&datagrams.bytes[..], &datagrams.frames[..]), (&b"ontwsi"[..], &[2, 4, 6][..]));
        assert_eq!(datagrams.marks.iter().map(|m| m.end).collect::<Vec<_>>(), [0, 2, 6, 6]);
        let again = Encoder::new(Framing::Newline, None).reframe(&datagrams);
        assert_eq!(again.bytes, b"on\ntw\nsi\n");
        assert_eq!(again.marks.iter().map(|m| m.end).collect::<Vec<_>>(), [0, 3, 9, 9]);
        let counted = Encoder::new(Framing::OctetCounted, None).reframe(&again);
        assert_eq!(
            (&counted.bytes[..], &counted.frames[..]),
            (&b"2 on2 tw2 si"[..], &[4, 8, 12][..])
        );
        assert_eq!(Encoder::new(Framing::Newline, None).reframe(&counted).bytes, again.bytes);
    }
}
