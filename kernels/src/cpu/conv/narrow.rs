//! The weight gradient where one of the two tensors has few channels.
//!
//! A tile of six input channels would be half empty with three. Instead the rows of the product are all (tap, few
//! channel) pairs: each is the narrow tensor read from its own place on, and a copy of it with a border of zeros costs
//! little, just because it is narrow. The other tensor is packed in panels of sixteen channels.

use super::Conv2d;
use super::areas::{Area, Areas, sum_stretches};
use super::walk::border_copy;
use crate::Buffer;
use crate::cpu::gemm::micro::{self, COLUMNS, ROWS, Tile};
use crate::cpu::gemm::output::Output;
use crate::cpu::gemm::pack;
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as};
use rayon::prelude::*;
use std::ops::Range;

/// Stretches of the pixels that are summed apart: the results are small.
const STRETCHES: usize = 16;

/// Few channels in: the first layer of a net. The grid is the output.
pub(super) fn input(form: Form, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let size = [c.height + 2 * c.padding[0], c.width + 2 * c.padding[1]];
    let narrow = border_copy(x, [c.height, c.width], c.channels_in, c.padding, size);
    let line = size[1] * c.channels_in;
    let starts = taps(c).flat_map(|[row, column]| {
        let start = row * line + column * c.channels_in;
        start..start + c.channels_in
    });
    Product {
        narrow: &narrow,
        starts: starts.collect(),
        item: size[0] * line,
        line: line * c.stride[0],
        step: c.stride[1] * c.channels_in,
        wide: dy,
        grid: [c.out_height(), c.out_width()],
        channels: c.channels_out,
        areas: Areas::new(c.batch, c.out_height(), c.out_width()),
    }
    .run(form, dw);
}

/// Few channels out, stride 1: the last layer. The grid is the input, whose pixel `i` meets the output's pixel
/// `i + padding - tap`.
pub(super) fn output(form: Form, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let out = [c.out_height(), c.out_width()];
    let first = [0, 1].map(|axis| (c.kernel[axis] - 1).saturating_sub(c.padding[axis]));
    let size = [0, 1].map(|axis| {
        let inputs = [c.height, c.width][axis];
        (inputs + c.padding[axis] + first[axis]).max(out[axis] + first[axis])
    });
    let narrow = border_copy(dy, out, c.channels_out, first, size);
    let line = size[1] * c.channels_out;
    let starts = taps(c).flat_map(|[row, column]| {
        let (down, right) = (first[0] + c.padding[0] - row, first[1] + c.padding[1] - column);
        let start = down * line + right * c.channels_out;
        start..start + c.channels_out
    });
    let mut turned = Buffer::new(dw.len());
    Product {
        narrow: &narrow,
        starts: starts.collect(),
        item: size[0] * line,
        line,
        step: c.channels_out,
        wide: x,
        grid: [c.height, c.width],
        channels: c.channels_in,
        areas: Areas::new(c.batch, c.height, c.width),
    }
    .run(form, &mut turned);
    let matrix = c.channels_in * c.channels_out;
    for (to, from) in dw.chunks_exact_mut(matrix).zip(turned.chunks_exact(matrix)) {
        for (channel, to) in to.chunks_exact_mut(c.channels_out).enumerate() {
            to.iter_mut().enumerate().for_each(|(out, to)| *to = from[out * c.channels_in + channel]);
        }
    }
}

fn taps(c: &Conv2d) -> impl Iterator<Item = [usize; 2]> + use<> {
    let [rows, columns] = c.kernel;
    (0..rows * columns).map(move |tap| [tap / columns, tap % columns])
}

/// `result[m][n]`: the sum over grid points of the narrow tensor, from start `m` on, times channel `n` of the wide one.
struct Product<'a> {
    narrow: &'a [f32],
    starts: Vec<usize>,
    /// Floats of the narrow tensor from one picture, grid row and grid column to the next.
    item: usize,
    line: usize,
    step: usize,
    wide: &'a [f32],
    /// Rows and columns of the wide tensor, and its channels.
    grid: [usize; 2],
    channels: usize,
    areas: Areas,
}

impl Product<'_> {
    fn run(&self, form: Form, result: &mut [f32]) {
        let count = self.areas.count();
        let per_stretch = count.div_ceil(STRETCHES);
        let stretches = count.div_ceil(per_stretch);
        sum_stretches(stretches, result, |place| {
            let places: Vec<Output> = (0..stretches).map(place).collect();
            places.into_par_iter().enumerate().for_each(|(stretch, result)| {
                let chosen = stretch * per_stretch..count.min((stretch + 1) * per_stretch);
                dispatch_as(form, Task { product: self, chosen, result });
            });
        });
    }

    fn narrow_at(&self, item: usize, row: usize, column: usize) -> usize {
        item * self.item + row * self.line + column * self.step
    }
}

struct Task<'a> {
    product: &'a Product<'a>,
    chosen: Range<usize>,
    result: Output,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Product { narrow, starts, channels, step, areas, .. } = self.product;
        let together = Tile::<V>::TOGETHER * COLUMNS;
        let mut panels = Buffer::new(areas.area(0).pixels() * together);
        for index in self.chosen.clone() {
            let area = areas.area(index);
            let width = area.columns.len();
            let lines: Vec<usize> = area
                .lines()
                .map(|(item, row)| self.product.narrow_at(item, row, area.columns.start))
                .collect();
            for first in (0..*channels).step_by(together) {
                let columns = together.min(channels - first);
                let b = panels.as_mut_ptr();
                let beside = b.wrapping_add(area.pixels() * COLUMNS);
                // SAFETY: the area lies within both tensors for every start; this stretch's result is this task's.
                unsafe {
                    self.pack::<V>(&area, first, columns, b);
                    for (tile, starts) in starts.chunks(ROWS).enumerate() {
                        let mut from = [narrow.as_ptr(); ROWS];
                        for (r, from) in from.iter_mut().enumerate() {
                            *from = from.add(starts[r.min(starts.len() - 1)]);
                        }
                        let mut sums = [Tile::<V>::zero(); 2];
                        for (index, &line) in lines.iter().enumerate() {
                            let mut a = from;
                            for a in &mut a {
                                *a = a.add(line);
                            }
                            let at = index * width * COLUMNS;
                            if columns > COLUMNS {
                                let b = [b.add(at).cast_const(), beside.add(at).cast_const()];
                                Tile::multiply_wide(&mut sums, width, a, *step, b);
                            } else {
                                sums[0].multiply(width, a, *step, b.add(at));
                            }
                        }
                        let start = self.result.pointer().add(tile * ROWS * channels + first);
                        let places = micro::places(start, *channels, starts.len());
                        let accumulate = index > self.chosen.start;
                        Tile::store_wide(&sums, places, starts.len(), columns, accumulate);
                    }
                }
            }
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    unsafe fn pack<V: Vector>(&self, area: &Area, first: usize, columns: usize, to: *mut f32) {
        let Product { wide, grid, channels, .. } = self.product;
        let width = area.columns.len();
        for (index, (item, row)) in area.lines().enumerate() {
            let pixel = (item * grid[0] + row) * grid[1] + area.columns.start;
            // SAFETY: the line and its channels lie within the wide tensor, its place in the panels.
            unsafe {
                let from = wide.as_ptr().add(pixel * channels + first);
                let (to, apart) = (to.add(index * width * COLUMNS), area.pixels() * COLUMNS);
                pack::columns::<V>(width, from, *channels, columns, to, apart);
            }
        }
    }
}
