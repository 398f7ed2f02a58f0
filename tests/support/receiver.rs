//! A syslog receiver in this process that does to its senders what networks do.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rcgen::CertificateParams;
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, SupportedProtocolVersion};

use super::certificates::Certificates;
use super::connection::{End, Shared, State, serve};
use super::endpoint::{Endpoint, Transport, own_address};
use super::message::Message;
use super::report::number;
use super::threads;

/// The receiver. It listens from [`Receiver::new`] on, until it is dropped.
pub struct Receiver {
    transport: Transport,
    address: SocketAddr,
    /// The name under which senders find it.
    host: String,
    certificates: Option<Certificates>,
    tls: Option<Arc<ServerConfig>>,
    shared: Arc<Shared>,
    listening: Option<Listening>,
}

struct Listening {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Receiver {
    /// On an address of its own.
    pub fn new(transport: Transport) -> Self {
        Self::at(transport, SocketAddr::new(own_address(), 0))
    }

    /// TCP on an address of its own.
    pub fn tcp() -> Self {
        Self::new(Transport::Tcp)
    }

    /// On `address`; port 0 lets the kernel choose.
    pub fn at(transport: Transport, address: SocketAddr) -> Self {
        let certificates = (transport == Transport::Tls).then(|| Certificates::new(address.ip()));
        let tls = certificates.as_ref().map(|c| c.server(rustls::ALL_VERSIONS));
        Self::listening(Self {
            transport,
            address,
            host: address.ip().to_string(),
            certificates,
            tls,
            shared: Arc::default(),
            listening: None,
        })
    }

    /// On 127.0.0.1 or ::1, to be reached as `localhost`. `None` where that address is missing.
    pub fn on_localhost(transport: Transport, v6: bool) -> Option<Self> {
        let ip: IpAddr = if v6 { Ipv6Addr::LOCALHOST.into() } else { Ipv4Addr::LOCALHOST.into() };
        UdpSocket::bind((ip, 0)).ok()?;
        let mut receiver = Self::at(transport, SocketAddr::new(ip, 0));
        receiver.host = "localhost".to_owned();
        Some(receiver)
    }

    /// One that speaks only these versions of TLS.
    pub fn tls_versions(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut receiver = Self::new(Transport::Tls);
        receiver.down(End::Abrupt);
        receiver.tls = receiver.certificates.as_ref().map(|c| c.server(versions));
        receiver.up();
        receiver
    }

    /// The same, and it resumes no session.
    pub fn tls_without_resumption(versions: &[&'static SupportedProtocolVersion]) -> Self {
        let mut receiver = Self::tls_versions(versions);
        receiver.down(End::Abrupt);
        let mut tls = receiver.tls.as_deref().unwrap().clone();
        tls.session_storage = Arc::new(NoServerSessionStorage {});
        tls.send_tls13_tickets = 0;
        receiver.tls = Some(Arc::new(tls));
        receiver.up();
        receiver
    }

    /// One that shows the certificate of another receiver.
    pub fn with_certificate_of(owner: &Self) -> Self {
        let mut receiver = Self::new(Transport::Tls);
        receiver.down(End::Abrupt);
        receiver.tls.clone_from(&owner.tls);
        receiver.up();
        receiver
    }

    /// One whose certificate `adjust` has changed.
    pub fn with_certificate(adjust: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut receiver = Self::new(Transport::Tls);
        receiver.down(End::Abrupt);
        let certificates = Certificates::adjusted(receiver.address.ip(), adjust);
        receiver.tls = Some(certificates.server(rustls::ALL_VERSIONS));
        receiver.certificates = Some(certificates);
        receiver.up();
        receiver
    }

    /// Writes what is read to files in `dir` as well, see [`super::ReceiverProcess`], and reads no more
    /// than `pace` bytes a second on each connection.
    pub fn with_journal(
        transport: Transport,
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        dir: PathBuf,
        pace: Option<usize>,
    ) -> Self {
        Self::listening(Self {
            transport,
            address,
            host: address.ip().to_string(),
            certificates: None,
            tls,
            shared: Arc::new(Shared::with_journal(dir, pace)),
            listening: None,
        })
    }

    fn listening(mut self) -> Self {
        self.up();
        self
    }

    /// What it shows over TLS.
    pub fn certificates(&self) -> Option<&Certificates> {
        self.certificates.as_ref()
    }

    /// How to reach it.
    pub fn endpoint(&self) -> Endpoint {
        Endpoint {
            transport: self.transport,
            host: self.host.clone(),
            port: self.address.port(),
            trust: self.certificates.as_ref().map(Certificates::authority),
        }
    }

    /// Listens again, on the address it had.
    pub fn up(&mut self) {
        assert!(self.listening.is_none(), "it listens already");
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, shared, tls) = (stop.clone(), self.shared.clone(), self.tls.clone());
        let thread = if self.transport == Transport::Udp {
            let socket = bind(|| UdpSocket::bind(self.address));
            self.address = socket.local_addr().unwrap();
            // Bursts fit in, where that is permitted.
            let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 16 << 20);
            thread::spawn(move || collect(&socket, &stopped, &shared))
        } else {
            let listener = bind(|| TcpListener::bind(self.address));
            self.address = listener.local_addr().unwrap();
            thread::spawn(move || accept(&listener, &stopped, &shared, tls.as_ref()))
        };
        self.listening = Some(Listening { stop, thread });
    }

