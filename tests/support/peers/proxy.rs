//! Proxies that stand between the shipper and its receiver, and end its connections.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::super::certificates::Certificates;
use super::super::endpoint::{Endpoint, Transport, own_address};
use super::super::shipper::Guarded;
use super::sockets::{free_port, wait_listening};
use super::unpack::{HAPROXY, NGINX, Program, SOCAT, STUNNEL};

/// Whose program it is. What each does when its server does not run was measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyKind {
    /// Closes in good order after its time-out and retries: two seconds here.
    Haproxy,
    /// Resets at once.
    Nginx,
    /// Closes at once.
    Socat,
    /// Speaks TLS, and resets at once.
    Stunnel,
}

/// One that runs, until it is dropped.
pub struct Proxy {
    address: SocketAddr,
    certificates: Option<Certificates>,
    _dir: TempDir,
    _child: Guarded,
}

impl Proxy {
    /// Starts one before `server`, which may not run. `None` (and a word about it) when there is
    /// none to be had.
    #[track_caller]
    pub fn start(kind: ProxyKind, server: SocketAddr) -> Option<Self> {
        let program = match kind {
            ProxyKind::Haproxy => HAPROXY.program("haproxy"),
            ProxyKind::Nginx => NGINX.program("nginx"),
            ProxyKind::Socat => SOCAT.program("socat"),
            ProxyKind::Stunnel => STUNNEL.program("stunnel4"),
        }?;
        let ip = own_address();
        let address = SocketAddr::new(ip, free_port(ip));
        let certificates = (kind == ProxyKind::Stunnel).then(|| Certificates::new(ip));
        let dir = TempDir::new().unwrap();
        let mut command = program.command();
        match kind {
            ProxyKind::Haproxy => haproxy(&mut command, &dir, address, server),
            ProxyKind::Nginx => nginx(&mut command, &program, &dir, address, server),
            ProxyKind::Socat => {
                let port = address.port();
                command.arg(format!("TCP-LISTEN:{port},bind={ip},fork,reuseaddr"));
                command.arg(format!("TCP:{server}"));
            }
            ProxyKind::Stunnel => {
                let certificates = certificates.as_ref().expect("it has one");
                stunnel(&mut command, certificates, &dir, address, server);
            }
        }
        let log = fs::File::create(dir.path().join("log")).unwrap();
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = Guarded(command.spawn().unwrap());
        wait_listening("tcp", address);
        Some(Self { address, certificates, _dir: dir, _child: child })
    }

    /// How the shipper reaches it.
    pub fn endpoint(&self) -> Endpoint {
        let tls = self.certificates.is_some();
        Endpoint {
            transport: if tls { Transport::Tls } else { Transport::Tcp },
            host: self.address.ip().to_string(),
            port: self.address.port(),
            trust: self.certificates.as_ref().map(Certificates::authority),
        }
    }
}

fn haproxy(command: &mut Command, dir: &TempDir, at: SocketAddr, server: SocketAddr) {
    let path = dir.path().join("haproxy.cfg");
    let config = format!(
        "global\n  maxconn 200\ndefaults\n  mode tcp\n  timeout connect 1s\n  retries 2\n  \
         timeout client 1h\n  timeout server 1h\nlisten syslog\n  bind {at}\n  server s {server}\n"
    );
    fs::write(&path, config).unwrap();
    command.arg("-db").arg("-f").arg(path);
}

fn nginx(
    command: &mut Command,
    program: &Program,
    dir: &TempDir,
    at: SocketAddr,
    server: SocketAddr,
) {
    let modules = program.directory_of("ngx_stream_module.so");
    let module = modules.map_or_else(String::new, |dir| {
        format!("load_module {};\n", dir.join("ngx_stream_module.so").display())
    });
    let path = dir.path();
    let config = format!(
        "{module}daemon off;\nmaster_process off;\npid {path}/pid;\nerror_log {path}/error.log;\n\
         events {{ worker_connections 200; }}\n\
         stream {{ server {{ listen {at}; proxy_pass {server}; proxy_timeout 1h; }} }}\n",
        path = path.display()
    );
    fs::write(path.join("nginx.conf"), config).unwrap();
    command.arg("-p").arg(path).arg("-c").arg(path.join("nginx.conf"));
    command.arg("-e").arg(path.join("error.log"));
}

fn stunnel(
    command: &mut Command,
    certificates: &Certificates,
    dir: &TempDir,
    at: SocketAddr,
    server: SocketAddr,
) {
    let path = dir.path().join("stunnel.conf");
    let config = format!(
        "foreground = yes\npid =\n[syslog]\naccept = {at}\nconnect = {server}\ncert = {}\nkey = {}\n",
        certificates.certificate().display(),
        certificates.key().display()
    );
    fs::write(&path, config).unwrap();
    command.arg(path);
}
