//! One connection over TCP, with or without TLS: write, look what became of it, listen for the
//! receiver's end of it, and part in good order. What an end proves stands in [`super::ending`];
//! how it is seen, in `end`.

mod end;
mod progress;
mod trial;

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::Instant;

use self::progress::PeerProgress;
use self::trial::Rations;
use super::connect::ConnectError;
use super::ending::{self, Approach, Facts, Passed, Trial};
use super::target::Target;
use super::tcp::{Heard, Link, Look, Sent};
use super::wire::Wire;
use super::{Impression, Memory, Patience, Readiness, Transport, Why};
use crate::deliver::ledger::Ledger;

/// A receiver that takes nothing for so long is not asked to answer our close.
const STALLED: Duration = Duration::from_secs(1);

/// How far a connection has come.
#[derive(Debug)]
enum State {
    /// On trial: it is left alone until then.
    Quiet(Instant),
    /// On trial: it takes one message.
    Alone,
    /// On trial: it has taken one message and is watched until then.
    Watched(Instant),
    Open,
    /// Our FIN is sent, and the receiver's is awaited.
    Closing(Closing),
    /// The receiver said `close_notify`; nothing is written any more, and its FIN is awaited.
    Dismissed(Dismissal),
    /// The receiver's FIN has come, and proves something.
    PeerClosed(PeerClosed),
}

/// Our own close, and how its answer is judged.
#[derive(Debug, Clone, Copy)]
struct Closing {
    since: Instant,
    until: Instant,
    /// As they were then.
    facts: Facts,
    may_be_late: bool,
}

/// The receiver's farewell, and how the end that follows is judged.
#[derive(Debug, Clone, Copy)]
struct Dismissal {
    since: Instant,
    /// As they were then.
    facts: Facts,
    /// Nothing was under way.
    was_quiet: bool,
    /// It came when the first message on trial had gone out.
    was_watched: bool,
}

/// The receiver's FIN, and how it is judged.
#[derive(Debug, Clone, Copy)]
struct PeerClosed {
    /// Its reset would come until then.
    reset_by: Instant,
    /// The fate of what was under way is awaited until then.
    until: Instant,
    /// So many bytes at the end of what is acknowledged are not proven.
    withheld: u64,
}

/// One connection at work.
#[derive(Debug)]
pub(in crate::deliver) struct Stream<W = Link> {
    link: W,
    state: State,
    trial: Option<Trial>,
    passed: Option<Passed>,
    rations: Rations,
    /// The receiver ended its side before it got anything, and may read on.
    is_half_closed: bool,
    is_proxied: bool,
    progress: PeerProgress,
    /// Bytes taken from the ledger.
    taken: u64,
    /// The kernel takes no more at present.
    blocked: bool,
    opened: Instant,
    /// When something was written for the first time.
    began: Option<Instant>,
    /// We are to part, but not before this.
    part_at: Option<Instant>,
    /// Our side is ended.
    is_closing: bool,
    /// The receiver had said `close_notify`, and got our FIN before it closed.
    has_hung_up: bool,
}

impl Stream {
    /// Connects to `target`, TLS handshake included.
    pub(in crate::deliver) async fn open(
        target: &Target,
        memory: &Memory,
    ) -> Result<Self, ConnectError> {
        Ok(Self::over(Link::open(target, &memory.tls).await?, memory, target.proxied))
    }
}

impl<W: Wire> Stream<W> {
    /// One that begins over `link`, to a receiver of which `memory` is left.
    pub(in crate::deliver) fn over(mut link: W, memory: &Memory, is_proxied: bool) -> Self {
        let trial = memory.suspicion.map(|suspicion| suspicion.trial());
        // Where the kernel does not tell, the connection is over, which the next call will notice.
        let progress = PeerProgress::at_begin(link.look().ok().as_ref(), is_proxied);
        let opened = Instant::now();
        Self {
            link,
            state: trial.map_or(State::Open, |trial| State::Quiet(opened + trial.quiet)),
            trial,
            passed: None,
            rations: Rations::default(),
            is_half_closed: false,
            is_proxied,
            progress,
            taken: 0,
            blocked: false,
            opened,
            began: None,
            part_at: None,
            is_closing: false,
            has_hung_up: false,
        }
    }

