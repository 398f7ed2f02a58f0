//! From the bytes of a file, plain or compressed, to messages in a batch.

pub(in crate::input) mod content;
pub(in crate::input) mod gzip;
pub(in crate::input) mod reader;
pub(in crate::input) mod records;
