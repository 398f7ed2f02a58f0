//! One connection at work: write, look what became of it, listen for the receiver's end of it,
//! and part in good order.
//!
//! # How a connection ends, and what that proves
//! The receiver's kernel sends FIN when the process closed the socket (or died) with nothing
//! left unread, RST when something was left. So FIN confirms all that is acknowledged, and RST
//! confirms nothing beyond the ledger's evidence.
//!
//! A FIN is usually followed by an RST, the answer to what was under way. It cannot mask the
//! FIN (Linux, measured; `tcp_reset` in `net/ipv4/tcp_input.c`): after FIN and RST reading gives
//! "end of file" and writing EPIPE, after RST alone the first call of either gives ECONNRESET.
//! What was acknowledged stays readable from the kernel as well. If the FIN itself is lost on
//! the way, or overtaken, the RST decides, which costs duplicates and loses nothing.
//!
//! That a socket closed with data unread gives RST is Linux; RFC 2525, section 2.17, calls the
//! contrary a known problem, and RFC 1122, section 4.2.2.13, asks for the RST with a SHOULD. A
//! receiver on a system that sends FIN all the same (BSD's have) takes what it had not read with it.
//!
//! Who cannot make use of what comes reads some of it and closes: a proxy with no server behind it, or
//! a server that expects TLS, and OpenSSL then says nothing (it answers with an alert only what looks
//! like TLS). So a FIN that comes so soon after the first bytes, and after so few, confirms nothing;
//! and ours is not sent before theirs would tell more.
//!
//! A receiver that shuts down only its sending side may go on reading: acknowledgements that
//! come after the FIN give it away, and then the end of *that* decides.

use std::fmt;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::GRACE;
use super::ledger::Ledger;
use crate::deliver::transport::tcp::{Heard, Link, Look, Sent};

/// The kernel is asked at least after so many bytes (rarely, and windows would pass unseen),
pub(super) const LOOK_BYTES: usize = 64 << 10;
/// so often while something is not acknowledged,
const LOOK_OUTSTANDING: Duration = Duration::from_millis(100);
/// and so often while something is only not proven to be read. With nothing unconfirmed it is
/// not asked at all.
const LOOK_QUIET: Duration = Duration::from_secs(1);
/// A receiver that closes so soon after the first bytes,
const FIRST: Duration = Duration::from_secs(1);
/// and after no more than this, may have had no use for them. TLS reads records of 16 KiB; who reads four
/// times as much and closes in good order has understood.
const FIRST_BYTES: u64 = 64 << 10;
/// How long to wait, after the receiver's FIN, for the fate of what was under way.
const SETTLE: Duration = Duration::from_secs(2);

/// How long before the end of its grace a receiver that said farewell gets our FIN.
const PATIENCE: Duration = Duration::from_millis(2500);

/// How a session ended.
#[derive(Debug)]
pub(super) enum End {
    /// There is nothing more to do, or no more time.
    Done,
    /// The connection is gone, and why.
    Lost(Why),
}

/// Why a connection is gone.
#[derive(Debug)]
pub(super) enum Why {
    Closed,
    /// Right after the first bytes, which proves nothing.
    Rejected {
        over_tls: bool,
    },
    NotClosing,
    /// We ended it, to have everything confirmed by the receiver's FIN.
    Renewed,
    TimedOut(Duration),
    Broken(io::Error),
}

impl Why {
    /// In one word, for the meters.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::Closed | Self::Rejected { .. } => "closed",
            Self::NotClosing => "not_closing",
            Self::Renewed => "renewed",
            Self::TimedOut(_) => "stalled",
            Self::Broken(error) if error.kind() == io::ErrorKind::ConnectionReset => "reset",
            Self::Broken(_) => "broken",
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("closed by the receiver"),
            Self::Rejected { over_tls } => {
                let remedy = match over_tls {
                    true => "if it is a proxy, see that what it leads to runs",
                    false => "if it expects TLS, set destination.protocol: tls",
                };
                write!(
                    f,
                    "closed by the receiver right after the first messages, so that they do not count \
                     as delivered; {remedy}"
                )
            }
            Self::Renewed => f.write_str("it is renewed"),
            Self::NotClosing => f.write_str("the receiver does not close it"),
            Self::TimedOut(after) => {
                write!(f, "nothing was acknowledged for {} s (write_timeout)", after.as_secs())
            }
            Self::Broken(error) => error.fmt(f),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Sending,
    /// We have sent FIN and wait, at most until then, for the receiver's.
    Parting(Instant),
    /// The receiver said farewell; nothing is written any more, its FIN is awaited until then.
    Dismissed(Instant),
}

