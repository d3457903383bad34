//! What stands in for a graphics card in tests: the CUDA kernels compiled for the host, behind the same
//! [`Driver`].
//!
//! Needs a C++ compiler (`$CXX`, g++ or c++). The library is built when it is first asked for and kept in `target/tmp`, by the
//! hash of what it is made of: other tests find it there.
//!
//! It finds what would go wrong on a card, as errors of the launch or of [`Device::synchronise`]: touches of memory that is not a
//! buffer's, arguments of other sizes than the kernel's, barriers that some threads leave out or shuffles that they do not do together,
//! copies to shared memory that are read too early or lie askew. New memory and shared memory hold NaN. Results that depend on the
//! order of threads or blocks are found by running in both orders ([`Order`]). With `GOBELIN_RACES=1` races are found as such, in
//! shared memory and in buffers, and so are vectors that lie on no boundary of theirs ([`library::Library::watching`]).

pub mod lanes;
pub mod library;
#[cfg(test)]
mod tests;

use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use gobelin_kernels::cuda::driver::{Address, Driver, Event, Lane, Launch, Parameter, Recording};
use gobelin_kernels::cuda::{Device, Error, Precision, Result};
use lanes::{Lanes, Run};
use library::Library;

/// Which threads and blocks run first, and which of a card's two lanes: see [`Driver::upload_beside`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Order {
    /// The first; uploads beside the work are made as late as they may.
    Forwards,
    /// The last; the work is done as late as it may, uploads beside it at once.
    Backwards,
}

/// A small emulated card, as most tests want it; see [`Emulation::new`].
pub fn device() -> Option<Device> {
    Some(Device::new(Arc::new(Emulation::new(Order::Forwards, 2)?)))
}

/// The card with exact products, as it is held against the host, for tests of programs and nets: they take longer than those of
/// kernels, and run only where `GOBELIN_EMULATION` is set, as in CI.
///
/// # Panics
/// If it is set and there is no C++ compiler.
pub fn asked_for() -> Option<Device> {
    asked_for_in(Order::Forwards)
}

/// As [`asked_for`], in this order.
///
/// # Panics
/// As there.
pub fn asked_for_in(order: Order) -> Option<Device> {
    std::env::var_os("GOBELIN_EMULATION")?;
    Some(Device::new(Arc::new(Emulation::new(order, 2)?)).with_precision(Precision::F32))
}

/// Bytes that an emulated card has.
pub const MEMORY: usize = 4 << 30;

/// The number of a lane.
fn number(lane: Lane) -> usize {
    match lane {
        Lane::Work => 0,
        Lane::Uploads => 1,
    }
}

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
    lanes: Arc<Mutex<Lanes<Work, Error>>>,
}

/// What is done later, or recorded.
#[derive(Clone)]
enum Work {
    Launch {
        kernel: String,
        launch: Launch,
        arguments: Vec<Vec<u8>>,
    },
    /// On the device, or to it from pinned memory, which is the same here.
    Copy {
        from: Address,
        to: Address,
        bytes: usize,
    },
    Replay(Arc<Vec<Work>>),
}

impl Emulation {
    /// A card with so many multiprocessors, by which sums are cut.
    ///
    /// None where there is no C++ compiler: it then says on the standard error that a test is skipped.
    ///
    /// # Panics
    /// If there is no compiler and `GOBELIN_EMULATION` is set, as in CI; or if the kernels do not compile.
    pub fn new(order: Order, multiprocessors: u32) -> Option<Self> {
        let library = Library::get_or_skip()?;
        let (used, is_spoilt) = (AtomicUsize::new(0), AtomicBool::new(false));
        let (recorded, lanes) = (Mutex::new(None), Arc::new(Mutex::new(Lanes::new(order))));
        Some(Self { library, order, multiprocessors, used, is_spoilt, recorded, lanes })
    }

    /// Adds work to the recording, or to what is to be done.
    fn add(&self, work: Work) -> Result<()> {
        if let Some(recorded) = self.recorded.lock().unwrap().as_mut() {
            recorded.push(work);
            return Ok(());
        }
        self.on_lanes(|lanes, run| lanes.add(number(Lane::Work), work, run))
    }

    fn on_lanes<R>(&self, work: impl FnOnce(&mut Lanes<Work, Error>, Run<Work, Error>) -> R) -> R {
        work(&mut self.lanes.lock().unwrap(), &|work| run(&self.library, self.order, &work))
    }

    /// What was recorded cannot wait for what is not.
    fn check_not_recording(&self, call: &str) -> Result<()> {
        if self.recorded.lock().unwrap().is_some() {
            return Err(Error::Recorded { call: call.into() });
        }
        Ok(())
    }
}

/// Does work; those that called it promised that it can be done until it is.
fn run(library: &Library, order: Order, work: &Work) -> Result<()> {
    match work {
        Work::Copy { from, to, bytes } => {
            // SAFETY: the caller's promise.
            unsafe { std::ptr::copy_nonoverlapping(from.0 as *const u8, to.0 as *mut u8, *bytes) };
            Ok(())
        }
        Work::Launch { kernel, launch, arguments } => {
            let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            // SAFETY: the caller's promise.
            let message = unsafe { library.launch(order, kernel, launch, &arguments) };
            message.map_or(Ok(()), |message| Err(Error::Call { call: "emulation".into(), message }))
        }
        Work::Replay(all) => all.iter().try_for_each(|work| run(library, order, work)),
    }
}

