//! Whether a receiver ends its connections in the same way again and again. Pure.

use std::time::Duration;

/// So many ends in a row that are alike make a pattern.
const ENOUGH: usize = 3;

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
}

/// The last ends.
#[derive(Debug, Default)]
pub(super) struct Ends(Vec<EndedConnection>);

impl Ends {
    /// Takes note of one; what it has in common with those before it.
    pub(super) fn note(&mut self, ended: EndedConnection) -> Option<Pattern> {
        self.0.push(ended);
        let before = self.0.len().checked_sub(ENOUGH)?;
        self.0.drain(..before);
        let alike = |of: fn(&EndedConnection) -> u64, slack: u64| {
            let (least, most) = (self.0.iter().map(of).min()?, self.0.iter().map(of).max()?);
            (least > 0 && most - least <= most / 10 + slack).then_some(most)
        };
        let millis = |of: fn(&EndedConnection) -> u64| alike(of, 50).map(Duration::from_millis);
        let by_bytes = || alike(|it| it.bytes, 0).map(Pattern::Bytes);
        let by_use = || millis(|it| it.used.as_millis() as u64).map(Pattern::Used);
        let by_age = || millis(|it| it.age.as_millis() as u64).map(Pattern::Age);
        by_bytes().or_else(by_use).or_else(by_age)
    }

    /// One has lasted, or was ended by us.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(ends: [(u64, u64, u64); 3]) -> Option<Pattern> {
        let (mut all, mut seen) = (Ends::default(), None);
        for (age, used, bytes) in ends {
            let millis = Duration::from_millis;
            seen = all.note(EndedConnection { age: millis(age), used: millis(used), bytes });
        }
        seen
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
                ends.note(EndedConnection { age: millis(9), used: millis(9), bytes: 9 }),
                None
            );
        }
        ends.forget();
        assert_eq!(ends.note(EndedConnection { age: millis(9), used: millis(9), bytes: 9 }), None);
    }
}
