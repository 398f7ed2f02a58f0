//! Connections that stand by behind the next one.
//!
//! A receiver that ends each connection before long is suspicious, so that each is left alone for a
//! while before it is used. Where there is much to send, that takes longer than one is at work: the one
//! that takes over still has to be left alone. From then on [`MOST`] stand by behind the next one.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::pin::Pin;

use tokio::time::Instant;

use super::Target;
use super::handover::is_ready;
use super::transport::connect::ConnectError;
use super::transport::{Memory, Transport};

/// No more stand by behind the next one. With it they are four, each left alone for a second: a
/// receiver may end four connections a second before sending waits for them.
const MOST: usize = 3;

/// A connection on its way.
pub(super) type Opening =
    Pin<Box<dyn Future<Output = Result<Box<dyn Transport>, ConnectError>> + Send>>;

/// Begins to open a connection to a receiver of which so much is left by those before.
pub(super) type Dial = fn(Target, Memory) -> Opening;

/// See the module's documentation.
#[derive(Default)]
pub(super) struct Reserve {
    /// The next one to be added; one at a time.
    pub(super) opening: Option<Opening>,
    /// None is opened before then.
    pub(super) not_before: Option<Instant>,
    /// The oldest first.
    open: VecDeque<Box<dyn Transport>>,
    /// They are of use: one that took over still had to be left alone.
    is_short: bool,
}

impl fmt::Debug for Reserve {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reserve")
            .field("open", &self.open)
            .field("is_short", &self.is_short)
            .finish()
    }
}

impl Reserve {
    /// Another one would be of use.
    pub(super) fn lacks(&self) -> bool {
        self.is_short && self.open.len() < MOST
    }

    /// One was opened.
    pub(super) fn add(&mut self, transport: Box<dyn Transport>) {
        self.open.push_back(transport);
    }

    /// The one that stood by first was not needed yet.
    pub(super) fn put_back(&mut self, transport: Box<dyn Transport>) {
        self.open.push_front(transport);
    }

    /// The one that has stood by for the longest.
    pub(super) fn take(&mut self) -> Option<Box<dyn Transport>> {
        self.open.pop_front()
    }

    /// The one that takes over now.
    pub(super) fn take_over(&mut self, now: Instant) -> Option<Box<dyn Transport>> {
        loop {
            let mut first = self.open.pop_front()?;
            match is_ready(&mut *first, now) {
                None => {}
                Some(is_ready) => {
                    self.is_short |= !is_ready;
                    return Some(first);
                }
            }
        }
    }

    /// Leaves those that the receiver has ended.
    pub(super) fn look(&mut self, now: Instant) {
        self.open.retain_mut(|transport| is_ready(&mut **transport, now).is_some());
    }

    /// None is of use any more.
    pub(super) fn dismiss(&mut self) {
        *self = Self::default();
    }

    /// Those there are were opened for a shorter trial than there has to be now.
    pub(super) fn forget_open(&mut self) {
        self.open.clear();
        self.opening = None;
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::deliver::ledger::Ledger;
    use crate::deliver::transport::{Patience, Readiness, Why};

    /// One that is left alone, may be used, or is gone.
    #[derive(Debug, Clone, Copy, PartialEq)]
    enum Standby {
        Alone,
        Usable,
        Gone,
    }

    impl Transport for Standby {
        fn peer(&self) -> SocketAddr {
            unreachable!()
        }

        fn protocol(&self) -> &'static str {
            "TCP"
        }

        fn write(&mut self, _: &mut Ledger) -> Result<(), Why> {
            unreachable!()
        }

        fn listen(&mut self) -> Result<(), Why> {
            if *self == Self::Gone { Err(Why::Unused { over_tls: false }) } else { Ok(()) }
        }

        fn advance(&mut self, _: Instant) -> Result<u64, Why> {
            Ok(0)
        }

        fn close(&mut self, _: Patience) -> Result<(), Why> {
            unreachable!()
        }

        fn is_closing(&self) -> bool {
            false
        }

        fn last_proof(&mut self) -> u64 {
            0
        }

        fn abort(self: Box<Self>) {}

        fn wake_at(&self) -> Option<Instant> {
            None
        }

        fn readiness(&self) -> Readiness {
            unreachable!()
        }

        fn can_write(&self) -> bool {
            *self == Self::Usable
        }
    }

    #[test]
    fn more_stand_by_once_one_that_took_over_had_to_be_left_alone() {
        let (mut reserve, now) = (Reserve::default(), Instant::now());
        assert!(!reserve.lacks() && reserve.take_over(now).is_none());
        for _ in 0..2 * MOST {
            reserve.put_back(Box::new(Standby::Usable));
            assert!(reserve.take_over(now).is_some());
        }
        assert!(!reserve.lacks(), "it was ready in time");
        reserve.put_back(Box::new(Standby::Alone));
        assert!(reserve.take_over(now).is_some());
        for _ in 0..MOST {
            assert!(reserve.lacks());
            reserve.add(Box::new(Standby::Alone));
        }
        assert!(!reserve.lacks());
        reserve.dismiss();
        assert!(!reserve.lacks() && reserve.take().is_none());
    }

    #[test]
    fn those_that_the_receiver_has_ended_are_left() {
        let (mut reserve, now) = (Reserve::default(), Instant::now());
        for standby in [Standby::Gone, Standby::Usable, Standby::Gone] {
            reserve.add(Box::new(standby));
        }
        reserve.look(now);
        assert!(reserve.take_over(now).is_some_and(|first| first.can_write()));
        reserve.add(Box::new(Standby::Gone));
        assert!(reserve.take_over(now).is_none());
    }
}
