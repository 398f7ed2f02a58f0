//! Files that are gone, or written to, while nobody reads them; and turns that others wait for.

use std::fs;

use super::*;
use crate::pipeline::position::Update;

/// All files are looked at, as by the sweep, and read; no event tells of any.
fn sweep_for(world: &mut World, seconds: u64) {
    for _ in 0..seconds {
        world.sweep();
        while world.fill() {}
        world.pass(10);
        while !world.unconfirmed.is_empty() {
            world.confirm();
        }
    }
}

#[test]
fn what_appears_while_nothing_is_read_and_is_deleted_is_read() {
    let mut world = World::new(Rotation::RenameWithinGlob);
    let short = world.path("short.log");
    fs::write(&short, "900:a\n901:b\n").unwrap();
    world.look();
    fs::remove_file(&short).unwrap();
    world.look();
    world.written.extend([900, 901]);
    world.settle();
    world.received.sort_unstable();
    world.written.sort_unstable();
    assert_eq!(world.received, world.written);
}

#[test]
fn what_is_added_to_a_quiet_file_while_nothing_is_read_is_read_though_it_is_deleted() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    // Its descriptor is given back.
    for _ in 0..40 {
        world.pass(20);
    }
    world.write_lines(5);
    world.look();
    fs::remove_file(world.path("app.log")).unwrap();
    world.look();
    world.writer = world.create();
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_writer_that_goes_on_with_a_rotated_file_after_long_is_read() {
    for create in [true, false] {
        let mut world = World::new(Rotation::Rename);
        world.write_lines(3);
        world.deliver_all();
        world.rename(create);
        for _ in 0..3 {
            sweep_for(&mut world, 75);
            world.write_lines(1);
            sweep_for(&mut world, 2);
            assert_eq!(world.received, world.written, "{create}");
        }
        world.settle();
        assert_eq!(world.received, world.written, "{create}");
    }
}

#[test]
fn a_writer_that_goes_on_when_the_next_file_has_begun_is_read_for_minutes() {
    let mut world = World::new(Rotation::Rename);
    world.write_lines(3);
    world.deliver_all();
    world.rename(true);
    fs::write(world.path("app.log"), "900:of another worker\n").unwrap();
    for _ in 0..3 {
        sweep_for(&mut world, 200);
        world.write_lines(1);
        sweep_for(&mut world, 20);
        assert_eq!(world.received.len(), world.written.len() + 1);
    }
    sweep_for(&mut world, 320);
    world.received.retain(|&number| number != 900);
    assert_eq!(world.received, world.written);
    assert_eq!(world.records.len(), 1, "it is let go in the end");
}

#[test]
fn what_patterns_drop_does_not_keep_others_waiting_and_makes_few_marks() {
    let mut world = World::new(Rotation::RenameWithinGlob);
    world.exclude[0] = Patterns::new(&["debug"]).unwrap();
    world.reload(true);
    let size = 40 << 20;
    let line = format!("debug {}\n", "x".repeat(93));
    fs::write(world.path("big.log"), line.repeat(size / line.len())).unwrap();
    world.look();
    assert!(world.fill());
    let batch = &world.unconfirmed[0];
    assert!(batch.bytes.is_empty() && batch.marks.len() <= 2, "{} marks", batch.marks.len());
    let Some(Update::Reached(reached)) = batch.marks.last().map(|mark| &mark.update) else {
        panic!("{:?}", batch.marks)
    };
    assert!(((1 << 20)..(4 << 20)).contains(&reached.position.offset), "{reached:?}");
    // A line of another file comes with the next batch.
    world.write_lines(1);
    world.look();
    world.fill();
    assert_eq!(world.unconfirmed[1].len(), 1);
}
