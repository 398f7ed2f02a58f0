//! Writes positions in the form of the first version, for tests of upgrades: `first_alpha STATE_DIR LOG...` says that each
//! LOG is delivered to its end.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod positions;

use std::fs;
use std::path::PathBuf;

use positions::FirstAlpha;

fn main() {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let state = paths.next().expect("usage: first_alpha STATE_DIR LOG...");
    let mut positions = FirstAlpha::default();
    for log in paths {
        let delivered = fs::metadata(&log).unwrap().len() as usize;
        positions.position(&log, &log, delivered);
    }
    positions.write(&state);
}
