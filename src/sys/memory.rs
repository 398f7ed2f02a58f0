//! What the allocator does with memory that is freed.
#![allow(unsafe_code)]

/// Pieces from this size on are mappings of their own and go back to the system as they are freed,
/// and so does what is free at the end of a heap.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 1 << 20;

/// Has what is freed in large pieces given back to the system. glibc raises its limits, up to 32 MiB,
/// each time something large is freed (mallopt(3), `M_MMAP_THRESHOLD`): then the list of all
/// positions, which is made to save them and freed, stays: 8 MB with 100,000 files.
pub(crate) fn give_back_large() {
    #[cfg(target_env = "gnu")]
    for limit in [libc::M_MMAP_THRESHOLD, libc::M_TRIM_THRESHOLD] {
        // SAFETY: it takes two numbers, and what it does not like it refuses.
        unsafe { libc::mallopt(limit, LARGE) };
    }
}
