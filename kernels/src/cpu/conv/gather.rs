//! Implicit GEMM: tiles of six pixels times sixteen channels, the pixels read where they lie.
//!
//! The micro-kernel broadcasts from six pointers, so a tile of pixels needs no copy: for each tap it follows the
//! tap's six pixels along their channels. Filters are packed once a call. A task owns some pixels and panels of
//! channels; it walks the sum in stretches whose panel of filters stays in the first-level cache, while its pixels
//! stay in the second-level cache for all panels.

use super::plan::Plan;
use super::walk::{Table, Walk};
use crate::Buffer;
use crate::cpu::gemm::micro::{COLUMNS, ROWS, Tile};
use crate::cpu::gemm::output::Output;
use crate::cpu::gemm::{DEPTH, even, pack};
use crate::cpu::simd::{Form, Kernel, Vector, dispatch_as};
use rayon::prelude::*;
use std::ops::Range;

/// Floats of pixels and results that a task keeps in the second-level cache: 320 KB. Half and double, with half and double the
/// pixels, differ by no more than runs do (3%, two Zen 5 cores with 1 MB).
const CACHED: usize = 80 * 1024;
/// Most pixels of a task.
const MOST_PIXELS: usize = 240;
/// Panels of filters that a packing task copies.
const GROUP: usize = 4;
/// Tasks wanted of one operation.
const TASKS: usize = 16;

/// Part of a run.
struct Piece {
    run: usize,
    /// Floats of the run before it.
    offset: usize,
    length: usize,
    /// Floats of the whole sum before it.
    start: usize,
}

pub(super) fn run(form: Form, plans: &[Plan], x: &[f32], w: &[f32], y: &mut [f32]) {
    let output = Output::new(y);
    let parts: Vec<Part> = plans.iter().map(|plan| Part::new(form, plan, x, w)).collect();
    let tasks: Vec<_> = parts.iter().flat_map(|part| part.tasks(plans.len())).collect();
    tasks.into_par_iter().for_each(|(part, pixels, panels)| {
        dispatch_as(form, Task { part, pixels, panels, output });
    });
}

/// A plan with its packed filters.
struct Part<'a> {
    walk: Walk<'a>,
    stretches: Vec<Vec<Piece>>,
    filters: Buffer,
    /// Floats of a panel of filters.
    panel: usize,
}

impl<'a> Part<'a> {
    fn new(form: Form, plan: &'a Plan, x: &'a [f32], w: &[f32]) -> Self {
        let walk = Walk::new(plan, x);
        let panel = plan.taps.len() * plan.read * COLUMNS;
        let mut filters = Buffer::new(plan.written.div_ceil(COLUMNS) * panel);
        if panel > 0 {
            filters.par_chunks_mut(GROUP * panel).enumerate().for_each(|(index, to)| {
                dispatch_as(form, Pack { plan, w, first: index * GROUP * COLUMNS, to });
            });
        }
        Self { stretches: stretches(&walk), walk, filters, panel }
    }

    fn tasks(&self, plans: usize) -> Vec<(&Self, Range<usize>, Range<usize>)> {
        let plan = self.walk.plan;
        let (pixels, panels) = (plan.pixels(), plan.written.div_ceil(COLUMNS));
        let limit = (CACHED / (DEPTH + plan.written)).clamp(8 * ROWS, MOST_PIXELS);
        let height = even(pixels, limit, ROWS);
        let rows = pixels.div_ceil(height);
        // Few pixels: the channels are cut as well, down to two panels a task.
        let pieces = TASKS.div_ceil(rows * plans).clamp(1, panels.div_ceil(2));
        let width = panels.div_ceil(pieces);
        (0..rows)
            .flat_map(|row| (0..panels.div_ceil(width)).map(move |piece| (row, piece)))
            .map(|(row, piece)| {
                let pixels = row * height..pixels.min((row + 1) * height);
                (self, pixels, piece * width..panels.min((piece + 1) * width))
            })
            .collect()
    }
}

