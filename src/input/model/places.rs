//! Where rotated files are looked for, and which are not taken for such.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::SystemTime;

use super::*;
use crate::input::read::content::file_clock;
use crate::pipeline::position::nanoseconds;

/// The log stands elsewhere, and a link leads there.
fn behind_a_link() -> World {
    let mut world = World::new(Rotation::Rename);
    world.stop(true);
    world.records.clear();
    fs::create_dir(world.path("real")).unwrap();
    fs::rename(world.path("app.log"), world.path("real/0.log")).unwrap();
    symlink(world.path("real/0.log"), world.path("app.log")).unwrap();
    world.start();
    world.write_lines(3);
    world.deliver_all();
    world
}

/// As kubelet does it.
fn rotate(world: &mut World, stamp: u32) {
    let to = world.path(&format!("real/0.log.20261125-{stamp}"));
    fs::rename(world.path("real/0.log"), to).unwrap();
    world.writer = world.new_file(&world.path("real/0.log"));
}

/// What rotates so many times before anybody looks again is read whole and in order.
fn rotated_unseen_is_read(world: &mut World, times: u32) {
    for time in 0..times {
        world.write_lines(3);
        rotate(world, 100_000 + time);
    }
    world.write_lines(2);
    world.settle();
    assert_eq!(world.received, world.written, "{times}");
}

#[test]
fn what_rotates_behind_a_link_while_the_shipper_is_down_is_read() {
    for times in 1..=3 {
        let mut world = behind_a_link();
        world.stop(true);
        rotated_unseen_is_read(&mut world, times);
    }
}

#[test]
fn what_rotates_behind_a_link_after_its_descriptor_was_given_back_is_read() {
    for times in 1..=3 {
        let mut world = behind_a_link();
        for _ in 0..40 {
            world.pass(20);
        }
        rotated_unseen_is_read(&mut world, times);
    }
}

#[test]
fn a_link_that_leads_to_another_directory_by_now_does_not_hide_what_was_there() {
    let mut world = World::new(Rotation::Rename);
    world.stop(true);
    world.records.clear();
    fs::create_dir_all(world.path("one/log")).unwrap();
    fs::create_dir_all(world.path("two/log")).unwrap();
    fs::rename(world.path("app.log"), world.path("one/log/app.log")).unwrap();
    symlink(world.path("one/log/app.log"), world.path("app.log")).unwrap();
    world.start();
    world.write_lines(3);
    world.deliver_all();
    world.stop(true);
    world.write_lines(3);
    fs::remove_file(world.path("app.log")).unwrap();
    symlink(world.path("two/log/app.log"), world.path("app.log")).unwrap();
    world.writer = world.new_file(&world.path("two/log/app.log"));
    world.write_lines(3);
    world.settle();
    assert_eq!(world.received, world.written);
}

/// The log is a link to a file with a number, and a switch leads it to the one with the next.
#[test]
fn files_that_a_link_went_on_to_while_the_shipper_was_down_are_read() {
    for times in 1..=4 {
        let mut world = World::new(Rotation::Rename);
        world.stop(true);
        world.records.clear();
        fs::rename(world.path("app.log"), world.path("app-7.out")).unwrap();
        symlink(world.path("app-7.out"), world.path("app.log")).unwrap();
        world.start();
        world.write_lines(3);
        world.deliver_all();
        world.stop(true);
        world.write_lines(1);
        // Another log of the kind, before it, and one behind.
        fs::write(world.path("app-6.out"), "906:not ours\n").unwrap();
        fs::write(world.path("app-20.out"), "920:not ours\n").unwrap();
        for number in 8..8 + times {
            let target = world.path(&format!("app-{number}.out"));
            world.writer = world.new_file(&target);
            fs::remove_file(world.path("app.log")).unwrap();
            symlink(target, world.path("app.log")).unwrap();
            world.write_lines(2);
        }
        world.settle();
        assert_eq!(world.received, world.written, "{times}");
    }
}

/// Something that is called like a rotated file, younger than the log, while that is rotated.
fn with_a_stranger(name: &str, exclude: Option<&str>) -> World {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    world.stop(true);
    if let Some(pattern) = exclude {
        world.exclude[1] = Patterns::new(&[pattern]).unwrap();
    }
    let mut stranger = world.new_file(&world.path(name));
    std::io::Write::write_all(&mut stranger, b"999:not ours\n").unwrap();
    world.write_lines(2);
    world.rename(true);
    world.reopen();
    world.stamp(&stranger);
    world.write_lines(2);
    world.settle();
    world
}

