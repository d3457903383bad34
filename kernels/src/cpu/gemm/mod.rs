//! Products of matrices: `C = A B`, packed and blocked for the caches, threads over blocks of C.
//!
//! The loops, from outside: a task owns a block of C (and, where C is small and the sum long, a stretch of the
//! sum); it walks the sum in stretches of [`DEPTH`]; for each it packs the panels of B, then, [`HEIGHT`] rows at a
//! time, copies A; for each panel of B, which stays in the first-level cache, it runs the micro-kernel down the
//! rows of A, which stay in the second-level cache.
//!
//! Blocks are cut by shape alone and stretches of the sum are added in order, so the result is the same to the last
//! bit on any number of threads.

mod cut;
pub(crate) mod micro;
pub(crate) mod output;
pub(crate) mod pack;
#[cfg(test)]
mod tests;

use crate::Buffer;
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as, form};
use cut::Cut;
use micro::{COLUMNS, ROWS, Tile};
use output::Output;
use rayon::prelude::*;

/// Longest stretch of the sum between two visits to C: a panel of B takes 16 KB of the 32 KB first-level cache.
pub(crate) const DEPTH: usize = 256;
/// Rows of A copied at a time: 192 KB of the 512 KB second-level cache at full depth.
const HEIGHT: usize = 192;
/// Floats between the end of a copied row of A and the next: six rows a power of two apart would share cache sets.
const GAP: usize = 16;

/// A product `C = A B` of row-major matrices: A is `m x k`, B `k x n`, C `m x n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gemm {
    /// Rows of A and C.
    pub m: usize,
    /// Columns of B and C.
    pub n: usize,
    /// Columns of A, rows of B: the length of each sum.
    pub k: usize,
    /// A lies in memory as `k x m`.
    pub transpose_a: bool,
    /// B lies in memory as `n x k`.
    pub transpose_b: bool,
    /// Add to C instead of overwriting it.
    pub accumulate: bool,
}

impl Gemm {
    /// `C = A B` with nothing transposed.
    pub fn new(m: usize, n: usize, k: usize) -> Self {
        Self { m, n, k, transpose_a: false, transpose_b: false, accumulate: false }
    }
}

/// How often a product is repeated, and how many floats lie between one matrix and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batch {
    /// Number of products.
    pub count: usize,
    /// From one A to the next; 0 uses one A for all.
    pub stride_a: usize,
    /// From one B to the next; 0 uses one B for all.
    pub stride_b: usize,
    /// From one C to the next: at least `m n`.
    pub stride_c: usize,
}

/// Computes one product.
///
/// # Panics
/// If a slice is shorter than its matrix.
#[track_caller]
pub fn gemm(shape: &Gemm, a: &[f32], b: &[f32], c: &mut [f32]) {
    gemm_as(form(), shape, a, b, c);
}

/// [`gemm`] in a given form.
#[track_caller]
pub(crate) fn gemm_as(form: Form, shape: &Gemm, a: &[f32], b: &[f32], c: &mut [f32]) {
    let batch = Batch { count: 1, stride_a: 0, stride_b: 0, stride_c: shape.m * shape.n };
    gemm_batch_as(form, shape, &batch, a, b, c);
}

/// Computes `batch.count` products of one shape.
///
/// # Panics
/// If a slice is shorter than its matrices, or the results overlap.
#[track_caller]
pub fn gemm_batch(shape: &Gemm, batch: &Batch, a: &[f32], b: &[f32], c: &mut [f32]) {
    gemm_batch_as(form(), shape, batch, a, b, c);
}

#[track_caller]
fn gemm_batch_as(form: Form, shape: &Gemm, batch: &Batch, a: &[f32], b: &[f32], c: &mut [f32]) {
    let &Gemm { m, n, k, .. } = shape;
    if batch.count == 0 || m == 0 || n == 0 {
        return;
    }
    let last = batch.count - 1;
    assert!(
        a.len() >= last * batch.stride_a + m * k
            && b.len() >= last * batch.stride_b + k * n
            && c.len() >= last * batch.stride_c + m * n
            && (last == 0 || batch.stride_c >= m * n),
        "gemm: {shape:?} with {batch:?} does not fit slices of {} (A), {} (B) and {} (C) floats",
        a.len(),
        b.len(),
        c.len(),
    );
    if k == 0 {
        if !shape.accumulate {
            for item in c.chunks_mut(batch.stride_c).take(batch.count) {
                item[..m * n].fill(0.0);
            }
        }
        return;
    }
    let cut = Cut::of(shape, batch.count);
    // The first stretch of the sum goes to C itself, each further one to a matrix of its own.
    let parts = cut.stretches(k) - 1;
    let mut partial = Buffer::new(parts * batch.count * m * n);
    let (output, rest) = (Output::new(c), Output::new(&mut partial));
    (0..cut.tasks(shape, batch.count)).into_par_iter().for_each(|index| {
        let task = cut.task(shape, index);
        let (place, accumulate) = if task.stretch == 0 {
            (output.pointer().wrapping_add(task.item * batch.stride_c), shape.accumulate)
        } else {
            let at = ((task.stretch - 1) * batch.count + task.item) * m * n;
            (rest.pointer().wrapping_add(at), false)
        };
        dispatch_as(
            form,
            Block {
                shape: Gemm { accumulate, ..*shape },
                a: &a[task.item * batch.stride_a..],
                b: &b[task.item * batch.stride_b..],
                c: place,
                rows: task.rows,
                columns: task.columns,
                sum: task.sum,
            },
        );
    });
    for part in partial.chunks_exact(batch.count * m * n).take(parts) {
        for (c, part) in c.chunks_mut(batch.stride_c).zip(part.chunks_exact(m * n)) {
            c.iter_mut().zip(part).for_each(|(c, part)| *c += part);
        }
    }
}

