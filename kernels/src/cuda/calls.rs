//! What of NVIDIA's driver this machine has.

use cudarc::driver::sys;

use super::error::{Error, Result};
use super::failure::version_name;

/// Every call that is made of the driver: cudarc looks each up when it is first made, and panics where there is none.
const CALLS: &[&str] = &[
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuFuncSetAttribute",
    "cuGetErrorString",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAlloc_v2",
    "cuMemFreeHost",
    "cuMemFree_v2",
    "cuMemGetInfo_v2",
    "cuMemHostAlloc",
    "cuMemcpyDtoDAsync_v2",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamBeginCapture_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamEndCapture",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
];

/// Whether the driver has them all.
pub(super) fn check_calls(driver: i32) -> Result<()> {
    // SAFETY: the driver is there.
    let library = unsafe { sys::culib() };
    // SAFETY: only looked up, and never called by this type.
    let is_there = |call: &str| unsafe { library.get::<unsafe extern "C" fn()>(call.as_bytes()) }.is_ok();
    match CALLS.iter().find(|call| !is_there(call)) {
        None => Ok(()),
        Some(call) => Err(Error::BrokenDriver { call, driver: version_name(driver) }),
    }
}

/// Whether this machine has a driver.
pub fn is_driver_present() -> bool {
    // SAFETY: opens the library to see whether it is there.
    unsafe { sys::is_culib_present() }
}
