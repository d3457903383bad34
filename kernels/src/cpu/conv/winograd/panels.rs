//! Transformed tiles, in the order in which the products read them.

use super::lines::{Family, Line};
use super::plane::{Grid, transform};
use super::windows::{Tiling, View, Windows};
use crate::cpu::simd::{Kernel, Vector};
use std::marker::PhantomData;
use std::ops::Range;

/// Where the vector of a tile, of eight channels, lies among those of one point.
///
/// Blocks of `rows` tiles and `vectors` vectors, within which tiles follow each other: six tiles of one vector feed the
/// micro-kernel's broadcasts as they are; three vectors of all tiles hold four groups of six channels, which it broadcasts for
/// the weight gradient; two vectors are its sixteen columns.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panels {
    /// Tiles of a block.
    pub(super) rows: usize,
    /// Vectors of a block.
    pub(super) vectors: usize,
    /// Tiles there is room for: a multiple of `rows`.
    pub(super) tiles: usize,
    /// Vectors there is room for: a multiple of `vectors`.
    pub(super) chunks: usize,
}

impl Panels {
    pub(super) fn new(rows: usize, vectors: usize, tiles: usize, chunks: usize) -> Self {
        Self { rows, vectors, tiles: tiles.next_multiple_of(rows), chunks: chunks.next_multiple_of(vectors) }
    }

    #[inline(always)]
    pub(super) fn offset(&self, tile: usize, chunk: usize) -> usize {
        let block = 8 * self.rows * (tile / self.rows * self.chunks + chunk / self.vectors * self.vectors);
        block + 8 * (tile % self.rows * self.vectors + chunk % self.vectors)
    }

    /// Floats from a point to the next.
    pub(super) fn stride(&self) -> usize {
        apart(8 * self.tiles * self.chunks)
    }
}

/// The least distance of at least `floats` that is an odd number of cache lines: the same vector of all points is written
/// and read together, and at distances of a power of two they would fall into the same few lines of the first-level cache.
pub(super) fn apart(floats: usize) -> usize {
    (floats.div_ceil(16) | 1) * 16
}

/// Transforms some tiles of a batch into panels.
pub(super) struct Gather<'a, L> {
    pub(super) windows: Windows,
    pub(super) tiling: Tiling,
    /// The batch.
    pub(super) pictures: &'a [f32],
    /// Tiles to transform; the first of them becomes the panels' tile `first`.
    pub(super) tiles: Range<usize>,
    pub(super) first: usize,
    pub(super) panels: Panels,
    /// Where the panels lie, point after point and for each `group` of phases anew.
    pub(super) to: *mut f32,
    /// Points of a group.
    pub(super) points: usize,
    /// How many phases stand side by side in a group, as so many times the channels.
    pub(super) side_by_side: usize,
    pub(super) line: PhantomData<L>,
}

/// Tiles whose sixteen channels, a cache line, are transformed in turn: neighbours share pixels, and what they read and
/// write stays in the first-level cache. Meanwhile the next lines are asked for;
/// what that gains is not measured.
const TOGETHER: usize = 6;

impl<L: Line> Kernel for Gather<'_, L> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { windows, tiling, panels, .. } = self;
        let stride = panels.stride();
        let chunks = windows.chunks();
        let from = self.pictures.as_ptr();
        for begin in self.tiles.clone().step_by(TOGETHER) {
            let count = TOGETHER.min(self.tiles.end - begin);
            for pair in (0..chunks).step_by(2) {
                for i in 0..count {
                    let tile = tiling.tile(begin + i);
                    let (ahead, chunk_ahead) = if pair + 2 < chunks {
                        (tile, pair + 2)
                    } else {
                        (tiling.tile((begin + i + TOGETHER).min(self.tiles.end - 1)), 0)
                    };
                    let row = self.first + begin - self.tiles.start + i;
                    for phase in 0..windows.phases {
                        windows.prefetch(from, ahead, phase, chunk_ahead, L::FROM);
                        let part = self.to.wrapping_add(phase / self.side_by_side * self.points * stride);
                        for chunk in pair..chunks.min(pair + 2) {
                            let chunk_to = phase % self.side_by_side * chunks + chunk;
                            let start = part.wrapping_add(panels.offset(row, chunk_to));
                            let to = Grid { start, down: L::TO * stride, right: stride };
                            // SAFETY: the window serves points inside the batch only; the panels have room
                            // for the tile, which no other thread transforms.
                            unsafe {
                                match windows.look(from, tile, phase, chunk, L::FROM) {
                                    View::Inside(grid) => transform::<V, L>(&grid, &to),
                                    View::Border(border) => transform::<V, L>(&border, &to),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Points of a family's transformed tile.
pub(super) const fn points<F: Family>() -> usize {
    F::POINTS * F::POINTS
}
