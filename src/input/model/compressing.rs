//! Files that are compressed under our eyes: straight into the place where they are found, as
//! logback and scripts do it, not as gzip does beside what it compresses.

use std::fs;
use std::io::Write;

use super::*;

const GZ: &str = "app.log.2026-11-25.gz";

/// The log is moved to where nobody looks, and a new one is begun. Returns what it is compressed
/// to.
fn move_away(world: &mut World) -> Vec<u8> {
    let content = fs::read(world.path("app.log")).unwrap();
    fs::rename(world.path("app.log"), world.path("app.log1234.tmp")).unwrap();
    world.writer = world.create();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&content).unwrap();
    gzip.finish().unwrap()
}

fn grow(world: &World, bytes: &[u8]) {
    grow_at(world, GZ, bytes);
}

fn grow_at(world: &World, name: &str, bytes: &[u8]) {
    let file = File::options().append(true).create(true).open(world.path(name));
    file.unwrap().write_all(bytes).unwrap();
}

fn assert_exact(world: &World) {
    assert!(
        world.received == world.written,
        "{} of {}: {:?}",
        world.received.len(),
        world.written.len(),
        world.received.iter().enumerate().find(|&(at, &number)| at as u64 != number)
    );
}

/// Everything is looked at and read for so long.
fn go_on(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.read_all();
        world.pass(10);
        while !world.unconfirmed.is_empty() {
            world.confirm();
        }
    }
}

/// A log that rotated once since the shipper stopped.
fn rotated_while_stopped() -> World {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    world.stop(true);
    world.write_lines(5);
    world.rename(true);
    world.reopen();
    world
}

#[test]
fn what_is_read_and_being_compressed_is_no_new_file_and_holds_up_nothing() {
    // It is known by its descriptor, or has been let go, before it is complete.
    for seconds in [2, 25] {
        for unread in [0, 100] {
            let mut world = World::new(Rotation::Rename);
            world.write_lines(200);
            world.deliver_all();
            world.write_lines(unread);
            let whole = move_away(&mut world);
            let mut pieces = whole.chunks(whole.len() / 4);
            grow(&world, pieces.next().unwrap());
            world.write_lines(10);
            go_on(&mut world, seconds);
            assert_exact(&world);
            for piece in pieces {
                grow(&world, piece);
                go_on(&mut world, 2);
                world.write_lines(1);
            }
            fs::remove_file(world.path("app.log1234.tmp")).unwrap();
            world.settle();
            assert_exact(&world);
            world.stop(true);
            world.settle();
            assert_exact(&world);
        }
    }
}

#[test]
fn what_was_not_seen_and_is_being_compressed_is_read_to_its_end_and_before_what_is_newer() {
    for first in [0, 5, 50, 100] {
        let mut world = rotated_while_stopped();
        world.write_lines(250);
        let whole = move_away(&mut world);
        world.write_lines(10);
        let (begun, rest) = whole.split_at(whole.len() * first / 101);
        grow(&world, begun);
        world.start();
        go_on(&mut world, 5);
        for piece in rest.chunks(rest.len() / 2 + 1) {
            grow(&world, piece);
            go_on(&mut world, 20);
        }
        fs::remove_file(world.path("app.log1234.tmp")).unwrap();
        world.settle();
        if first < 50 {
            // Nothing showed that it would hold something new.
            world.received.sort_unstable();
        }
        assert_exact(&world);
    }
}

#[test]
fn a_file_whose_compression_was_broken_off_holds_up_nothing_for_long() {
    for age in [0, 3600] {
        for is_known in [true, false] {
            let mut world = World::new(Rotation::Rename);
            world.write_lines(200);
            world.deliver_all();
            if !is_known {
                world.stop(true);
                world.rename(true);
                world.reopen();
                world.write_lines(200);
            }
            let whole = move_away(&mut world);
            grow(&world, &whole[..whole.len() / 2]);
            let gz = File::options().append(true).open(world.path(GZ)).unwrap();
            gz.set_modified(SystemTime::now() - std::time::Duration::from_secs(age)).unwrap();
            world.write_lines(10);
            world.start();
            go_on(&mut world, 40);
            world.settle();
            let newest = &world.written[world.written.len() - 11..];
            assert!(world.received.ends_with(newest), "{age} {is_known} {:?}", world.received);
            match is_known {
                true => assert_exact(&world),
                false => assert!(world.received.len() > 250, "{age} {}", world.received.len()),
            }
        }
    }
}

