//! The channels to the other stages, and the one place where sending waits: for its socket, for
//! what comes by a channel, or for the time to do something.

use std::future::{Future, ready};

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::Targets;
use super::fast_path::FastPath;
use super::returns::Returns;
use crate::health::liveness::Beat;
use crate::pipeline::batch::Batch;

/// What ended the waiting.
#[derive(Debug)]
pub(super) enum Wakeup<T> {
    /// The task has ended.
    Task(T),
    /// A batch has come, or none will come any more.
    Batch(Option<Batch>),
    /// It is time, or what is wanted has changed: see [`Control::intent`].
    Other,
}

/// What to wait for besides the task.
#[derive(Debug, Default)]
pub(super) struct Wait {
    /// A batch would be taken.
    pub(super) accepts: bool,
    /// Not longer than until then.
    pub(super) until: Option<Instant>,
    /// Not at all: only look whether something is there.
    pub(super) not_at_all: bool,
}

/// What is wanted of a connection. The first that applies counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// To be ended, and nothing to follow: the stage was told to leave.
    Leave,
    /// To be ended, and one to another receiver to follow.
    Retarget,
    /// To be ended once everything is confirmed: no batch will come any more.
    Finish,
    /// To be ended, and another one to follow: it has served for as long as it may.
    Renew,
    /// To be ended, and the one that is open already to follow: it has held something unproven for
    /// too long.
    HandOver,
    /// To be ended, and the one that is open already to follow: that leads to a receiver which comes
    /// before this one.
    GoBack,
    /// To be used.
    Serve,
}

/// All that reaches sending from outside.
#[derive(Debug)]
pub(super) struct Control {
    targets: watch::Receiver<Targets>,
    batches: mpsc::Receiver<Batch>,
    leave: CancellationToken,
    pub(super) fast_path: FastPath,
    pub(super) returns: Returns,
    pub(super) beat: Beat,
    /// The target has changed and is not taken yet.
    is_retargeted: bool,
    /// Told to leave, and it was noticed.
    has_heard_leave: bool,
    /// The channel of batches is closed and empty.
    pub(super) no_more: bool,
    /// How many batches have come by the channel.
    pub(super) taken: u64,
}

impl Control {
    pub(super) fn new(
        targets: watch::Receiver<Targets>,
        batches: mpsc::Receiver<Batch>,
        leave: CancellationToken,
        fast_path: FastPath,
        returns: Returns,
        beat: Beat,
    ) -> Self {
        Self {
            targets,
            batches,
            leave,
            fast_path,
            returns,
            beat,
            is_retargeted: false,
            has_heard_leave: false,
            no_more: false,
            taken: 0,
        }
    }

    /// Waits for the first thing to happen. Whoever is lent a connection calls as well.
    pub(super) async fn next<T>(&mut self, wait: Wait, task: impl Future<Output = T>) -> Wakeup<T> {
        let until = wait.until;
        tokio::select! {
            biased;
            done = task => Wakeup::Task(done),
            () = self.leave.cancelled(), if !self.has_heard_leave => {
                self.has_heard_leave = true;
                Wakeup::Other
            }
            () = changed(&mut self.targets), if !self.is_retargeted => {
                self.is_retargeted = true;
                Wakeup::Other
            }
            () = self.returns.pass_on() => Wakeup::Other,
            () = self.beat.asked() => Wakeup::Other,
            () = self.fast_path.called() => Wakeup::Other,
            batch = self.batches.recv(), if wait.accepts => {
                self.taken += u64::from(batch.is_some());
                self.no_more = batch.is_none();
                Wakeup::Batch(batch)
            }
            () = sleep_until(until.unwrap_or_else(Instant::now)), if until.is_some() => {
                Wakeup::Other
            }
            () = ready(()), if wait.not_at_all => Wakeup::Other,
        }
    }

    /// A batch that is there already.
    pub(super) fn waiting_batch(&mut self) -> Option<Batch> {
        let batch = self.batches.try_recv().ok()?;
        self.taken += 1;
        Some(batch)
    }

    /// What is wanted of a connection of which its session wants `own`.
    pub(super) fn intent(&self, own: Intent) -> Intent {
        if self.leave.is_cancelled() {
            Intent::Leave
        } else if self.is_retargeted {
            Intent::Retarget
        } else if self.no_more {
            Intent::Finish
        } else {
            own
        }
    }

    /// Nothing is to be sent to this target any more.
    pub(super) fn is_called_away(&self) -> bool {
        matches!(self.intent(Intent::Serve), Intent::Leave | Intent::Retarget)
    }

    /// The targets to turn to.
    pub(super) fn next_targets(&mut self) -> Targets {
        self.is_retargeted = false;
        self.targets.borrow_and_update().clone()
    }
}

/// Waits for another target, for ever where none can come.
async fn changed(targets: &mut watch::Receiver<Targets>) {
    if targets.changed().await.is_err() {
        std::future::pending().await
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::deliver::{Target, TransportKind};
    use crate::syslog::{Encoder, Framing};

    fn some_targets() -> Targets {
        Targets::from(Target {
            host: "127.0.0.1".to_owned(),
            port: 9,
            transport: TransportKind::Udp,
            encoder: Encoder::new(Framing::Datagram, None),
            connect_timeout: std::time::Duration::from_secs(1),
            write_timeout: std::time::Duration::from_secs(1),
            stall_limit: std::time::Duration::from_secs(1),
            proof_interval: std::time::Duration::from_secs(300),
            proxied: false,
        })
    }

    /// A task that never ends, as a name server may be that does not answer.
    #[tokio::test]
    async fn a_task_is_left_to_leave_or_to_move() {
        let (retarget, targets) = watch::channel(some_targets());
        let (_batches, taken) = mpsc::channel(1);
        let (leave, beat) = (CancellationToken::new(), Beat::default());
        let returns = Returns::new(mpsc::channel(1).0, mpsc::channel(1).0);
        let fast_path = FastPath::default();
        let mut control = Control::new(targets, taken, leave.clone(), fast_path, returns, beat);
        retarget.send(some_targets()).unwrap();
        let woken = control.next(Wait::default(), pending::<()>()).await;
        assert!(matches!(woken, Wakeup::Other), "{woken:?}");
        assert_eq!(control.intent(Intent::Serve), Intent::Retarget);
        control.next_targets();
        assert_eq!(control.intent(Intent::Serve), Intent::Serve);
        assert_eq!(control.intent(Intent::Renew), Intent::Renew);
        leave.cancel();
        let woken = control.next(Wait::default(), pending::<()>()).await;
        assert!(matches!(woken, Wakeup::Other), "{woken:?}");
        assert_eq!(control.intent(Intent::Renew), Intent::Leave);
        assert!(control.is_called_away());
    }
}
