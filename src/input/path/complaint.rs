//! Why a path is not followed although it matches.

use std::io;

use tracing::{debug, info, warn};

use super::Follower;
use crate::input::read::content::open;
use crate::shown::Show;

/// Why a path is not followed although it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Complaint {
    NotRegular,
    Compressed,
    SameAs(usize),
    /// With the number of the error, or what is known of one that has none.
    Unreadable(Result<i32, io::ErrorKind>),
}

impl Complaint {
    pub(super) fn unreadable(error: &io::Error) -> Self {
        Self::Unreadable(error.raw_os_error().ok_or(error.kind()))
    }
}

impl Follower {
    /// Whether its file can be read; says so if not.
    pub(super) fn may_read(&mut self) -> bool {
        match open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.complain(Complaint::unreadable(&error));
                false
            }
            // Whatever else is wrong shows when it is read.
            _ => true,
        }
    }

    /// It matches, and cannot be read.
    pub(in crate::input) fn is_unreadable(&self) -> bool {
        matches!(self.complaint, Some(Complaint::Unreadable(_)))
    }

    /// There is nothing to complain of any more.
    pub(super) fn is_read(&mut self) {
        if let Some(Complaint::Unreadable(_)) = self.complaint.take() {
            info!("{} can be read now", self.path.shown());
        }
    }

    /// Says once why the path is not followed, and again when the reason changes.
    pub(super) fn complain(&mut self, complaint: Complaint) {
        if self.complaint == Some(complaint) {
            return;
        }
        self.complaint = Some(complaint);
        let path = self.path.shown();
        match complaint {
            Complaint::NotRegular => warn!("not following {path}: it is not a regular file"),
            Complaint::Compressed => {
                warn!("not following {path}: it is compressed; exclude_files can leave it out");
            }
            Complaint::SameAs(_) => debug!("{path} names a file that is followed already"),
            Complaint::Unreadable(error) => warn!(
                "cannot read {path}: {}; it is followed as soon as that is possible; see that \
                 the user this runs as may read it",
                error.map_or_else(io::Error::from, io::Error::from_raw_os_error)
            ),
        }
    }
}
