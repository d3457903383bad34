//! A plan bound to memory: where each tile of pixels reads and writes.

use super::plan::Plan;
use crate::Buffer;
use rayon::prelude::*;
use std::ops::Range;

/// Up to this many channels a border is copied, so that taps side by side are one stretch of memory: a tap alone
/// would be too short a sum to be worth fetching six pointers for.
const FEW: usize = 8;
/// Grids up to this many points are walked place by place, pictures side by side: a tile of pixels then shares its
/// place, and taps that fall on the border (16% of all for 3x3 on 8x8 pictures, 40% on 3x3) are left out.
const SMALL: usize = 256;

/// A stretch of the sum that is one stretch of memory for every pixel.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    displacement: [isize; 2],
    /// Floats of it.
    pub length: usize,
    /// Floats of the whole sum before it.
    pub start: usize,
}

/// A plan, the tensor it reads, and the order of its pixels.
pub(super) struct Walk<'a> {
    pub plan: &'a Plan,
    given: &'a [f32],
    /// The tensor with a border of zeros, if that was worth a copy.
    copy: Option<Buffer>,
    size: [usize; 2],
    pub runs: Vec<Run>,
    /// Read where a tap falls on the border.
    zeros: Buffer,
    /// Some tap of some pixel falls on the border.
    clipped: bool,
    places_first: bool,
}

/// Pointers of consecutive tiles.
pub(super) struct Table<const TILE: usize> {
    /// For each run and each tile; the first is null where the run is zero for the whole tile.
    from: Vec<[*const f32; TILE]>,
    /// For each tile; pixels past the last repeat it.
    pub to: Vec<[*mut f32; TILE]>,
}

impl<const TILE: usize> Table<TILE> {
    /// Where a tile reads a run; `None` where that is zero for all of its pixels.
    #[inline(always)]
    pub(super) fn from(&self, run: usize, tile: usize) -> Option<[*const f32; TILE]> {
        let from = self.from[run * self.to.len() + tile];
        (!from[0].is_null()).then_some(from)
    }
}

impl<'a> Walk<'a> {
    pub(super) fn new(plan: &'a Plan, given: &'a [f32]) -> Self {
        let border = plan.border();
        let clipped = border != [[0; 2]; 2];
        let copied = clipped && plan.read <= FEW;
        let (copy, size, shift) = if copied {
            let size = [0, 1].map(|axis| plan.from[axis] + border[axis][0] + border[axis][1]);
            (Some(bordered(plan, given, border, size)), size, [border[0][0], border[1][0]])
        } else {
            (None, plan.from, [0, 0])
        };
        let mut runs: Vec<Run> = Vec::new();
        for (t, tap) in plan.taps.iter().enumerate() {
            let displacement = [0, 1].map(|axis| tap.displacement[axis] + shift[axis] as isize);
            if let Some(last) = runs.last_mut().filter(|_| copied || !clipped) {
                let next = last.displacement[1] + (last.length / plan.read) as isize;
                if displacement == [last.displacement[0], next] {
                    last.length += plan.read;
                    continue;
                }
            }
            runs.push(Run { displacement, length: plan.read, start: t * plan.read });
        }
        let clipped = clipped && !copied;
        let places_first = clipped && plan.batch > 1 && plan.grid[0] * plan.grid[1] <= SMALL;
        Self { plan, given, copy, size, runs, zeros: Buffer::zeros(plan.read), clipped, places_first }
    }

