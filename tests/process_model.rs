//! A random model of the whole process: what happens to a log, its shipper and its receiver, in
//! any order, against an oracle. `src/input/model.rs` does the same to the core alone, faster.
//!
//! A failure prints its seed; `REMOTE_SYSLOG_TEST_SEED=N cargo test --test suite process_model`
//! does the same things again (not at the very same moments). `REMOTE_SYSLOG_LONG=1` runs more.

mod world;

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use fastrand::Rng;

use self::world::World;
use crate::support::Transport;

/// Operations in a sequence.
const OPERATIONS: usize = 25;
/// Sequences per test …
const FEW: usize = 2;
/// … and with `REMOTE_SYSLOG_LONG`.
const MANY: usize = 20;

/// Something that happens.
#[derive(Debug, Clone, Copy)]
enum Op {
    /// The writer writes so many lines to the file it has open.
    Write(u64),
    /// The writer writes the beginning of a line; it goes on with it when it writes next.
    Partial,
    /// Rotation by renaming, with a new file or without; the writer goes on with the old one.
    Rename { create: bool },
    /// The writer opens the path anew.
    Reopen,
    /// Rotation by copying and truncating, with so many milliseconds between the two.
    CopyTruncate(u64),
    /// The newest rotated file that nobody writes to is compressed.
    Compress,
    /// The file is deleted when everything has been received, and made anew after so many
    /// milliseconds.
    Recreate(u64),
    /// The shipper ends in good order.
    Term,
    /// The shipper ends at once.
    Kill,
    /// The shipper is started.
    Start,
    /// The receiver goes away: it closes its connections in good order.
    Close,
    /// The receiver goes away: its connections are reset.
    Reset,
    /// The receiver is back.
    Up,
    /// The receiver reads nothing.
    Stall,
    /// The receiver reads again.
    Resume,
    /// So many milliseconds pass.
    Pause(u64),
}

/// How the log is rotated: a host does it one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Rotation {
    Rename,
    CopyTruncate,
}

/// What sequences are made of.
#[derive(Debug, Clone, Copy)]
struct Kind {
    rotation: Rotation,
    transport: Transport,
    /// The shipper may be killed, connections may be reset.
    is_rough: bool,
}

impl Kind {
    fn op(self, rng: &mut Rng) -> Op {
        let renames = self.rotation == Rotation::Rename;
        loop {
            return match rng.u32(0..32) {
                0..=6 => Op::Write(rng.u64(1..40)),
                7 => Op::Write(rng.u64(1_000..6_000)),
                8 | 9 => Op::Partial,
                10..=12 if renames => Op::Rename { create: rng.bool() },
                10..=12 => Op::CopyTruncate(rng.u64(0..8)),
                13..=15 if renames => Op::Reopen,
                16 | 17 => Op::Compress,
                18 => Op::Recreate(rng.u64(0..15)),
                19 => Op::Term,
                20 | 21 if self.is_rough => Op::Kill,
                22..=24 => Op::Start,
                25 => Op::Close,
                26 if self.is_rough => Op::Reset,
                27 | 28 => Op::Up,
                29 => Op::Stall,
                30 => Op::Resume,
                31 => Op::Pause(rng.u64(1..50)),
                _ => continue,
            };
        }
    }
}

fn run(kind: Kind, seed: u64) {
    let mut rng = Rng::with_seed(seed);
    let ops: Vec<_> = (0..OPERATIONS).map(|_| kind.op(&mut rng)).collect();
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        let mut world = World::new(kind);
        for &op in &ops {
            world.apply(op);
        }
        world.settle();
    }));
    if let Err(panic) = outcome {
        println!("REMOTE_SYSLOG_TEST_SEED={seed} for {kind:?}: {ops:?}");
        resume_unwind(panic);
    }
}

/// Runs sequences of new seeds, or one of the seed that is given.
fn run_some(rotation: Rotation, transport: Transport, is_rough: bool) {
    let kind = Kind { rotation, transport, is_rough };
    if let Ok(seed) = std::env::var("REMOTE_SYSLOG_TEST_SEED") {
        return run(kind, seed.parse().unwrap());
    }
    let is_long = std::env::var_os("REMOTE_SYSLOG_LONG").is_some();
    for _ in 0..if is_long { MANY } else { FEW } {
        run(kind, fastrand::u64(..));
    }
}

macro_rules! models {
    ($($name:ident: $rotation:ident over $transport:ident, rough $rough:literal;)*) => {$(
        #[test]
        fn $name() {
            run_some(Rotation::$rotation, Transport::$transport, $rough);
        }
    )*};
}

models! {
    renamed_over_tcp: Rename over Tcp, rough false;
    renamed_over_tls: Rename over Tls, rough false;
    copied_over_tcp: CopyTruncate over Tcp, rough false;
    copied_over_tls: CopyTruncate over Tls, rough false;
    renamed_over_tcp_with_losses: Rename over Tcp, rough true;
    renamed_over_tls_with_losses: Rename over Tls, rough true;
    copied_over_tcp_with_losses: CopyTruncate over Tcp, rough true;
    copied_over_tls_with_losses: CopyTruncate over Tls, rough true;
}
