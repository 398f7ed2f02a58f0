//! What writers do to the end of their files: taking back, filling in.

use std::fs::File;
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
        if self.partial.is_none() {
            return;
        }
        // Of what was seen and not looked through it is not known that it was not finished.
        self.read_all();
        let Some(rest) = self.partial.take() else { return };
        let number = self.written.pop().unwrap();
        let text = super::writer::text(number);
        let begun = text.len() - rest.len();
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
