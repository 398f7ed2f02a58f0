//! Files that are closed once they are read, so that their paths rest, and what happens to them then.

use super::*;

impl World {
    /// Descriptors are short: what is read to its end is closed. Returns how many paths rest.
    pub(super) fn rest(&mut self) -> usize {
        self.scheduler.as_mut().map_or(0, Scheduler::rest_all)
    }
}

#[test]
fn what_is_read_to_its_end_and_closed_rests_and_goes_on_when_it_is_written_to() {
    let mut world = World::new(Rotation::Rename);
    for _ in 0..3 {
        world.write_lines(2);
        assert_eq!(world.rest(), 1, "nobody has looked yet");
        world.look();
        assert_eq!(world.rest(), 0, "something is to be read");
        world.read_all();
        assert_eq!(world.rest(), 1);
        world.sweep();
        assert_eq!(world.rest(), 1);
    }
    world.rename(true);
    world.look();
    assert_eq!(world.rest(), 0, "there is an older file");
    world.settle();
    assert_eq!(world.received, world.written);
}

proptest! {
    #[test]
    fn every_line_is_read_once_where_files_rest_at_once(
        ops in ops(),
        kind in kind(),
        rotation in prop_oneof![
            Just(Rotation::Rename),
            Just(Rotation::RenameWithinGlob),
            Just(Rotation::CopyTruncate),
        ],
    ) {
        show_log();
        let mut world = World::of(rotation, kind);
        for op in ops {
            tracing::debug!("OP {op:?}");
            world.apply(op);
            world.rest();
        }
        world.settle();
        if rotation == Rotation::RenameWithinGlob {
            world.received.sort_unstable();
        }
        is_exact(world)?;
    }
}
