//! Content that is written over or cut short: `shred` on rotated files, lines taken back before they were
//! read.

use std::fs;
use std::os::unix::fs::FileExt;

use super::*;

/// Overwrites a file from its start to its end, as `shred` does it.
fn shred(world: &World, name: &str) {
    let file = File::options().write(true).open(world.path(name)).unwrap();
    let mut random = fastrand::Rng::with_seed(7);
    let bytes: Vec<u8> = (0..file.metadata().unwrap().len()).map(|_| random.u8(..)).collect();
    file.write_all_at(&bytes, 0).unwrap();
}

/// A log that was read, but for so many lines, and was rotated away unseen.
fn rotated(unread: u8) -> World {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(60);
    world.deliver_all();
    world.write_lines(unread);
    world.rename(true);
    world
}

fn assert_exact(mut world: World) {
    world.settle();
    assert_eq!(world.received, world.written);
    assert_eq!(world.banners[0], world.banners[1]);
}

#[test]
fn random_bytes_in_a_file_that_was_rotated_unseen_are_not_sent() {
    for is_open in [true, false] {
        let mut world = rotated(0);
        shred(&world, "app.log.1");
        if !is_open {
            world.stop(true);
        }
        // It is no log that came unseen either.
        world.reopen();
        world.write_lines(3);
        world.rename(true);
        assert_exact(world);
    }
}

#[test]
fn what_was_not_read_before_random_bytes_came_is_taken_from_a_copy() {
    let world = rotated(20);
    fs::copy(world.path("app.log.1"), world.path("saved")).unwrap();
    shred(&world, "app.log.1");
    assert_exact(world);
}

#[test]
fn a_log_with_control_characters_that_began_anew_is_read_though_it_is_rotated_unseen() {
    let mut world = rotated(0);
    world.reopen();
    world.write_lines(60);
    world.deliver_all();
    world.writer.set_len(0).unwrap();
    for number in 120..130 {
        world.write(&format!("{number}:8=FIX.4.4\x019=5\x0135=0\x01\n"));
        world.written.push(number);
    }
    world.rename(true);
    assert_exact(world);
}

#[test]
fn lines_that_are_taken_back_before_they_are_read_do_not_have_others_sent_again() {
    for read in [1, 60] {
        for is_looked_at in [true, false] {
            for is_rotated in [true, false] {
                let mut world = World::new(Rotation::Rename);
                world.write_lines(read);
                world.deliver_all();
                let size = fs::metadata(world.path("app.log")).unwrap().len();
                world.write_lines(40);
                world.look();
                world.writer.set_len(size).unwrap();
                world.written.truncate(read.into());
                world.write_lines(1);
                if is_rotated {
                    world.rename(true);
                }
                if is_looked_at {
                    world.look();
                }
                assert_exact(world);
            }
        }
    }
}

#[test]
fn a_log_that_was_copied_and_truncated_and_begins_alike_is_read_from_its_copy() {
    let mut world = World::of(Rotation::Rename, Kind { banner: 1500, ..Kind::default() });
    world.write_banner();
    world.deliver_all();
    world.write_lines(40);
    world.look();
    let content = fs::read(world.path("app.log")).unwrap();
    world.copy_to("app.log.1", &content);
    world.writer.set_len(0).unwrap();
    world.write_lines(1);
    world.look();
    assert_exact(world);
}

/// A truncation is seen by the size of a file before its time has moved on.
#[test]
fn a_log_that_is_truncated_at_this_moment_is_read_from_its_copy() {
    let mut world = World::new(Rotation::CopyTruncate);
    world.write_lines(40);
    world.deliver_all();
    world.write_lines(1);
    let before = fs::metadata(world.path("app.log")).unwrap().modified().unwrap();
    let content = fs::read(world.path("app.log")).unwrap();
    world.copy_to("app.log.1", &content);
    world.writer.set_len(0).unwrap();
    world.writer.set_modified(before).unwrap();
    world.look();
    assert_exact(world);
}

/// As `fallocate --punch-hole` gives back the room of what was sent.
#[test]
fn a_log_whose_first_bytes_became_a_hole_goes_on_where_it_was_read_to() {
    for is_stopped in [false, true] {
        let mut world = World::new(Rotation::Rename);
        world.write_lines(250);
        world.deliver_all();
        if is_stopped {
            world.stop(true);
        }
        let log = fs::File::options().write(true).open(world.path("app.log")).unwrap();
        log.write_all_at(&[0; 2048], 0).unwrap();
        world.stamp(&log);
        if is_stopped {
            world.start();
        }
        world.write_lines(2);
        assert_exact(world);
    }
}
