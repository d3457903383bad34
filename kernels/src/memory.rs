//! How the C library hands memory out.

/// Has every large block that is freed given back to the system, from now on.
///
/// glibc raises the size from which blocks are mapped on their own as it sees large ones freed, and then keeps up to 32 MB
/// of each: a training run that saves a checkpoint after its first steps grew from 99.6 to 106.3 MB, and from 87.1 to
/// 87.1 MB with the size held at its first value, 128 KB. Call it at the start of a program; elsewhere than on glibc it
/// does nothing.
pub fn keep_large_blocks_mapped() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: sets one parameter of the allocator, which takes its own lock; both numbers are glibc's documented ones.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 * 1024);
    }
}
