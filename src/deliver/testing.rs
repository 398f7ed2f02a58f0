//! What the tests of several modules need.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::pipeline::batch::{Batch, Mark};
use crate::pipeline::position::{
    Anchor, Head, Inode, Milestone, Position, Source, SourceId, Update,
};

/// A followed file.
pub(super) fn source() -> Source {
    let inode = Inode { device: 1, number: 2, born: None };
    Source { id: SourceId(1), order: 1, path: Path::new("/log").into(), real: None, inode }
}

/// Frames of `width` bytes, each a number and a newline, with one mark behind the last. Its
/// offset says how many frames of the whole sequence have arrived then.
pub(super) fn numbered(numbers: Range<u64>, width: usize) -> Batch {
    let mut text = String::new();
    let mut batch = Batch::default();
    for number in numbers.clone() {
        let _ = writeln!(text, "{number:>width$}", width = width - 1);
        batch.frames.push(text.len() as u32);
    }
    batch.bytes = text.into_bytes();
    let position = Position {
        offset: numbers.end,
        head: Head::default(),
        anchor: Anchor::default(),
        ..Position::default()
    };
    batch.marks.push(Mark {
        end: batch.bytes.len() as u32,
        update: Update::Reached(Arc::new(Milestone { source: source(), position })),
    });
    batch
}

/// The offsets reached.
pub(super) fn offsets(updates: &[Update]) -> Vec<u64> {
    let offset = |update: &Update| match update {
        Update::Reached(reached) => Some(reached.position.offset),
        _ => None,
    };
    updates.iter().filter_map(offset).collect()
}
