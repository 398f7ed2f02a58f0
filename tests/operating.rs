//! The commands of `docs/operating.md`, run for real; what they say there is what they say here.
//! Names, addresses, ports, process ids and times are replaced by those of the document.

mod running;

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, SystemTime};

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    End, Guarded, Receiver, SOON, Site, Transport, as_nobody, assert_documented, bare_command,
    finish, give_to_nobody, wait_exit, wait_until,
};

const LINE: &str = "one line of a log, which is like the other ones in length\n";

/// A host as the document shows it, below a directory.
struct Scene {
    site: Site,
    receiver: Receiver,
}

/// How `--status` tells of the receiver in the document.
const RECEIVER: &str = "receiver: not connected for 2 s; last error, 1 s ago: cannot connect to \
    192.0.2.10:6514 (192.0.2.10): Connection refused (os error 111); nothing listens there: check \
    that the receiver runs and destination.port is right";
const FINGERPRINT: &str = "sha-256:BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:\
     96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";
const RECEIVER_JSON: &str = r#""receiver":{"connected":false,"since":"2026-11-25T03:14:15Z","name":null,"first":null,"first_asked_at":null,"unread":0,"unsent":0,"unproven":0,"unproven_since":null,"rate_limited":false,"error":"cannot connect to …","error_at":"2026-11-25T03:14:15Z","error_of":null,"certificate_end":null,"own_certificate_end":null}"#;

impl Scene {
    fn new(transport: Transport, files: &str) -> Self {
        Self::with(Receiver::on_localhost(transport, false).unwrap(), files)
    }

    /// `files` are the keys of the configuration but `destination`; `ROOT` stands for the site.
    fn with(receiver: Receiver, files: &str) -> Self {
        let scene = Self { site: Site::new(), receiver };
        let endpoint = scene.receiver.endpoint();
        let (port, protocol) = (endpoint.port, endpoint.transport.name());
        let root = scene.site.dir().display().to_string();
        let files = files.replace("ROOT", &root);
        let destination = format!(
            "destination:\n  host: {}\n  port: {port}\n  protocol: {protocol}\n",
            endpoint.host
        );
        scene.site.append("etc/log_files.yml", files + &destination);
        scene
    }

    fn log(&self, name: &str, lines: usize) -> PathBuf {
        self.site.append(Path::new("var/log").join(name), LINE.repeat(lines))
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = bare_command();
        command.current_dir(self.site.dir());
        command.arg("-c").arg(self.site.path("etc/log_files.yml"));
        command.arg("--state-dir").arg(self.site.path("var/lib/remote_syslog"));
        command.args(arguments);
        if let Some(trust) = self.receiver.endpoint().trust {
            command.env("SSL_CERT_FILE", trust);
        }
        command
    }

    fn start(&self) -> Guarded {
        let log = File::create(self.site.path("remote_syslog.err")).unwrap();
        let mut command = self.command(&["-D", "--from-start"]);
        // A status shows what is proven.
        command.env("REMOTE_SYSLOG_DESTINATION_PROOF_INTERVAL", "1s");
        Guarded(command.stdout(Stdio::null()).stderr(log).spawn().unwrap())
    }

    /// What the document shows: the command, what it says, its exit code unless it is 0.
    fn shown(&self, arguments: &[&str]) -> String {
        self.shown_of(&mut self.command(arguments), arguments)
    }

    fn shown_of(&self, command: &mut Command, arguments: &[&str]) -> String {
        let output = finish(command);
        let quoted = arguments.iter().map(|argument| match argument.contains(' ') {
            true => format!(" '{argument}'"),
            false => format!(" {argument}"),
        });
        let mut said = format!("$ remote_syslog{}\n", quoted.collect::<String>());
        said += &String::from_utf8(output.stdout).unwrap();
        said += &String::from_utf8(output.stderr).unwrap();
        if output.status.code() != Some(0) {
            said += &format!("$ echo $?\n{}\n", output.status.code().unwrap());
        }
        self.normal(&said)
    }