#[test]
fn what_is_copied_to_a_compressed_file_is_waited_for() {
    let mut world = World::new(Rotation::CopyTruncate);
    world.write_lines(100);
    world.deliver_all();
    world.write_lines(200);
    world.look();
    let content = fs::read(world.path("app.log")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&content).unwrap();
    let whole = gzip.finish().unwrap();
    // A script that copies to a file that is compressed later, elsewhere.
    world.writer.set_len(0).unwrap();
    world.write_lines(5);
    for piece in whole.chunks(whole.len() / 3) {
        grow(&world, piece);
        go_on(&mut world, 3);
    }
    world.settle();
    assert_exact(&world);
}

#[test]
fn what_is_moved_while_it_is_compressed_is_found() {
    let mut world = rotated_while_stopped();
    world.write_lines(200);
    let whole = move_away(&mut world);
    grow(&world, &whole[..20]);
    world.write_lines(10);
    world.start();
    go_on(&mut world, 3);
    let moved = "app.log.2026-11-25.1.gz";
    fs::rename(world.path(GZ), world.path(moved)).unwrap();
    grow_at(&world, moved, &whole[20..]);
    fs::remove_file(world.path("app.log1234.tmp")).unwrap();
    world.settle();
    // Nothing showed that it would hold something new.
    world.received.sort_unstable();
    assert_exact(&world);
}

#[test]
fn what_was_read_in_the_last_run_is_known_while_it_is_compressed_elsewhere() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(200);
    world.deliver_all();
    world.stop(true);
    world.write_lines(5);
    let whole = move_away(&mut world);
    fs::remove_file(world.path("app.log1234.tmp")).unwrap();
    // It begins alike, and has not come to where reading stopped.
    grow(&world, &whole[..whole.len() / 2]);
    world.write_lines(10);
    world.start();
    go_on(&mut world, 3);
    grow(&world, &whole[whole.len() / 2..]);
    go_on(&mut world, 3);
    world.settle();
    assert_exact(&world);
}

/// What was rotated to `app.log.1` is compressed as svlogd's processor does it: to another name, step by step, which is
/// changed at the end to one that does not say so.
fn process(world: &mut World, mut at_each: impl FnMut(&mut World)) {
    let content = fs::read(world.path("app.log.1")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&content).unwrap();
    let whole = gzip.finish().unwrap();
    let mut processed = world.new_file(&world.path("app.log.1.t"));
    at_each(world);
    // The first bytes alone do not tell.
    for piece in [&whole[..2], &whole[2..whole.len() / 2], &whole[whole.len() / 2..]] {
        processed.write_all(piece).unwrap();
        at_each(world);
    }
    world.stamp(&processed);
    fs::rename(world.path("app.log.1.t"), world.path("app.log.2")).unwrap();
    at_each(world);
    fs::remove_file(world.path("app.log.1")).unwrap();
    at_each(world);
}

/// Rotated files are paths of their own here, and order holds within a path only.
fn assert_each_once(mut world: World) {
    world.received.sort_unstable();
    assert_exact(&world);
}

#[test]
fn what_the_globs_match_and_is_compressed_under_another_name_is_not_read_as_text() {
    for seconds in [0, 2, 25] {
        for unread in [0, 100] {
            let mut world = World::new(Rotation::RenameWithinGlob);
            world.write_lines(100);
            world.deliver_all();
            world.write_lines(unread);
            world.rename(true);
            world.reopen();
            world.write_lines(3);
            process(&mut world, |world| go_on(world, seconds));
            world.write_lines(3);
            world.settle();
            assert_each_once(world);
        }
    }
}

#[test]
fn what_was_compressed_under_another_name_while_the_shipper_was_down_is_read_decompressed() {
    for read in [0, 100] {
        let mut world = World::new(Rotation::RenameWithinGlob);
        world.write_lines(read);
        world.deliver_all();
        world.stop(true);
        world.write_lines(100);
        world.rename(true);
        world.reopen();
        world.write_lines(3);
        process(&mut world, |_| {});
        world.write_lines(3);
        world.settle();
        assert_each_once(world);
    }
}

#[test]
fn a_path_that_has_named_an_archive_rests_once_it_names_a_text_again() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    let archive = move_away(&mut world);
    grow_at(&world, "app.log", &archive);
    go_on(&mut world, 1);
    fs::remove_file(world.path("app.log")).unwrap();
    world.writer = world.create();
    go_on(&mut world, 100);
    world.write_lines(3);
    // Nothing rests that is to be looked at again at some time.
    go_on(&mut world, 400);
    assert_exact(&world);
    assert_eq!(world.rest(), 1);
}
