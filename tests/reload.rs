//! HUP: another configuration, without a gap or a repeat in what both name.

use std::fs;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{
    End, Guarded, Numbered, Receiver, Reopen, Report, Running, SOON, Shipper, Site, Transport,
    finish, line, number, skip, wait_until,
};

const RATE: u64 = 20_000;

fn shipper(site: &Site, receiver: &Receiver) -> Shipper {
    Shipper::new(site).follow("app.log").to(&receiver.endpoint()).reading_from_start()
}

/// Has `running` take up the configuration that `shipper` writes, and waits until it has.
fn reload(running: &Running, shipper: &Shipper) {
    shipper.write_config();
    let before = running.log_lines(&["the configuration is loaded anew"]).count();
    running.signal(Signal::HUP);
    wait_until("the configuration is loaded anew", SOON, || {
        running.log_lines(&["the configuration is loaded anew"]).count() > before
    });
}

/// Reloads again and again under load, with other files, tags and patterns each time.
fn unaffected_files_go_on(transport: Transport) {
    let (site, receiver) = (Site::new(), Receiver::new(transport));
    let log = site.append("app.log", "");
    site.append("other.log", "");
    let mut running = shipper(&site, &receiver).start();
    running.wait_following("app.log");
    let writer = Numbered::start(&log, RATE, Reopen::AtOnce);
    for change in 0..6 {
        writer.wait_for_more(RATE / 4);
        let with = shipper(&site, &receiver);
        let with = match change {
            0 => with,
            1 => with.follow("other.log"),
            2 => with.yaml("facility: local3\nhostname: elsewhere"),
            3 => with.yaml("exclude_patterns: [never in a line]"),
            4 => with.yaml("new_file_check_interval: 1\npoll: true"),
            _ => shipper(&site, &receiver),
        };
        reload(&running, &with);
    }
    writer.wait_for_more(RATE / 4);
    let written = writer.stop();
    receiver.wait_for_number(written, SOON);
    running.term();
    Report::of(written, &receiver.frames()).assert_exact();
    assert_eq!(receiver.accepted(), 1, "the connection stays");
}

#[test]
fn unaffected_files_go_on_over_tcp() {
    unaffected_files_go_on(Transport::Tcp);
}

#[test]
fn unaffected_files_go_on_over_tls() {
    unaffected_files_go_on(Transport::Tls);
}

/// Moves to another receiver under load: what the old one has read goes on with the new one.
fn another_receiver(transport: Transport) {
    let site = Site::new();
    let (old, new) = (Receiver::new(transport), Receiver::new(transport));
    let log = site.append("app.log", "");
    // The environment stays what it was at the start.
    for trust in [&old, &new].into_iter().filter_map(|receiver| receiver.endpoint().trust) {
        site.append("both.pem", fs::read(trust).unwrap());
    }
    let trusting = |receiver| {
        let with = shipper(&site, receiver);
        match transport {
            Transport::Tls => with.env("SSL_CERT_FILE", site.path("both.pem")),
            _ => with,
        }
    };
    let mut running = trusting(&old).start();
    running.wait_following("app.log");
    let writer = Numbered::start(&log, RATE, Reopen::AtOnce);
    for receiver in [&new, &old, &new] {
        writer.wait_for_more(RATE / 4);
        reload(&running, &shipper(&site, receiver));
    }
    writer.wait_for_more(RATE / 4);
    let written = writer.stop();
    new.wait_for_number(written, SOON);
    running.term();
    // Each has gaps; in the order of their numbers, the two have all, and each once.
    let mut frames = [old.frames(), new.frames()].concat();
    frames.sort_by_key(|frame| number(frame).unwrap());
    Report::of(written, &frames).assert_exact();
    assert!(old.count() > 0 && new.count() > 0);
}

#[test]
fn another_receiver_over_tcp() {
    another_receiver(Transport::Tcp);
}

#[test]
fn another_receiver_over_tls() {
    another_receiver(Transport::Tls);
}

#[test]
fn many_reloads_leave_it_working() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let log = site.append("app.log", "");
    let mut running = shipper(&site, &receiver).start();
    running.wait_following("app.log");
    let writer = Numbered::start(&log, RATE, Reopen::AtOnce);
    // No more than the log tells of in a minute.
    for _ in 0..100 {
        reload(&running, &shipper(&site, &receiver));
    }
    let written = writer.stop();
    receiver.wait_for_number(written, SOON);
    running.term();
    Report::of(written, &receiver.frames()).assert_exact();
}

