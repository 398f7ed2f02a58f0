//! A copy takes the place of a log whose file has a name elsewhere, or what is left of it.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A log of which all was read, and a directory beside it.
fn read() -> (World, PathBuf) {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(40);
    world.deliver_all();
    let elsewhere = world.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    (world, elsewhere.join("app.log"))
}

/// A longer copy of `original` is renamed to the path, as rsync does it.
fn replace_by_copy_of(world: &mut World, original: &Path) {
    let temporary = world.path("unused.copy");
    let mut copy = world.new_file(&temporary);
    std::io::Write::write_all(&mut copy, &fs::read(original).unwrap()).unwrap();
    world.stamp(&copy);
    fs::rename(temporary, world.path("app.log")).unwrap();
    world.writer = append(&world.path("app.log"));
    world.write_lines(3);
}

/// Lines are written until all is quiet: each is read once.
fn goes_on(mut world: World) {
    world.look();
    world.write_lines(2);
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_log_that_a_backup_has_linked_goes_on_in_the_copy_that_replaces_it() {
    let (mut world, backup) = read();
    fs::hard_link(world.path("app.log"), &backup).unwrap();
    replace_by_copy_of(&mut world, &backup);
    goes_on(world);
}

#[test]
fn a_log_whose_directory_was_moved_goes_on_in_the_copy_that_takes_its_place() {
    let (mut world, moved) = read();
    fs::rename(world.path("app.log"), &moved).unwrap();
    replace_by_copy_of(&mut world, &moved);
    goes_on(world);
}

#[test]
fn what_a_late_writer_adds_to_the_moved_file_is_read() {
    let (mut world, moved) = read();
    fs::rename(world.path("app.log"), &moved).unwrap();
    let late = std::mem::replace(&mut world.writer, append(&moved));
    replace_by_copy_of(&mut world, &moved);
    world.look();
    world.read_all();
    let new = std::mem::replace(&mut world.writer, late);
    world.write_lines(2);
    world.read_all();
    world.writer = new;
    goes_on(world);
}

#[test]
fn a_log_that_was_rotated_beside_its_path_is_another_one_though_it_begins_alike() {
    let banner = 1500;
    let mut world = World::of(Rotation::Rename, Kind { banner, is_dated: false });
    world.write_banner();
    world.deliver_all();
    fs::rename(world.path("app.log"), world.path("app.log.1")).unwrap();
    world.writer = world.create();
    world.write_lines(2);
    world.settle();
    assert_eq!((world.banners, world.received), ([2, 2], world.written));
}

/// The first lines are cut off: what is left takes the place of the log. Returns the one who writes to that, as who
/// has the old file open goes on with it.
fn cut_off(world: &mut World, lines: usize) -> File {
    let whole = fs::read_to_string(world.path("app.log")).unwrap();
    let left: String = whole.split_inclusive('\n').skip(lines).collect();
    let temporary = world.path("unused.left");
    let mut file = world.new_file(&temporary);
    std::io::Write::write_all(&mut file, left.as_bytes()).unwrap();
    world.stamp(&file);
    fs::rename(temporary, world.path("app.log")).unwrap();
    append(&world.path("app.log"))
}

#[test]
fn a_log_whose_first_lines_are_cut_off_goes_on() {
    for (unread, cut) in [(0, 1), (0, 30), (3, 1), (3, 30)] {
        let (mut world, _) = read();
        world.write_lines(unread);
        world.writer = cut_off(&mut world, cut);
        world.write_lines(2);
        goes_on(world);
    }
}

#[test]
fn so_does_one_that_is_cut_again_and_whose_writer_goes_on_with_the_old_file() {
    let (mut world, _) = read();
    world.writer = cut_off(&mut world, 10);
    world.write_lines(20);
    world.deliver_all();
    let new = cut_off(&mut world, 20);
    world.look();
    world.write_lines(2);
    world.deliver_all();
    world.writer = new;
    goes_on(world);
}
