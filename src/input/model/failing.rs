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
