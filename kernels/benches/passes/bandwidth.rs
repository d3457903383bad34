//! How fast all threads read and write memory, measured: one pass over a buffer that no cache holds.

use std::time::Instant;

use gobelin_kernels::Buffer;
use gobelin_kernels::cpu::simd::{Kernel, Lanes, Vector, dispatch};
use rayon::prelude::*;

use crate::timing::EVICTING;

/// Floats of a task.
const CHUNK: usize = 16 * 1024;

/// In GB/s.
pub struct Bandwidth {
    pub read: f64,
    /// Each byte once, although its line is fetched first.
    pub write: f64,
    /// Each byte once, read and written.
    pub update: f64,
}

struct Sum<'a>(&'a [f32]);

impl Kernel for Sum<'_> {
    type Output = f32;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> f32 {
        let mut lanes = vec![0.0; V::Widest::LANES];
        // SAFETY: `dispatch` only runs forms that the processor has; whole registers lie in the slice and in the lanes.
        unsafe {
            let mut sums = [V::Widest::splat(0.0); 4];
            for block in self.0.chunks_exact(4 * V::Widest::LANES) {
                for (i, sum) in sums.iter_mut().enumerate() {
                    *sum = sum.add(V::Widest::load(block[i * V::Widest::LANES..].as_ptr()));
                }
            }
            sums[0].add(sums[1]).add(sums[2].add(sums[3])).store(lanes.as_mut_ptr());
        }
        lanes.iter().sum()
    }
}

/// The best of ten passes each.
pub fn measure() -> Bandwidth {
    let mut buffer = Buffer::new(EVICTING / size_of::<f32>());
    buffer.fill(1.0);
    let best = |mut pass: Box<dyn FnMut() + '_>| {
        let time = |_| {
            let begin = Instant::now();
            pass();
            begin.elapsed().as_secs_f64()
        };
        EVICTING as f64 * 1e-9 / (0..10).map(time).fold(f64::MAX, f64::min)
    };
    let read = best(Box::new(|| {
        let sum: f32 = buffer.par_chunks(CHUNK).map(|chunk| dispatch(Sum(chunk))).sum();
        std::hint::black_box(sum);
    }));
    let write = best(Box::new(|| buffer.par_chunks_mut(CHUNK).for_each(|chunk| chunk.fill(2.0))));
    let turn = |chunk: &mut [f32]| chunk.iter_mut().for_each(|value| *value *= -1.0);
    let update = best(Box::new(|| buffer.par_chunks_mut(CHUNK).for_each(turn)));
    Bandwidth { read, write, update }
}
