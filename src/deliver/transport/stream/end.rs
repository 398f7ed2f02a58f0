//! How the end of a connection is seen, the receiver's or our own. What it proves is said in
//! [`crate::deliver::transport::ending`].
//!
//! The receiver's kernel sends FIN when the process closed the socket (or died) with nothing left
//! unread, RST when something was left. Linux does so; RFC 2525, section 2.17, calls the contrary a
//! known problem, and RFC 1122, section 4.2.2.13, asks for the RST with a SHOULD. A receiver on a
//! system that sends FIN all the same (BSD's have) takes what it had not read with it.
//!
//! Who calls shutdown(2) before close(2) with something unread sends FIN and then RST. So nothing is
//! concluded from a FIN before the RST could have come, and our socket stays open until then: after
//! FIN and RST the state is `TCP_CLOSE`, after FIN alone it is not. An RST behind a FIN is also the
//! answer to what was under way when the receiver closed; the two look the same, and neither proves
//! anything.
//!
//! A receiver that shuts down only its sending side may go on reading: acknowledgements come after
//! its FIN, and no RST. Once all is acknowledged, and our FIN as well, it counts as read.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use super::{Closing, Dismissal, PeerClosed, State, Stream};
use crate::deliver::transport::ending::{self, Facts, GoodEnd, Proof, RESET_WAIT};
use crate::deliver::transport::tcp::Heard;
use crate::deliver::transport::wire::Wire;
use crate::deliver::transport::{Patience, Why};

/// How long to wait, after the receiver's FIN, for the fate of what was under way.
const SETTLE: Duration = Duration::from_secs(2);
/// How often to look for that.
const SETTLE_LOOK: Duration = Duration::from_millis(10);
/// How long a receiver that said `close_notify` may take to close.
const DISMISSAL: Duration = Duration::from_secs(3);
/// After so long of that it gets our FIN, or at once where it is known to wait for that.
const PATIENCE: Duration = Duration::from_millis(200);
/// A receiver that ends its side so soon, before it got anything, may only say that it will not
/// send.
const AT_ACCEPT: Duration = Duration::from_millis(500);

impl Dismissal {
    /// Until then the receiver's FIN is awaited.
    pub(super) fn until(&self) -> Instant {
        self.since + DISMISSAL
    }
}

impl PeerClosed {
    /// One that proves all that was acknowledged, if no reset comes.
    fn of_all(now: Instant, reset_by: Instant) -> Self {
        Self { reset_by, until: now + SETTLE, withheld: 0 }
    }
}

impl<W: Wire> Stream<W> {
    /// Writing has failed. EPIPE on a connection that we have not shut down: the kernel had FIN
    /// before RST.
    pub(super) fn broken(&mut self, error: io::Error) -> Result<(), Why> {
        match error.kind() {
            io::ErrorKind::BrokenPipe => self.peer_closed(),
            _ => Err(Why::Broken(error)),
        }
    }

    /// What a reset behind the receiver's early FIN says: it had closed, not only half.
    pub(super) fn reset(&self) -> Why {
        match self.state {
            State::Quiet(_) | State::Alone | State::Watched(_) => self.unused(),
            _ => Why::Broken(io::ErrorKind::ConnectionReset.into()),
        }
    }

    /// It has ended before anything was sent.
    fn unused(&self) -> Why {
        Why::Unused { over_tls: self.link.is_encrypted() }
    }

    /// The receiver's FIN has come.
    pub(super) fn peer_closed(&mut self) -> Result<(), Why> {
        self.hear_out().map_err(Why::Broken)?;
        let now = Instant::now();
        if self.is_half_closed {
            let is_reset = self.link.look().is_ok_and(|look| look.closed);
            return if is_reset && !self.is_closing { Err(self.reset()) } else { Ok(()) };
        }
        if self.taken == 0 && !self.is_closing {
            let is_on_trial = matches!(self.state, State::Quiet(_) | State::Alone);
            let age = now - self.opened;
            if !is_on_trial || age > AT_ACCEPT {
                return Err(if ending::is_early(age) { self.unused() } else { Why::Closed });
            }
            // The one message will tell.
            self.is_half_closed = true;
            self.state = State::Alone;
            return Ok(());
        }
        let (facts, end, reset_by) = match self.state {
            State::Closing(closing) => return self.answered(now, closing),
            State::Dismissed(Dismissal { facts, was_quiet, .. }) => {
                let waited = self.link.is_finished();
                // Behind our FIN no reset can be seen.
                let reset_by = if waited { now } else { now + RESET_WAIT };
                (facts, GoodEnd::Farewell { was_quiet, waited }, reset_by)
            }
            _ => (self.facts(now), GoodEnd::Closed, now + RESET_WAIT),
        };
        match ending::proof(&facts, end) {
            Proof::AllBut(withheld) if !matches!(self.state, State::Watched(_)) => {
                self.state =
                    State::PeerClosed(PeerClosed { reset_by, until: now + SETTLE, withheld });
                Ok(())
            }
            _ => {
                let is_trusted = ending::vouches(&facts);
                Err(match end {
                    GoodEnd::Farewell { .. } if is_trusted => Why::Farewell,
                    _ => self.unproven(&facts),
                })
            }
        }
    }

