//! One session of RELP: which transaction has which number, which are answered, and what follows from
//! an answer. Pure: frames come in, what has been proven comes out.
//!
//! ```text
//! Opening ── 200 ──► Open ── all answered, told to close ──► Closing ── its answer, serverclose ──► over
//!    │                │
//!    └── another      └── serverclose; another answer than 200; a frame that is no RELP ──► over
//! ```
//!
//! # What an answer proves
//! The receiver's program, not its kernel, answers each message: 200 says that it has taken it. So a
//! message counts as read when it and all before it are answered, in whatever order that came.
//!
//! # What a refusal leads to
//! A message that was refused is sent again on the next session, as its first and for a start its only
//! one, so that nothing else is repeated again. One that is refused with 5xx, "permanent" as in SMTP, for
//! the third time in a row is given up, where the receiver takes others. One that refuses all of them is not set
//! up as it should be: there others are tried behind the first one, more each time, and all are kept until one is
//! taken, or until the first was refused very often. Any other code is taken for temporary, and tried for ever.

use std::collections::VecDeque;

use super::codec::{self, RelpFrame, RelpParser};
use crate::pipeline::framing::RELP_NUMBER;

/// A receiver that refuses the same message so often, for good, and takes others, does not want it.
const GIVEN_UP_AFTER: u32 = 3;
/// And so often, whatever it does with others: some minutes, with the pauses between attempts.
const GIVEN_UP_AT_LAST: u32 = 30;
/// No more others than this, as a power of two, are tried behind a message that is refused.
const MOST_OTHERS: u32 = 10;

/// How the message that is the next to be sent has fared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::deliver) struct Refusals {
    /// So often in a row it was refused.
    pub(super) times: u32,
    /// The receiver has taken others meanwhile, or right before.
    pub(super) takes_others: bool,
}

/// What a session is bounded by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelpLimits {
    /// So many messages may be unanswered (`relp_window`).
    pub window: usize,
    /// The highest number of a transaction; a new session begins at 1 again.
    pub last_number: u32,
}

impl RelpLimits {
    /// A number has nine digits at most, and imrelp takes none after 999,999,999. Some are left over.
    pub const LAST_NUMBER: u32 = 999_999_000;
}

/// How far the session has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionState {
    /// `open` is sent, and its answer awaited.
    Opening,
    /// Messages may be sent.
    Open,
    /// `close` is sent, and its answer awaited.
    Closing,
    /// The receiver has answered `close`.
    Closed,
}

/// Why a session cannot go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Over {
    /// The receiver has ended it (`serverclose`).
    ServerClose,
    /// It does not take a message, in its words; it is sent again.
    Rejected(String),
    /// It did not open the session, or does not speak RELP, in words.
    Broken(String),
}

/// A message under way.
#[derive(Debug, Clone, Copy)]
struct Transaction {
    /// Where its frame ends, in bytes since the session began.
    end: u64,
    is_answered: bool,
}

/// See the module's documentation.
#[derive(Debug)]
pub(super) struct RelpSession {
    limits: RelpLimits,
    state: SessionState,
    /// From the oldest that is not answered.
    sent: VecDeque<Transaction>,
    /// The number of that one.
    first: u32,
    proven: u64,
    /// The oldest that was refused, and how.
    rejected: Option<(u32, String)>,
    /// How the first message of this session has fared, here and before.
    refusals: Refusals,
    /// The receiver has taken a message in this session.
    has_taken: bool,
    /// The first message was refused once more, in these words, and others are tried.
    on_hold: Option<String>,
    /// What was said of a message that is given up.
    given_up: Option<String>,
}

impl RelpSession {
    /// One that is about to be opened. `refusals`: how its first message has fared.
    pub(super) fn new(limits: RelpLimits, refusals: Refusals) -> Self {
        Self {
            limits,
            state: SessionState::Opening,
            sent: VecDeque::new(),
            first: Self::OPEN + 1,
            proven: 0,
            rejected: None,
            refusals,
            has_taken: false,
            on_hold: None,
            given_up: None,
        }
    }

    /// The transaction that opens it.
    const OPEN: u32 = 1;
    /// The first message.
    const FIRST: u32 = Self::OPEN + 1;

    /// The frame that opens it.
    pub(super) fn opening(&self) -> Vec<u8> {
        codec::open(Self::OPEN)
    }

