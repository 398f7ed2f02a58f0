//! Which of several receivers is asked, and when it is time to go back to one that comes before the
//! one in use. Pure: time and chance are handed in.
//!
//! # Rounds
//! A round asks each receiver once, in their order. The one that was in use and read what it got is
//! asked first: it may only have been restarted. Whoever refuses, does not answer, or takes nothing is
//! left for the next one; when all were asked, the next round begins, after a while.
//!
//! # Going back
//! While one is in use that is not the first, those before it are asked again after `failback`, the
//! first of them first. Where one of them takes the connection, it takes over in good order.

use std::time::{Duration, Instant};

/// Who is to be asked next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Attempt {
    /// Its place in the order, from 0.
    pub(super) index: usize,
    /// All were asked since one was of use, or none yet.
    pub(super) begins_round: bool,
}

/// What the end of a connection says of its receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Worth {
    /// It read what it got. It is asked first.
    Useful,
    /// It read, and takes nothing any more. The others are asked first.
    Stuck,
    /// It has read nothing. The round goes on.
    Useless,
}

/// Where things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReceiverState {
    /// None is in use. `leading` is asked before all others.
    Seeking { leading: Option<usize> },
    /// One is in use. `asking` comes before it, and is the next to be asked from `back_at` on.
    InUse { asking: usize, back_at: Option<Instant> },
}

/// The receivers in their order; see the module's documentation.
#[derive(Debug)]
pub(super) struct Receivers {
    failback: Option<Duration>,
    /// The one in use, or that was last.
    at: usize,
    /// Those that were asked in this round.
    asked: Vec<bool>,
    /// Since when the first one is left alone, if it is.
    left_at: Option<Instant>,
    state: ReceiverState,
}

impl Receivers {
    /// `count` of them, at least one. `failback`: after how long those before the one in use are asked
    /// again; `None`: never.
    pub(super) fn new(count: usize, failback: Option<Duration>) -> Self {
        Self {
            failback,
            at: 0,
            asked: vec![false; count.max(1)],
            left_at: None,
            state: ReceiverState::Seeking { leading: None },
        }
    }

    /// Who is asked now that none is in use.
    pub(super) fn next(&mut self, now: Instant) -> Attempt {
        let leading = match self.state {
            ReceiverState::Seeking { leading } => leading,
            ReceiverState::InUse { .. } => None,
        };
        self.state = ReceiverState::Seeking { leading: None };
        if self.asked.iter().all(|&asked| asked) {
            self.asked.fill(false);
        }
        let begins_round = !self.asked.contains(&true);
        let unasked = |&index: &usize| self.asked.get(index) == Some(&false);
        let first = self.asked.iter().position(|asked| !asked).unwrap_or_default();
        let index = leading.filter(unasked).unwrap_or(first);
        self.asked[index] = true;
        if index == 0 {
            self.left_at = Some(now);
        }
        Attempt { index, begins_round }
    }

    /// The one of that place is in use now. `chance` is uniform in `0.0..1.0`.
    pub(super) fn takes(&mut self, index: usize, now: Instant, chance: f64) {
        self.at = index;
        self.asked[index] = true;
        let left_at = *self.left_at.get_or_insert(now);
        let back_at = (index > 0).then(|| self.back_at(left_at, chance)).flatten();
        self.state = ReceiverState::InUse { asking: 0, back_at };
    }

    /// The connection to the one in use has ended.
    pub(super) fn left(&mut self, verdict: Worth, now: Instant) {
        if self.at == 0 {
            self.left_at = Some(now);
        }
        let leading = match verdict {
            Worth::Useful => {
                self.asked.fill(false);
                Some(self.at)
            }
            Worth::Stuck => {
                self.asked.fill(false);
                self.asked[self.at] = true;
                None
            }
            Worth::Useless => None,
        };
        self.state = ReceiverState::Seeking { leading };
    }

    /// Who is to be asked by now while another one is in use, because it comes before that.
    pub(super) fn due_back(&self, now: Instant) -> Option<usize> {
        match self.state {
            ReceiverState::InUse { asking, back_at: Some(at) } if at <= now => Some(asking),
            _ => None,
        }
    }

