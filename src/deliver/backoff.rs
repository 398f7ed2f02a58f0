//! How long to wait before the next attempt to connect. Pure: randomness is handed in.

use std::time::Duration;

/// The delay before the second attempt, give or take the jitter.
const FIRST: Duration = Duration::from_millis(100);
/// No delay is longer.
const LONGEST: Duration = Duration::from_secs(10);

/// Delays: at once, then about 0.1 s, 0.2 s, 0.4 s … 10 s, each between half and the whole of
/// that by chance, so that many senders do not come back in step.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    attempts: u32,
    favoured: bool,
}

impl Backoff {
    /// How long to wait before the next attempt. `chance` is uniform in `0.0..1.0`.
    pub(super) fn next(&mut self, chance: f64) -> Duration {
        let Some(doublings) = self.attempts.checked_sub(1) else {
            self.attempts = 1;
            return Duration::ZERO;
        };
        self.attempts = self.attempts.saturating_add(1);
        let longest = FIRST.saturating_mul(1 << doublings.min(20)).min(LONGEST);
        longest.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }

    /// The last connection was of use: the next attempt is made at once.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }

    /// The last connection may have been of use: the next attempt is made at once, but not twice in
    /// a row. Returns whether it is.
    pub(super) fn favour(&mut self) -> bool {
        let is_favoured = !std::mem::replace(&mut self.favoured, true);
        if is_favoured {
            self.attempts = 0;
        }
        is_favoured
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_first_is_at_once_and_the_others_grow_to_ten_seconds(
            chances in proptest::collection::vec(0.0..1.0f64, 1..60),
        ) {
            let mut backoff = Backoff::default();
            prop_assert_eq!(backoff.next(chances[0]), Duration::ZERO);
            let mut bound = FIRST;
            for chance in chances {
                let delay = backoff.next(chance);
                prop_assert!(bound / 2 <= delay && delay <= bound, "{:?} {:?}", delay, bound);
                bound = (bound * 2).min(LONGEST);
            }
            backoff.reset();
            prop_assert_eq!(backoff.next(0.5), Duration::ZERO);
        }
    }

    #[test]
    fn what_may_have_been_of_use_counts_once() {
        let mut backoff = Backoff::default();
        for _ in 0..2 {
            let delays = [(); 4].map(|()| {
                let delay = backoff.next(1.0);
                backoff.favour();
                delay
            });
            assert_eq!(delays, [Duration::ZERO, Duration::ZERO, FIRST, 2 * FIRST]);
            backoff.reset();
        }
    }

    #[test]
    fn a_long_outage_never_overflows() {
        let mut backoff = Backoff { attempts: u32::MAX - 1, favoured: false };
        for _ in 0..3 {
            assert_eq!(backoff.next(1.0), LONGEST);
        }
    }
}
