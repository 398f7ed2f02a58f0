//! A receiver in a process of its own, so that it can be stopped and killed with data unread.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::certificates::Certificates;
use super::connection::BUFFER;
use super::endpoint::{Endpoint, Transport, own_address};
use super::receiver::Receiver;
use super::report::number;
use super::{SOON, threads, wait_until};

/// Name of the test that is the child process, and of the variables that tell it what to do.
const CHILD: &str = "support::process::child";
const LISTEN: &str = "TEST_RECEIVER_LISTEN";
const JOURNAL: &str = "TEST_RECEIVER_JOURNAL";
const CERTIFICATES: &str = "TEST_RECEIVER_CERTIFICATES";
const PACE: &str = "TEST_RECEIVER_BYTES_PER_SECOND";

/// The parent's side. Every start has the same address and a journal of its own.
pub struct ReceiverProcess {
    transport: Transport,
    address: SocketAddr,
    certificates: Option<Certificates>,
    /// What was read, as files `START/CONNECTION`.
    journal: TempDir,
    starts: usize,
    /// So many bytes a second are read, at most, on each connection.
    pace: Option<usize>,
    child: Option<Child>,
}

impl ReceiverProcess {
    /// Starts one that speaks TCP or TLS.
    pub fn start(transport: Transport) -> Self {
        Self::start_at(transport, None)
    }

    /// The same, and it reads no more than so many bytes a second on each connection.
    pub fn start_slow(transport: Transport, bytes_per_second: usize) -> Self {
        Self::start_at(transport, Some(bytes_per_second))
    }

    /// It reads as fast as it can from its next start on.
    pub fn recover(&mut self) {
        self.pace = None;
    }

    fn start_at(transport: Transport, pace: Option<usize>) -> Self {
        let ip = own_address();
        let port = std::net::TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().port();
        let mut process = Self {
            transport,
            address: SocketAddr::new(ip, port),
            certificates: (transport == Transport::Tls).then(|| Certificates::new(ip)),
            journal: TempDir::new().unwrap(),
            starts: 0,
            pace,
            child: None,
        };
        process.restart();
        process
    }

    /// How to reach it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            transport: self.transport,
            host: self.address.ip().to_string(),
            port: self.address.port(),
            trust: self.certificates.as_ref().map(Certificates::authority),
        }
    }

    /// Starts it again after [`ReceiverProcess::kill`] and waits until it listens.
    pub fn restart(&mut self) {
        assert!(self.child.is_none(), "it still runs");
        let journal = self.journal.path().join(format!("{:06}", self.starts));
        self.starts += 1;
        fs::create_dir(&journal).unwrap();
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", CHILD, "--ignored", "--nocapture", "--test-threads", "1"]);
        command.env(LISTEN, self.address.to_string()).env(JOURNAL, &journal);
        if let Some(certificates) = &self.certificates {
            command.env(CERTIFICATES, certificates.key().parent().unwrap());
        }
        if let Some(pace) = self.pace {
            command.env(PACE, pace.to_string());
        }
        // The child ends when this pipe is closed, that is, with its parent at the latest.
        command.stdin(Stdio::piped()).stdout(Stdio::null());
        self.child = Some(command.spawn().unwrap());
        wait_until("the receiver listens", SOON, || journal.join("is.listening").exists());
    }

    /// SIGSTOP: it reads nothing, but its kernel goes on accepting and acknowledging. Returns when
    /// that is so: a thread that runs just now goes on for a moment.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
        wait_until_frozen(self.child.as_ref().unwrap().id());
    }

    /// SIGKILL. Its kernel resets connections on which something was unread.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }

    /// Every complete frame it read, over all its starts.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        for connection in self.journals() {
            let bytes = fs::read(connection).unwrap();
            let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
            let lines = bytes[..whole].split_inclusive(|&byte| byte == b'\n');
            frames.extend(lines.map(|line| line[..line.len() - 1].to_vec()));
        }
        frames
    }

    /// How many bytes it read, over all its starts.
    pub fn bytes(&self) -> u64 {
        self.journals().iter().map(|path| fs::metadata(path).unwrap().len()).sum()
    }

    /// Waits until the numbered line `n` is the last one read on some connection; says whether it
    /// came. Gives up when nothing at all was read for `limit`.
    pub fn reads_up_to(&self, n: u64, limit: Duration) -> bool {
        let (mut bytes, mut since) = (self.bytes(), Instant::now());
        while !self.journals().iter().any(|path| ends_with_number(path, n)) {
            std::thread::sleep(Duration::from_millis(50));
            let now = self.bytes();
            if now > bytes {
                (bytes, since) = (now, Instant::now());
            } else if since.elapsed() > limit {
                return false;
            }
        }
        true
    }

    /// The largest receive buffer (`SO_RCVBUF`) any of its connections had, in bytes.
    pub fn widest_buffer(&self) -> usize {
        let dirs = (0..self.starts).map(|start| self.journal.path().join(format!("{start:06}")));
        let entries = dirs.flat_map(|dir| fs::read_dir(dir).unwrap().map(|e| e.unwrap().path()));
        let buffers = entries.filter(|path| path.extension().is_some_and(|end| end == BUFFER));
        buffers.filter_map(|path| fs::read_to_string(path).ok()?.parse().ok()).max().unwrap_or(0)
    }

    fn journals(&self) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        for start in 0..self.starts {
            let dir = self.journal.path().join(format!("{start:06}"));
            let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
            paths.extend(entries.filter(|path| path.extension().is_none()));
        }
        paths.sort();
        paths
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(self.child.as_ref().unwrap()), signal).unwrap();
    }
}

