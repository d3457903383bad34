//! Softmax and its relatives over rows, each the values of one pixel or picture.
//!
//! Rows of class scores are short (2 to 21 values), so going through them one at a time would leave most lanes idle.
//! Blocks of whole rows go through each step together instead: the exponentials, nearly all of the work, run over the
//! whole block.

use rayon::prelude::*;

use super::math;
use super::simd::{Kernel, Vector, dispatch};

/// Values of a block: two operands of 16 KiB stay in the first-level cache from step to step.
const BLOCK: usize = 4096;

/// How many values the whole rows of a block hold.
fn block(row: usize) -> usize {
    (BLOCK / row).max(1) * row
}

/// The largest value: NaN is passed over, since it reaches the result through the exponentials anyway.
#[inline(always)]
fn largest(row: &[f32]) -> f32 {
    row.iter().fold(f32::NEG_INFINITY, |top, &value| if value > top { value } else { top })
}

/// The sum of a row, in eight partial sums if it is long, which keeps its digits.
#[inline(always)]
fn sum(row: impl ExactSizeIterator<Item = f32>) -> f32 {
    if row.len() < 32 {
        return row.sum();
    }
    let mut sums = [0.0f32; 8];
    for (i, value) in row.enumerate() {
        sums[i % 8] += value;
    }
    sums.iter().sum()
}

/// `out = x` minus each row's largest value.
#[inline(always)]
fn subtract_largest(x: &[f32], row: usize, out: &mut [f32]) {
    for (x, out) in x.chunks_exact(row).zip(out.chunks_exact_mut(row)) {
        let top = largest(x);
        for (out, &value) in out.iter_mut().zip(x) {
            *out = value - top;
        }
    }
}

#[inline(always)]
fn exponentials(values: &mut [f32]) {
    for value in values {
        *value = math::exp(*value);
    }
}

struct Softmax<'a> {
    x: &'a [f32],
    row: usize,
    out: &'a mut [f32],
}

impl Kernel for Softmax<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        subtract_largest(self.x, self.row, self.out);
        exponentials(self.out);
        for row in self.out.chunks_exact_mut(self.row) {
            let factor = 1.0 / sum(row.iter().copied());
            for value in row {
                *value *= factor;
            }
        }
    }
}

/// `e^x` divided by its sum, over rows of `row` values.
///
/// # Panics
/// If the lengths do not fit.
pub fn softmax(x: &[f32], row: usize, out: &mut [f32]) {
    assert!(x.len() == out.len() && row > 0 && x.len().is_multiple_of(row), "softmax: lengths");
    let blocks = x.par_chunks(block(row)).zip(out.par_chunks_mut(block(row)));
    blocks.for_each(|(x, out)| dispatch(Softmax { x, row, out }));
}

struct SoftmaxGradient<'a> {
    y: &'a [f32],
    row: usize,
    gradient: &'a mut [f32],
}

impl Kernel for SoftmaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for (y, gradient) in self.y.chunks_exact(self.row).zip(self.gradient.chunks_exact_mut(self.row)) {
            let mean: f32 = sum(y.iter().zip(&*gradient).map(|(y, g)| y * g));
            for (g, y) in gradient.iter_mut().zip(y) {
                *g = y * (*g - mean);
            }
        }
    }
}

/// From the gradient of [`softmax`]'s output `y` to that of its input, in place: `y (g - sum(y g))`.
///
/// # Panics
/// If the lengths do not fit.
pub fn softmax_gradient(y: &[f32], row: usize, gradient: &mut [f32]) {
    assert!(y.len() == gradient.len() && row > 0 && y.len().is_multiple_of(row), "softmax_gradient: lengths");
    let blocks = y.par_chunks(block(row)).zip(gradient.par_chunks_mut(block(row)));
    blocks.for_each(|(y, gradient)| dispatch(SoftmaxGradient { y, row, gradient }));
}

struct LogSoftmax<'a> {
    x: &'a [f32],
    row: usize,
    scratch: &'a mut [f32],
    out: &'a mut [f32],
}

impl Kernel for LogSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        subtract_largest(self.x, self.row, self.out);
        self.scratch.copy_from_slice(self.out);
        exponentials(self.scratch);
        for (out, powers) in self.out.chunks_exact_mut(self.row).zip(self.scratch.chunks_exact(self.row)) {
            let total = math::ln(sum(powers.iter().copied()));
            for value in out {
                *value -= total;
            }
        }
    }
}

/// The logarithm of [`softmax`], exact also where that rounds to 0.
///
/// # Panics
/// If the lengths do not fit.
pub fn log_softmax(x: &[f32], row: usize, out: &mut [f32]) {
    assert!(x.len() == out.len() && row > 0 && x.len().is_multiple_of(row), "log_softmax: lengths");
    x.par_chunks(block(row)).zip(out.par_chunks_mut(block(row))).for_each(|(x, out)| {
        let mut scratch = vec![0.0; x.len()];
        dispatch(LogSoftmax { x, row, scratch: &mut scratch, out });
    });
}

struct LogSoftmaxGradient<'a> {
    y: &'a [f32],
    row: usize,
    scratch: &'a mut [f32],
    gradient: &'a mut [f32],
}

impl Kernel for LogSoftmaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        self.scratch.copy_from_slice(self.y);
        exponentials(self.scratch);
        let rows = self.gradient.chunks_exact_mut(self.row).zip(self.scratch.chunks_exact(self.row));
        for (gradient, softmax) in rows {
            let total: f32 = sum(gradient.iter().copied());
            for (g, p) in gradient.iter_mut().zip(softmax) {
                *g -= p * total;
            }
        }
    }
}

