//! What runs kernels and keeps memory: a card, or in tests its emulation on the host.

use std::ffi::c_void;

use super::error::Result;

/// Where something lies in a device's memory; 0 is nowhere.
#[repr(transparent)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Address(pub u64);

/// An argument of a kernel, passed as its bytes.
///
/// # Safety
/// The type has a fixed layout without padding that matters, the same as the kernel's.
pub unsafe trait Parameter {
    /// Where the argument lies.
    fn place(&self) -> *const c_void {
        std::ptr::from_ref(self).cast()
    }

    /// Its size in bytes.
    fn size(&self) -> usize {
        size_of_val(self)
    }
}

// SAFETY: a 64-bit pointer on both sides.
unsafe impl Parameter for Address {}
// SAFETY: the same on both sides.
unsafe impl Parameter for u32 {}
// SAFETY: the same on both sides.
unsafe impl Parameter for f32 {}
// SAFETY: the same on both sides.
unsafe impl Parameter for f64 {}

/// How many blocks of how many threads run a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Launch {
    /// Blocks along x, y and z.
    pub grid: [u32; 3],
    /// Threads of a block: a multiple of 32.
    pub threads: u32,
    /// Bytes of shared memory of a block.
    pub shared: usize,
}

/// A recorded sequence of launches and copies.
pub trait Recording: Send {
    /// Runs it all again.
    ///
    /// # Safety
    /// All memory that it reads and writes is still there.
    ///
    /// # Errors
    /// If the device does not answer.
    unsafe fn replay(&self) -> Result<()>;
}

/// What runs kernels and keeps memory. All work is done in the order of the calls.
pub trait Driver: Send + Sync {
    /// Multiprocessors: how many blocks there should be at least.
    fn multiprocessors(&self) -> u32;

    /// What sizes of memory are rounded up to, in bytes, so that nearly equal ones share.
    fn granule(&self) -> usize;

    /// New memory, aligned for every type, with arbitrary contents.
    ///
    /// # Errors
    /// If there is none.
    fn allocate(&self, bytes: usize) -> Result<Address>;

    /// Gives memory back.
    ///
    /// # Safety
    /// It came from `allocate` with this size, and nothing uses it any more.
    unsafe fn release(&self, address: Address, bytes: usize);

    /// Copies to the device; `from` may be overwritten when this returns.
    ///
    /// # Safety
    /// `to` has room for `from`.
    ///
    /// # Errors
    /// If the device does not answer.
    unsafe fn upload(&self, from: &[u8], to: Address) -> Result<()>;

    /// Copies from the device, after waiting for all work before.
    ///
    /// # Safety
    /// `from` holds as many bytes as `to`.
    ///
    /// # Errors
    /// If the device does not answer, or work before failed.
    unsafe fn download(&self, from: Address, to: &mut [u8]) -> Result<()>;

    /// Copies on the device.
    ///
    /// # Safety
    /// Both hold `bytes` bytes and lie apart.
    ///
    /// # Errors
    /// If the device does not answer.
    unsafe fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()>;

    /// Runs the kernel of this name from a file of [`super::source::SOURCES`].
    ///
    /// # Safety
    /// The arguments are the kernel's, and their buffers hold what it reads and writes with them.
    ///
    /// # Errors
    /// If there is no such kernel or the device does not answer.
    unsafe fn launch(
        &self,
        file: &str,
        kernel: &str,
        launch: &Launch,
        arguments: &[&dyn Parameter],
    ) -> Result<()>;

    /// Waits for all work.
    ///
    /// # Errors
    /// If work before failed.
    fn synchronise(&self) -> Result<()>;

    /// From now on, work is recorded and not done.
    ///
    /// # Errors
    /// If the device does not answer.
    fn begin_recording(&self) -> Result<()>;

    /// Ends the recording.
    ///
    /// # Errors
    /// If something was called that cannot be recorded.
    fn end_recording(&self) -> Result<Box<dyn Recording>>;
}

impl Address {
    /// The address `count` values further on.
    pub(super) fn after<T>(self, count: usize) -> Self {
        Self(self.0 + (count * size_of::<T>()) as u64)
    }
}