    /// Messages may be sent.
    pub(super) fn is_open(&self) -> bool {
        self.state == SessionState::Open
    }

    /// The receiver has agreed to its end.
    pub(super) fn is_closed(&self) -> bool {
        self.state == SessionState::Closed
    }

    /// The number of the next transaction.
    fn next(&self) -> u32 {
        self.first + self.sent.len() as u32
    }

    /// How many messages more may be sent now.
    fn room(&self) -> usize {
        let is_tried = self.refusals.times == 0 || self.first > Self::FIRST;
        let window = match self.on_hold {
            // The first one is answered, and behind it there are no more than a window.
            Some(_) => self.limits.window.min(self.most_others()) + 1,
            None if is_tried => self.limits.window,
            None => 1,
        };
        // One number is left over for `close`.
        let numbers = self.limits.last_number.saturating_sub(self.next()) as usize;
        match (self.state, &self.rejected) {
            (SessionState::Open, None) => window.saturating_sub(self.sent.len()).min(numbers),
            _ => 0,
        }
    }

    fn most_others(&self) -> usize {
        1 << self.refusals.times.saturating_sub(GIVEN_UP_AFTER - 1).min(MOST_OTHERS)
    }

    /// It is worth while to send more: not for each single answer when many are under way.
    pub(super) fn has_room(&self) -> bool {
        let worth = self.sent.len() / 8;
        self.room() > worth.min(self.limits.window / 8)
    }

    /// The next message, whose frame ends at `end`, is on its way. Writes its number over `field`.
    /// False, and nothing is done, if it is not to be sent now.
    pub(super) fn send(&mut self, end: u64, field: &mut [u8]) -> bool {
        if self.room() == 0 {
            return false;
        }
        codec::stamp(self.next(), field);
        self.sent.push_back(Transaction { end, is_answered: false });
        true
    }

    /// Numbers those of the next `frames`, each with where it ends, that are to be sent now. Returns where the last of
    /// these ends.
    pub(super) fn number<'a>(
        &mut self,
        frames: impl Iterator<Item = (u64, &'a mut [u8])>,
    ) -> Option<u64> {
        let mut numbered = None;
        for (end, frame) in frames {
            if !self.send(end, &mut frame[..RELP_NUMBER]) {
                break;
            }
            numbered = Some(end);
        }
        numbered
    }

    /// How many messages are not answered, or wait for one before them that is not.
    pub(super) fn unanswered(&self) -> usize {
        self.sent.len()
    }

    /// All before this byte is answered.
    pub(super) fn proven(&self) -> u64 {
        self.proven
    }

    /// See [`RelpSession::new`], for the next session.
    pub(super) fn refusals(&self) -> Refusals {
        self.refusals
    }

    /// No other message has come that could be tried behind one that is refused: that one is tried again. Returns
    /// what was said of it.
    pub(super) fn end_hold(&mut self) -> Option<String> {
        let text = self.on_hold.take()?;
        self.refusals.times += 1;
        Some(text)
    }

    /// What the receiver said of a message that was given up since the last call.
    pub(super) fn take_given_up(&mut self) -> Option<String> {
        self.given_up.take()
    }

    /// The numbers are used up, and everything is answered: time for another session.
    pub(super) fn is_used_up(&self) -> bool {
        self.is_open() && self.sent.is_empty() && self.next() >= self.limits.last_number
    }

    /// The frame that closes it, once everything is answered.
    pub(super) fn close(&mut self) -> Option<Vec<u8>> {
        if !self.is_open() || !self.sent.is_empty() {
            return None;
        }
        self.state = SessionState::Closing;
        Some(codec::close(self.next()))
    }

    /// Takes in all frames that have come. Returns whether the session has got on.
    pub(super) fn hear_all(&mut self, parser: &mut RelpParser) -> Result<bool, Over> {
        let mut got_on = false;
        loop {
            match parser.next_frame() {
                Ok(Some(frame)) => got_on |= self.hear(frame)?,
                Ok(None) => return Ok(got_on),
                Err(malformed) => return Err(Over::Broken(malformed.to_string())),
            }
        }
    }

