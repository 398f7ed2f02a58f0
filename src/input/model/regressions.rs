//! Sequences that once went wrong.

use std::fs;
use std::io::Write;

use super::writer::text;
use super::*;

fn assert_exact(rotation: Rotation, ops: &[Op]) {
    let world = run(rotation, ops);
    assert_eq!(world.received, world.written);
}

/// Each line once. Where rotated files are paths of their own, order holds within a path only.
fn assert_once(rotation: Rotation, ops: &[Op]) {
    let mut world = run(rotation, ops);
    world.received.sort_unstable();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_file_that_was_refilled_and_rotated_twice_unseen_keeps_its_order() {
    use Op::{Append, Fill, Look, Rename, Reopen, Truncate};
    let rename = Rename { create: false };
    let ops = [Append(1), Truncate, Append(1), Look, rename, Reopen, Append(1), rename, Fill];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_compressed_file_is_not_read_again_when_the_next_one_has_only_begun() {
    use Op::{Append, Compress, Fill, Partial, Pass, Rename, Reopen, Stop};
    let (rename, stop) = (Rename { create: true }, Stop { clean: true });
    // The writer is late: what was rotated is younger than the new file.
    let late = [Append(1), rename, Append(1), Reopen, Compress, Partial];
    assert_exact(Rotation::Rename, &[&late[..], &[Fill, Pass(110), Fill, stop]].concat());
}

#[test]
fn what_is_compressed_after_it_was_let_go_is_no_new_file_however_short() {
    use Op::{Append, Compress, CopyTruncate, Pass, Recreate, Start, Stop};
    let (copy, stop) = (CopyTruncate { at_once: true }, Stop { clean: true });
    let ops = [stop, Append(1), copy, Start, Pass(110), Compress, Recreate];
    assert_exact(Rotation::CopyTruncate, &ops);
}

#[test]
fn a_compressed_file_that_reuses_the_inode_of_what_was_rotated_is_not_taken_for_it() {
    let mut world = World::new(Rotation::Rename);
    world.begin_line();
    world.rename(false);
    world.stop(true);
    world.reopen();
    world.write_lines(3);
    world.rename(true);
    // The first makes room for the second.
    world.compress();
    world.reopen();
    world.compress();
    world.write_lines(4);
    world.rename(true);
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_file_that_was_deleted_while_it_was_closed_is_forgotten() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    // Its descriptor is given back, then it is deleted.
    for _ in 0..40 {
        world.pass(20);
    }
    fs::remove_file(world.path("app.log")).unwrap();
    for _ in 0..80 {
        world.read_all();
        world.pass(10);
    }
    world.deliver_all();
    assert!(world.records.is_empty(), "{:?}", world.records);
    assert_eq!(world.received, world.written);
}

#[test]
fn a_file_that_was_filled_copied_and_truncated_while_we_were_down_is_read_from_its_copy() {
    for at_once in [false, true] {
        for after in [0, 1] {
            let mut world = World::new(Rotation::CopyTruncate);
            world.stop(true);
            world.write_lines(3);
            world.copy_truncate(at_once);
            world.write_lines(after);
            world.start();
            world.settle();
            assert_eq!(world.received, world.written, "{at_once} {after}");
        }
    }
}

#[test]
fn a_file_whose_device_has_another_number_after_a_reboot_goes_on() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    world.stop(true);
    for record in world.records.values_mut() {
        std::sync::Arc::make_mut(&mut record.reached).source.inode.device += 1;
    }
    world.write_lines(2);
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_file_that_only_looks_like_a_rotated_one_is_left_alone() {
    let mut world = World::new(Rotation::Rename);
    drop(world.new_file(&world.path("other.log")));
    world.write_lines(1);
    world.recreate();
    fs::rename(world.path("other.log"), world.path("app-2.log")).unwrap();
    fs::write(world.path("app-2.log"), "999:not ours\n").unwrap();
    // The one that is followed now is younger than what only looks like its successor.
    world.write_lines(1);
    world.deliver_all();
    world.rename(true);
    fs::write(world.path("app-2.log"), "999:not ours\n").unwrap();
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_copy_of_what_was_let_go_is_no_new_file() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(10);
    world.rename(true);
    world.reopen();
    world.write_lines(10);
    world.settle();
    let copy = world.path("app.log.1.gz");
    fs::copy(world.path("app.log.1"), world.path("app.log.3")).unwrap();
    assert!(!copy.exists());
    world.rename(true);
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn what_is_let_go_is_not_given_to_another_path() {
    let mut world = World::new(Rotation::RenameWithinGlob);
    world.write_lines(3);
    world.deliver_all();
    world.rename(true);
    world.reopen();
    world.write_lines(1);
    world.look();
    // The path that waits for the rotated file goes, and another one comes.
    fs::remove_file(world.path("app.log.1")).unwrap();
    world.look();
    world.handle(Event::Look { path: world.path("app.log.1"), entry: 0 });
    fs::write(world.path("other.log"), "100:x\n").unwrap();
    for _ in 0..20 {
        world.read_all();
        world.pass(10);
    }
    fs::rename(world.path("other.log"), world.path("other.log.1")).unwrap();
    fs::write(world.path("other.log"), "101:x\n").unwrap();
    world.settle();
    world.received.sort_unstable();
    world.written.extend([100, 101]);
    assert_eq!(world.received, world.written);
}

/// A connection may end at any mark in a batch, or between two.
#[test]
fn reading_goes_on_at_every_mark_within_a_batch() {
    let written = 3_000;
    let batch_of = |world: &mut World| {
        for _ in 0..written / 250 {
            world.write_lines(250);
        }
        world.look();
        world.fill();
    };
    let mut world = World::new(Rotation::Rename);
    batch_of(&mut world);
    let ends: Vec<_> = world.unconfirmed[0].marks.iter().map(|mark| mark.end).collect();
    // Messages are longer than their lines.
    let is_close = |pair: &[u32]| pair[1] - pair[0] < 3 * (16 << 10);
    assert!(ends.len() > 5 && ends.windows(2).all(is_close), "{ends:?}");
    for count in 1..=ends.len() {
        let mut world = World::new(Rotation::Rename);
        batch_of(&mut world);
        let batch = &mut world.unconfirmed[0];
        batch.marks.truncate(count);
        batch.bytes.truncate(batch.marks[count - 1].end as usize);
        world.confirm();
        world.stop(false);
        world.settle();
        assert!(world.received == world.written, "after mark {count}");
    }
}

#[test]
fn what_another_path_has_read_is_not_read_again_when_it_is_compressed() {
    use Op::{Append, Compress, Fill, Look, Pass, Rename, Reopen};
    let rename = Rename { create: false };
    let begin = [Append(1), rename, Reopen, Look, Pass(110), Append(1), Fill];
    let mut world = run(
        Rotation::RenameWithinGlob,
        &[&begin[..], &[Compress, rename, Reopen, Compress]].concat(),
    );
    // Rotated files are paths of their own here, and order holds within a path only.
    world.received.sort_unstable();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_compressed_file_whose_rotation_was_not_seen_is_read_once_around_a_kill() {
    use Op::{Append, Compress, Fill, Pass, Rename, Reopen, Stop};
    let (rename, stop) = (Rename { create: false }, Stop { clean: false });
    let begin = [Append(1), rename, Reopen, Append(1), rename, Pass(110), Fill, Reopen];
    let mut world = run(
        Rotation::RenameWithinGlob,
        &[&begin[..], &[Append(1), Compress, stop, rename]].concat(),
    );
    world.received.sort_unstable();
    assert_eq!(world.received, world.written);
}

#[test]
fn what_a_reload_excludes_and_takes_in_again_is_confirmed_before_its_position_is() {
    use Op::*;
    let stop = |clean| Stop { clean };
    for rotation in [Rotation::Rename, Rotation::CopyTruncate, Rotation::RenameWithinGlob] {
        assert_exact(rotation, &[Append(1), Exclude(0), stop(false)]);
        assert_exact(rotation, &[Append(1), Exclude(1), Fill, Confirm, stop(false)]);
        assert_exact(rotation, &[Exclude(1), Fill, stop(true)]);
        assert_exact(rotation, &[Exclude(1), Exclude(0), Confirm, stop(false)]);
        let copy = CopyTruncate { at_once: false };
        assert_exact(rotation, &[Exclude(1), copy, Compress, stop(false)]);
        let begin = [Append(1), Append(1), copy, stop(false), Append(1), copy];
        assert_exact(rotation, &[&begin[..], &[Start, Exclude(1), stop(false), copy]].concat());
    }
    let rename = Rename { create: false };
    assert_exact(
        Rotation::Rename,
        &[Recreate, Exclude(1), rename, stop(false), Start, Reopen, Compress],
    );
    let late = [Append(1), Rename { create: true }, Append(1), Reopen, Exclude(0), Fill];
    assert_exact(Rotation::Rename, &[&late[..], &[stop(true)]].concat());
    let begin = [Partial, rename, Reopen, Append(1), rename, Reopen];
    assert_exact(Rotation::Rename, &[&begin[..], &[Exclude(1), rename, stop(false)]].concat());
}

#[test]
fn what_another_path_has_read_is_not_read_again_when_it_is_moved_over_one_that_is_followed() {
    use Op::{Append, Exclude, Fill, Pass, Rename, Reopen};
    let rename = Rename { create: false };
    let begin = [Exclude(1), rename, Reopen, Append(1), rename, Pass(110), Reopen, Append(1), Fill];
    assert_once(Rotation::RenameWithinGlob, &[&begin[..], &[rename, Pass(110), Fill]].concat());
}

#[test]
fn what_comes_in_the_moment_of_a_reload_is_read_from_its_start() {
    use Op::{Append, Reload, Rename, Reopen};
    let rename = Rename { create: false };
    let reload = Reload { rotated: true };
    let ops = [Append(1), rename, Reopen, Append(1), rename, reload];
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn what_another_path_goes_on_in_after_a_kill_is_left_to_it() {
    use Op::{Append, Compress, Confirm, Fill, Rename, Reopen, Stop};
    let (rename, stop) = (Rename { create: false }, Stop { clean: false });
    let begin = [Append(1), rename, Reopen, Append(1), rename, Compress, Fill, Append(1), Confirm];
    assert_once(Rotation::RenameWithinGlob, &[&begin[..], &[stop, Reopen, Compress]].concat());
}

#[test]
fn what_was_rotated_unseen_is_read_though_it_begins_like_one_that_is_known() {
    use Op::{Append, Compress, Fill, Partial, Rename, Reopen, Start, Stop};
    let (rename, stop) = (Rename { create: false }, |clean| Stop { clean });
    let known = [Partial, rename, Reopen, stop(false), Start, Fill, Partial, Compress, rename];
    let unseen = [stop(true), Reopen, Append(1), rename];
    let world = run_kind(
        Rotation::Rename,
        Kind { banner: 200, is_dated: false },
        &[&known[..], &unseen].concat(),
    );
    assert_eq!(world.received, world.written);
}

/// Logs that begin with more than they are known by.
fn alike() -> World {
    World::of(Rotation::Rename, Kind { banner: 1500, is_dated: false })
}

/// Removes a file, so that no other gets its inode.
fn delete(world: &World, name: &str) {
    fs::remove_file(world.path(name)).unwrap();
    fs::write(world.path("other"), "").unwrap();
}

/// A log comes and is rotated away while nobody looks, and is read all the same.
fn assert_read_though_unseen(mut world: World) {
    world.reopen();
    world.write_lines(1);
    world.rename(false);
    world.reopen();
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn what_was_rotated_unseen_is_read_though_it_begins_like_one_that_is_deleted() {
    let mut world = alike();
    world.write_lines(50);
    world.deliver_all();
    world.rename(true);
    world.reopen();
    world.write_lines(3);
    world.look();
    while world.fill() {}
    world.stop(true);
    delete(&world, "app.log.1");
    world.rename(false);
    assert_read_though_unseen(world);
}

#[test]
fn what_was_rotated_unseen_is_no_shorter_copy_of_what_is_deleted() {
    let mut world = alike();
    world.write_lines(50);
    world.look();
    while world.fill() {}
    world.stop(true);
    delete(&world, "app.log");
    world.writer_is_behind = true;
    assert_read_though_unseen(world);
}

#[test]
fn what_a_late_writer_has_added_to_before_it_was_compressed_is_no_new_log() {
    use Op::{Append, Compress, Fill, Look, Rename, Reopen, Stop};
    let read = [Append(1), Look, Rename { create: true }, Fill, Look, Stop { clean: true }];
    assert_exact(Rotation::Rename, &[&read[..], &[Append(1), Reopen, Compress]].concat());
}

#[test]
fn a_log_that_is_made_right_after_the_end_is_new() {
    use Op::{Append, Compress, Fill, Pass, Rename, Reopen, Stop};
    let (rename, stop) = (Rename { create: false }, Stop { clean: true });
    // Of what had its path nothing is known any more.
    let ops = [Append(1), rename, Compress, Reopen, Append(1), Fill, rename];
    let ops = [&ops[..], &[Pass(110), Compress, Fill, stop]].concat();
    assert_exact(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn what_is_not_finished_is_not_missed_when_its_file_is_renamed() {
    use Op::{Append, Preallocate, Rename, Trim};
    let ops = [Preallocate(4), Append(1), Trim, Rename { create: false }];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_copy_that_replaced_a_log_and_was_rotated_goes_on_there_and_under_its_own_path() {
    use Op::{Append, Partial, Replace, Rotations, Stop};
    let long = [Append(4), Append(4), Append(4), Replace];
    assert_exact(Rotation::Rename, &[&long[..], &[Partial, Rotations(2)]].concat());
    let down = [&long[..], &[Rotations(2), Append(1), Stop { clean: false }]].concat();
    assert_once(Rotation::RenameWithinGlob, &down);
}

#[test]
fn what_rotated_unseen_while_it_was_excluded_comes_once_around_a_compression() {
    use Op::{Compress, Exclude, Fill, Rename, Rotations, Stop};
    let (rename, stop) = (Rename { create: false }, Stop { clean: true });
    let ops = [Rotations(3), Exclude(0), rename, Fill, stop, Compress];
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn a_log_that_a_copy_replaced_twice_around_rotations_is_read_whole() {
    use Op::{
        Append, Banner, Compress, Exclude, Fill, Look, Partial, Pass, Rename, Reopen, Replace,
        Rotations, Truncate,
    };
    let (with, without) = (Rename { create: true }, Rename { create: false });
    let first = [with, Append(1), Append(3), without, Replace, Look, Exclude(2), Append(3)];
    let second = [Pass(110), Append(3), Append(2), Look, Reopen, Fill, Append(3), Banner, Partial];
    let third = [Rotations(2), without, Banner, Look, Look, Compress, Append(3), Partial, Banner];
    let last = [Replace, Compress, Truncate];
    let world = run_kind(
        Rotation::Rename,
        Kind { banner: 200, is_dated: true },
        &[&first[..], &second, &third, &last].concat(),
    );
    assert_eq!(world.received, world.written);
}

#[test]
fn a_copy_that_replaced_a_log_and_grew_under_a_rotated_name_is_read_from_where_it_grew() {
    use Op::{Append, Compress, Rename, Replace};
    let ops = [Append(2), Append(4), Append(4), Replace];
    let ops = [&ops[..], &[Rename { create: false }, Compress, Append(1)]].concat();
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn a_copy_that_replaced_a_log_and_was_rotated_is_known_after_a_kill_before_it_was_read() {
    use Op::{Append, Compress, Rename, Replace, Stop};
    let long = [Append(4), Append(3), Append(3), Replace, Append(1)];
    let killed = [Rename { create: false }, Compress, Stop { clean: false }];
    assert_once(Rotation::RenameWithinGlob, &[&long[..], &killed].concat());
}

#[test]
fn what_is_compressed_under_a_path_that_waited_for_it_is_not_read_again() {
    use Op::{Append, Compress, Exclude, Fill, Rename, Reopen, Rotations, Stop};
    let begin = [Append(1), Rename { create: false }, Reopen, Exclude(0), Rotations(2)];
    let ops = [&begin[..], &[Compress, Fill, Stop { clean: true }]].concat();
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn a_file_whose_last_record_was_overwritten_and_that_was_rotated_unseen_is_not_read_again() {
    use Op::{Exclude, Overwrite, Rename};
    let ops = [Exclude(1), Exclude(0), Rename { create: true }, Overwrite];
    let world = run_kind(Rotation::Rename, Kind { banner: 20, is_dated: false }, &ops);
    assert_eq!(world.received, world.written);
    assert_eq!(world.banners[0], world.banners[1]);
}

#[test]
fn a_file_that_began_anew_with_half_a_line_and_was_rotated_unseen_is_read() {
    use Op::{Append, Partial, Rotations, Truncate};
    assert_exact(Rotation::Rename, &[Append(1), Truncate, Partial, Rotations(2)]);
}

#[test]
fn a_copy_that_replaced_a_log_is_known_under_a_rotated_path_that_named_another_file() {
    use Op::{Append, Exclude, Rename, Reopen, Replace};
    let rename = Rename { create: false };
    let first = [Append(3), Append(2), Append(4), rename, Reopen, Append(1), Exclude(2)];
    assert_once(Rotation::RenameWithinGlob, &[&first[..], &[Append(1), Replace, rename]].concat());
}

#[test]
fn half_a_line_before_nuls_is_read_from_a_file_that_was_rotated_unseen() {
    use Op::{Partial, Preallocate, PutBack, Rotations, TakeBack};
    let ops = [Partial, PutBack, TakeBack { all: false }, Preallocate(1), Rotations(2)];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn what_was_rotated_within_the_glob_before_a_stop_is_no_new_file() {
    use Op::{Fill, Look, Pass, Rename, Rotations, Stop};
    let ops = [Rotations(3), Look, Rename { create: false }, Pass(110), Fill, Stop { clean: true }];
    assert_exact(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn a_copy_that_is_rotated_and_compressed_before_anybody_looked_is_read_whole() {
    use Op::{Append, Compress, Rename, Replace, Rotations};
    let long = [Rotations(2), Append(4), Append(4), Replace];
    let ops = [&long[..], &[Rename { create: true }, Compress, Append(1)]].concat();
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_copy_that_is_rotated_within_the_glob_before_anybody_looked_is_read_once() {
    use Op::{Append, Exclude, Pass, Rename, Replace, Rotations};
    let long = [Exclude(1), Rotations(5), Append(1), Append(4), Replace];
    let ops = [&long[..], &[Rename { create: false }, Pass(110), Append(1)]].concat();
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn what_was_added_before_a_compression_does_not_go_on_in_a_log_that_begins_alike() {
    use Op::{Append, Banner, Compress, Rename, Reopen, Rotations, TakeBack};
    let ops = [
        Banner,
        TakeBack { all: false },
        Append(1),
        Rename { create: false },
        Reopen,
        Compress,
        Rotations(3),
    ];
    let world = run_kind(Rotation::Rename, Kind { banner: 200, is_dated: false }, &ops);
    assert_eq!(world.received, world.written);
}

#[test]
fn a_rotated_file_that_was_renamed_before_it_was_handed_on_is_known_to_the_next_run() {
    use Op::{Fill, Look, Pass, Rename, Rotations, Stop};
    let ops = [Rotations(3), Pass(110), Rename { create: false }, Fill, Stop { clean: true }, Look];
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn how_far_a_file_was_read_that_is_named_again_is_known_to_the_next_run() {
    use Op::{Fill, Reload, Rotations, Stop};
    let ops = [
        Rotations(2),
        Reload { rotated: false },
        Fill,
        Reload { rotated: true },
        Stop { clean: true },
    ];
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn what_was_written_after_a_line_was_taken_back_is_no_copy() {
    use Op::{Partial, Rename, Reopen, Rotations, TakeBack};
    let ops =
        [Partial, Rename { create: false }, Reopen, Partial, TakeBack { all: false }, Rotations(2)];
    let world = run_kind(Rotation::Rename, Kind { banner: 1500, is_dated: false }, &ops);
    assert_eq!(world.received, world.written);
}

#[test]
fn a_copy_that_is_followed_from_its_end_is_not_read_again_when_its_last_record_changes() {
    use Op::{Append, Overwrite, Rename, Replace};
    let ops =
        [Append(3), Append(3), Append(1), Append(3), Replace, Rename { create: false }, Overwrite];
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn an_archive_of_what_was_cut_short_is_no_copy_of_what_was_there_before() {
    use Op::{Compress, Partial, Preallocate, Rename, Reopen, Rotations, Start, Stop, Trim};
    let ops = [
        Partial,
        Rotations(2),
        Stop { clean: false },
        Preallocate(1),
        Rename { create: true },
        Start,
        Trim,
        Reopen,
        Compress,
    ];
    let world = run_kind(Rotation::Rename, Kind { banner: 1500, is_dated: true }, &ops);
    assert_eq!(world.received, world.written);
}

#[test]
fn a_copy_that_is_rotated_twice_within_the_glob_around_a_reload_is_read_once() {
    use Op::{Reload, Rename, Rotations};
    let mut world = World::new(Rotation::RenameWithinGlob);
    world.write_lines(10);
    world.replace();
    for op in [Rename { create: false }, Reload { rotated: true }, Rotations(2)] {
        world.apply(op);
    }
    world.settle();
    world.received.sort_unstable();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_copy_that_goes_on_after_a_deleted_log_is_followed_like_that() {
    use Op::{Append, Overwrite, Pass, Rename, Replace, Rotations};
    let begin = [Append(4), Rotations(4), Append(1), Append(3), Replace];
    let ops = [&begin[..], &[Rename { create: false }, Pass(110), Overwrite]].concat();
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_copy_of_what_is_not_to_be_found_any_more_is_read_from_where_it_grew() {
    use Op::{Append, Pass, Replace, Rotations, Stop};
    let begin = [Append(3), Append(4), Append(3), Replace, Append(1)];
    let ops = [&begin[..], &[Rotations(2), Pass(110), Stop { clean: false }]].concat();
    assert_once(Rotation::RenameWithinGlob, &ops);
}

#[test]
fn what_is_compressed_while_it_is_taken_for_a_copy_is_read() {
    use Op::{Compress, Fill, Pass, Rename, Reopen, Rotations};
    let ops = [Rotations(2), Rename { create: false }, Compress, Reopen, Pass(110), Fill, Compress];
    let kind = Kind { banner: 1500, is_dated: false };
    let mut world = run_kind(Rotation::RenameWithinGlob, kind, &ops);
    world.received.sort_unstable();
    assert_eq!(world.received, world.written);
}

#[test]
fn what_was_archived_before_it_could_be_looked_for_comes_before_what_was_seen_since() {
    use Op::{Compress, FailLists, ReplaceAndLook, Rotations};
    let ops = [FailLists, Rotations(3), ReplaceAndLook, Compress, Rotations(2)];
    assert_exact(Rotation::Rename, &ops);
}

#[test]
fn a_copy_is_read_though_the_log_was_seen_to_hold_more_than_it() {
    use Op::{Append, CopyTruncate, Preallocate, Trim};
    let ops = [Preallocate(47), Append(1), Trim, CopyTruncate { at_once: false }];
    assert_exact(Rotation::CopyTruncate, &ops);
}

#[test]
fn a_copy_is_read_though_the_log_has_grown_beyond_it_since() {
    use Op::{Append, CopyTruncate, Overwrite, Partial};
    let [at_once, later] = [true, false].map(|at_once| CopyTruncate { at_once });
    let ops = [Append(3), Partial, at_once, Append(1), Overwrite, later, Append(3), at_once];
    let world = run_kind(Rotation::CopyTruncate, Kind { banner: 200, is_dated: false }, &ops);
    assert_eq!(world.received, world.written);
}

#[test]
fn a_log_that_begins_alike_and_has_the_inode_of_one_that_was_compressed_is_no_copy() {
    use Op::{Append, Banner, Compress, Fill, PutBack, Rename, Reopen, Stop};
    let without = Rename { create: false };
    let ops = [
        Append(1),
        Append(1),
        without,
        Reopen,
        PutBack,
        Banner,
        Fill,
        Stop { clean: true },
        Append(1),
        without,
        Reopen,
        Append(1),
        Compress,
        without,
    ];
    let world = run_kind(Rotation::Rename, Kind { banner: 200, is_dated: false }, &ops);
    assert_eq!(world.received, world.written);
}

#[test]
fn a_log_that_is_truncated_right_after_it_was_looked_at_is_read_from_its_copy() {
    use Op::{Append, CopyTruncate, Fill, Partial};
    let later = CopyTruncate { at_once: false };
    let ops = [
        Append(3),
        Append(3),
        Append(4),
        Append(2),
        later,
        Append(1),
        Partial,
        Fill,
        later,
        Append(4),
        later,
        Fill,
    ];
    assert_exact(Rotation::CopyTruncate, &ops);
}

#[test]
fn what_is_taken_back_before_anything_was_read_does_not_begin_anew() {
    use Op::{Append, Partial, Pass, Rename, Reopen, Rotations, Stop, TakeBack};
    let without = Rename { create: false };
    let ops = [
        Partial,
        Rotations(2),
        Partial,
        TakeBack { all: false },
        Pass(110),
        without,
        Reopen,
        Stop { clean: false },
        Append(1),
        without,
    ];
    let world = run_kind(Rotation::Rename, Kind { banner: 1500, is_dated: false }, &ops);
    assert_eq!(world.received, world.written);
}

#[test]
fn an_old_worker_is_waited_for_though_its_rotated_file_is_deleted() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    world.rename(true);
    let number = world.written.len() as u64;
    world.written.push(number);
    let mut new = append(&world.path("app.log"));
    new.write_all(text(number).as_bytes()).unwrap();
    world.stamp(&new);
    world.deliver_all();
    fs::remove_file(world.path("app.log.1")).unwrap();
    for _ in 0..20 {
        world.pass(10);
        world.read_all();
    }
    world.write_lines(1);
    world.deliver_all();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_log_whose_directory_is_away_for_more_than_a_minute_goes_on_where_it_was() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    // Its descriptor is given back.
    for _ in 0..40 {
        world.pass(20);
    }
    let away = world.path("away");
    fs::create_dir(&away).unwrap();
    fs::rename(world.path("app.log"), away.join("app.log")).unwrap();
    for _ in 0..80 {
        world.read_all();
        world.pass(10);
    }
    fs::rename(away.join("app.log"), world.path("app.log")).unwrap();
    world.write_lines(2);
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_log_of_another_program_that_looks_like_a_copy_and_never_pauses_is_read_after_a_minute() {
    let kind = Kind { banner: 200, is_dated: false };
    let mut world = World::of(Rotation::RenameWithinGlob, kind);
    world.write_banner();
    world.deliver_all();
    let mut other = world.new_file(&world.path("app.log.1"));
    other.write_all(world.banner.as_bytes()).unwrap();
    world.banners[0] += 1;
    for second in 0..70 {
        let number = world.written.len() as u64;
        world.written.push(number);
        other.write_all(text(number).as_bytes()).unwrap();
        world.stamp(&other);
        world.read_all();
        world.pass(9);
        while !world.unconfirmed.is_empty() {
            world.confirm();
        }
        assert!(second < 68 || !world.received.is_empty());
    }
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_log_that_is_truncated_in_an_outage_finds_its_copy_though_a_glob_matches_it() {
    for is_dated in [false, true] {
        for pieces in [1, 3] {
            let mut world = World::of(Rotation::CopyTruncate, Kind { banner: 0, is_dated });
            world.all = true;
            world.write_lines(40);
            world.deliver_all();
            // From now on nothing is read.
            world.write_lines(40);
            for _ in 0..3 {
                world.look();
                let content = fs::read(world.path("app.log")).unwrap();
                let name = world.rotated();
                let mut copy = world.new_file(&name);
                for piece in content.chunks(content.len().div_ceil(pieces)) {
                    copy.write_all(piece).unwrap();
                    world.look();
                    world.pass(5);
                }
                world.stamp(&copy);
                world.writer.set_len(0).unwrap();
                world.look();
                world.write_lines(40);
                world.pass(20);
            }
            world.settle();
            assert_eq!(world.received, world.written, "{is_dated} {pieces}");
        }
    }
}
