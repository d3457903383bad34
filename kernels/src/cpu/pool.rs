//! Maxima and means over windows of channels-last pictures, and their adjoints.
//!
//! Every kernel writes whole rows of its output and gathers what belongs there, so rows can be shared out among
//! threads without two of them adding to one place, also where windows overlap. Within a row, columns that follow each
//! other in both pictures are handled as one run: with stride 1 that is the whole row, which keeps all lanes busy even for
//! pictures of one channel; otherwise it is the channels of a pixel.

use std::ops::Range;

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};

/// Values a task handles.
const CHUNK: usize = 16 * 1024;

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
    pub(super) fn runs(&self, columns: usize, mut visit: impl FnMut(usize, usize, usize, usize)) {
        let (width, padding, stride) = (self.width, self.padding[1], self.stride[1]);
        let c = self.channels;
        if stride == 1 {
            for tap in 0..self.kernel[1] {
                let first = padding.saturating_sub(tap);
                let end = (width + padding).saturating_sub(tap).min(columns);
                if first < end {
                    visit(tap, first * c, (first + tap - padding) * c, (end - first) * c);
                }
            }
            return;
        }
        for column in 0..columns {
            for tap in 0..self.kernel[1] {
                let at = column * stride + tap;
                if (padding..padding + width).contains(&at) {
                    visit(tap, column * c, (at - padding) * c, c);
                }
            }
        }
    }

    /// The rows of the large side under a row of windows, each with its tap.
    #[inline(always)]
    pub(super) fn rows_under(&self, row: usize) -> impl Iterator<Item = (usize, usize)> {
        let Self { height, kernel, stride, padding, .. } = *self;
        let taps = (0..kernel[0]).map(move |tap| (tap, row * stride[0] + tap));
        taps.filter(move |(_, at)| (padding[0]..padding[0] + height).contains(at))
            .map(move |(tap, at)| (tap, at - padding[0]))
    }

    /// The rows of windows over a row of the large side, each with its tap.
    #[inline(always)]
    pub(super) fn rows_over(&self, row: usize) -> impl Iterator<Item = (usize, usize)> {
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

/// The windows of `N` values that follow each other on both sides, which reach into the picture in the same way.
struct Block<'a> {
    /// The picture's values from the first one under the first of the windows on.
    x: &'a [f32],
    /// Taps down and across that lie in the picture.
    taps: [Range<usize>; 2],
    /// Taps across, in all.
    width: usize,
    /// From one row of the picture to the next, and from one pixel to the next.
    steps: [usize; 2],
}

impl Block<'_> {
    /// What was chosen stays in registers while the taps go by. (Choosing tap by tap for a whole row compiles to masked
    /// stores, whose results cannot be forwarded to the next tap's loads: 28 ms instead of 2.3 for a million windows of
    /// 3x3.)
    #[inline(always)]
    fn choose<const N: usize>(&self, first: usize, y: &mut [f32], taps: &mut [u8]) {
        let [down, across] = &self.taps;
        let mut best = [f32::NEG_INFINITY; N];
        let mut chosen = [(down.start * self.width + across.start) as u32; N];
        for (line, i) in down.clone().enumerate() {
            for (step, j) in across.clone().enumerate() {
                let tap = (i * self.width + j) as u32;
                let x = &self.x[line * self.steps[0] + step * self.steps[1] + first..][..N];
                for lane in 0..N {
                    let better = x[lane] > best[lane] || x[lane].is_nan();
                    best[lane] = if better { x[lane] } else { best[lane] };
                    chosen[lane] = if better { tap } else { chosen[lane] };
                }
            }
        }
        y[first..][..N].copy_from_slice(&best);
        for (tap, chosen) in taps[first..][..N].iter_mut().zip(chosen) {
            *tap = chosen as u8;
        }
    }

    #[inline(always)]
    fn choose_all(&self, y: &mut [f32], taps: &mut [u8]) {
        let mut first = 0;
        while first + 16 <= y.len() {
            self.choose::<16>(first, y, taps);
            first += 16;
        }
        while first + 4 <= y.len() {
            self.choose::<4>(first, y, taps);
            first += 4;
        }
        while first < y.len() {
            self.choose::<1>(first, y, taps);
            first += 1;
        }
    }
}

