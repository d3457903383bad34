//! Batch and instance normalisation over channels-last pictures, with a rectifier behind it.
//!
//! Both normalise each channel over groups of rows: batch norm has one group of `N*H*W` rows, instance norm one group
//! of `H*W` rows for each picture.
//!
//! What limits these kernels is memory: forward two readings and a writing, back four readings and a writing. The rectifier costs
//! nothing: going back, its sign is that of the normalised value, which is computed again.

mod panels;
mod pooled;
mod rectifier;

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};
use panels::{Panels, piece};
pub use pooled::{Chosen, affine_maximum, input_gradient_maximum};
pub use rectifier::Slope;
use rectifier::{Rectifier, by_slope};

/// Values a task handles: 64 KiB of each operand, as for other element-wise work.
const TASK: usize = 16 * 1024;
/// Rows that are added up in `f32` before their sum is taken in `f64`.
const RUN: usize = 256;

/// How the rows of a channels-last tensor are grouped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Groups {
    /// Groups normalised apart from each other: 1 for batch norm, N for instance norm.
    pub groups: usize,
    /// Rows of a group: `N*H*W` or `H*W`.
    pub rows: usize,
    /// Channels: the length of a row.
    pub channels: usize,
}

impl Groups {
    /// Values in the tensor.
    pub fn len(&self) -> usize {
        self.groups * self.rows * self.channels
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Runs `work` on every block of every group: the group's number, the block's range of values, and the block's part of `out`,
/// which has `size` values for each.
fn for_blocks(
    shape: Groups,
    out: &mut [f32],
    size: impl Fn(usize) -> usize,
    work: impl Fn(usize, std::ops::Range<usize>, &mut [f32]) + Sync,
) {
    let group = shape.rows * shape.channels;
    let block = block_of(shape);
    let mut rest = out;
    let mut tasks = Vec::with_capacity(shape.groups * group.div_ceil(block));
    for number in 0..shape.groups {
        for at in (0..group).step_by(block) {
            let length = block.min(group - at);
            let (out, others) = rest.split_at_mut(size(length));
            rest = others;
            tasks.push((number, number * group + at, length, out));
        }
    }
    let run =
        |(number, at, length, out): (usize, usize, usize, &mut [f32])| work(number, at..at + length, out);
    if shape.len() <= TASK {
        tasks.into_iter().for_each(run);
    } else {
        tasks.into_par_iter().with_min_len(TASK / block).for_each(run);
    }
}

/// Values in a block: whole rows, of which no task has more and no `f32` adds up more.
fn block_of(shape: Groups) -> usize {
    let channels = shape.channels.max(1);
    (TASK / channels).clamp(1, RUN) * channels
}

/// Two sums for each channel of each group over the group's blocks, in `f64` and in order: `finish` gets the group, the channel
/// and both.
fn sum_blocks(
    shape: Groups,
    work: impl Fn(usize, std::ops::Range<usize>, &mut [f32]) + Sync,
    mut finish: impl FnMut(usize, usize, [f64; 2]),
) {
    let Groups { groups, rows, channels } = shape;
    if channels == 0 {
        return;
    }
    let blocks = (rows * channels).div_ceil(block_of(shape));
    let mut parts = crate::Buffer::new(groups * blocks * 2 * channels);
    for_blocks(shape, &mut parts, |_| 2 * channels, work);
    for group in 0..groups {
        let parts = &parts[group * blocks * 2 * channels..][..blocks * 2 * channels];
        for c in 0..channels {
            let sum = |which: usize| -> f64 {
                parts.chunks_exact(2 * channels).map(|part| f64::from(part[which * channels + c])).sum()
            };
            finish(group, c, [sum(0), sum(1)]);
        }
    }
}

struct Moments<'a> {
    x: &'a [f32],
    shift: &'a [f32],
    /// Sums, then sums of squares.
    sums: &'a mut [f32],
}

impl Panels for Moments<'_> {
    #[inline(always)]
    fn operands(&self) -> [&[f32]; 2] {
        [self.x, &[]]
    }

    #[inline(always)]
    fn panel<const WIDTH: usize>(&mut self, values: &std::ops::Range<usize>, at: usize) {
        let channels = self.shift.len();
        let shift: [f32; WIDTH] = piece(self.shift, at);
        let (mut sums, mut squares): ([f32; WIDTH], [f32; WIDTH]) =
            (piece(self.sums, at), piece(self.sums, channels + at));
        for row in self.x[values.clone()].chunks_exact(channels) {
            let x: [f32; WIDTH] = piece(row, at);
            for i in 0..WIDTH {
                let d = x[i] - shift[i];
                sums[i] += d;
                squares[i] += d * d;
            }
        }
        self.sums[at..][..WIDTH].copy_from_slice(&sums);
        self.sums[channels + at..][..WIDTH].copy_from_slice(&squares);
    }
}

impl Kernel for Moments<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.shift.len();
        self.sums.fill(0.0);
        // SAFETY: the caller's promise.
        unsafe { self.all::<V>(channels) };
    }
}

