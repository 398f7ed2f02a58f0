//! What the operations do, and what must have been received in the end.

use std::fs::{self, File};
use std::io::Write;
use std::time::{Duration, Instant};

use super::{Kind, Op};
use crate::support::{
    End, Receiver, Report, Running, SOON, Shipper, Site, line, lines, wait_until,
};

/// Positions are marked every 16 KiB of a read: so many lines can follow one although a receiver
/// that closed has confirmed them.
const STEP_LINES: u64 = (16 << 10) / 52 + 1;
/// A file that was seen for the first time is known after a KILL as soon as positions have been
/// saved: a second later, and some more on a busy machine.
const SAVED: Duration = Duration::from_secs(3);
/// Milliseconds until what was written has been seen, on a busy machine.
const SEEN: u64 = 150;
const LOG: &str = "app.log";
/// How many rotated files are kept: more than there are rotations in a sequence.
const KEPT: usize = 40;

/// The log, its writer, its shipper and its receiver.
pub(super) struct World {
    shipper: Running,
    receiver: Receiver,
    site: Site,
    /// How much the shipper had logged before it was last started, in bytes.
    logged: usize,
    /// When there last was a file that the shipper had not seen.
    fresh: Instant,
    writer: File,
    /// Lines, the unfinished one included.
    written: u64,
    /// What is still to be written of the last line.
    rest: Option<String>,
    /// The writer has the rotated file open, which is `.1`.
    is_behind: bool,
    is_running: bool,
    is_up: bool,
    is_stalled: bool,
    /// How often something happened that may make all lines come twice,
    losses: u64,
    /// and how often something that may make [`STEP_LINES`] come twice.
    half_confirmed: u64,
    /// The receiver has closed its connections at least once.
    has_closed: bool,
}

impl World {
    pub(super) fn new(kind: Kind) -> Self {
        let (site, receiver) = (Site::new(), Receiver::new(kind.transport));
        let writer = open(&site);
        let shipper = Shipper::new(&site).follow(LOG).to(&receiver.endpoint());
        let shipper = shipper.reading_from_start().start();
        let world = Self {
            site,
            receiver,
            shipper,
            logged: 0,
            fresh: Instant::now(),
            writer,
            written: 0,
            rest: None,
            is_behind: false,
            is_running: true,
            is_up: true,
            is_stalled: false,
            losses: 0,
            half_confirmed: 0,
            has_closed: false,
        };
        // A file that is rotated away before it was seen for the first time is nobody's.
        world.wait_started();
        world
    }

    pub(super) fn apply(&mut self, op: Op) {
        match op {
            Op::Write(count) => self.write(count),
            Op::Partial => self.begin_line(),
            Op::Rename { create } => self.rename(create),
            Op::Reopen => self.reopen(),
            Op::CopyTruncate(between) => self.copy_truncate(between),
            Op::Compress => self.compress(),
            Op::Recreate(between) => self.recreate(between),
            Op::Term => self.term(),
            Op::Kill => self.kill(),
            Op::Start => self.start(),
            Op::Close => self.down(End::Clean),
            Op::Reset => self.down(End::Reset),
            Op::Up => self.up(),
            Op::Stall => self.stall(),
            Op::Resume => self.resume(),
            Op::Pause(millis) => pause(millis),
        }
    }

    fn put(&mut self, text: &str) {
        self.writer.write_all(text.as_bytes()).unwrap();
    }

    fn finish_line(&mut self) {
        if let Some(rest) = self.rest.take() {
            self.put(&rest);
        }
    }

    fn write(&mut self, count: u64) {
        self.finish_line();
        let first = self.written + 1;
        self.written += count;
        self.put(&lines(first..=self.written));
    }

    /// In a rotated file an unfinished line is taken to be complete after a second, and the next
    /// file follows: a writer that is behind finishes it before.
    fn begin_line(&mut self) {
        self.finish_line();
        self.written += 1;
        let text = line(self.written);
        let middle = text.len() / 2 + self.written as usize % (text.len() / 2);
        self.put(&text[..middle]);
        self.rest = Some(text[middle..].to_owned());
        if self.is_behind {
            pause(10);
            self.finish_line();
        }
    }

    /// A file is not rotated when it is missing or empty (`notifempty`), nor within milliseconds
    /// of the first line in it.
    fn may_rotate(&self) -> bool {
        pause(10);
        self.site.path(LOG).metadata().is_ok_and(|metadata| metadata.len() > 0)
    }

    /// Makes room for a new `.1`.
    fn shift(&self) {
        for n in (1..KEPT).rev() {
            for end in ["", ".gz"] {
                let from = self.site.path(format!("{LOG}.{n}{end}"));
                let _ = fs::rename(from, self.site.path(format!("{LOG}.{}{end}", n + 1)));
            }
        }
    }

    fn rename(&mut self, create: bool) {
        if self.is_behind || !self.may_rotate() {
            return;
        }
        self.shift();
        self.site.rename(LOG, format!("{LOG}.1"));
        self.is_behind = true;
        if create {
            self.site.append(LOG, "");
            self.fresh = Instant::now();
        }
        if self.rest.as_deref().is_some_and(|rest| rest != "\n") {
            pause(10);
            self.finish_line();
        }
    }