    /// The pointers of a range of pixels into the tensors read and written.
    ///
    /// All loops are over many pixels, without branches, and inlined, so that the kernel's own vectors serve them: pixel by pixel and
    /// with plain ones they took a third of the time where few channels are read or written.
    #[inline(always)]
    pub(super) fn table<const TILE: usize>(&self, pixels: Range<usize>, to: *mut f32) -> Table<TILE> {
        let plan = self.plan;
        let [height, width] = self.size;
        let tiles = pixels.len().div_ceil(TILE);
        let padded = tiles * TILE;
        let (mut rows, mut columns) = (vec![0; padded], vec![0; padded]);
        let mut places = vec![to; padded];
        let mut pointers = vec![self.copy.as_deref().unwrap_or(self.given).as_ptr(); padded];
        let mut begin = 0;
        while begin < pixels.len() {
            let (point, step, count) = self.stretch(pixels.start + begin, pixels.len() - begin);
            let at = point.from(plan);
            let first = ((point.item * height + at[0]) * width + at[1]) * plan.read;
            let first_to = point.to(plan);
            let apart = [
                (step.item * height * width + step.column * plan.from_step[1]) * plan.read,
                step.to(plan) - Point::default().to(plan),
            ];
            for i in 0..count {
                rows[begin + i] = at[0];
                columns[begin + i] = at[1] + i * step.column * plan.from_step[1];
                pointers[begin + i] = pointers[begin + i].wrapping_add(first + i * apart[0]);
                places[begin + i] = places[begin + i].wrapping_add(first_to + i * apart[1]);
            }
            begin += count;
        }
        let last = pixels.len() - 1;
        repeat(&mut rows, last);
        repeat(&mut columns, last);
        repeat(&mut pointers, last);
        repeat(&mut places, last);

        let mut from = Vec::with_capacity(tiles * self.runs.len());
        let zeros = self.zeros.as_ptr();
        for run in &self.runs {
            let [down, right] = run.displacement;
            let offset = (down * width as isize + right) * plan.read as isize;
            let begin = from.len();
            from.extend(pointers.as_chunks::<TILE>().0);
            let tiles = &mut from[begin..];
            for pointer in tiles.as_flattened_mut() {
                *pointer = pointer.wrapping_offset(offset);
            }
            if self.clipped {
                for (pointer, (row, column)) in
                    tiles.as_flattened_mut().iter_mut().zip(rows.iter().zip(&columns))
                {
                    // A negative place wraps to a huge one.
                    let inside = (row.wrapping_add_signed(down) < height)
                        & (column.wrapping_add_signed(right) < width);
                    *pointer = if inside { *pointer } else { zeros };
                }
                for tile in tiles {
                    if tile[0] == zeros && *tile == [zeros; TILE] {
                        tile[0] = std::ptr::null();
                    }
                }
            }
        }
        Table { from, to: places.as_chunks::<TILE>().0.to_vec() }
    }

    /// The grid point of a pixel, the step to the next, and of how many pixels, at most `most`, that is the step.
    fn stretch(&self, pixel: usize, most: usize) -> (Point, Point, usize) {
        let [rows, columns] = self.plan.grid;
        let batch = self.plan.batch;
        let at = |item: usize, place: usize| Point { item, row: place / columns, column: place % columns };
        if self.places_first {
            let point = at(pixel % batch, pixel / batch);
            (point, Point { item: 1, ..Point::default() }, most.min(batch - point.item))
        } else {
            let point = at(pixel / (rows * columns), pixel % (rows * columns));
            (point, Point { column: 1, ..Point::default() }, most.min(columns - point.column))
        }
    }
}

/// Fills what comes after the last with the last.
fn repeat<T: Copy>(all: &mut [T], last: usize) {
    let value = all[last];
    all[last..].fill(value);
}

/// A grid point: picture, row and column.
#[derive(Clone, Copy, Default)]
struct Point {
    item: usize,
    row: usize,
    column: usize,
}

impl Point {
    /// Row and column of the tensor read.
    fn from(self, plan: &Plan) -> [usize; 2] {
        [self.row * plan.from_step[0], self.column * plan.from_step[1]]
    }

    /// The first of its floats in the tensor written.
    fn to(self, plan: &Plan) -> usize {
        let (row, column) =
            (self.row * plan.to_step[0] + plan.to_first[0], self.column * plan.to_step[1] + plan.to_first[1]);
        ((self.item * plan.to[0] + row) * plan.to[1] + column) * plan.written
    }
}

/// The tensor read with `border` zeros around each picture.
fn bordered(plan: &Plan, given: &[f32], border: [[usize; 2]; 2], size: [usize; 2]) -> Buffer {
    border_copy(given, plan.from, plan.read, [border[0][0], border[1][0]], size)
}

/// Pictures of `from` rows and columns, placed at `first` in pictures of `size`, zeros around them.
pub(super) fn border_copy(
    given: &[f32],
    from: [usize; 2],
    channels: usize,
    first: [usize; 2],
    size: [usize; 2],
) -> Buffer {
    let batch = given.len() / (from[0] * from[1] * channels).max(1);
    let (row_from, row_to) = (from[1] * channels, size[1] * channels);
    let mut copy = Buffer::new(batch * size[0] * row_to);
    // Sixteen rows a task: a row is too short to be worth one.
    copy.par_chunks_mut(16 * row_to).enumerate().for_each(|(group, rows)| {
        for (index, to) in rows.chunks_exact_mut(row_to).enumerate() {
            let (item, row) = ((group * 16 + index) / size[0], (group * 16 + index) % size[0]);
            let row = row.wrapping_sub(first[0]);
            if row < from[0] {
                let (before, rest) = to.split_at_mut(first[1] * channels);
                let (middle, after) = rest.split_at_mut(row_from);
                before.fill(0.0);
                middle.copy_from_slice(&given[(item * from[0] + row) * row_from..][..row_from]);
                after.fill(0.0);
            } else {
                to.fill(0.0);
            }
        }
    });
    copy
}
