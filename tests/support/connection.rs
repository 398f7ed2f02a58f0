//! One connection of a [`super::Receiver`], and what all of them share.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::socket::Socket;

/// How long a read waits before it looks whether something else was ordered.
const LOOK: Duration = Duration::from_millis(10);
/// How long a connection closed cleanly waits for its peer to close as well.
const FAREWELL: Duration = Duration::from_secs(5);

/// Extension of the file beside a journal that holds the largest receive buffer.
pub const BUFFER: &str = "buffer";

/// How a connection is ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// FIN, then everything the peer still sends is read until it closes too.
    Clean,
    /// Closed as it is: the kernel resets when there is unread data.
    Abrupt,
    /// RST, whatever was unread or unsent is lost.
    Reset,
    /// RST as soon as a part of a frame, and not all of it, has been read.
    Torn,
}

/// What was received, and what the connections are told to do.
#[derive(Default)]
pub struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Where to write what was read as well, one file a connection.
    journal: Option<PathBuf>,
    /// So many bytes a second are read, at most, on each connection.
    pace: Option<usize>,
}

/// See [`Shared`].
#[derive(Default)]
pub struct State {
    /// Every complete frame, in the order in which it was read, without its newline.
    pub frames: Vec<Vec<u8>>,
    /// Connections (or datagram sockets) ever accepted.
    pub accepted: usize,
    /// The numbers of those still open.
    pub open: BTreeSet<usize>,
    /// Ended within a frame.
    pub torn: usize,
    /// The largest receive buffer (`SO_RCVBUF`) a connection had, in bytes.
    pub buffer: usize,
    /// Nothing is read.
    pub stalled: bool,
    /// Connections up to this number end this way.
    ended: Option<(usize, End)>,
}

enum Order {
    Read,
    Wait,
    End(End),
}

impl Shared {
    /// One that keeps a journal in `dir`.
    pub fn with_journal(dir: PathBuf, pace: Option<usize>) -> Self {
        Self { journal: Some(dir), pace, ..Self::default() }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Waits until `holds` or `limit` has passed; says which, with the state at that moment.
    pub fn wait(
        &self,
        limit: Duration,
        mut holds: impl FnMut(&State) -> bool,
    ) -> (bool, MutexGuard<'_, State>) {
        let waited = self.changed.wait_timeout_while(self.lock(), limit, |state| !holds(state));
        let (state, time_out) = waited.unwrap();
        (!time_out.timed_out(), state)
    }

    /// Changes the state and wakes everyone who waits for a change.
    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    /// Ends every connection there is now and waits until it has ended.
    pub fn end_all(&self, end: End) {
        let mut last = 0;
        self.change(|state| {
            last = state.accepted;
            state.ended = Some((last, end));
        });
        // New ones may come meanwhile.
        let (ended, state) =
            self.wait(FAREWELL * 2, |state| state.open.range(..=last).count() == 0);
        assert!(ended, "connections do not end: {:?}", state.open);
    }

    /// Counts a new connection and gives it a number.
    pub fn begin(&self) -> usize {
        let mut number = 0;
        self.change(|state| {
            state.accepted += 1;
            number = state.accepted;
            state.open.insert(number);
        });
        number
    }

    fn order(&self, number: usize) -> Order {
        let state = self.lock();
        match state.ended {
            Some((last, end)) if number <= last => Order::End(end),
            _ if state.stalled => Order::Wait,
            _ => Order::Read,
        }
    }
}

/// Reads connection `number` to its end, or to the end that is ordered.
pub fn serve(number: usize, socket: TcpStream, tls: Option<Arc<ServerConfig>>, shared: &Shared) {
    socket.set_nonblocking(false).unwrap();
    socket.set_read_timeout(Some(LOOK)).unwrap();
    let socket = Socket::new(socket, shared.journal.is_some(), shared.pace);
    let stream = match tls {
        None => Stream::Plain(socket),
        Some(config) => {
            let connection = ServerConnection::new(config).unwrap();
            Stream::Tls(Box::new(StreamOwned::new(connection, socket)))
        }
    };
    let journal = shared.journal.as_ref().map(|dir| Journal::new(dir.join(format!("{number:06}"))));
    let mut connection = Connection { stream, unfinished: Vec::new(), journal, buffer: 0 };
    connection.run(number, shared);
    let torn = usize::from(!connection.unfinished.is_empty());
    drop(connection);
    shared.change(|state| {
        state.open.remove(&number);
        state.torn += torn;
    });
}

struct Connection {
    stream: Stream,
    /// The beginning of a frame whose newline has not come yet.
    unfinished: Vec<u8>,
    journal: Option<Journal>,
    /// The largest receive buffer so far.
    buffer: usize,
}

/// What a connection read, on disk. The frames are not kept in memory then.
struct Journal {
    path: PathBuf,
    file: File,
}

impl Journal {
    fn new(path: PathBuf) -> Self {
        Self { file: File::create(&path).unwrap(), path }
    }
}

impl Connection {
    fn run(&mut self, number: usize, shared: &Shared) {
        loop {
            match shared.order(number) {
                Order::Read => {
                    if self.read(shared).is_err() {
                        return;
                    }
                }
                Order::Wait => std::thread::sleep(LOOK),
                Order::End(end) => return self.end(end, shared),
            }
        }
    }

