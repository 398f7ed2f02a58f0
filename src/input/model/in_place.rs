//! What writers do to the end of their files: taking back, filling in.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

use super::*;

/// A writer that does not append.
pub(super) struct InPlace {
    file: File,
    /// Where it writes next.
    pub(super) at: u64,
}

impl InPlace {
    pub(super) fn write(&mut self, text: &str) {
        self.file.write_all_at(text.as_bytes(), self.at).unwrap();
        self.at += text.len() as u64;
    }
}

impl World {
    pub(super) fn take_back(&mut self, all: bool) {
        // What is rotated away may have been sent as it is.
        if self.writer_is_behind || self.in_place.is_some() {
            return;
        }
        // Where nothing was read of a file, and another one begins alike, that may be a copy of it. So it is
        // read before, if it can be.
        if self.heals_at.is_some() {
            return;
        }
        self.read_all();
        let (Some(rest), Some(&number)) = (&self.partial, self.written.last()) else { return };
        let text = super::writer::text(number);
        let begun = text.len() - rest.len();
        // Half a number is another one.
        if !all && (2..=number.to_string().len()).contains(&begun) {
            return;
        }
        (self.partial, _) = (None, self.written.pop());
        let size = self.writer.metadata().unwrap().len();
        let taken = if all { begun } else { 1 };
        self.writer.set_len(size - taken as u64).unwrap();
        let writer = self.writer.try_clone().unwrap();
        self.stamp(&writer);
        if taken < begun {
            self.written.push(number);
            self.partial = Some(text[begun - taken..].to_owned());
        }
    }

    /// Some writers keep a last record that they overwrite with the next one. The new one is as long, or
    /// longer.
    pub(super) fn overwrite(&mut self) {
        let is_whole = self.partial.is_none() && self.in_place.is_none();
        let Some(old) = self.written.last().copied().filter(|_| is_whole) else { return };
        if self.scheduler.is_none() {
            return;
        }
        // Where it is not seen before the file is copied or compressed, that holds another log to us.
        self.heal();
        for _ in 0..4 {
            self.read_all();
            self.pass(11);
        }
        // Who appends cannot write elsewhere.
        let name = format!("/proc/self/fd/{}", self.writer.as_raw_fd());
        let file = File::options().read(true).write(true).open(name).unwrap();
        let mut content = vec![0; file.metadata().unwrap().len() as usize];
        file.read_exact_at(&mut content, 0).unwrap();
        let last = super::writer::text(old);
        // It may have been begun and lost, or be longer by now. A rotated file that holds nothing else is another
        // one then.
        let is_all = self.writer_is_behind && content.len() == last.len();
        if is_all || !content.ends_with(last.as_bytes()) {
            return;
        }
        let number = old + 1;
        let mut text = super::writer::text(number);
        if text.len() < last.len() {
            text = format!("{number}:{}\n", "y".repeat(last.len() - 2 - number.to_string().len()));
        }
        file.write_all_at(text.as_bytes(), (content.len() - last.len()) as u64).unwrap();
        self.written.push(number);
        self.overwritten.insert(old);
        let writer = self.writer.try_clone().unwrap();
        self.stamp(&writer);
        self.read_all();
        while !self.unconfirmed.is_empty() {
            self.confirm();
        }
    }

    pub(super) fn preallocate(&mut self, count: u8) {
        if self.writer_is_behind || self.path("app.log").metadata().is_err() {
            return;
        }
        let size = self.writer.metadata().unwrap().len();
        if self.in_place.is_none() {
            let file = File::options().write(true).open(self.path("app.log")).unwrap();
            self.in_place = Some(InPlace { file, at: size });
        }
        self.writer.set_len(size + u64::from(count)).unwrap();
        let writer = self.writer.try_clone().unwrap();
        self.stamp(&writer);
    }

    pub(super) fn trim(&mut self) {
        if self.in_place.is_some() {
            // As above.
            self.read_all();
        }
        let Some(in_place) = self.in_place.take() else { return };
        let size = self.writer.metadata().unwrap().len();
        self.writer.set_len(size.min(in_place.at)).unwrap();
        let writer = self.writer.try_clone().unwrap();
        self.stamp(&writer);
    }
}
