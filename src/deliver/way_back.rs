//! Several receivers: turning from one to the next, and the way back to one that comes before the one
//! in use.
//!
//! The way back leaves no gap. The connection to the other receiver is opened while the one in use goes
//! on, and left alone first where that receiver is suspicious. Then nothing more is sent until the
//! one in use is closed in good order, which proves what it has read; what stays unproven goes out again,
//! byte for byte the same, and all that follows it.

use std::fmt;

use tokio::time::Instant;

use super::handover::{Next, is_ready, look_at};
use super::receivers::{Attempt, Receivers};
use super::reserve::{Dial, Opening, Reserve};
use super::serve::Session;
use super::session::Sender;
use super::transport::connect::ConnectError;
use super::transport::{Memory, Transport, Why};
use super::{Target, Targets};

/// The receivers, and where among them sending stands.
#[derive(Debug)]
pub(super) struct Course {
    targets: Targets,
    /// How a connection to one of them begins.
    dial: Dial,
    /// What is known of each.
    memories: Vec<Memory>,
    /// The place of the one that is in use or asked.
    at: usize,
    pub(super) receivers: Receivers,
    pub(super) way_back: WayBack,
}

/// The connection to a receiver that comes before the one in use, with its place.
#[derive(Default)]
pub(super) enum WayBack {
    /// There is none.
    #[default]
    None,
    /// It is on its way.
    Opening(usize, Opening),
    /// It is open, and may have to be left alone for a while.
    Open(usize, Box<dyn Transport>),
}

impl fmt::Debug for WayBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Opening(index, _) => f.debug_tuple("Opening").field(index).finish(),
            Self::Open(index, transport) => {
                f.debug_tuple("Open").field(index).field(transport).finish()
            }
        }
    }
}

impl WayBack {
    /// Waits for the connection that is on its way, for ever where none is.
    pub(super) async fn opened(&mut self) -> (usize, Result<Box<dyn Transport>, ConnectError>) {
        match self {
            Self::Opening(index, opening) => (*index, opening.await),
            Self::None | Self::Open(..) => std::future::pending().await,
        }
    }
}

impl Course {
    /// The first of `targets` is to be asked.
    pub(super) fn new(targets: Targets, dial: Dial) -> Self {
        let count = targets.iter().count();
        Self {
            receivers: Receivers::new(count, targets.failback()),
            memories: targets.iter().map(|_| Memory::default()).collect(),
            at: 0,
            way_back: WayBack::None,
            targets,
            dial,
        }
    }

    /// The same for other targets, of which nothing is known.
    pub(super) fn turned_to(&self, targets: Targets) -> Self {
        Self::new(targets, self.dial)
    }

    /// The receiver in use, or the one that is asked.
    pub(super) fn target(&self) -> &Target {
        self.targets.get(self.at)
    }

    /// What is known of that one.
    pub(super) fn memory(&self) -> &Memory {
        &self.memories[self.at]
    }

    /// The same, to be changed.
    pub(super) fn memory_mut(&mut self) -> &mut Memory {
        &mut self.memories[self.at]
    }

    /// Begins to open a connection to that one.
    pub(super) fn open(&self) -> Opening {
        self.open_to(self.at)
    }

    fn open_to(&self, index: usize) -> Opening {
        (self.dial)(self.targets.get(index).clone(), self.memories[index].clone())
    }

    /// The one in use has got on: what the others have refused is not the next message any more.
    pub(super) fn got_on(&mut self) {
        let others = self.memories.iter_mut().enumerate().filter(|(index, _)| *index != self.at);
        others.for_each(|(_, memory)| memory.refusals = Default::default());
    }

    /// The connection to a receiver that is to be asked by now because it comes before the one in use.
    fn open_way_back(&mut self, now: Instant) -> WayBack {
        let Some(index) = self.receivers.due_back(now.into_std()) else { return WayBack::None };
        // Until it takes over the one in use gets on.
        self.got_on();
        WayBack::Opening(index, self.open_to(index))
    }

    /// Who is asked now that none is in use.
    pub(super) fn next(&mut self) -> Attempt {
        self.receivers.next(Instant::now().into_std())
    }

    /// The one of that place is in use.
    pub(super) fn takes(&mut self, index: usize, now: Instant) {
        self.receivers.takes(index, now.into_std(), fastrand::f64());
    }

