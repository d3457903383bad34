//! The products of transformed tiles and filters: one matrix product for each point.

use super::filters::slab_stride;
use super::panels::{Panels, apart};
use super::plane::prefetch;
use crate::cpu::gemm::micro::{COLUMNS, ROWS, Tile, rows};
use crate::cpu::simd::{Kernel, Vector};
use std::ops::Range;

/// Multiplies the tiles of a block with one slab of filters.
pub(super) struct Multiply {
    pub(super) points: usize,
    /// Rows of the filters, in eights: input channels, phases side by side.
    pub(super) chunks: Range<usize>,
    pub(super) panels: Panels,
    /// Transformed tiles of one group.
    pub(super) tiles: *const f32,
    /// The slab.
    pub(super) filters: *const f32,
    /// The products: point after point, for each tile sixteen channels. Written by the first slab, added to by the others.
    pub(super) to: *mut f32,
}

/// Floats from a point of the products to the next.
pub(super) fn product_stride(tiles: usize) -> usize {
    apart(tiles * COLUMNS)
}

impl Kernel for Multiply {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { points, panels, .. } = self;
        let chunks = self.chunks.len();
        let (tile_stride, filter_stride) = (panels.stride(), slab_stride(chunks));
        let to_stride = product_stride(panels.tiles);
        for point in 0..points {
            let tiles = self.tiles.wrapping_add(point * tile_stride);
            let b = self.filters.wrapping_add(point * filter_stride);
            let to = self.to.wrapping_add(point * to_stride);
            for first in (0..panels.tiles).step_by(ROWS) {
                let a = tiles.wrapping_add(panels.offset(first, self.chunks.start));
                let next = if first + ROWS < panels.tiles {
                    tiles.wrapping_add(panels.offset(first + ROWS, self.chunks.start))
                } else {
                    tiles.wrapping_add(tile_stride + panels.offset(0, self.chunks.start))
                };
                // SAFETY: six tiles of all chunks lie in a block of the panels, sixteen columns of as many rows in
                // the slab; the products have room for all tiles. What is fetched ahead is not read.
                unsafe {
                    let mut tile = Tile::<V>::zero();
                    for chunk in 0..chunks {
                        let at = chunk * 8 * ROWS;
                        for line in 0..3 {
                            prefetch(next.wrapping_add(at + 16 * line));
                        }
                        tile.multiply(8, rows(a.add(at), 8), 1, b.add(chunk * 8 * COLUMNS));
                    }
                    let mut c = [to.add(first * COLUMNS); ROWS];
                    for (row, place) in c.iter_mut().enumerate() {
                        *place = place.add(row * COLUMNS);
                    }
                    tile.store(c, self.chunks.start > 0);
                }
            }
        }
    }
}
