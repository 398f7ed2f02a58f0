//! syslog-ng, with a configuration and files of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use super::super::Message;
use super::super::certificates::Certificates;
use super::super::endpoint::{Endpoint, Transport, own_address};
use super::service::Service;
use super::sockets::free_port;
use super::unpack::{Program, SYSLOG_NG};
use super::{Peer, Tally, read_fields};

/// A running syslog-ng.
pub struct SyslogNg {
    program: Program,
    ip: IpAddr,
    port: u16,
    tls_port: u16,
    /// What it asks of clients over TLS, as `peer-verify()` takes it.
    verify: &'static str,
    /// `syslog()` over TCP, and over TLS.
    counting_ports: [u16; 2],
    certificates: Certificates,
    service: Service,
    tally: Tally,
}

impl SyslogNg {
    /// Starts one; `None` (and a word about it) when there is none to be had.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::with_verify("no")
    }

    /// One that wants to see a certificate of its authority.
    #[track_caller]
    pub fn asking_for_a_certificate() -> Option<Self> {
        Self::with_verify("required-trusted")
    }

    #[track_caller]
    fn with_verify(verify: &'static str) -> Option<Self> {
        let program = SYSLOG_NG.program("syslog-ng")?;
        let ip = own_address();
        let mut peer = Self {
            program,
            ip,
            port: free_port(ip),
            tls_port: free_port(ip),
            counting_ports: [free_port(ip), free_port(ip)],
            verify,
            certificates: Certificates::new(ip),
            service: Service::new("syslog-ng"),
            tally: Tally::default(),
        };
        peer.run();
        Some(peer)
    }

    /// Its authority, its certificate and its key.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    fn run(&mut self) {
        let command = command(&self.program, &self.service, &self.config());
        let at = |port| SocketAddr::new(self.ip, port);
        let streams = [&[self.port, self.tls_port][..], &self.counting_ports].concat();
        let streams = streams.into_iter().map(|port| ("tcp", at(port)));
        let listens: Vec<_> = streams.chain([("udp", at(self.port))]).collect();
        self.service.start(command, &listens);
    }

    fn output(&self) -> PathBuf {
        self.service.path("messages")
    }

    fn config(&self) -> String {
        let (ip, port, tls_port) = (self.ip, self.port, self.tls_port);
        let [counting, counting_tls] = self.counting_ports;
        let output = self.output();
        let output = output.display();
        let (certificate, key) = (self.certificates.certificate(), self.certificates.key());
        let (certificate, key) = (certificate.display(), key.display());
        let (verify, authority) = (self.verify, self.certificates.authority());
        let authority = authority.display();
        format!(
            r#"
options {{ keep-hostname(yes); use-dns(no); dns-cache(no); keep-timestamp(yes); frac-digits(6);
  log-msg-size(262144); stats-freq(0); flush-lines(1); }};
source s {{
  network(ip({ip}) port({port}) transport(udp) flags(syslog-protocol));
  network(ip({ip}) port({port}) transport(tcp) flags(syslog-protocol));
  network(ip({ip}) port({tls_port}) transport(tls) flags(syslog-protocol)
    tls(key-file("{key}") cert-file("{certificate}") ca-file("{authority}")
      peer-verify({verify})));
  syslog(ip({ip}) port({counting}) transport(tcp));
  syslog(ip({ip}) port({counting_tls}) transport(tls)
    tls(key-file("{key}") cert-file("{certificate}") ca-file("{authority}")
      peer-verify({verify})));
}};
destination d {{
  file("{output}"
    template("${{PRI}}\t${{S_ISODATE}}\t${{HOST}}\t${{PROGRAM}}\t${{PID}}\t${{MSGID}}\t${{SDATA}}\t${{MSG}}\t\t;\n"));
}};
log {{ source(s); destination(d); }};
"#
        )
    }
}

/// A call of syslog-ng in the foreground, with this configuration behind the version that it must name.
pub(super) fn command(program: &Program, service: &Service, config: &str) -> Command {
    let file = |name| service.path(name);
    let config = format!("@version: {}\n{config}", version(program));
    fs::write(file("syslog-ng.conf"), config).unwrap();
    let mut command = bare(program);
    command.args(["--foreground", "--no-caps", "--stderr", "-f"]).arg(file("syslog-ng.conf"));
    command.arg("-R").arg(file("persist")).arg("-p").arg(file("pid"));
    command.arg("-c").arg(file("control"));
    command
}

/// `3.38` of `syslog-ng 3 (3.38.1)`: a configuration must name the version it is written for.
fn version(program: &Program) -> String {
    let output = bare(program).arg("--version").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let number = text.split(['(', ')']).nth(1).unwrap_or("3.38");
    number.split('.').take(2).collect::<Vec<_>>().join(".")
}

/// The program, with its modules where it was unpacked.
fn bare(program: &Program) -> Command {
    let mut command = program.command();
    if let Some(modules) = program.directory_of("libafsocket.so") {
        command.arg("--module-path").arg(modules);
    }
    command
}

impl Peer for SyslogNg {
    fn endpoint(&self, transport: Transport) -> Endpoint {
        let tls = transport == Transport::Tls;
        Endpoint {
            transport,
            host: self.ip.to_string(),
            port: if tls { self.tls_port } else { self.port },
            trust: tls.then(|| self.certificates.authority()),
        }
    }

    fn counting_endpoint(&self, transport: Transport) -> Endpoint {
        let tls = transport == Transport::Tls;
        Endpoint { port: self.counting_ports[usize::from(tls)], ..self.endpoint(transport) }
    }

    fn messages(&self) -> Vec<Message> {
        read_fields(&self.output())
    }

    fn count(&self) -> usize {
        self.tally.of(&self.output())
    }
}
