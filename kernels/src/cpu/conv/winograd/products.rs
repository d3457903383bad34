//! The products of transformed tiles and filters: one matrix product for each point.

use super::panels::{Panels, apart};
use crate::cpu::gemm::micro::{COLUMNS, ROWS, Tile, rows};
use crate::cpu::simd::{Kernel, Vector};

/// Rows of a filter panel that are multiplied in one go: 16 KB, half of the first-level cache, so that they stay there while
/// the tiles go by.
const DEPTH: usize = 256;

/// Multiplies the tiles of a block with one panel of filters.
pub(super) struct Multiply {
    pub(super) points: usize,
    pub(super) depth: usize,
    pub(super) panels: Panels,
    /// Transformed tiles of one group.
    pub(super) tiles: *const f32,
    /// Transformed filters: one panel.
    pub(super) filters: *const f32,
    /// The products: point after point, for each tile sixteen channels.
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
        let Self { points, depth, panels, .. } = self;
        let (tile_stride, filter_stride) = (panels.stride(), apart(depth * COLUMNS));
        let to_stride = product_stride(panels.tiles);
        for point in 0..points {
            let tiles = self.tiles.wrapping_add(point * tile_stride);
            let filters = self.filters.wrapping_add(point * filter_stride);
            let to = self.to.wrapping_add(point * to_stride);
            for deep in (0..depth).step_by(DEPTH) {
                let b = filters.wrapping_add(deep * COLUMNS);
                for first in (0..panels.tiles).step_by(ROWS) {
                    let a = tiles.wrapping_add(panels.offset(first, deep / 8));
                    // SAFETY: six tiles of `depth` channels lie in a block of the panels, sixteen columns of as
                    // many rows in the filters; the products have room for all tiles.
                    unsafe {
                        let mut tile = Tile::<V>::zero();
                        for chunk in 0..(depth - deep).min(DEPTH) / 8 {
                            let a = rows(a.add(chunk * 8 * ROWS), 8);
                            tile.multiply(8, a, 1, b.add(chunk * 8 * COLUMNS));
                        }
                        let mut c = [to.add(first * COLUMNS); ROWS];
                        for (row, place) in c.iter_mut().enumerate() {
                            *place = place.add(row * COLUMNS);
                        }
                        tile.store(c, deep > 0);
                    }
                }
            }
        }
    }
}
