//! Memory on a device, pooled as the host's is.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use super::device::Device;
use super::driver::{Address, Driver};
use super::error::{Error, Result};

/// A number, or a few, that any bits are a value of.
///
/// # Safety
/// No padding and no invalid bit patterns; the same layout on the device.
pub unsafe trait Plain: Copy + 'static {}

// SAFETY: every pattern of bits is a number.
unsafe impl Plain for f32 {}
// SAFETY: as above.
unsafe impl Plain for f64 {}
// SAFETY: as above.
unsafe impl Plain for u32 {}
// SAFETY: as above.
unsafe impl Plain for u64 {}
// SAFETY: as above.
unsafe impl Plain for u8 {}

/// Blocks of memory that were used and may be used again. All work of a device is done in order, so a block may be handed on
/// while the work that used it last is still under way.
///
/// A device has one for everyday use, and another for what recordings make on their way: that is written whenever one of them is
/// replayed. They share it, since none reads what another left there.
pub(super) struct Reserve {
    driver: Arc<dyn Driver>,
    taken: Arc<Taken>,
    unused: Mutex<BTreeMap<usize, Vec<Address>>>,
    /// For the recordings', the everyday one: what is given back when memory runs out. Its own blocks are written when they are
    /// replayed.
    everyday: Option<Arc<Reserve>>,
}

impl Reserve {
    pub(super) fn new(driver: Arc<dyn Driver>) -> Self {
        Self { driver, taken: Arc::default(), unused: Mutex::default(), everyday: None }
    }

    /// The recordings'.
    pub(super) fn beside(everyday: &Arc<Self>) -> Self {
        let (driver, taken) = (Arc::clone(&everyday.driver), Arc::clone(&everyday.taken));
        Self { driver, taken, unused: Mutex::default(), everyday: Some(Arc::clone(everyday)) }
    }

    /// Bytes that were taken from the device at most, by all its reserves.
    pub(super) fn most(&self) -> usize {
        self.taken.most.load(Ordering::Relaxed)
    }

    fn with<R>(&self, work: impl FnOnce(&mut BTreeMap<usize, Vec<Address>>) -> R) -> R {
        work(&mut self.unused.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// A block of at least `bytes`.
    fn block(self: &Arc<Self>, bytes: usize) -> Result<Arc<Block>> {
        let (address, size) = self.take(bytes)?;
        let number = BLOCKS.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::new(Block { home: Arc::clone(self), address, size, number }))
    }

    /// The address and size of at least `bytes`.
    fn take(&self, bytes: usize) -> Result<(Address, usize)> {
        let granule = self.driver.granule();
        let size = bytes.max(1).next_multiple_of(granule);
        // One that wastes at most a quarter of itself, as on the host; exactly this size where granules are single values.
        let largest = if granule < 64 { size } else { size + size / 3 };
        let found = self.with(|unused| {
            let found = unused.range(size..=largest).next().map(|(&size, _)| size)?;
            let blocks = unused.get_mut(&found).expect("found above");
            let address = blocks.pop().expect("empty lists are removed");
            if blocks.is_empty() {
                unused.remove(&found);
            }
            Some((address, found))
        });
        if let Some(block) = found {
            return Ok(block);
        }
        let address = match self.driver.allocate(size) {
            // Blocks of other sizes may be what fills the memory.
            Err(Error::OutOfMemory { .. }) => {
                self.everyday.as_deref().unwrap_or(self).trim();
                self.driver.allocate(size)?
            }
            answer => answer?,
        };
        let now = self.taken.now.fetch_add(size, Ordering::Relaxed) + size;
        self.taken.most.fetch_max(now, Ordering::Relaxed);
        Ok((address, size))
    }

    fn put(&self, address: Address, size: usize) {
        self.with(|unused| unused.entry(size).or_default().push(address));
    }

    /// Gives all unused blocks back to the device.
    pub(super) fn trim(&self) {
        for (size, blocks) in self.with(std::mem::take) {
            for address in blocks {
                // SAFETY: allocated with this size, and in no buffer.
                unsafe { self.driver.release(address, size) };
                self.taken.now.fetch_sub(size, Ordering::Relaxed);
            }
        }
    }
}

/// Bytes that a device's reserves hold, in buffers or for more.
#[derive(Default)]
struct Taken {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Drop for Reserve {
    fn drop(&mut self) {
        self.trim();
    }
}

/// How many blocks there have been.
static BLOCKS: AtomicU64 = AtomicU64::new(0);

/// What the next block will be known by.
pub(super) fn next_block() -> u64 {
    BLOCKS.load(Ordering::Relaxed)
}

/// A piece of a device's memory, which returns to its pool when no buffer has it any more and no recording uses it.
pub(super) struct Block {
    home: Arc<Reserve>,
    address: Address,
    size: usize,
    /// Larger than that of all blocks before.
    pub(super) number: u64,
}

impl Drop for Block {
    fn drop(&mut self) {
        self.home.put(self.address, self.size);
    }
}

/// A fixed-length array in a device's memory, which returns to its pool when dropped.
pub struct DeviceBuffer<T: Plain = f32> {
    device: Device,
    block: Arc<Block>,
    length: usize,
    values: PhantomData<T>,
}

impl<T: Plain> DeviceBuffer<T> {
    /// A buffer of `length` values with arbitrary contents.
    ///
    /// # Errors
    /// If the device has no memory left, or there are more values than the kernels' 32-bit places can name.
    pub fn new(device: &Device, length: usize) -> Result<Self> {
        Self::out_of(&device.reserve(), device, length)
    }

