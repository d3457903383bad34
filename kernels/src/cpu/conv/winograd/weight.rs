//! The weight gradient: F(3x3, 4x4), F(4x4, 3x3) and F(2x2, 4x4), with the output's gradient as the filter.
//!
//! Each point needs the product of all tiles of the input with all tiles of the output's gradient, channels by channels. The
//! tiles come in stretches, transformed by all threads into memory that they share; then the products are summed, in blocks of
//! tiles, which keeps the error from growing with their number, and at last the sums are transformed back to taps.
//!
//! Sums of a few megabytes are kept for all stretches, and a task is one point of a block of channels: it reads its tiles once.
//! Larger ones would go to memory and back, where they take four times the weights' room. There a task is a block of channels at all
//! points, whose sums stay in its second-level cache until they are taps, and the taps of the stretches are added.

use super::correlation::Correlation;
use super::families::Family;
use super::lines::Line;
use super::measures::{LANES, apart, exchange, points};
use super::panels::{Gather, Panels};
use super::plane::{Grid, Sink, prefetch, transform};
use super::tile::{Tile, large};
use super::windows::{Tiling, Windows};
use crate::Buffer;
use crate::cpu::conv::Conv2d;
use crate::cpu::gemm::even;
use crate::cpu::gemm::output::Output;
use crate::cpu::parallel;
use crate::cpu::simd::{Form, Kernel, Lanes, Vector, dispatch_as};
use std::marker::PhantomData;
use std::ops::Range;

/// Floats of a stretch's transformed tiles (8 MB): a quarter of the third-level cache.
const STRETCH: usize = 2 << 20;
/// Fewest and most tiles of a stretch: fewer cost more transforms of sums, more gain nothing.
const STRETCH_TILES: [usize; 2] = [128, 1024];
/// Tiles that are summed in registers: a vector of them takes 8 KB of the first-level cache, where one of the input and two of the
/// gradient lie while they are multiplied, and the next come.
const SUMMED: usize = 128;
/// Tiles that a task transforms.
const PIECE: usize = 12;
/// Input channels and output channels of a block: its sums at 36 points take 590 KB of the second-level cache (1 MB), and for each
/// float of tiles that is read there are 32 multiplications.
const BLOCK: usize = 64;
/// Most floats of sums (4 MB) that are kept for all stretches.
const KEPT: usize = 1 << 20;

struct WeightGradient {
    /// The convolution that is differentiated.
    forward: Correlation,
    /// The input's tiles.
    deep: Panels,
    /// Those of the output's gradient.
    wide: Panels,
    /// How many there are.
    count: usize,
}

/// Some input channels, phases side by side, by some output channels.
#[derive(Clone)]
struct Block {
    rows: Range<usize>,
    columns: Range<usize>,
}

/// Computes the whole gradient.
pub(super) fn weight_gradient<F: Family>(form: Form, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    gradient_of::<F>(form, Correlation::new::<F>(c, false), x, dy, dw);
}

/// The same for a convolution that is cut into tiles already.
pub(super) fn gradient_of<F: Family>(
    form: Form,
    forward: Correlation,
    x: &[f32],
    dy: &[f32],
    dw: &mut [f32],
) {
    let all = forward.tiling.count();
    let (deep_vectors, wide_vectors) = (forward.filters.depth() / LANES, forward.target.vectors());
    let tile = points::<F>() * LANES * (deep_vectors + wide_vectors);
    let stretch = even(all, (STRETCH / tile).clamp(STRETCH_TILES[0], STRETCH_TILES[1]), 1);
    let panels = |count: usize, vectors| Panels::new(even(count, SUMMED, 1), count, vectors);
    let room = |vectors| points::<F>() * panels(stretch, vectors).stride();
    let (mut deep, mut wide) = (Buffer::new(room(deep_vectors)), Buffer::new(room(wide_vectors)));
    let blocks = blocks(&forward);
    let sums = points::<F>() * product_stride();
    let kept = blocks.len() * sums <= KEPT;
    let mut products = Buffer::new(if kept { blocks.len() * sums } else { 0 });
    let dw = Output::new(dw);
    for begin in (0..all).step_by(stretch) {
        let tiles = begin..all.min(begin + stretch);
        let count = tiles.len();
        let step = WeightGradient {
            forward,
            deep: panels(count, deep_vectors),
            wide: panels(count, wide_vectors),
            count,
        };
        step.transform_tiles::<F>(form, x, dy, tiles, Output::new(&mut deep), Output::new(&mut wide));
        if kept {
            let products = Output::new(&mut products);
            parallel::for_each(points::<F>() * blocks.len(), |task| {
                let (point, block) = (task / blocks.len(), task % blocks.len());
                let to = products.offset(block * sums);
                step.multiply::<F>(form, &deep, &wide, &blocks[block], point..point + 1, begin > 0, to);
            });
        } else {
            parallel::for_each(blocks.len(), |task| {
                let block = &blocks[task];
                let mut products = Buffer::new(sums);
                let to = Output::new(&mut products);
                step.multiply::<F>(form, &deep, &wide, block, 0..points::<F>(), false, to);
                finish::<F>(form, &forward, block, &products, begin > 0, dw);
            });
        }
    }
    if kept {
        parallel::for_each(blocks.len(), |task| {
            finish::<F>(form, &forward, &blocks[task], &products[task * sums..][..sums], false, dw);
        });
    }
}

