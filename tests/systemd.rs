//! What a service manager is told, by a socket in its place.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use nix::sys::ptrace;
use nix::sys::wait::{WaitPidFlag, waitpid};

use crate::support::{
    End, Endpoint, Receiver, Running, SOON, Shipper, Site, Transport, wait_until,
};

/// A watchdog in a hurry.
const LIMIT: Duration = Duration::from_millis(900);

/// A manager's end of the line.
struct Manager(UnixDatagram);

impl Manager {
    fn new(site: &Site) -> Self {
        let socket = UnixDatagram::bind(site.path("notify")).unwrap();
        socket.set_read_timeout(Some(SOON)).unwrap();
        Self(socket)
    }

    /// The next message.
    fn hears(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.0.recv(&mut buffer).expect("a message");
        String::from_utf8(buffer[..length].to_vec()).unwrap().trim_end().to_owned()
    }

    /// Skips messages until one that has all of `parts`.
    fn hears_of(&self, parts: &[&str]) {
        wait_until(&format!("{parts:?} was told"), SOON, || {
            let said = self.hears();
            parts.iter().all(|part| said.contains(part))
        });
    }
}

fn shipper(site: &Site, receiver: &Receiver) -> Shipper {
    let shipper = Shipper::new(site).follow("*.log").to(&receiver.endpoint());
    shipper.env("NOTIFY_SOCKET", site.path("notify"))
}

#[test]
fn it_is_ready_when_the_files_are_followed_and_says_how_it_fares() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let manager = Manager::new(&site);
    site.append("a.log", "old\n");
    site.append("b.log", "old\n");
    let mut shipper = shipper(&site, &receiver).start();
    assert!(manager.hears().starts_with("STATUS=following 2 files, "));
    assert_eq!(manager.hears(), "READY=1");
    let endpoint = receiver.endpoint();
    let peer = format!("connected to {}:{}", endpoint.host, endpoint.port);
    manager.hears_of(&["STATUS=following 2 files, 0 lines/s, 0 bytes behind", &peer]);
    shipper.term();
    manager.hears_of(&["STOPPING=1"]);
}

/// Holds one thread of `shipper` as a file system that does not answer would.
struct Held(nix::unistd::Pid);

impl Held {
    fn new(shipper: &Running, name: &str) -> Self {
        let tasks = format!("/proc/{}/task", shipper.pid().as_raw_nonzero());
        let is_it = |task: &PathBuf| fs::read_to_string(task.join("comm")).unwrap().trim() == name;
        let mut tasks = fs::read_dir(tasks).unwrap().map(|task| task.unwrap().path());
        let task = tasks.find(is_it).unwrap();
        let id = task.file_name().unwrap().to_str().unwrap().parse().unwrap();
        let thread = nix::unistd::Pid::from_raw(id);
        ptrace::attach(thread).unwrap();
        waitpid(thread, Some(WaitPidFlag::__WALL)).unwrap();
        Self(thread)
    }

    fn go_on(self) {
        ptrace::detach(self.0, None).unwrap();
    }
}

#[test]
fn the_watchdog_is_not_fed_while_reading_hangs() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let manager = Manager::new(&site);
    let mut shipper =
        shipper(&site, &receiver).env("WATCHDOG_USEC", LIMIT.as_micros().to_string()).start();
    manager.hears_of(&["WATCHDOG=1"]);
    manager.hears_of(&["WATCHDOG=1"]);
    let held = Held::new(&shipper, "tail");
    for _ in 0..3 {
        let before = shipper.log_lines(&["does not answer"]).count();
        wait_until("it is missed", SOON, || {
            shipper.log_lines(&["does not answer"]).count() > before
        });
    }
    // What was said up to here: at most one more, of a turn before the hold.
    manager.0.set_nonblocking(true).unwrap();
    let mut buffer = [0; 1024];
    let said =
        std::iter::from_fn(|| manager.0.recv(&mut buffer).ok().map(|n| buffer[..n].to_vec()));
    assert!(said.filter(|message| message.starts_with(b"WATCHDOG")).count() <= 1);
    manager.0.set_nonblocking(false).unwrap();
    held.go_on();
    manager.hears_of(&["WATCHDOG=1"]);
    shipper.term();
}

#[test]
fn the_watchdog_is_fed_while_there_is_no_receiver() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    receiver.down(End::Reset);
    let manager = Manager::new(&site);
    site.append("a.log", "one\n");
    let mut shipper = shipper(&site, &receiver)
        .reading_from_start()
        .env("WATCHDOG_USEC", LIMIT.as_micros().to_string())
        .start();
    for _ in 0..3 {
        manager.hears_of(&["WATCHDOG=1"]);
    }
    receiver.up();
    receiver.wait_for_text("one");
    shipper.term();
    assert_eq!(shipper.log_lines(&["does not answer"]).count(), 0, "{}", shipper.log());
}

