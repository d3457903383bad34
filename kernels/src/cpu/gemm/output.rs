//! A result that several tasks write at once, each its own part.

/// Where a result begins. Tasks that share it write disjoint parts; what is disjoint is each kernel's own claim,
/// made where it writes.
#[derive(Clone, Copy)]
pub(crate) struct Output(*mut f32);

// SAFETY: the pointer is only used in unsafe blocks that say which part they write.
unsafe impl Send for Output {}
// SAFETY: as above.
unsafe impl Sync for Output {}

impl Output {
    pub(crate) fn new(all: &mut [f32]) -> Self {
        Self(all.as_mut_ptr())
    }

    /// `floats` further on; whoever writes there makes sure that it still is within the result.
    pub(crate) fn offset(self, floats: usize) -> Self {
        Self(self.0.wrapping_add(floats))
    }

    pub(crate) fn pointer(self) -> *mut f32 {
        self.0
    }
}
