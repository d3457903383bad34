//! What the emulation finds, on kernels that have each fault (`host/faulty.cu`).

use std::sync::Arc;

use gobelin_kernels::cuda::driver::Launch;

use crate::Order;
use crate::library::Library;

/// The message of a launch of 64 values in and as many out; none if all is well.
fn told(library: &Library, order: Order, kernel: &str, blocks: u32) -> Option<String> {
    let known = library.kernel(kernel).expect(kernel);
    let launch = Launch { grid: [blocks, 1, 1], threads: known.threads, shared: 512 };
    let (bytes, blocks) = (4 * 256, blocks as usize);
    let (x, out) = (library.allocate(bytes), library.allocate(4 * known.threads as usize * blocks));
    let places = [x, out].map(|place| (place as u64).to_ne_bytes());
    let arguments: Vec<&[u8]> = places[2 - known.sizes.len()..].iter().map(<[u8; 8]>::as_slice).collect();
    // SAFETY: the arguments are the kernel's: the last is what it writes.
    let message = unsafe { library.launch(order, kernel, &launch, &arguments) };
    // SAFETY: nothing uses them any more.
    unsafe {
        assert!(library.release(x, bytes));
        library.release(out, 4 * known.threads as usize * blocks);
    }
    message
}

#[track_caller]
fn must_tell(library: &Arc<Library>, kernel: &str, blocks: u32, expected: &str) {
    for order in [Order::Forwards, Order::Backwards] {
        let found = told(library, order, kernel, blocks).unwrap_or_else(|| "nothing".into());
        assert!(found.contains(expected), "{kernel}, {order:?}: {found}, expected {expected}");
    }
}

#[test]
fn threads_that_do_not_meet_are_told() {
    let Some(library) = Library::get_or_skip() else { return };
    must_tell(&library, "faulty_left_out", 1, "some threads wait at a barrier that others have left out");
    must_tell(&library, "faulty_barriers", 1, "threads wait at different barriers");
    must_tell(&library, "faulty_divergence", 1, "lanes of a warp wait for each other at different places");
    must_tell(&library, "faulty_place", 1, "a touch of memory that is not its own");
    must_tell(&library, "faulty_copy_boundary", 1, "a copy to shared memory lies on no boundary of its size");
}

#[test]
fn races_are_told_whatever_runs_first() {
    let Some(library) = Library::get_or_skip().and_then(|_| Library::watching()) else { return };
    must_tell(&library, "faulty_no_barrier", 1, "a race: ");
    must_tell(&library, "faulty_second_round", 1, "a race: ");
    must_tell(&library, "faulty_shuffle", 1, "a race: reads what is written by thread");
    must_tell(&library, "faulty_arrival", 1, "a race: ");
    must_tell(&library, "faulty_blocks", 2, "byte 0 of a buffer");
    must_tell(&library, "faulty_boundary", 1, "a read of 16 bytes that lie on no boundary of 16");
}

/// Each of the faults left out, and what was told before forgotten.
#[test]
fn of_what_is_right_nothing_is_told() {
    let Some(library) = Library::get_or_skip().and_then(|_| Library::watching()) else { return };
    for order in [Order::Forwards, Order::Backwards] {
        assert_eq!(told(&library, order, "faultless", 3), None);
        assert_eq!(told(&library, order, "faulty_blocks", 1), None, "a block alone races with none");
    }
}
