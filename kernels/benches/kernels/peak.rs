//! The fused multiply-adds a core can do, measured: independent chains in registers, on every thread at once.

use gobelin_kernels::cpu::simd::{Kernel, Lanes, Sixteen, Vector, dispatch};
use std::sync::Barrier;
use std::time::Instant;

/// Registers that the chains take, in every form: enough that none waits for itself, and none is spilt.
const REGISTERS: usize = 12;
const STEPS: usize = 100_000;

/// How many chains of sixteen lanes that makes.
const fn count<V: Vector>() -> usize {
    REGISTERS / 2 * V::Sixteen::CHAINS
}

struct Chains;

impl Kernel for Chains {
    /// Operations, and a result that keeps them from being left out.
    type Output = (usize, f32);

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> (usize, f32) {
        // SAFETY: `dispatch` only runs forms that the processor has; the lanes have room for one vector.
        unsafe {
            let splat = |value| V::Sixteen::splat(std::hint::black_box(value));
            let (factor, addend) = (splat(0.5), splat(1.0));
            let mut chains = [splat(1.0); REGISTERS];
            for _ in 0..STEPS {
                for chain in &mut chains[..count::<V>()] {
                    *chain = chain.mul_add(factor, addend);
                }
            }
            let mut lanes = [0.0; 16];
            let mut sum = chains[0];
            for chain in &chains[1..count::<V>()] {
                sum = sum.add(*chain);
            }
            sum.store(lanes.as_mut_ptr());
            (count::<V>() * STEPS * 32, lanes.iter().sum())
        }
    }
}

/// GFLOP/s of all threads together.
pub fn measure(threads: usize) -> f64 {
    let barrier = Barrier::new(threads);
    let one = || {
        let (mut best, mut flops) = (f64::MAX, 0);
        for _ in 0..200 {
            barrier.wait();
            let begin = Instant::now();
            flops = std::hint::black_box(dispatch(Chains)).0;
            best = best.min(begin.elapsed().as_secs_f64());
        }
        flops as f64 / best * 1e-9
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(one)).collect();
        one() + others.into_iter().map(|other| other.join().expect("no panic")).sum::<f64>()
    })
}