struct MaximumRow<'a> {
    pool: &'a Pool,
    x: &'a [f32],
    row: usize,
    y: &'a mut [f32],
    taps: &'a mut [u8],
}

impl Kernel for MaximumRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, x, row, y, taps } = self;
        let c = pool.channels;
        let columns = y.len() / c;
        // The taps inside along an axis, and the first pixel they reach.
        let inside = |axis: usize, length: usize, window: usize| {
            let (start, padding) = (window * pool.stride[axis], pool.padding[axis]);
            let first = padding.saturating_sub(start);
            (first..pool.kernel[axis].min(length + padding - start), start + first - padding)
        };
        let (down, top) = inside(0, pool.height, row);
        let mut column = 0;
        while column < columns {
            let (across, left) = inside(1, pool.width, column);
            // With stride 1, windows that lie wholly inside are one run.
            let is_whole = pool.stride[1] == 1 && across.len() == pool.kernel[1];
            let count = if is_whole { pool.width + 1 - pool.kernel[1] - left } else { 1 };
            let block = Block {
                x: &x[(top * pool.width + left) * c..],
                taps: [down.clone(), across],
                width: pool.kernel[1],
                steps: [pool.width * c, c],
            };
            let run = column * c..(column + count) * c;
            block.choose_all(&mut y[run.clone()], &mut taps[run]);
            column += count;
        }
    }
}

/// The largest value of each window and the tap it has in the window (row by row): the first of equal ones, the last NaN
/// if there is one, as in PyTorch. Padding is never chosen.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn maximum(pool: &Pool, x: &[f32], y: &mut [f32], taps: &mut [u8]) {
    pool.check(x.len(), y.len());
    assert_eq!(y.len(), taps.len(), "maximum: lengths");
    if y.is_empty() {
        return;
    }
    let [rows, columns] = pool.output();
    let (row, picture) = (columns * pool.channels, pool.height * pool.width * pool.channels);
    let count = CHUNK.div_ceil(row);
    let chunks = y.par_chunks_mut(count * row).zip(taps.par_chunks_mut(count * row)).enumerate();
    chunks.for_each(|(chunk, (y, taps))| {
        for (i, (y, taps)) in y.chunks_exact_mut(row).zip(taps.chunks_exact_mut(row)).enumerate() {
            let at = chunk * count + i;
            let x = &x[at / rows * picture..][..picture];
            dispatch(MaximumRow { pool, x, row: at % rows, y, taps });
        }
    });
}

struct ChosenRow<'a> {
    pool: &'a Pool,
    x: &'a [f32],
    taps: &'a [u8],
    row: usize,
    y: &'a mut [f32],
}

impl Kernel for ChosenRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, x, taps, row, y } = self;
        y.fill(0.0);
        let (length, columns) = (pool.width * pool.channels, y.len() / pool.channels);
        for (down, at) in pool.rows_under(row) {
            let x = &x[at * length..][..length];
            pool.runs(columns, |across, small, large, count| {
                let tap = (down * pool.kernel[1] + across) as u8;
                let values = y[small..][..count].iter_mut().zip(&taps[small..][..count]);
                for ((y, &chosen), &x) in values.zip(&x[large..][..count]) {
                    *y = if chosen == tap { x } else { *y };
                }
            });
        }
    }
}

/// The value of each window that lies at the tap `taps` names.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn chosen(pool: &Pool, x: &[f32], taps: &[u8], y: &mut [f32]) {
    pool.check(x.len(), y.len());
    assert_eq!(y.len(), taps.len(), "chosen: lengths");
    let [rows, columns] = pool.output();
    let (row, picture) = (columns * pool.channels, pool.height * pool.width * pool.channels);
    each_row(y, rows, row, |entry, at, y| {
        let (x, taps) = (&x[entry * picture..][..picture], &taps[(entry * rows + at) * row..][..row]);
        dispatch(ChosenRow { pool, x, taps, row: at, y });
    });
}

