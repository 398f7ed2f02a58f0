//! What systemd is told, and what it asks for: sd_notify(3). Without systemd nothing is sent.
//!
//! It is never waited for: a manager that takes nothing (it hangs, or starts itself anew) must not keep
//! lines from being shipped. How it fares is told anew soon enough. What must arrive waits here.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sd_notify::NotifyState;

/// Where it is said whom to tell.
const SOCKET: &str = "NOTIFY_SOCKET";

/// Whether somebody listens.
#[must_use]
pub fn listens() -> bool {
    std::env::var_os(SOCKET).is_some()
}

/// Everything runs, at first or after a reload.
pub fn ready() {
    with_manager(|manager| manager.must_hear(&[NotifyState::Ready]));
}

/// A line for `systemctl status`. Whether it was taken.
pub fn status(text: &str) -> bool {
    with_manager(|manager| manager.hears(&[NotifyState::Status(text)])).unwrap_or(true)
}

/// The configuration is being loaded anew; [`ready`] ends that.
pub fn reloading() {
    // The time tells a reload from what was said of an earlier one.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        with_manager(|manager| manager.hears_last(&[NotifyState::Reloading, now]));
    }
}

/// It ends by itself, or because it was told to.
pub fn stopping() {
    with_manager(|manager| manager.hears_last(&[NotifyState::Stopping]));
}

/// Tells once more what must arrive and was not taken. Whether nothing is left of it.
pub fn catch_up() -> bool {
    with_manager(Manager::catch_up).unwrap_or(true)
}

/// After how long without [`alive`] systemd takes it for dead, if it does so at all.
#[must_use]
pub fn watchdog() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

/// Not dead yet.
pub fn alive() {
    with_manager(|manager| manager.hears(&[NotifyState::Watchdog]));
}

/// Has `tell` tell the one who listens, if there is one.
fn with_manager<T>(tell: impl FnOnce(&mut Manager) -> T) -> Option<T> {
    static MANAGER: OnceLock<Option<Mutex<Manager>>> = OnceLock::new();
    let manager = MANAGER.get_or_init(|| {
        let manager = Manager::at(&std::env::var_os(SOCKET)?);
        manager.inspect_err(cannot_tell).ok().map(Mutex::new)
    });
    let mut manager = manager.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner);
    Some(tell(&mut manager))
}

fn cannot_tell(error: &io::Error) {
    tracing::debug!("systemd cannot be told: {error}");
}

/// A manager's end of the line.
#[derive(Debug)]
struct Manager {
    address: SocketAddr,
    /// What must arrive, in this order. A reload stands for those before it, so there are two at most.
    waiting: VecDeque<String>,
}

impl Manager {
    /// The one that listens at `name`: a path, or behind an `@` a name without a file.
    fn at(name: &OsStr) -> io::Result<Self> {
        let address = match name.as_bytes().strip_prefix(b"@") {
            Some(name) => SocketAddr::from_abstract_name(name),
            None => SocketAddr::from_pathname(name),
        };
        Ok(Self { address: address?, waiting: VecDeque::new() })
    }

    /// It is told, if it takes that now. Whether it was.
    fn hears(&mut self, states: &[NotifyState<'_>]) -> bool {
        self.catch_up() && self.take(&text(states))
    }

    /// It is told sooner or later.
    fn must_hear(&mut self, states: &[NotifyState<'_>]) {
        let text = text(states);
        if self.waiting.back() != Some(&text) {
            self.waiting.push_back(text);
        }
        self.catch_up();
    }

    /// The same; what waits is over by that.
    fn hears_last(&mut self, states: &[NotifyState<'_>]) {
        self.waiting.clear();
        self.must_hear(states);
    }

    fn catch_up(&mut self) -> bool {
        while let Some(first) = self.waiting.front() {
            if !self.take(first) {
                return false;
            }
            self.waiting.pop_front();
        }
        true
    }

    /// Whether it has taken `text`, or never will.
    fn take(&self, text: &str) -> bool {
        match self.send(text) {
            Ok(()) => true,
            Err(error) => {
                cannot_tell(&error);
                error.kind() != io::ErrorKind::WouldBlock
            }
        }
    }

    fn send(&self, text: &str) -> io::Result<()> {
        let socket = UnixDatagram::unbound()?;
        socket.set_nonblocking(true)?;
        socket.send_to_addr(text.as_bytes(), &self.address).map(drop)
    }
}

fn text(states: &[NotifyState<'_>]) -> String {
    states.iter().fold(String::new(), |mut text, state| {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{state}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All that was told and is not read yet.
    fn read(socket: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 256];
        std::iter::from_fn(|| {
            let length = socket.recv(&mut buffer).ok()?;
            Some(String::from_utf8_lossy(&buffer[..length]).trim_end().to_owned())
        })
        .collect()
    }

    /// A manager at a name without a file.
    fn manager(name: &str) -> (UnixDatagram, Manager) {
        let name = format!("remote-syslog-test-{name}-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let socket = UnixDatagram::bind_addr(&address).unwrap();
        socket.set_nonblocking(true).unwrap();
        (socket, Manager::at(OsStr::new(&format!("@{name}"))).unwrap())
    }

    #[test]
    fn what_must_arrive_waits_while_nothing_is_taken_and_all_else_is_left_out() {
        let (socket, mut manager) = manager("full");
        let reload = |at| [NotifyState::Reloading, NotifyState::MonotonicUsec(at)];
        while manager.hears(&[NotifyState::Watchdog]) {}
        for at in [1, 2] {
            manager.hears_last(&reload(at));
            manager.must_hear(&[NotifyState::Ready]);
            manager.must_hear(&[NotifyState::Ready]);
        }
        assert!(!manager.hears(&[NotifyState::Status("lost")]) && !manager.catch_up());
        assert!(read(&socket).iter().all(|said| said == "WATCHDOG=1"));
        assert!(manager.catch_up() && manager.hears(&[NotifyState::Status("fine")]));
        assert_eq!(read(&socket), ["RELOADING=1\nMONOTONIC_USEC=2", "READY=1", "STATUS=fine"]);
    }

    #[test]
    fn where_nobody_listens_nothing_waits() {
        let (socket, mut manager) = manager("gone");
        drop(socket);
        manager.hears_last(&[NotifyState::Stopping]);
        assert!(manager.waiting.is_empty());
        assert!(Manager::at(OsStr::new(&"x".repeat(200))).is_err());
    }
}
