//! A driver for tests that computes nothing: it counts.

use std::ptr::NonNull;
use std::sync::{Arc, Mutex, MutexGuard};

use super::device::Device;
use super::driver::{Address, Driver, Event, Lane, Launch, Parameter, Recording};
use super::error::{Error, Result};

/// Addresses of memory that nobody touches; `room` bytes of them.
pub(super) struct Counter {
    room: usize,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    /// Bytes that were given out and not given back.
    pub used: usize,
    /// Times that memory was given out.
    pub allocations: u64,
    /// Times that memory was asked for.
    pub asked: u64,
    /// Bytes that are pinned.
    pub pinned: usize,
    /// Events that there are.
    pub events: usize,
    pub is_recording: bool,
    /// What every call fails with, as long as it is here.
    pub failure: Option<Error>,
    /// What was launched.
    pub launches: Vec<(String, Launch)>,
}

/// A device with `room` bytes, and its driver.
pub(super) fn device(room: usize) -> (Device, Arc<Counter>) {
    let counter = Arc::new(Counter { room, state: Mutex::default() });
    (Device::new(Arc::clone(&counter) as Arc<dyn Driver>), counter)
}

impl Counter {
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn answer(&self) -> Result<()> {
        self.state().failure.clone().map_or(Ok(()), Err)
    }
}

struct Nothing;

impl Recording for Nothing {
    unsafe fn replay(&self) -> Result<()> {
        Ok(())
    }

    fn nodes(&self) -> usize {
        0
    }
}

impl Driver for Counter {
    fn name(&self) -> &'static str {
        "counter"
    }

    fn multiprocessors(&self) -> u32 {
        4
    }

    fn granule(&self) -> usize {
        512
    }

    fn allocate(&self, bytes: usize) -> Result<Address> {
        self.state().asked += 1;
        self.answer()?;
        let mut state = self.state();
        if state.used + bytes > self.room {
            return Err(Error::OutOfMemory { asked: 0, free: 0, total: 0 });
        }
        state.used += bytes;
        state.allocations += 1;
        Ok(Address(state.allocations))
    }

    unsafe fn release(&self, _: Address, bytes: usize) {
        self.state().used -= bytes;
    }

    unsafe fn upload(&self, _: &[u8], _: Address) -> Result<()> {
        self.answer()
    }

    unsafe fn upload_at_once(&self, _: &[u8], _: Address) -> Result<()> {
        self.answer()
    }

    unsafe fn download(&self, _: Address, _: &mut [u8]) -> Result<()> {
        self.answer()
    }

    unsafe fn copy(&self, _: Address, _: Address, _: usize) -> Result<()> {
        self.answer()
    }

    unsafe fn launch(&self, _: &str, kernel: &str, launch: &Launch, _: &[&dyn Parameter]) -> Result<()> {
        self.state().launches.push((kernel.to_owned(), *launch));
        self.answer()
    }

    fn synchronise(&self) -> Result<()> {
        self.answer()
    }

    fn pin(&self, bytes: usize) -> Result<NonNull<u8>> {
        self.answer()?;
        self.state().pinned += bytes;
        Ok(NonNull::from(Box::leak(vec![0u64; bytes.div_ceil(8)].into_boxed_slice())).cast())
    }

    unsafe fn unpin(&self, place: NonNull<u8>, bytes: usize) {
        self.state().pinned -= bytes;
        // SAFETY: as `pin` made it.
        drop(unsafe {
            Box::from_raw(NonNull::slice_from_raw_parts(place.cast::<u64>(), bytes.div_ceil(8)).as_ptr())
        });
    }

    unsafe fn upload_beside(&self, _: NonNull<u8>, _: usize, _: Address) -> Result<()> {
        self.answer()
    }

    fn event(&self) -> Result<Event> {
        self.answer()?;
        self.state().events += 1;
        Ok(Event(0))
    }

    unsafe fn drop_event(&self, _: Event) {
        self.state().events -= 1;
    }

    unsafe fn mark(&self, _: Event, _: Lane) -> Result<()> {
        self.answer()
    }

    unsafe fn follow(&self, _: Event, _: Lane) -> Result<()> {
        self.answer()
    }

    unsafe fn wait(&self, _: Event) -> Result<()> {
        self.answer()
    }

    fn begin_recording(&self) -> Result<()> {
        self.answer()?;
        let before = std::mem::replace(&mut self.state().is_recording, true);
        assert!(!before, "two recordings at once");
        Ok(())
    }

    fn end_recording(&self) -> Result<Box<dyn Recording>> {
        let before = std::mem::replace(&mut self.state().is_recording, false);
        assert!(before, "no recording to end");
        self.answer()?;
        Ok(Box::new(Nothing))
    }
}
