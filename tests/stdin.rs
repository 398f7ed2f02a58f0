//! `COMMAND | remote_syslog -`: standard input to its end, and the exit code says what came of it.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    A_WHILE, End, Guarded, Message, Receiver, ReceiverProcess, Report, SOON, Shipper, Site,
    Transport, bare_command, finish, lines, wait_exit, wait_until,
};

/// A `remote_syslog` that reads what the test writes.
struct Job {
    child: Guarded,
    site: Site,
}

impl Job {
    fn start(site: Site, mut command: Command) -> Self {
        let said = fs::File::create(site.path("said")).unwrap();
        let child = command.stdin(Stdio::piped()).stderr(said).spawn().unwrap();
        Self { child: Guarded(child), site }
    }

    fn to(receiver: &Receiver) -> Self {
        let site = Site::new();
        let command = Shipper::new(&site).to(&receiver.endpoint()).arg("-").command();
        Self::start(site, command)
    }

    fn with(receiver: &Receiver, yaml: &str) -> Self {
        let site = Site::new();
        let shipper = Shipper::new(&site).to(&receiver.endpoint()).yaml(yaml);
        let command = shipper.arg("-").command();
        Self::start(site, command)
    }

    fn process(&mut self) -> &mut Child {
        &mut self.child.0
    }

    fn write(&mut self, bytes: impl AsRef<[u8]>) {
        self.process().stdin.as_mut().unwrap().write_all(bytes.as_ref()).unwrap();
    }

    /// Ends its input.
    fn close(&mut self) {
        drop(self.process().stdin.take());
    }

    /// Writes all of it and ends its input, on another thread. Returns how many bytes were taken so far.
    fn write_apart(&mut self, bytes: String) -> (Arc<AtomicU64>, JoinHandle<()>) {
        let mut input = self.process().stdin.take().unwrap();
        let taken = Arc::new(AtomicU64::new(0));
        let count = taken.clone();
        let writer = thread::spawn(move || {
            for piece in bytes.as_bytes().chunks(4096) {
                if input.write_all(piece).is_err() {
                    return;
                }
                count.fetch_add(piece.len() as u64, Ordering::Relaxed);
            }
        });
        (taken, writer)
    }

    fn signal(&mut self, signal: Signal) {
        kill_process(Pid::from_child(self.process()), signal).unwrap();
    }

    fn said(&self) -> String {
        fs::read_to_string(self.site.path("said")).unwrap()
    }

    /// Waits for its end. Returns what it has said.
    #[track_caller]
    fn ends_with(&mut self, code: i32) -> String {
        let status = wait_exit(self.process(), SOON);
        let said = self.said();
        assert_eq!(status.and_then(|status| status.code()), Some(code), "{said}");
        said
    }
}

fn everything_is_shipped(transport: Transport) {
    let receiver = Receiver::new(transport);
    let mut job = Job::to(&receiver);
    let (_, writer) = job.write_apart(lines(1..=200_000));
    writer.join().unwrap();
    let said = job.ends_with(0);
    assert!(said.contains("standard input: 200000 messages (") && said.contains("confirmed in"));
    Report::of(200_000, &receiver.frames()).assert_exact();
    assert!(!job.site.path("state").exists(), "no state is made");
}

#[test]
fn everything_is_shipped_over_tcp() {
    everything_is_shipped(Transport::Tcp);
}

#[test]
fn everything_is_shipped_over_tls() {
    everything_is_shipped(Transport::Tls);
}

#[test]
fn over_udp_it_is_what_the_kernel_took() {
    let receiver = Receiver::new(Transport::Udp);
    let mut job = Job::to(&receiver);
    job.write("one\ntwo\nthree");
    job.close();
    let said = job.ends_with(0);
    assert!(said.contains("3 messages (") && said.contains("sent over UDP in"), "{said}");
    assert_eq!(receiver.texts(), ["one", "two", "three"]);
}

#[test]
fn it_takes_no_configuration_and_no_last_newline() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let mut command = bare_command();
    let to = receiver.endpoint();
    command.args(["--tcp", "-d", &to.host, "-p", &to.port.to_string()]);
    command.args(["--tag", "job", "-f", "cron", "-s", "info", "-"]);
    command.env("HOME", site.dir()).current_dir(site.dir());
    let mut job = Job::start(site, command);
    job.write("one\r\n\nthe last");
    job.close();
    job.ends_with(0);
    let messages = receiver.messages();
    let seen: Vec<_> = messages.iter().map(|it| (it.priority, &*it.app_name, it.lossy())).collect();
    let of = |text: &str| (9 * 8 + 6, "job", text.to_owned());
    // As in files: a carriage return is a blank, and an empty line a message.
    assert_eq!(seen, [of("one "), of(""), of("the last")]);
    assert_eq!(
        fs::read_dir(job.site.dir()).unwrap().count(),
        1,
        "nothing is left but what it said"
    );
}

