//! What runs kernels and keeps memory: a card, or in tests its emulation on the host.

use std::ffi::c_void;
use std::ptr::NonNull;

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
    /// Blocks along x, y and z: at most 2^31 - 1, 65535 and 65535. Those whose number grows with the data lie along x.
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

    /// How many launches and copies there are.
    fn nodes(&self) -> usize;
}

/// Orders in which work is done, each beside the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// Kernels and copies, uploads and downloads of ordinary memory: all but what says otherwise.
    Work,
    /// Uploads of pinned memory.
    Uploads,
}

/// A place in a lane that the host or the other lane can wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event(pub u64);

/// What runs kernels and keeps memory. All work is done in the order of the calls, but for uploads beside it.
pub trait Driver: Send + Sync {
    /// What the device calls itself.
    fn name(&self) -> &str;

    /// Multiprocessors: how many blocks there should be at least.
    fn multiprocessors(&self) -> u32;

    /// What sizes of memory are rounded up to, in bytes, so that nearly equal ones share.
    fn granule(&self) -> usize;

    /// New memory, aligned for every type, with arbitrary contents.
    ///
    /// # Errors
    /// [`super::Error::OutOfMemory`] if there is none, others if the device does not answer.
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

    /// Copies to the device while work is recorded, and waits until it is done.
    ///
    /// # Safety
    /// `to` has room for `from`, and nothing that uses it is under way.
    ///
    /// # Errors
    /// If the device does not answer.
    unsafe fn upload_at_once(&self, from: &[u8], to: Address) -> Result<()>;

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

    /// Host memory that the device reads by itself, page by page where it is, with arbitrary contents.
    ///
    /// # Errors
    /// If there is none.
    fn pin(&self, bytes: usize) -> Result<NonNull<u8>>;

    /// Gives it back.
    ///
    /// # Safety
    /// It came from `pin` with this size, and no upload from it is under way.
    unsafe fn unpin(&self, place: NonNull<u8>, bytes: usize);

    /// Copies pinned memory to the device on the lane of uploads, without waiting for it.
    ///
    /// # Safety
    /// `from` is pinned and holds `bytes`, `to` has room for them. Until the upload is done, nobody writes to either or gives
    /// them back, and nobody reads `to`.
    ///
    /// # Errors
    /// If the device does not answer.
    unsafe fn upload_beside(&self, from: NonNull<u8>, bytes: usize, to: Address) -> Result<()>;

    /// An event that is nowhere yet: waiting for it takes no time.
    ///
    /// # Errors
    /// If the device does not answer.
    fn event(&self) -> Result<Event>;

    /// Gives an event back.
    ///
    /// # Safety
    /// It came from `event`, and is not used any more.
    unsafe fn drop_event(&self, event: Event);

    /// The event is now behind what the lane was given so far, and nowhere else.
    ///
    /// # Safety
    /// It came from `event`.
    ///
    /// # Errors
    /// If the device does not answer.
    unsafe fn mark(&self, event: Event, lane: Lane) -> Result<()>;

    /// What the lane is given from now on is done when the event, where it is now, has been reached.
    ///
    /// # Safety
    /// It came from `event`.
    ///
    /// # Errors
    /// If the device does not answer.
    unsafe fn follow(&self, event: Event, lane: Lane) -> Result<()>;

    /// The host waits until the event is reached.
    ///
    /// # Safety
    /// It came from `event`.
    ///
    /// # Errors
    /// If the device does not answer, or work before failed.
    unsafe fn wait(&self, event: Event) -> Result<()>;

    /// From now on, work is recorded and not done.
    ///
    /// # Errors
    /// If the device does not answer.
    fn begin_recording(&self) -> Result<()>;

    /// Ends the recording, also where that fails: work is done again from now on.
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

#[cfg(test)]
mod tests {
    use crate::cuda::conv::{self, Conv2d, Epilogue};
    use crate::cuda::extreme::{Extreme, search_middle};
    use crate::cuda::gemm::{Batch, Gemm, gemm, gemm_batch};
    use crate::cuda::norm::{Groups, moments};
    use crate::cuda::testing::device;
    use crate::cuda::{DeviceBuffer, Error, Precision, distance, layout, reduce};

    /// A grid has no more than 65535 blocks along y and z: shapes of any kind must not need more.
    #[test]
    fn tensors_of_any_shape_make_launches_that_are_possible() {
        let (device, counter) = device(usize::MAX);
        let room = |count| DeviceBuffer::<f32>::new(&device, count).unwrap();
        let many = 70_000;
        let wide = 66_000 * 128;
        let (a, b, mut c) = (room(6), room(3 * wide), room(2 * wide));
        let refused = gemm(&Gemm::new(2, wide, 3), Precision::Tf32, &a, &b, &mut c).unwrap_err();
        assert!(refused.to_string().starts_with("a product of 2 x 8448000, 1 times: is more"), "{refused}");
        gemm(&Gemm::new(2, wide / 3, 3), Precision::Tf32, &a, &b, &mut c).unwrap();
        let batch = Batch { count: many, stride_a: 4, stride_b: 4, stride_c: 4 };
        let [a, b, mut c] = [room(4 * many), room(4 * many), room(4 * many)];
        gemm_batch(&Gemm::new(2, 2, 2), &batch, Precision::F32, &a, &b, &mut c).unwrap();
        distance::squared_distances(&room(16 * many), &room(3), 1, &mut room(48 * many)).unwrap();
        let groups = Groups { groups: many, rows: 100, channels: 2 };
        moments(&room(groups.len()), groups, &mut room(2 * many), &mut room(2 * many)).unwrap();
        reduce::sum_middle(&room(many * 100 * 2), [many, 100, 2], &mut room(2 * many)).unwrap();
        let mut places = DeviceBuffer::<u32>::new(&device, 2 * many).unwrap();
        search_middle(&room(many * 6), [many, 3, 2], Extreme::Largest, &mut places).unwrap();
        for shape in [[many, 33, 3], [1, 32 * many, 3], [1, 3, 32 * many]] {
            let count = shape.iter().product();
            layout::permute(&room(count), &shape, &[0, 2, 1], &mut room(count)).unwrap();
        }
        let state = counter.state();
        for name in ["gemm_nn_small_tf32", "squared_distances", "moments", "sum_middle", "transpose"] {
            assert!(state.launches.iter().any(|(kernel, _)| kernel == name), "{name} was not launched");
        }
        for (kernel, launch) in &state.launches {
            let [x, y, z] = launch.grid;
            let is_possible = (1..1 << 31).contains(&x) && [y, z].iter().all(|n| (1..=65_535).contains(n));
            assert!(is_possible, "{kernel}: {launch:?}");
        }
    }

    /// Channels are padded to four, so a picture of one channel takes four times its room.
    #[test]
    fn pictures_that_grow_too_large_on_the_way_are_an_error() {
        let (device, _) = device(usize::MAX);
        let c = Conv2d {
            batch: 8,
            height: 1 << 13,
            width: 1 << 13,
            channels_in: 1,
            channels_out: 1,
            kernel: [1; 2],
            stride: [1; 2],
            padding: [0; 2],
            exact: true,
        };
        let room = |count| DeviceBuffer::<f32>::new(&device, count).unwrap();
        let (x, w, mut y) = (room(c.input_len()), room(c.weight_len()), room(c.output_len()));
        let done = conv::forward(&c, Precision::Tf32, &x, &w, Epilogue::default(), &mut y);
        assert_eq!(done, Err(Error::TooLarge { length: 1 << 31 }));
    }
}