/// The mean and the biased variance of each channel of each group, each `(groups, channels)`.
///
/// One pass: moments are taken about the group's first row, which keeps the difference of squares from cancelling,
/// in blocks of rows that are added up in `f64`.
///
/// # Panics
/// If the lengths do not fit.
pub fn moments(x: &[f32], shape: Groups, mean: &mut [f32], variance: &mut [f32]) {
    let Groups { groups, rows, channels } = shape;
    assert!(
        x.len() == shape.len() && mean.len() == groups * channels && variance.len() == mean.len(),
        "moments: lengths"
    );
    let first = |group: usize| &x[group * rows * channels..][..channels];
    sum_blocks(
        shape,
        |group, values, sums| dispatch(Moments { x: &x[values], shift: first(group), sums }),
        |group, c, [sum, square]| {
            let offset = sum / rows as f64;
            mean[group * channels + c] = (f64::from(first(group)[c]) + offset) as f32;
            variance[group * channels + c] = (square / rows as f64 - offset * offset).max(0.0) as f32;
        },
    );
}

/// A scale and a shift for each channel of each group, each `(groups, channels)`, and the rectifier behind them.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a> {
    /// Multiplied first.
    pub scale: &'a [f32],
    /// Added to the product.
    pub shift: &'a [f32],
    /// The rectifier.
    pub slope: Slope,
}

impl<'a> Affine<'a> {
    /// One group's.
    fn of(&self, group: usize, channels: usize) -> [&'a [f32]; 2] {
        [self.scale, self.shift].map(|all| &all[group * channels..][..channels])
    }

    fn fits(&self, shape: Groups) -> bool {
        let statistics = shape.groups * shape.channels;
        self.scale.len() == statistics && self.shift.len() == statistics
    }
}

struct Apply<'a, R> {
    x: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    rectifier: R,
    y: &'a mut [f32],
}

impl<R: Rectifier> Panels for Apply<'_, R> {
    #[inline(always)]
    fn operands(&self) -> [&[f32]; 2] {
        [self.x, self.y]
    }

    #[inline(always)]
    fn panel<const WIDTH: usize>(&mut self, values: &std::ops::Range<usize>, at: usize) {
        let channels = self.scale.len();
        let (scale, shift): ([f32; WIDTH], [f32; WIDTH]) = (piece(self.scale, at), piece(self.shift, at));
        for (x, y) in self.x[values.clone()]
            .chunks_exact(channels)
            .zip(self.y[values.clone()].chunks_exact_mut(channels))
        {
            let mut value: [f32; WIDTH] = piece(x, at);
            for i in 0..WIDTH {
                value[i] = self.rectifier.apply(value[i] * scale[i] + shift[i]);
            }
            y[at..][..WIDTH].copy_from_slice(&value);
        }
    }
}

impl<R: Rectifier> Kernel for Apply<'_, R> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.scale.len();
        // SAFETY: the caller's promise.
        unsafe { self.all::<V>(channels) };
    }
}

/// `y = rectified(x * scale + shift)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn affine(x: &[f32], shape: Groups, affine: Affine, y: &mut [f32]) {
    assert!(x.len() == shape.len() && y.len() == x.len() && affine.fits(shape), "affine: lengths");
    for_blocks(
        shape,
        y,
        |length| length,
        |group, values, y| {
            let (x, [scale, shift]) = (&x[values], affine.of(group, shape.channels));
            by_slope!(affine.slope, rectifier => dispatch(Apply { x, scale, shift, rectifier, y }));
        },
    );
}

struct GradientSums<'a, R> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    rectifier: R,
    /// Sums, then sums of products.
    sums: &'a mut [f32],
}

impl<R: Rectifier> Panels for GradientSums<'_, R> {
    #[inline(always)]
    fn operands(&self) -> [&[f32]; 2] {
        [self.x, self.dy]
    }

    #[inline(always)]
    fn panel<const WIDTH: usize>(&mut self, values: &std::ops::Range<usize>, at: usize) {
        let channels = self.mean.len();
        let mean: [f32; WIDTH] = piece(self.mean, at);
        let (scale, shift): ([f32; WIDTH], [f32; WIDTH]) = (piece(self.scale, at), piece(self.shift, at));
        let (mut sums, mut products): ([f32; WIDTH], [f32; WIDTH]) =
            (piece(self.sums, at), piece(self.sums, channels + at));
        for (x, dy) in
            self.x[values.clone()].chunks_exact(channels).zip(self.dy[values.clone()].chunks_exact(channels))
        {
            let (x, dy): ([f32; WIDTH], [f32; WIDTH]) = (piece(x, at), piece(dy, at));
            for i in 0..WIDTH {
                let dy = self.rectifier.back(dy[i], x[i] * scale[i] + shift[i]);
                sums[i] += dy;
                products[i] += dy * (x[i] - mean[i]);
            }
        }
        self.sums[at..][..WIDTH].copy_from_slice(&sums);
        self.sums[channels + at..][..WIDTH].copy_from_slice(&products);
    }
}

