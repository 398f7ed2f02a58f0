//! From the bytes of a file, plain or compressed, to messages in a batch.

pub(in crate::input) mod codec;
mod composer;
pub(in crate::input) mod compressed;
pub(in crate::input) mod content;
pub(in crate::input) mod cut_off;
mod formatted;
mod identified;
mod lookout;
pub(in crate::input) mod overwritten;
pub(in crate::input) mod pending;
pub(in crate::input) mod plausible;
pub(in crate::input) mod reader;
pub(in crate::input) mod records;
mod rewriting;
