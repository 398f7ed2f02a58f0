//! No kind of line may fill the log: what is repeated too often is counted. Pure.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

/// So many lines of a kind …
const MOST: u32 = 120;
/// … in this time; a start names up to a hundred files.
const WINDOW: Duration = Duration::from_secs(60);

/// Which lines may still be said. `K` names a kind.
#[derive(Debug)]
pub(super) struct Limit<K> {
    kinds: HashMap<K, Count>,
}

#[derive(Debug)]
struct Count {
    since: Instant,
    said: u32,
    left_out: u64,
}

impl<K> Default for Limit<K> {
    fn default() -> Self {
        Self { kinds: HashMap::new() }
    }
}

impl<K: Hash + Eq> Limit<K> {
    /// Whether a line of `kind` is said; if so, how many were left out before it.
    pub(super) fn admit(&mut self, kind: K, now: Instant) -> Option<u64> {
        let new = || Count { since: now, said: 0, left_out: 0 };
        let count = self.kinds.entry(kind).or_insert_with(new);
        if now.saturating_duration_since(count.since) >= WINDOW {
            (count.since, count.said) = (now, 0);
        }
        if count.said >= MOST {
            count.left_out += 1;
            return None;
        }
        count.said += 1;
        Some(std::mem::take(&mut count.left_out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_counted_and_told_with_the_next_of_its_kind() {
        let (mut limit, start) = (Limit::default(), Instant::now());
        for _ in 0..MOST {
            assert_eq!(limit.admit("rotated", start), Some(0));
        }
        for _ in 0..500 {
            assert_eq!(limit.admit("rotated", start + WINDOW / 2), None);
        }
        assert_eq!(limit.admit("stalled", start), Some(0));
        assert_eq!(limit.admit("rotated", start + WINDOW), Some(500));
        assert_eq!(limit.admit("rotated", start + WINDOW), Some(0));
    }
}
