//! What the end of a connection over TCP or TLS proves. Pure: no clock but the times handed in.
//!
//! TCP says little about the process behind it. A server that reads everything and closes looks,
//! from here, like a proxy that has no server, like one that does not understand what it reads, and
//! like one that is stopped with messages unread. [`proof`] is the whole rule; [`vouches`] says
//! whether somebody who understands is there, and [`close_from`] from when on it is worth while to
//! close. Where the answer is no, nothing is lost: what the distance rule has not proven is sent
//! again.

use std::time::Duration;

use super::burst::Burst;

/// Behind a proxy our own close is not sent on a connection that has been in use for less than this. One
/// that ends sooner may be a proxy's that has no server.
const YOUNG: Duration = Duration::from_secs(30);
/// A connection that has been in use for so long has somebody who understands at its end. A proxy
/// gives up a server that does not answer when its connect time-out is over, and with haproxy's usual
/// retries four times that: 20 s as Debian sets it up, 40 s as Red Hat does, 120 s on pfSense.
const OLD: Duration = Duration::from_secs(150);
/// And one on which so much was acknowledged. Who does not understand reads once and closes: 128 KiB
/// were seen. What nobody reads fills a receive buffer, which grows for those who read.
const MUCH: u64 = 1 << 20;
/// Our own close is not sent before the connection is so old: a proxy without a server, or a
/// receiver that wants another protocol, has closed by then.
const SETTLED: Duration = Duration::from_millis(1250);
/// An answer to our close that comes within this time, and two round trips, was caused by it.
const PROMPT: Duration = Duration::from_millis(300);
/// Proxies count in whole seconds. On a young connection our close is sent in this part of a second
/// of the connection's age, and so are messages after a trial, so that no time-out is taken for an
/// answer.
const PHASE: std::ops::Range<u64> = 150..600;
/// A TLS library holds so much at most that it has taken from the kernel and not handed out: OpenSSL a
/// record, or two, of 16 KiB (RFC 8446, section 5.1), others a buffer of 16 to 64 KiB.
const LIBRARY: u64 = 64 << 10;
/// So long after the receiver's FIN its RST would have come.
pub(in crate::deliver) const RESET_WAIT: Duration = Duration::from_millis(300);
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

/// What is known of a connection.
#[derive(Debug, Clone, Copy)]
pub(in crate::deliver) struct Facts {
    /// How long ago it was made.
    pub(in crate::deliver) age: Duration,
    /// How long ago its first byte was written.
    pub(in crate::deliver) used: Duration,
    /// Bytes acknowledged.
    pub(in crate::deliver) acked: u64,
    /// The trial that it has passed.
    pub(in crate::deliver) passed: Option<Passed>,
    /// A round trip.
    pub(in crate::deliver) round_trip: Duration,
    /// A middlebox is known to be between (`destination.proxied`).
    pub(in crate::deliver) proxied: bool,
}

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
    fn ends_alike(&self, used: Duration) -> bool {
        let before = self.trial.was_used;
        let near = before * 4 / 5..before * 5 / 4 + Duration::from_millis(200);
        before >= SHORTEST_TIMEOUT && !self.trial.is_known && near.contains(&used)
    }
}

/// How a connection has ended in good order.
#[derive(Debug, Clone, Copy)]
pub(in crate::deliver) enum GoodEnd {
    /// The receiver closed by itself, and no RST came behind its FIN.
    Closed,
    /// It said `close_notify` before. `was_quiet`: nothing was under way as it said so. `waited`: it
    /// closed only after we had.
    Farewell { was_quiet: bool, waited: bool },
    /// It answered our own close, `after` so long. `may_be_late`: it may have had much to read.
    Answered { after: Duration, may_be_late: bool },
    /// It had ended its own side before it got anything, so that no answer can come, and no RST came
    /// behind our close.
    HalfClosed,
}

/// What an end proves to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::deliver) enum Proof {
    /// Nothing.
    Nothing,
    /// What was acknowledged, but for so many bytes of messages at its end.
    AllBut(u64),
}

