//! Maxima, means and lengths over windows of channels-last pictures, and their adjoints.
//!
//! Every kernel writes whole rows of its output and gathers what belongs there, so rows can be shared out among
//! threads without two of them adding to one place, also where windows overlap. Within a row, columns that follow each
//! other in both pictures are handled as one run: with stride 1 that is the whole row, which keeps all lanes busy even for
//! pictures of one channel; otherwise it is the channels of a pixel.

mod length;
mod maximum;
mod mean;
#[cfg(test)]
mod tests;

pub use length::{length, length_gradient};
pub(super) use maximum::PutBackRow;
pub use maximum::{chosen, maximum, put_back};
pub use mean::{mean, spread};

use std::ops::Range;

use rayon::prelude::*;

/// Values a task handles.
pub(super) const CHUNK: usize = 16 * 1024;

/// Pooling of pictures `(batch, height, width, channels)` over windows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Pictures.
    pub batch: usize,
    /// Rows of the large side.
    pub height: usize,
    /// Columns of the large side.
    pub width: usize,
    /// Channels of both sides.
    pub channels: usize,
    /// Window height and width: at most 256 pixels, so that a tap fits a byte.
    pub kernel: [usize; 2],
    /// Steps down and across.
    pub stride: [usize; 2],
    /// Rows and columns around the picture on each side, less than the kernel: every window reaches into the picture.
    pub padding: [usize; 2],
}

impl Pool {
    /// Rows and columns of the small side.
    pub fn output(&self) -> [usize; 2] {
        let large = [self.height, self.width];
        std::array::from_fn(|i| (large[i] + 2 * self.padding[i] - self.kernel[i]) / self.stride[i] + 1)
    }

    /// Values of the large side.
    pub fn large(&self) -> usize {
        self.batch * self.height * self.width * self.channels
    }

    /// Values of the small side.
    pub fn small(&self) -> usize {
        let [height, width] = self.output();
        self.batch * height * width * self.channels
    }

    pub(super) fn check(&self, large: usize, small: usize) {
        let windows = (0..2).all(|i| self.stride[i] > 0 && self.padding[i] < self.kernel[i]);
        assert!(windows && self.kernel[0] * self.kernel[1] <= 256, "pool: {self:?}");
        assert!(large == self.large() && small == self.small(), "pool: lengths");
    }

    /// Visits the runs of a row of windows: the tap across, the first value on the small and on the large side and the
    /// number of values. For each value of the small side, taps come in rising order.
    #[inline(always)]
    fn runs(&self, columns: usize, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let (width, padding, stride) = (self.width, self.padding[1], self.stride[1]);
        let c = self.channels;
        // One call of `visit`, so that it becomes part of the loop, compiled for the processor that is here.
        for column in 0..if stride == 1 { 1 } else { columns } {
            for tap in 0..self.kernel[1] {
                let (first, end) = if stride == 1 {
                    (padding.saturating_sub(tap), (width + padding).saturating_sub(tap).min(columns))
                } else {
                    let inside = (padding..padding + width).contains(&(column * stride + tap));
                    (column, column + usize::from(inside))
                };
                if first < end {
                    visit(tap, first * c, (first * stride + tap - padding) * c, (end - first) * c);
                }
            }
        }
    }

    /// The taps of a window that lie inside the picture along an axis, and the first pixel they reach.
    #[inline(always)]
    pub(super) fn inside(&self, axis: usize, window: usize) -> (Range<usize>, usize) {
        let length = [self.height, self.width][axis];
        let (start, padding) = (window * self.stride[axis], self.padding[axis]);
        let first = padding.saturating_sub(start);
        (first..self.kernel[axis].min(length + padding - start), start + first - padding)
    }

    /// The rows of the large side under a row of windows, each with its tap.
    #[inline(always)]
    fn rows_under(&self, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let Self { height, kernel, stride, padding, .. } = *self;
        let taps = (0..kernel[0]).map(move |tap| (tap, row * stride[0] + tap));
        taps.filter(move |(_, at)| (padding[0]..padding[0] + height).contains(at))
            .map(move |(tap, at)| (tap, at - padding[0]))
    }

    /// The rows of windows over a row of the large side, each with its tap.
    #[inline(always)]
    fn rows_over(&self, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let Self { kernel, stride, padding, .. } = *self;
        let rows = self.output()[0];
        let steps = (0..kernel[0]).filter_map(move |tap| Some((tap, (row + padding[0]).checked_sub(tap)?)));
        steps
            .filter(move |(_, step)| step.is_multiple_of(stride[0]) && step / stride[0] < rows)
            .map(move |(tap, step)| (tap, step / stride[0]))
    }
}

/// Calls `work` with the number of the picture, the number of the row in it and the row, for all rows of `out`.
pub(super) fn each_row(
    out: &mut [f32],
    rows: usize,
    row: usize,
    work: impl Fn(usize, usize, &mut [f32]) + Sync,
) {
    if out.is_empty() {
        return;
    }
    let count = CHUNK.div_ceil(row);
    out.par_chunks_mut(count * row).enumerate().for_each(|(chunk, out)| {
        for (i, out) in out.chunks_exact_mut(row).enumerate() {
            let at = chunk * count + i;
            work(at / rows, at % rows, out);
        }
    });
}
