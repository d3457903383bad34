//! Transformed filters: sixteen output channels at a time, in the order in which the products read them.

use super::lines::Family;
use super::panels::{apart, points};
use super::plane::{Grid, load_part, prefetch, transform};
use crate::cpu::simd::{Kernel, Vector};
use std::marker::PhantomData;
use std::ops::Range;

/// Output channels of a panel: the columns of the micro-kernel.
pub(super) const WIDTH: usize = 16;
/// Input channels that are staged together.
const DEEP: usize = 8;
/// Eights of rows of a slab: all points of one take 300 KB, so that they stay in the second-level cache between their transform
/// and their use, and one point takes 8 KB, a quarter of the first-level cache, while the tiles go by.
const SLAB: usize = 16;

/// Floats from a point of a slab to the next.
pub(super) fn slab_stride(chunks: usize) -> usize {
    apart(chunks * DEEP * WIDTH)
}

/// What filters look like before and after their transform.
///
/// A panel holds `WIDTH` output channels for one group of phases, in slabs of up to `SLAB` input channels: point after point, a
/// row of sixteen for each input channel. Panels of the groups follow each other, then those of the next sixteen
/// channels.
#[derive(Clone, Copy, Debug)]
pub(super) struct Filters {
    /// Rows and columns of the kernel.
    pub(super) kernel: [usize; 2],
    pub(super) channels_in: usize,
    pub(super) channels_out: usize,
    /// Turned by half a turn, with inputs and outputs exchanged: the filters of the input gradient.
    pub(super) turned: bool,
    /// Taps from one to the next of a phase: the stride of the convolution.
    pub(super) step: usize,
    /// Four for a stride of two, or one.
    pub(super) phases: usize,
    /// Phases whose channels are summed together: all of them, or one.
    pub(super) side_by_side: usize,
}

impl Filters {
    /// Channels that a product sums over, and channels that come out.
    fn channels(&self) -> [usize; 2] {
        if self.turned {
            [self.channels_out, self.channels_in]
        } else {
            [self.channels_in, self.channels_out]
        }
    }

    /// Vectors of eight that hold the summed channels of one phase.
    pub(super) fn chunks(&self) -> usize {
        self.channels()[0].div_ceil(DEEP)
    }

    /// Rows of a panel: channels summed over, rounded up, of all phases side by side.
    pub(super) fn depth(&self) -> usize {
        self.side_by_side * self.chunks() * DEEP
    }

    pub(super) fn groups(&self) -> usize {
        self.phases / self.side_by_side
    }

    /// Panels: one for each group of every sixteen output channels.
    pub(super) fn panels(&self) -> usize {
        self.channels()[1].div_ceil(WIDTH) * self.groups()
    }

    /// The slabs of a panel, in eights of rows.
    pub(super) fn slabs(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let chunks = self.depth() / DEEP;
        (0..chunks).step_by(SLAB).map(move |begin| begin..chunks.min(begin + SLAB))
    }

    /// Floats from a panel's slab to the next.
    pub(super) fn slab<F: Family>(&self) -> usize {
        points::<F>() * slab_stride(SLAB.min(self.depth() / DEEP))
    }

    /// Floats of one panel.
    pub(super) fn panel<F: Family>(&self) -> usize {
        self.slabs().count() * self.slab::<F>()
    }

    /// Where a tap of a phase begins in the weights.
    #[inline(always)]
    fn tap(&self, phase: usize, row: usize, column: usize) -> usize {
        let mut row = phase / 2 + self.step * row;
        let mut column = phase % 2 + self.step * column;
        if self.turned {
            row = self.kernel[0] - 1 - row;
            column = self.kernel[1] - 1 - column;
        }
        (row * self.kernel[1] + column) * self.channels_in * self.channels_out
    }
}

/// Transforms one slab.
pub(super) struct TransformFilters<'a, F> {
    pub(super) filters: Filters,
    pub(super) weights: &'a [f32],
    /// Which sixteen output channels.
    pub(super) width: usize,
    /// Which group of phases.
    pub(super) group: usize,
    /// Which rows of the panel, in eights.
    pub(super) chunks: Range<usize>,
    /// The slab.
    pub(super) to: *mut f32,
    pub(super) family: PhantomData<F>,
}

