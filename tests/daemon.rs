//! The process as init scripts and people at a terminal see it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use rustix::fs::{CWD, Mode, OFlags, mkfifoat};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::support::{
    Receiver, SOON, Shipper, Site, Transport, bare_command, finish, threads, wait_until,
};

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn shipper(site: &Site, receiver: &Receiver) -> Shipper {
    Shipper::new(site).follow("app.log").to(&receiver.endpoint()).reading_from_start()
}

/// A detached daemon, found by its pid file; killed when dropped.
struct Daemon {
    pid: Pid,
}

impl Daemon {
    /// Runs a command that detaches and waits until the parent has ended.
    #[track_caller]
    fn start(command: &mut Command, pid_file: &Path) -> Self {
        let output = finish(command);
        assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
        let text = fs::read_to_string(pid_file).expect("written before the parent ends");
        let pid = text.strip_suffix('\n').expect("PID and a newline").parse().unwrap();
        let daemon = Self { pid: Pid::from_raw(pid).unwrap() };
        assert!(daemon.is_alive());
        daemon
    }

    fn is_alive(&self) -> bool {
        // A process whose parent has not collected it counts as ended.
        let state = threads::state(format!("/proc/{}", self.pid.as_raw_nonzero()));
        state.is_some_and(|state| state != 'Z')
    }

    #[track_caller]
    fn term(&self) {
        kill_process(self.pid, Signal::TERM).unwrap();
        wait_until("it ends on TERM", Duration::from_secs(5), || !self.is_alive());
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if test_kill_process(self.pid).is_ok() && self.is_alive() {
            let _ = kill_process(self.pid, Signal::KILL);
        }
    }
}

#[test]
fn term_and_int_end_it_with_exit_code_0() {
    for signal in [Signal::TERM, Signal::INT] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append("app.log", "one\n");
        let mut shipper = shipper(&site, &receiver).start();
        receiver.wait_for_text("one");
        shipper.signal(signal);
        let status = shipper.wait_exit(Duration::from_secs(5));
        assert_eq!(status.code(), Some(0), "{signal:?}");
    }
}

#[test]
fn term_ends_it_in_time_whatever_the_receiver_does() {
    for transport in [Transport::Tcp, Transport::Tls] {
        let (site, receiver) = (Site::new(), Receiver::new(transport));
        let mut shipper = shipper(&site, &receiver).start();
        // With the handshake behind it: a receiver that takes part in none has nothing sent.
        shipper.wait_log(&["connected to"]);
        receiver.stall();
        site.append("app.log", "a line of some length\n".repeat(500_000));
        wait_until("it reads", SOON, || shipper.cpu_ticks() > 0);
        shipper.signal(Signal::TERM);
        // Init scripts give it no more.
        assert!(shipper.wait_exit(Duration::from_secs(5)).success());
    }
}

#[test]
fn usr1_does_not_kill() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let mut shipper = shipper(&site, &receiver).start();
    receiver.wait_connected();
    shipper.signal(Signal::USR1);
    site.append("app.log", "after the signal\n");
    receiver.wait_for_text("after the signal");
    assert!(shipper.is_alive());
}

#[test]
fn it_detaches_as_init_scripts_call_it() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let pid_file = site.path("remote_syslog.pid");
    let mut command = shipper(&site, &receiver).command();
    command.arg(format!("--pid-file={}", pid_file.display()));
    let daemon = Daemon::start(&mut command, &pid_file);
    site.append("app.log", "from the background\n");
    receiver.wait_for_text("from the background");

    let pid = daemon.pid.as_raw_nonzero();
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    let name = fs::read_link(format!("/proc/{pid}/exe")).unwrap();
    assert!(name.ends_with("remote_syslog"), "{name:?}");
    // Not compared with the session of the test: that has no number where its leader is outside
    // of the pid namespace.
    assert_eq!(rustix::process::getsid(Some(daemon.pid)).unwrap(), daemon.pid);
    daemon.term();
    assert!(!pid_file.exists(), "the pid file is left behind");
}

#[test]
fn relative_paths_are_those_of_the_launch_directory() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("logs/app.log", "one\n");
    let endpoint = receiver.endpoint();
    let shipper = Shipper::new(&site).to(&endpoint).entry("logs/*.log").reading_from_start();
    let config = shipper.write_config();
    let mut command = bare_command();
    command.current_dir(site.dir()).arg("-c").arg(config.file_name().unwrap());
    command.args(["--pid-file", "my.pid", "--state-dir", "state"]);
    let daemon = Daemon::start(&mut command, &site.path("my.pid"));
    receiver.wait_for_text("one");
    site.append("logs/later.log", "two\n");
    receiver.wait_for_text("two");
    assert!(site.path("state").is_dir());
    daemon.term();
}

#[test]
fn detached_it_logs_to_debug_log_file() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", "one\n");
    let pid_file = site.path("a.pid");
    let own_log = site.path("own.log");
    let mut command = shipper(&site, &receiver).command();
    command.arg("--debug-log-cfg").arg(&own_log).arg("--pid-file").arg(&pid_file);
    let daemon = Daemon::start(&mut command, &pid_file);
    receiver.wait_for_text("one");
    wait_until("the log names the file", SOON, || {
        fs::read_to_string(&own_log).is_ok_and(|text| text.contains(log.to_str().unwrap()))
    });
    daemon.term();
}

