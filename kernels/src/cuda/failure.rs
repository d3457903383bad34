//! What the driver's codes mean, each in one line.

use cudarc::driver::sys::{self, CUresult};
use cudarc::driver::{DriverError, result};

use super::error::{Error, Result};

pub(super) const MIB: usize = 1 << 20;

/// The compute capability that the kernels are written for: asynchronous copies and TF32 came with it.
const LEAST_CAPABILITY: i32 = 8;

/// The oldest driver that knows every call that is made of it (CUDA 11.4 has `cuGraphInstantiateWithFlags`).
const LEAST_DRIVER: i32 = 11_040;

/// An error of the driver in some call.
pub(super) fn failed(call: &str, error: DriverError) -> Error {
    meaning(call, error.0, &text(error))
}

/// What the driver says to a code; the code's name where there is no driver to ask.
fn text(error: DriverError) -> String {
    // SAFETY: opens the library to see whether it is there.
    let told = unsafe { sys::is_culib_present() }.then(|| error.error_string().ok()).flatten();
    told.map_or_else(|| format!("{:?}", error.0), |text| text.to_string_lossy().into_owned())
}

fn meaning(call: &str, code: CUresult, text: &str) -> Error {
    let call_failed = |message: String| Error::Call { call: call.to_owned(), message };
    match code {
        CUresult::CUDA_ERROR_OUT_OF_MEMORY => out_of_memory(0),
        // All that leave a context in which every further call fails.
        CUresult::CUDA_ERROR_DEINITIALIZED
        | CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE
        | CUresult::CUDA_ERROR_NO_DEVICE
        | CUresult::CUDA_ERROR_ECC_UNCORRECTABLE
        | CUresult::CUDA_ERROR_NVLINK_UNCORRECTABLE
        | CUresult::CUDA_ERROR_ILLEGAL_ADDRESS
        | CUresult::CUDA_ERROR_LAUNCH_TIMEOUT
        | CUresult::CUDA_ERROR_CONTEXT_IS_DESTROYED
        | CUresult::CUDA_ERROR_ASSERT
        | CUresult::CUDA_ERROR_HARDWARE_STACK_ERROR
        | CUresult::CUDA_ERROR_ILLEGAL_INSTRUCTION
        | CUresult::CUDA_ERROR_MISALIGNED_ADDRESS
        | CUresult::CUDA_ERROR_INVALID_ADDRESS_SPACE
        | CUresult::CUDA_ERROR_INVALID_PC
        | CUresult::CUDA_ERROR_LAUNCH_FAILED
        | CUresult::CUDA_ERROR_UNKNOWN => Error::Lost(format!("{call}: {text}")),
        CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH => call_failed(format!(
            "{text}: the driver's library and the running kernel module have different versions; restart the machine, or use \
             --device cpu"
        )),
        CUresult::CUDA_ERROR_SYSTEM_NOT_READY => call_failed(format!(
            "{text}: where cards are joined by NVSwitch, start the service nvidia-fabricmanager, or use --device cpu"
        )),
        _ => call_failed(text.to_owned()),
    }
}

/// No memory for so many more bytes; 0 where the driver did not say.
pub(super) fn out_of_memory(bytes: usize) -> Error {
    // SAFETY: opens the library to see whether it is there.
    let is_driver = unsafe { sys::is_culib_present() };
    let (free, total) = is_driver.then(|| result::mem_get_info().ok()).flatten().unwrap_or_default();
    Error::OutOfMemory { asked: bytes.div_ceil(MIB), free: free / MIB, total: total / MIB }
}

/// An error while card `number` is opened.
pub(super) fn not_opened(number: usize, found: usize, call: &str, error: DriverError) -> Error {
    match error.0 {
        CUresult::CUDA_ERROR_NO_DEVICE => Error::NoCard { asked: number, found },
        CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE => Error::Call {
            call: format!("opening graphics card {number}"),
            message: "another program holds it for itself: end that, or use another card or --device cpu"
                .to_owned(),
        },
        // Nothing was begun that could be lost.
        _ => match failed(call, error) {
            Error::Lost(message) => Error::Call { call: format!("opening graphics card {number}"), message },
            error => error,
        },
    }
}

/// Whether the driver, of a version such as 12020, knows all calls.
///
/// # Errors
/// If it is too old.
pub(super) fn check_driver(version: i32) -> Result<()> {
    if version < LEAST_DRIVER {
        return Err(Error::AncientDriver {
            driver: version_name(version),
            needed: version_name(LEAST_DRIVER),
        });
    }
    Ok(())
}

/// Such as `12.2`, of 12020.
pub(super) fn version_name(version: i32) -> String {
    format!("{}.{}", version / 1000, version % 1000 / 10)
}

