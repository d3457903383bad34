//! Sums along axes, in an order fixed by the shape.
//!
//! A sum of many `f32` in plain order loses digits as it grows, so sums are blocked: short runs in eight lanes, runs
//! added up in `f64`.

use rayon::prelude::*;

use super::simd::{Kernel, Vector, dispatch};

/// Values one lane adds up before the lanes are collected.
const RUN: usize = 4096;
/// Values a task handles.
const CHUNK: usize = 32 * 1024;

struct RunSum<'a>(&'a [f32]);

impl Kernel for RunSum<'_> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> f64 {
        let mut lanes = [0.0f32; 32];
        let blocks = self.0.chunks_exact(32);
        let rest = blocks.remainder();
        for block in blocks {
            for (lane, value) in lanes.iter_mut().zip(block) {
                *lane += value;
            }
        }
        for (lane, value) in lanes.iter_mut().zip(rest) {
            *lane += value;
        }
        lanes.iter().map(|&lane| f64::from(lane)).sum()
    }
}

/// The sum of all values, added up in `f64` from short runs.
pub fn sum(x: &[f32]) -> f64 {
    let part = |x: &[f32]| -> f64 { x.chunks(RUN).map(|run| dispatch(RunSum(run))).sum() };
    if x.len() <= CHUNK {
        return part(x);
    }
    x.par_chunks(CHUNK).map(part).collect::<Vec<f64>>().into_iter().sum()
}

struct RunSumOf<'a, F>(&'a [f32], &'a [f32], &'a F);

impl<F: Fn(f32, f32) -> f32> Kernel for RunSumOf<'_, F> {
    type Output = f64;

    #[inline(always)]
    unsafe fn run<V: Vector>(self) -> f64 {
        let mut lanes = [0.0f32; 32];
        let (a, b) = (self.0.chunks_exact(32), self.1.chunks_exact(32));
        let rest = a.remainder().iter().zip(b.remainder());
        for (lane, (&a, &b)) in lanes.iter_mut().zip(rest) {
            *lane += (self.2)(a, b);
        }
        for (a, b) in a.zip(b) {
            for i in 0..32 {
                lanes[i] += (self.2)(a[i], b[i]);
            }
        }
        lanes.iter().map(|&lane| f64::from(lane)).sum()
    }
}

/// The sum of `function(a[i], b[i])`, added up as in [`sum`].
///
/// # Panics
/// If the lengths differ.
pub fn sum_of_pairs(a: &[f32], b: &[f32], function: impl Fn(f32, f32) -> f32 + Sync) -> f64 {
    assert_eq!(a.len(), b.len(), "sum_of_pairs: lengths");
    let part = |(a, b): (&[f32], &[f32])| -> f64 {
        a.chunks(RUN).zip(b.chunks(RUN)).map(|(a, b)| dispatch(RunSumOf(a, b, &function))).sum()
    };
    if a.len() <= CHUNK {
        return part((a, b));
    }
    a.par_chunks(CHUNK).zip(b.par_chunks(CHUNK)).map(part).collect::<Vec<f64>>().into_iter().sum()
}

struct AddRows<'a>(&'a [f32], &'a mut [f32]);

impl Kernel for AddRows<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        for row in self.0.chunks_exact(self.1.len()) {
            for (sum, value) in self.1.iter_mut().zip(row) {
                *sum += value;
            }
        }
    }
}

/// Sums the middle axis of `x`, of shape `(outer, middle, inner)`, into `out` of shape `(outer, inner)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn sum_middle(x: &[f32], [outer, middle, inner]: [usize; 3], out: &mut [f32]) {
    assert!(x.len() == outer * middle * inner && out.len() == outer * inner, "sum_middle: lengths");
    if out.is_empty() {
        return;
    }
    if inner == 1 {
        if outer == 1 {
            out[0] = sum(x) as f32;
        } else {
            let rows = (CHUNK / middle.max(1)).max(1);
            out.par_chunks_mut(rows).enumerate().for_each(|(chunk, out)| {
                for (i, out) in out.iter_mut().enumerate() {
                    let row = &x[(chunk * rows + i) * middle..][..middle];
                    *out = row.chunks(RUN).map(|run| dispatch(RunSum(run))).sum::<f64>() as f32;
                }
            });
        }
        return;
    }
    // Each task sums a block of rows; blocks are then added in order.
    let block = (CHUNK / inner).clamp(1, 256);
    for (x, out) in x.chunks(middle.max(1) * inner).zip(out.chunks_mut(inner)) {
        let parts: Vec<Vec<f32>> = x
            .par_chunks(block * inner)
            .map(|rows| {
                let mut part = vec![0.0; inner];
                dispatch(AddRows(rows, &mut part));
                part
            })
            .collect();
        let mut total = vec![0.0f64; inner];
        for part in parts {
            for (total, value) in total.iter_mut().zip(part) {
                *total += f64::from(value);
            }
        }
        for (out, total) in out.iter_mut().zip(total) {
            *out = total as f32;
        }
    }
    if middle == 0 {
        out.fill(0.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_keep_their_digits() {
        let x = vec![0.1f32; 10_000_000];
        let expected = 10_000_000.0 * f64::from(0.1f32);
        assert!((sum(&x) - expected).abs() / expected < 1e-6);
    }

    #[test]
    fn pairs_are_summed() {
        let a: Vec<f32> = (0..100_003).map(|i| (i % 17) as f32).collect();
        let b: Vec<f32> = (0..100_003).map(|i| (i % 5) as f32).collect();
        let expected: f64 = a.iter().zip(&b).map(|(a, b)| f64::from((a - b).abs())).sum();
        assert_eq!(sum_of_pairs(&a, &b, |a, b| (a - b).abs()), expected);
    }

    #[test]
    fn the_middle_axis_is_summed() {
        let (outer, middle, inner) = (3, 700, 5);
        let x: Vec<f32> = (0..outer * middle * inner).map(|i| ((i * 7919) % 101) as f32 - 50.0).collect();
        for inner_axis in [inner, 1] {
            let shape = [outer, middle * inner / inner_axis, inner_axis];
            let mut out = vec![0.0; outer * inner_axis];
            sum_middle(&x, shape, &mut out);
            for o in 0..outer {
                for i in 0..inner_axis {
                    let at = |m: usize| f64::from(x[(o * shape[1] + m) * inner_axis + i]);
                    let expected: f64 = (0..shape[1]).map(at).sum();
                    assert_eq!(f64::from(out[o * inner_axis + i]), expected);
                }
            }
        }
    }
}
