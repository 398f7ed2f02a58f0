//! rsyslogd, with a configuration and files of its own.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::Command;

use super::super::Message;
use super::super::certificates::Certificates;
use super::super::endpoint::{Endpoint, Transport, own_address};
use super::super::shipper::Shipper;
use super::service::Service;
use super::sockets::free_port;
use super::unpack::{Program, RSYSLOG, RSYSLOG_RELP, RSYSLOG_TLS};
use super::{Peer, Tally, read_fields};

/// A running rsyslogd.
pub struct Rsyslogd {
    program: Program,
    ip: IpAddr,
    port: u16,
    tls_port: u16,
    relp: Option<(Imrelp, [u16; 2])>,
    /// What GnuTLS may use, as its priorities; empty: what it does by default.
    priorities: &'static str,
    /// How its input for TLS finds out who a client is.
    imtcp: Imtcp,
    certificates: Certificates,
    service: Service,
    tally: Tally,
}

/// What its input for RELP is to be like.
#[derive(Debug, Clone, Copy)]
pub struct Imrelp {
    /// The library that TLS is made with, as `tls.tlslib` names it.
    pub library: &'static str,
    /// The queue behind it, as parameters of `main_queue()`.
    pub queue: &'static str,
    /// The longest message, as a parameter of `global()`; empty: what it is by default.
    pub longest: &'static str,
}

/// How its input for TLS finds out who a client is.
#[derive(Debug, Clone, Copy)]
pub struct Imtcp {
    /// The driver of TLS: `gtls` or `ossl`.
    pub driver: &'static str,
    /// As `StreamDriver.AuthMode` names it.
    pub auth: &'static str,
}

impl Default for Imtcp {
    fn default() -> Self {
        Self { driver: "gtls", auth: "anon" }
    }
}

impl Default for Imrelp {
    /// What it answers is written: there is no queue that a KILL could empty.
    fn default() -> Self {
        let longest = r#"maxMessageSize="256k""#;
        Self { library: "openssl", queue: r#"queue.type="Direct""#, longest }
    }
}

/// One worker keeps the order; on a busy machine it needs its time to write what it has read.
const QUEUE: &str = r#"queue.workerThreads="1" queue.timeoutShutdown="10000""#;

impl Rsyslogd {
    /// Starts one; `None` (and a word about it) when there is none to be had.
    #[track_caller]
    pub fn start() -> Option<Self> {
        Self::start_with(RSYSLOG.program("rsyslogd")?, None, "", Imtcp::default())
    }

    /// One that asks its clients over TLS for certificates.
    #[track_caller]
    pub fn with_tls(imtcp: Imtcp) -> Option<Self> {
        Self::start_with(RSYSLOG_TLS.program("rsyslogd")?, None, "", imtcp)
    }

    /// One that offers over TLS what these priorities of GnuTLS say.
    #[track_caller]
    pub fn with_priorities(priorities: &'static str) -> Option<Self> {
        Self::start_with(RSYSLOG.program("rsyslogd")?, None, priorities, Imtcp::default())
    }

    /// One that takes RELP as well.
    #[track_caller]
    pub fn with_relp(imrelp: Imrelp) -> Option<Self> {
        Self::start_with(RSYSLOG_RELP.program("rsyslogd")?, Some(imrelp), "", Imtcp::default())
    }

    #[track_caller]
    fn start_with(
        program: Program,
        relp: Option<Imrelp>,
        priorities: &'static str,
        imtcp: Imtcp,
    ) -> Option<Self> {
        let ip = own_address();
        let mut peer = Self {
            program,
            ip,
            port: free_port(ip),
            tls_port: free_port(ip),
            relp: relp.map(|imrelp| (imrelp, [free_port(ip), free_port(ip)])),
            priorities,
            imtcp,
            certificates: Certificates::new(ip),
            service: Service::new("rsyslogd"),
            tally: Tally::default(),
        };
        peer.restart();
        Some(peer)
    }

    /// Asks it to stop, as `systemctl stop` would.
    pub fn term(&mut self) {
        self.service.term();
    }

    /// Ends it without warning.
    pub fn kill(&mut self) {
        self.service.kill();
    }

    /// Stops it from doing anything.
    pub fn freeze(&self) {
        self.service.freeze();
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }

    /// Its authority, its certificate and its key.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// Has `shipper` trust it by `ca_file`, and show it a certificate.
    pub fn identify(&self, shipper: Shipper) -> Shipper {
        self.certificates.shown_by(self.certificates.trusted_by(shipper))
    }