    /// When those before the one in use are asked again.
    pub(super) fn due_back_at(&self) -> Option<Instant> {
        self.receivers.due_back_at().map(Instant::from_std)
    }

    /// There is another receiver than the one in use.
    pub(super) fn has_others(&self) -> bool {
        self.memories.len() > 1
    }

    /// When there is something to do about the way back.
    fn wake_at(&self, now: Instant) -> Option<Instant> {
        match &self.way_back {
            WayBack::None => self.due_back_at(),
            WayBack::Opening(..) => None,
            WayBack::Open(_, next) => Some(look_at(&**next, now)),
        }
    }
}

impl Sender {
    /// When there is something to do about the way back. Nothing is where another connection takes over
    /// already, or the one in use is to end for good.
    pub(super) fn back_wakes_at(&self, next: &Next, now: Instant) -> Option<Instant> {
        if self.ignores_way_back(next) { None } else { self.course.wake_at(now) }
    }

    fn ignores_way_back(&self, next: &Next) -> bool {
        matches!(next, Next::Due(_) | Next::Back(..)) || self.control.is_called_away()
    }

    /// The receiver of that place is asked, or used, from now on.
    pub(super) fn turn_to(&mut self, index: usize) {
        if index == self.course.at {
            return;
        }
        self.course.at = index;
        self.reserve = Reserve::default();
        self.report.turned_to(index);
    }

    /// A connection that is open already, now that the one in use has ended.
    pub(super) fn standby(&mut self, now: Instant) -> Option<Box<dyn Transport>> {
        if let WayBack::Open(index, mut next) = std::mem::take(&mut self.course.way_back)
            && is_ready(&mut *next, now).is_some()
        {
            self.go_back(index, &mut *next, now);
            return Some(next);
        }
        let mut standby = self.reserve.take_over(now)?;
        let index = self.course.at;
        self.course.takes(index, now);
        standby.take_turn(self.course.memory());
        Some(standby)
    }

    /// Asks a receiver that comes before the one in use, when it is time to, and begins to close the
    /// connection in use when the other one is ready and its close would prove something.
    pub(super) fn go_back_if_due(&mut self, session: &mut Session, now: Instant) {
        if self.ignores_way_back(&session.next) {
            return;
        }
        self.course.way_back = match std::mem::take(&mut self.course.way_back) {
            WayBack::None => self.course.open_way_back(now),
            WayBack::Open(index, mut next) => match is_ready(&mut *next, now) {
                None => {
                    self.stays_away(index, None, now);
                    WayBack::None
                }
                Some(true) if self.ledger.is_settled() || session.may_go_back(now) => {
                    session.next = Next::Back(index, next);
                    WayBack::None
                }
                Some(_) => WayBack::Open(index, next),
            },
            opening @ WayBack::Opening(..) => opening,
        };
    }

    /// What came of asking the receiver of that place.
    pub(super) fn opened_back(
        &mut self,
        index: usize,
        opened: Result<Box<dyn Transport>, ConnectError>,
    ) {
        self.course.way_back = match opened {
            Ok(next) => WayBack::Open(index, next),
            Err(error) => {
                self.stays_away(index, Some(&error), Instant::now());
                WayBack::None
            }
        };
    }

    fn stays_away(&mut self, index: usize, error: Option<&ConnectError>, now: Instant) {
        self.course.receivers.stays_away(now.into_std(), fastrand::f64());
        self.report.stays_away(index, error);
    }

    /// The connection in use is closed, and that to the receiver of that place takes over.
    pub(super) fn went_back(
        &mut self,
        mut old: Box<dyn Transport>,
        index: usize,
        mut next: Box<dyn Transport>,
        why: &Why,
    ) -> Session {
        self.note_end(&mut *old, why);
        old.abort();
        self.go_back(index, &mut *next, Instant::now());
        self.begin(next)
    }

    fn go_back(&mut self, index: usize, next: &mut dyn Transport, now: Instant) {
        self.turn_to(index);
        self.course.receivers.takes_over(index, now.into_std(), fastrand::f64());
        next.take_turn(self.course.memory());
        self.backoff.reset();
    }
}

impl Session {
    /// Its close, now, would prove what is not proven yet, or it will prove that before it closes.
    fn may_go_back(&mut self, now: Instant) -> bool {
        self.transport.proves_by_itself() || self.transport.may_close(now)
    }
}