struct PutBackRow<'a> {
    pool: &'a Pool,
    y: &'a [f32],
    taps: &'a [u8],
    row: usize,
    x: &'a mut [f32],
}

impl Kernel for PutBackRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, y, taps, row, x } = self;
        x.fill(0.0);
        let columns = pool.output()[1];
        let length = columns * pool.channels;
        for (down, at) in pool.rows_over(row) {
            let (y, taps) = (&y[at * length..][..length], &taps[at * length..][..length]);
            pool.runs(columns, |across, small, large, count| {
                let tap = (down * pool.kernel[1] + across) as u8;
                let values = y[small..][..count].iter().zip(&taps[small..][..count]);
                for ((&y, &chosen), x) in values.zip(&mut x[large..][..count]) {
                    *x += if chosen == tap { y } else { 0.0 };
                }
            });
        }
    }
}

/// The adjoint of [`chosen`]: adds each window's value up where its tap lies.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn put_back(pool: &Pool, y: &[f32], taps: &[u8], x: &mut [f32]) {
    pool.check(x.len(), y.len());
    assert_eq!(y.len(), taps.len(), "put_back: lengths");
    let picture = pool.small() / pool.batch.max(1);
    each_row(x, pool.height, pool.width * pool.channels, |entry, row, x| {
        let (y, taps) = (&y[entry * picture..][..picture], &taps[entry * picture..][..picture]);
        dispatch(PutBackRow { pool, y, taps, row, x });
    });
}

struct MeanRow<'a> {
    pool: &'a Pool,
    x: &'a [f32],
    row: usize,
    y: &'a mut [f32],
}

impl Kernel for MeanRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, x, row, y } = self;
        y.fill(0.0);
        let (length, columns) = (pool.width * pool.channels, y.len() / pool.channels);
        for (_, at) in pool.rows_under(row) {
            let x = &x[at * length..][..length];
            pool.runs(columns, |_, small, large, count| {
                for (y, &x) in y[small..][..count].iter_mut().zip(&x[large..][..count]) {
                    *y += x;
                }
            });
        }
        let factor = 1.0 / (pool.kernel[0] * pool.kernel[1]) as f32;
        for y in y {
            *y *= factor;
        }
    }
}

/// The mean of each window; padding counts as zeros.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn mean(pool: &Pool, x: &[f32], y: &mut [f32]) {
    pool.check(x.len(), y.len());
    let [rows, columns] = pool.output();
    let picture = pool.height * pool.width * pool.channels;
    each_row(y, rows, columns * pool.channels, |entry, row, y| {
        dispatch(MeanRow { pool, x: &x[entry * picture..][..picture], row, y });
    });
}

struct SpreadRow<'a> {
    pool: &'a Pool,
    y: &'a [f32],
    row: usize,
    x: &'a mut [f32],
}

impl Kernel for SpreadRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, y, row, x } = self;
        x.fill(0.0);
        let columns = pool.output()[1];
        let length = columns * pool.channels;
        for (_, at) in pool.rows_over(row) {
            let y = &y[at * length..][..length];
            pool.runs(columns, |_, small, large, count| {
                for (x, &y) in x[large..][..count].iter_mut().zip(&y[small..][..count]) {
                    *x += y;
                }
            });
        }
        let factor = 1.0 / (pool.kernel[0] * pool.kernel[1]) as f32;
        for x in x {
            *x *= factor;
        }
    }
}

