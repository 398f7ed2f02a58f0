//! Follows files and turns what they hold into [`Batch`](crate::pipeline::batch::Batch)es of messages.
//!
//! One task reads all files in turn, a piece at a time, so that none waits for another for long.
//! While nothing can be sent it goes on watching what becomes of the files, and holds on to those
//! that are rotated away or deleted.

#[doc(hidden)]
pub mod bench;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod model;
mod path;
mod read;
mod rotation;
mod scheduler;
mod stream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::filter::{LineFilter, Patterns, Re2Pattern};
use crate::health::liveness::Beat;
use crate::health::metrics::Reading;
use crate::health::readiness::FirstPass;
use crate::mounts::Fence;
use crate::pipeline::globs::FollowedGlobs;
use crate::syslog::{Encoder, Facility, Header, MessageTime, Priority, Severity, StructuredData};
use crate::text::{LineFormat, PathTemplate, TextRules, Wide};

pub use self::read::codec::holds_archive;
pub use self::rotation::names::{is_compressed, is_swap};
pub use self::scheduler::{EntryOf, InputLinks, KnownFiles, MatchedLast, Reload, run};
pub use self::stream::{STDIN, StdinSettings, run_stdin};

/// How files are read and their lines made into messages.
#[derive(Debug)]
pub struct Settings {
    /// What each entry of `files` says of its files, in the order of the entries.
    pub files: Vec<Arc<FileSettings>>,
    /// Files that are not read, though rotation may have made them of some that are.
    pub exclude_files: Patterns,
    /// Makes the frames.
    pub encoder: Encoder,
    /// What is followed, for the next run to know.
    pub globs: Arc<FollowedGlobs>,
    /// Files seen for the first time at start-up are read from their beginning.
    pub from_start: bool,
    /// These are read from their beginning at the start, whatever is known of them.
    pub read_again: Vec<PathBuf>,
    /// Read what is there, and end.
    pub once: bool,
    /// FIFOs are read: what is taken from one is gone.
    pub fifos: bool,
    /// Which paths are for others to read.
    pub fence: Fence,
    /// What is counted meanwhile.
    pub meters: Reading,
    /// Shows that the loop goes round.
    pub beat: Beat,
    /// Told what the first pass has found, also that after a reload.
    pub first_pass: FirstPass,
}

/// How the lines of a file are read and sent: one value for all files of an entry of `files`.
#[derive(Debug, Clone)]
pub struct FileSettings {
    /// PRI.
    pub priority: Priority,
    /// HOSTNAME.
    pub hostname: PathTemplate,
    /// Sent as structured data.
    pub token: Option<String>,
    /// APP-NAME; by default the name of the file.
    pub tag: Option<PathTemplate>,
    /// Its groups have a part in both.
    pub path_regex: Option<Arc<Re2Pattern>>,
    /// TIMESTAMP.
    pub time: MessageTime,
    /// Which lines are sent. Shared, for what searching them needs is large.
    pub filter: Arc<LineFilter>,
    /// What is done with the text of records. None where it is sent as it stands.
    pub text: Option<Arc<TextRules>>,
    /// Sent beside the token.
    pub structured_data: StructuredData,
}

impl FileSettings {
    /// Those of benchmarks and tests: messages of user.notice, with what `rules` say done to the text.
    fn plain(hostname: &str, rules: TextRules) -> Self {
        Self {
            priority: Priority::new(Facility::USER, Severity::NOTICE),
            hostname: PathTemplate::literal(hostname),
            token: None,
            tag: None,
            path_regex: None,
            time: MessageTime::Read,
            filter: Arc::default(),
            text: (!rules.is_idle()).then(|| Arc::new(rules)),
            structured_data: StructuredData::default(),
        }
    }

    /// The form of the lines, where they have one.
    fn line_format(&self) -> Option<&LineFormat> {
        self.text.as_ref()?.format.as_ref()
    }

    /// Whether a mark at its beginning says the encoding of a file. It wins over what is said of it otherwise.
    fn heeds_mark(&self) -> bool {
        matches!(self.line_format(), None | Some(LineFormat::Encoded(_)))
    }

    /// How newlines are found, where that is not by a byte.
    fn wide(&self) -> Option<Wide> {
        self.line_format().and_then(LineFormat::wide)
    }

    /// The same for a file in this encoding.
    fn in_wide(&self, wide: Wide) -> Self {
        let rules = self.text.as_deref().cloned().unwrap_or_default();
        let format = Some(LineFormat::Encoded(wide.encoding()));
        Self { text: Some(Arc::new(TextRules { format, ..rules })), ..self.clone() }
    }

    /// What finds records, where not each line is one.
    fn cutter(&self) -> Option<&TextRules> {
        self.text.as_deref().filter(|rules| rules.cuts_records())
    }

    /// The header of messages from the file that is followed as `path`.
    fn header(&self, path: &Path) -> Header {
        let name = || path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let of = |template: &PathTemplate| template.of(path, self.path_regex.as_deref());
        let (tag, hostname) = (self.tag.as_ref().map_or_else(name, of), of(&self.hostname));
        let fields = (self.priority, &*hostname, &*tag);
        let path = path.to_string_lossy();
        Header::with_data(fields, self.token.as_deref(), &self.structured_data, &path)
    }
}
