//! What the allocator does with memory that is freed.
#![allow(unsafe_code)]

/// Pieces from this size on are mappings of their own and go back to the system as they are freed,
/// and so does what is free at the end of a heap.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 1 << 20;

/// Keeps what is freed small; to be called before there are threads (mallopt(3)).
///
/// What is freed in large pieces is given back to the system. glibc raises its limits, up to 32 MiB, each
/// time something large is freed (`M_MMAP_THRESHOLD`): then the list of all positions, which is made
/// to save them and freed, stays: 8 MB with 100,000 files.
///
/// All threads share one heap (`M_ARENA_MAX`). Batches are made on one and freed on another, and with
/// a heap for each what is free in one is of no use to the other: 16 MiB of them took up to twice that.
pub(crate) fn keep_heap_small() {
    #[cfg(target_env = "gnu")]
    for (parameter, value) in
        [(libc::M_MMAP_THRESHOLD, LARGE), (libc::M_TRIM_THRESHOLD, LARGE), (libc::M_ARENA_MAX, 1)]
    {
        // SAFETY: it takes two numbers, and what it does not like it refuses.
        unsafe { libc::mallopt(parameter, value) };
    }
}

/// Gives back to the system what is free between what is used (malloc_trim(3)). For the end of work that takes
/// much memory and leaves little: it goes through the whole heap, a hundred megabytes in some ten milliseconds.
pub(crate) fn give_back_heap() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it takes a number, and touches nothing that is used.
    unsafe {
        libc::malloc_trim(0);
    }
}
