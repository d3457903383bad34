//! The matrices that are read, and their packed copies.
//!
//! A product may be several at once: of one A with several B side by side, each with a C of its own, so that what is packed or read of A
//! serves them all; or a sum of products, whose columns of A and rows of B follow each other as if they were of one matrix, so that C
//! is written once.
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

/// Columns of B and C: those of one product among several side by side.
pub(super) struct Columns<'a> {
    pub b: &'a [f32],
    /// How many.
    pub width: usize,
    /// The first of them, were all products one: a multiple of those of two panels.
    pub first: usize,
}

/// A stretch of the sum: one product among several that are added.
pub(super) struct Term<'a> {
    pub a: &'a [f32],
    /// Of a sum of products; else B is that of the columns.
    pub b: &'a [f32],
    /// Steps of the sum.
    pub length: usize,
    /// The first of them, were the sum one.
    pub first: usize,
}

/// The part of a term that lies in a step.
#[derive(Clone)]
pub(super) struct Chunk {
    pub term: usize,
    /// Of the term.
    pub range: Range<usize>,
    /// Where it begins in the step.
    pub at: usize,
}

pub(super) struct Operands<'a> {
    pub shape: &'a Gemm,
    pub batch: &'a Batch,
    /// One, or several of one term.
    pub columns: &'a [Columns<'a>],
    /// One, or several of the same columns.
    pub terms: &'a [Term<'a>],
    /// Longest step of the sum.
    pub depth: usize,
}

impl Operands<'_> {
    /// The part of the sum that a step covers.
    pub(super) fn stretch(&self, step: usize) -> Range<usize> {
        step * self.depth..self.shape.k.min((step + 1) * self.depth)
    }

    /// The same, term by term.
    #[inline(always)]
    pub(super) fn chunks(&self, step: usize) -> impl Iterator<Item = Chunk> {
        let Range { start, end } = self.stretch(step);
        self.terms.iter().enumerate().filter_map(move |(term, &Term { length, first, .. })| {
            let range = start.max(first)..end.min(first + length);
            (!range.is_empty()).then(|| Chunk {
                term,
                range: range.start - first..range.end - first,
                at: range.start - start,
            })
        })
    }

    /// Columns, were all products one.
    pub(super) fn width(&self) -> usize {
        self.columns.last().map_or(0, |last| last.first + last.width)
    }

    /// The parts of some columns: which product's, and which of its columns.
    #[inline(always)]
    pub(super) fn parts(&self, columns: &Range<usize>) -> impl Iterator<Item = (usize, Range<usize>)> {
        let Range { start, end } = *columns;
        self.columns.iter().enumerate().filter_map(move |(index, &Columns { width, first, .. })| {
            let range = start.max(first)..end.min(first + width);
            (!range.is_empty()).then(|| (index, range.start - first..range.end - first))
        })
    }

    /// Whether A is read where it lies.
    pub(super) fn in_place(&self) -> bool {
        !self.shape.transpose_a && self.terms.iter().all(|term| !term.length.is_multiple_of(PAGE))
    }

    /// A where it lies, from a row and the beginning of a chunk on, and the floats from a row to the next.
    #[inline(always)]
    pub(super) fn left(&self, item: usize, chunk: &Chunk, row: usize) -> (&[f32], usize) {
        let Term { a, length, .. } = self.terms[chunk.term];
        (&a[item * self.batch.stride_a + row * length + chunk.range.start..], length)
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
            Side::Right => self.width().div_ceil(GROUP * COLUMNS),
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

    /// Packs columns of B, from a multiple of two panels on.
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
        for (index, part) in self.parts(&columns) {
            let of = &self.columns[index];
            let to = &mut to[(of.first + part.start - columns.start) * self.depth..];
            for chunk in self.chunks(step) {
                let b = if self.terms.len() > 1 { self.terms[chunk.term].b } else { of.b };
                let b = &b[item * self.batch.stride_b..];
                // SAFETY: the caller's promise; the chunk's rows of all panels begin behind those of the ones before.
                unsafe {
                    self.pack_columns::<V>(b, of.width, &chunk, part.clone(), &mut to[chunk.at * COLUMNS..]);
                };
            }
        }
    }

    /// Packs some columns of one B, `width` or a term's length from row to row.
    ///
    /// # Safety
    /// As [`Operands::pack_right`].
    #[inline(always)]
    unsafe fn pack_columns<V: Vector>(
        &self,
        b: &[f32],
        width: usize,
        chunk: &Chunk,
        columns: Range<usize>,
        to: &mut [f32],
    ) {
        let (start, k) = (chunk.range.start, chunk.range.len());
        let (along, apart) = (self.terms[chunk.term].length, self.depth * COLUMNS);
        if !self.shape.transpose_b {
            for (first, to) in columns.clone().step_by(GROUP * COLUMNS).zip(to.chunks_mut(GROUP * apart)) {
                let count = (GROUP * COLUMNS).min(columns.end - first);
                // SAFETY: rows `start..start + k` and the columns named lie within B; `to` holds their panels.
                unsafe {
                    let from = b.as_ptr().add(start * width + first);
                    pack::columns::<V>(k, from, width, count, to.as_mut_ptr(), apart);
                }
            }
            return;
        }
        for (first, to) in columns.clone().step_by(COLUMNS).zip(to.chunks_mut(apart)) {
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
        let &Gemm { m, transpose_a, .. } = self.shape;
        let apart = ROWS * (self.depth + GAP);
        for chunk in self.chunks(step) {
            let Term { a, length, .. } = self.terms[chunk.term];
            let (a, start, k) = (&a[item * self.batch.stride_a..], chunk.range.start, chunk.range.len());
            if transpose_a {
                for (first, to) in rows.clone().step_by(GROUP * ROWS).zip(to.chunks_mut(GROUP * apart)) {
                    let count = (GROUP * ROWS).min(rows.end - first);
                    // SAFETY: the rows named and columns `start..start + k` lie within A; `to` holds their tiles.
                    unsafe {
                        let from = a.as_ptr().add(start * m + first);
                        let to = to[chunk.at * ROWS..].as_mut_ptr();
                        pack::panels_transposed::<V>(k, from, m, count, to, apart);
                    }
                }
                continue;
            }
            for (row, to) in rows.clone().zip(to.chunks_exact_mut(self.depth + GAP)) {
                // SAFETY: as above; `to` holds the row with its gap.
                unsafe {
                    let from = a.as_ptr().add(row * length + start);
                    pack::row::<V>(k, from, to[chunk.at..].as_mut_ptr());
                }
            }
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
        let part = |size: usize, all: usize| group * size..all.min((group + 1) * size);
        // SAFETY: the groups are those of the operand.
        unsafe {
            match side {
                Side::Left => operands.pack_left::<V>(item, step, part(GROUP * ROWS, operands.shape.m), to),
                Side::Right => {
                    operands.pack_right::<V>(item, step, part(GROUP * COLUMNS, operands.width()), to);
                }
            }
        }
    }
}