/// Whether the last whole frame in a journal carries line `n`.
fn ends_with_number(journal: &Path, n: u64) -> bool {
    let mut file = fs::File::open(journal).unwrap();
    let length = file.metadata().unwrap().len();
    file.seek(SeekFrom::Start(length.saturating_sub(8 << 10))).unwrap();
    let mut end = Vec::new();
    file.read_to_end(&mut end).unwrap();
    let last = end.strip_suffix(b"\n").and_then(|whole| whole.rsplit(|&b| b == b'\n').next());
    last.and_then(number) == Some(n)
}

impl Drop for ReceiverProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The child's side: this test binary, called for this one test.
#[test]
#[ignore = "other tests run it as a process of its own"]
fn child() {
    receive_if_child();
}

/// In a process that was started to receive, receives until its parent has gone. Returns whether
/// this is one. A test binary with a `main` of its own calls it first.
pub fn receive_if_child() -> bool {
    let Ok(address) = std::env::var(LISTEN) else { return false };
    let journal = PathBuf::from(std::env::var_os(JOURNAL).unwrap());
    let address = address.parse().unwrap();
    let certificates = std::env::var_os(CERTIFICATES);
    let pace = std::env::var(PACE).ok().map(|pace| pace.parse().unwrap());
    let _receiver = match &certificates {
        None => Receiver::with_journal(Transport::Tcp, address, None, journal.clone(), pace),
        Some(dir) => {
            let tls = Certificates::server_from(Path::new(dir), rustls::ALL_VERSIONS);
            Receiver::with_journal(Transport::Tls, address, Some(tls), journal.clone(), pace)
        }
    };
    fs::write(journal.join("is.listening"), "").unwrap();
    let _ = std::io::stdin().read(&mut [0]);
    true
}

/// Waits until every thread of a process that was sent SIGSTOP has stopped: one that runs just now goes
/// on for a moment.
pub fn wait_until_frozen(pid: u32) {
    let is_stopped = |thread| threads::state(thread).is_none_or(|state| state == 'T');
    wait_until("it is stopped", SOON, || threads::of(pid).all(is_stopped));
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::TcpStream;

    use super::*;

    #[test]
    fn what_it_read_outlives_it_and_what_it_did_not_read_is_not_told() {
        let mut receiver = ReceiverProcess::start(Transport::Tcp);
        let mut sender = TcpStream::connect(receiver.address).unwrap();
        sender.write_all(b"one\ntwo\nthr").unwrap();
        wait_until("it has read", SOON, || receiver.bytes() == 11);
        receiver.freeze();
        sender.write_all(b"ee\nfour\n").unwrap();
        receiver.kill();
        receiver.restart();
        let mut sender = TcpStream::connect(receiver.address).unwrap();
        sender.write_all(b"five\n").unwrap();
        wait_until("it has read", SOON, || receiver.bytes() == 16);
        assert_eq!(receiver.frames(), [b"one".to_vec(), b"two".to_vec(), b"five".to_vec()]);
    }
}
