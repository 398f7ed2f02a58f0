//! A proxy that ends TCP, with or without a server behind it.

use std::io::{Read, copy};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::endpoint::{Endpoint, own_address};

/// How long it tries to reach a server that does not run: haproxy's time-out, shortened.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(700);

/// As haproxy does, it accepts in any case. Without a server it reads what has come, and sends FIN when
/// its connect time-out is over.
pub struct Proxy {
    own: Endpoint,
    has_server: Arc<AtomicBool>,
}

impl Proxy {
    /// One before `to`, which it takes not to run for a start.
    pub fn before(to: &Endpoint) -> Self {
        let listener = TcpListener::bind((own_address(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let own = Endpoint { host: address.ip().to_string(), port: address.port(), ..to.clone() };
        let proxy = Self { own, has_server: Arc::default() };
        let (server, has_server) = ((to.host.clone(), to.port), Arc::clone(&proxy.has_server));
        std::thread::spawn(move || {
            for client in listener.incoming() {
                let (server, has_server) = (server.clone(), Arc::clone(&has_server));
                std::thread::spawn(move || serve(client.unwrap(), &server, &has_server));
            }
        });
        proxy
    }

    /// How to reach it.
    pub fn endpoint(&self) -> Endpoint {
        self.own.clone()
    }

    /// Whether its server runs, as far as it knows.
    pub fn has_server(&self, runs: bool) {
        self.has_server.store(runs, Ordering::SeqCst);
    }
}

fn serve(mut client: TcpStream, server: &(String, u16), has_server: &AtomicBool) {
    let server =
        has_server.load(Ordering::SeqCst).then(|| TcpStream::connect(server).ok()).flatten();
    let Some(mut server) = server else {
        client.set_read_timeout(Some(CONNECT_TIMEOUT)).unwrap();
        while client.read(&mut [0; 65_536]).is_ok_and(|count| count > 0) {}
        return;
    };
    let (mut from, mut back) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    std::thread::spawn(move || {
        let _ = copy(&mut from, &mut back);
        let _ = back.shutdown(Shutdown::Both);
    });
    let _ = copy(&mut client, &mut server);
    let _ = server.shutdown(Shutdown::Write);
}
