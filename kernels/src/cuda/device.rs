//! A device: its driver, its pool of memory, and what was recorded on it.

use std::fmt;
use std::sync::{Arc, Mutex};

use super::card::Card;
use super::driver::{Address, Driver, Launch, Parameter, Recording};
use super::error::Result;
use super::memory::{DeviceBuffer, Plain, Reserve};
use super::tiles::Precision;

/// A device to compute on; clones are the same device.
///
/// All its work is done in the order of the calls, on one stream: a result is there when [`DeviceBuffer::read`] returns.
#[derive(Clone)]
pub struct Device {
    inner: Arc<Inner>,
    precision: Precision,
}

/// Whether they are the same device.
impl PartialEq for Device {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for Device {}

impl fmt::Debug for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a device with {} multiprocessors", self.inner.driver.multiprocessors())
    }
}

struct Inner {
    driver: Arc<dyn Driver>,
    everyday: Arc<Reserve>,
    /// While something is recorded: the recording's own pool.
    recorded: Mutex<Option<Arc<Reserve>>>,
}

impl Device {
    /// The graphics card with this number.
    ///
    /// # Errors
    /// In one line, if there is no driver, no such card, or one that is too old.
    pub fn card(number: usize) -> Result<Self> {
        Ok(Self::new(Arc::new(Card::open(number)?)))
    }

    /// A device behind a driver.
    pub fn new(driver: Arc<dyn Driver>) -> Self {
        let everyday = Arc::new(Reserve::new(Arc::clone(&driver)));
        let inner = Arc::new(Inner { driver, everyday, recorded: Mutex::new(None) });
        Self { inner, precision: Precision::default() }
    }

    /// The same device, for those who want products in this precision.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self { precision, ..self }
    }

    /// How products are wanted.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// What the device calls itself.
    pub fn name(&self) -> &str {
        self.inner.driver.name()
    }

    /// Bytes that were taken from the device at most at one time: those of buffers, and those that its pools kept for more.
    pub fn most_memory(&self) -> usize {
        self.inner.everyday.most()
    }

    /// Waits for all work.
    ///
    /// # Errors
    /// If work before failed.
    pub fn synchronise(&self) -> Result<()> {
        self.inner.driver.synchronise()
    }

    /// Gives unused memory back to the system.
    pub fn trim(&self) {
        self.inner.everyday.trim();
    }

    /// Records what `work` does instead of doing it, to be done as often as wanted.
    ///
    /// Buffers that were made before must live on as long as the recording is used: it reads and writes them where they are. Memory
    /// that `work` takes belongs to the recording alone. Everything that differs from one time to the next must lie in
    /// buffers: numbers given by value are recorded as they are. Nothing may be read back inside.
    ///
    /// # Errors
    /// If `work` fails or does what cannot be recorded.
    ///
    /// # Panics
    /// If something is being recorded already.
    pub fn record<R>(&self, work: impl FnOnce() -> Result<R>) -> Result<(Graph, R)> {
        let reserve = Arc::new(Reserve::beside(&self.inner.everyday));
        {
            let mut recorded = self.recorded();
            assert!(recorded.is_none(), "record: a recording inside of another");
            self.inner.driver.begin_recording()?;
            *recorded = Some(Arc::clone(&reserve));
        }
        let open = Open(self);
        let result = work();
        let recording = open.end();
        let (result, recording) = (result?, recording?);
        Ok((Graph { recording, _reserve: reserve }, result))
    }

    fn recorded(&self) -> std::sync::MutexGuard<'_, Option<Arc<Reserve>>> {
        self.inner.recorded.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Where new memory comes from now.
    pub(super) fn reserve(&self) -> Arc<Reserve> {
        Arc::clone(self.recorded().as_ref().unwrap_or(&self.inner.everyday))
    }

    pub(super) fn driver(&self) -> &dyn Driver {
        &*self.inner.driver
    }

    /// A launch of 256 threads a block over `count` elements: one each, or more once there are 32 blocks for each
    /// multiprocessor. (Reasoned: no card was at hand to measure it.)
    pub(super) fn over(&self, count: usize) -> Launch {
        let most = self.inner.driver.multiprocessors() as usize * 32;
        Launch { grid: [count.div_ceil(256).clamp(1, most) as u32, 1, 1], threads: 256, shared: 0 }
    }

    /// Runs a kernel.
    ///
    /// # Safety
    /// As [`Driver::launch`].
    pub(super) unsafe fn launch(
        &self,
        file: &str,
        kernel: &str,
        launch: Launch,
        arguments: &[&dyn Parameter],
    ) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { self.inner.driver.launch(file, kernel, &launch, arguments) }
    }
}

/// A recording that is open: it ends here, or when a panic passes.
struct Open<'a>(&'a Device);

impl Open<'_> {
    fn end(self) -> Result<Box<dyn Recording>> {
        let recording = self.0.inner.driver.end_recording();
        *self.0.recorded() = None;
        std::mem::forget(self);
        recording
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        // What was recorded so far is of no use.
        drop(self.0.inner.driver.end_recording());
        *self.0.recorded() = None;
    }
}

/// Work that was recorded on a device.
pub struct Graph {
    recording: Box<dyn Recording>,
    /// What the recorded work writes between its first and its last launch.
    _reserve: Arc<Reserve>,
}

impl Graph {
    /// Does the work again.
    ///
    /// # Safety
    /// All buffers that the work read or wrote, other than those it made itself, are still there.
    ///
    /// # Errors
    /// If the device does not answer.
    pub unsafe fn replay(&self) -> Result<()> {
        // SAFETY: the caller's promise; what the work made itself, the reserve keeps.
        unsafe { self.recording.replay() }
    }
}

/// The address of a buffer that may be missing.
pub(super) fn address_of<T: Plain>(buffer: Option<&DeviceBuffer<T>>) -> Address {
    buffer.map_or(Address::default(), DeviceBuffer::address)
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};

    use super::*;
    use crate::cuda::Error;
    use crate::cuda::testing::device;

    #[test]
    fn a_recording_ends_however_its_work_does() {
        let (device, counter) = device(usize::MAX);
        let trouble = Error::Call { call: "work".into(), message: "no".into() };
        let failed = device.record(|| Err::<(), _>(trouble.clone()));
        assert_eq!(failed.err(), Some(trouble));
        let work = || device.record(|| -> Result<()> { panic!("a mistake in code") });
        assert!(catch_unwind(AssertUnwindSafe(work)).is_err());
        assert!(!counter.state().is_recording);
        // What is made now is no recording's any more.
        drop(DeviceBuffer::<f32>::new(&device, 1).unwrap());
        device.trim();
        assert_eq!(counter.state().used, 0);
        assert!(device.record(|| Ok(())).is_ok());
    }

    #[test]
    fn a_recording_that_does_not_begin_is_none() {
        let (device, counter) = device(usize::MAX);
        let lost = Error::Lost("cuStreamBeginCapture: ECC".into());
        counter.state().failure = Some(lost.clone());
        assert_eq!(device.record(|| Ok(())).err(), Some(lost));
        counter.state().failure = None;
        assert!(device.record(|| Ok(())).is_ok());
    }
}
