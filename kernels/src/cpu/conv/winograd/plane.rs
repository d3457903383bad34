//! A tile's transform: a line's transform down every column, then along every row.

use super::lines::{LONGEST, Line};
use crate::cpu::simd::Lanes;

/// Where a transform reads its tile: as many channels of each point as a register holds.
pub(super) trait Source {
    /// # Safety
    /// The processor must support `V`, and the point must be in the tile.
    unsafe fn at<V: Lanes>(&self, row: usize, column: usize) -> V;
}

/// Where a transform writes its tile.
pub(super) trait Sink {
    /// # Safety
    /// The processor must support `V`, and the point must be in the tile.
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, value: V);
}

/// Reads a tile, transforms it both ways, writes it.
///
/// # Safety
/// The processor must support `V`; the source must serve `L::FROM` squared points, the sink `L::TO` squared.
#[inline(always)]
pub(super) unsafe fn transform<V: Lanes, L: Line>(source: &impl Source, sink: &impl Sink) {
    // SAFETY: the points stay below the line's counts, which the caller vouches for.
    unsafe {
        let zero = V::splat(0.0);
        let mut half = [[zero; LONGEST]; LONGEST];
        for column in 0..L::FROM {
            let mut line = [zero; LONGEST];
            for row in 0..L::FROM {
                line[row] = source.at(row, column);
            }
            let line = L::apply(line);
            for row in 0..L::TO {
                half[row][column] = line[row];
            }
        }
        for row in 0..L::TO {
            let line = L::apply(half[row]);
            for column in 0..L::TO {
                sink.put(row, column, line[column]);
            }
        }
    }
}

/// Points at fixed distances, all of them there.
#[derive(Clone, Copy)]
pub(super) struct Grid<P> {
    pub(super) start: P,
    /// Floats from a point to the one below.
    pub(super) down: usize,
    /// Floats from a point to the one on its right.
    pub(super) right: usize,
}

impl Source for Grid<*const f32> {
    #[inline(always)]
    unsafe fn at<V: Lanes>(&self, row: usize, column: usize) -> V {
        // SAFETY: whoever made the grid vouches for `LANES` floats at each of its points.
        unsafe { V::load(self.start.add(row * self.down + column * self.right)) }
    }
}

impl Sink for Grid<*mut f32> {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, value: V) {
        // SAFETY: as above, and nobody else writes there.
        unsafe { value.store(self.start.add(row * self.down + column * self.right)) }
    }
}

/// A sink that adds to what is there.
pub(super) struct Sum<S>(pub(super) S);

impl Sink for Sum<Grid<*mut f32>> {
    #[inline(always)]
    unsafe fn put<V: Lanes>(&self, row: usize, column: usize, value: V) {
        // SAFETY: as for the grid.
        unsafe {
            let to = self.0.start.add(row * self.0.down + column * self.0.right);
            V::load(to).add(value).store(to);
        }
    }
}

/// Asks for a cache line ahead of its use, be it to read or to write.
#[inline(always)]
pub(super) fn prefetch(from: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which never faults; every x86-64 processor has it.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}

/// As [`prefetch`], into the second-level cache only.
#[inline(always)]
pub(super) fn prefetch_second(from: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: as above.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T1 }>(from.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = from;
}