    /// Stops listening and ends every connection.
    pub fn down(&mut self, end: End) {
        if let Some(listening) = self.listening.take() {
            listening.stop.store(true, Ordering::Relaxed);
            listening.thread.join().unwrap();
        }
        self.shared.end_all(end);
    }

    /// Ends every connection that is open now and goes on listening.
    pub fn end_connections(&self, end: End) {
        self.shared.end_all(end);
    }

    /// Reads nothing more, until [`Receiver::resume`].
    pub fn stall(&self) {
        self.shared.change(|state| state.stalled = true);
    }

    /// Reads again.
    pub fn resume(&self) {
        self.shared.change(|state| state.stalled = false);
    }

    /// Waits until a sender that proves every second (`Shipper::proving`) has proven what it sent: it
    /// has closed its connection for that, and begun another than the `before` that there were.
    #[track_caller]
    pub fn wait_rotation(&self, before: usize) {
        self.wait("what was sent is proven", super::SOON, |state| {
            state.accepted > before && state.open.len() == 1
        });
    }

    /// How many connections were ever accepted.
    pub fn accepted(&self) -> usize {
        self.shared.lock().accepted
    }

    /// How many connections ended within a frame.
    pub fn torn(&self) -> usize {
        self.shared.lock().torn
    }

    /// The largest receive buffer (`SO_RCVBUF`) any of its connections had, in bytes.
    pub fn widest_buffer(&self) -> usize {
        self.shared.lock().buffer
    }

    /// Waits until the numbered line `n` has come; says whether it has. Gives up when nothing at
    /// all came for `limit`.
    pub fn reads_up_to(&self, n: u64, limit: Duration) -> bool {
        let mut looked_at = 0;
        let found = |frames: &[Vec<u8>]| frames.iter().any(|frame| number(frame) == Some(n));
        loop {
            let (more, state) = self.shared.wait(limit, |state| state.frames.len() > looked_at);
            if found(&state.frames[looked_at..]) || !more {
                return more;
            }
            looked_at = state.frames.len();
        }
    }

    /// How many frames were received so far.
    pub fn count(&self) -> usize {
        self.shared.lock().frames.len()
    }

