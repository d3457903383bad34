//! What stands in for a card: the kernel files compiled for the host, behind the same driver.

use std::collections::hash_map::DefaultHasher;
use std::ffi::{CStr, CString, c_char, c_void};
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use gobelin_kernels::cuda::driver::{Address, Driver, Launch, Parameter, Recording};
use gobelin_kernels::cuda::source::{SOURCES, Source};
use gobelin_kernels::cuda::{Error, Result};
use libloading::Library;

/// Which threads and blocks run first.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Forwards,
    Backwards,
}

type LaunchFunction = unsafe extern "C" fn(
    *const c_char,
    *const u32,
    u32,
    usize,
    *const *const c_void,
    *const usize,
    usize,
) -> *const c_char;

/// The compiler that is there.
fn compiler() -> Option<PathBuf> {
    let candidates =
        std::env::var_os("CXX").map(PathBuf::from).into_iter().chain(["g++".into(), "c++".into()]);
    let works =
        |path: &PathBuf| Command::new(path).arg("--version").output().is_ok_and(|out| out.status.success());
    candidates.into_iter().find(works)
}

/// The library with all kernels, built unless it is there already; none if there is no compiler.
pub fn library() -> Option<Arc<Mutex<Library>>> {
    let compiler = compiler()?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("cuda/host");
    let mut hash = DefaultHasher::new();
    for file in ["device.h", "device.cpp"] {
        fs::read(folder.join(file)).unwrap().hash(&mut hash);
    }
    for source in SOURCES {
        source.text().hash(&mut hash);
    }
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("emulation-{:016x}", hash.finish()));
    let library = built.join("libemulation.so");
    if !library.exists() {
        build(&compiler, &folder, &built, &library);
    }
    // SAFETY: the library's initialisers make its kernels known and do nothing else.
    let library = unsafe { Library::new(library) }.expect("the emulation's library");
    Some(Arc::new(Mutex::new(library)))
}

fn build(compiler: &Path, folder: &Path, built: &Path, library: &Path) {
    fs::create_dir_all(built).unwrap();
    let common = |command: &mut Command| {
        command.args(["-std=c++17", "-O2", "-fPIC", "-ffp-contract=off", "-fno-strict-aliasing", "-c"]);
        command.args(["-Wall", "-Wextra", "-Werror", "-Wno-unknown-pragmas", "-I"]).arg(folder);
    };
    let run = |command: &mut Command| {
        let out = command.output().unwrap();
        assert!(out.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&out.stderr));
    };
    let compile = |source: &Source| {
        let file = built.join(format!("{}.cpp", source.name));
        fs::write(&file, format!("#include \"device.h\"\n{}", source.text())).unwrap();
        let mut command = Command::new(compiler);
        common(&mut command);
        run(command.arg(file).arg("-o").arg(built.join(source.name).with_extension("o")));
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let own = SOURCES.iter().skip(worker).step_by(workers);
            scope.spawn(move || own.for_each(compile));
        }
    });
    let mut command = Command::new(compiler);
    common(&mut command);
    run(command.arg(folder.join("device.cpp")).arg("-o").arg(built.join("device.o")));
    let objects = SOURCES.iter().map(|source| source.name).chain(["device"]);
    let temporary = built.join(format!("{}.so", std::process::id()));
    let mut command = Command::new(compiler);
    command.arg("-shared").args(objects.map(|name| built.join(name).with_extension("o")));
    run(command.arg("-o").arg(&temporary));
    fs::rename(temporary, library).unwrap();
}

/// A card that is none.
pub struct Emulation {
    library: Arc<Mutex<Library>>,
    order: Order,
    multiprocessors: u32,
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
    pub fn new(library: Arc<Mutex<Library>>, order: Order, multiprocessors: u32) -> Self {
        let is_spoilt = AtomicBool::new(false);
        Self { library, order, multiprocessors, is_spoilt, recorded: Mutex::new(None) }
    }

    fn record(&self, work: impl FnOnce() -> Work) -> bool {
        let mut recorded = self.recorded.lock().unwrap();
        recorded.as_mut().map(|recorded| recorded.push(work())).is_some()
    }
}

/// # Safety
/// As [`Driver::launch`].
unsafe fn run(
    library: &Mutex<Library>,
    order: Order,
    kernel: &str,
    launch: &Launch,
    arguments: &[&[u8]],
) -> Result<()> {
    let library = library.lock().unwrap();
    let name = CString::new(kernel).unwrap();
    let places: Vec<*const c_void> = arguments.iter().map(|argument| argument.as_ptr().cast()).collect();
    let sizes: Vec<usize> = arguments.iter().map(|argument| argument.len()).collect();
    // SAFETY: these are the library's functions; the rest is the caller's promise, which the library checks.
    let message = unsafe {
        let backwards = library.get::<unsafe extern "C" fn(bool)>(b"emulation_backwards").unwrap();
        backwards(order == Order::Backwards);
        let start = library.get::<LaunchFunction>(b"emulation_launch").unwrap();
        let message = start(
            name.as_ptr(),
            launch.grid.as_ptr(),
            launch.threads,
            launch.shared,
            places.as_ptr(),
            sizes.as_ptr(),
            sizes.len(),
        );
        (!message.is_null()).then(|| CStr::from_ptr(message).to_string_lossy().into_owned())
    };
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
        let library = self.library.lock().unwrap();
        // SAFETY: the library's function of this name and type.
        let address = unsafe {
            library.get::<unsafe extern "C" fn(usize) -> *mut c_void>(b"emulation_allocate").unwrap()(bytes)
        };
        assert!(!address.is_null(), "no memory");
        Ok(Address(address as u64))
    }

    unsafe fn release(&self, address: Address, bytes: usize) {
        let library = self.library.lock().unwrap();
        type Release = unsafe extern "C" fn(*mut c_void, usize) -> bool;
        // SAFETY: the library's function of this name and type; the rest is the caller's promise.
        let is_intact =
            unsafe { library.get::<Release>(b"emulation_release").unwrap()(address.0 as *mut c_void, bytes) };
        if !is_intact {
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
    library: Arc<Mutex<Library>>,
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