    fn normal(&self, said: &str) -> String {
        let endpoint = self.receiver.endpoint();
        let said = said.replace(self.site.dir().to_str().unwrap(), "");
        let said = said.replace(&endpoint.port.to_string(), "6514");
        let said = said.replace("127.0.0.1", "192.0.2.10").replace("localhost", "logs.example.com");
        let said = said.replace("remote_syslog test authority", "Example CA");
        let mut said = said;
        for (pattern, replacement) in [
            (r"process \d+", "process 4711"),
            (r#""pid":\d+"#, r#""pid":4711"#),
            ("sha-256(:[0-9A-F]{2}){32}", FINGERPRINT),
            (r"valid until [0-9-]+, \d+ more days", "valid until 2027-06-30, 217 more days"),
            (
                r"belongs to \S+:\S+, mode (\d+), and this runs as \S+",
                "belongs to root:adm, mode $1, and this runs as syslog",
            ),
            (r"SSL_CERT_FILE \([^)]*\)", "SSL_CERT_FILE (/etc/ssl/ca.pem)"),
            (r#""\d{4}-\d\d-\d\dT[0-9:.]+Z""#, r#""2026-11-25T03:14:15.926535897Z""#),
            // What it says at any moment is tested apart.
            (r"(?m)^receiver: .*$", RECEIVER),
            (r#""receiver":\{[^}]*\}"#, RECEIVER_JSON),
            // As wide as it was: columns keep their places.
            (r" {3}\d s  ", "   2 s  "),
            (r" {2}\d\d s  ", "   2 s  "),
        ] {
            said = Regex::new(pattern).unwrap().replace_all(&said, replacement).into_owned();
        }
        said
    }

    fn age(path: &Path, seconds: u64) {
        let time = SystemTime::now() - Duration::from_secs(seconds);
        File::options().append(true).open(path).unwrap().set_modified(time).unwrap();
    }

    fn wait_status(&self, what: &str, holds: impl Fn(&serde_json::Value) -> bool) {
        wait_until(what, SOON, || {
            let output = finish(&mut self.command(&["--status", "--json"]));
            holds(&serde_json::from_slice(&output.stdout).unwrap())
        });
    }
}

fn term(daemon: &mut Child) {
    kill_process(Pid::from_child(daemon), Signal::TERM).unwrap();
    assert!(wait_exit(daemon, SOON).is_some_and(|status| status.success()));
}

const FILES: &str = "\
files:
  - ROOT/var/log/nginx/*.log
  - web=ROOT/var/log/nginx/access.log
  - ROOT/var/log/secure
  - ROOT/var/log/app/*.log
exclude_files:
  - debug
exclude_patterns:
  - ELB-HealthChecker
  - ^#
";

#[test]
fn check() {
    let scene = Scene::new(Transport::Tcp, FILES);
    let access = scene.log("nginx/access.log", 100);
    scene.log("nginx/debug.log", 1);
    fs::hard_link(access, scene.site.path("var/log/nginx/old-name.log")).unwrap();
    let secure = scene.log("secure", 1);
    fs::set_permissions(secure, fs::Permissions::from_mode(0o000)).unwrap();
    give_to_nobody(&scene.site.make_dir("var/lib/remote_syslog"));
    let arguments = ["--check"];
    let mut command = as_nobody(scene.command(&arguments), &scene.site);
    let said = scene.shown_of(&mut command, &arguments);
    assert_documented("check", &said.replace("mode 0000", "mode 0640"));
}

#[test]
fn check_connect() {
    let scene = Scene::new(Transport::Tls, "files: ROOT/var/log/app.log\n");
    scene.log("app.log", 10);
    assert_documented("check-connect", &scene.shown(&["--check", "--connect"]));
}

#[test]
fn check_connect_refused() {
    let foreign = Receiver::on_localhost(Transport::Tls, false).unwrap();
    let scene = Scene::new(Transport::Tls, "files: ROOT/var/log/app.log\n");
    scene.log("app.log", 10);
    let mut command = scene.command(&["--check", "--connect"]);
    command.env("SSL_CERT_FILE", foreign.endpoint().trust.unwrap());
    let said = scene.shown_of(&mut command, &["--check", "--connect"]);
    let receiver = said.find("Receiver\n").unwrap()..said.find("\nPositions").unwrap();
    assert_documented("certificate-refused", &said[receiver]);
}

#[test]
fn check_connect_where_nothing_listens() {
    let mut scene = Scene::new(Transport::Tcp, "files: ROOT/var/log/app.log\n");
    scene.log("app.log", 10);
    scene.receiver.down(End::Clean);
    let said = scene.shown(&["--check", "--connect"]);
    let receiver = said.find("Receiver\n").unwrap()..said.find("\nPositions").unwrap();
    assert_documented("nothing-listens", &said[receiver]);
}

#[test]
fn check_line() {
    let scene = Scene::new(Transport::Tcp, FILES);
    let dropped = scene.shown(&["--check", "--line", "GET / ELB-HealthChecker/2.0"]);
    let sent = scene.shown(&["--check", "--line", "GET /index.html"]);
    assert_documented("check-line", &(dropped + &sent));
}

#[test]
fn status() {
    let mut scene = Scene::new(Transport::Tcp, "files: ROOT/var/log/**/*.log\n");
    let access = scene.log("nginx/access.log", 5_000);
    let app = scene.log("app.log", 1_000);
    let cron = scene.log("cron.log", 20);
    let mut daemon = scene.start();
    scene.receiver.wait_for(6_020);
    scene.receiver.wait_rotation(1);
    scene.receiver.down(End::Clean);
    scene.wait_status("all is delivered", |status| {
        status["total"]["delivered"] == 6_020 * LINE.len() as u64
    });
    scene.log("nginx/access.log", 1_500);
    scene.log("app.log", 100);
    fs::rename(&app, app.with_extension("log.1")).unwrap();
    scene.log("app.log", 50);
    Scene::age(&access, 200);
    Scene::age(&app, 9_000);
    Scene::age(&cron, 90_000);
    scene.wait_status("the rotated file is known", |status| {
        status["files"].as_array().unwrap().iter().any(|file| file["rotated"] == 1)
    });
    assert_documented("status", &scene.shown(&["--status"]));
    let json = scene.shown(&["--status", "--json"]);
    // One line in truth; for people one for each file.
    let json = json.replace(",\"files\":[", ",\n \"files\":[").replace("},{", "},\n  {");
    assert_documented("status-json", &json);
    term(&mut daemon.0);
}

#[test]
fn a_second_instance() {
    let scene = Scene::new(Transport::Tcp, "files: ROOT/var/log/app.log\n");
    scene.log("app.log", 10);
    let mut daemon = scene.start();
    scene.receiver.wait_for(10);
    assert_documented("second-instance", &scene.shown(&["-D"]));
    term(&mut daemon.0);
}
