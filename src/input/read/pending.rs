//! What was seen behind a position and is no whole record yet. Pure.

use std::time::{Duration, Instant};

use super::records::Split;

/// How long NULs must stand before text until they are taken for what nobody fills in any more:
/// writers that have their places given to them do not write in the order of the places.
const FILLED_IN: Duration = Duration::from_secs(1);

/// What was looked through behind a position, so that it is not read again with each look.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::input) struct Pending {
    /// From the position up to this offset there is no whole record; nothing is known where it lies
    /// before the position.
    pub(in crate::input) to: u64,
    /// From here on there are but NULs so far.
    pub(in crate::input) text_to: u64,
    /// Up to here there are whole lines, of which it is not known whether their record goes on behind them.
    held_to: u64,
    /// Up to here there was no whole record either, but that is to be looked at again.
    was_to: u64,
    /// Since when text stands behind NULs that once reached to the end.
    gap_since: Option<Instant>,
}

impl Pending {
    /// Whether what lies at `position` was NULs when it was last looked at.
    pub(in crate::input) fn is_nuls(&self, position: u64) -> bool {
        self.gap_since.is_some() || self.to > position && self.text_to <= position
    }

    /// Whether anything is known of what lies behind `position`.
    pub(in crate::input) fn says_something(&self, position: u64) -> bool {
        self.gap_since.is_some() || self.looked_to() > position
    }

    /// Up to where there was no whole record when it was last looked at, nor whole lines.
    pub(in crate::input) fn unfinished_to(&self) -> u64 {
        if self.held_to > 0 { 0 } else { self.looked_to() }
    }

    fn looked_to(&self) -> u64 {
        self.to.max(self.was_to)
    }

    /// How many bytes of whole lines stand behind `position` whose record may go on.
    pub(in crate::input) fn held(&self, position: u64) -> u64 {
        self.held_to.saturating_sub(position)
    }

    /// Has all be looked through once more.
    pub(in crate::input) fn look_again(&mut self, position: u64) {
        let (was_to, held_to) = (self.looked_to(), self.held_to);
        *self = Self { was_to, held_to, to: position, text_to: position, gap_since: None };
    }

    /// Takes in that the file has this size, and so ends there.
    pub(in crate::input) fn ends(&mut self, size: u64) {
        self.to = self.to.min(size);
        self.text_to = self.text_to.min(size);
    }

    /// Takes in what was read at `position`, and what it was cut into.
    pub(in crate::input) fn see(&mut self, position: u64, piece: &Split) {
        let rest_at = position + piece.consumed() as u64;
        let end = rest_at + piece.rest as u64;
        self.held_to = if piece.held > 0 { rest_at + piece.held as u64 } else { 0 };
        if piece.has_more || end == rest_at {
            *self = Self { to: rest_at, text_to: rest_at, ..Self::default() };
            return;
        }
        let (was_text, is_text) = (self.text_to > rest_at, piece.text > 0);
        // NULs that reach beyond what was read now, and text that was longer, are known from before.
        let goes_on = piece.text < piece.rest || piece.consumed() == 0;
        self.to = if goes_on { self.to.max(end) } else { end };
        let text_to = rest_at + piece.text as u64;
        self.text_to = if was_text && is_text { self.text_to.max(text_to) } else { text_to };
        if piece.consumed() > 0 || is_text {
            self.gap_since = None;
        }
    }

    /// Text stands behind the NULs at `position`. Until when it is to be waited for those who may fill
    /// them in. `were_last`: they reached to the end before.
    pub(in crate::input) fn wait_for_filling(
        &mut self,
        position: u64,
        were_last: bool,
        now: Instant,
    ) -> Option<Instant> {
        if !were_last {
            return None;
        }
        self.gap_since.get_or_insert(now);
        self.wait_on(position, now)
    }

    /// Until when it is to be waited still, where it is.
    pub(in crate::input) fn wait_on(&mut self, position: u64, now: Instant) -> Option<Instant> {
        let until = self.gap_since.map(|since| since + FILLED_IN).filter(|&until| now < until)?;
        // What lies between is looked through anew then.
        self.was_to = self.looked_to();
        (self.to, self.text_to) = (position, position);
        Some(until)
    }

    /// There is nothing behind the NULs.
    pub(in crate::input) fn has_no_gap(&mut self) {
        self.gap_since = None;
    }
}