#[test]
fn an_end_at_once_is_no_failure() {
    let receiver = Receiver::tcp();
    let mut job = Job::to(&receiver);
    job.close();
    assert!(job.ends_with(0).contains("0 messages (0 B) confirmed"));
    assert_eq!(receiver.count(), 0);
}

#[test]
fn a_line_is_sent_as_soon_as_it_is_complete() {
    let receiver = Receiver::tcp();
    let mut job = Job::to(&receiver);
    job.write("one\ntw");
    receiver.wait_for_text("one");
    job.write("o\n");
    receiver.wait_for_text("two");
    job.close();
    job.ends_with(0);
    assert_eq!(receiver.texts(), ["one", "two"]);
    assert_eq!(receiver.messages()[0].app_name, "stdin");
}

#[test]
fn a_receiver_that_comes_late_is_waited_for_and_so_does_who_writes() {
    let mut receiver = Receiver::tcp();
    receiver.down(End::Abrupt);
    let mut job = Job::to(&receiver);
    let all = lines(1..=400_000);
    let whole = all.len() as u64;
    let (taken, writer) = job.write_apart(all);
    // Some batches, what was read and a pipe, of 4,096 bytes to 64 KiB.
    let mut before = 0;
    wait_until("nothing more is taken", SOON, || {
        thread::sleep(A_WHILE);
        let now = taken.load(Ordering::Relaxed);
        now > 0 && std::mem::replace(&mut before, now) == now
    });
    assert!(before < whole / 4, "{before} of {whole} bytes are in memory");
    receiver.up();
    writer.join().unwrap();
    job.ends_with(0);
    Report::of(400_000, &receiver.frames()).assert_exact();
}

#[test]
fn a_receiver_that_is_killed_misses_nothing() {
    let mut receiver = ReceiverProcess::start_slow(Transport::Tcp, 4 << 20);
    let site = Site::new();
    let command = Shipper::new(&site).to(&receiver.endpoint()).arg("-").command();
    let mut job = Job::start(site, command);
    let (taken, writer) = job.write_apart(lines(1..=150_000));
    for _ in 0..2 {
        let before = (receiver.bytes(), taken.load(Ordering::Relaxed));
        wait_until("it has read", SOON, || receiver.bytes() > before.0 + (64 << 10));
        receiver.kill();
        receiver.restart();
    }
    receiver.kill();
    receiver.recover();
    receiver.restart();
    writer.join().unwrap();
    job.ends_with(0);
    let report = Report::of(150_000, &receiver.frames());
    assert_eq!(report.missing, 0, "{report}");
}

#[test]
fn a_signal_ends_it_with_1_and_says_what_is_missing() {
    let mut receiver = Receiver::tcp();
    receiver.down(End::Abrupt);
    let mut job = Job::to(&receiver);
    job.write(lines(1..=3));
    job.write("begun");
    wait_until("it tries to connect", SOON, || job.said().contains("cannot connect"));
    thread::sleep(A_WHILE);
    job.signal(Signal::TERM);
    let said = job.ends_with(1);
    assert!(said.contains("stopped by a signal: "), "{said}");
    assert!(!said.contains("next start"), "{said}");
}

#[test]
fn a_signal_behind_the_end_of_its_input_ends_it_as_well() {
    let mut receiver = Receiver::tcp();
    receiver.down(End::Abrupt);
    let mut job = Job::to(&receiver);
    job.write(lines(1..=3));
    job.close();
    wait_until("it tries to connect", SOON, || job.said().contains("cannot connect"));
    job.signal(Signal::HUP);
    thread::sleep(A_WHILE);
    assert!(job.process().try_wait().unwrap().is_none(), "HUP does not end it");
    job.signal(Signal::INT);
    assert!(job.ends_with(1).contains("stopped by a signal: "));
}

#[test]
fn messages_are_made_as_the_configuration_says() {
    let receiver = Receiver::tcp();
    let yaml = "files: [/var/log/nothing.log]\ntag: from-file\nexclude_patterns: [noise]\n\
                redact_patterns: [card]\nmultiline: {preset: java, timeout: 200ms}\n";
    let mut job = Job::with(&receiver, yaml);
    job.write("java.lang.Error: a\n\tat b\n");
    // Its end is not known, but nothing goes on with it.
    receiver.wait_for(1);
    job.write("noise\npaid by 4111111111111111\n\tat c\nlast\n\tat d");
    job.close();
    job.ends_with(0);
    let texts = receiver.texts();
    let expected = ["java.lang.Error: a\\n\tat b", "paid by [redacted]\\n\tat c", "last\\n\tat d"];
    assert_eq!(texts, expected);
    assert!(receiver.messages().iter().all(|message| message.app_name == "from-file"));
}

