//! The micro-kernel of the products: the largest tile whose sums fit into the registers.
//!
//! With 32 registers of sixteen lanes a tile is 12 rows by 32 columns: a step reads two registers of B and broadcasts
//! twelve values of A for 24 fused multiply-adds, so that it waits for arithmetic (12 cycles on two pipes) and not for reads (7
//! cycles at two a cycle), which leaves room for what is fetched ahead. Rows and columns left over take smaller tiles. With sixteen
//! registers of eight lanes it is 6 rows by 16 columns, as in `gemm`.

use crate::cpu::gemm::micro::COLUMNS;
use crate::cpu::simd::{Lanes, Sixteen, Vector};

/// Sums of `HIGH` rows and `WIDE` times sixteen columns.
#[derive(Clone, Copy)]
pub(super) struct Tile<V: Vector, const HIGH: usize, const WIDE: usize>([[V::Sixteen; WIDE]; HIGH]);

/// Whether a form has registers for more than six rows of sixteen columns.
pub(super) const fn large<V: Vector>() -> bool {
    V::Sixteen::CHAINS > 1
}

impl<V: Vector, const HIGH: usize, const WIDE: usize> Tile<V, HIGH, WIDE> {
    /// All sums zero.
    ///
    /// # Safety
    /// The processor must support `V`.
    #[inline(always)]
    pub(super) unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        Self([[unsafe { V::Sixteen::splat(0.0) }; WIDE]; HIGH])
    }

    /// Adds `k` outer products: step `i` reads row `r` of A at `a + r * row + i * step`, and sixteen columns of B at
    /// each `b + i * COLUMNS`.
    ///
    /// # Safety
    /// The processor must support `V`; every address named above must be readable, B for sixteen floats.
    #[inline(always)]
    pub(super) unsafe fn multiply(
        &mut self,
        k: usize,
        a: *const f32,
        row: usize,
        step: usize,
        b: [*const f32; WIDE],
    ) {
        // SAFETY: the caller vouches for every address of the `k` steps.
        unsafe {
            let mut sums = self.0;
            for i in 0..k {
                let mut columns = [V::Sixteen::splat(0.0); WIDE];
                for w in 0..WIDE {
                    columns[w] = V::Sixteen::load(b[w].add(i * COLUMNS));
                }
                for r in 0..HIGH {
                    let value = V::Sixteen::splat(*a.add(r * row + i * step));
                    for w in 0..WIDE {
                        sums[r][w] = value.mul_add(columns[w], sums[r][w]);
                    }
                }
            }
            self.0 = sums;
        }
    }

    /// Writes the sums, or adds them to what is there: row `r` at each `c + r * stride`.
    ///
    /// # Safety
    /// The processor must support `V`; each row must be valid for sixteen floats.
    #[inline(always)]
    pub(super) unsafe fn store(self, c: [*mut f32; WIDE], stride: usize, accumulate: bool) {
        for r in 0..HIGH {
            for w in 0..WIDE {
                // SAFETY: the caller's promise.
                unsafe {
                    let to = c[w].add(r * stride);
                    let sum = self.0[r][w];
                    let sum = if accumulate { V::Sixteen::load(to).add(sum) } else { sum };
                    sum.store(to);
                }
            }
        }
    }
}
