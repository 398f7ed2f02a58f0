//! The real `remote_syslog`: its configuration, its command line, its process.

use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{Read, Seek};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::endpoint::Endpoint;
use super::running::Running;
use super::site::Site;
use super::{SOON, threads};

/// A `remote_syslog` to be started. Configuration, state and own log lie in the site.
#[must_use]
pub struct Shipper {
    dir: PathBuf,
    files: Vec<String>,
    yaml: String,
    destination: String,
    options: Vec<OsString>,
    env: Vec<(String, OsString)>,
    /// Another program than the one that was built with the tests.
    program: Option<PathBuf>,
}

impl Shipper {
    /// Follows nothing yet and knows no receiver.
    pub fn new(site: &Site) -> Self {
        Self {
            dir: site.dir().to_owned(),
            files: Vec::new(),
            yaml: String::new(),
            destination: String::new(),
            options: Vec::new(),
            env: Vec::new(),
            program: None,
        }
    }

    /// Adds an entry to `files`: a glob, relative to the site unless absolute.
    pub fn follow(mut self, glob: impl AsRef<Path>) -> Self {
        let glob = self.dir.join(glob);
        self.files.push(quoted(glob.to_str().expect("the configuration is text")));
        self
    }

    /// Adds an entry to `files` as YAML.
    pub fn entry(mut self, yaml: impl Into<String>) -> Self {
        self.files.push(yaml.into());
        self
    }

    /// Where to send.
    pub fn to(mut self, endpoint: &Endpoint) -> Self {
        self.destination = format!(
            "destination:\n  host: {}\n  port: {}\n  protocol: {}\n",
            quoted(&endpoint.host),
            endpoint.port,
            endpoint.transport.name()
        );
        match &endpoint.trust {
            Some(trust) => self.env("SSL_CERT_FILE", trust),
            None => self,
        }
    }

    /// Where to send, the first that takes messages. All have the transport of the first; who issued their
    /// certificates is put together in one file. `keys` are further ones of `destination`.
    pub fn shipping_to(mut self, endpoints: &[Endpoint], keys: &[&str]) -> Self {
        let hosts = endpoints.iter().map(|it| format!("    - {}:{}\n", it.host, it.port));
        let keys = keys.iter().map(|key| format!("  {key}\n"));
        self.destination = format!(
            "destination:\n  hosts:\n{}  protocol: {}\n{}",
            hosts.collect::<String>(),
            endpoints[0].transport.name(),
            keys.collect::<String>()
        );
        let authorities = endpoints.iter().filter_map(|it| it.trust.as_ref());
        let authorities = authorities.map(|path| fs::read_to_string(path).unwrap());
        let authorities = authorities.collect::<String>();
        if authorities.is_empty() {
            return self;
        }
        let path = self.dir.join("authorities.pem");
        fs::write(&path, authorities).unwrap();
        self.env("SSL_CERT_FILE", path)
    }

    /// Adds top-level keys to the configuration, as YAML.
    pub fn yaml(mut self, text: &str) -> Self {
        self.yaml.push_str(text);
        self.yaml.push('\n');
        self
    }

    /// Reads new files from their beginning, so that a test need not wait until they are followed.
    pub fn reading_from_start(self) -> Self {
        self.yaml("from_start: true")
    }

    /// Has connections handed over a second after something was sent, so that all is proven soon.
    pub fn proving(self) -> Self {
        self.env("REMOTE_SYSLOG_DESTINATION_PROOF_INTERVAL", "1s")
    }

