//! What is done on a card, later or again and again.

use std::sync::Arc;

use cudarc::driver::sys::CUresult::{self, *};
use gobelin_emulation::Order;
use gobelin_emulation::library::Library;
use gobelin_kernels::cuda::driver::Launch;

use crate::context::Store;
use crate::machine::Outcome;

/// Work.
#[derive(Clone)]
pub enum Work {
    Launch {
        kernel: String,
        launch: Launch,
        arguments: Vec<Vec<u8>>,
    },
    /// Between memory of the card and memory that is pinned.
    Copy {
        from: u64,
        to: u64,
        bytes: usize,
    },
    /// Of memory that was not pinned: as it was at the call.
    Write {
        bytes: Arc<[u8]>,
        to: u64,
    },
    Replay(Arc<Vec<Work>>),
    /// What is made to fail.
    Fault(CUresult),
}

/// Does work.
pub fn run(library: &Library, order: Order, store: &Store, work: &Work) -> Outcome {
    // A recording may outlive the memory that it was made with.
    let must_hold = |address: u64, bytes: usize| {
        let is_there = [&store.device, &store.pinned].iter().any(|kind| Store::holds(kind, address, bytes));
        if !is_there {
            eprintln!("emulated card: a copy of {bytes} bytes from or to memory that was given back");
            return Err(CUDA_ERROR_ILLEGAL_ADDRESS);
        }
        Ok(())
    };
    match work {
        Work::Launch { kernel, launch, arguments } => {
            let arguments: Vec<&[u8]> = arguments.iter().map(Vec::as_slice).collect();
            // SAFETY: whatever the kernel touches is checked.
            let message = unsafe { library.launch(order, kernel, launch, &arguments) };
            let Some(message) = message else { return Ok(()) };
            let is_foreign = message.contains("memory that is not its own");
            eprintln!("emulated card: {message}");
            Err(if is_foreign { CUDA_ERROR_ILLEGAL_ADDRESS } else { CUDA_ERROR_LAUNCH_FAILED })
        }
        Work::Copy { from, to, bytes } => {
            must_hold(*from, *bytes)?;
            must_hold(*to, *bytes)?;
            // SAFETY: both are there. They may be the same memory.
            unsafe { std::ptr::copy(*from as *const u8, *to as *mut u8, *bytes) };
            Ok(())
        }
        Work::Write { bytes, to } => {
            must_hold(*to, bytes.len())?;
            // SAFETY: it is there.
            unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), *to as *mut u8, bytes.len()) };
            Ok(())
        }
        Work::Replay(all) => all.iter().try_for_each(|work| run(library, order, store, work)),
        Work::Fault(code) => Err(*code),
    }
}
