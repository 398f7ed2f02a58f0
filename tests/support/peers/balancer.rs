//! haproxy before several servers, on several ports.

use std::fmt::Write;
use std::fs;
use std::net::SocketAddr;

use super::super::endpoint::own_address;
use super::service::Service;
use super::sockets::free_port;
use super::unpack::{HAPROXY, Program};

/// One of its ports.
#[derive(Debug, Clone)]
pub struct Listener {
    address: SocketAddr,
    /// The first of them that answers gets the connection.
    servers: Vec<SocketAddr>,
}

/// A running haproxy, which looks after its servers by connecting to them.
pub struct Balancer {
    program: Program,
    listeners: Vec<Listener>,
    service: Service,
}

impl Balancer {
    /// Starts one that passes connections on, port by port, to the first of these servers that answers.
    /// `None` (and a word about it) when there is none to be had.
    #[track_caller]
    pub fn start(servers: impl IntoIterator<Item = Vec<SocketAddr>>) -> Option<Self> {
        let program = HAPROXY.program("haproxy")?;
        let ip = own_address();
        let listener = |servers| Listener { address: SocketAddr::new(ip, free_port(ip)), servers };
        let listeners = servers.into_iter().map(listener).collect();
        let mut balancer = Self { program, listeners, service: Service::new("haproxy") };
        balancer.restart();
        Some(balancer)
    }

    /// Where it listens, in the order of what it was started with.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().map(|listener| listener.address).collect()
    }

    /// Asks it to stop, its connections with it.
    pub fn term(&mut self) {
        self.service.term();
    }

    /// Starts it again after [`Balancer::term`].
    pub fn restart(&mut self) {
        let path = self.service.path("haproxy.cfg");
        fs::write(&path, self.config()).unwrap();
        let mut command = self.program.command();
        command.arg("-db").arg("-f").arg(path);
        let listens: Vec<_> = self.addresses().into_iter().map(|at| ("tcp", at)).collect();
        self.service.start(command, &listens);
    }

    fn config(&self) -> String {
        let mut text =
            "global\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 1s\n  retries 2\n  \
             option redispatch\n  timeout check 5s\n  timeout client 1h\n  timeout server 1h\n  balance first\n"
                .to_owned();
        for (number, Listener { address, servers }) in self.listeners.iter().enumerate() {
            let _ = writeln!(text, "listen l{number}\n  bind {address}");
            for (server, at) in servers.iter().enumerate() {
                let check = "check inter 500ms fall 2 rise 1";
                let _ = writeln!(text, "  server s{server} {at} {check}");
            }
        }
        text
    }
}