/// Cuts the sum into stretches of at most [`DEPTH`]: long runs into even pieces, short ones grouped.
fn stretches(walk: &Walk) -> Vec<Vec<Piece>> {
    let runs = || walk.runs.iter().enumerate();
    let longest = walk.runs.iter().map(|run| run.length).max().unwrap_or(0);
    if longest > DEPTH {
        let pieces = runs().flat_map(|(index, run)| {
            let length = even(run.length, DEPTH, 1);
            (0..run.length).step_by(length).map(move |offset| {
                let length = length.min(run.length - offset);
                vec![Piece { run: index, offset, length, start: run.start + offset }]
            })
        });
        return pieces.collect();
    }
    let group = even(walk.runs.len(), DEPTH / longest.max(1), 1);
    let whole =
        |(run, of): (usize, &super::walk::Run)| Piece { run, offset: 0, length: of.length, start: of.start };
    let pieces: Vec<Piece> = runs().map(whole).collect();
    let mut stretches: Vec<Vec<Piece>> = Vec::new();
    for (index, piece) in pieces.into_iter().enumerate() {
        if index % group == 0 {
            stretches.push(Vec::new());
        }
        stretches.last_mut().expect("pushed above").push(piece);
    }
    if stretches.is_empty() {
        // A grid that no tap reaches is still written: with zeros.
        stretches.push(Vec::new());
    }
    stretches
}

/// Packs a group of panels, up to sixteen channels written each: the matrices of all taps, one after the other.
struct Pack<'a> {
    plan: &'a Plan,
    w: &'a [f32],
    first: usize,
    to: &'a mut [f32],
}

impl Kernel for Pack<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Plan { read, written, transposed, .. } = *self.plan;
        let panel = self.plan.taps.len() * read * COLUMNS;
        let width = self.to.len() / panel * COLUMNS;
        for (t, tap) in self.plan.taps.iter().enumerate() {
            let matrix = &self.w[tap.matrix * read * written..][..read * written];
            let to = self.to[t * read * COLUMNS..].as_mut_ptr();
            // SAFETY: the channels named lie in the matrix; each panel of `to` holds `read` rows of sixteen a tap.
            unsafe {
                if transposed {
                    for (index, first) in
                        (self.first..written.min(self.first + width)).step_by(COLUMNS).enumerate()
                    {
                        let from = matrix.as_ptr().add(first * read);
                        let columns = COLUMNS.min(written - first);
                        pack::columns_transposed::<V>(read, from, read, columns, to.add(index * panel));
                    }
                } else {
                    let from = matrix.as_ptr().add(self.first);
                    pack::columns::<V>(read, from, written, width.min(written - self.first), to, panel);
                }
            }
        }
    }
}

/// Some pixels of a grid and some panels of channels.
struct Task<'a> {
    part: &'a Part<'a>,
    pixels: Range<usize>,
    panels: Range<usize>,
    output: Output,
}

impl Kernel for Task<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { part, pixels, panels, output } = self;
        let written = part.walk.plan.written;
        let table: Table<ROWS> = part.walk.table(pixels.clone(), output.pointer());
        for (index, stretch) in part.stretches.iter().enumerate() {
            for first in panels.clone().step_by(2) {
                let count = (panels.end - first).min(2);
                let filters = part.filters[first * part.panel..].as_ptr();
                for (tile, to) in table.to.iter().enumerate() {
                    // SAFETY: the table's pointers lead to `length` floats of each run, the panels hold the whole
                    // sum, and these pixels and channels are this task's own.
                    unsafe {
                        let mut place = *to;
                        for pixel in &mut place {
                            *pixel = pixel.wrapping_add(first * COLUMNS);
                        }
                        if index > 0 {
                            Tile::<V>::prefetch(place, count * COLUMNS);
                        }
                        let mut sums = [Tile::<V>::zero(); 2];
                        for piece in stretch {
                            if let Some(from) = table.from(piece.run, tile) {
                                let a = displaced(from, piece.offset);
                                let b = filters.add(piece.start * COLUMNS);
                                if count == 2 {
                                    Tile::multiply_wide(
                                        &mut sums,
                                        piece.length,
                                        a,
                                        1,
                                        [b, b.add(part.panel)],
                                    );
                                } else {
                                    sums[0].multiply(piece.length, a, 1, b);
                                }
                            }
                        }
                        let rows = ROWS.min(pixels.len() - tile * ROWS);
                        let columns = (count * COLUMNS).min(written - first * COLUMNS);
                        Tile::store_wide(&sums, place, rows, columns, index > 0);
                    }
                }
            }
        }
    }
}

/// # Safety
/// Each pointer must stay within its allocation.
#[inline(always)]
unsafe fn displaced(from: [*const f32; ROWS], offset: usize) -> [*const f32; ROWS] {
    // SAFETY: the caller's promise.
    unsafe {
        [
            from[0].add(offset),
            from[1].add(offset),
            from[2].add(offset),
            from[3].add(offset),
            from[4].add(offset),
            from[5].add(offset),
        ]
    }
}
