//! The main job in a few seconds, with nothing set up: `cargo run --example quickstart`.
//!
//! A receiver starts, `remote_syslog` starts, a program writes a log, the log is rotated in the
//! middle, and every line arrives.

#![allow(clippy::print_stdout, reason = "it is a demonstration")]

#[path = "receiver/server.rs"]
mod server;

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{self, Receiver};
use tokio::time::timeout;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// How long a message may take before something must be wrong.
const PATIENCE: Duration = Duration::from_secs(20);

const BEFORE: [&str; 4] = [
    r#"203.0.113.7 - - "GET / HTTP/1.1" 200 5120"#,
    r#"203.0.113.7 - - "GET /style.css HTTP/1.1" 200 912"#,
    r#"198.51.100.23 - - "POST /login HTTP/1.1" 302 0"#,
    r#"198.51.100.23 - - "GET /café HTTP/1.1" 200 7301"#,
];
const LATE: [&str; 2] = [
    r#"192.0.2.44 - - "GET /late HTTP/1.1" 200 17    <- written to the old file after the rename"#,
    r#"192.0.2.44 - - "GET /later HTTP/1.1" 200 18   <- and so was this"#,
];
const AFTER: [&str; 3] = [
    r#"203.0.113.7 - - "GET /cart HTTP/1.1" 200 4410  <- the first line of the new file"#,
    r#"203.0.113.7 - - "POST /order HTTP/1.1" 201 88"#,
    r#"203.0.113.7 - - "GET /thanks HTTP/1.1" 200 2210"#,
];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let binary = binary()?;
    let dir = tempfile::tempdir()?;
    let (sender, mut messages) = mpsc::channel(1024);
    let address = server::tcp("127.0.0.1:0", None, sender).await?;

    step(&format!("A syslog receiver listens on {address} (TCP)."));
    let log = dir.path().join("access.log");
    let mut file = open(&log)?;
    let config = dir.path().join("log_files.yml");
    let text = configuration(&log, address.port());
    fs::write(&config, &text)?;
    step("remote_syslog starts with this configuration:");
    println!("{}", indented(&text));
    let mut shipper = Shipper::start(&binary, &config, dir.path())?;

    let started = Instant::now();
    step("A web server writes its log:");
    shipper.deliver(&mut file, &BEFORE, &mut messages).await?;

    step("logrotate renames access.log; the web server still has the old file open:");
    fs::rename(&log, dir.path().join("access.log.1"))?;
    shipper.deliver(&mut file, &LATE, &mut messages).await?;

    step("It opens the new one:");
    let mut file = open(&log)?;
    shipper.deliver(&mut file, &AFTER, &mut messages).await?;

    let total = BEFORE.len() + LATE.len() + AFTER.len();
    let took = started.elapsed().as_millis();
    shipper.stop()?;
    step(&format!(
        "{total} lines written, {total} received, none lost in the rotation, in {took} ms."
    ));
    println!("  Next: your own files and receiver, see README.md and docs/configuration.md.");
    Ok(())
}

fn configuration(log: &Path, port: u16) -> String {
    format!(
        "files:\n  - web={}\ndestination:\n  host: 127.0.0.1\n  port: {port}\n  protocol: tcp\n\
         hostname: quickstart\nfrom_start: true\n",
        log.display()
    )
}

/// `remote_syslog` as a child process that does not outlive this one's errors.
struct Shipper {
    child: Child,
    log: PathBuf,
}

impl Shipper {
    fn start(binary: &Path, config: &Path, dir: &Path) -> Result<Self> {
        let log = dir.join("remote_syslog.log");
        let mut command = Command::new(binary);
        command.arg("-D").arg("-c").arg(config).arg("--state-dir").arg(dir.join("state"));
        command.arg("--pid-file").arg(dir.join("remote_syslog.pid"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log)?);
        Ok(Self { child: command.spawn()?, log })
    }

    /// Writes lines one by one and shows each message as it arrives.
    async fn deliver(
        &mut self,
        file: &mut File,
        lines: &[&str],
        messages: &mut Receiver<Vec<u8>>,
    ) -> Result<()> {
        for line in lines {
            writeln!(file, "{line}")?;
            let Ok(Some(message)) = timeout(PATIENCE, messages.recv()).await else {
                let log = fs::read_to_string(&self.log)?;
                return Err(format!("nothing arrived; remote_syslog said:\n{log}").into());
            };
            let message = String::from_utf8_lossy(&message).into_owned();
            println!("    {message}");
            if !message.ends_with(line) {
                return Err(format!("that is not the line that was written: {line}").into());
            }
        }
        Ok(())
    }

    /// Stops it as an init script would.
    fn stop(mut self) -> Result<()> {
        rustix::process::kill_process(
            rustix::process::Pid::from_child(&self.child),
            rustix::process::Signal::TERM,
        )?;
        let deadline = Instant::now() + PATIENCE;
        let status = loop {
            match self.child.try_wait()? {
                Some(status) => break status,
                None if Instant::now() > deadline => return Err("it does not stop".into()),
                None => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        if status.success() { Ok(()) } else { Err(format!("remote_syslog: {status}").into()) }
    }
}

impl Drop for Shipper {
    fn drop(&mut self) {
        // Both fail when it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The binary built beside this example; Cargo does not build it for an example, so that is done
/// here.
fn binary() -> Result<PathBuf> {
    let example = std::env::current_exe()?;
    let profile = example.parent().and_then(Path::parent).ok_or("no directory above examples/")?;
    let target = profile.parent().ok_or("no directory above the profile's")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    // Together with the example, which is built already: alone the binary would have its
    // dependencies compiled once more, without the features that examples ask of them. What
    // `cargo run` has set of itself would do the same.
    cargo.args(["build", "--quiet", "--bin", "remote_syslog", "--example", "quickstart"]);
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo.arg("--manifest-path");
    cargo.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml"));
    cargo.arg("--target-dir").arg(target);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    if !cargo.status()?.success() {
        return Err("remote_syslog could not be built".into());
    }
    Ok(profile.join("remote_syslog"))
}

fn open(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).open(path)
}

fn step(text: &str) {
    println!("\n\u{25b8} {text}");
}

fn indented(text: &str) -> String {
    text.lines().map(|line| format!("    {line}\n")).collect::<String>().trim_end().to_owned()
}
