//! The two matrices that are read, and their packed copies.
//!
//! Packed, an operand lies by product of the batch, by step of the sum, and then A by tiles of six rows, B by panels of
//! sixteen columns.

use super::cut::Side;
use super::micro::{COLUMNS, ROWS};
use super::{Batch, GAP, Gemm, PAGE, pack};
use crate::Buffer;
use crate::cpu::parallel;
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as};
use std::ops::Range;

/// Tiles or panels that a packing task copies.
const GROUP: usize = 8;

pub(super) struct Operands<'a> {
    pub shape: &'a Gemm,
    pub batch: &'a Batch,
    pub a: &'a [f32],
    pub b: &'a [f32],
    /// Longest step of the sum.
    pub depth: usize,
}

impl Operands<'_> {
    /// The part of the sum that a step covers.
    pub(super) fn stretch(&self, step: usize) -> Range<usize> {
        step * self.depth..self.shape.k.min((step + 1) * self.depth)
    }

    /// Whether A is read where it lies.
    pub(super) fn in_place(&self) -> bool {
        !self.shape.transpose_a && !self.shape.k.is_multiple_of(PAGE)
    }

    /// Floats from a row of A to the next as the micro-kernel reads it; where A lies transposed, a sixth of a panel.
    pub(super) fn row_stride(&self) -> usize {
        if self.in_place() { self.shape.k } else { self.depth + GAP }
    }

    /// A where it lies, from a row and the beginning of a step on.
    pub(super) fn left(&self, item: usize, step: usize, row: usize) -> &[f32] {
        &self.a[item * self.batch.stride_a + row * self.shape.k + step * self.depth..]
    }

    /// Floats of [`GROUP`] packed tiles or panels.
    fn group(&self, side: Side) -> usize {
        match side {
            Side::Left => GROUP * ROWS * (self.depth + GAP),
            Side::Right => GROUP * COLUMNS * self.depth,
        }
    }

    /// Groups of one step.
    fn groups(&self, side: Side) -> usize {
        match side {
            Side::Left => self.shape.m.div_ceil(GROUP * ROWS),
            Side::Right => self.shape.n.div_ceil(GROUP * COLUMNS),
        }
    }

    /// Where a step of a product begins in the operand packed whole.
    pub(super) fn packed_at(&self, side: Side, item: usize, step: usize) -> usize {
        let steps = self.shape.k.div_ceil(self.depth);
        (item * steps + step) * self.groups(side) * self.group(side)
    }

    /// Packs one operand whole.
    pub(super) fn share(&self, form: Form, side: Side) -> Buffer {
        let steps = self.shape.k.div_ceil(self.depth);
        let mut all = Buffer::new(self.packed_at(side, self.batch.count, 0));
        parallel::for_each_chunk(&mut all, self.group(side), |index, to| {
            let (group, rest) = (index % self.groups(side), index / self.groups(side));
            dispatch_as(
                form,
                Pack { operands: self, side, item: rest / steps, step: rest % steps, group, to },
            );
        });
        all
    }

    /// Packs columns of B, from a multiple of sixteen on.
    ///
    /// # Safety
    /// The processor must support `V`; product, step and columns must be the operand's; `to` must have room for the
    /// panels.
    #[inline(always)]
    pub(super) unsafe fn pack_right<V: Vector>(
        &self,
        item: usize,
        step: usize,
        columns: Range<usize>,
        to: &mut [f32],
    ) {
        let &Gemm { n, k: along, transpose_b, .. } = self.shape;
        let (start, k) = (step * self.depth, self.stretch(step).len());
        let b = &self.b[item * self.batch.stride_b..];
        let apart = self.depth * COLUMNS;
        if !transpose_b {
            for (first, to) in columns.clone().step_by(GROUP * COLUMNS).zip(to.chunks_mut(GROUP * apart)) {
                let width = (GROUP * COLUMNS).min(columns.end - first);
                // SAFETY: rows `start..start + k` and the columns named lie within B; `to` holds their panels.
                unsafe {
                    pack::columns::<V>(
                        k,
                        b.as_ptr().add(start * n + first),
                        n,
                        width,
                        to.as_mut_ptr(),
                        apart,
                    );
                }
            }
            return;
        }
        for (first, to) in columns.clone().step_by(COLUMNS).zip(to.chunks_exact_mut(apart)) {
            let columns = COLUMNS.min(columns.end - first);
            // SAFETY: as above.
            unsafe {
                let from = b.as_ptr().add(first * along + start);
                pack::columns_transposed::<V>(k, from, along, columns, to.as_mut_ptr());
            }
        }
    }

    /// Packs rows of A, from a multiple of six on: as they are, with a gap between them, or, where A lies transposed,
    /// as panels of six.
    ///
    /// # Safety
    /// The processor must support `V`; product, step and rows must be the operand's; `to` must have room for the tiles.
    #[inline(always)]
    pub(super) unsafe fn pack_left<V: Vector>(
        &self,
        item: usize,
        step: usize,
        rows: Range<usize>,
        to: &mut [f32],
    ) {
        let &Gemm { m, k: along, transpose_a, .. } = self.shape;
        let (start, k) = (step * self.depth, self.stretch(step).len());
        let a = &self.a[item * self.batch.stride_a..];
        let apart = ROWS * (self.depth + GAP);
        if transpose_a {
            for (first, to) in rows.clone().step_by(GROUP * ROWS).zip(to.chunks_mut(GROUP * apart)) {
                let count = (GROUP * ROWS).min(rows.end - first);
                // SAFETY: the rows named and columns `start..start + k` lie within A; `to` holds their tiles.
                unsafe {
                    let from = a.as_ptr().add(start * m + first);
                    pack::panels_transposed::<V>(k, from, m, count, to.as_mut_ptr(), apart);
                }
            }
            return;
        }
        for (row, to) in rows.zip(to.chunks_exact_mut(self.depth + GAP)) {
            // SAFETY: as above; `to` holds the row with its gap.
            unsafe { pack::row::<V>(k, a.as_ptr().add(row * along + start), to.as_mut_ptr()) };
        }
    }
}

/// A group of tiles or panels.
struct Pack<'a> {
    operands: &'a Operands<'a>,
    side: Side,
    item: usize,
    step: usize,
    group: usize,
    to: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { operands, side, item, step, group, to } = self;
        let Gemm { m, n, .. } = *operands.shape;
        let part = |size: usize, all: usize| group * size..all.min((group + 1) * size);
        // SAFETY: the groups are those of the operand.
        unsafe {
            match side {
                Side::Left => operands.pack_left::<V>(item, step, part(GROUP * ROWS, m), to),
                Side::Right => operands.pack_right::<V>(item, step, part(GROUP * COLUMNS, n), to),
            }
        }
    }
}
