//! Where everything is sent: counts lines, and notes when marked ones come. It does as little as it
//! can, the same for all contenders.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::answering::answer;
use crate::load::{MARK, MARK_DIGITS};
use crate::support::{Certificates, Endpoint, Transport, own_address};

/// How much is read at once.
pub const READ: usize = 1 << 20;
/// What is kept of it in case a mark lies across two reads.
const CARRY: usize = MARK.len() + MARK_DIGITS - 1;
/// Wanted of the kernel for datagrams that wait; it may grant less.
const DATAGRAMS: usize = 64 << 20;

/// A receiver on a loopback address of its own.
pub struct Sink {
    seen: Arc<Seen>,
    address: SocketAddr,
    transport: Transport,
    certificates: Option<Certificates>,
}

/// What has come.
pub struct Seen {
    lines: AtomicU64,
    bytes: AtomicU64,
    marks: Mutex<HashMap<u64, Instant>>,
    last: Mutex<Instant>,
    /// The receiver takes no connections, and ends those it has.
    gone: AtomicBool,
}

impl Sink {
    pub fn new(transport: Transport) -> Self {
        let ip = own_address();
        let seen = Arc::new(Seen {
            lines: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            marks: Mutex::default(),
            last: Mutex::new(Instant::now()),
            gone: AtomicBool::new(false),
        });
        let tls = transport == Transport::Tls;
        let certificates = tls.then(|| Certificates::new(ip));
        let address = match transport {
            Transport::Udp => receive_datagrams(ip, Arc::clone(&seen)),
            Transport::Tcp | Transport::Tls => {
                let server = certificates.as_ref().map(|it| it.server(rustls::ALL_VERSIONS));
                accept(ip, server, false, Arc::clone(&seen))
            }
            Transport::Relp => accept(ip, None, true, Arc::clone(&seen)),
            Transport::RelpTls => panic!("nobody is measured over it"),
        };
        Self { seen, address, transport, certificates }
    }

    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            transport: self.transport,
            host: self.address.ip().to_string(),
            port: self.address.port(),
            trust: self.certificates.as_ref().map(Certificates::authority),
        }
    }

    /// Lines so far; over UDP, those that the kernel had no room for included.
    pub fn lines(&self) -> u64 {
        let lines = self.seen.lines.load(Ordering::Acquire);
        if self.transport == Transport::Udp { lines + self.dropped() } else { lines }
    }

    pub fn bytes(&self) -> u64 {
        self.seen.bytes.load(Ordering::Acquire)
    }

    /// Datagrams that found no room.
    pub fn dropped(&self) -> u64 {
        let table = std::fs::read_to_string("/proc/net/udp").unwrap();
        let IpAddr::V4(ip) = self.address.ip() else { return 0 };
        let number = u32::from_ne_bytes(ip.octets());
        let local = format!(" {number:08X}:{:04X} ", self.address.port());
        let line = table.lines().find(|line| line.contains(&local));
        line.and_then(|line| line.split_whitespace().last()?.parse().ok()).unwrap_or(0)
    }

    /// Waits until there are so many lines, and returns when the last of them came. `None`: nothing
    /// more has come for `patience`.
    pub fn wait_lines(&self, lines: u64, patience: Duration) -> Option<Instant> {
        let (mut before, mut since) = (0, Instant::now());
        loop {
            let now = self.lines();
            if now >= lines {
                return Some(*self.seen.last.lock().unwrap());
            }
            if now > before {
                (before, since) = (now, Instant::now());
            } else if since.elapsed() > patience {
                return None;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// When the line marked with this number came.
    pub fn mark(&self, number: u64) -> Option<Instant> {
        self.seen.marks.lock().unwrap().get(&number).copied()
    }

    /// Waits for a mark.
    pub fn wait_mark(&self, number: u64, patience: Duration) -> Option<Instant> {
        let since = Instant::now();
        loop {
            match self.mark(number) {
                None if since.elapsed() < patience => thread::sleep(Duration::from_micros(500)),
                found => return found,
            }
        }
    }

    /// Is gone from now on.
    pub fn leave(&self) {
        self.seen.gone.store(true, Ordering::Release);
        // Wakes the one that waits for connections.
        let _ = TcpStream::connect(self.address);
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Seen {
    pub fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// `fresh` has come, behind `carried` bytes that were looked at before.
    pub fn take(&self, carried: usize, buffer: &[u8]) {
        let now = Instant::now();
        *self.last.lock().unwrap() = now;
        let fresh = &buffer[carried..];
        for at in memchr::memmem::find_iter(buffer, MARK) {
            let digits = buffer.get(at + MARK.len()..at + MARK.len() + MARK_DIGITS);
            let text = digits.and_then(|digits| std::str::from_utf8(digits).ok());
            if let Some(number) = text.and_then(|text| text.parse().ok()) {
                self.marks.lock().unwrap().entry(number).or_insert(now);
            }
        }
        self.bytes.fetch_add(fresh.len() as u64, Ordering::Release);
        let lines = memchr::memchr_iter(b'\n', fresh).count() as u64;
        self.lines.fetch_add(lines, Ordering::Release);
    }
}

fn accept(
    ip: IpAddr,
    server: Option<Arc<rustls::ServerConfig>>,
    answers: bool,
    seen: Arc<Seen>,
) -> SocketAddr {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            if seen.is_gone() {
                return;
            }
            let (seen, server) = (Arc::clone(&seen), server.clone());
            stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
            thread::spawn(move || match server {
                None if answers => answer(stream, &seen),
                None => receive(stream, &seen),
                Some(server) => {
                    let session = rustls::ServerConnection::new(server).unwrap();
                    receive(rustls::StreamOwned::new(session, stream), &seen);
                }
            });
        }
    });
    address
}

/// Reads one connection to its end.
fn receive(mut stream: impl Read, seen: &Seen) {
    let mut buffer = vec![0; CARRY + READ];
    let mut carried = 0;
    while !seen.is_gone() {
        match stream.read(&mut buffer[carried..]) {
            Ok(0) => return,
            Ok(count) => {
                let end = carried + count;
                seen.take(carried, &buffer[..end]);
                let kept = end.min(CARRY);
                buffer.copy_within(end - kept..end, 0);
                carried = kept;
            }
            Err(error) if is_timeout(&error) => {}
            Err(_) => return,
        }
    }
}

pub fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn receive_datagrams(ip: IpAddr, seen: Arc<Seen>) -> SocketAddr {
    let socket = UdpSocket::bind((ip, 0)).unwrap();
    rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, DATAGRAMS)
        .or_else(|_| rustix::net::sockopt::set_socket_recv_buffer_size(&socket, DATAGRAMS))
        .unwrap();
    socket.set_nonblocking(true).unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while !seen.is_gone() {
            match socket.recv(&mut buffer[1..]) {
                // A datagram is a line; some senders end it with a newline all the same.
                Ok(count) => {
                    let end = 1 + count - usize::from(buffer[count] == b'\n');
                    buffer[end] = b'\n';
                    seen.take(1, &buffer[..=end]);
                }
                // Whoever waits in the kernel is woken for each datagram, at the sender's cost.
                Err(error) if is_timeout(&error) => thread::sleep(Duration::from_micros(200)),
                Err(_) => return,
            }
        }
    });
    address
}
