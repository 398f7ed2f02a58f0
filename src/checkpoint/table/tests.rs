//! The table, without a file.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::pipeline::position::{Anchor, Head, Inode, Position, Source};

const NOW: i64 = 1_800_000_000;
const DAY: i64 = 24 * 3600;

fn reached(id: u64, offset: u64) -> Arc<Milestone> {
    let inode = Inode { device: 1, number: id, born: None };
    let path = Path::new(&format!("/log/{id}")).into();
    let source = Source { id: SourceId(id), order: id, path, real: None, inode };
    Arc::new(Milestone { source, position: at(offset) })
}

fn at(offset: u64) -> Position {
    let (head, anchor) = (Head::default(), Anchor::default());
    Position { offset, head, anchor, ..Position::default() }
}

fn reach(table: &mut Table, id: u64, offset: u64) {
    table.apply(Update::Reached(reached(id, offset)), NOW);
}

/// Saves, and gives whether everything was written and how many lines.
fn save(table: &mut Table) -> (bool, usize) {
    let snapshot = table.snapshot();
    table.saved(&snapshot);
    (snapshot.whole, snapshot.changes.len())
}

fn offsets(table: &Table) -> Vec<(u64, u64)> {
    table.records().iter().map(|r| (r.reached.source.id.0, r.reached.position.offset)).collect()
}

fn loaded(generation: u64, changes: Vec<TableChange>) -> Loaded {
    Loaded { generation, next_id: 0, changes }
}

fn known(id: u64, offset: u64) -> TableChange {
    TableChange::Known(Row { reached: reached(id, offset), seen: NOW })
}

#[test]
fn recent_changes_lie_over_the_base() {
    let base = loaded(4, vec![known(1, 10), known(2, 20), known(3, 30)]);
    let recent = loaded(4, vec![known(2, 25), TableChange::Forgotten(SourceId(3)), known(5, 50)]);
    let mut table = Table::loaded(base, recent);
    assert_eq!(offsets(&table), [(1, 10), (2, 25), (5, 50)]);
    assert_eq!(table.next_id(), SourceId(6));
    assert!(!table.is_dirty());
    reach(&mut table, 1, 11);
    let snapshot = table.snapshot();
    assert_eq!((snapshot.whole, snapshot.generation, snapshot.changes.len()), (false, 4, 4));
    assert!(snapshot.changes.contains(&TableChange::Forgotten(SourceId(3))));
}

#[test]
fn recent_changes_to_an_older_base_are_ignored() {
    let base = || loaded(4, vec![known(1, 10)]);
    let table = Table::loaded(base(), loaded(3, vec![known(1, 9)]));
    assert_eq!(offsets(&table), [(1, 10)]);
    let table = Table::loaded(base(), loaded(5, vec![known(1, 12)]));
    assert_eq!(offsets(&table), [(1, 12)]);
    let table = Table::loaded(Loaded::default(), loaded(5, vec![known(1, 12)]));
    assert_eq!(offsets(&table), [(1, 12)], "without a base they are all there is");
}

#[test]
fn one_change_among_many_is_written_alone() {
    let mut table = Table::default();
    for id in 0..100_000 {
        reach(&mut table, id, 0);
    }
    assert_eq!(save(&mut table), (true, 100_000));
    reach(&mut table, 17, 1);
    assert_eq!(save(&mut table), (false, 1));
    table.apply(Update::Forget(SourceId(18)), NOW);
    assert_eq!(save(&mut table), (false, 2));
}

#[test]
fn recent_changes_are_folded_once_they_have_cost_as_much_as_the_base() {
    let mut table = Table::default();
    for id in 0..10_000 {
        reach(&mut table, id, 0);
    }
    assert_eq!(save(&mut table), (true, 10_000));
    let mut written = 0;
    for round in 1..=40 {
        for id in 0..2000 {
            reach(&mut table, id, round);
        }
        written += save(&mut table).1;
    }
    assert!(written <= 2 * 40 * 2000, "{written} lines");
    // Few hot files never cost a whole base.
    let mut table =
        Table::loaded(loaded(1, (0..5000).map(|id| known(id, 0)).collect()), Loaded::default());
    for round in 1..1000 {
        reach(&mut table, 1, round);
        assert_eq!(save(&mut table), (false, 1));
    }
}

