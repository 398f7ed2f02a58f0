//! Receivers that end their connections each in a way of its own.

use std::io::Read;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};

use crate::support::peers::{Peer, SyslogNg};
use crate::support::{
    Endpoint, Numbered, Reopen, Report, SOON, Shipper, Site, Transport, lines, own_address, threads,
};

/// A receiver of which each connection is served as `serve` says. It lives until the process ends.
struct Custom {
    address: SocketAddr,
    /// What it has read and stored, of all connections.
    stored: Arc<Mutex<Vec<u8>>>,
    accepted: Arc<Mutex<usize>>,
}

impl Custom {
    fn start(serve: impl Fn(TcpStream, &Mutex<Vec<u8>>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((own_address(), 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (stored, accepted) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(0)));
        let (into, count, serve) = (stored.clone(), accepted.clone(), Arc::new(serve));
        thread::spawn(move || {
            threads::go_first();
            for stream in listener.incoming().flatten() {
                *count.lock().unwrap() += 1;
                let (into, serve) = (into.clone(), serve.clone());
                thread::spawn(move || serve(stream, &into));
            }
        });
        Self { address, stored, accepted }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint {
            transport: Transport::Tcp,
            host: self.address.ip().to_string(),
            port: self.address.port(),
            trust: None,
        }
    }

    fn accepted(&self) -> usize {
        *self.accepted.lock().unwrap()
    }

    fn report(&self, written: u64) -> Report {
        let stored = self.stored.lock().unwrap();
        let frames: Vec<_> = stored
            .split_inclusive(|&byte| byte == b'\n')
            .filter_map(|frame| frame.strip_suffix(b"\n").map(<[u8]>::to_vec))
            .collect();
        Report::of(written, &frames)
    }

    #[track_caller]
    fn wait_all(&self, written: u64) {
        let until = Instant::now() + 3 * SOON;
        while self.report(written).missing > 0 {
            assert!(Instant::now() < until, "waited in vain: {}", self.report(written));
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn shipper(&self, site: &Site) -> Shipper {
        Shipper::new(site).follow("app.log").to(&self.endpoint()).reading_from_start()
    }
}

/// Reads until `is_enough` of what one connection has brought, or to its end; whole lines are stored.
fn read_until(
    stream: &mut TcpStream,
    stored: &Mutex<Vec<u8>>,
    is_enough: impl FnMut(usize) -> bool,
) {
    read_on_until(stream, stored, &mut Vec::new(), is_enough);
}

/// The same where a line is `unfinished` since what was read before.
fn read_on_until(
    stream: &mut TcpStream,
    stored: &Mutex<Vec<u8>>,
    unfinished: &mut Vec<u8>,
    mut is_enough: impl FnMut(usize) -> bool,
) {
    let (mut lines, mut buffer) = (0, vec![0; 64 << 10]);
    while !is_enough(lines) {
        let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
        unfinished.extend_from_slice(&buffer[..count]);
        if let Some(end) = unfinished.iter().rposition(|&byte| byte == b'\n') {
            let rest = unfinished.split_off(end + 1);
            lines += unfinished.iter().filter(|&&byte| byte == b'\n').count();
            stored.lock().unwrap().extend(std::mem::replace(unfinished, rest));
        }
    }
}

/// It closes in good order after so many lines, each time. Progress is made at about the writer's
/// speed, and nothing comes more often than twice on the average.
fn worker(limit: usize) {
    const RATE: u64 = 100;
    let site = Site::new();
    let worker = Custom::start(move |mut stream, stored| {
        read_until(&mut stream, stored, |lines| lines >= limit);
    });
    let mut shipper = worker.shipper(&site).proving().start();
    let writer = Numbered::start(&site.path("app.log"), RATE, Reopen::Never);
    thread::sleep(Duration::from_secs(20));
    let behind = worker.report(writer.written()).missing;
    let written = writer.stop();
    worker.wait_all(written);
    // Either that it has ended the last three, or that many have ended within a minute.
    shipper.wait_warning(&["What an end leaves unproven is sent again"]);
    shipper.term();
    let report = worker.report(written);
    println!("a limit of {limit} lines: {behind} behind after 20 s; {report}");
    report.assert_repeated_at_most(written);
    assert!(behind <= 8 * RATE, "{behind} lines behind the writer");
}

#[test]
fn a_worker_that_closes_after_100_lines_keeps_up() {
    worker(100);
}

#[test]
fn a_worker_that_closes_after_1000_lines_keeps_up() {
    worker(1000);
}

/// It closes what has been idle for some seconds, as load balancers do. A line now and then is delivered, and
/// none is repeated again and again.
#[test]
fn one_that_closes_what_is_idle_is_kept_up_with() {
    const IDLE: Duration = Duration::from_secs(3);
    const LINES: u64 = 5;
    let site = Site::new();
    let receiver = Custom::start(|mut stream, stored| {
        stream.set_read_timeout(Some(IDLE)).unwrap();
        read_until(&mut stream, stored, |_| false);
    });
    let mut shipper = receiver.shipper(&site).start();
    for line in 1..=LINES {
        site.append("app.log", lines(line..=line));
        thread::sleep(IDLE + Duration::from_secs(2));
    }
    receiver.wait_all(LINES);
    shipper.wait_warning(&["has ended each of the last three connections"]);
    shipper.term();
    let report = receiver.report(LINES);
    println!("{} connections; {report}", receiver.accepted());
    // The first one, and what such a connection carried once more.
    report.assert_repeated_at_most(2 * LINES);
}

/// A proxy whose server does not run, and that asks it only when it has got something, as haproxy does with
/// `tcp-request inspect-delay`: it closes in good order so long after the first message. A connection that is left
/// alone before it is used tells nothing of that.
#[test]
fn a_proxy_that_waits_for_the_first_message_takes_nothing_with_it() {
    const GIVES_UP: Duration = Duration::from_secs(3);
    let site = Site::new();
    let runs = Arc::new(AtomicBool::new(false));
    let has_server = runs.clone();
    let proxy = Custom::start(move |mut stream, stored| {
        if has_server.load(Ordering::SeqCst) {
            return read_until(&mut stream, stored, |_| false);
        }
        // Whatever it reads goes nowhere.
        if !stream.read(&mut [0; 1]).is_ok_and(|count| count > 0) {
            return;
        }
        let end = Instant::now() + GIVES_UP;
        stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
        while Instant::now() < end {
            let _ = stream.read(&mut [0; 64 << 10]);
        }
    });
    let mut shipper = proxy.shipper(&site).start();
    let writer = Numbered::start(&site.path("app.log"), 20, Reopen::Never);
    thread::sleep(Duration::from_secs(16));
    runs.store(true, Ordering::SeqCst);
    let written = writer.stop();
    proxy.wait_all(written);
    shipper.term();
    println!("{}", proxy.report(written));
}

/// It never sends, and says so as it accepts.
#[test]
fn one_that_half_closes_at_accept_gets_nothing_twice() {
    let site = Site::new();
    let receiver = Custom::start(|mut stream, stored| {
        stream.shutdown(Shutdown::Write).unwrap();
        read_until(&mut stream, stored, |_| false);
    });
    let mut shipper = receiver.shipper(&site).start();
    let writer = Numbered::start(&site.path("app.log"), 20, Reopen::Never);
    thread::sleep(Duration::from_secs(8));
    let written = writer.stop();
    receiver.wait_all(written);
    shipper.term();
    shipper.restart();
    thread::sleep(Duration::from_secs(3));
    let report = receiver.report(written);
    println!("{report}");
    // What the first connection had when its end was noticed.
    report.assert_repeated_at_most(40);
}

/// It reads, and does not close when we do.
#[test]
fn one_that_never_closes_is_told_of_once_and_gets_it_less_and_less_often() {
    let site = Site::new();
    let receiver = Custom::start(|mut stream, stored| {
        read_until(&mut stream, stored, |_| false);
        thread::sleep(Duration::from_secs(600));
    });
    site.append("app.log", lines(1..=20));
    let mut shipper = receiver.shipper(&site).proving().start();
    thread::sleep(Duration::from_secs(16));
    let report = receiver.report(20);
    println!("{} connections; {report}", receiver.accepted());
    assert_eq!(shipper.log_lines(&["WARN", "never closes"]).count(), 1);
    report.assert_repeated_at_most(4 * 20);
    shipper.term();
}

/// The other side has sent FIN, behind what may be unread.
fn has_ended(stream: &TcpStream) -> bool {
    let mut polled = [PollFd::new(stream, PollFlags::RDHUP)];
    rustix::event::poll(&mut polled, Some(&Timespec::default())).unwrap();
    polled[0].revents().contains(PollFlags::RDHUP)
}

/// shutdown(2), then close(2) with messages unread, as syslog-ng and Python's socketserver do: FIN comes
/// first, and the RST behind it.
#[test]
fn one_that_shuts_down_and_closes_with_messages_unread_loses_nothing() {
    let site = Site::new();
    let receiver = Custom::start(|mut stream, stored| {
        let mut unfinished = Vec::new();
        read_on_until(&mut stream, stored, &mut unfinished, |lines| lines >= 12_000);
        // Some more arrives, and is not read.
        thread::sleep(Duration::from_millis(50));
        if has_ended(&stream) {
            // Behind both FINs no RST comes: risk 2 of docs/reliability.md.
            read_on_until(&mut stream, stored, &mut unfinished, |_| false);
        }
        let _ = stream.shutdown(Shutdown::Both);
    });
    let mut shipper = receiver.shipper(&site).proving().arg("--log").arg("debug").start();
    let writer = Numbered::start(&site.path("app.log"), 10_000, Reopen::Never);
    thread::sleep(Duration::from_secs(6));
    let written = writer.stop();
    receiver.wait_all(written);
    shipper.term();
    println!("{} connections; {}", receiver.accepted(), receiver.report(written));
    assert!(receiver.accepted() > 2);
}

/// It wants octet counting, reads 100 KB as that, and closes in good order.
#[test]
fn one_that_wants_octet_counting_takes_nothing_with_it() {
    let Some(peer) = SyslogNg::start() else { return };
    let site = Site::new();
    site.append("app.log", lines(1..=40_000));
    let shipper = Shipper::new(&site).follow("app.log").to(&peer.counting_endpoint(Transport::Tcp));
    let mut shipper = shipper.reading_from_start().proving().start();
    shipper.wait_warning(&["octet counting"]);
    thread::sleep(Duration::from_secs(8));
    shipper.term();
    let state = std::fs::read_dir(site.path("state")).unwrap().count();
    assert!(state > 0);
    // Nothing counts as delivered: a receiver that understands gets all of it.
    let receiver = crate::support::Receiver::tcp();
    let next = Shipper::new(&site).follow("app.log").to(&receiver.endpoint());
    let output = next.reading_from_start().arg("--once").output();
    assert!(output.status.success(), "{output:?}");
    Report::of(40_000, &receiver.frames()).assert_exact();
}