    /// It ends, if it does, with the first message on trial.
    fn is_watched(&self) -> bool {
        let is_dismissed = matches!(self.state, State::Dismissed(it) if it.was_watched);
        matches!(self.state, State::Watched(_)) || is_dismissed
    }

    /// What is known of the connection now.
    fn facts(&mut self, now: Instant) -> Facts {
        if let Ok(look) = self.link.look() {
            self.progress.note(&look);
        }
        self.known_facts(now)
    }

    /// The same as far as the kernel was asked.
    fn known_facts(&self, now: Instant) -> Facts {
        Facts {
            age: now - self.opened,
            used: self.began.map_or(Duration::ZERO, |began| now - began),
            acked: self.progress.acked,
            passed: self.passed,
            round_trip: self.progress.round_trip,
            least_round_trip: self.progress.least_round_trip,
            proxied: self.is_proxied,
        }
    }

    /// Asks the kernel, and takes what it says for evidence.
    fn poll_kernel(&mut self, now: Instant) -> io::Result<Look> {
        let look = self.link.look()?;
        self.progress.learn(&look, now);
        Ok(look)
    }

    fn went_on(&mut self) {
        let now = Instant::now();
        self.began.get_or_insert(now);
        self.progress.await_acknowledgement(now);
        self.ration_is_written(now);
    }
}

impl<W: Wire> Transport for Stream<W> {
    fn peer(&self) -> SocketAddr {
        self.link.peer()
    }