    /// The receiver has sent `frame`. Returns whether the session has got on.
    pub(super) fn hear(&mut self, frame: RelpFrame<'_>) -> Result<bool, Over> {
        match frame.command {
            b"rsp" => self.answered(frame),
            b"serverclose"
                if matches!(self.state, SessionState::Closing | SessionState::Closed) =>
            {
                self.state = SessionState::Closed;
                Ok(true)
            }
            b"serverclose" => Err(Over::ServerClose),
            other => {
                let command = String::from_utf8_lossy(other).into_owned();
                Err(Over::Broken(format!(
                    "it sent the command {command:?}, which is none of RELP's"
                )))
            }
        }
    }

    fn answered(&mut self, frame: RelpFrame<'_>) -> Result<bool, Over> {
        if self.state == SessionState::Opening {
            return self.opened(frame);
        }
        if self.state != SessionState::Open {
            // That of `close`.
            self.state = SessionState::Closed;
            return Ok(true);
        }
        if frame.number >= self.next() {
            let number = frame.number;
            return Err(Over::Broken(format!("it answered a message {number} that was not sent")));
        }
        // What is before the first was answered already.
        let Some(at) = frame.number.checked_sub(self.first) else { return Ok(false) };
        let sent = &mut self.sent[at as usize];
        if sent.is_answered {
            return Ok(false);
        }
        // The usual answer is compared, not read.
        if !frame.data.starts_with(b"200") {
            let (code, text) = codec::answer(frame.data);
            if !(200..300).contains(&code) {
                return self.reject(frame.number, code, text);
            }
        }
        sent.is_answered = true;
        self.has_taken = true;
        if let Some(text) = self.end_hold() {
            // It takes others. What is refused once more, alone, is given up.
            self.refusals.takes_others = true;
            return Err(Over::Rejected(text));
        }
        self.advance()
    }

    fn opened(&mut self, frame: RelpFrame<'_>) -> Result<bool, Over> {
        if frame.number != Self::OPEN {
            let number = frame.number;
            return Err(Over::Broken(format!("it answered a message {number} that was not sent")));
        }
        let (code, text) = codec::answer(frame.data);
        if code != 200 {
            return Err(Over::Broken(format!("it does not open a session: {text:?}")));
        }
        match codec::offered_commands(frame.data) {
            Some(commands) if !commands.contains(&&b"syslog"[..]) => Err(Over::Broken(
                "it opens a session, and takes no syslog messages in it".to_owned(),
            )),
            _ => {
                self.state = SessionState::Open;
                Ok(true)
            }
        }
    }

    /// Everything up to the first that is not answered is proven.
    fn advance(&mut self) -> Result<bool, Over> {
        while let Some(&Transaction { end, .. }) = self.sent.front().filter(|sent| sent.is_answered)
        {
            self.proven = end;
            self.sent.pop_front();
            self.first += 1;
            self.refusals = Refusals::default();
        }
        self.end_if_rejected()?;
        Ok(true)
    }

    /// Message `number` was refused.
    fn reject(&mut self, number: u32, code: u16, text: String) -> Result<bool, Over> {
        let at = (number - self.first) as usize;
        if let Some(held) = &self.on_hold {
            // One more of those that are tried.
            let held = held.clone();
            self.sent[at].is_answered |= at > 0;
            return match self.sent.iter().skip(1).all(|sent| sent.is_answered) {
                true => Err(Over::Rejected(self.end_hold().unwrap_or(held))),
                false => Ok(true),
            };
        }
        let Refusals { times, takes_others } = self.refusals;
        let times = if number == Self::FIRST { times + 1 } else { 1 };
        if (500..600).contains(&code) && times >= GIVEN_UP_AFTER {
            if takes_others || times >= GIVEN_UP_AT_LAST {
                self.given_up = Some(text);
                self.sent[at].is_answered = true;
                return self.advance();
            }
            self.on_hold = Some(text);
            return Ok(true);
        }
        if self.rejected.as_ref().is_none_or(|&(earlier, _)| number < earlier) {
            self.rejected = Some((number, text));
        }
        self.end_if_rejected()?;
        Ok(true)
    }

    /// Ends the session once everything before a message that was refused is answered.
    fn end_if_rejected(&mut self) -> Result<(), Over> {
        match &self.rejected {
            Some((number, text)) if *number == self.first => {
                let text = text.clone();
                let Refusals { times, takes_others } = self.refusals;
                let is_first = self.first == Self::FIRST;
                self.refusals = Refusals {
                    times: if is_first { times + 1 } else { 1 },
                    takes_others: takes_others || self.has_taken,
                };
                Err(Over::Rejected(text))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