#[test]
fn what_exclude_files_matches_is_not_read_for_a_rotated_file() {
    let world = with_a_stranger("app.log-20261125", Some(r"\.log-2026"));
    assert_eq!(world.received, world.written);
    // Without it, it is.
    assert!(with_a_stranger("app.log-20261125", None).received.contains(&999));
}

#[test]
fn another_log_with_a_number_is_not_taken_for_a_rotated_file() {
    for name in ["app-1.log", "app.1.log", "app.log-1"] {
        let world = with_a_stranger(name, None);
        assert_eq!(world.received, world.written, "{name}");
    }
}

#[test]
fn files_with_a_number_are_rotated_ones_where_that_of_a_known_file_has_one() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    world.stop(true);
    for _ in 0..3 {
        world.write_lines(2);
        for n in (1..4).rev() {
            let _ = fs::rename(
                world.path(&format!("app-{n}.log")),
                world.path(&format!("app-{}.log", n + 1)),
            );
        }
        fs::rename(world.path("app.log"), world.path("app-1.log")).unwrap();
        world.writer = world.create();
    }
    world.write_lines(2);
    world.settle();
    assert_eq!(world.received, world.written);
}

/// Copies the first half of the log.
fn copy_half(world: &mut World) {
    let whole = fs::read_to_string(world.path("app.log")).unwrap();
    let half: String = whole.split_inclusive('\n').take(40).collect();
    world.copy_to("app.log.1", half.as_bytes());
}

#[test]
fn a_copy_that_is_shorter_than_what_was_read_is_not_read_again() {
    let mut world = World::new(Rotation::CopyTruncate);
    world.write_lines(80);
    world.deliver_all();
    world.stop(true);
    copy_half(&mut world);
    world.writer.set_len(0).unwrap();
    world.write_lines(2);
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn nor_by_a_path_of_its_own() {
    let mut world = World::new(Rotation::CopyTruncate);
    world.write_lines(80);
    world.deliver_all();
    copy_half(&mut world);
    world.writer.set_len(0).unwrap();
    world.sweep();
    world.reload_with(true, true);
    world.all = true;
    world.sweep();
    world.write_lines(2);
    world.settle();
    assert_eq!(world.received, world.written);
}

/// Nothing stands at the path, and a rotated file from before beside it.
fn not_begun(rotation: Rotation) -> World {
    let mut world = World::new(rotation);
    world.stop(true);
    world.records.clear();
    fs::remove_file(world.path("app.log")).unwrap();
    let before = world.path("app.log-20200101");
    fs::write(&before, "999:from before\n").unwrap();
    fs::File::open(before).unwrap().set_modified(SystemTime::UNIX_EPOCH).unwrap();
    world.writer_is_behind = true;
    // What is made from here on is younger: that clock goes behind the other.
    let made = nanoseconds(SystemTime::now()).unwrap();
    while file_clock() <= made {
        std::thread::yield_now();
    }
    world.start();
    world.look();
    world
}

#[test]
fn what_was_rotated_before_anybody_looked_at_its_path_is_read() {
    for times in 1..=3 {
        let mut world = not_begun(Rotation::Rename);
        for _ in 0..times {
            world.reopen();
            world.write_lines(2);
            world.rename(false);
        }
        world.reopen();
        world.write_lines(1);
        world.settle();
        assert_eq!(world.received, world.written, "{times}");
    }
}

#[test]
fn what_was_compressed_before_anybody_looked_at_its_path_is_read() {
    for rotation in [Rotation::Rename, Rotation::CopyTruncate] {
        let mut world = not_begun(rotation);
        world.reopen();
        world.write_lines(50);
        world.rename(false);
        world.copy_truncate(true);
        world.compress();
        world.reopen();
        world.write_lines(1);
        world.settle();
        assert_eq!(world.received, world.written, "{rotation:?}");
    }
}

#[test]
fn a_copy_of_what_is_looked_at_for_the_first_time_is_read_only_for_what_that_lost() {
    for (before, after) in [(2, 0), (2, 2), (50, 50)] {
        let mut world = not_begun(Rotation::CopyTruncate);
        world.reopen();
        world.write_lines(before);
        world.copy_truncate(true);
        world.write_lines(after);
        world.settle();
        assert_eq!(world.received, world.written, "{before} {after}");
    }
}

#[test]
fn a_copy_of_what_is_looked_at_for_the_first_time_is_not_read() {
    let mut world = not_begun(Rotation::CopyTruncate);
    world.reopen();
    world.write_lines(50);
    fs::copy(world.path("app.log"), world.path("app.log.1")).unwrap();
    world.settle();
    assert_eq!(world.received, world.written);
}