    /// Starts it again after [`Rsyslogd::term`] or [`Rsyslogd::kill`].
    pub fn restart(&mut self) {
        let at = |port| SocketAddr::new(self.ip, port);
        let relp = self.relp.iter().flat_map(|(_, ports)| ports);
        let streams = [self.port, self.tls_port].into_iter().chain(relp.copied());
        let streams = streams.map(|port| ("tcp", at(port)));
        let listens: Vec<_> = streams.chain([("udp", at(self.port))]).collect();
        let command = command(&self.program, &self.service, &self.config());
        self.service.start(command, &listens);
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
        self.service.path("messages")
    }

    fn config(&self) -> String {
        let (ip, port, tls_port) = (self.ip, self.port, self.tls_port);
        let (dir, output) = (self.service.dir().display(), self.output());
        let output = output.display();
        let certificate = self.certificates.certificate();
        let (certificate, key) = (certificate.display(), self.certificates.key());
        let (key, authority) = (key.display(), self.certificates.authority());
        let authority = authority.display();
        let (queue, longest) = match &self.relp {
            Some((imrelp, _)) => (imrelp.queue, imrelp.longest),
            None => (QUEUE, r#"maxMessageSize="256k""#),
        };
        let Imtcp { driver, auth } = self.imtcp;
        let priorities = match self.priorities {
            "" => String::new(),
            some => format!(" StreamDriver.Name=\"gtls\" gnutlsPriorityString=\"{some}\""),
        };
        let relp = self.relp.as_ref().map_or(String::new(), |(imrelp, [port, tls_port])| {
            let library = imrelp.library;
            format!(
                r#"
module(load="imrelp" tls.tlslib="{library}")
input(type="imrelp" address="{ip}" port="{port}" ruleset="keep")
input(type="imrelp" address="{ip}" port="{tls_port}" ruleset="keep"
  tls="on" tls.authMode="certvalid" tls.caCert="{authority}" tls.myCert="{certificate}"
  tls.myPrivKey="{key}")
"#
            )
        });
        format!(
            r#"
global(workDirectory="{dir}" {longest} net.enableDNS="off"
  parser.escapeControlCharactersOnReceive="off"
  defaultNetstreamDriverCAFile="{authority}" defaultNetstreamDriverCertFile="{certificate}"
  defaultNetstreamDriverKeyFile="{key}")
main_queue({queue})
module(load="imudp")
module(load="imtcp" maxSessions="5000"{priorities})
template(name="fields" type="list") {{
  property(name="pri") constant(value="\t")
  property(name="timestamp" dateFormat="rfc3339") constant(value="\t")
  property(name="hostname") constant(value="\t")
  property(name="app-name") constant(value="\t")
  property(name="procid") constant(value="\t")
  property(name="msgid") constant(value="\t")
  property(name="structured-data") constant(value="\t")
  property(name="msg") constant(value="\t\t;\n")
}}
ruleset(name="keep") {{ action(type="omfile" file="{output}" template="fields") }}
input(type="imudp" address="{ip}" port="{port}" ruleset="keep")
input(type="imtcp" address="{ip}" port="{port}" ruleset="keep")
input(type="imtcp" address="{ip}" port="{tls_port}" ruleset="keep"
  StreamDriver.Name="{driver}" StreamDriver.Mode="1" StreamDriver.AuthMode="{auth}")
{relp}"#
        )
    }
}

impl Peer for Rsyslogd {
    fn endpoint(&self, transport: Transport) -> Endpoint {
        let relp = self.relp.as_ref().map_or([0; 2], |&(_, ports)| ports);
        let port = match transport {
            Transport::Udp | Transport::Tcp => self.port,
            Transport::Tls => self.tls_port,
            Transport::Relp => relp[0],
            Transport::RelpTls => relp[1],
        };
        let trust = (transport == Transport::Tls).then(|| self.certificates.authority());
        Endpoint { transport, host: self.ip.to_string(), port, trust }
    }

    /// Its imtcp sees by the first byte of a message how it is framed.
    fn counting_endpoint(&self, transport: Transport) -> Endpoint {
        self.endpoint(transport)
    }

    fn messages(&self) -> Vec<Message> {
        read_fields(&self.output())
    }

    fn count(&self) -> usize {
        self.tally.of(&self.output())
    }
}

/// A call of rsyslogd in the foreground, with this configuration.
pub(super) fn command(program: &Program, service: &Service, config: &str) -> Command {
    let path = service.path("rsyslog.conf");
    fs::write(&path, config).unwrap();
    let mut command = program.command();
    if let Some(modules) = program.directory_of("imtcp.so") {
        command.arg("-M").arg(modules);
    }
    command.arg("-n").arg("-f").arg(path).arg("-i").arg(service.path("pid"));
    command
}
