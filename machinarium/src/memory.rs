//! Giving free memory back to the operating system.

/// Returns what the allocator holds and nobody uses. Takes about a millisecond a hundred megabytes: call it after a
/// crowd has left, not in a busy loop.
pub fn give_back() {
    // SAFETY: malloc_trim takes no pointers and may be called at any time, from any thread.
    #[cfg(target_env = "gnu")]
    unsafe {
        libc::malloc_trim(0);
    }
}
