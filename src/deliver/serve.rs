//! The service of one connection at a time: what is written to it, what that proves, and when to
//! part.

use std::time::Duration;

use tokio::time::Instant;

use super::control::Intent;
use super::handover::Next;
use super::proof_timer::ProofTimer;
use super::session::Sender;
use super::transport::{Memory, Patience, Transport, Why};

/// How long a connection may take to end in good order after sending was told to leave.
const GRACE: Duration = Duration::from_secs(3);
/// The answer to our close is not awaited longer than so many times doubled: eight minutes, with the usual
/// `write_timeout`. Nothing is sent meanwhile, and the receiver may have been mended.
const MOST_DOUBLINGS: u32 = 4;
/// No more is taken from the channel while this much is not written yet.
const ENOUGH: u64 = 64 << 10;
/// A receiver that takes nothing for so long is worth a line in the log.
const STALL: Duration = Duration::from_secs(5);

/// One connection at work.
pub(super) struct Session {
    pub(super) transport: Box<dyn Transport>,
    pub(super) timer: ProofTimer,
    pub(super) next: Next,
    /// When it is left behind, whatever is unproven.
    pub(super) leave_by: Option<Instant>,
    /// It was said that there is a connection.
    pub(super) is_reported: bool,
    /// So much goes out on it for the second time.
    pub(super) resent: u64,
}

/// How a connection ended.
pub(super) enum End {
    /// There is nothing more to do, or no more time.
    Done,
    /// It is gone, and why.
    Lost(Why),
}

impl Session {
    /// What it wants for itself.
    fn intent(&self, ledger_is_full: bool) -> Intent {
        match self.next {
            Next::Due(_) => Intent::HandOver,
            Next::Back(..) => Intent::GoBack,
            // Too much is unconfirmed, which its end will confirm, or it has served for long enough.
            _ if ledger_is_full && !self.transport.proves_by_itself() => Intent::Renew,
            _ if self.transport.is_used_up() => Intent::Renew,
            _ => Intent::Serve,
        }
    }
}

impl Sender {
    /// Serves one connection, and those that follow it by handover, until it ends.
    pub(super) async fn serve(
        &mut self,
        transport: Box<dyn Transport>,
    ) -> (End, Box<dyn Transport>) {
        let mut session = self.begin(transport);
        let mut went_on = Ok(());
        loop {
            let stepped = match went_on {
                Ok(()) => self.step(&mut session),
                Err(why) => Err(End::Lost(why)),
            };
            let Err(end) = stepped else {
                (session, went_on) = self.wait(session).await;
                continue;
            };
            // What was acknowledged last may prove more, or that the receiver was reading.
            self.ledger.confirm_up_to(session.transport.last_proof());
            self.tell_given_up(&mut *session.transport);
            self.settle_accounts();
            match (session.next, end) {
                (Next::Due(next), End::Lost(why)) if !self.control.is_called_away() => {
                    session = self.handed_over(session.transport, next, &why);
                    went_on = Ok(());
                }
                (Next::Back(index, next), End::Lost(why)) if !self.control.is_called_away() => {
                    session = self.went_back(session.transport, index, next, &why);
                    went_on = Ok(());
                }
                (_, End::Lost(Why::Closed)) if session.transport.is_closing() => {
                    let end = self.parted(Intent::Renew).unwrap_or(End::Lost(Why::Closed));
                    return (end, session.transport);
                }
                (next, end) => {
                    if let Next::Ready(next) | Next::Due(next) = next {
                        self.reserve.put_back(next);
                    }
                    return (end, session.transport);
                }
            }
        }
    }

    pub(super) fn begin(&mut self, transport: Box<dyn Transport>) -> Session {
        let resent = self.ledger.written_bytes();
        self.limit.take(usize::try_from(resent).unwrap_or(usize::MAX));
        self.ledger.connected();
        self.began_at = self.ledger.confirmed();
        self.reserve.not_before = None;
        let Memory { hands_over_within, failed_handovers: failures, .. } = *self.course.memory();
        let interval = self.course.target().proof_interval;
        let interval = hands_over_within.map_or(interval, |within| within.min(interval));
        Session {
            transport,
            timer: ProofTimer::new(interval, failures, fastrand::f64()),
            next: Next::None,
            leave_by: None,
            is_reported: false,
            resent,
        }
    }

    /// Takes note of how a connection ended.
    pub(super) fn note_end(&mut self, transport: &mut dyn Transport, why: &Why) {
        let impression = transport.impression();
        self.report.ended(why, &impression);
        if self.ledger.confirmed() > self.began_at {
            self.course.got_on();
        }
        self.course.memory_mut().note(why, impression);
    }

