//! Transformed tiles, in the order in which the products read them.

use super::lines::Line;
use super::measures::{LANES, apart, exchange};
use super::plane::{Grid, transform};
use super::windows::{Mirror, Tiling, View, Windows};
use crate::cpu::simd::{Kernel, Lanes, Vector};
use std::marker::PhantomData;
use std::ops::Range;

/// Where the vector of a tile lies among those of one point: in blocks of `rows` tiles of one vector, within which tiles follow each
/// other.
#[derive(Clone, Copy, Debug)]
pub(super) struct Panels {
    /// Tiles of a block.
    pub(super) rows: usize,
    /// Tiles there is room for: a multiple of `rows`.
    pub(super) tiles: usize,
    /// Vectors of a tile.
    pub(super) vectors: usize,
}

impl Panels {
    pub(super) fn new(rows: usize, tiles: usize, vectors: usize) -> Self {
        Self { rows, tiles: tiles.next_multiple_of(rows), vectors }
    }

    #[inline(always)]
    pub(super) fn offset(&self, tile: usize, vector: usize) -> usize {
        LANES * (self.rows * (tile / self.rows * self.vectors + vector) + tile % self.rows)
    }

    /// Floats from a point to the next.
    pub(super) fn stride(&self) -> usize {
        apart(LANES * self.tiles * self.vectors)
    }
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

/// Tiles of which a vector is transformed in turn: neighbours share pixels, and what they read and write stays in the
/// first-level cache. Meanwhile the next lines are asked for; what that gains is not measured.
const TOGETHER: usize = 1;

impl<L: Line> Kernel for Gather<'_, L> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { windows, tiling, panels, .. } = self;
        let stride = panels.stride();
        let vectors = windows.vectors();
        let from = self.pictures.as_ptr();
        for begin in self.tiles.clone().step_by(TOGETHER) {
            let count = TOGETHER.min(self.tiles.end - begin);
            for vector in 0..vectors {
                for i in 0..count {
                    let tile = tiling.tile(begin + i);
                    let (ahead, vector_ahead) =
                        (tiling.tile((begin + i + 2).min(self.tiles.end - 1)), vector);
                    let row = self.first + begin - self.tiles.start + i;
                    for phase in 0..windows.phases {
                        windows.prefetch(from, ahead, phase, LANES * vector_ahead, L::FROM);
                        let part = self.to.wrapping_add(phase / self.side_by_side * self.points * stride);
                        let place = exchange(phase % self.side_by_side, self.side_by_side);
                        let vector_to = place * vectors + vector;
                        let start = part.wrapping_add(panels.offset(row, vector_to));
                        for lane in (0..LANES).step_by(V::Widest::LANES) {
                            let to =
                                Grid { start: start.wrapping_add(lane), down: L::TO * stride, right: stride };
                            let channel = LANES * vector + lane;
                            // SAFETY: the window serves points inside the batch only; the panels have room
                            // for the tile, which no other thread transforms.
                            unsafe {
                                match windows.look(from, tile, phase, channel, V::Widest::LANES, L::FROM) {
                                    View::Inside(grid) => transform::<V::Widest, L>(&grid, &to),
                                    View::Border(border) if windows.mirrored > 0 => {
                                        transform::<V::Widest, L>(&Mirror(border), &to);
                                    }
                                    View::Border(border) => transform::<V::Widest, L>(&border, &to),
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
