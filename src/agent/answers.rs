//! Whether a shard comes back from the file system that it serves.

use std::time::Duration;

use tokio::time::Instant;

use super::settings::Vitals;
use crate::health::StageName;
use crate::health::liveness::Watchdog;

/// A file system that does not answer for so long is told of.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Watches one shard.
#[derive(Debug)]
pub(super) struct Answers {
    watch: Watchdog,
    state: AnswerState,
}

#[derive(Debug, Clone, Copy)]
enum AnswerState {
    Answers,
    Waits { since: Instant },
    Silent { since: Instant },
}

/// What has changed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum News {
    /// There was no answer for [`PATIENCE`].
    Silent,
    /// There is one, after this time.
    Again(Duration),
}

impl Answers {
    /// Watches the shard that shows `vitals`.
    pub(super) fn of(vitals: &Vitals) -> Self {
        let beats = [
            (StageName::Discover, vitals.discover.clone()),
            (StageName::Input, vitals.input.clone()),
        ];
        Self { watch: Watchdog::new(beats), state: AnswerState::Answers }
    }

    /// Looks, and asks for the next sign of life. To be called about once a second.
    pub(super) fn look(&mut self, now: Instant) -> Option<News> {
        let is_silent = !self.watch.silent().is_empty();
        let (state, news) = match (self.state, is_silent) {
            (AnswerState::Answers, true) => (AnswerState::Waits { since: now }, None),
            (AnswerState::Waits { since }, true) if now - since >= PATIENCE => {
                (AnswerState::Silent { since }, Some(News::Silent))
            }
            (state, true) => (state, None),
            (AnswerState::Silent { since }, false) => {
                (AnswerState::Answers, Some(News::Again(now - since)))
            }
            (_, false) => (AnswerState::Answers, None),
        };
        self.state = state;
        news
    }

    /// Whether it was said that there is no answer.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.state, AnswerState::Silent { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_is_told_once_and_its_end_too() {
        let vitals = Vitals::default();
        let mut answers = Answers::of(&vitals);
        let mut now = Instant::now();
        let mut news_of_a_second = |is_alive: bool| {
            vitals.input.turn();
            if is_alive {
                vitals.discover.turn();
            }
            now += Duration::from_secs(1);
            (answers.look(now), answers.is_silent())
        };
        assert_eq!(news_of_a_second(true), (None, false));
        for _ in 0..10 {
            assert_eq!(news_of_a_second(false), (None, false));
        }
        assert_eq!(news_of_a_second(false), (Some(News::Silent), true));
        assert_eq!(news_of_a_second(false), (None, true));
        let again = Some(News::Again(Duration::from_secs(12)));
        assert_eq!(news_of_a_second(true), (again, false));
        for _ in 0..3 {
            assert_eq!(news_of_a_second(false), (None, false));
            assert_eq!(news_of_a_second(true), (None, false), "short silence is no news");
        }
    }
}
