//! The micro-kernel: a tile of 6 rows and 16 columns of a product, held in twelve vector registers.
//!
//! A step along `k` loads two vectors of B, broadcasts six values of A and does twelve fused multiply-adds: on a
//! core with two FMA pipes that is six cycles of arithmetic for eight loads, so the pipes are the limit. Of the
//! sixteen registers twelve are sums, two hold B, two are left for the broadcasts. Other shapes were measured
//! worse on Zen 3: 4 x 24 needs seven loads for twelve products but leaves no register to load ahead.
//!
//! With AVX-512 a row is one register, and six products for seven loads would wait for the loads, of which two begin in a
//! cycle. So two tiles go together: side by side they need eight loads for twelve products.
//!
//! [`Tile`] is the register tile itself, for kernels that gather a sum from several places (the taps of a
//! convolution); the tests run it whole on panels packed one after the other.

use crate::cpu::simd::{Lanes, Sixteen, Vector};

/// Rows of a tile: how many values of A are broadcast in a step.
pub(crate) const ROWS: usize = 6;
/// Columns of a tile: two vectors of B.
pub(crate) const COLUMNS: usize = 16;

/// Sums of a tile in registers: each of its values is the sum of as many chains as the form needs.
#[derive(Clone, Copy)]
pub(crate) struct Tile<V: Vector>([[V::Sixteen; ROWS]; MOST_CHAINS]);

/// Chains of any form.
const MOST_CHAINS: usize = 2;

impl<V: Vector> Tile<V> {
    /// Panels of B that are best multiplied together: two where there are registers for both tiles' sums, by
    /// [`Tile::multiply_wide`].
    pub(crate) const TOGETHER: usize = V::Sixteen::CHAINS;

    /// All sums zero.
    ///
    /// # Safety
    /// The processor must support `V`.
    #[inline(always)]
    pub(crate) unsafe fn zero() -> Self {
        // SAFETY: the caller's promise.
        Self([[unsafe { V::Sixteen::splat(0.0) }; ROWS]; MOST_CHAINS])
    }

    /// Adds `k` outer products: row `r` of A is read at `a[r] + i * step`, B at `b + i * COLUMNS`.
    ///
    /// # Safety
    /// The processor must support `V`; every address named above must be readable, B for sixteen floats.
    #[inline(always)]
    pub(crate) unsafe fn multiply(&mut self, k: usize, a: [*const f32; ROWS], step: usize, b: *const f32) {
        // SAFETY: the caller vouches for every address of the `k` steps.
        unsafe {
            let mut sums = self.0;
            let (mut b, mut at) = (b, 0);
            // Counting by the pointer itself: a count that comes from a minimum is else worked out anew each step.
            let end = b.add(k * COLUMNS);
            let whole = b.add(k / V::Sixteen::CHAINS * V::Sixteen::CHAINS * COLUMNS);
            while b != whole {
                for chain in &mut sums[..V::Sixteen::CHAINS] {
                    let right = V::Sixteen::load(b);
                    for r in 0..ROWS {
                        chain[r] = V::Sixteen::splat(*a[r].add(at)).mul_add(right, chain[r]);
                    }
                    b = b.add(COLUMNS);
                    at += step;
                }
            }
            while b != end {
                let right = V::Sixteen::load(b);
                for r in 0..ROWS {
                    sums[0][r] = V::Sixteen::splat(*a[r].add(at)).mul_add(right, sums[0][r]);
                }
                b = b.add(COLUMNS);
                at += step;
            }
            self.0 = sums;
        }
    }

    /// [`Tile::multiply`] of two tiles with the same rows of A and two panels of B: what is read of A serves both, so that a form with
    /// 32 registers reads eight times for twelve products instead of fourteen.
    ///
    /// # Safety
    /// As [`Tile::multiply`], for either.
    #[inline(always)]
    pub(crate) unsafe fn multiply_wide(
        tiles: &mut [Self; 2],
        k: usize,
        a: [*const f32; ROWS],
        step: usize,
        b: [*const f32; 2],
    ) {
        // SAFETY: the caller vouches for every address of the `k` steps.
        unsafe {
            if V::Sixteen::CHAINS == 1 {
                tiles[0].multiply(k, a, step, b[0]);
                tiles[1].multiply(k, a, step, b[1]);
                return;
            }
            let [mut left, mut right] = [tiles[0].0[0], tiles[1].0[0]];
            let ([mut b, other], mut at) = (b, 0);
            let apart = other.offset_from(b);
            let end = b.add(k * COLUMNS);
            while b != end {
                let (columns, more) = (V::Sixteen::load(b), V::Sixteen::load(b.offset(apart)));
                for r in 0..ROWS {
                    let value = V::Sixteen::splat(*a[r].add(at));
                    left[r] = value.mul_add(columns, left[r]);
                    right[r] = value.mul_add(more, right[r]);
                }
                b = b.add(COLUMNS);
                at += step;
            }
            (tiles[0].0[0], tiles[1].0[0]) = (left, right);
        }
    }

