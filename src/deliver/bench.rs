//! What `benches/` measures of this room, and nothing else uses.

use super::ledger::Ledger;
pub use super::transport::relp::bench::relp;
use crate::deliver::proof::Evidence;
use crate::pipeline::batch::Batch;

/// Each time it is called: a copy of `batch` is written in pieces of 64 KiB, which are acknowledged
/// one after the other, and is confirmed at last.
pub fn ledger(batch: Batch) -> impl FnMut() {
    const PIECE: usize = 64 << 10;
    let window = Some(64 << 10);
    let mut ledger = Ledger::default();
    move || {
        ledger.connected();
        let mut evidence = Evidence::default();
        evidence.observe(0, window);
        let (bytes, frames) = (batch.bytes.clone(), batch.frames.clone());
        ledger.push(Batch { bytes, frames, ..Batch::default() });
        let mut acknowledged = 0;
        while let count @ 1.. = ledger.unwritten(PIECE).len() {
            ledger.wrote(count);
            acknowledged += count as u64;
            ledger.confirm_up_to(evidence.observe(acknowledged, window));
        }
        ledger.confirm_up_to(acknowledged);
        std::hint::black_box(ledger.take_confirmed());
    }
}