    /// It has ended in good order, and that proves nothing.
    fn unproven(&self, facts: &Facts) -> Why {
        let over_tls = self.link.is_encrypted();
        Why::Unproven { after: facts.used, over_tls, proxied: facts.proxied }
    }

    /// Reads all that came before the receiver's FIN. Where writing has told of that, an alert may stand
    /// there: the receiver took part of what it read for nothing that it wants.
    fn hear_out(&mut self) -> io::Result<()> {
        // What came before the FIN is here, so this does not go on for long.
        while self.link.receive_now(None)? == Heard::Much {}
        Ok(())
    }

    /// Sends our FIN.
    pub(super) fn finish(
        &mut self,
        now: Instant,
        facts: Facts,
        patience: Patience,
    ) -> Result<(), Why> {
        if let Err(error) = self.link.close() {
            return self.broken(error);
        }
        if !self.link.is_finished() {
            // The connection is over already; reading tells how.
            return Ok(());
        }
        let (until, may_be_late) = match patience {
            Patience::Until(until) => (until, true),
            Patience::Prompt => (now + ending::prompt(&facts), false),
        };
        self.is_closing = true;
        self.state = State::Closing(Closing { since: now, until, facts, may_be_late });
        if self.is_half_closed {
            if ending::proof(&facts, GoodEnd::HalfClosed) == Proof::Nothing {
                return Err(self.unproven(&facts));
            }
            self.state = State::PeerClosed(PeerClosed::of_all(now, now + RESET_WAIT));
        }
        Ok(())
    }

    /// The receiver has answered our FIN with its own.
    fn answered(&mut self, now: Instant, closing: Closing) -> Result<(), Why> {
        let Closing { since, facts, may_be_late, .. } = closing;
        let end = GoodEnd::Answered { after: now - since, may_be_late };
        if self.taken > 0 && ending::proof(&facts, end) == Proof::Nothing {
            return Err(Why::LateAnswer(now - since));
        }
        let closed = PeerClosed::of_all(now, now);
        self.state = State::PeerClosed(closed);
        self.settle(now, closed)
    }

    /// After the receiver's FIN: whether the fate of what was under way is known. Confirms what it
    /// proves.
    pub(super) fn settle(&mut self, now: Instant, closed: PeerClosed) -> Result<(), Why> {
        let PeerClosed { reset_by, until, withheld } = closed;
        let was_finished = self.link.is_finished();
        let Ok(look) = self.link.look() else { return Err(Why::Closed) };
        if look.closed && (!was_finished || self.link.has_error()) {
            return Err(Why::Unread);
        }
        if now < reset_by {
            return Ok(());
        }
        if !was_finished {
            let _ = self.link.finish();
        }
        if !look.unacknowledged {
            self.progress.prove(look.acked.saturating_sub(withheld));
            let is_all = withheld == 0 || self.progress.proven == self.taken;
            return Err(if is_all { Why::Closed } else { Why::Farewell });
        }
        if now >= until { Err(Why::Closed) } else { Ok(()) }
    }

    /// The receiver said `close_notify`.
    pub(super) fn dismissed(&mut self) {
        let was_watched = match self.state {
            State::Open | State::Quiet(_) | State::Alone => false,
            State::Watched(_) => true,
            State::Closing(_) | State::Dismissed(_) | State::PeerClosed(_) => return,
        };
        let since = Instant::now();
        let was_quiet = self.link.look().is_ok_and(|look| !look.outstanding);
        let facts = self.facts(since);
        self.state = State::Dismissed(Dismissal { since, facts, was_quiet, was_watched });
    }

    /// A receiver that said `close_notify` closes soon. One that waits for our side to end first gets
    /// FIN after a while; not at once, and no `close_notify` in return, because closing a socket that
    /// holds one unread would make the kernel send RST.
    pub(super) fn hang_up_if_due(&mut self, now: Instant) {
        if matches!(self.state, State::Dismissed(it) if now >= it.since + self.patience())
            && !self.link.is_finished()
        {
            self.has_hung_up = self.link.finish().is_ok();
        }
    }

    fn patience(&self) -> Duration {
        let waits = self.trial.is_some_and(|trial| trial.waits_for_ours);
        if waits { Duration::ZERO } else { PATIENCE }
    }

    /// When the state changes by itself.
    pub(super) fn state_ends(&self) -> Option<Instant> {
        match self.state {
            State::Open | State::Alone => None,
            State::Dismissed(it) if !self.link.is_finished() => Some(it.since + self.patience()),
            State::Dismissed(it) => Some(it.until()),
            State::Quiet(until) | State::Watched(until) => Some(until),
            State::Closing(closing) => Some(closing.until),
            State::PeerClosed(_) => Some(Instant::now() + SETTLE_LOOK),
        }
    }
}
