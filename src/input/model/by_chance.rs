//! Sequences that random runs have found.

use super::*;

fn assert_exact(rotation: Rotation, ops: &[Op]) {
    let world = run(rotation, ops);
    assert_eq!(world.received, world.written);
}

/// Rotated files are paths of their own here, and order holds within a path only.
fn assert_each_once_within_the_glob(kind: Kind, ops: &[Op]) {
    let mut world = run_kind(Rotation::RenameWithinGlob, kind, ops);
    world.received.sort_unstable();
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
    assert_each_once_within_the_glob(Kind::default(), &ops);
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

#[test]
fn what_two_failing_reads_leave_of_rotated_files_is_read_once_within_the_glob() {
    use Op::{Append, Compress, FailReads, Fill, PutBack, Rename, Replace, Rotations};
    let fail = |rotated| FailReads { rotated };
    let begin = [Append(1), PutBack, PutBack, Rotations(2), fail(true), fail(false)];
    let end = [Rename { create: false }, Compress, Append(1), Replace, Fill];
    assert_each_once_within_the_glob(Kind::default(), &[&begin[..], &end].concat());
}

#[test]
fn what_rotated_unseen_and_is_compressed_before_the_shipper_is_killed_is_read() {
    use Op::{Compress, Fill, Rename, Reopen, Rotations, Stop};
    let begin = [Rotations(2), Rename { create: false }, Compress, Reopen, Compress];
    let ops = [&begin[..], &[Fill, Stop { clean: false }]].concat();
    let kind = Kind { banner: 1500, is_dated: false };
    assert_each_once_within_the_glob(kind, &ops);
}

#[test]
fn what_was_never_read_and_is_rotated_and_compressed_while_reading_fails_is_told_as_lost() {
    use Op::{Append, Compress, FailReads, Fill, Rename, Reopen, Truncate};
    let begin = [Append(1), Truncate, Append(1), FailReads { rotated: false }, Compress];
    let end = [Rename { create: false }, Fill, Reopen, Op::Look, Compress];
    let mut world = run(Rotation::RenameWithinGlob, &[&begin[..], &end].concat());
    world.received.sort_unstable();
    assert_eq!((world.received, world.meters.losses.events()), (vec![0, 2], 1));
}

#[test]
fn what_is_put_aside_and_found_by_its_log_is_read_once_when_the_shipper_is_killed() {
    use Op::{Append, Compress, Fill, Rename, Reopen, Replace, Rotations, Stop};
    let rename = Rename { create: false };
    let begin = [Append(1), rename, Reopen, Append(1), rename, Replace, Fill];
    let ops = [&begin[..], &[Rotations(2), Compress, Stop { clean: false }]].concat();
    let kind = Kind { banner: 1500, is_dated: false };
    assert_each_once_within_the_glob(kind, &ops);
}

#[test]
fn what_replaced_a_log_and_was_rotated_is_not_read_twice_where_it_cannot_be_read_for_a_while() {
    use Op::{Append, FailReads, Fill, Partial, Pass, Rename, Replace};
    let begin = [Append(4), Append(4), Append(2), Replace, Rename { create: false }];
    let end = [FailReads { rotated: true }, Pass(110), Partial, Fill];
    assert_exact(Rotation::Rename, &[&begin[..], &end].concat());
}

#[test]
fn what_little_was_read_of_a_rotated_file_is_known_again_where_nothing_can_be_listed_at_the_start()
{
    use Op::{Append, Compress, FailLists, FailReads, Partial, Pass, Rename, Reopen, Rotations};
    let begin = [Rotations(2), FailReads { rotated: false }, Rename { create: true }];
    let restart = [Op::Stop { clean: true }, FailLists, Partial, Reopen, Append(1), Compress];
    assert_exact(Rotation::Rename, &[&begin[..], &restart, &[Op::Start, Pass(12)]].concat());
}

#[test]
fn what_was_empty_and_is_written_to_rotated_and_compressed_before_anything_is_read_is_read() {
    use Op::{Compress, FailLists, Pass, Rename, Rotations};
    let begin = [Rotations(2), Rename { create: false }, Compress, Pass(250), FailLists];
    let ops = [&begin[..], &[Pass(110), Pass(250), Op::Stop { clean: false }]].concat();
    assert_each_once_within_the_glob(Kind::default(), &ops);
}

#[test]
fn what_was_cut_off_before_it_was_read_is_not_looked_for_in_what_another_log_was_made_into() {
    use Op::{Banner, Compress, FailReads, Preallocate, Rotations, Trim};
    let begin = [Banner, FailReads { rotated: false }, Preallocate(1), Trim];
    let kind = Kind { banner: 20, is_dated: false };
    let ops = [&begin[..], &[Rotations(2), Compress]].concat();
    assert_each_once_within_the_glob(kind, &ops);
}

#[test]
fn what_little_was_written_before_a_truncation_is_read_from_its_copy_beside_another_that_is_open() {
    use Op::{Append, Compress, CopyTruncate, FailReads, Look, Partial, Start, Stop};
    let (copy, fail) = (CopyTruncate { at_once: false }, FailReads { rotated: false });
    let begin = [Append(1), copy, Partial, Look, Stop { clean: false }];
    let kind = Kind { banner: 200, is_dated: false };
    let ops = [&begin[..], &[fail, copy, Compress, Start]].concat();
    let world = run_kind(Rotation::CopyTruncate, kind, &ops);
    assert_eq!(world.received, world.written);
}

#[test]
fn what_was_read_in_part_comes_before_what_came_later_where_nothing_can_be_listed_at_the_start() {
    use Op::{Append, Compress, FailLists, Pass, Rename, Reopen, Start, Stop};
    let begin = [Append(1), Rename { create: true }, Compress, Append(1), Stop { clean: false }];
    let end = [Reopen, Append(1), FailLists, Compress, Rename { create: false }, Start, Pass(12)];
    assert_exact(Rotation::Rename, &[&begin[..], &end, &[Append(1)]].concat());
}

#[test]
fn what_rotated_unseen_comes_behind_what_was_let_go_and_has_not_arrived() {
    use Op::{Append, Compress, FailLists, Fill, Partial, Pass, PutBack, Rename, Reopen, Stop};
    let rename = Rename { create: false };
    let begin = [Partial, PutBack, rename, Reopen, Append(1), rename, Pass(110), FailLists];
    let ops = [&begin[..], &[Compress, Reopen, Fill, Stop { clean: false }]].concat();
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_new_log_that_begins_alike_is_no_copy_where_the_old_one_was_found_before_it_could_be_read() {
    use Op::{Append, Banner, Compress, FailReads, Fill, Pass, Rename, Reopen, Start, Stop};
    let begin = [Banner, Pass(110), Fill, Stop { clean: true }, Append(1)];
    let end = [FailReads { rotated: false }, Append(1), Compress, Start];
    let kind = Kind { banner: 200, is_dated: false };
    let ops = [&begin[..], &[Rename { create: false }, Reopen], &end].concat();
    assert_each_once_within_the_glob(kind, &ops);
}
