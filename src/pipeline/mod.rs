//! What crosses the borders between the stages: batches, events, positions, and the channel of
//! batches.

pub mod batch;
pub mod bucket;
pub mod channel;
pub mod checkpoint;
pub mod controls;
pub mod event;
pub mod framing;
pub mod globs;
pub mod limit;
pub mod position;
pub mod shared_path;