/// One connection at work.
#[derive(Debug)]
pub(super) struct Connection {
    pub(super) link: Link,
    pub(super) phase: Phase,
    /// The kernel takes no more at present.
    pub(super) blocked: bool,
    pub(super) unlooked: usize,
    pub(super) look_at: Option<Instant>,
    wire_acked: u64,
    /// When something was written for the first time.
    began: Option<Instant>,
    /// We are to part, but not before this.
    part_at: Option<Instant>,
    /// When something was last acknowledged, if something is outstanding.
    pub(super) progress: Option<Instant>,
    pub(super) leave_by: Option<Instant>,
    /// Another connection follows this one when it has parted.
    pub(super) renewing: bool,
    /// The peer is asked for its window often.
    probing: bool,
}

/// How the loop was left.
#[derive(Debug)]
pub(super) enum Ended {
    /// The receiver's FIN came.
    ByPeer,
    Otherwise(End),
}

impl Ended {
    pub(super) fn lost(why: Why) -> Self {
        Self::Otherwise(End::Lost(why))
    }

    /// EPIPE on a connection that we have not shut down: the kernel had FIN before RST.
    pub(super) fn broken(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::ByPeer,
            _ => Self::lost(Why::Broken(error)),
        }
    }
}

impl Connection {
    pub(super) fn new(link: Link) -> Self {
        Self {
            link,
            phase: Phase::Sending,
            blocked: false,
            unlooked: 0,
            look_at: None,
            wire_acked: 0,
            began: None,
            part_at: None,
            progress: None,
            leave_by: None,
            renewing: false,
            probing: false,
        }
    }

    pub(super) fn begin(&mut self, ledger: &mut Ledger) -> Result<(), Ended> {
        let look = self.link.look().map_err(Ended::broken)?;
        ledger.connected(look.window, Instant::now().into_std());
        Ok(())
    }

    /// Writes until the kernel takes no more, nothing is left, or it is time to look.
    pub(super) fn write(&mut self, ledger: &mut Ledger) -> Result<(), Ended> {
        while !self.blocked && self.unlooked < LOOK_BYTES {
            let sent = match self.phase {
                Phase::Sending => self.link.send(ledger),
                Phase::Parting(_) | Phase::Dismissed(_) => return Ok(()),
            };
            match sent.map_err(Ended::broken)? {
                Sent::Nothing => break,
                Sent::Blocked => self.blocked = true,
                Sent::Some(count) => self.unlooked += count,
            }
        }
        if self.unlooked > 0 && self.began.is_none() {
            self.began = Some(Instant::now());
        }
        if self.unlooked > 0 && self.look_at.is_none() {
            self.look_at = Some(Instant::now() + LOOK_OUTSTANDING);
        }
        if self.unlooked > 0 && self.progress.is_none() {
            self.progress = Some(Instant::now());
        }
        Ok(())
    }

    pub(super) fn look(&mut self, ledger: &mut Ledger, now: Instant) -> Result<Look, Ended> {
        let look = self.link.look().map_err(Ended::broken)?;
        self.unlooked = 0;
        ledger.acknowledged(look.acked, look.window, now.into_std());
        if look.wire_acked > self.wire_acked {
            self.wire_acked = look.wire_acked;
            self.progress = Some(now);
        }
        self.look_at = if look.outstanding {
            Some(now + LOOK_OUTSTANDING)
        } else {
            self.progress = None;
            (!ledger.is_settled()).then(|| now + LOOK_QUIET)
        };
        let in_doubt = !look.outstanding && ledger.is_in_doubt();
        if in_doubt != self.probing {
            // On a connection that is over this fails; reading tells how it ended.
            let _ = self.link.probe(in_doubt);
            self.probing = in_doubt;
        }
        Ok(look)
    }

    /// Reads and discards, and notices the receiver's end of the connection.
    pub(super) fn listen(&mut self) -> Result<(), Ended> {
        match self.link.receive().map_err(Ended::broken)? {
            Heard::Nothing => {}
            Heard::Farewell if self.phase == Phase::Sending => {
                self.phase = Phase::Dismissed(Instant::now() + GRACE);
            }
            Heard::Farewell => {}
            Heard::Fin => return Err(Ended::ByPeer),
        }
        Ok(())
    }

