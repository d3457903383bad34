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

/// Values the lanes of a narrow sum hold: a few rows side by side, since one row of three channels fills no vector.
const LANES: usize = 64;
/// Rows one lane adds up before the lanes are collected in `f64`.
const LANE_RUN: usize = 256;

struct SumPlanes<'a> {
    x: &'a [f32],
    middle: usize,
    inner: usize,
    out: &'a mut [f64],
}

impl Kernel for SumPlanes<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { x, middle, inner, out } = self;
        if inner == 1 && middle < LANES {
            for (row, out) in x.chunks_exact(middle).zip(out) {
                *out = f64::from(row.iter().sum::<f32>());
            }
            return;
        }
        let side = (LANES / inner).clamp(1, middle);
        let mut lanes = vec![0.0f32; side * inner];
        out.fill(0.0);
        for (x, out) in x.chunks_exact(middle * inner).zip(out.chunks_exact_mut(inner)) {
            for run in x.chunks(LANE_RUN * lanes.len()) {
                lanes.fill(0.0);
                for rows in run.chunks(lanes.len()) {
                    for (lane, value) in lanes.iter_mut().zip(rows) {
                        *lane += value;
                    }
                }
                for row in lanes.chunks_exact(inner) {
                    for (out, &lane) in out.iter_mut().zip(row) {
                        *out += f64::from(lane);
                    }
                }
            }
        }
    }
}

struct SumColumns<'a> {
    x: &'a [f32],
    inner: usize,
    out: &'a mut [f32],
}

impl Kernel for SumColumns<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let mut totals = vec![0.0f64; self.out.len()];
        for x in self.x.chunks(self.inner) {
            for (total, &value) in totals.iter_mut().zip(x) {
                *total += f64::from(value);
            }
        }
        for (out, total) in self.out.iter_mut().zip(totals) {
            *out = total as f32;
        }
    }
}

/// Sums the middle axis of `x`, of shape `(outer, middle, inner)`, into `out` of shape `(outer, inner)`.
///
/// # Panics
/// If the lengths do not fit.
pub fn sum_middle(x: &[f32], [outer, middle, inner]: [usize; 3], out: &mut [f32]) {
    assert!(x.len() == outer * middle * inner && out.len() == outer * inner, "sum_middle: lengths");
    if x.is_empty() {
        out.fill(0.0);
        return;
    }
    let plane = middle * inner;
    let round = |totals: &[f64], out: &mut [f32]| {
        for (out, &total) in out.iter_mut().zip(totals) {
            *out = total as f32;
        }
    };
    if plane <= CHUNK {
        // Small planes: each task sums some whole.
        let planes = CHUNK / plane;
        x.par_chunks(planes * plane).zip(out.par_chunks_mut(planes * inner)).for_each(|(x, out)| {
            let mut totals = vec![0.0; out.len()];
            dispatch(SumPlanes { x, middle, inner, out: &mut totals });
            round(&totals, out);
        });
    } else if inner * 8 > CHUNK {
        // Long rows: each task sums some columns.
        let columns = CHUNK / 8;
        for (x, out) in x.chunks_exact(plane).zip(out.chunks_exact_mut(inner)) {
            out.par_chunks_mut(columns).enumerate().for_each(|(chunk, out)| {
                dispatch(SumColumns { x: &x[chunk * columns..], inner, out });
            });
        }
    } else {
        // Many short rows: each task sums a block of them; blocks are then added in order.
        let rows = CHUNK / inner;
        for (x, out) in x.chunks_exact(plane).zip(out.chunks_exact_mut(inner)) {
            let part = |x: &[f32]| -> Vec<f64> {
                let mut totals = vec![0.0; inner];
                dispatch(SumPlanes { x, middle: x.len() / inner, inner, out: &mut totals });
                totals
            };
            let mut totals = vec![0.0; inner];
            for part in x.par_chunks(rows * inner).map(part).collect::<Vec<_>>() {
                for (total, part) in totals.iter_mut().zip(part) {
                    *total += part;
                }
            }
            round(&totals, out);
        }
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
        // Small planes, many short rows and long rows; lanes that hold several rows and one.
        let shapes = [[3, 700, 5], [2, 1, 1], [1000, 3, 1], [7, 100, 1], [2, 40_000, 3], [2, 90_000, 1]];
        for shape in shapes.into_iter().chain([[1, 90, 500], [2, 5, 9000], [0, 5, 2], [3, 0, 2]]) {
            let [outer, middle, inner] = shape;
            let x: Vec<f32> = (0..outer * middle * inner).map(|i| ((i * 7919) % 101) as f32 - 50.0).collect();
            let mut out = vec![9.0; outer * inner];
            sum_middle(&x, shape, &mut out);
            for (i, &found) in out.iter().enumerate() {
                let at = |m: usize| f64::from(x[(i / inner * middle + m) * inner + i % inner]);
                assert_eq!(f64::from(found), (0..middle).map(at).sum::<f64>(), "{shape:?}");
            }
        }
    }
}