    /// When [`Self::due_back`] has somebody to ask.
    pub(super) fn due_back_at(&self) -> Option<Instant> {
        match self.state {
            ReceiverState::InUse { back_at, .. } => back_at,
            ReceiverState::Seeking { .. } => None,
        }
    }

    /// The one that was due has not taken the connection. Those behind it that come before the one in
    /// use are asked at once, and all of them again after `failback`.
    pub(super) fn stays_away(&mut self, now: Instant, chance: f64) {
        if let ReceiverState::InUse { asking, .. } = self.state {
            self.state = match asking + 1 {
                next if next < self.at => ReceiverState::InUse { asking: next, back_at: Some(now) },
                _ => ReceiverState::InUse { asking: 0, back_at: self.back_at(now, chance) },
            };
        }
    }

    /// The one of that place takes over from the one in use, behind which it comes no more.
    pub(super) fn takes_over(&mut self, index: usize, now: Instant, chance: f64) {
        self.asked.fill(false);
        self.left_at = Some(now);
        self.takes(index, now, chance);
    }

    fn back_at(&self, left_at: Instant, chance: f64) -> Option<Instant> {
        // Many hosts do not come back in step.
        let spread = 0.8 + chance.clamp(0.0, 1.0) / 5.0;
        Some(left_at + self.failback?.mul_f64(spread))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FAILBACK: Duration = Duration::from_secs(300);

    fn three() -> (Receivers, Instant) {
        (Receivers::new(3, Some(FAILBACK)), Instant::now())
    }

    fn asked(receivers: &mut Receivers, now: Instant, times: usize) -> Vec<(usize, bool)> {
        let mut attempt = || receivers.next(now);
        (0..times).map(|_| attempt()).map(|it| (it.index, it.begins_round)).collect()
    }

    #[test]
    fn each_is_asked_once_in_a_round() {
        let (mut receivers, now) = three();
        let round = [(0, true), (1, false), (2, false)];
        assert_eq!(asked(&mut receivers, now, 6), [round, round].concat());
    }

    #[test]
    fn one_alone_begins_a_round_each_time() {
        let (mut receivers, now) = (Receivers::new(1, Some(FAILBACK)), Instant::now());
        assert_eq!(asked(&mut receivers, now, 2), [(0, true), (0, true)]);
        receivers.takes(0, now, 0.5);
        assert_eq!(receivers.due_back_at(), None);
        for verdict in [Worth::Useful, Worth::Stuck, Worth::Useless] {
            receivers.left(verdict, now);
            assert_eq!(asked(&mut receivers, now, 1), [(0, true)]);
        }
    }

    #[test]
    fn what_an_end_says_decides_who_is_asked() {
        let (mut receivers, now) = three();
        asked(&mut receivers, now, 2);
        receivers.takes(1, now, 0.5);
        receivers.left(Worth::Useful, now);
        assert_eq!(asked(&mut receivers, now, 3), [(1, true), (0, false), (2, false)]);
        receivers.takes(2, now, 0.5);
        receivers.left(Worth::Stuck, now);
        assert_eq!(asked(&mut receivers, now, 3), [(0, false), (1, false), (0, true)]);
        receivers.takes(0, now, 0.5);
        receivers.left(Worth::Useless, now);
        assert_eq!(asked(&mut receivers, now, 2), [(1, false), (2, false)]);
    }

    #[test]
    fn those_before_the_one_in_use_are_asked_again_after_failback() {
        let (mut receivers, start) = three();
        asked(&mut receivers, start, 3);
        receivers.takes(2, start, 1.0);
        assert_eq!(receivers.due_back_at(), Some(start + FAILBACK));
        assert_eq!(receivers.due_back(start), None);
        let now = start + FAILBACK;
        assert_eq!(receivers.due_back(now), Some(0));
        receivers.stays_away(now, 0.0);
        assert_eq!(receivers.due_back(now), Some(1));
        receivers.stays_away(now, 0.0);
        assert_eq!(receivers.due_back_at(), Some(now + FAILBACK.mul_f64(0.8)));
        receivers.takes_over(1, now, 1.0);
        assert_eq!(receivers.due_back_at(), Some(now + FAILBACK));
        receivers.takes_over(0, now, 1.0);
        assert_eq!(receivers.due_back_at(), None);
        // It took the connection and nothing more: the round goes on behind it.
        receivers.left(Worth::Useless, now);
        assert_eq!(asked(&mut receivers, now, 1), [(1, false)]);
    }

    #[test]
    fn a_connection_made_anew_does_not_put_off_the_way_back() {
        let (mut receivers, start) = three();
        asked(&mut receivers, start, 2);
        for seconds in [0, 100, 200] {
            let now = start + Duration::from_secs(seconds);
            receivers.takes(1, now, 1.0);
            assert_eq!(receivers.due_back_at(), Some(start + FAILBACK));
            receivers.left(Worth::Useful, now);
            assert_eq!(receivers.next(now).index, 1);
        }
    }

    #[test]
    fn the_way_back_waits_from_when_the_first_was_left() {
        let (mut receivers, start) = three();
        asked(&mut receivers, start, 1);
        receivers.takes(0, start, 1.0);
        for verdict in [Worth::Stuck, Worth::Useless] {
            let now = start + Duration::from_secs(36_000);
            receivers.left(verdict, now);
            assert_eq!(receivers.next(now).index, 1);
            receivers.takes(1, now, 1.0);
            assert_eq!(receivers.due_back_at(), Some(now + FAILBACK));
            receivers.takes_over(0, start, 1.0);
        }
    }

    #[test]
    fn one_that_never_goes_back_stays() {
        let (mut receivers, now) = (Receivers::new(2, None), Instant::now());
        asked(&mut receivers, now, 2);
        receivers.takes(1, now, 0.5);
        assert_eq!((receivers.due_back_at(), receivers.due_back(now + FAILBACK)), (None, None));
    }

    #[derive(Debug, Clone)]
    enum Step {
        Fails,
        Takes(Worth),
        Waits(u64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let verdict = prop_oneof![Just(Worth::Useful), Just(Worth::Stuck), Just(Worth::Useless)];
        prop_oneof![
            Just(Step::Fails),
            verdict.prop_map(Step::Takes),
            (0u64..400).prop_map(Step::Waits),
        ]
    }

    proptest! {
        /// Whatever happens: nobody is asked twice in a round, all are before the next one begins, and
        /// only those before the one in use are gone back to, not sooner than four fifths of `failback`
        /// after the first was asked.
        #[test]
        fn rounds_are_fair_and_the_way_back_leads_forward(
            count in 1usize..6,
            steps in proptest::collection::vec(step(), 1..60),
            chance in 0.0..1.0f64,
        ) {
            let mut receivers = Receivers::new(count, Some(FAILBACK));
            let mut now = Instant::now();
            let mut round: Vec<usize> = Vec::new();
            let mut first_asked = now;
            for step in steps {
                let Attempt { index, begins_round } = receivers.next(now);
                if begins_round {
                    prop_assert!(round.is_empty() || round.len() == count);
                    round.clear();
                }
                prop_assert!(index < count && !round.contains(&index), "{index} in {round:?}");
                round.push(index);
                if index == 0 {
                    first_asked = now;
                }
                match step {
                    Step::Fails => {}
                    Step::Takes(verdict) => {
                        receivers.takes(index, now, chance);
                        receivers.left(verdict, now);
                        match verdict {
                            Worth::Useful => round.clear(),
                            Worth::Stuck => round = vec![index],
                            Worth::Useless => {}
                        }
                    }
                    Step::Waits(seconds) => {
                        receivers.takes(index, now, chance);
                        now += Duration::from_secs(seconds);
                        while let Some(before) = receivers.due_back(now) {
                            prop_assert!(before < index);
                            prop_assert!(now - first_asked >= FAILBACK.mul_f64(0.79));
                            receivers.stays_away(now, chance);
                        }
                        receivers.left(Worth::Useful, now);
                        round.clear();
                    }
                }
            }
        }
    }
}