    fn protocol(&self) -> &'static str {
        self.link.protocol()
    }

    fn is_reached(&self) -> bool {
        !matches!(self.state, State::Quiet(_) | State::Alone | State::Watched(_))
    }

    fn write(&mut self, ledger: &mut Ledger) -> Result<(), Why> {
        let (mut result, mut has_written) = (Ok(()), false);
        let is_rationed = self.rations.are_limited();
        if is_rationed {
            // In one piece, so that a receiver does not close between its parts.
            self.link.cork(true);
        }
        while self.can_write() {
            let most = self.allowance(ledger);
            let before = ledger.unwritten_bytes();
            let sent = match self.rations.are_limited() {
                true => self.link.send_piece(ledger, most),
                false => self.link.send(ledger, most),
            };
            let taken = before - ledger.unwritten_bytes();
            self.taken += taken;
            self.rations.take(taken, self.link.is_encrypted());
            match sent {
                Ok(Sent::Nothing) => break,
                Ok(Sent::Blocked) => self.blocked = true,
                Ok(Sent::Some(count)) => {
                    self.progress.wrote(count);
                    has_written = true;
                }
                Err(error) => {
                    result = self.broken(error);
                    break;
                }
            }
        }
        if is_rationed {
            self.link.cork(false);
        }
        if has_written {
            self.went_on();
        } else {
            // Where nothing of what has come since fits in the burst.
            self.ration_is_written(Instant::now());
        }
        result
    }

    fn listen(&mut self) -> Result<(), Why> {
        self.blocked = false;
        match self.link.receive() {
            Ok(Heard::Nothing | Heard::Much) => Ok(()),
            Ok(Heard::CloseNotify) => {
                self.dismissed();
                Ok(())
            }
            Ok(Heard::Fin) => self.peer_closed(),
            Err(error) => self.broken(error),
        }
    }

    fn advance(&mut self, now: Instant) -> Result<u64, Why> {
        self.hang_up_if_due(now);
        match self.state {
            State::PeerClosed(closed) => self.settle(now, closed)?,
            State::Quiet(until) if now >= until => self.state = State::Alone,
            State::Watched(until) if now >= until => self.pass(now),
            _ => {}
        }
        if self.progress.look_at().is_some_and(|at| at <= now) {
            match self.poll_kernel(now) {
                Ok(look) if look.closed && self.is_half_closed && !self.is_closing => {
                    return Err(self.reset());
                }
                Ok(_) => {}
                Err(error) => self.broken(error)?,
            }
        }
        self.resume_if_due(now);
        match self.state {
            State::Closing(Closing { until, .. }) if now >= until => Err(Why::NotClosing),
            State::Dismissed(dismissal) if now >= dismissal.until() => Err(Why::NotClosing),
            _ => Ok(self.progress.proven),
        }
    }

    fn close(&mut self, patience: Patience) -> Result<(), Why> {
        let now = Instant::now();
        if !matches!(self.state, State::Open | State::Quiet(_) | State::Alone) {
            return Ok(());
        }
        let facts = self.facts(now);
        let wait = ending::close_from(&facts);
        if self.taken > 0 && !wait.is_zero() {
            self.part_at = Some(now + wait);
            return Ok(());
        }
        self.part_at = None;
        self.finish(now, facts, patience)
    }

    fn parts_at(&self) -> Option<Instant> {
        self.part_at
    }

    fn can_hand_over(&self) -> bool {
        matches!(self.state, State::Open) && !self.is_half_closed
    }

    fn may_close(&mut self, now: Instant) -> bool {
        self.can_hand_over()
            && self.stalled_for(now) < STALLED
            && ending::close_from(&self.facts(now)).is_zero()
    }

    fn is_closing(&self) -> bool {
        self.is_closing
    }

    fn last_proof(&mut self) -> u64 {
        let _ = self.poll_kernel(Instant::now());
        self.progress.proven
    }

    fn abort(self: Box<Self>) {
        self.link.abort();
    }

    fn wake_at(&self) -> Option<Instant> {
        // Once it is time to close, that is waited for no more: whether we still are to part says the intent.
        let is_ahead = |at: &Instant| *at > Instant::now();
        let times = [
            self.progress.look_at(),
            self.state_ends(),
            self.part_at.filter(is_ahead),
            self.rations.resume_at(),
            self.renewal_at().filter(is_ahead),
        ];
        times.into_iter().flatten().min()
    }

    fn readiness(&self) -> Readiness {
        let interest = match self.state {
            // Its end stays readable.
            State::PeerClosed(_) => None,
            _ if self.is_half_closed && self.blocked => Some(Interest::ERROR | Interest::WRITABLE),
            _ if self.is_half_closed => Some(Interest::ERROR),
            _ if self.blocked => Some(Interest::READABLE | Interest::WRITABLE),
            _ => Some(Interest::READABLE),
        };
        Readiness { socket: self.link.socket(), interest }
    }

    fn can_write(&self) -> bool {
        matches!(self.state, State::Open | State::Alone)
            && !self.blocked
            && !self.progress.is_unlooked()
            && (!self.rations.are_used_up() || self.link.has_unsent())
    }

    fn has_unsent(&self) -> bool {
        self.link.has_unsent()
    }

    fn is_used_up(&self) -> bool {
        let is_due = |at| at <= Instant::now();
        self.link.keys_are_exhausted() || self.renewal_at().is_some_and(is_due)
    }

    fn is_lendable(&self) -> bool {
        matches!(self.state, State::Open)
    }

    fn stalled_for(&self, now: Instant) -> Duration {
        self.progress.stalled_for(now)
    }

    fn shows_reading(&self) -> bool {
        self.progress.shows_reading()
    }

    fn may_end_soon(&self, now: Instant) -> bool {
        let is_at_work = !matches!(self.state, State::Quiet(_));
        // One that does not pass shall not be given two at a time.
        let is_tried = |trial: Trial| self.passed.is_some() || trial.is_known && is_at_work;
        let may = |trial: Trial| is_tried(trial) && trial.approach == Approach::LeftAlone;
        self.trial.is_some_and(may) && !ending::vouches(&self.known_facts(now))
    }

    fn impression(&mut self) -> Impression {
        let facts = self.facts(Instant::now());
        Impression {
            age: facts.age,
            used: facts.used,
            taken: self.taken,
            proven: self.progress.proven,
            // Its end does not make the receiver more suspicious than it was.
            outlived: self.is_watched()
                || facts.passed.is_some_and(|passed| facts.age <= passed.holds_until()),
            is_trusted: ending::vouches(&facts),
            burst: self.rations.burst(),
            waits_for_ours: self.has_hung_up,
            ..Impression::default()
        }
    }

    fn take_turn(&mut self, memory: &Memory) {
        if let (Some(trial), Some(suspicion)) = (&mut self.trial, memory.suspicion) {
            trial.burst = suspicion.burst;
            trial.waits_for_ours = suspicion.waits_for_ours;
        }
    }
}

#[cfg(test)]
mod model;
