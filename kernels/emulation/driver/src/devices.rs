//! The cards, as they are asked about.

use cudarc::driver::sys::CUdevice_attribute;
use cudarc::driver::sys::CUdevice_attribute_enum::{
    CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR,
    CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK,
    CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT,
    CU_DEVICE_ATTRIBUTE_WARP_SIZE,
};
use cudarc::driver::sys::CUresult::*;

use crate::machine::{Machine, Outcome};

/// Threads of a block at most.
pub const MOST_THREADS: u32 = 1024;

impl Machine {
    /// The card with this number.
    pub fn card(&self, number: i32) -> Outcome<usize> {
        if !self.is_initialised {
            return Err(CUDA_ERROR_NOT_INITIALIZED);
        }
        let number = usize::try_from(number).map_err(|_| CUDA_ERROR_INVALID_DEVICE)?;
        if number < self.settings.cards { Ok(number) } else { Err(CUDA_ERROR_INVALID_DEVICE) }
    }

    pub fn initialise(&mut self, flags: u32) -> Outcome {
        if flags != 0 {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        if self.settings.cards == 0 {
            return Err(CUDA_ERROR_NO_DEVICE);
        }
        self.is_initialised = true;
        Ok(())
    }

    /// Shared memory of a block at most, with permission.
    pub fn most_shared(&self) -> usize {
        match self.settings.capability {
            (9, _) => 227 << 10,
            (8, 0 | 7) => 163 << 10,
            (7, 0) => 96 << 10,
            (7, 5) => 64 << 10,
            (8.., _) => 99 << 10,
            _ => 48 << 10,
        }
    }

    pub fn attribute(&self, attribute: CUdevice_attribute, card: i32) -> Outcome<i32> {
        self.card(card)?;
        let settings = &self.settings;
        Ok(match attribute {
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR => settings.capability.0,
            CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR => settings.capability.1,
            CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT => settings.multiprocessors,
            CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN => self.most_shared() as i32,
            CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK => MOST_THREADS as i32,
            CU_DEVICE_ATTRIBUTE_WARP_SIZE => 32,
            CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED => 0,
            _ => return Err(CUDA_ERROR_NOT_SUPPORTED),
        })
    }
}