    /// Writes the tile, or adds it to what is there: row `r` at `c[r]`.
    ///
    /// # Safety
    /// The processor must support `V`; each `c[r]` must be valid for sixteen floats.
    #[inline(always)]
    pub(crate) unsafe fn store(self, c: [*mut f32; ROWS], accumulate: bool) {
        // SAFETY: the caller vouches for sixteen floats in each row.
        unsafe {
            for r in 0..ROWS {
                let mut sum = self.0[0][r];
                for chain in &self.0[1..V::Sixteen::CHAINS] {
                    sum = sum.add(chain[r]);
                }
                if accumulate {
                    sum = V::Sixteen::load(c[r]).add(sum);
                }
                sum.store(c[r]);
            }
        }
    }

    /// Writes two tiles side by side, or adds them to what is there: the first `rows` rows and `columns` columns. Where those all lie in
    /// the first tile, the second is left out.
    ///
    /// # Safety
    /// The processor must support `V`; each of the first `rows` pointers must be valid for `columns` floats.
    #[inline(always)]
    pub(crate) unsafe fn store_wide(
        tiles: &[Self; 2],
        mut c: [*mut f32; ROWS],
        rows: usize,
        columns: usize,
        accumulate: bool,
    ) {
        for (index, tile) in tiles.iter().enumerate().take(columns.div_ceil(COLUMNS)) {
            let columns = COLUMNS.min(columns - index * COLUMNS);
            // SAFETY: the caller's promise, for each tile's own columns.
            unsafe {
                if rows == ROWS && columns == COLUMNS {
                    tile.store(c, accumulate);
                } else {
                    tile.store_part(c, rows, columns, accumulate);
                }
            }
            for row in &mut c {
                *row = row.wrapping_add(COLUMNS);
            }
        }
    }

    /// Asks for the places of `columns` columns in C, which [`Tile::store`] will add to: they are rarely still in the first-level
    /// cache.
    ///
    /// # Safety
    /// The processor must support `V`.
    #[inline(always)]
    pub(crate) unsafe fn prefetch(c: [*mut f32; ROWS], columns: usize) {
        for c in c {
            for first in (0..columns).step_by(COLUMNS) {
                // SAFETY: a prefetch reads nothing.
                unsafe {
                    V::prefetch(c.wrapping_add(first));
                    V::prefetch(c.wrapping_add(first + COLUMNS - 1));
                }
            }
        }
    }

    /// As [`Tile::store`] for a tile at the border of C: only its first `rows` rows and `columns` columns.
    ///
    /// # Safety
    /// The processor must support `V`; each of the first `rows` pointers must be valid for `columns` floats.
    #[inline(always)]
    pub(crate) unsafe fn store_part(
        self,
        c: [*mut f32; ROWS],
        rows: usize,
        columns: usize,
        accumulate: bool,
    ) {
        let mut scratch = [0.0f32; ROWS * COLUMNS];
        let start = scratch.as_mut_ptr();
        // SAFETY: the scratch tile holds six rows of sixteen; the caller vouches for the part of C.
        unsafe {
            let mut places = [start; ROWS];
            for (r, place) in places.iter_mut().enumerate() {
                *place = start.add(r * COLUMNS);
            }
            self.store(places, false);
            for r in 0..rows {
                for j in 0..columns {
                    let to = c[r].add(j);
                    let value = scratch[r * COLUMNS + j];
                    *to = if accumulate { *to + value } else { value };
                }
            }
        }
    }
}

/// Six row pointers, `step` floats apart.
///
/// # Safety
/// The last of them must lie in (or one past) the same allocation as `start`.
#[inline(always)]
pub(crate) unsafe fn rows(start: *const f32, step: usize) -> [*const f32; ROWS] {
    // SAFETY: the caller's promise.
    unsafe {
        [
            start,
            start.add(step),
            start.add(2 * step),
            start.add(3 * step),
            start.add(4 * step),
            start.add(5 * step),
        ]
    }
}

