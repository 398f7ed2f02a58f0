//! A way that takes its time: what goes over it comes later, in both directions, the ends of connections included.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::Endpoint;

/// Before a receiver. It acknowledges at once: the delay is that of bytes and of FIN.
pub struct Relay {
    endpoint: Endpoint,
    accepted: Arc<AtomicUsize>,
}

/// Bytes, or the end, and when they are due.
type Delayed = (Instant, Vec<u8>);

impl Relay {
    /// One on which each direction takes so long.
    pub fn before(to: &Endpoint, delay: Duration) -> Self {
        let server = SocketAddr::new(to.host.parse().unwrap(), to.port);
        // At the same address, for which its certificate is.
        let listener = TcpListener::bind((server.ip(), 0)).unwrap();
        let own = listener.local_addr().unwrap();
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        thread::spawn(move || {
            for client in listener.incoming() {
                let client = client.unwrap();
                count.fetch_add(1, Ordering::Relaxed);
                let Ok(server) = TcpStream::connect(server) else { continue };
                join(&client, &server, delay);
                join(&server, &client, delay);
            }
        });
        let (host, port) = (own.ip().to_string(), own.port());
        Self { endpoint: Endpoint { host, port, ..to.clone() }, accepted }
    }

    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// How many connections were made over it.
    pub fn accepted(&self) -> usize {
        self.accepted.load(Ordering::Relaxed)
    }
}

/// One direction of a connection.
fn join(from: &TcpStream, to: &TcpStream, delay: Duration) {
    let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    to.set_nodelay(true).unwrap();
    let (under_way, arriving) = channel();
    thread::spawn(move || take(from, &under_way, delay));
    thread::spawn(move || give(to, &arriving));
}

fn take(mut from: TcpStream, under_way: &Sender<Delayed>, delay: Duration) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        let count = from.read(&mut buffer).unwrap_or(0);
        let is_gone = under_way.send((Instant::now() + delay, buffer[..count].to_vec())).is_err();
        if is_gone || count == 0 {
            return;
        }
    }
}

fn give(mut to: TcpStream, arriving: &Receiver<Delayed>) {
    for (due, bytes) in arriving {
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if bytes.is_empty() || to.write_all(&bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}
