//! The receiver ends, stalls, resets.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::outcome::Outcome;
use crate::stand::{Conditions, QUIET, conclude, resend_window, withheld};
use crate::support::peers::{Peer, Rsyslogd};
use crate::support::{End, Message, ReceiverProcess, Reopen, Site, wait_until};

/// So many lines on one connection are more than the megabyte after which a receiver is trusted.
const TRUSTED: usize = 20_000;
/// How often the receiver of a row is restarted.
const RESTARTS: u64 = 5;

/// Row 3a: a receiver that says that it closes, and reads what is still coming. It is trusted, as
/// the end of a connection that is young proves nothing.
pub fn closed_cleanly(c: &Conditions) -> Outcome {
    let (site, mut receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    for _ in 0..RESTARTS {
        receiver.wait_connected();
        let before = receiver.count();
        wait_until("it is trusted", QUIET, || receiver.count() >= before + TRUSTED);
        receiver.down(End::Clean);
        writer.wait_for_more(c.lines_in(0.3));
        receiver.up();
    }
    let outcome = conclude(&mut shipper, writer, &receiver, 0);
    outcome.allow(withheld(c.transport, RESTARTS, &receiver.frames()))
}

/// Row 3b: the writer pauses until rsyslogd has read everything, then rsyslogd is stopped. It goes on
/// when the shipper has seen that: what is sent behind the receiver's end is answered by a reset.
pub fn rsyslogd_restarted(c: &Conditions) -> Outcome {
    rsyslogd(c, true)
}

/// Row 3c: rsyslogd is stopped at any moment. It does not read its sockets to their end when it
/// stops; its kernel resets a connection on which something is left.
pub fn rsyslogd_restarted_at_once(c: &Conditions) -> Outcome {
    rsyslogd(c, false)
}

fn rsyslogd(c: &Conditions, pausing: bool) -> Outcome {
    let Some(mut rsyslogd) = Rsyslogd::start() else {
        return Outcome::skipped("needs rsyslogd");
    };
    let site = Site::new();
    let mut shipper = c.shipper(&site, &rsyslogd.endpoint(c.transport)).start();
    let writer = c.writer(&site, Reopen::Never);
    let mut buffer = 0;
    let ends = || shipper.log_lines(&["ended: closed by the receiver"]).count() as u64;
    for restart in 1..=RESTARTS {
        writer.wait_for_more(c.lines_in(1.0));
        buffer = buffer.max(rsyslogd.widest_buffer());
        if pausing {
            writer.while_paused(|| {
                wait_for(&rsyslogd, writer.written());
                rsyslogd.term();
                wait_until("the shipper has seen the end", QUIET, || ends() >= restart);
            });
        } else {
            rsyslogd.term();
        }
        writer.wait_for_more(c.lines_in(0.3));
        rsyslogd.restart();
    }
    writer.wait_for_more(c.lines_in(0.5));
    let written = writer.stop();
    wait_for(&rsyslogd, written);
    let mut seen = None;
    // rsyslogd writes in the background.
    while seen != Some(rsyslogd.count()) {
        seen = Some(rsyslogd.count());
        sleep(Duration::from_secs(3));
    }
    let rss = shipper.peak_rss();
    shipper.term();
    let frames: Vec<_> = rsyslogd.messages().iter().map(frame).collect();
    let mut outcome = Outcome::of(written, &frames).check_log(&shipper);
    outcome.peak_rss = Some(rss);
    // Whether the end shows as an RST, or as a FIN with an RST behind it, is a matter of microseconds.
    let breaks = shipper.log_lines(&["connected", "go out again"]).count() as u64;
    outcome = outcome.note(format!("{breaks} connections ended with something unproven"));
    if pausing {
        return outcome.check(breaks == 0, "a connection broke on which everything had been read");
    }
    outcome = outcome.check(breaks <= RESTARTS, "more connections broke than there were restarts");
    let window = resend_window(buffer, &frames);
    outcome
        .allow(breaks * window)
        .note(format!("receive buffer {} KiB, a resend window is {window} lines", buffer >> 10))
}

/// Waits until rsyslogd has written so many messages, or writes no more. The shipper may wait some
/// seconds before it connects again.
pub(super) fn wait_for(rsyslogd: &Rsyslogd, written: u64) {
    let (mut seen, mut changed) = (0, Instant::now());
    while seen < written && changed.elapsed() < QUIET {
        sleep(Duration::from_millis(500));
        let now = rsyslogd.count() as u64;
        if now != seen {
            (seen, changed) = (now, Instant::now());
        }
    }
}

/// As it came, as far as the line is concerned.
pub(super) fn frame(message: &Message) -> Vec<u8> {
    let text = message.text.strip_prefix(b" ").unwrap_or(&message.text);
    [b"<13>1 - - - - - - ", text].concat()
}

/// Row 4.
pub fn killed(c: &Conditions) -> Outcome {
    let (site, mut receiver) = (Site::new(), c.process());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    for _ in 0..5 {
        let before = receiver.bytes();
        wait_until("it has read more", QUIET, || receiver.bytes() > before + 1_000_000);
        writer.wait_for_more(c.lines_in(0.5));
        receiver.kill();
        sleep(Duration::from_secs(1));
        receiver.restart();
    }
    conclude(&mut shipper, writer, &receiver, 5)
}

/// Row 5.
pub fn stopped_and_killed(c: &Conditions) -> Outcome {
    let (site, mut receiver) = (Site::new(), c.process());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    for _ in 0..3 {
        let before = receiver.bytes();
        wait_until("it has read more", QUIET, || receiver.bytes() > before + 5_000_000);
        receiver.freeze();
        sleep(Duration::from_secs(3));
        receiver.kill();
        receiver.restart();
    }
    conclude(&mut shipper, writer, &receiver, 3)
}

/// Row 5a: it hangs under a trickle, which its window does not show, and is then killed.
pub fn hung_at_20(c: &Conditions) -> Outcome {
    hung(&Conditions { rate: 20, ..*c })
}

/// Row 5b.
pub fn hung_at_200(c: &Conditions) -> Outcome {
    hung(&Conditions { rate: 200, ..*c })
}

fn hung(c: &Conditions) -> Outcome {
    let (site, mut receiver) = (Site::new(), c.process());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    wait_until("it has read something", QUIET, || receiver.bytes() > 1000);
    receiver.freeze();
    let hang = if c.long { 60 } else { 12 };
    sleep(Duration::from_secs(hang));
    let (written, before) = (writer.written(), receiver.bytes());
    receiver.kill();
    receiver.restart();
    writer.wait_for_more(c.lines_in(1.0));
    conclude(&mut shipper, writer, &receiver, 1)
        .note(format!("{hang} s, {written} lines written and {before} bytes read before the KILL"))
}

/// Row 5c: it reads less than is sent, which its window does not show, and is then killed.
pub fn slow_and_killed(c: &Conditions) -> Outcome {
    let c = &Conditions { rate: 20, ..*c };
    let (site, mut receiver) = (Site::new(), ReceiverProcess::start_slow(c.transport, 1000));
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    wait_until("it has read something", QUIET, || receiver.bytes() > 1000);
    let time = if c.long { 60 } else { 12 };
    sleep(Duration::from_secs(time));
    let (written, before) = (writer.written(), receiver.bytes());
    receiver.kill();
    receiver.recover();
    receiver.restart();
    writer.wait_for_more(c.lines_in(1.0));
    conclude(&mut shipper, writer, &receiver, 1)
        .note(format!("{time} s, {written} lines written and {before} bytes read before the KILL"))
}

/// Row 6.
pub fn stalled(c: &Conditions) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    writer.wait_for_more(c.lines_in(1.0));
    receiver.stall();
    let stall = if c.long { 20 } else { 8 };
    sleep(Duration::from_secs(stall));
    receiver.resume();
    let accepted = receiver.accepted();
    conclude(&mut shipper, writer, &receiver, 0)
        .check(accepted == 1, format!("{accepted} connections"))
        .note(format!("{stall} s, {accepted} connection"))
}

/// Row 8.
pub fn reset(c: &Conditions) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::Never);
    let mut received = vec![0];
    for time in 0..50u64 {
        receiver.wait_connected();
        writer.wait_for_more(c.lines_in(0.01 + 0.003 * (time * 37 % 50) as f64));
        receiver.end_connections(End::Torn);
        received.push(receiver.count() as u64);
    }
    let torn = receiver.torn();
    let outcome = conclude(&mut shipper, writer, &receiver, 0);
    // What a reset makes it send again had been sent on the connection that was reset.
    let window = resend_window(receiver.widest_buffer(), &receiver.frames());
    let windows = received.windows(2).map(|pair| (pair[1] - pair[0]).min(window)).sum();
    outcome
        .allow(windows)
        .check(torn >= 45, format!("only {torn} of 50 resets came within a frame"))
        .note(format!("{torn} of 50 within a frame"))
}
