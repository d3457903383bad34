//! The weight gradient: F(3x3, 4x4), F(4x4, 3x3) and F(2x2, 4x4), with the output's gradient as the filter.
//!
//! Each point needs the product of all tiles of the input with all tiles of the output's gradient, channels by channels. The
//! tiles come in stretches; a stretch is summed in registers and transformed back to taps, and the taps of the
//! stretches are added. So no sum of products ever goes to memory, where it would take four times the weights' room, and
//! sums are in blocks, which keeps the error from growing with the number of tiles.

use super::correlation::Correlation;
use super::lines::{Family, Line};
use super::panels::{Gather, Panels, apart, points};
use super::plane::{Grid, Sink, load_part, prefetch, store_part, transform};
use super::windows::{Tiling, Windows};
use crate::Buffer;
use crate::cpu::conv::Conv2d;
use crate::cpu::gemm::even;
use crate::cpu::gemm::micro::{COLUMNS, ROWS, Tile, rows};
use crate::cpu::gemm::output::Output;
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as};
use rayon::prelude::*;
use std::marker::PhantomData;
use std::ops::Range;

/// Most tiles of a stretch. Reasoned: 64 to 256 did not differ by more than two rounds of one setting did; fewer cost more
/// transforms, more take more memory.
const STRETCH: usize = 128;
/// Tiles that a task transforms.
const PIECE: usize = 12;
/// Vectors of the input's panels: 24 channels are four groups of the micro-kernel's six rows.
const DEEP_VECTORS: usize = 3;
/// Vectors of the gradient's panels: the micro-kernel's columns.
const WIDE_VECTORS: usize = COLUMNS / 8;
/// Input channels of a task of products.
const DEEP: usize = 48;
/// Output channels of one.
const WIDE: usize = 32;

struct WeightGradient {
    /// The convolution that is differentiated.
    forward: Correlation,
    /// The input's tiles.
    deep: Panels,
    /// Those of the output's gradient.
    wide: Panels,
}

/// Computes the whole gradient.
pub(super) fn weight_gradient<F: Family>(form: Form, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let forward = Correlation::new::<F>(c, false);
    let all = forward.tiling.count();
    let stretch = even(all, STRETCH, 1);
    let filters = forward.filters;
    let room = |vectors, chunks| points::<F>() * Panels::new(stretch, vectors, stretch, chunks).stride();
    let mut deep = Buffer::new(room(DEEP_VECTORS, filters.depth() / 8));
    let mut wide = Buffer::new(room(WIDE_VECTORS, forward.target.chunks()));
    for begin in (0..all).step_by(stretch) {
        let tiles = begin..all.min(begin + stretch);
        let count = tiles.len();
        let step = WeightGradient {
            forward,
            deep: Panels::new(count, DEEP_VECTORS, count, filters.depth() / 8),
            wide: Panels::new(count, WIDE_VECTORS, count, forward.target.chunks()),
        };
        step.transform_tiles::<F>(form, x, dy, tiles, Output::new(&mut deep), Output::new(&mut wide));
        step.multiply::<F>(form, &deep, &wide, begin > 0, Output::new(dw));
    }
}

impl WeightGradient {
    fn transform_tiles<F: Family>(
        &self,
        form: Form,
        x: &[f32],
        dy: &[f32],
        tiles: Range<usize>,
        deep: Output,
        wide: Output,
    ) {
        let pieces = tiles.len().div_ceil(PIECE);
        let Correlation { source, target, tiling, filters } = self.forward;
        (0..2 * pieces).into_par_iter().for_each(|task| {
            let begin = tiles.start + task / 2 * PIECE;
            let piece = begin..tiles.end.min(begin + PIECE);
            let first = begin - tiles.start;
            let side = filters.side_by_side;
            if task % 2 == 0 {
                gather::<F, F::Input>(form, source, tiling, x, piece, first, self.deep, deep, side);
            } else {
                gather::<F, F::Gradient>(form, target, tiling, dy, piece, first, self.wide, wide, 1);
            }
        });
    }

    fn multiply<F: Family>(&self, form: Form, deep: &[f32], wide: &[f32], accumulate: bool, dw: Output) {
        let filters = self.forward.filters;
        let (depth, width) = (filters.depth(), self.forward.target.channels);
        let (down, across) = (depth.div_ceil(DEEP), width.div_ceil(WIDE));
        (0..down * across).into_par_iter().for_each_init(
            || Buffer::new(points::<F>() * product_stride()),
            |products, task| {
                let (row, column) = (task / across * DEEP, task % across * WIDE);
                dispatch_as(
                    form,
                    Block::<F> {
                        step: self,
                        deep,
                        wide,
                        rows: row..depth.min(row + DEEP),
                        columns: column..width.min(column + WIDE),
                        products,
                        accumulate,
                        dw,
                        family: PhantomData,
                    },
                );
            },
        );
    }
}

fn gather<F: Family, L: Line>(
    form: Form,
    windows: Windows,
    tiling: Tiling,
    pictures: &[f32],
    tiles: Range<usize>,
    first: usize,
    panels: Panels,
    to: Output,
    side_by_side: usize,
) {
    let to = to.pointer();
    let points = points::<F>();
    let line = PhantomData;
    dispatch_as(
        form,
        Gather::<L> { windows, tiling, pictures, tiles, first, panels, to, points, side_by_side, line },
    );
}

/// Floats from a point of a task's products to the next.
fn product_stride() -> usize {
    apart(DEEP * WIDE)
}