#[test]
fn lines_of_its_log_that_cannot_be_written_are_counted() {
    let (site, receiver, metrics) = (Site::new(), Receiver::tcp(), crate::metrics::address());
    site.append("app.log", "one\n");
    let pid_file = site.path("a.pid");
    let keys = format!("debug_log_file: /dev/full\nmetrics_listen: '{metrics}'");
    let mut command = shipper(&site, &receiver).yaml(&keys).command();
    let daemon = Daemon::start(command.arg("--pid-file").arg(&pid_file), &pid_file);
    receiver.wait_for_text("one");
    wait_until("they are counted", SOON, || {
        let said = crate::metrics::scrape(metrics);
        let count =
            said.lines().find_map(|it| it.strip_prefix("remote_syslog_log_lost_lines_total "));
        count.is_some_and(|count| count != "0")
    });
    daemon.term();
}

#[test]
fn a_full_pipe_in_the_place_of_its_log_keeps_nobody_waiting() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let (own_log, pid_file) = (site.path("own.log"), site.path("a.pid"));
    mkfifoat(CWD, &own_log, Mode::RUSR | Mode::WUSR).unwrap();
    let pipe = rustix::fs::open(&own_log, OFlags::RDWR | OFlags::NONBLOCK, Mode::empty()).unwrap();
    while rustix::io::write(&pipe, &[b'.'; 4096]).is_ok() {}
    // A warning is to be written at once.
    let keys = format!("debug_log_file: {}\nno_such_key: 1", own_log.display());
    let mut command = shipper(&site, &receiver).yaml(&keys).command();
    let daemon = Daemon::start(command.arg("--pid-file").arg(&pid_file), &pid_file);
    receiver.wait_for_text("one");
    daemon.term();
}

#[test]
fn a_second_instance_is_refused_before_it_detaches() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let pid_file = site.path("a.pid");
    let mut command = shipper(&site, &receiver).command();
    command.arg("--pid-file").arg(&pid_file);
    let daemon = Daemon::start(&mut command, &pid_file);
    let output = finish(&mut command);
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stderr(&output);
    let named = [pid_file.to_str().unwrap(), "state"].iter().any(|part| said.contains(part));
    assert!(named && said.contains(&daemon.pid.to_string()), "{said}");
    assert!(daemon.is_alive());
    daemon.term();
}

#[test]
fn two_instances_do_not_share_positions() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let shipper = shipper(&site, &receiver);
    let mut command = shipper.command();
    let mut first = shipper.start();
    receiver.wait_connected();
    let output = finish(command.arg("-D").arg("--pid-file").arg(site.path("other.pid")));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let said = stderr(&output);
    assert!(said.contains(site.path("state").to_str().unwrap()), "{said}");
    assert!(said.contains("--state-dir") || said.contains("state_dir"), "the remedy: {said}");
    first.term();
}

#[test]
fn a_stale_or_empty_pid_file_is_replaced() {
    for left_behind in ["", "999999999\n"] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        let pid_file = site.append("a.pid", left_behind);
        let mut command = shipper(&site, &receiver).command();
        command.arg("--pid-file").arg(&pid_file);
        Daemon::start(&mut command, &pid_file).term();
    }
}

#[test]
fn a_file_with_other_content_is_not_taken_for_a_pid_file() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let precious = site.append("precious.txt", "not to be overwritten\n");
    let output = finish(shipper(&site, &receiver).command().arg("--pid-file").arg(&precious));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(precious.to_str().unwrap()), "{}", stderr(&output));
    assert_eq!(fs::read_to_string(precious).unwrap(), "not to be overwritten\n");
}

#[test]
fn a_pid_file_that_cannot_be_written_is_an_error_that_is_seen() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let nowhere = site.path("no/such/directory/a.pid");
    let output = finish(shipper(&site, &receiver).command().arg("--pid-file").arg(&nowhere));
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    assert!(stderr(&output).contains(nowhere.to_str().unwrap()), "{}", stderr(&output));
}

/// Logs that are not shipped at all would be worse than positions that are not kept.
#[test]
fn a_state_directory_that_cannot_be_made_is_a_warning() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let file = site.append("a-file", "");
    site.append("app.log", "");
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let shipper = shipper.arg("--state-dir").arg(file.join("state"));
    let mut shipper = shipper.reading_from_start().start();
    site.append("app.log", "shipped all the same\n");
    receiver.wait_for_text("shipped all the same");
    shipper.wait_warning(&["a-file/state", "cannot be kept", "--state-dir"]);
    shipper.term();
}

#[test]
fn positions_are_for_the_owner_only() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let mut shipper = shipper(&site, &receiver).start();
    receiver.wait_for_text("one");
    shipper.term();
    let files = fs::read_dir(site.path("state")).unwrap().map(Result::unwrap);
    let modes: Vec<_> = files
        .filter(|entry| entry.metadata().unwrap().is_file())
        .map(|entry| (entry.file_name(), entry.metadata().unwrap().permissions().mode() & 0o077))
        .collect();
    assert!(!modes.is_empty());
    assert!(modes.iter().all(|&(_, for_others)| for_others == 0), "{modes:?}");
}
