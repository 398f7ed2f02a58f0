//! RFC 5424 messages: priority, header, encoding and framing. Pure: no I/O, no clock.

mod encode;
mod header;
mod priority;
mod reframe;
mod structured;
mod timestamp;
mod written;

pub use crate::pipeline::framing::Framing;
pub use encode::Encoder;
pub use header::{APP_NAME_MAX, HOSTNAME_MAX, Header, OwnHeader, RenderedHeader, field};
pub use priority::{Facility, Priority, Severity, UnknownName};
pub use structured::{MessagePlace, StructuredData, param_name};
pub use timestamp::Timestamps;
pub use written::{MessageTime, TimeFormat};
