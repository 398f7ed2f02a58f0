//! What the end of a connection over TCP or TLS proves. Pure: no clock but the times handed in.
//!
//! TCP says little about the process behind it. A server that reads everything and closes looks,
//! from here, like a proxy that has no server, like one that does not understand what it reads, and
//! like one that is stopped with messages unread. [`proof()`] is the whole rule, and [`close_from`] says
//! from when on it is worth while to close; both stand in `proof`. What a receiver is put to whose
//! ends prove nothing stands in `trial`. Here is what both go by: [`vouches`] says whether
//! somebody who understands is there, [`has_lasted`] whether a connection has outlasted what makes
//! suspicious. Where the answer is no, nothing is lost: what the distance rule has not proven is sent
//! again.

mod proof;
mod trial;

use std::time::Duration;

pub(in crate::deliver) use self::proof::{GoodEnd, Proof, RESET_WAIT, close_from, prompt, proof};
pub(in crate::deliver) use self::trial::{Approach, Passed, Suspicion, Trial};

/// Behind a proxy our own close is not sent on a connection that has been in use for less than this. One
/// that ends sooner may be a proxy's that has no server.
pub const YOUNG: Duration = Duration::from_secs(30);
/// A connection that has been in use for so long has somebody who understands at its end. A proxy
/// gives up a server that does not answer when its connect time-out is over, and with haproxy's usual
/// retries four times that: 20 s as Debian sets it up, 40 s as Red Hat does, 120 s on pfSense.
const OLD: Duration = Duration::from_secs(150);
/// And one on which so much was acknowledged. Who does not understand reads once and closes: 128 KiB
/// were seen. What nobody reads fills a receive buffer, which grows for those who read.
const MUCH: u64 = 1 << 20;
/// Proxies count in whole seconds. Our close is sent in this part of a second of the connection's age, and
/// so are messages after a trial, so that no time-out is taken for an answer ...
const PHASE: std::ops::Range<u64> = 150..600;
/// ... and in this one of the time for which it has been in use: a proxy that waits for the first message
/// counts from there.
const PHASE_IN_USE: std::ops::Range<u64> = 150..800;
/// No time-out is noticed in this part of a second. Those that ended with the last whole second have been noticed by
/// then, and the next is not over.
const BETWEEN_SECONDS: std::ops::Range<u64> = 150..950;

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
    /// A round trip, with what the peer delays acknowledgements by.
    pub(in crate::deliver) round_trip: Duration,
    /// The shortest of late, which is hardly delayed.
    pub(in crate::deliver) least_round_trip: Duration,
    /// A middlebox is known to be between (`destination.proxied`).
    pub(in crate::deliver) proxied: bool,
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

/// Whether a time-out of a proxy without a server may end the connection: until somebody vouches for it, and where
/// a proxy is known to be, at any age. What fills no buffer may lie in it.
fn may_time_out(facts: &Facts) -> bool {
    if facts.proxied { facts.acked <= MUCH } else { !vouches(facts) }
}

/// Whether a connection has outlasted what makes a receiver suspicious, or is vouched for. It gets all that there is
/// to send then, and not one burst after the other. That the receiver's close proves something is more to ask.
pub(in crate::deliver) fn has_lasted(facts: &Facts) -> bool {
    !is_early(facts.used) || vouches(facts)
}

/// How long until the part of a second in which we do what a time-out is not to be taken for an
/// answer to.
pub(in crate::deliver) fn until_phase(age: Duration) -> Duration {
    until_part(&PHASE, age)
}

/// The same by both clocks that a proxy may have: since the connection was made, and since it is in use. Less
/// than a second, for there is always a tenth of one that both allow.
fn until_both_phases(age: Duration, used: Duration) -> Duration {
    let mut wait = Duration::ZERO;
    loop {
        let by_age = until_part(&PHASE, age + wait);
        let more = by_age.max(until_part(&PHASE_IN_USE, used + wait));
        if more.is_zero() {
            return wait;
        }
        wait += more;
    }
}

/// How long until that part of a second.
fn until_part(part: &std::ops::Range<u64>, clock: Duration) -> Duration {
    let at = within_second(clock);
    let wait = match at {
        at if part.contains(&at) => 0,
        at if at < part.start => part.start - at,
        at => 1000 + part.start - at,
    };
    Duration::from_millis(wait)
}

/// Whether a time-out of whole seconds may have ended what ended so long after the moment of `facts`. It is on
/// its way here for as long as the first message was on its way there. The shortest round trip is taken for
/// that: one with a delayed acknowledgement in it would make the time-out end too early. It may be too much all
/// the same, so no more than `after` is taken from that.
fn is_at_second(facts: &Facts, after: Duration) -> bool {
    let sent_after = after.saturating_sub(facts.least_round_trip);
    [facts.age, facts.used]
        .iter()
        .any(|&clock| !BETWEEN_SECONDS.contains(&within_second(clock + sent_after)))
}

/// The part of a second, in milliseconds.
fn within_second(age: Duration) -> u64 {
    u64::from(age.subsec_millis())
}

#[cfg(test)]
mod tests;
