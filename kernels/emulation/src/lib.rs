//! What stands in for a graphics card in tests: the CUDA kernels compiled for the host, behind the same
//! [`Driver`](gobelin_kernels::cuda::driver::Driver).
//!
//! Needs a C++ compiler (`$CXX`, g++ or c++). The library is built when it is first asked for and kept in `target/tmp`, by the
//! hash of what it is made of: other tests find it there.
//!
//! It finds what would go wrong on a card, as errors of the launch or of [`Device::synchronise`]: touches of memory that is not a
//! buffer's, arguments of other sizes than the kernel's, barriers that some threads leave out, copies to shared memory that are
//! read too early. New memory and shared memory hold NaN. Results that depend on the order of threads or blocks are found by
//! running in both orders ([`Order`]).

mod library;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gobelin_kernels::cuda::driver::{Address, Driver, Launch, Parameter, Recording};
use gobelin_kernels::cuda::{Device, Error, Result};
use library::Library;

/// Which threads and blocks run first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first.
    Forwards,
    /// The last.
    Backwards,
}

/// A small emulated card, as most tests want it; see [`Emulation::new`].
pub fn device() -> Option<Device> {
    Some(Device::new(Arc::new(Emulation::new(Order::Forwards, 2)?)))
}

/// Bytes that an emulated card has.
const MEMORY: usize = 4 << 30;

/// A card that is none.
pub struct Emulation {
    library: Arc<Library>,
    order: Order,
    multiprocessors: u32,
    /// Bytes that are given out.
    used: AtomicUsize,
    /// Something wrote around a buffer.
    is_spoilt: AtomicBool,
    recorded: Mutex<Option<Vec<Work>>>,
}

/// What is recorded.
enum Work {
    Launch { kernel: String, launch: Launch, arguments: Vec<Vec<u8>> },
    Copy { from: Address, to: Address, bytes: usize },
}

impl Emulation {
    /// A card with so many multiprocessors, by which sums are cut.
    ///
    /// None where there is no C++ compiler: it then says on the standard error that a test is skipped.
    ///
    /// # Panics
    /// If there is no compiler and `GOBELIN_EMULATION` is set, as in CI; or if the kernels do not compile.
    pub fn new(order: Order, multiprocessors: u32) -> Option<Self> {
        let Some(library) = Library::get() else {
            assert!(
                std::env::var_os("GOBELIN_EMULATION").is_none(),
                "no C++ compiler: install g++ or set CXX"
            );
            eprintln!("SKIPPED: no C++ compiler (g++ or $CXX) to build the emulation with");
            return None;
        };
        let (used, is_spoilt) = (AtomicUsize::new(0), AtomicBool::new(false));
        Some(Self { library, order, multiprocessors, used, is_spoilt, recorded: Mutex::new(None) })
    }

    fn record(&self, work: impl FnOnce() -> Work) -> bool {
        let mut recorded = self.recorded.lock().unwrap();
        recorded.as_mut().map(|recorded| recorded.push(work())).is_some()
    }
}

/// # Safety
/// As [`Driver::launch`].
unsafe fn run(
    library: &Library,
    order: Order,
    kernel: &str,
    launch: &Launch,
    arguments: &[&[u8]],
) -> Result<()> {
    // SAFETY: the caller's promise.
    let message = unsafe { library.launch(order, kernel, launch, arguments) };
    message.map_or(Ok(()), |message| Err(Error::Call { call: "emulation".into(), message }))
}

impl Driver for Emulation {
    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn granule(&self) -> usize {
        // Exact: the memory behind a buffer may not be touched.
        1
    }

    fn allocate(&self, bytes: usize) -> Result<Address> {
        let used = self.used.fetch_add(bytes, Ordering::Relaxed);
        let is_room = used + bytes <= MEMORY;
        let address = if is_room { self.library.allocate(bytes) } else { std::ptr::null_mut() };
        if address.is_null() {
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            let [asked, free, total] =
                [bytes, MEMORY.saturating_sub(used), MEMORY].map(|n| n.div_ceil(1 << 20));
            return Err(Error::OutOfMemory { asked, free, total });
        }
        Ok(Address(address as u64))
    }

    unsafe fn release(&self, address: Address, bytes: usize) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        if !unsafe { self.library.release(address.0 as *mut std::ffi::c_void, bytes) } {
            self.is_spoilt.store(true, Ordering::Relaxed);
        }
    }

    unsafe fn upload(&self, from: &[u8], to: Address) -> Result<()> {
        assert!(self.recorded.lock().unwrap().is_none(), "an upload in a recording");
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.0 as *mut u8, from.len()) };
        Ok(())
    }

    unsafe fn download(&self, from: Address, to: &mut [u8]) -> Result<()> {
        assert!(self.recorded.lock().unwrap().is_none(), "a download in a recording");
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from.0 as *const u8, to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    unsafe fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()> {
        if !self.record(|| Work::Copy { from, to, bytes }) {
            // SAFETY: the caller's promise.
            unsafe { std::ptr::copy_nonoverlapping(from.0 as *const u8, to.0 as *mut u8, bytes) };
        }
        Ok(())
    }

    unsafe fn launch(
        &self,
        _: &str,
        kernel: &str,
        launch: &Launch,
        arguments: &[&dyn Parameter],
    ) -> Result<()> {
        let bytes = |argument: &&dyn Parameter| {
            // SAFETY: a parameter is its bytes.
            unsafe { std::slice::from_raw_parts(argument.place().cast::<u8>(), argument.size()) }
        };
        let arguments: Vec<&[u8]> = arguments.iter().map(bytes).collect();
        let copied = || arguments.iter().map(|argument| argument.to_vec()).collect();
        if self.record(|| Work::Launch { kernel: kernel.into(), launch: *launch, arguments: copied() }) {
            return Ok(());
        }
        // SAFETY: the caller's promise.
        unsafe { run(&self.library, self.order, kernel, launch, &arguments) }
    }

    fn synchronise(&self) -> Result<()> {
        if self.is_spoilt.swap(false, Ordering::Relaxed) {
            let message = "a kernel wrote around a buffer".into();
            return Err(Error::Call { call: "emulation".into(), message });
        }
        Ok(())
    }

    fn begin_recording(&self) -> Result<()> {
        *self.recorded.lock().unwrap() = Some(Vec::new());
        Ok(())
    }

    fn end_recording(&self) -> Result<Box<dyn Recording>> {
        let work = self.recorded.lock().unwrap().take().expect("a recording");
        Ok(Box::new(Recorded { library: Arc::clone(&self.library), order: self.order, work }))
    }
}

struct Recorded {
    library: Arc<Library>,
    order: Order,
    work: Vec<Work>,
}

impl Recording for Recorded {
    unsafe fn replay(&self) -> Result<()> {
        for work in &self.work {
            match work {
                Work::Copy { from, to, bytes } => {
                    // SAFETY: the caller's promise.
                    unsafe { std::ptr::copy_nonoverlapping(from.0 as *const u8, to.0 as *mut u8, *bytes) };
                }
                Work::Launch { kernel, launch, arguments } => {
                    let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
                    // SAFETY: as above.
                    unsafe { run(&self.library, self.order, kernel, launch, &arguments)? };
                }
            }
        }
        Ok(())
    }
}