/// All channels, in blocks.
fn blocks(forward: &Correlation) -> Vec<Block> {
    let (depth, width) = (forward.filters.depth(), forward.target.channels);
    let (high, wide) = (even(depth, BLOCK, LANES), even(width, BLOCK, 2 * LANES));
    let piece = |begin: usize, size: usize, all: usize| begin..all.min(begin + size);
    let rows = (0..depth).step_by(high).map(|begin| piece(begin, high, depth));
    rows.flat_map(|rows| {
        (0..width)
            .step_by(wide)
            .map(move |begin| Block { rows: rows.clone(), columns: piece(begin, wide, width) })
    })
    .collect()
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
        parallel::for_each(2 * pieces, |task| {
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

    /// Multiplies a block's tiles at some points into its sums, or adds to them.
    fn multiply<F: Family>(
        &self,
        form: Form,
        deep: &[f32],
        wide: &[f32],
        block: &Block,
        points: Range<usize>,
        accumulate: bool,
        to: Output,
    ) {
        dispatch_as(form, Multiply { step: self, deep, wide, block, points, accumulate, to: to.pointer() });
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

/// Floats from a point of a block's sums to the next.
fn product_stride() -> usize {
    apart(BLOCK * BLOCK)
}

/// Multiplies a block's tiles.
struct Multiply<'a> {
    step: &'a WeightGradient,
    deep: &'a [f32],
    wide: &'a [f32],
    block: &'a Block,
    points: Range<usize>,
    /// Adds to the sums instead of writing them.
    accumulate: bool,
    /// Point after point, `BLOCK` rows of `BLOCK`.
    to: *mut f32,
}

/// What a tile of the micro-kernel multiplies.
#[derive(Clone, Copy)]
struct Factors {
    /// How many tiles of the pictures.
    count: usize,
    a: *const f32,
    b: *const f32,
    /// Floats from sixteen columns of B to the next.
    beside: usize,
    /// Adds to the sums instead of writing them.
    accumulate: bool,
    /// What is asked for meanwhile, of A and of B.
    ahead: [*const f32; 2],
}

impl Kernel for Multiply<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let WeightGradient { forward, deep, wide, count } = *self.step;
        let Block { rows, columns } = self.block;
        let (first_row, first_column) = (rows.start / LANES, columns.start / LANES);
        for point in self.points.clone() {
            // Taps that are missing need no sums.
            let needed = forward.filters.vectors_at(0, point);
            let from = self.deep.as_ptr().wrapping_add(point * deep.stride());
            let from_wide = self.wide.as_ptr().wrapping_add(point * wide.stride());
            let to = self.to.wrapping_add(point * product_stride());
            for begin in (0..count).step_by(deep.rows) {
                // What is multiplied after these tiles.
                let (following, following_wide) = if begin + deep.rows < count {
                    (deep.offset(begin + deep.rows, first_row), wide.offset(begin + deep.rows, first_column))
                } else {
                    (deep.stride() + deep.offset(0, first_row), wide.stride() + wide.offset(0, first_column))
                };
                for column in columns.clone().step_by(2 * LANES) {
                    let last = column + 2 * LANES >= columns.end;
                    let pair = column + LANES < columns.end;
                    let next_wide =
                        if last { following_wide } else { wide.offset(begin, column / LANES + 2) };
                    let mut ahead_wide = from_wide.wrapping_add(next_wide);
                    for row in rows.clone().step_by(LANES) {
                        let next = if row + LANES < rows.end {
                            deep.offset(begin, row / LANES + 1)
                        } else if last {
                            following
                        } else {
                            deep.offset(begin, first_row)
                        };
                        let factors = Factors {
                            count: deep.rows.min(count - begin),
                            a: from.wrapping_add(deep.offset(begin, row / LANES)),
                            b: from_wide.wrapping_add(wide.offset(begin, column / LANES)),
                            beside: LANES * wide.rows,
                            accumulate: self.accumulate || begin > 0,
                            ahead: [from.wrapping_add(next), ahead_wide],
                        };
                        if !needed.contains(&(row / LANES)) {
                            continue;
                        }
                        ahead_wide = ahead_wide.wrapping_add(LANES * deep.rows / 2);
                        let to = to.wrapping_add((row - rows.start) * BLOCK + column - columns.start);
                        // SAFETY: the panels have room for whole vectors, the sums for a whole block. What is fetched
                        // ahead is not read.
                        unsafe { factors.multiply::<V>(pair, to) };
                    }
                }
            }
        }
    }
}

impl Factors {
    /// Sixteen rows by sixteen columns, or 32.
    ///
    /// # Safety
    /// The processor must support `V`; A and B must be readable for `count` rows, the sums writable.
    #[inline(always)]
    unsafe fn multiply<V: Vector>(mut self, pair: bool, to: *mut f32) {
        // SAFETY: the caller's promise, for each part of the rows and columns.
        unsafe {
            if large::<V>() {
                for row in [0, 8] {
                    if pair {
                        self.tile::<V, 8, 2>(row, 0, to);
                    } else {
                        self.tile::<V, 8, 1>(row, 0, to);
                    }
                }
            } else {
                for column in 0..=usize::from(pair) {
                    self.tile::<V, 6, 1>(0, column, to);
                    self.tile::<V, 6, 1>(6, column, to);
                    self.tile::<V, 4, 1>(12, column, to);
                }
            }
        }
    }

    /// `HIGH` rows from `row` on, `WIDE` times sixteen columns from `column` times sixteen on.
    ///
    /// # Safety
    /// As [`Factors::multiply`].
    #[inline(always)]
    unsafe fn tile<V: Vector, const HIGH: usize, const WIDE: usize>(
        &mut self,
        row: usize,
        column: usize,
        to: *mut f32,
    ) {
        let Self { count, beside, .. } = *self;
        // SAFETY: the caller's promise.
        unsafe {
            let a = self.a.add(row);
            let (mut b, mut c) = ([self.b; WIDE], [to; WIDE]);
            for w in 0..WIDE {
                b[w] = self.b.wrapping_add((column + w) * beside);
                c[w] = to.add(row * BLOCK + (column + w) * LANES);
            }
            let mut sums = Tile::<V, HIGH, WIDE>::zero();
            for at in (0..count).step_by(8) {
                // Of A half of its lines, of B what four vectors of rows ask for in turn.
                let [ahead, ahead_wide] = &mut self.ahead;
                for _ in 0..4 {
                    prefetch(*ahead);
                    *ahead = ahead.wrapping_add(LANES);
                }
                for _ in 0..2 {
                    prefetch(*ahead_wide);
                    *ahead_wide = ahead_wide.wrapping_add(LANES);
                }
                let steps = 8.min(count - at);
                sums.multiply(steps, a.add(at * LANES), 1, LANES, b.map(|b| b.wrapping_add(at * LANES)));
            }
            sums.store(c, BLOCK, self.accumulate);
        }
    }
}

/// Transforms a block's sums to taps, and writes these, or adds them to what is there.
fn finish<F: Family>(
    form: Form,
    forward: &Correlation,
    block: &Block,
    products: &[f32],
    accumulate: bool,
    dw: Output,
) {
    dispatch_as(form, Finish::<F> { forward, block, products, accumulate, dw, family: PhantomData });
}

struct Finish<'a, F> {
    forward: &'a Correlation,
    block: &'a Block,
    products: &'a [f32],
    accumulate: bool,
    dw: Output,
    family: PhantomData<F>,
}

