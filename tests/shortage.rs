//! What is short costs nothing but itself: threads, descriptors, and somebody who takes the own log.

use std::fs::{self, File};
use std::io::{PipeReader, pipe};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, kill_process, prlimit};

use crate::support::{
    End, Guarded, Receiver, SOON, Shipper, Site, finish, line, number, skip, wait_exit, wait_until,
};

/// The call of `shipper` as another user, who has processes of his own.
fn as_another_user(
    site: &Site,
    shipper: &Shipper,
    user: u32,
    limit: Option<u32>,
) -> Option<Command> {
    if !rustix::process::geteuid().is_root() {
        skip("root", "limits are for a user who runs nothing else");
        return None;
    }
    // It is in nobody's way in a directory for all.
    let program = site.path("remote_syslog");
    let call = shipper.foreground();
    // By another process: what a child that is forked meanwhile has open cannot be executed.
    let copied = Command::new("cp").arg(call.get_program()).arg(&program).status();
    assert!(copied.unwrap().success());
    let open = |path: &std::path::Path| {
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        fs::set_permissions(path, mode).unwrap();
    };
    open(&program);
    open(site.dir());
    fs::read_dir(site.dir()).unwrap().for_each(|entry| open(&entry.unwrap().path()));
    let mut command = as_user(user);
    if let Some(limit) = limit {
        command.args(["prlimit", &format!("--nproc={limit}:")]);
    }
    command.arg(program).args(call.get_args());
    Some(command)
}

fn log_of(site: &Site) -> String {
    fs::read_to_string(site.path("err")).unwrap_or_default()
}

fn start(mut command: Command, site: &Site) -> Guarded {
    let log = File::create(site.path("err")).unwrap();
    Guarded(command.stdin(Stdio::null()).stderr(log).spawn().unwrap())
}

/// Sets the limit on processes of `user`, by whom `child` runs.
fn set_limit(child: &Child, user: u32, limit: u32) {
    let mut command = as_user(user);
    command.arg("prlimit").args([format!("--pid={}", child.id()), format!("--nproc={limit}:")]);
    assert!(command.status().unwrap().success());
}

/// A call as `user` of what follows.
fn as_user(user: u32) -> Command {
    let mut command = Command::new("setpriv");
    let ids = [format!("--reuid={user}"), format!("--regid={user}")];
    command.args(ids).arg("--clear-groups");
    command
}

#[test]
fn where_no_thread_can_be_started_names_are_resolved_and_positions_saved_all_the_same() {
    let (site, mut receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let shipper = Shipper::new(&site).follow("a.log").reading_from_start();
    let port = receiver.endpoint().port;
    // A name is asked for with each connection.
    let shipper = shipper.yaml(&format!(
        "destination: {{host: {}, port: {port}, protocol: tcp, proof_interval: 1s}}",
        name_of(&receiver)
    ));
    let Some(command) = as_another_user(&site, &shipper, 64_903, None) else { return };
    let mut child = start(command, &site);
    receiver.wait_for_text("one");
    set_limit(&child.0, 64_903, 1);
    receiver.down(End::Reset);
    receiver.up();
    site.append("a.log", "two\n");
    receiver.wait_for_text("two");
    let positions = || fs::read_to_string(site.path("state/positions.recent"));
    wait_until("the position is saved", SOON, || {
        positions().is_ok_and(|text| text.contains("\"offset\":8"))
    });
    assert!(child.0.try_wait().unwrap().is_none(), "{}", log_of(&site));
}

/// A name that leads to where `receiver` listens.
fn name_of(receiver: &Receiver) -> String {
    // The resolver knows an address in this form, and only it.
    let host = receiver.endpoint().host;
    let address: std::net::Ipv4Addr = host.parse().unwrap();
    format!("0x{:x}", address.to_bits())
}

#[test]
fn a_start_without_a_thread_is_tried_again() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let shipper = Shipper::new(&site).follow("a.log").reading_from_start().to(&receiver.endpoint());
    let Some(command) = as_another_user(&site, &shipper, 64_904, Some(1)) else { return };
    let mut child = start(command, &site);
    let said = "cannot start a thread";
    wait_until("it is said", SOON, || log_of(&site).contains(said));
    assert!(log_of(&site).contains("ulimit -u"), "{}", log_of(&site));
    set_limit(&child.0, 64_904, 500);
    receiver.wait_for_text("one");
    assert_eq!(log_of(&site).matches(said).count(), 1, "{}", log_of(&site));
    // It ends without one, too.
    set_limit(&child.0, 64_904, 1);
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    assert!(wait_exit(&mut child.0, SOON).is_some_and(|status| status.success()));
}

/// A daemon whose standard error is a pipe of 4096 bytes.
fn with_narrow_log(shipper: &Shipper) -> (Guarded, PipeReader) {
    let (reader, writer) = pipe().unwrap();
    rustix::pipe::fcntl_setpipe_size(&writer, 4096).unwrap();
    let mut command = shipper.foreground();
    let child = command.stdin(Stdio::null()).stderr(writer).spawn().unwrap();
    (Guarded(child), reader)
}