/// A manager that starts itself anew, or hangs, reads nothing for a while.
#[test]
fn one_that_takes_nothing_keeps_nobody_waiting_and_is_told_of_a_reload_later() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let manager = Manager::new(&site);
    let filler = UnixDatagram::unbound().unwrap();
    filler.set_nonblocking(true).unwrap();
    let fill = || while filler.send_to(b"FILLER=1", site.path("notify")).is_ok() {};
    site.append("a.log", "one\n");
    let shipper = shipper(&site, &receiver).reading_from_start();
    let mut shipper = shipper.env("WATCHDOG_USEC", LIMIT.as_micros().to_string()).start();
    manager.hears_of(&["READY=1"]);
    receiver.wait_for_text("one");
    fill();
    for count in 1..=3 {
        shipper.signal(rustix::process::Signal::HUP);
        wait_until("it is loaded anew", SOON, || {
            shipper.log_lines(&["the configuration is loaded anew"]).count() == count
        });
    }
    site.append("a.log", "two\n");
    receiver.wait_for_text("two");
    manager.hears_of(&["RELOADING=1", "MONOTONIC_USEC="]);
    manager.hears_of(&["READY=1"]);
    fill();
    shipper.term();
}

#[test]
fn a_configuration_that_is_refused_is_told_with_an_end_that_is_not_tried_again() {
    for (key, word) in [("facility: loacl0", "loacl0"), ("user: nosuchuser", "nosuchuser")] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        let manager = Manager::new(&site);
        let output = shipper(&site, &receiver).yaml(key).output();
        // EX_CONFIG, as RestartPreventExitStatus of the unit has it.
        assert_eq!(output.status.code(), Some(78), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stderr).contains(word));
        manager.hears_of(&["STATUS=the configuration is refused: ", word]);
    }
    let unit = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging/remote_syslog.service");
    assert!(fs::read_to_string(unit).unwrap().contains("RestartPreventExitStatus=78"));
}

/// Without its certificates not one line could be sent. It is told where everybody looks, and not tried for ever.
#[test]
fn certificates_that_cannot_be_read_at_the_start_are_told_like_a_refused_configuration() {
    let one = "destination:\n  host: localhost\n  port: 6514\n  protocol: tls\n  ca_file: /nowhere/ca.pem\n";
    let second = "destination:\n  protocol: tls\n  hosts:\n    - localhost:6514\n    - host: localhost\n      \
                  port: 6515\n      cert_file: /nowhere/our.pem\n";
    for (keys, said) in [
        (one, "destination.ca_file: /nowhere/ca.pem: No such file"),
        (second, "destination.hosts[1].cert_file: /nowhere/our.pem: No such file"),
    ] {
        let site = Site::new();
        let manager = Manager::new(&site);
        let call = || Shipper::new(&site).follow("*.log").yaml(keys);
        let output = call().env("NOTIFY_SOCKET", site.path("notify")).output();
        let text = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(78), "{text}");
        assert!(text.contains(said), "{text}");
        manager.hears_of(&["STATUS=the configuration is refused: ", said]);
        // Nobody manages it: as any other start that fails.
        let output = call().output();
        assert_eq!(output.status.code(), Some(1), "{output:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains(said), "{output:?}");
    }
}

/// The unit of further instances is that of the first one but for its places.
#[test]
fn the_template_differs_from_the_unit_in_its_places_only() {
    let read = |name: &str| {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging").join(name);
        let text = fs::read_to_string(path).unwrap();
        let lines = text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned);
        lines.collect::<Vec<_>>()
    };
    let places = [
        ("syslog receiver", "syslog receiver (%i)"),
        ("/etc/log_files.yml", "/etc/remote_syslog/%i.yml"),
        ("/etc/default/remote_syslog", "/etc/default/remote_syslog@%i"),
        ("Directory=remote_syslog", "Directory=remote_syslog@%i"),
        (" -D ", " -D -c /etc/remote_syslog/%i.yml "),
    ];
    let changed =
        |line: &String| places.iter().fold(line.clone(), |line, (from, to)| line.replace(from, to));
    let expected: Vec<_> = read("remote_syslog.service").iter().map(changed).collect();
    assert_eq!(read("remote_syslog@.service"), expected);
}

#[test]
fn a_reload_that_is_refused_is_told_before_it_counts_as_done() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let manager = Manager::new(&site);
    site.append("a.log", "old\n");
    let mut running = shipper(&site, &receiver).start();
    manager.hears_of(&["READY=1"]);
    shipper(&site, &receiver).yaml("facility: loacl0").write_config();
    running.signal(rustix::process::Signal::HUP);
    manager.hears_of(&["RELOADING=1", "MONOTONIC_USEC="]);
    manager.hears_of(&["STATUS=the new configuration is refused: ", "loacl0"]);
    assert_eq!(manager.hears(), "READY=1");
    // It stands in the status for as long as it is so.
    manager.hears_of(&["STATUS=following 1 file", "; the new configuration is refused: "]);
    running.term();
}

#[test]
fn a_quiet_check_tests_the_configuration_and_nothing_else() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let check =
        |shipper: &Shipper| crate::support::finish(shipper.command().args(["--check", "--quiet"]));
    let sound = check(&shipper(&site, &receiver));
    assert!(sound.status.success() && sound.stdout.is_empty() && sound.stderr.is_empty());
    let broken = check(&shipper(&site, &receiver).yaml("facility: loacl0"));
    assert_eq!(broken.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&broken.stderr).contains("conf.yml:"));
    // A reload would refuse it: so does the test before it.
    let endpoint = Endpoint { transport: Transport::Tls, ..receiver.endpoint() };
    let shipper = Shipper::new(&site).follow("a.log");
    let untrusting = check(&shipper.shipping_to(&[endpoint], &["ca_file: /no/such.pem"]));
    assert_eq!(untrusting.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&untrusting.stderr).contains("/no/such.pem"));
}