#[test]
fn lines_that_no_stream_receiver_took_go_out_as_datagrams() {
    let site = Site::new();
    let (mut absent, udp) = (Receiver::tcp(), Receiver::new(Transport::Udp));
    absent.down(End::Reset);
    site.append("app.log", "one\ntwo\n");
    let mut running = shipper(&site, &absent).start();
    running.wait_warning(&["cannot connect"]);
    reload(&running, &shipper(&site, &udp));
    udp.wait_for(2);
    running.term();
    assert_eq!(udp.texts(), ["one", "two"]);
}

#[test]
fn a_file_that_is_named_no_more_is_let_go_and_one_that_is_new_begins_at_its_end() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    site.append("new.log", "before\n");
    let start = || Shipper::new(&site).to(&receiver.endpoint());
    let running = start().follow("app.log").reading_from_start().start();
    receiver.wait_for_text("one");
    reload(&running, &start().follow("new.log"));
    running.wait_following("new.log");
    site.append("app.log", "two\n");
    site.append("new.log", "after\n");
    receiver.wait_for_text("after");
    assert_eq!(receiver.texts(), ["one", "after"]);
    assert!(!running.descriptors().contains(&site.path("app.log")));
    let tag = receiver.messages().pop().unwrap().app_name;
    assert_eq!(tag, "new.log");
}

#[test]
fn a_tag_and_patterns_hold_from_then_on() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let running = shipper(&site, &receiver).start();
    receiver.wait_for_text("one");
    let log = site.path("app.log").display().to_string();
    let changed = Shipper::new(&site).entry(format!("tagged={log}")).to(&receiver.endpoint());
    reload(&running, &changed.yaml("exclude_patterns: [noise]"));
    site.append("app.log", "noise\ntwo\n");
    receiver.wait_for_text("two");
    let tags: Vec<_> = receiver.messages().into_iter().map(|message| message.app_name).collect();
    assert_eq!(
        (receiver.texts(), tags),
        (["one", "two"].map(Into::into).into(), ["app.log", "tagged"].map(Into::into).into())
    );
}

#[test]
fn a_broken_configuration_is_refused_as_a_whole() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let mut running = shipper(&site, &receiver).start();
    receiver.wait_for_text("one");
    let broken = shipper(&site, &receiver).follow("other.log");
    broken.yaml("facility: nonsense\nexclude_patterns: ['a(b']").write_config();
    running.signal(Signal::HUP);
    running.wait_log(&["ERROR", "conf.yml:", "facility: unknown facility \"nonsense\""]);
    running.wait_log(&["ERROR", "conf.yml:", "a(b", "is not closed"]);
    running.wait_log(&["ERROR", "the new configuration is refused; the old one stays"]);
    site.append("other.log", "not followed\n");
    site.append("app.log", "two\n");
    receiver.wait_for_text("two");
    assert_eq!(receiver.texts(), ["one", "two"]);
    running.term();
}

#[test]
fn what_takes_a_restart_is_named() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let running = shipper(&site, &receiver).start();
    receiver.wait_for_text("one");
    let said = "debug_log_file has changed since the start: that takes a restart";
    let warnings = || running.log_lines(&[said]).count();
    let elsewhere = || shipper(&site, &receiver).yaml("debug_log_file: elsewhere");
    for count in 1..=2 {
        reload(&running, &elsewhere());
        wait_until("it is said each time", SOON, || warnings() == count);
    }
    reload(&running, &shipper(&site, &receiver));
    assert_eq!(warnings(), 2, "what is in force is no change");
}

#[test]
fn levels_change() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let running = shipper(&site, &receiver).start();
    receiver.wait_for_text("one");
    reload(&running, &shipper(&site, &receiver).yaml("log_levels: <root>=DEBUG"));
    site.remove("app.log");
    running.wait_log(&["DEBUG", "app.log is gone"]);
}

