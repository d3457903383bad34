//! Memory of the card and pinned memory, and copies.

use std::ffi::c_void;

use cudarc::driver::sys::CUresult::*;

use crate::context::Store;
use crate::machine::{Machine, Outcome};
use crate::work::Work;

impl Machine {
    pub fn allocate(&mut self, bytes: usize) -> Outcome<u64> {
        self.current()?;
        self.must_not_capture()?;
        let (library, total) = (self.library()?, self.settings.memory);
        let context = self.current()?;
        if bytes == 0 {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        if context.store.used.saturating_add(bytes) > total {
            return Err(CUDA_ERROR_OUT_OF_MEMORY);
        }
        let address = library.allocate(bytes) as u64;
        if address == 0 {
            return Err(CUDA_ERROR_OUT_OF_MEMORY);
        }
        context.store.used += bytes;
        context.store.device.insert(address, bytes);
        Ok(address)
    }

    pub fn free(&mut self, address: u64) -> Outcome {
        self.current()?;
        self.must_not_capture()?;
        let context = self.current()?;
        if !context.store.device.contains_key(&address) {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        context.finish()?;
        let bytes = context.store.device.remove(&address).expect("seen above");
        context.store.used -= bytes;
        if !context.release(address, bytes) {
            context.lost = Some(CUDA_ERROR_ILLEGAL_ADDRESS);
        }
        Ok(())
    }

    /// Free and total bytes.
    pub fn memory(&mut self) -> Outcome<(usize, usize)> {
        let total = self.settings.memory;
        Ok((total - self.current()?.store.used, total))
    }

    pub fn pin(&mut self, bytes: usize) -> Outcome<*mut c_void> {
        self.current()?;
        self.must_not_capture()?;
        let library = self.library()?;
        let context = self.current()?;
        if bytes == 0 {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        let place = library.allocate(bytes);
        if place.is_null() {
            return Err(CUDA_ERROR_OUT_OF_MEMORY);
        }
        context.store.pinned.insert(place as u64, bytes);
        Ok(place)
    }

    pub fn unpin(&mut self, place: *mut c_void) -> Outcome {
        self.current()?;
        self.must_not_capture()?;
        let context = self.current()?;
        if !context.store.pinned.contains_key(&(place as u64)) {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        context.finish()?;
        let bytes = context.store.pinned.remove(&(place as u64)).expect("seen above");
        context.release(place as u64, bytes);
        Ok(())
    }

    fn must_hold(&mut self, address: u64, bytes: usize) -> Outcome {
        let is_there = Store::holds(&self.current()?.store.device, address, bytes);
        if is_there { Ok(()) } else { Err(CUDA_ERROR_INVALID_VALUE) }
    }

    fn is_pinned(&mut self, place: *const c_void, bytes: usize) -> Outcome<bool> {
        if place.is_null() && bytes > 0 {
            return Err(CUDA_ERROR_INVALID_VALUE);
        }
        Ok(Store::holds(&self.current()?.store.pinned, place as u64, bytes))
    }

    pub fn copy_to_device(&mut self, to: u64, from: *const c_void, bytes: usize, stream: u64) -> Outcome {
        self.must_hold(to, bytes)?;
        if self.is_pinned(from, bytes)? {
            return self.enqueue(stream, Work::Copy { from: from as u64, to, bytes });
        }
        self.must_not_capture_in(stream)?;
        // SAFETY: the caller's promise.
        let bytes = unsafe { std::slice::from_raw_parts(from.cast::<u8>(), bytes) };
        self.enqueue(stream, Work::Write { bytes: bytes.into(), to })
    }

    pub fn copy_to_host(&mut self, to: *mut c_void, from: u64, bytes: usize, stream: u64) -> Outcome {
        self.must_hold(from, bytes)?;
        if self.is_pinned(to, bytes)? {
            return self.enqueue(stream, Work::Copy { from, to: to as u64, bytes });
        }
        self.synchronise(stream)?;
        // SAFETY: the caller's promise.
        unsafe { std::ptr::copy_nonoverlapping(from as *const u8, to.cast(), bytes) };
        Ok(())
    }

    pub fn copy(&mut self, to: u64, from: u64, bytes: usize, stream: u64) -> Outcome {
        self.must_hold(to, bytes)?;
        self.must_hold(from, bytes)?;
        self.enqueue(stream, Work::Copy { from, to, bytes })
    }
}
