//! A graphics card, through NVIDIA's driver, which is loaded when it is first asked for.

use std::collections::HashMap;
use std::ffi::{CString, c_void};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use cudarc::driver::{CudaContext, DriverError, result, sys};

use super::cache;
use super::calls::{check_calls, is_driver_present};
use super::driver::{Address, Driver, Event, Lane, Launch, Parameter, Recording};
use super::error::{Error, Result};
use super::failure::{MIB, check_capability, check_driver, failed, not_opened, out_of_memory, version_name};
use super::source::Source;

/// Shared memory that needs no permission.
const PLAIN_SHARED: usize = 48 * 1024;

/// A graphics card with a stream for each lane, on which everything is done in order.
pub struct Card {
    name: String,
    stream: Arc<Stream>,
    uploads: Stream,
    architecture: String,
    driver: i32,
    multiprocessors: u32,
    functions: Mutex<Functions>,
    is_recording: AtomicBool,
    /// What was recorded so far.
    nodes: AtomicUsize,
    /// The last, so that the streams are given back before their context is: a driver does not look whether there still is one.
    context: Arc<CudaContext>,
}

/// What was loaded: modules by file, functions by kernel with the shared memory they may use.
#[derive(Default)]
struct Functions {
    modules: HashMap<&'static str, Module>,
    functions: HashMap<String, (Function, usize)>,
}

#[derive(Clone, Copy)]
struct Module(sys::CUmodule);
#[derive(Clone, Copy)]
struct Function(sys::CUfunction);
// SAFETY: handles of the driver, which any thread may use.
unsafe impl Send for Module {}
// SAFETY: as above.
unsafe impl Send for Function {}

struct Stream(sys::CUstream);
// SAFETY: a handle of the driver, which any thread may use.
unsafe impl Send for Stream {}
// SAFETY: as above.
unsafe impl Sync for Stream {}

impl Drop for Stream {
    fn drop(&mut self) {
        // SAFETY: made by `Card::open`, and used by nobody else. It fails only where the device was lost.
        let _ = unsafe { result::stream::destroy(self.0) };
    }
}

impl Card {
    /// Opens the card with this number.
    ///
    /// # Errors
    /// If there is no driver, no such card, or one that is too old.
    pub fn open(number: usize) -> Result<Self> {
        if !is_driver_present() {
            return Err(Error::NoDriver);
        }
        let mut driver = 0;
        // SAFETY: a number is written; every driver has this call.
        let asked = unsafe { sys::cuDriverGetVersion(&raw mut driver) };
        asked.result().map_err(|error| not_opened(number, 0, "cuDriverGetVersion", error))?;
        check_driver(driver)?;
        check_calls(driver)?;
        result::init().map_err(|error| not_opened(number, 0, "cuInit", error))?;
        let found = result::device::get_count();
        let found = found.map_err(|error| not_opened(number, 0, "cuDeviceGetCount", error))? as usize;
        if number >= found {
            return Err(Error::NoCard { asked: number, found });
        }
        let context = CudaContext::new(number)
            .map_err(|error| not_opened(number, found, "cuDevicePrimaryCtxRetain", error))?;
        let name = context.name().map_err(|error| failed("cuDeviceGetName", error))?;
        let (major, minor) =
            context.compute_capability().map_err(|error| failed("the card's capability", error))?;
        check_capability(&name, major, minor)?;
        let attribute = sys::CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
        let multiprocessors =
            context.attribute(attribute).map_err(|error| failed("cuDeviceGetAttribute", error))?;
        let stream = || {
            let made = result::stream::create(result::stream::StreamKind::NonBlocking);
            made.map(Stream).map_err(|error| failed("cuStreamCreate", error))
        };
        let (stream, uploads) = (Arc::new(stream()?), stream()?);
        Ok(Self {
            name,
            context,
            stream,
            uploads,
            architecture: format!("sm_{major}{minor}"),
            driver,
            multiprocessors: multiprocessors as u32,
            functions: Mutex::default(),
            is_recording: AtomicBool::new(false),
            nodes: AtomicUsize::new(0),
        })
    }