    /// Reads what there is. An error means that the connection is over.
    fn read(&mut self, shared: &Shared) -> io::Result<()> {
        self.read_at_most(64 * 1024, shared)
    }

    fn read_at_most(&mut self, count: usize, shared: &Shared) -> io::Result<()> {
        let mut buffer = [0; 64 * 1024];
        let bytes = match self.stream.read(&mut buffer[..count]) {
            Ok(0) => {
                // The other side's close_notify was only looked at, and would have the kernel send RST.
                self.stream.take_peeked()?;
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            Ok(n) => &buffer[..n],
            Err(e) if is_time_out(&e) => return Ok(()),
            Err(e) => return Err(e),
        };
        if let Some(journal) = &mut self.journal {
            journal.file.write_all(bytes).unwrap();
        }
        self.unfinished.extend_from_slice(bytes);
        self.measure(shared);
        let Some(end) = self.unfinished.iter().rposition(|&byte| byte == b'\n') else {
            return Ok(());
        };
        let rest = self.unfinished.split_off(end + 1);
        let frames = std::mem::replace(&mut self.unfinished, rest);
        if self.journal.is_some() {
            return Ok(());
        }
        shared.change(|state| {
            state.frames.extend(frames[..end].split(|&byte| byte == b'\n').map(<[u8]>::to_vec));
        });
        Ok(())
    }

    /// Notes how large the receive buffer has become.
    fn measure(&mut self, shared: &Shared) {
        let buffer = rustix::net::sockopt::socket_recv_buffer_size(self.stream.socket()).unwrap();
        if buffer > self.buffer {
            self.buffer = buffer;
            shared.change(|state| state.buffer = state.buffer.max(buffer));
            if let Some(journal) = &self.journal {
                std::fs::write(journal.path.with_extension(BUFFER), buffer.to_string()).unwrap();
            }
        }
    }

    fn end(&mut self, end: End, shared: &Shared) {
        match end {
            End::Abrupt => {}
            End::Torn | End::Reset => {
                let deadline = Instant::now() + FAREWELL;
                while end == End::Torn
                    && (self.unfinished.is_empty() && Instant::now() < deadline)
                    && self.read_at_most(61, shared).is_ok()
                {}
                rustix::net::sockopt::set_socket_linger(self.stream.socket(), Some(Duration::ZERO))
                    .unwrap();
            }
            End::Clean => {
                let deadline = Instant::now() + FAREWELL;
                // Lines that come with the last of the handshake would be lost in good order.
                while self.stream.is_handshaking()
                    && Instant::now() < deadline
                    && self.read(shared).is_ok()
                {}
                self.stream.say_goodbye();
                while Instant::now() < deadline && self.read(shared).is_ok() {}
            }
        }
    }
}

fn is_time_out(error: &io::Error) -> bool {
    use io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}

enum Stream {
    Plain(Socket),
    Tls(Box<StreamOwned<ServerConnection, Socket>>),
}

impl Stream {
    fn socket(&self) -> &TcpStream {
        match self {
            Self::Plain(socket) => socket.stream(),
            Self::Tls(stream) => stream.sock.stream(),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(socket) => socket.read(buffer),
            Self::Tls(stream) => stream.read(buffer),
        }
    }

    fn take_peeked(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(socket) => socket.take_peeked(),
            Self::Tls(stream) => stream.sock.take_peeked(),
        }
    }

    fn is_handshaking(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.conn.is_handshaking())
    }

    /// Says that nothing more will be sent. That it cannot be said is no matter.
    fn say_goodbye(&mut self) {
        if let Self::Tls(stream) = self {
            stream.conn.send_close_notify();
            let _ = stream.conn.write_tls(&mut stream.sock);
        }
        let _ = self.socket().shutdown(Shutdown::Write);
    }
}
