//! Whether a receiver ends its connections in the same way again and again. Pure: the time is handed in.

use std::collections::VecDeque;
use std::fmt;
use std::time::{Duration, Instant};

use super::transport::{Impression, Why};

/// So many ends in a row that are alike make a pattern.
const ENOUGH: usize = 3;
/// And so many within [`OFTEN_WITHIN`], whatever they are like.
const OFTEN: usize = 6;
/// See [`OFTEN`].
const OFTEN_WITHIN: Duration = Duration::from_secs(60);

/// How a connection was when the receiver, or something before it, ended it.
#[derive(Debug, Clone, Copy)]
struct EndedConnection {
    /// How old it was.
    age: Duration,
    /// How long ago the first message was sent on it; zero when none was.
    used: Duration,
    /// How many bytes it had taken.
    bytes: u64,
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

impl Pattern {
    fn told(self) -> ToldOfEnds {
        match self {
            Self::Often(_) => ToldOfEnds::Many,
            Self::Age(_) | Self::Used(_) | Self::Bytes(_) => ToldOfEnds::Alike,
        }
    }
}

/// When each came.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Age(age) => write!(f, "{:.1} s after it was made", age.as_secs_f64()),
            Self::Used(used) => write!(f, "{:.1} s after its first message", used.as_secs_f64()),
            Self::Bytes(bytes) => write!(f, "after some {bytes} bytes"),
            Self::Often(_) => write!(f, "within {} s", OFTEN_WITHIN.as_secs()),
        }
    }
}

/// What was told of a receiver that ends its connections: each says more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
enum ToldOfEnds {
    #[default]
    Nothing,
    /// There are many within a minute.
    Many,
    /// They are alike.
    Alike,
}

/// The last ends.
#[derive(Debug, Default)]
pub(super) struct Ends {
    /// The receiver's own, of which each may be like the others.
    theirs: Vec<EndedConnection>,
    /// When the last ones came, whatever they were.
    times: VecDeque<Instant>,
    told: ToldOfEnds,
}

impl Ends {
    /// Takes note of how a connection has ended. Returns what is to be told of the last ends: nothing
    /// that was told before, until a connection has lasted.
    pub(super) fn note(
        &mut self,
        why: &Why,
        impression: &Impression,
        now: Instant,
    ) -> Option<Pattern> {
        if impression.is_trusted {
            *self = Self::default();
            return None;
        }
        let pattern = match why {
            Why::Renewed => return None,
            _ if why.is_theirs() => {
                let often = self.count(now);
                self.likeness(impression).or(often)
            }
            // Whether the receiver brought it about is not sure.
            Why::Broken(_) | Why::Misspoken(_) | Why::Rejected(_) => {
                self.theirs.clear();
                self.count(now)
            }
            _ => {
                self.theirs.clear();
                None
            }
        };
        let pattern = pattern.filter(|pattern| pattern.told() > self.told)?;
        self.told = pattern.told();
        Some(pattern)
    }

    /// It was told that the receiver ends its connections, so that one more of that is no news.
    pub(super) fn are_told(&self) -> bool {
        self.told != ToldOfEnds::Nothing
    }

    /// Whether there are many, with one more now.
    fn count(&mut self, now: Instant) -> Option<Pattern> {
        self.times.push_back(now);
        let before = self.times.len().checked_sub(OFTEN)?;
        self.times.drain(..before);
        let since = now.saturating_duration_since(self.times[0]);
        (since <= OFTEN_WITHIN).then_some(Pattern::Often(OFTEN))
    }

    /// What one more of the receiver's own has in common with those before it.
    fn likeness(&mut self, ended: &Impression) -> Option<Pattern> {
        let Impression { age, used, taken: bytes, .. } = *ended;
        self.theirs.push(EndedConnection { age, used, bytes });
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
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn ended(age: u64, used: u64, taken: u64) -> Impression {
        let (age, used) = (Duration::from_millis(age), Duration::from_millis(used));
        Impression { age, used, taken, ..Impression::default() }
    }

    fn seen(ends: [(u64, u64, u64); 3]) -> Option<Pattern> {
        let (mut all, mut seen) = (Ends::default(), None);
        for (age, used, bytes) in ends {
            seen = all.note(&Why::Closed, &ended(age, used, bytes), Instant::now());
        }
        seen
    }

    #[test]
    fn many_within_a_minute_are_a_pattern_whatever_they_are_like() {
        let (mut ends, start) = (Ends::default(), Instant::now());
        let unlike = |number: u64| ended(300 * number, 200 * number, 100 * number);
        let (pace, mut seen) = (Duration::from_secs(11), None);
        for number in 1..=6 {
            assert_eq!(seen, None);
            let at = start + pace * number as u32;
            seen = ends.note(&Why::Closed, &unlike(number * number), at);
        }
        assert_eq!(seen, Some(Pattern::Often(6)));
        let lasted = Impression { is_trusted: true, ..unlike(1) };
        assert_eq!(ends.note(&Why::Closed, &lasted, start), None);
        assert!(!ends.are_told());
        for number in 1..20 {
            let at = start + Duration::from_secs(13) * number as u32;
            let seen = ends.note(&Why::Closed, &unlike(number * number), at);
            assert_eq!(seen, None, "one in 13 s");
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
    }

    #[test]
    fn an_end_that_was_not_the_receivers_own_is_none_of_the_pattern_and_each_is_told_once() {
        let (mut ends, now) = (Ends::default(), Instant::now());
        let mut note = |why: &Why| ends.note(why, &ended(9, 9, 9), now);
        let broken = Why::Broken(io::ErrorKind::TimedOut.into());
        for why in [Why::Closed, Why::Closed, broken, Why::Closed, Why::Closed] {
            assert_eq!(note(&why), None);
        }
        assert_eq!(note(&Why::Closed), Some(Pattern::Bytes(9)), "which says more than how often");
        for _ in 0..9 {
            assert_eq!(note(&Why::Closed), None);
        }
        assert!(ends.are_told());
    }
}