    /// Adds an argument behind the usual ones.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.options.push(argument.as_ref().to_owned());
        self
    }

    /// Sets a variable of the environment.
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Has another build of the program run.
    pub fn of_program(mut self, program: impl Into<PathBuf>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// A path in its site.
    pub fn site_path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.dir.join(name)
    }

    /// Writes the configuration and returns its path.
    pub fn write_config(&self) -> PathBuf {
        let path = self.dir.join("conf.yml");
        let files: String = self.files.iter().map(|entry| format!("  - {entry}\n")).collect();
        let head = if files.is_empty() { "" } else { "files:\n" };
        fs::write(&path, format!("{head}{files}{}{}", self.destination, self.yaml)).unwrap();
        path
    }

    /// The call `remote_syslog -c conf.yml --state-dir state …`, without `-D`.
    pub fn command(&self) -> Command {
        let mut command = bare_command_of(self.program.as_deref());
        command.arg("-c").arg(self.write_config());
        command.arg("--state-dir").arg(self.dir.join("state"));
        command.args(&self.options).envs(self.env.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The same in the foreground, with a pid file that no other test knows.
    pub fn foreground(&self) -> Command {
        let mut command = self.command();
        command.arg("-D").arg("--pid-file").arg(self.dir.join("foreground.pid"));
        command
    }

    /// Runs it in the foreground until it ends by itself, for calls that do.
    #[track_caller]
    pub fn output(&self) -> Output {
        finish(&mut self.foreground())
    }

    /// Starts it in the foreground.
    #[track_caller]
    pub fn start(self) -> Running {
        let log = self.dir.join("remote_syslog.err");
        Running::start(self, log)
    }
}

/// The binary without arguments and without what the tests' own environment would tell it.
pub fn bare_command() -> Command {
    bare_command_of(None)
}

fn bare_command_of(program: Option<&Path>) -> Command {
    let built = Path::new(env!("CARGO_BIN_EXE_remote_syslog"));
    let mut command = Command::new(program.unwrap_or(built));
    let foreign = std::env::vars_os().map(|(name, _)| name).filter(|name| {
        let is_ours = |name: &str| {
            name.starts_with("REMOTE_SYSLOG_") || ["RUST_LOG", "SSL_CERT_DIR"].contains(&name)
        };
        name.to_str().is_some_and(is_ours)
    });
    for name in foreign {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// A child that does not outlive the test that started it.
pub struct Guarded(pub Child);

impl Drop for Guarded {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command that must end by itself; kills it and panics when it does not. What it says
/// goes to files: a daemon it leaves behind could hold a pipe open.
#[track_caller]
pub fn finish(command: &mut Command) -> Output {
    let (mut stdout, mut stderr) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
    command.stdout(stdout.try_clone().unwrap()).stderr(stderr.try_clone().unwrap());
    let mut child = command.spawn().unwrap();
    let status = wait_exit(&mut child, SOON);
    if status.is_none() {
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let (stdout, stderr) = (read_all(&mut stdout), read_all(&mut stderr));
    let status = status.unwrap_or_else(|| {
        panic!("it did not end by itself; stderr:\n{}", String::from_utf8_lossy(&stderr))
    });
    Output { status, stdout, stderr }
}

fn read_all(file: &mut File) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.rewind().unwrap();
    file.read_to_end(&mut bytes).unwrap();
    bytes
}

/// Waits for the end of a child; `None` when it is still there after `limit`. What has ended and waits for a
/// disk, which others write to, is there until the disk is done: that does not count, up to a minute.
pub fn wait_exit(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let (began, turn) = (Instant::now(), Duration::from_millis(2));
    let mut at_disk = Duration::ZERO;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return Some(status);
        }
        if began.elapsed().saturating_sub(at_disk.min(DISK)) > limit {
            return None;
        }
        let since = Instant::now();
        let waits = has_ended_at_disk(child.id());
        thread::sleep(turn);
        at_disk += if waits { since.elapsed() } else { Duration::ZERO };
    }
}

/// See [`wait_exit`].
const DISK: Duration = Duration::from_secs(60);

/// Whether its first thread has ended, and another sleeps so that no signal wakes it.
fn has_ended_at_disk(pid: u32) -> bool {
    let waits = |thread| threads::state(thread) == Some('D');
    threads::state(format!("/proc/{pid}")) == Some('Z') && threads::of(pid).any(waits)
}

/// `text` as a double-quoted YAML scalar.
pub fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
