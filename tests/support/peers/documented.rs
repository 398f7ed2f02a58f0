//! A receiver with a configuration that a document shows.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Stdio};

use tempfile::TempDir;

use super::super::certificates::Certificates;
use super::super::endpoint::own_address;
use super::sockets::{free_port, wait_listening};
use super::syslog_ng::{command_of, version_of};
use super::unpack::{RSYSLOG_RELP, SYSLOG_NG};

/// rsyslogd or syslog-ng at work.
pub struct Documented {
    ip: IpAddr,
    port: u16,
    certificates: Certificates,
    dir: TempDir,
    child: Child,
}

impl Documented {
    /// Starts `program` with `config`, in which addresses, ports and paths are those of the document.
    #[track_caller]
    pub fn start(program: &str, config: &str) -> Option<Self> {
        let is_rsyslogd = program == "rsyslogd";
        let found =
            if is_rsyslogd { RSYSLOG_RELP.program(program) } else { SYSLOG_NG.program(program) };
        let (found, ip, dir) = (found?, own_address(), TempDir::new().unwrap());
        let (port, certificates) = (free_port(ip), Certificates::new(ip));
        let at = |name| dir.path().join(name).display().to_string();
        let mut config = config.replace("/var/log/apps.log", &at("apps.log"));
        for (name, path) in [
            ("ca.pem", certificates.authority()),
            ("hub.pem", certificates.certificate()),
            ("hub.key", certificates.key()),
        ] {
            config = config.replace(&format!("/etc/rsyslog.d/{name}"), path.to_str().unwrap());
        }
        let mut command = if is_rsyslogd { found.command() } else { command_of(&found) };
        if is_rsyslogd {
            for shown in ["2514", "6514"] {
                let own = format!("address=\"{ip}\" port=\"{port}\"");
                config = config.replace(&format!("port=\"{shown}\""), &own);
            }
            config = format!("global(workDirectory=\"{}\")\n{config}", dir.path().display());
            if let Some(modules) = found.directory_of("imtcp.so") {
                command.arg("-M").arg(modules);
            }
            command.args(["-n", "-f", &at("config"), "-i", &at("pid")]);
        } else {
            for shown in ["514", "601"] {
                config =
                    config.replace(&format!("port({shown})"), &format!("ip({ip}) port({port})"));
            }
            config = format!("@version: {}\n{config}", version_of(&found));
            command.args(["--foreground", "--no-caps", "--stderr", "-f", &at("config")]);
            command.args(["-R", &at("persist"), "-p", &at("pid"), "-c", &at("control")]);
        }
        fs::write(at("config"), config).unwrap();
        let log = fs::File::create(at("log")).unwrap();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let child = command.spawn().unwrap();
        wait_listening("tcp", SocketAddr::new(ip, port));
        Some(Self { ip, port, certificates, dir, child })
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
        fs::read_to_string(self.file("apps.log")).unwrap_or_default()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }
}

impl Drop for Documented {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = fs::read_to_string(self.file("log")).unwrap_or_default();
            println!("--- log of the receiver ---\n{log}---");
        }
    }
}
