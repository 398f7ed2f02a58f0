//! Sequences that random runs have found.

use super::*;

fn assert_exact(rotation: Rotation, ops: &[Op]) {
    let world = run(rotation, ops);
    assert_eq!(world.received, world.written);
}

#[test]
fn what_came_between_two_moves_away_and_back_keeps_its_place_when_the_shipper_is_killed() {
    use Op::{Append, Compress, Overwrite, PutBack, Rotations, Start, Stop};
    let kill = Stop { clean: false };
    let begin = [Rotations(3), Compress, Overwrite, kill, Start, PutBack];
    let end = [Append(1), Rotations(2), PutBack, kill];
    assert_exact(Rotation::Rename, &[&begin[..], &end].concat());
}

#[test]
fn what_cannot_be_read_when_it_is_taken_in_again_is_read_once_from_its_copy() {
    use Op::{Compress, CopyTruncate, Exclude, FailLists, FailReads, Fill, Preallocate, Trim};
    let begin = [FailLists, Exclude(1), FailReads { rotated: false }, Preallocate(1), Trim];
    let end = [Op::Look, Fill, CopyTruncate { at_once: false }, Compress];
    assert_exact(Rotation::CopyTruncate, &[&begin[..], &end].concat());
}

#[test]
fn what_was_read_before_a_file_without_text_is_not_read_again_by_the_next_run() {
    use Op::{Append, Compress, FailReads, Fill, Preallocate, Rename, Reopen, Stop};
    let begin = [Append(1), Rename { create: true }, Append(1), Compress, Reopen, Preallocate(1)];
    let end = [Fill, FailReads { rotated: false }, Compress, Stop { clean: true }];
    assert_exact(Rotation::Rename, &[&begin[..], &end].concat());
}

#[test]
fn what_rotated_unseen_within_the_glob_and_is_compressed_before_it_is_read_is_read() {
    use Op::{Append, Compress, Fill, Rename, Reopen, Rotations};
    let rename = Rename { create: false };
    let ops = [Rotations(2), rename, Compress, Reopen, Append(2), Compress, rename, Fill];
    let mut world = run(Rotation::RenameWithinGlob, &ops);
    world.received.sort_unstable();
    assert_eq!(world.received, world.written);
}

#[test]
fn what_was_filled_in_and_is_rotated_while_nothing_can_be_listed_is_read_once() {
    use Op::{Append, Compress, FailLists, Pass, Preallocate, Recreate, Rename, Reopen, Trim};
    let begin = [Recreate, FailLists, Append(1), Preallocate(1), Trim];
    let end = [Rename { create: false }, Reopen, Pass(110), Compress];
    assert_exact(Rotation::Rename, &[&begin[..], &end].concat());
}

#[test]
fn what_was_read_before_a_file_that_cannot_be_read_is_not_read_again_when_that_is_rotated() {
    use Op::{Append, Compress, FailReads, Fill, Reload, Rename, Reopen, Rotations, Start, Stop};
    let fail = FailReads { rotated: false };
    let begin = [Append(1), Rename { create: true }, Append(1), Compress, Fill, Reopen, fail];
    let end = [Compress, Stop { clean: true }, fail, Start, Rotations(2)];
    let ops = [&begin[..], &end, &[Reload { rotated: false }]].concat();
    assert_exact(Rotation::Rename, &ops);
}
