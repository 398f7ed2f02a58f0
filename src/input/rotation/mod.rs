//! What became of a file: names, identity, and where its rest lies.

pub(in crate::input) mod archive;
pub(in crate::input) mod directories;
pub(in crate::input) mod identity;
pub(in crate::input) mod judge;
pub(in crate::input) mod names;
mod seeker;
