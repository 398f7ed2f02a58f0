//! What messages say that is not what stands in the file: what is done with the text of records. Pure.

pub mod color;
pub mod presets;
mod redact;
mod rules;
mod severity;

pub use self::redact::{REDACTED, Redaction, RedactionError, Redactions};
pub use self::rules::{TextRules, TextSearch, Workspace};
pub use self::severity::SeverityRules;
