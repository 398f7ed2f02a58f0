//! How much goes out at a time on a connection that has passed its trial (see [`super::ending`]),
//! and how long a receiver then has to read that and to close. Pure.

use std::time::Duration;

/// After its first trial a receiver gets so much at a time, until it is trusted.
const FIRST_BURST: usize = 8 << 10;
/// However well that goes, it gets no more: what most receivers read at once.
const LARGEST_BURST: usize = 60 << 10;
/// However badly it goes, it gets no less.
const SMALLEST_BURST: usize = 256;
/// So long the next burst is waited with.
const FIRST_PACE: Duration = Duration::from_millis(50);
/// However badly it goes, it is not waited longer.
const LONGEST_PACE: Duration = Duration::from_millis(400);
/// Once a burst was too large, so many must go well before a larger one is tried.
const PROBATION: u32 = 8;

/// How much a receiver that closes by itself takes at a time, as far as that is known. Its every end
/// costs a trial, so that more at a time is more progress; but what it leaves unread is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::deliver) struct Burst {
    /// The next one has so many bytes.
    pub(in crate::deliver) bytes: usize,
    /// None has more.
    largest: usize,
    /// How long after it the next one may come.
    pub(in crate::deliver) pace: Duration,
    /// So many connections have gone well since that was last changed.
    went_well: u32,
}

impl Default for Burst {
    fn default() -> Self {
        Self { bytes: FIRST_BURST, largest: LARGEST_BURST, pace: FIRST_PACE, went_well: 0 }
    }
}

impl Burst {
    /// It was acknowledged, so that the next one may be larger.
    #[must_use]
    pub(in crate::deliver) fn doubled(self) -> Self {
        Self { bytes: (self.bytes * 2).min(self.largest), ..self }
    }

    /// The connection ended in good order, and that proved everything.
    #[must_use]
    pub(in crate::deliver) fn succeeded(mut self) -> Self {
        self.went_well += 1;
        if self.went_well >= PROBATION {
            self.went_well = 0;
            self.largest = (self.largest * 2).min(LARGEST_BURST);
            self.pace = (self.pace / 2).max(FIRST_PACE);
        }
        self.doubled()
    }

    /// The connection ended with something unread or under way: a burst was too large, or came while
    /// the receiver was closing behind the one before.
    #[must_use]
    pub(in crate::deliver) fn failed(self) -> Self {
        let half = (self.bytes / 2).max(SMALLEST_BURST);
        let pace = (self.pace * 2).min(LONGEST_PACE);
        Self { bytes: half, largest: half, pace, went_well: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bursts_grow_while_they_go_well_and_are_halved_when_not() {
        let mut burst = Burst::default();
        let mut sizes = vec![burst.bytes >> 10];
        for _ in 0..2 {
            burst = burst.succeeded();
            sizes.push(burst.bytes >> 10);
            burst = burst.doubled();
            sizes.push(burst.bytes >> 10);
        }
        assert_eq!(sizes, [8, 16, 32, 60, 60]);
        burst = burst.failed();
        for _ in 1..PROBATION {
            burst = burst.succeeded().doubled();
            assert_eq!(burst.bytes >> 10, 30, "it was too large a short while ago");
        }
        assert_eq!(burst.succeeded().bytes >> 10, 60);
        for _ in 0..30 {
            burst = burst.failed();
        }
        assert_eq!((burst.bytes, burst.pace), (SMALLEST_BURST, LONGEST_PACE));
        for _ in 0..3 * PROBATION {
            burst = burst.succeeded();
        }
        assert_eq!(burst.pace, FIRST_PACE);
    }
}