    fn bind(&self) -> Result<()> {
        self.context.bind_to_thread().map_err(|error| failed("cuCtxSetCurrent", error))
    }

    fn lane(&self, lane: Lane) -> sys::CUstream {
        match lane {
            Lane::Work => self.stream.0,
            Lane::Uploads => self.uploads.0,
        }
    }

    fn wait_for(&self, lane: Lane) -> Result<()> {
        // SAFETY: the stream is alive.
        let done = unsafe { result::stream::synchronize(self.lane(lane)) };
        done.map_err(|error| failed("waiting for the graphics card", error))
    }

    fn check_not_recording(&self, call: &str) -> Result<()> {
        if self.is_recording.load(Ordering::Relaxed) {
            return Err(Error::Recorded { call: call.to_owned() });
        }
        Ok(())
    }

    /// A kernel that may use `shared` bytes of shared memory; its file is compiled and loaded if need be.
    fn function(&self, file: &str, kernel: &str, shared: usize) -> Result<Function> {
        let mut loaded = self.functions.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = &mut *loaded;
        let (function, allowed) = if let Some(&found) = loaded.functions.get(kernel) {
            found
        } else {
            let source = Source::named(file);
            let module = match loaded.modules.get(source.name) {
                Some(&module) => module,
                None => *loaded.modules.entry(source.name).or_insert(self.load(source)?),
            };
            let name = CString::new(kernel).expect("names hold no zero bytes");
            // SAFETY: modules are never unloaded while the card is open.
            let function = unsafe { result::module::get_function(module.0, name) };
            (Function(function.map_err(|error| failed(kernel, error))?), PLAIN_SHARED)
        };
        if shared > allowed {
            let attribute = sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
            // SAFETY: the function is loaded.
            let set =
                unsafe { result::function::set_function_attribute(function.0, attribute, shared as i32) };
            set.map_err(|error| failed(kernel, error))?;
        }
        loaded.functions.insert(kernel.to_owned(), (function, allowed.max(shared)));
        Ok(function)
    }

    fn load(&self, source: &Source) -> Result<Module> {
        let load = || -> Result<std::result::Result<sys::CUmodule, DriverError>> {
            let code = cache::code(source, &self.architecture, self.driver)?;
            // SAFETY: the driver copies what it needs.
            Ok(unsafe { result::module::load_data(code.as_ptr().cast()) })
        };
        let mut module = load()?;
        if module.is_err() {
            // What was kept may be spoilt: once more from the source.
            cache::forget(source, &self.architecture, self.driver);
            module = load()?;
        }
        module.map(Module).map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_INVALID_IMAGE
            | sys::CUresult::CUDA_ERROR_NO_BINARY_FOR_GPU
            | sys::CUresult::CUDA_ERROR_UNSUPPORTED_PTX_VERSION => cache::compiler_version().map_or_else(
                |error| error,
                |compiler| Error::OldDriver { driver: version_name(self.driver), compiler },
            ),
            _ => failed(source.name, error),
        })
    }
}

impl Driver for Card {
    fn name(&self) -> &str {
        &self.name
    }

    fn multiprocessors(&self) -> u32 {
        self.multiprocessors
    }

    fn granule(&self) -> usize {
        512
    }

