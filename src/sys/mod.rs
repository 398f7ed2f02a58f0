//! The system calls that no crate wraps safely. Unsafe code is here and in `vectors` alone; each block says why it is
//! sound.

mod fork;
mod lease;
mod memory;
mod size;
mod tcp;

pub(crate) use fork::{Side, fork};
pub(crate) use lease::has_writer;
pub(crate) use memory::{give_back_heap, keep_heap_small};
pub(crate) use size::outlive_large_files;
pub(crate) use tcp::{limit_unsent, tcp_info, unacknowledged};
