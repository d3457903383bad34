//! The products of transformed tiles and filters: one matrix product for each point.

use super::filters::{Filters, slab_stride};
use super::measures::{LANES, apart};
use super::panels::Panels;
use super::plane::prefetch;
use super::tile::{Tile, large};
use crate::cpu::gemm::micro::{COLUMNS, ROWS};
use crate::cpu::simd::{Kernel, Vector};
use std::ops::Range;

/// Tiles of a block of the panels: as many rows as the largest tile of the micro-kernel.
pub(super) const HIGH: usize = 12;

/// Multiplies the tiles of a block with one slab of a panel of filters, or of two panels.
pub(super) struct Multiply {
    pub(super) points: usize,
    /// What tells at which points filters are zero.
    pub(super) shape: Filters,
    /// Which group of phases.
    pub(super) group: usize,
    /// Rows of the filters, in vectors: input channels, phases side by side.
    pub(super) vectors: Range<usize>,
    pub(super) panels: Panels,
    /// Which of the panels' tiles, from the beginning of a block on.
    pub(super) rows: Range<usize>,
    /// Transformed tiles of one group.
    pub(super) tiles: *const f32,
    /// The slabs.
    pub(super) filters: [*const f32; 2],
    /// The products: point after point, for each tile sixteen channels, for each panel of filters. Written by the first slab,
    /// added to by the others.
    pub(super) to: [*mut f32; 2],
    /// Tiles there is room for in the products of a panel.
    pub(super) room: usize,
    /// One panel or two.
    pub(super) wide: usize,
}

/// Floats from a point of the products to the next.
pub(super) fn product_stride(tiles: usize) -> usize {
    apart(tiles * COLUMNS)
}

impl Kernel for Multiply {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let stride = self.panels.stride();
        for point in 0..self.points {
            let needed = self.shape.vectors_at(self.group, point);
            let vectors = needed.start.max(self.vectors.start)..needed.end.min(self.vectors.end);
            let accumulate = needed.start < self.vectors.start;
            if vectors.is_empty() && (accumulate || !needed.is_empty()) {
                continue;
            }
            let tiles = self.tiles.wrapping_add(point * stride);
            for first in self.rows.clone().step_by(HIGH) {
                let block = |first: usize| tiles.wrapping_add(self.panels.offset(first, vectors.start));
                let next = if first + HIGH < self.rows.end {
                    block(first + HIGH)
                } else {
                    block(self.rows.start).wrapping_add(stride)
                };
                let place = Place {
                    point,
                    first: first - self.rows.start,
                    vectors: [vectors.start - self.vectors.start, vectors.len()],
                    accumulate,
                    a: block(first),
                    next,
                };
                let low = self.rows.end - first <= ROWS;
                // SAFETY: twelve tiles of all vectors lie in a block of the panels, sixteen columns of as many rows in
                // each slab; the products have room for all tiles. What is fetched ahead is not read.
                unsafe {
                    match (large::<V>(), self.wide, low) {
                        (true, 2, false) => self.tile::<V, 12, 2>(place, 0),
                        (true, 2, true) => self.tile::<V, 6, 2>(place, 0),
                        (true, _, false) => self.tile::<V, 12, 1>(place, 0),
                        (true, _, true) => self.tile::<V, 6, 1>(place, 0),
                        (false, ..) => {
                            for panel in 0..self.wide {
                                self.tile::<V, 6, 1>(place, panel);
                                if !low {
                                    self.tile::<V, 6, 1>(place.below(), panel);
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Where a tile of the micro-kernel lies.
#[derive(Clone, Copy)]
struct Place {
    point: usize,
    /// Its first tile among those of the products.
    first: usize,
    /// The first row of the slab that is multiplied, and how many, in vectors.
    vectors: [usize; 2],
    /// Adds to the products instead of writing them.
    accumulate: bool,
    a: *const f32,
    /// The block that follows.
    next: *const f32,
}

impl Place {
    /// Six rows further down.
    fn below(self) -> Self {
        let down = ROWS * LANES;
        Self {
            first: self.first + ROWS,
            a: self.a.wrapping_add(down),
            next: self.next.wrapping_add(down),
            ..self
        }
    }
}

impl Multiply {
    /// `ROWS` rows by the sixteen columns of `WIDE` panels, from `panel` on.
    ///
    /// # Safety
    /// The processor must support `V`, the tiles lie in their panels, the products have room for them.
    #[inline(always)]
    unsafe fn tile<V: Vector, const ROWS: usize, const WIDE: usize>(&self, place: Place, panel: usize) {
        let Place { point, first, vectors: [begin, count], accumulate, a, next } = place;
        // SAFETY: the caller's promise.
        unsafe {
            let mut b = [self.filters[0]; WIDE];
            let mut c = [self.to[0]; WIDE];
            for w in 0..WIDE {
                b[w] = self.filters[panel + w]
                    .add(point * slab_stride(self.vectors.len()) + begin * LANES * COLUMNS);
                let start = point * product_stride(self.room) + first * COLUMNS;
                c[w] = self.to[panel + w].add(start);
            }
            let mut sums = Tile::<V, ROWS, WIDE>::zero();
            for vector in 0..count {
                let at = vector * LANES * HIGH;
                for row in 0..ROWS {
                    prefetch(next.wrapping_add(at + LANES * row));
                }
                sums.multiply(LANES, a.add(at), LANES, 1, b.map(|b| b.add(vector * LANES * COLUMNS)));
            }
            sums.store(c, COLUMNS, accumulate);
        }
    }
}