    /// The connection at work is closed, and the next one takes over.
    fn handed_over(
        &mut self,
        mut old: Box<dyn Transport>,
        mut next: Box<dyn Transport>,
        why: &Why,
    ) -> Session {
        self.note_end(&mut *old, why);
        old.abort();
        next.take_turn(self.course.memory());
        let is_settled = self.ledger.is_settled();
        self.course.memory_mut().own_close(is_settled);
        if !is_settled {
            self.report.handed_over_in_vain(why, self.ledger.written_bytes());
        }
        let mut session = self.begin(next);
        session.is_reported = true;
        self.report.handed_over(session.transport.peer(), session.transport.protocol());
        self.report.certificate(self.course.memory().tls.receiver_end());
        session
    }

    /// What parting in good order leads to, once everything is proven.
    fn parted(&self, own: Intent) -> Option<End> {
        self.ledger.is_settled().then(|| match self.control.intent(own) {
            Intent::Leave | Intent::Finish => End::Done,
            _ => End::Lost(Why::Renewed),
        })
    }

    fn step(&mut self, session: &mut Session) -> Result<(), End> {
        self.take_waiting(session);
        let transport = &mut session.transport;
        transport.write(&mut self.ledger).map_err(End::Lost)?;
        let now = Instant::now();
        let proven = transport.advance(now).map_err(End::Lost)?;
        self.ledger.confirm_up_to(proven);
        self.tell_given_up(&mut **transport);
        let transport = &mut session.transport;
        if !session.is_reported && transport.is_reached() {
            session.is_reported = true;
            let back_at = self.course.due_back_at();
            let back_in = back_at.map(|at| at.saturating_duration_since(now));
            self.report.connected(transport.peer(), transport.protocol(), session.resent, back_in);
            self.report.certificate(self.course.memory().tls.receiver_end());
        }
        let stalled_for = transport.stalled_for(now);
        session.timer.note(self.ledger.confirmed(), self.ledger.written(), now);
        self.report.unproven(session.timer.unproven_since(), self.ledger.written_bytes());
        self.report.way_back(self.course.due_back_at());
        self.watch_progress(stalled_for)?;
        self.settle_accounts();
        self.hand_over_if_due(session, now);
        self.go_back_if_due(session, now);
        self.part_if_wanted(session, now)?;
        self.control.beat.turn();
        Ok(())
    }

    /// Tells and counts a message that the receiver has refused for good: it is confirmed, and lost.
    fn tell_given_up(&mut self, transport: &mut dyn Transport) {
        if let Some(answer) = transport.take_given_up() {
            self.report.given_up(&answer);
        }
    }

    /// Takes what waits in the channel, so that many small batches are written together.
    fn take_waiting(&mut self, session: &Session) {
        while self.accepts(session) && self.ledger.unwritten_bytes() < ENOUGH {
            match self.control.waiting_batch() {
                Some(batch) => self.take(Some(batch)),
                None => break,
            }
        }
    }

    /// More may be taken from the channel.
    pub(super) fn accepts(&self, session: &Session) -> bool {
        session.transport.can_write()
            && !self.ledger.is_full()
            && self.control.intent(session.intent(self.ledger.is_full())) == Intent::Serve
            && self.control.returns.is_empty()
    }

    fn watch_progress(&mut self, stalled_for: Duration) -> Result<(), End> {
        if stalled_for >= self.course.target().stall_limit {
            return Err(End::Lost(Why::TimedOut(stalled_for)));
        }
        if stalled_for >= STALL {
            self.report.stalled(stalled_for);
        } else {
            self.report.moving();
        }
        Ok(())
    }

    /// Ends our side once everything is written and nothing more will come, and the connection once
    /// nothing more is to be awaited.
    fn part_if_wanted(&mut self, session: &mut Session, now: Instant) -> Result<(), End> {
        let own = session.intent(self.ledger.is_full());
        let intent = self.control.intent(own);
        let patience = match intent {
            Intent::Serve => return Ok(()),
            Intent::Leave | Intent::Retarget => {
                let by = *session.leave_by.get_or_insert(now + GRACE);
                if now >= by {
                    let is_over = intent == Intent::Leave;
                    return Err(if is_over { End::Done } else { End::Lost(Why::NotClosing) });
                }
                Patience::Until(by)
            }
            Intent::Finish | Intent::Renew | Intent::GoBack => {
                // Twice as long each time, so that what is sent again for it stays bounded.
                let doubled = 1 << self.course.memory().failed_handovers.min(MOST_DOUBLINGS);
                Patience::Until(now + GRACE.max(self.course.target().write_timeout) * doubled)
            }
            Intent::HandOver => Patience::Prompt,
        };
        let transport = &mut session.transport;
        if self.ledger.unwritten_bytes() == 0 && !transport.has_unsent() {
            transport.close(patience).map_err(End::Lost)?;
            if let (Intent::Finish, Some(at)) = (intent, transport.parts_at()) {
                self.report.waits_to_part(at.saturating_duration_since(now));
            }
        }
        // Where all is proven, nothing is to be learnt from its end.
        let is_left = intent == Intent::GoBack && !transport.proves_by_itself();
        if (transport.is_closing() || is_left)
            && let Some(end) = self.parted(own)
        {
            return Err(end);
        }
        Ok(())
    }
}
