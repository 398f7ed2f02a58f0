//! openssl(1): an authority, certificates of every kind, and a server that shows them.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::super::endpoint::{Endpoint, Transport, own_address};
use super::super::shipper::Guarded;
use super::sockets::{free_port, wait_listening};
use super::unpack::{OPENSSL, Program};

/// A directory of keys and certificates, with an authority `ca` in it.
pub struct Openssl {
    program: Program,
    /// Where its servers are.
    ip: IpAddr,
    dir: TempDir,
}

/// A certificate to be issued.
pub struct Issue<'a> {
    /// Its name among the files.
    pub name: &'a str,
    /// Its subject, as `openssl req -subj` takes it.
    pub subject: &'a str,
    /// By whom: the name of another. Its own: by itself.
    pub issuer: &'a str,
    /// The key, as `openssl req -newkey` takes it.
    pub key: &'a [&'a str],
    /// Its extensions, a line each; `{ip}` is the address of the servers. None at all: it is of version 1.
    pub extensions: &'a str,
    /// More for `openssl x509 -req`: the digest, times.
    pub more: &'a [&'a str],
}

impl Default for Issue<'_> {
    fn default() -> Self {
        Self {
            name: "server",
            subject: "/CN=logs",
            issuer: "ca",
            key: &["rsa:2048"],
            extensions: "subjectAltName=IP:{ip}\nbasicConstraints=CA:FALSE",
            more: &["-sha256"],
        }
    }
}

/// A server that runs until it is dropped.
pub struct TlsServer {
    pub endpoint: Endpoint,
    _child: Guarded,
    _dir: TempDir,
}

/// Runs commands of a shell in `dir`, openssl(1) among them. `None` (and a word about it) where there is none.
#[track_caller]
pub fn run_commands(commands: &str, dir: &Path) -> Option<()> {
    let program = OPENSSL.program("openssl")?;
    let openssl = program.command();
    let mut path = openssl.get_program().to_owned();
    path = Path::new(&path).parent().unwrap().as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", commands]).current_dir(dir).stdin(Stdio::null()).env("PATH", path);
    for (name, value) in openssl.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        shell.env(name, value);
    }
    if let Some(directory) = program.directory_of("openssl.cnf") {
        shell.env("OPENSSL_CONF", directory.join("openssl.cnf"));
    }
    let output = shell.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(())
}

impl Openssl {
    /// Makes the authority. `None` (and a word about it) where there is no openssl.
    #[track_caller]
    pub fn start() -> Option<Self> {
        let program = OPENSSL.program("openssl")?;
        let own = Self { program, ip: own_address(), dir: TempDir::new().unwrap() };
        let config = "[req]\ndistinguished_name = dn\n[dn]\n";
        fs::write(own.dir.path().join("openssl.cnf"), config).unwrap();
        own.authority("ca", "/CN=Test CA", &["rsa:2048"]);
        Some(own)
    }

    /// Makes an authority that is its own issuer.
    #[track_caller]
    pub fn authority(&self, name: &str, subject: &str, key: &[&str]) {
        self.issue(&Issue {
            name,
            subject,
            issuer: name,
            key,
            extensions: "basicConstraints=critical,CA:TRUE",
            ..Issue::default()
        });
    }

    /// A file below its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Makes a key and a certificate.
    #[track_caller]
    pub fn issue(&self, issue: &Issue<'_>) {
        let Issue { name, issuer, .. } = issue;
        let file = |of: &str, ending: &str| format!("{of}.{ending}");
        let mut request = vec!["req", "-new", "-nodes", "-utf8", "-subj", issue.subject, "-newkey"];
        request.extend(issue.key);
        let (key, wanted) = (file(name, "key"), file(name, "csr"));
        request.extend(["-keyout", &key, "-out", &wanted]);
        self.run(&request);
        let (cert, signer, signer_key) =
            (file(name, "pem"), file(issuer, "pem"), file(issuer, "key"));
        let mut sign = vec!["x509", "-req", "-in", &wanted, "-out", &cert];
        match name == issuer {
            true => sign.extend(["-signkey", &key]),
            false => sign.extend(["-CA", &signer, "-CAkey", &signer_key, "-CAcreateserial"]),
        }
        if !issue.more.contains(&"-days") {
            sign.extend(["-days", "100"]);
        }
        sign.extend(issue.more);
        let ending = file(name, "ext");
        if !issue.extensions.is_empty() {
            let extensions = issue.extensions.replace("{ip}", &self.ip.to_string());
            fs::write(self.path(&ending), extensions).unwrap();
            sign.extend(["-extfile", &ending]);
        }
        self.run(&sign);
    }

    /// A server that shows the certificate `name`, with more arguments for `openssl s_server`.
    #[track_caller]
    pub fn serve(&self, name: &str, more: &[&str]) -> TlsServer {
        let address = SocketAddr::new(self.ip, free_port(self.ip));
        let mut command = self.command();
        command.args(["s_server", "-quiet", "-accept", &address.to_string()]);
        command.args(["-cert", &format!("{name}.pem"), "-key", &format!("{name}.key")]);
        command.args(["-cipher", "ALL:@SECLEVEL=0"]).args(more);
        self.started(command, address)
    }

    /// Runs openssl(1).
    #[track_caller]
    fn run(&self, arguments: &[&str]) {
        self.print(arguments);
    }

    /// Runs openssl(1), and returns what it prints.
    #[track_caller]
    pub fn print(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).stdin(Stdio::null()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "openssl {arguments:?}: {said}");
        String::from_utf8(output.stdout).unwrap()
    }

    fn command(&self) -> Command {
        let mut command = self.program.command();
        command.current_dir(self.dir.path()).env("OPENSSL_CONF", self.path("openssl.cnf"));
        command
    }

    #[track_caller]
    fn started(&self, mut command: Command, address: SocketAddr) -> TlsServer {
        let dir = TempDir::new().unwrap();
        let log = fs::File::create(dir.path().join("log")).unwrap();
        // It ends with its standard input.
        command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = Guarded(command.spawn().unwrap());
        wait_listening("tcp", address);
        let endpoint = Endpoint {
            transport: Transport::Tls,
            host: address.ip().to_string(),
            port: address.port(),
            trust: Some(self.path("ca.pem")),
        };
        TlsServer { endpoint, _child: child, _dir: dir }
    }
}
