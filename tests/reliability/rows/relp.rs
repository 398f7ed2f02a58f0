//! RELP to real imrelp, of which nothing but the answers counts. It writes a message before it answers
//! (a direct queue), so that what a KILL takes with it is no loss of its own.

use std::thread::sleep;
use std::time::Duration;

use super::receiver::{frame, wait_for};
use crate::outcome::Outcome;
use crate::stand::Conditions;
use crate::support::peers::{Imrelp, Peer, Rsyslogd};
use crate::support::{Endpoint, Numbered, Proxy, Reopen, Running, Site, Transport};

/// So many messages may be unanswered, and come twice when a connection breaks.
pub(super) const WINDOW: u64 = 16_384;
/// rsyslogd takes about as much time for a line here as all else together.
const RATE: u64 = 5_000;

/// Row Ra.
pub fn restarted(c: &Conditions) -> Outcome {
    let c = &Conditions { rate: RATE, ..*c };
    over(c, |peer, writer, _| {
        for time in 0..5 {
            writer.wait_for_more(c.lines_in(1.0));
            if time % 2 == 0 {
                peer.term()
            } else {
                peer.kill()
            }
            writer.wait_for_more(c.lines_in(0.3));
            peer.restart();
        }
        5
    })
}

/// Row Rb.
pub fn hung(c: &Conditions) -> Outcome {
    let c = &Conditions { rate: 200, ..*c };
    over(c, |peer, writer, _| {
        writer.wait_for_more(c.lines_in(2.0));
        peer.freeze();
        sleep(Duration::from_secs(if c.long { 60 } else { 12 }));
        peer.kill();
        peer.restart();
        1
    })
}

/// Row Rc.
pub fn proxied(c: &Conditions) -> Outcome {
    let c = &Conditions { rate: 200, ..*c };
    let Some(mut peer) = Rsyslogd::with_relp(Imrelp::default()) else { return skipped() };
    let proxy = Proxy::before(&peer.endpoint(c.transport));
    at(c, &mut peer, &proxy.endpoint(), |peer, writer, _| {
        for _ in 0..2 {
            sleep(Duration::from_secs(if c.long { 30 } else { 6 }));
            proxy.has_server(true);
            writer.wait_for_more(c.lines_in(4.0));
            proxy.has_server(false);
            peer.kill();
            writer.wait_for_more(c.lines_in(1.0));
            peer.restart();
        }
        proxy.has_server(true);
        2
    })
}

/// Row Rd.
pub fn shipper_killed(c: &Conditions) -> Outcome {
    let c = &Conditions { rate: RATE, ..*c };
    over(c, |_, writer, shipper| {
        for _ in 0..5 {
            writer.wait_for_more(c.lines_in(1.0));
            shipper.kill();
            writer.wait_for_more(c.lines_in(0.2));
            shipper.restart();
        }
        // What was answered within the last second before a KILL is not saved.
        5 + 5 * c.lines_in(2.0) / WINDOW
    })
}

fn skipped() -> Outcome {
    Outcome::skipped("needs rsyslogd with imrelp")
}

/// Does `act` to imrelp and the shipper while lines are written. It returns how many windows may come
/// twice.
fn over(
    c: &Conditions,
    act: impl FnOnce(&mut Rsyslogd, &Numbered, &mut Running) -> u64,
) -> Outcome {
    let Some(mut peer) = Rsyslogd::with_relp(Imrelp::default()) else { return skipped() };
    let to = peer.endpoint(c.transport);
    at(c, &mut peer, &to, act)
}

fn at(
    c: &Conditions,
    peer: &mut Rsyslogd,
    to: &Endpoint,
    act: impl FnOnce(&mut Rsyslogd, &Numbered, &mut Running) -> u64,
) -> Outcome {
    let site = Site::new();
    let shipper = c.shipper(&site, to);
    let mut shipper = match c.transport {
        Transport::RelpTls => peer.identify(shipper).start(),
        _ => shipper.start(),
    };
    let writer = c.writer(&site, Reopen::Never);
    let windows = act(peer, &writer, &mut shipper);
    writer.wait_for_more(c.lines_in(0.5));
    let written = writer.stop();
    wait_for(peer, written);
    let rss = shipper.peak_rss();
    shipper.term();
    let frames: Vec<_> = peer.messages().iter().map(frame).collect();
    let mut outcome = Outcome::of(written, &frames).check_log(&shipper);
    outcome.peak_rss = Some(rss);
    outcome.allow((windows * WINDOW).min(windows * written)).note(format!("{} lines/s", c.rate))
}
