//! What the kernel has told of how far the receiver's end has come, and when to ask it again. Pure:
//! what it tells and the time are handed in.

use std::time::Duration;

use tokio::time::Instant;

use crate::deliver::proof::Evidence;
use crate::deliver::transport::tcp::Look;

/// The kernel is asked at least after so many bytes: rarely, and windows would pass unseen.
const LOOK_BYTES: usize = 64 << 10;
/// The kernel is asked so often while something is not acknowledged.
const LOOK_OUTSTANDING: Duration = Duration::from_millis(100);

/// What is known of one connection. All counts are bytes since its begin.
#[derive(Debug, Default)]
pub(super) struct PeerProgress {
    evidence: Evidence,
    /// Whether the peer is not the receiver, but a proxy: what that has read may lie in it, in its kernel, and unread
    /// in the receiver's.
    is_proxied: bool,
    /// Of the ledger: proven to be read.
    pub(super) proven: u64,
    /// On the wire, TLS included: acknowledged.
    pub(super) acked: u64,
    pub(super) round_trip: Duration,
    pub(super) least_round_trip: Duration,
    /// Written since the kernel was last asked.
    unlooked: usize,
    look_at: Option<Instant>,
    /// When something was last acknowledged, if something is outstanding.
    acked_at: Option<Instant>,
}

impl PeerProgress {
    /// Nothing was sent yet, so the peer's buffer is surely empty, and its window that of all of it.
    pub(super) fn at_begin(look: Option<&Look>, is_proxied: bool) -> Self {
        let mut progress = Self { is_proxied, ..Self::default() };
        if let Some(look) = look {
            progress.evidence.observe(0, look.window);
        }
        progress
    }

    /// Takes note of a look without drawing a conclusion.
    pub(super) fn note(&mut self, look: &Look) {
        self.acked = self.acked.max(look.wire_acked);
        self.round_trip = look.round_trip;
        self.least_round_trip = look.least_round_trip;
    }

    /// Takes a look for evidence.
    pub(super) fn learn(&mut self, look: &Look, now: Instant) {
        self.unlooked = 0;
        let proven = self.evidence.observe(look.acked, look.window);
        if !self.is_proxied {
            self.prove(proven);
        }
        if look.wire_acked > self.acked {
            self.acked_at = Some(now);
        }
        if !look.outstanding {
            self.acked_at = None;
        }
        self.look_at = look.outstanding.then(|| now + LOOK_OUTSTANDING);
        self.note(look);
    }

    /// So many bytes of the ledger are proven to be read.
    pub(super) fn prove(&mut self, bytes: u64) {
        self.proven = self.proven.max(bytes);
    }

    pub(super) fn shows_reading(&self) -> bool {
        self.evidence.shows_reading()
    }

    /// So many bytes were handed to the kernel.
    pub(super) fn wrote(&mut self, bytes: usize) {
        self.unlooked += bytes;
    }

    /// Whether the kernel has got so much that it is to be asked before it gets more.
    pub(super) fn is_unlooked(&self) -> bool {
        self.unlooked >= LOOK_BYTES
    }

    /// Something was written since the kernel was last asked: when to ask it.
    pub(super) fn await_acknowledgement(&mut self, now: Instant) {
        self.acked_at.get_or_insert(now);
        if self.is_unlooked() {
            self.look_at = Some(now);
        } else {
            self.look_at.get_or_insert(now + LOOK_OUTSTANDING);
        }
    }

    /// When to ask the kernel.
    pub(super) fn look_at(&self) -> Option<Instant> {
        self.look_at
    }

    /// Since when nothing was acknowledged of what is outstanding.
    pub(super) fn stalled_for(&self, now: Instant) -> Duration {
        self.acked_at.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(acked: u64, outstanding: bool) -> Look {
        Look {
            acked,
            wire_acked: acked,
            window: Some(64 << 10),
            round_trip: Duration::from_millis(1),
            least_round_trip: Duration::from_millis(1),
            outstanding,
            unacknowledged: outstanding,
            resending: false,
            closed: false,
        }
    }

    #[test]
    fn it_stalls_from_the_last_acknowledgement_while_something_is_outstanding() {
        let (start, second) = (Instant::now(), Duration::from_secs(1));
        let mut progress = PeerProgress::default();
        assert_eq!(progress.stalled_for(start), Duration::ZERO);
        progress.wrote(100);
        progress.await_acknowledgement(start);
        assert_eq!(progress.stalled_for(start + second), second);
        progress.learn(&look(50, true), start + second);
        assert_eq!(progress.stalled_for(start + 3 * second), 2 * second);
        assert_eq!(progress.look_at(), Some(start + second + LOOK_OUTSTANDING));
        progress.learn(&look(100, false), start + 3 * second);
        assert_eq!(progress.stalled_for(start + 9 * second), Duration::ZERO);
        assert_eq!(progress.look_at(), None);
    }

    #[test]
    fn behind_a_proxy_distance_proves_nothing() {
        for (is_proxied, proves) in [(false, true), (true, false)] {
            let mut progress = PeerProgress::at_begin(Some(&look(0, false)), is_proxied);
            for step in 1..100 {
                progress.learn(&look(step * LOOK_BYTES as u64, false), Instant::now());
            }
            assert_eq!(progress.proven > 0, proves);
            assert!(progress.shows_reading());
        }
    }

    #[test]
    fn behind_many_bytes_the_kernel_is_asked_at_once() {
        let start = Instant::now();
        let mut progress = PeerProgress::default();
        progress.wrote(LOOK_BYTES - 1);
        progress.await_acknowledgement(start);
        assert!(!progress.is_unlooked());
        assert_eq!(progress.look_at(), Some(start + LOOK_OUTSTANDING));
        progress.wrote(1);
        progress.await_acknowledgement(start);
        assert!(progress.is_unlooked());
        assert_eq!(progress.look_at(), Some(start));
    }
}
