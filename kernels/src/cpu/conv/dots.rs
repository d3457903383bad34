//! Convolutions that write up to four channels: vectors run along the sum.
//!
//! A panel of sixteen output channels would be three quarters empty or worse. Here a register holds channels of the tensor
//! read, and each pixel and output channel has a register of partial sums: with three channels twelve for tiles of four
//! pixels, or, with 32 registers of sixteen lanes, 24 for tiles of eight, for which a step reads eleven registers. At the end eight
//! registers at a time are summed across their lanes.

use super::plan::Plan;
use super::walk::{Table, Walk};
use crate::Buffer;
use crate::cpu::gemm::even;
use crate::cpu::gemm::output::Output;
use crate::cpu::simd::{Form, Kernel, Lanes, Vector, dispatch_as};
use rayon::prelude::*;
use std::ops::Range;

/// Most pixels of a task.
const PIXELS: usize = 240;
/// Most pointers of a task (64 KB), that finding them stays in the second-level cache and no page is new.
const POINTERS: usize = 8192;
/// Most sums of a tile.
const MOST_SUMS: usize = 24;

pub(super) fn run(form: Form, plans: &[Plan], x: &[f32], w: &[f32], y: &mut [f32]) {
    let output = Output::new(y);
    let parts: Vec<_> = plans.iter().map(|plan| (Walk::new(plan, x), rows(plan, w))).collect();
    // A task is a piece of each phase's grid: all phases read the same pixels, while these are in the second-level cache.
    let tasks = parts.iter().map(|(walk, _)| walk.plan.pixels().div_ceil(size(walk))).max().unwrap_or(0);
    (0..tasks).into_par_iter().for_each(|task| {
        for (walk, filters) in &parts {
            let (end, size) = (walk.plan.pixels(), size(walk));
            let pixels = (task * size).min(end)..((task + 1) * size).min(end);
            if !pixels.is_empty() {
                sum(form, walk, filters, pixels, output);
            }
        }
    });
}

/// Pixels of a task.
fn size(walk: &Walk) -> usize {
    let most = (POINTERS / walk.runs.len().max(1)).clamp(24, PIXELS);
    even(walk.plan.pixels(), most, 24)
}

fn sum(form: Form, walk: &Walk, filters: &[f32], pixels: Range<usize>, output: Output) {
    match walk.plan.written {
        1 => dispatch_as(form, Task::<1, 8, 8> { walk, filters, pixels, output }),
        2 => dispatch_as(form, Task::<2, 6, 8> { walk, filters, pixels, output }),
        3 => dispatch_as(form, Task::<3, 4, 8> { walk, filters, pixels, output }),
        4 => dispatch_as(form, Task::<4, 3, 6> { walk, filters, pixels, output }),
        more => unreachable!("{more} channels are served by panels"),
    }
}

/// The filters as one long row for each channel written, tap after tap.
fn rows(plan: &Plan, w: &[f32]) -> Buffer {
    let Plan { read, written, transposed, .. } = *plan;
    let length = plan.taps.len() * read;
    let mut rows = Buffer::new(written * length);
    for channel in 0..written {
        for (t, tap) in plan.taps.iter().enumerate() {
            let matrix = &w[tap.matrix * read * written..][..read * written];
            let to = &mut rows[channel * length + t * read..][..read];
            if transposed {
                to.copy_from_slice(&matrix[channel * read..][..read]);
            } else {
                to.iter_mut().enumerate().for_each(|(i, to)| *to = matrix[i * written + channel]);
            }
        }
    }
    rows
}

/// Some pixels and all `CHANNELS` that are written: `FEW` pixels at a time with sixteen registers, `MANY` with 32.
struct Task<'a, const CHANNELS: usize, const FEW: usize, const MANY: usize> {
    walk: &'a Walk<'a>,
    filters: &'a [f32],
    pixels: Range<usize>,
    output: Output,
}

impl<const CHANNELS: usize, const FEW: usize, const MANY: usize> Kernel for Task<'_, CHANNELS, FEW, MANY> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        // SAFETY: the caller's promise.
        unsafe {
            if V::Widest::LANES > V::LANES {
                self.tiles::<V::Widest, MANY>();
            } else {
                self.tiles::<V::Widest, FEW>();
            }
        }
    }
}

impl<const CHANNELS: usize, const FEW: usize, const MANY: usize> Task<'_, CHANNELS, FEW, MANY> {
    /// # Safety
    /// The processor must support `V`.
    #[inline(always)]
    unsafe fn tiles<V: Lanes, const TILE: usize>(self) {
        let Self { walk, filters, pixels, output } = self;
        let length = filters.len() / CHANNELS;
        let table: Table<TILE> = walk.table(pixels.clone(), output.pointer());
        for (tile, to) in table.to.iter().enumerate() {
            // SAFETY: the table's pointers lead to the floats of each run, `filters` holds a row of `length` for
            // each channel, and these pixels are this task's own.
            unsafe {
                let mut sums = [[V::splat(0.0); CHANNELS]; TILE];
                for (index, run) in walk.runs.iter().enumerate() {
                    let Some(from) = table.from(index, tile) else { continue };
                    let filters = filters.as_ptr().add(run.start);
                    let whole = run.length - run.length % V::LANES;
                    for i in (0..whole).step_by(V::LANES) {
                        let mut values = [V::splat(0.0); CHANNELS];
                        for (channel, value) in values.iter_mut().enumerate() {
                            *value = V::load(filters.add(channel * length + i));
                        }
                        for r in 0..TILE {
                            let pixel = V::load(from[r].add(i));
                            for channel in 0..CHANNELS {
                                sums[r][channel] = pixel.mul_add(values[channel], sums[r][channel]);
                            }
                        }
                    }
                    let rest = run.length - whole;
                    if rest > 0 {
                        for r in 0..TILE {
                            let pixel = V::load_part(from[r].add(whole), rest);
                            for channel in 0..CHANNELS {
                                let value = V::load_part(filters.add(channel * length + whole), rest);
                                sums[r][channel] = pixel.mul_add(value, sums[r][channel]);
                            }
                        }
                    }
                }
                let mut totals = [0.0f32; MOST_SUMS];
                for first in (0..TILE * CHANNELS).step_by(8) {
                    let mut eight = [V::splat(0.0); 8];
                    for i in 0..8.min(TILE * CHANNELS - first) {
                        eight[i] = sums[(first + i) / CHANNELS][(first + i) % CHANNELS];
                    }
                    totals[first..first + 8].copy_from_slice(&V::totals(eight));
                }
                for r in 0..TILE.min(pixels.len() - tile * TILE) {
                    for channel in 0..CHANNELS {
                        *to[r].add(channel) = totals[r * CHANNELS + channel];
                    }
                }
            }
        }
    }
}
