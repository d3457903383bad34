//! The Euclidean length of what lies in each window of channels-last pictures, and its gradient.

use super::{Pool, each_row};
use crate::cpu::simd::{Kernel, Vector, dispatch};

struct LengthRow<'a> {
    pool: &'a Pool,
    x: &'a [f32],
    row: usize,
    epsilon: f32,
    y: &'a mut [f32],
}

impl Kernel for LengthRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, x, row, epsilon, y } = self;
        y.fill(epsilon);
        let (length, columns) = (pool.width * pool.channels, y.len() / pool.channels);
        for (_, at) in pool.rows_under(row) {
            let x = &x[at * length..][..length];
            pool.runs(columns, |_, small, large, count| {
                for (y, &x) in y[small..][..count].iter_mut().zip(&x[large..][..count]) {
                    *y += x * x;
                }
            });
        }
        for y in y {
            *y = y.sqrt();
        }
    }
}

/// The root of `epsilon` and the sum of the squares of each window, for each channel; padding counts as zeros.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn length(pool: &Pool, x: &[f32], epsilon: f32, y: &mut [f32]) {
    pool.check(x.len(), y.len());
    let [rows, columns] = pool.output();
    let picture = pool.height * pool.width * pool.channels;
    each_row(y, rows, columns * pool.channels, |entry, row, y| {
        dispatch(LengthRow { pool, x: &x[entry * picture..][..picture], row, epsilon, y });
    });
}

struct GradientRow<'a> {
    pool: &'a Pool,
    /// The row of the input.
    x: &'a [f32],
    shares: &'a [f32],
    row: usize,
    dx: &'a mut [f32],
}

impl Kernel for GradientRow<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self { pool, x, shares, row, dx } = self;
        dx.fill(0.0);
        let columns = pool.output()[1];
        let length = columns * pool.channels;
        for (_, at) in pool.rows_over(row) {
            let shares = &shares[at * length..][..length];
            pool.runs(columns, |_, small, large, count| {
                for (&share, dx) in shares[small..][..count].iter().zip(&mut dx[large..][..count]) {
                    *dx += share;
                }
            });
        }
        for (dx, x) in dx.iter_mut().zip(x) {
            *dx *= x;
        }
    }
}

/// The gradient of [`length`]'s input: each value times the sum of `shares`, the outputs' gradients over the outputs, of the
/// windows that it lies in.
///
/// # Panics
/// If the lengths or the windows do not fit.
pub fn length_gradient(pool: &Pool, x: &[f32], shares: &[f32], dx: &mut [f32]) {
    pool.check(dx.len(), shares.len());
    assert_eq!(x.len(), dx.len(), "length_gradient: lengths");
    let (picture, line) = (pool.small() / pool.batch.max(1), pool.width * pool.channels);
    each_row(dx, pool.height, line, |entry, row, dx| {
        let x = &x[(entry * pool.height + row) * line..][..line];
        dispatch(GradientRow { pool, x, shares: &shares[entry * picture..][..picture], row, dx });
    });
}
