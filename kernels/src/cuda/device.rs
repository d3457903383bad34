//! A device: its driver, its pool of memory, and what was recorded on it.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use super::card::Card;
use super::driver::{Address, Driver, Launch, Parameter, Recording};
use super::error::Result;
use super::memory::{Block, DeviceBuffer, Plain, Reserve, next_block};
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
    /// What recordings make on their way lies there, as long as there are any.
    recordings: Mutex<Weak<Reserve>>,
    is_recording: AtomicBool,
    open: Mutex<Option<Open>>,
    /// Nodes of recordings that were replayed.
    replayed: Arc<AtomicU64>,
}

/// A recording that is under way.
struct Open {
    reserve: Arc<Reserve>,
    /// Blocks from this number on are the recording's own.
    first: u64,
    /// Those before that it uses, and its constants.
    kept: HashMap<u64, Arc<Block>>,
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
        let inner = Inner {
            driver,
            everyday,
            recordings: Mutex::default(),
            is_recording: AtomicBool::new(false),
            open: Mutex::new(None),
            replayed: Arc::default(),
        };
        Self { inner: Arc::new(inner), precision: Precision::default() }
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

    /// Kernels and copies that were done by replays so far, each as often as it was.
    pub fn replayed_nodes(&self) -> u64 {
        self.inner.replayed.load(Ordering::Relaxed)
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
    /// Buffers that were made before are read and written where they are; their memory stays the recording's too, until it is dropped.
    /// Memory that `work` takes is written at each replay, of this recording or another: a buffer that outlives `work` is for
    /// reading until the next. Everything that differs from one time to the next must lie in buffers: numbers given by value are recorded
    /// as they are. Nothing may be read back inside, and nothing sent but [`DeviceBuffer::constant`].
    ///
    /// # Errors
    /// If `work` fails or does what cannot be recorded, or work before failed.
    ///
    /// # Panics
    /// If something is being recorded already.
    pub fn record<R>(&self, work: impl FnOnce() -> Result<R>) -> Result<(Graph, R)> {
        assert!(!self.is_recording(), "record: a recording inside of another");
        let reserve = self.reserve_of_recordings();
        // Nothing is under way then while constants are sent.
        self.synchronise()?;
        self.inner.driver.begin_recording()?;
        *self.open() = Some(Open { reserve, first: next_block(), kept: HashMap::new() });
        self.inner.is_recording.store(true, Ordering::Relaxed);
        let closing = Closing(self);
        let result = work();
        let (recording, open) = closing.end();
        let (result, recording) = (result?, recording?);
        let Open { reserve, kept, .. } = open;
        let (kept, replayed) = (kept.into_values().collect(), Arc::clone(&self.inner.replayed));
        Ok((Graph { recording, replayed, _kept: kept, _reserve: reserve }, result))
    }

    /// Whether something is being recorded.
    pub fn is_recording(&self) -> bool {
        self.inner.is_recording.load(Ordering::Relaxed)
    }

    fn open(&self) -> std::sync::MutexGuard<'_, Option<Open>> {
        self.inner.open.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn reserve_of_recordings(&self) -> Arc<Reserve> {
        let mut shared = self.inner.recordings.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let new = Arc::new(Reserve::beside(&self.inner.everyday));
            *shared = Arc::downgrade(&new);
            new
        })
    }

    /// Where new memory comes from now.
    pub(super) fn reserve(&self) -> Arc<Reserve> {
        let recording = self.is_recording().then(|| Some(Arc::clone(&self.open().as_ref()?.reserve)));
        recording.flatten().unwrap_or_else(|| Arc::clone(&self.inner.everyday))
    }

    /// While something is recorded: the pool of everything else.
    pub(super) fn everyday_of_a_recording(&self) -> Option<Arc<Reserve>> {
        self.is_recording().then(|| Arc::clone(&self.inner.everyday))
    }

    /// Says that work uses a block.
    pub(super) fn used(&self, block: &Arc<Block>) {
        if self.is_recording() && self.open().as_ref().is_some_and(|open| block.number < open.first) {
            self.keep(block);
        }
    }

    /// Has the recording that is under way keep a block.
    pub(super) fn keep(&self, block: &Arc<Block>) {
        if let Some(open) = self.open().as_mut() {
            open.kept.entry(block.number).or_insert_with(|| Arc::clone(block));
        }
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
struct Closing<'a>(&'a Device);

impl Closing<'_> {
    fn end(self) -> (Result<Box<dyn Recording>>, Open) {
        let ended = self.close();
        std::mem::forget(self);
        ended
    }

    fn close(&self) -> (Result<Box<dyn Recording>>, Open) {
        let recording = self.0.inner.driver.end_recording();
        self.0.inner.is_recording.store(false, Ordering::Relaxed);
        let open = self.0.open().take().expect("a recording is open");
        (recording, open)
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        // What was recorded so far is of no use.
        drop(self.close());
    }
}

/// Work that was recorded on a device.
pub struct Graph {
    recording: Box<dyn Recording>,
    /// The device's account.
    replayed: Arc<AtomicU64>,
    /// What it reads and writes that was there before, and its constants.
    _kept: Vec<Arc<Block>>,
    /// What it writes between its first and its last launch.
    _reserve: Arc<Reserve>,
}

impl Graph {
    /// Does the work again. What is read and written lies where it lay during the recording, whatever its buffers are by now.
    ///
    /// # Errors
    /// If the device does not answer.
    pub fn replay(&self) -> Result<()> {
        self.replayed.fetch_add(self.nodes() as u64, Ordering::Relaxed);
        // SAFETY: all memory that the work uses is kept.
        unsafe { self.recording.replay() }
    }

    /// Kernels and copies that it is made of.
    pub fn nodes(&self) -> usize {
        self.recording.nodes()
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
