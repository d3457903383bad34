//! How transformed tiles and filters are measured and ordered alike.

use super::families::Family;

/// Channels of a vector: a cache line, a register of the widest form, the columns of the micro-kernel.
pub(super) const LANES: usize = 16;

/// Points of a family's transformed tile.
pub(super) const fn points<F: Family>() -> usize {
    F::POINTS * F::POINTS
}

/// The least distance of at least `floats` that is an odd number of cache lines: the same vector of all points is written
/// and read together, and at distances of a power of two they would fall into the same few lines of the first-level cache.
pub(super) fn apart(floats: usize) -> usize {
    (floats.div_ceil(LANES) | 1) * LANES
}

/// The place of a phase among four side by side, and the phase of a place: the first two have even rows, the middle ones even
/// columns, so that those with two taps along an axis follow each other.
pub(super) const fn exchange(phase: usize, side_by_side: usize) -> usize {
    if side_by_side == 4 && phase < 2 { 1 - phase } else { phase }
}
