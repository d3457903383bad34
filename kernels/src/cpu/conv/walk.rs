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
    /// For each tile and each run; the first is null where the run is zero for the whole tile.
    pub from: Vec<[*const f32; TILE]>,
    /// For each tile; pixels past the last repeat it.
    pub to: Vec<[*mut f32; TILE]>,
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
    pub(super) fn table<const TILE: usize>(&self, pixels: Range<usize>, to: *mut f32) -> Table<TILE> {
        let plan = self.plan;
        let from = self.copy.as_deref().unwrap_or(self.given).as_ptr();
        let [height, width] = self.size;
        let tiles = pixels.len().div_ceil(TILE);
        let mut table =
            Table { from: Vec::with_capacity(tiles * self.runs.len()), to: Vec::with_capacity(tiles) };
        let offset =
            |run: &Run| (run.displacement[0] * width as isize + run.displacement[1]) * plan.read as isize;
        let offsets: Vec<isize> = self.runs.iter().map(offset).collect();
        let mut point = Point::new(self, pixels.start);
        let mut left = pixels.len();
        for _ in 0..tiles {
            let mut first = [[0; 2]; TILE];
            let mut pointers = [from; TILE];
            let mut places = [to; TILE];
            for r in 0..TILE {
                let Point { item, row, column } = point;
                first[r] = [row * plan.from_step[0], column * plan.from_step[1]];
                let at = (item * height + first[r][0]) * width + first[r][1];
                pointers[r] = from.wrapping_add(at * plan.read);
                let (row, column) =
                    (row * plan.to_step[0] + plan.to_first[0], column * plan.to_step[1] + plan.to_first[1]);
                places[r] = to.wrapping_add(((item * plan.to[0] + row) * plan.to[1] + column) * plan.written);
                if left > 1 {
                    point.step(self);
                    left -= 1;
                }
            }
            table.to.push(places);
            for (run, &offset) in self.runs.iter().zip(&offsets) {
                let mut pointers = pointers.map(|pointer| pointer.wrapping_offset(offset));
                if self.clipped {
                    let mut any = false;
                    for (pointer, [row, column]) in pointers.iter_mut().zip(first) {
                        // A negative place wraps to a huge one.
                        let inside = row.wrapping_add_signed(run.displacement[0]) < height
                            && column.wrapping_add_signed(run.displacement[1]) < width;
                        any |= inside;
                        if !inside {
                            *pointer = self.zeros.as_ptr();
                        }
                    }
                    if !any {
                        pointers[0] = std::ptr::null();
                    }
                }
                table.from.push(pointers);
            }
        }
        table
    }
}

/// A grid point: picture, row and column.
#[derive(Clone, Copy)]
struct Point {
    item: usize,
    row: usize,
    column: usize,
}

impl Point {
    fn new(walk: &Walk, pixel: usize) -> Self {
        let [rows, columns] = walk.plan.grid;
        let (item, place) = if walk.places_first {
            (pixel % walk.plan.batch, pixel / walk.plan.batch)
        } else {
            (pixel / (rows * columns), pixel % (rows * columns))
        };
        Self { item, row: place / columns, column: place % columns }
    }

    /// On to the next one: counting is far cheaper than dividing anew.
    fn step(&mut self, walk: &Walk) {
        let [rows, columns] = walk.plan.grid;
        if walk.places_first {
            self.item += 1;
            if self.item < walk.plan.batch {
                return;
            }
            self.item = 0;
        }
        self.column += 1;
        if self.column == columns {
            (self.column, self.row) = (0, self.row + 1);
        }
        if self.row == rows {
            (self.row, self.item) = (0, self.item + 1);
        }
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
