//! The life of one connection: what is taken from the channel, when the kernel is asked, and when
//! it is time to part.

use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

use super::connection::{Connection, End, Ended, LOOK_BYTES, Phase, Why};
use super::{GRACE, Sender};
use crate::deliver::fast_path::Desk;
use crate::deliver::proof::AGE;
use crate::deliver::transport::target::changed;
use crate::deliver::transport::tcp::Link;
use crate::pipeline::batch::Batch;

/// No more is taken from the channel while this much is not written yet.
const ENOUGH: u64 = 64 << 10;
/// A receiver that takes nothing for so long is worth a line in the log.
const STALL: Duration = Duration::from_secs(5);

/// What ended the waiting.
enum Woken {
    /// There is something to read, or room to write.
    Ready(io::Result<()>),
    /// There is another target.
    Moving,
    Batch(Option<Batch>),
    Otherwise,
}

impl Sender {
    /// Serves one connection until it ends.
    pub(super) async fn session(&mut self, link: Link) -> End {
        let mut connection = Connection::new(link);
        let mut went_on = connection.begin(&mut self.ledger);
        let ended = loop {
            if let Err(ended) = went_on.and_then(|()| self.step(&mut connection)) {
                break ended;
            }
            (connection, went_on) = self.wait(connection).await;
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
        // What is sent again must not arrive from here, later.
        if matches!(end, End::Lost(_)) || !self.ledger.is_settled() {
            connection.link.abort();
        }
        end
    }

    fn step(&mut self, connection: &mut Connection) -> Result<(), Ended> {
        self.take_waiting(connection);
        connection.write(&mut self.ledger)?;
        self.look_if_due(connection)?;
        self.settle_accounts();
        self.part_if_done(connection)?;
        self.beat.turn();
        Ok(())
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
            && !connection.is_spent(&self.ledger)
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
        let is_spent = connection.is_spent(&self.ledger);
        match connection.phase {
            Phase::Sending if leaving || self.is_moving || self.no_more || is_spent => {
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

    /// Waits for something to do, and takes note of it. A connection that is ready for more is
    /// lent out meanwhile.
    async fn wait(&mut self, connection: Connection) -> (Connection, Result<(), Ended>) {
        let pending = connection.has_pending(&self.ledger);
        let takes = self.takes_more(&connection) && !pending;
        let writes_on = connection.phase == Phase::Sending && !connection.blocked && pending;
        let (is_leaving, wake_at) = (connection.leave_by.is_some(), connection.wake_at());
        let ready = connection.link.ready(connection.blocked);
        let kept = if takes {
            self.lend(connection, wake_at);
            None
        } else {
            Some(connection)
        };
        let woken = tokio::select! {
            biased;
            ready = ready => Woken::Ready(ready),
            () = self.leave.cancelled(), if !is_leaving => Woken::Otherwise,
            () = changed(&mut self.targets), if !self.is_moving => Woken::Moving,
            () = self.returns.pass_on() => Woken::Otherwise,
            () = self.beat.asked() => Woken::Otherwise,
            () = self.express.called() => Woken::Otherwise,
            batch = self.batches.recv(), if takes => Woken::Batch(batch),
            () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {
                Woken::Otherwise
            }
            () = std::future::ready(()), if writes_on => Woken::Otherwise,
        };
        let (mut connection, ended) = match kept {
            Some(connection) => (connection, None),
            None => self.take_back(),
        };
        // First of all, for what was taken from a channel comes from nowhere else again. To listen is
        // left to those who find out what the end proves.
        let noted = match woken {
            Woken::Ready(_) if ended.is_some() => Ok(()),
            woken => self.note(&mut connection, woken),
        };
        (connection, ended.map_or(noted, Err))
    }

    fn lend(&mut self, connection: Connection, wake_at: Option<Instant>) {
        self.express.lend(Desk {
            connection,
            ledger: std::mem::take(&mut self.ledger),
            framing: self.target.encoder.framing(),
            taken: self.taken,
            wake_at,
            ended: None,
        });
    }

    fn take_back(&mut self) -> (Connection, Option<Ended>) {
        let desk = self.express.take_back();
        self.ledger = desk.ledger;
        (desk.connection, desk.ended)
    }

    fn note(&mut self, connection: &mut Connection, woken: Woken) -> Result<(), Ended> {
        match woken {
            Woken::Ready(ready) => {
                ready.map_err(Ended::broken)?;
                connection.blocked = false;
                connection.listen()?;
            }
            Woken::Moving => self.is_moving = true,
            Woken::Batch(batch) => self.take(batch),
            Woken::Otherwise => {}
        }
        Ok(())
    }
}
