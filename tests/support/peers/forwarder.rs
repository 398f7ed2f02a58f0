//! rsyslogd as a shipper: it follows a file and makes a new connection for each line.

use std::path::Path;

use super::super::endpoint::Endpoint;
use super::rsyslogd::command;
use super::service::Service;
use super::unpack::RSYSLOG_TLS;

/// One that runs, until it is dropped.
pub struct Forwarder {
    service: Service,
}

impl Forwarder {
    /// Starts one for `file`, over TLS with this driver, or over TCP. `None` (and a word about it) when there is none
    /// to be had.
    #[track_caller]
    pub fn start(file: &Path, to: &Endpoint, driver: Option<&str>) -> Option<Self> {
        let program = RSYSLOG_TLS.program("rsyslogd")?;
        let mut service = Service::new("rsyslogd, a shipper");
        let (dir, file) = (service.dir().display(), file.display());
        let trust = to.trust.as_ref().map_or(String::new(), |trust| {
            format!("defaultNetstreamDriverCAFile=\"{}\"", trust.display())
        });
        let tls = driver.map_or(String::new(), |driver| {
            format!(
                r#"StreamDriver="{driver}" StreamDriverMode="1" StreamDriverAuthMode="x509/name"
    StreamDriverPermittedPeers="localhost""#
            )
        });
        let config = format!(
            r#"
global(workDirectory="{dir}" net.enableDNS="off" {trust})
module(load="imfile" mode="inotify")
input(type="imfile" file="{file}" tag="app.log" ruleset="ship" freshStartTail="off")
ruleset(name="ship") {{
  action(type="omfwd" target="{}" port="{}" protocol="tcp" rebindInterval="1" {tls}
    template="RSYSLOG_SyslogProtocol23Format" action.resumeRetryCount="-1"
    action.resumeInterval="1" action.resumeIntervalMax="1")
}}
"#,
            to.host, to.port
        );
        let command = command(&program, &service, &config);
        service.start(command, &[]);
        Some(Self { service })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.service.pid()
    }
}
