//! Gives memory back that was needed only for a moment, as the kernel's types are to load the programs:
//! some 20 MB.
//!
//! The allocator keeps what is freed below what is still in use, and so would keep all of it for as
//! long as the daemon runs.

/// Hands unused pages of the heap to the kernel.
#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "the allocator is C's")]
pub(crate) fn give_back() {
    // SAFETY: malloc_trim may be called at any time, and touches only what nobody owns.
    unsafe { libc::malloc_trim(0) };
}

/// Other allocators give pages back by themselves.
#[cfg(not(target_env = "gnu"))]
pub(crate) fn give_back() {}
