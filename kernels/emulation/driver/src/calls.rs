//! The driver's calls under their names, with the types that cudarc declares.
#![allow(non_snake_case)]

use std::ffi::{CStr, c_char, c_int, c_uint, c_ulonglong, c_void};

use cudarc::driver::sys::CUresult::*;
use cudarc::driver::sys::{
    self, CUcontext, CUdevice, CUdevice_attribute, CUdeviceptr, CUevent, CUfunction, CUfunction_attribute,
    CUgraph, CUgraphExec, CUmodule, CUresult, CUstream, CUstreamCaptureMode,
};

use crate::codes;
use crate::context;
use crate::machine::{Machine, answer, put};
use crate::modules::Shape;

macro_rules! calls {
    ($(fn $name:ident($($argument:ident: $type:ty),*) = $work:expr;)*) => {
        /// The names of all calls.
        pub const CALLS: &[&str] = &[$(stringify!($name)),*];
    $(
        /// The driver's call.
        ///
        /// # Safety
        /// As the driver's: what pointers point to is there.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn $name($($argument: $type),*) -> CUresult {
            answer(stringify!($name), $work)
        }

        // It is what cudarc calls.
        const _: unsafe fn($($type),*) -> CUresult = sys::$name;
    )*};
}

calls! {
    fn cuInit(flags: c_uint) = |m: &mut Machine| m.initialise(flags);
    fn cuDriverGetVersion(version: *mut c_int) = |m| put(version, m.settings.version);
    fn cuGetErrorName(code: CUresult, text: *mut *const c_char) = |_| {
        put(text, codes::texts(code).ok_or(CUDA_ERROR_INVALID_VALUE)?.0.as_ptr())
    };
    fn cuGetErrorString(code: CUresult, text: *mut *const c_char) = |_| {
        put(text, codes::texts(code).ok_or(CUDA_ERROR_INVALID_VALUE)?.1.as_ptr())
    };

    fn cuDeviceGetCount(count: *mut c_int) = |m| {
        if m.is_initialised { put(count, m.settings.cards as c_int) } else { Err(CUDA_ERROR_NOT_INITIALIZED) }
    };
    fn cuDeviceGet(device: *mut CUdevice, ordinal: c_int) = |m| put(device, m.card(ordinal)? as CUdevice);
    fn cuDeviceGetName(name: *mut c_char, length: c_int, device: CUdevice) = |m| {
        m.card(device)?;
        let text = c"Emulated Card".to_bytes_with_nul();
        if name.is_null() || (length as usize) < text.len() {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        // SAFETY: there is room for it.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr().cast(), name, text.len()) };
        Ok(())
    };
    fn cuDeviceGetAttribute(value: *mut c_int, attribute: CUdevice_attribute, device: CUdevice) = |m| {
        put(value, m.attribute(attribute, device)?)
    };

    fn cuDevicePrimaryCtxRetain(context: *mut CUcontext, device: CUdevice) = |m| {
        let card = m.card(device)?;
        put(context, m.retain(card)? as CUcontext)
    };
    fn cuDevicePrimaryCtxRelease_v2(device: CUdevice) = |m| {
        let card = m.card(device)?;
        m.release(card)
    };
    fn cuCtxSetCurrent(context: CUcontext) = |m| m.set_current(context as u64);
    fn cuCtxGetCurrent(context: *mut CUcontext) = |m| {
        if m.is_initialised {
            put(context, context::current() as CUcontext)
        } else {
            Err(CUDA_ERROR_NOT_INITIALIZED)
        }
    };

    fn cuMemAlloc_v2(place: *mut CUdeviceptr, bytes: usize) = |m| put(place, m.allocate(bytes)?);
    fn cuMemFree_v2(place: CUdeviceptr) = |m| m.free(place);
    fn cuMemGetInfo_v2(free: *mut usize, total: *mut usize) = |m| {
        let (left, all) = m.memory()?;
        put(free, left)?;
        put(total, all)
    };
    fn cuMemHostAlloc(place: *mut *mut c_void, bytes: usize, flags: c_uint) = |m| {
        if flags == 0 { put(place, m.pin(bytes)?) } else { Err(CUDA_ERROR_NOT_SUPPORTED) }
    };
    fn cuMemFreeHost(place: *mut c_void) = |m| m.unpin(place);
    fn cuMemcpyHtoDAsync_v2(to: CUdeviceptr, from: *const c_void, bytes: usize, stream: CUstream) = |m| {
        m.copy_to_device(to, from, bytes, stream as u64)
    };
    fn cuMemcpyDtoHAsync_v2(to: *mut c_void, from: CUdeviceptr, bytes: usize, stream: CUstream) = |m| {
        m.copy_to_host(to, from, bytes, stream as u64)
    };
    fn cuMemcpyDtoDAsync_v2(to: CUdeviceptr, from: CUdeviceptr, bytes: usize, stream: CUstream) = |m| {
        m.copy(to, from, bytes, stream as u64)
    };

    fn cuStreamCreate(stream: *mut CUstream, flags: c_uint) = |m| put(stream, m.make_stream(flags)? as CUstream);
    fn cuStreamDestroy_v2(stream: CUstream) = |m| m.destroy_stream(stream as u64);
    fn cuStreamSynchronize(stream: CUstream) = |m| m.synchronise(stream as u64);
    fn cuStreamWaitEvent(stream: CUstream, event: CUevent, flags: c_uint) = |m| {
        if flags == 0 { m.follow(stream as u64, event as u64) } else { Err(CUDA_ERROR_INVALID_VALUE) }
    };
    fn cuStreamBeginCapture_v2(stream: CUstream, mode: CUstreamCaptureMode) = |m| {
        m.begin_capture(stream as u64, mode)
    };
    fn cuStreamEndCapture(stream: CUstream, graph: *mut CUgraph) = |m| {
        put(graph, std::ptr::null_mut())?;
        let work = m.end_capture(stream as u64)?;
        put(graph, m.make_graph(work) as CUgraph)
    };

    fn cuEventCreate(event: *mut CUevent, flags: c_uint) = |m| {
        if flags > 3 { Err(CUDA_ERROR_INVALID_VALUE) } else { put(event, m.make_event()? as CUevent) }
    };
    fn cuEventDestroy_v2(event: CUevent) = |m| m.destroy_event(event as u64);
    fn cuEventRecord(event: CUevent, stream: CUstream) = |m| m.record(event as u64, stream as u64);
    fn cuEventSynchronize(event: CUevent) = |m| m.wait(event as u64);

    fn cuModuleLoadData(module: *mut CUmodule, image: *const c_void) = |m| {
        // SAFETY: the caller's promise.
        put(module, unsafe { m.load(image) }? as CUmodule)
    };
    fn cuModuleUnload(module: CUmodule) = |m| m.unload(module as u64);
    fn cuModuleGetFunction(function: *mut CUfunction, module: CUmodule, name: *const c_char) = |m| {
        if name.is_null() {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        // SAFETY: the caller's promise.
        put(function, m.find(module as u64, unsafe { CStr::from_ptr(name) })? as CUfunction)
    };
    fn cuFuncSetAttribute(function: CUfunction, attribute: CUfunction_attribute, value: c_int) = |m| {
        m.permit(function as u64, attribute, value)
    };
    fn cuLaunchKernel(
        function: CUfunction,
        blocks_x: c_uint, blocks_y: c_uint, blocks_z: c_uint,
        threads_x: c_uint, threads_y: c_uint, threads_z: c_uint,
        shared: c_uint,
        stream: CUstream,
        arguments: *mut *mut c_void,
        extra: *mut *mut c_void
    ) = |m| {
        if !extra.is_null() {
            return Err(CUDA_ERROR_NOT_SUPPORTED);
        }
        let (grid, block) = ([blocks_x, blocks_y, blocks_z], [threads_x, threads_y, threads_z]);
        // SAFETY: the caller's promise.
        unsafe { m.launch(function as u64, &Shape { grid, block, shared }, stream as u64, arguments) }
    };

    fn cuGraphInstantiateWithFlags(executable: *mut CUgraphExec, graph: CUgraph, flags: c_ulonglong) = |m| {
        put(executable, m.instantiate(graph as u64, flags)? as CUgraphExec)
    };
    fn cuGraphLaunch(executable: CUgraphExec, stream: CUstream) = |m| {
        m.launch_graph(executable as u64, stream as u64)
    };
    fn cuGraphDestroy(graph: CUgraph) = |m| m.destroy_graph(graph as u64);
    fn cuGraphExecDestroy(executable: CUgraphExec) = |m| m.destroy_executable(executable as u64);
}