#[test]
fn the_own_log_is_opened_anew() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let pid_file = site.path("daemon.pid");
    let own = shipper(&site, &receiver).yaml("debug_log_file: own.log");
    let mut command = own.command();
    command.arg("--pid-file").arg(&pid_file).current_dir(site.dir());
    assert_eq!(finish(&mut command).status.code(), Some(0));
    let pid = fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    receiver.wait_for_text("one");
    site.rename("own.log", "own.log.1");
    rustix::process::kill_process(pid, Signal::HUP).unwrap();
    let reloaded = || fs::read_to_string(site.path("own.log")).unwrap_or_default();
    wait_until("the new file has lines", SOON, || reloaded().contains("is loaded anew"));
    rustix::process::kill_process(pid, Signal::TERM).unwrap();
    // It says so when its pid file is gone.
    wait_until("it has stopped", SOON, || reloaded().contains("stopped"));
    let old = fs::read_to_string(site.path("own.log.1")).unwrap();
    assert!(old.contains("following") && !old.contains("stopped"), "{old}");
}

#[test]
fn usr1_tells_how_far_each_file_is_delivered() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    site.append("other.log", line(1));
    let running = shipper(&site, &receiver).follow("other.log").start();
    receiver.wait_for(2);
    running.signal(Signal::USR1);
    running.wait_log(&["INFO", "2 files, "]);
    let log = site.path("app.log").display().to_string();
    running.wait_log(&["INFO", &log, " of 4 bytes delivered, ", " behind, last moved "]);
    running.wait_log(&["INFO", "other.log: ", " bytes delivered, "]);
    // Nothing else comes of it.
    sleep(Duration::from_millis(50));
    assert_eq!(receiver.count(), 2);
}

/// A host is given its name after the start, by DHCP or cloud-init.
#[test]
fn the_name_of_the_host_is_asked_anew() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("app.log", "one\n");
    let shipper = shipper(&site, &receiver).foreground();
    let mut command = Command::new("unshare");
    command.args(["--uts", "sh", "-c", "hostname early && exec \"$@\"", "sh"]);
    command.arg(shipper.get_program()).args(shipper.get_args()).stdin(Stdio::null());
    if !Command::new("unshare").args(["--uts", "true"]).status().is_ok_and(|it| it.success()) {
        return skip("unshare --uts", "hosts cannot be named there");
    }
    let running = Guarded(command.spawn().unwrap());
    assert_eq!(receiver.wait_for(1)[0].hostname, "early");
    let pid = running.0.id().to_string();
    let named = Command::new("nsenter").args(["-t", &pid, "--uts", "hostname", "late"]).status();
    assert!(named.unwrap().success());
    kill_process(Pid::from_child(&running.0), Signal::HUP).unwrap();
    // Until it is taken up, lines have the name of before.
    let mut lines = 1;
    wait_until("the new name is sent", SOON, || {
        lines += 1;
        site.append("app.log", "more\n");
        receiver.wait_for(lines).last().unwrap().hostname == "late"
    });
}

/// Runs its arguments where a user may have one inotify instance.
const ONE_INSTANCE: &str = "echo 1 > /proc/sys/user/max_inotify_instances && exec \"$0\" \"$@\"";

#[test]
fn the_one_inotify_instance_that_is_allowed_is_kept() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let shipper = shipper(&site, &receiver).follow("new/*.log").yaml("new_file_check_interval: 1h");
    let unshare = || {
        let mut unshare = Command::new("unshare");
        unshare.args(["--user", "--map-root-user", "sh", "-c", ONE_INSTANCE]);
        unshare.stdin(Stdio::null()).stderr(Stdio::null());
        unshare
    };
    if !unshare().arg("true").status().is_ok_and(|done| done.success()) {
        return skip("unshare --user", "the limit of inotify instances is not lowered");
    }
    site.append("app.log", "one\n");
    let call = shipper.foreground();
    let mut command = unshare();
    command.arg(call.get_program()).args(call.get_args());
    let child = Guarded(command.stdout(Stdio::null()).spawn().unwrap());
    let pid = Pid::from_child(&child.0);
    let instances = || {
        let entries = fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).unwrap();
        let links = entries.flatten().filter_map(|entry| fs::read_link(entry.path()).ok());
        links.filter(|link| link.as_os_str() == "anon_inode:inotify").count()
    };
    receiver.wait_for_text("one");
    wait_until("it has an inotify instance", SOON, || instances() == 1);
    for round in 1..4 {
        shipper.write_config();
        kill_process(pid, Signal::HUP).unwrap();
        // A file in a directory that comes later is found by its events, long before the next sweep.
        let text = format!("round {round}");
        site.append(format!("new/{round}.log"), format!("{text}\n"));
        receiver.wait_for_text(&text);
        assert_eq!(instances(), 1);
    }
}
