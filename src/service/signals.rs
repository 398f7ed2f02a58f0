//! What the daemon does when it is signalled.
//!
//! | signal | effect |
//! |---|---|
//! | TERM, INT | a clean stop; another one half a second later or more ends the process at once |
//! | HUP | a clean stop in the foreground of a terminal (which is gone), else none |
//! | USR1 | none: scripts made for other daemons send it after a rotation |
//! | PIPE | none: Rust's runtime ignores it, a broken connection is an error of its write |

use std::io::{self, IsTerminal};
use std::process;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What HUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// The terminal is gone: stop cleanly.
    Stop,
    /// A request that has no meaning yet.
    Ignore,
}

impl Hangup {
    /// As befits a process that runs in the background or not. In the foreground without a
    /// terminal a supervisor or nohup(1) watches over it, and HUP does not mean "stop".
    #[must_use]
    pub fn for_process(detached: bool) -> Self {
        if !detached && io::stderr().is_terminal() { Self::Stop } else { Self::Ignore }
    }
}

/// Listens from now on, in a task of the current runtime. The token is cancelled when the process
/// is to stop; it may also be cancelled by others.
///
/// # Errors
/// A handler cannot be installed.
pub fn listen(hangup: Hangup) -> io::Result<CancellationToken> {
    let signals = Signals {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hangup: signal(SignalKind::hangup())?,
        user1: signal(SignalKind::user_defined1())?,
    };
    let stop = CancellationToken::new();
    tokio::spawn(signals.run(hangup, stop.clone()));
    Ok(stop)
}

/// A second signal means "at once" only when it comes this much later.
const INSISTING: Duration = Duration::from_millis(500);

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user1: Signal,
}

impl Signals {
    async fn run(mut self, hangup: Hangup, stop: CancellationToken) {
        let mut stopping = None;
        loop {
            let (name, number) = tokio::select! {
                _ = self.terminate.recv() => ("TERM", 15),
                _ = self.interrupt.recv() => ("INT", 2),
                _ = self.hangup.recv() => {
                    if hangup == Hangup::Stop {
                        tracing::info!("stopping (HUP: the terminal is gone)");
                        stop.cancel();
                    } else {
                        tracing::info!("ignored HUP: a changed configuration needs a restart");
                    }
                    continue;
                }
                _ = self.user1.recv() => {
                    tracing::info!("ignored USR1: rotated files are noticed without it");
                    continue;
                }
            };
            // Some senders repeat themselves (timeout(1) signals the process and its group).
            let again = *stopping.get_or_insert_with(Instant::now);
            if again.elapsed() >= INSISTING {
                tracing::warn!("stopped at once by a second signal ({name})");
                // As a shell reports it for a process that a signal has ended.
                process::exit(128 + number);
            }
            if !stop.is_cancelled() {
                tracing::info!("stopping ({name})");
                stop.cancel();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    const MARK: &str = "TEST_SIGNALS";

    /// Handlers stay for as long as a process lives, so this runs in one of its own.
    #[tokio::test]
    async fn in_a_process_of_its_own() {
        if std::env::var_os(MARK).is_none() {
            return;
        }
        let stop = listen(Hangup::Ignore).unwrap();
        let mut seen = signal(SignalKind::user_defined1()).unwrap();
        for harmless in [Signal::HUP, Signal::USR1, Signal::PIPE] {
            kill_process(getpid(), harmless).unwrap();
        }
        seen.recv().await;
        tokio::task::yield_now().await;
        assert!(!stop.is_cancelled());
        kill_process(getpid(), Signal::TERM).unwrap();
        stop.cancelled().await;
        // At once it is taken for a repetition, later for insistence.
        kill_process(getpid(), Signal::INT).unwrap();
        let mut seen = signal(SignalKind::interrupt()).unwrap();
        tokio::time::pause();
        loop {
            tokio::time::advance(INSISTING).await;
            kill_process(getpid(), Signal::INT).unwrap();
            seen.recv().await;
        }
    }

    #[test]
    fn term_stops_cleanly_and_the_second_signal_at_once() {
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "service::signals::tests::in_a_process_of_its_own"])
            .env(MARK, "1")
            .output();
        assert_eq!(output.unwrap().status.code(), Some(130));
    }

    #[test]
    fn a_daemon_outlives_every_terminal() {
        assert_eq!(Hangup::for_process(true), Hangup::Ignore);
    }
}