    fn allocate(&self, bytes: usize) -> Result<Address> {
        self.bind()?;
        // SAFETY: the memory is owned by the caller from now on.
        let address = unsafe { result::malloc_sync(bytes) };
        address.map(Address).map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => out_of_memory(bytes),
            _ => failed("cuMemAlloc", error),
        })
    }

    unsafe fn release(&self, address: Address, _bytes: usize) {
        if self.bind().is_ok() {
            // SAFETY: the caller's promise. It fails only where the device was lost.
            let _ = unsafe { result::free_sync(address.0) };
        }
    }

    unsafe fn upload(&self, from: &[u8], to: Address) -> Result<()> {
        self.check_not_recording("upload")?;
        self.bind()?;
        // SAFETY: the caller's promise; memory that is not pinned has been read when the call returns.
        let done = unsafe { result::memcpy_htod_async(to.0, from, self.stream.0) };
        done.map_err(|error| failed("upload", error))
    }

    unsafe fn upload_at_once(&self, from: &[u8], to: Address) -> Result<()> {
        self.bind()?;
        // On the other lane, which is not recorded.
        // SAFETY: the caller's promise; the stream is alive.
        let done = unsafe {
            result::memcpy_htod_async(to.0, from, self.uploads.0)
                .and_then(|()| result::stream::synchronize(self.uploads.0))
        };
        done.map_err(|error| failed("upload", error))
    }

    unsafe fn download(&self, from: Address, to: &mut [u8]) -> Result<()> {
        self.check_not_recording("download")?;
        self.bind()?;
        // SAFETY: the caller's promise; the bytes are there when the stream is done.
        let done = unsafe { result::memcpy_dtoh_async(to, from.0, self.stream.0) };
        done.map_err(|error| failed("download", error))?;
        // Uploads beside the work go on.
        self.wait_for(Lane::Work)
    }

    unsafe fn copy(&self, from: Address, to: Address, bytes: usize) -> Result<()> {
        self.bind()?;
        // SAFETY: the caller's promise.
        let done = unsafe { result::memcpy_dtod_async(to.0, from.0, bytes, self.stream.0) };
        self.nodes.fetch_add(1, Ordering::Relaxed);
        done.map_err(|error| failed("copy", error))
    }

    unsafe fn launch(
        &self,
        file: &str,
        kernel: &str,
        launch: &Launch,
        arguments: &[&dyn Parameter],
    ) -> Result<()> {
        self.bind()?;
        let function = self.function(file, kernel, launch.shared)?;
        let mut places: Vec<*mut c_void> =
            arguments.iter().map(|argument| argument.place().cast_mut()).collect();
        let [x, y, z] = launch.grid;
        // SAFETY: the caller's promise; arguments are copied before the call returns.
        let done = unsafe {
            result::launch_kernel(
                function.0,
                (x, y, z),
                (launch.threads, 1, 1),
                launch.shared as u32,
                self.stream.0,
                &mut places,
            )
        };
        self.nodes.fetch_add(1, Ordering::Relaxed);
        done.map_err(|error| failed(kernel, error))
    }

    fn synchronise(&self) -> Result<()> {
        self.check_not_recording("synchronise")?;
        self.bind()?;
        self.wait_for(Lane::Work)?;
        self.wait_for(Lane::Uploads)
    }

    fn pin(&self, bytes: usize) -> Result<NonNull<u8>> {
        self.bind()?;
        // SAFETY: the memory is owned by the caller from now on.
        let place = unsafe { result::malloc_host(bytes, 0) };
        let place = place.map_err(|error| match error.0 {
            sys::CUresult::CUDA_ERROR_OUT_OF_MEMORY => Error::Call {
                call: format!("pinning {} MiB of the host's memory", bytes.div_ceil(MIB)),
                message: "there is no more: use smaller batches or pictures".to_owned(),
            },
            _ => failed("cuMemHostAlloc", error),
        })?;
        Ok(NonNull::new(place.cast()).expect("memory lies somewhere"))
    }

    unsafe fn unpin(&self, place: NonNull<u8>, _bytes: usize) {
        if self.bind().is_ok() {
            // SAFETY: the caller's promise. It fails only where the device was lost.
            let _ = unsafe { result::free_host(place.as_ptr().cast()) };
        }
    }

    unsafe fn upload_beside(&self, from: NonNull<u8>, bytes: usize, to: Address) -> Result<()> {
        self.bind()?;
        // SAFETY: the caller's promise.
        let done = unsafe {
            let from = std::slice::from_raw_parts(from.as_ptr(), bytes);
            result::memcpy_htod_async(to.0, from, self.uploads.0)
        };
        done.map_err(|error| failed("upload", error))
    }

    fn event(&self) -> Result<Event> {
        self.bind()?;
        let event = result::event::create(sys::CUevent_flags::CU_EVENT_DISABLE_TIMING);
        event.map(|event| Event(event as u64)).map_err(|error| failed("cuEventCreate", error))
    }

    unsafe fn drop_event(&self, event: Event) {
        if self.bind().is_ok() {
            // SAFETY: the caller's promise. It fails only where the device was lost.
            let _ = unsafe { result::event::destroy(event.0 as sys::CUevent) };
        }
    }

    unsafe fn mark(&self, event: Event, lane: Lane) -> Result<()> {
        self.check_not_recording("mark")?;
        self.bind()?;
        // SAFETY: the caller's promise; the stream is alive.
        let done = unsafe { result::event::record(event.0 as sys::CUevent, self.lane(lane)) };
        done.map_err(|error| failed("cuEventRecord", error))
    }

    unsafe fn follow(&self, event: Event, lane: Lane) -> Result<()> {
        self.check_not_recording("follow")?;
        self.bind()?;
        let flags = sys::CUevent_wait_flags::CU_EVENT_WAIT_DEFAULT;
        // SAFETY: as above.
        let done = unsafe { result::stream::wait_event(self.lane(lane), event.0 as sys::CUevent, flags) };
        done.map_err(|error| failed("cuStreamWaitEvent", error))
    }

    unsafe fn wait(&self, event: Event) -> Result<()> {
        self.bind()?;
        // SAFETY: as above.
        let done = unsafe { result::event::synchronize(event.0 as sys::CUevent) };
        done.map_err(|error| failed("waiting for an upload", error))
    }

    fn begin_recording(&self) -> Result<()> {
        self.bind()?;
        // Relaxed: the pool may ask for memory while a step is recorded.
        let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_RELAXED;
        // SAFETY: the stream is alive.
        let begun = unsafe { result::stream::begin_capture(self.stream.0, mode) };
        begun.map_err(|error| failed("cuStreamBeginCapture", error))?;
        self.nodes.store(0, Ordering::Relaxed);
        self.is_recording.store(true, Ordering::Relaxed);
        Ok(())
    }

    fn end_recording(&self) -> Result<Box<dyn Recording>> {
        self.is_recording.store(false, Ordering::Relaxed);
        self.bind()?;
        // SAFETY: the stream is alive and captures; the graph is owned by what is returned.
        unsafe {
            let graph = result::stream::end_capture(self.stream.0);
            let graph = graph.map_err(|error| failed("cuStreamEndCapture", error))?;
            let mut recorded = Captured {
                context: Arc::clone(&self.context),
                stream: Arc::clone(&self.stream),
                graph,
                executable: std::ptr::null_mut(),
                nodes: self.nodes.load(Ordering::Relaxed),
            };
            let executable = result::graph::instantiate(graph, sys::CUgraphInstantiate_flags(0));
            recorded.executable = executable.map_err(|error| failed("cuGraphInstantiate", error))?;
            Ok(Box::new(recorded))
        }
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        let loaded = self.functions.get_mut().unwrap_or_else(PoisonError::into_inner);
        if self.context.bind_to_thread().is_ok() {
            for module in loaded.modules.values() {
                // SAFETY: nothing is launched any more. It fails only where the device was lost.
                let _ = unsafe { result::module::unload(module.0) };
            }
        }
    }
}

/// A CUDA graph.
struct Captured {
    stream: Arc<Stream>,
    graph: sys::CUgraph,
    executable: sys::CUgraphExec,
    nodes: usize,
    /// The last, as in [`Card`].
    context: Arc<CudaContext>,
}

// SAFETY: handles of the driver, which any thread may use, one at a time.
unsafe impl Send for Captured {}

impl Recording for Captured {
    unsafe fn replay(&self) -> Result<()> {
        self.context.bind_to_thread().map_err(|error| failed("cuCtxSetCurrent", error))?;
        // SAFETY: the graph and the stream are alive; the rest is the caller's promise.
        let done = unsafe { result::graph::launch(self.executable, self.stream.0) };
        done.map_err(|error| failed("cuGraphLaunch", error))
    }

    fn nodes(&self) -> usize {
        self.nodes
    }
}

impl Drop for Captured {
    fn drop(&mut self) {
        if self.context.bind_to_thread().is_err() {
            return;
        }
        // SAFETY: made by `end_recording` and used by nobody else. They fail only where the device was lost.
        unsafe {
            if !self.executable.is_null() {
                let _ = result::graph::exec_destroy(self.executable);
            }
            let _ = result::graph::destroy(self.graph);
        }
    }
}