/// Some input channels by some output channels of one stretch: multiplied and transformed to taps.
struct Block<'a, F> {
    step: &'a WeightGradient,
    deep: &'a [f32],
    wide: &'a [f32],
    /// Input channels, phases side by side.
    rows: Range<usize>,
    columns: Range<usize>,
    /// Point after point, `DEEP` rows of `WIDE`.
    products: &'a mut [f32],
    /// Adds to the gradient instead of writing it.
    accumulate: bool,
    dw: Output,
    family: PhantomData<F>,
}

impl<F: Family> Kernel for Block<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        // SAFETY: the caller's promise.
        unsafe {
            self.multiply::<V>();
            self.finish::<V>();
        }
    }
}

impl<F: Family> Block<'_, F> {
    /// # Safety
    /// The processor must support `V`.
    #[inline(always)]
    unsafe fn multiply<V: Vector>(&mut self) {
        let WeightGradient { deep, wide, .. } = *self.step;
        let tiles = deep.tiles;
        for point in 0..points::<F>() {
            let from = self.deep.as_ptr().wrapping_add(point * deep.stride());
            let from_wide = self.wide.as_ptr().wrapping_add(point * wide.stride());
            let to = self.products[point * product_stride()..].as_mut_ptr();
            let first_wide = wide.offset(0, self.columns.start / 8);
            let mut wide_ahead = from_wide.wrapping_add(wide.stride() + first_wide);
            for block in self.rows.clone().step_by(8 * DEEP_VECTORS) {
                let rows_here = block..self.rows.end.min(block + 8 * DEEP_VECTORS);
                let following = if rows_here.end < self.rows.end {
                    deep.offset(0, rows_here.end / 8)
                } else {
                    deep.stride() + deep.offset(0, self.rows.start / 8)
                };
                let mut deep_ahead = from.wrapping_add(following);
                for column in self.columns.clone().step_by(2 * COLUMNS) {
                    let b = from_wide.wrapping_add(wide.offset(0, column / 8));
                    let pair = column + COLUMNS < self.columns.end;
                    let beside = if pair { wide.offset(0, (column + COLUMNS) / 8) } else { 0 };
                    let beside = from_wide.wrapping_add(beside);
                    for row in rows_here.clone().step_by(ROWS) {
                        // Six channels begin at any even lane of a block's 24.
                        let a = from.wrapping_add(deep.offset(0, row / 8) + row % 8);
                        // SAFETY: the panels have room for whole blocks of channels, of which a task's rows begin
                        // at one; the products have room for all rows and columns of a task. What is fetched ahead
                        // is not read.
                        unsafe {
                            let mut sums = [Tile::<V>::zero(); 2];
                            for at in (0..tiles).step_by(8) {
                                for _ in 0..=usize::from(pair) {
                                    prefetch(deep_ahead);
                                    prefetch(deep_ahead.wrapping_add(16));
                                    prefetch(wide_ahead);
                                    deep_ahead = deep_ahead.wrapping_add(24);
                                    wide_ahead = wide_ahead.wrapping_add(16);
                                }
                                let count = 8.min(tiles - at);
                                let a = rows(a.add(at * 8 * DEEP_VECTORS), 1);
                                let b = b.add(at * COLUMNS);
                                if pair {
                                    let b = [b, beside.add(at * COLUMNS)];
                                    Tile::multiply_wide(&mut sums, count, a, 8 * DEEP_VECTORS, b);
                                } else {
                                    sums[0].multiply(count, a, 8 * DEEP_VECTORS, b);
                                }
                            }
                            let start = to.add((row - self.rows.start) * WIDE + column - self.columns.start);
                            for (index, sum) in sums.into_iter().enumerate().take(1 + usize::from(pair)) {
                                let mut c = [start.add(index * COLUMNS); ROWS];
                                for (r, place) in c.iter_mut().enumerate() {
                                    *place = place.add(r * WIDE);
                                }
                                sum.store(c, false);
                            }
                        }
                    }
                }
            }
        }
    }

    /// # Safety
    /// The processor must support `V`.
    #[inline(always)]
    unsafe fn finish<V: Vector>(&self) {
        let filters = self.step.forward.filters;
        let per_phase = filters.chunks() * 8;
        let size = filters.channels_in * filters.channels_out;
        for row in self.rows.clone() {
            let (phase, channel) = (row / per_phase, row % per_phase);
            if channel >= filters.channels_in {
                continue;
            }
            for column in self.columns.clone().step_by(8) {
                let start = (row - self.rows.start) * WIDE + column - self.columns.start;
                let stride = product_stride();
                let from =
                    Grid { start: self.products[start..].as_ptr(), down: F::POINTS * stride, right: stride };
                let first = (phase / 2 * filters.kernel[1] + phase % 2) * size;
                let to = Taps {
                    start: self.dw.pointer().wrapping_add(first + channel * filters.channels_out + column),
                    down: filters.step * filters.kernel[1] * size,
                    right: filters.step * size,
                    count: filters.channels_out - column,
                    accumulate: self.accumulate,
                };
                // SAFETY: the products hold the rows and columns of this task, whose taps no other task writes.
                unsafe { transform::<V, F::Taps>(&from, &to) };
            }
        }
    }
}

/// Taps of one input channel and up to eight output channels.
struct Taps {
    start: *mut f32,
    down: usize,
    right: usize,
    /// Output channels left.
    count: usize,
    accumulate: bool,
}

impl Sink for Taps {
    #[inline(always)]
    unsafe fn put<V: Vector>(&self, row: usize, column: usize, value: V) {
        let to = self.start.wrapping_add(row * self.down + column * self.right);
        // SAFETY: the tap lies in the weights and has `count` output channels left.
        unsafe {
            if self.count >= V::LANES {
                let value = if self.accumulate { V::load(to).add(value) } else { value };
                value.store(to);
            } else {
                let value = if self.accumulate { load_part::<V>(to, self.count).add(value) } else { value };
                store_part(value, to, self.count);
            }
        }
    }
}
