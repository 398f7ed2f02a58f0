//! The rule: what which end proves, and when we close so that the answer proves something.

use std::time::Duration;

use super::{
    Facts, PHASE, Passed, YOUNG, has_lasted, is_at_second, may_time_out, until_both_phases,
    vouches, within_second,
};

/// Our own close is not sent before the connection is so old: a proxy without a server, or a
/// receiver that wants another protocol, has closed by then.
pub(super) const SETTLED: Duration = Duration::from_millis(1250);
/// An answer to our close that comes within this time, and two round trips, was caused by it.
pub(super) const PROMPT: Duration = Duration::from_millis(300);
/// A TLS library holds so much at most that it has taken from the kernel and not handed out: OpenSSL a
/// record, or two, of 16 KiB (RFC 8446, section 5.1), others a buffer of 16 to 64 KiB.
pub(super) const LIBRARY: u64 = 64 << 10;
/// So long after the receiver's FIN its RST would have come.
pub(in crate::deliver) const RESET_WAIT: Duration = Duration::from_millis(300);

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
    pub(super) const ALL: Self = Self::AllBut(0);

    fn all_if(holds: bool) -> Self {
        if holds { Self::ALL } else { Self::Nothing }
    }
}

/// How long to wait before our own close can be answered in a way that proves something. Where
/// a time-out may end the connection: until it is [`SETTLED`], behind a proxy until it is old, and then for
/// the part of a second in which none does.
pub(in crate::deliver) fn close_from(facts: &Facts) -> Duration {
    if !may_time_out(facts) {
        return Duration::ZERO;
    }
    let settled = if facts.proxied { YOUNG } else { SETTLED };
    let wait = settled.saturating_sub(facts.used);
    wait + until_both_phases(facts.age + wait, facts.used + wait)
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
///   understands is there. None counts that comes at the moment at which a time-out of whole seconds may end.
/// - *It had closed its own side at first.* It cannot answer, and no RST is all that can be had. Behind a
///   proxy that proves nothing.
pub(in crate::deliver) fn proof(facts: &Facts, end: GoodEnd) -> Proof {
    match end {
        GoodEnd::Closed | GoodEnd::Farewell { .. } if facts.proxied => Proof::Nothing,
        GoodEnd::Closed => Proof::all_if(vouches(facts) || is_after_trial(facts)),
        GoodEnd::Farewell { was_quiet: true, .. } if is_after_trial(facts) => Proof::ALL,
        GoodEnd::Farewell { waited: false, .. } if vouches(facts) => Proof::AllBut(LIBRARY),
        GoodEnd::Farewell { .. } => Proof::Nothing,
        GoodEnd::Answered { after, .. } if may_time_out(facts) && is_at_second(facts, after) => {
            Proof::Nothing
        }
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
    let is_just_past_second = facts.used.as_secs() > 0 && within_second(facts.used) < PHASE.start;
    facts.passed.is_some_and(counts)
        && !is_just_past_second
        && (PHASE.start..latest).contains(&within_second(facts.age))
}
