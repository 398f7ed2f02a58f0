//! What happens to the files: writing and rotation.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::World;
use crate::input::rotation::names::{is_compressed, is_sibling_of};

impl World {
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(super) fn stamp(&mut self, file: &File) {
        self.clock += 1;
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000 + self.clock);
        file.set_modified(at).unwrap();
    }

    /// A copy of the log, as rotation makes it.
    pub(super) fn copy_to(&mut self, name: &str, content: &[u8]) {
        let mut copy = self.new_file(&self.path(name));
        copy.write_all(content).unwrap();
        self.stamp(&copy);
    }

    /// Opens the path for the writer, as a new file where there is none.
    pub(super) fn create(&mut self) -> File {
        let path = self.path("app.log");
        if path.exists() {
            return append(&path);
        }
        let file = self.new_file(&path);
        self.stamp(&file);
        file
    }

    /// Inodes are reused at once, but not within one tick of the clock that births are taken from:
    /// no host rotates, compresses and creates again in 4 ms.
    pub(super) fn new_file(&mut self, path: &Path) -> File {
        loop {
            let file = append(path);
            let born = file.metadata().unwrap().created().ok();
            if born.is_none() || born > self.born {
                self.born = born;
                return file;
            }
            fs::remove_file(path).unwrap();
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Who does not know that its file was truncated does not begin again.
    pub(super) fn write_banner(&mut self) {
        if self.rotation.copies() && self.banners[0] > 0 || self.in_place.is_some() {
            return;
        }
        if self.banner.len() > 2 && self.writer.metadata().unwrap().len() == 0 {
            let mut writer = self.writer.try_clone().unwrap();
            writer.write_all(self.banner.as_bytes()).unwrap();
            self.stamp(&writer);
            self.banners[0] += 1;
        }
    }

    pub(super) fn write(&mut self, text: &str) {
        self.write_banner();
        let mut writer = self.writer.try_clone().unwrap();
        match &mut self.in_place {
            Some(in_place) => in_place.write(text),
            None => writer.write_all(text.as_bytes()).unwrap(),
        }
        self.stamp(&writer);
    }

    pub(super) fn write_lines(&mut self, count: u8) {
        if let Some(rest) = self.partial.take() {
            self.write(&rest);
        }
        for _ in 0..count {
            let number = self.written.len() as u64;
            self.written.push(number);
            self.write(&text(number));
        }
    }

    pub(super) fn begin_line(&mut self) {
        // Where a rotated file is a path of its own, its last line may be finished at any time.
        if self.partial.is_none() && !self.rotation.is_within_glob() {
            let number = self.written.len() as u64;
            self.written.push(number);
            let text = text(number);
            let middle = text.find(':').unwrap() + 1;
            self.write(&text[..middle]);
            self.partial = Some(text[middle..].to_owned());
        }
    }

    /// Where rotation puts the file next; makes room for a new `.1`.
    pub(super) fn rotated(&self) -> PathBuf {
        if self.is_dated {
            return self.path(&format!("app.log-{}", 20_261_123_000_000 + self.clock));
        }
        for n in (1..9).rev() {
            for suffix in ["", ".gz"] {
                let from = self.path(&format!("app.log.{n}{suffix}"));
                let _ = fs::rename(from, self.path(&format!("app.log.{}{suffix}", n + 1)));
            }
        }
        self.path("app.log.1")
    }

    fn rotated_files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.dir.path()).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.retain(|path| is_sibling_of(&self.path("app.log"), path));
        paths
    }

    /// The rotated files that are not compressed, the newest first.
    pub(super) fn rotated_plain(&self) -> Vec<PathBuf> {
        let mut paths = self.rotated_files();
        paths.retain(|path| !is_compressed(path));
        paths.sort();
        if self.is_dated {
            paths.reverse();
        }
        paths
    }

    /// Nothing is at the path, or nothing in it: then it is not rotated (logrotate's
    /// `notifempty`). An empty file has no content to be known by once it was compressed, and of
    /// several that hold nothing but the same, one is taken for a copy of the other.
    pub(super) fn is_empty(&self) -> bool {
        let only_banner = if self.banner.len() > 100 { self.banner.len() as u64 } else { 0 };
        let size = self.path("app.log").metadata().map_or(0, |metadata| metadata.len());
        let size = self.in_place.as_ref().map_or(size, |in_place| size.min(in_place.at));
        size == 0 || size == only_banner
    }

    pub(super) fn rename(&mut self, create: bool) {
        let cannot = self.rotation.copies() || self.writer_is_behind;
        if cannot || self.is_empty() || self.rotated_files().len() >= 8 {
            return;
        }
        fs::rename(self.path("app.log"), self.rotated()).unwrap();
        self.writer_is_behind = true;
        if create {
            self.create();
        }
    }

    pub(super) fn reopen(&mut self) {
        if self.writer_is_behind {
            (self.partial, self.in_place) = (None, None);
            self.writer = self.create();
            self.writer_is_behind = false;
        }
    }

    pub(super) fn copy_truncate(&mut self, at_once: bool) {
        let has_room = self.rotated_files().len() < 8;
        if !self.rotation.copies() || self.is_empty() || !has_room {
            return;
        }
        if self.in_place.is_some() {
            // It leaves a hole, and holes are alike: what is behind one arrives before the next comes. What
            // is not finished there cannot.
            if self.scheduler.is_none() || self.partial.is_some() {
                return;
            }
            self.deliver_all();
        }
        // That an empty file was written to is seen before it is copied and truncated.
        self.look_though_reading_fails();
        let mut copy = self.new_file(&self.rotated());
        copy.write_all(&fs::read(self.path("app.log")).unwrap()).unwrap();
        self.stamp(&copy);
        self.writer.set_len(0).unwrap();
        let writer = self.writer.try_clone().unwrap();
        self.clock -= u64::from(at_once);
        self.stamp(&writer);
        self.partial = None;
        self.begin_alone();
    }

    /// What little was read of a file may be anybody's, where its copy is a path of its own.
    pub(super) fn begin_alone(&mut self) {
        if self.rotation.is_within_glob() {
            self.write_lines(10);
            self.read_all();
        }
    }

    /// A copy takes the place of the file, and the writer goes on with that. What little was read of a short
    /// file may be anybody's, so it is long, and read.
    pub(super) fn replace(&mut self) {
        let path = self.path("app.log");
        let is_whole = !self.writer_is_behind && self.partial.is_none() && self.in_place.is_none();
        let size = path.metadata().map_or(0, |metadata| metadata.len());
        if self.scheduler.is_none() || !is_whole || size < 300 + self.banner.len() as u64 {
            return;
        }
        self.deliver_all();
        let name = self.path("unused.copy");
        let mut copy = self.new_file(&name);
        copy.write_all(&fs::read(&path).unwrap()).unwrap();
        self.stamp(&copy);
        fs::rename(name, &path).unwrap();
        self.writer = append(&path);
    }

    /// The oldest are removed where there would be too many, and what nobody has read of them is lost then.
    pub(super) fn rotate_unseen(&mut self, count: u8) {
        for _ in 0..count {
            if self.rotated_files().len() >= 8 {
                return;
            }
            self.rename(false);
            self.reopen();
            self.write_lines(1);
        }
    }

    pub(super) fn put_back(&mut self) {
        let path = self.path("app.log");
        let is_glob = self.rotation.is_within_glob();
        if self.writer_is_behind || is_glob || !path.exists() {
            return;
        }
        let aside = self.path("unused.aside");
        fs::rename(&path, &aside).unwrap();
        self.look();
        fs::rename(&aside, &path).unwrap();
        self.look();
    }

    /// Whether the writer can begin again, without the bytes that a file was known by.
    pub(super) fn can_begin_again(&self) -> bool {
        let is_banner_known = self.banners[0] > 0;
        let is_whole = !self.writer_is_behind && self.partial.is_none() && self.in_place.is_none();
        self.scheduler.is_some() && is_whole && !is_banner_known
    }

    pub(super) fn truncate(&mut self) {
        if self.can_begin_again() {
            self.deliver_all();
            self.writer.set_len(0).unwrap();
            let writer = self.writer.try_clone().unwrap();
            self.stamp(&writer);
        }
    }

    pub(super) fn recreate(&mut self) {
        if self.can_begin_again() {
            self.deliver_all();
            fs::remove_file(self.path("app.log")).unwrap();
            self.writer = self.create();
            self.look();
        }
    }

    pub(super) fn compress(&mut self) {
        // That an empty file was written to late is seen before it is compressed; who compresses it can read it.
        self.look_though_reading_fails();
        let writers = usize::from(self.writer_is_behind);
        let name = self.rotated_plain().into_iter().nth(writers);
        let Some(path) = name else { return };
        let target = PathBuf::from(format!("{}.gz", path.display()));
        let content = fs::read(&path).unwrap();
        let modified = path.metadata().unwrap().modified().unwrap();
        let file = self.new_file(&target);
        let mut gzip = flate2::write::GzEncoder::new(file, flate2::Compression::fast());
        gzip.write_all(&content).unwrap();
        gzip.finish().unwrap().set_modified(modified).unwrap();
        fs::remove_file(path).unwrap();
    }
}

pub(super) fn append(path: &Path) -> File {
    File::options().append(true).create(true).open(path).unwrap()
}

pub(super) fn text(number: u64) -> String {
    format!("{number}:{}\n", "x".repeat((number * 7 % 90) as usize))
}
