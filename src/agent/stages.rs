//! The running stages: one set of tasks, each of which says which stage has ended, and why.

use std::collections::HashMap;
use std::future::Future;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::task::{AbortHandle, Id, JoinSet};
use tokio::time::timeout;

use crate::deliver::Outcome;
use crate::health::StageName;
use crate::threads;

/// Why a stage has ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum EndReason {
    /// It has nothing more to do, or was told to end.
    Done,
    /// Sending has ended and leaves this behind.
    Left(Outcome),
    /// It has panicked.
    Panicked,
}

/// A stage has ended.
#[derive(Debug)]
pub(super) struct Ended(pub(super) StageName, pub(super) EndReason);

/// All stages. Those that have a thread of their own are in the set by a task that waits for the
/// thread to end.
#[derive(Debug, Default)]
pub(super) struct Stages {
    set: JoinSet<EndReason>,
    running: HashMap<Id, (StageName, AbortHandle)>,
    /// What sending has left behind, once it has ended.
    left: Option<Outcome>,
}

impl Stages {
    /// Runs `stage` as a task of this runtime.
    pub(super) fn task(
        &mut self,
        stage: StageName,
        task: impl Future<Output = EndReason> + Send + 'static,
    ) -> AbortHandle {
        let handle = self.set.spawn(task);
        self.running.insert(handle.id(), (stage, handle.clone()));
        handle
    }

    /// Runs `stage` on a thread of its own, as soon as there is one.
    pub(super) fn thread(
        &mut self,
        stage: StageName,
        name: &'static str,
        work: impl FnOnce() + Send + 'static,
    ) -> AbortHandle {
        let (done, is_done) = oneshot::channel();
        threads::start(name, move || {
            work();
            // Nobody waits when the program ends without this stage.
            let _ = done.send(());
        });
        self.task(stage, async {
            match is_done.await {
                Ok(()) => EndReason::Done,
                Err(_) => EndReason::Panicked,
            }
        })
    }

    /// Waits for the next stage to end; `None` when all have ended. Nothing is lost when the waiting
    /// is given up.
    pub(super) async fn next(&mut self) -> Option<Ended> {
        loop {
            let (id, reason) = match self.set.join_next_with_id().await? {
                Ok(ended) => ended,
                Err(error) if error.is_panic() => (error.id(), EndReason::Panicked),
                Err(error) => (error.id(), EndReason::Done),
            };
            let Some((stage, _)) = self.running.remove(&id) else { continue };
            if let EndReason::Left(outcome) = reason {
                self.left = Some(outcome);
            }
            return Some(Ended(stage, reason));
        }
    }

    /// Waits until `stage` has ended. Returns whether it has, within `patience`; if not, it is given
    /// up.
    pub(super) async fn ended(&mut self, stage: StageName, patience: Duration) -> bool {
        let waiting = async { while self.is_running(stage) && self.next().await.is_some() {} };
        let has_ended = timeout(patience, waiting).await.is_ok();
        let given_up = self.running.extract_if(|_, (running, _)| *running == stage);
        given_up.for_each(|(_, (_, handle))| handle.abort());
        has_ended
    }

    /// Takes no more notice of one: it is not waited for.
    pub(super) fn dismiss(&mut self, handle: &AbortHandle) {
        self.running.remove(&handle.id());
        handle.abort();
    }

    /// Whether `stage` has not ended.
    pub(super) fn is_running(&self, stage: StageName) -> bool {
        self.running.values().any(|(running, _)| *running == stage)
    }

    /// What sending has left behind, once it has ended.
    pub(super) fn left(&self) -> Option<Outcome> {
        self.left
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    const SOON: Duration = Duration::from_secs(60);

    #[tokio::test]
    async fn each_end_is_told_once_with_its_reason() {
        let mut stages = Stages::default();
        let outcome = Outcome { messages: 7 };
        stages.task(StageName::Deliver, async move { EndReason::Left(outcome) });
        assert!(stages.ended(StageName::Deliver, SOON).await);
        assert_eq!(stages.left(), Some(outcome));
        stages.thread(StageName::Input, "test", || {});
        let Some(Ended(StageName::Input, EndReason::Done)) = stages.next().await else { panic!() };
        stages.thread(StageName::Discover, "test", || panic!("as it should"));
        let ended = stages.next().await;
        assert!(
            matches!(ended, Some(Ended(StageName::Discover, EndReason::Panicked))),
            "{ended:?}"
        );
        assert!(stages.next().await.is_none());
    }

    #[tokio::test]
    async fn one_that_does_not_end_is_waited_for_no_longer_than_is_allowed() {
        let mut stages = Stages::default();
        stages.task(StageName::Input, pending());
        assert!(!stages.ended(StageName::Input, Duration::from_millis(1)).await);
        assert!(!stages.is_running(StageName::Input), "it is given up");
        let hung = stages.task(StageName::Discover, pending());
        stages.dismiss(&hung);
        assert!(stages.next().await.is_none(), "neither of them is told of");
    }
}
