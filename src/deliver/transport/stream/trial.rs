//! A connection to a suspicious receiver: its trial (see [`ending::Trial`]), and what it is given
//! after that.

use super::*;
use crate::deliver::transport::burst::Burst;

/// How much a connection may be given. All, as long as nothing else is said.
#[derive(Debug, Default)]
pub(super) struct Rations {
    /// Of the one message on trial, or of a burst. `None`: all.
    left: Option<usize>,
    /// The last burst.
    burst: Option<Burst>,
    /// When the next burst is due.
    resume_at: Option<Instant>,
}

impl Rations {
    pub(super) fn are_limited(&self) -> bool {
        self.left.is_some()
    }

    pub(super) fn are_used_up(&self) -> bool {
        self.left == Some(0)
    }

    /// The last burst, if there was any.
    pub(super) fn burst(&self) -> Option<Burst> {
        self.burst
    }

    pub(super) fn resume_at(&self) -> Option<Instant> {
        self.resume_at
    }

    /// So many bytes are taken from the ledger. What a library of TLS has read of a further record
    /// would be thrown away unseen as the receiver closes, so over TLS a ration is one record.
    pub(super) fn take(&mut self, taken: u64, is_encrypted: bool) {
        if let Some(left) = self.left.as_mut().filter(|_| taken > 0) {
            *left = if is_encrypted { 0 } else { *left - (taken as usize).min(*left) };
        }
    }
}

impl Rations {
    /// A burst ends before a frame that does not fit in it any more: a receiver that closes behind it would be left
    /// with a part of a message. One that is longer than a whole burst goes out in parts.
    fn end_before(&mut self, frame: Option<usize>) {
        if let (Some(left), Some(burst), Some(frame)) = (self.left, self.burst, frame)
            && left < frame.min(burst.bytes)
        {
            self.left = Some(0);
        }
    }
}

impl<W: Wire> Stream<W> {
    /// How many bytes of what `ledger` has may be written now: on trial those of one message, then
    /// those of a burst.
    pub(super) fn allowance(&mut self, ledger: &Ledger) -> usize {
        if matches!(self.state, State::Alone) && self.rations.left.is_none() {
            self.rations.left = ledger.unwritten_frames().next().map(<[u8]>::len);
            return self.rations.left.unwrap_or(0);
        }
        if self.rations.are_limited() {
            self.rations.end_before(ledger.whole_frame());
        }
        self.rations.left.unwrap_or(usize::MAX)
    }

    /// Something was written. The one message on trial is watched from now on; behind a burst comes
    /// the next one.
    pub(super) fn ration_is_written(&mut self, now: Instant) {
        if !self.rations.are_used_up() || self.link.has_unsent() {
            return;
        }
        match self.state {
            State::Alone => {
                let watch = self.trial.map_or(Duration::ZERO, |trial| trial.watch);
                self.state = State::Watched(now + watch);
            }
            State::Open => {
                let pace = self.pace();
                self.rations.resume_at.get_or_insert(now + pace);
            }
            _ => {}
        }
    }

    /// When we close a connection that was used halfway, so that the receiver does not: once it has outlived
    /// those that were ended.
    pub(super) fn renewal_at(&self) -> Option<Instant> {
        let trial = self.trial.filter(|trial| trial.approach == Approach::Halfway)?;
        let holds = matches!(self.state, State::Open) && self.taken > self.progress.proven;
        let at = self.opened + trial.outlived_at();
        (holds && !ending::vouches(&self.known_facts(at))).then_some(at)
    }

    fn pace(&self) -> Duration {
        let burst = self.rations.burst.or(self.trial.map(|trial| trial.burst));
        burst.unwrap_or_default().pace
    }

    /// The trial is passed.
    pub(super) fn pass(&mut self, now: Instant) {
        let alone = self.began.unwrap_or(now) - self.opened;
        self.passed = self.trial.map(|trial| Passed { trial, alone });
        self.state = State::Open;
        self.rations.resume_at = Some(now);
    }

    /// Allows the next burst once the last one is acknowledged, or all to a receiver that has lasted by
    /// now, or whose end would not count anyway.
    pub(super) fn resume_if_due(&mut self, now: Instant) {
        if self.rations.resume_at.is_none_or(|at| at > now) {
            return;
        }
        let has_lasted = ending::has_lasted(&self.facts(now));
        let Some(passed) = self.passed.filter(|_| !has_lasted) else {
            (self.rations.resume_at, self.rations.left) = (None, None);
            return;
        };
        let is_under_way = self.link.look().is_ok_and(|look| look.outstanding);
        let wait = match is_under_way {
            true => self.pace(),
            false => ending::until_phase(now - self.opened),
        };
        self.rations = if wait.is_zero() {
            let burst = self.rations.burst.map_or(passed.trial.burst, Burst::doubled);
            Rations { resume_at: None, left: Some(burst.bytes), burst: Some(burst) }
        } else {
            Rations { resume_at: Some(now + wait), ..std::mem::take(&mut self.rations) }
        };
    }
}
