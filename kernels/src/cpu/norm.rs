//! Batch and instance normalisation over channels-last pictures.
//!
//! Both normalise each channel over groups of rows: batch norm has one group of `N*H*W` rows, instance norm one group
//! of `H*W` rows for each picture.

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};

/// Rows a task handles: enough to fill it, few enough that two threads share small layers.
const BLOCK: usize = 256;

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

struct Moments<'a> {
    x: &'a [f32],
    shift: &'a [f32],
    sums: &'a mut [f32],
    squares: &'a mut [f32],
}

impl Kernel for Moments<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.sums.len();
        for row in self.x.chunks_exact(channels) {
            for c in 0..channels {
                let d = row[c] - self.shift[c];
                self.sums[c] += d;
                self.squares[c] += d * d;
            }
        }
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
    let tasks = mean.par_chunks_mut(channels).zip(variance.par_chunks_mut(channels)).enumerate();
    tasks.for_each(|(group, (mean, variance))| {
        let x = &x[group * rows * channels..][..rows * channels];
        let shift = &x[..channels];
        let parts: Vec<(Vec<f32>, Vec<f32>)> = x
            .par_chunks(BLOCK * channels)
            .map(|x| {
                let (mut sums, mut squares) = (vec![0.0; channels], vec![0.0; channels]);
                dispatch(Moments { x, shift, sums: &mut sums, squares: &mut squares });
                (sums, squares)
            })
            .collect();
        for c in 0..channels {
            let sum: f64 = parts.iter().map(|part| f64::from(part.0[c])).sum();
            let square: f64 = parts.iter().map(|part| f64::from(part.1[c])).sum();
            let offset = sum / rows as f64;
            mean[c] = (f64::from(shift[c]) + offset) as f32;
            variance[c] = (square / rows as f64 - offset * offset).max(0.0) as f32;
        }
    });
}

struct Affine<'a> {
    x: &'a [f32],
    scale: &'a [f32],
    shift: &'a [f32],
    y: &'a mut [f32],
}

impl Kernel for Affine<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.scale.len();
        for (x, y) in self.x.chunks_exact(channels).zip(self.y.chunks_exact_mut(channels)) {
            for c in 0..channels {
                y[c] = x[c] * self.scale[c] + self.shift[c];
            }
        }
    }
}

/// `y = x * scale + shift` with a scale and a shift for each channel of each group, each `(groups, channels)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn affine(x: &[f32], shape: Groups, scale: &[f32], shift: &[f32], y: &mut [f32]) {
    let Groups { groups, rows, channels } = shape;
    assert!(
        x.len() == shape.len() && y.len() == x.len() && scale.len() == groups * channels,
        "affine: lengths"
    );
    let group = rows * channels;
    let tasks = y.par_chunks_mut(group).zip(x.par_chunks(group)).enumerate();
    tasks.for_each(|(g, (y, x))| {
        let (scale, shift) = (&scale[g * channels..][..channels], &shift[g * channels..][..channels]);
        let blocks = y.par_chunks_mut(BLOCK * channels).zip(x.par_chunks(BLOCK * channels));
        blocks.for_each(|(y, x)| dispatch(Affine { x, scale, shift, y }));
    });
}

struct GradientSums<'a> {
    x: &'a [f32],
    dy: &'a [f32],
    mean: &'a [f32],
    sums: &'a mut [f32],
    products: &'a mut [f32],
}

impl Kernel for GradientSums<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.sums.len();
        for (x, dy) in self.x.chunks_exact(channels).zip(self.dy.chunks_exact(channels)) {
            for c in 0..channels {
                self.sums[c] += dy[c];
                self.products[c] += dy[c] * (x[c] - self.mean[c]);
            }
        }
    }
}

/// For each channel of each group, the sum of `dy` and the sum of `dy * (x - mean)`: the gradients of the shift and
/// (once divided by the deviation) of the scale. All of shape `(groups, channels)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn gradient_sums(
    x: &[f32],
    dy: &[f32],
    shape: Groups,
    mean: &[f32],
    sums: &mut [f32],
    products: &mut [f32],
) {
    let Groups { groups, rows, channels } = shape;
    assert!(
        x.len() == shape.len() && dy.len() == x.len() && sums.len() == groups * channels,
        "gradient_sums: lengths"
    );
    let tasks = sums.par_chunks_mut(channels).zip(products.par_chunks_mut(channels)).enumerate();
    tasks.for_each(|(group, (sums, products))| {
        let at = group * rows * channels;
        let (x, dy) = (&x[at..][..rows * channels], &dy[at..][..rows * channels]);
        let mean = &mean[group * channels..][..channels];
        let parts: Vec<(Vec<f32>, Vec<f32>)> = x
            .par_chunks(BLOCK * channels)
            .zip(dy.par_chunks(BLOCK * channels))
            .map(|(x, dy)| {
                let (mut sums, mut products) = (vec![0.0; channels], vec![0.0; channels]);
                dispatch(GradientSums { x, dy, mean, sums: &mut sums, products: &mut products });
                (sums, products)
            })
            .collect();
        for c in 0..channels {
            sums[c] = parts.iter().map(|part| f64::from(part.0[c])).sum::<f64>() as f32;
            products[c] = parts.iter().map(|part| f64::from(part.1[c])).sum::<f64>() as f32;
        }
    });
}

struct InputGradient<'a> {
    x: &'a [f32],
    dy: &'a mut [f32],
    factor: &'a [f32],
    slope: &'a [f32],
    offset: &'a [f32],
}

impl Kernel for InputGradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let channels = self.factor.len();
        for (x, dy) in self.x.chunks_exact(channels).zip(self.dy.chunks_exact_mut(channels)) {
            for c in 0..channels {
                dy[c] = dy[c] * self.factor[c] + x[c] * self.slope[c] + self.offset[c];
            }
        }
    }
}

/// Turns `dy` into the gradient of the normalisation's input, in place:
/// `dy * factor + x * slope + offset`, each `(groups, channels)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn input_gradient(
    x: &[f32],
    dy: &mut [f32],
    shape: Groups,
    factor: &[f32],
    slope: &[f32],
    offset: &[f32],
) {
    let Groups { rows, channels, .. } = shape;
    assert!(x.len() == shape.len() && dy.len() == x.len(), "input_gradient: lengths");
    let group = rows * channels;
    dy.par_chunks_mut(group).zip(x.par_chunks(group)).enumerate().for_each(|(g, (dy, x))| {
        let of = |all: &[f32]| -> std::ops::Range<usize> {
            debug_assert_eq!(all.len(), shape.groups * channels);
            g * channels..(g + 1) * channels
        };
        let (factor, slope, offset) = (&factor[of(factor)], &slope[of(slope)], &offset[of(offset)]);
        let blocks = dy.par_chunks_mut(BLOCK * channels).zip(x.par_chunks(BLOCK * channels));
        blocks.for_each(|(dy, x)| dispatch(InputGradient { x, dy, factor, slope, offset }));
    });
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
