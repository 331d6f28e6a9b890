//! How the system's allocator treats memory that is freed.
//!
//! A batch loads a bucket, computes it, lets it go and loads the next, of the same size. The allocator of the GNU C library
//! gives columns of that size back to the system as soon as they are freed, and takes new pages for the next bucket, each of
//! which the system clears first: a tenth of a batch's CPU. Other systems' allocators are left as they are.

/// Columns up to this size come from memory that the allocator keeps.
pub const KEPT_COLUMN: i32 = 32 << 20;
/// So much freed memory is kept at the end of the heap.
pub const KEPT: i32 = 64 << 20;

/// Tells the allocator to keep freed memory up to [`KEPT`] for what is asked for next. True if it understood.
///
/// To be called before there are threads: the allocator reads its settings without a lock.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn keep_freed() -> bool {
    #[allow(unsafe_code, reason = "mallopt takes two numbers and touches nothing but the allocator's own settings")]
    // SAFETY: no pointer goes in or comes out, and no other thread runs yet, as the function's contract asks.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, KEPT_COLUMN) == 1 && libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT) == 1
    }
}

/// There is nothing to tell: true.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub fn keep_freed() -> bool {
    true
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_allocator_takes_the_settings() {
        assert!(super::keep_freed());
    }
}
