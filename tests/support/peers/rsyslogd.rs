//! rsyslogd, with a configuration and files of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::super::certificates::Certificates;
use super::super::endpoint::{Endpoint, Transport, own_address};
use super::super::shipper::wait_exit;
use super::super::{Message, SOON};
use super::sockets::{free_port, wait_listening};
use super::unpack::{Program, RSYSLOG};
use super::{Peer, read_fields};

/// A running rsyslogd.
pub struct Rsyslogd {
    program: Program,
    ip: IpAddr,
    port: u16,
    tls_port: u16,
    certificates: Certificates,
    dir: TempDir,
    child: Option<Child>,
}

impl Rsyslogd {
    /// Starts one; `None` (and a word about it) when there is none to be had.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let program = RSYSLOG.program("rsyslogd")?;
        let ip = own_address();
        let mut peer = Self {
            program,
            ip,
            port: free_port(ip),
            tls_port: free_port(ip),
            certificates: Certificates::new(ip),
            dir: TempDir::new().unwrap(),
            child: None,
        };
        peer.restart();
        Some(peer)
    }

    /// Asks it to stop, as `systemctl stop` would.
    pub fn term(&mut self) {
        let mut child = self.child.take().unwrap();
        kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
        assert!(wait_exit(&mut child, SOON).is_some(), "rsyslogd does not stop");
    }

    /// Starts it again after [`Rsyslogd::term`].
    pub fn restart(&mut self) {
        let config = self.dir.path().join("rsyslog.conf");
        fs::write(&config, self.config()).unwrap();
        let log = fs::File::create(self.dir.path().join("log")).unwrap();
        let mut command = self.program.command();
        if let Some(modules) = self.program.directory_of("imtcp.so") {
            command.arg("-M").arg(modules);
        }
        command.arg("-n").arg("-f").arg(config).arg("-i").arg(self.dir.path().join("pid"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        self.child = Some(command.spawn().unwrap());
        wait_listening("udp", SocketAddr::new(self.ip, self.port));
        wait_listening("tcp", SocketAddr::new(self.ip, self.port));
        wait_listening("tcp", SocketAddr::new(self.ip, self.tls_port));
    }

    /// The largest receive buffer of its connections now, in bytes, as ss(8) has it.
    pub fn widest_buffer(&self) -> usize {
        let mut ss = Command::new("ss");
        let output = ss.args(["-tnmH", "src", &self.ip.to_string()]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let sizes =
            text.split([',', '(']).filter_map(|field| field.strip_prefix("rb")?.parse().ok());
        sizes.max().unwrap_or(0)
    }

    fn output(&self) -> PathBuf {
        self.dir.path().join("messages")
    }

    fn config(&self) -> String {
        let (ip, port, tls_port) = (self.ip, self.port, self.tls_port);
        let (dir, output) = (self.dir.path().display(), self.output());
        let output = output.display();
        let certificate = self.certificates.certificate();
        let (certificate, key) = (certificate.display(), self.certificates.key());
        let (key, authority) = (key.display(), self.certificates.authority());
        let authority = authority.display();
        format!(
            r#"
global(workDirectory="{dir}" maxMessageSize="256k" net.enableDNS="off"
  parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriverCAFile="{authority}" defaultNetstreamDriverCertFile="{certificate}"
  defaultNetstreamDriverKeyFile="{key}")
# One worker keeps the order; on a busy machine it needs its time to write what it has read.
main_queue(queue.workerThreads="1" queue.timeoutShutdown="10000")
module(load="imudp")
module(load="imtcp")
template(name="fields" type="list") {{
  property(name="pri") constant(value="\t")
  property(name="timestamp" dateFormat="rfc3339") constant(value="\t")
  property(name="hostname") constant(value="\t")
  property(name="app-name") constant(value="\t")
  property(name="structured-data") constant(value="\t")
  property(name="msg") constant(value="\n")
}}
ruleset(name="keep") {{ action(type="omfile" file="{output}" template="fields") }}
input(type="imudp" address="{ip}" port="{port}" ruleset="keep")
input(type="imtcp" address="{ip}" port="{port}" ruleset="keep")
input(type="imtcp" address="{ip}" port="{tls_port}" ruleset="keep"
  StreamDriver.Name="gtls" StreamDriver.Mode="1" StreamDriver.AuthMode="anon")
"#
        )
    }
}

impl Peer for Rsyslogd {
    fn endpoint(&self, transport: Transport) -> Endpoint {
        let tls = transport == Transport::Tls;
        Endpoint {
            transport,
            host: self.ip.to_string(),
            port: if tls { self.tls_port } else { self.port },
            trust: tls.then(|| self.certificates.authority()),
        }
    }

    /// Its imtcp sees by the first byte of a message how it is framed.
    fn counting_endpoint(&self, transport: Transport) -> Endpoint {
        self.endpoint(transport)
    }

    fn messages(&self) -> Vec<Message> {
        read_fields(&self.output())
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
        if std::thread::panicking() {
            let log = fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
            println!("--- log of rsyslogd ---\n{log}---");
        }
    }
}
