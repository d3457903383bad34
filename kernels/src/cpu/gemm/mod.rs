//! Products of matrices: `C = A B`, packed and blocked for the caches, threads over blocks of C.
//!
//! A is read where it lies, unless its rows would crowd into a few places of the caches, or it lies transposed; B is always
//! packed. What is packed of the smaller operand is packed whole, first. Then tasks cut C, mostly its longer side, and each
//! packs its own part of the other operand, so that little is packed twice (where C is small and the sum long, they cut
//! the sum as well). A task walks the sum in steps of at most `DEPTH` and its rows in groups of `HEIGHT`: for each panel
//! of B, which stays in the first-level cache, it runs the micro-kernel down the rows of A, which stay in the second-level
//! cache.
//!
//! Blocks are cut by shape alone and stretches of the sum are added in order, so the result is the same to the last
//! bit on any number of threads.

mod cut;
pub(crate) mod micro;
mod operands;
pub(crate) mod output;
pub(crate) mod pack;
#[cfg(test)]
mod tests;

use crate::Buffer;
use crate::cpu::parallel;
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as, form};
use cut::{Cut, Side, Task};
use micro::{COLUMNS, ROWS, Tile};
use operands::Operands;
use output::Output;

/// Longest stretch of the sum between two visits to C: a panel of B takes 16 KB of a first-level cache of 32 KB; with
/// AVX-512, whose processors have one of 48 KB, two take 32 KB.
pub(crate) const DEPTH: usize = 256;
/// Rows of A that one panel of B serves: 192 KB of a second-level cache of 512 KB or more at full depth.
const HEIGHT: usize = 192;
/// Floats between the end of a copied row of A and the next: rows a power of two apart would share cache sets.
const GAP: usize = 16;
/// Rows of A this many floats apart (or a multiple) all share cache sets.
const PAGE: usize = 1024;

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
    let operands = Operands { shape, batch, a, b, depth: cut.depth };
    let shared = match cut.shared {
        Side::Left if operands.in_place() => Buffer::new(0),
        side => operands.share(form, side),
    };
    // The first stretch of the sum goes to C itself, each further one to a matrix of its own.
    let parts = cut.stretches - 1;
    let mut partial = Buffer::new(parts * batch.count * m * n);
    let (output, rest) = (Output::new(c), Output::new(&mut partial));
    parallel::for_each(cut.tasks(batch.count), |index| {
        let task = cut.task(index);
        let (c, accumulate) = if task.stretch == 0 {
            (output.offset(task.item * batch.stride_c), shape.accumulate)
        } else {
            (rest.offset(((task.stretch - 1) * batch.count + task.item) * m * n), false)
        };
        let (operands, shared) = (&operands, (cut.shared, &*shared));
        dispatch_as(form, Block { operands, shared, c, accumulate, task });
    });
    for part in partial.chunks_exact(batch.count * m * n).take(parts) {
        for (c, part) in c.chunks_mut(batch.stride_c).zip(part.chunks_exact(m * n)) {
            c.iter_mut().zip(part).for_each(|(c, part)| *c += part);
        }
    }
}

/// One task: a block of C, summed over a stretch.
struct Block<'a> {
    operands: &'a Operands<'a>,
    /// The operand that was packed before, whole.
    shared: (Side, &'a [f32]),
    c: Output,
    accumulate: bool,
    task: Task,
}

impl Kernel for Block<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { operands, shared: (side, shared), ref task, .. } = self;
        let (depth, in_place) = (operands.depth, operands.in_place());
        let height = even(task.rows.len(), HEIGHT, ROWS);
        let mut own = match side {
            Side::Left => Buffer::new(task.columns.len().next_multiple_of(COLUMNS) * depth),
            Side::Right if in_place => Buffer::new(0),
            Side::Right => Buffer::new(height * (depth + GAP)),
        };
        for step in task.steps.clone() {
            let shared = shared.get(operands.packed_at(side, task.item, step)..).unwrap_or(&[]);
            if side == Side::Left {
                // SAFETY: the ranges lie within the operands, `own` was made for them.
                unsafe { operands.pack_right::<V>(task.item, step, task.columns.clone(), &mut own) };
            }
            for first in task.rows.clone().step_by(height) {
                let rows = first..task.rows.end.min(first + height);
                let (left, right) = match side {
                    Side::Left if in_place => (operands.left(task.item, step, first), &*own),
                    Side::Left => (&shared[first * (depth + GAP)..], &*own),
                    Side::Right => {
                        let right = &shared[task.columns.start * depth..];
                        if in_place {
                            (operands.left(task.item, step, first), right)
                        } else {
                            // SAFETY: as above.
                            unsafe { operands.pack_left::<V>(task.item, step, rows.clone(), &mut own) };
                            (&*own, right)
                        }
                    }
                };
                for (pair, column) in task.columns.clone().step_by(2 * COLUMNS).enumerate() {
                    for (tile, row) in rows.clone().step_by(ROWS).enumerate() {
                        let left = &left[tile * ROWS * operands.row_stride()..];
                        let right = &right[2 * pair * COLUMNS * depth..];
                        let size = [ROWS.min(rows.end - row), (2 * COLUMNS).min(task.columns.end - column)];
                        // SAFETY: the tiles lie within this task's block of C, their panels in the packed operands.
                        unsafe { self.tiles::<V>(step, left, right, [row, column], size) };
                    }
                }
            }
        }
    }
}

impl Block<'_> {
    /// Two tiles side by side, or one where there are no more columns.
    #[inline(always)]
    unsafe fn tiles<V: Vector>(
        &self,
        step: usize,
        left: &[f32],
        right: &[f32],
        [row, column]: [usize; 2],
        [rows, columns]: [usize; 2],
    ) {
        let Operands { shape: &Gemm { n, transpose_a, .. }, depth, .. } = *self.operands;
        let stride = self.operands.row_stride();
        let k = self.operands.stretch(step).len();
        let accumulate = self.accumulate || step > self.task.steps.start;
        let (a, b) = (left.as_ptr(), right.as_ptr());
        let count = columns.div_ceil(COLUMNS);
        // SAFETY: the caller names tiles of this task (rows past the last only reach rows that are not
        // written) and panels of it.
        unsafe {
            let c = micro::places(self.c.pointer().add(row * n + column), n, rows);
            if accumulate {
                Tile::<V>::prefetch(c, columns);
            }
            // The next rows of A: the processor's own prefetching follows a row only once it has begun.
            let next = a.wrapping_add(ROWS * stride);
            for r in 0..ROWS {
                V::prefetch(next.wrapping_add(r * stride));
                V::prefetch(next.wrapping_add(r * stride + GAP));
            }
            let mut sums = [Tile::<V>::zero(); 2];
            let (a, along) = if transpose_a {
                (micro::rows(a, 1), ROWS)
            } else {
                // Rows past the last repeat it.
                (std::array::from_fn(|r| a.add(r.min(rows - 1) * stride)), 1)
            };
            if count == 2 {
                Tile::multiply_wide(&mut sums, k, a, along, [b, b.add(COLUMNS * depth)]);
            } else {
                sums[0].multiply(k, a, along, b);
            }
            Tile::store_wide(&sums, c, rows, columns, accumulate);
        }
    }
}

/// The largest piece, a multiple of `unit`, when `length` is cut evenly into pieces of at most `limit`.
pub(crate) fn even(length: usize, limit: usize, unit: usize) -> usize {
    length.div_ceil(length.div_ceil(limit).max(1)).next_multiple_of(unit).max(unit)
}
