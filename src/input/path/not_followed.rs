//! Why a path is not followed although it matches.

use std::io;

use tracing::{debug, info, warn};

use super::FollowedPath;
use crate::input::read::content::open;
use crate::shown::Show;

/// Why a path is not followed although it matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotFollowed {
    /// It is a directory, a device or the like.
    NotRegular,
    /// Its name says that it is compressed.
    Compressed,
    /// Another path, of this number, reads the same file.
    SameAs(usize),
    /// It cannot be read, with the number of the error, or what is known of one that has none.
    Unreadable(Result<i32, io::ErrorKind>),
}

impl NotFollowed {
    pub(super) fn unreadable(error: &io::Error) -> Self {
        Self::Unreadable(error.raw_os_error().ok_or(error.kind()))
    }
}

impl FollowedPath {
    /// Whether its file can be read. Reports it if not.
    pub(super) fn may_read(&mut self) -> bool {
        match open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.report_not_followed(NotFollowed::unreadable(&error));
                false
            }
            // Whatever else is wrong shows when it is read.
            _ => true,
        }
    }

    /// It matches, and cannot be read.
    pub(in crate::input) fn is_unreadable(&self) -> bool {
        matches!(self.not_followed, Some(NotFollowed::Unreadable(_)))
    }

    /// It can be read, which may be news.
    pub(super) fn report_readable(&mut self) {
        if let Some(NotFollowed::Unreadable(_)) = self.not_followed.take() {
            info!("{} can be read now", self.path.shown());
        }
    }

    /// Reports once why the path is not followed, and again when the reason changes.
    pub(super) fn report_not_followed(&mut self, reason: NotFollowed) {
        if self.not_followed == Some(reason) {
            return;
        }
        self.not_followed = Some(reason);
        let path = self.path.shown();
        match reason {
            NotFollowed::NotRegular => warn!("not following {path}: it is not a regular file"),
            NotFollowed::Compressed => {
                warn!("not following {path}: it is compressed; exclude_files can leave it out");
            }
            NotFollowed::SameAs(_) => debug!("{path} names a file that is followed already"),
            NotFollowed::Unreadable(error) => warn!(
                "cannot read {path}: {}; it is followed as soon as that is possible; see that \
                 the user this runs as may read it",
                error.map_or_else(io::Error::from, io::Error::from_raw_os_error)
            ),
        }
    }
}
