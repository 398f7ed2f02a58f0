//! How a receiver is tried whose last connection has ended in a way that proves nothing.

use std::time::Duration;

use super::{PHASE, within_second};
use crate::deliver::transport::burst::Burst;

/// How long a suspicious receiver's connection is left alone: a quarter longer than what made it
/// suspicious had lasted, and this, ...
const QUIET_MARGIN: Duration = Duration::from_millis(500);
/// ... within this; within [`LONGEST_QUIET`] when that was not the first; and no longer than need be
/// once the receiver has passed a trial, if what made it suspicious lasted for so long that the end of
/// a younger one is none of that.
const QUIET: std::ops::RangeInclusive<Duration> = Duration::from_secs(1)..=Duration::from_secs(3);
/// See [`QUIET`].
const LONGEST_QUIET: Duration = Duration::from_secs(60);
/// See [`QUIET`].
const FAR: Duration = Duration::from_secs(4);
/// No time-out of a proxy that waits for the first message is shorter: a second, less what clocks may differ.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(900);
/// A receiver that ends unused connections sooner than this is not tried halfway: that leaves no time.
const SHORTEST_SPAN: Duration = Duration::from_millis(1900);
/// How long the first message is then watched: twice as long as the last connection was in use,
/// within this, ...
const WATCH: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(300)..=Duration::from_millis(500);
/// ... and so long once the receiver has passed a trial and ended as one that passes does.
const WATCH_AGAIN: Duration = Duration::from_millis(200);

/// How a connection to a suspicious receiver begins: it is left alone, then gets one message and is
/// watched. A proxy without a server closes it in the first part, one that does not understand in
/// the second. A receiver that closes by itself now and then does neither.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::deliver) struct Trial {
    /// Left alone for so long.
    pub(in crate::deliver) quiet: Duration,
    /// Watched for so long.
    pub(in crate::deliver) watch: Duration,
    /// So long lasted what made the receiver suspicious.
    pub(in crate::deliver) outlives: Duration,
    /// So long was it in use.
    pub(in crate::deliver) was_used: Duration,
    pub(in crate::deliver) approach: Approach,
    /// The receiver has passed one before.
    pub(in crate::deliver) is_known: bool,
    /// Then it gets no more than so many bytes at a time, so that a receiver which closes by itself
    /// does so with nothing unread and nothing under way.
    pub(in crate::deliver) burst: Burst,
    /// See [`Suspicion::waits_for_ours`].
    pub(in crate::deliver) waits_for_ours: bool,
}

/// How a connection to a suspicious receiver finds out who is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::deliver) enum Approach {
    /// It is left alone for longer than the last one lasted, then used.
    #[default]
    LeftAlone,
    /// It is used well before the age at which one was ended that was left alone. A proxy without a
    /// server ends it at that age all the same. One that ends connections on which nothing comes
    /// does so later, and before that we close.
    Halfway,
}

impl Trial {
    /// A connection that is used halfway and older than this is not ended for its age.
    pub(in crate::deliver) fn outlived_at(&self) -> Duration {
        outlived_at(self.outlives)
    }
}

/// At this age a connection has outlived one that was ended at `age`.
fn outlived_at(age: Duration) -> Duration {
    age * 11 / 10 + Duration::from_millis(300)
}

/// A trial that a connection has passed.
#[derive(Debug, Clone, Copy)]
pub(in crate::deliver) struct Passed {
    pub(in crate::deliver) trial: Trial,
    /// It was left alone for so long, which is longer where another one was at work meanwhile.
    pub(in crate::deliver) alone: Duration,
}

impl Passed {
    /// Up to this age nothing but the receiver is expected to end it. What made the receiver
    /// suspicious may be a time-out: the connection has outlived it while it was left alone, or is far
    /// younger. And one that it has outlived for so long alone does not come soon after. One that was
    /// not left alone for that long is not to be ended by the receiver at all.
    pub(in crate::deliver) fn holds_until(&self) -> Duration {
        if self.trial.approach == Approach::Halfway {
            return Duration::ZERO;
        }
        let soon = self.alone * 5 / 2 + self.trial.watch;
        let outlives = self.trial.outlives;
        if self.alone > outlives { soon } else { soon.min(outlives * 4 / 5) }
    }