    fn out_of(reserve: &Arc<Reserve>, device: &Device, length: usize) -> Result<Self> {
        if i32::try_from(length).is_err() {
            return Err(Error::TooLarge { length });
        }
        let block = reserve.block(length * size_of::<T>())?;
        Ok(Self { device: device.clone(), block, length, values: PhantomData })
    }

    /// A buffer that holds `values`.
    ///
    /// # Errors
    /// If the device has no memory left or does not answer.
    pub fn from_slice(device: &Device, values: &[T]) -> Result<Self> {
        let mut buffer = Self::new(device, values.len())?;
        buffer.write(values)?;
        Ok(buffer)
    }

    /// A buffer of `length` values with arbitrary contents, which the host may write before each replay of the recording that is under
    /// way, if one is: nothing else of the recording has its memory, before or after.
    ///
    /// # Errors
    /// As [`DeviceBuffer::new`].
    pub fn lasting(device: &Device, length: usize) -> Result<Self> {
        let Some(everyday) = device.everyday_of_a_recording() else { return Self::new(device, length) };
        let buffer = Self::out_of(&everyday, device, length)?;
        device.keep(&buffer.block);
        Ok(buffer)
    }

    /// A buffer that holds `values`, which are the same each time. While a step is recorded they become part of the recording, where
    /// [`DeviceBuffer::from_slice`] is refused: so this is for what follows from shapes and options alone.
    ///
    /// # Errors
    /// If the device has no memory left or does not answer.
    pub fn constant(device: &Device, values: &[T]) -> Result<Self> {
        if !device.is_recording() {
            return Self::from_slice(device, values);
        }
        let buffer = Self::lasting(device, values.len())?;
        let bytes = bytes_of(values);
        if !bytes.is_empty() {
            // SAFETY: the lengths are equal. Nothing is under way while a step is recorded.
            unsafe { device.driver().upload_at_once(bytes, buffer.block.address)? };
        }
        Ok(buffer)
    }

    /// Overwrites all values.
    ///
    /// # Errors
    /// If the device does not answer.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn write(&mut self, values: &[T]) -> Result<()> {
        assert_eq!(values.len(), self.length, "write: lengths");
        let bytes = bytes_of(values);
        if bytes.is_empty() {
            return Ok(());
        }
        // SAFETY: the lengths are equal.
        unsafe { self.device.driver().upload(bytes, self.block.address) }
    }

    /// Reads all values, after waiting for the work that makes them.
    ///
    /// # Errors
    /// If the device does not answer or the work failed.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn read(&self, values: &mut [T]) -> Result<()> {
        assert_eq!(values.len(), self.length, "read: lengths");
        let count = size_of_val(values);
        // SAFETY: any bytes are plain values.
        let bytes = unsafe { std::slice::from_raw_parts_mut(values.as_mut_ptr().cast::<u8>(), count) };
        if bytes.is_empty() {
            return Ok(());
        }
        // SAFETY: the lengths are equal.
        unsafe { self.device.driver().download(self.block.address, bytes) }
    }

    /// All values, as [`DeviceBuffer::read`].
    ///
    /// # Errors
    /// If the device does not answer or the work failed.
    pub fn to_vec(&self) -> Result<Vec<T>>
    where
        T: Default,
    {
        let mut values = vec![T::default(); self.length];
        self.read(&mut values)?;
        Ok(values)
    }

