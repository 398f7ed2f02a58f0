//! Any source, position and change.

use std::ffi::OsString;
use std::num::NonZero;
use std::os::unix::ffi::OsStringExt;

use proptest::prelude::*;

use super::*;
use crate::pipeline::position::{Anchor, Head, Inode, Position, RecordStart, Source};

pub(in crate::checkpoint) fn source(id: u64) -> impl Strategy<Value = Source> {
    let path = || {
        prop_oneof![
            "(/[a-zé .\"\\\\]{1,9}){1,4}".prop_map(OsString::from),
            proptest::collection::vec(any::<u8>(), 0..30).prop_map(OsString::from_vec),
        ]
        .prop_map(std::path::PathBuf::from)
    };
    let real = proptest::option::weighted(0.2, path().prop_map(Arc::new));
    (path(), real, any::<(u64, u64, i64)>()).prop_map(
        move |(path, real, (device, number, born))| {
            let inode = Inode { device, number, born: NonZero::new(born) };
            Source { id: SourceId(id), order: id, path: path.into(), real, inode }
        },
    )
}

pub(in crate::checkpoint) fn position() -> impl Strategy<Value = Position> {
    let lengths = (0..=Head::MAX as u16, 0..=Anchor::MAX as u8);
    let position = (any::<(u64, u64, u64, bool, i64)>(), lengths).prop_map(
        |((offset, head, anchor, mid_record, modified), (head_len, anchor_len))| Position {
            offset: offset.max(u64::from(anchor_len)),
            head: Head { len: head_len, hash: head },
            anchor: Anchor { len: anchor_len, hash: anchor },
            mid_record,
            modified,
            starts: [RecordStart::default(); 2],
        },
    );
    let starts = proptest::collection::vec((1u32.., any::<u32>()), 0..=2);
    (position, starts).prop_map(|(mut position, starts)| {
        for (start, (back, hash)) in position.starts.iter_mut().zip(starts) {
            *start = RecordStart { back, hash };
            position.offset = position.offset.max(u64::from(back) + 1);
        }
        position
    })
}

pub(in crate::checkpoint) fn change() -> impl Strategy<Value = TableChange> {
    let known = any::<u64>()
        .prop_flat_map(|id| (source(id), position(), 0..4_000_000_000_i64))
        .prop_map(|(source, position, seen)| {
            TableChange::Known(Row { reached: Milestone { source, position }.into(), seen })
        });
    prop_oneof![4 => known, 1 => any::<u64>().prop_map(|id| TableChange::Forgotten(SourceId(id)))]
}
