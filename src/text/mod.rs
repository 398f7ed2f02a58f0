//! What messages say that is not what stands in the file: what is done with the text of records. Pure.

mod assembly;
pub mod color;
mod containers;
mod encoding;
mod formats;
mod json;
mod multiline;
mod own_time;
pub mod presets;
mod redact;
mod rules;
mod severity;
mod template;
mod traces;

pub use self::assembly::{Assembly, Logical};
pub use self::encoding::{LineEncoding, Wide};
pub use self::formats::{
    ContainerStream, LineFacts, LineFormat, StreamSeverities, TextPlace, WholeLine, WholeLineRoom,
};
pub use self::json::JsonFields;
pub use self::multiline::{
    Behind, Join, LinePattern, LineRule, Multiline, join, without_newlines_behind,
};
pub use self::own_time::OwnTime;
pub use self::redact::{REDACTED, Redaction, RedactionError, Redactions};
pub use self::rules::{TextRules, TextSearch, Workspace};
pub use self::severity::SeverityRules;
pub use self::template::{PathTemplate, path_parts};
pub use self::traces::Trace;
