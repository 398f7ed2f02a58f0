//! Programs of other people that the tests speak to.
//!
//! They are unpacked once, on first use, from the packages of the system's own distribution into
//! the build directory: nothing is installed, no service is started, nothing outside `target` is
//! touched, and rsyslog and syslog-ng, which refuse to be installed side by side, do not meet.
//! Where that is impossible, a program that is installed anyway is taken. RE2 comes from PyPI.
//!
//! A test whose program cannot be had is skipped, and says so by name on standard error. With
//! `REMOTE_SYSLOG_TEST_PEERS=required` in the environment it fails instead.

mod balancer;
mod documented;
mod forwarder;
mod hub;
mod judge;
mod logrotate;
mod openssl;
mod postgres;
mod proxy;
mod rsyslogd;
mod service;
mod sockets;
mod syslog_ng;
mod unpack;

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::endpoint::Endpoint;
use super::{Message, skip};

pub use balancer::{Balancer, Listener};
pub use documented::Documented;
pub use forwarder::Forwarder;
pub use hub::{Hub, Keeping};
pub use judge::Judge;
pub use logrotate::Logrotate;
pub use openssl::{Issue, Openssl, TlsServer, run_commands};
pub use postgres::Postgres;
pub use proxy::{Proxy, ProxyKind};
pub use rsyslogd::{Imrelp, Imtcp, Rsyslogd};
pub use syslog_ng::SyslogNg;
pub use unpack::{
    COMPRESSORS, FAKETIME, NETCAT, PROMETHEUS, Program, RSYSLOG, RSYSLOG_RELP, RUNIT, SYSLOG_NG,
};

/// A receiver that is somebody else's program, listening for UDP, TCP and TLS at once.
pub trait Peer {
    /// How to reach it.
    fn endpoint(&self, transport: super::Transport) -> Endpoint;
    /// The same where it expects octet counting, over TCP or TLS.
    fn counting_endpoint(&self, transport: super::Transport) -> Endpoint;
    /// The messages as it understood them and wrote them to its own file.
    fn messages(&self) -> Vec<Message>;
    /// How many those are.
    fn count(&self) -> usize;
}

/// Its messages as frames of the form that [`super::Report`] reads.
pub fn frames(peer: &dyn Peer) -> Vec<Vec<u8>> {
    let frame = |m: &Message| [b"<13>1 T h a - - - ", &m.text[..]].concat();
    peer.messages().iter().map(frame).collect()
}

/// What the peers' configurations write behind a message: its text may have newlines.
const END: &[u8] = b"\t\t;\n";

/// Tab-separated fields, as the peers' configurations write them: priority, timestamp, host, application, process,
/// kind of message, structured data, text. A message not finished yet is left out.
fn read_fields(path: &PathBuf) -> Vec<Message> {
    let bytes = std::fs::read(path).unwrap_or_default();
    let (mut messages, mut start) = (Vec::new(), 0);
    for end in memchr::memmem::find_iter(&bytes, END) {
        messages.push(parse_fields(&bytes[start..end]));
        start = end + END.len();
    }
    messages
}

/// How many messages such a file has. It only grows, so that each is counted once, however often it is asked.
#[derive(Debug, Default)]
struct Tally(Mutex<Counted>);

#[derive(Debug, Default)]
struct Counted {
    messages: usize,
    bytes: u64,
}

impl Tally {
    fn of(&self, path: &Path) -> usize {
        let mut counted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut new = Vec::new();
        if let Ok(mut file) = File::open(path) {
            file.seek(SeekFrom::Start(counted.bytes)).unwrap();
            file.read_to_end(&mut new).unwrap();
        }
        let before = counted.bytes;
        for end in memchr::memmem::find_iter(&new, END) {
            counted.messages += 1;
            counted.bytes = before + (end + END.len()) as u64;
        }
        counted.messages
    }
}

fn parse_fields(line: &[u8]) -> Message {
    let mut fields = line.splitn(8, |&byte| byte == b'\t');
    let mut next = || fields.next().expect("eight fields").to_vec();
    let mut text = || String::from_utf8(next()).unwrap();
    Message {
        priority: text().parse().unwrap(),
        timestamp: text(),
        hostname: text(),
        app_name: text(),
        process_id: text(),
        message_id: text(),
        structured_data: text(),
        text: next(),
    }
}