/// Where the rows of a tile of C begin: `stride` floats apart; rows past `used` repeat the first, so that no pointer
/// leaves C.
///
/// # Safety
/// `used` rows from `start` on must lie in one allocation.
#[inline(always)]
pub(crate) unsafe fn places(start: *mut f32, stride: usize, used: usize) -> [*mut f32; ROWS] {
    let mut places = [start; ROWS];
    for (r, place) in places.iter_mut().enumerate() {
        if r < used {
            // SAFETY: the caller's promise.
            *place = unsafe { start.add(r * stride) };
        }
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::simd::{Form, Kernel, dispatch_as, forms};

    /// `C = A B`, or `C += A B`, of one tile: A packed as `k` times six floats, B as `k` times sixteen, C row-major
    /// with `stride` floats from row to row.
    ///
    /// # Safety
    /// The processor must support `V`; `a` must be readable for `6 k` floats, `b` for `16 k`, and the six rows of `c`
    /// valid for sixteen floats each. 32-byte alignment of `b` is not needed, but loads that cross a cache line cost twice.
    #[inline(always)]
    unsafe fn micro_kernel<V: Vector>(
        k: usize,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        stride: usize,
        accumulate: bool,
    ) {
        // SAFETY: the caller's promises are those of the three calls.
        unsafe {
            let mut tile = Tile::<V>::zero();
            tile.multiply(k, rows(a, 1), ROWS, b);
            tile.store(places(c, stride, ROWS), accumulate);
        }
    }

    /// [`micro_kernel`] at the border of C: writes `rows_used` rows of `columns_used` columns only. The panels are full.
    ///
    /// # Safety
    /// As [`micro_kernel`], with C valid for the part that is written.
    #[inline(always)]
    unsafe fn micro_kernel_edge<V: Vector>(
        k: usize,
        a: *const f32,
        b: *const f32,
        c: *mut f32,
        stride: usize,
        accumulate: bool,
        rows_used: usize,
        columns_used: usize,
    ) {
        // SAFETY: as above.
        unsafe {
            let mut tile = Tile::<V>::zero();
            tile.multiply(k, rows(a, 1), ROWS, b);
            tile.store_part(places(c, stride, rows_used), rows_used, columns_used, accumulate);
        }
    }

    struct Run<'a> {
        k: usize,
        a: &'a [f32],
        b: &'a [f32],
        c: &'a mut [f32],
        part: Option<(usize, usize)>,
        accumulate: bool,
    }

    impl Kernel for Run<'_> {
        type Output = ();

        #[inline(always)]
        unsafe fn run<V: Vector>(self) {
            assert!(self.a.len() >= self.k * ROWS && self.b.len() >= self.k * COLUMNS);
            let (a, b, c) = (self.a.as_ptr(), self.b.as_ptr(), self.c.as_mut_ptr());
            // SAFETY: the tests' slices are as long as asserted, C six rows of twenty.
            unsafe {
                match self.part {
                    None => micro_kernel::<V>(self.k, a, b, c, 20, self.accumulate),
                    Some((rows, columns)) => {
                        micro_kernel_edge::<V>(self.k, a, b, c, 20, self.accumulate, rows, columns);
                    }
                }
            }
        }
    }

    fn check(form: Form) {
        for k in [0, 1, 7, 64] {
            let a: Vec<f32> = (0..k * ROWS).map(|i| (i % 13) as f32 - 6.0).collect();
            let b: Vec<f32> = (0..k * COLUMNS).map(|i| (i % 11) as f32 - 5.0).collect();
            for part in [None, Some((6, 16)), Some((1, 3)), Some((5, 9))] {
                for accumulate in [false, true] {
                    let mut c = vec![2.0f32; ROWS * 20];
                    dispatch_as(form, Run { k, a: &a, b: &b, c: &mut c, part, accumulate });
                    let (rows, columns) = part.unwrap_or((ROWS, COLUMNS));
                    for r in 0..ROWS {
                        for j in 0..20 {
                            let product: f32 =
                                (0..k).map(|i| a[i * ROWS + r] * b[i * COLUMNS + j.min(15)]).sum();
                            let expected = match (r < rows && j < columns, accumulate) {
                                (false, _) => 2.0,
                                (true, true) => 2.0 + product,
                                (true, false) => product,
                            };
                            // Small whole numbers: every order of summation gives the same float.
                            assert_eq!(c[r * 20 + j], expected, "k {k}, row {r}, column {j}, {part:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_tile_is_the_product_of_its_panels() {
        forms().for_each(check);
    }
}
