//! Sequences that once went wrong because reading or listing failed.

use std::os::unix::fs::MetadataExt;

use super::*;
use crate::input::read::content::faults;

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

/// The same for logs that begin with so many bytes.
fn assert_exact_with(rotation: Rotation, banner: usize, ops: &[Op]) {
    is_exact(run_kind(rotation, Kind { banner, is_dated: false }, ops)).unwrap();
}

#[test]
fn what_is_found_late_is_placed_among_all_that_has_been_current_since() {
    use Op::{Append, FailLists, Fill, Pass, Rename, Rotations};
    let begin = [Append(1), FailLists, Pass(110), Rename { create: true }, Pass(250)];
    assert_exact(Rotation::Rename, &[&begin[..], &[Rotations(3), Fill]].concat());
    let ops = [FailLists, Rotations(2), Pass(110), Pass(250), Rotations(2), Fill];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_log_that_was_refilled_twice_while_nothing_can_be_looked_for_is_read_once() {
    use Op::{Append, Compress, FailLists, Look, Partial, Pass, Preallocate, Reload, Rotations};
    let copy = Op::CopyTruncate { at_once: false };
    let ops = [Append(1), FailLists, copy, Look, Partial, copy, Append(1), Append(1), Compress];
    assert_exact(Rotation::CopyTruncate, &ops);
    let ops = [FailLists, Append(1), copy, Append(1), Pass(110), copy, Append(1), Compress];
    assert_exact_with(Rotation::CopyTruncate, 20, &ops);
    let ops = [FailLists, Rotations(2), copy, Append(1), Look, copy, Append(1), Compress];
    assert_exact_with(Rotation::CopyTruncate, 20, &ops);
    let begin = [Append(1), copy, FailLists, Append(1), Reload { rotated: false }];
    let ops = [&begin[..], &[copy, Preallocate(10), Compress]].concat();
    assert_exact_with(Rotation::CopyTruncate, 20, &ops);
}

#[test]
fn a_log_that_was_refilled_twice_while_its_copy_cannot_be_read_is_read_once() {
    use Op::{Append, Compress, FailReads, Look, Partial};
    let copy = Op::CopyTruncate { at_once: false };
    let fail = FailReads { rotated: true };
    let ops = [Append(1), copy, fail, Look, Partial, Compress, copy, Partial, Compress];
    assert_exact(Rotation::CopyTruncate, &ops);
}

#[test]
fn what_begins_like_a_file_that_cannot_be_read_is_read() {
    use Op::{Compress, FailReads, Fill, Partial, Rename, Rotations, Start, Stop};
    let known = [Partial, Rename { create: true }, Compress, Fill, Stop { clean: true }];
    let ops = [&known[..], &[FailReads { rotated: true }, Rotations(3), Start]].concat();
    assert_exact_with(Rotation::Rename, 200, &ops);
}

#[test]
fn what_comes_after_a_file_that_cannot_be_told_yet_has_its_place_behind_that() {
    use Op::{Append, Compress, FailReads, Rename, Rotations, Start, Stop, TakeBack};
    let begin = [Append(1), TakeBack { all: false }, Rotations(2), Stop { clean: false }];
    let fail = FailReads { rotated: false };
    let rest = [fail, Rename { create: false }, Compress, Start, Rotations(2)];
    assert_exact(Rotation::Rename, &[&begin[..], &rest].concat());
}

#[test]
fn copies_that_were_found_late_and_read_are_known_to_the_next_run() {
    use Op::{Append, Compress, FailLists, Rotations, Start, Stop};
    let copy = Op::CopyTruncate { at_once: false };
    let begin = [Stop { clean: false }, Append(1), copy, Compress, Rotations(2), copy];
    let ops = [&begin[..], &[FailLists, Start, Stop { clean: true }]].concat();
    assert_exact(Rotation::CopyTruncate, &ops);
}

#[test]
fn what_is_compressed_while_its_open_original_cannot_be_read_is_no_new_file() {
    use Op::{Append, Compress, FailReads, Fill, Pass, Rename, Reopen, Start, Stop};
    let begin = [Stop { clean: false }, Append(1), Rename { create: false }];
    let fail = FailReads { rotated: true };
    let ops = [&begin[..], &[fail, Reopen, Start, Compress, Pass(12), Fill]].concat();
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn what_compression_made_of_a_file_is_not_mistaken_for_what_has_its_name_by_now() {
    use Op::{Compress, FailReads, Look, PutBack, Rotations};
    let begin = [Rotations(3), FailReads { rotated: true }, Look, PutBack, Compress];
    assert_exact(Rotation::Rename, &[&begin[..], &[Rotations(2), Compress]].concat());
}

#[test]
fn what_could_not_be_read_and_whose_path_names_a_rotated_log_is_known_when_it_is_compressed() {
    use Op::{Compress, FailReads, Fill, Pass, Rename, Rotations};
    let fail = [FailReads { rotated: false }, FailReads { rotated: true }];
    let ops = [Rotations(3), fail[0], fail[1], Pass(110), Rename { create: false }, Fill, Compress];
    assert_exact(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn what_was_read_of_a_rotated_file_and_has_not_arrived_is_read_by_its_log_when_nothing_names_it() {
    use Op::{Append, Exclude, FailLists, Pass, Reload, Rotations, Stop};
    let begin = [FailLists, Exclude(0), Append(3), Pass(110), Rotations(2)];
    let ops = [&begin[..], &[Reload { rotated: false }, Stop { clean: false }]].concat();
    assert_exact(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn an_archive_that_was_read_is_no_copy_of_what_was_deleted_before() {
    use Op::{Append, Compress, FailLists, Look, Replace, Rotations};
    let copy = Op::CopyTruncate { at_once: false };
    let begin = [Rotations(4), Append(4), Append(2), Replace, Rotations(2)];
    let ops = [&begin[..], &[FailLists, copy, Look, Compress]].concat();
    assert_exact(Rotation::CopyTruncate, &ops);
}

#[test]
fn a_refilled_file_that_was_rotated_and_cannot_be_read_is_a_log_all_the_same() {
    use Op::{Append, FailReads, Fill, Rename, Rotations, Truncate};
    let begin = [Append(1), Rotations(2), Append(4), Truncate, Append(1)];
    let fail = FailReads { rotated: true };
    let ops = [&begin[..], &[Rename { create: false }, fail, Fill]].concat();
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn what_cannot_be_read_and_is_cut_back_is_not_taken_for_a_log_that_begins_anew() {
    use Op::{Append, FailLists, FailReads, Look, Preallocate, Reload, Rotations, Trim};
    let begin = [FailLists, Append(1), Rotations(2), Look, FailReads { rotated: false }];
    let ops = [&begin[..], &[Preallocate(1), Trim, Reload { rotated: false }]].concat();
    assert_exact_with(Rotation::Rename, 1500, &ops);
}

#[test]
fn what_begins_like_a_log_that_cannot_be_read_and_was_rotated_is_no_copy() {
    use Op::{Banner, Exclude, FailReads, Reload, Rotations};
    let fail = FailReads { rotated: false };
    let ops = [Banner, Exclude(0), fail, Rotations(3), Reload { rotated: false }];
    let kind = Kind { banner: 200, is_dated: false };
    let mut world = run_kind(Rotation::RenameWithinGlob, kind, &ops);
    world.received.sort_unstable();
    is_exact(world).unwrap();
}

#[test]
fn what_is_older_than_a_log_that_was_cut_back_is_no_copy_of_it() {
    use Op::{Append, FailLists, Preallocate, Reload, Rotations, Trim};
    let begin = [FailLists, Append(1), Rotations(2), Preallocate(1), Trim];
    let ops = [&begin[..], &[Reload { rotated: false }]].concat();
    let kind = Kind { banner: 1500, is_dated: false };
    let mut world = run_kind(Rotation::RenameWithinGlob, kind, &ops);
    world.received.sort_unstable();
    is_exact(world).unwrap();
}

/// The log was read to its end, its descriptor was given back, and from now on opening it says that there is no
/// such file.
fn hidden() -> (World, u64) {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    for _ in 0..40 {
        world.pass(20);
    }
    let number = world.path("app.log").metadata().unwrap().ino();
    faults::hide(number, true);
    (world, number)
}

#[test]
fn what_is_listed_and_cannot_be_opened_is_tried_once_a_second() {
    let (mut world, number) = hidden();
    world.write_lines(2);
    world.look();
    let fills = |world: &mut World| (0..100).take_while(|_| world.fill()).count();
    for _ in 0..5 {
        assert_eq!(fills(&mut world), 1);
        world.pass(10);
    }
    faults::hide(number, false);
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn what_was_rotated_and_cannot_be_opened_though_it_is_listed_is_waited_for_a_minute_and_no_longer()
{
    let (mut world, number) = hidden();
    world.rename(true);
    world.reopen();
    world.write_lines(2);
    let read_for = |world: &mut World, seconds| {
        for _ in 0..seconds {
            world.read_all();
            world.pass(10);
        }
        while !world.unconfirmed.is_empty() {
            world.confirm();
        }
    };
    read_for(&mut world, 50);
    assert_eq!(world.received.len(), 3);
    read_for(&mut world, 20);
    assert_eq!(world.received, world.written);
    faults::hide(number, false);
}
