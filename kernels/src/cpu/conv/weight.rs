//! The weight gradient: for each tap, (channels in) x (channels out) sums over all pixels.
//!
//! The pictures are walked in areas of about 256 output pixels. For each area the output's gradient is packed in
//! panels of sixteen channels and the input, with the rows and columns that the taps reach, in panels of six: one copy
//! that serves every tap, since a tap only moves where it is read. A tile of the result stays in registers for the
//! whole area; taps that fall on the border of the picture are left out row by row.

use super::Conv2d;
use super::areas::{Area, Areas, sum_stretches};
use crate::Buffer;
use crate::cpu::gemm::micro::{self, COLUMNS, ROWS, Tile};
use crate::cpu::gemm::output::Output;
use crate::cpu::gemm::{even, pack};
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as};
use rayon::prelude::*;
use std::ops::Range;

/// Channels out of a task: their panels take 256 KB of the second-level cache.
const MOST_OUT: usize = 256;
/// Floats of the input packed at a time: 128 KB beside them. 64 and 256 KB differ by no more than runs do (two Zen 5 cores with 1 MB).
const PACKED: usize = 32 * 1024;
/// Tasks wanted.
const TASKS: usize = 8;

pub(super) fn run(form: Form, c: &Conv2d, x: &[f32], dy: &[f32], dw: &mut [f32]) {
    let areas = Areas::new(c.batch, c.out_height(), c.out_width());
    // Stretches of pixels cost a copy of the result each: worth it while all copies are smaller than the pictures.
    let worth = (x.len() + dy.len()) / (2 * dw.len());
    let stretches = worth.clamp(1, TASKS).min(areas.count());
    let per_stretch = areas.count().div_ceil(stretches);
    let stretches = areas.count().div_ceil(per_stretch);
    let out = even(c.channels_out, MOST_OUT, COLUMNS);
    let pieces_out = c.channels_out.div_ceil(out);
    let pieces_in = TASKS.div_ceil(stretches * pieces_out).min(c.channels_in.div_ceil(4 * ROWS));
    let channels_in = even(c.channels_in, c.channels_in.div_ceil(pieces_in), ROWS);
    let pieces_in = c.channels_in.div_ceil(channels_in);
    sum_stretches(stretches, dw, |place| {
        let tasks: Vec<_> = (0..stretches * pieces_out * pieces_in)
            .map(|index| {
                let (stretch, block) = (index / (pieces_out * pieces_in), index % (pieces_out * pieces_in));
                let piece = |index: usize, size: usize, all: usize| index * size..all.min((index + 1) * size);
                Task {
                    c,
                    x,
                    dy,
                    dw: place(stretch),
                    areas: &areas,
                    chosen: piece(stretch, per_stretch, areas.count()),
                    channels_in: piece(block / pieces_out, channels_in, c.channels_in),
                    channels_out: piece(block % pieces_out, out, c.channels_out),
                }
            })
            .collect();
        tasks.into_par_iter().for_each(|task| dispatch_as(form, task));
    });
}

/// Some channels of the input times some of the output, over some areas.
struct Task<'a> {
    c: &'a Conv2d,
    x: &'a [f32],
    dy: &'a [f32],
    dw: Output,
    areas: &'a Areas,
    chosen: Range<usize>,
    channels_in: Range<usize>,
    channels_out: Range<usize>,
}