impl<F: Family> Kernel for Finish<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let filters = self.forward.filters;
        let Block { rows, columns } = self.block;
        let per_phase = filters.vectors() * LANES;
        let size = filters.channels_in * filters.channels_out;
        for row in rows.clone() {
            let (phase, channel) = (exchange(row / per_phase, filters.side_by_side), row % per_phase);
            if channel >= filters.channels_in {
                continue;
            }
            for column in columns.clone().step_by(V::Widest::LANES) {
                let start = (row - rows.start) * BLOCK + column - columns.start;
                let stride = product_stride();
                let from =
                    Grid { start: self.products[start..].as_ptr(), down: F::POINTS * stride, right: stride };
                let first = (phase / 2 * filters.kernel[1] + phase % 2) * size;
                let to = Taps {
                    start: self.dw.pointer().wrapping_add(first + channel * filters.channels_out + column),
                    down: filters.step * filters.kernel[1] * size,
                    right: filters.step * size,
                    there: [
                        (filters.kernel[0] - phase / 2).div_ceil(filters.step),
                        (filters.kernel[1] - phase % 2).div_ceil(filters.step),
                    ],
                    count: filters.channels_out - column,
                    accumulate: self.accumulate,
                };
                // SAFETY: the products hold the rows and columns of this block, whose taps no other task writes.
                unsafe { transform::<V::Widest, F::Taps>(&from, &to) };
            }
        }
    }
}

/// Taps of one input channel and as many output channels as a register holds, or as are left.
struct Taps {
    start: *mut f32,
    down: usize,
    right: usize,
    /// Rows and columns: others are missing from the kernel.
    there: [usize; 2],
    /// Output channels left.
    count: usize,
    accumulate: bool,
}

impl Sink for Taps {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, value: V) {
        if row >= self.there[0] || column >= self.there[1] {
            return;
        }
        let to = self.start.wrapping_add(row * self.down + column * self.right);
        // SAFETY: the tap lies in the weights and has `count` output channels left.
        unsafe {
            let value = if self.accumulate { V::load_part(to, self.count).add(value) } else { value };
            value.store_part(to, self.count);
        }
    }
}
