//! Where tiles lie in pictures.

use super::plane::{Grid, Sink, Source, load_part, prefetch, store_part};
use crate::cpu::simd::Vector;

/// A tile's place among the others: all pictures of a batch in one row, so that blocks of tiles cross small pictures.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tile {
    pub(super) picture: usize,
    pub(super) row: usize,
    pub(super) column: usize,
}

/// How many tiles a batch is cut into.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiling {
    pub(super) pictures: usize,
    pub(super) rows: usize,
    pub(super) columns: usize,
}

impl Tiling {
    pub(super) fn count(&self) -> usize {
        self.pictures * self.rows * self.columns
    }

    pub(super) fn tile(&self, index: usize) -> Tile {
        let (above, column) = (index / self.columns, index % self.columns);
        Tile { picture: above / self.rows, row: above % self.rows, column }
    }
}

/// The windows that tiles look through: at which pixels of a picture their points lie.
///
/// A window may be seen in four phases, one for each parity of row and column: the inputs of a convolution of stride 2, or
/// the outputs of its transpose.
#[derive(Clone, Copy, Debug)]
pub(super) struct Windows {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) channels: usize,
    /// Pixels from a tile to the next.
    pub(super) advance: usize,
    /// Pixels from a point to the next within a tile.
    pub(super) step: usize,
    /// Pixel of the first point of the first tile: negative with padding.
    pub(super) origin: [isize; 2],
    /// One, or four that begin a pixel further down, right, or both.
    pub(super) phases: usize,
}

impl Windows {
    /// Vectors of eight that hold the channels of a pixel.
    pub(super) fn chunks(&self) -> usize {
        self.channels.div_ceil(8)
    }

    #[inline(always)]
    fn corner(&self, tile: Tile, phase: usize) -> [isize; 2] {
        [
            (tile.row * self.advance + phase / 2) as isize + self.origin[0],
            (tile.column * self.advance + phase % 2) as isize + self.origin[1],
        ]
    }

    /// Whether all `size` squared points from `corner` on are pixels.
    #[inline(always)]
    fn holds(&self, [row, column]: [isize; 2], size: usize) -> bool {
        let reach = ((size - 1) * self.step) as isize;
        row >= 0 && column >= 0 && row + reach < self.height as isize && column + reach < self.width as isize
    }

    /// The tile's points, eight channels from `8 chunk` on, in the batch that starts at `start`: as a plain grid where
    /// all of them exist, point by point where some do not.
    #[inline(always)]
    pub(super) fn look<P: Pointer>(
        &self,
        start: P,
        tile: Tile,
        phase: usize,
        chunk: usize,
        size: usize,
    ) -> View<P> {
        let corner = self.corner(tile, phase);
        let channels = self.channels - 8 * chunk;
        let picture = tile.picture * self.height * self.width * self.channels + 8 * chunk;
        if channels >= 8 && self.holds(corner, size) {
            let pixel = corner[0] as usize * self.width + corner[1] as usize;
            View::Inside(Grid {
                start: start.offset(picture + pixel * self.channels),
                down: self.step * self.width * self.channels,
                right: self.step * self.channels,
            })
        } else {
            View::Border(Border { start: start.offset(picture), corner, channels, windows: *self })
        }
    }
}

impl Windows {
    /// Asks for the cache lines of a tile ahead of its use. Tiles at the border are left out.
    #[inline(always)]
    pub(super) fn prefetch<P: Pointer>(&self, start: P, tile: Tile, phase: usize, chunk: usize, size: usize) {
        if let View::Inside(grid) = self.look(start, tile, phase, chunk, size) {
            for row in 0..size {
                for column in 0..size {
                    prefetch(grid.start.offset(row * grid.down + column * grid.right).reading());
                }
            }
        }
    }
}

/// A pointer to read from or to write to.
pub(super) trait Pointer: Copy {
    fn offset(self, floats: usize) -> Self;
    fn reading(self) -> *const f32;
}

impl Pointer for *const f32 {
    #[inline(always)]
    fn reading(self) -> *const f32 {
        self
    }

    #[inline(always)]
    fn offset(self, floats: usize) -> Self {
        self.wrapping_add(floats)
    }
}

impl Pointer for *mut f32 {
    #[inline(always)]
    fn reading(self) -> *const f32 {
        self.cast_const()
    }

    #[inline(always)]
    fn offset(self, floats: usize) -> Self {
        self.wrapping_add(floats)
    }
}

/// What a tile sees through its window.
pub(super) enum View<P> {
    Inside(Grid<P>),
    Border(Border<P>),
}

/// A window of which some points, or some of the eight channels, do not exist: those read as zero and are not written.
#[derive(Clone, Copy)]
pub(super) struct Border<P> {
    start: P,
    corner: [isize; 2],
    /// Channels from `start` on; eight or more means all lanes exist.
    channels: usize,
    windows: Windows,
}

impl<P: Pointer> Border<P> {
    /// Where a point lies, if it does.
    #[inline(always)]
    fn find(&self, row: usize, column: usize) -> Option<P> {
        let Windows { height, width, channels, step, .. } = self.windows;
        let row = self.corner[0] + (row * step) as isize;
        let column = self.corner[1] + (column * step) as isize;
        let there = row >= 0 && column >= 0 && row < height as isize && column < width as isize;
        there.then(|| self.start.offset((row as usize * width + column as usize) * channels))
    }
}

impl Source for Border<*const f32> {
    #[inline(always)]
    unsafe fn at<V: Vector>(&self, row: usize, column: usize) -> V {
        // SAFETY: a point that is found lies in the batch, with `channels` floats of its pixel left.
        unsafe {
            match self.find(row, column) {
                None => V::splat(0.0),
                Some(from) if self.channels >= V::LANES => V::load(from),
                Some(from) => load_part(from, self.channels),
            }
        }
    }
}

impl Sink for Border<*mut f32> {
    #[inline(always)]
    unsafe fn put<V: Vector>(&self, row: usize, column: usize, value: V) {
        // SAFETY: as above.
        unsafe {
            match self.find(row, column) {
                None => {}
                Some(to) if self.channels >= V::LANES => value.store(to),
                Some(to) => store_part(value, to, self.channels),
            }
        }
    }
}