/// Pixels of one row that a tap connects: `count` packed input pixels from `input` on, with the packed output pixels
/// from `output` on.
struct Line {
    input: usize,
    output: usize,
    count: usize,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let c = self.c;
        let mut right = Buffer::new(0);
        let mut left = Buffer::new(0);
        for index in self.chosen.clone() {
            let area = self.areas.area(index);
            let reach = reach(c, &area);
            let accumulate = index > self.chosen.start;
            let (pixels, reached) = (area.pixels(), reach.pixels());
            let lines: Vec<Vec<Line>> =
                (0..c.kernel[0] * c.kernel[1]).map(|tap| lines(c, &area, &reach, tap)).collect();
            resize(&mut right, self.channels_out.len().div_ceil(COLUMNS) * pixels * COLUMNS);
            let group = (PACKED / (reached * ROWS).max(1)).max(1);
            // Two floats more than the panels: see `rows_transposed`.
            resize(&mut left, group * reached * ROWS + 2);
            // SAFETY: areas and channels lie within the tensors; this task's channels of this stretch are its own.
            unsafe {
                self.pack_right::<V>(&area, &mut right);
                for first in self.channels_in.clone().step_by(group * ROWS) {
                    let end = self.channels_in.end.min(first + group * ROWS);
                    self.pack_left::<V>(&reach, first..end, &mut left);
                    let width = Tile::<V>::TOGETHER * COLUMNS;
                    for out in self.channels_out.clone().step_by(width) {
                        let columns = width.min(self.channels_out.end - out);
                        let b = right[(out - self.channels_out.start) * pixels..].as_ptr();
                        let beside = b.wrapping_add(pixels * COLUMNS);
                        for channel in (first..end).step_by(ROWS) {
                            let rows = ROWS.min(end - channel);
                            let a = left[(channel - first) * reached..].as_ptr();
                            for (tap, lines) in lines.iter().enumerate() {
                                let start = (tap * c.channels_in + channel) * c.channels_out + out;
                                let places =
                                    micro::places(self.dw.pointer().add(start), c.channels_out, rows);
                                if accumulate {
                                    Tile::<V>::prefetch(places, columns);
                                }
                                let mut sums = [Tile::<V>::zero(); 2];
                                for line in lines {
                                    let a = micro::rows(a.add(line.input * ROWS), 1);
                                    let (step, at) = (ROWS * c.stride[1], line.output * COLUMNS);
                                    if columns > COLUMNS {
                                        let b = [b.add(at), beside.add(at)];
                                        Tile::multiply_wide(&mut sums, line.count, a, step, b);
                                    } else {
                                        sums[0].multiply(line.count, a, step, b.add(at));
                                    }
                                }
                                Tile::store_wide(&sums, places, rows, columns, accumulate);
                            }
                        }
                    }
                }
            }
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    unsafe fn pack_right<V: Vector>(&self, area: &Area, to: &mut [f32]) {
        let (c, width) = (self.c, area.columns.len());
        let (rows, columns) = (c.out_height(), c.out_width());
        for (index, (item, row)) in area.lines().enumerate() {
            let pixel = (item * rows + row) * columns + area.columns.start;
            // SAFETY: the line and its channels lie within `dy`, and its place in each panel.
            unsafe {
                let from = self.dy.as_ptr().add(pixel * c.channels_out + self.channels_out.start);
                let to = to[index * width * COLUMNS..].as_mut_ptr();
                let apart = area.pixels() * COLUMNS;
                pack::columns::<V>(width, from, c.channels_out, self.channels_out.len(), to, apart);
            }
        }
    }

    #[inline(always)]
    unsafe fn pack_left<V: Vector>(&self, reach: &Area, channels: Range<usize>, to: &mut [f32]) {
        let (c, pixels) = (self.c, reach.pixels());
        for first in channels.clone().step_by(ROWS) {
            let rows = ROWS.min(channels.end - first);
            let to = &mut to[(first - channels.start) * pixels..];
            for (index, (item, row)) in reach.lines().enumerate() {
                let pixel = (item * c.height + row) * c.width + reach.columns.start;
                let (start, count) = (pixel * c.channels_in + first, reach.columns.len());
                let spacious = start + (count.max(1) - 1) * c.channels_in + V::LANES <= self.x.len();
                let to = &mut to[index * count * ROWS..];
                // SAFETY: the line and its channels lie within `x`, its place and two floats more in `to`.
                unsafe {
                    let from = self.x.as_ptr().add(start);
                    pack::rows_transposed::<V>(count, from, c.channels_in, rows, spacious, to.as_mut_ptr());
                }
            }
        }
    }
}

/// Gives `buffer` at least `length` floats; what it held is lost.
fn resize(buffer: &mut Buffer, length: usize) {
    if buffer.len() < length {
        *buffer = Buffer::new(length);
    }
}

/// The input pixels that the taps of an area's output pixels reach.
fn reach(c: &Conv2d, area: &Area) -> Area {
    let along = |axis: usize, outputs: &Range<usize>, size: usize| {
        let first = (outputs.start * c.stride[axis]).saturating_sub(c.padding[axis]);
        let end = ((outputs.end - 1) * c.stride[axis] + c.kernel[axis]).saturating_sub(c.padding[axis]);
        first.min(size)..end.min(size)
    };
    Area {
        items: area.items.clone(),
        rows: along(0, &area.rows, c.height),
        columns: along(1, &area.columns, c.width),
    }
}

/// The lines of an area that a tap connects with pixels of the input.
fn lines(c: &Conv2d, area: &Area, reach: &Area, tap: usize) -> Vec<Line> {
    let at = [tap / c.kernel[1], tap % c.kernel[1]];
    // Output columns whose input column `stride o + at - padding` is one of `0..width`.
    let (stride, padding) = (c.stride[1], c.padding[1]);
    let first = padding.saturating_sub(at[1]).div_ceil(stride).max(area.columns.start);
    let end = (c.width + padding).saturating_sub(at[1]).div_ceil(stride).min(area.columns.end);
    if first >= end {
        return Vec::new();
    }
    let column = first * stride + at[1] - padding;
    let connect = |(index, (item, row)): (usize, (usize, usize))| {
        let row = (row * c.stride[0] + at[0]).checked_sub(c.padding[0]).filter(|&row| row < c.height)?;
        let line = (item - reach.items.start) * reach.rows.len() + row - reach.rows.start;
        Some(Line {
            input: line * reach.columns.len() + column - reach.columns.start,
            output: index * area.columns.len() + first - area.columns.start,
            count: end - first,
        })
    };
    area.lines().enumerate().filter_map(connect).collect()
}