/// One task: the rows and columns of C it writes, and the stretch of the sum it adds up.
struct Block<'a> {
    shape: Gemm,
    a: &'a [f32],
    b: &'a [f32],
    c: *mut f32,
    rows: std::ops::Range<usize>,
    columns: std::ops::Range<usize>,
    sum: std::ops::Range<usize>,
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let panels = self.columns.len().div_ceil(COLUMNS);
        let depth = even(self.sum.len(), DEPTH, 1);
        let height = even(self.rows.len(), HEIGHT, ROWS);
        let mut right = Buffer::new(panels * depth * COLUMNS);
        let mut left = Buffer::new(height * (depth + GAP));
        for k0 in self.sum.clone().step_by(depth) {
            let k = depth.min(self.sum.end - k0);
            // SAFETY: the caller checked the slices against the shape, the ranges lie within it, and no other
            // task writes these rows and columns.
            unsafe {
                self.pack_right::<V>(k0, k, &mut right);
                for m0 in self.rows.clone().step_by(height) {
                    let m = height.min(self.rows.end - m0);
                    self.pack_left::<V>(m0, m, k0, k, &mut left);
                    for panel in 0..panels {
                        for tile in 0..m.div_ceil(ROWS) {
                            self.tile::<V>(m0, m, k0, k, panel, tile, &left, &right);
                        }
                    }
                }
            }
        }
    }
}

impl Block<'_> {
    #[inline(always)]
    unsafe fn pack_right<V: Vector>(&self, k0: usize, k: usize, to: &mut [f32]) {
        let Gemm { n, k: depth, transpose_b, .. } = self.shape;
        for (panel, to) in to.chunks_exact_mut(k * COLUMNS).enumerate() {
            let first = self.columns.start + panel * COLUMNS;
            if first >= self.columns.end {
                break;
            }
            let columns = COLUMNS.min(self.columns.end - first);
            // SAFETY: rows `k0..k0 + k` and the columns named lie within B; `to` holds a panel.
            unsafe {
                if transpose_b {
                    let from = self.b.as_ptr().add(first * depth + k0);
                    pack::columns_transposed::<V>(k, from, depth, columns, to.as_mut_ptr());
                } else {
                    let from = self.b.as_ptr().add(k0 * n + first);
                    pack::columns::<V>(k, from, n, columns, to.as_mut_ptr());
                }
            }
        }
    }

    /// Copies rows of A: as they are, or, where A lies transposed, as panels of six.
    #[inline(always)]
    unsafe fn pack_left<V: Vector>(&self, m0: usize, m: usize, k0: usize, k: usize, to: &mut [f32]) {
        let Gemm { m: stride, k: depth, transpose_a, .. } = self.shape;
        // SAFETY: rows `m0..m0 + m` and columns `k0..k0 + k` lie within A; `to` holds `height` rows of `k + GAP`.
        unsafe {
            if transpose_a {
                for tile in 0..m.div_ceil(ROWS) {
                    let first = m0 + tile * ROWS;
                    let from = self.a.as_ptr().add(k0 * stride + first);
                    let rows = ROWS.min(m0 + m - first);
                    let spacious = (k0 + k - 1) * stride + first + V::LANES <= self.a.len();
                    let to = to.as_mut_ptr().add(tile * ROWS * (k + GAP));
                    pack::rows_transposed::<V>(k, from, stride, rows, spacious, to);
                }
            } else {
                for row in 0..m {
                    let from = self.a.as_ptr().add((m0 + row) * depth + k0);
                    pack::row::<V>(k, from, to.as_mut_ptr().add(row * (k + GAP)));
                }
            }
        }
    }

    #[inline(always)]
    unsafe fn tile<V: Vector>(
        &self,
        m0: usize,
        m: usize,
        k0: usize,
        k: usize,
        panel: usize,
        tile: usize,
        left: &[f32],
        right: &[f32],
    ) {
        let column = self.columns.start + panel * COLUMNS;
        let rows = ROWS.min(m - tile * ROWS);
        let columns = COLUMNS.min(self.columns.end - column);
        let accumulate = self.shape.accumulate || k0 > self.sum.start;
        // SAFETY: panels and tiles lie in the packed copies (rows past the last hold old, finite or not, values that
        // only reach rows of the tile that are not written); the part of C written is this task's own.
        unsafe {
            let a = left.as_ptr().add(tile * ROWS * (k + GAP));
            let b = right.as_ptr().add(panel * k * COLUMNS);
            let c = self.c.add((m0 + tile * ROWS) * self.shape.n + column);
            let c = micro::places(c, self.shape.n, rows);
            if accumulate {
                Tile::<V>::prefetch(c);
            }
            let mut sums = Tile::<V>::zero();
            if self.shape.transpose_a {
                sums.multiply(k, micro::rows(a, 1), ROWS, b);
            } else {
                sums.multiply(k, micro::rows(a, k + GAP), 1, b);
            }
            if rows == ROWS && columns == COLUMNS {
                sums.store(c, accumulate);
            } else {
                sums.store_part(c, rows, columns, accumulate);
            }
        }
    }
}

/// The largest piece, a multiple of `unit`, when `length` is cut evenly into pieces of at most `limit`.
pub(crate) fn even(length: usize, limit: usize, unit: usize) -> usize {
    length.div_ceil(length.div_ceil(limit).max(1)).next_multiple_of(unit).max(unit)
}
