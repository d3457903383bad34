//! Modules, and the kernels in them.

use std::collections::HashMap;
use std::ffi::{CStr, c_void};

use cudarc::driver::sys::CUfunction_attribute;
use cudarc::driver::sys::CUfunction_attribute_enum::CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
use cudarc::driver::sys::CUresult::*;
use gobelin_kernels::cuda::driver::Launch;

use crate::compiler::Code;
use crate::devices::MOST_THREADS;
use crate::machine::{Machine, Outcome};
use crate::work::Work;

/// Shared memory that needs no permission.
const PLAIN_SHARED: usize = 48 << 10;

/// All that are loaded.
#[derive(Default)]
pub struct Modules {
    modules: HashMap<u64, Module>,
    functions: HashMap<u64, Function>,
}

struct Module {
    context: u64,
    /// The kernel file that it was made from.
    file: String,
}

struct Function {
    context: u64,
    module: u64,
    kernel: String,
    threads: u32,
    sizes: Vec<usize>,
    /// Shared memory that it may use.
    shared: usize,
}

impl Modules {
    pub fn drop_all_of(&mut self, context: u64) {
        self.modules.retain(|_, module| module.context != context);
        self.functions.retain(|_, function| function.context != context);
    }
}

/// The grid, the block and the shared memory of a launch.
pub struct Shape {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub shared: u32,
}

impl Machine {
    /// # Safety
    /// The image is one that a compiler made, or begins otherwise.
    pub unsafe fn load(&mut self, image: *const c_void) -> Outcome<u64> {
        self.current()?;
        self.must_not_capture()?;
        // SAFETY: the caller's promise.
        let code = unsafe { Code::read(image) }.ok_or(CUDA_ERROR_INVALID_IMAGE)?;
        let (major, minor) = self.settings.capability;
        if code.capability.0 != major || code.capability.1 > minor {
            return Err(CUDA_ERROR_NO_BINARY_FOR_GPU);
        }
        let (handle, context) = (self.handle(), self.current()?.handle);
        self.modules.modules.insert(handle, Module { context, file: code.file });
        Ok(handle)
    }

    pub fn unload(&mut self, module: u64) -> Outcome {
        self.module(module)?;
        self.must_not_capture()?;
        self.current()?.finish()?;
        self.modules.modules.remove(&module);
        self.modules.functions.retain(|_, function| function.module != module);
        Ok(())
    }

    fn module(&mut self, module: u64) -> Outcome<&Module> {
        let context = self.current()?.handle;
        let found = self.modules.modules.get(&module).filter(|found| found.context == context);
        found.ok_or(CUDA_ERROR_INVALID_HANDLE)
    }

    fn function(&mut self, function: u64) -> Outcome<&mut Function> {
        let context = self.current()?.handle;
        let found = self.modules.functions.get_mut(&function).filter(|found| found.context == context);
        found.ok_or(CUDA_ERROR_INVALID_HANDLE)
    }

    pub fn find(&mut self, module: u64, name: &CStr) -> Outcome<u64> {
        let file = self.module(module)?.file.clone();
        let (library, context, handle) = (self.library()?, self.current()?.handle, self.handle());
        let kernel = name.to_str().map_err(|_| CUDA_ERROR_NOT_FOUND)?.to_owned();
        let known = library.kernel(&kernel).filter(|known| known.file == file).ok_or(CUDA_ERROR_NOT_FOUND)?;
        let (threads, sizes, shared) = (known.threads, known.sizes, PLAIN_SHARED);
        self.modules.functions.insert(handle, Function { context, module, kernel, threads, sizes, shared });
        Ok(handle)
    }

    pub fn permit(&mut self, function: u64, attribute: CUfunction_attribute, value: i32) -> Outcome {
        let most = self.most_shared();
        let function = self.function(function)?;
        if attribute != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES {
            return Err(CUDA_ERROR_NOT_SUPPORTED);
        }
        let value = usize::try_from(value).map_err(|_| CUDA_ERROR_INVALID_VALUE)?;
        if value > most {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        function.shared = value;
        Ok(())
    }

    /// # Safety
    /// `places` has an argument for each of the kernel's parameters.
    pub unsafe fn launch(
        &mut self,
        function: u64,
        shape: &Shape,
        stream: u64,
        places: *mut *mut c_void,
    ) -> Outcome {
        let Function { kernel, threads: most, sizes, shared: allowed, .. } = self.function(function)?;
        let Shape { grid: [x, y, z], block: [threads, rows, layers], shared } = *shape;
        let is_grid = [x, y, z].iter().all(|&n| n > 0) && x < 1 << 31 && y <= 65_535 && z <= 65_535;
        let is_block = threads > 0 && threads <= MOST_THREADS.min(*most) && rows == 1 && layers == 1;
        if !is_grid || !is_block || shared as usize > *allowed || places.is_null() {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        let argument = |(i, &size): (usize, &usize)| {
            // SAFETY: the caller's promise.
            let place = unsafe { *places.add(i) };
            if place.is_null() {
                return Err(CUDA_ERROR_INVALID_VALUE);
            }
            // SAFETY: the caller's promise.
            Ok(unsafe { std::slice::from_raw_parts(place.cast::<u8>(), size) }.to_vec())
        };
        let arguments = sizes.iter().enumerate().map(argument).collect::<Outcome<_>>()?;
        let launch = Launch { grid: [x, y, z], threads, shared: shared as usize };
        let kernel = kernel.clone();
        self.enqueue(stream, Work::Launch { kernel, launch, arguments })
    }
}
