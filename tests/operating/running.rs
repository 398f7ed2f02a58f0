//! The commands that ship, print and reload, as `docs/operating.md` shows them.

use std::fs;

use regex::Regex;
use rustix::process::{Pid, Signal, kill_process};

use super::{LINE, Scene, term};
use crate::metrics::{address, get};
use crate::support::{SOON, Site, Transport, assert_documented, bare_command, finish, wait_until};

/// The log with times as the document shows them.
fn timed(said: &str) -> String {
    let said = Regex::new(r"(?m)^\d\d:\d\d:\d\d ").unwrap().replace_all(said, "03:14:15 ");
    let said = Regex::new(r"in \d+\.\d s").unwrap().replace_all(&said, "in 0.1 s");
    let said = Regex::new(r"port \d+, ").unwrap().replace_all(&said, "port 6514, ");
    Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+(Z|[+-]\d\d:\d\d)")
        .unwrap()
        .replace_all(&said, "2026-11-25T03:14:15.926535Z")
        .into_owned()
}

#[test]
fn once() {
    let scene = Scene::new(Transport::Tcp, "files: [ROOT/var/log/*.log]\n");
    scene.log("app.log", 400);
    scene.log("cron.log", 12);
    let said = timed(&scene.shown(&["--once", "--from-start"]));
    // As long as the fractions of the times in them.
    let said = Regex::new(r"\(\S+ KiB\)").unwrap().replace_all(&said, "(43.9 KiB)").into_owned();
    // It is connected sooner or later.
    let mut lines: Vec<_> = said.split_inclusive('\n').collect();
    lines.sort_by_key(|line| !line.contains("following") && !line.starts_with('$'));
    assert_documented("once", &lines.concat());
}

#[test]
fn dry_run() {
    let site = Site::new();
    site.append("app.log", "GET /\nGET /cart\n");
    let mut command = bare_command();
    command.args(["--dry-run", "--once", "--from-start", "--log", "ERROR", "--hostname", "web1"]);
    let output =
        finish(command.arg("shop=app.log").current_dir(site.dir()).env("HOME", site.dir()));
    let printed = timed(&String::from_utf8(output.stdout).unwrap());
    let call =
        "$ remote_syslog --dry-run --once --from-start --log ERROR --hostname web1 shop=app.log";
    assert_documented("dry-run", &format!("{call}\n{printed}"));
}

/// What the daemon of `scene` logs when `act` is done to it, from then on.
fn logged(scene: &Scene, until: &str, signal: Signal, act: impl FnOnce()) -> String {
    let mut daemon = scene.start();
    scene.wait_status("all is known", |status| {
        status["files"].as_array().unwrap().iter().all(|file| file["standing"] == "followed")
    });
    let log = || fs::read_to_string(scene.site.path("remote_syslog.err")).unwrap();
    wait_until("it is connected", SOON, || log().contains("connected to"));
    let before = log().len();
    act();
    kill_process(Pid::from_child(&daemon.0), signal).unwrap();
    wait_until(until, SOON, || log()[before..].contains(until));
    term(&mut daemon.0);
    let log = log();
    let end = log.find(" INFO  stopping").map_or(log.len(), |at| at - "03:14:15".len());
    timed(&scene.normal(&log[before..end]))
}

fn is_delivered(status: &serde_json::Value) -> bool {
    status["total"]["delivered"] == 412 * LINE.len()
}

const FILES: &str = "files: [ROOT/var/log/app.log, ROOT/var/log/cron.log]\n";

#[test]
fn reload() {
    let scene = Scene::new(Transport::Tcp, FILES);
    scene.log("app.log", 4);
    scene.log("cron.log", 4);
    scene.log("mail.log", 4);
    let said = logged(&scene, "following 2 files", Signal::HUP, || {
        let path = scene.site.path("etc/log_files.yml");
        let text = fs::read_to_string(&path).unwrap().replace("cron.log", "mail.log");
        fs::write(path, text).unwrap();
    });
    // Two threads say it.
    let mut lines: Vec<_> = said.split_inclusive('\n').collect();
    lines.sort_by_key(|line| !line.contains("the configuration"));
    let said = lines.concat();
    assert_documented("reload", &said);
}

#[test]
fn reload_refused() {
    let scene = Scene::new(Transport::Tcp, FILES);
    scene.log("app.log", 4);
    scene.log("cron.log", 4);
    let said = logged(&scene, "stays in force", Signal::HUP, || {
        scene.site.append("etc/log_files.yml", "facility: loacl0\nexclude_patterns: ['a(b']\n");
    });
    assert_documented("reload-refused", &said);
}

#[test]
fn usr1() {
    let scene = Scene::new(Transport::Udp, FILES);
    scene.log("app.log", 400);
    scene.log("cron.log", 12);
    let said = logged(&scene, "cron.log: ", Signal::USR1, || {
        scene.wait_status("all is delivered", is_delivered);
    });
    let said = Regex::new(r"moved \d+ s").unwrap().replace_all(&said, "moved 2 s").into_owned();
    assert_documented("usr1", &said);
}

#[test]
fn metrics() {
    let address = address();
    let scene = Scene::new(Transport::Udp, &format!("metrics_listen: '{address}'\n{FILES}"));
    scene.log("app.log", 400);
    scene.log("cron.log", 12);
    let mut daemon = scene.start();
    scene.wait_status("all is delivered", is_delivered);
    let answer = get(address, "/metrics").unwrap();
    term(&mut daemon.0);
    let lines = answer.lines().filter(|line| line.starts_with("remote_syslog_"));
    let said: String = lines.map(|line| format!("{line}\n")).collect();
    let said = Regex::new(r"(timestamp_seconds) \d+").unwrap().replace_all(&said, "$1 1795576455");
    let said =
        Regex::new(r"sent_bytes_total \d+").unwrap().replace_all(&said, "sent_bytes_total 46172");
    let said = Regex::new(r"confirmed_bytes_total \d+")
        .unwrap()
        .replace_all(&said, "confirmed_bytes_total 46172")
        .into_owned();
    let call = "$ curl -s http://127.0.0.1:9600/metrics | grep ^remote_syslog";
    assert_documented("metrics", &format!("{call}\n{}", scene.normal(&said)));
}
