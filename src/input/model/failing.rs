//! Sequences that once went wrong because reading or listing failed.

use super::*;

fn assert_exact(rotation: Rotation, ops: &[Op]) {
    let mut world = run(rotation, ops);
    if rotation == Rotation::RenameWithinGlob {
        // Rotated files are paths of their own here, and order holds within a path only.
        world.received.sort_unstable();
    }
    assert_eq!(world.received, world.written);
}

#[test]
fn a_rotated_file_that_was_not_seen_and_cannot_be_read_is_waited_for() {
    let ops = [Op::Rotations(3), Op::FailReads { rotated: true }, Op::Look];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_file_is_looked_for_before_those_that_came_after_it() {
    use Op::{Append, Compress, FailLists, Fill, Look, Pass, Rename, Reopen, Start, Stop};
    let begin = [Append(1), Look, Fill, Append(1), Rename { create: false }];
    let down = [Stop { clean: true }, FailLists, Start, Reopen, Compress, Pass(12)];
    assert_exact(Rotation::RenameWithinGlob, &[&begin[..], &down].concat());
}

#[test]
fn what_came_after_a_file_that_is_not_found_yet_comes_after_it() {
    use Op::{Append, FailLists, Rotations, Start, Stop};
    let ops = [Append(2), Stop { clean: false }, FailLists, Rotations(2), Start];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_rotated_file_that_was_empty_and_cannot_be_read_is_not_lost() {
    use Op::{FailReads, Rotations, Start, Stop};
    let ops = [Stop { clean: false }, FailReads { rotated: false }, Rotations(3), Start];
    assert_exact(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn a_copy_that_replaced_a_log_is_known_once_it_can_be_read_and_looked_for() {
    use Op::{Append, FailLists, FailReads, Look, Replace};
    for fault in [FailReads { rotated: false }, FailLists] {
        let ops = [Append(2), Append(4), Append(4), Replace, fault, Look];
        assert_exact(Rotation::Rename, &ops);
        assert_exact(Rotation::CopyTruncate, &ops);
    }
}

#[test]
fn what_cannot_be_read_and_is_compressed_is_known_by_what_was_seen_of_it() {
    use Op::{Append, Compress, FailReads, Look, Rotations};
    let ops = [Rotations(2), FailReads { rotated: true }, Look, Compress, Append(1)];
    assert_exact(Rotation::RenameWithinGlob, &ops);
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_file_that_comes_back_while_others_cannot_be_looked_for_keeps_its_place() {
    use Op::{FailLists, PutBack, Rotations};
    let ops = [Rotations(2), FailLists, PutBack, Rotations(2), PutBack];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn copies_that_could_not_be_looked_for_are_read_in_order() {
    use Op::{Append, FailLists, PutBack, Rotations};
    let copy = Op::CopyTruncate { at_once: false };
    let ops = [FailLists, Append(1), copy, Rotations(2), copy, Append(2), copy, PutBack];
    let kind = Kind { banner: 200, is_dated: false };
    is_exact(run_kind(Rotation::CopyTruncate, kind, &ops)).unwrap();
}

#[test]
fn what_came_while_stopped_is_new_though_it_cannot_be_looked_for() {
    use Op::{Append, Compress, FailLists, Fill, Rotations, Start, Stop};
    let ops = [Append(1), Compress, Rotations(2), Fill, Stop { clean: false }, FailLists, Start];
    assert_exact(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn what_is_younger_than_an_empty_file_that_cannot_be_read_is_no_copy_of_it() {
    use Op::{FailReads, Partial, Rotations, Start, Stop};
    let ops = [Stop { clean: false }, Partial, FailReads { rotated: false }, Rotations(2), Start];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn what_cannot_be_told_is_looked_at_again_though_nothing_is_written() {
    use Op::{Append, FailReads, Start, Stop, Truncate};
    let copy = Op::CopyTruncate { at_once: false };
    let stop = Stop { clean: false };
    let ops = [Append(1), Truncate, Append(1), stop, copy, FailReads { rotated: true }, Start];
    assert_exact(Rotation::CopyTruncate, &[&ops[..], &[Truncate, stop]].concat());
}

#[test]
fn files_that_cannot_be_read_are_read_in_their_order() {
    use Op::{FailReads, Fill, Look, Rotations};
    let fail = [FailReads { rotated: true }, FailReads { rotated: false }];
    let ops = [Rotations(3), fail[0], fail[1], Rotations(2), Look, Fill];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn what_could_not_be_read_is_looked_at_again_before_it_is_compressed() {
    use Op::{Compress, FailReads, Fill, Look, PutBack, Recreate, Rotations};
    let begin = [Recreate, FailReads { rotated: false }, Rotations(2)];
    let ops = [&begin[..], &[Look, Fill, PutBack, Compress]].concat();
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn what_cannot_be_read_is_found_by_its_time_when_it_was_compressed_and_renamed() {
    use Op::{Compress, FailReads, Look, Rotations};
    let ops = [Rotations(3), FailReads { rotated: true }, Look, Compress, Rotations(2)];
    assert_exact(Rotation::Rename, &ops);
}