impl Driver for Emulation {
    fn name(&self) -> &'static str {
        "emulation"
    }

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
        self.on_lanes(|lanes, run| lanes.finish(run));
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        // SAFETY: the caller's promise.
        if !unsafe { self.library.release(address.0 as *mut std::ffi::c_void, bytes) } {
            self.is_spoilt.store(true, Ordering::Relaxed);
        }
    }

    unsafe fn upload(&self, from: &[u8], to: Address) -> Result<()> {
        self.check_not_recording("upload")?;
        self.on_lanes(|lanes, run| lanes.settle(number(Lane::Work), run))?;
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.0 as *mut u8, from.len()) };
        Ok(())
    }

    unsafe fn upload_at_once(&self, from: &[u8], to: Address) -> Result<()> {
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from.as_ptr(), to.0 as *mut u8, from.len()) };
        Ok(())
    }

    unsafe fn download(&self, from: Address, to: &mut [u8]) -> Result<()> {
        self.check_not_recording("download")?;
        self.on_lanes(|lanes, run| lanes.settle(number(Lane::Work), run))?;
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from.0 as *const u8, to.as_mut_ptr(), to.len()) };
        Ok(())
    }

    unsafe fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()> {
        self.add(Work::Copy { from, to, bytes })
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
            unsafe { std::slice::from_raw_parts(argument.place().cast::<u8>(), argument.size()) }.to_vec()
        };
        let arguments = arguments.iter().map(bytes).collect();
        self.add(Work::Launch { kernel: kernel.into(), launch: *launch, arguments })
    }

    fn synchronise(&self) -> Result<()> {
        self.check_not_recording("synchronise")?;
        for lane in [Lane::Work, Lane::Uploads] {
            self.on_lanes(|lanes, run| lanes.settle(number(lane), run))?;
        }
        if self.is_spoilt.swap(false, Ordering::Relaxed) {
            let message = "a kernel wrote around a buffer".into();
            return Err(Error::Call { call: "emulation".into(), message });
        }
        Ok(())
    }

    fn pin(&self, bytes: usize) -> Result<NonNull<u8>> {
        let place = vec![0xffu8; bytes.next_multiple_of(16)].into_boxed_slice();
        Ok(NonNull::from(Box::leak(place)).cast())
    }

    unsafe fn unpin(&self, place: NonNull<u8>, bytes: usize) {
        self.on_lanes(|lanes, run| lanes.finish(run));
        let place = NonNull::slice_from_raw_parts(place, bytes.next_multiple_of(16));
        // SAFETY: as `pin` made it.
        drop(unsafe { Box::from_raw(place.as_ptr()) });
    }

    unsafe fn upload_beside(&self, from: NonNull<u8>, bytes: usize, to: Address) -> Result<()> {
        let work = Work::Copy { from: Address(from.as_ptr() as u64), to, bytes };
        self.on_lanes(|lanes, run| lanes.add(number(Lane::Uploads), work, run))
    }

    fn event(&self) -> Result<Event> {
        Ok(Event(self.on_lanes(|lanes, _| lanes.event())))
    }

    unsafe fn drop_event(&self, event: Event) {
        self.on_lanes(|lanes, _| lanes.drop_event(event.0));
    }

    unsafe fn mark(&self, event: Event, lane: Lane) -> Result<()> {
        self.check_not_recording("mark")?;
        self.on_lanes(|lanes, run| lanes.mark(event.0, number(lane), run))
    }

    unsafe fn follow(&self, event: Event, lane: Lane) -> Result<()> {
        self.check_not_recording("follow")?;
        self.on_lanes(|lanes, run| lanes.follow(event.0, number(lane), run))
    }

    unsafe fn wait(&self, event: Event) -> Result<()> {
        self.on_lanes(|lanes, run| lanes.wait(event.0, run))
    }

    fn begin_recording(&self) -> Result<()> {
        *self.recorded.lock().unwrap() = Some(Vec::new());
        Ok(())
    }

    fn end_recording(&self) -> Result<Box<dyn Recording>> {
        let work = self.recorded.lock().unwrap().take().expect("a recording");
        let (library, lanes) = (Arc::clone(&self.library), Arc::clone(&self.lanes));
        Ok(Box::new(Recorded { library, order: self.order, lanes, work: Arc::new(work) }))
    }
}

struct Recorded {
    library: Arc<Library>,
    order: Order,
    lanes: Arc<Mutex<Lanes<Work, Error>>>,
    work: Arc<Vec<Work>>,
}

impl Recording for Recorded {
    unsafe fn replay(&self) -> Result<()> {
        let work = Work::Replay(Arc::clone(&self.work));
        let mut lanes = self.lanes.lock().unwrap();
        lanes.add(number(Lane::Work), work, &|work| run(&self.library, self.order, &work))
    }

    fn nodes(&self) -> usize {
        self.work.len()
    }
}
