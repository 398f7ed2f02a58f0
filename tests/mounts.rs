//! File systems that do not answer: bindfs, stopped, stands for an NFS server that is away.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixDatagram;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::metrics;
use crate::support::{Guarded, Mounted, Receiver, SOON, Shipper, Site, wait_exit, wait_until};

/// A site with logs on this machine, `here/*.log`, and on another, `there/*.log`.
fn site() -> Option<(Site, Mounted)> {
    let site = Site::new();
    let source = site.make_dir("source");
    let mounted = Mounted::new(&source, &site.make_dir("there"))?;
    Some((site, mounted))
}

fn shipper(site: &Site, receiver: &Receiver) -> Shipper {
    let shipper = Shipper::new(site).follow("here/*.log").follow("there/*.log");
    shipper.to(&receiver.endpoint()).reading_from_start().yaml("new_file_check_interval: 1")
}

#[test]
fn one_that_hangs_delays_no_file_elsewhere_and_is_named() {
    let Some((site, mounted)) = site() else { return };
    let receiver = Receiver::tcp();
    let metrics = metrics::address();
    site.append("here/a.log", "here 1\n");
    site.append("source/b.log", "there 1\n");
    let shipper = shipper(&site, &receiver).yaml(&format!("metrics_listen: '{metrics}'"));
    let config = shipper.write_config();
    let mut running = shipper.start();
    receiver.wait_for_text("here 1");
    receiver.wait_for_text("there 1");
    mounted.hang();
    site.append("source/b.log", "there 2\n");
    let there = site.path("there");
    running.wait_warning(&[there.to_str().unwrap(), "has not answered", "fuse"]);
    site.append("here/a.log", "here 2\n");
    receiver.wait_for_text("here 2");
    site.append("here/new.log", "here 3\n");
    receiver.wait_for_text("here 3");
    let scraped = metrics::get(metrics, "/metrics").unwrap();
    assert!(scraped.contains("remote_syslog_silent_mounts 1"), "{scraped}");
    // A reload goes on, too.
    let text = fs::read_to_string(&config).unwrap();
    fs::write(&config, format!("{text}exclude_patterns: [noise]\n")).unwrap();
    running.signal(Signal::HUP);
    running.wait_log(&["the configuration is loaded anew"]);
    site.append("here/a.log", "noise\nhere 4\n");
    receiver.wait_for_text("here 4");
    mounted.go_on();
    receiver.wait_for_text("there 2");
    running.wait_log(&[there.to_str().unwrap(), "answers again"]);
    site.append("source/b.log", "there 3\n");
    site.append("source/new.log", "there 4\n");
    receiver.wait_for_text("there 3");
    receiver.wait_for_text("there 4");
    running.term();
    let mut texts = receiver.texts();
    texts.sort_unstable();
    let all = ["here 1", "here 2", "here 3", "here 4", "there 1", "there 2", "there 3", "there 4"];
    assert_eq!(texts, all, "each line once");
}

#[test]
fn one_that_hangs_from_the_start_delays_no_file_elsewhere() {
    let Some((site, mounted)) = site() else { return };
    let (receiver, manager) = (Receiver::tcp(), UnixDatagram::bind(site.path("notify")).unwrap());
    manager.set_read_timeout(Some(SOON)).unwrap();
    site.append("here/a.log", "here 1\n");
    site.append("source/b.log", "there 1\n");
    mounted.hang();
    let mut running = shipper(&site, &receiver)
        .env("NOTIFY_SOCKET", site.path("notify"))
        .env("WATCHDOG_USEC", Duration::from_secs(3).as_micros().to_string())
        .start();
    receiver.wait_for_text("here 1");
    // It is started, and the watchdog fed, though that file system has never answered.
    for part in ["READY=1", "1 mount does not answer", "WATCHDOG=1", "WATCHDOG=1"] {
        wait_until(&format!("{part} was told"), SOON, || {
            let mut buffer = [0; 1024];
            let length = manager.recv(&mut buffer).expect("a message");
            String::from_utf8_lossy(&buffer[..length]).contains(part)
        });
    }
    assert_eq!(running.log_lines(&["systemd will start it anew"]).count(), 0);
    mounted.go_on();
    receiver.wait_for_text("there 1");
    running.term();
}

#[test]
fn to_stop_it_waits_for_none() {
    let Some((site, mounted)) = site() else { return };
    let receiver = Receiver::tcp();
    site.append("here/a.log", "here 1\n");
    site.append("source/b.log", "there 1\n");
    let mut running = shipper(&site, &receiver).start();
    receiver.wait_for_text("here 1");
    receiver.wait_for_text("there 1");
    mounted.hang();
    site.append("source/b.log", "there 2\n");
    site.append("here/a.log", "here 2\n");
    receiver.wait_for_text("here 2");
    running.term();
    // What was confirmed is known, though reading had not ended.
    mounted.go_on();
    running.restart();
    receiver.wait_for_text("there 2");
    running.term();
    let mut texts = receiver.texts();
    texts.sort_unstable();
    assert_eq!(texts, ["here 1", "here 2", "there 1", "there 2"]);
}