#[test]
fn a_log_that_nobody_takes_stops_neither_shipping_nor_the_end() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let shipper = Shipper::new(&site).follow("*.log").reading_from_start().to(&receiver.endpoint());
    let (mut child, _reader) = with_narrow_log(&shipper);
    receiver.wait_for_text("one");
    for number in 0..60 {
        site.append(format!("{number}-{}.log", "x".repeat(60)), format!("new {number}\n"));
    }
    receiver.wait_for(61);
    site.append("a.log", "two\n");
    receiver.wait_for_text("two");
    kill_process(Pid::from_child(&child.0), Signal::TERM).unwrap();
    assert!(wait_exit(&mut child.0, SOON).is_some_and(|status| status.success()));
}

/// Each file that is written to gets one when it has something to read, and gives it back for the next.
#[test]
fn with_fewer_descriptors_than_files_each_has_its_turn() {
    const FILES: u64 = 200;
    let (site, receiver) = (Site::new(), Receiver::tcp());
    let append = |round: u64| {
        for n in 1..=FILES {
            site.append(format!("{n}.log"), line(round * FILES + n));
        }
    };
    append(0);
    let shipper = Shipper::new(&site).to(&receiver.endpoint()).follow("*.log");
    let mut shipper = shipper.reading_from_start().start();
    receiver.wait_for(FILES as usize);
    wait_until("those of quiet files are given back", SOON, || shipper.descriptors().len() < 32);
    let few = Rlimit { current: Some(48), ..getrlimit(Resource::Nofile) };
    prlimit(Some(shipper.pid()), Resource::Nofile, few).unwrap();
    for round in 1..=5 {
        append(round);
        receiver.wait_for((FILES * (round + 1)) as usize);
    }
    shipper.term();
    let mut numbers: Vec<u64> = receiver.frames().iter().filter_map(|it| number(it)).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=FILES * 6).collect::<Vec<_>>());
    assert_eq!(shipper.log_lines(&["WARN"]).collect::<Vec<_>>(), [""; 0]);
}

/// The call of `shipper` with this limit, as prlimit(1) takes it.
fn limited(shipper: &Shipper, limit: &str) -> Command {
    let call = shipper.foreground();
    let mut command = Command::new("prlimit");
    command.arg(limit).arg(call.get_program()).args(call.get_args());
    command
}

#[test]
fn with_too_few_descriptors_to_run_it_says_which_limit_that_is() {
    for limit in [8, 10, 12, 14, 16, 20, 24, 64] {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append("a.log", "one\n");
        let shipper = Shipper::new(&site).follow("a.log").reading_from_start();
        let shipper = shipper.to(&receiver.endpoint()).arg("--once");
        let output = finish(&mut limited(&shipper, &format!("--nofile={limit}")));
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            assert_eq!(receiver.texts(), ["one"]);
            continue;
        }
        assert_eq!(output.status.code(), Some(1), "{limit}: {said}");
        assert!(said.contains(&format!("may have {limit} files open at once")), "{said}");
        assert!(limit < 64, "that is enough: {said}");
    }
}

#[test]
fn a_check_with_too_few_descriptors_says_which_limit_that_is() {
    for limit in 5..=12 {
        let (site, receiver) = (Site::new(), Receiver::tcp());
        site.append("a.log", "one\n");
        let shipper = Shipper::new(&site).follow("a.log").to(&receiver.endpoint()).arg("--check");
        let output = finish(&mut limited(&shipper, &format!("--nofile={limit}")));
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(1), "{limit}: {output:?}");
        assert!(said.contains(&format!("may have {limit} files open at once")), "{said}");
    }
}

/// Where no thread can be had, nothing hangs: it is looked without one.
#[test]
fn a_check_and_a_status_without_threads_say_what_there_is() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    for (flag, said) in [("--check", "a.log, 4 B"), ("--status", "a.log")] {
        let shipper = Shipper::new(&site).follow("a.log").to(&receiver.endpoint()).arg(flag);
        let command = as_another_user(&site, &shipper, 64_908, Some(1));
        let Some(mut command) = command else { return };
        let output = finish(&mut command);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains(said) && !text.contains("answer"), "{text} {output:?}");
    }
}

#[test]
fn a_limit_on_the_size_of_files_ends_nothing() {
    let (site, receiver) = (Site::new(), Receiver::tcp());
    site.append("a.log", "one\n");
    let shipper = Shipper::new(&site).follow("a.log").to(&receiver.endpoint()).proving();
    let mut shipper = shipper.reading_from_start().start();
    receiver.wait_for_text("one");
    // Its own log is a file, too.
    let all = getrlimit(Resource::Fsize);
    let none = Rlimit { current: Some(0), ..all };
    prlimit(Some(shipper.pid()), Resource::Fsize, none).unwrap();
    site.append("a.log", "two\n");
    receiver.wait_for_text("two");
    shipper.signal(Signal::USR1);
    site.append("a.log", "three\n");
    receiver.wait_for_text("three");
    prlimit(Some(shipper.pid()), Resource::Fsize, all).unwrap();
    shipper.term();
    shipper.restart_following();
    site.append("a.log", "four\n");
    receiver.wait_for_text("four");
    assert_eq!(receiver.texts(), ["one", "two", "three", "four"]);
}
