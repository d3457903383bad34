//! Transformed filters: sixteen output channels at a time, in the order in which the products read them.

use super::families::{Family, Two};
use super::measures::{LANES, apart, exchange, points};
use super::plane::{Grid, prefetch_second, transform};
use crate::Buffer;
use crate::cpu::simd::{Kernel, Lanes, Vector};
use std::marker::PhantomData;
use std::ops::Range;

/// Output channels of a panel: the columns of the micro-kernel.
pub(super) const WIDTH: usize = LANES;
/// Vectors of rows of a slab: one point of one takes 8 KB, and two of them and a tile's rows stay in the first-level cache
/// (48 KB) while the tiles go by.
const SLAB: usize = 8;

/// Vectors of rows whose weights are asked for ahead. Against two, all of a vector's rows at once and into the first-level cache,
/// with nothing in the caches, medians in alternation: input gradients gain 3 to 15% (gan.d4, cyclegan.patch4 and cyclegan.residual,
/// vgg.4_2, unet.middle-b), gan.d4 forward 7 to 13%; 3x3 forward differs by no more than runs do (3%).
const AHEAD: usize = 4;

/// Floats from a point of a slab to the next.
pub(super) fn slab_stride(vectors: usize) -> usize {
    apart(vectors * LANES * WIDTH)
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
    /// Exchanged, but not turned: those of an adjoint, which spreads each output's gradient.
    pub(super) adjoint: bool,
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

    /// Vectors that hold the summed channels of one phase.
    pub(super) fn vectors(&self) -> usize {
        self.channels()[0].div_ceil(LANES)
    }

    /// Rows of a panel: channels summed over, rounded up, of all phases side by side.
    pub(super) fn depth(&self) -> usize {
        self.side_by_side * self.vectors() * LANES
    }

    pub(super) fn groups(&self) -> usize {
        self.phases / self.side_by_side
    }

    /// Panels: one for each group of every sixteen output channels.
    pub(super) fn panels(&self) -> usize {
        self.channels()[1].div_ceil(WIDTH) * self.groups()
    }

    /// The slabs of a panel, in vectors of rows.
    pub(super) fn slabs(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let vectors = self.depth() / LANES;
        (0..vectors).step_by(SLAB).map(move |begin| begin..vectors.min(begin + SLAB))
    }

    /// Floats from a panel's slab to the next.
    pub(super) fn slab<F: Family>(&self) -> usize {
        points::<F>() * slab_stride(SLAB.min(self.depth() / LANES))
    }

    /// Floats of one panel.
    pub(super) fn panel<F: Family>(&self) -> usize {
        self.slabs().count() * self.slab::<F>()
    }

    /// Whether the last row and column of the kernel that the family computes are missing: 3x3 with stride 2 is 4x4 with zeros.
    pub(super) fn shortened(&self) -> bool {
        self.step == 2 && self.kernel == [3, 3]
    }

    /// The vectors of a group's panel whose products at a point are not zero.
    ///
    /// A phase that lacks one of two taps along an axis transforms it to zero at one of five points: the last one forward,
    /// where the second tap is missing, the first one turned, where the first is. That saves 19 of 100 products.
    pub(super) fn vectors_at(&self, group: usize, point: usize) -> Range<usize> {
        let all = 0..self.depth() / LANES;
        if !self.shortened() {
            return all;
        }
        let [row, column] = [point / Two::POINTS, point % Two::POINTS];
        if self.turned {
            let zero = (group < 2 && row == 0) || (group.is_multiple_of(2) && column == 0);
            return if zero { 0..0 } else { all };
        }
        let (last, phase) = (Two::POINTS - 1, self.vectors());
        match (row == last, column == last) {
            (false, false) => all,
            (true, false) => 0..2 * phase,
            (false, true) => phase..3 * phase,
            (true, true) => phase..2 * phase,
        }
    }

    /// The phase that a vector of rows belongs to.
    #[inline(always)]
    fn phase(&self, group: usize, vector: usize) -> usize {
        group * self.side_by_side + exchange(vector / self.vectors(), self.side_by_side)
    }

    /// Where a tap of a phase begins in the weights, if it is not missing.
    #[inline(always)]
    fn tap(&self, phase: usize, row: usize, column: usize) -> Option<usize> {
        let mut row = phase / 2 + self.step * row;
        let mut column = phase % 2 + self.step * column;
        if self.turned && !self.adjoint {
            let last = self.kernel.map(|size| size - 1 + usize::from(self.shortened()));
            (row, column) = (last[0] - row, last[1] - column);
        }
        let there = row < self.kernel[0] && column < self.kernel[1];
        there.then_some((row * self.kernel[1] + column) * self.channels_in * self.channels_out)
    }
}

/// Which part of the filters.
#[derive(Clone)]
pub(super) struct Slab {
    /// Which sixteen output channels.
    pub(super) width: usize,
    /// Which group of phases.
    pub(super) group: usize,
    /// Which rows of the panel, in vectors.
    pub(super) vectors: Range<usize>,
}

/// Transforms one slab.
pub(super) struct TransformFilters<'a, F> {
    pub(super) filters: Filters,
    pub(super) weights: &'a [f32],
    pub(super) slab: Slab,
    /// Whether the first weights have been asked for, as those of another slab's `next`.
    pub(super) asked: bool,
    /// What this thread transforms next.
    pub(super) next: Option<Slab>,
    /// Where the slab comes.
    pub(super) to: *mut f32,
    pub(super) family: PhantomData<F>,
}