    /// In use for so long, it ends as the last one did. A proxy that asks its server only when it has got
    /// something gives up so long after that. A receiver that has passed a trial before is none.
    pub(super) fn ends_alike(&self, used: Duration) -> bool {
        let before = self.trial.was_used;
        let near = before * 4 / 5..before * 5 / 4 + Duration::from_millis(200);
        before >= SHORTEST_TIMEOUT && !self.trial.is_known && near.contains(&used)
    }
}

/// What makes a receiver suspicious: its last connection ended and proved nothing.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::deliver) struct Suspicion {
    /// How long that lasted.
    pub(in crate::deliver) age: Duration,
    /// How long it was in use.
    pub(in crate::deliver) used: Duration,
    /// How many such ends there were in a row.
    pub(in crate::deliver) times: u32,
    /// Since then it has passed a trial, and ended in a way that proved all.
    pub(in crate::deliver) has_passed: bool,
    /// How much it gets at a time after a trial.
    pub(in crate::deliver) burst: Burst,
    /// It said `close_notify`, and closed only after we had.
    pub(in crate::deliver) waits_for_ours: bool,
    pub(in crate::deliver) approach: Approach,
    /// So many connections in a row have proven all by our own close.
    pub(in crate::deliver) renewed: u32,
}

/// So many of those that are used halfway go well before another one is left alone: the receiver may
/// keep it by now.
pub(super) const PROBATION: u32 = 8;

impl Suspicion {
    /// The receiver has ended one more connection, after `age`, in a way that proves nothing. `outlived`: that was
    /// to be expected, since it had outlived its trial; `used`: zero where it was not.
    #[must_use]
    pub(in crate::deliver) fn after(self, age: Duration, used: Duration, outlived: bool) -> Self {
        let was_halfway = self.approach == Approach::Halfway;
        let had_outlived = was_halfway && age >= outlived_at(self.age);
        let approach = match used.is_zero() {
            true if age >= SHORTEST_SPAN => Approach::Halfway,
            false if had_outlived => Approach::Halfway,
            _ => Approach::LeftAlone,
        };
        let keeps_age = outlived || had_outlived && !used.is_zero();
        Self {
            age: if keeps_age { self.age } else { age },
            used,
            times: self.times + 1,
            has_passed: false,
            approach,
            renewed: 0,
            ..self
        }
    }

    /// Our own close was answered, and has proven all.
    #[must_use]
    pub(in crate::deliver) fn after_renewal(self) -> Self {
        let renewed = (self.renewed + 1) % PROBATION;
        let approach = if renewed == 0 { Approach::LeftAlone } else { self.approach };
        Self { renewed, approach, ..self }
    }

    /// Our own close was not answered, or late.
    #[must_use]
    pub(in crate::deliver) fn after_silence(self) -> Self {
        Self { approach: Approach::LeftAlone, renewed: 0, ..self }
    }

    /// The trial for the next connection: longer than what made it suspicious, and over when the
    /// [`PHASE`] begins, so that all of that serves for messages.
    pub(in crate::deliver) fn trial(&self) -> Trial {
        let longest = match self.times {
            _ if self.has_passed && self.age >= FAR => *QUIET.start(),
            0 | 1 => *QUIET.end(),
            _ => LONGEST_QUIET,
        };
        let quiet = (self.age * 5 / 4 + QUIET_MARGIN).clamp(*QUIET.start(), longest);
        let watch = match self.has_passed {
            true => WATCH_AGAIN,
            false => (self.used * 2).clamp(*WATCH.start(), *WATCH.end()),
        };
        let beyond = within_second(quiet + watch);
        let aligned = quiet + Duration::from_millis((1000 + PHASE.start - beyond) % 1000);
        let quiet = match self.approach {
            // What comes then keeps the connection for as long again.
            Approach::Halfway => self.age / 5 + *QUIET.start(),
            // One that has passed is opened while another one is at work, and waits for that anyway.
            Approach::LeftAlone if self.has_passed => quiet,
            Approach::LeftAlone => aligned,
        };
        Trial {
            quiet,
            watch,
            outlives: self.age,
            was_used: self.used,
            approach: self.approach,
            is_known: self.has_passed,
            burst: self.burst,
            waits_for_ours: self.waits_for_ours,
        }
    }
}