#[test]
fn a_failed_save_is_made_up_for() {
    let mut table = Table::default();
    for id in 0..2000 {
        reach(&mut table, id, 0);
    }
    let snapshot = table.snapshot();
    assert!(snapshot.whole && !table.is_dirty());
    reach(&mut table, 5, 5);
    table.failed(snapshot);
    assert!(table.is_dirty());
    let again = table.snapshot();
    assert!(again.whole, "the first may have got there after all");
    assert_eq!((again.generation, again.changes.len()), (2, 2000));
    table.saved(&again);
    reach(&mut table, 5, 6);
    let snapshot = table.snapshot();
    table.failed(snapshot);
    assert!(table.is_dirty());
    assert_eq!(save(&mut table), (false, 1));
}

#[test]
fn only_what_changes_makes_it_dirty() {
    let mut table = Table::loaded(loaded(1, vec![known(1, 10)]), Loaded::default());
    reach(&mut table, 1, 10);
    table.apply(Update::Forget(SourceId(9)), NOW);
    assert!(!table.is_dirty());
    table.apply(Update::Reached(reached(1, 10)), NOW + DAY);
    assert!(table.is_dirty(), "a day later it has been seen again");
}

#[test]
fn what_is_forgotten_stays_so_though_its_last_lines_arrive_later() {
    let mut table = Table::default();
    reach(&mut table, 1, 10);
    table.apply(Update::Forget(SourceId(1)), NOW);
    reach(&mut table, 1, 11);
    assert_eq!(offsets(&table), []);
}

#[test]
fn what_is_known_is_shared_with_whoever_reads_the_file() {
    let mut table = Table::loaded(loaded(1, vec![known(1, 10)]), Loaded::default());
    let reached = reached(1, 10);
    table.apply(Update::Reached(Arc::clone(&reached)), NOW);
    assert_eq!(Arc::strong_count(&reached), 2);
    assert!(Arc::ptr_eq(&table.records()[0].reached, &reached));
    assert!(size_of::<Numbered>() <= 16);
}

/// What may happen to a table and the two files.
#[derive(Debug, Clone)]
enum Step {
    Reach(u64, u64),
    Forget(u64),
    NeedBase,
    Save(Fate),
    Restart,
}

/// How a save goes.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Done,
    /// On disk, but the old recent changes are still there.
    RecentStays,
    /// Nothing has reached the disk.
    Lost,
    /// On disk, though it was reported as failed.
    DoneInSecret,
}

fn step() -> impl Strategy<Value = Step> {
    let fate = prop_oneof![
        Just(Fate::Done),
        Just(Fate::RecentStays),
        Just(Fate::Lost),
        Just(Fate::DoneInSecret)
    ];
    prop_oneof![
        6 => (0..6_u64, 1..100_u64).prop_map(|(id, offset)| Step::Reach(id, offset)),
        1 => (0..6_u64).prop_map(Step::Forget),
        1 => Just(Step::NeedBase),
        4 => fate.prop_map(Step::Save),
        1 => Just(Step::Restart),
    ]
}

/// The two files.
#[derive(Debug, Default)]
struct Disk {
    base: Loaded,
    recent: Loaded,
}

impl Disk {
    fn write(&mut self, snapshot: &Snapshot, recent_stays: bool) {
        let Snapshot { generation, next_id, ref changes, .. } = *snapshot;
        let written = Loaded { generation, next_id, changes: changes.clone() };
        match snapshot.whole {
            true => self.base = written,
            false => self.recent = written,
        }
        if snapshot.whole && !recent_stays {
            self.recent = Loaded::default();
        }
    }

    fn load(&self) -> Table {
        let copy = |file: &Loaded| Loaded { changes: file.changes.clone(), ..*file };
        Table::loaded(copy(&self.base), copy(&self.recent))
    }
}

proptest! {
    #[test]
    fn whatever_happens_the_disk_holds_what_was_saved_last(
        steps in proptest::collection::vec(step(), 1..60),
    ) {
        let (mut table, mut disk) = (Table::default(), Disk::default());
        let mut saved = Vec::new();
        for step in steps {
            match step {
                Step::Reach(id, offset) => reach(&mut table, id, offset),
                Step::Forget(id) => table.apply(Update::Forget(SourceId(id)), NOW),
                Step::NeedBase => table.need_base(),
                Step::Save(fate) => {
                    let snapshot = table.snapshot();
                    if !matches!(fate, Fate::Lost) {
                        disk.write(&snapshot, matches!(fate, Fate::RecentStays));
                        saved = table.records();
                    }
                    match fate {
                        Fate::Done | Fate::RecentStays => table.saved(&snapshot),
                        Fate::Lost | Fate::DoneInSecret => table.failed(snapshot),
                    }
                }
                Step::Restart => table = disk.load(),
            }
            prop_assert_eq!(&disk.load().records(), &saved);
        }
    }
}
