//! How long the pieces of the hot path take: `cargo bench --bench micro`.

#![allow(clippy::expect_used, clippy::unwrap_used)]
#![allow(unreachable_pub, reason = "nothing outside reaches a benchmark")]

mod pieces;

use divan::Bencher;
use divan::counter::ItemsCount;

fn main() {
    divan::main();
}

/// Lines a second for each.
#[divan::bench(args = pieces::NAMES)]
fn hot_path(bencher: Bencher<'_, '_>, name: &str) {
    let mut piece = pieces::piece(name);
    bencher.counter(ItemsCount::new(piece.lines)).bench_local(|| (piece.work)());
}