#[test]
fn containers_lines_and_other_encodings_are_read_as_in_files() {
    let receiver = Receiver::tcp();
    let mut job = Job::with(&receiver, "format: cri");
    job.write("2026-11-29T10:20:30Z stdout P half \n2026-11-29T10:20:31Z stdout F a line\n");
    job.close();
    job.ends_with(0);
    assert_eq!(receiver.texts(), ["half a line"]);
    let receiver = Receiver::tcp();
    let mut job = Job::to(&receiver);
    let wide: Vec<u8> =
        "\u{FEFF}caf\u{e9}\nend".encode_utf16().flat_map(u16::to_le_bytes).collect();
    job.write(&wide[..9]);
    thread::sleep(A_WHILE);
    job.write(&wide[9..]);
    job.close();
    job.ends_with(0);
    assert_eq!(receiver.texts(), ["caf\u{e9}", "end"]);
}

#[test]
fn it_runs_beside_the_daemon_of_the_same_configuration() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "");
    let shipper = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let mut daemon = shipper.start();
    daemon.wait_following("app.log");
    let command = {
        let mut command = bare_command();
        command.arg("-c").arg(site.path("conf.yml")).arg("--state-dir").arg(site.path("state"));
        command.arg("again=-");
        command
    };
    let mut job = Job::start(Site::new(), command);
    job.write("by hand\n");
    job.close();
    job.ends_with(0);
    assert_eq!(receiver.texts(), ["by hand"]);
    assert_eq!(receiver.messages()[0].app_name, "again");
    site.append("app.log", "followed\n");
    receiver.wait_for_text("followed");
    daemon.term();
}

#[test]
fn a_dry_run_prints_what_would_be_sent() {
    let site = Site::new();
    site.append("input", "one\ntwo");
    let mut command = bare_command();
    command.args(["--dry-run", "--tag", "job", "-"]).env("HOME", site.dir());
    command.current_dir(site.dir()).stdin(fs::File::open(site.path("input")).unwrap());
    let output = finish(&mut command);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    let printed = String::from_utf8(output.stdout).unwrap();
    let texts: Vec<_> =
        printed.lines().map(|line| Message::parse(line.as_bytes()).lossy()).collect();
    assert_eq!(texts, ["one", "two"]);
}

#[test]
fn what_cannot_be_read_is_said() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let mut command = Shipper::new(&site).to(&receiver.endpoint()).arg("-").command();
    // A directory.
    command.stdin(fs::File::open(site.dir()).unwrap());
    let output = finish(&mut command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("standard input cannot be read: Is a directory"), "{said}");
}

#[test]
fn it_stands_alone() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let refused = |shipper: Shipper| {
        let output = finish(&mut shipper.to(&receiver.endpoint()).command());
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(Shipper::new(&site).arg("-").arg("/var/log/app.log"));
    assert!(
        said.contains("arguments: files: \"-\" is standard input, and no file can be"),
        "{said}"
    );
    let said = refused(Shipper::new(&site).entry("'-'"));
    assert!(said.contains("\"-\" is standard input as an argument only"), "{said}");
}

#[test]
fn a_line_without_end_is_cut_and_the_rest_of_it_left_out() {
    let receiver = Receiver::tcp();
    let mut job = Job::with(&receiver, "tcp_max_line_length: 1000");
    job.write("x".repeat(3 << 20));
    job.write("\nnext\n");
    job.close();
    let said = job.ends_with(0);
    assert!(said.contains("standard input: a line was too long and was cut"), "{said}");
    let texts = receiver.texts();
    assert_eq!((texts.len(), &*texts[1]), (2, "next"));
    assert!(texts[0].len() < 1000 && texts[0].bytes().all(|byte| byte == b'x'));
}

#[test]
fn a_reader_that_takes_its_time_costs_no_memory() {
    let receiver = Receiver::tcp();
    receiver.stall();
    let mut job = Job::to(&receiver);
    let (_, writer) = job.write_apart(lines(1..=800_000));
    receiver.wait_connected();
    thread::sleep(Duration::from_secs(2));
    let status = fs::read_to_string(format!("/proc/{}/status", job.process().id())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 80 << 10, "{peak} KiB");
    receiver.resume();
    writer.join().unwrap();
    job.ends_with(0);
    Report::of(800_000, &receiver.frames()).assert_exact();
}
