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
            for first in (0..panels.tiles).step_by(2 * ROWS) {
                let block = |first: usize| tiles.wrapping_add(panels.offset(first, self.chunks.start));
                let (a, pair) = (block(first), first + ROWS < panels.tiles);
                let below = if pair { block(first + ROWS) } else { a };
                let next = if first + 2 * ROWS < panels.tiles {
                    block(first + 2 * ROWS)
                } else {
                    tiles.wrapping_add(tile_stride + panels.offset(0, self.chunks.start))
                };
                // What follows the next six tiles is fetched with them.
                let ahead = (below as isize - a as isize) / size_of::<f32>() as isize;
                // SAFETY: six tiles of all chunks lie in a block of the panels, sixteen columns of as many rows in
                // the slab; the products have room for all tiles. What is fetched ahead is not read.
                unsafe {
                    let mut sums = [Tile::<V>::zero(); 2];
                    for chunk in 0..chunks {
                        let at = chunk * 8 * ROWS;
                        for line in 0..3 {
                            prefetch(next.wrapping_add(at + 16 * line));
                            prefetch(next.wrapping_offset(ahead).wrapping_add(at + 16 * line));
                        }
                        let b = b.add(chunk * 8 * COLUMNS);
                        if pair {
                            let a = [rows(a.add(at), 8), rows(below.add(at), 8)];
                            Tile::multiply_tall(&mut sums, 8, a, 1, b);
                        } else {
                            sums[0].multiply(8, rows(a.add(at), 8), 1, b);
                        }
                    }
                    for (index, sum) in sums.into_iter().enumerate().take(1 + usize::from(pair)) {
                        let mut c = [to.add((first + index * ROWS) * COLUMNS); ROWS];
                        for (row, place) in c.iter_mut().enumerate() {
                            *place = place.add(row * COLUMNS);
                        }
                        sum.store(c, self.chunks.start > 0);
                    }
                }
            }
        }
    }
}
