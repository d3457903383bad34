//! Where tiles lie in pictures.

use super::measures::LANES;
use super::plane::{Grid, Sink, Source, Sum, prefetch};
use crate::cpu::simd::Lanes;

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
    /// Pixels around the picture that mirror those within; 0: zeros.
    pub(super) mirrored: usize,
}

impl Windows {
    /// Vectors of sixteen that hold the channels of a pixel.
    pub(super) fn vectors(&self) -> usize {
        self.channels.div_ceil(LANES)
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

    /// The tile's points, `lanes` channels from `channel` on, in the batch that starts at `start`: as a plain grid where
    /// all of them exist, point by point where some do not.
    #[inline(always)]
    pub(super) fn look<P: Pointer>(
        &self,
        start: P,
        tile: Tile,
        phase: usize,
        channel: usize,
        lanes: usize,
        size: usize,
    ) -> View<P> {
        let corner = self.corner(tile, phase);
        let channels = self.channels.saturating_sub(channel);
        let picture = tile.picture * self.height * self.width * self.channels + channel;
        if channels >= lanes && self.holds(corner, size) {
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

    /// Asks for the cache lines of a tile ahead of its use.
    #[inline(always)]
    pub(super) fn prefetch<P: Pointer>(
        &self,
        start: P,
        tile: Tile,
        phase: usize,
        channel: usize,
        size: usize,
    ) {
        let [row, column] = self.corner(tile, phase);
        let pixel =
            (tile.picture * self.height) as isize * self.width as isize + row * self.width as isize + column;
        let start = start.reading().wrapping_offset(pixel * self.channels as isize + channel as isize);
        for row in 0..size {
            for column in 0..size {
                prefetch(start.wrapping_add((row * self.width + column) * self.step * self.channels));
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

/// A window of which some points, or some of the channels, do not exist: those read as zero and are not written.
#[derive(Clone, Copy)]
pub(super) struct Border<P> {
    start: P,
    corner: [isize; 2],
    /// Channels from `start` on: where they are fewer, the other lanes do not exist.
    channels: usize,
    windows: Windows,
}

impl<P: Pointer> Border<P> {
    /// Where a point lies, and how many of its channels exist: none of a point that does not, which lies at the start.
    #[inline(always)]
    fn find(&self, row: usize, column: usize) -> (P, usize) {
        let Windows { height, width, channels, step, .. } = self.windows;
        // One that is negative is a large one.
        let row = (self.corner[0] + (row * step) as isize) as usize;
        let column = (self.corner[1] + (column * step) as isize) as usize;
        let there = usize::from(row < height) & usize::from(column < width);
        let mask = there.wrapping_neg();
        let offset = row.wrapping_mul(width).wrapping_add(column).wrapping_mul(channels);
        (self.start.offset(offset & mask), self.channels & mask)
    }
}

impl Source for Border<*const f32> {
    #[inline(always)]
    unsafe fn at<V: Lanes>(&self, row: usize, column: usize) -> V {
        let (from, count) = self.find(row, column);
        // SAFETY: a point that is found lies in the batch, with `count` floats of its pixel left.
        unsafe { V::load_part(from, count) }
    }
}

impl Sink for Border<*mut f32> {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, value: V) {
        let (to, count) = self.find(row, column);
        // SAFETY: as above.
        unsafe { value.store_part(to, count) }
    }
}

/// A window over a border that mirrors the picture at its edge pixels.
pub(super) struct Mirror<P>(pub(super) Border<P>);

impl<P: Pointer> Mirror<P> {
    /// As [`Border::find`]: where a point's mirror image lies.
    #[inline(always)]
    fn find(&self, row: usize, column: usize) -> (P, usize) {
        let Border { start, corner, channels: left, windows } = self.0;
        let Windows { height, width, channels, step, mirrored, .. } = windows;
        let reflect = |place: isize, size: usize| {
            let (size, border) = (size as isize, mirrored as isize);
            let there = -border <= place && place < size + border;
            (place.abs().min(2 * (size - 1) - place), usize::from(there))
        };
        let (row, in_rows) = reflect(corner[0] + (row * step) as isize, height);
        let (column, in_columns) = reflect(corner[1] + (column * step) as isize, width);
        let mask = (in_rows & in_columns).wrapping_neg();
        let offset = (row as usize).wrapping_mul(width).wrapping_add(column as usize).wrapping_mul(channels);
        (start.offset(offset & mask), left & mask)
    }
}

impl Source for Mirror<*const f32> {
    #[inline(always)]
    unsafe fn at<V: Lanes>(&self, row: usize, column: usize) -> V {
        let (from, count) = self.find(row, column);
        // SAFETY: a point that is found lies in the batch, since the border is smaller than the picture, with `count` floats of
        // its pixel left.
        unsafe { V::load_part(from, count) }
    }
}

impl Sink for Sum<Mirror<*mut f32>> {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, value: V) {
        let (to, count) = self.0.find(row, column);
        // SAFETY: as above.
        unsafe { V::load_part(to, count).add(value).store_part(to, count) }
    }
}
