//! For how long something has been sent and not proven. Pure: the time is handed in.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// So many times in an interval it is noted how far sending has come.
const NOTES: u32 = 4;
/// An interval is not made longer than this because handovers have proven nothing.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// Says when a connection that holds something unproven is to be handed over to the next one.
#[derive(Debug)]
pub(super) struct ProofTimer {
    interval: Duration,
    /// (when, how far sending had come), of what is not proven; the oldest first.
    notes: VecDeque<(Instant, u64)>,
}

impl ProofTimer {
    /// `failures`: how often in a row a handover has proven nothing. Each doubles the interval, so that
    /// what is sent again for that stays bounded. `chance` is uniform in `0.0..1.0` and spreads
    /// the handovers of many senders over a fifth of the interval.
    pub(super) fn new(interval: Duration, failures: u32, chance: f64) -> Self {
        let doubled = interval.saturating_mul(1 << failures.min(20)).min(LONGEST.max(interval));
        Self {
            interval: doubled.mul_f64(0.8 + chance.clamp(0.0, 1.0) / 5.0),
            notes: VecDeque::new(),
        }
    }

    /// Notes that everything before `confirmed` is proven and everything before `written` is sent.
    pub(super) fn note(&mut self, confirmed: u64, written: u64, now: Instant) {
        while self.notes.front().is_some_and(|&(_, sent)| sent <= confirmed) {
            self.notes.pop_front();
        }
        let is_new = self.notes.back().is_none_or(|&(at, sent)| {
            sent < written && now.saturating_duration_since(at) >= self.interval / NOTES
        });
        if is_new && written > confirmed {
            self.notes.push_back((now, written));
        }
    }

    /// Since when the oldest of what is unproven has been so.
    pub(super) fn unproven_since(&self) -> Option<Instant> {
        self.notes.front().map(|&(at, _)| at)
    }

    /// When the connection is to be handed over to the next one.
    pub(super) fn due_at(&self) -> Option<Instant> {
        self.unproven_since().map(|at| at + self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn it_is_due_when_the_oldest_has_been_unproven_for_an_interval() {
        let (mut timer, now) = (ProofTimer::new(MINUTE, 0, 1.0), Instant::now());
        timer.note(0, 0, now);
        assert_eq!(timer.due_at(), None, "nothing was sent");
        timer.note(0, 100, now);
        assert_eq!(timer.due_at(), Some(now + MINUTE));
        for second in 1..40 {
            timer.note(0, 100 + second, now + Duration::from_secs(second));
        }
        assert!(timer.notes.len() <= NOTES as usize, "{:?}", timer.notes);
        assert_eq!(timer.due_at(), Some(now + MINUTE));
        // What was sent first is proven by distance.
        timer.note(100, 140, now + MINUTE);
        let due = timer.due_at().unwrap();
        assert!((now + MINUTE..=now + MINUTE + MINUTE / NOTES).contains(&due));
        timer.note(140, 140, now + MINUTE);
        assert_eq!(timer.due_at(), None, "all is proven");
    }

    #[test]
    fn each_failure_doubles_the_interval() {
        let intervals =
            [0, 1, 2, 30].map(|failures| ProofTimer::new(MINUTE, failures, 1.0).interval);
        assert_eq!(intervals, [MINUTE, 2 * MINUTE, 4 * MINUTE, LONGEST]);
        assert_eq!(ProofTimer::new(MINUTE, 0, 0.0).interval, Duration::from_secs(48));
    }
}