    /// The last line of the old file may lack its newline for ever. Some milliseconds pass, so that
    /// no two files have the same time of modification.
    fn reopen(&mut self) {
        if self.is_behind {
            pause(10);
            self.rest = None;
            self.writer = open(&self.site);
            self.fresh = Instant::now();
            self.is_behind = false;
        }
    }

    /// The writer does not write meanwhile: what it wrote would be lost to everybody.
    fn copy_truncate(&mut self, between: u64) {
        if self.is_running {
            // A copy is known by its beginning: the shipper must have seen that the file has one.
            self.wait_started();
            pause(SEEN);
        }
        if !self.may_rotate() {
            return;
        }
        self.finish_line();
        self.shift();
        fs::copy(self.site.path(LOG), self.site.path(format!("{LOG}.1"))).unwrap();
        pause(between);
        self.writer.set_len(0).unwrap();
        self.fresh = Instant::now();
    }

    /// As gzip(1) does it: the time of modification stays.
    fn compress(&mut self) {
        if self.is_running {
            self.wait_started();
        }
        pause(10);
        let first = if self.is_behind { 2 } else { 1 };
        let mut names = (first..=KEPT).map(|n| self.site.path(format!("{LOG}.{n}")));
        let Some(plain) = names.find(|path| path.exists()) else { return };
        let modified = plain.metadata().unwrap().modified().unwrap();
        let packed = File::create(format!("{}.gz", plain.display())).unwrap();
        let mut gzip = flate2::write::GzEncoder::new(packed, flate2::Compression::fast());
        gzip.write_all(&fs::read(&plain).unwrap()).unwrap();
        gzip.finish().unwrap().set_modified(modified).unwrap();
        fs::remove_file(plain).unwrap();
    }

    fn recreate(&mut self, between: u64) {
        let is_delivered = self.is_running && self.is_up && !self.is_stalled;
        if self.is_behind || self.rest.is_some() || self.written == 0 || !is_delivered {
            return;
        }
        self.receiver.wait_for_number(self.written, SOON);
        self.site.remove(LOG);
        pause(between);
        self.writer = open(&self.site);
        self.fresh = Instant::now();
        pause(10);
    }

    /// A receiver that reads nothing cannot say what it has read, so that lines may come twice.
    fn term(&mut self) {
        if self.is_running {
            self.resume();
            self.wait_started();
            self.half_confirmed += u64::from(self.has_closed);
            self.shipper.term();
            // A receiver that has closed is on trial, which takes as long as a stop may take.
            let log = self.shipper.log();
            let says_so = log[self.logged..].contains("not confirmed; the next start sends them");
            self.losses += u64::from(self.has_closed && says_so);
            self.is_running = false;
        }
    }

    fn kill(&mut self) {
        if self.is_running {
            self.losses += 1;
            self.wait_started();
            std::thread::sleep(SAVED.saturating_sub(self.fresh.elapsed()));
            self.shipper.kill();
            self.is_running = false;
        }
    }

    /// What the last process has sent is read before, or else the receiver would mix both.
    fn start(&mut self) {
        if !self.is_running {
            self.resume();
            self.wait_disconnected();
            self.logged = self.shipper.log().len();
            self.shipper.restart();
            self.fresh = Instant::now();
            self.is_running = true;
        }
    }

    fn wait_started(&self) {
        wait_until("the shipper has started", SOON, || {
            let log = self.shipper.log();
            log[self.logged..].lines().any(|line| line.contains("INFO  following "))
        });
    }

    fn wait_disconnected(&self) {
        self.receiver.wait("connections have ended", SOON, |state| state.open.is_empty());
    }

    fn down(&mut self, end: End) {
        if self.is_up {
            // A reset, or the close of a connection that is too young to prove anything by that.
            self.losses += 1;
            self.has_closed = true;
            self.receiver.down(end);
            self.is_up = false;
        }
    }

    fn up(&mut self) {
        if !self.is_up {
            self.receiver.up();
            self.is_up = true;
        }
    }

    fn stall(&mut self) {
        self.receiver.stall();
        self.is_stalled = true;
    }

    fn resume(&mut self) {
        self.receiver.resume();
        self.is_stalled = false;
    }

    /// Everything comes to rest, and then everything has been received.
    pub(super) fn settle(&mut self) {
        self.resume();
        self.up();
        self.start();
        self.finish_line();
        self.reopen();
        self.write(1);
        self.receiver.reads_up_to(self.written, SOON);
        self.term();
        self.wait_disconnected();
        let report = Report::of(self.written, &self.receiver.frames());
        report
            .assert_repeated_at_most(self.losses * self.written + self.half_confirmed * STEP_LINES);
    }
}

/// Opens the log as its writer does.
fn open(site: &Site) -> File {
    File::options().append(true).create(true).open(site.path(LOG)).unwrap()
}

fn pause(millis: u64) {
    std::thread::sleep(Duration::from_millis(millis));
}
