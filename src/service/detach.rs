//! Leaves the terminal without losing an error on the way.
//!
//! The process that was called stays until the daemon says that it runs, or why it does not; its
//! exit code is the truth. Whatever can fail should be done before [`Daemon::ready`]. Locks that
//! are taken before [`detach`] hold on: they belong to the open files, which both processes share.
//! A pid written before is the wrong one.

use std::fs::OpenOptions;
use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::process;

use rustix::process::{Pid, WaitOptions, WaitStatus, setsid, waitpid};

use crate::shown::lines;
use crate::sys::{Side, fork};

/// The process in the background cannot be made.
#[derive(Debug, thiserror::Error)]
#[error("cannot go into the background ({step}: {source}); use -D to stay in the foreground")]
pub struct DetachError {
    /// The system call.
    step: &'static str,
    /// Why it failed.
    source: io::Error,
}

/// The daemon's side: owes the process that was called an answer. If it ends without one, that
/// process says so.
#[derive(Debug)]
#[must_use = "the process in the foreground waits for the answer"]
pub struct Daemon {
    answer: PipeWriter,
}

/// Continues in a process of its own: a new session, working directory `/`. Returns only there;
/// the process that was called ends with the daemon's answer. Standard error stays open until
/// that is given, so that warnings while starting are seen.
///
/// To be called while there is one thread only, so before a runtime is built.
///
/// # Errors
/// A system call failed: nothing has been detached, or the daemon itself has to answer with it.
pub fn detach() -> Result<Daemon, DetachError> {
    let failed = |step| move |source| DetachError { step, source };
    let (question, answer) = io::pipe().map_err(failed("pipe"))?;
    match fork().map_err(failed("fork"))? {
        Side::Parent(child) => {
            drop(answer);
            process::exit(wait_for(question, child));
        }
        Side::Child => {
            drop(question);
            let daemon = Daemon { answer };
            // Neither can fail for a child that leads no process group and a root that exists.
            if let Err(error) = setsid().and_then(|_| rustix::process::chdir("/")) {
                let error = failed("setsid")(error.into());
                daemon.failed(1, &error.to_string());
            }
            Ok(daemon)
        }
    }
}

impl Daemon {
    /// Everything runs: the process that was called exits 0, the terminal is left alone.
    ///
    /// # Errors
    /// `/dev/null` cannot be opened.
    pub fn ready(mut self) -> io::Result<()> {
        if let Err(error) = leave_terminal() {
            self.tell(1, &format!("cannot open /dev/null: {error}"));
            return Err(error);
        }
        self.tell(0, "");
        Ok(())
    }

    /// It will not run: the process that was called prints `message` and exits with `code`, and
    /// so does this one.
    pub fn failed(mut self, code: u8, message: &str) -> ! {
        self.tell(code, message);
        process::exit(code.into())
    }

    /// One byte with the exit code, then the message.
    fn tell(&mut self, code: u8, message: &str) {
        // Whoever was to be told may be gone by now.
        let _ = self.answer.write_all(&[&[code], message.as_bytes()].concat());
    }
}

fn leave_terminal() -> io::Result<()> {
    let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
    rustix::stdio::dup2_stdin(&null)?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    Ok(())
}

/// Waits for the daemon's answer, prints what went wrong, and gives the exit code.
fn wait_for(mut question: PipeReader, child: Pid) -> i32 {
    let mut answer = Vec::new();
    let read = question.read_to_end(&mut answer);
    let (code, message) = match (answer.split_first(), read) {
        (Some((&code, message)), _) => (code, String::from_utf8_lossy(message).into_owned()),
        (None, Ok(_)) => {
            let how = waitpid(Some(child), WaitOptions::empty()).ok().flatten();
            let how = how.map_or_else(String::new, |(_, status)| describe(status));
            (1, format!("the process in the background ended before it was ready{how}"))
        }
        (None, Err(error)) => {
            (1, format!("the process in the background cannot be heard: {error}"))
        }
    };
    if !message.is_empty() {
        // With standard error closed there is only the exit code.
        let _ = writeln!(io::stderr(), "remote_syslog: {}", lines(&message));
    }
    code.into()
}

fn describe(status: WaitStatus) -> String {
    match (status.terminating_signal(), status.exit_status()) {
        (Some(signal), _) => format!(" (signal {signal})"),
        (_, Some(code)) => format!(" (exit code {code})"),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::{Command, Output, Stdio};
    use std::time::{Duration, Instant};

    use super::*;
    use crate::lockfile::{LockError, LockedFile};

    const ROLE: &str = "TEST_DETACH_ROLE";
    const DIR: &str = "TEST_DETACH_DIR";

    /// What the process of its own does that the tests below start; else nothing.
    #[test]
    fn in_a_process_of_its_own() {
        let (Ok(role), Ok(dir)) = (std::env::var(ROLE), std::env::var(DIR)) else { return };
        let dir = Path::new(&dir);
        let mut lock = LockedFile::open(&dir.join("lock"), 0o600).unwrap();
        let daemon = detach().unwrap_or_else(|error| panic!("{error}"));
        lock.write_pid().unwrap();
        eprintln!("a warning while starting");
        match &*role {
            "ready" => {
                daemon.ready().unwrap();
                eprintln!("not for the terminal");
                let cwd = std::env::current_dir().unwrap();
                let session = rustix::process::getsid(None).unwrap() == rustix::process::getpid();
                fs::write(dir.join("seen"), format!("{} {session}", cwd.display())).unwrap();
                // Until the test lets go, or for long enough.
                let start = Instant::now();
                while !dir.join("stop").exists() && start.elapsed() < Duration::from_secs(20) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
            "fails" => daemon.failed(7, "no place to stay"),
            _ => drop(daemon),
        }
        process::exit(3);
    }

    /// Calls this test binary so that one test runs there, in the only thread.
    fn call(role: &str, dir: &Path) -> Output {
        let name = "service::detach::tests::in_a_process_of_its_own";
        Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture", "--test-threads=1"])
            .envs([(ROLE, role.as_ref()), (DIR, dir.as_os_str())])
            .stdin(Stdio::null())
            .output()
            .unwrap()
    }

    fn wait_until(mut condition: impl FnMut() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < Duration::from_secs(20));
            std::thread::yield_now();
        }
    }

    #[test]
    fn the_call_ends_when_the_daemon_is_ready_and_its_lock_holds_on() {
        let dir = tempfile::tempdir().unwrap();
        let output = call("ready", dir.path());
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{errors}");
        assert!(errors.contains("a warning while starting"), "{errors}");
        assert!(!errors.contains("not for the terminal"), "{errors}");
        let lock = dir.path().join("lock");
        let held = LockedFile::open(&lock, 0o600);
        assert!(matches!(held, Err(LockError::Held(Some(_)))), "{held:?}");
        let seen = dir.path().join("seen");
        wait_until(|| fs::read_to_string(&seen).is_ok_and(|text| text == "/ true"));
        fs::write(dir.path().join("stop"), "").unwrap();
        wait_until(|| LockedFile::open(&lock, 0o600).is_ok());
    }

    #[test]
    fn the_call_fails_as_the_daemon_does() {
        let dir = tempfile::tempdir().unwrap();
        let output = call("fails", dir.path());
        assert_eq!(output.status.code(), Some(7));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("remote_syslog: no place to stay\n"), "{errors}");
    }

    #[test]
    fn a_daemon_that_dies_without_a_word_is_a_failure() {
        let dir = tempfile::tempdir().unwrap();
        let output = call("dies", dir.path());
        assert_eq!(output.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains("ended before it was ready (exit code 3)"), "{errors}");
    }
}