/// Whether a card can run the kernels.
///
/// # Errors
/// If it is too old.
pub(super) fn check_capability(name: &str, major: i32, minor: i32) -> Result<()> {
    if major < LEAST_CAPABILITY {
        return Err(Error::OldCard { name: name.to_owned(), capability: [major, minor] });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cuda::testing::device;
    use crate::cuda::{DeviceBuffer, elementwise};

    #[test]
    fn each_code_is_one_line_that_says_what_to_do() {
        for (code, expected) in [
            (
                CUresult::CUDA_ERROR_OUT_OF_MEMORY,
                "out of memory on the graphics card: 0 of 0 MiB are free: use smaller",
            ),
            (
                CUresult::CUDA_ERROR_ILLEGAL_ADDRESS,
                "the graphics card was lost (cuLaunchKernel: said): see whether",
            ),
            (
                CUresult::CUDA_ERROR_ECC_UNCORRECTABLE,
                "the graphics card was lost (cuLaunchKernel: said): see whether",
            ),
            (
                CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE,
                "the graphics card was lost (cuLaunchKernel: said): see whether",
            ),
            (
                CUresult::CUDA_ERROR_LAUNCH_FAILED,
                "the graphics card was lost (cuLaunchKernel: said): see whether",
            ),
            (
                CUresult::CUDA_ERROR_NO_DEVICE,
                "the graphics card was lost (cuLaunchKernel: said): see whether",
            ),
            (CUresult::CUDA_ERROR_INVALID_VALUE, "cuLaunchKernel: said"),
            (
                CUresult::CUDA_ERROR_SYSTEM_DRIVER_MISMATCH,
                "cuLaunchKernel: said: the driver's library and the running",
            ),
            (
                CUresult::CUDA_ERROR_SYSTEM_NOT_READY,
                "cuLaunchKernel: said: where cards are joined by NVSwitch",
            ),
        ] {
            let line = meaning("cuLaunchKernel", code, "said").to_string();
            assert!(line.starts_with(expected) && !line.contains('\n'), "{code:?}: {line}");
        }
        assert!(out_of_memory(3 * MIB + 1).to_string().contains(": 4 MiB more were asked for, "));
    }

    #[test]
    fn what_cannot_be_opened_is_not_called_lost() {
        for (code, expected) in [
            (
                CUresult::CUDA_ERROR_NO_DEVICE,
                "no graphics card 3: this machine has 2; use a smaller number or",
            ),
            (
                CUresult::CUDA_ERROR_DEVICE_UNAVAILABLE,
                "opening graphics card 3: another program holds it for itself: ",
            ),
            (CUresult::CUDA_ERROR_ECC_UNCORRECTABLE, "opening graphics card 3: cuInit: "),
            (CUresult::CUDA_ERROR_OUT_OF_MEMORY, "out of memory on the graphics card: "),
        ] {
            let line = not_opened(3, 2, "cuInit", DriverError(code)).to_string();
            assert!(line.starts_with(expected), "{code:?}: {line}");
        }
    }

    #[test]
    fn old_cards_and_old_drivers_are_named() {
        assert_eq!(check_capability("H100", 9, 0), Ok(()));
        assert_eq!(check_capability("A100", 8, 0), Ok(()));
        let line = check_capability("Tesla V100", 7, 5).unwrap_err().to_string();
        assert!(
            line.starts_with("graphics card Tesla V100 has compute capability 7.5, but at least 8.0"),
            "{line}"
        );
        assert_eq!(check_driver(11_040), Ok(()));
        let line = check_driver(10_020).unwrap_err().to_string();
        assert!(line.starts_with("the driver knows CUDA 10.2, but at least 11.4 is needed"), "{line}");
    }

    /// As the driver does: once a card is lost, every call says so.
    #[test]
    fn a_lost_card_is_told_by_every_call_and_frees_what_it_held() {
        let (device, counter) = device(usize::MAX);
        let mut buffer = DeviceBuffer::<f32>::from_slice(&device, &[1.0; 4]).unwrap();
        let other = DeviceBuffer::<f32>::new(&device, 4).unwrap();
        let lost =
            meaning("cuLaunchKernel", CUresult::CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access");
        counter.state().failure = Some(lost.clone());
        assert_eq!(elementwise::fill(&mut buffer, 1.0), Err(lost.clone()));
        assert_eq!(buffer.write(&[0.0; 4]), Err(lost.clone()));
        assert_eq!(buffer.to_vec(), Err(lost.clone()));
        assert_eq!(buffer.copy_from(&other), Err(lost.clone()));
        assert_eq!(device.synchronise(), Err(lost.clone()));
        assert_eq!(DeviceBuffer::<f32>::new(&device, 1 << 20).err(), Some(lost.clone()));
        assert_eq!(device.record(|| Ok(())).err(), Some(lost));
        drop((buffer, other));
        device.trim();
        assert_eq!(counter.state().used, 0);
    }

    /// What a lack of memory leaves: everything that was there, and room for less.
    #[test]
    fn after_a_lack_of_memory_smaller_buffers_are_made() {
        let (device, _) = device(10 * 512);
        let held = DeviceBuffer::<u8>::new(&device, 6 * 512).unwrap();
        let line = DeviceBuffer::<u8>::new(&device, 6 * 512).unwrap_err().to_string();
        assert!(
            line.starts_with("out of memory on the graphics card") && line.ends_with("or --device cpu"),
            "{line}"
        );
        assert!(DeviceBuffer::<u8>::new(&device, 4 * 512).is_ok());
        drop(held);
    }
}
