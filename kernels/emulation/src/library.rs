//! The kernel files as a library for the host: built once, kept by the hash of what it is made of, and shared by all tests.

use std::ffi::{CStr, CString, c_char, c_void};
use std::fs::{self, File};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use gobelin_kernels::cuda::driver::Launch;
use gobelin_kernels::cuda::source::SOURCES;

use crate::Order;

const HEADERS: [(&str, &str); 2] =
    [("device.h", include_str!("../host/device.h")), ("races.h", include_str!("../host/races.h"))];
const CARD: [(&str, &str); 2] =
    [("device", include_str!("../host/device.cpp")), ("races", include_str!("../host/races.cpp"))];
/// Kernels that the tests of this crate run.
const FAULTY: &str = include_str!("../host/faulty.cu");
const FLAGS: &[&str] = &[
    "-std=c++17",
    "-O2",
    "-fPIC",
    "-ffp-contract=off",
    "-fno-strict-aliasing",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-Wno-unknown-pragmas",
];

/// Has kernels tell of each touch of memory, in calls that `races.cpp` answers.
const TELLING: &str = "-fsanitize=thread";

type LaunchFunction = unsafe extern "C" fn(
    *const c_char,
    *const u32,
    u32,
    usize,
    *const *const c_void,
    *const usize,
    usize,
) -> *const c_char;

type KernelFunction =
    unsafe extern "C" fn(*const c_char, *mut *const c_char, *mut u32, *mut *const usize, *mut usize) -> bool;

/// What is known of a kernel.
pub struct Kernel {
    /// Its file's name without the ending.
    pub file: String,
    /// The largest block that it is made for.
    pub threads: u32,
    /// The sizes of its arguments.
    pub sizes: Vec<usize>,
}

/// The functions of the library. It does one thing at a time.
pub struct Library {
    allocate: unsafe extern "C" fn(usize) -> *mut c_void,
    release: unsafe extern "C" fn(*mut c_void, usize) -> bool,
    backwards: unsafe extern "C" fn(bool),
    launch: LaunchFunction,
    kernel: KernelFunction,
    busy: Mutex<()>,
    /// Keeps the functions where they are.
    _loaded: libloading::Library,
}

impl Library {
    /// The library, built unless it is there already; none if there is no compiler. Where `GOBELIN_RACES` is set, it is
    /// [`Library::watching`].
    pub fn get() -> Option<Arc<Self>> {
        static LIBRARY: OnceLock<Option<Arc<Library>>> = OnceLock::new();
        if std::env::var_os("GOBELIN_RACES").is_some() {
            return Self::watching();
        }
        LIBRARY.get_or_init(|| Some(Arc::new(Self::load(&build(&compiler()?, false))))).clone()
    }

    /// The library with kernels that tell what they touch: a launch in which two threads touch the same, one of them to write, and
    /// no barrier of a block between them, is an error. It takes several times as long.
    pub fn watching() -> Option<Arc<Self>> {
        static LIBRARY: OnceLock<Option<Arc<Library>>> = OnceLock::new();
        LIBRARY.get_or_init(|| Some(Arc::new(Self::load(&build(&compiler()?, true))))).clone()
    }

    /// As [`Library::get`]; where there is none, it says on the standard error that a test is skipped.
    ///
    /// # Panics
    /// If there is no compiler and `GOBELIN_EMULATION` is set, as in CI; or if the kernels do not compile.
    pub fn get_or_skip() -> Option<Arc<Self>> {
        let library = Self::get();
        if library.is_none() {
            assert!(
                std::env::var_os("GOBELIN_EMULATION").is_none(),
                "no C++ compiler: install g++ or set CXX"
            );
            eprintln!("SKIPPED: no C++ compiler (g++ or $CXX) to build the emulation with");
        }
        library
    }

    fn load(path: &Path) -> Self {
        // SAFETY: the library's initialisers make its kernels known and do nothing else; the functions have these types.
        unsafe {
            let loaded = libloading::Library::new(path).expect("the emulation's library");
            Self {
                allocate: *loaded.get(b"emulation_allocate").unwrap(),
                release: *loaded.get(b"emulation_release").unwrap(),
                backwards: *loaded.get(b"emulation_backwards").unwrap(),
                launch: *loaded.get(b"emulation_launch").unwrap(),
                kernel: *loaded.get(b"emulation_kernel").unwrap(),
                busy: Mutex::default(),
                _loaded: loaded,
            }
        }
    }

    fn wait(&self) -> MutexGuard<'_, ()> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// New memory; null if there is none.
    pub fn allocate(&self, bytes: usize) -> *mut c_void {
        let _guard = self.wait();
        // SAFETY: any size will do.
        unsafe { (self.allocate)(bytes) }
    }

    /// Takes memory back; whether the bytes around it are as they were.
    ///
    /// # Safety
    /// It was allocated with this size, and nothing uses it.
    pub unsafe fn release(&self, address: *mut c_void, bytes: usize) -> bool {
        let _guard = self.wait();
        // SAFETY: the caller's promise.
        unsafe { (self.release)(address, bytes) }
    }

