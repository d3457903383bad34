//! Loops over tasks on all threads.
//!
//! Each thread begins with its own stretch of the tasks, always the same for as many, so that what it wrote last is mostly in
//! its own caches; then it takes over what is left of the others' one by one, so that threads end within one task of each other.
//! Whoever ends first waits awake: a thread that rayon finds without work goes to sleep after some ten microseconds, and
//! waking it takes forty (measured on a virtual machine of two cores), which is a good part of many a kernel.

use super::gemm::output::Output;
use rayon::Yield;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Calls `work` with every number below `count`, on all threads of the pool.
pub(crate) fn for_each(count: usize, work: impl Fn(usize) + Sync) {
    let threads = rayon::current_num_threads().min(count);
    if threads <= 1 {
        return (0..count).for_each(work);
    }
    let end = |stretch: usize| (stretch + 1) * count / threads;
    let next: Vec<AtomicUsize> =
        (0..threads).map(|stretch| AtomicUsize::new(stretch * count / threads)).collect();
    let busy = AtomicUsize::new(0);
    let drain = |own: usize| {
        for stretch in (own..threads).chain(0..own) {
            loop {
                let index = next[stretch].fetch_add(1, Ordering::Relaxed);
                if index >= end(stretch) {
                    break;
                }
                work(index);
            }
        }
    };
    rayon::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(|_| {
                busy.fetch_add(1, Ordering::Relaxed);
                let _done = Done(&busy);
                drain(rayon::current_thread_index().unwrap_or(0) % threads);
            });
        }
        drain(rayon::current_thread_index().unwrap_or(0) % threads);
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