/// The adjoint of [`mean`]: spreads each window's value evenly over it.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn spread(pool: &Pool, y: &[f32], x: &mut [f32]) {
    pool.check(x.len(), y.len());
    let picture = pool.small() / pool.batch.max(1);
    each_row(x, pool.height, pool.width * pool.channels, |entry, row, x| {
        dispatch(SpreadRow { pool, y: &y[entry * picture..][..picture], row, x });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pools() -> impl Iterator<Item = Pool> {
        let windows = [
            ([2, 2], [2, 2], [0, 0]),
            ([3, 3], [1, 1], [1, 1]),
            ([3, 3], [2, 2], [1, 1]),
            ([1, 3], [1, 1], [0, 1]),
            ([3, 2], [1, 3], [2, 0]),
            ([1, 1], [2, 2], [0, 0]),
        ];
        windows.into_iter().flat_map(|(kernel, stride, padding)| {
            [1, 3, 40].map(|channels| Pool {
                batch: 2,
                height: 7,
                width: 9,
                channels,
                kernel,
                stride,
                padding,
            })
        })
    }

    /// For each window of one channel, the flat places under it in rising order with their taps.
    fn windows(pool: &Pool) -> Vec<Vec<(usize, usize)>> {
        let [rows, columns] = pool.output();
        let mut all = Vec::new();
        for at in 0..pool.small() {
            let (c, column) = (at % pool.channels, at / pool.channels % columns);
            let (row, entry) = (at / pool.channels / columns % rows, at / pool.channels / columns / rows);
            let mut places = Vec::new();
            for tap in 0..pool.kernel[0] * pool.kernel[1] {
                let y = (row * pool.stride[0] + tap / pool.kernel[1]).wrapping_sub(pool.padding[0]);
                let x = (column * pool.stride[1] + tap % pool.kernel[1]).wrapping_sub(pool.padding[1]);
                if y < pool.height && x < pool.width {
                    places.push((((entry * pool.height + y) * pool.width + x) * pool.channels + c, tap));
                }
            }
            all.push(places);
        }
        all
    }

    #[test]
    fn maxima_and_their_adjoint() {
        for pool in pools() {
            // Few different values: many ties.
            let x: Vec<f32> = (0..pool.large()).map(|i| ((i * 7919) % 5) as f32 - 9.0).collect();
            let (mut y, mut taps) = (vec![0.0; pool.small()], vec![0; pool.small()]);
            maximum(&pool, &x, &mut y, &mut taps);
            let mut back = vec![9.0; x.len()];
            put_back(&pool, &y, &taps, &mut back);
            let mut expected = vec![0.0; x.len()];
            for (at, places) in windows(&pool).iter().enumerate() {
                let first = places.iter().rev().max_by(|a, b| x[a.0].total_cmp(&x[b.0])).unwrap();
                assert_eq!((y[at], taps[at] as usize), (x[first.0], first.1), "{pool:?}");
                expected[first.0] += y[at];
            }
            assert_eq!(back, expected, "{pool:?}");
            let mut again = vec![9.0; y.len()];
            chosen(&pool, &x, &taps, &mut again);
            assert_eq!(again, y);
        }
    }

    #[test]
    fn means_and_their_adjoint() {
        for pool in pools() {
            let x: Vec<f32> = (0..pool.large()).map(|i| ((i * 7919) % 31) as f32).collect();
            let mut y = vec![9.0; pool.small()];
            mean(&pool, &x, &mut y);
            let mut back = vec![9.0; x.len()];
            spread(&pool, &y, &mut back);
            let mut expected = vec![0.0; x.len()];
            let area = (pool.kernel[0] * pool.kernel[1]) as f32;
            for (at, places) in windows(&pool).iter().enumerate() {
                let total: f32 = places.iter().map(|p| x[p.0]).sum();
                assert!((y[at] - total / area).abs() < 1e-4, "{pool:?}");
                for p in places {
                    expected[p.0] += y[at] / area;
                }
            }
            assert!(back.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-4), "{pool:?}");
        }
    }

    #[test]
    fn nan_and_minus_infinity_are_chosen_as_in_pytorch() {
        let pool = Pool {
            batch: 1,
            height: 1,
            width: 4,
            channels: 1,
            kernel: [1, 4],
            stride: [1, 1],
            padding: [0, 1],
        };
        let (mut y, mut taps) = ([0.0; 3], [0; 3]);
        maximum(&pool, &[f32::NEG_INFINITY; 4], &mut y, &mut taps);
        assert_eq!((y, taps), ([f32::NEG_INFINITY; 3], [1, 0, 0]));
        maximum(&pool, &[f32::NAN, 1.0, f32::NAN, 2.0], &mut y, &mut taps);
        assert!(y.iter().all(|y| y.is_nan()));
        assert_eq!(taps, [3, 2, 1]);
    }
}