    /// From when on the receiver's FIN proves something, where that is later than now.
    fn proves_from(&self) -> Option<Instant> {
        let from = self.began.filter(|_| self.link.wire() <= FIRST_BYTES);
        from.map(|began| began + FIRST).filter(|&from| from > Instant::now())
    }

    /// Sends our FIN once everything is written, and the receiver's will prove something.
    pub(super) fn part(&mut self, ledger: &Ledger, until: Instant) -> Result<(), Ended> {
        if self.has_pending(ledger) {
            return Ok(());
        }
        self.part_at = self.proves_from();
        if self.part_at.is_some() {
            return Ok(());
        }
        self.link.farewell();
        // The kernel had room a moment ago; if it takes no farewell now, FIN must do.
        self.link.flush().map_err(Ended::broken)?;
        if self.link.finish().is_err() {
            // The connection is over already; reading tells how.
            return Ok(());
        }
        self.phase = Phase::Parting(until);
        self.look_at = Some(Instant::now() + LOOK_OUTSTANDING);
        Ok(())
    }

    /// It should take no more, and another connection follow it: too much is unconfirmed, which the
    /// receiver's FIN will confirm, or TLS has sealed enough.
    pub(super) fn is_spent(&self, ledger: &Ledger) -> bool {
        ledger.is_full() || self.link.is_worn()
    }

    /// Something is to be written.
    pub(super) fn has_pending(&self, ledger: &Ledger) -> bool {
        ledger.unwritten_bytes() > 0 || self.link.has_unsent()
    }

    /// A receiver that said farewell closes soon. One that waits for our side to end first gets
    /// FIN after a while; not at once, and no farewell in return, because closing a socket that
    /// holds one unread would make the kernel send RST.
    pub(super) fn hang_up_if_due(&mut self, now: Instant) {
        if matches!(self.phase, Phase::Dismissed(until) if now + PATIENCE >= until) {
            let _ = self.link.finish();
        }
    }

    pub(super) fn wake_at(&self) -> Option<Instant> {
        let until = match self.phase {
            Phase::Sending => None,
            Phase::Dismissed(until) if !self.link.is_finished() => until.checked_sub(PATIENCE),
            Phase::Parting(until) | Phase::Dismissed(until) => Some(until),
        };
        [self.look_at, until, self.part_at, self.leave_by].into_iter().flatten().min()
    }

    /// What parting in good order leads to.
    pub(super) fn parted(&self) -> End {
        if self.renewing { End::Lost(Why::Renewed) } else { End::Done }
    }

    /// Reads all that came before the receiver's FIN. Where writing has told of that, an alert may stand
    /// there: the receiver took part of what it read for nothing that it wants.
    async fn hear_out(&mut self) -> io::Result<()> {
        let heard = async {
            while self.link.receive()? != Heard::Fin {
                self.link.ready(false).await?;
            }
            Ok(())
        };
        timeout(SETTLE, heard).await.unwrap_or(Ok(()))
    }

    /// The receiver's FIN has come: confirms what it proves. See the module's documentation.
    pub(super) async fn receiver_closed(&mut self, ledger: &mut Ledger) -> End {
        if let Err(error) = self.hear_out().await {
            return End::Lost(Why::Broken(error));
        }
        if self.proves_from().is_some() {
            return End::Lost(Why::Rejected { over_tls: self.link.is_encrypted() });
        }
        let end = match self.phase {
            Phase::Parting(_) => self.parted(),
            Phase::Sending | Phase::Dismissed(_) => End::Lost(Why::Closed),
        };
        let Ok(first) = self.link.look() else { return end };
        let _ = self.link.finish();
        let enough = Instant::now() + SETTLE;
        let deadline = self.leave_by.map_or(enough, |by| by.min(enough));
        let mut last = first;
        while last.unacknowledged && !last.closed && Instant::now() < deadline {
            sleep(Duration::from_millis(5)).await;
            match self.link.look() {
                Ok(look) => last = look,
                Err(_) => break,
            }
        }
        let is_known = !last.unacknowledged || last.closed || Instant::now() >= enough;
        let went_on_reading = last.acked > first.acked;
        if is_known && (!went_on_reading || !last.unacknowledged) {
            ledger.confirm_up_to(last.acked);
        }
        match end {
            End::Done if !ledger.is_settled() => End::Lost(Why::Closed),
            end => end,
        }
    }
}
