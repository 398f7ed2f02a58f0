//! Why a path is not followed although it matches.

use std::fs::File;
use std::io;

use tracing::{debug, info, warn};

use super::FollowedPath;
use super::archived::SeenArchive;
use crate::limits;
use crate::safe_open::is_link_refused;
use crate::shown::Show;

/// Why a path is not followed although it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NotFollowed {
    /// It is read as a stream, by others.
    Fifo,
    /// It is a directory, a device or the like.
    NotRegular,
    /// Its name says that it is compressed.
    Compressed,
    /// Its name does not say so, and what it holds does.
    Archive(SeenArchive),
    /// Its name says that an editor keeps there what it edits.
    Swap,
    /// Another path, of this number, reads the same file.
    SameAs(usize),
    /// It cannot be read, and what to do about that.
    Unreadable { why: String, remedy: String },
    /// It is not read, since a link is not trusted.
    Distrusted(String),
}

impl NotFollowed {
    pub(super) fn unreadable(error: &io::Error) -> Self {
        let why = error.to_string();
        if is_link_refused(error) {
            return Self::Distrusted(why);
        }
        let remedy = limits::met_by(error)
            .unwrap_or_else(|| "see that the user this runs as may read it".to_owned());
        Self::Unreadable { why, remedy }
    }

    fn is_unreadable(&self) -> bool {
        matches!(self, Self::Unreadable { .. } | Self::Distrusted(_))
    }
}

impl FollowedPath {
    /// Whether its file can be read, as an attempt to open it says. Reports it if not.
    pub(super) fn may_read(&mut self, opened: &io::Result<File>) -> bool {
        match opened {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                self.report_not_followed(NotFollowed::unreadable(error));
                false
            }
            // Whatever else is wrong shows when it is read.
            _ => true,
        }
    }

    /// It is a FIFO, and read as such.
    pub(in crate::input) fn is_fifo(&self) -> bool {
        self.not_followed == Some(NotFollowed::Fifo)
    }

    /// It matches, and cannot be read.
    pub(in crate::input) fn is_unreadable(&self) -> bool {
        self.not_followed.as_ref().is_some_and(NotFollowed::is_unreadable)
    }

    /// It can be read, which may be news.
    pub(super) fn report_readable(&mut self) {
        // What it says of an archive is about what the path names by now, not about what is read.
        let before = self.not_followed.take_if(|it| !matches!(it, NotFollowed::Archive(_)));
        if before.is_some_and(|before| before.is_unreadable()) {
            info!("{} can be read now", self.path.shown());
        }
    }

    /// Reports once why the path is not followed, and again when the reason changes.
    pub(super) fn report_not_followed(&mut self, reason: NotFollowed) {
        if self.not_followed.as_ref() == Some(&reason) {
            return;
        }
        let path = self.path.shown();
        match &reason {
            NotFollowed::Fifo => {}
            NotFollowed::NotRegular => warn!("not following {path}: it is not a regular file"),
            NotFollowed::Compressed => {
                warn!("not following {path}: it is compressed; exclude_files can leave it out");
            }
            NotFollowed::Archive(archive) if self.is_reported(archive) => {}
            NotFollowed::Archive(_) => {
                info!("not following {path}: it is compressed, though its name does not say so");
            }
            NotFollowed::Swap => debug!("not following {path}: it is an editor's swap file"),
            NotFollowed::SameAs(_) => debug!("{path} names a file that is followed already"),
            NotFollowed::Unreadable { why, remedy } => warn!(
                "cannot read {path}: {why}; it is followed as soon as that is possible; {remedy}"
            ),
            NotFollowed::Distrusted(why) => warn!("not reading {path}: {why}"),
        }
        self.not_followed = Some(reason);
    }
}