impl<F: Family> Kernel for TransformFilters<'_, F> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { filters, .. } = self;
        let Slab { width, group, vectors } = &self.slab;
        let per_phase = filters.vectors();
        let [all_deep, all_out] = filters.channels();
        let out = width * WIDTH;
        let stride = slab_stride(vectors.len());
        let mut stage = Buffer::new(F::TAPS * F::TAPS * LANES * WIDTH);
        if !self.asked {
            for vector in vectors.clone().take(AHEAD) {
                (0..LANES).for_each(|row| self.prefetch(&self.slab, vector, row));
            }
        }
        for vector in vectors.clone() {
            let phase = filters.phase(*group, vector);
            let deep = vector % per_phase * LANES;
            let ahead = vector + AHEAD;
            let (coming, ahead) = match &self.next {
                Some(next) if ahead >= vectors.end => (next, next.vectors.start + ahead - vectors.end),
                _ => (&self.slab, ahead),
            };
            // Rows of sixteen output channels are read where they lie, others from the stage.
            let whole = !filters.turned && !filters.shortened();
            let ready = whole && deep + LANES <= all_deep && out + WIDTH <= all_out;
            let (from, row_stride, tap_stride, kernel) = if ready {
                let first = filters.tap(phase, 0, 0).unwrap_or(0) + deep * all_out + out;
                (
                    self.weights[first..].as_ptr(),
                    all_out,
                    filters.step * all_deep * all_out,
                    filters.kernel[1],
                )
            } else {
                for tap in 0..F::TAPS * F::TAPS {
                    let to = &mut stage[tap * LANES * WIDTH..][..LANES * WIDTH];
                    match filters.tap(phase, tap / F::TAPS, tap % F::TAPS) {
                        // SAFETY: the caller's promise.
                        Some(from) => unsafe {
                            stage_tap::<V>(&filters, &self.weights[from..], deep, out, to);
                        },
                        None => to.fill(0.0),
                    }
                }
                (stage.as_ptr(), WIDTH, LANES * WIDTH, F::TAPS)
            };
            for row in 0..LANES {
                // A few at a time: all of a vector's at once keep what is needed now waiting.
                self.prefetch(coming, ahead, row);
                for lane in (0..WIDTH).step_by(V::Widest::LANES) {
                    // SAFETY: the weights or the stage hold the taps; the panel has room for `depth` rows of each
                    // point, of which no other thread writes these.
                    unsafe {
                        let from = Grid {
                            start: from.add(row * row_stride + lane),
                            down: kernel * tap_stride,
                            right: tap_stride,
                        };
                        let to = Grid {
                            start: self.to.add(((vector - vectors.start) * LANES + row) * WIDTH + lane),
                            down: F::POINTS * stride,
                            right: stride,
                        };
                        transform::<V::Widest, F::Filter>(&from, &to);
                    }
                }
            }
        }
    }
}

impl<F: Family> TransformFilters<'_, F> {
    /// Asks for a row of a vector's weights ahead of their use: in each tap it is a cache line of its own.
    ///
    /// In the second-level cache: rows a power of two apart share a few lines of the first, where they would drive each other out.
    #[inline(always)]
    fn prefetch(&self, Slab { width, group, vectors }: &Slab, vector: usize, row: usize) {
        let filters = &self.filters;
        let per_phase = filters.vectors();
        if vector >= vectors.end {
            return;
        }
        let phase = filters.phase(*group, vector);
        let (deep, out) = (vector % per_phase * LANES, width * WIDTH);
        let [all_deep, all_out] = filters.channels();
        let first = if filters.turned { (out + row) * all_deep + deep } else { (deep + row) * all_out + out };
        for tap in 0..F::TAPS * F::TAPS {
            let Some(from) = filters.tap(phase, tap / F::TAPS, tap % F::TAPS) else { continue };
            prefetch_second(self.weights.as_ptr().wrapping_add(from + first));
        }
    }
}

/// Copies one tap of sixteen summed channels (from `deep` on) and sixteen output channels (from `out` on), zeros beyond the last,
/// so that a row holds the output channels of one summed channel.
///
/// # Safety
/// The processor must support `V`.
#[inline(always)]
unsafe fn stage_tap<V: Vector>(filters: &Filters, tap: &[f32], deep: usize, out: usize, to: &mut [f32]) {
    let [all_deep, all_out] = filters.channels();
    for deep_part in (0..LANES).step_by(V::LANES) {
        for out_part in (0..WIDTH).step_by(V::LANES) {
            let (deep, out) = (deep + deep_part, out + out_part);
            let (rows, columns, all_columns, row, column) = if filters.turned {
                (all_out.saturating_sub(out), all_deep.saturating_sub(deep), all_deep, out, deep)
            } else {
                (all_deep.saturating_sub(deep), all_out.saturating_sub(out), all_out, deep, out)
            };
            // SAFETY: rows and columns that exist are read, and no others; the slices are as long as they say.
            unsafe {
                let mut block = [V::splat(0.0); 8];
                for i in 0..8 {
                    if i < rows && columns > 0 {
                        let from = tap[(row + i) * all_columns + column..].as_ptr();
                        block[i] = V::load_part(from, columns);
                    }
                }
                if filters.turned {
                    block = V::transpose(block);
                }
                for i in 0..8 {
                    block[i].store(to[(deep_part + i) * WIDTH + out_part..][..V::LANES].as_mut_ptr());
                }
            }
        }
    }
}
