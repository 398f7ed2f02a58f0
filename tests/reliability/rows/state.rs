//! The state cannot be written, or not be read.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::outcome::Outcome;
use crate::stand::{Conditions, LOG, QUIET, conclude};
use crate::support::{Reopen, Running, Shipper, Site, lines};

/// Row 17a.
pub fn disk_full(c: &Conditions) -> Outcome {
    let filled = |state: &Path| {
        let filler = state.join("filler");
        // Ends with an error when nothing more fits.
        let _ = fs::write(&filler, vec![b'x'; 1 << 20]);
        filler
    };
    trouble(c, |state| drop(filled(state)), |state| fs::remove_file(state.join("filler")).unwrap())
}

/// Row 17b.
pub fn read_only(c: &Conditions) -> Outcome {
    // A file system with a file open for writing cannot be remounted; its place can be.
    let begin = |state: &Path| {
        mount(Command::new("mount").arg("--bind").args([state, state]));
        mount(Command::new("mount").args(["-o", "remount,bind,ro"]).arg(state));
    };
    trouble(c, begin, |state| mount(Command::new("umount").arg(state)))
}

fn mount(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// The state directory is a file system of its own, in a mount namespace of its own; something
/// happens to it while lines are written, and ends again.
fn trouble(c: &Conditions, begin: impl Fn(&Path), end: impl Fn(&Path)) -> Outcome {
    let (site, receiver) = (Site::new(), c.receiver());
    let state = site.make_dir("state");
    mount(
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k,mode=700", "none"]).arg(&state),
    );
    let mut shipper = c.shipper(&site, &receiver.endpoint()).start();
    let writer = c.writer(&site, Reopen::AtOnce);
    shipper.wait_following(LOG);
    writer.wait_for_more(c.lines_in(1.5));
    begin(&state);
    writer.wait_for_more(c.lines_in(2.0));
    // A rotation must not depend on it either.
    site.rename(LOG, format!("{LOG}.1"));
    writer.wait_for_more(c.lines_in(3.0));
    let warned = shipper.log_lines(&["WARN", "positions cannot be saved", state.to_str().unwrap()]);
    let warned = warned.count();
    end(&state);
    // It tries again 10 s later at the latest.
    sleep(Duration::from_secs(11));
    shipper.term();
    shipper.restart();
    writer.wait_for_more(c.lines_in(0.5));
    let outcome = conclude(&mut shipper, writer, &receiver, 0);
    mount(Command::new("umount").arg(&state));
    outcome
        .check(warned == 1, format!("{warned} warnings that positions cannot be saved"))
        .note(format!("for 5 s, with a rotation; {warned} warning; then restarted"))
}

/// Row 17c: what was written before is forgotten with the state, and is not sent again; what is
/// written from then on arrives once.
pub fn unusable(c: &Conditions) -> Outcome {
    let newer =
        "{\"format\":\"remote_syslog positions\",\"version\":99,\"generation\":1,\"next_id\":9}\n";
    let cases: [(&str, &[u8]); 3] =
        [("damaged", b"dam\0aged\n{{{"), ("empty", b""), ("newer", newer.as_bytes())];
    let (site, receiver) = (Site::new(), c.receiver());
    site.append(LOG, "");
    let shipper = Shipper::new(&site).follow(LOG).to(&receiver.endpoint());
    let mut shipper = shipper.start();
    shipper.wait_following(LOG);
    let (mut n, mut outcome) = (0, Outcome::default());
    let write = |n: &mut u64| {
        site.append(LOG, lines(*n + 1..=*n + 1_000));
        *n += 1_000;
        receiver.reads_up_to(*n, QUIET);
    };
    write(&mut n);
    for (what, content) in cases {
        shipper.term();
        let state = site.path("state");
        for name in ["positions", "positions.recent"] {
            if state.join(name).exists() {
                fs::write(state.join(name), content).unwrap();
            }
        }
        let before = warnings(&shipper, &state);
        let follows = shipper.log_lines(&["following 1 file"]).count();
        shipper.restart();
        crate::support::wait_until("it follows", QUIET, || {
            shipper.log_lines(&["following 1 file"]).count() > follows
        });
        let said = warnings(&shipper, &state) - before;
        let kept = fs::read_dir(&state).unwrap().map(|entry| entry.unwrap().path());
        let kept = kept.filter(|path| fs::read(path).is_ok_and(|bytes| bytes == content));
        let kept = kept.filter(|path| !path.ends_with("lock")).count();
        outcome = outcome
            .check(said > 0, format!("{what}: no warning"))
            .check(kept > 0 || content.is_empty(), format!("{what}: not kept aside"))
            .note(format!("{what}: {said} warnings, {kept} kept aside"));
        write(&mut n);
    }
    crate::stand::conclude_at(&mut shipper, n, &receiver, 0).and(outcome)
}

fn warnings(shipper: &Running, state: &Path) -> usize {
    shipper.log_lines(&["WARN", state.to_str().unwrap()]).count()
}
