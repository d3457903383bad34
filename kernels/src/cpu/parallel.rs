//! Loops over tasks on all threads.
//!
//! Tasks are handed out one by one, in order, so that threads end within one task of each other; and whoever ends first waits
//! awake. A thread that rayon finds without work goes to sleep after some ten microseconds, and waking it takes forty (measured
//! on a virtual machine of two cores), which is a good part of many a kernel.

use super::gemm::output::Output;
use rayon::Yield;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` with every number below `count`, on all threads of the pool.
pub(crate) fn for_each(count: usize, work: impl Fn(usize) + Sync) {
    let threads = rayon::current_num_threads().min(count);
    if threads <= 1 {
        return (0..count).for_each(work);
    }
    let (next, busy) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let drain = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                return;
            }
            work(index);
        }
    };
    rayon::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| {
                busy.fetch_add(1, Ordering::Relaxed);
                let _done = Done(&busy);
                drain();
            });
        }
        drain();
        // What synchronises is the scope's end; this only keeps the thread from sleeping until then. Helpers that have not begun
        // find nothing left to do.
        while busy.load(Ordering::Relaxed) > 0 {
            if rayon::yield_now() != Some(Yield::Executed) {
                std::thread::yield_now();
            }
        }
    });
}

/// Counts a helper out, even one that panics.
struct Done<'a>(&'a AtomicUsize);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Calls `work` with the number of every whole chunk of `size` and the chunk, on all threads of the pool.
pub(crate) fn for_each_chunk(all: &mut [f32], size: usize, work: impl Fn(usize, &mut [f32]) + Sync) {
    let count = all.len() / size;
    let start = Output::new(all);
    for_each(count, |index| {
        // SAFETY: whole chunks end within `all`, and each is handed out once.
        let chunk = unsafe { std::slice::from_raw_parts_mut(start.offset(index * size).pointer(), size) };
        work(index, chunk);
    });
}
