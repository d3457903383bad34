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

/// Combines the values of each row. Short rows are gone through eight at a time, since in a single one every step waits
/// for the one before; long ones in eight parts, which also keeps a sum's digits.
#[inline(always)]
fn reduce_rows(x: &[f32], row: usize, start: f32, combine: impl Fn(f32, f32) -> f32, out: &mut [f32]) {
    const SIDE: usize = 8;
    if row >= 8 * SIDE {
        for (x, out) in x.chunks_exact(row).zip(out) {
            let mut parts = [start; SIDE];
            let blocks = x.chunks_exact(SIDE);
            for (part, &value) in parts.iter_mut().zip(blocks.remainder()) {
                *part = combine(*part, value);
            }
            for block in blocks {
                for i in 0..SIDE {
                    parts[i] = combine(parts[i], block[i]);
                }
            }
            *out = parts.into_iter().fold(start, &combine);
        }
        return;
    }
    for (x, out) in x.chunks(SIDE * row).zip(out.chunks_mut(SIDE)) {
        if out.len() == SIDE {
            let rows: [&[f32]; SIDE] = std::array::from_fn(|i| &x[i * row..][..row]);
            let mut totals = [start; SIDE];
            for at in 0..row {
                for i in 0..SIDE {
                    totals[i] = combine(totals[i], rows[i][at]);
                }
            }
            out.copy_from_slice(&totals);
        } else {
            for (x, out) in x.chunks_exact(row).zip(out) {
                *out = x.iter().fold(start, |total, &value| combine(total, value));
            }
        }
    }
}

/// Each row's largest value; NaN is passed over, since it reaches the result through the exponentials anyway.
#[inline(always)]
fn largest(x: &[f32], row: usize, out: &mut [f32]) {
    reduce_rows(x, row, f32::NEG_INFINITY, |a, b| if b > a { b } else { a }, out);
}

#[inline(always)]
fn sums(x: &[f32], row: usize, out: &mut [f32]) {
    reduce_rows(x, row, 0.0, |a, b| a + b, out);
}

/// `values = function(values, the row's number)`.
#[inline(always)]
fn apply_rows(values: &mut [f32], numbers: &[f32], function: impl Fn(f32, f32) -> f32) {
    let row = values.len() / numbers.len();
    for (values, &number) in values.chunks_exact_mut(row).zip(numbers) {
        for value in values {
            *value = function(*value, number);
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
        let mut numbers = vec![0.0; self.x.len() / self.row];
        largest(self.x, self.row, &mut numbers);
        self.out.copy_from_slice(self.x);
        apply_rows(self.out, &numbers, |x, top| x - top);
        exponentials(self.out);
        sums(self.out, self.row, &mut numbers);
        apply_rows(self.out, &numbers, |e, total| e / total);
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
        let Self { y, row, gradient } = self;
        let mut totals = vec![0.0; y.len() / row];
        for (g, y) in gradient.iter_mut().zip(y) {
            *g *= y;
        }
        sums(gradient, row, &mut totals);
        for ((gradient, y), total) in gradient.chunks_exact_mut(row).zip(y.chunks_exact(row)).zip(totals) {
            for (g, y) in gradient.iter_mut().zip(y) {
                *g -= y * total;
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
    out: &'a mut [f32],
}

impl Kernel for LogSoftmax<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let mut numbers = vec![0.0; self.x.len() / self.row];
        largest(self.x, self.row, &mut numbers);
        self.out.copy_from_slice(self.x);
        apply_rows(self.out, &numbers, |x, top| x - top);
        let mut powers = self.out.to_vec();
        exponentials(&mut powers);
        sums(&powers, self.row, &mut numbers);
        for number in &mut numbers {
            *number = math::ln(*number);
        }
        apply_rows(self.out, &numbers, |x, total| x - total);
    }
}

/// The logarithm of [`softmax`], exact also where that rounds to 0.
///
/// # Panics
/// If the lengths do not fit.
pub fn log_softmax(x: &[f32], row: usize, out: &mut [f32]) {
    assert!(x.len() == out.len() && row > 0 && x.len().is_multiple_of(row), "log_softmax: lengths");
    x.par_chunks(block(row)).zip(out.par_chunks_mut(block(row))).for_each(|(x, out)| {
        dispatch(LogSoftmax { x, row, out });
    });
}

struct LogSoftmaxGradient<'a> {
    y: &'a [f32],
    row: usize,
    gradient: &'a mut [f32],
}

impl Kernel for LogSoftmaxGradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { y, row, gradient } = self;
        let mut powers = y.to_vec();
        exponentials(&mut powers);
        let mut totals = vec![0.0; y.len() / row];
        sums(gradient, row, &mut totals);
        apply_rows(&mut powers, &totals, |p, total| p * total);
        for (g, share) in gradient.iter_mut().zip(powers) {
            *g -= share;
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
        dispatch(LogSoftmaxGradient { y, row, gradient });
    });
}

struct LogSumExp<'a> {
    x: &'a [f32],
    row: usize,
    out: &'a mut [f32],
}

impl Kernel for LogSumExp<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { x, row, out } = self;
        largest(x, row, out);
        // An infinite largest value is the result; subtracting it would give NaN.
        for top in &mut *out {
            *top = if top.is_infinite() { 0.0 } else { *top };
        }
        let mut powers = x.to_vec();
        apply_rows(&mut powers, out, |x, top| x - top);
        exponentials(&mut powers);
        let mut totals = vec![0.0; out.len()];
        sums(&powers, row, &mut totals);
        for (out, total) in out.iter_mut().zip(totals) {
            *out += math::ln(total);
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
        dispatch(LogSumExp { x, row, out });
    });
}

struct LogSumExpGradient<'a> {
    x: &'a [f32],
    y: &'a [f32],
    gradient: &'a [f32],
    out: &'a mut [f32],
}

impl Kernel for LogSumExpGradient<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        self.out.copy_from_slice(self.x);
        apply_rows(self.out, self.y, |x, y| x - y);
        exponentials(self.out);
        apply_rows(self.out, self.gradient, |p, g| p * g);
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
        dispatch(LogSumExpGradient { x, y, gradient, out });
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
