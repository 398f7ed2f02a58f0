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
const YOUNG: Duration = Duration::from_secs(30);
/// A connection that has been in use for so long has somebody who understands at its end. A proxy
/// gives up a server that does not answer when its connect time-out is over, and with haproxy's usual
/// retries four times that: 20 s as Debian sets it up, 40 s as Red Hat does, 120 s on pfSense.
const OLD: Duration = Duration::from_secs(150);
/// And one on which so much was acknowledged. Who does not understand reads once and closes: 128 KiB
/// were seen. What nobody reads fills a receive buffer, which grows for those who read.
const MUCH: u64 = 1 << 20;
/// Proxies count in whole seconds. On a young connection our close is sent in this part of a second
/// of the connection's age, and so are messages after a trial, so that no time-out is taken for an
/// answer.
const PHASE: std::ops::Range<u64> = 150..600;

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

#[cfg(test)]
mod tests;
