//! What the tests stand on.
//!
//! | | |
//! |---|---|
//! | [`Site`] | a temporary directory with log files in it |
//! | [`Shipper`], [`Running`] | the real `remote_syslog`, its configuration, its process |
//! | [`Receiver`] | a syslog receiver in this process: comes late, stalls, closes, resets |
//! | [`ReceiverProcess`] | the same in a process of its own, to be stopped and killed |
//! | [`Numbered`], [`Report`] | a writer of numbered lines, and which of them arrived |
//! | [`Proxy`] | a proxy that ends TCP, with or without a server behind it |
//! | [`Tier`] | two hubs behind a balancer, a database and a second hub behind them |
//! | [`cost`] | processor time and memory of a process |
//! | [`Mounted`] | a file system that can be made not to answer |
//! | [`assert_documented`] | what a command says, held against `docs/operating.md` |
//! | [`peers`] | rsyslogd, syslog-ng, proxies, logrotate, promtool and others, unpacked on first use |
//!
//! Every wait is bounded and waits for a condition. Every receiver has an address of its own.

mod certificates;
mod connection;
pub mod cost;
mod dashboard;
mod doc;
mod endpoint;
mod message;
mod mounted;
mod nobody;
mod numbered;
pub mod peers;
mod picture;
mod process;
mod proxy;
mod receiver;
mod receiver_tests;
pub mod recorded;
mod report;
mod running;
mod shipper;
mod site;
mod socket;
pub mod threads;
mod tier;
mod turns;

use std::io::Write;
use std::panic::Location;
use std::time::{Duration, Instant};

pub use certificates::Certificates;
pub use connection::End;
pub use dashboard::sketch;
pub use doc::{assert_documented, assert_drawn};
pub use endpoint::{Endpoint, Transport, own_address};
pub use message::Message;
pub use mounted::Mounted;
pub use nobody::{as_nobody, give_to_nobody, run_by_nobody};
pub use numbered::{Numbered, Reopen, line, lines};
pub use process::{ReceiverProcess, receive_if_child};
pub use proxy::Proxy;
pub use receiver::Receiver;
pub use report::{Report, number};
pub use running::Running;
pub use shipper::{Guarded, Shipper, bare_command, finish, wait_exit};
pub use site::Site;
pub use tier::Tier;

/// How long anything that should happen soon may take on a busy machine.
pub const SOON: Duration = Duration::from_secs(20);

/// How long to watch for something that must not happen. A test that uses it proves only that it
/// did not happen at once; keep it for where no condition can be waited for.
pub const A_WHILE: Duration = Duration::from_millis(700);

/// Waits until `holds`, looking every few milliseconds. Panics with `what` after `limit`.
#[track_caller]
pub fn wait_until(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < deadline, "waited {limit:?} in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Says that the calling test cannot run, and why. Not captured as test output is: what was not
/// tested must be seen.
#[track_caller]
pub fn skip(need: &str, reason: &str) {
    let thread = std::thread::current();
    let place = Location::caller().to_string();
    let test = thread.name().filter(|name| name.contains("::")).unwrap_or(&place);
    let _ = writeln!(std::io::stderr(), "test {test} ... skipped: needs {need}: {reason}");
}
