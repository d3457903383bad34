//! Contexts: the primary one of each card, which of them a thread is in, and what each holds.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

use cudarc::driver::sys::CUresult::{self, *};
use gobelin_emulation::Order;
use gobelin_emulation::lanes::{Lanes, Run};
use gobelin_emulation::library::Library;

use crate::machine::{Machine, Outcome};
use crate::work::{Work, run};

thread_local! {
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

/// The context that this thread is in; 0 is none.
pub fn current() -> u64 {
    CURRENT.get()
}

/// Memory with its sizes: the card's, and the host's that is pinned.
#[derive(Default)]
pub struct Store {
    pub device: BTreeMap<u64, usize>,
    pub pinned: BTreeMap<u64, usize>,
    /// Bytes of the card.
    pub used: usize,
}

impl Store {
    /// Whether so many bytes lie in one piece of memory of a kind.
    pub fn holds(memory: &BTreeMap<u64, usize>, address: u64, bytes: usize) -> bool {
        let found = memory.range(..=address).next_back();
        found.is_some_and(|(&start, &size)| address - start + bytes as u64 <= size as u64)
    }
}

/// A context on a card.
pub struct Context {
    pub handle: u64,
    /// How often it was retained.
    pub users: usize,
    /// What every call fails with from now on.
    pub lost: Option<CUresult>,
    pub store: Store,
    /// Streams that were made so far.
    pub lanes_made: usize,
    lanes: Lanes<Work, CUresult>,
    order: Order,
    library: Arc<Library>,
}

impl Context {
    /// Does something with the lanes; after some errors there is no context any more to speak of.
    pub fn on_lanes(
        &mut self,
        work: impl FnOnce(&mut Lanes<Work, CUresult>, Run<Work, CUresult>) -> Outcome,
    ) -> Outcome {
        let Self { lanes, library, order, store, .. } = self;
        let outcome = work(lanes, &|work| run(library, *order, store, &work));
        if let Err(code) = outcome {
            self.lost = Some(code);
        }
        outcome
    }

    /// An event that is nowhere.
    pub fn event(&mut self) -> u64 {
        self.lanes.event()
    }

    /// Forgets an event.
    pub fn drop_event(&mut self, event: u64) {
        self.lanes.drop_event(event);
    }

    /// Waits for all work: memory may be in use.
    pub fn finish(&mut self) -> Outcome {
        self.on_lanes(|lanes, run| {
            lanes.finish(run);
            lanes.answer()
        })
    }

    /// Gives a piece of memory back; whether a kernel wrote around it.
    pub fn release(&mut self, address: u64, bytes: usize) -> bool {
        // SAFETY: it was allocated with this size, and all work is done.
        let is_intact = unsafe { self.library.release(address as *mut std::ffi::c_void, bytes) };
        if !is_intact {
            eprintln!("emulated card: something wrote around a buffer of {bytes} bytes");
        }
        is_intact
    }
}

impl Machine {
    pub fn retain(&mut self, card: usize) -> Outcome<u64> {
        if !self.is_initialised {
            return Err(CUDA_ERROR_NOT_INITIALIZED);
        }
        if card >= self.primary.len() {
            return Err(CUDA_ERROR_INVALID_DEVICE);
        }
        if let Some(handle) = self.primary[card] {
            self.contexts.get_mut(&handle).expect("it is retained").users += 1;
            return Ok(handle);
        }
        let (library, handle, order) = (self.library()?, self.handle(), self.settings.order);
        let (lanes, store) = (Lanes::new(order), Store::default());
        let context = Context { handle, users: 1, lost: None, store, lanes_made: 0, lanes, order, library };
        self.contexts.insert(handle, context);
        self.primary[card] = Some(handle);
        Ok(handle)
    }

    pub fn release(&mut self, card: usize) -> Outcome {
        let place = self.primary.get_mut(card).ok_or(CUDA_ERROR_INVALID_DEVICE)?;
        let handle = place.ok_or(CUDA_ERROR_INVALID_CONTEXT)?;
        let context = self.contexts.get_mut(&handle).expect("it is retained");
        context.users -= 1;
        if context.users > 0 {
            return Ok(());
        }
        *place = None;
        let mut context = self.contexts.remove(&handle).expect("it is retained");
        if context.lost.is_none() {
            // What goes wrong now, nobody will ask for.
            let _ = context.finish();
        }
        let store = std::mem::take(&mut context.store);
        for (address, bytes) in store.device.into_iter().chain(store.pinned) {
            context.release(address, bytes);
        }
        self.streams.retain(|_, stream| stream.context != handle);
        self.events.retain(|_, event| event.context != handle);
        self.modules.drop_all_of(handle);
        self.graphs.drop_all_of(handle);
        Ok(())
    }

    pub fn set_current(&mut self, handle: u64) -> Outcome {
        if !self.is_initialised {
            return Err(CUDA_ERROR_NOT_INITIALIZED);
        }
        if handle != 0 && !self.contexts.contains_key(&handle) {
            return Err(CUDA_ERROR_INVALID_CONTEXT);
        }
        CURRENT.set(handle);
        Ok(())
    }
}