impl<F: Family> Kernel for TransformFilters<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { filters, .. } = self;
        let per_phase = filters.chunks();
        // Up to sixteen taps of eight input and eight output channels.
        let mut stage = [0.0f32; 16 * DEEP * 8];
        for chunk in self.chunks.clone() {
            let phase = self.group * filters.side_by_side + chunk / per_phase;
            let deep = chunk % per_phase * DEEP;
            self.prefetch(chunk + 1);
            for half in 0..2 {
                let out = self.width * WIDTH + half * 8;
                // SAFETY: the stage holds the taps of any family; the panel has room for `depth` rows of each
                // point, of which no other thread writes these.
                unsafe {
                    for tap in 0..F::TAPS * F::TAPS {
                        let from = filters.tap(phase, tap / F::TAPS, tap % F::TAPS);
                        let to = stage.as_mut_ptr().add(tap * DEEP * 8);
                        stage_tap::<V>(&filters, &self.weights[from..], deep, out, to);
                    }
                    let stride = slab_stride(self.chunks.len());
                    for row in 0..DEEP {
                        let from = Grid {
                            start: stage.as_ptr().add(row * 8),
                            down: F::TAPS * DEEP * 8,
                            right: DEEP * 8,
                        };
                        let to = Grid {
                            start: self.to.add(((chunk - self.chunks.start) * DEEP + row) * WIDTH + half * 8),
                            down: F::POINTS * stride,
                            right: stride,
                        };
                        transform::<V, F::Filter>(&from, &to);
                    }
                }
            }
        }
    }
}

impl<F: Family> TransformFilters<'_, F> {
    /// Asks for the weights of eight input channels ahead of their use: each of their rows is a cache line of its own.
    #[inline(always)]
    fn prefetch(&self, chunk: usize) {
        let filters = &self.filters;
        let per_phase = filters.chunks();
        let phase = self.group * filters.side_by_side + chunk / per_phase;
        if chunk >= self.chunks.end {
            return;
        }
        let (deep, out) = (chunk % per_phase * DEEP, self.width * WIDTH);
        for tap in 0..F::TAPS * F::TAPS {
            let from = self.weights.as_ptr().wrapping_add(filters.tap(phase, tap / F::TAPS, tap % F::TAPS));
            let [all_deep, all_out] = filters.channels();
            if filters.turned {
                for row in 0..WIDTH {
                    prefetch(from.wrapping_add((out + row) * all_deep + deep));
                }
            } else {
                for row in 0..DEEP {
                    prefetch(from.wrapping_add((deep + row) * all_out + out));
                }
            }
        }
    }
}

/// Copies one tap of eight summed channels (from `deep` on) and eight output channels (from `out` on), zeros beyond the last, so
/// that a row holds the output channels of one summed channel.
///
/// # Safety
/// The processor must support `V`; `to` must have room for 64 floats.
#[inline(always)]
unsafe fn stage_tap<V: Vector>(filters: &Filters, tap: &[f32], deep: usize, out: usize, to: *mut f32) {
    let [all_deep, all_out] = filters.channels();
    let (rows, columns, all_columns, row, column) = if filters.turned {
        (all_out.saturating_sub(out), all_deep - deep, all_deep, out, deep)
    } else {
        (all_deep - deep, all_out.saturating_sub(out), all_out, deep, out)
    };
    // SAFETY: rows and columns that exist are read, and no others.
    unsafe {
        let zero = V::splat(0.0);
        let mut block = [zero; 8];
        for i in 0..8 {
            if i < rows && columns > 0 {
                let from = tap.as_ptr().add((row + i) * all_columns + column);
                block[i] = if columns >= 8 { V::load(from) } else { load_part(from, columns) };
            }
        }
        if filters.turned {
            block = V::transpose(block);
        }
        for i in 0..8 {
            block[i].store(to.add(8 * i));
        }
    }
}
