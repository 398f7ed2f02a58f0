//! The life of one connection: what is taken from the channel, when the kernel is asked, and when
//! it is time to part.

use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::connection::{Connection, End, Ended, LOOK_BYTES, Phase, Why};
use super::evidence::AGE;
use super::link::Link;
use super::{GRACE, Sender, changed};

/// No more is taken from the channel while this much is not written yet.
const ENOUGH: u64 = 64 << 10;
/// No more than about this much is kept unconfirmed. A receiver with a very large window would
/// have us keep twice that; then the connection is ended in good order, the receiver's FIN
/// confirms everything, and a new one begins with a small window.
const MOST_KEPT: u64 = 16 << 20;
/// A receiver that takes nothing for so long is worth a line in the log.
const STALL: Duration = Duration::from_secs(5);

impl Sender {
    /// Serves one connection until it ends.
    pub(super) async fn session(&mut self, link: Link) -> End {
        let mut connection = Connection::new(link);
        let ended = match connection.begin(&mut self.ledger) {
            Ok(()) => loop {
                if let Err(end) = self.step(&mut connection).await {
                    break end;
                }
            },
            Err(end) => end,
        };
        let end = match ended {
            Ended::ByPeer => connection.receiver_closed(&mut self.ledger).await,
            Ended::Otherwise(end) => {
                // What was acknowledged last may prove more, or that the receiver was reading.
                let _ = connection.look(&mut self.ledger, Instant::now());
                end
            }
        };
        self.settle_accounts();
        if matches!(end, End::Lost(_)) {
            connection.link.abort();
        }
        end
    }

    async fn step(&mut self, connection: &mut Connection) -> Result<(), Ended> {
        self.take_waiting(connection);
        connection.write(&mut self.ledger)?;
        self.look_if_due(connection)?;
        self.settle_accounts();
        self.part_if_done(connection)?;
        self.meters.beat.turn();
        self.wait(connection).await
    }

    /// Takes what waits in the channel, so that many small batches are written together.
    fn take_waiting(&mut self, connection: &Connection) {
        while self.takes_more(connection) && self.ledger.unwritten_bytes() < ENOUGH {
            match self.batches.try_recv() {
                Ok(batch) => self.take(Some(batch)),
                Err(_) => break,
            }
        }
    }

    fn takes_more(&self, connection: &Connection) -> bool {
        connection.phase == Phase::Sending
            && !connection.blocked
            && !self.no_more
            && !self.leave.is_cancelled()
            && !self.is_moving
            && self.returns.is_empty()
            && self.ledger.unconfirmed_bytes() < MOST_KEPT
    }

    fn look_if_due(&mut self, connection: &mut Connection) -> Result<(), Ended> {
        let now = Instant::now();
        let due =
            connection.look_at.is_some_and(|at| at <= now) || connection.unlooked >= LOOK_BYTES;
        if due {
            let look = connection.look(&mut self.ledger, now)?;
            let idle_for = connection.progress.map_or(Duration::ZERO, |since| now - since);
            if look.outstanding && idle_for >= self.target.write_timeout {
                return Err(Ended::lost(Why::TimedOut(idle_for)));
            }
            if idle_for >= STALL {
                self.report.stalled(idle_for);
            } else {
                self.report.moving();
            }
        }
        Ok(())
    }

    /// Ends our side once everything is written and nothing more will come, and the connection once
    /// nothing more is to be awaited.
    fn part_if_done(&mut self, connection: &mut Connection) -> Result<(), Ended> {
        let now = Instant::now();
        connection.hang_up_if_due(now);
        let leaving = self.leave.is_cancelled();
        if leaving || self.is_moving {
            let by = *connection.leave_by.get_or_insert(now + GRACE);
            if now >= by && leaving {
                return Err(Ended::Otherwise(End::Done));
            }
            if now >= by {
                return Err(Ended::lost(Why::NotClosing));
            }
        }
        let too_much = self.ledger.unconfirmed_bytes() >= MOST_KEPT;
        match connection.phase {
            Phase::Sending if leaving || self.is_moving || self.no_more || too_much => {
                let patience = (AGE + GRACE).max(self.target.write_timeout);
                connection.renewing = !leaving && (self.is_moving || !self.no_more);
                connection.part(&self.ledger, connection.leave_by.unwrap_or(now + patience))?;
            }
            Phase::Dismissed(until) if now >= until => return Err(Ended::lost(Why::NotClosing)),
            _ => {}
        }
        match connection.phase {
            Phase::Parting(_) if self.ledger.is_settled() => {
                Err(Ended::Otherwise(connection.parted()))
            }
            Phase::Parting(until) if now >= until => Err(Ended::lost(Why::NotClosing)),
            _ => Ok(()),
        }
    }

    async fn wait(&mut self, connection: &mut Connection) -> Result<(), Ended> {
        let pending = connection.has_pending(&self.ledger);
        let takes = self.takes_more(connection) && !pending;
        let writes_on = connection.phase == Phase::Sending && !connection.blocked && pending;
        let wake_at = connection.wake_at();
        tokio::select! {
            biased;
            ready = connection.link.ready(connection.blocked) => {
                ready.map_err(Ended::broken)?;
                connection.blocked = false;
                connection.listen()?;
            }
            () = self.leave.cancelled(), if connection.leave_by.is_none() => {}
            () = changed(&mut self.targets), if !self.is_moving => self.is_moving = true,
            () = self.returns.pass_on() => {}
            () = self.meters.beat.asked() => {}
            batch = self.batches.recv(), if takes => self.take(batch),
            () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            () = std::future::ready(()), if writes_on => {}
        }
        Ok(())
    }
}
