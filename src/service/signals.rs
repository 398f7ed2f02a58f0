//! What signals ask for.
//!
//! | signal | effect |
//! |---|---|
//! | TERM, INT | a clean stop; another one half a second later or more ends the process at once |
//! | HUP | the configuration is loaded anew; a clean stop where it says that the terminal is gone |
//! | USR1 | the log tells how far each file is delivered |
//! | PIPE | none: Rust's runtime ignores it, a broken connection is an error of its write |
//! | XFSZ | none: a file that becomes too large is an error of its write |

use std::io::{self, IsTerminal};
use std::process;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::log;

/// What is asked of a process that goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Load the configuration anew.
    Reload,
    /// Say how far each file is delivered.
    Report,
}

/// What signals have led to so far.
#[derive(Debug)]
pub struct Signals {
    /// Cancelled when the process is to stop; others may cancel it as well.
    pub stop: CancellationToken,
    /// What else was asked for. Of many at once some may be missing.
    pub requests: mpsc::Receiver<Request>,
}

/// Where HUP may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hangup {
    /// From the terminal, when it goes away, or from a person.
    Terminal,
    /// From nobody but a person or a program that wants a reload.
    Request,
}

impl Hangup {
    /// As befits a process that runs in the background or not.
    #[must_use]
    pub fn for_process(detached: bool) -> Self {
        if !detached && io::stderr().is_terminal() { Self::Terminal } else { Self::Request }
    }

    /// A terminal that has hung up is none any more.
    fn means_stop(self) -> bool {
        self == Self::Terminal && !io::stderr().is_terminal()
    }
}

/// Listens from now on, in a task of the current runtime.
///
/// # Errors
/// A handler cannot be installed.
pub fn listen(hangup: Hangup) -> io::Result<Signals> {
    let (requests, requested) = mpsc::channel(2);
    let stop = CancellationToken::new();
    let listener = Listener {
        terminate: signal(SignalKind::terminate())?,
        interrupt: signal(SignalKind::interrupt())?,
        hangup: signal(SignalKind::hangup())?,
        user1: signal(SignalKind::user_defined1())?,
        requests,
        stop: stop.clone(),
    };
    tokio::spawn(listener.run(hangup));
    Ok(Signals { stop, requests: requested })
}

/// A second signal means "at once" only when it comes this much later.
const INSISTING: Duration = Duration::from_millis(500);

/// How long "at once" may take for what is to be said.
const AT_ONCE: Duration = Duration::from_millis(100);

struct Listener {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    user1: Signal,
    requests: mpsc::Sender<Request>,
    stop: CancellationToken,
}

impl Listener {
    async fn run(mut self, hangup: Hangup) {
        let mut stopping = None;
        loop {
            let (name, number) = tokio::select! {
                _ = self.terminate.recv() => ("TERM", 15),
                _ = self.interrupt.recv() => ("INT", 2),
                _ = self.hangup.recv() => {
                    if hangup.means_stop() {
                        tracing::info!("stopping (HUP: the terminal is gone)");
                        self.stop.cancel();
                    } else {
                        self.request(Request::Reload);
                    }
                    continue;
                }
                _ = self.user1.recv() => {
                    self.request(Request::Report);
                    continue;
                }
            };
            // Some senders repeat themselves (timeout(1) signals the process and its group).
            let again = *stopping.get_or_insert_with(Instant::now);
            if again.elapsed() >= INSISTING {
                tracing::warn!("stopped at once by a second signal ({name})");
                log::flush(AT_ONCE);
                // As a shell reports it for a process that a signal has ended.
                process::exit(128 + number);
            }
            if !self.stop.is_cancelled() {
                tracing::info!("stopping ({name})");
                self.stop.cancel();
            }
        }
    }

    fn request(&self, request: Request) {
        // While as many wait, one more says nothing new.
        let _ = self.requests.try_send(request);
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
        let Signals { stop, mut requests } = listen(Hangup::Request).unwrap();
        kill_process(getpid(), Signal::PIPE).unwrap();
        kill_process(getpid(), Signal::HUP).unwrap();
        assert_eq!(requests.recv().await, Some(Request::Reload));
        kill_process(getpid(), Signal::USR1).unwrap();
        assert_eq!(requests.recv().await, Some(Request::Report));
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
        assert_eq!(Hangup::for_process(true), Hangup::Request);
        assert!(!Hangup::Request.means_stop());
    }
}
