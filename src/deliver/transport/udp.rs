//! Datagrams: one message each, no acknowledgement.
//!
//! What is promised: nothing is skipped by us. A message counts as delivered once the kernel has
//! taken it and no error came back within [`HOLD`]. A receiver whose port is closed answers by
//! ICMP; what was sent shortly before is then kept and sent again, at first a single message
//! every now and then, until no error comes back for [`TRIAL`]. What the network drops, and what a
//! receiver has no room for, is lost unnoticed: only TCP and TLS can do better.

use std::io;
use std::time::Duration;

use rustix::io::Errno;
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tracing::{debug, warn};

use super::connect::{self, ConnectError};
use super::datagrams::{Datagrams, HOLD};
use super::target::{changed, unless_called};
use crate::deliver::proof::Window;
use crate::deliver::{GRACE, Sender};

/// Messages handed to the kernel at a time.
const GROUP: usize = 64;
/// How long messages are sent one by one after an error. That a host is gone its neighbour says after
/// three seconds of asking for it (`mcast_solicit`, arp(7)), and it limits its answers: Linux gives
/// the same peer one a second when it has had several (`icmp_ratelimit`, icmp(7)). What was on its way
/// before may take the answers of one round; those of the next are ours.
const TRIAL: Duration = Duration::from_secs(8);
/// The kernel has no memory for a datagram just now.
const NO_BUFFERS: Duration = Duration::from_millis(10);

impl Sender {
    /// Sends datagrams until there are no more batches, or told to leave.
    pub(in crate::deliver) async fn run_udp(&mut self) {
        let (mut trial, mut refused) = (HOLD, None);
        loop {
            let delay = self.backoff.next(fastrand::f64());
            if self.pause(Instant::now() + delay).await.is_none() {
                return;
            }
            let target = &self.target;
            let opening = async {
                let opened = Datagrams::open(&target.host, target.port, refused, trial);
                let opened = timeout(target.connect_timeout, opened).await;
                opened.unwrap_or_else(|_| Err(connect::timed_out(target)))
            };
            let opening = self.beat.during(opening);
            let mut datagrams =
                match unless_called(&self.leave, &mut self.targets, &mut self.is_moving, opening)
                    .await
                {
                    None => return,
                    Some(Ok(datagrams)) => datagrams,
                    Some(Err(error)) => {
                        self.report.failed(&error);
                        continue;
                    }
                };
            self.ledger.connected(Window::default(), Instant::now().into_std());
            match self.serve(&mut datagrams).await {
                Ok(()) => return,
                Err(source) => {
                    let (host, address) = (self.target.host.clone(), datagrams.peer);
                    (trial, refused) = (TRIAL, Some(address));
                    self.report.failed(&ConnectError::Refused { host, address, source });
                }
            }
        }
    }

    async fn serve(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        loop {
            self.beat.turn();
            self.settle(datagrams)?;
            let leaving = self.leave.is_cancelled();
            if leaving {
                let by = *datagrams.leave_by.get_or_insert(Instant::now() + GRACE);
                if Instant::now() >= by {
                    return Ok(());
                }
            }
            if (leaving || self.no_more) && self.ledger.is_settled() {
                return Ok(());
            }
            if self.is_moving && !datagrams.holds() {
                return Ok(());
            }
            if let Some(most) = datagrams.may_send(GROUP)
                && !self.is_moving
            {
                self.send_group(datagrams, most).await?;
            }
            self.wait_for_datagrams(datagrams).await?;
        }
    }

    /// What was taken long enough ago counts as delivered.
    fn settle(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        let Some((sent, is_first)) = datagrams.delivered()? else { return Ok(()) };
        if is_first {
            self.backoff.reset();
            self.report.connected(datagrams.peer, "UDP", 0);
        }
        self.ledger.confirm_up_to(sent);
        self.settle_accounts();
        Ok(())
    }

    /// Sends the next messages, at most `most`.
    async fn send_group(&mut self, datagrams: &mut Datagrams, most: usize) -> io::Result<()> {
        let frames: Vec<_> = self.ledger.unwritten_frames().take(most).collect();
        let Some(first) = frames.first() else { return Ok(()) };
        let count = match datagrams.send(&frames) {
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                datagrams.blocked = true;
                return Ok(());
            }
            Err(error) if is(Errno::NOBUFS, &error) => {
                debug!("the kernel has no room for a datagram; waiting");
                sleep(NO_BUFFERS).await;
                return Ok(());
            }
            // A router may have said that of an earlier one; that error is used up now.
            Err(error) if is(Errno::MSGSIZE, &error) => match datagrams.send(&frames[..1]) {
                Err(again) if is(Errno::MSGSIZE, &again) => {
                    let bytes = first.len();
                    warn!(
                        "a message of {bytes} bytes is too large for a datagram and is not sent; \
                         lower udp_max_line_length or use TCP"
                    );
                    1
                }
                _ => return Err(error),
            },
            Err(error) => return Err(error),
        };
        let bytes: usize = frames[..count].iter().map(|frame| frame.len()).sum();
        self.ledger.wrote(bytes);
        datagrams.took(bytes);
        Ok(())
    }

    async fn wait_for_datagrams(&mut self, datagrams: &mut Datagrams) -> io::Result<()> {
        let pending = self.ledger.unwritten_bytes() > 0;
        let sends = pending && !self.is_moving;
        let writes_on = sends && datagrams.may_send(GROUP).is_some();
        let takes = !pending
            && !self.no_more
            && !self.is_moving
            && !self.leave.is_cancelled()
            && !self.ledger.is_full()
            && self.returns.is_empty();
        let wake_at = datagrams.wake_at(sends);
        let may_leave = datagrams.leave_by.is_none();
        tokio::select! {
            biased;
            ready = datagrams.ready() => ready?,
            () = self.leave.cancelled(), if may_leave => {}
            () = changed(&mut self.targets), if !self.is_moving => self.is_moving = true,
            () = self.returns.pass_on() => {}
            () = self.beat.asked() => {}
            batch = self.batches.recv(), if takes => self.take(batch),
            () = sleep_until(wake_at.unwrap_or_else(Instant::now)), if wake_at.is_some() => {}
            () = std::future::ready(()), if writes_on => {}
        }
        Ok(())
    }
}

fn is(kind: Errno, error: &io::Error) -> bool {
    error.raw_os_error() == Some(kind.raw_os_error())
}