/// From the gradient of [`log_softmax`]'s output `y` to that of its input, in place: `g - e^y sum(g)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn log_softmax_gradient(y: &[f32], row: usize, gradient: &mut [f32]) {
    assert!(
        y.len() == gradient.len() && row > 0 && y.len().is_multiple_of(row),
        "log_softmax_gradient: lengths"
    );
    y.par_chunks(block(row)).zip(gradient.par_chunks_mut(block(row))).for_each(|(y, gradient)| {
        let mut scratch = vec![0.0; y.len()];
        dispatch(LogSoftmaxGradient { y, row, scratch: &mut scratch, gradient });
    });
}

struct LogSumExp<'a> {
    x: &'a [f32],
    row: usize,
    scratch: &'a mut [f32],
    out: &'a mut [f32],
}

impl Kernel for LogSumExp<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for ((x, scratch), out) in
            self.x.chunks_exact(self.row).zip(self.scratch.chunks_exact_mut(self.row)).zip(&mut *self.out)
        {
            // An infinite largest value is the result; subtracting it would give NaN.
            let top = largest(x);
            *out = if top.is_infinite() { 0.0 } else { top };
            for (scratch, value) in scratch.iter_mut().zip(x) {
                *scratch = value - *out;
            }
        }
        exponentials(self.scratch);
        for (out, powers) in self.out.iter_mut().zip(self.scratch.chunks_exact(self.row)) {
            *out += math::ln(sum(powers.iter().copied()));
        }
    }
}

/// The logarithm of the sum of `e^x`, one value for each row.
///
/// # Panics
/// If the lengths do not fit.
pub fn logsumexp(x: &[f32], row: usize, out: &mut [f32]) {
    assert!(row > 0 && x.len() == out.len() * row, "logsumexp: lengths");
    x.par_chunks(block(row)).zip(out.par_chunks_mut(block(row) / row)).for_each(|(x, out)| {
        let mut scratch = vec![0.0; x.len()];
        dispatch(LogSumExp { x, row, scratch: &mut scratch, out });
    });
}

struct LogSumExpGradient<'a> {
    x: &'a [f32],
    y: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
    row: usize,
}

impl Kernel for LogSumExpGradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for ((x, y), out) in
            self.x.chunks_exact(self.row).zip(self.y).zip(self.out.chunks_exact_mut(self.row))
        {
            for (out, value) in out.iter_mut().zip(x) {
                *out = value - y;
            }
        }
        exponentials(self.out);
        for (out, gradient) in self.out.chunks_exact_mut(self.row).zip(self.gradient) {
            for value in out {
                *value *= gradient;
            }
        }
    }
}

/// From the `gradient` of [`logsumexp`]'s output `y` to that of its input: `e^(x - y) g`.
///
/// # Panics
/// If the lengths do not fit.
pub fn logsumexp_gradient(x: &[f32], y: &[f32], gradient: &[f32], out: &mut [f32]) {
    let fits = x.len() == out.len()
        && y.len() == gradient.len()
        && (y.is_empty() || x.len().is_multiple_of(y.len()));
    assert!(fits, "logsumexp_gradient: lengths");
    if x.is_empty() {
        return;
    }
    let row = x.len() / y.len();
    let rows = block(row) / row;
    let inputs = x.par_chunks(rows * row).zip(y.par_chunks(rows)).zip(gradient.par_chunks(rows));
    inputs.zip(out.par_chunks_mut(rows * row)).for_each(|(((x, y), gradient), out)| {
        dispatch(LogSumExpGradient { x, y, gradient, out, row });
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Scores between -6 and 6.
    fn scores(count: usize) -> Vec<f32> {
        (0..count).map(|i| (i as f32 * 1.7).sin() * 6.0).collect()
    }

    #[test]
    fn values_match_double_precision() {
        for (rows, row) in [(1, 1), (3000, 3), (7, 1000), (1, 9000), (5, 21)] {
            let x = scores(rows * row);
            let (mut p, mut log, mut total) = (vec![0.0; x.len()], vec![0.0; x.len()], vec![0.0; rows]);
            softmax(&x, row, &mut p);
            log_softmax(&x, row, &mut log);
            logsumexp(&x, row, &mut total);
            for (r, x) in x.chunks(row).enumerate() {
                let exact = x.iter().map(|&v| f64::from(v).exp()).sum::<f64>().ln();
                assert!((f64::from(total[r]) - exact).abs() < 4e-6 * exact.abs().max(1.0));
                for (i, &v) in x.iter().enumerate() {
                    let expected = f64::from(v) - exact;
                    assert!((f64::from(log[r * row + i]) - expected).abs() < 4e-6 * expected.abs().max(1.0));
                    assert!((f64::from(p[r * row + i]) / expected.exp() - 1.0).abs() < 1e-5);
                }
            }
        }
    }

    #[test]
    fn ends_are_defined() {
        let infinity = f32::INFINITY;
        let x = [-infinity, -infinity, infinity, 0.0, -infinity, 3.0, f32::NAN, 0.0, 1e4, -1e4];
        let mut total = [0.0; 5];
        logsumexp(&x, 2, &mut total);
        assert_eq!((total[0], total[1], total[2], total[4]), (-infinity, infinity, 3.0, 1e4));
        assert!(total[3].is_nan());
        let mut log = [0.0; 2];
        log_softmax(&x[8..], 2, &mut log);
        assert_eq!(log, [0.0, -2e4]);
    }
}
