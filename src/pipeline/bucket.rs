//! How much may be sent: a token bucket. Pure; time is handed in.

use std::time::{Duration, Instant};

/// A rate, and how much may go at once after a pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRate {
    /// On the average, no more than this.
    pub bytes_per_second: u64,
    /// So many bytes may go at once.
    pub burst: u64,
}

/// Gives as many bytes as a rate allows. What is taken at once may be more than there is: the next have to wait for
/// that as well, so the rate holds on the average whatever the pieces are.
#[derive(Debug, Clone)]
pub struct TokenBucket {
    rate: ByteRate,
    /// What may be taken, in billionths of a byte, so that nothing is lost by rounding. Below zero more was taken.
    level: i128,
    /// When that was so.
    at: Instant,
}

const BILLION: i128 = 1_000_000_000;

impl TokenBucket {
    /// Full.
    #[must_use]
    pub fn new(rate: ByteRate, now: Instant) -> Self {
        Self { rate, level: i128::from(rate.burst) * BILLION, at: now }
    }

    /// Goes on with another rate. What was taken too much stays so.
    pub fn change(&mut self, rate: ByteRate, now: Instant) {
        self.fill(now);
        self.rate = rate;
        self.level = self.level.min(self.most());
    }

    /// How much may go at once.
    #[must_use]
    pub fn burst(&self) -> u64 {
        self.rate.burst
    }

    /// Takes so many bytes.
    pub fn take(&mut self, bytes: u64, now: Instant) {
        self.fill(now);
        self.level -= i128::from(bytes) * BILLION;
    }

    /// How long it takes until something may be taken; nothing where it may be now.
    #[must_use]
    pub fn wait(&mut self, now: Instant) -> Option<Duration> {
        self.fill(now);
        if self.level > 0 {
            return None;
        }
        let missing = 1 - self.level;
        let rate = i128::from(self.rate.bytes_per_second.max(1));
        let nanoseconds = (missing + rate - 1) / rate;
        Some(Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX)))
    }

    fn most(&self) -> i128 {
        // A bucket that holds nothing never gives anything.
        i128::from(self.rate.burst.max(1)) * BILLION
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_nanos();
        let came = i128::try_from(passed).unwrap_or(i128::MAX / 2);
        let came = came.saturating_mul(i128::from(self.rate.bytes_per_second));
        self.level = self.level.saturating_add(came).min(self.most());
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn rate(bytes_per_second: u64, burst: u64) -> ByteRate {
        ByteRate { bytes_per_second, burst }
    }

    #[test]
    fn a_burst_goes_at_once_and_then_the_rate_holds() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(rate(1000, 500), start);
        assert_eq!(bucket.wait(start), None);
        bucket.take(500, start);
        // One billionth of a byte more than nothing.
        assert_eq!(bucket.wait(start), Some(Duration::from_nanos(1)));
        bucket.take(1500, start);
        assert_eq!(bucket.wait(start), Some(Duration::from_nanos(1_500_000_001)));
        let later = start + Duration::from_secs(2);
        assert_eq!(bucket.wait(later), None);
        bucket.take(500, later);
        assert!(bucket.wait(later).is_some());
        // However long the pause, no more than the burst is there.
        let much_later = later + Duration::from_secs(86_400);
        bucket.take(500, much_later);
        assert!(bucket.wait(much_later).is_some());
    }

    #[test]
    fn another_rate_forgives_nothing_and_gives_nothing() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(rate(1000, 1000), start);
        bucket.take(3000, start);
        bucket.change(rate(2000, 10_000), start);
        assert_eq!(bucket.wait(start).map(|it| it.as_millis()), Some(1000));
        let mut bucket = TokenBucket::new(rate(1000, 1000), start);
        bucket.change(rate(10, 10), start);
        bucket.take(10, start);
        assert!(bucket.wait(start).is_some());
    }

    proptest! {
        #[test]
        fn no_more_goes_than_the_burst_the_rate_and_one_piece(
            bytes_per_second in 1u64..10_000_000,
            burst in 1u64..10_000_000,
            steps in vec((0u64..2_000_000, 0u64..3_000_000_000), 1..40),
        ) {
            let start = Instant::now();
            let (mut now, mut taken, mut largest) = (start, 0u64, 0);
            let mut bucket = TokenBucket::new(rate(bytes_per_second, burst), start);
            for (piece, pause) in steps {
                now += Duration::from_nanos(pause);
                if let Some(wait) = bucket.wait(now) {
                    // It may be taken then, and not before.
                    prop_assert!(bucket.clone().wait(now + wait).is_none());
                    prop_assert!(bucket.clone().wait(now + wait - Duration::from_nanos(1)).is_some());
                    continue;
                }
                bucket.take(piece, now);
                (taken, largest) = (taken + piece, largest.max(piece));
                let passed = (now - start).as_nanos() as f64 / 1e9;
                let allowed = burst as f64 + passed * bytes_per_second as f64 + largest as f64;
                prop_assert!(taken as f64 <= allowed + 1.0, "{taken} of {allowed}");
            }
        }

        #[test]
        fn who_always_has_something_gets_the_whole_rate(
            bytes_per_second in 1000u64..10_000_000,
            piece in 1u64..300_000,
        ) {
            let start = Instant::now();
            let (mut now, mut taken) = (start, 0u64);
            let mut bucket = TokenBucket::new(rate(bytes_per_second, bytes_per_second), start);
            for _ in 0..200 {
                while let Some(wait) = bucket.wait(now) {
                    now += wait;
                }
                bucket.take(piece, now);
                taken += piece;
            }
            let passed = (now - start).as_nanos() as f64 / 1e9;
            let due = bytes_per_second as f64 * (1.0 + passed);
            prop_assert!(taken as f64 + 1.0 >= due.min(200.0 * piece as f64), "{taken} of {due}");
        }
    }
}
