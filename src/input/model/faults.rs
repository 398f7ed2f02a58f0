//! Files and directories that fail for a while.

use std::fs::File;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::io::Errno;

use super::World;
use crate::input::read::content::faults;
use crate::input::rotation::directories::tests::Call;

/// After a minute, what cannot be read is given up. Time passes in steps of up to 25 s.
const FAILS_FOR: Duration = Duration::from_secs(30);

impl World {
    /// Reading the log fails, or reading the rotated file that is the newest.
    pub(super) fn fail_reads(&mut self, rotated: bool) {
        let newest = self.rotated_plain().into_iter().next();
        let path = if rotated { newest } else { Some(self.path("app.log")) };
        if let Some(metadata) = path.and_then(|path| File::open(path).ok()?.metadata().ok()) {
            faults::fail(metadata.ino());
            self.begin_failing();
        }
    }

    /// The directory cannot be listed.
    pub(super) fn fail_lists(&mut self) {
        self.files.fail(Call::List, Some(Errno::IO));
        self.begin_failing();
    }

    fn begin_failing(&mut self) {
        self.heals_at.get_or_insert(self.now + FAILS_FOR);
        self.has_failed = true;
    }

    /// Looks while all can be read.
    pub(super) fn look_though_reading_fails(&mut self) {
        let failing = faults::take();
        let is_listing_failing = self.files.fails(Call::List);
        self.files.fail(Call::List, None);
        self.look();
        failing.into_iter().for_each(faults::fail);
        if is_listing_failing {
            self.files.fail(Call::List, Some(Errno::IO));
        }
    }

    pub(super) fn heal(&mut self) {
        faults::take();
        self.files.fail(Call::List, None);
        self.heals_at = None;
    }

    pub(super) fn heal_in_time(&mut self) {
        if self.heals_at.is_some_and(|at| at <= self.now) {
            self.heal();
        }
    }
}