/// Neither for positions nor for the pid file. (What it has open there itself the kernel waits for.)
#[test]
fn to_stop_it_does_not_wait_for_what_is_its_own_either() {
    for (state, pid) in [("own", "a.pid"), ("state", "own/a.pid")] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        let (own, source) = (site.make_dir("own"), site.make_dir("source"));
        site.append("a.log", "one\n");
        let shipper = Shipper::new(&site).follow("a.log").to(&receiver.endpoint());
        let mut command = shipper.reading_from_start().proving().command();
        command.args(["-D", "--state-dir"]).arg(site.path(state));
        command.arg("--pid-file").arg(site.path(pid)).stderr(Stdio::null());
        let mut running = Guarded(command.spawn().unwrap());
        receiver.wait_for_text("one");
        // Saving would make the directory anew.
        let positions = ["positions", "positions.recent"].map(|name| site.path(state).join(name));
        let is_saved =
            |path| fs::read_to_string(path).is_ok_and(|text| text.contains("\"offset\":4"));
        wait_until("the position is saved", SOON, || positions.iter().any(is_saved));
        assert!(site.path(pid).exists() && site.path(state).join("status").exists());
        fs::rename(&own, site.path("before")).unwrap();
        let Some(mounted) = Mounted::new(&source, &site.make_dir("own")) else { return };
        mounted.hang();
        kill_process(Pid::from_child(&running.0), Signal::TERM).unwrap();
        let status = wait_exit(&mut running.0, Duration::from_secs(20));
        assert!(status.is_some_and(|status| status.success()), "{state}, {pid}");
    }
}

#[test]
fn what_is_mounted_later_and_what_links_lead_to_is_followed_apart() {
    let site = Site::new();
    let receiver = Receiver::tcp();
    let (source, point) = (site.make_dir("source"), site.make_dir("there"));
    site.append("here/a.log", "here 1\n");
    site.append("source/b.log", "there 1\n");
    symlink("../there/b.log", site.path("here/link.log")).unwrap();
    symlink("there", site.path("way")).unwrap();
    let mut running = Shipper::new(&site)
        .follow("here/*.log")
        .follow("way/c.log")
        .to(&receiver.endpoint())
        .reading_from_start()
        .yaml("new_file_check_interval: 1")
        .start();
    receiver.wait_for_text("here 1");
    let Some(mounted) = Mounted::new(&source, &point) else { return };
    receiver.wait_for_text("there 1");
    site.append("source/c.log", "there 2\n");
    receiver.wait_for_text("there 2");
    mounted.hang();
    running.wait_warning(&[point.to_str().unwrap(), "has not answered"]);
    site.append("here/a.log", "here 2\n");
    receiver.wait_for_text("here 2");
    mounted.go_on();
    running.wait_log(&["answers again"]);
    site.append("source/b.log", "there 3\n");
    receiver.wait_for_text("there 3");
    running.term();
    assert_eq!(receiver.count(), 5, "{:?}", receiver.texts());
}

#[test]
fn status_tells_of_all_other_files_and_names_those_it_cannot_see() {
    let Some((site, mounted)) = site() else { return };
    let receiver = Receiver::tcp();
    site.append("here/a.log", "here 1\n");
    site.append("source/b.log", "there 1\n");
    let shipper = shipper(&site, &receiver);
    let mut command = shipper.command();
    let mut running = shipper.start();
    receiver.wait_for_text("here 1");
    receiver.wait_for_text("there 1");
    running.term();
    mounted.hang();
    let began = Instant::now();
    let output = command.arg("--status").output().unwrap();
    assert!(began.elapsed() < SOON, "{:?}", began.elapsed());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    let line = |part: &str| said.lines().find(|line| line.contains(part)).unwrap_or_default();
    assert!(line("here/a.log").contains("7 B"), "{said}");
    assert!(line("there/b.log").contains("no answer from its file system"), "{said}");
}

#[test]
fn once_waits_for_it_and_says_so() {
    let Some((site, mounted)) = site() else { return };
    let receiver = Receiver::tcp();
    site.append("here/a.log", "here 1\n");
    site.append("source/b.log", "there 1\n");
    // It gives up after the sum of both.
    let shipper = Shipper::new(&site).follow("here/*.log").follow("there/*.log");
    let shipper = shipper.to(&receiver.endpoint());
    let shipper = shipper.yaml("connect_timeout: 10\nwrite_timeout: 10").reading_from_start();
    mounted.hang();
    let output = shipper.command().arg("--once").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    let verdict = said.lines().find(|line| line.starts_with("1 message")).unwrap_or_default();
    assert!(verdict.contains(site.path("there").to_str().unwrap()), "{said}");
    let again = shipper.command().arg("--once").stderr(Stdio::piped()).spawn().unwrap();
    mounted.go_on();
    let output = again.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(receiver.texts(), ["here 1", "there 1"]);
}
