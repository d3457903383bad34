//! Convolutions that write up to four channels: vectors run along the sum.
//!
//! A panel of sixteen output channels would be three quarters empty or worse. Here a vector holds eight channels of
//! the tensor read, and each pixel and output channel has a vector of partial sums: for three channels and tiles of
//! four pixels, twelve sums, seven loads, as in the micro-kernel of matrices.

use super::plan::Plan;
use super::walk::{Table, Walk};
use crate::Buffer;
use crate::cpu::gemm::even;
use crate::cpu::gemm::output::Output;
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as};
use rayon::prelude::*;
use std::ops::Range;

/// Most pixels of a task.
const PIXELS: usize = 240;

pub(super) fn run(form: Form, plans: &[Plan], x: &[f32], w: &[f32], y: &mut [f32]) {
    let output = Output::new(y);
    let parts: Vec<_> = plans.iter().map(|plan| (Walk::new(plan, x), rows(plan, w))).collect();
    let tasks: Vec<_> = parts
        .iter()
        .flat_map(|(walk, filters)| {
            let pixels = walk.plan.pixels();
            let size = even(pixels, PIXELS, 24);
            (0..pixels).step_by(size).map(move |first| (walk, filters, first..pixels.min(first + size)))
        })
        .collect();
    tasks.into_par_iter().for_each(|(walk, filters, pixels)| match walk.plan.written {
        1 => dispatch_as(form, Task::<8, 1> { walk, filters, pixels, output }),
        2 => dispatch_as(form, Task::<6, 2> { walk, filters, pixels, output }),
        3 => dispatch_as(form, Task::<4, 3> { walk, filters, pixels, output }),
        4 => dispatch_as(form, Task::<3, 4> { walk, filters, pixels, output }),
        more => unreachable!("{more} channels are served by panels"),
    });
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

/// Some pixels, `TILE` at a time, and all `CHANNELS` that are written.
struct Task<'a, const TILE: usize, const CHANNELS: usize> {
    walk: &'a Walk<'a>,
    filters: &'a [f32],
    pixels: Range<usize>,
    output: Output,
}

impl<const TILE: usize, const CHANNELS: usize> Kernel for Task<'_, TILE, CHANNELS> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { walk, filters, pixels, output } = self;
        let length = filters.len() / CHANNELS;
        let table: Table<TILE> = walk.table(pixels.clone(), output.pointer());
        for (tile, to) in table.to.iter().enumerate() {
            let from = &table.from[tile * walk.runs.len()..][..walk.runs.len()];
            // SAFETY: the table's pointers lead to the floats of each run, `filters` holds a row of `length` for
            // each channel, and these pixels are this task's own.
            unsafe {
                let mut sums = [[V::splat(0.0); CHANNELS]; TILE];
                let mut ends = [[0.0f32; CHANNELS]; TILE];
                for (run, from) in walk.runs.iter().zip(from) {
                    if from[0].is_null() {
                        continue;
                    }
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
                    for i in whole..run.length {
                        for r in 0..TILE {
                            for channel in 0..CHANNELS {
                                ends[r][channel] += *from[r].add(i) * *filters.add(channel * length + i);
                            }
                        }
                    }
                }
                for r in 0..TILE.min(pixels.len() - tile * TILE) {
                    for channel in 0..CHANNELS {
                        *to[r].add(channel) = total(sums[r][channel]) + ends[r][channel];
                    }
                }
            }
        }
    }
}

/// The sum of a vector's lanes, halves first.
///
/// # Safety
/// The processor must support `V`.
#[inline(always)]
unsafe fn total<V: Vector>(vector: V) -> f32 {
    let mut lanes = [0.0f32; 8];
    // SAFETY: room for eight floats.
    unsafe { vector.store(lanes.as_mut_ptr()) };
    let [a, b, c, d, e, f, g, h] = lanes;
    ((a + e) + (c + g)) + ((b + f) + (d + h))
}
