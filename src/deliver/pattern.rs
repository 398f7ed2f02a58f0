//! Whether a receiver ends its connections in the same way again and again. Pure: the time is handed in.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// So many ends in a row that are alike make a pattern.
const ENOUGH: usize = 3;
/// And so many within [`OFTEN_WITHIN`], whatever they are like.
const OFTEN: usize = 6;
/// See [`OFTEN`].
const OFTEN_WITHIN: Duration = Duration::from_secs(60);

/// How a connection was when the receiver, or something before it, ended it.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndedConnection {
    /// How old it was.
    pub(super) age: Duration,
    /// How long ago the first message was sent on it; zero when none was.
    pub(super) used: Duration,
    /// How many bytes it had taken.
    pub(super) bytes: u64,
}

/// What the last ends have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pattern {
    /// They came at this age.
    Age(Duration),
    /// So long after the first message.
    Used(Duration),
    /// After so many bytes.
    Bytes(u64),
    /// So many came within a minute.
    Often(usize),
}

/// The last ends.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The receiver's own, of which each may be like the others.
    theirs: Vec<EndedConnection>,
    /// When the last ones came, whatever they were.
    times: VecDeque<Instant>,
}

impl Ends {
    /// Takes note of one that the receiver did not bring about, or not for sure: whether there are many.
    pub(super) fn count(&mut self, now: Instant) -> Option<Pattern> {
        self.times.push_back(now);
        let before = self.times.len().checked_sub(OFTEN)?;
        self.times.drain(..before);
        let since = now.saturating_duration_since(self.times[0]);
        (since <= OFTEN_WITHIN).then_some(Pattern::Often(OFTEN))
    }

    /// Takes note of one of the receiver's own; what it has in common with those before it.
    pub(super) fn note(&mut self, ended: EndedConnection, now: Instant) -> Option<Pattern> {
        let often = self.count(now);
        self.likeness(ended).or(often)
    }

    fn likeness(&mut self, ended: EndedConnection) -> Option<Pattern> {
        self.theirs.push(ended);
        let before = self.theirs.len().checked_sub(ENOUGH)?;
        self.theirs.drain(..before);
        let ends = &self.theirs;
        let alike = |of: fn(&EndedConnection) -> u64, slack: u64| {
            let (least, most) = (ends.iter().map(of).min()?, ends.iter().map(of).max()?);
            (least > 0 && most - least <= most / 10 + slack).then_some(most)
        };
        let millis = |of: fn(&EndedConnection) -> u64| alike(of, 50).map(Duration::from_millis);
        let by_bytes = || alike(|it| it.bytes, 0).map(Pattern::Bytes);
        let by_use = || millis(|it| it.used.as_millis() as u64).map(Pattern::Used);
        let by_age = || millis(|it| it.age.as_millis() as u64).map(Pattern::Age);
        by_bytes().or_else(by_use).or_else(by_age)
    }

    /// The last one was not the receiver's own.
    pub(super) fn interrupt(&mut self) {
        self.theirs.clear();
    }

    /// One has lasted.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ends: [(u64, u64, u64); 3]) -> Option<Pattern> {
        let (mut all, mut seen) = (Ends::default(), None);
        for (age, used, bytes) in ends {
            let millis = Duration::from_millis;
            let ended = EndedConnection { age: millis(age), used: millis(used), bytes };
            seen = all.note(ended, Instant::now());
        }
        seen
    }

    #[test]
    fn many_within_a_minute_are_a_pattern_whatever_they_are_like() {
        let (mut ends, start) = (Ends::default(), Instant::now());
        let ended = |number: u64| EndedConnection {
            age: Duration::from_millis(300 * number),
            used: Duration::from_millis(200 * number),
            bytes: 100 * number,
        };
        let (pace, mut seen) = (Duration::from_secs(11), None);
        for number in 1..=6 {
            assert_eq!(seen, None);
            seen = ends.note(ended(number * number), start + pace * number as u32);
        }
        assert_eq!(seen, Some(Pattern::Often(6)));
        ends.forget();
        for number in 1..20 {
            let at = start + Duration::from_secs(13) * number as u32;
            assert_eq!(ends.note(ended(number * number), at), None, "one in 13 s");
        }
    }

    #[test]
    fn three_ends_that_are_alike_are_a_pattern() {
        let millis = Duration::from_millis;
        let worker = [(500, 500, 15_000), (2600, 600, 15_900), (1400, 200, 15_100)];
        assert_eq!(seen(worker), Some(Pattern::Bytes(15_900)));
        let idle = [(5000, 5000, 100), (8000, 5010, 900), (7000, 4990, 40_000)];
        assert_eq!(seen(idle), Some(Pattern::Used(millis(5010))));
        let haproxy = [(3000, 3000, 100), (3004, 0, 0), (3008, 0, 0)];
        assert_eq!(seen(haproxy), Some(Pattern::Age(millis(3008))));
        assert_eq!(seen([(100, 100, 100), (900, 900, 900), (5000, 5000, 5000)]), None);
        let mut ends = Ends::default();
        for _ in 0..2 {
            assert_eq!(
                ends.note(
                    EndedConnection { age: millis(9), used: millis(9), bytes: 9 },
                    Instant::now()
                ),
                None
            );
        }
        ends.interrupt();
        let ended = EndedConnection { age: millis(9), used: millis(9), bytes: 9 };
        assert_eq!(ends.note(ended, Instant::now()), None);
    }
}