impl<R: Rectifier> Kernel for GradientSums<'_, R> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.mean.len();
        self.sums.fill(0.0);
        // SAFETY: the caller's promise.
        unsafe { self.all::<V>(channels) };
    }
}

/// For each channel of each group, the sum of `dy` behind the rectifier of the forward's `affine`, and the sum of that times `x - mean`:
/// the gradients of the shift and (once divided by the deviation) of the scale. All of shape `(groups, channels)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn gradient_sums(
    x: &[f32],
    dy: &[f32],
    shape: Groups,
    mean: &[f32],
    affine: Affine,
    sums: &mut [f32],
    products: &mut [f32],
) {
    let Groups { groups, channels, .. } = shape;
    assert!(
        x.len() == shape.len()
            && dy.len() == x.len()
            && sums.len() == groups * channels
            && affine.fits(shape),
        "gradient_sums: lengths"
    );
    sum_blocks(
        shape,
        |group, values, sums| {
            let (x, dy, [scale, shift]) = (&x[values.clone()], &dy[values], affine.of(group, channels));
            let mean = &mean[group * channels..][..channels];
            by_slope!(affine.slope, rectifier => {
                dispatch(GradientSums { x, dy, mean, scale, shift, rectifier, sums });
            });
        },
        |group, c, [sum, product]| {
            sums[group * channels + c] = sum as f32;
            products[group * channels + c] = product as f32;
        },
    );
}

struct InputGradient<'a, R> {
    x: &'a [f32],
    dy: &'a mut [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    rectifier: R,
    slope: &'a [f32],
    offset: &'a [f32],
}

impl<R: Rectifier> Panels for InputGradient<'_, R> {
    #[inline(always)]
    fn operands(&self) -> [&[f32]; 2] {
        [self.x, self.dy]
    }

    #[inline(always)]
    fn panel<const WIDTH: usize>(&mut self, values: &std::ops::Range<usize>, at: usize) {
        let channels = self.scale.len();
        let (scale, shift): ([f32; WIDTH], [f32; WIDTH]) = (piece(self.scale, at), piece(self.shift, at));
        let (slope, offset): ([f32; WIDTH], [f32; WIDTH]) = (piece(self.slope, at), piece(self.offset, at));
        for (x, dy) in self.x[values.clone()]
            .chunks_exact(channels)
            .zip(self.dy[values.clone()].chunks_exact_mut(channels))
        {
            let x: [f32; WIDTH] = piece(x, at);
            let mut value: [f32; WIDTH] = piece(dy, at);
            for i in 0..WIDTH {
                let dy = self.rectifier.back(value[i], x[i] * scale[i] + shift[i]);
                value[i] = dy * scale[i] + x[i] * slope[i] + offset[i];
            }
            dy[at..][..WIDTH].copy_from_slice(&value);
        }
    }
}

impl<R: Rectifier> Kernel for InputGradient<'_, R> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.scale.len();
        // SAFETY: the caller's promise.
        unsafe { self.all::<V>(channels) };
    }
}

/// Turns `dy` into the gradient of the normalisation's input, in place: `dy * scale + x * slope + offset`, with `dy` behind the
/// rectifier of the forward's `affine`, whose scale it is; `slope` and `offset` are `(groups, channels)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn input_gradient(
    x: &[f32],
    dy: &mut [f32],
    shape: Groups,
    affine: Affine,
    slope: &[f32],
    offset: &[f32],
) {
    let Groups { groups, channels, .. } = shape;
    assert!(
        x.len() == shape.len()
            && dy.len() == x.len()
            && affine.fits(shape)
            && slope.len() == groups * channels,
        "input_gradient: lengths"
    );
    for_blocks(
        shape,
        dy,
        |length| length,
        |group, values, dy| {
            let (x, [scale, shift]) = (&x[values], affine.of(group, channels));
            let [slope, offset] = [slope, offset].map(|all| &all[group * channels..][..channels]);
            by_slope!(affine.slope, rectifier => {
                dispatch(InputGradient { x, dy, scale, shift, rectifier, slope, offset });
            });
        },
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_do_not_cancel() {
        let shape = Groups { groups: 2, rows: 1000, channels: 3 };
        let x: Vec<f32> = (0..shape.len()).map(|i| 10_000.0 + ((i * 7919) % 997) as f32 / 997.0).collect();
        let (mut mean, mut variance) = (vec![0.0; 6], vec![0.0; 6]);
        moments(&x, shape, &mut mean, &mut variance);
        for group in 0..2 {
            for c in 0..3 {
                let values: Vec<f64> = (0..1000).map(|r| f64::from(x[(group * 1000 + r) * 3 + c])).collect();
                let m = values.iter().sum::<f64>() / 1000.0;
                let v = values.iter().map(|a| (a - m).powi(2)).sum::<f64>() / 1000.0;
                assert!((f64::from(mean[group * 3 + c]) - m).abs() / m < 1e-7);
                assert!((f64::from(variance[group * 3 + c]) - v).abs() / v < 1e-4);
            }
        }
    }
}