impl Proof {
    /// All that was acknowledged.
    const ALL: Self = Self::AllBut(0);

    fn all_if(holds: bool) -> Self {
        if holds { Self::ALL } else { Self::Nothing }
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
const PROBATION: u32 = 8;

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

/// Whether a connection that was closed unused at this age, or after so long in use without a proof, makes the
/// receiver suspicious. Most proxies without a server do not keep one for longer.
pub(in crate::deliver) fn is_early(age: Duration) -> bool {
    age < YOUNG
}

/// Whether somebody who understands is at the end of the connection: it has been in use for minutes, or
/// a megabyte was acknowledged.
pub(in crate::deliver) fn vouches(facts: &Facts) -> bool {
    facts.used >= OLD || facts.acked > MUCH
}

/// Whether a connection has outlasted what makes a receiver suspicious, or is vouched for. It gets all that there is
/// to send then, and not one burst after the other. That the receiver's close proves something is more to ask.
pub(in crate::deliver) fn has_lasted(facts: &Facts) -> bool {
    !is_early(facts.used) || vouches(facts)
}

/// How long until the part of a second in which we do what a time-out is not to be taken for an
/// answer to.
pub(in crate::deliver) fn until_phase(age: Duration) -> Duration {
    let at = within_second(age);
    let wait = match at {
        at if PHASE.contains(&at) => 0,
        at if at < PHASE.start => PHASE.start - at,
        at => 1000 + PHASE.start - at,
    };
    Duration::from_millis(wait)
}

/// The part of a second, in milliseconds.
fn within_second(age: Duration) -> u64 {
    u64::from(age.subsec_millis())
}

/// How long to wait before our own close can be answered in a way that proves something. Where
/// nothing vouches for the connection: until it is [`SETTLED`], and then for the [`PHASE`]; behind a
/// proxy until it is old.
pub(in crate::deliver) fn close_from(facts: &Facts) -> Duration {
    if vouches(facts) {
        return Duration::ZERO;
    }
    if facts.proxied {
        return YOUNG.saturating_sub(facts.used);
    }
    let wait = SETTLED.saturating_sub(facts.used);
    wait + until_phase(facts.age + wait)
}

/// How long an answer to our close counts as prompt.
pub(in crate::deliver) fn prompt(facts: &Facts) -> Duration {
    PROMPT + facts.round_trip * 2
}

/// The rule for TCP and TLS: how much of what was acknowledged this end proves to be read. `facts` are
/// those of the moment at which the one who closed first did so.
///
/// - *The receiver closed.* It counts where somebody who understands is there; or where the connection
///   has passed its trial a short while ago, and was closed in a part of a second in which it got
///   messages and no time-out ends. Behind a proxy it is the proxy's close, and proves nothing.
/// - *It said `close_notify` and then closed.* Its TLS library may have thrown away what came
///   meanwhile. After a trial, where one record at a time goes out, it counts when none was under
///   way. Where somebody who understands is there, and closed without waiting for us, the library has
///   taken no more from the kernel than it holds at once ([`LIBRARY`]): had there been more, the kernel
///   would have sent RST. One that waits for us throws away all that comes (GnuTLS), and proves nothing.
/// - *It answered our close.* A process that reads to the end and closes then answers at once, so a prompt
///   answer counts; where a proxy is known to be, only on a connection that is not young. A late one may be
///   a proxy's time-out, or a receiver that hung and was stopped with messages unread, whose RST cannot be
///   seen behind our own FIN. It counts where the receiver may have had much to read and somebody who
///   understands is there.
/// - *It had closed its own side at first.* It cannot answer, and no RST is all that can be had. Behind a
///   proxy that proves nothing.
pub(in crate::deliver) fn proof(facts: &Facts, end: GoodEnd) -> Proof {
    match end {
        GoodEnd::Closed | GoodEnd::Farewell { .. } if facts.proxied => Proof::Nothing,
        GoodEnd::Closed => Proof::all_if(vouches(facts) || is_after_trial(facts)),
        GoodEnd::Farewell { was_quiet: true, .. } if is_after_trial(facts) => Proof::ALL,
        GoodEnd::Farewell { waited: false, .. } if vouches(facts) => Proof::AllBut(LIBRARY),
        GoodEnd::Farewell { .. } => Proof::Nothing,
        GoodEnd::Answered { after, .. } if after <= prompt(facts) => {
            Proof::all_if(!facts.proxied || has_lasted(facts))
        }
        GoodEnd::Answered { may_be_late, .. } => Proof::all_if(may_be_late && vouches(facts)),
        GoodEnd::HalfClosed => Proof::all_if(!facts.proxied),
    }
}

/// The connection has passed its trial a short while ago, does not end as the last one did, and is closed
/// in a part of a second in which it gets messages and no time-out ends.
fn is_after_trial(facts: &Facts) -> bool {
    let latest = PHASE.end + PROMPT.as_millis() as u64;
    let counts =
        |passed: Passed| facts.age <= passed.holds_until() && !passed.ends_alike(facts.used);
    let is_at_second = facts.used.as_secs() > 0 && within_second(facts.used) < PHASE.start;
    facts.passed.is_some_and(counts)
        && !is_at_second
        && (PHASE.start..latest).contains(&within_second(facts.age))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close_proves(facts: &Facts) -> bool {
        proof(facts, GoodEnd::Closed) == Proof::ALL
    }

    /// How much one proves that said `close_notify` and closed by itself, or waited for us.
    fn farewell(facts: &Facts, was_quiet: bool) -> (Proof, Proof) {
        let end = |waited| proof(facts, GoodEnd::Farewell { was_quiet, waited });
        (end(false), end(true))
    }

    fn answer_proves(facts: &Facts, after: Duration, may_be_late: bool) -> bool {
        proof(facts, GoodEnd::Answered { after, may_be_late }) == Proof::ALL
    }

    fn seconds(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// A connection of this age, used from its beginning.
    fn facts(age: f64) -> Facts {
        Facts {
            age: seconds(age),
            used: seconds(age),
            acked: 1000,
            passed: None,
            round_trip: seconds(0.001),
            proxied: false,
        }
    }

    #[test]
    fn the_close_of_a_young_connection_proves_nothing() {
        for age in [0.001, 1.0, 3.0, 20.1] {
            assert!(!close_proves(&facts(age)), "haproxy, socat, syslog-ng, rsyslogd's imrelp");
            assert!(!close_proves(&Facts { acked: 200_000, ..facts(age) }));
            assert!(close_proves(&Facts { acked: 1_100_000, ..facts(age) }));
        }
        assert!(!close_proves(&facts(121.0)), "haproxy on pfSense");
        assert!(
            has_lasted(&facts(31.0)) && !has_lasted(&facts(5.0)),
            "what it is given is another matter"
        );
        assert!(close_proves(&facts(151.0)));
    }

    #[test]
    fn behind_a_proxy_no_close_proves_anything_and_our_own_only_when_old() {
        let old = Facts { proxied: true, ..facts(3600.0) };
        assert!(!close_proves(&old) && answer_proves(&old, seconds(0.1), false));
        let proxied = Facts { proxied: true, ..facts(31.0) };
        assert!(answer_proves(&proxied, seconds(0.1), false) && close_from(&proxied).is_zero());
        assert!(!answer_proves(&proxied, seconds(2.0), true), "it may give up its server");
        assert_eq!(proof(&old, GoodEnd::HalfClosed), Proof::Nothing);
        assert_eq!(proof(&facts(5.0), GoodEnd::HalfClosed), Proof::ALL);
        let young = Facts { proxied: true, ..facts(5.0) };
        assert!(!answer_proves(&young, seconds(0.1), true));
        assert_eq!(close_from(&young), seconds(25.0));
    }

    #[test]
    fn an_answer_proves_when_it_was_caused_by_our_close() {
        assert!(answer_proves(&facts(1.3), seconds(0.01), false));
        assert!(!answer_proves(&facts(1.3), seconds(1.7), true), "haproxy gives up after 3 s");
        assert!(answer_proves(&facts(160.0), seconds(1.7), true), "it had much to read");
        assert!(!answer_proves(&facts(160.0), seconds(1.7), false), "it hung and was stopped");
        let far = Facts { round_trip: seconds(0.4), ..facts(1.3) };
        assert!(answer_proves(&far, seconds(0.9), false));
    }

    #[test]
    fn our_close_waits_for_a_time_at_which_no_proxy_gives_up() {
        for tenths in 0..60 {
            let facts = facts(f64::from(tenths) / 10.0);
            let wait = close_from(&facts);
            let at = facts.age + wait;
            assert!(at >= SETTLED && wait < seconds(2.0), "{at:?}");
            let latest = (at + prompt(&facts)).as_millis() % 1000;
            assert!((150..950).contains(&latest), "{at:?}");
        }
        assert_eq!(close_from(&facts(151.0)), Duration::ZERO);
    }

    /// It closes after 100 lines, half a second each time.
    #[test]
    fn a_worker_with_a_limit_passes_the_trial_and_counts() {
        let suspicion = Suspicion { age: seconds(0.5), used: seconds(0.5), ..Suspicion::default() };
        let trial = suspicion.trial();
        assert_eq!((trial.quiet, trial.watch), (seconds(1.65), seconds(0.5)));
        let passed = Some(Passed { trial, alone: trial.quiet });
        for at_work in [2.15, 2.4, 2.6, 3.2] {
            let facts = Facts { passed, ..facts(at_work) };
            assert!(close_proves(&facts));
            assert_eq!(farewell(&facts, true), (Proof::ALL, Proof::ALL));
            assert_eq!(farewell(&facts, false), (Proof::Nothing, Proof::Nothing));
        }
        // It was watched for half a second, then it got the rest at once.
        assert!(close_proves(&Facts { passed, used: seconds(0.55), ..facts(2.2) }));
        assert!(!close_proves(&Facts { passed, ..facts(2.95) }), "a proxy may give up then");
        assert!(!close_proves(&Facts { passed, ..facts(5.2) }), "it has not just passed");
        // While the next one works for five seconds, this one is left alone.
        let waited = Some(Passed { trial, alone: seconds(5.0) });
        assert!(close_proves(&Facts { passed: waited, ..facts(10.5) }));
        let again = Suspicion { has_passed: true, ..suspicion }.trial();
        assert_eq!((again.quiet, again.watch), (seconds(1.125), seconds(0.2)));
    }

    /// It closes after 1,000 lines: after five seconds first, and much sooner where there are many
    /// to be sent.
    #[test]
    fn one_with_a_larger_limit_is_not_left_alone_for_long_once_it_has_passed() {
        let five = Suspicion { age: seconds(5.0), used: seconds(5.0), ..Suspicion::default() };
        let trial = Suspicion { times: 2, ..five }.trial();
        assert_eq!(trial.quiet, seconds(7.65));
        let trial = Suspicion { times: 2, has_passed: true, ..five }.trial();
        assert_eq!(trial.quiet, seconds(1.0));
        let passed = Some(Passed { trial, alone: seconds(2.0) });
        assert!(close_proves(&Facts { passed, ..facts(3.3) }));
        assert!(!close_proves(&Facts { passed, ..facts(4.3) }), "near what it was suspicious of");
    }

    /// haproxy with `tcp-request inspect-delay` asks its server when the first message has come.
    #[test]
    fn a_proxy_that_waits_for_the_first_message_passes_its_trial_and_does_not_count() {
        let mut suspicion = Suspicion::default();
        let mut ended = facts(3.0);
        for _ in 0..4 {
            assert!(!close_proves(&ended), "{ended:?}");
            let outlived = ended.passed.is_some_and(|it| ended.age <= it.holds_until());
            suspicion = suspicion.after(ended.age, ended.used, outlived);
            let trial = suspicion.trial();
            let passed = Some(Passed { trial, alone: trial.quiet });
            ended = Facts { passed, age: trial.quiet + seconds(3.0), ..facts(3.0) };
        }
    }

    /// It closes what has been idle for so long, and lives on while something comes.
    #[test]
    fn one_that_closes_what_is_idle_is_used_halfway_and_closed_in_time() {
        for idle in [2.0, 3.0, 5.0, 10.0, 20.0, 29.0] {
            let left_alone = Suspicion::default().after(seconds(idle), seconds(idle), false);
            assert_eq!(left_alone.approach, Approach::LeftAlone);
            let halfway = left_alone.after(seconds(idle), Duration::ZERO, false);
            let trial = halfway.trial();
            assert_eq!(trial.approach, Approach::Halfway);
            assert!(trial.quiet + trial.watch < seconds(idle), "{trial:?}");
            // Our close: once it has outlived the others, in a part of a second that counts.
            let at = trial.outlived_at().max(trial.quiet + SETTLED);
            let closes = at + until_phase(at);
            assert!(closes + PROMPT < trial.quiet + seconds(idle + 0.1), "{closes:?} {trial:?}");
            let passed = Some(Passed { trial, alone: trial.quiet });
            let end = trial.quiet + seconds(idle);
            assert!(!close_proves(&Facts { passed, age: end, ..facts(idle) }));
            // It closes before we do: the others are told by that age all the same.
            let ended = halfway.after(end, seconds(idle), false);
            assert_eq!((ended.approach, ended.age), (Approach::Halfway, seconds(idle)));
        }
    }

    /// At that age it closes, whatever comes.
    #[test]
    fn a_proxy_that_is_used_halfway_is_left_alone_again() {
        let suspicion = Suspicion::default().after(seconds(3.0), Duration::ZERO, false);
        assert_eq!(suspicion.approach, Approach::Halfway);
        let suspicion = suspicion.after(seconds(3.01), seconds(1.4), false);
        assert_eq!(suspicion.approach, Approach::LeftAlone);
        let mut suspicion = suspicion.after(seconds(3.0), Duration::ZERO, false);
        // Its server runs again, as is seen in the end.
        for _ in 0..PROBATION {
            assert_eq!(suspicion.approach, Approach::Halfway);
            suspicion = suspicion.after_renewal();
        }
        assert_eq!(suspicion.approach, Approach::LeftAlone);
    }

    /// Whoever says close_notify may have a library that throws away what comes.
    #[test]
    fn a_farewell_over_tls_proves_what_no_library_can_hold() {
        let old = facts(3600.0);
        assert!(close_proves(&old));
        for was_quiet in [true, false] {
            assert_eq!(farewell(&old, was_quiet), (Proof::AllBut(LIBRARY), Proof::Nothing));
            assert_eq!(farewell(&facts(3.0), was_quiet), (Proof::Nothing, Proof::Nothing));
            let proxied = Facts { proxied: true, ..old };
            assert_eq!(farewell(&proxied, was_quiet), (Proof::Nothing, Proof::Nothing));
        }
    }

    /// The proxy's time-out is longer than the first trial.
    #[test]
    fn a_proxy_never_passes_a_trial_that_counts() {
        for gives_up in [0.001, 1.0, 3.0, 5.0, 8.0, 10.0, 16.0, 20.0, 29.0] {
            let ends = Facts { used: seconds(gives_up), ..facts(gives_up) };
            let mut suspicion = Suspicion::default();
            for times in 1..4 {
                assert!(!close_proves(&ends));
                suspicion = Suspicion { age: ends.age, used: ends.used, times, ..suspicion };
                let trial = suspicion.trial();
                if trial.quiet + trial.watch < ends.age {
                    let passed = Some(Passed { trial, alone: trial.quiet });
                    let tried = Facts { passed, ..ends };
                    assert!(!close_proves(&tried), "{gives_up} {times}");
                }
            }
            assert!(suspicion.trial().quiet > ends.age, "it gives itself away: {gives_up}");
        }
    }
}
