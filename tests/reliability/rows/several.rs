//! Several receivers in order.

use std::net::SocketAddr;
use std::thread::sleep;
use std::time::Duration;

use super::receiver::frame;
use super::relp::WINDOW;
use crate::outcome::Outcome;
use crate::stand::{Conditions, LOG, QUIET, resend_window};
use crate::support::peers::{Imrelp, Peer, Proxy, ProxyKind, Rsyslogd};
use crate::support::{
    Endpoint, Numbered, ReceiverProcess, Reopen, Running, Shipper, Site, Transport, number,
    wait_until,
};

/// Long enough that it does not come before it is wanted.
const NEVER: &str = "failback: never";
const SOON_BACK: &str = "failback: 1s";

struct Pair {
    a: ReceiverProcess,
    b: ReceiverProcess,
    shipper: Running,
    writer: Numbered,
    _site: Site,
}

impl Pair {
    fn start(c: &Conditions, failback: &str) -> Self {
        let (site, a, b) = (Site::new(), c.process(), c.process());
        let shipper = Shipper::new(&site).follow(LOG).reading_from_start();
        let shipper = shipper.shipping_to(&[a.endpoint(), b.endpoint()], &[failback]).start();
        let writer = c.writer(&site, Reopen::Never);
        Self { a, b, shipper, writer, _site: site }
    }

    /// Waits until `of` reads a megabyte more. One whose end was taken for that of a proxy gets a piece at a time
    /// until its connection is 30 s old.
    fn reads(of: &ReceiverProcess) {
        let before = of.bytes();
        wait_until("it has read more", 2 * QUIET, || of.bytes() > before + 1_000_000);
    }

    /// The first one is in use; `breaks` connections broke with something unproven.
    fn conclude(self, breaks: u64) -> Outcome {
        let Self { a, b, mut shipper, writer, _site } = self;
        let written = writer.stop();
        a.reads_up_to(written, QUIET);
        let alive = shipper.is_alive();
        let rss = alive.then(|| shipper.peak_rss());
        if alive {
            shipper.term();
        }
        let frames = sorted([a.frames(), b.frames()].concat());
        let window = resend_window(a.widest_buffer().max(b.widest_buffer()), &frames);
        let changes = shipper.log_lines(&["takes the messages in the place of"]).count();
        let mut outcome = Outcome::of(written, &frames);
        outcome.peak_rss = rss;
        outcome = outcome.check(alive, "the shipper has ended by itself").check_log(&shipper);
        outcome.allow(breaks * window).note(format!(
            "{changes} times the other one took over; a resend window is {window} lines"
        ))
    }
}

/// Which of them read a line does not matter.
fn sorted(mut frames: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    frames.sort_by_key(|frame| number(frame));
    frames
}

/// Row 21a.
pub fn killed_with_another_there(c: &Conditions) -> Outcome {
    let mut pair = Pair::start(c, NEVER);
    for _ in 0..2 {
        Pair::reads(&pair.a);
        pair.a.kill();
        Pair::reads(&pair.b);
        pair.a.restart();
        // Nothing leads back but that this one fails.
        pair.b.kill();
        Pair::reads(&pair.a);
        pair.b.restart();
    }
    pair.conclude(4)
}

/// Row 21b.
pub fn back_again(c: &Conditions) -> Outcome {
    let mut pair = Pair::start(c, SOON_BACK);
    for _ in 0..3 {
        Pair::reads(&pair.a);
        pair.a.kill();
        Pair::reads(&pair.b);
        pair.a.restart();
    }
    Pair::reads(&pair.a);
    pair.conclude(3)
}

/// Row 21c.
pub fn both_gone(c: &Conditions) -> Outcome {
    let mut pair = Pair::start(c, SOON_BACK);
    for _ in 0..2 {
        Pair::reads(&pair.a);
        pair.b.kill();
        pair.a.kill();
        sleep(Duration::from_secs(2));
        pair.b.restart();
        Pair::reads(&pair.b);
        pair.a.restart();
    }
    Pair::reads(&pair.a);
    pair.conclude(2)
}

/// Row 21d: what a proxy has taken is no longer ours to send again, unless the hub itself answers.
pub fn hub_behind_proxy(c: &Conditions) -> Outcome {
    let c = &Conditions { rate: 500, ..*c };
    let Some([mut a, b]) = hubs() else { return Outcome::skipped("needs rsyslogd with imrelp") };
    let hub = a.endpoint(c.transport);
    let server = SocketAddr::new(hub.host.parse().unwrap(), hub.port);
    let Some(proxy) = Proxy::start(ProxyKind::Haproxy, server) else {
        return Outcome::skipped("needs haproxy");
    };
    let site = Site::new();
    let front = Endpoint { transport: Transport::Relp, ..proxy.endpoint() };
    let to = [front, b.endpoint(c.transport)];
    let shipper = Shipper::new(&site).follow(LOG).reading_from_start();
    let mut shipper = shipper.shipping_to(&to, &[SOON_BACK]).start();
    let writer = c.writer(&site, Reopen::Never);
    let writes_more = |hub: &Rsyslogd| {
        let before = hub.count();
        wait_until("it writes more", QUIET, || hub.count() > before + 200);
    };
    for _ in 0..3 {
        writes_more(&a);
        a.kill();
        writes_more(&b);
        a.restart();
    }
    writes_more(&a);
    let written = writer.stop();
    let all = || sorted([a.messages(), b.messages()].concat().iter().map(frame).collect());
    wait_until("all is there", QUIET, || Outcome::of(written, &all()).missing == 0);
    let rss = shipper.peak_rss();
    shipper.term();
    let mut outcome = Outcome::of(written, &all()).check_log(&shipper);
    outcome.peak_rss = Some(rss);
    outcome.allow(3 * WINDOW).note("rsyslogd with imrelp behind haproxy, KILLed 3 times")
}

fn hubs() -> Option<[Rsyslogd; 2]> {
    Some([Rsyslogd::with_relp(Imrelp::default())?, Rsyslogd::with_relp(Imrelp::default())?])
}
