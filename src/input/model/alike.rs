//! Files that begin alike.

use super::*;

#[test]
fn a_rotated_file_that_begins_like_what_was_read_is_read_as_well() {
    for banner in [20, 200, 1500] {
        for compressed in 0..=2 {
            let mut world = World::of(Rotation::Rename, Kind { banner, ..Kind::default() });
            world.write_banner();
            world.deliver_all();
            world.stop(true);
            for _ in 0..2 {
                world.write_lines(3);
                world.rename(false);
                world.reopen();
            }
            (0..compressed).for_each(|_| world.compress());
            world.settle();
            assert_eq!(world.received, world.written, "{banner} {compressed}");
            assert_eq!(world.banners[0], world.banners[1]);
        }
    }
}

/// As with a file system that keeps whole seconds, or after `touch -r`.
#[test]
fn what_begins_like_a_file_that_was_read_and_has_its_time_is_read_as_well() {
    let mut world = World::of(Rotation::Rename, Kind { banner: 1500, ..Kind::default() });
    let clock = world.clock;
    let rotate = |world: &mut World, count| {
        for _ in 0..count {
            world.clock = clock;
            world.write_banner();
            world.clock = clock;
            world.write_lines(1);
        }
        world.clock = clock;
        world.rename(false);
        world.reopen();
    };
    rotate(&mut world, 1);
    // It is let go when the next one has content.
    world.clock = clock;
    world.write_banner();
    for _ in 0..30 {
        world.read_all();
        world.pass(10);
    }
    rotate(&mut world, 2);
    rotate(&mut world, 3);
    world.settle();
    assert_eq!(world.received, world.written);
    assert_eq!(world.banners[0], world.banners[1]);
}