    /// Every frame received so far.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        self.shared.lock().frames.clone()
    }

    /// Every message received so far.
    pub fn messages(&self) -> Vec<Message> {
        self.frames().iter().map(|frame| Message::parse(frame)).collect()
    }

    /// The lines of all messages received so far.
    pub fn texts(&self) -> Vec<String> {
        self.messages().iter().map(Message::lossy).collect()
    }

    /// Waits for a condition on what was received.
    #[track_caller]
    pub fn wait(&self, what: &str, limit: Duration, holds: impl Fn(&State) -> bool) {
        let (held, state) = self.shared.wait(limit, holds);
        let last = state.frames.last().map(|frame| String::from_utf8_lossy(frame).into_owned());
        let (frames, accepted) = (state.frames.len(), state.accepted);
        drop(state);
        assert!(
            held,
            "waited {limit:?} in vain until {what}; {frames} messages over {accepted} connections, \
             the last {last:?}"
        );
    }

    /// Waits until `n` messages have come, and returns all that have.
    #[track_caller]
    pub fn wait_for(&self, n: usize) -> Vec<Message> {
        self.wait(&format!("{n} messages have come"), super::SOON, |s| s.frames.len() >= n);
        self.messages()
    }

    /// Waits until a message has come whose line is `text`.
    #[track_caller]
    pub fn wait_for_text(&self, text: &str) {
        self.wait(&format!("{text:?} has come"), super::SOON, |state| {
            state.frames.iter().rev().any(|frame| super::message::text(frame) == text.as_bytes())
        });
    }

    /// Waits until the numbered line `n` has come.
    #[track_caller]
    pub fn wait_for_number(&self, n: u64, limit: Duration) {
        self.wait(&format!("line {n} has come"), limit, |state| {
            state.frames.iter().rev().take(10_000).any(|frame| number(frame) == Some(n))
        });
    }

    /// Waits until a connection is open.
    #[track_caller]
    pub fn wait_connected(&self) {
        self.wait("a connection is open", super::SOON, |state| !state.open.is_empty());
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.take() {
            listening.stop.store(true, Ordering::Relaxed);
        }
        // Threads that still serve end by themselves; nobody waits for them.
        self.shared.change(|state| state.stalled = false);
    }
}

/// Binds a socket to an address that one of ours may have had a moment ago. That one is closed, and
/// yet a child that another thread has forked meanwhile holds it until it executes its program.
fn bind<T>(socket: impl Fn() -> io::Result<T>) -> T {
    let deadline = Instant::now() + super::SOON;
    loop {
        match socket() {
            Err(e) if e.kind() == io::ErrorKind::AddrInUse && Instant::now() < deadline => {
                thread::sleep(LOOK);
            }
            bound => return bound.unwrap(),
        }
    }
}

/// Between two looks at whether to stop.
const LOOK: Duration = Duration::from_millis(2);

fn accept(
    listener: &TcpListener,
    stop: &AtomicBool,
    shared: &Arc<Shared>,
    tls: Option<&Arc<ServerConfig>>,
) {
    threads::go_first();
    listener.set_nonblocking(true).unwrap();
    while !stop.load(Ordering::Relaxed) {
        match listener.accept() {
            Ok((socket, _)) => {
                let (shared, tls) = (shared.clone(), tls.cloned());
                let number = shared.begin();
                thread::spawn(move || serve(number, socket, tls, &shared));
            }
            Err(_) => thread::sleep(LOOK),
        }
    }
    // Or else those who connect are taken in for as long as a forked child holds the socket.
    let _ = rustix::net::shutdown(listener, rustix::net::Shutdown::Both);
}

fn collect(socket: &UdpSocket, stop: &AtomicBool, shared: &Shared) {
    threads::go_first();
    socket.set_read_timeout(Some(LOOK)).unwrap();
    let mut buffer = vec![0; 65_536];
    while !stop.load(Ordering::Relaxed) {
        if shared.lock().stalled {
            thread::sleep(LOOK);
        } else if let Ok(n) = socket.recv(&mut buffer) {
            shared.change(|state| state.frames.push(buffer[..n].to_vec()));
        }
    }
    // With a peer that sends nothing it takes nothing more, and senders are told that nobody is
    // there, even while a forked child holds the socket.
    let peer = SocketAddr::new(socket.local_addr().unwrap().ip(), 9);
    let _ = socket.connect(peer);
}