    /// Overwrites all values with those of another buffer.
    ///
    /// # Errors
    /// If the device does not answer.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn copy_from(&mut self, other: &Self) -> Result<()> {
        assert_eq!(other.length, self.length, "copy_from: lengths");
        if self.length == 0 {
            return Ok(());
        }
        // SAFETY: the lengths are equal, and two buffers never share memory.
        unsafe { self.device.driver().copy(other.address(), self.address(), self.length * size_of::<T>()) }
    }

    /// The number of values.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// The device it lies on.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// What no other buffer, be it at the same place later, is known by.
    pub fn number(&self) -> u64 {
        self.block.number
    }

    /// Where it lies, for work that uses it: a recording keeps the memory.
    pub(super) fn address(&self) -> Address {
        self.device.used(&self.block);
        self.block.address
    }
}

fn bytes_of<T: Plain>(values: &[T]) -> &[u8] {
    // SAFETY: plain values are bytes.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast::<u8>(), size_of_val(values)) }
}

impl<T: Plain> fmt::Debug for DeviceBuffer<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DeviceBuffer of {} values", self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::testing::device;

    fn buffer(device: &Device, bytes: usize) -> Result<DeviceBuffer<u8>> {
        DeviceBuffer::new(device, bytes)
    }

    #[test]
    fn memory_is_used_again_for_nearly_equal_sizes() {
        let (device, counter) = device(usize::MAX);
        let first = buffer(&device, 5000).unwrap().address();
        assert_eq!(buffer(&device, 4700).unwrap().address(), first);
        assert_ne!(buffer(&device, 2000).unwrap().address(), first);
        assert_eq!(counter.state().allocations, 2);
        device.trim();
        assert_eq!(counter.state().used, 0);
        assert_eq!(device.most_memory(), 5120 + 2048);
        drop(buffer(&device, 512).unwrap());
        assert_eq!(device.most_memory(), 5120 + 2048);
    }

    #[test]
    fn unused_memory_is_given_back_before_there_is_none() {
        let (device, _) = device(10 * 512);
        drop(buffer(&device, 8 * 512).unwrap());
        let held = buffer(&device, 4 * 512).unwrap();
        assert!(matches!(buffer(&device, 8 * 512), Err(Error::OutOfMemory { .. })));
        drop(held);
    }

    #[test]
    fn only_a_lack_of_memory_is_answered_by_giving_memory_back() {
        let (device, counter) = device(10 * 512);
        drop(buffer(&device, 8 * 512).unwrap());
        let lost = Error::Lost("cuMemAlloc: illegal address".into());
        counter.state().failure = Some(lost.clone());
        assert_eq!(buffer(&device, 4 * 512).err(), Some(lost));
        let state = counter.state();
        assert_eq!((state.asked, state.used), (2, 8 * 512));
    }

    #[test]
    fn more_values_than_kernels_can_name_are_refused() {
        let (device, counter) = device(usize::MAX);
        let length = 1 << 31;
        assert_eq!(buffer(&device, length).err(), Some(Error::TooLarge { length }));
        assert_eq!(counter.state().asked, 0);
        assert!(buffer(&device, length - 1).is_ok());
    }

    #[test]
    fn a_recording_that_needs_memory_takes_everyday_memory_and_keeps_its_own() {
        let (device, counter) = device(10 * 512);
        drop(buffer(&device, 8 * 512).unwrap());
        let (graph, ()) = device
            .record(|| {
                drop(buffer(&device, 2 * 512)?);
                drop(buffer(&device, 4 * 512)?);
                // What was recorded writes the 6 when it is replayed, whoever asks for more.
                assert_eq!(counter.state().used, 6 * 512);
                assert!(matches!(buffer(&device, 8 * 512), Err(Error::OutOfMemory { .. })));
                assert_eq!(counter.state().used, 6 * 512);
                Ok(())
            })
            .unwrap();
        drop(graph);
        assert_eq!(counter.state().used, 0);
    }

    #[test]
    fn a_recording_has_memory_of_its_own() {
        let (device, counter) = device(usize::MAX);
        let everyday = buffer(&device, 512).unwrap().address();
        let (graph, made) = device
            .record(|| {
                let inside = buffer(&device, 512)?.address();
                assert_ne!(inside, everyday);
                // What was dropped inside serves inside again.
                let made = buffer(&device, 512)?;
                assert_eq!(made.address(), inside);
                Ok(made)
            })
            .unwrap();
        let inside = made.address();
        drop(made);
        assert_eq!(buffer(&device, 512).unwrap().address(), everyday);
        assert_ne!(buffer(&device, 512).unwrap().address(), inside);
        assert_eq!(counter.state().used, 1024);
        drop(graph);
        assert_eq!(counter.state().used, 512);
    }
}
