//! A receiver with a configuration that a document shows.

use std::fs;
use std::net::{IpAddr, SocketAddr};

use super::super::certificates::Certificates;
use super::super::endpoint::own_address;
use super::service::Service;
use super::sockets::free_port;
use super::unpack::{RSYSLOG_RELP, SYSLOG_NG};
use super::{rsyslogd, syslog_ng};

/// rsyslogd or syslog-ng at work.
pub struct Documented {
    ip: IpAddr,
    port: u16,
    certificates: Certificates,
    service: Service,
}

impl Documented {
    /// Starts rsyslogd with `config`, in which addresses, ports and paths are those of the document.
    #[track_caller]
    pub fn rsyslogd(config: &str) -> Option<Self> {
        Self::rsyslogd_with(config, |ip| Some(Certificates::new(ip)))
    }

    /// The same with what `certificates` makes for its address. `None` where that can make none.
    #[track_caller]
    pub fn rsyslogd_with(
        config: &str,
        certificates: impl FnOnce(IpAddr) -> Option<Certificates>,
    ) -> Option<Self> {
        let program = RSYSLOG_RELP.program("rsyslogd")?;
        let ip = own_address();
        let mut receiver = Self::new("rsyslogd", ip, certificates(ip)?);
        let Self { ip, port, .. } = receiver;
        let own = format!("address=\"{ip}\" port=\"{port}\"");
        let config = receiver.own_paths(config);
        let config = config.replace("port=\"2514\"", &own).replace("port=\"6514\"", &own);
        let directory = receiver.service.dir().display();
        let config = format!("global(workDirectory=\"{directory}\")\n{config}");
        let command = rsyslogd::command(&program, &receiver.service, &config);
        receiver.service.start(command, &[("tcp", SocketAddr::new(ip, port))]);
        Some(receiver)
    }

    /// The same with syslog-ng.
    #[track_caller]
    pub fn syslog_ng(config: &str) -> Option<Self> {
        let program = SYSLOG_NG.program("syslog-ng")?;
        let ip = own_address();
        let mut receiver = Self::new("syslog-ng", ip, Certificates::new(ip));
        let Self { ip, port, .. } = receiver;
        let own = format!("ip({ip}) port({port})");
        let config = receiver.own_paths(config);
        let config = config.replace("port(514)", &own).replace("port(601)", &own);
        let command = syslog_ng::command(&program, &receiver.service, &config);
        receiver.service.start(command, &[("tcp", SocketAddr::new(ip, port))]);
        Some(receiver)
    }

    fn new(name: &'static str, ip: IpAddr, certificates: Certificates) -> Self {
        Self { ip, port: free_port(ip), certificates, service: Service::new(name) }
    }

    /// `config` with paths of its own in the place of the document's.
    fn own_paths(&self, config: &str) -> String {
        let mut config = config.to_owned();
        for (shown, own) in [
            ("/var/log/apps.log", self.service.path("apps.log")),
            ("/etc/rsyslog.d/ca.pem", self.certificates.authority()),
            ("/etc/rsyslog.d/hub.pem", self.certificates.certificate()),
            ("/etc/rsyslog.d/hub.key", self.certificates.key()),
        ] {
            config = config.replace(shown, own.to_str().unwrap());
        }
        config
    }

    /// The document's configuration of `remote_syslog`, for this receiver.
    pub fn shipper(&self, config: &str) -> String {
        let authority = self.certificates.authority();
        let mut config = config.replace("hub.example.com", &self.ip.to_string());
        for shown in ["2514", "6514", "514", "601"] {
            config = config.replace(&format!("port: {shown}\n"), &format!("port: {}\n", self.port));
        }
        config.replace("/etc/remote_syslog/ca.pem", authority.to_str().unwrap())
    }

    /// What it has written.
    pub fn written(&self) -> String {
        fs::read_to_string(self.service.path("apps.log")).unwrap_or_default()
    }
}