    /// The kernel of this name, if there is one.
    pub fn kernel(&self, name: &str) -> Option<Kernel> {
        let name = CString::new(name).ok()?;
        let (mut file, mut threads, mut sizes, mut count) = (std::ptr::null(), 0, std::ptr::null(), 0);
        let _guard = self.wait();
        // SAFETY: the places are written; what they then point to stays where it is.
        unsafe {
            let sizes_at = &raw mut sizes;
            let is_known =
                (self.kernel)(name.as_ptr(), &raw mut file, &raw mut threads, sizes_at, &raw mut count);
            is_known.then(|| Kernel {
                file: CStr::from_ptr(file).to_string_lossy().trim_end_matches(".cu").to_owned(),
                threads,
                sizes: (0..count).map(|i| *sizes.add(i)).collect(),
            })
        }
    }

    /// Runs a kernel; a message if something went wrong.
    ///
    /// # Safety
    /// The arguments are the kernel's. What they point to is checked: a touch of anything else is a message.
    pub unsafe fn launch(
        &self,
        order: Order,
        kernel: &str,
        launch: &Launch,
        arguments: &[&[u8]],
    ) -> Option<String> {
        let name = CString::new(kernel).unwrap();
        let places: Vec<*const c_void> = arguments.iter().map(|argument| argument.as_ptr().cast()).collect();
        let sizes: Vec<usize> = arguments.iter().map(|argument| argument.len()).collect();
        let _guard = self.wait();
        // SAFETY: the caller's promise; the message is read before the next launch overwrites it.
        unsafe {
            (self.backwards)(order == Order::Backwards);
            let message = (self.launch)(
                name.as_ptr(),
                launch.grid.as_ptr(),
                launch.threads,
                launch.shared,
                places.as_ptr(),
                sizes.as_ptr(),
                sizes.len(),
            );
            (!message.is_null()).then(|| CStr::from_ptr(message).to_string_lossy().into_owned())
        }
    }
}

/// The compiler that is there: `$CXX`, g++ or c++.
fn compiler() -> Option<PathBuf> {
    let candidates =
        std::env::var_os("CXX").map(PathBuf::from).into_iter().chain(["g++".into(), "c++".into()]);
    let works =
        |path: &PathBuf| Command::new(path).arg("--version").output().is_ok_and(|out| out.status.success());
    candidates.into_iter().find(works)
}

/// Where everything is kept: with what cargo built, or in the system's folder for temporary files.
pub fn folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    // Cargo's own note, which it also leaves in a folder that was there before.
    let target = program.ancestors().find(|folder| folder.join(".rustc_info.json").exists());
    target.map_or_else(std::env::temp_dir, |target| target.join("tmp")).join("gobelin-emulation")
}

fn hash(parts: impl IntoIterator<Item = impl AsRef<str>>) -> u64 {
    let mut hash = DefaultHasher::new();
    parts.into_iter().for_each(|part| part.as_ref().hash(&mut hash));
    hash.finish()
}

/// Compiles the files that changed, and puts all together. Other processes wait, and find it done.
fn build(compiler: &Path, is_telling: bool) -> PathBuf {
    let folder = folder();
    fs::create_dir_all(&folder).unwrap();
    let lock = File::create(folder.join("lock")).unwrap();
    lock.lock().unwrap();
    let kernels = |text: String| format!("#include \"device.h\"\n{text}");
    let mut files: Vec<(&str, String, bool)> =
        SOURCES.iter().map(|source| (source.name, kernels(source.text()), is_telling)).collect();
    let common = SOURCES[0].parts[0].1;
    files.push(("faulty", kernels(format!("{common}#line 1 \"faulty.cu\"\n{FAULTY}")), is_telling));
    files.extend(CARD.map(|(name, text)| (name, text.to_owned(), false)));
    let flags = FLAGS.concat();
    let object = |(name, text, is_telling): &(&str, String, bool)| {
        let telling = if *is_telling { TELLING } else { "" };
        let hash = hash([text, HEADERS[0].1, HEADERS[1].1, &flags, telling]);
        folder.join(format!("{name}-{hash:016x}.o"))
    };
    let objects: Vec<PathBuf> = files.iter().map(object).collect();
    let library =
        folder.join(format!("all-{:016x}.so", hash(objects.iter().map(|path| path.to_string_lossy()))));
    if library.exists() {
        return library;
    }
    for (name, text) in HEADERS {
        fs::write(folder.join(name), text).unwrap();
    }
    let compile = |((name, text, is_telling), object): (&(&str, String, bool), &PathBuf)| {
        if object.exists() {
            return;
        }
        let source = folder.join(format!("{name}.cpp"));
        fs::write(&source, text).unwrap();
        finish(object, |temporary| {
            let telling = is_telling.then_some(TELLING);
            let mut command = Command::new(compiler);
            run(command.args(FLAGS).args(telling).arg("-c").arg(&source).arg("-o").arg(temporary));
        });
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for worker in 0..workers {
            let own = files.iter().zip(&objects).skip(worker).step_by(workers);
            scope.spawn(move || own.for_each(compile));
        }
    });
    finish(&library, |temporary| {
        run(Command::new(compiler).arg("-shared").args(&objects).arg("-o").arg(temporary));
    });
    library
}

/// What is half done, when the process is ended, must not be taken for done.
fn finish(path: &Path, make: impl FnOnce(&Path)) {
    let temporary = path.with_extension("part");
    make(&temporary);
    fs::rename(temporary, path).unwrap();
}

fn run(command: &mut Command) {
    let out = command.output().unwrap();
    assert!(out.status.success(), "{command:?}:\n{}", String::from_utf8_lossy(&out.stderr));
}
