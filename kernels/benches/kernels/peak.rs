//! The fused multiply-adds a core can do, measured: independent chains in registers, on every thread at once.

use gobelin_kernels::cpu::simd::{Kernel, Vector, dispatch};
use std::sync::Barrier;
use std::time::Instant;

const CHAINS: usize = 12;
const STEPS: usize = 100_000;

struct Chains;

impl Kernel for Chains {
    type Output = f32;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> f32 {
        // SAFETY: `dispatch` only runs forms that the processor has; the lanes have room for one vector.
        unsafe {
            let (factor, addend) = (V::splat(std::hint::black_box(0.5)), V::splat(std::hint::black_box(1.0)));
            let mut chains = [V::splat(1.0); CHAINS];
            for _ in 0..STEPS {
                for chain in &mut chains {
                    *chain = chain.mul_add(factor, addend);
                }
            }
            let mut lanes = [0.0; 8];
            let mut sum = chains[0];
            for chain in &chains[1..] {
                sum = sum.add(*chain);
            }
            sum.store(lanes.as_mut_ptr());
            lanes.iter().sum()
        }
    }
}

/// GFLOP/s of all threads together.
pub fn measure(threads: usize) -> f64 {
    let barrier = Barrier::new(threads);
    let one = || {
        let mut best = f64::MAX;
        for _ in 0..200 {
            barrier.wait();
            let begin = Instant::now();
            std::hint::black_box(dispatch(Chains));
            best = best.min(begin.elapsed().as_secs_f64());
        }
        (CHAINS * STEPS * 16) as f64 / best * 1e-9
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(one)).collect();
        one() + others.into_iter().map(|other| other.join().expect("no panic")).sum::<f64>()
    })
}
