//! What people are told of the connection: whom it is to, since when, and what went wrong last.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

/// How things stand, shared by those who hold a clone.
#[derive(Debug, Clone, Default)]
pub struct ConnectionState(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    receiver: Option<String>,
    connected_since: Option<i64>,
    first: Option<FirstReceiver>,
    trouble: Option<String>,
    last_trouble: Option<LastTrouble>,
}

/// What was the trouble last, though it may be over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastTrouble {
    /// When, in seconds since the epoch.
    pub at: i64,
    /// With which receiver, where there are several.
    pub receiver: Option<String>,
    /// What happened.
    pub why: String,
}

/// The first receiver, while another one is in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstReceiver {
    /// As configured: `host:port`.
    pub name: String,
    /// When it is asked again, in seconds since the epoch; `None`: when the one in its place fails.
    pub back_at: Option<i64>,
}

impl ConnectionState {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// There is a connection to `receiver`, as people know it. `turned`: there was none before.
    pub(super) fn reached(&self, receiver: String, turned: bool) {
        let mut known = self.known();
        known.note_turn(turned);
        (known.receiver, known.trouble) = (Some(receiver), None);
    }

    /// There is none any more. `turned`: there was one before.
    pub(super) fn left(&self, turned: bool) {
        let mut known = self.known();
        known.note_turn(turned);
        (known.receiver, known.first) = (None, None);
    }

    /// The one that is connected stands in the place of this one, or of none.
    pub(super) fn stands_for(&self, first: Option<FirstReceiver>) {
        self.known().first = first;
    }

    /// An attempt to connect, or a connection, has failed; `receiver` says which, where there are several.
    pub(super) fn failed(&self, receiver: Option<&str>, reason: &dyn fmt::Display) {
        let (at, why) = (Timestamp::now().as_second(), reason.to_string());
        let receiver = receiver.map(str::to_owned);
        let mut known = self.known();
        known.trouble = Some(why.clone());
        known.last_trouble = Some(LastTrouble { at, receiver, why });
    }

    /// Since when there is a connection, or none, in seconds since the epoch; nothing before the first.
    #[must_use]
    pub fn since(&self) -> Option<i64> {
        self.known().connected_since
    }

    /// Whom there is a connection to.
    #[must_use]
    pub fn receiver(&self) -> Option<String> {
        self.known().receiver.clone()
    }

    /// In whose place that is, if it is not the first.
    #[must_use]
    pub fn first(&self) -> Option<FirstReceiver> {
        self.known().first.clone()
    }

    /// Why there is no connection, if the last attempt or connection has failed.
    #[must_use]
    pub fn trouble(&self) -> Option<String> {
        self.known().trouble.clone()
    }

    /// What was the trouble last.
    #[must_use]
    pub fn last_trouble(&self) -> Option<LastTrouble> {
        self.known().last_trouble.clone()
    }
}

impl Known {
    fn note_turn(&mut self, turned: bool) {
        if turned {
            self.connected_since = Some(Timestamp::now().as_second());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_over_is_told_as_the_last() {
        let state = ConnectionState::default();
        assert_eq!((state.since(), state.receiver(), state.last_trouble()), (None, None, None));
        state.failed(Some("a:1"), &"gone");
        assert_eq!(state.trouble().as_deref(), Some("gone"));
        state.reached("b:1".to_owned(), true);
        let first = FirstReceiver { name: "a:1".to_owned(), back_at: Some(7) };
        state.stands_for(Some(first.clone()));
        assert_eq!((state.trouble(), state.first()), (None, Some(first)));
        let last = state.last_trouble().unwrap();
        assert_eq!((last.receiver.as_deref(), &*last.why), (Some("a:1"), "gone"));
        assert!(state.since().is_some());
        state.left(true);
        assert_eq!((state.receiver(), state.first()), (None, None));
    }
}
