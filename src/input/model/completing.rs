//! Files that get their name when they are complete, as rsync(1) makes them, and editors' files beside a log.

use std::fs;

use super::*;
use crate::input::read::content::Stat;
use crate::pipeline::position::Head;

/// What rsync calls a file until it is complete.
const UNNAMED: &str = ".app.log.x7Kq2Z";

/// When somebody looks at a copy under way, and in which order when it has got its name.
#[derive(Debug, Clone, Copy)]
struct Looks {
    empty: bool,
    whole: bool,
    log_first: bool,
}

fn every_look() -> impl Iterator<Item = Looks> {
    let bit = |bits: u8, at: u8| bits >> at & 1 == 1;
    (0..8).map(move |bits| Looks {
        empty: bit(bits, 0),
        whole: bit(bits, 1),
        log_first: bit(bits, 2),
    })
}

impl World {
    fn look_at(&mut self, name: &str) {
        if let Some(scheduler) = &mut self.scheduler {
            scheduler.turn_ends();
        }
        self.handle(Event::Look { path: self.path(name), entry: 0 });
    }

    /// A copy of the log that holds more takes its place.
    fn sync(&mut self, looks: Looks) {
        let before = fs::read(self.path("app.log")).unwrap_or_default();
        let mut copy = self.new_file(&self.path(UNNAMED));
        if looks.empty {
            self.look_at(UNNAMED);
        }
        std::io::Write::write_all(&mut copy, &before).unwrap();
        self.writer = copy;
        self.write_lines(if before.is_empty() { 40 } else { 5 });
        if looks.whole {
            self.look_at(UNNAMED);
            while self.fill() {}
        }
        fs::rename(self.path(UNNAMED), self.path("app.log")).unwrap();
        let names = if looks.log_first { ["app.log", UNNAMED] } else { [UNNAMED, "app.log"] };
        names.into_iter().for_each(|name| self.look_at(name));
    }

    fn all_is_read_once(mut self, looks: Looks) {
        self.settle();
        self.received.sort_unstable();
        assert_eq!(self.received, self.written, "{looks:?}");
    }
}

#[test]
fn what_has_got_the_name_of_a_log_goes_on_there() {
    for looks in every_look() {
        let mut world = World::new(Rotation::RenameWithinGlob);
        world.write_lines(40);
        world.deliver_all();
        for _ in 0..3 {
            world.sync(looks);
            world.pass(3);
            world.read_all();
        }
        world.all_is_read_once(looks);
    }
}

#[test]
fn what_gets_its_name_for_the_first_time_goes_on_there() {
    for looks in every_look() {
        for restarted in [false, true] {
            let mut world = World::new(Rotation::RenameWithinGlob);
            fs::remove_file(world.path("app.log")).unwrap();
            world.look();
            for _ in 0..3 {
                world.sync(looks);
                world.pass(3);
                world.read_all();
                if restarted {
                    world.stop(true);
                    world.start();
                }
            }
            world.all_is_read_once(looks);
        }
    }
}

#[test]
fn what_rotates_unseen_after_it_got_its_name_is_read() {
    for looks in every_look() {
        let mut world = World::new(Rotation::RenameWithinGlob);
        fs::remove_file(world.path("app.log")).unwrap();
        world.look();
        world.sync(looks);
        world.pass(3);
        world.deliver_all();
        world.all = false;
        world.reload_with(true, false);
        world.sweep();
        world.rotate_unseen(3);
        world.all_is_read_once(looks);
    }
}

#[test]
fn what_takes_longer_than_a_minute_to_be_complete_is_waited_for() {
    let mut world = World::new(Rotation::RenameWithinGlob);
    world.write_lines(40);
    world.deliver_all();
    let before = fs::read(world.path("app.log")).unwrap();
    let mut copy = world.new_file(&world.path(UNNAMED));
    let (begun, rest) = before.split_at(Head::MAX + 100);
    let (slow, last) = rest.split_at(rest.len() - 200);
    for piece in [begun].into_iter().chain(slow.chunks(slow.len().div_ceil(70))) {
        std::io::Write::write_all(&mut copy, piece).unwrap();
        world.read_all();
        world.pass(10);
    }
    // What is known and what is not come in one piece.
    std::io::Write::write_all(&mut copy, last).unwrap();
    world.writer = copy;
    for _ in 0..20 {
        world.write_lines(1);
        world.read_all();
        world.pass(10);
    }
    fs::rename(world.path(UNNAMED), world.path("app.log")).unwrap();
    [UNNAMED, "app.log"].into_iter().for_each(|name| world.look_at(name));
    world.all_is_read_once(Looks { empty: false, whole: true, log_first: false });
}

#[test]
fn what_never_gets_another_name_is_a_log_once_nobody_writes_to_it() {
    let mut world = World::new(Rotation::RenameWithinGlob);
    world.write_lines(40);
    world.deliver_all();
    let content = fs::read_to_string(world.path("app.log")).unwrap();
    fs::write(world.path(UNNAMED), content.replace(":x", ":y") + "900:of another log\n").unwrap();
    let read = |world: &mut World, seconds: u64| {
        for _ in 0..seconds {
            world.read_all();
            world.pass(10);
        }
        while !world.unconfirmed.is_empty() {
            world.confirm();
        }
    };
    read(&mut world, 2);
    assert!(world.received.contains(&900), "it begins otherwise");
    // This one begins like the log, for all that it is known by.
    fs::write(world.path(".app.log.y7Kq2Z"), content.clone() + "901:of a copy\n").unwrap();
    read(&mut world, 5);
    assert!(!world.received.contains(&901));
    read(&mut world, 10);
    assert!(world.received.contains(&901));
    assert!(Stat::at(&world.path(UNNAMED)).is_ok());
}

#[test]
fn what_an_editor_keeps_beside_a_log_is_not_read() {
    let mut world = World::new(Rotation::RenameWithinGlob);
    world.write_lines(30);
    world.deliver_all();
    fs::write(world.path(".app.log.swp"), "b0VIM 9.0\n").unwrap();
    for name in ["app.log~", "#app.log#"] {
        fs::copy(world.path("app.log"), world.path(name)).unwrap();
    }
    world.write_lines(2);
    world.settle();
    assert_eq!(world.received, world.written);
}

#[test]
fn a_log_that_is_copied_over_its_copy_again_and_again_is_read_once() {
    for is_emptied in [false, true] {
        let mut world = World::new(Rotation::RenameWithinGlob);
        let copy = world.path("app.log.bak");
        for _ in 0..4 {
            world.write_lines(30);
            world.deliver_all();
            if is_emptied && copy.exists() {
                fs::write(&copy, "").unwrap();
                world.read_all();
            }
            fs::write(&copy, fs::read(world.path("app.log")).unwrap()).unwrap();
            for _ in 0..3 {
                world.read_all();
                world.pass(10);
            }
        }
        // It is a log like others once something else is written to it.
        let mut added = append(&copy);
        std::io::Write::write_all(&mut added, b"900:of its own\n").unwrap();
        world.settle();
        assert!(world.received.contains(&900), "{is_emptied}");
        world.received.retain(|&number| number != 900);
        assert_eq!(world.received, world.written, "{is_emptied}");
    }
}
